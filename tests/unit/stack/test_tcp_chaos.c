/* SPDX-License-Identifier: Apache-2.0 */
/* test_tcp_chaos.c - segments nobody would send, calls from inside calls:
 * no invariant breaks, and an honest flow works afterwards */
#include "tcp_rig.h"

#define ROUNDS 60000

/* What always holds of every live connection. */
static void check_all(void)
{
	struct tcp *tcp = rig.tcp;
	size_t live = 0, connecting = 0;

	for (uint32_t i = 1; i <= tcp->fresh; i++) {
		const struct conn *c = &tcp->conns[i];

		if (c->state == CONN_FREE)
			continue;
		live++;
		connecting += c->state <= CONN_SYN_RCVD;
		assert_true(seq_leq(c->rcv_read, c->rcv_nxt));
		if (c->state >= CONN_ESTABLISHED && !c->fin_rcvd)
			assert_true(seq_leq(c->rcv_nxt, c->rcv_edge));
		assert_true(c->rcv_edge - c->rcv_read <=
		                    TCP_RCVBUF_MAX + TCP_RCV_SLACK ||
		            c->state == CONN_SYN_SENT);
		assert_true(seq_leq(c->snd_una, c->snd_nxt));
		assert_true(c->rtx_kind == RTX_NONE ||
		            wheel_is_armed(&c->timer));
		assert_true(c->state == CONN_SYN_SENT ||
		            c->mss >= TCP_MSS_MIN - 12);
		if (c->state >= CONN_ESTABLISHED &&
		    c->state != CONN_TIME_WAIT && c->state != CONN_DRAINING &&
		    c->snd_una != c->snd_nxt)
			assert_int_not_equal(c->rtx_kind, RTX_NONE);
	}
	assert_int_equal(live, rig.common.stats.conns);
	assert_int_equal(connecting, rig.common.stats.conns_connecting);
	assert_int_equal(rig.common.stats.pool_used_bytes,
	                 rig.tcp->pool.used * (size_t)POOL_CHUNK);
}

/* A number near one that means something, or any at all. */
static uint32_t near(uint32_t v)
{
	switch (rig_random() % 8) {
	case 0:
		return rig_random() << 8;
	case 1:
		return v + rig_random() % 70000;
	case 2:
		return v - rig_random() % 3000;
	case 3:
		return v + 1;
	default:
		return v;
	}
}

static size_t random_options(uint8_t *o)
{
	static const uint8_t kinds[] = {0, 1, 2, 3, 4, 5, 8, 253, 255};
	size_t len = rig_random() % 11 * 4, at = 0;

	while (at < len) {
		size_t n = rig_random() % 12;

		o[at++] = kinds[rig_random() % sizeof(kinds)];
		if (at < len)
			o[at++] = (uint8_t)n;
		for (; n > 2 && at < len; n--)
			o[at++] = (uint8_t)rig_random();
	}
	return len;
}

static void random_segment(unsigned int flows)
{
	struct tuple t = rig_tuple(rig_random() % flows);
	struct conn *c = conn_lookup(rig.tcp, &t);
	uint8_t options[40];
	struct rig_seg s = {
		.t = t,
		.seq = near(c ? c->rcv_nxt : 0),
		.ack = near(c ? c->snd_una : 0),
		.flags = (uint8_t)(rig_random() % 3 ? TCP_FLAG_ACK
	                                            : rig_random()),
		.window = (uint16_t)(rig_random() % 4 ? 65535 : rig_random()),
		.options = options,
	};

	if (!c && rig_random() % 4)
		s.flags = TCP_FLAG_SYN;
	else if (c && rig_random() % 4)
		s.flags &= (uint8_t) ~(TCP_FLAG_RST | TCP_FLAG_SYN);
	if (c && rig_random() % 4)
		s.ack = c->snd_nxt;
	if (rig_random() % 3)
		s.options_len = random_options(options);
	if (rig_random() % 2)
		s.payload_len =
			rig_random() % (rig_random() % 8 ? 3000 : 60000);
	rig_input(&s);
}

static void random_host(void)
{
	struct conn_id id = {1 + rig_random() % MAX(rig.tcp->fresh, 1u), 0};

	id.gen = rig.tcp->conns[id.index].gen;
	switch (rig_random() % 12) {
	case 0:
		stack_tcp_abort(rig_stack(), id, rig.now);
		break;
	case 1:
		stack_tcp_connected(rig_stack(), id, rig.now);
		break;
	case 2:
		stack_tcp_refused(rig_stack(), id, -EHOSTUNREACH, rig.now);
		break;
	case 3:
	case 4:
	case 5:
		rig.has = rig_random() % 200000;
		stack_tcp_host_readable(rig_stack(), id, rig.now);
		break;
	case 6:
	case 7:
		rig.accepts = rig_random() % 100000;
		stack_tcp_host_writable(rig_stack(), id, rig.now);
		break;
	case 8:
		tcp_flush(rig.tcp, rig.now);
		break;
	case 9: {
		struct tuple t = rig_tuple(rig_random() % 40);

		if (stack_tcp_connect(rig_stack(), &t, 0, &id, rig.now) < 0)
			break;
		break;
	}
	case 10: {
		struct tuple t = rig_tuple(rig_random() % 40);

		tcp_icmp_error(rig.tcp, &t, rig_random(), rig_random() % 2000,
		               rig.now);
		break;
	}
	default:
		rig.now += (int64_t)(rig_random() % 1000) * NS_PER_MS;
		tcp_run(rig.tcp, rig.now);
		break;
	}
}

