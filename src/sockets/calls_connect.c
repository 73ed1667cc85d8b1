/* SPDX-License-Identifier: Apache-2.0 */
/* calls_connect.c - connect(): judged on our own copy of the address */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

int sk_parse_peer(const struct sock *sk, const struct sockaddr_storage *ss,
                  int len, struct endpoint *to)
{
	static const struct addr one = {{[15] = 1}};
	int rc;

	if (len < (int)sizeof(sa_family_t))
		return -EINVAL;
	if (sk->family == AF_INET) {
		if (len < (int)sizeof(struct sockaddr_in))
			return -EINVAL;
		if (ss->ss_family != AF_INET)
			return -EAFNOSUPPORT;
	} else if (ss->ss_family == AF_INET) {
		/* UDP over IPv6 takes an IPv4 peer, TCP does not */
		if (sk->kind == SK_STREAM || sk->flags & SK_F_V6ONLY)
			return -EAFNOSUPPORT;
	} else if (ss->ss_family != AF_INET6) {
		return -EAFNOSUPPORT;
	} else if (len < 24) { /* SIN6_LEN_RFC2133 */
		return -EINVAL;
	}
	rc = endpoint_from_sockaddr((const struct sockaddr *)ss,
	                            sizeof(struct sockaddr_in6), to);
	if (rc < 0)
		return rc;
	if (ss->ss_family == AF_INET6 && addr_is_ip4(&to->addr) &&
	    sk->flags & SK_F_V6ONLY)
		return -ENETUNREACH;
	if (addr_is_unspecified(&to->addr))
		to->addr =
			addr_is_ip4(&to->addr) ? addr_ip4(127, 0, 0, 1) : one;
	return 0;
}

/* --- UDP ------------------------------------------------------------------ */

static void udp_disconnect(struct sockets *s, struct sock *sk)
{
	sk->flags &= ~(uint32_t)SK_F_CONNECTED;
	memset(&sk->peer, 0, sizeof(sk->peer));
	if (sk->flags & SK_F_BOUND_PORT)
		return;
	inside_unbind(s, sk);
	memset(&sk->local, 0, sizeof(sk->local));
	if (sk->family == AF_INET)
		sk->local.addr = sk->peer.addr = addr_ip4(0, 0, 0, 0);
}

static int64_t udp_connect(struct sockets *s, struct sock *sk,
                           const struct endpoint *to)
{
	int rc = inside_autobind(s, sk, to);

	if (rc < 0)
		return rc == -EADDRINUSE ? -EAGAIN : rc;
	sk->peer = *to;
	sk->local.addr = inside_source(s, sk, to);
	sk->flags |= SK_F_CONNECTED;
	sk->err = 0;
	/* what came from others before is not for a connected socket */
	datagram_drop_all(s, sk);
	return 0;
}

/* --- TCP, inside ---------------------------------------------------------- */

/*
 * The end that we kept of the client's pair is what the listener's accept()
 * will hand out: the two then talk without us.
 */
static int64_t inside_connect(struct sockets *s, struct sock *sk,
                              struct sock *listener, const struct endpoint *to,
                              int64_t now)
{
	struct sock *peer;

	if (listener->queue_len > listener->backlog)
		return CALL_HELD;
	peer = sk_new(s, SK_STREAM, listener->family);
	if (!peer)
		return -ENOBUFS;
	peer->state = SK_BACKLOG;
	peer->flags |= listener->flags & SK_F_V6ONLY;
	peer->local = *to;
	peer->peer = sk->local;
	peer->listener = sk_index(s, listener);
	peer->listener_gen = listener->gen;
	peer->mate = sk_ref(s, sk);
	sk->mate = sk_ref(s, peer);
	peer->opt_set = listener->opt_set;
	memcpy(peer->opt, listener->opt, sizeof(peer->opt));
	/*
	 * A byte stays until accept(): a listener that goes is a reset. Full
	 * and drained, the end has an edge of EPOLLOUT like a TCP's.
	 */
	pair_fill(sk);
	pair_drain(s, sk, 1);
	peer->filler = sk->filler;
	sk->filler = 0;
	peer->app_fd = sk->our_fd;
	s->nheld_ends++;
	sk->our_fd = -1;
	sk->flags &= ~(uint32_t)SK_F_WATCHED;
	sk->peer = *to;
	sk->state = SK_PAIRED;
	sk_pair_watch(s, peer->app_fd, sk);
	sk_pair_watch(s, sk->app_fd, peer);
	sk_release_app_end(s, sk);
	listener_enqueue(s, listener, peer, now);
	return 0;
}

