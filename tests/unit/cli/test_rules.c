/* SPDX-License-Identifier: Apache-2.0 */
/* test_rules.c - policy files, includes and named sets */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/rules.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static struct policy *p;
static struct error err;

static char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put_bytes(const char *name, const char *text, size_t len)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/postern-rules.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	setenv("XDG_CONFIG_HOME", dir, 1);
	return mkdir(path_of("sub"), 0700) || mkdir(path_of("postern"), 0700) ||
	       mkdir(path_of("postern/sets"), 0700);
}

static int teardown(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static int load(const char *name)
{
	policy_free(p);
	p = policy_new();
	memset(&err, 0, sizeof(err));
	return rules_load(p, name, &err);
}

static void expect_rule(uint32_t rule, const char *text, const char *origin)
{
	char want[128];

	assert_string_equal(policy_rule_text(p, rule), text);
	snprintf(want, sizeof(want), "%s/%s", dir, origin);
	assert_string_equal(policy_rule_origin(p, rule), want);
}

static void reads_lines(void **state)
{
	(void)state;
	put("a", "# a comment\n\n  allow 192.0.2.1:443   # why\r\n"
	         "\tdeny\t@private\nallow 192.0.2.0/24:80#x\n");
	assert_true(load(path_of("a")) < 0); /* a # inside a word */
	put("a", "# a comment\n\n  allow 192.0.2.1:443   # why\r\n"
	         "\tdeny\t@private\nallow [2001:db8::/32]:80-90/tcp");
	assert_int_equal(load(path_of("a")), 0);
	assert_int_equal(policy_rule_count(p), 3);
	expect_rule(1, "allow 192.0.2.1:443", "a:3");
	expect_rule(2, "deny @private", "a:4");
	expect_rule(3, "allow [2001:db8::/32]:80-90/tcp", "a:5");
	put("a", "");
	assert_int_equal(load(path_of("a")), 0);
	assert_int_equal(policy_rule_count(p), 0);
}

static void includes(void **state)
{
	(void)state;
	put("a", "allow 192.0.2.1\ninclude sub/b # there\nallow 192.0.2.9\n");
	put("sub/b", "deny 192.0.2.2\ninclude c\n");
	put("sub/c", "deny 192.0.2.3\n");
	assert_int_equal(load(path_of("a")), 0);
	assert_int_equal(policy_rule_count(p), 4);
	expect_rule(2, "deny 192.0.2.2", "sub/b:1");
	expect_rule(3, "deny 192.0.2.3", "sub/c:1");
	expect_rule(4, "allow 192.0.2.9", "a:3");
	put("sub/c", "include c\n");
	assert_true(load(path_of("a")) < 0);
	assert_non_null(strstr(err.text, "sub/c:1:9: "));
	assert_non_null(strstr(err.text, "deeper"));
	put("sub/c", "include /nowhere/at/all\n");
	assert_true(load(path_of("a")) < 0);
	assert_non_null(strstr(err.text, "cannot open /nowhere/at/all"));
}

static void errors_have_a_place(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"\n  allow @internt\n", "a:2:9: no group @internt; did you "
	                                 "mean @internet?"},
		{"allw 192.0.2.1\n", "a:1:1: \"allw\"; did you mean allow?"},
		{"192.0.2.1\n", "a:1:1: \"192.0.2.1\"; a line starts with"},
		{"allow\n", "a:1:6: \"allow\" needs a target"},
		{"allow   192.0.2.1:70000", "a:1:19: there is no port 70000"},
		{"allow 192.0.2.1 443\n", "a:1:16: a target has no blanks"},
		{"include\n", "a:1:8"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put("a", cases[i].text);
		if (load(path_of("a")) >= 0 || !strstr(err.text, cases[i].want))
			fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].text,
			         err.text, cases[i].want);
	}
	put_bytes("a", "allow 192.0.2.1\0.evil\n", 22);
	assert_true(load(path_of("a")) < 0);
	assert_non_null(strstr(err.text, "a:1:16: a NUL byte"));
	assert_true(load(path_of("none")) < 0);
	assert_non_null(strstr(err.text, "No such file"));
	assert_true(load(dir) < 0);
	assert_true(load("fd:x") < 0);
}

static void other_sources(void **state)
{
	char spec[16];
	int fd;

	(void)state;
	put("a", "deny 192.0.2.1\ninclude b\n");
	put("b", "");
	fd = open(path_of("a"), O_RDONLY);
	snprintf(spec, sizeof(spec), "fd:%d", fd);
	/* no directory, so no relative include; never the working one */
	assert_true(load(spec) < 0);
	assert_non_null(strstr(err.text, "absolute"));
	assert_true(fcntl(fd, F_GETFD) < 0); /* closed */
	put("a", "deny 192.0.2.1\n");
	fd = open(path_of("a"), O_RDONLY);
	snprintf(spec, sizeof(spec), "fd:%d", fd);
	assert_int_equal(load(spec), 0);
	strcat(spec, ":1");
	assert_string_equal(policy_rule_origin(p, 1), spec);
}

static void named_sets(void **state)
{
	(void)state;
	put("postern/sets/office", "# ours\n192.0.2.0/24:443\n10.0.0.1/udp\n");
	put("postern/sets/broken", "192.0.2.0/24:0\n");
	put("postern/sets/loop", "@loop\n");
	put("postern/sets/host", "10.9.9.9\n");
	policy_free(p);
	p = policy_new();
	assert_int_equal(rules_add(p, POLICY_ALLOW, "@office", &err), 0);
	assert_int_equal(policy_rule_count(p), 2);
	assert_string_equal(policy_rule_text(p, 1), "allow 192.0.2.0/24:443");
	assert_string_equal(policy_rule_origin(p, 2), "@office:3");
	assert_int_equal(rules_add(p, POLICY_DENY, "@office", &err), 0);
	assert_string_equal(policy_rule_text(p, 3), "deny 192.0.2.0/24:443");
	/* a group is a group, whatever files there are */
	assert_int_equal(rules_add(p, POLICY_DENY, "@host", &err), 0);
	assert_string_equal(policy_rule_text(p, 5), "deny @host");
	assert_true(rules_add(p, POLICY_ALLOW, "@broken", &err) < 0);
	assert_non_null(strstr(err.text, "@broken:1:14: there is no port 0"));
	assert_true(rules_add(p, POLICY_ALLOW, "@loop", &err) < 0);
	assert_true(rules_add(p, POLICY_ALLOW, "@../a", &err) < 0);
	assert_true(rules_add(p, POLICY_ALLOW, "@absent", &err) < 0);
	assert_non_null(strstr(err.text, "there are @internet"));
	put("a", "deny @office\n");
	assert_int_equal(load(path_of("a")), 0);
	assert_int_equal(policy_rule_count(p), 2);
	policy_free(p);
	p = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_lines),
		cmocka_unit_test(includes),
		cmocka_unit_test(errors_have_a_place),
		cmocka_unit_test(other_sources),
		cmocka_unit_test(named_sets),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
