/* SPDX-License-Identifier: Apache-2.0 */
/* test_names.c - spelling of names (T27), rules by name, pins (T25, T26) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dns/message.h"
#include "policy/names.h"
#include "policy/policy.h"
#include "wire/headers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define S NS_PER_S
#define HOUR (3600 * S)

/* --- T27 ---------------------------------------------------------------------
 */
/* The rules are "good.example" and "*.wild.example"; what may be asked? */
enum verdict {
	YES,  /* canonical, and a rule allows it */
	NO,   /* canonical, and none does */
	ODD,  /* no host name: refused before any rule is looked at */
	RULE, /* as NO in a query; a rule may not be spelled so */
};

#define ROW(text_, verdict_)                                                   \
	{                                                                      \
		text_, sizeof(text_) - 1, verdict_                             \
	}
#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L61 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *text;
	size_t len;
	enum verdict verdict;
} rows[] = {
	/* case and the trailing dot */
	ROW("good.example", YES),
	ROW("GOOD.EXAMPLE", YES),
	ROW("gOoD.eXaMpLe", YES),
	ROW("Good.Example.", YES),
	ROW("good.example.", YES),
	ROW("good.examplE", YES),
	ROW("good.example..", ODD),
	ROW(".good.example", ODD),
	ROW("good..example", ODD),
	ROW("..", ODD),
	ROW("", ODD),
	ROW("...", ODD),
	ROW("good.example...", ODD),
	/* beside, above and below an exact rule */
	ROW("example", NO),
	ROW("www.good.example", NO),
	ROW("a.b.c.good.example", NO),
	ROW("xgood.example", NO),
	ROW("good.examplex", NO),
	ROW("good.example.com", NO),
	ROW("good-example", NO),
	ROW("good_example", NO),
	ROW("oood.example", NO),
	ROW("good.example.evil.org", NO),
	ROW("evil.org", NO),
	ROW("goo.example", NO),
	ROW("good.exampl", NO),
	ROW("good", NO),
	ROW("g.ood.example", NO),
	ROW("good.e.xample", NO),
	ROW("-good.example", NO),
	ROW("good-.example", NO),
	ROW("good.-example", NO),
	ROW("_good.example", NO),
	/* a wildcard: below it, at any depth, and not itself */
	ROW("wild.example", NO),
	ROW("a.wild.example", YES),
	ROW("A.WILD.example", YES),
	ROW("a.wild.example.", YES),
	ROW("a.b.wild.example", YES),
	ROW("a.b.c.d.e.f.wild.example", YES),
	ROW("xwild.example", NO),
	ROW("a.xwild.example", NO),
	ROW("a-wild.example", NO),
	ROW("wild.example.evil.org", NO),
	ROW("a.wild.example.evil.org", NO),
	ROW("_x.wild.example", YES),
	ROW("xn--bcher-kva.wild.example", YES),
	ROW("1.wild.example", YES),
	ROW("127.0.0.1.wild.example", YES),
	ROW("-.wild.example", YES),
	ROW(".wild.example", ODD),
	ROW("*.wild.example", ODD),
	ROW("a.*.wild.example", ODD),
	ROW("*", ODD),
	ROW("*.", ODD),
	/* NUL, wherever it stands */
	ROW("evil\0.good.example", ODD),
	ROW("evil.org\0.good.example", ODD),
	ROW("good.example\0", ODD),
	ROW("good.example\0.evil.org", ODD),
	ROW("\0good.example", ODD),
	ROW("a\0.wild.example", ODD),
	ROW("good\0.example", ODD),
	ROW("good.\0example", ODD),
	ROW("\0", ODD),
	ROW("evil\0a.wild.example", ODD),
	/* control characters, blanks */
	ROW("good.example\n", ODD),
	ROW("good.example\r\n", ODD),
	ROW("\ngood.example", ODD),
	ROW("good.example\t", ODD),
	ROW(" good.example", ODD),
	ROW("good.example ", ODD),
	ROW("good .example", ODD),
	ROW("good.exam ple", ODD),
	ROW("good.example\x7f", ODD),
	ROW("good.example\x1b[2J", ODD),
	ROW("good\x01.example", ODD),
	ROW("good.example\x08", ODD),
	ROW("good.example\x0b", ODD),
	ROW("good.example\x0c", ODD),
	ROW("good.example\x80", ODD),
	ROW("good.example\xff", ODD),
	/* percent, backslash and other escapes */
	ROW("good%2eexample", ODD),
	ROW("%67ood.example", ODD),
	ROW("good.example%00", ODD),
	ROW("good.example%2f", ODD),
	ROW("good%.example", ODD),
	ROW("good\\.example", ODD),
	ROW("good.example\\", ODD),
	ROW("good\\046example", ODD),
	ROW("\\103ood.example", ODD),
	ROW("good&period;example", ODD),
	ROW("good+.example", ODD),
	ROW("=67ood.example", ODD),
	ROW("good.example%20", ODD),
	ROW("good.example%0a", ODD),
	ROW("a%2ewild.example", ODD),
	ROW("evil.org%00.wild.example", ODD),
	/* what URLs put around a name */
	ROW("http://good.example", ODD),
	ROW("good.example/", ODD),
	ROW("good.example/x", ODD),
	ROW("good.example:443", ODD),
	ROW("user@good.example", ODD),
	ROW("good.example?x", ODD),
	ROW("good.example#x", ODD),
	ROW("//good.example", ODD),
	ROW("[good.example]", ODD),
	ROW("good.example;evil", ODD),
	ROW("good.example,evil.org", ODD),
	ROW("evil.org@good.example", ODD),
	ROW("good.example@evil.org", ODD),
	ROW("good.example|x", ODD),
	ROW("'good.example'", ODD),
	ROW("\"good.example\"", ODD),
	ROW("`good.example`", ODD),
	ROW("$(good.example)", ODD),
	ROW("good.example!", ODD),
	ROW("good~.example", ODD),
	ROW("<good.example>", ODD),
	ROW("good.example'", ODD),
	ROW("{good.example}", ODD),
	ROW("good^.example", ODD),
	/* dots that are none: U+3002, U+FF0E, U+FF61, U+00B7, U+2024 */
	ROW("good\xe3\x80\x82"
            "example",
            ODD),
	ROW("good\xef\xbc\x8e"
            "example",
            ODD),
	ROW("good\xef\xbd\xa1"
            "example",
            ODD),
	ROW("good\xc2\xb7"
            "example",
            ODD),
	ROW("good\xe2\x80\xa4"
            "example",
            ODD),
	ROW("a\xe3\x80\x82wild.example", ODD),
	ROW("evil.org\xef\xbc\x8e.wild.example", ODD),
	/* letters that look alike or vanish: Cyrillic, full width, ligature,
         * zero width space and joiner, soft hyphen, dotless i, Kelvin, sharp s
         */
	ROW("g\xd0\xbe\xd0\xbe"
            "d.example",
            ODD),
	ROW("\xef\xbd\x87ood.example", ODD),
	ROW("good.e\xd1\x85"
            "ample",
            ODD),
	ROW("go\xe2\x80\x8bod.example", ODD),
	ROW("go\xe2\x80\x8dod.example", ODD),
	ROW("go\xc2\xadod.example", ODD),
	ROW("good.example\xe2\x80\x8b", ODD),
	ROW("\xef\xbb\xbfgood.example", ODD),
	ROW("w\xc4\xb1ld.example", ODD),
	ROW("a.w\xc4\xb1ld.example", ODD),
	ROW("\xe2\x84\xaa.wild.example", ODD),
	ROW("stra\xc3\x9f"
            "e.wild.example",
            ODD),
	ROW("b\xc3\xbc"
            "cher.wild.example",
            ODD),
	ROW("\xe2\x80\xaegood.example", ODD),
	ROW("go\xcc\x88od.example", ODD),
	ROW("\xef\xac\x81.wild.example", ODD),
	ROW("good.example\xf0\x9f\x92\xa9", ODD),
	ROW("\xc0\xae.wild.example", ODD), /* an overlong dot */
	ROW("good\xc0\xae"
            "example",
            ODD),
	/* punycode is what it says, in whatever case */
	ROW("xn--good-.example", NO),
	ROW("xn--", NO),
	ROW("xn--.wild.example", YES),
	ROW("XN--A.wild.example", YES),
	ROW("xn--gd-jmaa.example", NO),
	ROW("xn--80ak6aa92e.com", NO),
	ROW("xn--a.good.example", NO),
	/* lengths of labels and of the whole */
	ROW(L63 ".wild.example", YES),
	ROW(L63 "a.wild.example", ODD),
	ROW("good." L63, NO),
	ROW("good." L63 "a", ODD),
	ROW(L63 "." L63 "." L63 "." L61, NO),
	ROW(L63 "." L63 "." L63 "." L61 ".", NO),
	ROW(L63 "." L63 "." L63 "." L61 "a", ODD),
	ROW(L63 "." L63 "." L63 "." L63, ODD),
	ROW(L63 "." L63 "." L63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                "aaaaa.wild.example",
            YES),
	ROW(L63 "." L63 "." L63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                "aaaaaa.wild.example",
            ODD),
	ROW("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a."
            "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a."
            "wild.example",
            YES),
	/* addresses and what inet_aton(3) takes for one */
	ROW("127.0.0.1", RULE),
	ROW("127.1", RULE),
	ROW("0x7f.1", RULE),
	ROW("0x7f.0x1", RULE),
	ROW("2130706433", RULE),
	ROW("017700000001", RULE),
	ROW("1.2.3.4.", RULE),
	ROW("999.999.999.999", RULE),
	ROW("1", RULE),
	ROW("::1", ODD),
	ROW("[::1]", ODD),
	ROW("fe80::1%eth0", ODD),
	ROW("10.in-addr.arpa", NO),
	ROW("4.3.2.1.in-addr.arpa", NO),
	/* underscores, hyphens, digits are bytes like others */
	ROW("_dmarc.good.example", NO),
	ROW("a--b.wild.example", YES),
	ROW("0.wild.example", YES),
	ROW("____.wild.example", YES),
	ROW("good.example-", NO),
	ROW("good.3xample", RULE),
	ROW("a.wild.example0", NO),
	ROW("0good.example", NO),
	/* near misses of the wildcard's dot */
	ROW("awild.example", NO),
	ROW("a-.wild.example", YES),
	ROW("a.wild_example", NO),
	ROW("a.wild-example", NO),
	ROW("a.wildexample", NO),
	ROW("a.wild.exampl", NO),
	ROW("a.wild.examples", NO),
	ROW("wild.wild.example", YES),
	ROW("example.wild", NO),
	ROW("a.example", NO),
	ROW("good.example.wild.example", YES),
	ROW("wild.good.example", NO),
	ROW("localhost", NO),
	ROW("a.localhost", NO),
	ROW("metadata.google.internal", NO),
	ROW("wpad", NO),
	ROW("instance-data", NO),
	ROW("host.docker.internal", NO),
};

