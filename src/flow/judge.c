/* SPDX-License-Identifier: Apache-2.0 */
/* judge.c - where does this flow go, and may it? */
#include "flow/flow-private.h"

#include "wire/headers.h"

#include <string.h>

#define DNS_PORT 53

uint8_t flow_kind_proto(enum flow_kind kind)
{
	switch (kind) {
	case FLOW_TCP:
	case FLOW_DNS_TCP:
		return IP_PROTO_TCP;
	case FLOW_UDP:
		return IP_PROTO_UDP;
	case FLOW_ECHO:
		break;
	}
	return IP_PROTO_ICMP;
}

static bool is_resolver(const struct flow_config *c, const struct addr *a)
{
	return addr_equal(a, &c->resolver4.addr) ||
	       addr_equal(a, &c->resolver6.addr);
}

static bool is_alias(const struct flow_config *c, const struct addr *a)
{
	for (size_t i = 0; i < c->nresolver_aliases; i++)
		if (addr_equal(a, &c->resolver_aliases[i]))
			return true;
	return false;
}

/* The gateway stands for the host's loopback, and is judged as that. */
static struct addr translate(const struct flow_config *c, const struct addr *a)
{
	struct addr loopback6 = {.b = {[15] = 1}};

	if (addr_equal(a, &c->gateway4.addr))
		return addr_ip4(127, 0, 0, 1);
	if (addr_equal(a, &c->gateway6.addr))
		return loopback6;
	return *a;
}

/* May it, and to where? Doors are asked for by the face that the app uses. */
struct endpoint flow_decide(struct flow_table *ft, const struct tuple *t,
                            struct policy_question *q, struct policy_answer *a,
                            uint32_t *door)
{
	const struct flow_door *d = flow_door_at(ft, q->proto, &t->host);

	*a = (struct policy_answer){0};
	*door = d ? d->id : 0;
	q->host = (struct endpoint){translate(&ft->config, &t->host.addr),
	                            t->host.port};
	if (d) {
		(void)!door_decide(ft, d, q, a);
		return q->host;
	}
	policy_decide(ft->rooms.policy, q, a);
	if (ft->closed && a->action == POLICY_ALLOW) {
		a->action = POLICY_DENY;
		a->rule = 0;
		a->reason = "the host's own addresses are not known";
	}
	return q->host;
}

bool flow_who(const struct flow_table *ft, uint64_t app_ref,
              struct frontend_who *who)
{
	const struct frontend_ops *ops = ft->rooms.frontend;

	memset(who, 0, sizeof(*who));
	return ops->who && ops->who(ft->rooms.frontend_user, app_ref, who);
}

enum flow_route flow_judge(struct flow_table *ft, const struct tuple *t,
                           uint8_t proto, uint64_t app_ref,
                           struct endpoint *final, int64_t now)
{
	struct policy_question q = {.proto = proto, .now = now};
	const struct endpoint *host = &t->host;
	struct policy_answer a;
	struct denial d = {.kind = WHO_FLOW, .q = &q, .a = &a};

	if (is_resolver(&ft->config, &host->addr) ||
	    (host->port == DNS_PORT && is_alias(&ft->config, &host->addr))) {
		if (host->port == DNS_PORT && ft->rooms.resolver &&
		    (proto == IP_PROTO_TCP || proto == IP_PROTO_UDP))
			return FLOW_ROUTE_RESOLVER;
		return FLOW_ROUTE_REFUSED;
	}
	*final = flow_decide(ft, t, &q, &a, &ft->judged_door);
	if (a.action == POLICY_ALLOW) {
		ft->judged = a;
		ft->judged_host = *final;
		return FLOW_ROUTE_HOST;
	}
	ft->stats.denied++;
	return who_denied(ft, &d, t, proto, app_ref, now) ? FLOW_ROUTE_WAITS
	                                                  : FLOW_ROUTE_DENIED;
}

void flow_refused(struct flow_table *ft, const struct tuple *t, uint8_t proto,
                  int64_t now)
{
	struct policy_question q = {
		.host = t->host, .proto = proto, .now = now};
	struct policy_answer a;
	struct denial d = {.kind = WHO_FLOW, .q = &q, .a = &a, .final = true};

	policy_decide(ft->rooms.policy, &q, &a);
	if (a.action == POLICY_ALLOW) {
		a.action = POLICY_DENY;
		a.rule = 0;
		a.reason = "it is on no network";
	}
	ft->stats.denied++;
	(void)who_denied(ft, &d, t, proto, 0, now);
}

void flow_take_pin(struct flow_table *ft, struct flow *f, int64_t now)
{
	f->pin = ft->judged.pin;
	f->way = ft->judged_door;
	if (f->kind == FLOW_TCP && ft->judged.by_name && ft->holds)
		f->flags |= FLOW_F_HELD;
	policy_hold(ft->rooms.policy, f->pin);
	watch_open(ft, f, now);
}
