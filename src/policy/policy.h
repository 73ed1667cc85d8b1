/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h - may this flow go? PURE: no descriptor, no clock; malloc only
 * while rules are added, never in a decision */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "base/addr.h"
#include "base/error.h"
#include "base/random.h"

struct policy;

enum policy_action { POLICY_ALLOW, POLICY_DENY };

/* enum policy_class - what kind of address the final one is (invariant 3) */
enum policy_class {
	POLICY_CLASS_OPEN,       /* everything else: open by default */
	POLICY_CLASS_LOOPBACK,   /* 127/8, ::1, 0.0.0.0/8, :: */
	POLICY_CLASS_OWN,        /* an address of the host itself */
	POLICY_CLASS_METADATA,   /* cloud metadata services */
	POLICY_CLASS_LINK_LOCAL, /* 169.254/16, fe80::/10 */
	POLICY_CLASS_MULTICAST,  /* 224/4, ff00::/8, broadcast, 240/4 */
};
const char *policy_class_name(enum policy_class c);
/*
 * policy_canonical() - the address that is judged: NAT64 64:ff9b::/96 stands
 * for the IPv4 address in it; v4-mapped is how struct addr holds IPv4.
 */
struct addr policy_canonical(const struct addr *a);

/* enum policy_group - what follows the @ of a target */
enum policy_group {
	POLICY_GROUP_INTERNET, /* open and not @private */
	POLICY_GROUP_PRIVATE,  /* RFC 1918, 100.64/10, fc00::/7, ... */
	POLICY_GROUP_LOOPBACK,
	POLICY_GROUP_LINK_LOCAL,
	POLICY_GROUP_METADATA,
	POLICY_GROUP_MULTICAST,
	POLICY_GROUP_HOST, /* the host's own addresses */
};
#define POLICY_GROUPS 7u
/* policy_group_name() - without the @ */
const char *policy_group_name(enum policy_group g);
/* policy_group_find() - false if there is none of this name */
bool policy_group_find(const char *name, enum policy_group *g);

#define POLICY_NAME_MAX 253
#define POLICY_TARGET_TEXT_MAX 320

enum policy_target_kind {
	POLICY_TARGET_PREFIX,
	POLICY_TARGET_GROUP,
	POLICY_TARGET_NAME, /* HOST or *.HOST */
};

/* struct policy_target - TARGET[:PORT[-PORT]][/PROTO] as understood */
struct policy_target {
	enum policy_target_kind kind;
	struct addr prefix; /* canonical; with len */
	unsigned int len;   /* of the 128-bit form */
	enum policy_group group;
	char name[POLICY_NAME_MAX + 1]; /* canonical, without "*." */
	bool subdomains;                /* "*.": not the name itself */
	bool has_port, has_proto;
	uint16_t first, last; /* 0..65535 without has_port */
	unsigned int protos;  /* bits 1 << enum policy_proto */
};

/*
 * policy_target_parse() - the grammar of postern-policy(5). 0 or -EINVAL
 * with err set: "column N: " what is wrong and the nearest valid spelling.
 */
_must_check_ int policy_target_parse(const char *text, struct policy_target *t,
                                     struct error *err);
/* policy_target_format() - the canonical spelling; returns buf. */
char *policy_target_format(const struct policy_target *t,
                           char buf[POLICY_TARGET_TEXT_MAX]);

struct policy_question {
	struct endpoint host; /* final address; v4-mapped, NAT64, 6to4 and
	                         ISATAP forms are unwrapped by the matcher */
	uint8_t proto;        /* IP_PROTO_* */
	int64_t now;          /* which pins still live */
};

struct policy_answer {
	enum policy_action action;
	uint32_t rule; /* 0: a default, else the rule's id, 1.. in order */
	enum policy_class cls;
	const char *reason; /* static or owned by the policy */
	/* the pinned name that decided, or one by which the address is known;
	 * NULL: none. Valid until the next policy_learn(). */
	const char *name;
	uint32_t pin; /* of that name, for policy_hold(); 0: none */
	/* it is the name that allowed it: TLS and HTTP must say that name */
	bool by_name;
	/* another name of the address would not have been allowed */
	bool ambiguous;
	/* a name would be allowed, its address is private or closed, or its
	 * port is QUIC's: then policy_remedy() is about that */
	bool guarded;
};

struct policy *policy_new(void); /* NULL: out of memory */
void policy_free(struct policy *p);

/*
 * policy_add() - one rule in the grammar of postern-policy(5), without its
 * first word: TARGET[:PORT[-PORT]][/tcp|/udp|/icmp]; TARGET is an address,
 * CIDR, @group, a name or *.NAME (below it). The first POLICY_ALLOW flips the
 * default to deny. 0, -EINVAL, -ENOMEM with err set: what is wrong and the
 * nearest valid spelling.
 */