/* The name as a client would put it on the wire: bytes between dots. */
static bool to_wire(const char *text, size_t len, struct dns_name *out)
{
	size_t used = 0;

	if (len && text[len - 1] == '.')
		len--;
	for (size_t i = 0; i <= len;) {
		const char *dot = memchr(text + i, '.', len - i);
		size_t n = dot ? (size_t)(dot - text) - i : len - i;

		if (!n || n > 63 || used + n + 2 > DNS_NAME_WIRE_MAX)
			return false;
		out->wire[used++] = (uint8_t)n;
		memcpy(out->wire + used, text + i, n);
		used += n;
		i += n + 1;
	}
	out->wire[used++] = 0;
	out->len = (uint8_t)used;
	return true;
}

static struct policy *policy_of(const char *const *rules)
{
	struct policy *p = policy_new();
	struct error err;

	assert_non_null(p);
	for (; *rules; rules++) {
		enum policy_action action = POLICY_ALLOW;
		const char *text = *rules;

		if (*text == '!') {
			action = POLICY_DENY;
			text++;
		}
		if (policy_add(p, action, text, &err) < 0)
			fail_msg("%s: %s", text, err.text);
	}
	return p;
}

static void spelling_table(void **state)
{
	static const char *const rules[] = {"good.example", "*.wild.example",
	                                    NULL};
	struct policy *p = policy_of(rules);

	(void)state;
	assert_true(ARRAY_SIZE(rows) >= 200);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char in_rule[POLICY_NAME_MAX + 1], asked[DNS_NAME_TEXT_MAX];
		enum verdict want = rows[i].verdict;
		struct policy_answer a;
		struct error err = {0};
		struct dns_name wire;
		bool plain;
		int rc;

		/* the resolver's side */
		plain = to_wire(rows[i].text, rows[i].len, &wire) &&
		        dns_name_canonical(&wire, asked);
		if (plain != (want != ODD))
			fail_msg("row %zu on the wire", i);
		/* the rule's side: the same bytes, or an error that tells */
		rc = policy_name_canonical(rows[i].text, rows[i].len, in_rule,
		                           &err);
		if (rc != (want == YES || want == NO ? 0 : -EINVAL))
			fail_msg("row %zu in a rule", i);
		if (rc < 0)
			assert_true(err.text[0] != '\0');
		else
			assert_string_equal(in_rule, asked);
		if (!plain)
			continue;
		policy_ask(p, asked, &a);
		if ((a.action == POLICY_ALLOW) != (want == YES))
			fail_msg("row %zu is judged wrongly", i);
	}
	policy_free(p);
}

