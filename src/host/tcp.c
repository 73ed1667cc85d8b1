/* SPDX-License-Identifier: Apache-2.0 */
/* tcp.c - TCP sockets of the host: connect, write, peek, consume */
#include "host/host-private.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#ifndef SO_PEEK_OFF
#define SO_PEEK_OFF 42
#endif

/* what one recvmsg may skip: IOV_MAX less one, each a buffer of this size */
#define DISCARD_LEN HOST_DATAGRAM_MAX
#define DISCARD_IOVS 256u

static bool probe_family(int family)
{
	int zero = 0;
	_auto_close_ int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &zero,
	                             sizeof(zero)) == 0;
}

/* TCP has SO_PEEK_OFF since 6.9 (IPv4) and 6.11 (IPv6); tests/kernel. */
void host_tcp_probe(struct host *h)
{
	h->has_peek_off4 = probe_family(AF_INET);
	h->has_peek_off6 = probe_family(AF_INET6);
}

/* What most connections never need is set when they do: set_nodelay(),
 * peek_at(). */
static void set_options(struct host *h, struct flow_host_part *part)
{
	int on = 1;

	/* a peer that vanished is noticed some day (F7) */
	setsockopt(part->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	/* urgent data is inline on both frontends (T10) */
	setsockopt(part->fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	/* AF_UNIX streams have had it since 3.4 */
	part->has_peek_off = part->is_path || (part->is_ip4 ? h->has_peek_off4
	                                                    : h->has_peek_off6);
	part->is_peek_off = part->is_nodelay = false;
}

void host_tcp_adopt(void *user, struct flow_host_part *part, int fd,
                    enum host_family family)
{
	part->fd = fd;
	part->kind = HOST_TCP;
	part->is_ip4 = family == HOST_IP4;
	part->is_path = family == HOST_PATH;
	set_options(user, part);
}

int host_tcp_watch(void *user, struct flow_id id, struct flow_host_part *part)
{
	return host_watch(user, part, id,
	                  EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

/* #syscalls connect setsockopt */
int host_tcp_connect(void *user, struct flow_id id, struct flow_host_part *part,
                     const struct endpoint *to)
{
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(to, &ss);
	struct host *h = user;
	int rc;

	part->fd = host_socket(to, SOCK_STREAM, 0);
	if (part->fd < 0)
		return part->fd;
	part->kind = HOST_TCP_CONNECTING;
	part->is_ip4 = addr_is_ip4(&to->addr);
	set_options(h, part);
	if (connect(part->fd, (const struct sockaddr *)&ss, len) < 0 &&
	    errno != EINPROGRESS)
		return -errno;
	/* after connect(): a new socket is "hung up" and would say so */
	rc = host_watch(h, part, id, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	return rc < 0 ? rc : -EINPROGRESS;
}

/* #syscalls:sockets getpeername */
bool host_tcp_is_connected(void *user, struct flow_host_part *part)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	(void)user;
	/* ENOTCONN in SYN-SENT, and when it was refused */
	if (part->kind != HOST_TCP_CONNECTING ||
	    getpeername(part->fd, (struct sockaddr *)&ss, &len) < 0)
		return false;
	part->kind = HOST_TCP;
	return true;
}

/*
 * Segments were shaped by the app's kernel: Nagle would add delay. It holds
 * back none that is the first.
 */
static void set_nodelay(struct flow_host_part *part)
{
	int on = 1;

	if (part->has_written && !part->is_nodelay && !part->is_path) {
		setsockopt(part->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		part->is_nodelay = true;
	}
	part->has_written = true;
}

/* #syscalls sendto setsockopt */
ssize_t host_tcp_write(void *user, struct flow_host_part *part,
                       const void *data, size_t len)
{
	ssize_t n;

	(void)user;
	set_nodelay(part);
	do
		n = send(part->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	/* no memory now is no reason to end a flow: the event comes */
	if (n < 0 && (errno == ENOBUFS || errno == ENOMEM))
		return -EAGAIN;
	return n < 0 ? -errno : n;
}

/*
 * Without SO_PEEK_OFF a peek starts at the first byte of the queue: what was
 * seen already is copied once more into a buffer nobody reads.
 */
static ssize_t peek_past(struct host *h, int fd, uint32_t offset, void *buf,
                         size_t len)
{
	struct iovec iov[DISCARD_IOVS + 1];
	struct msghdr msg = {.msg_iov = iov};
	uint32_t left = offset;
	ssize_t n;

	while (left && msg.msg_iovlen < DISCARD_IOVS) {
		uint32_t skip = MIN(left, DISCARD_LEN);

		iov[msg.msg_iovlen++] = (struct iovec){h->buffers, skip};
		left -= skip;
	}
	if (left)
		return -EAGAIN; /* farther than 16 MiB: after the next ACK */
	iov[msg.msg_iovlen++] = (struct iovec){buf, len};
	do
		n = recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0 || n > (ssize_t)offset)
		return n - (n ? (ssize_t)offset : 0);
	return -EAGAIN;
}

static int take_error(int fd)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		return -errno;
	return -err;
}

/*
 * Nothing past the offset: is the stream at its end? MSG_PEEK from the start
 * cannot tell while unconsumed bytes lie before the end, TCP_INFO can.
 */
static ssize_t end_or_again(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return -errno;
	switch (info.tcpi_state) {
	case TCP_CLOSE_WAIT:
	case TCP_LAST_ACK:
	case TCP_CLOSING:
	case TCP_TIME_WAIT:
		return 0;
	case TCP_CLOSE: /* both FINs, or a reset */
		return take_error(fd);
	default:
		return -EAGAIN;
	}
}

/*
 * At offset of the queue, as the kernel counts it. Where that is the start,
 * and has always been, SO_PEEK_OFF is not needed.
 */
static ssize_t peek_at(struct host *h, struct flow_host_part *part,
                       uint32_t offset, void *buf, size_t len)
{
	ssize_t n;

	if (!part->has_peek_off) {
		n = peek_past(h, part->fd, offset, buf, len);
		if (n == -EAGAIN && offset && part->has_fin)
			n = end_or_again(part->fd);
		return n;
	}
	if (!part->is_peek_off)
		part->peek_off = 0;
	if (part->peek_off != offset) {
		int at = (int)offset;

		if (setsockopt(part->fd, SOL_SOCKET, SO_PEEK_OFF, &at,
		               sizeof(at)) < 0)
			return -errno;
		part->peek_off = offset;
		part->is_peek_off = true;
	}
	do
		n = recv(part->fd, buf, len, MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (part->is_peek_off)
		part->peek_off += (uint32_t)n;
	return n;
}

/*
 * Events are edges: when a peek came out short, whatever arrives later brings
 * a new one, so the call that would only say -EAGAIN can be left out. An end
 * of stream may have come with the event that is being handled: then not.
 */
/* #syscalls recvfrom recvmsg getsockopt setsockopt */
ssize_t host_tcp_peek(void *user, struct flow_host_part *part, uint32_t offset,
                      void *buf, size_t len)
{
	ssize_t n;

	/* the last look but one: what is unread has to go anyway */
	if (!offset && part->has_fin && !part->is_peek_off)
		host_tcp_flush(part);
	offset += part->unconsumed;
	if (part->is_dry && offset == part->end_off)
		return -EAGAIN;
	n = peek_at(user, part, offset, buf, len);
	if (n > 0 && offset + (uint64_t)n > HOST_DEFER_BYTES)
		part->was_large = true;
	if (!part->has_fin && (n == -EAGAIN || (n > 0 && (size_t)n < len))) {
		part->is_dry = true;
		part->end_off = offset + (n > 0 ? (uint32_t)n : 0);
	}
	return n;
}

/* Takes up to n bytes off the queue that nobody will read. */
static ssize_t skip(const struct flow_host_part *part, uint32_t n)
{
	char unread[4096];

	/* TCP discards under MSG_TRUNC, without a copy (tcp(7)) */
	if (!part->is_path)
		return recv(part->fd, NULL, n, MSG_TRUNC | MSG_DONTWAIT);
	return recv(part->fd, unread, MIN(n, sizeof(unread)), MSG_DONTWAIT);
}

/*
 * The kernel grows a receive buffer by what is read in one round trip. Here
 * that is what one ACK of the app covers, and a round trip on the machine
 * itself takes microseconds: which of several streams grow is chance, and the
 * others keep a tenth of the throughput (16 of iperf3 -R: least/most 0.26, with
 * this 0.85). SO_RCVLOWAT makes room for what it asks for (tcp_set_rcvlowat(),
 * since 4.18) and does not fix the size, as SO_RCVBUF would. Far peers, and
 * readers that are slow, are left to the kernel: the round trip tells.
 */
#define BULK_BYTES (1u << 20)
#define NEAR_US 1000u
#define WIDE_BYTES (2 << 20)

/* #syscalls getsockopt setsockopt */
static void widen_if_near(struct flow_host_part *part)
{
	int wide = WIDE_BYTES, one = 1;
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	if (getsockopt(part->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
	    !info.tcpi_rcv_rtt || info.tcpi_rcv_rtt > NEAR_US)
		return;
	part->is_wide = true;
	/* what comes in between is told of by the second call */
	(void)setsockopt(part->fd, SOL_SOCKET, SO_RCVLOWAT, &wide,
	                 sizeof(wide));
	(void)setsockopt(part->fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
}

/* At one MiB, and each time it has doubled. */
static void count_taken(struct flow_host_part *part, uint32_t n)
{
	uint32_t before = part->taken;

	part->taken += n;
	if (!part->is_wide && part->taken >= BULK_BYTES &&
	    (before ^ part->taken) > before)
		widen_if_near(part);
}

static void discard(struct flow_host_part *part, uint32_t n)
{
	if (!part->is_path)
		count_taken(part, n);
	part->unconsumed = 0;
	part->deferred = 0;
	while (n) {
		ssize_t got = skip(part, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return;
		n -= (uint32_t)got;
		/* the kernel moves its offset back by what was read */
		part->peek_off =
			(uint32_t)sub_clamped(part->peek_off, (size_t)got);
		part->end_off =
			(uint32_t)sub_clamped(part->end_off, (size_t)got);
	}
}

/*
 * Small amounts are discarded together: request and response over one
 * connection then cost one call less each. Only while little is queued at
 * all: four bytes left of a large buffer keep the whole of it, and a window
 * that shut for want of room would not open (seen on loopback).
 */
void host_tcp_consume(void *user, struct flow_host_part *part, uint32_t n)
{
	(void)user;
	if (!part->was_large &&
	    part->unconsumed + (uint64_t)n <= HOST_DEFER_BYTES &&
	    part->deferred < HOST_DEFER_CALLS) {
		part->unconsumed = (uint16_t)(part->unconsumed + n);
		part->deferred++;
		return;
	}
	discard(part, part->unconsumed + n);
}

void host_tcp_flush(struct flow_host_part *part)
{
	if (part->unconsumed)
		discard(part, part->unconsumed);
}

static ssize_t spliced(int from, int to, size_t len)
{
	ssize_t n;

	do
		n = splice(from, NULL, to, NULL, len,
		           SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == ENOBUFS || errno == ENOMEM))
		return -EAGAIN;
	return n < 0 ? -errno : n;
}

/* #syscalls:sockets splice */
ssize_t host_tcp_write_from(void *user, struct flow_host_part *part, int pipe,
                            size_t len)
{
	(void)user;
	set_nodelay(part);
	return spliced(pipe, part->fd, len);
}

ssize_t host_tcp_read_into(void *user, struct flow_host_part *part, int pipe,
                           size_t len)
{
	(void)user;
	host_tcp_flush(part);
	/* where the kernel's offset for peeks stands now is not known */
	part->peek_off = UINT32_MAX;
	part->is_dry = false;
	return spliced(part->fd, pipe, len);
}

/* #syscalls:sockets setsockopt fcntl */
int host_tcp_share(void *user, struct flow_host_part *part, bool on)
{
	int off = 0, none = -1;

	part->is_shared = on;
	if (!on) {
		(void)fcntl(part->fd, F_SETFL, O_RDWR | O_NONBLOCK);
		set_options(user, part);
		return part->fd;
	}
	/* set_options(), taken back */
	setsockopt(part->fd, IPPROTO_TCP, TCP_NODELAY, &off, sizeof(off));
	setsockopt(part->fd, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof(off));
	setsockopt(part->fd, SOL_SOCKET, SO_OOBINLINE, &off, sizeof(off));
	if (part->is_peek_off)
		setsockopt(part->fd, SOL_SOCKET, SO_PEEK_OFF, &none,
		           sizeof(none));
	return part->fd;
}

/* #syscalls shutdown */
void host_tcp_shutdown(void *user, struct flow_host_part *part)
{
	(void)user;
	shutdown(part->fd, SHUT_WR);
}

void host_tcp_event(struct host *h, struct flow_id id,
                    struct flow_host_part *part, uint32_t events, int64_t now)
{
	/* whose error it is may see to it */
	bool ours = !part->is_shared;
	int err = events & EPOLLERR && ours ? take_error(part->fd) : 0;

	part->is_dry = false;
	part->has_fin |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	if (part->kind == HOST_TCP_CONNECTING) {
		if (!err && events & EPOLLHUP && ours)
			err = -ECONNREFUSED;
		if (!err && !(events & EPOLLOUT))
			return;
		part->kind = HOST_TCP;
		/* what comes later has an event of its own */
		part->is_dry = !(events & (EPOLLIN | EPOLLRDHUP));
		part->end_off = 0;
		flow_host_connected(h->ft, id, err, now);
		/* the edge may have brought data, too; the frontend may have
		   closed the flow: ids are looked up again below */
		if (err || !(events & (EPOLLIN | EPOLLRDHUP)))
			return;
	}
	if (err) {
		flow_host_reset(h->ft, id, err, now);
		return;
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		flow_host_readable(h->ft, id, now);
	if (events & EPOLLOUT)
		flow_host_writable(h->ft, id, now);
}
