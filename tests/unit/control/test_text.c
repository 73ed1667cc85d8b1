/* SPDX-License-Identifier: Apache-2.0 */
/* test_text.c - JSON of any bytes, in any room */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/text.h"

#include <stdio.h>
#include <string.h>

static void check(const char *text, size_t len, const char *json)
{
	struct control_text t;
	char buf[256];

	control_text_init(&t, buf, sizeof(buf));
	control_text_string(&t, text, len);
	assert_string_equal(buf, json);
	assert_false(t.cut);
}

static void strings(void **state)
{
	(void)state;
	check("", 9, "\"\"");
	check("plain /", 9, "\"plain /\"");
	check("cut", 2, "\"cu\"");
	check("\"\\", 9, "\"\\\"\\\\\"");
	check("\n\x1b[1m\x7f", 9, "\"\\u000a\\u001b[1m\\u007f\"");
	check("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 20,
	      "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
	/* overlong, surrogate, beyond, cut short, stray */
	check("\xc0\xaf", 9, "\"\\ufffd\\ufffd\"");
	check("\xe0\x80\xaf", 9, "\"\\ufffd\\ufffd\\ufffd\"");
	check("\xed\xa0\x80", 9, "\"\\ufffd\\ufffd\\ufffd\"");
	check("\xf4\x90\x80\x80", 9, "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
	check("\xf5", 9, "\"\\ufffd\"");
	check("\xe2\x82", 9, "\"\\ufffd\\ufffd\"");
	check("\xe2\x82\xac", 2, "\"\\ufffd\\ufffd\"");
	check("\x80"
	      "a",
	      9, "\"\\ufffda\"");
}

static void rooms(void **state)
{
	struct control_text t;
	char buf[64];

	(void)state;
	for (size_t room = 1; room < sizeof(buf); room++) {
		memset(buf, 'x', sizeof(buf));
		control_text_init(&t, buf, room);
		control_text_put(&t, "{\"a\":%d", 17);
		control_text_member(&t, "key", "a\"b");
		control_text_member(&t, "none", "");
		control_text_member(&t, "none", NULL);
		control_text_put(&t, "}");
		assert_true(t.len < room);
		assert_int_equal(buf[t.len], '\0');
		assert_int_equal(t.cut, room <= strlen("{\"a\":17,\"key\":"
		                                       "\"a\\\"b\"}"));
		assert_int_equal(buf[room], 'x');
	}
	assert_string_equal(buf, "{\"a\":17,\"key\":\"a\\\"b\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings),
		cmocka_unit_test(rooms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