static void an_honest_flow_works(void)
{
	struct tuple t = rig_tuple(999);
	struct rig_seg s = {.t = t,
	                    .seq = 1,
	                    .flags = TCP_FLAG_ACK,
	                    .payload_len = 1000,
	                    .window = 65535};
	uint64_t before;

	rig.connects = true;
	rig.accepts = UINT64_MAX;
	rig.now += 200 * NS_PER_S; /* half-open ones give way */
	tcp_run(rig.tcp, rig.now);
	rig_handshake(&t);
	before = rig.taken;
	s.ack = conn_lookup(rig.tcp, &t)->snd_nxt;
	rig_input(&s);
	assert_int_equal(rig.taken, before + 1000);
}

static void no_segment_breaks_an_invariant(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		rig_start(48, seed % 2 ? 1 << 20 : 4 * POOL_CHUNK, seed);
		for (int i = 0; i < ROUNDS; i++) {
			rig.connects = rig_random() % 2;
			if (rig_random() % 4)
				random_segment(40);
			else
				random_host();
			if (i % 16 == 0)
				check_all();
		}
		check_all();
		an_honest_flow_works();
		rig_stop();
	}
}

/* --- calls from inside calls
 * -------------------------------------------------- */

static const char *cut_in;

/* The owner may abort, at any call that allows it, the very connection. */
static void abort_inside(struct rig *r, const char *call)
{
	if (strcmp(call, cut_in))
		return;
	stack_tcp_abort((struct stack *)r, r->id, r->now);
}

static void play_all(void)
{
	struct tuple t = rig_tuple(5);
	struct rig_seg s = {.t = t, .flags = TCP_FLAG_SYN, .window = 65535};
	struct conn *c;

	rig_input(&s);
	c = conn_lookup(rig.tcp, &t);
	if (!c)
		return;
	s.flags = TCP_FLAG_ACK;
	s.seq = 1;
	s.ack = c->snd_nxt;
	rig_input(&s);
	rig.has = 5000;
	stack_tcp_host_readable(rig_stack(), rig.id, rig.now);
	s.ack += 3000;
	rig_input(&s);
	s.ack += 2000;
	s.payload_len = 100;
	s.flags |= TCP_FLAG_FIN;
	rig_input(&s);
	tcp_flush(rig.tcp, rig.now);
	rig.now += 10 * NS_PER_S;
	tcp_run(rig.tcp, rig.now);
}

static void the_owner_may_abort_from_inside(void **state)
{
	static const char *const calls[] = {"open", "consume", "shutdown"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		rig_start(4, 1 << 20, i + 1);
		cut_in = calls[i];
		rig.inside = abort_inside;
		play_all();
		assert_int_equal(rig.common.stats.conns, 0);
		assert_int_equal(rig.closed, 0);
		check_all();
		rig_stop();
	}
}

/* tcp_closed() may open the next connection in the slot just left. */
static void connect_inside(struct rig *r, const char *call)
{
	struct tuple t = rig_tuple(6);
	struct conn_id id;

	if (strcmp(call, "closed"))
		return;
	assert_int_equal(
		stack_tcp_connect((struct stack *)r, &t, 1, &id, r->now), 0);
}

static void the_slot_may_be_taken_from_inside(void **state)
{
	struct tuple t = rig_tuple(5);
	struct rig_seg s = {.t = t, .seq = 1, .flags = TCP_FLAG_RST};

	(void)state;
	rig_start(1, 1 << 20, 3);
	rig_handshake(&t);
	rig.inside = connect_inside;
	rig_input(&s);
	assert_int_equal(rig.closed, 1);
	assert_int_equal(rig.common.stats.conns, 1);
	check_all();
	rig_stop();
}

static void readable_inside(struct rig *r, const char *call)
{
	if (strcmp(call, "consume"))
		return;
	r->has += 500;
	stack_tcp_host_readable((struct stack *)r, r->id, r->now);
	stack_tcp_host_writable((struct stack *)r, r->id, r->now);
}

