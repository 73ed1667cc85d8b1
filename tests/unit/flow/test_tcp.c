/* SPDX-License-Identifier: Apache-2.0 */
/* test_tcp.c - TCP flows against a fake host and a fake frontend */
#include "fakes.h"

static struct fake k;

static void start(void)
{
	struct flow_config c = fake_config();

	fake_init(&k, &c, NULL);
}

static void opens_and_carries(void **state)
{
	struct tuple t = tup(1, "93.184.216.34", 80);
	struct flow_id id;
	char buf[10];

	(void)state;
	start();
	assert_int_equal(flow_tcp_open(k.ft, &t, 77, k.now, &id), 0);
	assert_int_equal(k.connected, 0);
	assert_true(endpoint_equal(&k.last_to, &t.host));
	flow_host_connected(k.ft, id, 0, k.now);
	assert_int_equal(k.connected, 1);
	assert_int_equal(k.last_ref, 77);

	assert_int_equal(flow_tcp_write(k.ft, id, "hello", 5), 5);
	k.write_rc = 2;
	assert_int_equal(flow_tcp_write(k.ft, id, "hello", 5), 2);
	flow_host_writable(k.ft, id, k.now);
	assert_int_equal(k.writable, 1);
	flow_host_writable(k.ft, id, k.now); /* nobody waits */
	assert_int_equal(k.writable, 1);
	k.peek_rc = 7;
	assert_int_equal(flow_tcp_peek(k.ft, id, 0, buf, 10), 7);
	flow_tcp_consume(k.ft, id, 7);
	assert_int_equal(k.consumed, 7);
	flow_tcp_shutdown(k.ft, id);
	flow_tcp_shutdown(k.ft, id);
	assert_int_equal(k.shutdowns, 1);
	assert_int_equal(flow_stats(k.ft)->bytes_app_host, 7);
	assert_int_equal(flow_stats(k.ft)->bytes_host_app, 7);
	flow_close(k.ft, id, false, k.now);
	assert_int_equal(k.open_fds, 1); /* until the end of the turn */
	flow_turn_end(k.ft, k.now);
	assert_int_equal(k.open_fds, 0);
	assert_int_equal(k.reset_closes, 0);
	fake_fini(&k);
}

static void refusals_keep_their_errno(void **state)
{
	static const int errs[] = {-ECONNREFUSED, -EHOSTUNREACH, -ENETUNREACH,
	                           -ETIMEDOUT, -EADDRNOTAVAIL};
	struct tuple t = tup(1, "93.184.216.34", 80);
	struct flow_id id;

	(void)state;
	start();
	for (size_t i = 0; i < ARRAY_SIZE(errs); i++) {
		k.connect_rc = -EINPROGRESS;
		assert_int_equal(flow_tcp_open(k.ft, &t, i, k.now, &id), 0);
		flow_host_connected(k.ft, id, errs[i], k.now);
		assert_int_equal(k.refused, i + 1);
		assert_int_equal(k.last_err, errs[i]);
		/* the flow is gone: what comes late finds nothing */
		flow_host_connected(k.ft, id, 0, k.now);
		assert_int_equal(k.connected, 0);
		k.connect_rc = errs[i];
		assert_int_equal(flow_tcp_open(k.ft, &t, i, k.now, &id),
		                 errs[i]);
		flow_turn_end(k.ft, k.now);
		assert_int_equal(k.open_fds, 0);
	}
	assert_int_equal(flow_stats(k.ft)->live, 0);
	fake_fini(&k);
}

static void gateway_is_the_hosts_loopback(void **state)
{
	static const struct {
		const char *asked, *final;
	} rows[] = {{"10.0.2.2", "127.0.0.1"}, {"fd00::2", "::1"}};
	struct flow_id id;

	(void)state;
	start();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tuple t = tup(1, rows[i].asked, 5432);

		assert_int_equal(flow_tcp_open(k.ft, &t, 1, k.now, &id),
		                 -EACCES);
	}
	assert_int_equal(k.connects, 0);
	assert_int_equal(k.lines, 2);
	assert_non_null(strstr(k.line, "denied [::1]:5432/tcp ("));
	assert_non_null(strstr(k.line, "; allow with --allow [::1]:5432"));
	fake_allow(&k, "127.0.0.1:5432");
	fake_allow(&k, "[::1]:5432");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tuple t = tup(1, rows[i].asked, 5432);
		struct endpoint want = ep(rows[i].final, 5432);

		assert_int_equal(flow_tcp_open(k.ft, &t, 1, k.now, &id), 0);
		assert_true(endpoint_equal(&k.last_to, &want));
		flow_close(k.ft, id, true, k.now);
	}
	fake_fini(&k);
}

