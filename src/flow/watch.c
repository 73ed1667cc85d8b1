/* SPDX-License-Identifier: Apache-2.0 */
/* watch.c - what the log is told of flows; nothing when there is no log */
#include "flow/flow-private.h"

#include "observe/flowlog.h"
#include "policy/sniff.h"
#include "wire/headers.h"

#include <errno.h>
#include <stdio.h>
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
	r->rule_id = rule;
	r->rule = policy_rule_text(ft->rooms.policy, rule);
	r->origin = policy_rule_origin(ft->rooms.policy, rule);
}

#define WAY_TEXT_MAX 24

/* What an option opened is called by the option. */
static void put_way(const struct flow_watch *w, char text[WAY_TEXT_MAX],
                    struct flowlog_record *r)
{
	if (w->publish)
		snprintf(text, WAY_TEXT_MAX, "publish:%u", w->publish);
	else if (w->door)
		snprintf(text, WAY_TEXT_MAX, "door:%u", w->door);
	else
		return;
	r->rule = text;
}

static void put_who(const struct frontend_who *who, struct flowlog_record *r)
{
	if (!who)
		return;
	r->pid = who->pid;
	r->tid = who->tid;
	r->lookup = who->lookup;
	r->program = who->name;
	r->comm = who->comm;
	r->exe = who->exe;
}

/* A flow as a record; what it points to stays the caller's, and so is text. */
static void fill(const struct flow_table *ft, uint8_t proto,
                 const struct tuple *t, const struct flow_watch *w,
                 char text[WAY_TEXT_MAX], struct flowlog_record *r)
{
	r->id = w->id;
	r->opened = w->opened_ns;
	r->proto = proto_name(proto);
	r->app = &t->app;
	r->host = &w->host;
	r->name = w->name;
	r->ambiguous = w->ambiguous;
	if (r->event == FLOWLOG_CLOSE) {
		/* where it said which one, that is not in doubt any more */
		r->ambiguous &= !w->said[0];
		r->said = w->said;
		r->said_in = w->said_in;
		r->ech = w->ech;
	}
	put_who(&w->who, r);
	put_rule(ft, w->rule, r);
	put_way(w, text, r);
	r->from_host = w->publish > 0;
}

static void write_open(struct flow_table *ft, uint8_t proto,
                       const struct tuple *t, struct flow_watch *w)
{
	struct flowlog_record r = {.event = FLOWLOG_OPEN,
	                           .now = w->opened_ns,
	                           .reason = w->reason};
	char text[WAY_TEXT_MAX];

	w->asked = 0;
	fill(ft, proto, t, w, text, &r);
	flowlog_write(ft->rooms.log, &r);
}

void watch_open(struct flow_table *ft, const struct flow *f, int64_t now)
{
	struct flow_watch *w;

	if (!ft->watch)
		return;
	w = &ft->watch[f - ft->slots];
	memset(w, 0, offsetof(struct flow_watch, said));
	w->said[0] = '\0';
	w->id = ++ft->watch_id;
	w->opened_ns = now;
	w->host = ft->judged_host;
	w->rule = ft->judged.rule;
	w->door = ft->judged_door;
	(void)flow_who(ft, f->app_ref, &w->who);
	w->name[0] = '\0';
	if (ft->judged.name)
		memcpy(w->name, ft->judged.name,
		       strnlen(ft->judged.name, POLICY_NAME_MAX) + 1);
	w->reason = ft->judged.reason;
	w->ambiguous = ft->judged.ambiguous;
	w->asked = who_opened(ft, f, now);
	if (!w->asked)
		write_open(ft, flow_kind_proto((enum flow_kind)f->kind), &f->t,
		           w);
}

void watch_inward(struct flow_table *ft, const struct flow *f, uint32_t id,
                  const struct endpoint *client, int64_t now)
{
	struct flow_watch *w;

	if (!ft->watch)
		return;
	w = &ft->watch[f - ft->slots];
	memset(w, 0, offsetof(struct flow_watch, said));
	w->said[0] = w->name[0] = '\0';
	w->id = ++ft->watch_id;
	w->opened_ns = now;
	w->host = *client;
	w->publish = id;
	w->reason = "a client of a published port";
	write_open(ft, flow_kind_proto((enum flow_kind)f->kind), &f->t, w);
}

