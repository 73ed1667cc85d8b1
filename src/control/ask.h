/* SPDX-License-Identifier: Apache-2.0 */
/* ask.h - what the monitor asks the datapath for a client, and the answers */
#ifndef CONTROL_ASK_H
#define CONTROL_ASK_H

#include "control/request.h"

/*
 * struct control_ask - the text of MSG_CONTROL, and after it the target of
 * ALLOW and DENY. One is asked at a time: the next follows the answer.
 */
struct control_ask {
	uint32_t token;
	uint32_t verb;   /* enum control_verb: FLOWS to DENY */
	uint64_t cursor; /* of FLOWS and RULES: 0, or `next` of a piece */
	uint32_t source; /* of ALLOW and DENY: N of control:N */
	uint32_t pad;
};

/*
 * struct control_piece - the text of MSG_CONTROL_ANSWER, and after it: of
 * FLOWS and RULES objects, a newline after each; of STATS, ALLOW and DENY
 * the members of one object; with a code an error for people.
 */
struct control_piece {
	uint32_t token;
	int32_t code;  /* 0, or a negative errno */
	uint64_t next; /* where to go on; 0: that was all */
};

#define CONTROL_PIECE_MAX 49152u /* bytes of text in one */

#endif
