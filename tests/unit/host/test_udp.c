/* SPDX-License-Identifier: Apache-2.0 */
/* test_udp.c - the host's datagram sockets, for real, on loopback */
#include "rig.h"

#include <stdio.h>
#include <sys/wait.h>

static int peer(bool is_ip6, struct endpoint *to)
{
	struct sockaddr_storage ss;
	struct timeval patience = {5, 0};
	socklen_t len;
	int fd;

	*to = (struct endpoint){.addr = {.b = {[15] = 1}}};
	if (!is_ip6)
		to->addr = addr_ip4(127, 0, 0, 1);
	fd = socket(is_ip6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
	len = endpoint_to_sockaddr(to, &ss);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	len = sizeof(ss);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(
		endpoint_from_sockaddr((struct sockaddr *)&ss, len, to), 0);
	return fd;
}

static int want;

static bool got_datagrams(void)
{
	return h.datagrams >= want;
}

static bool got_error(void)
{
	return h.errors > 0;
}

static bool got_echo(void)
{
	return h.echoes > 0;
}

static void there_and_back(void **state)
{
	(void)state;
	for (int is_ip6 = 0; is_ip6 < 2; is_ip6++) {
		static const size_t lens[] = {0, 1, 1472, 9000, 65507};
		struct sockaddr_storage from;
		struct tuple t = {.app.port = 1};
		socklen_t from_len;
		static uint8_t data[65536];
		int fd;

		start(true);
		fd = peer(is_ip6, &t.host);
		for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
			h.datagrams = 0;
			memset(data, (int)i + 1, lens[i]);
			assert_int_equal(flow_udp_send(h.ft, &t, 0, data,
			                               lens[i], 0,
			                               loop_clock()),
			                 0);
			from_len = sizeof(from);
			assert_int_equal(recvfrom(fd, data, sizeof(data), 0,
			                          (struct sockaddr *)&from,
			                          &from_len),
			                 lens[i]);
			assert_int_equal(sendto(fd, data, lens[i], 0,
			                        (struct sockaddr *)&from,
			                        from_len),
			                 lens[i]);
			want = 1;
			wait_for(got_datagrams);
			assert_memory_equal(h.data, data, lens[i]);
		}
		assert_int_equal(flow_stats(h.ft)->live_udp, 1);
		close(fd);
		finish();
	}
}

/* A train arrives as the datagrams it stands for, whatever its shape. */
static void trains_are_datagrams(void **state)
{
	static const struct {
		size_t len, segment;
	} rows[] = {{5000, 1000},   {5001, 1000}, {12000, 100},
	            {60000, 20000}, {100, 1},     {500, 500}};
	static uint8_t data[65536], got[65536];
	struct tuple t = {.app.port = 1};
	int fd;

	(void)state;
	start(true);
	fd = peer(false, &t.host);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t at = 0;

		assert_int_equal(flow_udp_send(h.ft, &t, 0, data, rows[i].len,
		                               rows[i].segment, loop_clock()),
		                 0);
		while (at < rows[i].len) {
			size_t n = MIN(rows[i].segment, rows[i].len - at);

			assert_int_equal(recv(fd, got, sizeof(got), 0), n);
			assert_memory_equal(got, data + at, n);
			at += n;
		}
	}
	close(fd);
	finish();
}

/* Singles of one batch leave together, whole and in order. */
static void singles_ride_together(void **state)
{
	static const size_t lens[] = {1000, 1000, 1000, 1000, 700,  700,  10,
	                              1200, 0,    1200, 1472, 1473, 1473, 5};
	static uint8_t data[2048], got[2048];
	struct tuple t = {.app.port = 1}, u = {.app.port = 2};
	int fd, other;

	(void)state;
	start(true);
	fd = peer(false, &t.host);
	other = peer(false, &u.host);
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		memset(data, (int)i + 1, lens[i]);
		assert_int_equal(flow_udp_send(h.ft, &t, 0, data, lens[i], 0,
		                               loop_clock()),
		                 0);
		if (i % 5 == 4)
			assert_int_equal(flow_udp_send(h.ft, &u, 0, "u", 1, 0,
			                               loop_clock()),
			                 0);
	}
	turn();
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		memset(data, (int)i + 1, lens[i]);
		assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT),
		                 lens[i]);
		assert_memory_equal(got, data, lens[i]);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(recv(other, got, sizeof(got), MSG_DONTWAIT),
		                 1);
	/* what is put off is sent before the flow goes */
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			flow_udp_send(h.ft, &t, 0, "z", 1, 0, loop_clock()), 0);
	h.ft = (flow_table_free(h.ft), NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), 1);
	close(fd);
	close(other);
	finish();
}

