/* SPDX-License-Identifier: Apache-2.0 */
/* test_publish.c - what --publish takes, and what becomes of a busy port */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "flow/flow.h"
#include "launch/message.h"
#include "launch/publish.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static void understood(void **state)
{
	static const struct {
		const char *text, *addr;
		uint16_t host, app, count;
		bool udp;
	} cases[] = {
		{"80", NULL, 80, 80, 1, false},
		{"80/tcp", NULL, 80, 80, 1, false},
		{"8080:80", NULL, 8080, 80, 1, false},
		{"0:80", NULL, 0, 80, 1, false},
		{"5353:53/udp", NULL, 5353, 53, 1, true},
		{"127.0.0.1:8080:80", "127.0.0.1", 8080, 80, 1, false},
		{"0.0.0.0:80", "0.0.0.0", 80, 80, 1, false},
		{"[::1]:8080:80", "::1", 8080, 80, 1, false},
		{"[::]:80/udp", "::", 80, 80, 1, true},
		{"8000-8010", NULL, 8000, 8000, 11, false},
		{"9000:8000-8010", NULL, 9000, 8000, 11, false},
		{"9000-9010:8000-8010", NULL, 9000, 8000, 11, false},
		{"0:8000-8010", NULL, 0, 8000, 11, false},
		{"65535", NULL, 65535, 65535, 1, false},
		{"65530-65535", NULL, 65530, 65530, 6, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = {0};
		char text[PUBLISH_TEXT_MAX];
		struct publish_spec s, again;
		struct addr a = {{0}};

		assert_int_equal(publish_parse(cases[i].text, &s, &err), 0);
		assert_int_equal(s.has_addr, cases[i].addr != NULL);
		if (cases[i].addr)
			assert_int_equal(addr_parse(cases[i].addr, &a), 0);
		assert_true(addr_equal(&a, &s.addr));
		assert_int_equal(s.host_port, cases[i].host);
		assert_int_equal(s.app_port, cases[i].app);
		assert_int_equal(s.count, cases[i].count);
		assert_int_equal(s.udp, cases[i].udp);
		/* as it is sent to a running sandbox */
		publish_format(&s, text);
		assert_int_equal(publish_parse(text, &again, &err), 0);
		assert_true(addr_equal(&again.addr, &s.addr) &&
		            again.host_port == s.host_port &&
		            again.app_port == s.app_port &&
		            again.count == s.count && again.udp == s.udp);
	}
}

static void not_understood(void **state)
{
	static const char *const cases[] = {
		"",          "0",           ":",           ":80",
		"80:",       "80x",         "65536",       "80-",
		"80-70",     "-80",         "80/sctp",     "80/",
		"::1:80:80", "[::1]80",     "[::1:80",     "[]:80",
		"1.2.3:80",  "1.2.3.4",     "80:0",        "80-82:90-91",
		"0-2:80-82", "65535:80-81", "1:2:3",       "127.0.0.1:",
		"8080: 80",  "+80",         "080000000080"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = {0};
		struct publish_spec s;

		if (publish_parse(cases[i], &s, &err) != -EINVAL)
			fail_msg("\"%s\" was taken", cases[i]);
		assert_non_null(strstr(err.text, "write 8080"));
	}
}

/* What the datapath would be sent; -1: nothing. */
static int take(int end, struct flow_publish *p)
{
	static char text[MESSAGE_TEXT_MAX];
	struct message_head head;
	int fd;

	if (message_receive(end, &head, text, &fd) != 1)
		return -1;
	assert_int_equal(head.kind, MSG_PUBLISH);
	assert_int_equal(head.text_len, sizeof(*p));
	memcpy(p, text, sizeof(*p));
	return fd;
}

static struct publish_spec spec_of(const char *text)
{
	struct error err = {0};
	struct publish_spec s;

	assert_int_equal(publish_parse(text, &s, &err), 0);
	return s;
}

static void a_port_is_had_by_one(void **state)
{
	struct publish_spec s = spec_of("127.0.0.1:0:80");
	struct publishes p = {0}, q = {0};
	struct error err = {0};
	struct flow_publish m;
	uint16_t port;
	int pair[2], fd;

	(void)state;
	assert_int_equal(message_pair(pair), 0);
	assert_int_equal(publishes_add(&p, pair[0], &s, &err), 0);
	assert_int_equal(p.n, 1);
	port = p.list[0].host.port;
	assert_int_not_equal(port, 0);
	fd = take(pair[1], &m);
	assert_true(fd >= 0);
	assert_int_equal(m.host.port, port);
	assert_int_equal(m.app_port, 80);
	assert_int_equal(m.id, p.list[0].id);
	/* it does not listen, and yet nobody else gets it */
	s.host_port = port;
	assert_int_equal(publishes_add(&q, pair[0], &s, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "in use"));
	assert_int_equal(q.n, 0);
	/* all or none */
	s.host_port = (uint16_t)(port - 1);
	s.count = 2;
	err = (struct error){0};
	assert_int_equal(publishes_add(&q, pair[0], &s, &err), -EADDRINUSE);
	assert_int_equal(q.n, 0);
	close(fd);
	/* now it is free */
	s.count = 1;
	s.host_port = port;
	assert_int_equal(publishes_add(&q, pair[0], &s, &err), 0);
	close(take(pair[1], &m));
	assert_int_equal(publishes_remove(&q, pair[0], 77), -ENOENT);
	assert_int_equal(publishes_remove(&q, pair[0], q.list[0].id), 0);
	assert_int_equal(q.n, 0);
	publishes_fini(&p);
	publishes_fini(&q);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(understood),
		cmocka_unit_test(not_understood),
		cmocka_unit_test(a_port_is_had_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
