/* SPDX-License-Identifier: Apache-2.0 */
/* dns_tcp.c - the resolver over TCP (RFC 7766): length-framed, pipelined */
#include "flow/flow-private.h"

#include "dns/resolver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Queries are small; RFC 7766 names no bound, 4 KiB holds any sane one. */
#define QUERY_MAX 4096u
#define DNS_TCP_MAX 32u
/* two largest answers */
#define OUT_MAX (2u * (2u + DNS_MESSAGE_MAX))
#define FRAME_LEN 2u

/* struct dns_tcp - one connection of the app to the resolver */
struct dns_tcp {
	bool used;
	uint32_t unanswered;
	size_t query_len, out_head, out_len;
	uint8_t query[FRAME_LEN + QUERY_MAX];
	uint8_t out[OUT_MAX]; /* answers not yet acknowledged by the app */
};

int dns_tcp_init(struct flow_table *ft)
{
	ft->dns_tcp = calloc(DNS_TCP_MAX, sizeof(*ft->dns_tcp));
	return ft->dns_tcp ? 0 : -ENOMEM;
}

void dns_tcp_fini(struct flow_table *ft)
{
	free(ft->dns_tcp);
	ft->dns_tcp = NULL;
}

int dns_tcp_open(struct flow_table *ft, struct flow *f)
{
	f->service = DNS_TCP_MAX;
	for (uint32_t i = 0; i < DNS_TCP_MAX; i++) {
		struct dns_tcp *c = &ft->dns_tcp[i];

		if (c->used)
			continue;
		c->used = true;
		c->unanswered = 0;
		c->query_len = c->out_head = c->out_len = 0;
		f->service = i;
		return 0;
	}
	return -ENOBUFS;
}

static struct dns_tcp *conn_of(struct flow_table *ft, const struct flow *f)
{
	return &ft->dns_tcp[f->service];
}

void dns_tcp_close(struct flow_table *ft, struct flow *f)
{
	if (f->kind != FLOW_DNS_TCP) {
		if (ft->rooms.resolver)
			resolver_asker_gone(ft->rooms.resolver,
			                    flow_id_pack(flow_id_of(ft, f)));
		return;
	}
	if (f->service >= DNS_TCP_MAX)
		return;
	resolver_asker_gone(ft->rooms.resolver,
	                    flow_id_pack(flow_id_of(ft, f)));
	conn_of(ft, f)->used = false;
	f->service = DNS_TCP_MAX;
}

ssize_t dns_tcp_write(struct flow_table *ft, struct flow *f, const void *data,
                      size_t len)
{
	struct dns_tcp *c = conn_of(ft, f);
	size_t n = MIN(len, sizeof(c->query) - c->query_len);

	if (f->err)
		return f->err;
	memcpy(c->query + c->query_len, data, n);
	c->query_len += n;
	ft->stats.bytes_app_host += n;
	if (n < len)
		f->flags |= FLOW_F_BLOCKED;
	flow_pend(ft, f);
	return n ? (ssize_t)n : -EAGAIN;
}

ssize_t dns_tcp_peek(struct flow_table *ft, struct flow *f, uint32_t offset,
                     void *buf, size_t len)
{
	struct dns_tcp *c = conn_of(ft, f);
	size_t n;

	if (offset < c->out_len) {
		n = MIN(len, c->out_len - offset);
		memcpy(buf, c->out + c->out_head + offset, n);
		return (ssize_t)n;
	}
	if (f->err)
		return f->err;
	if (f->flags & FLOW_F_APP_EOF && !c->unanswered)
		return 0;
	return -EAGAIN;
}

void dns_tcp_consume(struct flow_table *ft, struct flow *f, uint32_t n)
{
	struct dns_tcp *c = conn_of(ft, f);

	n = (uint32_t)MIN(n, c->out_len);
	c->out_head += n;
	c->out_len -= n;
	if (!c->out_len)
		c->out_head = 0;
}

/* Returns false when a frame cannot be one of ours. */
static bool next_query(struct flow_table *ft, struct flow *f, int64_t now)
{
	struct dns_tcp *c = conn_of(ft, f);
	uint8_t msg[QUERY_MAX];
	size_t len;

	len = (size_t)c->query[0] << 8 | c->query[1];
	if (len > QUERY_MAX)
		return false;
	if (c->query_len < FRAME_LEN + len)
		return true; /* the rest is still to come */
	memcpy(msg, c->query + FRAME_LEN, len);
	c->query_len -= FRAME_LEN + len;
	memmove(c->query, c->query + FRAME_LEN + len, c->query_len);
	c->unanswered++;
	who_query(ft, f, msg, len, now);
	return true;
}

static void reset(struct flow_table *ft, struct flow *f, int64_t now)
{
	uint64_t ref = f->app_ref;

	ft->stats.resets++;
	flow_end(ft, f, true);
	ft->rooms.frontend->tcp_reset(ft->rooms.frontend_user, ref, -ECONNRESET,
	                              now);
}

void dns_tcp_work(struct flow_table *ft, struct flow *f, int64_t now)
{
	const struct frontend_ops *fe = ft->rooms.frontend;
	struct flow_id id = flow_id_of(ft, f);
	struct dns_tcp *c = conn_of(ft, f);

	if (f->state == FLOW_CONNECTING) {
		f->state = FLOW_OPEN;
		fe->tcp_connected(ft->rooms.frontend_user, f->app_ref, now);
		return;
	}
	if (c->query_len)
		flow_list_move(ft, f, FLOW_LIST_SHORT, now);
	while (c->query_len >= FRAME_LEN) {
		size_t before = c->query_len;

		if (!next_query(ft, f, now)) {
			reset(ft, f, now);
			return;
		}
		/* an answer from inside may have ended the flow */
		if (flow_get(ft, id) != f)
			return;
		if (c->query_len == before)
			break;
	}
	if (f->flags & FLOW_F_BLOCKED) {
		f->flags &= (uint8_t)~FLOW_F_BLOCKED;
		fe->tcp_writable(ft->rooms.frontend_user, f->app_ref, now);
		if (flow_get(ft, id) != f)
			return;
	}
	if (f->flags & FLOW_F_APP_EOF && !c->unanswered)
		fe->tcp_readable(ft->rooms.frontend_user, f->app_ref, now);
}

void dns_tcp_answer(struct flow_table *ft, struct flow *f, const void *msg,
                    size_t len, int64_t now)
{
	struct dns_tcp *c = conn_of(ft, f);
	uint8_t *to;

	if (c->unanswered)
		c->unanswered--;
	if (len > DNS_MESSAGE_MAX || c->out_len + FRAME_LEN + len > OUT_MAX) {
		/* the app asks and does not read */
		reset(ft, f, now);
		return;
	}
	if (c->out_head + c->out_len + FRAME_LEN + len > OUT_MAX) {
		memmove(c->out, c->out + c->out_head, c->out_len);
		c->out_head = 0;
	}
	to = c->out + c->out_head + c->out_len;
	to[0] = (uint8_t)(len >> 8);
	to[1] = (uint8_t)len;
	memcpy(to + FRAME_LEN, msg, len);
	c->out_len += FRAME_LEN + len;
	flow_list_move(ft, f, FLOW_LIST_SHORT, now);
	ft->rooms.frontend->tcp_readable(ft->rooms.frontend_user, f->app_ref,
	                                 now);
}