_must_check_ int policy_add(struct policy *p, enum policy_action action,
                            const char *text, struct error *err);
/* policy_add_from() - the same; origin ("agent.policy:3") is copied and
 * told by policy_rule_origin() and in the answer's reason. */
_must_check_ int policy_add_from(struct policy *p, enum policy_action action,
                                 const char *text, const char *origin,
                                 struct error *err);
/*
 * policy_add_live() - policy_add_from() while flows run. An allow rule only
 * widens: it does not flip the default. So where nothing is denied for want of
 * a rule only what is closed by default can be opened, and a name is -EINVAL,
 * as it is under --offline. Allocates.
 */
_must_check_ int policy_add_live(struct policy *p, enum policy_action action,
                                 const char *text, const char *origin,
                                 struct error *err);
/* policy_set_offline() - deny everything but loopback inside */
void policy_set_offline(struct policy *p, bool offline);
/*
 * policy_set_own() - the host's own addresses now; copied, at most
 * POLICY_OWN_MAX (beyond: the rest of the list is folded into "deny" by
 * -ENOSPC and the caller must treat the policy as closed). Called again
 * whenever they change; no malloc.
 */
#define POLICY_OWN_MAX 4096
_must_check_ int policy_set_own(struct policy *p, const struct addr *own,
                                size_t n);

/* The rules as understood: ids 1..count; text is "allow 10.0.0.0/8:443". */
uint32_t policy_rule_count(const struct policy *p);
const char *policy_rule_text(const struct policy *p, uint32_t rule);
const char *policy_rule_origin(const struct policy *p, uint32_t rule);
/* policy_deny_rest() - as if there had been an allow that matches nothing */
void policy_deny_rest(struct policy *p);
/* policy_denies_rest() - was there an allow (or offline)? */
bool policy_denies_rest(const struct policy *p);

/*
 * policy_decide() - the one matcher: enforcement, `why` and the log call it.
 * Deny wins over allow. A closed class (all but OPEN) is allowed only by a
 * rule that means it: its group, or a prefix that lies within the class (a
 * host's own address: the exact address); 0.0.0.0/0 opens none of them.
 */
void policy_decide(const struct policy *p, const struct policy_question *q,
                   struct policy_answer *a);
/* --- names --------------------------------------------------------------- */
/*
 * policy_pins_init() - from now on names are learned: at most max pins. Rules
 * by name allow nothing before. 0 or -ENOMEM.
 */
#define POLICY_PINS_MAX 10000
_must_check_ int policy_pins_init(struct policy *p, size_t max,
                                  const struct random_source *random);

/*
 * policy_ask() - may the canonical name be looked up? ALLOW where a rule could
 * allow it at some port; without rules that allow by name, or beside ones that
 * allow every address (@internet, a prefix of length 0), any name that no rule
 * denies. answer.by_name: a rule by name allows it.
 */
void policy_ask(const struct policy *p, const char *name,
                struct policy_answer *a);
/*
 * policy_learn() - the resolver is about to answer the canonical name with an
 * address; trusted: by the user's word (hosts file, --add-host), not by a
 * server's. true: it is pinned. false: the address must be left out, and
 * answer says why: a name opens no private or closed address (DNS rebinding).
 */
_must_check_ bool policy_learn(struct policy *p, const char *name,
                               const struct addr *addr, uint32_t ttl,
                               bool trusted, int64_t now,
                               struct policy_answer *a);
/* policy_name_decide() - as policy_decide(), for what a TLS or HTTP client
 * says it speaks to: the name alone is judged */
void policy_name_decide(const struct policy *p, const char *name, uint8_t proto,
                        uint16_t port, struct policy_answer *a);
/* A flow keeps its pin alive: hold answer.pin when it begins, release it when
 * it ends. Handles of 0 are ignored. */
void policy_hold(struct policy *p, uint32_t pin);
void policy_release(struct policy *p, uint32_t pin, int64_t now);
/* policy_pin_name() - of a pin that is held; NULL for 0 */
const char *policy_pin_name(const struct policy *p, uint32_t pin);

/*
 * policy_remedy_for() - the option that would allow q, "--allow 10.0.0.5:80"
 * or "--allow db.example:80", where no rule denies it (answer.rule is 0).
 * policy_remedy() - the same by address, without an answer. Both return buf.
 */
char *policy_remedy_for(const struct policy_question *q,
                        const struct policy_answer *a, char *buf, size_t len);
char *policy_remedy(const struct policy_question *q, char *buf, size_t len);

#endif
