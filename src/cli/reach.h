/* SPDX-License-Identifier: Apache-2.0 */
/* reach.h - what a policy closes and leaves open on this machine */
#ifndef CLI_REACH_H
#define CLI_REACH_H

#include "policy/policy.h"

enum reach_verdict { REACH_CLOSED, REACH_PART, REACH_OPEN };
const char *reach_verdict_name(enum reach_verdict v);

/* struct reach - one kind of target; what it is here, or "" */
struct reach {
	const char *name;
	enum reach_verdict verdict;
	char detail[400];
};
#define REACHES 9u

/* reach_look() - p knows the host's addresses (judge_prepare()). */
void reach_look(const struct policy *p, struct reach out[REACHES]);

/*
 * reach_door() - the i-th way around: a path socket that may be connected to,
 * which is a file, and no network sandbox closes those. What it is, its path
 * in buf; NULL: it is not here.
 */
const char *reach_door(size_t i, char *buf, size_t len);
#define REACH_DOORS 24u

#endif
