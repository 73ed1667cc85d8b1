/* SPDX-License-Identifier: Apache-2.0 */
/* conn.c - the table of connections, and the theory of the TCP endpoint */
#include "stack/tcp/tcp-private.h"

#include <string.h>

/*
 * THEORY
 *
 * tcp/ is one end of every TCP connection of the app; the other half of each
 * is a stream of the host, reached through `stack_ops`. What enters: segments
 * whose checksum holds (`tcp_input`), the clock (`tcp_run`), and what the
 * owner says of the host (`stack_tcp_connected`, `stack_tcp_host_readable`).
 * What leaves: segments (`lower_tcp_send`) and calls.
 *
 * A connection is made before it is answered: the SYN goes to
 * `stack_ops.tcp_open`, the SYN-ACK waits for `stack_tcp_connected`.
 *
 * Nothing is stored twice. Towards the app, bytes stay in the host's socket
 * until they are acknowledged: sending is `stack_ops.tcp_peek` at an offset,
 * sending again is the same. Towards the host, in-order bytes are written
 * from the received frame; only what the host declines, and what arrives out
 * of order, is copied into chunks of one bounded pool (`hold_store`). Chunks
 * are found by sequence number through a map of `HOLD_SLOTS`, so nothing
 * depends on how much is held; ranges are bounded by `HOLD_RANGES`.
 *
 * Invariants: rcv_read <= rcv_nxt <= rcv_edge, and rcv_edge never goes back;
 * snd_una <= snd_nxt; no byte is sent past snd_edge. One wheel timer serves a
 * connection: it is set for the earliest of its deadlines, and is left alone
 * when it is early anyway.
 *
 * Refused: whatever is outside the window is acknowledged and dropped; RSTs
 * and SYNs inside it get a challenge (RFC 5961), a few each second and flow.
 * A state that cannot be resets its one connection.
 *
 * Costs: an idle connection is a struct conn and a bucket, under 400 bytes.
 */

#define BUCKET_INDEX_BITS 24u
#define BUCKET_INDEX_MASK ((1u << BUCKET_INDEX_BITS) - 1)
#define MAX_CONNS BUCKET_INDEX_MASK

struct layout {
	size_t buckets, conns, pool, total;
	uint32_t nbuckets, nconns, nchunks;
};

static size_t align_up(size_t v, size_t to)
{
	return (v + to - 1) & ~(to - 1);
}

static struct layout layout_of(const struct stack_config *config)
{
	struct layout l = {0};

	l.nconns = (uint32_t)MIN(MAX(config->max_conns, (size_t)1),
	                         (size_t)MAX_CONNS - 1);
	l.nbuckets = 16;
	while (l.nbuckets < 2 * l.nconns)
		l.nbuckets *= 2;
	l.nchunks = (uint32_t)MIN(config->pool_bytes / POOL_CHUNK,
	                          (size_t)UINT32_MAX / 2);
	l.buckets = align_up(sizeof(struct tcp), 64);
	l.conns = align_up(l.buckets + l.nbuckets * sizeof(uint32_t), 64);
	l.pool = align_up(l.conns + (l.nconns + 1) * sizeof(struct conn), 4096);
	l.total = l.pool + (size_t)l.nchunks * POOL_CHUNK;
	return l;
}

size_t tcp_size(const struct stack_config *config)
{
	return layout_of(config).total;
}

static void set_default(int64_t *option, int64_t value)
{
	if (*option <= 0)
		*option = value;
}

struct tcp *tcp_init(void *memory, struct stack *st, int64_t now)
{
	struct stack_common *common = stack_common(st);
	struct layout l = layout_of(&common->config);
	uint8_t *base = memory;
	struct tcp *tcp = memory;