/* --- TCP ------------------------------------------------------------------ */

static void connect_failed(struct sockets *s, struct sock *sk)
{
	sk->state = SK_IDLE;
	sk->flow.gen = 0;
	memset(&sk->peer, 0, sizeof(sk->peer));
	pair_drain(s, sk, 0);
	if (!(sk->flags & SK_F_BOUND_PORT))
		inside_unbind(s, sk);
}

void sk_give_connect_up(struct sockets *s, struct sock *sk, int err)
{
	connect_failed(s, sk);
	sk_answer_held(s, sk, err);
}

static int64_t wait_or_progress(struct sockets *s, struct call *c,
                                struct sock *sk, bool nonblock, int64_t now)
{
	if (nonblock)
		return -EINPROGRESS;
	return call_hold(s, sk, c, sk_timeout_ns(sk, true), now);
}

static int64_t host_connect(struct sockets *s, struct call *c, struct sock *sk,
                            const struct endpoint *to, bool nonblock,
                            int64_t now)
{
	struct tuple t = {.app = sk->local, .host = *to};
	int rc = flow_tcp_open(s->ft, &t, sk_ref(s, sk), now, &sk->flow);

	if (rc < 0) {
		sk->flow.gen = 0;
		if (!(sk->flags & SK_F_BOUND_PORT))
			inside_unbind(s, sk);
		return rc == -EMFILE ? -ENOBUFS : rc;
	}
	sk->peer = *to;
	sk->state = SK_CONNECTING;
	sk->flags &= ~(uint32_t)SK_F_TOLD;
	if (nonblock && direct_swap(s, c, sk, true) == 0)
		return -EINPROGRESS;
	/*
	 * Who would wait for it, and need not, sees no pending connect: the
	 * pair is not filled and drained, the call not held and read again.
	 */
	if (!nonblock && !s->config.direct &&
	    flow_tcp_is_connected(s->ft, sk->flow)) {
		sk->state = SK_RELAY;
		sk->err = 0;
		relay_start(s, sk, false, now);
		return 0;
	}
	pair_fill(sk);
	return wait_or_progress(s, c, sk, nonblock, now);
}

int64_t sk_connect(struct sockets *s, struct call *c, struct sock *sk,
                   const struct endpoint *to, bool nonblock, int64_t now)
{
	struct sock *listener;
	int64_t r;
	int rc;

	if (to->port == 0)
		return inside_is_own(s, &to->addr) ? -ECONNREFUSED
		                                   : -EADDRNOTAVAIL;
	rc = inside_autobind(s, sk, to);
	if (rc < 0)
		return rc == -EADDRINUSE ? -EADDRNOTAVAIL : rc;
	sk->local.addr = inside_source(s, sk, to);
	if (inside_is_outward(s, SK_STREAM, to)) {
		if (addr_is_loopback(&sk->local.addr) &&
		    !inside_is_own(s, &to->addr) && !inside_is_resolver(s, to))
			return -EINVAL;
		return host_connect(s, c, sk, to, nonblock, now);
	}
	listener = inside_find(s, SK_STREAM, to, &sk->local);
	if (!listener) {
		if (!(sk->flags & SK_F_BOUND_PORT))
			inside_unbind(s, sk);
		return -ECONNREFUSED;
	}
	r = inside_connect(s, sk, listener, to, now);
	if (r != CALL_HELD)
		return r;
	/* the queue is full: wait at the listener, as a SYN would */
	return nonblock ? -EAGAIN : call_hold(s, listener, c, 0, now);
}

