/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - rules whose target is a name: one table, read by suffix */
/*
 * `names_find` looks a name up once for itself and once for each of its
 * suffixes, by a hash that grows byte by byte from the name's end: one pass
 * gives them all. So a decision costs the name's length, not the number of
 * rules. The hash is not keyed: only the user's own rules are in the table.
 */
#include "policy/names.h"

#include "policy/policy-private.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* struct name_node - the rules of one name, and of what lies below it */
struct name_node {
	char *name;
	uint64_t hash;
	struct rule_set exact, below;
	/* a deny rule without port and protocol is among them */
	bool exact_denied, below_denied;
};

/* One label of a name; len may be 0. */
static int check_label(const char *label, size_t len, struct error *err)
{
	if (!len)
		return error_set(err, -EINVAL,
		                 "two dots without a label between them, or a "
		                 "dot at the front");
	if (len > 63)
		return error_set(err, -EINVAL,
		                 "a label of %zu bytes, at most 63", len);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)label[i];

		if (c >= 0x80)
			return error_set(err, -EINVAL,
			                 "only ASCII; write the xn-- "
			                 "spelling of the name");
		if (!isalnum(c) && c != '-' && c != '_')
			return error_set(err, -EINVAL,
			                 isprint(c) ? "\"%c\" is in no host "
			                              "name"
			                            : "byte %u is in no host "
			                              "name",
			                 c);
	}
	return 0;
}

int policy_name_canonical(const char *text, size_t len,
                          char out[POLICY_NAME_MAX + 1], struct error *err)
{
	const char *last_label = text;
	size_t start = 0;

	if (len && text[len - 1] == '.')
		len--;
	if (!len)
		return error_set(err, -EINVAL, "an empty name");
	if (len > POLICY_NAME_MAX)
		return error_set(err, -EINVAL,
		                 "a name of %zu bytes, at most %d", len,
		                 POLICY_NAME_MAX);
	for (size_t i = 0; i <= len; i++) {
		int rc;

		if (i < len && text[i] != '.')
			continue;
		rc = check_label(text + start, i - start, err);
		if (rc < 0)
			return rc;
		last_label = text + start;
		start = i + 1;
	}
	/* 1.2.3 and 0x7f.1 are addresses to inet_aton(3), never names */
	if (isdigit((unsigned char)*last_label))
		return error_set(err, -EINVAL,
		                 "\"%.*s\" is neither an address nor a name "
		                 "(its last label starts with a digit)",
		                 (int)len, text);
	for (size_t i = 0; i < len; i++)
		out[i] = (char)tolower((unsigned char)text[i]);
	out[len] = '\0';
	return 0;
}

static uint64_t hash_more(uint64_t h, char c)
{
	return (h ^ (uint8_t)c) * UINT64_C(0x100000001b3); /* FNV-1a */
}

#define HASH_START UINT64_C(0xcbf29ce484222325)

static uint64_t hash_name(const char *name)
{
	uint64_t h = HASH_START;

	for (size_t i = strlen(name); i > 0; i--)
		h = hash_more(h, name[i - 1]);
	return h;
}

/* The place of the node with this name, or the empty one where it would go. */
static uint32_t *place_of(const struct names *t, const char *name,
                          uint64_t hash)
{
	/* the high bits have seen every byte */
	uint32_t mask = t->nbuckets - 1, i = (uint32_t)(hash >> 32) & mask;

	while (t->buckets[i]) {
		const struct name_node *n = &t->nodes[t->buckets[i] - 1];

		if (n->hash == hash && !strcmp(n->name, name))
			break;
		i = (i + 1) & mask;
	}
	return &t->buckets[i];
}

static int grow_buckets(struct names *t)
{
	uint32_t want = t->nbuckets ? 2 * t->nbuckets : 64, *old = t->buckets;

	if (t->n + 1 <= t->nbuckets / 2)
		return 0;
	t->buckets = calloc(want, sizeof(*t->buckets));
	if (!t->buckets) {
		t->buckets = old;
		return -ENOMEM;
	}
	t->nbuckets = want;
	free(old);
	for (uint32_t i = 0; i < t->n; i++)
		*place_of(t, t->nodes[i].name, t->nodes[i].hash) = i + 1;
	return 0;
}

static struct name_node *node_of(struct names *t, const char *name)
{
	uint64_t hash = hash_name(name);
	struct name_node *n, *moved;
	uint32_t *place;

