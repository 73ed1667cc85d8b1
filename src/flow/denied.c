/* SPDX-License-Identifier: Apache-2.0 */
/* denied.c - a line for people on each new denial, bounded in every way */
#include "flow/flow-private.h"

#include "wire/headers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *proto_name(uint8_t proto)
{
	if (proto == IP_PROTO_TCP)
		return "tcp";
	return proto == IP_PROTO_UDP ? "udp" : "icmp";
}

static void say(struct flow_table *ft, const char *line)
{
	if (ft->rooms.denied)
		ft->rooms.denied(ft->rooms.denied_user, line);
}

static void say_unsaid(struct flow_table *ft)
{
	char line[64];

	if (!ft->denied.unsaid)
		return;
	snprintf(line, sizeof(line), "... and %" PRIu64 " more denied",
	         ft->denied.unsaid);
	ft->denied.unsaid = 0;
	say(ft, line);
}

/*
 * Was this one told already? Direct-mapped: two denials that share a place
 * push each other out and may be told again, within the limit of rate.
 */
static bool is_news(struct flow_table *ft, const struct policy_question *q)
{
	uint8_t key[19];
	uint64_t h, *place;

	memcpy(key, q->host.addr.b, 16);
	memcpy(key + 16, &q->host.port, 2);
	key[18] = q->proto;
	h = siphash(&ft->key, key, sizeof(key)) | 1;
	place = &ft->denied.seen[(h >> 1) % DENIED_SLOTS];
	if (*place == h)
		return false;
	*place = h;
	return true;
}

void denied_tell(struct flow_table *ft, const struct policy_question *q,
                 const struct policy_answer *a, int64_t now)
{
	char where[ENDPOINT_TEXT_MAX], remedy[128], line[512];
	uint32_t suppressed;

	if (!is_news(ft, q))
		return;
	if (!log_limit_pass(&ft->denied.limit, DENIED_BURST, now,
	                    &suppressed)) {
		ft->denied.unsaid++;
		return;
	}
	say_unsaid(ft);
	if (q->proto == IP_PROTO_TCP || q->proto == IP_PROTO_UDP)
		endpoint_format(&q->host, where);
	else
		addr_format(&q->host.addr, where);
	snprintf(line, sizeof(line), "denied %s/%s (%s); allow with %s", where,
	         proto_name(q->proto), a->reason ? a->reason : "policy",
	         policy_remedy_for(q, a, remedy, sizeof(remedy)));
	say(ft, line);
}

int64_t denied_deadline(const struct flow_table *ft)
{
	if (!ft->denied.unsaid)
		return TIME_NEVER;
	return ft->denied.limit.window_start_ns + NS_PER_S;
}

void denied_run(struct flow_table *ft, int64_t now, bool last)
{
	if (last || now >= denied_deadline(ft))
		say_unsaid(ft);
}
