/* SPDX-License-Identifier: Apache-2.0 */
/* test_datagram.c - UDP and echo flows in virtual time */
#include "fakes.h"

static struct fake k;

static void start(void)
{
	struct flow_config c = fake_config();

	fake_init(&k, &c, NULL);
}

static int send_from(uint16_t app_port)
{
	struct tuple t = tup(app_port, "93.184.216.34", 9);

	return flow_udp_send(k.ft, &t, 5, "data", 4, 0, k.now);
}

static void one_flow_a_tuple(void **state)
{
	struct tuple t = tup(1, "93.184.216.34", 9);

	(void)state;
	start();
	for (int i = 0; i < 10; i++)
		assert_int_equal(send_from(1), 0);
	assert_int_equal(k.udp_opens, 1);
	assert_int_equal(k.udp_sends, 10);
	assert_int_equal(send_from(2), 0);
	assert_int_equal(k.udp_opens, 2);
	assert_int_equal(flow_udp_send(k.ft, &t, 5, "12345678", 8, 4, k.now),
	                 0);
	assert_int_equal(k.udp_opens, 2);
	assert_int_equal(k.udp_segment, 4);
	fake_fini(&k);
}

static void replies_come_from_the_address_asked(void **state)
{
	struct tuple t = tup(1, "10.0.2.2", 9);

	(void)state;
	start();
	fake_allow(&k, "127.0.0.1:9");
	assert_int_equal(flow_udp_send(k.ft, &t, 5, "x", 1, 0, k.now), 0);
	assert_int_equal(k.last_to.addr.b[12], 127);
	flow_host_datagram(k.ft, k.last_id, "abcd", 4, 2, k.now);
	assert_int_equal(k.delivered, 1);
	assert_true(endpoint_equal(&k.last_tuple.host, &t.host));
	assert_true(endpoint_equal(&k.last_tuple.app, &t.app));
	assert_int_equal(k.data_segment, 2);
	flow_host_datagram_error(k.ft, k.last_id, -ECONNREFUSED, NULL, k.now);
	assert_int_equal(k.errors, 1);
	assert_int_equal(k.last_err, -ECONNREFUSED);
	fake_fini(&k);
}

static void single_exchange_ends_early(void **state)
{
	struct flow_id once, twice;

	(void)state;
	start();
	assert_int_equal(send_from(1), 0);
	once = k.last_id;
	assert_int_equal(send_from(2), 0);
	twice = k.last_id;
	flow_host_datagram(k.ft, once, "r", 1, 0, k.now);
	flow_host_datagram(k.ft, twice, "r", 1, 0, k.now);
	k.now += NS_PER_S;
	assert_int_equal(send_from(2), 0); /* a conversation now */
	assert_int_equal(k.udp_opens, 2);
	assert_true(flow_deadline(k.ft) == k.now + 29 * NS_PER_S);
	k.now += 29 * NS_PER_S;
	flow_run(k.ft, k.now);
	assert_null(flow_host_part(k.ft, once));
	assert_non_null(flow_host_part(k.ft, twice));
	/* traffic either way keeps it */
	for (int i = 0; i < 10; i++) {
		flow_host_datagram(k.ft, twice, "r", 1, 0, k.now);
		k.now += 170 * NS_PER_S;
		flow_run(k.ft, k.now);
	}
	assert_non_null(flow_host_part(k.ft, twice));
	k.now += 10 * NS_PER_S;
	assert_true(flow_deadline(k.ft) <= k.now);
	flow_run(k.ft, k.now);
	assert_null(flow_host_part(k.ft, twice));
	assert_int_equal(flow_stats(k.ft)->expired, 2);
	flow_turn_end(k.ft, k.now);
	assert_int_equal(k.open_fds, 0);
	fake_fini(&k);
}

