/* SPDX-License-Identifier: Apache-2.0 */
/* calls_socket.c - socket(): the stand-in the app gets and keeps */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define TYPE_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

/* By equality: SOCK_STREAM is 1, SOCK_RAW 3 and SOCK_SEQPACKET 5 hold its bit
 */
static int kind_of_inet(int family, int type, int protocol, enum sk_kind *kind)
{
	switch (type) {
	case SOCK_STREAM:
		*kind = SK_STREAM;
		return protocol == 0 || protocol == IPPROTO_TCP
		               ? 0
		               : -EPROTONOSUPPORT;
	case SOCK_DGRAM:
		*kind = SK_DGRAM;
		if (protocol == 0 || protocol == IPPROTO_UDP)
			return 0;
		/* ping sockets: as where ping_group_range is empty */
		if (protocol ==
		    (family == AF_INET ? IPPROTO_ICMP : (int)IPPROTO_ICMPV6))
			return -EACCES;
		return -EPROTONOSUPPORT;
	case SOCK_RAW:
		return protocol == 0 ? -EPROTONOSUPPORT : -EPERM;
	default:
		return type > SOCK_PACKET ? -EINVAL : -ESOCKTNOSUPPORT;
	}
}

static int kind_of(int family, int type, int protocol, enum sk_kind *kind)
{
	switch (family) {
	case AF_INET:
	case AF_INET6:
		return kind_of_inet(family, type, protocol, kind);
	case AF_NETLINK:
		*kind = SK_NETLINK;
		if (type != SOCK_RAW && type != SOCK_DGRAM)
			return -ESOCKTNOSUPPORT;
		return protocol == NETLINK_ROUTE ? 0 : -EPROTONOSUPPORT;
	default:
		return -EAFNOSUPPORT;
	}
}

static void undo(struct sockets *s, struct sock *sk)
{
	/* nobody else knows these numbers yet: no need to wait */
	sk_free(s, sk);
}

int64_t call_socket(struct sockets *s, struct call *c, int64_t now)
{
	int family = (int)c->args[0], type = (int)c->args[1];
	enum sk_kind kind;
	struct sock *sk;
	int number;
	int64_t r;
	int rc = kind_of(family, type & ~TYPE_FLAGS, (int)c->args[2], &kind);

	(void)now;
	if (rc < 0)
		return rc;
	if (type & ~(TYPE_FLAGS | 0xf))
		return -EINVAL;
	sk_sweep(s);
	sk = sk_new(s, kind, family);
	if (!sk)
		return -ENFILE;
	rc = pair_open(kind, type & SOCK_NONBLOCK, &sk->app_fd, &sk->our_fd);
	if (rc < 0) {
		undo(s, sk);
		return rc == -EMFILE || rc == -ENFILE ? -ENFILE : -ENOBUFS;
	}
	sk->tid = c->tid;
	if (type & SOCK_CLOEXEC)
		sk->flags |= SK_F_CLOEXEC;
	s->nheld_ends++;
	rc = sk_identify(s, sk, sk->app_fd);
	/* plain writes to a datagram socket come out at our end */
	if (rc == 0 && kind != SK_STREAM)
		rc = sk_watch(s, sk, EPOLLIN);
	if (rc < 0) {
		undo(s, sk);
		return -ENOBUFS;
	}
	if (family == AF_INET)
		sk->flags |= SK_F_V6ONLY;
	r = call_answer_fd(s, c, sk->app_fd, type & SOCK_CLOEXEC, &number);
	if (number < 0)
		undo(s, sk);
	else
		sk_note_holder(sk, c->tid, number);
	return r;
}
