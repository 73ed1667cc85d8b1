/* SPDX-License-Identifier: Apache-2.0 */
/* udp.c - connected UDP sockets of the host, trains both ways */
#include "host/clients.h"
#include "host/host-private.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/epoll.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
/* longer ones would not fit the path as a part of a train */
#define RIDE_MAX 1472u
/* the longest train, headers and all, that IPv4 can name */
#define TRAIN_BYTES 65000u
/* UDP_MAX_SEGMENTS of kernels before 6.9; later ones take 128 */
#define TRAIN_MAX 64u

/* #syscalls socket connect setsockopt */
int host_udp_open(void *user, struct flow_id id, struct flow_host_part *part,
                  const struct endpoint *to)
{
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(to, &ss);
	struct host *h = user;
	int on = 1, room = 1 << 20;

	part->fd = host_socket(to, SOCK_DGRAM, 0);
	if (part->fd < 0)
		return part->fd;
	part->kind = HOST_UDP;
	part->is_ip4 = addr_is_ip4(&to->addr);
	/*
	 * DF is left to the kernel's path MTU discovery: a datagram above the
	 * path's MTU goes in fragments, as the app's own kernel would send it.
	 */
	host_want_errors(part);
	setsockopt(part->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
	/* one more queue than the app's own; as much as the host allows */
	setsockopt(part->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (connect(part->fd, (const struct sockaddr *)&ss, len) < 0)
		return -errno;
	return host_watch(h, part, id, EPOLLIN);
}

/* A control message at *len of control, and *len moves on. */
static void put_control(uint8_t *control, size_t *len, int level, int type,
                        const void *data, size_t data_len)
{
	struct cmsghdr head = {.cmsg_len = CMSG_LEN(data_len),
	                       .cmsg_level = level,
	                       .cmsg_type = type};

	memcpy(control + *len, &head, sizeof(head));
	memcpy(control + *len + CMSG_LEN(0), data, data_len);
	*len += CMSG_SPACE(data_len);
}

/* The address of ours that the client wrote to. */
static void put_local(uint8_t *control, size_t *len, const struct addr *local)
{
	struct in_pktinfo ip4 = {0};
	struct in6_pktinfo ip6 = {0};

	if (addr_is_unspecified(local))
		return;
	if (addr_is_ip4(local)) {
		memcpy(&ip4.ipi_spec_dst, addr_ip4_bytes(local), 4);
		put_control(control, len, IPPROTO_IP, IP_PKTINFO, &ip4,
		            sizeof(ip4));
	} else {
		memcpy(&ip6.ipi6_addr, local->b, 16);
		put_control(control, len, IPPROTO_IPV6, IPV6_PKTINFO, &ip6,
		            sizeof(ip6));
	}
}

/* One datagram, or a train when segment_len > 0. 0 or a negative errno. */
static int send_once(const struct host *h, const struct flow_host_part *part,
                     const void *data, size_t len, size_t segment_len)
{
	union {
		struct cmsghdr align;
		uint8_t room[CMSG_SPACE(sizeof(uint16_t)) +
		             CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = {0};
	struct iovec iov = {.iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	uint16_t gso = (uint16_t)segment_len;
	struct host_aim aim;
	int fd = part->fd;
	ssize_t n;

	memcpy(&iov.iov_base, &data, sizeof(data)); /* sendmsg only reads */
	if (segment_len)
		put_control(control.room, &msg.msg_controllen, IPPROTO_UDP,
		            UDP_SEGMENT, &gso, sizeof(gso));
	if (part->kind == HOST_UDP_CLIENT) {
		fd = host_client_aim(h, part, &aim);
		msg.msg_name = &aim.to;
		msg.msg_namelen = aim.len;
		put_local(control.room, &msg.msg_controllen, &aim.local);
	}
	if (msg.msg_controllen)
		msg.msg_control = &control;
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/*
 * An ICMP error that came earlier fails the next send, which then sent
 * nothing. The app gets the error from the error queue; its datagram is not
 * to blame and goes again.
 */
static int send_again(const struct host *h, const struct flow_host_part *part,
                      const void *data, size_t len, size_t segment_len)
{
	int rc = send_once(h, part, data, len, segment_len);

	if (rc == -ECONNREFUSED || rc == -EHOSTUNREACH || rc == -ENETUNREACH ||
	    rc == -EPROTO || rc == -EACCES || rc == -ENOPROTOOPT)
		rc = send_once(h, part, data, len, segment_len);
	return rc;
}

/* A train, at most TRAIN_MAX datagrams a call; singly where that fails. */
static int send_train(const struct host *h, const struct flow_host_part *part,
                      const uint8_t *p, size_t len, size_t segment_len)
{
	bool train = len > segment_len;
	int rc = 0;

	while (len) {
		size_t n = train ? MIN(len, segment_len * TRAIN_MAX)
		                 : MIN(len, segment_len);

		rc = send_again(h, part, p, n,
		                n > segment_len ? segment_len : 0);
		/* longer than the path's MTU, or no offload there: singly */
		if (train && (rc == -EINVAL || rc == -EIO || rc == -EMSGSIZE)) {
			train = false;
			continue;
		}
		if (rc < 0)
			break;
		p += n;
		len -= n;
	}
	return rc;
}

void host_udp_flush(struct host *h)
{
	struct host_train *t = &h->app_train;

	/* errors of what was put off: lost, or told by the error queue */
	if (t->part && t->len)
		(void)send_train(h, t->part, t->data, t->len, t->segment_len);
	t->part = NULL;
	t->len = 0;
}

/* May the datagram ride on the train? A shorter one ends it. */
static bool ride(struct host_train *t, const struct flow_host_part *part,
                 const void *data, size_t len)
{
	if (t->part != part || len > t->segment_len ||
	    t->len % t->segment_len || t->len / t->segment_len >= TRAIN_MAX ||
	    t->len + len > TRAIN_BYTES)
		return false;
	memcpy(t->data + t->len, data, len);
	t->len += len;
	return true;
}

/*
 * The first datagram of a flow in a batch goes at once, and tells its own
 * errors; those that follow it in the same batch may ride.
 */
/* #syscalls sendmsg */
int host_udp_send(void *user, struct flow_host_part *part, const void *data,
                  size_t len, size_t segment_len)
{
	struct host *h = user;
	struct host_train *t = &h->app_train;
	bool follows = t->part == part;
	int rc;

	if (!segment_len && len && len <= RIDE_MAX) {
		if (follows && ride(t, part, data, len))
			return 0;
		host_udp_flush(h);
		t->part = part;
		t->segment_len = len;
		if (follows)
			return ride(t, part, data, len) ? 0 : -EAGAIN;
	} else if (follows) {
		host_udp_flush(h); /* order is kept */
	}
	if (segment_len && len > segment_len)
		rc = send_train(h, part, data, len, segment_len);
	else
		rc = send_again(h, part, data, len, 0);
	return rc == -ENOBUFS ? -EAGAIN : rc;
}

/* The length of the train's datagrams, or 0 for a single one. */
static size_t segment_of(struct msghdr *msg, size_t len)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c;
	     c = CMSG_NXTHDR(msg, c)) {
		int gso;

		if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO ||
		    c->cmsg_len < CMSG_LEN(sizeof(gso)))
			continue;
		memcpy(&gso, CMSG_DATA(c), sizeof(gso));
		return gso > 0 && (size_t)gso < len ? (size_t)gso : 0;
	}
	return 0;
}

static void deliver_train(struct host *h, struct flow_id id, int64_t now)
{
	struct host_train *t = &h->host_train;
	size_t len = t->len;

	if (!len)
		return;
	t->len = 0;
	flow_host_datagram(h->ft, id, t->data, len,
	                   len > t->segment_len ? t->segment_len : 0, now);
}

/*
 * What was read together and is equally long goes to the app as a train:
 * one frame instead of many. Loopback and most devices do not join them.
 */
static void deliver(struct host *h, struct flow_id id, const void *data,
                    size_t len, size_t segment_len, int64_t now)
{
	struct host_train *t = &h->host_train;

	if (segment_len || !len || len > RIDE_MAX) {
		deliver_train(h, id, now);
		flow_host_datagram(h->ft, id, data, len, segment_len, now);
		return;
	}
	if (t->len && ride(t, NULL, data, len))
		return;
	deliver_train(h, id, now);
	t->segment_len = t->len = len;
	memcpy(t->data, data, len);
}

/* #syscalls recvmmsg */
static void read_batch(struct host *h, struct flow_id id, int fd, int64_t now)
{
	struct mmsghdr msgs[HOST_BATCH];
	struct iovec iov[HOST_BATCH];
	union {
		struct cmsghdr align;
		uint8_t room[64];
	} control[HOST_BATCH];
	int n;

	memset(msgs, 0, sizeof(msgs));
	for (unsigned int i = 0; i < HOST_BATCH; i++) {
		iov[i] = (struct iovec){h->buffers + i * HOST_DATAGRAM_MAX,
		                        HOST_DATAGRAM_MAX};
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
		msgs[i].msg_hdr.msg_control = &control[i];
		msgs[i].msg_hdr.msg_controllen = sizeof(control[i]);
	}
	n = recvmmsg(fd, msgs, HOST_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		deliver(h, id, iov[i].iov_base, msgs[i].msg_len,
		        segment_of(&msgs[i].msg_hdr, msgs[i].msg_len), now);
	deliver_train(h, id, now);
}

void host_udp_event(struct host *h, struct flow_id id, int fd, uint32_t events,
                    int64_t now)
{
	if (events & EPOLLERR) {
		host_read_errors(h, id, fd, now);
		if (!flow_host_part(h->ft, id))
			return;
	}
	if (events & EPOLLIN)
		read_batch(h, id, fd, now);
}
