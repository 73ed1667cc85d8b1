/* SPDX-License-Identifier: Apache-2.0 */
/* test_publish.c - flows that clients of published ports open */
#include "fakes.h"

static struct fake k;

static void start(void)
{
	struct flow_config c = fake_config();

	fake_init(&k, &c, NULL);
}

/* Publishes a port of the app; the slot. */
static uint32_t publish_as(uint8_t proto, uint32_t id, const char *at,
                           uint16_t app_port)
{
	struct flow_publish p = {
		.id = id, .proto = proto, .app_port = app_port};
	size_t before = flow_publish_count(k.ft);
	uint32_t slot = 0;

	p.host = ep(at, 8080);
	assert_int_equal(flow_publish_add(k.ft, &p, k.next_fd++), 0);
	assert_int_equal(flow_publish_count(k.ft), before + 1);
	while (flow_publish_next(k.ft, &slot)->id != id)
		;
	return slot - 1;
}

static uint32_t publish(uint32_t id, const char *at, uint16_t app_port)
{
	return publish_as(IP_PROTO_TCP, id, at, app_port);
}

static int arrive(uint32_t slot, const char *addr, uint16_t port)
{
	struct endpoint client = ep(addr, port);

	return flow_host_accepted(k.ft, slot, k.next_fd++, &client, k.now);
}

static void a_client_gets_through(void **state)
{
	uint32_t slot;
	struct tuple t = tup(80, "198.51.100.7", 40000);

	(void)state;
	start();
	slot = publish(1, "127.0.0.1", 80);
	flow_publish_set_listening(k.ft, slot, FLOW_LISTENS);
	flow_publish_set_listening(k.ft, slot, FLOW_LISTENS);
	assert_int_equal(k.listening, 1); /* told once */
	assert_int_equal(arrive(slot, "198.51.100.7", 40000), 0);
	/* its own address, and no byte before the app has said yes */
	assert_true(endpoint_equal(&k.app_tuple.app, &t.app));
	assert_true(endpoint_equal(&k.app_tuple.host, &t.host));
	assert_int_equal(k.watches, 0);
	assert_int_equal(flow_tcp_write(k.ft, k.app_id, "x", 1), -ECONNRESET);
	flow_app_connected(k.ft, k.app_id, 0, k.now);
	assert_int_equal(k.watches, 1);
	assert_int_equal(flow_tcp_write(k.ft, k.app_id, "hello", 5), 5);
	k.peek_rc = 7;
	flow_host_readable(k.ft, k.app_id, k.now);
	assert_int_equal(k.last_ref, 4711);
	assert_int_equal(k.data_len, 7);
	flow_tcp_consume(k.ft, k.app_id, 7);
	flow_tcp_shutdown(k.ft, k.app_id);
	assert_int_equal(k.shutdowns, 1);
	/* rules are about what the app opens */
	fake_allow(&k, "192.0.2.1");
	flow_policy_changed(k.ft, k.now);
	assert_int_equal(k.reset, 0);
	flow_close(k.ft, k.app_id, false, k.now);
	flow_turn_end(k.ft, k.now);
	assert_int_equal(k.closes, 1);
	assert_int_equal(k.reset_closes, 0);
	fake_fini(&k);
	assert_int_equal(k.publish_closes, 1);
}

static void refusal_resets_the_client(void **state)
{
	uint32_t slot;

	(void)state;
	start();
	slot = publish(1, "127.0.0.1", 80);
	assert_int_equal(arrive(slot, "198.51.100.7", 1), 0);
	flow_app_connected(k.ft, k.app_id, -ECONNREFUSED, k.now);
	flow_app_connected(k.ft, k.app_id, 0, k.now); /* stale */
	flow_turn_end(k.ft, k.now);
	assert_int_equal(k.reset_closes, 1);
	assert_int_equal(k.reset, 0); /* the frontend knows */
	/* at once, from inside */
	k.app_open_rc = -ENOBUFS;
	assert_int_equal(arrive(slot, "198.51.100.7", 2), 0);
	flow_turn_end(k.ft, k.now);
	assert_int_equal(k.reset_closes, 2);
	assert_int_equal(flow_stats(k.ft)->live, 0);
	/* events cannot be had: both ends are told, at the end of the turn */
	k.app_open_rc = 0;
	k.watch_rc = -ENOSPC;
	assert_int_equal(arrive(slot, "198.51.100.7", 3), 0);
	flow_app_connected(k.ft, k.app_id, 0, k.now);
	assert_int_equal(k.reset, 0);
	flow_turn_end(k.ft, k.now);
	assert_int_equal(k.reset, 1);
	fake_fini(&k);
}