	if (grow_buckets(t) < 0)
		return NULL;
	place = place_of(t, name, hash);
	if (*place)
		return &t->nodes[*place - 1];
	moved = policy_grow(t->nodes, t->n + 1, &t->room, sizeof(*t->nodes));
	if (!moved)
		return NULL;
	t->nodes = moved;
	n = &t->nodes[t->n];
	memset(n, 0, sizeof(*n));
	n->name = strdup(name);
	n->hash = hash;
	if (!n->name)
		return NULL;
	*place = ++t->n;
	return n;
}

/*
 * An allow rule that does not say /udp leaves UDP/443 out: QUIC shows its
 * server's name to nobody, so the name could not be held against it.
 */
static int add_allow(struct rule_set *set, const struct policy_target *t,
                     uint32_t rule)
{
	struct policy_target part = *t;
	int rc;

	if (t->has_proto || !(t->protos & 1u << POLICY_UDP) ||
	    t->first > PORT_QUIC || t->last < PORT_QUIC)
		return rule_set_add(set, t, POLICY_ALLOW, rule);
	part.protos &= ~(1u << POLICY_UDP);
	rc = rule_set_add(set, &part, POLICY_ALLOW, rule);
	part.protos = 1u << POLICY_UDP;
	part.last = PORT_QUIC - 1;
	if (!rc && part.first <= part.last)
		rc = rule_set_add(set, &part, POLICY_ALLOW, rule);
	part.first = PORT_QUIC + 1;
	part.last = t->last;
	if (!rc && part.first <= part.last)
		rc = rule_set_add(set, &part, POLICY_ALLOW, rule);
	return rc;
}

int names_add(struct names *t, enum policy_action action,
              const struct policy_target *target, uint32_t rule)
{
	struct name_node *n = node_of(t, target->name);
	struct rule_set *set;

	if (!n)
		return -ENOMEM;
	set = target->subdomains ? &n->below : &n->exact;
	if (action == POLICY_ALLOW) {
		t->nallow++;
		return add_allow(set, target, rule);
	}
	if (!target->has_port && !target->has_proto) {
		if (target->subdomains)
			n->below_denied = true;
		else
			n->exact_denied = true;
	}
	return rule_set_add(set, target, POLICY_DENY, rule);
}

void names_fini(struct names *t)
{
	for (uint32_t i = 0; i < t->n; i++) {
		rule_set_fini(&t->nodes[i].exact);
		rule_set_fini(&t->nodes[i].below);
		free(t->nodes[i].name);
	}
	free(t->nodes);
	free(t->buckets);
	memset(t, 0, sizeof(*t));
}

/* The rule sets that speak of name; returns how many. */
struct found {
	const struct rule_set *set;
	bool denied; /* wholly */
};
#define FOUND_MAX (POLICY_NAME_MAX / 2 + 2)

static size_t names_find(const struct names *t, const char *name,
                         struct found found[FOUND_MAX])
{
	uint64_t h = HASH_START;
	size_t n = 0;

	if (!t->n)
		return 0;
	for (size_t i = strlen(name); i > 0; i--) {
		const struct name_node *node;
		uint32_t at;

		if (name[i - 1] == '.') {
			at = *place_of(t, name + i, h);
			node = at ? &t->nodes[at - 1] : NULL;
			if (node)
				found[n++] = (struct found){&node->below,
				                            node->below_denied};
		}
		h = hash_more(h, name[i - 1]);
	}
	if (*place_of(t, name, h)) {
		const struct name_node *node =
			&t->nodes[*place_of(t, name, h) - 1];

		found[n++] = (struct found){&node->exact, node->exact_denied};
	}
	return n;
}

void names_judge(const struct names *t, const char *name,
                 enum policy_proto proto, uint16_t port, uint32_t *allow,
                 uint32_t *deny)
{
	struct found found[FOUND_MAX];
	size_t n = names_find(t, name, found);

	*allow = *deny = 0;
	for (size_t i = 0; i < n; i++) {
		rule_take_lower(allow, rule_set_find(found[i].set, POLICY_ALLOW,
		                                     proto, port));
		rule_take_lower(deny, rule_set_find(found[i].set, POLICY_DENY,
		                                    proto, port));
	}
}

void names_could(const struct names *t, const char *name, uint32_t *allow,
                 uint32_t *deny)
{
	struct found found[FOUND_MAX];
	size_t n = names_find(t, name, found);

	*allow = *deny = 0;
	for (size_t i = 0; i < n; i++) {
		rule_take_lower(allow,
		                rule_set_any(found[i].set, POLICY_ALLOW));
		if (found[i].denied)
			rule_take_lower(
				deny, rule_set_any(found[i].set, POLICY_DENY));
	}
}
