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
 * A rule by name allows what the sandbox's resolver answered for that name:
 * `policy_learn` pins name and address, `policy_decide` asks for the live pins
 * of an address it has no rule for, and one allowed name is enough. Names open
 * public addresses only, unless the user's own hosts said so (rebinding).
 * `policy_ask` is the gate of the resolver.
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
	names_fini(&p->names);
	pins_free(p->pins);
	free(p->prefixes);
	free(p->rules);
	trie_fini(&p->trie4);
	trie_fini(&p->trie6);
	free(p);
}

void *policy_grow(void *v, uint32_t need, uint32_t *room, size_t size)
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

		moved = policy_grow(p->prefixes, p->nprefixes + 2,
		                    &p->prefixes_room, sizeof(*p->prefixes));
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

/* Every public address of a version: then any name may lead to it. */
static bool opens_all(const struct policy_target *t)
{
	if (t->kind == POLICY_TARGET_GROUP)
		return t->group == POLICY_GROUP_INTERNET;
	return t->kind == POLICY_TARGET_PREFIX &&
	       (t->len == 0 || (t->len == 96 && addr_is_ip4(&t->prefix)));
}

static int file_rule(struct policy *p, enum policy_action action,
                     const struct policy_target *t, uint32_t id)
{
	switch (t->kind) {
	case POLICY_TARGET_PREFIX:
		return add_prefix(p, action, t, id);
	case POLICY_TARGET_GROUP:
		return rule_set_add(&p->groups[t->group], t, action, id);
	case POLICY_TARGET_NAME:
		break;
	}
	return names_add(&p->names, action, t, id);
}

/* flips: an allow makes the rest denied, as it does before flows run */
static int add_target(struct policy *p, enum policy_action action,
                      const struct policy_target *t, const char *origin,
                      bool flips, struct error *err)
{
	struct rule rule = {0}, *moved;
	uint32_t id = p->nrules + 1;
	int rc;

	moved = policy_grow(p->rules, id, &p->rules_room, sizeof(*p->rules));
	if (!moved)
		return error_set(err, -ENOMEM, "no memory for rule %u", id);
	p->rules = moved;
	rc = rule_init(&rule, action, t, origin);
	if (rc < 0) {
		rule_fini(&rule);
		return error_set(err, rc, "no memory for rule %u", id);
	}
	/* from here on some of it may be filed under this id, so that it
	 * stays, also where there was no memory for all of it */
	p->rules[p->nrules++] = rule;
	rc = file_rule(p, action, t, id);
	if (rc < 0)
		return error_set(err, rc, "no memory for all of rule %u", id);
	if (action == POLICY_ALLOW && flips) {
		p->has_allow = true;
		p->opens_all |= opens_all(t);
	}
	return 0;
}

int policy_add_from(struct policy *p, enum policy_action action,
                    const char *text, const char *origin, struct error *err)
{
	struct policy_target t;
	int rc = policy_target_parse(text, &t, err);

	return rc < 0 ? rc : add_target(p, action, &t, origin, true, err);
}

int policy_add_live(struct policy *p, enum policy_action action,
                    const char *text, const char *origin, struct error *err)
{
	bool open = !policy_denies_rest(p);
	struct policy_target t;
	int rc = policy_target_parse(text, &t, err);

	if (rc < 0)
		return rc;
	if (action == POLICY_ALLOW && p->offline)
		return error_set(err, -EINVAL,
		                 "it was started with --offline, which no rule "
		                 "opens");
	if (action == POLICY_ALLOW && open && t.kind == POLICY_TARGET_NAME)
		return error_set(err, -EINVAL,
		                 "it was started without --allow, so every "
		                 "name is open, and a name opens no address "
		                 "that is closed by default");
	return add_target(p, action, &t, origin, !open, err);
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

int policy_set_own(struct policy *p, const struct addr *own, size_t n)
{
	p->own_overflow = n > POLICY_OWN_MAX;
	p->own_n = MIN(n, (size_t)POLICY_OWN_MAX);
	for (size_t i = 0; i < p->own_n; i++) {
		size_t at = i;

		/* by insertion: qsort(3) may allocate */
		for (; at && policy_addr_compare(&p->own[at - 1], &own[i]) > 0;
		     at--)
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

void policy_deny_rest(struct policy *p)
{
	p->has_allow = true;
}

bool policy_denies_rest(const struct policy *p)
{
	return p->has_allow || p->offline;
}
