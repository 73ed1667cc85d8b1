/* SPDX-License-Identifier: Apache-2.0 */
/* hold.c - what the app says first, held until its name is known */
/*
 * A TCP flow that a name allowed is held (FLOW_F_HELD) until `sniff` knows
 * whom its first bytes speak to. Usually one write tells, and nothing is
 * copied. Else the bytes wait in a `struct hold`, and after a second go on
 * anyway while the copy is still watched: a server cannot act on a hello or a
 * request that is not whole, so nothing decisive is ever sent unjudged. With
 * all holds taken a further flow is reset.
 */
#include "flow/flow-private.h"

#include "policy/sniff.h"
#include "wire/headers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOLDS 256u
#define HOLD_NS NS_PER_S

struct hold {
	uint32_t flow;    /* slot index */
	uint32_t next;    /* free list, or by age: index + 1 */
	int64_t until_ns; /* 0: begun in this turn; TIME_NEVER: let go */
	uint32_t len;     /* bytes here */
	uint32_t sent;    /* of them to the host */
	bool decided;
	uint8_t bytes[SNIFF_MAX];
};

struct holds {
	uint32_t free, fresh; /* index + 1; slots from fresh on are untouched */
	uint32_t oldest, newest;
	struct hold v[HOLDS];
};

int hold_init(struct flow_table *ft)
{
	if (ft->config.tls_names == FLOW_TLS_NAMES_OFF)
		return 0;
	ft->holds = calloc(1, sizeof(*ft->holds));
	return ft->holds ? 0 : -ENOMEM;
}

void hold_fini(struct flow_table *ft)
{
	free(ft->holds);
	ft->holds = NULL;
}

static struct hold *hold_of(struct flow_table *ft, const struct flow *f)
{
	return f->service ? &ft->holds->v[f->service - 1] : NULL;
}

static struct hold *take(struct flow_table *ft, struct flow *f)
{
	struct holds *all = ft->holds;
	uint32_t handle = all->free;
	struct hold *h;

	if (handle)
		all->free = all->v[handle - 1].next;
	else if (all->fresh < HOLDS)
		handle = ++all->fresh;
	else
		return NULL;
	h = &all->v[handle - 1];
	h->flow = (uint32_t)(f - ft->slots);
	h->next = 0;
	h->until_ns = 0;
	h->len = h->sent = 0;
	h->decided = false;
	if (all->newest)
		all->v[all->newest - 1].next = handle;
	else
		all->oldest = handle;
	all->newest = handle;
	f->service = handle;
	return h;
}

/* Off the list of those whose second is running. */
static void unlink_aging(struct holds *all, uint32_t handle)
{
	uint32_t before = 0, at = all->oldest;

	while (at && at != handle) {
		before = at;
		at = all->v[at - 1].next;
	}
	if (!at)
		return;
	if (before)
		all->v[before - 1].next = all->v[at - 1].next;
	else
		all->oldest = all->v[at - 1].next;
	if (all->newest == at)
		all->newest = before;
	all->v[at - 1].next = 0;
}

void hold_end(struct flow_table *ft, struct flow *f)
{
	uint32_t handle = f->service;

	if (!(f->flags & FLOW_F_HELD))
		return;
	f->flags &= (uint8_t)~FLOW_F_HELD;
	f->service = 0;
	if (!handle)
		return;
	unlink_aging(ft->holds, handle);
	ft->holds->v[handle - 1].next = ft->holds->free;
	ft->holds->free = handle;
}

/* --- the verdict -------------------------------------------------------------
 */

static bool is_named_well(struct flow_table *ft, const struct flow *f,
                          const struct sniff *s, struct policy_answer *a)
{
	bool strict = ft->config.tls_names == FLOW_TLS_NAMES_STRICT;

	*a = (struct policy_answer){.action = POLICY_DENY};
	switch (s->what) {
	case SNIFF_ABSENT:
		a->reason = "--tls-names=strict, and it says no name";
		return !strict;
	case SNIFF_UNREADABLE:
		a->reason = "the name it speaks to cannot be read";
		return false;
	case SNIFF_NAMED:
		break;
	}
	policy_name_decide(ft->rooms.policy, s->name, IP_PROTO_TCP,
	                   f->t.host.port, a);
	a->name = s->name;
	if (a->action == POLICY_DENY) {
		if (!a->rule)
			a->reason = "fronting: another name opened the address";
		return false;
	}
	a->action = POLICY_DENY;
	a->reason = "--tls-names=strict, and its name is encrypted";
	return !(s->ech && strict);
}