/* connect() after EINPROGRESS was answered by a refusal */
static int64_t after_failure(struct sockets *s, struct call *c, struct sock *sk)
{
	int err = sk->err;
	int rc;
	bool nonblock = true; /* it was: else it would not be SK_FAILED */

	if (err || !(sk->flags & SK_F_TOLD)) {
		sk->err = 0;
		sk->flags |= SK_F_TOLD;
		return err ? -err : -ECONNABORTED;
	}
	/*
	 * The old pair is used up. The new one takes the number in this
	 * process; duplicates elsewhere keep the dead one (documented).
	 */
	rc = pair_open(SK_STREAM, nonblock, &sk->app_fd, &sk->our_fd);
	if (rc < 0)
		return -ENOBUFS;
	s->nheld_ends++;
	rc = call_replace_fd(s, c, sk->app_fd, (int)c->args[0],
	                     sk->flags & SK_F_CLOEXEC);
	if (rc == 0)
		rc = sk_identify(s, sk, sk->app_fd);
	if (rc < 0)
		return -ENOBUFS;
	sk->state = SK_IDLE;
	sk->filler = 0;
	sk->flags &= ~(uint32_t)SK_F_TOLD;
	sk_unorphan(s, sk);
	sk_note_holder(sk, c->tid, (int)c->args[0]);
	return 0;
}

static int64_t tcp_connect(struct sockets *s, struct call *c, struct sock *sk,
                           const struct endpoint *to, int64_t now)
{
	bool nonblock = sk_is_nonblocking(sk);
	int64_t r;

	switch ((enum sk_state)sk->state) {
	case SK_CONNECTING:
		if (c->resumed)
			return CALL_HELD;
		if (nonblock)
			return -EALREADY;
		return wait_or_progress(s, c, sk, nonblock, now);
	case SK_RELAY:
	case SK_PAIRED:
	case SK_CLOSED:
		if (sk->flags & SK_F_TOLD)
			return -EISCONN;
		sk->flags |= SK_F_TOLD;
		return 0;
	case SK_LISTEN:
	case SK_BACKLOG:
		return -EISCONN;
	case SK_DIRECT:
		if (!direct_connect_again(s, c, sk, &r))
			return r;
		__attribute__((fallthrough));
	case SK_FAILED:
		r = after_failure(s, c, sk);
		if (r < 0)
			return r;
		nonblock = true;
		break;
	case SK_IDLE:
		/* a held call that the host's refusal ended */
		if (c->resumed && sk->err) {
			r = -sk->err;
			sk->err = 0;
			return r;
		}
		break;
	case SK_FREE:
		return -EBADF;
	}
	r = sk_connect(s, c, sk, to, nonblock, now);
	/* TCP never answers a non-blocking connect at once, nor do we inside */
	if (r == 0 && nonblock)
		return -EINPROGRESS;
	if (r == 0)
		sk->flags |= SK_F_TOLD;
	return r;
}

