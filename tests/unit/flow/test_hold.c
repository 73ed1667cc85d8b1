/* SPDX-License-Identifier: Apache-2.0 */
/* test_hold.c - first bytes are held until their name is known (T26) */
#include "fakes.h"

static struct fake k;

#define GET(host_) "GET / HTTP/1.1\r\nHost: " host_ "\r\n\r\n"

/* One address, learned from good.example, which a rule allows. */
static struct flow_id start(enum flow_tls_names how, const char *rule)
{
	struct flow_config c = fake_config();
	struct random_source random = {fake_fill, &k};
	struct addr a = addr_ip4(93, 184, 216, 34);
	struct policy_answer answer;

	c.tls_names = how;
	fake_init(&k, &c, NULL);
	fake_allow(&k, rule);
	assert_int_equal(policy_pins_init(k.policy, 16, &random), 0);
	assert_true(policy_learn(k.policy, "good.example", &a, 60, false, k.now,
	                         &answer));
	return fake_tcp(&k, 1, "93.184.216.34", 80);
}

static ssize_t put(struct flow_id id, const char *text)
{
	return flow_tcp_write(k.ft, id, text, strlen(text));
}

static uint64_t sent(void)
{
	return flow_stats(k.ft)->bytes_app_host;
}

static void pass(int64_t ns)
{
	k.now += ns;
	if (flow_deadline(k.ft) <= k.now)
		flow_run(k.ft, k.now);
	flow_turn_end(k.ft, k.now);
}

static void the_right_name_goes_on(void **state)
{
	struct flow_id id = start(FLOW_TLS_NAMES_STRICT, "good.example");

	(void)state;
	assert_int_equal(put(id, GET("good.example")),
	                 strlen(GET("good.example")));
	assert_int_equal(sent(), strlen(GET("good.example")));
	/* the second request is not looked at: documented */
	assert_int_equal(put(id, GET("evil.example")),
	                 strlen(GET("evil.example")));
	fake_fini(&k);
}

static void another_name_is_reset_before_a_byte_leaves(void **state)
{
	struct flow_id id = start(FLOW_TLS_NAMES_DNS, "good.example");

	(void)state;
	assert_int_equal(put(id, GET("evil.example")), -EAGAIN);
	assert_int_equal(put(id, GET("good.example")), -EAGAIN); /* too late */
	flow_turn_end(k.ft, k.now);
	assert_int_equal(k.reset, 1);
	assert_int_equal(k.last_err, -EACCES);
	flow_turn_end(k.ft, k.now);
	assert_int_equal(k.reset_closes, 1);
	assert_int_equal(sent(), 0);
	assert_string_equal(k.line,
	                    "denied evil.example:80/tcp (fronting: another "
	                    "name opened the address, good.example); allow "
	                    "with --allow evil.example:80");
	fake_fini(&k);
}

static void the_table_of_modes(void **state)
{
	static const struct {
		const char *text;
		bool dns, strict;
	} rows[] = {
		{GET("good.example"), true, true},
		{GET("evil.example"), false, false},
		{"GET / HTTP/1.0\r\n\r\n", true, false},
		{"GET / HTTP/1.1\r\nHost: good.example\r\nHost: "
	         "evil.example\r\n\r\n",
	         false, false},
		{"SSH-2.0-x\r\n", true, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = strlen(rows[i].text);
		struct flow_id id = start(FLOW_TLS_NAMES_DNS, "good.example");

		put(id, rows[i].text);
		assert_int_equal(sent(), rows[i].dns ? len : 0);
		fake_fini(&k);
		id = start(FLOW_TLS_NAMES_STRICT, "good.example");
		put(id, rows[i].text);
		assert_int_equal(sent(), rows[i].strict ? len : 0);
		fake_fini(&k);
		id = start(FLOW_TLS_NAMES_OFF, "good.example");
		put(id, rows[i].text);
		assert_int_equal(sent(), len);
		fake_fini(&k);
	}
}

static void an_address_rule_is_not_held(void **state)
{
	struct flow_id id = start(FLOW_TLS_NAMES_STRICT, "93.184.216.34");

	(void)state;
	assert_true(put(id, GET("evil.example")) > 0);
	assert_true(sent() > 0);
	fake_fini(&k);
}

/* Byte by byte: nothing leaves until it is whole, then all of it. */
static void pieces_are_put_together(void **state)
{
	static const char text[] = GET("good.example");
	struct flow_id id = start(FLOW_TLS_NAMES_DNS, "good.example");

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		assert_int_equal(sent(), 0);
		assert_int_equal(flow_tcp_write(k.ft, id, text + i, 1), 1);
		flow_turn_end(k.ft, k.now);
	}
	assert_int_equal(sent(), sizeof(text) - 1);
	fake_fini(&k);
	/* and a name that only the last byte completes */
	id = start(FLOW_TLS_NAMES_DNS, "good.example");
	assert_true(put(id, "GET / HTTP/1.1\r\nHost: evil.exam") > 0);
	assert_int_equal(put(id, "ple\r\n\r\n"), -EAGAIN);
	assert_int_equal(sent(), 0);
	fake_fini(&k);
}

