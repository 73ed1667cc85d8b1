/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - the resolver asks policy: may a name be looked up, and lead here?
 */
#include "flow/flow-private.h"

#include "dns/resolver.h"

#include <string.h>

/*
 * Once glibc was told that a name does not exist it tries it again under each
 * search domain; and what is looked up by address is nobody's target. Such
 * names are denied without a line.
 */
static bool is_echo(struct denied_names *d, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(d->last); i++) {
		size_t n = strlen(d->last[i]);

		if (n && n < len && name[n] == '.' &&
		    !memcmp(name, d->last[i], n))
			return true;
	}
	return len > 5 && !strcmp(name + len - 5, ".arpa");
}

static void remember(struct denied_names *d, const char *name)
{
	char *place = d->last[d->next++ % ARRAY_SIZE(d->last)];

	memcpy(place, name, strnlen(name, POLICY_NAME_MAX) + 1);
}

/* Whose question, or whose answer, is it? NULL: not known. */
static const struct flow *asker_of(struct flow_table *ft)
{
	uint64_t client;

	if (ft->asker)
		return ft->asker;
	client = resolver_judging(ft->rooms.resolver);
	return FLOW_IS_ASKER(client) ? flow_get(ft, flow_id_unpack(client))
	                             : NULL;
}

static void tell(struct flow_table *ft, const char *name,
                 const struct addr *addr, const struct policy_answer *a,
                 int64_t now)
{
	struct policy_question q = {.now = now};
	const struct flow *f = asker_of(ft);
	struct denial d = {.kind = WHO_NAME,
	                   .q = &q,
	                   .a = a,
	                   .name = name,
	                   .addr = addr,
	                   .flow = f};

	d.quiet = !addr && is_echo(&ft->denied.names, name);
	if (!d.quiet && !addr)
		remember(&ft->denied.names, name);
	(void)who_denied(ft, &d, f ? &f->t : NULL,
	                 f ? flow_kind_proto((enum flow_kind)f->kind) : 0,
	                 f ? f->app_ref : 0, now);
}

static enum resolver_verdict gate(void *user, const char *name,
                                  const char **reason, int64_t now)
{
	struct flow_table *ft = user;
	struct policy_answer a;

	if (!name) {
		/* no host name, so no rule can speak of it */
		*reason = "no rule allows it";
		policy_ask(ft->rooms.policy, ".", &a);
		return a.action == POLICY_ALLOW ? RESOLVER_PASS : RESOLVER_DENY;
	}
	/* a door is allowed by having been asked for, its name as well */
	if (flow_has_gateway_door(ft) && flow_is_gateway_name(name))
		return RESOLVER_PASS_PLAIN;
	policy_ask(ft->rooms.policy, name, &a);
	*reason = a.reason;
	if (a.action == POLICY_ALLOW)
		return a.by_name ? RESOLVER_PASS_PLAIN : RESOLVER_PASS;
	ft->stats.denied++;
	tell(ft, name, NULL, &a, now);
	return RESOLVER_DENY;
}

static bool judge(void *user, const char *name, const struct addr *addr,
                  uint32_t ttl, bool local, int64_t now)
{
	struct flow_table *ft = user;
	struct policy_answer a;

	if (local && flow_has_gateway_door(ft) && flow_is_gateway_name(name))
		return true;
	if (policy_learn(ft->rooms.policy, name, addr, ttl, local, now, &a))
		return true;
	ft->stats.denied++;
	tell(ft, name, addr, &a, now);
	return false;
}

void flow_names_bind(struct flow_table *ft, bool refused)
{
	resolver_set_gate(ft->rooms.resolver, gate, ft, refused);
	resolver_set_judge(ft->rooms.resolver, judge, ft);
}

struct hosts_lesson {
	struct flow_table *ft;
	int64_t now;
};

static void learn_host(void *user, const char *name, const struct addr *addr)
{
	struct hosts_lesson *l = user;
	struct policy_answer a;

	policy_ask(l->ft->rooms.policy, name, &a);
	if (a.action != POLICY_ALLOW || !a.by_name)
		return;
	/* where it may not lead it is just not learned; who asks is told */
	(void)!policy_learn(l->ft->rooms.policy, name, addr, UINT32_MAX, true,
	                    l->now, &a);
}

void flow_names_learn_hosts(struct flow_table *ft, int64_t now)
{
	struct hosts_lesson l = {ft, now};

	resolver_each_host(ft->rooms.resolver, learn_host, &l);
}

void flow_rules_changed(struct flow_table *ft, int64_t now)
{
	memset(&ft->denied.seen, 0, sizeof(ft->denied.seen));
	memset(&ft->denied.names, 0, sizeof(ft->denied.names));
	if (ft->rooms.resolver)
		flow_names_learn_hosts(ft, now);
	flow_policy_changed(ft, now);
}
