/* SPDX-License-Identifier: Apache-2.0 */
/* relay.c - bytes between our end of a stream pair and its flow */
/*
 * The last byte that the app wrote stays in our end's queue although it was
 * sent on: an end closed with unread data gives its peer ECONNRESET, and
 * that is the only way to tell the app of a reset. So reads peek, write to
 * the host, and take what was written less the byte that stays. The first
 * byte to stay is one of the filling (pair_drain()).
 */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define RELAY_EVENTS (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET)
/* bytes one socket may move in a turn before others have theirs */
#define RELAY_BUDGET (1u << 20)

static void more_later(struct sockets *s, struct sock *sk)
{
	if (sk->flags & SK_F_MORE)
		return;
	sk->flags |= SK_F_MORE;
	sk->more_next = s->more_head;
	s->more_head = sk_index(s, sk);
}

void relay_more(struct sockets *s, int64_t now)
{
	uint32_t at = s->more_head;

	s->more_head = SK_NONE;
	while (at != SK_NONE) {
		struct sock *sk = &s->socks[at];

		at = sk->more_next;
		sk->flags &= ~(uint32_t)SK_F_MORE;
		if (sk->state == SK_FREE) {
			sk->next = s->free_head;
			s->free_head = sk_index(s, sk);
			continue;
		}
		if (sk->state == SK_RELAY)
			relay_to_host(s, sk, now);
		if (sk->state == SK_RELAY)
			relay_to_app(s, sk, now);
	}
}

void relay_start(struct sockets *s, struct sock *sk, bool waited, int64_t now)
{
	pair_drain(s, sk, 1);
	sk->filler = 0; /* from here on it is "the byte that stays" */
	options_tell_host(s, sk);
	/* now a close by the app is a hang-up of our end */
	sk_release_app_end(s, sk);
	if (sk_watch(s, sk, RELAY_EVENTS) < 0) {
		relay_reset(s, sk, -ENOBUFS, now);
		return;
	}
	/* what a connect brought is an event of its own, or of the same turn;
	 * what waited for accept() is not */
	if (waited)
		relay_to_app(s, sk, now);
}

/* Nothing is held any more; the app may still read what is in its end. */
static void become_closed(struct sockets *s, struct sock *sk)
{
	sk->flow.gen = 0;
	sk->state = SK_CLOSED;
	inside_unbind(s, sk);
	sk_close_our_end(s, sk);
	sk_release_app_end(s, sk);
	sk_orphan(s, sk);
}

void relay_reset(struct sockets *s, struct sock *sk, int err, int64_t now)
{
	if (sk->flow.gen)
		flow_close(s->ft, sk->flow, true, now);
	/* ECONNRESET is what the app's end says by itself */
	sk->err = err == -EPIPE || err == -ECONNRESET ? 0 : -err;
	become_closed(s, sk);
}

/* The app has nothing more to say and all of it is on its way. */
static void app_finished(struct sockets *s, struct sock *sk, int64_t now)
{
	bool reset = (sk->flags & (SK_F_APP_RESET | SK_F_LINGER0)) != 0;
	char byte;

	if (sk->flags & SK_F_APP_GONE) {
		/* or shut both ways: its names are still asked for, and it
		 * has no error to see (the byte that stayed would be one) */
		(void)!recv(sk->our_fd, &byte, 1, MSG_DONTWAIT);
		flow_close(s->ft, sk->flow, reset, now);
		become_closed(s, sk);
		return;
	}
	if (!(sk->flags & SK_F_SHUT_SENT)) {
		sk->flags |= SK_F_SHUT_SENT;
		flow_tcp_shutdown(s->ft, sk->flow);
	}
	if (sk->flags & SK_F_HOST_EOF) {
		/* a clean end: the byte that stayed goes first */
		(void)!recv(sk->our_fd, &byte, 1, MSG_DONTWAIT);
		flow_close(s->ft, sk->flow, false, now);
		become_closed(s, sk);
	}
}

/*
 * What may be sent on, peeked into s->scratch; *stays counts the bytes in
 * front that were sent before. A read stops at an urgent byte, so the byte
 * that stays is taken when it hides one.
 */
static ssize_t peek_app(struct sockets *s, struct sock *sk, size_t *stays)
{
	int queued = 0;
	ssize_t n;

	*stays = sk->flags & SK_F_NONE_STAYS ? 0 : 1;
	n = recv(sk->our_fd, s->scratch, SCRATCH_BYTES,
	         MSG_PEEK | MSG_DONTWAIT);
	if (n != 1 || !*stays || !(sk->flags & SK_F_URGENT) ||
	    ioctl(sk->our_fd, SIOCINQ, &queued) < 0 || queued <= 1)
		return n;
	if (recv(sk->our_fd, s->scratch, 1, MSG_DONTWAIT) != 1)
		return -1;
	*stays = 0;
	sk->flags |= SK_F_NONE_STAYS;
	return recv(sk->our_fd, s->scratch, SCRATCH_BYTES,
	            MSG_PEEK | MSG_DONTWAIT);
}