/* --- decisions
 * ------------------------------------------------------------------ */
static void fill(void *user, void *buf, size_t len)
{
	(void)user;
	memset(buf, 0x5a, len);
}

static const struct random_source fixed = {fill, NULL};

static struct policy *pinned_policy(const char *const *rules, size_t max)
{
	struct policy *p = policy_of(rules);

	assert_int_equal(policy_pins_init(p, max, &fixed), 0);
	return p;
}

static struct addr addr_of(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static bool learn(struct policy *p, const char *name, const char *addr,
                  int64_t now)
{
	struct addr a = addr_of(addr);
	struct policy_answer answer;

	return policy_learn(p, name, &a, 60, false, now, &answer);
}

static struct policy_answer ask(const struct policy *p, const char *addr,
                                uint8_t proto, uint16_t port, int64_t now)
{
	struct policy_question q = {
		.host = {addr_of(addr), port}, .proto = proto, .now = now};
	struct policy_answer a;

	policy_decide(p, &q, &a);
	return a;
}

static bool tcp(const struct policy *p, const char *addr, uint16_t port,
                int64_t now)
{
	return ask(p, addr, IP_PROTO_TCP, port, now).action == POLICY_ALLOW;
}

static bool asks(const struct policy *p, const char *name)
{
	struct policy_answer a;

	policy_ask(p, name, &a);
	return a.action == POLICY_ALLOW;
}

static void allowed_by_its_pin(void **state)
{
	static const char *const rules[] = {"api.example:443",
	                                    "*.cdn.example:80-90/tcp",
	                                    "ssh.example:22", NULL};
	struct policy *p = pinned_policy(rules, 100);
	struct policy_answer a;

	(void)state;
	assert_false(tcp(p, "93.184.216.1", 443, 0)); /* never learned */
	assert_true(learn(p, "api.example", "93.184.216.1", 0));
	assert_true(learn(p, "x.cdn.example", "93.184.216.2", 0));
	a = ask(p, "93.184.216.1", IP_PROTO_TCP, 443, 1);
	assert_int_equal(a.action, POLICY_ALLOW);
	assert_int_equal(a.rule, 1);
	assert_string_equal(a.name, "api.example");
	assert_true(a.by_name && !a.ambiguous && a.pin);
	assert_false(tcp(p, "93.184.216.1", 80, 1));
	assert_true(tcp(p, "93.184.216.2", 80, 1));
	assert_true(tcp(p, "93.184.216.2", 90, 1));
	assert_false(tcp(p, "93.184.216.2", 91, 1));
	/* as NAT64 it is the same address, and v4-mapped is how it is held */
	assert_true(tcp(p, "64:ff9b::93.184.216.1", 443, 1));
	a = ask(p, "93.184.216.1", IP_PROTO_ICMP, 0, 1);
	assert_int_equal(a.action, POLICY_DENY); /* the rule has a port */
	policy_free(p);
}

static void deny_wins_and_gates(void **state)
{
	static const char *const rules[] = {"*.example", "!bad.example",
	                                    "!half.example:25",
	                                    "!*.deep.example", NULL};
	struct policy *p = pinned_policy(rules, 100);

	(void)state;
	assert_true(asks(p, "a.example"));
	assert_false(asks(p, "example"));
	assert_false(asks(p, "bad.example"));
	assert_true(asks(p, "half.example")); /* some port is left */
	assert_true(asks(p, "deep.example"));
	assert_false(asks(p, "x.deep.example"));
	assert_false(asks(p, "other.org"));
	assert_true(learn(p, "half.example", "93.184.216.3", 0));
	assert_true(tcp(p, "93.184.216.3", 80, 0));
	assert_false(tcp(p, "93.184.216.3", 25, 0));
	policy_free(p);
}

static void gate_follows_the_rules(void **state)
{
	static const struct {
		const char *rules[4];
		bool a, b; /* may a.example, b.example be asked? */
	} cases[] = {
		{{NULL}, true, true},
		{{"a.example", NULL}, true, false},
		{{"!a.example", NULL}, false, true},
		{{"10.0.0.0/8", NULL}, true, true},
		{{"a.example", "10.0.0.0/8", NULL}, true, false},
		{{"a.example", "@internet", NULL}, true, true},
		{{"a.example", "0.0.0.0/0", NULL}, true, true},
		{{"@internet", "!b.example", NULL}, true, false},
		{{"a.example:22/tcp", NULL}, true, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct policy *p = policy_of(cases[i].rules);

		assert_int_equal(asks(p, "a.example"), cases[i].a);
		assert_int_equal(asks(p, "b.example"), cases[i].b);
		policy_set_offline(p, true);
		assert_false(asks(p, "a.example"));
		policy_free(p);
	}
}

/* T25: a name opens nothing private or closed on its own */
static void rebinding_guard(void **state)
{
	static const char *const rules[] = {"app.example", "10.9.0.0/16:80",
	                                    NULL};
	static const char *const bad[] = {
		"127.0.0.1",         "::1",
		"0.0.0.0",           "10.0.0.1",
		"192.168.1.1",       "172.16.0.1",
		"100.64.0.1",        "169.254.169.254",
		"169.254.0.1",       "fe80::1",
		"fd00:ec2::254",     "fc00::1",
		"224.0.0.1",         "ff02::1",
		"255.255.255.255",   "::ffff:127.0.0.1",
		"64:ff9b::10.0.0.1", "2002:7f00:1::",
		"2002:a00:1::",      "203.0.113.9"};
	struct addr own = addr_of("203.0.113.9"), a = addr_of("10.1.1.1");
	struct policy *p = pinned_policy(rules, 100);
	struct policy_answer answer;
	char remedy[400];

	(void)state;
	assert_int_equal(policy_set_own(p, &own, 1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(learn(p, "app.example", bad[i], 0));
		assert_false(tcp(p, bad[i], 80, 0));
	}
	/* an address rule opens it too: answered, and each judged for itself */
	assert_true(learn(p, "app.example", "10.9.0.1", 0));
	assert_true(tcp(p, "10.9.0.1", 80, 0));
	assert_false(tcp(p, "10.9.0.1", 81, 0));
	{
		struct policy_question q = {
			{addr_of("10.9.0.1"), 81}, IP_PROTO_TCP, 0};

		policy_decide(p, &q, &answer);
		assert_true(answer.guarded);
		assert_string_equal(answer.name, "app.example");
		policy_remedy_for(&q, &answer, remedy, sizeof(remedy));
		assert_string_equal(remedy, "--allow 10.9.0.1:81");
	}
	/* the user's own hosts file may say private ones, not closed ones */
	assert_true(policy_learn(p, "app.example", &a, 10, true, 0, &answer));
	assert_true(tcp(p, "10.1.1.1", 5432, 0));
	a = addr_of("127.0.0.1");
	assert_false(policy_learn(p, "app.example", &a, 10, true, 0, &answer));
	assert_false(tcp(p, "127.0.0.1", 80, 0));
	policy_free(p);
}

static void quic_needs_its_own_rule(void **state)
{
	static const char *const rules[] = {"a.example", "b.example:443",
	                                    "c.example:400-500",
	                                    "d.example:443/udp", NULL};
	struct policy *p = pinned_policy(rules, 100);
	struct policy_question q = {
		{addr_of("93.184.216.1"), 443}, IP_PROTO_UDP, 0};
	struct policy_answer a;
	char remedy[400];

	(void)state;
	assert_true(learn(p, "a.example", "93.184.216.1", 0));
	assert_true(learn(p, "b.example", "93.184.216.2", 0));
	assert_true(learn(p, "c.example", "93.184.216.3", 0));
	assert_true(learn(p, "d.example", "93.184.216.4", 0));
	for (int i = 1; i <= 4; i++) {
		q.host.addr.b[15] = (uint8_t)i;
		policy_decide(p, &q, &a);
		assert_int_equal(a.action == POLICY_ALLOW, i == 4);
		if (i == 2) {
			policy_remedy_for(&q, &a, remedy, sizeof(remedy));
			assert_string_equal(remedy,
			                    "--allow b.example:443/udp");
			assert_non_null(strstr(a.reason, "QUIC"));
		}
	}
	assert_int_equal(ask(p, "93.184.216.1", IP_PROTO_UDP, 442, 0).action,
	                 POLICY_ALLOW);
	assert_int_equal(ask(p, "93.184.216.3", IP_PROTO_UDP, 444, 0).action,
	                 POLICY_ALLOW);
	assert_int_equal(ask(p, "93.184.216.3", IP_PROTO_UDP, 500, 0).action,
	                 POLICY_ALLOW);
	assert_int_equal(ask(p, "93.184.216.3", IP_PROTO_UDP, 501, 0).action,
	                 POLICY_DENY);
	policy_free(p);
}

static void shared_address_is_ambiguous(void **state)
{
	static const char *const rules[] = {"a.example:443", "b.example:22",
	                                    NULL};
	static const char *const denies[] = {"!bad.example:443", NULL};
	struct policy *p = pinned_policy(rules, 100);
	struct policy_answer a;

	(void)state;
	assert_true(learn(p, "b.example", "93.184.216.1", 0));
	assert_false(tcp(p, "93.184.216.1", 443, 0));
	assert_true(learn(p, "a.example", "93.184.216.1", 0));
	a = ask(p, "93.184.216.1", IP_PROTO_TCP, 443, 0);
	assert_int_equal(a.action, POLICY_ALLOW);
	assert_true(a.by_name && a.ambiguous);
	assert_string_equal(a.name, "a.example");
	policy_name_decide(p, "a.example", IP_PROTO_TCP, 443, &a);
	assert_int_equal(a.action, POLICY_ALLOW);
	policy_name_decide(p, "b.example", IP_PROTO_TCP, 443, &a);
	assert_int_equal(a.action, POLICY_DENY);
	policy_free(p);
	/* open by default, one name of the address denied */
	p = pinned_policy(denies, 100);
	assert_true(learn(p, "bad.example", "93.184.216.1", 0));
	assert_false(tcp(p, "93.184.216.1", 443, 0));
	assert_true(tcp(p, "93.184.216.1", 80, 0));
	assert_true(learn(p, "fine.example", "93.184.216.1", 0));
	a = ask(p, "93.184.216.1", IP_PROTO_TCP, 443, 0);
	assert_int_equal(a.action, POLICY_ALLOW);
	assert_true(a.by_name && a.ambiguous);
	policy_free(p);
}

static void remedy_names_the_name(void **state)
{
	static const char *const rules[] = {"a.example:443", NULL};
	struct policy *p = pinned_policy(rules, 100);
	struct policy_question q = {
		{addr_of("93.184.216.1"), 80}, IP_PROTO_TCP, 0};
	struct policy_answer a;
	char remedy[400];

	(void)state;
	assert_true(learn(p, "a.example", "93.184.216.1", 0));
	policy_decide(p, &q, &a);
	assert_int_equal(a.action, POLICY_DENY);
	assert_string_equal(a.reason, "no rule allows it");
	policy_remedy_for(&q, &a, remedy, sizeof(remedy));
	assert_string_equal(remedy, "--allow a.example:80");
	policy_free(p);
}

/* --- pins
 * -------------------------------------------------------------------------- */
/* T26: an hour, a longer TTL, or as long as a flow uses it */
static void pins_live_and_die(void **state)
{
	static const char *const rules[] = {"*.example", NULL};
	struct policy *p = pinned_policy(rules, 4);
	struct addr a = addr_of("93.184.216.2");
	struct policy_answer answer;
	uint32_t pin;

	(void)state;
	assert_true(learn(p, "a.example", "93.184.216.1", 0));
	assert_true(policy_learn(p, "b.example", &a, 7200, false, 0, &answer));
	assert_true(tcp(p, "93.184.216.1", 1, HOUR - 1));
	assert_false(tcp(p, "93.184.216.1", 1, HOUR));
	assert_true(tcp(p, "93.184.216.2", 1, 2 * HOUR - 1));
	assert_false(tcp(p, "93.184.216.2", 1, 2 * HOUR));
	/* held */
	assert_true(learn(p, "a.example", "93.184.216.1", 2 * HOUR));
	pin = ask(p, "93.184.216.1", IP_PROTO_TCP, 1, 2 * HOUR).pin;
	policy_hold(p, pin);
	assert_true(tcp(p, "93.184.216.1", 1, 100 * HOUR));
	policy_release(p, pin, 100 * HOUR);
	assert_true(tcp(p, "93.184.216.1", 1, 101 * HOUR - 1));
	assert_false(tcp(p, "93.184.216.1", 1, 101 * HOUR));
	/* a lying TTL is capped */
	a = addr_of("93.184.216.3");
	assert_true(policy_learn(p, "c.example", &a, UINT32_MAX, false, 0,
	                         &answer));
	assert_false(tcp(p, "93.184.216.3", 1, 8 * 24 * HOUR));
	policy_free(p);
}

static void pins_are_bounded(void **state)
{
	static const char *const rules[] = {"*.example", NULL};
	struct policy *p = pinned_policy(rules, 4);
	char addr[32];
	uint32_t pins[4];

	(void)state;
	for (int i = 1; i <= 4; i++) {
		snprintf(addr, sizeof(addr), "93.184.216.%d", i);
		assert_true(learn(p, "a.example", addr, i));
	}
	assert_true(learn(p, "a.example", "93.184.216.1", 5)); /* used again */
	assert_true(learn(p, "a.example", "93.184.216.5", 6)); /* 2 goes */
	assert_true(tcp(p, "93.184.216.1", 1, 7));
	assert_false(tcp(p, "93.184.216.2", 1, 7));
	assert_true(tcp(p, "93.184.216.3", 1, 7));
	/* what flows hold stays; then there is room for nothing new */
	for (int i = 0; i < 4; i++) {
		static const uint8_t last[] = {1, 3, 4, 5};

		snprintf(addr, sizeof(addr), "93.184.216.%d", last[i]);
		pins[i] = ask(p, addr, IP_PROTO_TCP, 1, 7).pin;
		policy_hold(p, pins[i]);
	}
	assert_false(learn(p, "a.example", "93.184.216.9", 8));
	policy_release(p, pins[2], 8);
	assert_true(learn(p, "a.example", "93.184.216.9", 8));
	assert_false(tcp(p, "93.184.216.4", 1, 9));
	assert_true(tcp(p, "93.184.216.9", 1, 9));
	policy_free(p);
}

/* Many names of one address: the newest are kept, a decision stays cheap. */
static void names_of_an_address_are_bounded(void **state)
{
	static const char *const rules[] = {"*.example", NULL};
	struct policy *p = pinned_policy(rules, 10000);
	char name[32];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		assert_true(learn(p, name, "93.184.216.1", i));
		assert_true(learn(p, "a.example",
		                  i & 1 ? "93.184.216.2" : "93.184.216.3", i));
	}
	assert_true(tcp(p, "93.184.216.1", 443, 5000));
	assert_true(tcp(p, "93.184.216.2", 443, 5000));
	policy_free(p);
}

static int64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * S + ts.tv_nsec;
}

/* 100 000 names: a scan would take some 100 us a decision. */
static void many_names_are_fast(void **state)
{
	static const char *const none[] = {NULL};
	struct policy *p = pinned_policy(none, 100);
	struct policy_answer a;
	struct error err;
	int64_t start, each;
	char text[64];

	(void)state;
	for (int i = 0; i < 100000; i++) {
		snprintf(text, sizeof(text), "%shost%d.zone%d.example:443",
		         i & 1 ? "*." : "", i, i % 977);
		assert_int_equal(policy_add(p, POLICY_ALLOW, text, &err), 0);
	}
	assert_true(
		learn(p, "www.host99999.zone345.example", "93.184.216.1", 0));
	assert_true(asks(p, "host99998.zone344.example"));
	assert_false(asks(p, "x.host99998.zone344.example"));
	start = clock_ns();
	for (int i = 0; i < 100000; i++)
		a = ask(p, "93.184.216.1", IP_PROTO_TCP, 443, 1);
	each = (clock_ns() - start) / 100000;
	assert_int_equal(a.rule, 100000);
	print_message("# a decision among 100000 names: %d ns\n", (int)each);
	assert_true(each < 20000);
	policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spelling_table),
		cmocka_unit_test(allowed_by_its_pin),
		cmocka_unit_test(deny_wins_and_gates),
		cmocka_unit_test(gate_follows_the_rules),
		cmocka_unit_test(rebinding_guard),
		cmocka_unit_test(quic_needs_its_own_rule),
		cmocka_unit_test(shared_address_is_ambiguous),
		cmocka_unit_test(remedy_names_the_name),
		cmocka_unit_test(pins_live_and_die),
		cmocka_unit_test(pins_are_bounded),
		cmocka_unit_test(names_of_an_address_are_bounded),
		cmocka_unit_test(many_names_are_fast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
