/* SPDX-License-Identifier: Apache-2.0 */
/* request.h - one line of a client, understood. PURE but for json-c's malloc */
#ifndef CONTROL_REQUEST_H
#define CONTROL_REQUEST_H

#include "base/error.h"
#include "policy/policy.h"

/* docs/control.md; moves when a member changes its meaning, or goes */
#define CONTROL_VERSION 1
/* bytes of a request, without its newline */
#define CONTROL_LINE_MAX 4096u

enum control_verb {
	CONTROL_INFO,
	CONTROL_FLOWS,
	CONTROL_RULES,
	CONTROL_STATS,
	CONTROL_ALLOW,
	CONTROL_DENY,
	CONTROL_WAIT,
	CONTROL_KILL,
	CONTROL_PUBLISH,
	CONTROL_UNPUBLISH,
	CONTROL_EXEC,
};
#define CONTROL_VERBS 11u
const char *control_verb_name(enum control_verb verb);

/* what JavaScript can tell */
#define CONTROL_ID_MAX INT64_C(9007199254740991)

struct control_request {
	enum control_verb verb;
	bool has_id;
	int64_t id;                          /* 0..CONTROL_ID_MAX */
	char target[POLICY_TARGET_TEXT_MAX]; /* of ALLOW and DENY */
	int signal;                          /* of KILL; 1..64 */
	char port[128];                      /* of PUBLISH, as of -p */
	uint32_t number;                     /* of UNPUBLISH; 1.. */
};

/*
 * control_request_parse() - a line without its newline; it may hold any
 * bytes. 0, or -EINVAL with err set; then r->has_id and r->id are still what
 * the line said, if it said it well.
 */
_must_check_ int control_request_parse(const char *line, size_t len,
                                       struct control_request *r,
                                       struct error *err);

#endif