static void the_owner_may_refill_from_inside(void **state)
{
	struct tuple t = rig_tuple(5);
	struct rig_seg s = {
		.t = t, .seq = 1, .flags = TCP_FLAG_ACK, .window = 65535};

	(void)state;
	rig_start(1, 1 << 20, 4);
	rig_handshake(&t);
	rig.inside = readable_inside;
	rig.has = 1000;
	stack_tcp_host_readable(rig_stack(), rig.id, rig.now);
	for (int i = 0; i < 10; i++) {
		struct conn *c = conn_lookup(rig.tcp, &t);

		s.ack = c->snd_nxt;
		rig_input(&s);
		assert_int_equal(c->snd_nxt - c->snd_una, 500);
	}
	rig_stop();
}

/* --- states that cannot be (THREATS 7)
 * ------------------------------------------ */

enum { FLOWS = 12, BREAKS = 5 };

/* Some of a connection's way, so that each state is met. */
static struct conn *play_until(const struct tuple *t, enum conn_state state)
{
	struct rig_seg s = {.t = *t, .flags = TCP_FLAG_SYN, .window = 65535};
	struct conn *c;

	rig.connects = state != CONN_CONNECTING;
	rig_input(&s);
	rig.connects = true;
	c = conn_lookup(rig.tcp, t);
	if (state == CONN_CONNECTING || state == CONN_SYN_RCVD)
		return c;
	s.flags = TCP_FLAG_ACK;
	s.seq = 1;
	s.ack = c->snd_nxt;
	rig_input(&s);
	if (state == CONN_CLOSE_WAIT) {
		s.flags |= TCP_FLAG_FIN;
		rig_input(&s);
	}
	rig.accepts = 0; /* something is held */
	s.flags = TCP_FLAG_ACK;
	s.payload_len = 100;
	rig_input(&s);
	rig.accepts = UINT64_MAX;
	return c;
}

static void break_it(struct conn *c, int how)
{
	switch (how) {
	case 0:
		c->snd_una = c->snd_nxt + 1000;
		break;
	case 1:
		c->rcv_read = c->rcv_nxt + 5000;
		break;
	case 2:
		c->rcv_read = c->rcv_nxt - 70000; /* what is not held */
		break;
	case 3:
		c->snd_nxt = c->snd_una - 1;
		break;
	default:
		c->state = 200;
		break;
	}
}

static void check_echo(unsigned int n)
{
	struct tuple t = rig_tuple(n);
	struct conn *c = conn_lookup(rig.tcp, &t);
	struct rig_seg s = {.t = t,
	                    .flags = TCP_FLAG_ACK,
	                    .payload_len = 10,
	                    .window = 65535};
	uint64_t before = rig.taken;

	assert_non_null(c);
	s.seq = c->rcv_nxt;
	s.ack = c->snd_nxt;
	rig_input(&s);
	assert_int_equal(rig.taken, before + 10);
}

static void an_impossible_state_costs_one_flow(void **state)
{
	static const enum conn_state states[] = {
		CONN_SYN_RCVD,
		CONN_ESTABLISHED,
		CONN_CLOSE_WAIT,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(states) * BREAKS; i++) {
		struct tuple bad = rig_tuple(500);
		struct rig_seg s = {.t = bad,
		                    .flags = TCP_FLAG_ACK,
		                    .payload_len = 10,
		                    .window = 65535};
		struct conn *c;

		/* the count of half-open ones follows the state: not that */
		if (states[i / BREAKS] == CONN_SYN_RCVD && i % BREAKS == 4)
			continue;
		rig_start(64, 1 << 20, i + 1);
		for (unsigned int n = 0; n < FLOWS; n++) {
			struct tuple t = rig_tuple(n);

			rig_handshake(&t);
		}
		c = play_until(&bad, states[i / BREAKS]);
		assert_non_null(c);
		s.seq = c->rcv_nxt;
		s.ack = c->snd_nxt;
		break_it(c, (int)(i % BREAKS));
		stack_tcp_host_writable(rig_stack(), conn_id(rig.tcp, c),
		                        rig.now);
		rig_input(&s);
		assert_true(rig.common.stats.tcp_impossible == 1);
		assert_null(conn_lookup(rig.tcp, &bad));
		for (unsigned int n = 0; n < FLOWS; n++)
			check_echo(n);
		rig.now += 300 * NS_PER_S;
		tcp_run(rig.tcp, rig.now);
		for (unsigned int n = 0; n < FLOWS; n++)
			check_echo(n);
		assert_int_equal(rig.common.stats.conns, FLOWS);
		rig_stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_segment_breaks_an_invariant),
		cmocka_unit_test(an_impossible_state_costs_one_flow),
		cmocka_unit_test(the_owner_may_abort_from_inside),
		cmocka_unit_test(the_slot_may_be_taken_from_inside),
		cmocka_unit_test(the_owner_may_refill_from_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
