/* SPDX-License-Identifier: Apache-2.0 */
/* judge.h - asks the matcher what a flow would be told */
#ifndef CLI_JUDGE_H
#define CLI_JUDGE_H

#include "policy/policy.h"

/*
 * judge_parse() - ADDRESS:PORT[/tcp|/udp] or ADDRESS/icmp into a question.
 */
_must_check_ int judge_parse(const char *text, struct policy_question *q,
                             struct error *err);
/* judge_own_addresses() - tells p the addresses of this host now. */
_must_check_ int judge_own_addresses(struct policy *p, struct error *err);
/*
 * judge_print() - "allowed 10.0.0.5:443/tcp: rule ..." on stdout, and the
 * remedy where one option would help. True if it is allowed.
 */
bool judge_print(const struct policy *p, const struct policy_question *q,
                 bool json);

#endif