static void what_cannot_be_shown_is_the_gateway(void **state)
{
	static const char *const ip4[] = {"127.0.0.1",   "127.1.2.3",
	                                  "10.0.2.100",  "10.0.2.3",
	                                  "169.254.1.1", "240.0.0.1"};
	static const char *const ip6[] = {"::1", "fe80::1", "fd00::100",
	                                  "fd00::3"};
	struct endpoint gateway = ep("10.0.2.2", 5);
	uint32_t slot;

	(void)state;
	start();
	slot = publish(1, "0.0.0.0", 80);
	for (size_t i = 0; i < ARRAY_SIZE(ip4); i++) {
		assert_int_equal(arrive(slot, ip4[i], 5), 0);
		assert_true(endpoint_equal(&k.app_tuple.host, &gateway));
		flow_app_connected(k.ft, k.app_id, -ECONNREFUSED, k.now);
	}
	slot = publish(2, "::", 81);
	gateway = ep("fd00::2", 5);
	for (size_t i = 0; i < ARRAY_SIZE(ip6); i++) {
		assert_int_equal(arrive(slot, ip6[i], 5), 0);
		assert_true(endpoint_equal(&k.app_tuple.host, &gateway));
		assert_int_equal(k.app_tuple.app.port, 81);
		flow_app_connected(k.ft, k.app_id, -ECONNREFUSED, k.now);
	}
	fake_fini(&k);
}

/* Two clients of the loopback may have one port: then another is shown. */
static void gateway_ports_do_not_collide(void **state)
{
	uint32_t slot;

	(void)state;
	start();
	slot = publish(1, "127.0.0.1", 80);
	k.app_in_use = 2;
	assert_int_equal(arrive(slot, "127.0.0.1", 5), 0);
	assert_int_equal(k.app_opens, 3);
	assert_int_not_equal(k.app_tuple.host.port, 5);
	flow_app_connected(k.ft, k.app_id, 0, k.now);
	assert_int_equal(k.watches, 1);
	/* a true address has one true port */
	k.app_in_use = 1;
	assert_int_equal(arrive(slot, "198.51.100.7", 5), 0);
	assert_int_equal(k.app_opens, 4);
	flow_turn_end(k.ft, k.now);
	assert_int_equal(k.reset_closes, 1);
	fake_fini(&k);
}

static void removal_leaves_flows_alone(void **state)
{
	uint32_t slot, other, at = 0;
	struct flow_id id;

	(void)state;
	start();
	slot = publish(1, "127.0.0.1", 80);
	(void)publish(1, "::1", 80);
	other = publish(2, "127.0.0.1", 81);
	assert_int_equal(arrive(slot, "198.51.100.7", 1), 0);
	id = k.app_id;
	flow_app_connected(k.ft, id, 0, k.now);
	flow_publish_remove(k.ft, 1);
	assert_int_equal(k.publish_closes, 2);
	assert_int_equal(flow_publish_count(k.ft), 1);
	assert_int_equal(flow_publish_next(k.ft, &at)->id, 2);
	assert_null(flow_publish_next(k.ft, &at));
	assert_int_equal(flow_tcp_write(k.ft, id, "x", 1), 1);
	assert_true(arrive(slot, "198.51.100.7", 2) < 0);
	assert_int_equal(arrive(other, "198.51.100.7", 2), 0);
	/* a slot is used again */
	assert_int_equal(publish(3, "127.0.0.1", 82), slot);
	fake_fini(&k);
}

static void bounds_refuse_and_recover(void **state)
{
	struct flow_id ids[8];
	uint32_t slot;

	(void)state;
	start();
	slot = publish(1, "127.0.0.1", 80);
	for (uint16_t i = 0; i < 8; i++) {
		assert_int_equal(arrive(slot, "198.51.100.7", i), 0);
		ids[i] = k.app_id;
	}
	/* max_connecting */
	assert_int_equal(arrive(slot, "198.51.100.7", 9), -ENOBUFS);
	flow_app_connected(k.ft, ids[3], 0, k.now);
	assert_int_equal(arrive(slot, "198.51.100.7", 9), 0);
	fake_fini(&k);
}

static void say(uint32_t slot, const char *addr, uint16_t port)
{
	struct endpoint client = ep(addr, port);
	struct addr local = ep("192.0.2.1", 0).addr;

	flow_host_client(k.ft, slot, &client, &local, "question", 8, 0, k.now);
}

