/* SPDX-License-Identifier: Apache-2.0 */
/* policy-private.h - the parts of the matcher, for policy alone */
#ifndef POLICY_POLICY_PRIVATE_H
#define POLICY_POLICY_PRIVATE_H

#include "policy/policy.h"

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
void rule_set_fini(struct rule_set *s);

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

#endif
