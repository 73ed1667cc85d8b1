/* SPDX-License-Identifier: Apache-2.0 */
/* test_dns_tcp.c - the resolver's addresses, over UDP and TCP */
#include "fakes.h"

static struct fake k;
static struct resolver r;

static void start(void)
{
	struct flow_config c = fake_config();

	memset(&r, 0, sizeof(r));
	r.fake = &k;
	c.resolver_aliases[0] = ep("192.168.1.1", 0).addr;
	c.nresolver_aliases = 1;
	fake_init(&k, &c, &r);
}

static struct flow_id open_tcp(const char *to)
{
	struct tuple t = tup(1, to, 53);
	struct flow_id id;
	int before = k.connected;

	assert_int_equal(flow_tcp_open(k.ft, &t, 9, k.now, &id), 0);
	assert_int_equal(k.connected, before); /* never from inside */
	assert_true(flow_deadline(k.ft) <= k.now);
	flow_turn_end(k.ft, k.now);
	assert_int_equal(k.connected, before + 1);
	k.last_id = id;
	return id;
}

static void write_all(struct flow_id id, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = flow_tcp_write(k.ft, id, p, len);

		assert_true(n > 0);
		p += n;
		len -= (size_t)n;
		flow_turn_end(k.ft, k.now);
	}
}

static void udp_asks_and_answers(void **state)
{
	static const char *const to[] = {"10.0.2.3", "fd00::3", "192.168.1.1"};

	(void)state;
	start();
	r.answer = "response";
	r.answer_len = 8;
	for (size_t i = 0; i < ARRAY_SIZE(to); i++) {
		struct tuple t = tup(1, to[i], 53);

		assert_int_equal(
			flow_udp_send(k.ft, &t, 5, "query", 5, 0, k.now), 0);
		assert_int_equal(r.queries, i + 1);
		assert_int_equal(k.delivered, i + 1);
		assert_true(endpoint_equal(&k.last_tuple.host, &t.host));
		assert_memory_equal(k.data, "response", 8);
		assert_true(FLOW_IS_ASKER(r.last_client));
	}
	assert_int_equal(k.udp_opens, 0);
	/* a late answer to a flow that went finds nothing */
	k.now += 30 * NS_PER_S;
	flow_run(k.ft, k.now);
	assert_int_equal(r.gone, 3);
	flow_resolver_answer(k.ft, r.last_client, false, "x", 1, k.now);
	assert_int_equal(k.delivered, 3);
	fake_fini(&k);
}

static void tcp_in_any_pieces(void **state)
{
	static const uint8_t two[] = {0, 3, 'a', 'b', 'c', 0, 2, 'd', 'e'};
	struct flow_id id;
	uint8_t out[32];

	(void)state;
	start();
	id = open_tcp("10.0.2.3");
	for (size_t i = 0; i < sizeof(two); i++)
		write_all(id, two + i, 1);
	assert_int_equal(r.queries, 2);
	assert_memory_equal(r.last, "de", 2);
	write_all(id, two, sizeof(two));
	assert_int_equal(r.queries, 4);
	assert_int_equal(flow_tcp_peek(k.ft, id, 0, out, 32), -EAGAIN);
	flow_tcp_shutdown(k.ft, id);
	flow_turn_end(k.ft, k.now);
	/* four answers are due: not the end yet */
	assert_int_equal(flow_tcp_peek(k.ft, id, 0, out, 32), -EAGAIN);
	for (int i = 0; i < 4; i++)
		flow_resolver_answer(k.ft, r.last_client, true, "xyz", 3,
		                     k.now);
	assert_int_equal(k.data_len, 20);
	assert_memory_equal(k.data, "\0\3xyz\0\3xyz", 10);
	assert_int_equal(flow_tcp_peek(k.ft, id, 18, out, 32), 2);
	flow_tcp_consume(k.ft, id, 12);
	assert_int_equal(flow_tcp_peek(k.ft, id, 0, out, 32), 8);
	assert_int_equal(flow_tcp_peek(k.ft, id, 8, out, 32), 0);
	flow_tcp_consume(k.ft, id, 8);
	assert_int_equal(flow_tcp_peek(k.ft, id, 0, out, 32), 0);
	flow_close(k.ft, id, false, k.now);
	assert_int_equal(r.gone, 1);
	fake_fini(&k);
}

static void nonsense_costs_its_own_connection(void **state)
{
	static const uint8_t lie[] = {0xff, 0xff, 1, 2, 3};
	static uint8_t big[DNS_MESSAGE_MAX];
	struct flow_id id, other;

	(void)state;
	start();
	other = open_tcp("10.0.2.3");
	id = open_tcp("10.0.2.3");
	assert_int_equal(flow_tcp_write(k.ft, id, lie, 5), 5);
	flow_turn_end(k.ft, k.now);
	assert_int_equal(k.reset, 1);
	assert_null(flow_host_part(k.ft, id));
	/* one that asks and never reads meets its bound */
	write_all(other, "\0\1x", 3);
	for (int i = 0; i < 2; i++)
		flow_resolver_answer(k.ft, r.last_client, true, big,
		                     sizeof(big), k.now);
	assert_int_equal(k.reset, 1);
	flow_resolver_answer(k.ft, r.last_client, true, "x", 1, k.now);
	assert_int_equal(k.reset, 2);
	fake_fini(&k);
}

static void connections_are_bounded_and_age(void **state)
{
	struct tuple t = tup(1, "10.0.2.3", 53);
	struct flow_id id;
	int n = 0;

	(void)state;
	start();
	while (flow_tcp_open(k.ft, &t, 9, k.now, &id) == 0)
		n++;
	assert_int_equal(n, 32);
	flow_turn_end(k.ft, k.now);
	assert_int_equal(k.connected, 32);
	k.now += 30 * NS_PER_S;
	flow_run(k.ft, k.now);
	assert_int_equal(k.reset, 32);
	flow_turn_end(k.ft, k.now);
	open_tcp("10.0.2.3");
	fake_fini(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_asks_and_answers),
		cmocka_unit_test(tcp_in_any_pieces),
		cmocka_unit_test(nonsense_costs_its_own_connection),
		cmocka_unit_test(connections_are_bounded_and_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