static void resolver_address_serves_dns_only(void **state)
{
	struct tuple t = tup(1, "10.0.2.3", 80);
	struct flow_id id;

	(void)state;
	start();
	assert_int_equal(flow_tcp_open(k.ft, &t, 1, k.now, &id), -ECONNREFUSED);
	t.host.port = 53; /* no resolver in this table */
	assert_int_equal(flow_tcp_open(k.ft, &t, 1, k.now, &id), -ECONNREFUSED);
	assert_int_equal(k.connects, 0);
	assert_int_equal(k.lines, 0);
	fake_fini(&k);
}

static void denials_are_told_once_and_bounded(void **state)
{
	struct tuple t = tup(1, "127.0.0.1", 80);
	struct flow_id id;
	int before;

	(void)state;
	start();
	for (int i = 0; i < 100; i++)
		assert_int_equal(flow_tcp_open(k.ft, &t, 1, k.now, &id),
		                 -EACCES);
	assert_int_equal(k.lines, 1);
	assert_int_equal(flow_stats(k.ft)->denied, 100);
	for (uint16_t port = 1000; port < 1100; port++) {
		t.host.port = port;
		assert_int_equal(flow_tcp_open(k.ft, &t, 1, k.now, &id),
		                 -EACCES);
	}
	assert_in_range(k.lines, 2, 11);
	before = k.lines;
	assert_true(flow_deadline(k.ft) <= k.now + NS_PER_S);
	k.now += NS_PER_S;
	flow_run(k.ft, k.now);
	assert_int_equal(k.lines, before + 1);
	assert_string_equal(k.line, "... and 91 more denied");
	assert_true(flow_deadline(k.ft) == TIME_NEVER);
	fake_fini(&k);
}

static void bounds_refuse_and_recover(void **state)
{
	struct tuple t = tup(1, "93.184.216.34", 80);
	struct flow_id ids[64], id;
	size_t n = 0;

	(void)state;
	start();
	for (; n < 8; n++)
		assert_int_equal(flow_tcp_open(k.ft, &t, n, k.now, &ids[n]), 0);
	assert_int_equal(flow_tcp_open(k.ft, &t, 9, k.now, &id), -ENOBUFS);
	for (size_t i = 0; i < 8; i++)
		flow_host_connected(k.ft, ids[i], 0, k.now);
	while (n < 64) {
		assert_int_equal(flow_tcp_open(k.ft, &t, n, k.now, &ids[n]), 0);
		flow_host_connected(k.ft, ids[n++], 0, k.now);
	}
	assert_int_equal(flow_tcp_open(k.ft, &t, 65, k.now, &id), -EMFILE);
	/* those that run keep running */
	assert_int_equal(flow_tcp_write(k.ft, ids[0], "x", 1), 1);
	flow_close(k.ft, ids[3], true, k.now);
	flow_turn_end(k.ft, k.now);
	assert_int_equal(flow_tcp_open(k.ft, &t, 66, k.now, &id), 0);
	assert_int_equal(id.index, ids[3].index);
	assert_int_not_equal(id.gen, ids[3].gen);
	fake_fini(&k);
}

static void stale_ids_find_nothing(void **state)
{
	struct flow_id old, id;
	char buf[4];

	(void)state;
	start();
	old = fake_tcp(&k, 1, "93.184.216.34", 80);
	flow_close(k.ft, old, false, k.now);
	assert_null(flow_host_part(k.ft, old));
	flow_turn_end(k.ft, k.now);
	id = fake_tcp(&k, 2, "93.184.216.34", 80);
	assert_int_equal(id.index, old.index);
	k.peek_rc = 4;
	assert_int_equal(flow_tcp_peek(k.ft, old, 0, buf, 4), -ECONNRESET);
	assert_int_equal(flow_tcp_write(k.ft, old, "x", 1), -ECONNRESET);
	flow_host_reset(k.ft, old, -ECONNRESET, k.now);
	flow_host_readable(k.ft, old, k.now);
	flow_close(k.ft, old, true, k.now);
	flow_tcp_shutdown(k.ft, old);
	assert_int_equal(k.reset, 0);
	assert_int_equal(k.readable, 0);
	assert_int_equal(k.shutdowns, 0);
	assert_int_equal(flow_tcp_peek(k.ft, id, 0, buf, 4), 4);
	fake_fini(&k);
}

