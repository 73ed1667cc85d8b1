/* SPDX-License-Identifier: Apache-2.0 */
/* test_options.c - both spellings of options, and what is no option */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cli c;
static struct error err;

/* What the options kept; the program leaves it to its exit. */
static void forget(void)
{
	while (c.nkept)
		free(c.kept[--c.nkept]);
}

/* Parses a line split at '|'; the words must outlive the call. */
static int parse(const char *line, unsigned int where)
{
	static char buf[512];
	static char *argv[32];
	size_t n = 0;
	char *save = NULL;

	policy_free(c.policy);
	forget();
	memset(&c, 0, sizeof(c));
	memset(&err, 0, sizeof(err));
	sandbox_config_init(&c.config);
	c.policy = policy_new();
	snprintf(buf, sizeof(buf), "%s", line);
	for (char *w = strtok_r(buf, "|", &save); w;
	     w = strtok_r(NULL, "|", &save))
		argv[n++] = w;
	argv[n] = NULL;
	return cli_options_parse(&c, argv, where, &err);
}

static void spellings(void **state)
{
	static const char *const lines[] = {
		"-mtu=1400", "--mtu=1400", "-mtu|1400", "--mtu|1400",
		"-m|1400",   "-m=1400",    "-m1400",    "-m1300|-m1400",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_true(parse(lines[i], OPTION_DO) > 0);
		assert_int_equal(c.config.mtu, 1400);
	}
	assert_int_equal(parse("-qd|x", OPTION_DO), 1);
	assert_true(c.quiet && c.debug);
	assert_int_equal(parse("-q=false|x", OPTION_DO), 1);
	assert_false(c.quiet);
	assert_int_equal(parse("-qdm1400|x", OPTION_DO), 1);
	assert_int_equal(c.config.mtu, 1400);
	assert_int_equal(parse("-4|-I|eth0|x", OPTION_DO), 3);
	assert_true(c.config.ip4_only);
	assert_string_equal(c.config.ifname, "eth0");
	assert_int_equal(parse("-4|-6", OPTION_DO), 2);
	assert_true(c.config.ip6_only && !c.config.ip4_only);
}

static void where_options_end(void **state)
{
	(void)state;
	assert_int_equal(parse("-rootless|do|-x", OPTION_GLOBAL), 1);
	assert_int_equal(parse("-rootless|--|do", OPTION_GLOBAL), 2);
	assert_int_equal(parse("--|--|true", OPTION_DO), 1);
	assert_int_equal(parse("-q|-|x", OPTION_DO), 1);
	/* a boolean takes no word: false is the verb */
	assert_int_equal(parse("-rootless|false", OPTION_GLOBAL), 1);
	assert_true(c.rootless);
	/* a value may start with a dash */
	assert_int_equal(parse("-cwd|-x|true", OPTION_DO), 2);
	assert_string_equal(c.config.cwd, "-x");
}

static void booleans(void **state)
{
	static const char *const yes[] = {"1",    "t",    "T",
	                                  "true", "TRUE", "True"};
	static const char *const no[] = {"0",     "f",     "F",
	                                 "false", "FALSE", "False"};
	char line[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		snprintf(line, sizeof(line), "-rootless=%s", yes[i]);
		assert_int_equal(parse(line, OPTION_GLOBAL), 1);
		assert_true(c.rootless);
		snprintf(line, sizeof(line), "-rootless|-rootless=%s", no[i]);
		assert_int_equal(parse(line, OPTION_GLOBAL), 2);
		assert_false(c.rootless);
	}
	assert_true(parse("-rootless=yes", OPTION_GLOBAL) < 0);
	assert_true(parse("-rootless=", OPTION_GLOBAL) < 0);
}

