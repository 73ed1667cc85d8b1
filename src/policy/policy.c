/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c - the rules together, and the one decision */
/*
 * THEORY
 *
 * Rules enter through policy_add() as text and are filed under what they
 * speak of: a prefix in one of two tries (`trie_slot`; IPv4 and IPv6 apart,
 * so that ::/0 means IPv6), or a group. Under each prefix and group the
 * ports of every action and protocol are disjoint spans (`port_spans_add`).
 * So a decision walks at most 128 bits down one trie and bisects ports on
 * the way: its cost does not grow with the number of rules, only with how
 * deeply prefixes nest.
 *
 * An address is judged in its canonical form and in every form behind it
 * (`class_forms`): a deny rule or a closed class of an embedded IPv4 address
 * counts as if it had been dialled, an allow rule for it does not, since
 * 2001:db8::5efe:192.0.2.1 is not 192.0.2.1. It belongs to one class
 * (`class_from_regions`, and the list of `policy_set_own` before all but
 * loopback). Closed classes open only to rules that mean them. Deny wins,
 * the lowest rule id is told.
 *
 * No descriptor, no clock, no allocation in `policy_decide`; the memory of
 * rules is freed only with the policy.
 */
#include "policy/names.h"
#include "policy/policy-private.h"
#include "wire/headers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* struct prefix_rules - the value behind a trie node, by index from 1 */
struct prefix_rules {
	struct rule_set set;
	enum policy_class cls; /* what allow rules of it mean */
	bool exact;
};

struct rule {
	enum policy_action action;
	char *text;   /* canonical, "allow 10.0.0.0/8:443" */
	char *origin; /* "agent.policy:3", "" */
	char *reason;
};

struct policy {
	struct trie trie4, trie6;
	struct prefix_rules *prefixes; /* [0] is not used */
	uint32_t nprefixes, prefixes_room;
	struct rule_set groups[POLICY_GROUPS];
	struct rule *rules; /* id - 1 */
	uint32_t nrules, rules_room;
	bool has_allow, offline;
	struct addr own[POLICY_OWN_MAX]; /* sorted */
	size_t nown;
	bool own_overflow;
};

struct policy *policy_new(void)
{
	return calloc(1, sizeof(struct policy));
}

static void rule_fini(struct rule *r)
{
	free(r->text);
	free(r->origin);
	free(r->reason);
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; i < p->nprefixes; i++)
		rule_set_fini(&p->prefixes[i + 1].set);
	for (size_t i = 0; i < POLICY_GROUPS; i++)
		rule_set_fini(&p->groups[i]);
	for (uint32_t i = 0; i < p->nrules; i++)
		rule_fini(&p->rules[i]);
	free(p->prefixes);
	free(p->rules);
	trie_fini(&p->trie4);
	trie_fini(&p->trie6);
	free(p);
}

/* An array of *room things of `size` grows by doubling; NULL: no memory. */
static void *grow(void *v, uint32_t need, uint32_t *room, size_t size)
{
	uint32_t bigger = *room ? *room : 8;
	void *moved;

	if (need <= *room)
		return v;
	while (bigger < need)
		bigger *= 2;
	moved = realloc(v, bigger * size);
	if (moved)
		*room = bigger;
	return moved;
}

static int add_prefix(struct policy *p, enum policy_action action,
                      const struct policy_target *t, uint32_t rule)
{
	bool ip4 = t->len >= 96 && addr_is_ip4(&t->prefix);
	uint32_t *slot;

	slot = trie_slot(ip4 ? &p->trie4 : &p->trie6, &t->prefix, t->len);
	if (!slot)
		return -ENOMEM;
	if (!*slot) {
		struct prefix_rules *moved, *fresh;

		moved = grow(p->prefixes, p->nprefixes + 2, &p->prefixes_room,
		             sizeof(*p->prefixes));
		if (!moved)
			return -ENOMEM;
		p->prefixes = moved;
		*slot = ++p->nprefixes;
		fresh = &p->prefixes[*slot];
		memset(fresh, 0, sizeof(*fresh));
		fresh->cls = class_of_prefix(&t->prefix, t->len);
		fresh->exact = t->len == 128;
	}
	return rule_set_add(&p->prefixes[*slot].set, t, action, rule);
}