	tcp->st = st;
	tcp->common = common;
	tcp->hash_key = siphash_key_new(&common->random);
	tcp->isn_key = siphash_key_new(&common->random);
	tcp->buckets = (uint32_t *)(void *)(base + l.buckets);
	tcp->bucket_mask = l.nbuckets - 1;
	tcp->conns = (struct conn *)(void *)(base + l.conns);
	tcp->max_conns = l.nconns;
	tcp->max_connecting =
		(uint32_t)MIN(MAX(common->config.max_connecting, (size_t)1),
	                      (size_t)l.nconns);
	tcp->queue_bytes = TCP_APP_QUEUE;
	if (common->config.app_queue_bytes)
		tcp->queue_bytes = (uint32_t)MIN(common->config.app_queue_bytes,
		                                 (size_t)UINT32_MAX);
	set_default(&common->config.time_wait_ns, TCP_TIME_WAIT_NS);
	set_default(&common->config.user_timeout_ns, TCP_USER_TIMEOUT_NS);
	set_default(&common->config.keepalive_ns, TCP_KEEP_IDLE_NS);
	tcp->pool.base = base + l.pool;
	tcp->pool.chunks = l.nchunks;
	tcp->sweep_ns = TIME_NEVER;
	wheel_init(&tcp->wheel, now);
	return tcp;
}

void tcp_fini(struct tcp *tcp, int64_t now)
{
	(void)now;
	for (uint32_t i = 1; i <= tcp->fresh; i++)
		if (tcp->conns[i].state != CONN_FREE)
			conn_drop(tcp, &tcp->conns[i], true);
}

/* --- the hash: open addressing, keyed, no tombstones ---------------------- */

static uint64_t tuple_hash(const struct tcp *tcp, const struct tuple *t)
{
	return isn_tuple_hash(&tcp->hash_key, t, 0);
}

static bool tuple_equal(const struct tuple *a, const struct tuple *b)
{
	return a->app.port == b->app.port && a->host.port == b->host.port &&
	       !memcmp(&a->app.addr, &b->app.addr, sizeof(a->app.addr)) &&
	       !memcmp(&a->host.addr, &b->host.addr, sizeof(a->host.addr));
}

static uint32_t tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 56) << BUCKET_INDEX_BITS;
}

struct conn *conn_lookup(struct tcp *tcp, const struct tuple *t)
{
	uint64_t hash = tuple_hash(tcp, t);
	uint32_t i = (uint32_t)hash & tcp->bucket_mask;
	uint32_t b;

	for (; (b = tcp->buckets[i]) != 0; i = (i + 1) & tcp->bucket_mask) {
		struct conn *c = &tcp->conns[b & BUCKET_INDEX_MASK];

		if ((b & ~BUCKET_INDEX_MASK) == tag_of(hash) &&
		    tuple_equal(&c->t, t))
			return c;
	}
	return NULL;
}

static void hash_insert(struct tcp *tcp, struct conn *c)
{
	uint64_t hash = tuple_hash(tcp, &c->t);
	uint32_t i = (uint32_t)hash & tcp->bucket_mask;

	while (tcp->buckets[i])
		i = (i + 1) & tcp->bucket_mask;
	tcp->buckets[i] = tag_of(hash) | conn_index(tcp, c);
}

/* Moves later members of the run up, so that no lookup meets a gap. */
static void hash_close_gap(struct tcp *tcp, uint32_t gap)
{
	uint32_t mask = tcp->bucket_mask;
	uint32_t i = gap;

	for (;;) {
		uint32_t b, home;

		i = (i + 1) & mask;
		b = tcp->buckets[i];
		if (!b)
			break;
		home = (uint32_t)tuple_hash(
			       tcp, &tcp->conns[b & BUCKET_INDEX_MASK].t) &
		       mask;
		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		tcp->buckets[gap] = b;
		gap = i;
	}
	tcp->buckets[gap] = 0;
}

void conn_unhash(struct tcp *tcp, struct conn *c)
{
	uint32_t i = (uint32_t)tuple_hash(tcp, &c->t) & tcp->bucket_mask;
	uint32_t index = conn_index(tcp, c);

	for (; tcp->buckets[i]; i = (i + 1) & tcp->bucket_mask)
		if ((tcp->buckets[i] & BUCKET_INDEX_MASK) == index) {
			hash_close_gap(tcp, i);
			return;
		}
}

