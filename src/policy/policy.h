/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h - may this flow go? PURE: no descriptor, no clock; malloc only
 * while rules are added, never in a decision */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "base/addr.h"
#include "base/error.h"

struct policy;

enum policy_action { POLICY_ALLOW, POLICY_DENY };

/* enum policy_class - what kind of address the final one is (invariant 3) */
enum policy_class {
	POLICY_CLASS_OPEN,       /* everything else: open by default */
	POLICY_CLASS_LOOPBACK,   /* 127/8, ::1, 0.0.0.0/8, :: */
	POLICY_CLASS_OWN,        /* an address of the host itself */
	POLICY_CLASS_LINK_LOCAL, /* 169.254/16, fe80::/10 */
	POLICY_CLASS_METADATA,   /* cloud metadata services */
	POLICY_CLASS_MULTICAST,  /* 224/4, ff00::/8, broadcast, 240/4 */
};
const char *policy_class_name(enum policy_class c);

struct policy_question {
	struct endpoint host; /* final address; v4-mapped, NAT64, 6to4 and
	                         ISATAP forms are unwrapped by the matcher */
	uint8_t proto;        /* IP_PROTO_* */
};

struct policy_answer {
	enum policy_action action;
	uint32_t rule; /* 0: a default, else the rule's id, 1.. in order */
	enum policy_class cls;
	const char *reason; /* static or owned by the policy */
};

struct policy *policy_new(void); /* NULL: out of memory */
void policy_free(struct policy *p);

/*
 * policy_add() - one rule in the grammar of postern-policy(5), without its
 * first word: TARGET[:PORT[-PORT]][/tcp|/udp|/icmp]; TARGET is an address,
 * CIDR or @group (names: a later issue, refused with that text). The first
 * POLICY_ALLOW flips the default to deny. 0, -EINVAL, -ENOMEM with err set:
 * what is wrong and the nearest valid spelling.
 */
_must_check_ int policy_add(struct policy *p, enum policy_action action,
                            const char *text, struct error *err);
/* policy_set_offline() - deny everything but loopback inside */
void policy_set_offline(struct policy *p, bool offline);
/*
 * policy_set_own() - the host's own addresses now; copied, at most
 * POLICY_OWN_MAX (beyond: the rest of the list is folded into "deny" by
 * -ENOSPC and the caller must treat the policy as closed). Called again
 * whenever they change; no malloc.
 */
#define POLICY_OWN_MAX 256
_must_check_ int policy_set_own(struct policy *p, const struct addr *own,
                                size_t n);

/*
 * policy_decide() - the one matcher: enforcement, `why` and the log call it.
 * Deny wins over allow. A closed class (all but OPEN) is allowed only by a
 * rule that means it: its group, or a prefix that lies within the class (a
 * host's own address: the exact address); 0.0.0.0/0 opens none of them.
 */
void policy_decide(const struct policy *p, const struct policy_question *q,
                   struct policy_answer *a);
/*
 * policy_remedy() - the option that would allow q, "--allow 10.0.0.5:80";
 * returns buf.
 */
char *policy_remedy(const struct policy_question *q, char *buf, size_t len);

#endif
