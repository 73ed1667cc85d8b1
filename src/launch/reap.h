/* SPDX-License-Identifier: Apache-2.0 */
/* reap.h - waiting for children, and ending all that a process has started */
#ifndef LAUNCH_REAP_H
#define LAUNCH_REAP_H

#include "base/util.h"

#include <sys/types.h>

#define REAP_TOLD_TO_END ((pid_t)-1)

#define REAP_MESSAGE ((pid_t)-2)

/*
 * reap_signals() - a descriptor for reap_wait(): SIGCHLD and SIGTERM, which
 * are blocked. Or a negative errno.
 */
_must_check_ int reap_signals(void);
/*
 * reap_wait() - the next child that ended or stopped. REAP_TOLD_TO_END when
 * SIGTERM came or no child is left; REAP_MESSAGE when there is something to
 * read from message_fd (-1: never).
 */
pid_t reap_wait(int signal_fd, int message_fd, int *status);
/* struct reap_list - processes that are to be left alone */
struct reap_list {
	pid_t pid[32];
	unsigned int n; /* more than fit are not remembered */
};
/* reap_list_children() - the children that this process has now: whoever
 * exec'd it may have left some. */
void reap_list_children(struct reap_list *list);
void reap_list_add(struct reap_list *list, pid_t pid);

/*
 * reap_descendants() - kills and reaps every descendant of this process, which
 * has to be a child subreaper, but for `keep` (may be NULL); those that are
 * born meanwhile, too. Gives up after two seconds on what cannot be killed.
 */
void reap_descendants(const struct reap_list *keep);

#endif
