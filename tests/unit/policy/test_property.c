/* SPDX-License-Identifier: Apache-2.0 */
/* test_property.c - the matcher equals a linear scan over the same rules */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/policy.h"
#include "wire/headers.h"

#include <stdio.h>
#include <string.h>

static uint64_t rng_state;

static uint32_t rng(uint32_t below)
{
	rng_state = rng_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(rng_state >> 33) % below;
}

struct oracle_rule {
	enum policy_action action;
	struct policy_target t;
};

#define RULES_MAX 200

/* The class by default, asked of the matcher without any rule. */
static enum policy_class class_of(const struct addr *a)
{
	struct policy *p = policy_new();
	struct policy_question q = {.host = {*a, 1}, .proto = IP_PROTO_TCP};
	struct policy_answer answer;

	policy_decide(p, &q, &answer);
	policy_free(p);
	return answer.cls;
}

/* Does all of the prefix lie in the class? Both ends and 32 inside it. */
static bool means_it(const struct policy_target *t, enum policy_class cls)
{
	if (cls == POLICY_CLASS_OPEN)
		return true;
	if (cls == POLICY_CLASS_OWN)
		return t->len == 128;
	for (unsigned int k = 0; k < 34; k++) {
		struct addr a = t->prefix;
		enum policy_class got;

		for (unsigned int i = t->len; k && i < 128; i++)
			if (k == 1 || rng(2))
				a.b[i / 8] |= (uint8_t)(0x80 >> i % 8);
		got = class_of(&a);
		/* metadata is an island in link-local */
		if (got != cls && !(cls == POLICY_CLASS_LINK_LOCAL &&
		                    got == POLICY_CLASS_METADATA))
			return false;
	}
	return true;
}

static enum policy_action oracle(const struct oracle_rule *rules, size_t n,
                                 const struct addr *own, size_t own_n,
                                 const struct policy_question *q)
{
	enum policy_class cls = class_of(&q->host.addr);
	bool allowed = false, any = false, ip4 = addr_is_ip4(&q->host.addr);
	unsigned int bit = q->proto == IP_PROTO_TCP   ? 1
	                   : q->proto == IP_PROTO_UDP ? 2
	                                              : 4;

	for (size_t i = 0; i < own_n; i++)
		if (addr_equal(&own[i], &q->host.addr) &&
		    cls != POLICY_CLASS_LOOPBACK)
			cls = POLICY_CLASS_OWN;
	for (size_t i = 0; i < n; i++) {
		const struct policy_target *t = &rules[i].t;
		bool rule_ip4 = t->len >= 96 && addr_is_ip4(&t->prefix);

		any |= rules[i].action == POLICY_ALLOW;
		if (!(t->protos & bit) || rule_ip4 != ip4 ||
		    !addr_in_prefix(&q->host.addr, &t->prefix, t->len))
			continue;
		if (bit != 4 &&
		    (q->host.port < t->first || q->host.port > t->last))
			continue;
		if (rules[i].action == POLICY_DENY)
			return POLICY_DENY;
		allowed |= means_it(t, cls);
	}
	if (allowed)
		return POLICY_ALLOW;
	return cls != POLICY_CLASS_OPEN || any ? POLICY_DENY : POLICY_ALLOW;
}

/* Addresses close to each other and to the closed regions. */
static struct addr random_addr(void)
{
	static const uint8_t first[] = {10, 10, 10, 127, 169, 224, 1, 192};
	static const uint8_t six[][4] = {{0xfd, 0, 0, 1},
	                                 {0xfd, 0, 0x0e, 0xc2},
	                                 {0xfe, 0x80, 0, 0},
	                                 {0x20, 0x01, 0x0d, 0xb8}};
	struct addr a = {{0}};

