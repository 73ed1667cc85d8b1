/* SPDX-License-Identifier: Apache-2.0 */
/* test_request.c - what a line means, and everything that is no request */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int parse(const char *line, struct control_request *r, struct error *err)
{
	memset(err, 0, sizeof(*err));
	return control_request_parse(line, strlen(line), r, err);
}

static void good_lines(void **state)
{
	struct control_request r;
	struct error err;

	(void)state;
	for (unsigned int i = 0; i < CONTROL_VERBS; i++) {
		enum control_verb verb = (enum control_verb)i;
		bool target = verb == CONTROL_ALLOW || verb == CONTROL_DENY;
		const char *own = target ? ",\"target\":\"a.example:443\"" : "";
		char line[128];

		if (verb == CONTROL_PUBLISH)
			own = ",\"port\":\"80\"";
		if (verb == CONTROL_UNPUBLISH)
			own = ",\"number\":3";

		snprintf(line, sizeof(line),
		         "{\"do\":\"%s\",\"v\":1,\"id\":%u%s}",
		         control_verb_name(verb), i, own);
		assert_int_equal(parse(line, &r, &err), 0);
		assert_int_equal(r.verb, verb);
		assert_true(r.has_id);
		assert_int_equal(r.id, i);
		if (target)
			assert_string_equal(r.target, "a.example:443");
	}
	assert_int_equal(parse("{\"v\":1,\"do\":\"kill\"}", &r, &err), 0);
	assert_int_equal(r.signal, 15);
	assert_false(r.has_id);
	assert_int_equal(
		parse("{\"v\":1,\"do\":\"kill\",\"signal\":64}", &r, &err), 0);
	assert_int_equal(r.signal, 64);
	assert_int_equal(
		parse("{\"v\":1,\"id\":9007199254740991,\"do\":\"wait\"}", &r,
	              &err),
		0);
	assert_int_equal(r.id, CONTROL_ID_MAX);
}

/* What is wrong, and a part of what is said about it. */
static void bad_lines(void **state)
{
	static const struct {
		const char *line, *says;
	} rows[] = {
		{"", "is an object"},
		{" ", "is an object"},
		{" {\"v\":1,\"do\":\"info\"}", "is an object"},
		{"{", "ends within"},
		{"{\"v\":1,\"do\":\"info\"", "ends within"},
		{"}", "is an object"},
		{"{'v':1,'do':'info'}", "no JSON"},
		{"{\"v\":1,\"do\":\"info\",}", "no JSON"},
		{"\xff", "is an object"},
		{"{\"v\":1,\"do\":\"\xc3\x28\"}", "no JSON"},
		{"{\"v\":1,\"do\":\"info\"}x", "at byte 20"},
		{"[]", "is an object"},
		{"null", "is an object"},
		{"\"info\"", "is an object"},
		{"17", "is an object"},
		{"{}", "\"v\" is missing"},
		{"{\"do\":\"info\"}", "\"v\" is missing"},
		{"{\"v\":\"1\",\"do\":\"info\"}", "\"v\" must be an integer"},
		{"{\"v\":1.0,\"do\":\"info\"}", "\"v\" must be an integer"},
		{"{\"v\":0,\"do\":\"info\"}", "\"v\" must be"},
		{"{\"v\":2,\"do\":\"info\"}", "version 2"},
		{"{\"v\":1}", "\"do\" is missing"},
		{"{\"v\":1,\"do\":null}", "\"do\" must be a string"},
		{"{\"v\":1,\"do\":{}}", "\"do\" must be a string"},
		{"{\"v\":1,\"do\":\"flow\"}", "did you mean flows?"},
		{"{\"v\":1,\"do\":\"advertise\"}", "there are info"},
		{"{\"v\":1,\"do\":\"info\\u0000\"}", "NUL"},
		{"{\"v\":1,\"do\":\"info\",\"x\":1}", "info has no \"x\""},
		{"{\"v\":1,\"do\":\"info\",\"target\":\"a\"}",
	         "info has no \"target\""},
		{"{\"v\":1,\"do\":\"allow\"}", "\"target\" is missing"},
		{"{\"v\":1,\"do\":\"allow\",\"target\":7}",
	         "\"target\" must be a string"},
		{"{\"v\":1,\"do\":\"deny\",\"target\":[\"a\"]}",
	         "\"target\" must be a string"},
		{"{\"v\":1,\"do\":\"allow\",\"target\":\"a\\u0000b\"}", "NUL"},
		{"{\"v\":1,\"do\":\"kill\",\"signal\":0}", "\"signal\" must"},
		{"{\"v\":1,\"do\":\"kill\",\"signal\":65}", "\"signal\" must"},
		{"{\"v\":1,\"do\":\"kill\",\"signal\":\"9\"}",
	         "\"signal\" must"},
		{"{\"v\":1,\"do\":\"kill\",\"signal\":true}",
	         "\"signal\" must"},
		{"{\"v\":1,\"do\":\"publish\"}", "\"port\" is missing"},
		{"{\"v\":1,\"do\":\"publish\",\"number\":1}",
	         "publish has no \"number\""},
		{"{\"v\":1,\"do\":\"unpublish\"}", "\"number\" is missing"},
		{"{\"v\":1,\"do\":\"unpublish\",\"number\":0}",
	         "\"number\" must"},
		{"{\"v\":1,\"id\":-1,\"do\":\"info\"}", "\"id\" must be"},
		{"{\"v\":1,\"id\":\"7\",\"do\":\"info\"}", "\"id\" must be"},
		{"{\"v\":1,\"id\":null,\"do\":\"info\"}", "\"id\" must be"},
		{"{\"v\":1,\"id\":9007199254740992,\"do\":\"info\"}",
	         "\"id\" must be"},
		{"{\"v\":1,\"id\":99999999999999999999,\"do\":\"info\"}",
	         "\"id\" must be"},
	};
	struct control_request r;
	struct error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(parse(rows[i].line, &r, &err), -EINVAL);
		if (!strstr(err.text, rows[i].says))
			fail_msg("%s: %s", rows[i].line, err.text);
	}
}

