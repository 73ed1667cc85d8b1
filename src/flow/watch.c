/* SPDX-License-Identifier: Apache-2.0 */
/* watch.c - what the log is told of flows; nothing when there is no log */
#include "flow/flow-private.h"

#include "observe/flowlog.h"
#include "wire/headers.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int watch_init(struct flow_table *ft)
{
	if (!ft->rooms.log)
		return 0;
	/* a mapping of zeros: untouched slots cost nothing */
	ft->watch = calloc(ft->nslots, sizeof(*ft->watch));
	return ft->watch ? 0 : -ENOMEM;
}

void watch_fini(struct flow_table *ft)
{
	free(ft->watch);
	ft->watch = NULL;
}

static const char *proto_name(uint8_t proto)
{
	switch (proto) {
	case IP_PROTO_TCP:
		return "tcp";
	case IP_PROTO_UDP:
		return "udp";
	}
	return "icmp";
}

static void put_rule(const struct flow_table *ft, uint32_t rule,
                     struct flowlog_record *r)
{
	if (!rule)
		return;
	r->rule = policy_rule_text(ft->rooms.policy, rule);
	r->origin = policy_rule_origin(ft->rooms.policy, rule);
}

static void put_who(const struct frontend_who *who, struct flowlog_record *r)
{
	r->tid = who->tid;
	r->program = who->name;
}

/* The slot as a record; the endpoint of the host goes to *host. */
static void fill(const struct flow_table *ft, const struct flow *f,
                 const struct flow_watch *w, struct flowlog_record *r)
{
	r->id = w->id;
	r->opened = w->opened_ns;
	r->proto = proto_name(flow_kind_proto((enum flow_kind)f->kind));
	r->app = &f->t.app;
	r->host = &w->host;
	r->name = w->name;
	put_who(&w->who, r);
	put_rule(ft, w->rule, r);
}

void watch_open(struct flow_table *ft, const struct flow *f, int64_t now)
{
	struct flowlog_record r = {.event = FLOWLOG_OPEN, .now = now};
	struct flow_watch *w;

	if (!ft->watch)
		return;
	w = &ft->watch[f - ft->slots];
	memset(w, 0, offsetof(struct flow_watch, name));
	w->id = ++ft->watch_id;
	w->opened_ns = now;
	w->host = ft->judged_host;
	w->rule = ft->judged.rule;
	(void)flow_who(ft, f->app_ref, &w->who);
	w->name[0] = '\0';
	if (ft->judged.name)
		memcpy(w->name, ft->judged.name,
		       strnlen(ft->judged.name, POLICY_NAME_MAX) + 1);
	fill(ft, f, w, &r);
	r.reason = ft->judged.reason;
	flowlog_write(ft->rooms.log, &r);
}

/* What only the host's socket knows of a TCP flow; it is about to close. */
/* #syscalls getsockopt */
static void take_tcp_info(const struct flow *f, struct flowlog_record *r)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	if (f->kind != FLOW_TCP || f->host.fd < 0 ||
	    getsockopt(f->host.fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
	    len < offsetof(struct tcp_info, tcpi_total_retrans) + 4)
		return;
	r->has_tcp_info = true;
	r->rtt_us = info.tcpi_rtt;
	r->retransmits = info.tcpi_total_retrans;
}

void watch_close(struct flow_table *ft, const struct flow *f, int64_t now)
{
	struct flowlog_record r = {.event = FLOWLOG_CLOSE, .now = now};
	struct flow_watch *w;

	if (!ft->watch)
		return;
	w = &ft->watch[f - ft->slots];
	if (!w->id)
		return; /* served by dns, or never opened */
	fill(ft, f, w, &r);
	r.bytes_app_host = w->bytes_app_host;
	r.bytes_host_app = w->bytes_host_app;
	r.err = f->err;
	take_tcp_info(f, &r);
	flowlog_write(ft->rooms.log, &r);
	w->id = 0;
}

void watch_denied(struct flow_table *ft, const struct policy_question *q,
                  const struct policy_answer *a, const struct frontend_who *who)
{
	struct flowlog_record r = {
		.event = FLOWLOG_DENY,
		.now = q->now,
		.proto = proto_name(q->proto),
		.host = &q->host,
		.name = a->name,
		.reason = a->reason,
	};

	if (!ft->rooms.log)
		return;
	put_rule(ft, a->rule, &r);
	put_who(who, &r);
	flowlog_write(ft->rooms.log, &r);
}

void watch_denied_name(struct flow_table *ft, const char *name,
                       const struct addr *addr, const struct policy_answer *a,
                       int64_t now)
{
	struct endpoint host = {.addr = addr ? *addr : (struct addr){{0}}};
	struct flowlog_record r = {
		.event = FLOWLOG_DENY,
		.now = now,
		.proto = "dns",
		.host = addr ? &host : NULL,
		.name = name,
		.reason = a->reason,
	};

	if (!ft->rooms.log)
		return;
	put_rule(ft, a->rule, &r);
	flowlog_write(ft->rooms.log, &r);
}

void flow_log_end(struct flow_table *ft, int64_t now)
{
	for (uint32_t i = 0; ft->watch && i < ft->fresh; i++)
		watch_close(ft, &ft->slots[i], now);
}