	if (rng(3)) {
		uint8_t second = (uint8_t)(rng(2) ? 254 : rng(4));

		return addr_ip4(first[rng(8)], second,
		                (uint8_t)(rng(2) ? 169 : rng(4)),
		                (uint8_t)(rng(2) ? 254 : rng(8)));
	}
	memcpy(a.b, six[rng(4)], 4);
	a.b[4] = (uint8_t)rng(3);
	a.b[15] = (uint8_t)rng(8);
	return a;
}

static void random_target(char *text, size_t len)
{
	static const char *const protos[] = {"", "", "/tcp", "/udp", "/icmp"};
	char addr[ADDR_TEXT_MAX], port[16] = "";
	struct addr a = random_addr();
	unsigned int bits = addr_is_ip4(&a) ? 32 : 128;
	unsigned int keep = rng(3) ? bits - rng(bits / 2) : rng(bits + 1);
	unsigned int skip = 128 - bits;
	const char *proto = protos[rng(5)];

	for (unsigned int i = skip + keep; i < 128; i++)
		a.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	if (strcmp(proto, "/icmp") && rng(2)) {
		unsigned int first = 1 + rng(20);

		snprintf(port, sizeof(port), ":%u-%u", first, first + rng(10));
	}
	addr_format(&a, addr);
	snprintf(text, len, bits == 128 && *port ? "[%s/%u]%s%s" : "%s/%u%s%s",
	         addr, keep, port, proto);
}

static void equals_linear_scan(void **state)
{
	static struct oracle_rule rules[RULES_MAX];
	static const uint8_t protos[] = {IP_PROTO_TCP, IP_PROTO_UDP,
	                                 IP_PROTO_ICMP};
	size_t allowed = 0, denied = 0;

	(void)state;
	rng_state = 4242;
	for (int round = 0; round < 120; round++) {
		struct policy *p = policy_new();
		size_t n = rng(RULES_MAX);
		struct addr own[3] = {random_addr(), random_addr(),
		                      random_addr()};
		struct error err = {0};

		assert_int_equal(policy_set_own(p, own, 3), 0);
		for (size_t i = 0; i < n; i++) {
			char text[128];

			random_target(text, sizeof(text));
			rules[i].action = rng(3) ? POLICY_ALLOW : POLICY_DENY;
			if (policy_target_parse(text, &rules[i].t, &err) < 0)
				fail_msg("%s: %s", text, err.text);
			assert_int_equal(
				policy_add(p, rules[i].action, text, &err), 0);
		}
		for (int k = 0; k < 400; k++) {
			struct policy_question q = {
				.host = {random_addr(),
			                 (uint16_t)(1 + rng(35))},
				.proto = protos[rng(3)]};
			struct policy_answer a;
			char e[ENDPOINT_TEXT_MAX];
			enum policy_action want = oracle(rules, n, own, 3, &q);

			policy_decide(p, &q, &a);
			if (a.action != want)
				fail_msg("round %d: %s/%u: want %d, got %d "
				         "(%s)",
				         round, endpoint_format(&q.host, e),
				         q.proto, want, a.action, a.reason);
			if (a.action == POLICY_ALLOW)
				allowed++;
			else
				denied++;
		}
		policy_free(p);
	}
	/* a test of one answer only would prove nothing */
	assert_true(allowed > 2000);
	assert_true(denied > 2000);
}

static void canonical_text_is_stable(void **state)
{
	char text[128], once[POLICY_TARGET_TEXT_MAX];
	char twice[POLICY_TARGET_TEXT_MAX];
	struct policy_target t, back;

	(void)state;
	rng_state = 7;
	for (int i = 0; i < 5000; i++) {
		random_target(text, sizeof(text));
		assert_int_equal(policy_target_parse(text, &t, NULL), 0);
		policy_target_format(&t, once);
		assert_int_equal(policy_target_parse(once, &back, NULL), 0);
		assert_memory_equal(&t, &back, sizeof(t));
		assert_string_equal(policy_target_format(&back, twice), once);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_linear_scan),
		cmocka_unit_test(canonical_text_is_stable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
