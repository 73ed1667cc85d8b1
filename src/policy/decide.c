/* SPDX-License-Identifier: Apache-2.0 */
/* decide.c - the one decision: an address, its names, a port */
#include "policy/policy-private.h"
#include "wire/headers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* struct judgement - of one form; rules are 0 where none matched */
struct judgement {
	enum policy_class cls;
	unsigned int regions;
	uint32_t allow, deny;
};

static bool is_own(const struct policy *p, const struct addr *a)
{
	return bsearch(a, p->own, p->own_n, sizeof(p->own[0]),
	               policy_addr_compare);
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
	j->regions = regions;
	j->cls = class_from_regions(regions);
	if (own && j->cls != POLICY_CLASS_LOOPBACK)
		j->cls = POLICY_CLASS_OWN;
	n = trie_match(addr_is_ip4(a) ? &p->trie4 : &p->trie6, a, values);
	for (size_t i = 0; i < n; i++) {
		const struct prefix_rules *r = &p->prefixes[values[i]];

		rule_take_lower(&j->deny, rule_set_find(&r->set, POLICY_DENY,
		                                        proto, port));
		if (prefix_opens(r, j->cls))
			rule_take_lower(&j->allow,
			                rule_set_find(&r->set, POLICY_ALLOW,
			                              proto, port));
	}
	groups_of(regions, j->cls, own, &deny_groups, &allow_groups);
	for (unsigned int g = 0; g < POLICY_GROUPS; g++) {
		const struct rule_set *set = &p->groups[g];

		if (deny_groups & 1u << g)
			rule_take_lower(
				&j->deny,
				rule_set_find(set, POLICY_DENY, proto, port));
		if (allow_groups & 1u << g)
			rule_take_lower(
				&j->allow,
				rule_set_find(set, POLICY_ALLOW, proto, port));
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

/* --- names of an address ----------------------------------------------------
 */

/* struct named - what the live pins of an address say, each kind's best */
struct named {
	const struct pin *allowed, *denied, *silent;
	const struct pin *guarded; /* allowed, but for where it leads */
	const struct pin *quic;    /* allowed by TCP */
	uint32_t allow, deny;      /* rules of allowed and denied */
};

static void name_judge_pin(const struct policy *p, const struct pin *pin,
                           enum policy_proto proto, uint16_t port, bool private,
                           struct named *n)
{
	uint32_t allow, deny, tcp;

	names_judge(&p->names, pin->name, proto, port, &allow, &deny);
	if (deny) {
		n->denied = pin;
		rule_take_lower(&n->deny, deny);
		return;
	}
	if (!allow) {
		n->silent = pin;
		if (proto != POLICY_UDP || port != PORT_QUIC)
			return;
		names_judge(&p->names, pin->name, POLICY_TCP, port, &tcp,
		            &deny);
		if (tcp && !deny)
			n->quic = pin;
		return;
	}
	if (private && !pin->trusted) {
		n->guarded = pin;
		return;
	}
	if (!n->allow || allow < n->allow) {
		n->allowed = pin;
		n->allow = allow;
	}
}

static void names_of_address(const struct policy *p, const struct addr *a,
                             enum policy_proto proto, uint16_t port,
                             bool private, int64_t now, struct named *n)
{
	const struct pin *pin = NULL;

	memset(n, 0, sizeof(*n));
	if (!p->pins)
		return;
	while ((pin = pins_find(p->pins, a, pin, now)))
		name_judge_pin(p, pin, proto, port, private, n);
}

static void answer_pin(const struct policy *p, struct policy_answer *out,
                       const struct pin *pin, bool private)
{
	out->name = pin->name;
	out->pin = pins_handle(p->pins, pin);
	out->guarded = private && !pin->trusted;
}

/* Some name to call the address by, the most telling first. */
static void answer_any_pin(const struct policy *p, struct policy_answer *out,
                           const struct named *n, bool private)
{
	const struct pin *const order[] = {n->allowed, n->guarded, n->quic,
	                                   n->denied, n->silent};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (order[i]) {
			answer_pin(p, out, order[i], private);
			return;
		}
}

/* What no rule about the address decided: its names, else the default. */
static void decide_by_name(const struct policy *p, const struct named *n,
                           bool private, struct policy_answer *out)
{
	if (n->allowed) {
		answer_rule(p, out, n->allow);
		answer_pin(p, out, n->allowed, private);
		out->by_name = true;
		out->ambiguous = n->denied || n->silent;
		return;
	}
	if (n->denied && (!n->silent || p->has_allow)) {
		answer_rule(p, out, n->deny);
		answer_pin(p, out, n->denied, private);
		return;
	}
	answer_any_pin(p, out, n, private);
	if (n->guarded)
		answer_default(out, POLICY_DENY,
		               "a name opens no private address");
	else if (n->quic)
		answer_default(out, POLICY_DENY,
		               "QUIC hides the name it speaks to");
	else if (p->has_allow)
		answer_default(out, POLICY_DENY, "no rule allows it");
	else
		answer_default(out, POLICY_ALLOW, "open by default");
	/* a denied name is there too: TLS and HTTP tell which one it is */
	out->ambiguous = out->by_name = n->denied != NULL;
}

void policy_decide(const struct policy *p, const struct policy_question *q,
                   struct policy_answer *out)
{
	struct addr forms[CLASS_FORMS_MAX];
	size_t n = class_forms(&q->host.addr, forms);
	enum policy_class closed = POLICY_CLASS_OPEN;
	struct judgement first, other;
	enum policy_proto proto;
	struct named named;
	uint16_t port;
	bool private;

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
		rule_take_lower(&first.deny, other.deny);
		first.regions |= other.regions;
		if (other.cls != POLICY_CLASS_OPEN && !other.allow && !closed)
			closed = other.cls;
	}
	private = first.regions & CLASS_BIT_PRIVATE;
	names_of_address(p, &forms[0], proto, port, private, q->now, &named);
	out->cls = closed ? closed : first.cls;
	answer_any_pin(p, out, &named, private);
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
	else
		decide_by_name(p, &named, private, out);
}

/* --- by name alone
 * ------------------------------------------------------------ */

/* Could some rule about addresses open a, at whatever port? */
static bool address_may(const struct policy *p, const struct addr *a)
{
	unsigned int regions = class_regions(a), deny_groups, allow_groups;
	enum policy_class cls = class_from_regions(regions);
	uint32_t values[TRIE_DEPTH_MAX];
	bool own = is_own(p, a);
	size_t n;

	if (own && cls != POLICY_CLASS_LOOPBACK)
		cls = POLICY_CLASS_OWN;
	n = trie_match(addr_is_ip4(a) ? &p->trie4 : &p->trie6, a, values);
	for (size_t i = 0; i < n; i++) {
		const struct prefix_rules *r = &p->prefixes[values[i]];

		if (prefix_opens(r, cls) && rule_set_any(&r->set, POLICY_ALLOW))
			return true;
	}
	groups_of(regions, cls, own, &deny_groups, &allow_groups);
	for (unsigned int g = 0; g < POLICY_GROUPS; g++)
		if (allow_groups & 1u << g &&
		    rule_set_any(&p->groups[g], POLICY_ALLOW))
			return true;
	return false;
}

static void answer_name_default(const struct policy *p,
                                struct policy_answer *out)
{
	if (p->offline)
		answer_default(out, POLICY_DENY, "--offline");
	else if (p->names.nallow && !p->opens_all)
		answer_default(out, POLICY_DENY, "no rule allows it");
	else
		answer_default(out, POLICY_ALLOW, "open by default");
}

void policy_ask(const struct policy *p, const char *name,
                struct policy_answer *out)
{
	uint32_t allow, deny;

	memset(out, 0, sizeof(*out));
	answer_name_default(p, out);
	if (p->offline)
		return;
	names_could(&p->names, name, &allow, &deny);
	if (deny) {
		answer_rule(p, out, deny);
	} else if (allow) {
		answer_rule(p, out, allow);
		out->by_name = true;
	}
}

void policy_name_decide(const struct policy *p, const char *name,
                        uint8_t ip_proto, uint16_t port,
                        struct policy_answer *out)
{
	enum policy_proto proto = POLICY_TCP;
	uint32_t allow, deny;

	memset(out, 0, sizeof(*out));
	answer_name_default(p, out);
	if (p->offline || !proto_of(ip_proto, &proto))
		return;
	names_judge(&p->names, name, proto, port, &allow, &deny);
	if (deny) {
		answer_rule(p, out, deny);
	} else if (allow) {
		answer_rule(p, out, allow);
		out->by_name = true;
	}
}

int policy_pins_init(struct policy *p, size_t max,
                     const struct random_source *random)
{
	p->pins = pins_new(max, random);
	return p->pins ? 0 : -ENOMEM;
}

/* Where a name must not lead on its own. */
static bool is_guarded(const struct policy *p, const struct addr *a,
                       bool trusted, struct policy_answer *out)
{
	struct addr forms[CLASS_FORMS_MAX];
	size_t n = class_forms(a, forms);

	for (size_t i = 0; i < n; i++) {
		unsigned int regions = class_regions(&forms[i]);

		out->cls = class_from_regions(regions);
		if (out->cls == POLICY_CLASS_OPEN && is_own(p, &forms[i]))
			out->cls = POLICY_CLASS_OWN;
		if (out->cls == POLICY_CLASS_OPEN &&
		    !(regions & CLASS_BIT_PRIVATE && !trusted))
			continue;
		if (!address_may(p, &forms[i]))
			return true;
	}
	return false;
}

bool policy_learn(struct policy *p, const char *name, const struct addr *addr,
                  uint32_t ttl, bool trusted, int64_t now,
                  struct policy_answer *out)
{
	struct addr a = policy_canonical(addr);
	uint32_t allow, deny;

	memset(out, 0, sizeof(*out));
	answer_default(out, POLICY_ALLOW, "learned");
	if (!p->pins)
		return true;
	names_could(&p->names, name, &allow, &deny);
	if (allow && is_guarded(p, addr, trusted, out)) {
		answer_default(out, POLICY_DENY,
		               out->cls == POLICY_CLASS_OPEN
		                       ? "a name opens no private address"
		                       : closed_reason(out->cls));
		out->guarded = true;
		return false;
	}
	if (pins_learn(p->pins, name, &a, ttl, trusted, now) < 0) {
		answer_default(out, POLICY_DENY,
		               "more names in use than postern can hold");
		return false;
	}
	return true;
}

void policy_hold(struct policy *p, uint32_t pin)
{
	if (pin && p->pins)
		pins_hold(p->pins, pin);
}

void policy_release(struct policy *p, uint32_t pin, int64_t now)
{
	if (pin && p->pins)
		pins_release(p->pins, pin, now);
}

const char *policy_pin_name(const struct policy *p, uint32_t pin)
{
	return pin && p->pins ? pins_name(p->pins, pin) : NULL;
}

/* --- what to type
 * ---------------------------------------------------------------- */

static size_t append_remedy(char *buf, size_t len, size_t at,
                            const struct addr *a, const char *name,
                            const struct policy_question *q)
{
	struct policy_target t = {.kind = POLICY_TARGET_PREFIX, .len = 128};
	char text[POLICY_TARGET_TEXT_MAX];
	enum policy_proto proto = POLICY_TCP;
	int n;

	t.prefix = *a;
	if (name) {
		t.kind = POLICY_TARGET_NAME;
		memcpy(t.name, name, strnlen(name, POLICY_NAME_MAX));
	}
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

char *policy_remedy_for(const struct policy_question *q,
                        const struct policy_answer *a, char *buf, size_t len)
{
	struct addr forms[CLASS_FORMS_MAX];
	size_t n = class_forms(&q->host.addr, forms), at;
	bool by_name =
		a && a->name && !a->guarded && a->cls == POLICY_CLASS_OPEN;

	at = append_remedy(buf, len, 0, &forms[0], by_name ? a->name : NULL, q);
	/* an address behind it that is closed must be opened as well */
	for (size_t i = 1; i < n; i++)
		if (class_from_regions(class_regions(&forms[i])))
			at = append_remedy(buf, len, at, &forms[i], NULL, q);
	return buf;
}

char *policy_remedy(const struct policy_question *q, char *buf, size_t len)
{
	return policy_remedy_for(q, NULL, buf, len);
}
