/* SPDX-License-Identifier: Apache-2.0 */
/* who.h - the monitor finds the process behind a socket of the app */
#ifndef LAUNCH_WHO_H
#define LAUNCH_WHO_H

#include "flow/frontend.h"

#include <sys/types.h>

/* The text of MSG_WHO: a thread, a socket's inode, or the id of a ping, of
 * whose sockets the kernel tells in /proc alone; the others are 0. */
struct who_question {
	uint64_t token;
	uint32_t tid;
	uint32_t inode;
	uint32_t ping;
};

/* The text of MSG_PROCESS; pid 0: not found. */
struct who_answer {
	uint64_t token;
	uint32_t pid;
	char comm[16];
	char exe[FRONTEND_EXE_MAX]; /* of a longer one its end */
};

/* struct who - what was found before: where is looked first; zeroed */
struct who {
	uint32_t recent[8]; /* pids, the last first */
	/* descriptors looked at in this second */
	int64_t second;
	int32_t looked;
};

/*
 * who_find() - searches the descendants of root in /proc, at most some ten
 * thousand descriptors a call and a bounded number a second: then, as for a
 * process that is gone or may not be looked at, pid is 0.
 */
void who_find(struct who *w, pid_t root, const struct who_question *q,
              int64_t now, struct who_answer *a);

#endif