/* --- lists ---------------------------------------------------------------- */

void list_push(struct tcp *tcp, struct conn_list *l, struct conn *c)
{
	c->next = 0;
	c->prev = l->tail;
	if (l->tail)
		tcp->conns[l->tail].next = conn_index(tcp, c);
	else
		l->head = conn_index(tcp, c);
	l->tail = conn_index(tcp, c);
}

void list_remove(struct tcp *tcp, struct conn_list *l, struct conn *c)
{
	if (c->prev)
		tcp->conns[c->prev].next = c->next;
	else
		l->head = c->next;
	if (c->next)
		tcp->conns[c->next].prev = c->prev;
	else
		l->tail = c->prev;
	c->prev = c->next = 0;
}

/* --- life ----------------------------------------------------------------- */

struct conn *conn_get(struct tcp *tcp, struct conn_id id)
{
	struct conn *c;

	if (!id.index || id.index > tcp->fresh || !id.gen)
		return NULL;
	c = &tcp->conns[id.index];
	return c->gen == id.gen && c->state != CONN_FREE ? c : NULL;
}

/* A full table takes the place of the oldest TIME-WAIT, if there is one. */
static uint32_t slot_take(struct tcp *tcp)
{
	uint32_t index;

	if (!tcp->free_head && tcp->fresh == tcp->max_conns &&
	    tcp->time_wait.head)
		conn_drop(tcp, &tcp->conns[tcp->time_wait.head], false);
	index = tcp->free_head;
	if (index)
		tcp->free_head = tcp->conns[index].next;
	else if (tcp->fresh < tcp->max_conns)
		index = ++tcp->fresh;
	return index;
}

struct conn *conn_new(struct tcp *tcp, const struct tuple *t, int64_t now)
{
	uint32_t index = slot_take(tcp);
	struct conn *c;
	uint32_t gen;

	if (!index)
		return NULL;
	c = &tcp->conns[index];
	gen = (c->gen + 1) & CONN_GEN_MAX;
	if (!gen)
		gen = 1;
	*c = (struct conn){
		.t = *t,
		.gen = gen,
		.rtx_ns = TIME_NEVER,
		.ack_ns = TIME_NEVER,
		.last_rcv_ns = now,
		.iss = isn_new(tcp, t, now),
		.ts_offset = isn_ts_offset(tcp, t),
		.rcvbuf = TCP_RCVBUF_START,
		.quickacks = TCP_QUICKACKS,
	};
	c->snd_una = c->snd_nxt = c->iss;
	hash_insert(tcp, c);
	tcp_stats(tcp)->conns++;
	if (tcp->sweep_ns == TIME_NEVER)
		tcp->sweep_ns = now + TCP_KEEP_INTERVAL_NS;
	return c;
}

static bool is_half_open(enum conn_state state)
{
	return state == CONN_CONNECTING || state == CONN_SYN_RCVD ||
	       state == CONN_SYN_SENT;
}

/* The one place that changes a state: lists and counts follow it. */
void conn_set_state(struct tcp *tcp, struct conn *c, enum conn_state state)
{
	enum conn_state old = c->state;

	if (old == state)
		return;
	if (old == CONN_SYN_RCVD)
		list_remove(tcp, &tcp->half_open, c);
	else if (old == CONN_TIME_WAIT)
		list_remove(tcp, &tcp->time_wait, c);
	if (state == CONN_SYN_RCVD)
		list_push(tcp, &tcp->half_open, c);
	else if (state == CONN_TIME_WAIT)
		list_push(tcp, &tcp->time_wait, c);
	if (is_half_open(old))
		tcp->connecting--;
	if (is_half_open(state))
		tcp->connecting++;
	tcp_stats(tcp)->conns_connecting = tcp->connecting;
	c->state = (uint8_t)state;
}

