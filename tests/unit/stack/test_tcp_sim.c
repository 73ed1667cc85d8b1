/* SPDX-License-Identifier: Apache-2.0 */
/* test_tcp_sim.c - two ends of our TCP over a wire that loses, reorders and
 * doubles, in virtual time: every byte arrives once, in order, and no window
 * is ever overrun */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stack/tcp/tcp-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKETS 16384
#define FRAME 65600

struct profile {
	const char *name;
	uint64_t bytes[2];               /* from the opener, from the other */
	unsigned int loss, dup, reorder; /* per mille */
	unsigned int lazy; /* per mille of host writes that take less */
	size_t pool;
	unsigned int mtu;
	bool gso, split; /* split: GSO frames are cut as a kernel would */
	bool no_sack, no_ts, no_wscale, no_pool, is_silent;
	int64_t delay_ns;
};

struct packet {
	int64_t at;
	uint64_t order;
	int to;
	size_t len, hdr_len;
	uint16_t gso;
	struct tuple t;
	uint8_t *bytes;
};

struct end {
	struct stack_common common; /* first: it is the struct stack */
	struct sim *sim;
	int me;
	uint8_t out[FRAME];
	struct conn_id id;
	bool open, shut, closed, reset, established;
	uint64_t sent_total, available, consumed; /* our stream to the peer */
	uint64_t received;
	bool got_end, told_full;
	int64_t wake_write, wake_read;
	/* what the wire saw */
	uint32_t edge;
	bool has_edge;
	unsigned int wscale;
	uint32_t promised; /* the furthest edge it told the other */
	bool has_promised;
};

struct sim {
	struct end ends[2];
	const struct profile *p;
	struct packet *heap[PACKETS];
	size_t nheap;
	uint64_t order;
	int64_t now;
	uint64_t seed;
	uint64_t frames;
};

static uint32_t rnd(struct sim *sim)
{
	sim->seed =
		sim->seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(sim->seed >> 33);
}

static bool chance(struct sim *sim, unsigned int per_mille)
{
	return rnd(sim) % 1000 < per_mille;
}

static uint8_t content(int from, uint64_t pos)
{
	return (uint8_t)((pos * UINT64_C(0x9e3779b97f4a7c15) >> 29) + from);
}

static void fill_random(void *user, void *buf, size_t len)
{
	uint8_t *p = buf;

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)rnd(user);
}

/* --- the wire ------------------------------------------------------------- */