static int rule_init(struct rule *r, enum policy_action action,
                     const struct policy_target *t, const char *origin)
{
	char text[POLICY_TARGET_TEXT_MAX];
	int rc;

	r->action = action;
	policy_target_format(t, text);
	rc = asprintf(&r->text, "%s %s",
	              action == POLICY_ALLOW ? "allow" : "deny", text);
	if (rc < 0) {
		r->text = NULL;
		return -ENOMEM;
	}
	r->origin = strdup(origin);
	if (*origin)
		rc = asprintf(&r->reason, "%s, %s", r->text, origin);
	else
		rc = asprintf(&r->reason, "rule %s", r->text);
	if (rc < 0)
		r->reason = NULL;
	if (r->origin && r->reason)
		return 0;
	return -ENOMEM;
}

int policy_add_from(struct policy *p, enum policy_action action,
                    const char *text, const char *origin, struct error *err)
{
	struct rule rule = {0}, *moved;
	struct policy_target t;
	uint32_t id = p->nrules + 1;
	int rc = policy_target_parse(text, &t, err);

	if (rc < 0)
		return rc;
	moved = grow(p->rules, id, &p->rules_room, sizeof(*p->rules));
	if (!moved)
		return error_set(err, -ENOMEM, "no memory for rule %u", id);
	p->rules = moved;
	switch (t.kind) {
	case POLICY_TARGET_PREFIX:
		rc = add_prefix(p, action, &t, id);
		break;
	case POLICY_TARGET_GROUP:
		rc = rule_set_add(&p->groups[t.group], &t, action, id);
		break;
	case POLICY_TARGET_NAME:
		rc = policy_names_add(p, action, &t, id, err);
		if (rc < 0)
			return rc;
		break;
	}
	if (rc == 0)
		rc = rule_init(&rule, action, &t, origin);
	if (rc < 0) {
		rule_fini(&rule);
		return error_set(err, rc, "no memory for rule %u", id);
	}
	p->rules[p->nrules++] = rule;
	p->has_allow |= action == POLICY_ALLOW;
	return 0;
}

int policy_add(struct policy *p, enum policy_action action, const char *text,
               struct error *err)
{
	return policy_add_from(p, action, text, "", err);
}

void policy_set_offline(struct policy *p, bool offline)
{
	p->offline = offline;
}

static int addr_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct addr));
}

int policy_set_own(struct policy *p, const struct addr *own, size_t n)
{
	p->own_overflow = n > POLICY_OWN_MAX;
	p->nown = MIN(n, (size_t)POLICY_OWN_MAX);
	for (size_t i = 0; i < p->nown; i++) {
		size_t at = i;

		/* by insertion: qsort(3) may allocate */
		for (; at && addr_compare(&p->own[at - 1], &own[i]) > 0; at--)
			p->own[at] = p->own[at - 1];
		p->own[at] = own[i];
	}
	return p->own_overflow ? -ENOSPC : 0;
}

uint32_t policy_rule_count(const struct policy *p)
{
	return p->nrules;
}

const char *policy_rule_text(const struct policy *p, uint32_t rule)
{
	return p->rules[rule - 1].text;
}

const char *policy_rule_origin(const struct policy *p, uint32_t rule)
{
	return p->rules[rule - 1].origin;
}

bool policy_denies_rest(const struct policy *p)
{
	return p->has_allow || p->offline;
}

/* --- the decision -------------------------------------------------------- */

/* struct judgement - of one form; rules are 0 where none matched */
struct judgement {
	enum policy_class cls;
	uint32_t allow, deny;
};

static void take_lower(uint32_t *lowest, uint32_t rule)
{
	if (rule && (!*lowest || rule < *lowest))
		*lowest = rule;
}

