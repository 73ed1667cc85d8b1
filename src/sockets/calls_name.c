/* SPDX-License-Identifier: Apache-2.0 */
/* calls_name.c - getsockname(), getpeername(): what TCP would have said */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

socklen_t sk_sockaddr(const struct sock *sk, const struct endpoint *e,
                      struct sockaddr_storage *ss)
{
	if (sk->kind == SK_NETLINK) {
		struct sockaddr_nl nl = {.nl_family = AF_NETLINK};

		/* its own name; all that it hears of is the kernel, 0 */
		nl.nl_pid = e == &sk->local ? sk->filler : 0;
		memset(ss, 0, sizeof(*ss));
		memcpy(ss, &nl, sizeof(nl));
		return sizeof(nl);
	}
	if (sk->family == AF_INET)
		return endpoint_to_sockaddr(e, ss);
	return endpoint_to_sockaddr_in6(e, ss);
}

int64_t call_getsockname(struct sockets *s, struct call *c, struct sock *sk)
{
	struct sockaddr_storage ss;
	socklen_t len;

	if (sk->kind == SK_NETLINK)
		(void)netlink_pid(sk);
	len = sk_sockaddr(sk, &sk->local, &ss);
	return memory_write_sockaddr(s, c, c->args[1], c->args[2], &ss, len);
}

static bool has_peer(const struct sock *sk)
{
	if (sk->kind != SK_STREAM)
		return sk->flags & SK_F_CONNECTED || sk->kind == SK_NETLINK;
	return (sk->state == SK_RELAY || sk->state == SK_PAIRED) &&
	       !(sk->flags & SK_F_RESET);
}

int64_t call_getpeername(struct sockets *s, struct call *c, struct sock *sk)
{
	struct sockaddr_storage ss;
	socklen_t len;

	if (!has_peer(sk))
		return -ENOTCONN;
	len = sk_sockaddr(sk, &sk->peer, &ss);
	return memory_write_sockaddr(s, c, c->args[1], c->args[2], &ss, len);
}
