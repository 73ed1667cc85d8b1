/* SPDX-License-Identifier: Apache-2.0 */
/* reass.c - bytes of the app that the host cannot have yet */
#include "stack/tcp/tcp-private.h"

#include <errno.h>
#include <string.h>

#define RECENT_MAX 4u

/*
 * struct hold - lives in one pool chunk while anything is held. map[] finds
 * the chunk of a sequence number (0: none); it is a ring, longer than any
 * window. r[] are the out-of-order ranges beyond rcv_nxt, sorted, apart.
 */
struct hold {
	uint32_t nranges;
	uint32_t nchunks;
	uint32_t nrecent;
	uint32_t
		recent[RECENT_MAX]; /* starts of what came last, latest first */
	struct seq_range r[HOLD_RANGES];
	uint32_t map[HOLD_SLOTS];
};
static_assert(sizeof(struct hold) <= POOL_CHUNK, "fits a chunk");
static_assert(TCP_RCVBUF_MAX + TCP_RCV_SLACK + POOL_CHUNK <=
                      HOLD_SLOTS * POOL_CHUNK,
              "two bytes of one window never share a slot");

static struct hold *hold_of(const struct tcp *tcp, const struct conn *c)
{
	return c->hold ? pool_ptr(tcp, c->hold) : NULL;
}

static struct hold *hold_get(struct tcp *tcp, struct conn *c)
{
	if (!c->hold) {
		c->hold = pool_get(tcp);
		if (!c->hold)
			return NULL;
		memset(pool_ptr(tcp, c->hold), 0, sizeof(struct hold));
	}
	return pool_ptr(tcp, c->hold);
}

static uint32_t *slot_of(struct hold *h, uint32_t seq)
{
	return &h->map[(seq >> POOL_CHUNK_BITS) % HOLD_SLOTS];
}

static uint32_t chunk_left(uint32_t seq)
{
	return POOL_CHUNK - (seq & (POOL_CHUNK - 1));
}

void hold_free(struct tcp *tcp, struct conn *c)
{
	struct hold *h = hold_of(tcp, c);

	if (!h)
		return;
	for (uint32_t i = 0; i < HOLD_SLOTS && h->nchunks; i++)
		if (h->map[i]) {
			pool_put(tcp, h->map[i]);
			h->nchunks--;
		}
	pool_put(tcp, c->hold);
	c->hold = 0;
}

/* Nothing held and nothing ahead: the flow costs bytes again. */
static void free_if_empty(struct tcp *tcp, struct conn *c)
{
	struct hold *h = hold_of(tcp, c);

	if (h && !h->nranges && c->rcv_read == rcv_data_end(c))
		hold_free(tcp, c);
}

uint32_t hold_store(struct tcp *tcp, struct conn *c, uint32_t seq,
                    const uint8_t *data, uint32_t len)
{
	struct hold *h = hold_get(tcp, c);
	uint32_t done = 0;

	while (h && done < len) {
		uint32_t n = MIN(chunk_left(seq), len - done);
		uint32_t *slot = slot_of(h, seq);
		uint8_t *chunk;

		if (!*slot) {
			*slot = pool_get(tcp);
			if (!*slot)
				break;
			h->nchunks++;
		}
		chunk = pool_ptr(tcp, *slot);
		memcpy(chunk + (seq & (POOL_CHUNK - 1)), data + done, n);
		done += n;
		seq += n;
	}
	if (done < len)
		tcp_stats(tcp)->tcp_pool_full++;
	return done;
}

static void note_recent(struct hold *h, uint32_t seq)
{
	uint32_t n = MIN(h->nrecent, RECENT_MAX - 1);

	memmove(&h->recent[1], &h->recent[0], n * sizeof(h->recent[0]));
	h->recent[0] = seq;
	h->nrecent = n + 1;
}

