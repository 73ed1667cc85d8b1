/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - the slots of all flows: taken, ended, freed at the turn's end */
/*
 * THEORY
 * The room flow is the middle. From above come the calls of a frontend (link
 * or sockets) with the tuple as the app knows it; from below the events of
 * the host room. Each flow is one `struct flow`, known outside by index and
 * generation, so that whatever is stale finds nothing (`flow_get`).
 *
 * Enters: `flow_tcp_open`, `flow_udp_send`, `flow_echo_send`. Each one asks
 * `flow_judge`: the resolver's addresses are served by dns, the gateway is
 * translated to the host's loopback, and policy speaks the last word on
 * exactly the endpoint that `struct host_ops` is then given. Leaves: calls of
 * `struct frontend_ops`, and lines for people through `denied_tell`.
 *
 * Invariants: a TCP flow is FLOW_CONNECTING, then FLOW_OPEN; a datagram flow
 * is FLOW_OPEN from the start. `flow_end` makes the id stale at once; slot
 * and descriptor go in `flow_turn_end`, so no event of the same batch can
 * meet a descriptor number used anew. A host side that died stays dead
 * (`err` of the flow): its reset is never followed by an end of stream.
 *
 * Refuses: more than max_flows, max_connecting; beyond max_udp the datagram
 * flow that was silent for longest goes. A state that should be impossible
 * ends that one flow (`flow_impossible`) and counts.
 *
 * Costs: one slot of at most 128 bytes and one descriptor a flow, no
 * allocation after `flow_table_new`, no list walk on any path of data.
 */
#include "flow/flow-private.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static_assert(sizeof(struct flow) <= 128, "an idle flow stays small");

static const char *const state_names[] = {
	[FLOW_FREE] = "free",
	[FLOW_CONNECTING] = "connecting",
	[FLOW_OPEN] = "open",
	[FLOW_DEAD] = "dead",
};
static_assert(ARRAY_SIZE(state_names) == FLOW_DEAD + 1, "one name a state");

const char *flow_state_name(enum flow_state state)
{
	return state_names[state];
}

struct flow_table *flow_table_new(const struct flow_config *config,
                                  const struct flow_rooms *rooms)
{
	struct flow_table *ft = calloc(1, sizeof(*ft));

	if (!ft)
		return NULL;
	assert(config->max_flows > 0 && config->max_flows < FLOW_NONE / 4);
	ft->config = *config;
	ft->rooms = *rooms;
	ft->key = siphash_key_new(&rooms->random);
	ft->nslots = (uint32_t)config->max_flows;
	ft->free_head = FLOW_NONE;
	ft->pend_head = ft->pend_tail = FLOW_NONE;
	ft->dead = (struct flow_chain){FLOW_NONE, FLOW_NONE};
	for (size_t i = 0; i < FLOW_LISTS; i++)
		ft->lists[i] = (struct flow_chain){FLOW_NONE, FLOW_NONE};
	/* calloc of this size is a mapping: untouched slots cost nothing */
	ft->slots = calloc(ft->nslots, sizeof(*ft->slots));
	if (!ft->slots || flow_hash_init(ft, config->max_flows) < 0 ||
	    dns_tcp_init(ft) < 0 || watch_init(ft) < 0 || hold_init(ft) < 0 ||
	    who_init(ft) < 0 || publish_init(ft) < 0 || doors_init(ft) < 0 ||
	    follow_init(ft) < 0) {
		flow_table_free(ft);
		return NULL;
	}
	return ft;
}

static bool has_host(const struct flow *f)
{
	return f->host.fd >= 0 || f->host.kind == HOST_UDP_CLIENT;
}

void flow_table_end(struct flow_table *ft)
{
	if (ft->ended)
		return;
	ft->ended = true;
	who_run(ft, ft->now_ns, true);
	denied_run(ft, 0, true);
	for (uint32_t i = 0; ft->slots && i < ft->fresh; i++)
		if (has_host(&ft->slots[i]))
			ft->rooms.host->close(
				ft->rooms.host_user, &ft->slots[i].host,
				!(ft->slots[i].flags & FLOW_F_APP_EOF));
}

void flow_table_free(struct flow_table *ft)
{
	if (!ft)
		return;
	flow_table_end(ft);
	publish_fini(ft);
	doors_fini(ft);
	follow_fini(ft);
	who_fini(ft);
	watch_fini(ft);
	hold_fini(ft);
	dns_tcp_fini(ft);
	flow_hash_fini(ft);
	free(ft->slots);
	free(ft);
}

struct flow *flow_get(struct flow_table *ft, struct flow_id id)
{
	struct flow *f;

	if (id.index >= ft->fresh)
		return NULL;
	f = &ft->slots[id.index];
	if (f->gen != id.gen || f->state == FLOW_FREE)
		return NULL;
	return f;
}