const char *watch_said_in(const struct sniff *s)
{
	switch (s->kind) {
	case SNIFF_TLS:
		return "tls";
	case SNIFF_HTTP:
		return "http";
	case SNIFF_MORE:
	case SNIFF_OTHER:
		break;
	}
	return NULL;
}

void watch_said(struct flow_table *ft, const struct flow *f,
                const struct sniff *s)
{
	struct flow_watch *w;

	if (!ft->watch)
		return;
	w = &ft->watch[f - ft->slots];
	w->said_in = watch_said_in(s);
	w->ech = s->ech;
	if (s->what == SNIFF_NAMED)
		memcpy(w->said, s->name, sizeof(w->said));
}

void watch_told(struct flow_table *ft, const struct flow *f,
                const struct frontend_who *who)
{
	struct flow_watch *w = &ft->watch[f - ft->slots];

	w->who = *who;
	write_open(ft, flow_kind_proto((enum flow_kind)f->kind), &f->t, w);
}

void watch_late(struct flow_table *ft, uint8_t proto, const struct tuple *t,
                struct flow_watch *w, struct flowlog_record *closed)
{
	char text[WAY_TEXT_MAX];

	write_open(ft, proto, t, w);
	fill(ft, proto, t, w, text, closed);
	flowlog_write(ft->rooms.log, closed);
}

/* #syscalls getsockopt */
size_t watch_tcp_info(const struct flow *f, struct tcp_info_more *more)
{
	socklen_t len = sizeof(*more);

	memset(more, 0, sizeof(*more));
	if (f->host.fd < 0 ||
	    getsockopt(f->host.fd, IPPROTO_TCP, TCP_INFO, more, &len) < 0 ||
	    len < offsetof(struct tcp_info_more, pacing_rate))
		return 0;
	return len;
}

/* What only the host's socket knows of a TCP flow; it is about to close. */
static void take_tcp_info(const struct flow *f, struct flowlog_record *r)
{
	struct tcp_info_more more;
	size_t len = watch_tcp_info(f, &more);

	if (!len)
		return;
	r->has_tcp_info = true;
	r->rtt_us = more.info.tcpi_rtt;
	r->retransmits = more.info.tcpi_total_retrans;
	if (len < sizeof(more))
		return;
	r->has_packets = true;
	r->packets_app_host = more.segs_out;
	r->packets_host_app = more.segs_in;
}

void watch_close(struct flow_table *ft, const struct flow *f, int64_t now)
{
	struct flowlog_record r = {.event = FLOWLOG_CLOSE, .now = now};
	struct flow_watch *w;
	char text[WAY_TEXT_MAX];

	if (!ft->watch)
		return;
	w = &ft->watch[f - ft->slots];
	if (!w->id)
		return; /* served by dns, or never opened */
	r.bytes_app_host = w->bytes_app_host;
	r.bytes_host_app = w->bytes_host_app;
	r.err = f->err;
	if (f->kind == FLOW_TCP) {
		take_tcp_info(f, &r);
	} else {
		r.has_packets = true;
		r.packets_app_host = w->pkts_app_host;
		r.packets_host_app = w->pkts_host_app;
	}
	if (w->asked) {
		who_closed(ft, f, w, &r);
	} else {
		fill(ft, flow_kind_proto((enum flow_kind)f->kind), &f->t, w,
		     text, &r);
		flowlog_write(ft->rooms.log, &r);
	}
	w->id = w->asked = 0;
}

void watch_denied(struct flow_table *ft, const struct policy_question *q,
                  const struct policy_answer *a, const char *said_in,
                  const struct frontend_who *who)
{
	struct flowlog_record r = {
		.event = FLOWLOG_DENY,
		.now = q->now,
		.proto = proto_name(q->proto),
		.host = &q->host,
		.name = a->name,
		.said = said_in ? a->name : NULL,
		.said_in = said_in,
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
                       const struct frontend_who *who, int64_t now)
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
	put_who(who, &r);
	flowlog_write(ft->rooms.log, &r);
}

void flow_log_end(struct flow_table *ft, int64_t now)
{
	who_run(ft, now, true);
	for (uint32_t i = 0; ft->watch && i < ft->fresh; i++)
		watch_close(ft, &ft->slots[i], now);
}