static bool is_own(const struct policy *p, const struct addr *a)
{
	return bsearch(a, p->own, p->nown, sizeof(p->own[0]), addr_compare);
}

/* Bits 1 << enum policy_group: the groups whose deny rules hit the address,
 * and the one whose allow rules open it. */
static void groups_of(unsigned int regions, enum policy_class cls, bool own,
                      unsigned int *deny, unsigned int *allow)
{
	static const struct {
		enum policy_class cls;
		enum policy_group group;
	} closed[] = {
		{POLICY_CLASS_LOOPBACK, POLICY_GROUP_LOOPBACK},
		{POLICY_CLASS_METADATA, POLICY_GROUP_METADATA},
		{POLICY_CLASS_LINK_LOCAL, POLICY_GROUP_LINK_LOCAL},
		{POLICY_CLASS_MULTICAST, POLICY_GROUP_MULTICAST},
		{POLICY_CLASS_OWN, POLICY_GROUP_HOST},
	};

	*deny = *allow = 0;
	if (own)
		regions |= CLASS_BIT(POLICY_CLASS_OWN);
	for (size_t i = 0; i < ARRAY_SIZE(closed); i++) {
		if (regions & CLASS_BIT(closed[i].cls))
			*deny |= 1u << closed[i].group;
		if (cls == closed[i].cls)
			*allow |= 1u << closed[i].group;
	}
	if (regions & CLASS_BIT_PRIVATE)
		*deny |= 1u << POLICY_GROUP_PRIVATE;
	else if (cls == POLICY_CLASS_OPEN)
		*deny |= 1u << POLICY_GROUP_INTERNET;
	if (cls == POLICY_CLASS_OPEN)
		*allow = *deny;
}

static bool prefix_opens(const struct prefix_rules *r, enum policy_class cls)
{
	if (cls == POLICY_CLASS_OPEN)
		return true;
	if (cls == POLICY_CLASS_OWN)
		return r->exact;
	return r->cls == cls;
}

static void judge(const struct policy *p, const struct addr *a,
                  enum policy_proto proto, uint16_t port, struct judgement *j)
{
	unsigned int regions = class_regions(a), deny_groups, allow_groups;
	uint32_t values[TRIE_DEPTH_MAX];
	bool own = is_own(p, a);
	size_t n;

	memset(j, 0, sizeof(*j));
	j->cls = class_from_regions(regions);
	if (own && j->cls != POLICY_CLASS_LOOPBACK)
		j->cls = POLICY_CLASS_OWN;
	n = trie_match(addr_is_ip4(a) ? &p->trie4 : &p->trie6, a, values);
	for (size_t i = 0; i < n; i++) {
		const struct prefix_rules *r = &p->prefixes[values[i]];

		take_lower(&j->deny,
		           rule_set_find(&r->set, POLICY_DENY, proto, port));
		if (prefix_opens(r, j->cls))
			take_lower(&j->allow,
			           rule_set_find(&r->set, POLICY_ALLOW, proto,
			                         port));
	}
	groups_of(regions, j->cls, own, &deny_groups, &allow_groups);
	for (unsigned int g = 0; g < POLICY_GROUPS; g++) {
		const struct rule_set *set = &p->groups[g];

		if (deny_groups & 1u << g)
			take_lower(&j->deny, rule_set_find(set, POLICY_DENY,
			                                   proto, port));
		if (allow_groups & 1u << g)
			take_lower(&j->allow, rule_set_find(set, POLICY_ALLOW,
			                                    proto, port));
	}
}

static bool proto_of(uint8_t ip_proto, enum policy_proto *proto)
{
	switch (ip_proto) {
	case IP_PROTO_TCP:
		*proto = POLICY_TCP;
		return true;
	case IP_PROTO_UDP:
		*proto = POLICY_UDP;
		return true;
	case IP_PROTO_ICMP:
	case IP_PROTO_ICMP6:
		*proto = POLICY_ICMP;
		return true;
	}
	return false;
}