struct flow_id flow_id_of(const struct flow_table *ft, const struct flow *f)
{
	return (struct flow_id){(uint32_t)(f - ft->slots), f->gen};
}

struct flow_host_part *flow_host_part(struct flow_table *ft, struct flow_id id)
{
	struct flow *f = flow_get(ft, id);

	return f ? &f->host : NULL;
}

static size_t *live_of(struct flow_table *ft, uint8_t kind)
{
	switch ((enum flow_kind)kind) {
	case FLOW_UDP:
		return &ft->stats.live_udp;
	case FLOW_ECHO:
		return &ft->stats.live_echo;
	case FLOW_TCP:
	case FLOW_DNS_TCP:
		break;
	}
	return &ft->stats.live_tcp;
}

static bool is_tcp(const struct flow *f)
{
	return f->kind == FLOW_TCP || f->kind == FLOW_DNS_TCP;
}

struct flow *flow_new(struct flow_table *ft, enum flow_kind kind,
                      const struct tuple *t, uint64_t app_ref, int64_t now)
{
	struct flow *f;
	uint32_t gen;

	if (ft->free_head != FLOW_NONE) {
		f = &ft->slots[ft->free_head];
		ft->free_head = f->next;
	} else if (ft->fresh < ft->nslots) {
		f = &ft->slots[ft->fresh++];
	} else {
		return NULL;
	}
	gen = f->gen ? f->gen : 1;
	memset(f, 0, sizeof(*f));
	f->gen = gen;
	f->host.fd = -1;
	f->kind = (uint8_t)kind;
	f->t = *t;
	f->app_ref = app_ref;
	f->prev = f->next = f->pend_next = FLOW_NONE;
	f->last_ns = now;
	ft->stats.live++;
	++*live_of(ft, f->kind);
	ft->stats.app_open += is_tcp(f);
	return f;
}

static void list_unlink(struct flow_table *ft, struct flow *f)
{
	struct flow_chain *l = &ft->lists[f->list];

	if (f->list == FLOW_LIST_NONE)
		return;
	if (f->prev == FLOW_NONE)
		l->head = f->next;
	else
		ft->slots[f->prev].next = f->next;
	if (f->next == FLOW_NONE)
		l->tail = f->prev;
	else
		ft->slots[f->next].prev = f->prev;
	f->prev = f->next = FLOW_NONE;
	f->list = FLOW_LIST_NONE;
}

void flow_list_move(struct flow_table *ft, struct flow *f, enum flow_list to,
                    int64_t now)
{
	struct flow_chain *l = &ft->lists[to];
	uint32_t index = (uint32_t)(f - ft->slots);

	f->last_ns = now;
	if (f->list == to && l->tail == index)
		return;
	list_unlink(ft, f);
	if (to == FLOW_LIST_NONE)
		return;
	f->list = (uint8_t)to;
	f->prev = l->tail;
	if (l->tail == FLOW_NONE)
		l->head = index;
	else
		ft->slots[l->tail].next = index;
	l->tail = index;
}

void flow_end(struct flow_table *ft, struct flow *f, bool reset)
{
	uint32_t index = (uint32_t)(f - ft->slots);

	if (f->state == FLOW_CONNECTING && !(f->flags & FLOW_F_INTERNAL))
		ft->connecting--;
	if (f->kind == FLOW_UDP || f->kind == FLOW_ECHO)
		flow_hash_remove(ft, f);
	if (f->flags & FLOW_F_INTERNAL)
		dns_tcp_close(ft, f);
	hold_end(ft, f);
	list_unlink(ft, f);
	f->state = FLOW_FREE;
	f->gen = f->gen >= FLOW_GEN_MAX ? 1 : f->gen + 1;
	f->reset = reset;
	ft->stats.live--;
	--*live_of(ft, f->kind);
	ft->stats.app_open -= is_tcp(f) && !(f->flags & FLOW_F_APP_EOF);
	/* first in, first out: the host's FINs leave in the order of the app */
	if (ft->dead.tail == FLOW_NONE)
		ft->dead.head = index;
	else
		ft->slots[ft->dead.tail].next = index;
	ft->dead.tail = index;
}

void flow_impossible(struct flow_table *ft, struct flow *f, const char *where,
                     int64_t now)
{
	uint64_t ref = f->app_ref;
	bool tcp = is_tcp(f);
	char line[160];
	uint32_t held;

	ft->stats.impossible++;
	if (ft->rooms.denied &&
	    log_limit_pass(&ft->impossible_limit, 1, now, &held)) {
		snprintf(line, sizeof(line),
		         "flow %u reset: impossible in %s, state %u "
		         "(a bug; %" PRIu64 " so far)",
		         (unsigned int)(f - ft->slots), where, f->state,
		         ft->stats.impossible);
		ft->rooms.denied(ft->rooms.denied_user, line);
	}
	flow_end(ft, f, true);
	if (tcp)
		ft->rooms.frontend->tcp_reset(ft->rooms.frontend_user, ref,
		                              -ECONNRESET, now);
}

