/* SPDX-License-Identifier: Apache-2.0 */
/* addfd.c - descriptors made here and put into the app */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int64_t call_answer_fd(struct sockets *s, const struct call *c, int fd,
                       bool cloexec, int *number)
{
	struct seccomp_notif_addfd add = {
		.id = c->id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.srcfd = (uint32_t)fd,
		.newfd_flags = cloexec ? O_CLOEXEC : 0,
	};
	int n = ioctl(s->notify_fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add);

	*number = n;
	if (n >= 0)
		return CALL_DONE;
	*number = -1;
	/* a signal ended the call, before or while: nothing was put anywhere */
	if (errno == ENOENT || errno == EINPROGRESS || errno == ESRCH)
		return CALL_DONE;
	return errno == EMFILE ? -EMFILE : -ENOBUFS;
}

int call_replace_fd(struct sockets *s, const struct call *c, int fd, int number,
                    bool cloexec)
{
	struct seccomp_notif_addfd add = {
		.id = c->id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = (uint32_t)fd,
		.newfd = (uint32_t)number,
		.newfd_flags = cloexec ? O_CLOEXEC : 0,
	};

	if (ioctl(s->notify_fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0)
		return -errno;
	return 0;
}

/* #syscalls socketpair setsockopt */
static void set_buffers(int fd)
{
	int bytes = SK_BUFFER_BYTES;

	/* both sides of the pair account at the sender: SO_SNDBUF is all */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

int pair_open(enum sk_kind kind, bool nonblock, int *app_fd, int *our_fd)
{
	int type = (kind == SK_STREAM ? SOCK_STREAM : SOCK_SEQPACKET) |
	           SOCK_CLOEXEC | (nonblock ? SOCK_NONBLOCK : 0);
	int pair[2];
	int one = 1;

	if (socketpair(AF_UNIX, type, 0, pair) < 0)
		return -errno;
	*app_fd = pair[0];
	*our_fd = pair[1];
	set_buffers(pair[0]);
	set_buffers(pair[1]);
	/* urgent data is inline, as on the other frontend */
	if (kind == SK_STREAM)
		(void)setsockopt(pair[1], SOL_SOCKET, SO_OOBINLINE, &one,
		                 sizeof(one));
	return 0;
}

/*
 * With the least send buffer a few KiB make the end unwritable; a plain one
 * would take 50 KiB a connect.
 * #syscalls sendto recvfrom
 */
void pair_fill(struct sock *sk)
{
	static const char zeros[8192];
	int bytes = 1;
	ssize_t n;

	if (sk->filler || sk->app_fd < 0)
		return;
	(void)setsockopt(sk->app_fd, SOL_SOCKET, SO_SNDBUF, &bytes,
	                 sizeof(bytes));
	n = send(sk->app_fd, zeros, sizeof(zeros), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		sk->filler = (uint32_t)n;
}

void pair_drain(struct sockets *s, struct sock *sk, uint32_t keep)
{
	uint32_t left;

	if (sk->app_fd >= 0 && sk->filler)
		set_buffers(sk->app_fd);
	if (!sk->filler && keep && sk->app_fd >= 0) {
		if (send(sk->app_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
			sk->filler = 1;
	}
	left = sk->filler > keep ? sk->filler - keep : 0;
	while (left) {
		ssize_t n = recv(sk->our_fd, s->scratch,
		                 MIN(left, SCRATCH_BYTES), MSG_DONTWAIT);

		if (n <= 0)
			break;
		left -= (uint32_t)n;
		sk->filler -= (uint32_t)n;
	}
}