/* The first range that ends at or after seq. */
static uint32_t range_find(const struct hold *h, uint32_t seq)
{
	uint32_t lo = 0, hi = h->nranges;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (seq_lt(h->r[mid].end, seq))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Puts [start, end) in; false when it would be one range too many. */
static bool range_add(struct hold *h, uint32_t start, uint32_t end)
{
	uint32_t i = range_find(h, start);
	uint32_t k = i;

	if (i == h->nranges || seq_lt(end, h->r[i].start)) {
		if (h->nranges == HOLD_RANGES)
			return false;
		memmove(&h->r[i + 1], &h->r[i],
		        (h->nranges - i) * sizeof(h->r[0]));
		h->r[i] = (struct seq_range){start, end};
		h->nranges++;
		return true;
	}
	h->r[i].start = seq_min(h->r[i].start, start);
	while (k + 1 < h->nranges && seq_leq(h->r[k + 1].start, end))
		k++;
	h->r[i].end = seq_max(h->r[k].end, end);
	memmove(&h->r[i + 1], &h->r[k + 1],
	        (h->nranges - k - 1) * sizeof(h->r[0]));
	h->nranges -= k - i;
	return true;
}

static bool range_has_room(const struct hold *h, uint32_t start, uint32_t end)
{
	uint32_t i = range_find(h, start);

	return h->nranges < HOLD_RANGES ||
	       (i < h->nranges && seq_leq(h->r[i].start, end));
}

bool hold_insert(struct tcp *tcp, struct conn *c, uint32_t seq,
                 const uint8_t *data, uint32_t len)
{
	struct hold *h = hold_get(tcp, c);
	uint32_t stored;

	if (!h || !range_has_room(h, seq, seq + len)) {
		tcp_stats(tcp)->tcp_pool_full++;
		free_if_empty(tcp, c);
		return false;
	}
	stored = hold_store(tcp, c, seq, data, len);
	if (stored && range_add(h, seq, seq + stored))
		note_recent(h, seq);
	return stored == len;
}

void hold_join(struct tcp *tcp, struct conn *c)
{
	struct hold *h = hold_of(tcp, c);
	uint32_t n = 0;

	if (!h)
		return;
	for (; n < h->nranges && seq_leq(h->r[n].start, c->rcv_nxt); n++)
		c->rcv_nxt = seq_max(c->rcv_nxt, h->r[n].end);
	if (n) {
		memmove(&h->r[0], &h->r[n], (h->nranges - n) * sizeof(h->r[0]));
		h->nranges -= n;
	}
	free_if_empty(tcp, c);
}

/* Frees the chunks of [from, to) that no later byte shares. */
static void release_read(struct tcp *tcp, struct conn *c, struct hold *h,
                         uint32_t from, uint32_t to)
{
	for (uint32_t seq = from; seq_lt(seq, to); seq += chunk_left(seq)) {
		uint32_t *slot = slot_of(h, seq);

		if (seq_lt(to, seq + chunk_left(seq)))
			break; /* half read */
		if (*slot) {
			pool_put(tcp, *slot);
			*slot = 0;
			h->nchunks--;
		}
	}
	c->rcv_read = to;
}

/* Contiguous bytes at seq: neighbours in the pool are offered as one. */
static uint32_t run_length(struct hold *h, uint32_t seq, uint32_t end)
{
	uint32_t chunk = *slot_of(h, seq);
	uint32_t len = chunk_left(seq);

	while (seq_lt(seq + len, end) && *slot_of(h, seq + len) == chunk + 1) {
		chunk++;
		len += POOL_CHUNK;
	}
	return MIN(len, end - seq);
}

int hold_deliver(struct tcp *tcp, struct conn *c)
{
	const struct stack_common *common = tcp->common;
	uint32_t end = rcv_data_end(c);

	c->host_full = false;
	while (c->rcv_read != end) {
		struct hold *h = hold_of(tcp, c);
		const uint8_t *data;
		uint32_t len;
		ssize_t n;

		if (!h || !*slot_of(h, c->rcv_read))
			return -EBADE; /* cannot be: the flow is reset */
		data = pool_ptr(tcp, *slot_of(h, c->rcv_read));
		data += c->rcv_read & (POOL_CHUNK - 1);
		len = run_length(h, c->rcv_read, end);
		n = common->ops->tcp_write(common->user, c->cookie, data, len);
		if (n < 0 && n != -EAGAIN)
			return (int)n;
		if (n > 0)
			release_read(tcp, c, h, c->rcv_read,
			             c->rcv_read + MIN((uint32_t)n, len));
		if (n < (ssize_t)len) {
			c->host_full = true;
			break;
		}
	}
	free_if_empty(tcp, c);
	return 0;
}

bool hold_has(const struct tcp *tcp, const struct conn *c, uint32_t start,
              uint32_t end)
{
	const struct hold *h = hold_of(tcp, c);
	uint32_t i = h ? range_find(h, end) : 0;

	return h && i < h->nranges && seq_leq(h->r[i].start, start);
}

unsigned int hold_sacks(const struct tcp *tcp, const struct conn *c,
                        struct seq_range *out, unsigned int max)
{
	const struct hold *h = hold_of(tcp, c);
	unsigned int n = 0;

	if (!h)
		return 0;
	/* RFC 2018 4: the first block holds the segment that came last */
	for (uint32_t i = 0; i < h->nrecent && n < max; i++) {
		uint32_t k = range_find(h, h->recent[i] + 1);
		unsigned int seen = 0;

		if (k == h->nranges || seq_lt(h->recent[i], h->r[k].start))
			continue;
		while (seen < n && out[seen].start != h->r[k].start)
			seen++;
		if (seen == n)
			out[n++] = h->r[k];
	}
	return n;
}