/* S14: what follows a reset is never an end of stream. */
static void reset_is_never_end_of_stream(void **state)
{
	struct flow_id id;
	char buf[4];

	(void)state;
	start();
	id = fake_tcp(&k, 1, "93.184.216.34", 80);
	k.peek_rc = -ECONNRESET;
	assert_int_equal(flow_tcp_peek(k.ft, id, 0, buf, 4), -ECONNRESET);
	k.peek_rc = 0; /* so the kernel says next */
	assert_int_equal(flow_tcp_peek(k.ft, id, 0, buf, 4), -ECONNRESET);
	flow_close(k.ft, id, true, k.now);

	/* by event: the last bytes go first, then the reset */
	k.last_id = id = fake_tcp(&k, 2, "93.184.216.34", 80);
	k.peek_rc = 3;
	flow_host_reset(k.ft, id, -ECONNRESET, k.now);
	assert_int_equal(k.readable, 1);
	assert_int_equal(k.data_len, 3);
	assert_int_equal(k.reset, 1);
	assert_null(flow_host_part(k.ft, id));

	/* the frontend that closes from inside is not told twice */
	k.close_when_told = true;
	k.last_id = id = fake_tcp(&k, 3, "93.184.216.34", 80);
	k.peek_rc = 0;
	flow_host_reset(k.ft, id, -ECONNRESET, k.now);
	assert_int_equal(k.last_err, -ECONNRESET);
	assert_int_equal(k.reset, 1);
	assert_null(flow_host_part(k.ft, id));
	fake_fini(&k);
}

/* An early answer is delivered although our write came too late. */
static void failed_write_waits_for_the_last_bytes(void **state)
{
	struct flow_id id;

	(void)state;
	start();
	k.last_id = id = fake_tcp(&k, 1, "93.184.216.34", 80);
	k.write_rc = -EPIPE;
	k.peek_rc = 9;
	assert_int_equal(flow_tcp_write(k.ft, id, "x", 1), -EAGAIN);
	assert_int_equal(k.reset, 0);
	assert_true(flow_deadline(k.ft) <= k.now);
	flow_turn_end(k.ft, k.now);
	assert_int_equal(k.data_len, 9);
	assert_int_equal(k.reset, 1);
	assert_int_equal(k.last_err, -ECONNRESET);
	assert_int_equal(k.open_fds, 0);
	fake_fini(&k);
}

static void policy_change_ends_what_it_denies(void **state)
{
	struct addr own = ep("93.184.216.34", 0).addr;
	struct flow_id a, b;

	(void)state;
	start();
	a = fake_tcp(&k, 1, "93.184.216.34", 80);
	b = fake_tcp(&k, 2, "93.184.216.35", 80);
	assert_int_equal(policy_set_own(k.policy, &own, 1), 0);
	flow_policy_changed(k.ft, k.now);
	assert_null(flow_host_part(k.ft, a));
	assert_non_null(flow_host_part(k.ft, b));
	assert_int_equal(k.reset, 1);
	assert_int_equal(k.last_ref, 1);
	fake_fini(&k);
}

