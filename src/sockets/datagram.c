/* SPDX-License-Identifier: Apache-2.0 */
/* datagram.c - UDP: datagrams through a seqpacket pair, senders told truly */
/*
 * The app polls and reads its end natively, but only we know who sent what.
 * So at any time all datagrams in the app's end are from one sender
 * (`run_from` of the socket); one from somebody else waits in chunks until
 * the app's end is empty, which an edge of EPOLLOUT on our end tells.
 */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define READS_A_TURN 64

/* --- chunks --------------------------------------------------------------- */

static void chunks_free(struct sockets *s, struct sock *sk, uint32_t n)
{
	while (n-- && sk->chunk_head != SK_NONE) {
		uint32_t at = sk->chunk_head;

		sk->chunk_head = s->chunks[at].next;
		s->chunks[at].next = s->chunk_free;
		s->chunk_free = at;
		s->chunks_used--;
		sk->nchunks--;
	}
	if (sk->chunk_head == SK_NONE)
		sk->chunk_tail = SK_NONE;
}

/* There must be one. What was never used is no memory yet. */
static uint32_t chunk_take(struct sockets *s)
{
	uint32_t at = s->chunk_free;

	s->chunks_used++;
	if (at == SK_NONE)
		return s->chunk_fresh++;
	s->chunk_free = s->chunks[at].next;
	return at;
}

static uint32_t chunks_for(size_t len)
{
	return len ? (uint32_t)((len + CHUNK_BYTES - 1) / CHUNK_BYTES) : 1;
}

static bool origin_equal(const struct origin *a, const struct origin *b)
{
	return endpoint_equal(&a->from, &b->from) && a->hops == b->hops &&
	       a->tclass == b->tclass;
}

/* At the bound the datagram is dropped, as a full receive buffer does. */
static void wait_in_chunks(struct sockets *s, struct sock *sk,
                           const struct origin *from, const uint8_t *data,
                           size_t len)
{
	uint32_t n = chunks_for(len);
	bool first = true;

	if (CHUNKS - s->chunks_used < n || sk->nchunks + n > CHUNKS_A_SOCKET)
		return;
	while (n--) {
		uint32_t at = chunk_take(s);
		struct chunk *c = &s->chunks[at];
		size_t part = MIN(len, CHUNK_BYTES);

		c->next = SK_NONE;
		c->from = *from;
		c->total = first ? (uint32_t)len : 0;
		memcpy(c->data, data, part);
		data += part;
		len -= part;
		first = false;
		if (sk->chunk_tail == SK_NONE)
			sk->chunk_head = at;
		else
			s->chunks[sk->chunk_tail].next = at;
		sk->chunk_tail = at;
		sk->nchunks++;
	}
	(void)!sk_watch(s, sk, EPOLLIN | EPOLLOUT | EPOLLET);
}

void datagram_drop_all(struct sockets *s, struct sock *sk)
{
	char byte;

	chunks_free(s, sk, sk->nchunks);
	if (sk->kind != SK_DGRAM || sk->app_fd < 0 || sk->state == SK_CLOSED)
		return;
	for (int i = 0; i < 4096; i++)
		if (recv(sk->app_fd, &byte, 1, MSG_DONTWAIT) < 0)
			break;
}

/* --- towards the app ------------------------------------------------------ */

static bool app_end_empty(const struct sock *sk)
{
	int queued = 0;

	return ioctl(sk->our_fd, SIOCOUTQ, &queued) < 0 || queued == 0;
}

