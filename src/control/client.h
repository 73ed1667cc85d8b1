/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - the other end of a control socket, for the verbs */
#ifndef CONTROL_CLIENT_H
#define CONTROL_CLIENT_H

#include "base/error.h"
#include "control/directory.h"
#include "control/request.h"

struct json_object;

/* struct control_client - one connection; zero is not a valid one */
struct control_client {
	int fd;
	char id[CONTROL_ID_TEXT_MAX]; /* of the sandbox */
	char *in;                     /* malloc'ed */
	size_t in_len, in_room;
};

/*
 * control_connect() - to the sandbox of this id. 0; -ENOENT: there is none;
 * another negative errno. err is set by all.
 */
_must_check_ int control_connect(struct control_client *c, int root,
                                 const char *id, struct error *err);
void control_disconnect(struct control_client *c);
/* control_monitor_pid() - of the monitor, as this process counts; 0: unknown */
int control_monitor_pid(const struct control_client *c);

/*
 * control_send() - a request; text is its members behind "v" and "do", such
 * as ,"signal":9. Within 5 s.
 */
_must_check_ int control_send(struct control_client *c, enum control_verb verb,
                              const char *members, struct error *err);
/* control_pass() - a request without members, and fd along with it; fd stays
 * the caller's */
_must_check_ int control_pass(struct control_client *c, enum control_verb verb,
                              int fd, struct error *err);
/*
 * control_receive() - the next line, at *line, the caller's to put. 1: more
 * follow; 0: it was the last, and says ok; a negative errno with err set: the
 * sandbox said so, or is gone (-EPIPE). timeout_ms -1: as long as it takes.
 */
_must_check_ int control_receive(struct control_client *c, int timeout_ms,
                                 struct json_object **line, struct error *err);

#endif
