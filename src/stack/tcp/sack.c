/* SPDX-License-Identifier: Apache-2.0 */
/* sack.c - the scoreboard: what the app said it has (RFC 2018, RFC 6675) */
#include "stack/tcp/tcp-private.h"

#include <string.h>

/*
 * struct sacks - lives in one pool chunk while blocks are known. Sorted,
 * apart, within (snd_una, snd_nxt]. A block too many is forgotten: the bytes
 * are then sent again, which is slow and never wrong.
 */
struct sacks {
	uint32_t n;
	struct seq_range r[SACK_RANGES];
};
static_assert(sizeof(struct sacks) <= POOL_CHUNK, "fits a chunk");

static struct sacks *sacks_of(const struct tcp *tcp, const struct conn *c)
{
	return c->sacks ? pool_ptr(tcp, c->sacks) : NULL;
}

void sack_clear(struct tcp *tcp, struct conn *c)
{
	if (c->sacks)
		pool_put(tcp, c->sacks);
	c->sacks = 0;
}

/* Returns the bytes that were not covered before. */
static uint32_t range_add(struct sacks *s, uint32_t start, uint32_t end)
{
	uint32_t i = 0, k, before = 0;

	while (i < s->n && seq_lt(s->r[i].end, start))
		i++;
	if (i == s->n || seq_lt(end, s->r[i].start)) {
		if (s->n == SACK_RANGES)
			return 0;
		memmove(&s->r[i + 1], &s->r[i], (s->n - i) * sizeof(s->r[0]));
		s->r[i] = (struct seq_range){start, end};
		s->n++;
		return end - start;
	}
	for (k = i; k < s->n && seq_leq(s->r[k].start, end); k++)
		before += s->r[k].end - s->r[k].start;
	s->r[i].start = seq_min(s->r[i].start, start);
	s->r[i].end = seq_max(s->r[k - 1].end, end);
	memmove(&s->r[i + 1], &s->r[k], (s->n - k) * sizeof(s->r[0]));
	s->n -= k - i - 1;
	return s->r[i].end - s->r[i].start - before;
}

uint32_t sack_input(struct tcp *tcp, struct conn *c, const struct tseg *seg)
{
	uint32_t fresh = 0;

	for (unsigned int i = 0; i < seg->opt.nsacks; i++) {
		struct seq_range b = seg->opt.sacks[i];
		struct sacks *s;

		/* T15: inverted, of the past, or of what was never sent */
		if (!seq_lt(b.start, b.end) || !seq_lt(c->snd_una, b.start) ||
		    !seq_leq(b.end, c->snd_nxt))
			continue;
		if (!c->sacks) {
			c->sacks = pool_get(tcp);
			if (!c->sacks)
				return fresh;
			s = pool_ptr(tcp, c->sacks);
			s->n = 0;
		}
		s = pool_ptr(tcp, c->sacks);
		fresh += range_add(s, b.start, b.end);
	}
	return fresh;
}

void sack_advance(struct tcp *tcp, struct conn *c)
{
	struct sacks *s = sacks_of(tcp, c);
	uint32_t gone = 0;

	if (!s)
		return;
	while (gone < s->n && seq_leq(s->r[gone].end, c->snd_una))
		gone++;
	memmove(&s->r[0], &s->r[gone], (s->n - gone) * sizeof(s->r[0]));
	s->n -= gone;
	if (!s->n)
		sack_clear(tcp, c);
	else
		s->r[0].start = seq_max(s->r[0].start, c->snd_una);
}

uint32_t sack_bytes(const struct tcp *tcp, const struct conn *c, uint32_t from,
                    uint32_t to)
{
	const struct sacks *s = sacks_of(tcp, c);
	uint32_t sum = 0;

	for (uint32_t i = 0; s && i < s->n; i++) {
		uint32_t start = seq_max(s->r[i].start, from);
		uint32_t end = seq_min(s->r[i].end, to);

		if (seq_lt(start, end))
			sum += end - start;
	}
	return sum;
}

uint32_t sack_lost_edge(const struct tcp *tcp, const struct conn *c)
{
	const struct sacks *s = sacks_of(tcp, c);
	uint32_t above = 0;

	for (uint32_t i = s ? s->n : 0; i-- > 0;) {
		above += s->r[i].end - s->r[i].start;
		if (above > (TCP_DUP_THRESHOLD - 1) * (uint32_t)c->mss)
			return s->r[i].start;
		if (s->n - i >= TCP_DUP_THRESHOLD)
			return s->r[i].start;
	}
	return c->snd_una;
}

uint32_t sack_highest(const struct tcp *tcp, const struct conn *c)
{
	const struct sacks *s = sacks_of(tcp, c);

	return s && s->n ? s->r[s->n - 1].start : c->snd_una;
}

bool sack_next_hole(const struct tcp *tcp, const struct conn *c, uint32_t from,
                    uint32_t to, struct seq_range *out)
{
	const struct sacks *s = sacks_of(tcp, c);

	for (uint32_t i = 0; s && i < s->n; i++) {
		if (seq_leq(s->r[i].end, from))
			continue;
		if (seq_lt(from, s->r[i].start)) {
			to = seq_min(to, s->r[i].start);
			break;
		}
		from = s->r[i].end;
	}
	if (!seq_lt(from, to))
		return false;
	*out = (struct seq_range){from, to};
	return true;
}