void flow_pend(struct flow_table *ft, struct flow *f)
{
	uint32_t index = (uint32_t)(f - ft->slots);

	if (f->flags & FLOW_F_PENDING)
		return;
	f->flags |= FLOW_F_PENDING;
	f->pend_next = FLOW_NONE;
	if (ft->pend_tail == FLOW_NONE)
		ft->pend_head = index;
	else
		ft->slots[ft->pend_tail].pend_next = index;
	ft->pend_tail = index;
}

/* What is added while this runs waits for the next turn. */
static void run_pending(struct flow_table *ft, int64_t now)
{
	uint32_t at = ft->pend_head;

	ft->pend_head = ft->pend_tail = FLOW_NONE;
	while (at != FLOW_NONE) {
		struct flow *f = &ft->slots[at];

		at = f->pend_next;
		f->flags &= (uint8_t)~FLOW_F_PENDING;
		if (f->state == FLOW_FREE)
			continue;
		if (f->kind == FLOW_DNS_TCP)
			dns_tcp_work(ft, f, now);
		else if (f->err)
			flow_host_reset(ft, flow_id_of(ft, f), f->err, now);
	}
}

void flow_turn_end(struct flow_table *ft, int64_t now)
{
	uint32_t at;

	ft->now_ns = now;
	hold_turn_end(ft, now);
	run_pending(ft, now);
	at = ft->dead.head;
	ft->dead = (struct flow_chain){FLOW_NONE, FLOW_NONE};
	while (at != FLOW_NONE) {
		struct flow *f = &ft->slots[at];
		uint32_t next = f->next;

		watch_close(ft, f, now);
		if (has_host(f))
			ft->rooms.host->close(ft->rooms.host_user, &f->host,
			                      f->reset);
		policy_release(ft->rooms.policy, f->pin, now);
		f->pin = 0;
		f->next = ft->free_head;
		ft->free_head = at;
		at = next;
	}
}

static int64_t list_deadline(const struct flow_table *ft, enum flow_list list,
                             int64_t idle_ns)
{
	uint32_t head = ft->lists[list].head;

	return head == FLOW_NONE ? TIME_NEVER
	                         : ft->slots[head].last_ns + idle_ns;
}

int64_t flow_deadline(struct flow_table *ft)
{
	int64_t at = denied_deadline(ft);

	if (ft->pend_head != FLOW_NONE)
		return 0;
	at = MIN(at, hold_deadline(ft));
	at = MIN(at, who_deadline(ft));
	at = MIN(at, list_deadline(ft, FLOW_LIST_SHORT, ft->config.short_ns));
	return MIN(at,
	           list_deadline(ft, FLOW_LIST_LONG, ft->config.udp_idle_ns));
}

static void expire(struct flow_table *ft, enum flow_list list, int64_t idle_ns,
                   int64_t now)
{
	while (list_deadline(ft, list, idle_ns) <= now) {
		struct flow *f = &ft->slots[ft->lists[list].head];
		uint64_t ref = f->app_ref;
		bool tcp = f->kind == FLOW_DNS_TCP;

		ft->stats.expired++;
		flow_end(ft, f, false);
		if (tcp)
			ft->rooms.frontend->tcp_reset(ft->rooms.frontend_user,
			                              ref, -ETIMEDOUT, now);
	}
}

void flow_run(struct flow_table *ft, int64_t now)
{
	expire(ft, FLOW_LIST_SHORT, ft->config.short_ns, now);
	expire(ft, FLOW_LIST_LONG, ft->config.udp_idle_ns, now);
	hold_run(ft, now);
	who_run(ft, now, false);
	denied_run(ft, now, false);
}

const struct flow_stats *flow_stats(struct flow_table *ft)
{
	return &ft->stats;
}

void flow_set_closed(struct flow_table *ft, bool closed)
{
	ft->closed = closed;
}

void flow_policy_changed(struct flow_table *ft, int64_t now)
{
	for (uint32_t i = 0; i < ft->fresh; i++) {
		struct flow *f = &ft->slots[i];
		uint64_t ref = f->app_ref;
		struct endpoint final;

		/* what clients may do was said by publishing the port */
		if (f->state == FLOW_FREE ||
		    f->flags & (FLOW_F_INTERNAL | FLOW_F_INWARD) ||
		    flow_judge(ft, &f->t,
		               flow_kind_proto((enum flow_kind)f->kind), ref,
		               &final, now) == FLOW_ROUTE_HOST)
			continue;
		ft->stats.resets++;
		flow_end(ft, f, true);
		if (f->kind == FLOW_TCP)
			ft->rooms.frontend->tcp_reset(ft->rooms.frontend_user,
			                              ref, -EACCES, now);
	}
}
