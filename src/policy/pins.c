/* SPDX-License-Identifier: Apache-2.0 */
/* pins.c - which names an address was learned from, in this sandbox */
/*
 * A pin says that the sandbox's own resolver answered this name with this
 * address. It lives as long as the answer's TTL, an hour at least (programs
 * keep addresses longer than they should), and as long as a flow holds it.
 * The number is bounded: what was used least recently and is held by nobody
 * goes first. Slots are touched only once they are needed.
 */
#include "base/siphash.h"
#include "policy/policy-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIFE_MIN_NS (3600 * NS_PER_S)
#define TTL_MAX (7 * 24 * 3600u) /* RFC 8767 4: a cap on what servers claim */

struct pins {
	struct siphash_key key;
	struct pin *pins;
	uint32_t max, used; /* slots from `used` on were never touched */
	uint32_t *buckets;  /* index + 1 of the first pin */
	uint32_t nbuckets;
	uint32_t newest, oldest; /* index + 1 */
};

struct pins *pins_new(size_t max, const struct random_source *random)
{
	struct pins *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->key = siphash_key_new(random);
	t->max = (uint32_t)max;
	t->nbuckets = 16;
	while (t->nbuckets < max)
		t->nbuckets *= 2;
	t->pins = calloc(max, sizeof(*t->pins));
	t->buckets = calloc(t->nbuckets, sizeof(*t->buckets));
	if (!t->pins || !t->buckets) {
		pins_free(t);
		return NULL;
	}
	return t;
}

void pins_free(struct pins *t)
{
	if (!t)
		return;
	free(t->pins);
	free(t->buckets);
	free(t);
}

static struct pin *at(const struct pins *t, uint32_t handle)
{
	return &t->pins[handle - 1];
}

uint32_t pins_handle(const struct pins *t, const struct pin *pin)
{
	return (uint32_t)(pin - t->pins) + 1;
}

static uint32_t *bucket_of(const struct pins *t, const struct addr *a)
{
	return &t->buckets[siphash(&t->key, a->b, sizeof(a->b)) &
	                   (t->nbuckets - 1)];
}

static bool is_live(const struct pin *p, int64_t now)
{
	return p->holders || now < p->expires_ns;
}

static void use_unlink(struct pins *t, const struct pin *p)
{
	if (p->newer)
		at(t, p->newer)->older = p->older;
	else
		t->newest = p->older;
	if (p->older)
		at(t, p->older)->newer = p->newer;
	else
		t->oldest = p->newer;
}

static void use_link(struct pins *t, struct pin *p)
{
	uint32_t handle = pins_handle(t, p);

	p->newer = 0;
	p->older = t->newest;
	if (t->newest)
		at(t, t->newest)->newer = handle;
	else
		t->oldest = handle;
	t->newest = handle;
}

static void used(struct pins *t, struct pin *p)
{
	use_unlink(t, p);
	use_link(t, p);
}

static void forget(struct pins *t, struct pin *p)
{
	uint32_t handle = pins_handle(t, p), *link = bucket_of(t, &p->addr);

	while (*link != handle)
		link = &at(t, *link)->next;
	*link = p->next;
	use_unlink(t, p);
}

/* A slot that is on no list: fresh, or the least recently used one. */
static struct pin *take_slot(struct pins *t)
{
	uint32_t handle;

	if (t->used < t->max)
		return &t->pins[t->used++];
	for (handle = t->oldest; handle; handle = at(t, handle)->newer)
		if (!at(t, handle)->holders)
			break;
	if (!handle)
		return NULL;
	forget(t, at(t, handle));
	return at(t, handle);
}

/* The pin itself, or what to reuse where the address has its fill. */
static struct pin *find_own(const struct pins *t, const char *name,
                            const struct addr *a, struct pin **reuse,
                            bool *is_full)
{
	struct pin *oldest = NULL;
	unsigned int n = 0;

	for (uint32_t h = *bucket_of(t, a); h; h = at(t, h)->next) {
		struct pin *p = at(t, h);

		if (!addr_equal(&p->addr, a))
			continue;
		if (!strcmp(p->name, name))
			return p;
		n++;
		if (!p->holders &&
		    (!oldest || p->expires_ns < oldest->expires_ns))
			oldest = p;
	}
	*is_full = n >= PINS_A_ADDRESS;
	*reuse = oldest;
	return NULL;
}

int pins_learn(struct pins *t, const char *name, const struct addr *a,
               uint32_t ttl, bool trusted, int64_t now)
{
	int64_t life = MIN(ttl, TTL_MAX) * NS_PER_S;
	struct pin *reuse = NULL, *p;
	bool is_full = false;
	uint32_t *bucket = bucket_of(t, a);

	if (life < LIFE_MIN_NS)
		life = LIFE_MIN_NS;
	p = find_own(t, name, a, &reuse, &is_full);
	if (p) {
		p->expires_ns = MAX(p->expires_ns, now + life);
		p->trusted = trusted;
		used(t, p);
		return 0;
	}
	if (is_full && reuse)
		forget(t, reuse);
	p = is_full ? reuse : take_slot(t);
	if (!p)
		return -ENOSPC;
	*p = (struct pin){.addr = *a,
	                  .expires_ns = now + life,
	                  .trusted = trusted,
	                  .next = *bucket};
	memcpy(p->name, name, strnlen(name, POLICY_NAME_MAX));
	*bucket = pins_handle(t, p);
	use_link(t, p);
	return 0;
}

const struct pin *pins_find(const struct pins *t, const struct addr *a,
                            const struct pin *after, int64_t now)
{
	uint32_t h = after ? after->next : *bucket_of(t, a);

	for (; h; h = at(t, h)->next) {
		const struct pin *p = at(t, h);

		if (addr_equal(&p->addr, a) && is_live(p, now))
			return p;
	}
	return NULL;
}

void pins_hold(struct pins *t, uint32_t handle)
{
	at(t, handle)->holders++;
	used(t, at(t, handle));
}

void pins_release(struct pins *t, uint32_t handle, int64_t now)
{
	struct pin *p = at(t, handle);

	p->holders--;
	/* the next connection of the same program finds it still there */
	p->expires_ns = MAX(p->expires_ns, now + LIFE_MIN_NS);
	used(t, p);
}

size_t pins_count(const struct pins *t)
{
	return t->used;
}

const char *pins_name(const struct pins *t, uint32_t handle)
{
	return at(t, handle)->name;
}
