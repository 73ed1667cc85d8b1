/* SPDX-License-Identifier: Apache-2.0 */
/* passing.h - descriptors along with bytes, over AF_UNIX sockets (unix(7)) */
#ifndef BASE_PASSING_H
#define BASE_PASSING_H

#include "base/util.h"

#include <sys/socket.h>
#include <sys/uio.h>

#define PASSING_MAX 3u

/*
 * passing_send() - as sendmsg(2), with n descriptors, which stay the
 * caller's; never SIGPIPE. Bytes sent or a negative errno, not -EINTR.
 */
_must_check_ ssize_t passing_send(int sock, struct iovec *iov, size_t niov,
                                  const int *fds, size_t n);

/* struct passed - what came along; the descriptors are close-on-exec */
struct passed {
	int fd[PASSING_MAX];
	size_t n;
	bool cut; /* there was more: bytes, or descriptors, which are closed */
};
/*
 * passing_receive() - as recvmsg(2); at most `room` descriptors are taken into
 * p, which is the caller's also where the result is an error (then it is
 * empty). Bytes, 0 at the end, or a negative errno.
 */
_must_check_ ssize_t passing_receive(int sock, struct iovec *iov, size_t niov,
                                     int flags, size_t room, struct passed *p);
/* passed_take() - the first one, or -1; the rest is closed */
int passed_take(struct passed *p);

#endif