/* The answer to a bad request still says which one it was. */
static void id_of_bad_lines(void **state)
{
	struct control_request r;
	struct error err;

	(void)state;
	assert_int_equal(parse("{\"id\":5,\"v\":3,\"do\":\"x\"}", &r, &err),
	                 -EINVAL);
	assert_true(r.has_id);
	assert_int_equal(r.id, 5);
	assert_int_equal(parse("{\"id\":5", &r, &err), -EINVAL);
	assert_false(r.has_id);
}

static void long_and_deep(void **state)
{
	static char line[CONTROL_LINE_MAX + 2];
	const char *start = "{\"v\":1,\"do\":\"allow\",\"target\":\"";
	struct control_request r;
	struct error err = {0};
	size_t at;

	(void)state;
	/* blanks up to the bound, and one more */
	memset(line, ' ', sizeof(line));
	memcpy(line, "{\"v\":1,\"do\":\"info\"", 18);
	line[CONTROL_LINE_MAX - 1] = '}';
	assert_int_equal(
		control_request_parse(line, CONTROL_LINE_MAX, &r, &err), 0);
	line[CONTROL_LINE_MAX - 1] = ' ';
	line[CONTROL_LINE_MAX] = '}';
	assert_int_equal(
		control_request_parse(line, CONTROL_LINE_MAX + 1, &r, &err),
		-EINVAL);
	/* a thousand deep, and as arrays */
	for (int kind = 0; kind < 2; kind++) {
		memset(line, kind ? '[' : '{', sizeof(line));
		if (!kind)
			for (at = 0; at + 4 < 4000; at += 4)
				memcpy(line + at, "{\"\":", 4);
		assert_int_equal(control_request_parse(line, 4000, &r, &err),
		                 -EINVAL);
	}
	/* the longest target, and one more */
	for (size_t n = sizeof(r.target) - 1; n <= sizeof(r.target); n++) {
		at = strlen(start);
		memcpy(line, start, at);
		memset(line + at, 'a', n);
		memcpy(line + at + n, "\"}", 2);
		assert_int_equal(
			control_request_parse(line, at + n + 2, &r, &err),
			n < sizeof(r.target) ? 0 : -EINVAL);
	}
	/* a NUL anywhere */
	memcpy(line, "{\"v\":1,\"do\":\"info\"}", 19);
	for (at = 0; at <= 19; at++) {
		char copy[20];

		memcpy(copy, line, 19);
		copy[19] = '\0';
		if (at < 19)
			copy[at] = '\0';
		assert_int_equal(control_request_parse(copy, 20, &r, &err),
		                 -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_lines),
		cmocka_unit_test(bad_lines),
		cmocka_unit_test(id_of_bad_lines),
		cmocka_unit_test(long_and_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
