/* SPDX-License-Identifier: Apache-2.0 */
/* policy-private.h - the parts of the matcher, for policy alone */
#ifndef POLICY_POLICY_PRIVATE_H
#define POLICY_POLICY_PRIVATE_H

#include "base/random.h"
#include "policy/policy.h"

#include <string.h>

/* --- ports.c: which rule holds a port ------------------------------------ */

/* enum policy_proto - what a rule may tell apart */
enum policy_proto { POLICY_TCP, POLICY_UDP, POLICY_ICMP };
#define POLICY_PROTOS 3u

struct port_span {
	uint16_t first, last;
	uint32_t rule; /* never 0 */
};

/* struct port_spans - sorted and disjoint, so that a look-up is a bisection */
struct port_spans {
	struct port_span *v;
	uint32_t n, room;
};

/*
 * port_spans_add() - ports that an earlier rule holds stay with it. 0 or
 * -ENOMEM (then nothing was changed).
 */
_must_check_ int port_spans_add(struct port_spans *s, uint16_t first,
                                uint16_t last, uint32_t rule);
/* port_spans_find() - the rule that holds port, or 0 */
uint32_t port_spans_find(const struct port_spans *s, uint16_t port);
void port_spans_fini(struct port_spans *s);

/* struct rule_set - all rules of one prefix, group or name */
struct rule_set {
	struct port_spans spans[2][POLICY_PROTOS]; /* by policy_action */
};

_must_check_ int rule_set_add(struct rule_set *s, const struct policy_target *t,
                              enum policy_action action, uint32_t rule);
static inline uint32_t rule_set_find(const struct rule_set *s,
                                     enum policy_action action,
                                     enum policy_proto proto, uint16_t port)
{
	return port_spans_find(&s->spans[action][proto], port);
}
/* rule_set_any() - the lowest rule for some protocol and port, or 0 */
uint32_t rule_set_any(const struct rule_set *s, enum policy_action action);
void rule_set_fini(struct rule_set *s);
static inline void rule_take_lower(uint32_t *lowest, uint32_t rule)
{
	if (rule && (!*lowest || rule < *lowest))
		*lowest = rule;
}

/* --- trie.c: which prefixes hold an address ------------------------------ */

struct trie_node {
	struct addr prefix;
	uint32_t child[2]; /* index, 0: none; bit `len` of the address */
	uint32_t value;    /* the caller's, 0: none */
	uint8_t len;
};

/* struct trie - a path-compressed binary trie; node 0 is not used */
struct trie {
	struct trie_node *nodes;
	uint32_t n, room, root;
};

#define TRIE_DEPTH_MAX 129

/*
 * trie_slot() - the value of exactly this prefix, made (0) if need be; NULL
 * when out of memory. Valid until the next call.
 */
uint32_t *trie_slot(struct trie *t, const struct addr *prefix,
                    unsigned int len);
/*
 * trie_match() - the values of all prefixes that hold a, widest first;
 * returns how many.
 */
size_t trie_match(const struct trie *t, const struct addr *a,
                  uint32_t values[TRIE_DEPTH_MAX]);
void trie_fini(struct trie *t);

/* --- names.c: which rules speak of a name --------------------------------- */

#define PORT_QUIC 443

struct name_node;

/* struct names - a hash table of names, read for a name and its suffixes */
struct names {
	struct name_node *nodes;
	uint32_t n, room;
	uint32_t *buckets; /* index + 1, 0: empty; open addressing */
	uint32_t nbuckets;
	uint32_t nallow; /* allow rules */
};

_must_check_ int names_add(struct names *t, enum policy_action action,
                           const struct policy_target *target, uint32_t rule);
/* names_judge() - the lowest rules that allow and deny; 0: none */
void names_judge(const struct names *t, const char *name,
                 enum policy_proto proto, uint16_t port, uint32_t *allow,
                 uint32_t *deny);
/* names_could() - the same for some port: allow is a rule that allows one,
 * deny one that denies them all */
void names_could(const struct names *t, const char *name, uint32_t *allow,
                 uint32_t *deny);
void names_fini(struct names *t);

/* --- pins.c: which names an address was learned from ---------------------- */

#define PINS_A_ADDRESS 64 /* at most; the oldest goes */

struct pin {
	struct addr addr;
	int64_t expires_ns;
	uint32_t next;         /* of the hash chain, index + 1 */
	uint32_t newer, older; /* by last use, index + 1 */
	uint32_t holders;      /* flows */
	bool trusted;          /* said by the user, not by a server */
	char name[POLICY_NAME_MAX + 1];
};

struct pins;

struct pins *pins_new(size_t max, const struct random_source *random);
void pins_free(struct pins *t);
/* pins_learn() - 0, or -ENOSPC when flows hold all of them */
_must_check_ int pins_learn(struct pins *t, const char *name,
                            const struct addr *a, uint32_t ttl, bool trusted,
                            int64_t now);
/* pins_find() - the next live pin of a after `after` (NULL: the first) */
const struct pin *pins_find(const struct pins *t, const struct addr *a,
                            const struct pin *after, int64_t now);
/* the handle of a pin (never 0), and what flows do with it */
uint32_t pins_handle(const struct pins *t, const struct pin *pin);
void pins_hold(struct pins *t, uint32_t handle);
void pins_release(struct pins *t, uint32_t handle, int64_t now);
const char *pins_name(const struct pins *t, uint32_t handle);
size_t pins_count(const struct pins *t);

/* policy_grow() - an array of *room things of `size` grows by doubling; NULL:
 * no memory */
void *policy_grow(void *v, uint32_t need, uint32_t *room, size_t size);

/* --- class.c: what kind of address it is --------------------------------- */

#define CLASS_BIT(c_) (1u << (c_))
#define CLASS_BIT_PRIVATE (1u << 8)

/* class_regions() - CLASS_BIT()s of every region that holds a */
unsigned int class_regions(const struct addr *a);
/* class_from_regions() - the one that is judged, own addresses left aside */
enum policy_class class_from_regions(unsigned int regions);
/* class_of_prefix() - the closed class that holds all of it, or OPEN */
enum policy_class class_of_prefix(const struct addr *prefix, unsigned int len);

/*
 * class_forms() - the forms under which a is judged. forms[0] is canonical;
 * the others are what may stand behind it (an embedded IPv4 address, or the
 * NAT64 spelling of forms[0]): a deny or a closed class of any of them
 * counts, an allow does not. Returns how many, at most CLASS_FORMS_MAX.
 */
#define CLASS_FORMS_MAX 4
size_t class_forms(const struct addr *a, struct addr forms[CLASS_FORMS_MAX]);

/* --- the whole --------------------------------------------------------------
 */

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

/* bsearch(3) order of addresses */
static inline int policy_addr_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct addr));
}

struct policy {
	struct trie trie4, trie6;
	struct prefix_rules *prefixes; /* [0] is not used */
	uint32_t nprefixes, prefixes_room;
	struct rule_set groups[POLICY_GROUPS];
	struct names names;
	struct pins *pins;  /* NULL: no names are learned */
	bool opens_all;     /* an allow rule for every address */
	struct rule *rules; /* id - 1 */
	uint32_t nrules, rules_room;
	bool has_allow, offline;
	struct addr own[POLICY_OWN_MAX]; /* sorted */
	size_t own_n;
	bool own_overflow;
};

#endif