static bool is_before(const struct packet *a, const struct packet *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void heap_push(struct sim *sim, struct packet *p)
{
	size_t i = sim->nheap++;

	assert_true(sim->nheap < PACKETS);
	for (; i && is_before(p, sim->heap[(i - 1) / 2]); i = (i - 1) / 2)
		sim->heap[i] = sim->heap[(i - 1) / 2];
	sim->heap[i] = p;
}

static struct packet *heap_pop(struct sim *sim)
{
	struct packet *top = sim->heap[0], *last = sim->heap[--sim->nheap];
	size_t i = 0;

	for (;;) {
		size_t k = 2 * i + 1;

		if (k >= sim->nheap)
			break;
		if (k + 1 < sim->nheap &&
		    is_before(sim->heap[k + 1], sim->heap[k]))
			k++;
		if (!is_before(sim->heap[k], last))
			break;
		sim->heap[i] = sim->heap[k];
		i = k;
	}
	sim->heap[i] = last;
	return top;
}

static void wire_put(struct sim *sim, int to, const struct tuple *t,
                     const uint8_t *bytes, size_t len, size_t hdr_len,
                     uint16_t gso)
{
	int copies = 1;

	if (chance(sim, sim->p->loss))
		return;
	if (chance(sim, sim->p->dup))
		copies = 2;
	while (copies--) {
		struct packet *p = malloc(sizeof(*p) + len);

		assert_non_null(p);
		*p = (struct packet){
			.at = sim->now + sim->p->delay_ns,
			.order = sim->order++,
			.to = to,
			.len = len,
			.hdr_len = hdr_len,
			.gso = gso,
			.t = {.app = t->host, .host = t->app},
			.bytes = (uint8_t *)(p + 1),
		};
		memcpy(p->bytes, bytes, len);
		if (chance(sim, sim->p->reorder))
			p->at += rnd(sim) % (4 * sim->p->delay_ns + 1);
		heap_push(sim, p);
	}
}

/* Strips options from SYNs, as an app's kernel set up otherwise would. */
static void strip(struct sim *sim, uint8_t *tcp, size_t hdr_len)
{
	for (size_t i = 20; i < hdr_len;) {
		uint8_t kind = tcp[i];
		size_t len = kind < 2 ? 1 : tcp[i + 1];

		if ((kind == 3 && sim->p->no_wscale) ||
		    (kind == 4 && sim->p->no_sack) ||
		    (kind == 8 && sim->p->no_ts))
			memset(tcp + i, 1, len);
		i += len;
	}
}

static void check_sent(struct end *e, const uint8_t *tcp, size_t len,
                       size_t hdr_len)
{
	const struct tcp_hdr *h = (const void *)tcp;
	uint32_t seq = be32_get(h->seq);
	uint32_t end = seq + (uint32_t)(len - hdr_len);

	if (h->flags & TCP_FLAG_SYN) {
		e->wscale = 0;
		for (size_t i = 20; i < hdr_len;) {
			if (tcp[i] == 3)
				e->wscale = tcp[i + 2];
			i += tcp[i] < 2 ? 1 : tcp[i + 1];
		}
		return;
	}
	/* its own edge never goes back, but for rounding to the scale */
	if (h->flags & TCP_FLAG_ACK && !(h->flags & TCP_FLAG_RST)) {
		uint32_t edge = be32_get(h->ack) +
		                ((uint32_t)be16_get(h->window) << e->wscale);

		if (e->has_promised)
			assert_true(
				seq_lt(e->promised, edge + (1u << e->wscale)));
		if (!e->has_promised || seq_lt(e->promised, edge))
			e->promised = edge;
		e->has_promised = true;
	}
	/* never a byte past the furthest edge that reached us */
	if (len > hdr_len && e->has_edge)
		assert_true(seq_leq(end, e->edge));
}

static void note_received(struct end *e, const uint8_t *tcp)
{
	const struct tcp_hdr *h = (const void *)tcp;
	uint32_t wnd = be16_get(h->window);
	uint32_t edge;

	if (!(h->flags & TCP_FLAG_ACK) || h->flags & TCP_FLAG_RST)
		return;
	if (!(h->flags & TCP_FLAG_SYN))
		wnd <<= e->sim->ends[!e->me].wscale;
	edge = be32_get(h->ack) + wnd;
	if (!e->has_edge || seq_lt(e->edge, edge))
		e->edge = edge;
	e->has_edge = true;
}

struct tcp_out lower_tcp_begin(struct stack *st, const struct tuple *t)
{
	struct end *e = (struct end *)(void *)st;

	(void)t;
	return (struct tcp_out){e->out, 65535 - 40};
}

void lower_tcp_send(struct stack *st, const struct tuple *t, size_t tcp_len,
                    size_t hdr_len, uint16_t gso_size, int64_t now)
{
	struct end *e = (struct end *)(void *)st;
	struct sim *sim = e->sim;
	struct tcp_hdr *h = (void *)e->out;
	size_t payload = tcp_len - hdr_len;
	uint32_t seq = be32_get(h->seq);
	uint8_t flags = h->flags;

	(void)now;
	sim->frames++;
	assert_true(tcp_len <= 65535 - 40);
	assert_int_equal((h->offset >> 4) * 4, hdr_len);
	if (flags & TCP_FLAG_SYN)
		strip(sim, e->out, hdr_len);
	check_sent(e, e->out, tcp_len, hdr_len);
	if (gso_size)
		assert_true(sim->p->gso && payload > gso_size);
	assert_true((gso_size ? gso_size : payload) + hdr_len + 20 <=
	            sim->p->mtu);
	if (!gso_size || !sim->p->split) {
		wire_put(sim, !e->me, t, e->out, tcp_len, hdr_len, gso_size);
		return;
	}
	for (size_t off = 0; off < payload; off += gso_size) {
		size_t n = MIN(gso_size, payload - off);
		uint8_t cut[2048];

		memcpy(cut, e->out, hdr_len);
		memcpy(cut + hdr_len, e->out + hdr_len + off, n);
		((struct tcp_hdr *)(void *)cut)->seq =
			be32_of(seq + (uint32_t)off);
		if (off + n < payload)
			((struct tcp_hdr *)(void *)cut)->flags &=
				(uint8_t) ~(TCP_FLAG_PSH | TCP_FLAG_FIN);
		wire_put(sim, !e->me, t, cut, hdr_len + n, hdr_len, 0);
	}
}

void lower_tcp_unreachable(struct stack *st, const struct tuple *t,
                           uint32_t seq, int err, int64_t now)
{
	(void)st, (void)t, (void)seq, (void)err, (void)now;
	fail();
}

static void wire_deliver(struct sim *sim, struct packet *p)
{
	struct end *e = &sim->ends[p->to];
	struct segment seg = {
		.t = p->t,
		.hdr = (const void *)p->bytes,
		.options = view_of(p->bytes + 20, p->hdr_len - 20),
		.payload = view_of(p->bytes + p->hdr_len, p->len - p->hdr_len),
		.gso_size = p->gso,
		.packet = view_of(p->bytes, p->len),
	};

	note_received(e, p->bytes);
	tcp_input(e->common.tcp, &seg, sim->now);
	if (chance(sim, 700))
		tcp_flush(e->common.tcp, sim->now);
	free(p);
}

/* --- the host side of each end
 * ------------------------------------------------ */

static int op_open(void *user, struct conn_id id, const struct tuple *t)
{
	struct end *e = user;

	(void)t;
	e->id = id;
	e->open = true;
	stack_tcp_set_cookie((struct stack *)e, id, 42);
	stack_tcp_connected((struct stack *)e, id, e->sim->now);
	return 0;
}

static ssize_t op_write(void *user, uint64_t cookie, const void *data,
                        size_t len)
{
	struct end *e = user;
	const uint8_t *p = data;

	assert_int_equal(cookie, 42);
	assert_false(e->shut);
	assert_true(len > 0);
	if (chance(e->sim, e->sim->p->lazy)) {
		if (e->wake_write == TIME_NEVER)
			e->wake_write =
				e->sim->now + rnd(e->sim) % (20 * NS_PER_MS);
		len = rnd(e->sim) % len;
		if (!len)
			return -EAGAIN;
	}
	for (size_t i = 0; i < len; i++)
		if (p[i] != content(!e->me, e->received + i))
			fail_msg("byte %llu differs",
			         (unsigned long long)(e->received + i));
	e->received += len;
	return (ssize_t)len;
}

static void op_shutdown(void *user, uint64_t cookie)
{
	struct end *e = user;

	(void)cookie;
	assert_false(e->shut);
	e->shut = true;
}

static ssize_t op_peek(void *user, uint64_t cookie, uint32_t offset, void *buf,
                       size_t len)
{
	struct end *e = user;
	uint64_t pos = e->consumed + offset;
	uint8_t *p = buf;

	(void)cookie;
	if (pos >= e->sent_total)
		return 0;
	if (pos >= e->available) {
		if (e->wake_read == TIME_NEVER)
			e->wake_read =
				e->sim->now + rnd(e->sim) % (5 * NS_PER_MS);
		return -EAGAIN;
	}
	len = MIN(len, e->available - pos);
	for (size_t i = 0; i < len; i++)
		p[i] = content(e->me, pos + i);
	return (ssize_t)len;
}

static void op_consume(void *user, uint64_t cookie, uint32_t n)
{
	struct end *e = user;

	(void)cookie;
	e->consumed += n;
	assert_true(e->consumed <= e->available);
}

static void op_closed(void *user, uint64_t cookie, bool reset)
{
	struct end *e = user;

	(void)cookie;
	assert_false(e->closed);
	e->closed = true;
	e->reset = reset;
}

static void op_established(void *user, uint64_t cookie, int err)
{
	struct end *e = user;

	(void)cookie;
	assert_int_equal(err, 0);
	e->established = true;
}

static const struct stack_ops ops = {
	.tcp_open = op_open,
	.tcp_write = op_write,
	.tcp_shutdown = op_shutdown,
	.tcp_peek = op_peek,
	.tcp_consume = op_consume,
	.tcp_closed = op_closed,
	.tcp_established = op_established,
};

/* --- virtual time
 * ----------------------------------------------------------------- */

static void end_init(struct sim *sim, int me)
{
	struct end *e = &sim->ends[me];
	void *memory;

	e->sim = sim;
	e->me = me;
	e->wake_read = e->wake_write = TIME_NEVER;
	e->sent_total = sim->p->bytes[me];
	e->available = MIN(e->sent_total, 1000);
	e->common.config = (struct stack_config){
		.has_ip4 = true,
		.mtu = sim->p->mtu,
		.gso = sim->p->gso,
		.max_conns = 4,
		.max_connecting = 2,
		.pool_bytes = sim->p->pool,
	};
	e->common.ops = &ops;
	e->common.user = e;
	e->common.random = (struct random_source){fill_random, sim};
	memory = aligned_alloc(4096, (tcp_size(&e->common.config) + 4095) &
	                                     ~(size_t)4095);
	assert_non_null(memory);
	memset(memory, 0, tcp_size(&e->common.config));
	e->common.tcp = tcp_init(memory, (struct stack *)e, sim->now);
}

static void end_wake(struct end *e)
{
	struct sim *sim = e->sim;
	struct stack *st = (struct stack *)e;

	if (e->wake_write <= sim->now) {
		e->wake_write = TIME_NEVER;
		stack_tcp_host_writable(st, e->id, sim->now);
	}
	if (e->wake_read <= sim->now) {
		e->wake_read = TIME_NEVER;
		e->available += 1 + rnd(sim) % 300000;
		e->available = MIN(e->sent_total, e->available);
		stack_tcp_host_readable(st, e->id, sim->now);
	}
	if (tcp_deadline(e->common.tcp) <= sim->now)
		tcp_run(e->common.tcp, sim->now);
}

static int64_t end_next(struct end *e)
{
	int64_t next = tcp_deadline(e->common.tcp);

	if (next <= e->sim->now) /* flush, or a tick already begun */
		next = e->sim->now + 1;
	next = MIN(next, e->wake_read);
	return MIN(next, e->wake_write);
}

static bool is_done(const struct sim *sim)
{
	return sim->ends[0].closed && sim->ends[1].closed;
}

static void run(struct sim *sim, int64_t limit)
{
	while (!is_done(sim)) {
		int64_t next =
			MIN(end_next(&sim->ends[0]), end_next(&sim->ends[1]));

		if (sim->nheap && sim->heap[0]->at < next)
			next = sim->heap[0]->at;
		if (next > limit)
			fail_msg("%s: not done in virtual time", sim->p->name);
		sim->now = MAX(next, sim->now);
		while (sim->nheap && sim->heap[0]->at <= sim->now)
			wire_deliver(sim, heap_pop(sim));
		end_wake(&sim->ends[0]);
		end_wake(&sim->ends[1]);
	}
}

/* What a profile leaves out. */
static struct profile with_defaults(const struct profile *given)
{
	struct profile p = *given;

	if (!p.pool && !p.no_pool)
		p.pool = 16 << 20;
	if (!p.mtu)
		p.mtu = 1500;
	if (!p.delay_ns)
		p.delay_ns = 200 * NS_PER_US;
	if (!p.bytes[0] && !p.bytes[1] && !p.is_silent) {
		p.bytes[0] = 3000000;
		p.bytes[1] = 2000000;
	}
	return p;
}

static int64_t simulate(const struct profile *given, uint64_t seed)
{
	const struct profile full = with_defaults(given), *p = &full;
	struct sim *sim = calloc(1, sizeof(*sim));
	struct tuple t = {
		.app = {addr_ip4(10, 0, 2, 100), 40000},
		.host = {addr_ip4(192, 0, 2, 1), 80},
	};
	int64_t start = 1000 * NS_PER_S, took;

	assert_non_null(sim);
	sim->p = p;
	sim->seed = seed * 7919 + 1;
	sim->now = start;
	end_init(sim, 0);
	end_init(sim, 1);
	assert_int_equal(stack_tcp_connect((struct stack *)&sim->ends[0], &t,
	                                   42, &sim->ends[0].id, sim->now),
	                 0);
	run(sim, start + 900 * NS_PER_S);
	took = sim->now - start;
	for (int i = 0; i < 2; i++) {
		struct end *e = &sim->ends[i];

		assert_false(e->reset);
		assert_true(e->shut);
		assert_int_equal(e->received, p->bytes[!i]);
		assert_int_equal(e->consumed, p->bytes[i]);
	}
	sim->now += 60 * NS_PER_S; /* past every TIME-WAIT */
	for (int i = 0; i < 2; i++) {
		struct tcp *tcp = sim->ends[i].common.tcp;

		while (sim->nheap)
			free(heap_pop(sim));
		tcp_run(tcp, sim->now);
		assert_int_equal(sim->ends[i].common.stats.conns, 0);
		assert_int_equal(sim->ends[i].common.stats.pool_used_bytes, 0);
		free(tcp);
	}
	free(sim);
	return took;
}

static const struct profile profiles[] = {
	{.name = "clean, GSO", .gso = true},
	{.name = "clean, one MSS"},
	{.name = "lazy host", .gso = true, .lazy = 500},
	{.name = "lazy host, one MSS", .lazy = 300},
	{.name = "loss 1 %", .gso = true, .split = true, .loss = 10},
	{.name = "loss 10 %", .loss = 100},
	{.name = "loss 3 %, whole frames", .gso = true, .loss = 30},
	{.name = "reorder", .gso = true, .split = true, .reorder = 200},
	{.name = "duplicates", .gso = true, .dup = 300},
	{.name = "all of it",
         .gso = true,
         .split = true,
         .loss = 30,
         .reorder = 100,
         .dup = 50,
         .lazy = 200},
	{.name = "all of it, slow",
         .loss = 50,
         .reorder = 200,
         .dup = 50,
         .lazy = 200,
         .delay_ns = 20 * NS_PER_MS,
         .bytes = {300000, 200000}},
	{.name = "no SACK", .loss = 30, .reorder = 20, .no_sack = true},
	{.name = "no timestamps", .loss = 30, .no_ts = true},
	{.name = "bare",
         .loss = 20,
         .reorder = 20,
         .no_ts = true,
         .no_sack = true,
         .no_wscale = true},
	{.name = "hardly a pool",
         .loss = 20,
         .lazy = 300,
         .pool = 3 * POOL_CHUNK,
         .bytes = {400000, 400000}},
	{.name = "no pool",
         .lazy = 100,
         .no_pool = true,
         .bytes = {200000, 200000}},
	{.name = "nothing to say", .is_silent = true, .loss = 100},
	{.name = "one way", .bytes = {0, 1000000}, .loss = 20},
	{.name = "jumbo", .mtu = 65520, .loss = 5, .lazy = 100},
};

static void every_byte_once_and_in_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++)
		for (uint64_t seed = 1; seed <= 4; seed++) {
			int64_t took = simulate(&profiles[i], seed);

			if (getenv("TCP_SIM_VERBOSE"))
				print_message("# %s seed %d: %lld ms\n",
				              profiles[i].name, (int)seed,
				              (long long)(took / NS_PER_MS));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_once_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