/* T33: an address that was not asked is not heard. */
static void strangers_are_not_heard(void **state)
{
	struct tuple t = {.app.port = 1};
	struct endpoint other;
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	char buf[8];
	int fd, stranger;

	(void)state;
	start(true);
	fd = peer(false, &t.host);
	stranger = peer(false, &other);
	assert_int_equal(flow_udp_send(h.ft, &t, 0, "hi", 2, 0, loop_clock()),
	                 0);
	assert_int_equal(recvfrom(fd, buf, sizeof(buf), 0,
	                          (struct sockaddr *)&from, &len),
	                 2);
	(void)!sendto(stranger, "evil", 4, 0, (struct sockaddr *)&from, len);
	assert_int_equal(
		sendto(fd, "good", 4, 0, (struct sockaddr *)&from, len), 4);
	want = 1;
	wait_for(got_datagrams);
	assert_int_equal(h.datagrams, 1);
	assert_memory_equal(h.data, "good", 4);
	close(fd);
	close(stranger);
	finish();
}

static void closed_port_is_an_error_from_its_host(void **state)
{
	(void)state;
	for (int is_ip6 = 0; is_ip6 < 2; is_ip6++) {
		struct tuple t = {.app.port = 1};
		int fd;

		start(true);
		fd = peer(is_ip6, &t.host);
		close(fd);
		for (int i = 0; i < 3; i++) {
			h.errors = 0;
			/* also the send after an error goes out */
			assert_int_equal(flow_udp_send(h.ft, &t, 0, "x", 1, 0,
			                               loop_clock()),
			                 0);
			wait_for(got_error);
			assert_int_equal(h.err, -ECONNREFUSED);
			assert_true(h.has_from);
			assert_true(addr_equal(&h.from, &t.host.addr));
		}
		finish();
	}
}

/* The send right after an error, before its event was read, is not lost. */
static void error_does_not_eat_the_next(void **state)
{
	struct tuple t = {.app.port = 1};
	struct sockaddr_storage ss;
	socklen_t len;
	static char buf[2000] = "b"; /* too long to wait for the batch's end */
	int fd;

	(void)state;
	start(true);
	fd = peer(false, &t.host);
	close(fd);
	assert_int_equal(flow_udp_send(h.ft, &t, 0, "a", 1, 0, loop_clock()),
	                 0);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	len = endpoint_to_sockaddr(&t.host, &ss);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(
		flow_udp_send(h.ft, &t, 0, buf, sizeof(buf), 0, loop_clock()),
		0);
	assert_int_equal(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), sizeof(buf));
	assert_int_equal(buf[0], 'b');
	wait_for(got_error);
	close(fd);
	finish();
}

static void echo_or_a_line_why_not(void **state)
{
	struct tuple t = {.app.port = 77, .host.addr = addr_ip4(127, 0, 0, 1)};
	int rc;

	(void)state;
	start(true);
	rc = flow_echo_send(h.ft, &t, 0, 513, "payload", 7, 64, loop_clock());
	if (rc == -EACCES) {
		rc = flow_echo_send(h.ft, &t, 0, 514, "p", 1, 64, loop_clock());
		assert_int_equal(rc, -EACCES);
		assert_int_equal(h.lines, 1); /* once */
	} else {
		assert_int_equal(rc, 0);
		wait_for(got_echo);
		assert_int_equal(h.seq, 513);
		assert_int_equal(h.bytes, 7);
	}
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(trains_are_datagrams),
		cmocka_unit_test(singles_ride_together),
		cmocka_unit_test(strangers_are_not_heard),
		cmocka_unit_test(closed_port_is_an_error_from_its_host),
		cmocka_unit_test(error_does_not_eat_the_next),
		cmocka_unit_test(echo_or_a_line_why_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
