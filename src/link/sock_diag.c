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

/* NLMSG_DATA() and NLMSG_NEXT() take the const away */
static const void *behind(const struct nlmsghdr *n, size_t bytes)
{
	return (const uint8_t *)n + bytes;
}

static void put_listener(const struct nlmsghdr *n,
                         void (*found)(void *user,
                                       const struct sock_diag_listener *l),
                         void *user)
{
	const struct inet_diag_msg *msg = behind(n, NLMSG_HDRLEN);
	struct sock_diag_listener l = {0};
	size_t left = n->nlmsg_len - NLMSG_LENGTH(sizeof(*msg));
	const struct nlattr *a = (const void *)(msg + 1);

	l.at.port = be16toh(msg->id.idiag_sport);
	if (msg->idiag_family == AF_INET)
		l.at.addr = addr_from_ip4(msg->id.idiag_src);
	else
		l.at.addr = addr_from_ip6(msg->id.idiag_src);
	l.dual = msg->idiag_family == AF_INET6;
	while (left >= sizeof(*a) && a->nla_len >= sizeof(*a) &&
	       a->nla_len <= left) {
		size_t step = MIN((size_t)NLA_ALIGN(a->nla_len), left);

		if (a->nla_type == INET_DIAG_SKV6ONLY &&
		    *(const uint8_t *)(a + 1))
			l.dual = false;
		left -= step;
		a = (const void *)((const uint8_t *)a + step);
	}
	if (l.at.port)
		found(user, &l);
}

/* One packet of the answer. 1: there is more, 0: the end, or an errno. */
static int take_dump(const void *buf, size_t len,
                     void (*found)(void *user,
                                   const struct sock_diag_listener *l),
                     void *user)
{
	const struct nlmsghdr *n = buf;

	while (NLMSG_OK(n, len)) {
		size_t step = MIN(NLMSG_ALIGN((size_t)n->nlmsg_len), len);

		if (n->nlmsg_type == NLMSG_DONE)
			return 0;
		if (n->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *e = behind(n, NLMSG_HDRLEN);

			return n->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) &&
			                       e->error
			               ? e->error
			               : -EPROTO;
		}
		if (n->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
		    n->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
			put_listener(n, found, user);
		len -= step;
		n = behind(n, step);
	}
	return 1;
}

/* as in the kernel: an unconnected UDP socket is "closed" */
#define STATE_CLOSE 7
#define STATE_LISTEN 10

/* #syscalls sendto recvfrom */
static int dump_family(int fd, uint8_t proto, uint8_t family,
                       void (*found)(void *user,
                                     const struct sock_diag_listener *l),
                       void *user)
{
	union {
		struct nlmsghdr align;
		char room[16384];
	} buf;
	struct ask ask = {0};
	int rc;

	ask.head.nlmsg_len = sizeof(ask);
	ask.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	ask.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	ask.req.sdiag_family = family;
	ask.req.sdiag_protocol = proto;
	ask.req.idiag_states =
		1u << (proto == IP_PROTO_TCP ? STATE_LISTEN : STATE_CLOSE);
	if (send(fd, &ask, sizeof(ask), MSG_DONTWAIT) < 0)
		return -errno;
	do {
		ssize_t n = recv(fd, &buf, sizeof(buf), MSG_DONTWAIT);

		if (n < 0)
			return -errno;
		rc = take_dump(&buf, (size_t)n, found, user);
	} while (rc > 0);
	return rc;
}

int sock_diag_listeners(
	int fd, uint8_t proto,
	void (*found)(void *user, const struct sock_diag_listener *listener),
	void *user)
{
	int rc = dump_family(fd, proto, AF_INET, found, user);

	/* a kernel without IPv6 has none of its sockets */
	if (!rc)
		rc = dump_family(fd, proto, AF_INET6, found, user);
	return rc == -ENOENT ? 0 : rc;
}