static bool may_pass(struct flow_table *ft, struct flow *f,
                     const struct sniff *s)
{
	struct policy_question q = {
		.host = f->t.host, .proto = IP_PROTO_TCP, .now = ft->now_ns};
	struct policy_answer a;
	struct denial d = {.kind = WHO_FRONTING, .q = &q, .a = &a};

	watch_said(ft, f, s);
	if (s->kind == SNIFF_OTHER || is_named_well(ft, f, s, &a))
		return true;
	d.said_in = watch_said_in(s);
	ft->stats.denied++;
	d.name = policy_pin_name(ft->rooms.policy, f->pin);
	d.flow = f;
	if (who_denied(ft, &d, &f->t, IP_PROTO_TCP, f->app_ref, ft->now_ns))
		f->flags |= FLOW_F_WAITS;
	return false;
}

/* --- bytes
 * --------------------------------------------------------------------- */

/* The reset is told at the turn's end, or by who.c; no byte goes on before. */
static ssize_t refuse(struct flow_table *ft, struct flow *f, int err)
{
	hold_end(ft, f);
	if (!f->err) {
		f->err = (int16_t)err;
		ft->stats.resets++;
	}
	if (!(f->flags & FLOW_F_WAITS))
		flow_pend(ft, f);
	return -EAGAIN;
}

/* What may go, goes. false: the host cannot take it all now, or is gone. */
static bool push(struct flow_table *ft, struct flow *f, struct hold *h)
{
	ssize_t n;

	while (h->sent < h->len) {
		n = ft->rooms.host->tcp_write(ft->rooms.host_user, &f->host,
		                              h->bytes + h->sent,
		                              h->len - h->sent);
		if (n == -EAGAIN || n == 0) {
			f->flags |= FLOW_F_BLOCKED;
			return false;
		}
		if (n < 0) {
			(void)refuse(ft, f, n == -EPIPE ? -ECONNRESET : (int)n);
			return false;
		}
		h->sent += (uint32_t)n;
		ft->stats.bytes_app_host += (uint64_t)n;
		watch_bytes(ft, f, (size_t)n, 0);
	}
	if (h->decided)
		hold_end(ft, f);
	return true;
}

static void let_go(struct flow_table *ft, struct hold *h)
{
	unlink_aging(ft->holds, (uint32_t)(h - ft->holds->v) + 1);
	h->until_ns = TIME_NEVER;
}

ssize_t hold_write(struct flow_table *ft, struct flow *f, const void *data,
                   size_t len)
{
	struct hold *h = hold_of(ft, f);
	struct sniff s;
	size_t n;

	if (!h) {
		sniff(data, len, &s);
		if (s.kind != SNIFF_MORE) {
			if (!may_pass(ft, f, &s))
				return refuse(ft, f, -EACCES);
			hold_end(ft, f);
			return 0; /* the caller writes it all */
		}
		h = take(ft, f);
		if (!h)
			return refuse(ft, f, -ENOBUFS);
	}
	if (h->decided) { /* only what it holds is still on its way */
		f->flags |= FLOW_F_BLOCKED;
		return -EAGAIN;
	}
	n = MIN(len, SNIFF_MAX - h->len);
	memcpy(h->bytes + h->len, data, n);
	h->len += (uint32_t)n;
	sniff(h->bytes, h->len, &s);
	if (s.kind != SNIFF_MORE) {
		if (!may_pass(ft, f, &s))
			return refuse(ft, f, -EACCES);
		h->decided = true;
		let_go(ft, h);
	}
	if (h->until_ns == TIME_NEVER)
		(void)push(ft, f, h);
	return (ssize_t)n;
}

bool hold_shutdown(struct flow_table *ft, struct flow *f)
{
	struct hold *h = hold_of(ft, f);

	/* nothing can follow that would make it whole */
	if (!h) {
		hold_end(ft, f);
		return true;
	}
	h->decided = true;
	let_go(ft, h);
	return push(ft, f, h);
}

bool hold_writable(struct flow_table *ft, struct flow *f)
{
	struct hold *h = hold_of(ft, f);

	if (!h || h->until_ns != TIME_NEVER)
		return true;
	if (!push(ft, f, h))
		return false;
	if (f->flags & FLOW_F_APP_EOF)
		ft->rooms.host->tcp_shutdown(ft->rooms.host_user, &f->host);
	return true;
}

/* --- time
 * ------------------------------------------------------------------------ */

int64_t hold_deadline(const struct flow_table *ft)
{
	const struct holds *all = ft->holds;

	if (!all || !all->oldest)
		return TIME_NEVER;
	return all->v[all->oldest - 1].until_ns;
}

void hold_run(struct flow_table *ft, int64_t now)
{
	struct holds *all = ft->holds;

	while (hold_deadline(ft) <= now) {
		struct hold *h = &all->v[all->oldest - 1];
		struct flow *f = &ft->slots[h->flow];

		if (!h->until_ns)
			break; /* stamped at the end of this turn */
		let_go(ft, h);
		(void)push(ft, f, h);
	}
}

void hold_turn_end(struct flow_table *ft, int64_t now)
{
	struct holds *all = ft->holds;

	for (uint32_t at = all ? all->oldest : 0; at; at = all->v[at - 1].next)
		if (!all->v[at - 1].until_ns)
			all->v[at - 1].until_ns = now + HOLD_NS;
}