static void datagrams_find_their_client(void **state)
{
	struct tuple t = tup(53, "198.51.100.7", 40000);
	uint32_t slot;

	(void)state;
	start();
	slot = publish_as(IP_PROTO_UDP, 7, "0.0.0.0", 53);
	say(slot, "198.51.100.7", 40000); /* nobody listens */
	assert_int_equal(k.delivered, 0);
	flow_publish_set_listening(k.ft, slot, FLOW_LISTENS);
	say(slot, "198.51.100.7", 40000);
	say(slot, "198.51.100.7", 40000);
	assert_int_equal(k.delivered, 2);
	assert_int_equal(k.adopts, 1);
	/* by the reference that the frontend gave, until the app sends */
	assert_int_equal(k.last_ref, 5000 + slot);
	assert_true(endpoint_equal(&k.last_tuple.app, &t.app));
	assert_true(endpoint_equal(&k.last_tuple.host, &t.host));
	/* the answer goes by the same flow, and no rule is asked */
	fake_allow(&k, "192.0.2.1");
	flow_policy_changed(k.ft, k.now);
	assert_int_equal(flow_udp_send(k.ft, &t, 0, "answer", 6, 0, k.now), 0);
	assert_int_equal(flow_stats(k.ft)->live, 1);
	fake_fini(&k);
}

/* Two clients of the loopback with one port are shown with two, each always
 * with the same. */
static void datagrams_by_the_gateway_do_not_cross(void **state)
{
	struct tuple first, second;
	uint32_t slot;

	(void)state;
	start();
	slot = publish_as(IP_PROTO_UDP, 7, "127.0.0.1", 53);
	flow_publish_set_listening(k.ft, slot, FLOW_LISTENS);
	say(slot, "127.0.0.1", 5000);
	first = k.last_tuple;
	say(slot, "127.0.0.2", 5000);
	second = k.last_tuple;
	assert_int_not_equal(first.host.port, second.host.port);
	assert_true(addr_equal(&first.host.addr, &second.host.addr));
	for (int i = 0; i < 3; i++) {
		say(slot, "127.0.0.1", 5000);
		assert_true(endpoint_equal(&k.last_tuple.host, &first.host));
		say(slot, "127.0.0.2", 5000);
		assert_true(endpoint_equal(&k.last_tuple.host, &second.host));
	}
	assert_int_equal(k.adopts, 2);
	/* removed: who was there goes on, nobody else comes */
	flow_publish_remove(k.ft, 7);
	say(slot, "127.0.0.1", 5000);
	assert_int_equal(k.delivered, 9);
	say(slot, "127.0.0.3", 5001);
	assert_int_equal(k.delivered, 9);
	fake_fini(&k);
	assert_int_equal(k.client_closes, 2);
}

static void the_other_family_is_its_gateway(void **state)
{
	struct endpoint gateway6 = ep("fd00::2", 5), app6 = ep("fd00::100", 80);
	struct endpoint own = ep("198.51.100.7", 5);
	uint32_t slot;

	(void)state;
	start();
	slot = publish(1, "0.0.0.0", 80);
	flow_publish_set_listening(k.ft, slot, FLOW_LISTENS_OTHER_FAMILY);
	assert_int_equal(k.listening, 1);
	assert_int_equal(arrive(slot, "198.51.100.7", 5), 0);
	assert_true(endpoint_equal(&k.app_tuple.host, &gateway6));
	assert_true(endpoint_equal(&k.app_tuple.app, &app6));
	flow_app_connected(k.ft, k.app_id, -ECONNREFUSED, k.now);
	/* it is found by its own family again: no listen(2) is needed */
	flow_publish_set_listening(k.ft, slot, FLOW_LISTENS);
	assert_int_equal(k.listening, 1);
	assert_int_equal(arrive(slot, "198.51.100.7", 5), 0);
	assert_true(endpoint_equal(&k.app_tuple.host, &own));
	flow_app_connected(k.ft, k.app_id, -ECONNREFUSED, k.now);
	fake_fini(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_gets_through),
		cmocka_unit_test(refusal_resets_the_client),
		cmocka_unit_test(what_cannot_be_shown_is_the_gateway),
		cmocka_unit_test(the_other_family_is_its_gateway),
		cmocka_unit_test(gateway_ports_do_not_collide),
		cmocka_unit_test(removal_leaves_flows_alone),
		cmocka_unit_test(bounds_refuse_and_recover),
		cmocka_unit_test(datagrams_find_their_client),
		cmocka_unit_test(datagrams_by_the_gateway_do_not_cross),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
