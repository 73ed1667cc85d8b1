/* SPDX-License-Identifier: Apache-2.0 */
/* test_parse.c - what a target may look like, and what is said otherwise */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/names.h"

#include <stdio.h>
#include <string.h>

static void canonical(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"192.0.2.1", "192.0.2.1"},
		{"192.0.2.1/32", "192.0.2.1"},
		{"192.0.2.0/24", "192.0.2.0/24"},
		{"192.0.2.1:80", "192.0.2.1:80"},
		{"192.0.2.1:80-80", "192.0.2.1:80"},
		{"192.0.2.1:080", "192.0.2.1:80"},
		{"192.0.2.0/24:80-90/tcp", "192.0.2.0/24:80-90/tcp"},
		{"192.0.2.1/udp", "192.0.2.1/udp"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"::/0", "::/0"},
		{"::1", "::1"},
		{"[::1]", "::1"},
		{"[::1]:80", "[::1]:80"},
		{"[2001:DB8::/32]:80", "[2001:db8::/32]:80"},
		{"[2001:db8::]/32:80/udp", "[2001:db8::/32]:80/udp"},
		{"[2001:db8::]/32", "2001:db8::/32"},
		{"2001:db8::/32/icmp", "2001:db8::/32/icmp"},
		{"2001:0db8:0::0001", "2001:db8::1"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"[::ffff:192.0.2.0/120]:80", "192.0.2.0/24:80"},
		{"64:ff9b::192.0.2.1", "192.0.2.1"},
		{"64:ff9b::/96", "0.0.0.0/0"},
		{"::ffff:0:0/95", "::fffe:0:0/95"},
		{"@internet", "@internet"},
		{"@link-local:80/tcp", "@link-local:80/tcp"},
		{"@host:22", "@host:22"},
		{"Example.ORG", "example.org"},
		{"example.org.:443", "example.org:443"},
		{"*.example.org:1-2/udp", "*.example.org:1-2/udp"},
		{"xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"_srv._tcp.example", "_srv._tcp.example"},
		{"localhost:8080", "localhost:8080"},
	};
	char text[POLICY_TARGET_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct policy_target t;
		struct error err = {0};

		if (!strcmp(cases[i].text, "::ffff:0:0/95")) {
			/* not masked: bits beyond the prefix */
			assert_true(policy_target_parse(cases[i].text, &t,
			                                &err) < 0);
			continue;
		}
		if (policy_target_parse(cases[i].text, &t, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_string_equal(policy_target_format(&t, text),
		                    cases[i].want);
	}
}

/* Every other spelling of an address is refused with the one to use. */
static void odd_spellings(void **state)
{
	static const struct {
		const char *text, *use;
	} cases[] = {
		{"127.1", "127.0.0.1"},
		{"127.0.1", "127.0.0.1"},
		{"2130706433", "127.0.0.1"},
		{"0x7f000001", "127.0.0.1"},
		{"0x7f.0.0.1", "127.0.0.1"},
		{"0x7f.1", "127.0.0.1"},
		{"0177.0.0.1", "127.0.0.1"},
		{"017700000001", "127.0.0.1"},
		{"127.000.000.001", "127.0.0.1"},
		{"0X7F.0x0.0x0.0x1", "127.0.0.1"},
		{"127.0x0.00.1", "127.0.0.1"},
		{"0", "0.0.0.0"},
		{"0x0", "0.0.0.0"},
		{"169.254.43518", "169.254.169.254"},
		{"2852039166", "169.254.169.254"},
		{"0xa9fea9fe", "169.254.169.254"},
		{"0xA9.0xFE.0xA9.0xFE", "169.254.169.254"},
		{"0251.0376.0251.0376", "169.254.169.254"},
		{"169.16689662", "169.254.169.254"},
		{"010.0.0.1", "8.0.0.1"},
		{"127.1:80", "127.0.0.1"},
		{"127.1/8", "127.0.0.1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct policy_target t;
		struct error err = {0};
		char want[64];

		snprintf(want, sizeof(want), "write %s", cases[i].use);
		if (policy_target_parse(cases[i].text, &t, &err) >= 0 ||
		    !strstr(err.text, want))
			fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].text,
			         err.text, want);
	}
}

