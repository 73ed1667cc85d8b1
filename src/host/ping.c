/* SPDX-License-Identifier: Apache-2.0 */
/* ping.c - ICMP echo by datagram sockets, where the host allows them */
#include "host/host-private.h"

#include "wire/headers.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>

#define ECHO_REQUEST4 8
#define ECHO_REPLY4 0
#define ECHO_REQUEST6 128
#define ECHO_REPLY6 129
#define ECHO_HDR_LEN 8u

static void tell_once(struct host *h)
{
	if (h->told_ping || !h->config.line)
		return;
	h->told_ping = true;
	h->config.line(h->config.line_user,
	               "ping does not work from inside: the host keeps echo "
	               "sockets from this group (sysctl "
	               "net.ipv4.ping_group_range)");
}

/* #syscalls socket connect setsockopt */
int host_echo_open(void *user, struct flow_id id, struct flow_host_part *part,
                   const struct endpoint *to)
{
	bool is_ip4 = addr_is_ip4(&to->addr);
	struct sockaddr_storage ss;
	socklen_t len;
	struct endpoint peer = {.addr = to->addr};
	struct host *h = user;

	part->fd =
		host_socket(to, SOCK_DGRAM,
	                    is_ip4 ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
	if (part->fd < 0) {
		if (part->fd == -EACCES || part->fd == -EPERM)
			tell_once(h);
		return part->fd;
	}
	part->kind = HOST_ECHO;
	part->is_ip4 = is_ip4;
	host_want_errors(part);
	len = endpoint_to_sockaddr(&peer, &ss);
	if (connect(part->fd, (const struct sockaddr *)&ss, len) < 0)
		return -errno;
	return host_watch(h, part, id, EPOLLIN);
}

static void set_ttl(struct flow_host_part *part, uint8_t ttl)
{
	int v = ttl;

	if (!ttl || ttl == part->ttl)
		return;
	if (part->is_ip4)
		setsockopt(part->fd, IPPROTO_IP, IP_TTL, &v, sizeof(v));
	else
		setsockopt(part->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &v,
		           sizeof(v));
	part->ttl = ttl;
}

/* #syscalls sendmsg */
int host_echo_send(void *user, struct flow_host_part *part, uint16_t seq,
                   const void *data, size_t len, uint8_t ttl)
{
	/* id and checksum are the kernel's: it matches replies by them */
	uint8_t hdr[ECHO_HDR_LEN] = {
		part->is_ip4 ? ECHO_REQUEST4 : ECHO_REQUEST6,
		[6] = (uint8_t)(seq >> 8),
		[7] = (uint8_t)seq,
	};
	struct iovec iov[2] = {{hdr, sizeof(hdr)}, {NULL, len}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	(void)user;
	memcpy(&iov[1].iov_base, &data, sizeof(data)); /* only read */
	set_ttl(part, ttl);
	for (int tries = 0; tries < 2; tries++) {
		/* the second try: the first may tell of an earlier ICMP */
		if (sendmsg(part->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 0;
		if (errno == EAGAIN || errno == ENOBUFS || errno == EMSGSIZE)
			break;
	}
	return errno == ENOBUFS ? -EAGAIN : -errno;
}

/* #syscalls recvfrom */
static void read_reply(struct host *h, struct flow_id id, int fd, int64_t now)
{
	ssize_t n = recv(fd, h->buffers, HOST_DATAGRAM_MAX, MSG_DONTWAIT);
	const uint8_t *p = h->buffers;

	if (n < (ssize_t)ECHO_HDR_LEN ||
	    (p[0] != ECHO_REPLY4 && p[0] != ECHO_REPLY6))
		return;
	flow_host_echo(h->ft, id, (uint16_t)(p[6] << 8 | p[7]),
	               p + ECHO_HDR_LEN, (size_t)n - ECHO_HDR_LEN, now);
}

void host_echo_event(struct host *h, struct flow_id id, int fd, uint32_t events,
                     int64_t now)
{
	if (events & EPOLLERR) {
		host_read_errors(h, id, fd, now);
		if (!flow_host_part(h->ft, id))
			return;
	}
	if (events & EPOLLIN)
		read_reply(h, id, fd, now);
}
