/* SPDX-License-Identifier: Apache-2.0 */
/* passing.c - descriptors along with bytes, over AF_UNIX sockets (unix(7)) */
#include "base/passing.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* Room for them, aligned as a control message has to be. */
union control {
	char buf[CMSG_SPACE(PASSING_MAX * sizeof(int))];
	struct cmsghdr align;
};

/* #syscalls sendmsg */
ssize_t passing_send(int sock, struct iovec *iov, size_t niov, const int *fds,
                     size_t n)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = niov};
	union control control = {.buf = {0}};
	ssize_t sent;

	assert(n <= PASSING_MAX);
	if (n) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(*fds));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(*fds));
		memcpy(CMSG_DATA(c), fds, n * sizeof(*fds));
	}
	do
		sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

/* The padding of a control buffer may hold one more than was asked for. */
static void take(const struct cmsghdr *c, size_t room, struct passed *p)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
		if (p->n < room) {
			p->fd[p->n++] = fd;
		} else {
			fd_close(&fd);
			p->cut = true;
		}
	}
}

/* #syscalls recvmsg close */
ssize_t passing_receive(int sock, struct iovec *iov, size_t niov, int flags,
                        size_t room, struct passed *p)
{
	union control control;
	struct msghdr msg = {.msg_iov = iov,
	                     .msg_iovlen = niov,
	                     .msg_control = control.buf,
	                     .msg_controllen = sizeof(control.buf)};
	ssize_t n;

	assert(room <= PASSING_MAX);
	*p = (struct passed){.n = 0};
	do
		n = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	p->cut = (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c;
	     c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			take(c, room, p);
	return n;
}

int passed_take(struct passed *p)
{
	int first = p->n ? p->fd[0] : -1;

	while (p->n > 1)
		fd_close(&p->fd[--p->n]);
	p->n = 0;
	return first;
}
