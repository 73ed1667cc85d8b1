/* SPDX-License-Identifier: Apache-2.0 */
/* list.c - live flows, one by one, for people who look at them */
#include "flow/flow-private.h"

#include "wire/headers.h"

#include <string.h>

static const char *proto_of(enum flow_kind kind)
{
	switch (kind) {
	case FLOW_TCP:
	case FLOW_DNS_TCP:
		return "tcp";
	case FLOW_UDP:
		return "udp";
	case FLOW_ECHO:
		break;
	}
	return "icmp";
}

/* The log counts exactly; without one the host's socket does, for TCP. */
static void take_numbers(struct flow_table *ft, const struct flow *f,
                         struct flow_info *out)
{
	const struct flow_watch *w =
		ft->watch ? &ft->watch[f - ft->slots] : NULL;
	struct tcp_info_more more;
	size_t len = f->kind == FLOW_TCP ? watch_tcp_info(f, &more) : 0;

	if (w && w->id) {
		out->has_bytes = true;
		out->bytes_app_host = w->bytes_app_host;
		out->bytes_host_app = w->bytes_host_app;
		if (w->who.pid)
			out->who = w->who;
	}
	if (!len)
		return;
	out->has_tcp_info = true;
	out->rtt_us = more.info.tcpi_rtt;
	out->retransmits = more.info.tcpi_total_retrans;
	if (out->has_bytes || len < sizeof(more) || f->state != FLOW_OPEN)
		return;
	/* our SYN is one of those that were acknowledged */
	out->has_bytes = true;
	out->bytes_app_host = sub_clamped(more.bytes_acked, 1);
	out->bytes_host_app = more.bytes_received;
}

/* The rule that would let it pass now: by the matcher that did. */
static void take_verdict(struct flow_table *ft, const struct flow *f,
                         int64_t now, struct flow_info *out)
{
	struct policy_question q = {
		.proto = flow_kind_proto((enum flow_kind)f->kind), .now = now};
	struct policy_answer a;

	out->host = flow_decide(ft, &f->t, &q, &a, &out->door);
	out->rule = a.action == POLICY_ALLOW ? a.rule : 0;
	out->reason = a.reason;
	out->name = f->pin ? policy_pin_name(ft->rooms.policy, f->pin) : a.name;
}

static void describe(struct flow_table *ft, const struct flow *f, int64_t now,
                     struct flow_info *out)
{
	memset(out, 0, sizeof(*out));
	out->proto = proto_of((enum flow_kind)f->kind);
	out->state = (enum flow_state)f->state;
	out->internal = f->flags & FLOW_F_INTERNAL;
	out->app = f->t.app;
	out->host = f->t.host;
	out->idle_ns = f->kind == FLOW_UDP || f->kind == FLOW_ECHO
	                       ? now - f->last_ns
	                       : -1;
	(void)flow_who(ft, f->app_ref, &out->who);
	if (out->internal)
		return;
	if (f->flags & FLOW_F_INWARD) {
		out->publish = f->way;
		out->reason = "a client of a published port";
		take_numbers(ft, f, out);
		return;
	}
	take_verdict(ft, f, now, out);
	take_numbers(ft, f, out);
}

bool flow_list_next(struct flow_table *ft, uint64_t *cursor, size_t *looks,
                    int64_t now, struct flow_info *out)
{
	for (; *cursor < ft->fresh && *looks; ++*cursor, --*looks) {
		const struct flow *f = &ft->slots[*cursor];

		if (f->state == FLOW_FREE)
			continue;
		describe(ft, f, now, out);
		++*cursor;
		return true;
	}
	if (*cursor >= ft->fresh)
		*cursor = 0;
	return false;
}