static int64_t tcp_disconnect(struct sockets *s, struct sock *sk)
{
	switch ((enum sk_state)sk->state) {
	case SK_IDLE:
		return 0;
	case SK_CONNECTING:
		flow_close(s->ft, sk->flow, true, loop_now(s->loop));
		sk_give_connect_up(s, sk, -ECONNABORTED);
		return 0;
	case SK_RELAY:
		flow_close(s->ft, sk->flow, true, loop_now(s->loop));
		sk->flow.gen = 0;
		sk_close_our_end(s, sk);
		inside_unbind(s, sk);
		sk->state = SK_FAILED;
		sk->flags |= SK_F_TOLD;
		sk_orphan(s, sk);
		return 0;
	case SK_LISTEN:
		listener_close(s, sk);
		sk->state = SK_IDLE;
		return 0;
	case SK_FAILED:
	case SK_CLOSED:
		sk->state = SK_FAILED;
		sk->flags |= SK_F_TOLD;
		sk->err = 0;
		return 0;
	case SK_BACKLOG:
	case SK_PAIRED:
	case SK_DIRECT:
	case SK_FREE:
		break;
	}
	return -EAFNOSUPPORT;
}

int64_t call_connect(struct sockets *s, struct call *c, struct sock *sk,
                     int64_t now)
{
	struct sockaddr_storage ss;
	int len = (int)c->args[2];
	struct endpoint to;
	int rc = memory_read_sockaddr(s, c, c->args[1], len, &ss);

	if (rc < 0)
		return rc;
	if (sk->kind == SK_NETLINK)
		return 0;
	if (len < (int)sizeof(sa_family_t))
		return -EINVAL;
	sk_regain(s, sk, c->tid, (int)c->args[0]);
	if (ss.ss_family == AF_UNSPEC) {
		if (sk->kind == SK_STREAM)
			return tcp_disconnect(s, sk);
		udp_disconnect(s, sk);
		return 0;
	}
	rc = sk_parse_peer(sk, &ss, len, &to);
	if (rc < 0)
		return rc;
	if (sk->kind == SK_DGRAM)
		return udp_connect(s, sk, &to);
	return tcp_connect(s, c, sk, &to, now);
}

/* --- what the flow says about it ------------------------------------------ */

static bool someone_waits(struct sockets *s, const struct sock *sk)
{
	uint32_t at = sk->held_head;

	for (; at != SK_NONE; at = s->held[at].next)
		if (call_is_valid(s, &s->held[at].call))
			return true;
	return false;
}

/* Who waits in connect() needs no second look; what else waits does. */
static void answer_connects(struct sockets *s, struct sock *sk, int64_t now)
{
	uint32_t at = sk->held_head;

	while (at != SK_NONE && s->held[at].call.nr == SYS_connect)
		at = s->held[at].next;
	if (at != SK_NONE || sk->state != SK_RELAY) {
		sk_wake(s, sk, now);
		return;
	}
	if (someone_waits(s, sk))
		sk->flags |= SK_F_TOLD;
	sk_answer_held(s, sk, 0);
}

void sk_connected(struct sockets *s, struct sock *sk, int64_t now)
{
	if (direct_connected(s, sk, now))
		return;
	sk->state = SK_RELAY;
	sk->err = 0;
	relay_start(s, sk, false, now);
	answer_connects(s, sk, now);
}

void sk_refused(struct sockets *s, struct sock *sk, int err, int64_t now)
{
	if (sk->state == SK_DIRECT) {
		direct_refused(s, sk);
		return;
	}
	sk->flow.gen = 0;
	sk->err = -err;
	/* what ICMP said stays behind as the kernel's sk_err_soft */
	if (err == -EHOSTUNREACH || err == -ENETUNREACH || err == -EACCES)
		sk->soft_err = -err;
	if (someone_waits(s, sk)) {
		connect_failed(s, sk);
		sk_wake(s, sk, now);
		return;
	}
	/*
	 * Closed with the filling unread, our end gives the app's IN, OUT,
	 * ERR, HUP and RDHUP, as a refused TCP socket has them.
	 */
	sk_answer_held(s, sk, err);
	sk->state = SK_FAILED;
	sk->flags &= ~(uint32_t)SK_F_TOLD;
	if (!(sk->flags & SK_F_BOUND_PORT))
		inside_unbind(s, sk);
	sk_close_our_end(s, sk);
	sk_release_app_end(s, sk);
	sk_orphan(s, sk);
}