static const char *closed_reason(enum policy_class cls)
{
	switch (cls) {
	case POLICY_CLASS_OPEN:
		break;
	case POLICY_CLASS_LOOPBACK:
		return "the host's loopback is closed by default";
	case POLICY_CLASS_OWN:
		return "the host's own addresses are closed by default";
	case POLICY_CLASS_METADATA:
		return "cloud metadata is closed by default";
	case POLICY_CLASS_LINK_LOCAL:
		return "link-local is closed by default";
	case POLICY_CLASS_MULTICAST:
		return "multicast and broadcast are closed by default";
	}
	return "open by default";
}

static void answer_default(struct policy_answer *out, enum policy_action action,
                           const char *reason)
{
	out->action = action;
	out->rule = 0;
	out->reason = reason;
}

static void answer_rule(const struct policy *p, struct policy_answer *out,
                        uint32_t rule)
{
	out->action = p->rules[rule - 1].action;
	out->rule = rule;
	out->reason = p->rules[rule - 1].reason;
}

void policy_decide(const struct policy *p, const struct policy_question *q,
                   struct policy_answer *out)
{
	struct addr forms[CLASS_FORMS_MAX];
	size_t n = class_forms(&q->host.addr, forms);
	enum policy_class closed = POLICY_CLASS_OPEN;
	struct judgement first, other;
	enum policy_proto proto;
	uint16_t port;

	memset(out, 0, sizeof(*out));
	if (!proto_of(q->proto, &proto)) {
		answer_default(out, POLICY_DENY,
		               "only TCP, UDP and ICMP echo leave");
		return;
	}
	port = proto == POLICY_ICMP ? 0 : q->host.port;
	judge(p, &forms[0], proto, port, &first);
	if (first.cls != POLICY_CLASS_OPEN && !first.allow)
		closed = first.cls;
	for (size_t i = 1; i < n; i++) {
		judge(p, &forms[i], proto, port, &other);
		take_lower(&first.deny, other.deny);
		if (other.cls != POLICY_CLASS_OPEN && !other.allow && !closed)
			closed = other.cls;
	}
	out->cls = closed ? closed : first.cls;
	if (p->offline)
		answer_default(out, POLICY_DENY, "--offline");
	else if (p->own_overflow)
		answer_default(out, POLICY_DENY,
		               "the host has more addresses than postern "
		               "can tell apart");
	else if (first.deny)
		answer_rule(p, out, first.deny);
	else if (closed)
		answer_default(out, POLICY_DENY, closed_reason(closed));
	else if (first.allow)
		answer_rule(p, out, first.allow);
	else if (p->has_allow)
		answer_default(out, POLICY_DENY, "no rule allows it");
	else
		answer_default(out, POLICY_ALLOW, "open by default");
}

static size_t append_remedy(char *buf, size_t len, size_t at,
                            const struct addr *a,
                            const struct policy_question *q)
{
	struct policy_target t = {.kind = POLICY_TARGET_PREFIX, .len = 128};
	char text[POLICY_TARGET_TEXT_MAX];
	enum policy_proto proto = POLICY_TCP;
	int n;

	t.prefix = *a;
	if (proto_of(q->proto, &proto) && proto != POLICY_TCP) {
		t.has_proto = true;
		t.protos = 1u << proto;
	}
	if (proto != POLICY_ICMP) {
		t.has_port = true;
		t.first = t.last = q->host.port;
	}
	policy_target_format(&t, text);
	n = snprintf(buf + at, len - at, "%s--allow %s", at ? " " : "", text);
	return MIN(at + (size_t)n, len - 1);
}

char *policy_remedy(const struct policy_question *q, char *buf, size_t len)
{
	struct addr forms[CLASS_FORMS_MAX];
	size_t n = class_forms(&q->host.addr, forms);
	size_t at = append_remedy(buf, len, 0, &forms[0], q);

	/* an address behind it that is closed must be opened as well */
	for (size_t i = 1; i < n; i++)
		if (class_from_regions(class_regions(&forms[i])))
			at = append_remedy(buf, len, at, &forms[i], q);
	return buf;
}
