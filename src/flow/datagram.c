/* SPDX-License-Identifier: Apache-2.0 */
/* datagram.c - UDP and echo flows: found by tuple, judged once, aged */
#include "flow/flow-private.h"

#include "wire/headers.h"

#include <errno.h>

/*
 * At the bound the flow that was silent for longest makes room, single
 * exchanges before conversations (as conntrack prefers the unassured).
 */
void flow_make_room(struct flow_table *ft)
{
	size_t live = ft->stats.live_udp + ft->stats.live_echo;
	uint32_t victim = ft->lists[FLOW_LIST_SHORT].head;

	if (live < ft->config.max_udp && ft->stats.live < ft->nslots)
		return;
	while (victim != FLOW_NONE && ft->slots[victim].kind == FLOW_DNS_TCP)
		victim = ft->slots[victim].next;
	if (victim == FLOW_NONE)
		victim = ft->lists[FLOW_LIST_LONG].head;
	if (victim == FLOW_NONE)
		return;
	ft->stats.evicted++;
	flow_end(ft, &ft->slots[victim], false);
}

static int open_host(struct flow_table *ft, struct flow *f,
                     const struct endpoint *final)
{
	const struct host_ops *ops = ft->rooms.host;
	struct flow_id id = flow_id_of(ft, f);

	if (f->kind == FLOW_UDP)
		return ops->udp_open(ft->rooms.host_user, id, &f->host, final);
	return ops->echo_open(ft->rooms.host_user, id, &f->host, final);
}

/* A new flow for t, judged; NULL with *err, or with *err 0 for dns. */
static struct flow *open_flow(struct flow_table *ft, enum flow_kind kind,
                              const struct tuple *t, uint64_t app_ref,
                              uint32_t hash, int64_t now, int *err)
{
	struct endpoint final;
	enum flow_route route =
		flow_judge(ft, t, flow_kind_proto(kind), app_ref, &final, now);
	struct flow *f;

	switch (route) {
	case FLOW_ROUTE_HOST:
	case FLOW_ROUTE_RESOLVER:
		break;
	case FLOW_ROUTE_REFUSED:
		*err = -ECONNREFUSED;
		return NULL;
	case FLOW_ROUTE_DENIED:
		*err = -EACCES;
		return NULL;
	case FLOW_ROUTE_WAITS:
		*err = -EAGAIN; /* its error follows */
		return NULL;
	}
	flow_make_room(ft);
	f = flow_new(ft, kind, t, app_ref, now);
	if (!f) {
		*err = -EMFILE; /* all slots hold TCP, or wait for turn_end */
		return NULL;
	}
	f->state = FLOW_OPEN;
	flow_hash_insert(ft, f, hash);
	flow_list_move(ft, f, FLOW_LIST_SHORT, now);
	ft->stats.opened++;
	*err = 0;
	if (route == FLOW_ROUTE_RESOLVER) {
		f->flags |= FLOW_F_INTERNAL;
		return f;
	}
	flow_take_pin(ft, f, now);
	*err = open_host(ft, f, &final);
	if (*err < 0) {
		ft->stats.refused++;
		f->err = (int16_t)*err;
		flow_end(ft, f, false);
		return NULL;
	}
	return f;
}

static struct flow *find_or_open(struct flow_table *ft, enum flow_kind kind,
                                 const struct tuple *t, uint64_t app_ref,
                                 int64_t now, int *err)
{
	uint32_t hash;
	struct flow *f = flow_hash_find(ft, kind, t, &hash);

	if (!f)
		return open_flow(ft, kind, t, app_ref, hash, now, err);
	*err = 0;
	flow_list_move(ft, f,
	               f->flags & FLOW_F_REPLIED &&
	                               !(f->flags & FLOW_F_INTERNAL)
	                       ? FLOW_LIST_LONG
	                       : (enum flow_list)f->list,
	               now);
	f->app_ref = app_ref;
	return f;
}

/* Queries: a train is unlikely and taken apart. */
static void ask_resolver(struct flow_table *ft, struct flow *f,
                         const uint8_t *data, size_t len, size_t segment_len,
                         int64_t now)
{
	size_t step = segment_len ? segment_len : len;

	do {
		size_t n = MIN(step, len);

		who_query(ft, f, data, n, now);
		data += n;
		len -= n;
	} while (len);
}