/* What lives is listed, and nothing else; in pieces as in one. */
static void flows_are_listed(void **state)
{
	struct flow_info f;
	struct flow_id a;
	uint64_t cursor = 0;
	size_t looks = 100, n = 0;

	(void)state;
	start();
	assert_false(flow_list_next(k.ft, &cursor, &looks, k.now, &f));
	a = fake_tcp(&k, 1, "93.184.216.34", 80);
	(void)fake_tcp(&k, 2, "93.184.216.35", 443);
	(void)fake_tcp(&k, 3, "93.184.216.36", 80);
	flow_close(k.ft, a, false, k.now);
	flow_turn_end(k.ft, k.now);
	assert_true(flow_list_next(k.ft, &cursor, &looks, k.now, &f));
	assert_string_equal(f.proto, "tcp");
	assert_int_equal(f.state, FLOW_OPEN);
	assert_int_equal(f.host.port, 443);
	assert_string_equal(f.reason, "open by default");
	assert_int_equal(f.rule, 0);
	assert_false(f.internal || f.has_bytes || f.who.pid);
	/* one place at a time; the end is a cursor of 0 */
	cursor = 0;
	do {
		looks = 1;
		n += flow_list_next(k.ft, &cursor, &looks, k.now, &f);
	} while (cursor);
	assert_int_equal(n, 2);
	assert_int_equal(f.host.port, 80);
	/* the verdict is that of now */
	assert_int_equal(policy_add_live(k.policy, POLICY_ALLOW,
	                                 "93.184.216.36", "control:1", NULL),
	                 0);
	while (looks = 100, flow_list_next(k.ft, &cursor, &looks, k.now, &f))
		;
	assert_int_equal(f.rule, policy_rule_count(k.policy));
	fake_fini(&k);
}

static void closed_denies_everything_new(void **state)
{
	struct tuple t = tup(1, "93.184.216.34", 80);
	struct flow_id id;

	(void)state;
	start();
	flow_set_closed(k.ft, true);
	assert_int_equal(flow_tcp_open(k.ft, &t, 1, k.now, &id), -EACCES);
	flow_set_closed(k.ft, false);
	assert_int_equal(flow_tcp_open(k.ft, &t, 1, k.now, &id), 0);
	fake_fini(&k);
}

/* THREATS 7: each impossible state costs one flow, the others live. */
static void impossible_states_end_one_flow(void **state)
{
	struct tuple t = tup(1, "93.184.216.34", 80), u = t;
	struct addr from = t.host.addr;
	struct flow_id ids[40], id;
	uint64_t n = 0;

	(void)state;
	start();
	for (uint16_t i = 0; i < 40; i++)
		ids[i] = fake_tcp(&k, i, "93.184.216.34", 80);
	for (int what = 0; what < 8; what++) {
		uint8_t data[4] = {0};

		if (what < 3) { /* connecting */
			assert_int_equal(
				flow_tcp_open(k.ft, &t, 99, k.now, &id), 0);
		} else if (what < 5) { /* open */
			id = fake_tcp(&k, 99, "93.184.216.34", 80);
		} else { /* a datagram flow */
			u.app.port++;
			assert_int_equal(
				flow_udp_send(k.ft, &u, 99, data, 4, 0, k.now),
				0);
			id = k.last_id;
		}
		switch (what) {
		case 0:
		case 5:
			flow_host_readable(k.ft, id, k.now);
			break;
		case 1:
			flow_host_writable(k.ft, id, k.now);
			break;
		case 2:
		case 6:
			flow_host_reset(k.ft, id, -ECONNRESET, k.now);
			break;
		case 3:
			flow_host_connected(k.ft, id, 0, k.now);
			break;
		case 4:
			flow_host_datagram_error(k.ft, id, -1, &from, k.now);
			break;
		case 7:
			flow_host_echo(k.ft, id, 1, data, 4, k.now);
			break;
		}
		n++;
		assert_int_equal(flow_stats(k.ft)->impossible, n);
		assert_null(flow_host_part(k.ft, id));
		flow_turn_end(k.ft, k.now);
		for (int i = 0; i < 40; i++)
			assert_int_equal(flow_tcp_write(k.ft, ids[i], "x", 1),
			                 1);
	}
	assert_int_equal(k.open_fds, 40);
	assert_int_equal(k.lines, 1); /* once a second */
	fake_fini(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_and_carries),
		cmocka_unit_test(refusals_keep_their_errno),
		cmocka_unit_test(gateway_is_the_hosts_loopback),
		cmocka_unit_test(resolver_address_serves_dns_only),
		cmocka_unit_test(denials_are_told_once_and_bounded),
		cmocka_unit_test(bounds_refuse_and_recover),
		cmocka_unit_test(stale_ids_find_nothing),
		cmocka_unit_test(reset_is_never_end_of_stream),
		cmocka_unit_test(failed_write_waits_for_the_last_bytes),
		cmocka_unit_test(policy_change_ends_what_it_denies),
		cmocka_unit_test(flows_are_listed),
		cmocka_unit_test(closed_denies_everything_new),
		cmocka_unit_test(impossible_states_end_one_flow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
