/* SPDX-License-Identifier: Apache-2.0 */
/* calls_bind.c - bind() and listen(): ports of the sandbox's own table */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define BACKLOG_MAX 4096

static int parse_local(const struct sock *sk, const struct sockaddr_storage *ss,
                       int len, struct endpoint *at)
{
	static const struct addr any6;
	int rc;

	if (sk->family == AF_INET) {
		if (len < (int)sizeof(struct sockaddr_in))
			return -EINVAL;
		/* AF_UNSPEC with INADDR_ANY: what the kernel takes too */
		if (ss->ss_family == AF_UNSPEC) {
			const struct sockaddr_in *in = (const void *)ss;

			if (in->sin_addr.s_addr != 0)
				return -EAFNOSUPPORT;
			at->addr = addr_ip4(0, 0, 0, 0);
			at->port = ntohs(in->sin_port);
			return 0;
		}
		if (ss->ss_family != AF_INET)
			return -EAFNOSUPPORT;
	} else {
		if (len < 24) /* SIN6_LEN_RFC2133 */
			return -EINVAL;
		if (ss->ss_family != AF_INET6)
			return -EAFNOSUPPORT;
	}
	rc = endpoint_from_sockaddr((const struct sockaddr *)ss,
	                            sizeof(struct sockaddr_in6), at);
	if (rc < 0)
		return rc;
	if (sk->family == AF_INET6 && addr_is_ip4(&at->addr)) {
		if (sk->flags & SK_F_V6ONLY)
			return -EINVAL;
		if (addr_is_unspecified(&at->addr)) /* ::ffff:0.0.0.0 */
			return 0;
	} else if (sk->family == AF_INET6 && addr_is_unspecified(&at->addr)) {
		at->addr = any6;
	}
	return 0;
}

int64_t call_bind(struct sockets *s, struct call *c, struct sock *sk)
{
	struct sockaddr_storage ss;
	int len = (int)c->args[2];
	struct endpoint at;
	int rc = memory_read_sockaddr(s, c, c->args[1], len, &ss);

	if (rc < 0)
		return rc;
	if (sk->kind == SK_NETLINK) {
		const struct sockaddr_nl *nl = (const void *)&ss;

		if (len < (int)sizeof(*nl) || ss.ss_family != AF_NETLINK)
			return -EINVAL;
		if (nl->nl_pid)
			sk->filler = nl->nl_pid;
		return 0;
	}
	rc = parse_local(sk, &ss, len, &at);
	if (rc < 0)
		return rc;
	if (sk->flags & SK_F_BOUND || sk->state != SK_IDLE)
		return -EINVAL;
	inward_changed(s);
	return inside_bind(s, sk, &at);
}

int64_t call_listen(struct sockets *s, struct call *c, struct sock *sk)
{
	int backlog = (int)c->args[1];
	int rc;

	if (sk->kind != SK_STREAM)
		return -EOPNOTSUPP;
	if (sk->state != SK_IDLE && sk->state != SK_LISTEN)
		return -EINVAL;
	/* the kernel compares as unsigned: a negative backlog is the most */
	sk->backlog = backlog < 0 || backlog > BACKLOG_MAX ? BACKLOG_MAX
	                                                   : (uint32_t)backlog;
	if (sk->state == SK_LISTEN)
		return 0;
	rc = inside_autobind(s, sk, NULL);
	if (rc < 0)
		return rc;
	/* SO_REUSEADDR lets two bind; only one may listen */
	rc = inside_may_listen(s, sk);
	if (rc < 0)
		return rc;
	/* never writable, as a TCP listener; readable when somebody waits */
	pair_fill(sk);
	rc = sk_watch(s, sk, EPOLLRDHUP | EPOLLET);
	if (rc < 0)
		return -ENOBUFS;
	sk->state = SK_LISTEN;
	inward_changed(s);
	return 0;
}
