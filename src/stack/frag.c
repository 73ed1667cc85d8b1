/* SPDX-License-Identifier: Apache-2.0 */
/* frag.c - reassembly in a few fixed slots, data copied, overlaps refused */
#include "stack/lower-private.h"

#include <string.h>

static bool key_equal(const struct frag_key *a, const struct frag_key *b)
{
	return a->id == b->id && a->proto == b->proto &&
	       addr_equal(&a->src, &b->src) && addr_equal(&a->dst, &b->dst);
}

static bool unit_is_set(const struct frag_slot *s, size_t unit)
{
	return s->map[unit / 64] >> (unit % 64) & 1;
}

static size_t units_set(const struct frag_slot *s, size_t from, size_t to)
{
	size_t n = 0;

	for (size_t unit = from; unit < to; unit++)
		n += unit_is_set(s, unit);
	return n;
}

void frag_free(struct stack *st, struct frag_slot *slot)
{
	slot->is_used = false;
	st->common.stats.frag_slots_used--;
}

static void frag_drop(struct stack *st, struct frag_slot *slot)
{
	frag_free(st, slot);
	st->common.stats.frags_dropped++;
}

static struct frag_slot *slot_find(struct stack *st, const struct frag_key *key)
{
	for (size_t i = 0; i < FRAG_SLOTS; i++)
		if (st->frags[i].is_used && key_equal(&st->frags[i].key, key))
			return &st->frags[i];
	return NULL;
}

/* A free slot, or that of the oldest datagram, which is given up. */
static struct frag_slot *slot_new(struct stack *st, const struct frag_key *key,
                                  int64_t now)
{
	struct frag_slot *slot = &st->frags[0];
	uint8_t *data;

	for (size_t i = 0; i < FRAG_SLOTS; i++) {
		if (!st->frags[i].is_used) {
			slot = &st->frags[i];
			break;
		}
		if (st->frags[i].deadline_ns < slot->deadline_ns)
			slot = &st->frags[i];
	}
	if (slot->is_used)
		frag_drop(st, slot);
	data = slot->data;
	*slot = (struct frag_slot){
		.key = *key,
		.deadline_ns = now + FRAG_TIMEOUT_NS,
		.is_used = true,
		.data = data,
	};
	st->common.stats.frag_slots_used++;
	return slot;
}

/* Does its place in the datagram agree with what came before? */
static bool piece_fits(const struct frag_slot *s, const struct frag_piece *p)
{
	size_t end = p->offset + p->data.len;

	if (s->total && (end > s->total || (!p->more && end != s->total)))
		return false;
	return p->more || end >= s->end;
}

static void piece_store(struct frag_slot *s, const struct frag_piece *p)
{
	size_t end = p->offset + p->data.len;
	size_t from = p->offset / 8, to = (end + 7) / 8;

	memcpy(s->data + p->offset, p->data.data, p->data.len);
	for (size_t unit = from; unit < to; unit++)
		s->map[unit / 64] |= UINT64_C(1) << (unit % 64);
	s->received += to - from;
	s->end = MAX(s->end, end);
	s->ecn |= p->ecn;
	if (!p->more)
		s->total = end;
	if (!p->offset) {
		s->has_first = true;
		s->next = p->next;
		s->ttl = p->ttl;
	}
}

/*
 * The caller checked that offset + length stays within 65535. Overlaps give
 * up the datagram (RFC 8200 4.5, RFC 5722); a fragment that came twice with
 * the same bytes is no overlap but a duplicate of the wire.
 */
struct frag_slot *frag_add(struct stack *st, const struct frag_piece *piece,
                           int64_t now)
{
	size_t from = piece->offset / 8;
	size_t to = (piece->offset + piece->data.len + 7) / 8;
	struct frag_slot *slot;
	size_t overlap;

	if (!piece->data.len || (piece->more && piece->data.len % 8)) {
		packet_bad(st);
		return NULL;
	}
	slot = slot_find(st, &piece->key);
	if (!slot)
		slot = slot_new(st, &piece->key, now);
	if (!piece_fits(slot, piece)) {
		frag_drop(st, slot);
		return NULL;
	}
	overlap = units_set(slot, from, to);
	if (overlap == to - from && !memcmp(slot->data + piece->offset,
	                                    piece->data.data, piece->data.len))
		return NULL;
	if (overlap) {
		frag_drop(st, slot);
		return NULL;
	}
	piece_store(slot, piece);
	if (!slot->total || slot->received != (slot->total + 7) / 8)
		return NULL;
	return slot;
}

int64_t frag_deadline(const struct stack *st)
{
	int64_t earliest = TIME_NEVER;

	if (!st->common.stats.frag_slots_used)
		return TIME_NEVER;
	for (size_t i = 0; i < FRAG_SLOTS; i++)
		if (st->frags[i].is_used)
			earliest = MIN(earliest, st->frags[i].deadline_ns);
	return earliest;
}

void frag_run(struct stack *st, int64_t now)
{
	if (!st->common.stats.frag_slots_used)
		return;
	for (size_t i = 0; i < FRAG_SLOTS; i++)
		if (st->frags[i].is_used && st->frags[i].deadline_ns <= now)
			frag_drop(st, &st->frags[i]);
}