int flow_udp_send(struct flow_table *ft, const struct tuple *t,
                  uint64_t app_ref, const void *data, size_t len,
                  size_t segment_len, int64_t now)
{
	struct flow *f;
	int rc;

	f = find_or_open(ft, FLOW_UDP, t, app_ref, now, &rc);
	if (!f)
		return rc;
	ft->stats.bytes_app_host += len;
	watch_datagrams(ft, f, true, len, segment_len);
	if (f->flags & FLOW_F_INTERNAL) {
		ask_resolver(ft, f, data, len, segment_len, now);
		return 0;
	}
	return ft->rooms.host->udp_send(ft->rooms.host_user, &f->host, data,
	                                len, segment_len);
}

int flow_echo_send(struct flow_table *ft, const struct tuple *t,
                   uint64_t app_ref, uint16_t seq, const void *data, size_t len,
                   uint8_t ttl, int64_t now)
{
	struct flow *f;
	int rc;

	ft->echo_seq = seq;
	f = find_or_open(ft, FLOW_ECHO, t, app_ref, now, &rc);
	if (!f)
		return rc;
	ft->stats.bytes_app_host += len;
	watch_datagrams(ft, f, true, len, 0);
	return ft->rooms.host->echo_send(ft->rooms.host_user, &f->host, seq,
	                                 data, len, ttl);
}

/* The live datagram flow an event of the host is for, or NULL. */
static struct flow *live(struct flow_table *ft, struct flow_id id,
                         enum flow_kind kind, const char *where, int64_t now)
{
	struct flow *f = flow_get(ft, id);

	if (!f)
		return NULL;
	if (f->kind != kind || f->state != FLOW_OPEN) {
		flow_impossible(ft, f, where, now);
		return NULL;
	}
	return f;
}

void flow_host_datagram(struct flow_table *ft, struct flow_id id,
                        const void *data, size_t len, size_t segment_len,
                        int64_t now)
{
	struct flow *f = live(ft, id, FLOW_UDP, "datagram", now);
	struct tuple t;

	if (!f)
		return;
	f->flags |= FLOW_F_REPLIED;
	flow_list_move(ft, f, (enum flow_list)f->list, now);
	ft->stats.bytes_host_app += len;
	watch_datagrams(ft, f, false, len, segment_len);
	t = f->t;
	ft->rooms.frontend->udp_deliver(ft->rooms.frontend_user, f->app_ref, &t,
	                                data, len, segment_len, now);
}

void flow_host_datagram_error(struct flow_table *ft, struct flow_id id, int err,
                              const struct addr *from, int64_t now)
{
	struct flow *f = live(ft, id, FLOW_UDP, "datagram error", now);
	struct tuple t;

	if (!f)
		return;
	t = f->t;
	ft->rooms.frontend->udp_error(ft->rooms.frontend_user, f->app_ref, &t,
	                              err, from, now);
}

void flow_host_echo_error(struct flow_table *ft, struct flow_id id,
                          uint16_t seq, int err, const struct addr *from,
                          int64_t now)
{
	struct flow *f = live(ft, id, FLOW_ECHO, "echo error", now);
	struct tuple t;

	if (!f)
		return;
	t = f->t;
	ft->rooms.frontend->echo_error(ft->rooms.frontend_user, f->app_ref, &t,
	                               seq, err, from, now);
}

void flow_host_echo(struct flow_table *ft, struct flow_id id, uint16_t seq,
                    const void *data, size_t len, int64_t now)
{
	struct flow *f = live(ft, id, FLOW_ECHO, "echo", now);
	struct tuple t;

	if (!f)
		return;
	f->flags |= FLOW_F_REPLIED;
	flow_list_move(ft, f, (enum flow_list)f->list, now);
	ft->stats.bytes_host_app += len;
	watch_datagrams(ft, f, false, len, 0);
	t = f->t;
	ft->rooms.frontend->echo_deliver(ft->rooms.frontend_user, f->app_ref,
	                                 &t, seq, data, len, now);
}

void flow_resolver_answer(struct flow_table *ft, uint64_t asker, bool tcp,
                          const void *msg, size_t len, int64_t now)
{
	struct flow *f = flow_get(ft, flow_id_unpack(asker));
	struct tuple t;

	if (!f || !(f->flags & FLOW_F_INTERNAL))
		return;
	if (tcp != (f->kind == FLOW_DNS_TCP)) {
		flow_impossible(ft, f, "resolver answer", now);
		return;
	}
	if (who_hold_answer(ft, f, msg, len))
		return;
	ft->stats.bytes_host_app += len;
	watch_bytes(ft, f, 0, len);
	if (tcp) {
		dns_tcp_answer(ft, f, msg, len, now);
		return;
	}
	t = f->t;
	ft->rooms.frontend->udp_deliver(ft->rooms.frontend_user, f->app_ref, &t,
	                                msg, len, 0, now);
}
