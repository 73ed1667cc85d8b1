/* SPDX-License-Identifier: Apache-2.0 */
/* hash.c - datagram flows by tuple: open addressing under a keyed hash */
#include "flow/flow-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* calloc gives an empty table whose pages are not touched before their use */
#define EMPTY 0u

int flow_hash_init(struct flow_table *ft, size_t entries)
{
	size_t n = 64;

	/* at most half full, so that probes stay short */
	while (n < entries * 2)
		n *= 2;
	ft->buckets = calloc(n, sizeof(*ft->buckets));
	if (!ft->buckets)
		return -ENOMEM;
	ft->bucket_mask = (uint32_t)(n - 1);
	return 0;
}

void flow_hash_fini(struct flow_table *ft)
{
	free(ft->buckets);
	ft->buckets = NULL;
}

static uint32_t hash_of(const struct flow_table *ft, enum flow_kind kind,
                        const struct tuple *t)
{
	uint8_t key[1 + 2 * 18];

	/* byte by byte: struct padding must not enter the hash */
	key[0] = (uint8_t)kind;
	memcpy(key + 1, t->app.addr.b, 16);
	memcpy(key + 17, &t->app.port, 2);
	memcpy(key + 19, t->host.addr.b, 16);
	memcpy(key + 35, &t->host.port, 2);
	return (uint32_t)siphash(&ft->key, key, sizeof(key));
}

struct flow *flow_hash_find(struct flow_table *ft, enum flow_kind kind,
                            const struct tuple *t, uint32_t *hash)
{
	uint32_t h = hash_of(ft, kind, t);

	*hash = h;
	for (uint32_t at = h & ft->bucket_mask; ft->buckets[at] != EMPTY;
	     at = (at + 1) & ft->bucket_mask) {
		struct flow *f = &ft->slots[ft->buckets[at] - 1];

		if (f->hash == h && f->kind == kind &&
		    endpoint_equal(&f->t.app, &t->app) &&
		    endpoint_equal(&f->t.host, &t->host))
			return f;
	}
	return NULL;
}

void flow_hash_insert(struct flow_table *ft, struct flow *f, uint32_t hash)
{
	uint32_t at = hash & ft->bucket_mask;

	while (ft->buckets[at] != EMPTY)
		at = (at + 1) & ft->bucket_mask;
	f->hash = hash;
	ft->buckets[at] = (uint32_t)(f - ft->slots) + 1;
}

/* Removal shifts later entries back, so that no tombstones pile up. */
void flow_hash_remove(struct flow_table *ft, struct flow *f)
{
	uint32_t mask = ft->bucket_mask, entry = (uint32_t)(f - ft->slots) + 1;
	uint32_t hole = f->hash & mask, at;

	while (ft->buckets[hole] != entry) {
		if (ft->buckets[hole] == EMPTY)
			return;
		hole = (hole + 1) & mask;
	}
	for (at = (hole + 1) & mask; ft->buckets[at] != EMPTY;
	     at = (at + 1) & mask) {
		uint32_t home = ft->slots[ft->buckets[at] - 1].hash & mask;

		/* may it move to the hole without passing its home? */
		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		ft->buckets[hole] = ft->buckets[at];
		hole = at;
	}
	ft->buckets[hole] = EMPTY;
}
