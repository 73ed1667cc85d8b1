/* SPDX-License-Identifier: Apache-2.0 */
/* sock_diag.c - what the app's kernel knows of its own sockets */
#include "link/sock_diag.h"

#include "wire/headers.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>

int sock_diag_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	return fd < 0 ? -errno : fd;
}

struct ask {
	struct nlmsghdr head;
	struct inet_diag_req_v2 req;
};

static void put_addr(__be32 to[4], const struct addr *a)
{
	if (addr_is_ip4(a))
		memcpy(to, addr_ip4_bytes(a), 4);
	else
		memcpy(to, a->b, sizeof(a->b));
}

static void put_question(struct ask *ask, unsigned int ifindex, uint8_t proto,
                         const struct tuple *t)
{
	/* of a datagram socket the kernel is asked from the other side
	 * (tests/kernel/udp_diag_swapped) */
	bool swapped = proto == IP_PROTO_UDP;
	const struct endpoint *src = swapped ? &t->host : &t->app;
	const struct endpoint *dst = swapped ? &t->app : &t->host;
	struct inet_diag_sockid *id = &ask->req.id;

	memset(ask, 0, sizeof(*ask));
	ask->head.nlmsg_len = sizeof(*ask);
	ask->head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	ask->head.nlmsg_flags = NLM_F_REQUEST;
	ask->req.sdiag_family = addr_is_ip4(&t->app.addr) ? AF_INET : AF_INET6;
	ask->req.sdiag_protocol = proto;
	ask->req.idiag_states = ~0u;
	put_addr(id->idiag_src, &src->addr);
	put_addr(id->idiag_dst, &dst->addr);
	/* else one that is bound to it, as to link-local, is not found */
	id->idiag_if = ifindex;
	id->idiag_sport = htobe16(src->port);
	id->idiag_dport = htobe16(dst->port);
	id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

/* #syscalls sendto recvfrom */
int sock_diag_find(int fd, unsigned int ifindex, uint8_t proto,
                   const struct tuple *t, struct sock_diag_found *found)
{
	struct {
		struct nlmsghdr head;
		union {
			struct inet_diag_msg msg;
			struct nlmsgerr err;
			char room[512];
		} u;
	} answer;
	struct ask ask;
	ssize_t n;

	put_question(&ask, ifindex, proto, t);
	if (send(fd, &ask, sizeof(ask), MSG_DONTWAIT) < 0)
		return -errno;
	n = recv(fd, &answer, sizeof(answer), MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	if ((size_t)n < NLMSG_LENGTH(sizeof(struct nlmsgerr)))
		return -EPROTO;
	if (answer.head.nlmsg_type == NLMSG_ERROR)
		return answer.u.err.error ? answer.u.err.error : -EPROTO;
	if (answer.head.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    (size_t)n < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
		return -EPROTO;
	found->inode = answer.u.msg.idiag_inode;
	found->uid = answer.u.msg.idiag_uid;
	/* closed already, or one of the kernel's own */
	return found->inode ? 0 : -ENOENT;
}
