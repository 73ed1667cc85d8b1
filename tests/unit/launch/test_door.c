/* SPDX-License-Identifier: Apache-2.0 */
/* test_door.c - what --host-port, --forward and --host-unix take */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "launch/door.h"

#include <errno.h>
#include <string.h>

static void understood(void **state)
{
	static const struct {
		enum door_kind kind;
		const char *text, *bind, *to, *host;
		uint16_t port;
		bool udp;
	} cases[] = {
		{DOOR_HOST_PORT, "5432", NULL, "127.0.0.1:5432", "", 5432,
	         false},
		{DOOR_HOST_PORT, "5432:1", NULL, "127.0.0.1:5432", "", 1,
	         false},
		{DOOR_HOST_PORT, "53:5353/udp", NULL, "127.0.0.1:53", "", 5353,
	         true},
		{DOOR_FORWARD, "1:192.0.2.1:2", NULL, "192.0.2.1:2",
	         "192.0.2.1", 1, false},
		{DOOR_FORWARD, "127.0.0.2:1:192.0.2.1:2/udp", "127.0.0.2",
	         "192.0.2.1:2", "192.0.2.1", 1, true},
		{DOOR_FORWARD, "[::1]:1:[2001:db8::1]:2", "::1",
	         "[2001:db8::1]:2", "2001:db8::1", 1, false},
		{DOOR_FORWARD, "localhost:1:[::1]:2", NULL, "[::1]:2", "::1", 1,
	         false},
		{DOOR_FORWARD, "*:1:192.0.2.1:2", NULL, "192.0.2.1:2",
	         "192.0.2.1", 1, false},
		{DOOR_FORWARD, ":1:192.0.2.1:2/tcp", NULL, "192.0.2.1:2",
	         "192.0.2.1", 1, false},
		{DOOR_UNIX, "/run/a:b.sock:80", NULL, NULL, "/run/a:b.sock", 80,
	         false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char at[ENDPOINT_TEXT_MAX], addr[ADDR_TEXT_MAX];
		struct error err = {0};
		struct door_spec s;

		assert_int_equal(
			door_parse(cases[i].kind, cases[i].text, &s, &err), 0);
		assert_true(s.is_resolved);
		assert_int_equal(s.port, cases[i].port);
		assert_int_equal(s.udp, cases[i].udp);
		assert_string_equal(s.host, cases[i].host);
		assert_int_equal(s.has_bind, cases[i].bind != NULL);
		if (cases[i].bind)
			assert_string_equal(addr_format(&s.bind, addr),
			                    cases[i].bind);
		if (cases[i].to)
			assert_string_equal(endpoint_format(&s.to, at),
			                    cases[i].to);
	}
}

static void refused(void **state)
{
	static const struct {
		enum door_kind kind;
		const char *text;
	} cases[] = {
		{DOOR_HOST_PORT, ""},
		{DOOR_HOST_PORT, "0"},
		{DOOR_HOST_PORT, "65536"},
		{DOOR_HOST_PORT, "http"},
		{DOOR_HOST_PORT, "1:2:3"},
		{DOOR_HOST_PORT, "1:"},
		{DOOR_HOST_PORT, ":1"},
		{DOOR_HOST_PORT, "1/icmp"},
		{DOOR_HOST_PORT, "1 "},
		{DOOR_FORWARD, ""},
		{DOOR_FORWARD, "1"},
		{DOOR_FORWARD, "1:h"},
		{DOOR_FORWARD, "1::2"},
		{DOOR_FORWARD, "1:h:0"},
		{DOOR_FORWARD, "0:h:1"},
		{DOOR_FORWARD, "10.0.2.100:1:h:2"},
		{DOOR_FORWARD, "a:1:h:2"},
		{DOOR_FORWARD, "1:[::1:2"},
		{DOOR_FORWARD, "1:::1:2"},
		{DOOR_FORWARD, "1:h:2:3"},
		{DOOR_FORWARD, "[::1]:1:[]:2"},
		{DOOR_UNIX, "/a"},
		{DOOR_UNIX, "a:1"},
		{DOOR_UNIX, "/:1"},
		{DOOR_UNIX, "/a:"},
		{DOOR_UNIX, "/a:0"},
	};
	char path[130];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = {0};
		struct door_spec s;

		assert_int_equal(
			door_parse(cases[i].kind, cases[i].text, &s, &err),
			-EINVAL);
		assert_non_null(strstr(err.text, "write "));
	}
	/* as long as a path may be, and a byte more */
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	for (size_t len = 107; len <= 108; len++) {
		struct error err = {0};
		struct door_spec s;

		memcpy(path + len, ":1", 3);
		assert_int_equal(door_parse(DOOR_UNIX, path, &s, &err),
		                 len == 107 ? 0 : -EINVAL);
		path[len] = path[len + 1] = path[len + 2] = 'a';
	}
}

static bool clash(const char *a, const char *b)
{
	struct error err = {0};
	struct door_spec x, y;

	assert_int_equal(door_parse(DOOR_FORWARD, a, &x, &err), 0);
	assert_int_equal(door_parse(DOOR_FORWARD, b, &y, &err), 0);
	return door_clash(&x, &y);
}

static void clashes(void **state)
{
	(void)state;
	assert_true(clash("1:a:1", "1:b:2"));
	assert_true(clash("1:a:1", "127.0.0.1:1:b:2"));
	assert_true(clash("[::1]:1:a:1", "1:b:2"));
	assert_false(clash("1:a:1", "127.0.0.2:1:b:2"));
	assert_false(clash("1:a:1", "2:a:1"));
	assert_false(clash("1:a:1", "1:a:1/udp"));
	assert_false(clash("[::1]:1:a:1", "127.0.0.1:1:a:1"));
}

static void faces(void **state)
{
	const struct door_side side = {.has_ip4 = true,
	                               .has_ip6 = true,
	                               .gateway4 = addr_ip4(10, 0, 2, 2),
	                               .gateway6 = {.b = {0xfd, [15] = 2}}};
	struct door_side ip4 = side;
	struct error err = {0};
	struct door_spec s;
	struct flow_door d;

	(void)state;
	ip4.has_ip6 = false;
	assert_int_equal(door_parse(DOOR_HOST_PORT, "1:2", &s, &err), 0);
	door_make(&s, 3, &side, &d);
	assert_int_equal(d.id, 3);
	assert_int_equal(d.nfaces, 4);
	assert_int_equal(door_loopback_faces(&d), 2);
	assert_int_equal(d.faces[3].port, 2);
	door_make(&s, 3, &ip4, &d);
	assert_int_equal(d.nfaces, 2);
	assert_int_equal(door_loopback_faces(&d), 1);
	assert_int_equal(door_parse(DOOR_FORWARD, "1:192.0.2.1:2", &s, &err),
	                 0);
	door_make(&s, 1, &side, &d);
	assert_int_equal(d.nfaces, 2);
	assert_false(d.by_gateway);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(understood),
		cmocka_unit_test(refused),
		cmocka_unit_test(clashes),
		cmocka_unit_test(faces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