static void errors(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", "column 1: "},
		{":80", "column 1: the target is missing"},
		{"1.2.3.4:", "column 9: a port number is missing"},
		{"1.2.3.4:0", "column 9: there is no port 0"},
		{"1.2.3.4:65536", "column 9: there is no port 65536"},
		{"1.2.3.4:99999999999999999999", "there is no port 9999999"},
		{"1.2.3.4:http", "column 9: \"http\" is not a port"},
		{"1.2.3.4:*", "leave :* out"},
		{"1.2.3.4:-1", "column 9"},
		{"1.2.3.4:90-80", "column 12: the range runs backwards, write "
	                          ":80-90"},
		{"1.2.3.4:80-", "column 12: a port number is missing"},
		{"1.2.3.4:80x", "column 11: \"x\" after the port"},
		{"1.2.3.4:80/TCP", "column 11: no protocol \"/TCP\"; did you "
	                           "mean /tcp?"},
		{"1.2.3.4/upd", "did you mean /udp?"},
		{"1.2.3.4/sctp", "/"},
		{"1.2.3.4/tcp:80", "column 8: the port goes before the "
	                           "protocol: :80/tcp"},
		{"1.2.3.4:80/icmp", "icmp has no ports, leave :80 out"},
		{"1.2.3.4/33", "at most 32 bits"},
		{"::/129", "at most 128 bits"},
		{"1.2.3.4/", "column 8"},
		{"1.2.3.4/8/8", "column"},
		{"10.0.0.5/8", "write 10.0.0.0/8, or the address alone"},
		{"fd00::1/8", "write fd00::/8"},
		{"::1:80:", "column"},
		{"fe80::1%eth0", "leave %eth0 out"},
		{"[1.2.3.4]:80", "only an IPv6 address goes in brackets"},
		{"[::1", "\"[\" without \"]\""},
		{"[::1]80", "column 6: \"80\" after \"]\""},
		{"[::x]:80", "not an IPv6 address"},
		{"2001:db8::1:443x", "write [ADDRESS]:PORT"},
		{"@internt", "did you mean @internet?"},
		{"@LOOPBACK", "did you mean @loopback?"},
		{"@nothing-like-it", "there are @internet"},
		{"@", "no group"},
		{"*", "write 0.0.0.0/0 and ::/0"},
		{"a*.example.org", "column 2: a * stands only for"},
		{"*.*.example.org", "column 3"},
		{"https://example.org/x", "write example.org:443"},
		{"http://example.org:80", "write example.org:80"},
		{"example..org", "two dots"},
		{".example.org", "dot at the front"},
		{"exa mple.org", "column 4: a target has no blanks"},
		{" 1.2.3.4", "column 1: a target has no blanks"},
		{"b\xc3\xbc"
	         "cher.example",
	         "column 2: only ASCII; write a "
	         "name in its xn-- spelling"},
		{"exam\x01ple", "column 5: a control character"},
		{"example.org%00.evil", "\"%\" is in no host name"},
		{"user@example.org", "\"@\" is in no host name"},
		{"example.org/24", "leave /24 out"},
		{"1.2.3.999", "neither an address nor a name"},
		{"1.2.3.4.5", "neither an address nor a name"},
		{"example.123", "neither an address nor a name"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct policy_target t;
		struct error err = {0};

		if (policy_target_parse(cases[i].text, &t, &err) >= 0)
			fail_msg("\"%s\" was taken", cases[i].text);
		if (!strstr(err.text, cases[i].want))
			fail_msg("\"%s\": \"%s\" lacks \"%s\"", cases[i].text,
			         err.text, cases[i].want);
		assert_memory_equal(err.text, "column ", 7);
	}
}

static void name_limits(void **state)
{
	char name[300], out[POLICY_NAME_MAX + 1];

	(void)state;
	memset(name, 'a', sizeof(name));
	assert_int_equal(policy_name_canonical(name, 63, out, NULL), 0);
	assert_true(policy_name_canonical(name, 64, out, NULL) < 0);
	for (size_t i = 49; i < sizeof(name); i += 50)
		name[i] = '.';
	assert_int_equal(policy_name_canonical(name, 253, out, NULL), 0);
	assert_int_equal(strlen(out), 253);
	assert_true(policy_name_canonical(name, 254, out, NULL) < 0);
	assert_true(policy_name_canonical("a\0.b", 4, out, NULL) < 0);
	assert_true(policy_name_canonical(".", 1, out, NULL) < 0);
	assert_true(policy_name_canonical("a..", 3, out, NULL) < 0);
	assert_int_equal(policy_name_canonical("A.", 2, out, NULL), 0);
	assert_string_equal(out, "a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical),
		cmocka_unit_test(odd_spellings),
		cmocka_unit_test(errors),
		cmocka_unit_test(name_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