static void refused(void **state)
{
	static const struct {
		const char *line, *text;
	} cases[] = {
		{"--netwrok=none", "did you mean --network?"},
		{"--network=hots", "did you mean host?"},
		{"-wrong", "unknown option -wrong"},
		{"-Itap0", "unknown option"},
		{"--network", "needs a value"},
		{"-platform=kvm", "goes before the verb"},
		{"--mtu=12", "1280"},
		{"--mtu=99999999999999999999", "1280"},
		{"--ifname=lo", "not lo"},
		{"--ifname=a/b", "not lo"},
		{"--ifname=0123456789abcdef", "not lo"},
		{"--cidr=10.0.2.0", "10.0.2.0/24"},
		{"--cidr=10.0.2.0/26", "8 to 25"},
		{"--cidr=10.0.2.2/24", "gateway"},
		{"--cidr6=10.0.2.0/24", "fd00::/64"},
		{"--dns=nowhere", "not an address"},
		{"--dns=10.0.0.1:53-54", "not an address"},
		{"--add-host=x", "NAME:ADDRESS"},
		{"--add-host=x:y", "not an address"},
		{"--add-host=b\xc3\xbc:1.2.3.4", "xn--"},
		{"--require=lnik", "did you mean link?"},
		{"--allow=10.0.0.0/33", "column"},
		{"--allow=1.2.3.4:99999", "65535"},
		{"--publish=80x", "not a port"},
		{"--netem=x", "not here yet"},
		{"--log=/nowhere/x", "cannot open"},
		{"--log=fd:77", "not open"},
		{"--report=pdf", "no such value"},
		{"-w|/dev/null", "regular file"},
		{"-w|/nowhere/x", "cannot open"},
		{"--max-flows=1", "16"},
		{"--ready-fd=900", "not open"},
		{"--args=900", "open descriptor"},
		{"--block-fd=x", "open descriptor"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int rc = parse(cases[i].line, OPTION_DO);

		if (rc >= 0 || !strstr(err.text, cases[i].text))
			fail_msg("%s: %d, \"%s\" lacks \"%s\"", cases[i].line,
			         rc, err.text, cases[i].text);
	}
}

static void understood(void **state)
{
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(parse("--cidr|10.9.8.0/24", OPTION_DO), 2);
	assert_string_equal(addr_format(&c.config.cidr4, text), "10.9.8.100");
	assert_int_equal(parse("--cidr|10.9.8.7/24", OPTION_DO), 2);
	assert_string_equal(addr_format(&c.config.cidr4, text), "10.9.8.7");
	assert_int_equal(c.config.prefix4, 24);
	assert_int_equal(parse("--cidr6|fd01::/64", OPTION_DO), 2);
	assert_string_equal(addr_format(&c.config.cidr6, text), "fd01::100");
	assert_int_equal(parse("-ip=192.168.10.9", OPTION_DO), 1);
	assert_string_equal(addr_format(&c.config.cidr4, text), "192.168.10.9");
	assert_int_equal(parse("--dns=[::1]:5353|--dns=192.0.2.1", OPTION_DO),
	                 2);
	assert_int_equal(c.config.ndns, 2);
	assert_int_equal(c.config.dns[0].port, 5353);
	assert_int_equal(c.config.dns[1].port, 53);
	assert_int_equal(parse("--add-host=A.Example.:2001:db8::1|"
	                       "--add-host=b=[::2]",
	                       OPTION_DO),
	                 2);
	assert_string_equal(c.config.hosts[0].name, "a.example");
	assert_string_equal(addr_format(&c.config.hosts[0].addr, text),
	                    "2001:db8::1");
	assert_string_equal(addr_format(&c.config.hosts[1].addr, text), "::2");
	assert_int_equal(parse("--require=link,dns|--require|netns", OPTION_DO),
	                 3);
	assert_true(c.config.require_link && c.config.require_dns &&
	            c.config.require_netns && !c.config.require_sockets);
	assert_int_equal(parse("-uid-map=0 1000 1,1 100000 9", OPTION_DO), 1);
	assert_int_equal(c.config.nuid_map, 2);
	assert_int_equal(c.config.uid_map[1].outside, 100000);
	assert_int_equal(
		parse("--sockets=direct|--frontend=sockets", OPTION_DO), 2);
	assert_true(c.config.sockets_direct && c.config.frontend_forced);
}

static void environment(void **state)
{
	static const struct verb verb = {.where = OPTION_DO};

	(void)state;
	setenv("POSTERN_MTU", "1500", 1);
	setenv("POSTERN_DENY", "192.0.2.1 192.0.2.0/24:80", 1);
	setenv("POSTERN_QUIET", "true", 1);
	parse("--mtu=1400", OPTION_DO);
	c.verb = &verb;
	assert_int_equal(cli_options_environment(&c, &err), 0);
	assert_int_equal(c.config.mtu, 1400); /* written wins */
	assert_true(c.quiet);
	assert_int_equal(policy_rule_count(c.policy), 2);
	/* a default is not written: no error for its mode */
	assert_false(option_was_written(&c, "deny", OPTION_DO));
	setenv("POSTERN_MTU", "many", 1);
	parse("-q", OPTION_DO);
	c.verb = &verb;
	assert_true(cli_options_environment(&c, &err) < 0);
	assert_non_null(strstr(err.text, "POSTERN_MTU"));
	/* what would weaken the sandbox has no variable */
	unsetenv("POSTERN_MTU");
	setenv("POSTERN_NO_FILTER", "true", 1);
	setenv("POSTERN_BEST_EFFORT", "true", 1);
	parse("-q", OPTION_DO);
	c.verb = &verb;
	assert_int_equal(cli_options_environment(&c, &err), 0);
	assert_false(c.config.no_filter || c.config.best_effort);
}

/* What the table promises to its readers. */
static void table(void **state)
{
	(void)state;
	assert_true(option_count() < CLI_OPTIONS_MAX);
	for (size_t i = 0; i < option_count(); i++) {
		const struct option *o = option_at(i);
		size_t index;

		assert_true(o->name && o->help && o->where);
		if (o->kind == OPTION_VALUE)
			assert_non_null(o->value);
		/* no two rows at one place */
		for (unsigned int bit = 1; bit < 256; bit <<= 1) {
			if (!(o->where & bit))
				continue;
			if (option_find(o->name, strlen(o->name), bit,
			                &index) != o)
				fail_msg("--%s stands twice", o->name);
		}
		/* every row does something */
		if (o->group != OPTION_GROUP_LATER && o->type == RUNSC_NONE)
			assert_true(o->set || o->at || o->kind == OPTION_BOOL);
	}
}

static int teardown(void **state)
{
	(void)state;
	policy_free(c.policy);
	forget();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spellings),
		cmocka_unit_test(where_options_end),
		cmocka_unit_test(booleans),
		cmocka_unit_test(refused),
		cmocka_unit_test(understood),
		cmocka_unit_test(environment),
		cmocka_unit_test(table),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
