/* SPDX-License-Identifier: Apache-2.0 */
/* judge.h - asks the matcher what a flow would be told */
#ifndef CLI_JUDGE_H
#define CLI_JUDGE_H

#include "policy/policy.h"

/*
 * judge_policy_new() - an empty policy that denies what no rule allows, and
 * can learn names; NULL: no memory
 */
struct policy *judge_policy_new(void);
/* judge_passes() - would this flow pass, to a host known by name ("": by
 * address alone)? */
bool judge_passes(struct policy *p, const char *name,
                  const struct policy_question *q);

/* struct judge_item - one question; name "" where it is about an address */
struct judge_item {
	struct policy_question q;
	char name[POLICY_NAME_MAX + 1];
	uint8_t nth; /* each name gets an address of its own */
};

/*
 * judge_parse() - HOST:PORT[/tcp|/udp] or HOST/icmp, HOST an address or a
 * name.
 */
_must_check_ int judge_parse(const char *text, size_t nth,
                             struct judge_item *item, struct error *err);
/* judge_prepare() - tells p the addresses of this host, and lets it learn
 * names. Once. */
_must_check_ int judge_prepare(struct policy *p, struct error *err);
/*
 * judge_print() - "allowed 10.0.0.5:443/tcp: rule ..." on stdout, and the
 * remedy where one option would help. A name is judged as if it had just
 * been resolved to a public address. True if it is allowed.
 */
bool judge_print(struct policy *p, const struct judge_item *item, bool json);

#endif
