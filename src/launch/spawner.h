/* SPDX-License-Identifier: Apache-2.0 */
/* spawner.h - the process inside that starts the commands of `postern exec` */
#ifndef LAUNCH_SPAWNER_H
#define LAUNCH_SPAWNER_H

#include "base/util.h"

#include <signal.h>
#include <sys/types.h>

/*
 * What goes over the stream socket that `postern exec` passes to the monitor,
 * and the monitor to the spawner. First a struct spawn_request with the three
 * descriptors of stdio, then `len` bytes: the working directory, argc words,
 * envc variables, each with its NUL. Then, from the caller, a byte for each
 * signal; and back, once, a struct spawn_answer.
 */
#define SPAWN_TEXT_MAX (4u << 20)
struct spawn_request {
	uint32_t len, argc, envc;
};

struct spawn_answer {
	int32_t wait_status;
};

/*
 * spawner_start() - called by the process that becomes CMD, with every wall
 * around it, right before exec: leaves a process behind that is no child of
 * CMD's, takes messages (launch/message.h, MSG_EXEC) from `fd` and starts
 * what they ask for as CMD was started. mask: CMD's. 0 or a negative errno.
 */
_must_check_ int spawner_start(int fd, const sigset_t *mask);

#endif
