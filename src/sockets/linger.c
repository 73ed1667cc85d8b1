/* SPDX-License-Identifier: Apache-2.0 */
/* linger.c - a close by reset, between two programs of one sandbox */
/*
 * Two apps hold the two ends of one pair, and nobody tells us of a close before
 * it happens. The kernel shows ECONNRESET to the other end where the one that
 * is closed has unread data; so a byte is put there when the app asks for such
 * closes (SO_LINGER with a time of 0). It is an urgent one: a read takes no
 * urgent byte for data (it passes over it, and then the close is a plain one
 * again; programs set the option when they are done). Until then the end is
 * readable.
 *
 * Needs urgent data of AF_UNIX (Linux 5.15, CONFIG_AF_UNIX_OOB), pidfd_getfd(2)
 * and an other end that still sends and was seen in a process: else the other
 * one reads an end of file (docs/sockets-fidelity.md).
 */
#include "sockets/sockets-private.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <sys/socket.h>

/* A duplicate of the app's end, from whoever was seen with it. */
static int fetch_end(const struct sock *sk)
{
	for (size_t i = 0; i < HOLDERS; i++) {
		int fd = sk->holders[i].tid ? sk_fetch(sk, sk->holders[i].tid,
		                                       sk->holders[i].fd)
		                            : -1;

		if (fd >= 0)
			return fd;
	}
	return -1;
}

/* #syscalls setsockopt sendto recvfrom fcntl */
void linger_plant(struct sockets *s, struct sock *sk, uint32_t tid, int fd)
{
	struct sock *mate = sk_from_ref(s, sk->mate);
	_auto_close_ int own = -1, other = -1;
	int off = 0;

	if (sk->state != SK_PAIRED || sk->flags & SK_F_PLANTED ||
	    !s->can_getfd || !mate)
		return;
	own = sk_fetch(sk, tid, fd);
	/* one that waits to be accepted is held here */
	other = mate->app_fd >= 0 ? fcntl(mate->app_fd, F_DUPFD_CLOEXEC, 0)
	                          : fetch_end(mate);
	/* ours are made with urgent data inline */
	if (own < 0 || other < 0 ||
	    setsockopt(own, SOL_SOCKET, SO_OOBINLINE, &off, sizeof(off)) < 0)
		return;
	if (send(other, "", 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
		sk->flags |= SK_F_PLANTED;
}

void linger_pull(struct sock *sk, uint32_t tid, int fd)
{
	_auto_close_ int own = -1;
	char byte;

	if (!(sk->flags & SK_F_PLANTED))
		return;
	own = sk_fetch(sk, tid, fd);
	if (own >= 0 && recv(own, &byte, 1, MSG_OOB | MSG_DONTWAIT) >= 0)
		sk->flags &= ~(uint32_t)SK_F_PLANTED;
}