void conn_free(struct tcp *tcp, struct conn *c)
{
	conn_set_rcvbuf(tcp, c, 0);
	hold_free(tcp, c);
	sack_clear(tcp, c);
	wheel_cancel(&tcp->wheel, &c->timer);
	if (c->state != CONN_DRAINING)
		conn_unhash(tcp, c);
	conn_set_state(tcp, c, CONN_FREE);
	c->next = tcp->free_head;
	tcp->free_head = conn_index(tcp, c);
	tcp_stats(tcp)->conns--;
}

void conn_drop(struct tcp *tcp, struct conn *c, bool reset)
{
	uint64_t cookie = c->cookie;
	bool tell = !c->host_gone;

	conn_free(tcp, c);
	if (reset)
		tcp_stats(tcp)->tcp_resets++;
	if (tell)
		tcp->common->ops->tcp_closed(tcp->common->user, cookie, reset);
}

void conn_kill(struct tcp *tcp, struct conn *c, int64_t now)
{
	output_rst(tcp, c, now);
	conn_drop(tcp, c, true);
}

void conn_impossible(struct tcp *tcp, struct conn *c, int64_t now)
{
	tcp_stats(tcp)->tcp_impossible++;
	conn_kill(tcp, c, now);
}

void conn_set_rcvbuf(struct tcp *tcp, struct conn *c, uint32_t bytes)
{
	tcp->wide -= c->rcvbuf > TCP_RCVBUF_START;
	c->rcvbuf = bytes;
	tcp->wide += bytes > TCP_RCVBUF_START;
}

/* --- what a SYN settles ----------------------------------------------------
 */

uint16_t conn_mss(const struct tcp *tcp, const struct tuple *t)
{
	size_t headers = addr_is_ip4(&t->host.addr) ? 40 : 60;
	size_t mss = sub_clamped(tcp->common->config.mtu, headers);

	return (uint16_t)MIN(MAX(mss, TCP_MSS_MIN), (size_t)65535 - 60);
}

/* Ours is what both sides know; an MSS is always taken, and clamped. */
void conn_take_syn_options(struct tcp *tcp, struct conn *c,
                           const struct tcp_options *opt, int64_t now)
{
	uint16_t ours = conn_mss(tcp, &c->t);
	uint16_t theirs = addr_is_ip4(&c->t.host.addr) ? TCP_MSS_DEFAULT4
	                                               : TCP_MSS_DEFAULT6;

	if (opt->has_mss)
		theirs = (uint16_t)MAX(opt->mss, TCP_MSS_MIN); /* T9 */
	c->peer_mss = MIN(theirs, ours);
	c->has_ts = opt->has_ts;
	c->has_sack = opt->has_sack_ok;
	c->has_wscale = opt->has_wscale;
	c->snd_wscale = opt->has_wscale ? opt->wscale : 0;
	c->rcv_wscale = opt->has_wscale ? TCP_WSCALE_OURS : 0;
	c->mss = (uint16_t)(c->peer_mss - (c->has_ts ? 12 : 0));
	if (opt->has_ts) {
		c->ts_recent = opt->tsval;
		c->ts_recent_s = (uint32_t)(now / NS_PER_S);
	}
	c->rcv_mss = TCP_MSS_DEFAULT4;
	cc_newreno.init(c);
}

bool conn_lower_mss(struct conn *c, unsigned int mtu)
{
	bool is_ip4 = addr_is_ip4(&c->t.host.addr);
	unsigned int least = is_ip4 ? 552 : 1280; /* Linux's, RFC 8200 5 */
	unsigned int mss = MAX(mtu, least) - (is_ip4 ? 40 : 60);

	if (mss >= c->peer_mss)
		return false;
	c->peer_mss = (uint16_t)mss;
	c->mss = (uint16_t)(mss - (c->has_ts ? 12 : 0));
	return true;
}

void conn_enter_time_wait(struct tcp *tcp, struct conn *c, int64_t now)
{
	conn_set_state(tcp, c, CONN_TIME_WAIT);
	timer_rtx_set(tcp, c, RTX_TIME_WAIT,
	              now + tcp->common->config.time_wait_ns);
}