void relay_to_host(struct sockets *s, struct sock *sk, int64_t now)
{
	size_t moved = 0, stays;

	while (!(sk->flags & SK_F_HOST_FULL)) {
		ssize_t n, w;

		if (moved >= RELAY_BUDGET) {
			more_later(s, sk);
			return;
		}
		if (sk->flags & SK_F_BULK_OUT) {
			w = bulk_to_host(s, sk);
			if (w < 0) {
				relay_reset(s, sk, (int)w, now);
				return;
			}
			moved += (size_t)w;
			continue;
		}
		n = peek_app(s, sk, &stays);
		if (n <= (ssize_t)stays) {
			if (sk->flags & SK_F_APP_EOF)
				app_finished(s, sk, now);
			return;
		}
		w = flow_tcp_write(s->ft, sk->flow, s->scratch + stays,
		                   (size_t)n - stays);
		if (w < 0 && w != -EAGAIN) {
			relay_reset(s, sk, (int)w, now);
			return;
		}
		w = MAX(w, 0);
		if ((size_t)w < (size_t)n - stays)
			sk->flags |= SK_F_HOST_FULL;
		/* all that was written goes, but for its last byte */
		if (w > 0)
			sk->flags &= ~(uint32_t)SK_F_NONE_STAYS;
		if (w > 0 && (size_t)w + stays > 1)
			(void)!recv(sk->our_fd, s->scratch,
			            (size_t)w + stays - 1, MSG_DONTWAIT);
		moved += (size_t)w;
		if (n >= (ssize_t)BULK_MIN && !(sk->flags & SK_F_URGENT))
			sk->flags |= SK_F_BULK_OUT;
		/* all of it: more, or the end, is another edge */
		if ((size_t)n < SCRATCH_BYTES &&
		    !(sk->flags & (SK_F_APP_EOF | SK_F_URGENT)))
			return;
	}
}

static void host_finished(struct sockets *s, struct sock *sk, int64_t now)
{
	sk->flags |= SK_F_HOST_EOF;
	shutdown(sk->our_fd, SHUT_WR);
	if (sk->flags & SK_F_SHUT_SENT)
		app_finished(s, sk, now);
}

static void wait_for_app(struct sockets *s, struct sock *sk)
{
	sk->flags |= SK_F_APP_FULL;
	(void)!sk_watch(s, sk, RELAY_EVENTS | EPOLLOUT);
}

/* What one peek shows, copied: bytes, or 0 when that is all for now. */
static size_t copy_to_app(struct sockets *s, struct sock *sk, int64_t now)
{
	ssize_t n =
		flow_tcp_peek(s->ft, sk->flow, 0, s->scratch, SCRATCH_BYTES);
	ssize_t w;

	if (n == -EAGAIN)
		return 0;
	if (n < 0) {
		relay_reset(s, sk, (int)n, now);
		return 0;
	}
	if (n == 0) {
		host_finished(s, sk, now);
		return 0;
	}
	w = send(sk->our_fd, s->scratch, (size_t)n,
	         MSG_DONTWAIT | MSG_NOSIGNAL);
	if (w < 0 && errno == EPIPE)
		w = n; /* shut for reading, or gone: the hang-up comes */
	else if (w < n)
		wait_for_app(s, sk);
	if (n >= (ssize_t)BULK_MIN)
		sk->flags |= SK_F_BULK_IN;
	if (w <= 0)
		return 0;
	flow_tcp_consume(s->ft, sk->flow, (uint32_t)w);
	return (size_t)w;
}

/* #syscalls shutdown */
void relay_to_app(struct sockets *s, struct sock *sk, int64_t now)
{
	size_t moved = 0, n;

	while (!(sk->flags & (SK_F_APP_FULL | SK_F_HOST_EOF))) {
		if (moved >= RELAY_BUDGET) {
			more_later(s, sk);
			return;
		}
		n = 0;
		if (sk->flags & SK_F_BULK_IN || sk->bulk_in.pipe)
			n = bulk_to_app(s, sk);
		if (sk->flags & SK_F_APP_FULL) {
			wait_for_app(s, sk);
			return;
		}
		/* nothing came by splice(): a peek tells why */
		if (n == 0)
			n = copy_to_app(s, sk, now);
		if (n == 0)
			return;
		moved += n;
	}
}

void relay_on_app_event(struct sockets *s, struct sock *sk, uint32_t events,
                        int64_t now)
{
	if (events & (EPOLLRDHUP | EPOLLHUP))
		sk->flags |= SK_F_APP_EOF;
	if (events & EPOLLHUP)
		sk->flags |= SK_F_APP_GONE;
	if (events & EPOLLERR)
		sk->flags |= SK_F_APP_RESET;
	/* from then on a read may stop short of what is there */
	if (events & EPOLLPRI)
		sk->flags |= SK_F_URGENT;
	if (sk->flags & SK_F_APP_RESET && sk->flags & SK_F_APP_GONE) {
		/* closed with unread data: a TCP would reset at once too */
		flow_close(s->ft, sk->flow, true, now);
		become_closed(s, sk);
		return;
	}
	if (events & EPOLLOUT && sk->flags & SK_F_APP_FULL) {
		sk->flags &= ~(uint32_t)SK_F_APP_FULL;
		(void)!sk_watch(s, sk, RELAY_EVENTS);
		relay_to_app(s, sk, now);
		if (sk->state != SK_RELAY)
			return;
	}
	relay_to_host(s, sk, now);
}

ssize_t relay_send(struct sockets *s, struct sock *sk, const void *data,
                   size_t len, int64_t now)
{
	ssize_t w;

	/* what was written before goes before */
	relay_to_host(s, sk, now);
	if (sk->state != SK_RELAY)
		return -EPIPE;
	if (sk->flags & SK_F_HOST_FULL || sk->flags & SK_F_MORE)
		return -EAGAIN;
	w = flow_tcp_write(s->ft, sk->flow, data, len);
	if (w == -EAGAIN || (w >= 0 && (size_t)w < len))
		sk->flags |= SK_F_HOST_FULL;
	return w;
}
