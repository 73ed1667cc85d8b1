/* SPDX-License-Identifier: Apache-2.0 */
/* test_tcp_numbers.c - numbers nobody can guess (T11), a table nobody can
 * clog (T19), and what an idle connection costs */
#include "tcp_rig.h"

#define SAMPLES 10000
/* chi-square of 255 degrees of freedom; one in a million lies beyond */
#define CHI_LIMIT 377.0

static uint32_t isn_of(unsigned int n)
{
	struct tuple t = rig_tuple(n);

	return isn_new(rig.tcp, &t, rig.now);
}

static uint32_t ts_of(unsigned int n)
{
	struct tuple t = rig_tuple(n);

	return isn_ts_offset(rig.tcp, &t);
}

static double chi_square(uint32_t (*sample)(unsigned int n), unsigned int byte)
{
	unsigned int count[256] = {0};
	double expected = SAMPLES / 256.0, sum = 0;

	for (unsigned int n = 0; n < SAMPLES; n++)
		count[sample(n) >> 8 * byte & 0xff]++;
	for (unsigned int i = 0; i < 256; i++) {
		double d = count[i] - expected;

		sum += d * d / expected;
	}
	return sum;
}

static void isn_and_timestamps_look_random(void **state)
{
	(void)state;
	rig_start(4, 0, 11);
	for (unsigned int byte = 0; byte < 4; byte++) {
		assert_true(chi_square(isn_of, byte) < CHI_LIMIT);
		assert_true(chi_square(ts_of, byte) < CHI_LIMIT);
	}
	rig_stop();
}

static void isn_deltas_are_large(void **state)
{
	unsigned int large = 0;
	uint32_t last = 0;

	(void)state;
	rig_start(64, 0, 12);
	for (unsigned int n = 0; n <= 24; n++) {
		struct tuple t = rig_tuple(n);
		uint32_t isn;
		int32_t delta;

		rig_handshake(&t);
		isn = conn_lookup(rig.tcp, &t)->iss;
		delta = (int32_t)(isn - last);
		if (n && (delta > 1 << 20 || delta < -(1 << 20)))
			large++;
		last = isn;
		rig.now += 10 * NS_PER_MS;
	}
	assert_true(large >= 20); /* of 24 */
	rig_stop();
}

static void two_processes_share_nothing(void **state)
{
	uint32_t first[64];
	unsigned int same = 0;

	(void)state;
	rig_start(4, 0, 13);
	for (unsigned int n = 0; n < 64; n++)
		first[n] = isn_of(n);
	rig_stop();
	rig_start(4, 0, 14);
	for (unsigned int n = 0; n < 64; n++)
		same += isn_of(n) == first[n];
	rig_stop();
	assert_int_equal(same, 0);
}

/* RFC 6528: for one tuple it runs on with the clock (reuse of TIME-WAIT). */
static void isn_of_one_tuple_follows_the_clock(void **state)
{
	uint32_t a, b;

	(void)state;
	rig_start(4, 0, 15);
	a = isn_of(1);
	rig.now += NS_PER_S;
	b = isn_of(1);
	rig_stop();
	assert_true(b - a > 200000 && b - a < 300000);
}

/*
 * T19: 20 000 connections to one address that differ in the port alone. The
 * longest run of full buckets is what the worst look-up costs.
 */
static void the_table_has_no_long_runs(void **state)
{
	unsigned int run = 0, longest = 0;

	(void)state;
	rig_start(20000, 0, 16);
	for (unsigned int n = 0; n < 20000; n++) {
		struct tuple t = rig_tuple(n);

		rig_handshake(&t);
	}
	assert_int_equal(rig.common.stats.conns, 20000);
	for (uint32_t i = 0; i <= rig.tcp->bucket_mask; i++) {
		run = rig.tcp->buckets[i] ? run + 1 : 0;
		longest = MAX(longest, run);
	}
	assert_true(longest < 64);
	for (unsigned int n = 0; n < 20000; n++) {
		struct tuple t = rig_tuple(n);
		struct conn *c = conn_lookup(rig.tcp, &t);

		assert_non_null(c);
		if (n % 3)
			conn_drop(rig.tcp, c, false);
	}
	for (unsigned int n = 0; n < 20000; n++) {
		struct tuple t = rig_tuple(n);

		assert_int_equal(!conn_lookup(rig.tcp, &t), n % 3 != 0);
	}
	rig_stop();
}

/* 512 bytes are allowed for a flow in all; the stack's share in memory. */
static void an_idle_connection_is_small(void **state)
{
	enum { N = 10000 };
	unsigned char *map;
	size_t pages, touched = 0;

	(void)state;
	rig_start(N, 64 << 20, 17);
	pages = (rig.size + 4095) / 4096;
	map = malloc(pages);
	assert_non_null(map);
	for (unsigned int n = 0; n < N; n++) {
		struct tuple t = rig_tuple(n);

		rig_handshake(&t);
	}
	tcp_flush(rig.tcp, rig.now);
	assert_int_equal(mincore(rig.tcp, rig.size, map), 0);
	for (size_t i = 0; i < pages; i++)
		touched += map[i] & 1;
	free(map);
	print_message("# %zu bytes an idle connection\n", touched * 4096 / N);
	assert_true(touched * 4096 / N <= 360);
	rig_stop();
}

static void a_stale_id_is_refused(void **state)
{
	struct tuple t = rig_tuple(1);
	struct conn_id old;

	(void)state;
	rig_start(1, 0, 18);
	rig_handshake(&t);
	old = rig.id;
	stack_tcp_abort(rig_stack(), old, rig.now);
	rig_handshake(&t);
	assert_int_equal(old.index, rig.id.index);
	assert_int_not_equal(old.gen, rig.id.gen);
	rig.has = 10;
	rig.sent = 0;
	stack_tcp_host_readable(rig_stack(), old, rig.now);
	stack_tcp_host_writable(rig_stack(), old, rig.now);
	stack_tcp_connected(rig_stack(), old, rig.now);
	stack_tcp_refused(rig_stack(), old, -ECONNREFUSED, rig.now);
	stack_tcp_set_cookie(rig_stack(), old, 99);
	stack_tcp_abort(rig_stack(), old, rig.now);
	stack_tcp_abort(rig_stack(), (struct conn_id){0, 0}, rig.now);
	stack_tcp_abort(rig_stack(), (struct conn_id){7777, 1}, rig.now);
	assert_int_equal(rig.sent, 0);
	assert_int_equal(rig.common.stats.conns, 1);
	rig_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(isn_and_timestamps_look_random),
		cmocka_unit_test(isn_deltas_are_large),
		cmocka_unit_test(two_processes_share_nothing),
		cmocka_unit_test(isn_of_one_tuple_follows_the_clock),
		cmocka_unit_test(the_table_has_no_long_runs),
		cmocka_unit_test(an_idle_connection_is_small),
		cmocka_unit_test(a_stale_id_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
