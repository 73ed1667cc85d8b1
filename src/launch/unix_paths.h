/* SPDX-License-Identifier: Apache-2.0 */
/* unix_paths.h - a process that finds which socket a path of the app names */
#ifndef LAUNCH_UNIX_PATHS_H
#define LAUNCH_UNIX_PATHS_H

#include "base/error.h"
#include "launch/config.h"

#include <sys/types.h>
#include <sys/un.h>

/*
 * Questions and answers are packets of a SOCK_SEQPACKET pair, any number on
 * the way at once, answered in turn. A path that hangs (a file system of the
 * app's own) holds up other paths and nothing else.
 */
struct unix_path_question {
	uint64_t token; /* comes back with the answer */
	uint32_t tid;   /* whose root and working directory count */
	int32_t fd;     /* the descriptor to be connected */
	bool describe;  /* what is that descriptor? */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
};

#define UNIX_PATH_TEXT_MAX 512

struct unix_path_answer {
	uint64_t token;
	int32_t result; /* 0, and the socket's file came along (O_PATH), or a
	                   negative errno for the app */
	bool denied;    /* for it is not to be reached; path tells which */
	/* with describe */
	int32_t type; /* SOCK_STREAM, SOCK_SEQPACKET; 0: it could not be seen */
	bool cloexec, nonblock;
	char path[UNIX_PATH_TEXT_MAX];
};

/* struct unix_paths_start - as the process is started */
struct unix_paths_start {
	const struct sandbox_config *config;
	const char *control_root; /* whose sockets are never reached; or NULL */
};

/*
 * unix_paths_start() - *fd is the other end of the pair, the caller's; the
 * process ends with it, and with the caller. The first packet that is sent
 * must be a struct unix_paths_hello. Its pid, or a negative errno with err
 * set.
 */
_must_check_ pid_t unix_paths_start(const struct unix_paths_start *s, int *fd,
                                    struct error *err);

/* With it a sock_diag socket of the app's network (link/sock_diag.h), where
 * there are namespaces: whose sockets are the sandbox's own? */
struct unix_paths_hello {
	int32_t root; /* a pid whose descendants are the app */
};

#endif
