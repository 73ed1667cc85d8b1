/* SPDX-License-Identifier: Apache-2.0 */
/* target.c - fuzz: the rule grammar, its canonical text, and the matcher */
#include "../fuzz.h"

#include "policy/policy.h"
#include "wire/headers.h"

#include <string.h>

/* Text that was taken must come out in a spelling that means the same. */
static void round_trip(const char *line)
{
	char once[POLICY_TARGET_TEXT_MAX], twice[POLICY_TARGET_TEXT_MAX];
	struct policy_target t, back;
	struct error err = {0};

	if (policy_target_parse(line, &t, &err) < 0) {
		/* a refusal says where and what */
		FUZZ_CHECK(!strncmp(err.text, "column ", 7));
		return;
	}
	policy_target_format(&t, once);
	FUZZ_CHECK(policy_target_parse(once, &back, NULL) == 0);
	FUZZ_CHECK(!strcmp(policy_target_format(&back, twice), once));
	FUZZ_CHECK(!memcmp(&t, &back, sizeof(t)));
}

/* A prefix rule alone decides about its own first address. */
static void decide(const char *line, const uint8_t *data, size_t size)
{
	static const uint8_t protos[] = {IP_PROTO_TCP, IP_PROTO_UDP,
	                                 IP_PROTO_ICMP};
	struct policy *p = policy_new();
	struct policy_question q = {.host.port = 80, .proto = IP_PROTO_TCP};
	struct policy_answer a;
	struct policy_target t;

	if (p && policy_add(p, POLICY_DENY, line, NULL) == 0 &&
	    policy_target_parse(line, &t, NULL) == 0 &&
	    t.kind == POLICY_TARGET_PREFIX) {
		q.host.addr = t.prefix;
		q.host.port = t.first;
		for (size_t i = 0; i < 3; i++)
			if (t.protos & 1u << i)
				q.proto = protos[i];
		policy_decide(p, &q, &a);
		FUZZ_CHECK(a.action == POLICY_DENY && a.rule == 1);
		memcpy(q.host.addr.b, data, size < 16 ? size : 16);
		policy_decide(p, &q, &a);
		FUZZ_CHECK(a.reason);
	}
	policy_free(p);
}

/* Input: one target a line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char line[POLICY_TARGET_TEXT_MAX + 64];
	size_t start = 0;

	for (size_t i = 0; i <= size; i++) {
		size_t len = i - start;

		if (i < size && data[i] != '\n')
			continue;
		if (len < sizeof(line)) {
			memcpy(line, data + start, len);
			line[len] = '\0';
			round_trip(line);
			decide(line, data, size);
		}
		start = i + 1;
	}
	return 0;
}
