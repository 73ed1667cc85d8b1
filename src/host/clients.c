/* SPDX-License-Identifier: Apache-2.0 */
/* clients.c - published UDP ports: one socket, many clients */
/*
 * All flows of a published UDP port share the socket that the monitor bound.
 * A client is its address, its port, and the address of the host that it
 * wrote to, from which the answers must come. While nobody is bound inside
 * the socket is connected to a peer that cannot be: the kernel then answers
 * everybody with "port unreachable" (tests/kernel/udp_connect_shuts).
 */
#include "host/clients.h"

#include "host/host-private.h"
#include "host/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* more than there are UDP flows: a bound that is not met */
#define CLIENTS_MAX 65536u
#define BATCHES_A_TURN 4u
#define DISCARD_PORT 9

/* struct host_client - 56 bytes; `to.port` 0: free */
struct host_client {
	struct endpoint to;
	struct addr local;
	uint32_t slot;
	uint32_t next; /* index + 1, while free */
};

struct host_clients {
	uint32_t free, fresh;
	struct host_client all[CLIENTS_MAX];
};

struct host_clients *host_clients_new(void)
{
	/* zeros: pages that are never used cost nothing */
	return calloc(1, sizeof(struct host_clients));
}

/* --- open and shut -------------------------------------------------------- */

/* #syscalls setsockopt */
void host_clients_prepare(int fd, bool ip4)
{
	int on = 1, room = 1 << 20;

	setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (ip4)
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	else
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
}

/* A peer that sends nothing: an address of the host's own, and a port that no
 * program sends from. */
static struct endpoint nobody(const struct endpoint *bound)
{
	static const struct addr loopback6 = {.b = {[15] = 1}};
	struct endpoint e = {bound->addr, DISCARD_PORT};

	if (addr_is_unspecified(&e.addr))
		e.addr = addr_is_ip4(&e.addr) ? addr_ip4(127, 0, 0, 1)
		                              : loopback6;
	return e;
}

/* #syscalls connect recvfrom */
int host_clients_listen(int fd, const struct endpoint *bound, bool on)
{
	struct sockaddr_storage ss = {.ss_family = AF_UNSPEC};
	struct endpoint shut = nobody(bound);
	socklen_t len = sizeof(struct sockaddr);
	char byte;

	if (!on)
		len = endpoint_to_sockaddr(&shut, &ss);
	if (connect(fd, (const struct sockaddr *)&ss, len) < 0)
		return -errno;
	/* what came while somebody still listened is nobody's now */
	for (unsigned int i = 0; !on && i < 4096; i++)
		if (recv(fd, &byte, 1, MSG_DONTWAIT | MSG_TRUNC) < 0)
			break;
	return 0;
}

/* --- one client ------------------------------------------------------------
 */

int host_udp_adopt(void *user, struct flow_host_part *part, uint32_t slot,
                   const struct endpoint *client, const struct addr *local)
{
	struct host *h = user;
	struct host_clients *c = h->clients;
	uint32_t i;

	if (c->free) {
		i = c->free - 1;
		c->free = c->all[i].next;
	} else if (c->fresh < CLIENTS_MAX) {
		i = c->fresh++;
	} else {
		return -ENOBUFS;
	}
	c->all[i] = (struct host_client){*client, *local, slot, 0};
	h->listens[slot].clients++;
	part->kind = HOST_UDP_CLIENT;
	part->client = i;
	part->is_ip4 = addr_is_ip4(&client->addr);
	return 0;
}

bool host_udp_is_client(void *user, const struct flow_host_part *part,
                        uint32_t slot, const struct endpoint *client)
{
	const struct host *h = user;
	const struct host_client *c = &h->clients->all[part->client];

	return part->kind == HOST_UDP_CLIENT && c->slot == slot &&
	       endpoint_equal(&c->to, client);
}

void host_client_gone(struct host *h, struct flow_host_part *part)
{
	struct host_clients *c = h->clients;
	uint32_t i = part->client;

	part->kind = HOST_NONE;
	host_listen_left(h, c->all[i].slot);
	c->all[i].to.port = 0;
	c->all[i].next = c->free;
	c->free = i + 1;
}

int host_client_aim(const struct host *h, const struct flow_host_part *part,
                    struct host_aim *aim)
{
	const struct host_client *c = &h->clients->all[part->client];

	aim->len = endpoint_to_sockaddr(&c->to, &aim->to);
	aim->local = c->local;
	return h->listens[c->slot].fd;
}

/* --- what clients send -----------------------------------------------------
 */

static void take_control(struct msghdr *msg, size_t len, struct addr *local,
                         size_t *segment)
{
	*segment = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c;
	     c = CMSG_NXTHDR(msg, c)) {
		union {
			struct in_pktinfo ip4;
			struct in6_pktinfo ip6;
			int gso;
		} v = {0};

		memcpy(&v, CMSG_DATA(c),
		       MIN(sizeof(v), c->cmsg_len - CMSG_LEN(0)));
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			*local = addr_from_ip4(&v.ip4.ipi_spec_dst);
		else if (c->cmsg_level == IPPROTO_IPV6 &&
		         c->cmsg_type == IPV6_PKTINFO)
			*local = addr_from_ip6(&v.ip6.ipi6_addr);
		else if (c->cmsg_level == IPPROTO_UDP &&
		         c->cmsg_type == UDP_GRO && v.gso > 0 &&
		         (size_t)v.gso < len)
			*segment = (size_t)v.gso;
	}
}

/* #syscalls recvmmsg */
static int read_batch(struct host *h, uint32_t slot, int fd, int64_t now)
{
	struct sockaddr_storage from[HOST_BATCH];
	struct mmsghdr msgs[HOST_BATCH];
	struct iovec iov[HOST_BATCH];
	union {
		struct cmsghdr align;
		uint8_t room[128];
	} control[HOST_BATCH];
	int n;

	memset(msgs, 0, sizeof(msgs));
	for (unsigned int i = 0; i < HOST_BATCH; i++) {
		iov[i] = (struct iovec){h->buffers + i * HOST_DATAGRAM_MAX,
		                        HOST_DATAGRAM_MAX};
		msgs[i].msg_hdr = (struct msghdr){
			.msg_name = &from[i],
			.msg_namelen = sizeof(from[i]),
			.msg_iov = &iov[i],
			.msg_iovlen = 1,
			.msg_control = &control[i],
			.msg_controllen = sizeof(control[i]),
		};
	}
	n = recvmmsg(fd, msgs, HOST_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		struct msghdr *m = &msgs[i].msg_hdr;
		struct addr local = {{0}};
		struct endpoint client;
		size_t segment;

		take_control(m, msgs[i].msg_len, &local, &segment);
		/* port 0 cannot be answered */
		if (endpoint_from_sockaddr((struct sockaddr *)&from[i],
		                           m->msg_namelen, &client) == 0 &&
		    client.port)
			flow_host_client(h->ft, slot, &client, &local,
			                 iov[i].iov_base, msgs[i].msg_len,
			                 segment, now);
	}
	return n;
}

void host_clients_event(struct host *h, uint32_t slot, int fd, int64_t now)
{
	for (unsigned int i = 0; i < BATCHES_A_TURN; i++)
		if (read_batch(h, slot, fd, now) < (int)HOST_BATCH)
			return;
}
