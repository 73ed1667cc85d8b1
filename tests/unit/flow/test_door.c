/* SPDX-License-Identifier: Apache-2.0 */
/* test_door.c - flows to what an option opened */
#include "fakes.h"

static struct fake k;

static void start(void)
{
	struct flow_config c = fake_config();

	fake_init(&k, &c, NULL);
}

static void add(uint32_t id, uint8_t proto, const char *face, uint16_t port,
                const char *to, uint16_t to_port)
{
	struct flow_door d = {.id = id, .proto = proto, .nfaces = 2};

	d.faces[0] = ep("127.0.0.1", port);
	d.faces[1] = ep(face, port);
	d.to_unix = !to;
	if (to)
		d.to = ep(to, to_port);
	assert_int_equal(flow_door_add(k.ft, &d), 0);
}

static int dial(const char *host, uint16_t port, struct flow_id *id)
{
	struct tuple t = tup(1000, host, port);

	return flow_tcp_open(k.ft, &t, 7, k.now, id);
}

static void each_face_leads_there(void **state)
{
	struct endpoint to = ep("127.0.0.1", 5432);
	struct flow_id id;

	(void)state;
	start();
	add(1, IP_PROTO_TCP, "10.0.2.2", 7000, "127.0.0.1", 5432);
	assert_int_equal(dial("127.0.0.1", 7000, &id), 0);
	assert_true(endpoint_equal(&k.last_to, &to));
	assert_int_equal(dial("10.0.2.2", 7000, &id), 0);
	assert_true(endpoint_equal(&k.last_to, &to));
	assert_int_equal(k.connects, 2);
	/* the port of the host itself, another protocol, another address */
	assert_int_equal(dial("10.0.2.2", 5432, &id), -EACCES);
	assert_int_equal(dial("127.0.0.2", 7000, &id), -EACCES);
	assert_null(flow_door_at(k.ft, IP_PROTO_UDP, &to));
	assert_int_equal(k.connects, 2);
	fake_fini(&k);
}

static void only_a_rule_that_denies_shuts_it(void **state)
{
	struct flow_id open, id;
	struct error err = {0};

	(void)state;
	start();
	add(1, IP_PROTO_TCP, "10.0.2.2", 7000, "192.0.2.9", 80);
	/* the rest is denied, and the door is not */
	fake_allow(&k, "198.51.100.1");
	assert_int_equal(dial("10.0.2.2", 7000, &open), 0);
	flow_host_connected(k.ft, open, 0, k.now);
	assert_int_equal(dial("192.0.2.9", 80, &id), -EACCES);
	flow_set_closed(k.ft, true);
	assert_int_equal(dial("10.0.2.2", 7000, &id), 0);
	flow_policy_changed(k.ft, k.now);
	assert_int_equal(k.reset, 0);
	/* what runs ends, and nothing new begins */
	assert_int_equal(policy_add(k.policy, POLICY_DENY, "192.0.2.9", &err),
	                 0);
	flow_policy_changed(k.ft, k.now);
	assert_int_equal(k.reset, 2);
	assert_int_equal(dial("10.0.2.2", 7000, &id), -EACCES);
	fake_fini(&k);
}

static void a_path_is_opened_by_others(void **state)
{
	struct flow_id id, stale;

	(void)state;
	start();
	add(3, IP_PROTO_TCP, "127.0.0.5", 7000, NULL, 0);
	assert_int_equal(dial("127.0.0.5", 7000, &id), 0);
	assert_int_equal(k.connects, 0);
	assert_int_equal(k.door, 3);
	flow_door_connected(k.ft, id, k.next_fd++, 0, k.now);
	assert_int_equal(k.connected, 1);
	assert_int_equal(k.watches, 1);
	assert_int_equal(flow_tcp_write(k.ft, id, "x", 1), 1);
	/* a second answer finds nobody, and its descriptor is closed */
	flow_door_connected(k.ft, id, k.next_fd++, 0, k.now);
	assert_int_equal(k.closes, 1);
	flow_close(k.ft, id, false, k.now);
	/* nobody there */
	assert_int_equal(dial("127.0.0.5", 7000, &id), 0);
	flow_door_connected(k.ft, id, -1, -ECONNREFUSED, k.now);
	assert_int_equal(k.refused, 1);
	assert_int_equal(k.last_err, -ECONNREFUSED);
	/* the app gave up before the answer came */
	assert_int_equal(dial("127.0.0.5", 7000, &stale), 0);
	flow_close(k.ft, stale, true, k.now);
	flow_turn_end(k.ft, k.now);
	flow_door_connected(k.ft, stale, k.next_fd++, 0, k.now);
	flow_door_connected(k.ft, stale, -1, -ENOENT, k.now);
	assert_int_equal(k.connected, 1);
	/* nobody can be asked */
	k.door_open_rc = -EAGAIN;
	assert_int_equal(dial("127.0.0.5", 7000, &id), -EAGAIN);
	fake_fini(&k);
}

static void datagrams_go_by_their_own_door(void **state)
{
	struct tuple t = tup(1000, "127.0.0.1", 53);
	struct endpoint to = ep("127.0.0.1", 5353);

	(void)state;
	start();
	add(1, IP_PROTO_UDP, "10.0.2.2", 53, "127.0.0.1", 5353);
	assert_int_equal(flow_udp_send(k.ft, &t, 9, "q", 1, 0, k.now), 0);
	assert_true(endpoint_equal(&k.last_to, &to));
	flow_host_datagram(k.ft, k.last_id, "a", 1, 0, k.now);
	assert_true(endpoint_equal(&k.last_tuple.host, &t.host));
	assert_int_equal(k.last_ref, 9);
	fake_fini(&k);
}

static void bounds(void **state)
{
	struct flow_door d = {.proto = IP_PROTO_TCP};

	(void)state;
	start();
	assert_int_equal(flow_door_add(k.ft, &d), -EINVAL);
	d.nfaces = FLOW_DOOR_FACES + 1;
	d.id = 1;
	assert_int_equal(flow_door_add(k.ft, &d), -EINVAL);
	d.nfaces = 0;
	for (uint32_t i = 0; i < FLOW_DOORS_MAX; i++)
		assert_int_equal(flow_door_add(k.ft, &d), 0);
	assert_int_equal(flow_door_add(k.ft, &d), -ENOBUFS);
	assert_false(flow_has_gateway_door(k.ft));
	assert_true(flow_is_gateway_name("host.docker.internal"));
	assert_false(flow_is_gateway_name("docker.internal"));
	fake_fini(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_face_leads_there),
		cmocka_unit_test(only_a_rule_that_denies_shuts_it),
		cmocka_unit_test(a_path_is_opened_by_others),
		cmocka_unit_test(datagrams_go_by_their_own_door),
		cmocka_unit_test(bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