static void put_in(struct sock *sk, const void *data, size_t len)
{
	/* full: dropped */
	(void)!send(sk->our_fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void refill(struct sockets *s, struct sock *sk)
{
	while (sk->chunk_head != SK_NONE) {
		struct chunk *c = &s->chunks[sk->chunk_head];
		uint32_t n = chunks_for(c->total);
		struct iovec iov[CHUNKS_A_SOCKET];
		struct msghdr m = {.msg_iov = iov};
		size_t left = c->total;
		uint32_t at = sk->chunk_head;

		if (!origin_equal(&c->from, &sk->run_from)) {
			if (!app_end_empty(sk))
				return;
			sk->run_from = c->from;
		}
		for (uint32_t i = 0; i < n; i++) {
			iov[i].iov_base = s->chunks[at].data;
			iov[i].iov_len = MIN(left, CHUNK_BYTES);
			left -= iov[i].iov_len;
			at = s->chunks[at].next;
		}
		m.msg_iovlen = n;
		if (sendmsg(sk->our_fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
		    errno == EAGAIN)
			return;
		chunks_free(s, sk, n);
	}
	(void)!sk_watch(s, sk, EPOLLIN);
}

void datagram_arrive(struct sockets *s, struct sock *sk,
                     const struct origin *from, const void *data, size_t len,
                     int64_t now)
{
	if (sk->chunk_head != SK_NONE) {
		wait_in_chunks(s, sk, from, data, len);
	} else if (origin_equal(&sk->run_from, from)) {
		put_in(sk, data, len);
	} else if (app_end_empty(sk)) {
		sk->run_from = *from;
		put_in(sk, data, len);
	} else {
		wait_in_chunks(s, sk, from, data, len);
	}
	if (sk->held_head != SK_NONE)
		sk_wake(s, sk, now);
}

void datagram_skip(struct sock *sk)
{
	char byte;

	if (sk->app_fd >= 0)
		(void)!recv(sk->app_fd, &byte, 1, MSG_DONTWAIT);
}

ssize_t datagram_take(struct sockets *s, struct sock *sk, void *buf, size_t len,
                      int flags, size_t *total, struct origin *from)
{
	ssize_t n;

	if (sk->app_fd < 0)
		return -ENOBUFS; /* see sk_regain() */
	n = recv(sk->app_fd, buf, len,
	         MSG_DONTWAIT | MSG_TRUNC | (flags & MSG_PEEK));
	if (n < 0 && errno == EAGAIN && sk->chunk_head != SK_NONE) {
		refill(s, sk);
		n = recv(sk->app_fd, buf, len,
		         MSG_DONTWAIT | MSG_TRUNC | (flags & MSG_PEEK));
	}
	if (n < 0)
		return -errno;
	*from = sk->run_from;
	*total = (size_t)n;
	if (sk->chunk_head != SK_NONE)
		refill(s, sk);
	return (ssize_t)MIN((size_t)n, len);
}

/* --- from the app --------------------------------------------------------- */

static int send_one(struct sockets *s, struct sock *sk,
                    const struct origin *from, const struct endpoint *to,
                    const void *data, size_t len, size_t segment_len,
                    int64_t now)
{
	struct tuple t = {.app = from->from, .host = *to};
	struct sock *target;

	if (inside_is_outward(s, SK_DGRAM, to)) {
		/* the answer of a server on loopback alone (inward.c) */
		if (addr_is_loopback(&t.app.addr) &&
		    !inside_is_own(s, &to->addr) && !inside_is_resolver(s, to))
			t.app.addr = addr_is_ip4(&to->addr) ? s->config.app4
			                                    : s->config.app6;
		return flow_udp_send(s->ft, &t, sk_ref(s, sk), data, len,
		                     segment_len, now);
	}
	target = inside_find(s, SK_DGRAM, to, &from->from);
	if (target) {
		datagram_arrive(s, target, from, data, len, now);
		return 0;
	}
	/* what the kernel learns by ICMP: only a connected socket is told */
	if (sk->flags & SK_F_CONNECTED) {
		sk->err = ECONNREFUSED;
		sk_wake(s, sk, now);
	}
	return 0;
}

int datagram_send(struct sockets *s, struct sock *sk, const struct endpoint *to,
                  const void *data, size_t len, const struct sending *how,
                  int64_t now)
{
	struct origin from = {.hops = how->hops, .tclass = how->tclass};
	size_t segment_len = how->segment_len;
	const uint8_t *at = data;
	int rc = inside_autobind(s, sk, to);

	if (rc < 0)
		return rc == -EADDRINUSE ? -EAGAIN : rc;
	if (!to->port)
		return -EINVAL;
	from.from.addr = inside_source(s, sk, to);
	from.from.port = sk->local.port;
	if (!segment_len || inside_is_outward(s, SK_DGRAM, to))
		return send_one(s, sk, &from, to, data, len, segment_len, now);
	while (len && rc == 0) {
		size_t n = MIN(len, segment_len);

		rc = send_one(s, sk, &from, to, at, n, 0, now);
		at += n;
		len -= n;
	}
	return rc;
}

static void native_write(struct sockets *s, struct sock *sk, size_t len,
                         int64_t now)
{
	struct sending how;
	int rc;

	if (sk->kind == SK_NETLINK) {
		netlink_request(s, sk, s->scratch, len, now);
		return;
	}
	if (!(sk->flags & SK_F_CONNECTED) || len > UDP_PAYLOAD_MAX)
		return;
	how = option_sending(sk, addr_is_ip4(&sk->peer.addr));
	rc = datagram_send(s, sk, &sk->peer, s->scratch, len, &how, now);
	if (rc < 0 && rc != -EAGAIN) {
		sk->err = -rc;
		sk_wake(s, sk, now);
	}
}

void datagram_on_app_event(struct sockets *s, struct sock *sk, uint32_t events,
                           int64_t now)
{
	uint32_t gen = sk->gen, index = sk_index(s, sk);

	for (int i = 0; events & EPOLLIN && i < READS_A_TURN; i++) {
		ssize_t n = recv(sk->our_fd, s->scratch, SCRATCH_BYTES,
		                 MSG_DONTWAIT);

		if (n < 0 || (n == 0 && events & (EPOLLRDHUP | EPOLLHUP)))
			break;
		native_write(s, sk, (size_t)n, now);
		if (!sk_get(s, index, gen))
			return;
	}
	if (events & EPOLLHUP) {
		if (sk->app_fd < 0) {
			sk_free(s, sk);
			return;
		}
		/* shut down both ways, not closed: told once is enough */
		(void)!sk_watch(s, sk, EPOLLIN | EPOLLET);
	}
	if (sk->chunk_head != SK_NONE) {
		refill(s, sk);
		/* edge-triggered meanwhile: ask again for what is left */
		if (sk->chunk_head != SK_NONE)
			(void)!sk_watch(s, sk, EPOLLIN | EPOLLOUT | EPOLLET);
	}
}