/* After a second the bytes go on, and what follows is still judged. */
static void a_second_at_most(void **state)
{
	struct flow_id id = start(FLOW_TLS_NAMES_DNS, "good.example");

	(void)state;
	assert_int_equal(put(id, "GET / HT"), 8);
	pass(0);
	assert_int_equal(flow_deadline(k.ft), k.now + NS_PER_S);
	pass(NS_PER_S - 1);
	assert_int_equal(sent(), 0);
	pass(1);
	assert_int_equal(sent(), 8);
	assert_int_equal(put(id, "TP/1.1\r\nHost: "), 14);
	assert_int_equal(sent(), 22);
	assert_int_equal(put(id, "evil.example\r\n\r\n"), -EAGAIN);
	assert_int_equal(sent(), 22);
	flow_turn_end(k.ft, k.now);
	assert_int_equal(k.reset, 1);
	fake_fini(&k);
}

static void a_full_host_socket_is_waited_for(void **state)
{
	struct flow_id id = start(FLOW_TLS_NAMES_DNS, "good.example");

	(void)state;
	assert_int_equal(put(id, "GET / HTTP/1.1\r\n"), 16);
	k.write_rc = -EAGAIN;
	assert_int_equal(put(id, "Host: good.example\r\n\r\n"), 22);
	flow_host_writable(k.ft, id, k.now);
	assert_int_equal(k.writable, 0);
	assert_int_equal(put(id, "x"), -EAGAIN);
	flow_tcp_shutdown(k.ft, id);
	assert_int_equal(k.shutdowns, 0); /* what is held goes first */
	k.write_rc = 1 << 20;
	flow_host_writable(k.ft, id, k.now);
	assert_int_equal(k.shutdowns, 1);
	assert_int_equal(sent(), 38);
	fake_fini(&k);
}

static void a_fin_lets_go(void **state)
{
	struct flow_id id = start(FLOW_TLS_NAMES_DNS, "good.example");

	(void)state;
	assert_int_equal(put(id, "HELLO"), 5);
	assert_int_equal(sent(), 0);
	flow_tcp_shutdown(k.ft, id);
	assert_int_equal(sent(), 5);
	assert_int_equal(k.shutdowns, 1);
	fake_fini(&k);
}

/* T58: with all holds taken the next one is reset, and others go on */
static void holds_are_bounded(void **state)
{
	struct flow_config c = fake_config();
	struct random_source random = {fake_fill, &k};
	struct addr a = addr_ip4(93, 184, 216, 34);
	struct policy_answer answer;
	struct flow_id ids[258];

	(void)state;
	c.max_flows = 300;
	fake_init(&k, &c, NULL);
	fake_allow(&k, "good.example");
	assert_int_equal(policy_pins_init(k.policy, 16, &random), 0);
	assert_true(policy_learn(k.policy, "good.example", &a, 60, false, k.now,
	                         &answer));
	for (uint16_t i = 0; i < 258; i++) {
		ids[i] = fake_tcp(&k, (uint16_t)(i + 1), "93.184.216.34", 80);
		assert_int_equal(put(ids[i], "GET / "), i < 256 ? 6 : -EAGAIN);
	}
	flow_turn_end(k.ft, k.now);
	assert_int_equal(k.reset, 2);
	flow_close(k.ft, ids[7], true, k.now);
	flow_turn_end(k.ft, k.now);
	ids[256] = fake_tcp(&k, 400, "93.184.216.34", 80);
	assert_int_equal(put(ids[256], "GET / "), 6);
	pass(0);
	pass(2 * NS_PER_S);
	assert_int_equal(sent(), 256 * 6);
	fake_fini(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_name_goes_on),
		cmocka_unit_test(another_name_is_reset_before_a_byte_leaves),
		cmocka_unit_test(the_table_of_modes),
		cmocka_unit_test(an_address_rule_is_not_held),
		cmocka_unit_test(pieces_are_put_together),
		cmocka_unit_test(a_second_at_most),
		cmocka_unit_test(a_full_host_socket_is_waited_for),
		cmocka_unit_test(a_fin_lets_go),
		cmocka_unit_test(holds_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
