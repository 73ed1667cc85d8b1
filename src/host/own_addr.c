/* SPDX-License-Identifier: Apache-2.0 */
/* own_addr.c - the host's own addresses, told to policy as they change */
#include "host/own_addr.h"

#include "base/cleanup.h"
#include "base/netlink.h"
#include "loop/loop.h"
#include "policy/policy.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define READ_LEN 32768u
/* one turn reads at most this often: changes may come faster than we read */
#define READS_MAX 256u

struct own_addr {
	int fd;
	struct loop *loop;
	struct policy *policy;
	void (*changed)(void *user, bool closed, int64_t now);
	void *user;
	uint32_t seq;
	bool dumping;
	bool stale; /* something changed since the dump began */
	bool overflow;
	size_t n;
	struct addr addrs[POLICY_OWN_MAX];
	uint8_t buf[READ_LEN];
};

int own_addr_open(void)
{
	struct sockaddr_nl sa = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
	};
	_auto_close_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
	               NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	return fd_take(&fd);
}

/* #syscalls sendto */
static int dump_begin(struct own_addr *o)
{
	struct {
		struct nlmsghdr head;
		struct ifaddrmsg body;
	} req = {
		.head = {.nlmsg_len = sizeof(req),
	                 .nlmsg_type = RTM_GETADDR,
	                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
	                 .nlmsg_seq = ++o->seq},
		.body = {.ifa_family = AF_UNSPEC},
	};

	o->dumping = true;
	o->stale = o->overflow = false;
	o->n = 0;
	if (send(o->fd, &req, sizeof(req), MSG_DONTWAIT) < 0)
		return -errno;
	return 0;
}

/* On a point-to-point link IFA_ADDRESS is the peer, IFA_LOCAL is ours. */
static const struct nlattr *own_attr(const struct nlmsghdr *head)
{
	const struct nlattr *best = NULL, *a = NULL;

	while ((a = netlink_attr(head, sizeof(struct ifaddrmsg), a)))
		if (netlink_attr_type(a) == IFA_LOCAL ||
		    (netlink_attr_type(a) == IFA_ADDRESS && !best))
			best = a;
	return best;
}

static void take_addr(struct own_addr *o, const struct nlmsghdr *head,
                      const struct ifaddrmsg *m)
{
	size_t want = m->ifa_family == AF_INET ? 4 : 16;
	const struct nlattr *best = own_attr(head);

	if ((m->ifa_family != AF_INET && m->ifa_family != AF_INET6) || !best ||
	    netlink_attr_len(best) != want)
		return;
	if (o->n >= POLICY_OWN_MAX) {
		o->overflow = true;
		return;
	}
	o->addrs[o->n++] = want == 4 ? addr_from_ip4(netlink_attr_data(best))
	                             : addr_from_ip6(netlink_attr_data(best));
}

static void dump_end(struct own_addr *o, int64_t now)
{
	int rc = policy_set_own(o->policy, o->addrs, o->n);

	o->dumping = false;
	if (o->stale)
		rc = dump_begin(o) < 0 ? -EIO : rc;
	o->changed(o->user, rc < 0 || o->overflow, now);
}

static void take_messages(struct own_addr *o, size_t len, int64_t now)
{
	const struct nlmsghdr *head;
	const void *p = o->buf;

	while ((head = netlink_message(&p, &len))) {
		bool ours = o->dumping && head->nlmsg_seq == o->seq;
		const struct ifaddrmsg *m = netlink_payload(head, sizeof(*m));

		if (head->nlmsg_flags & NLM_F_DUMP_INTR && ours)
			o->stale = true;
		switch (head->nlmsg_type) {
		case NLMSG_DONE:
		case NLMSG_ERROR:
			if (ours)
				dump_end(o, now);
			break;
		case RTM_NEWADDR:
			if (ours && m) {
				take_addr(o, head, m);
				break;
			}
			o->stale = true;
			break;
		case RTM_DELADDR:
			o->stale = true;
			break;
		default:
			break;
		}
	}
}

/* #syscalls recvfrom */
static void on_readable(void *user, uint32_t index, uint32_t gen,
                        uint32_t events, int64_t now)
{
	struct own_addr *o = user;

	(void)index;
	(void)gen;
	(void)events;
	for (unsigned int i = 0; i < READS_MAX; i++) {
		ssize_t n = recv(o->fd, o->buf, sizeof(o->buf), MSG_DONTWAIT);

		if (n > 0) {
			take_messages(o, (size_t)n, now);
		} else if (n < 0 && errno == ENOBUFS) {
			o->stale = true; /* messages were lost */
			o->dumping = false;
		} else {
			break;
		}
		if (o->stale && !o->dumping && dump_begin(o) < 0)
			o->changed(o->user, true, now);
	}
}

struct own_addr *
own_addr_new(int fd, struct loop *loop, struct policy *policy,
             void (*changed)(void *user, bool closed, int64_t now), void *user)
{
	struct loop_ref ref = {.kind = LOOP_ROUTE};
	struct own_addr *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->fd = fd;
	o->loop = loop;
	o->policy = policy;
	o->changed = changed;
	o->user = user;
	loop_handle(loop, LOOP_ROUTE, on_readable, o);
	/* a dump of the kernel's is ready when send() returns */
	if (loop_add(loop, fd, EPOLLIN, ref) < 0 || dump_begin(o) < 0) {
		changed(user, true, loop_now(loop));
		return o;
	}
	on_readable(o, 0, 0, EPOLLIN, loop_now(loop));
	if (o->dumping)
		changed(user, true, loop_now(loop));
	return o;
}