static void the_longest_silent_makes_room(void **state)
{
	struct flow_id ids[40];

	(void)state;
	start();
	for (uint16_t i = 0; i < 16; i++) {
		assert_int_equal(send_from(i), 0);
		ids[i] = k.last_id;
		k.now += NS_PER_MS;
	}
	/* 0 becomes a conversation, 1 speaks again */
	flow_host_datagram(k.ft, ids[0], "r", 1, 0, k.now);
	assert_int_equal(send_from(0), 0);
	assert_int_equal(send_from(1), 0);
	assert_int_equal(k.udp_opens, 16);
	for (uint16_t i = 16; i < 40; i++) {
		assert_int_equal(send_from(i), 0);
		ids[i] = k.last_id;
		flow_turn_end(k.ft, k.now);
		assert_true(k.open_fds <= 16);
	}
	assert_non_null(flow_host_part(k.ft, ids[0]));
	assert_null(flow_host_part(k.ft, ids[1]));
	assert_non_null(flow_host_part(k.ft, ids[39]));
	assert_int_equal(flow_stats(k.ft)->live_udp, 16);
	fake_fini(&k);
}

/* T19: the hash must find every flow through any order of removals. */
static void hash_survives_churn(void **state)
{
	struct flow_config c = fake_config();
	static struct flow_id ids[3000];
	static bool live[3000];
	uint32_t seed = 42;

	(void)state;
	c.max_flows = c.max_udp = 2000;
	fake_init(&k, &c, NULL);
	for (int round = 0; round < 40000; round++) {
		uint16_t port;
		int opens = k.udp_opens;

		seed = seed * 1664525u + 1013904223u;
		port = (uint16_t)((seed >> 8) % 1500);
		if (seed & 0x80) {
			if (live[port])
				flow_close(k.ft, ids[port], false, k.now);
			live[port] = false;
		} else {
			assert_int_equal(send_from(port), 0);
			assert_int_equal(k.udp_opens, opens + !live[port]);
			if (!live[port])
				ids[port] = k.last_id;
			live[port] = true;
		}
		if (round % 16 == 0)
			flow_turn_end(k.ft, k.now);
	}
	fake_fini(&k);
}

static void denied_makes_no_socket(void **state)
{
	struct tuple t = tup(1, "169.254.169.254", 80);

	(void)state;
	start();
	for (int i = 0; i < 50; i++)
		assert_int_equal(flow_udp_send(k.ft, &t, 5, "x", 1, 0, k.now),
		                 -EACCES);
	assert_int_equal(k.udp_opens, 0);
	assert_int_equal(flow_stats(k.ft)->live, 0);
	assert_int_equal(k.lines, 1);
	assert_non_null(strstr(k.line, "169.254.169.254:80/udp"));
	k.udp_open_rc = -ENETUNREACH;
	assert_int_equal(send_from(1), -ENETUNREACH);
	flow_turn_end(k.ft, k.now);
	assert_int_equal(flow_stats(k.ft)->live, 0);
	fake_fini(&k);
}

static void echo_is_a_flow_of_its_own(void **state)
{
	struct tuple t = tup(4242, "93.184.216.34", 0);

	(void)state;
	start();
	assert_int_equal(flow_echo_send(k.ft, &t, 5, 1, "x", 1, 64, k.now), 0);
	assert_int_equal(flow_echo_send(k.ft, &t, 5, 2, "x", 1, 64, k.now), 0);
	assert_int_equal(k.udp_opens, 1);
	assert_int_equal(k.echo_sends, 2);
	assert_int_equal(flow_stats(k.ft)->live_echo, 1);
	flow_host_echo(k.ft, k.last_id, 2, "x", 1, k.now);
	assert_int_equal(k.echoes, 1);
	assert_int_equal(k.last_tuple.app.port, 4242);
	fake_fini(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_flow_a_tuple),
		cmocka_unit_test(replies_come_from_the_address_asked),
		cmocka_unit_test(single_exchange_ends_early),
		cmocka_unit_test(the_longest_silent_makes_room),
		cmocka_unit_test(hash_survives_churn),
		cmocka_unit_test(denied_makes_no_socket),
		cmocka_unit_test(echo_is_a_flow_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
