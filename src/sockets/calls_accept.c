/* SPDX-License-Identifier: Apache-2.0 */
/* calls_accept.c - the queue of a listener, and accept() */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define LOOK_NS (100 * NS_PER_MS)

void sk_pair_watch(struct sockets *s, int fd, const struct sock *sk)
{
	struct loop_ref ref = {LOOP_APP_SOCKET, sk_index(s, sk), sk->gen};

	/*
	 * Edge and no event asked for: only a hang-up is told, and reads and
	 * writes of the two apps do not wake us. The loop's entry lives as
	 * long as the app's file, also after our descriptor is closed.
	 */
	if (loop_add(s->loop, fd, EPOLLET, ref) == -EEXIST)
		(void)!loop_mod(s->loop, fd, EPOLLET, ref);
}

/* The byte in the listener's own queue is what poll() sees. */
static void unmark(struct sock *sk)
{
	char byte;

	if (sk->flags & SK_F_MARKED && sk->app_fd >= 0 &&
	    recv(sk->app_fd, &byte, 1, MSG_DONTWAIT) == 1)
		sk->flags &= ~(uint32_t)SK_F_MARKED;
}

static void mark(struct sockets *s, struct sock *sk)
{
	(void)s;
	if (sk->queue_len && !(sk->flags & SK_F_MARKED)) {
		if (send(sk->our_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
			sk->flags |= SK_F_MARKED;
	} else if (!sk->queue_len) {
		unmark(sk);
	}
}

void listener_enqueue(struct sockets *s, struct sock *listener,
                      struct sock *peer, int64_t now)
{
	uint32_t index = sk_index(s, peer);

	peer->queue_next = SK_NONE;
	if (listener->queue_tail == SK_NONE)
		listener->queue_head = index;
	else
		s->socks[listener->queue_tail].queue_next = index;
	listener->queue_tail = index;
	listener->queue_len++;
	if (!s->nqueued++)
		s->look_at = now + LOOK_NS;
	mark(s, listener);
	/* who connects is answered before who accepts, as by the kernel */
	call_after_answer(s, listener, now);
}

void listener_drop(struct sockets *s, struct sock *sk)
{
	struct sock *l = sk_get(s, sk->listener, sk->listener_gen);
	uint32_t index = sk_index(s, sk), prev = SK_NONE, at;

	sk->listener = SK_NONE;
	s->nqueued--;
	if (!l)
		return;
	for (at = l->queue_head; at != SK_NONE && at != index;
	     at = s->socks[at].queue_next)
		prev = at;
	if (at == SK_NONE)
		return;
	if (prev == SK_NONE)
		l->queue_head = sk->queue_next;
	else
		s->socks[prev].queue_next = sk->queue_next;
	if (l->queue_tail == index)
		l->queue_tail = prev;
	l->queue_len--;
	mark(s, l);
}

/*
 * A process that ends closes its listener without telling us; who waits in
 * the queue must hear of it, as of any listener that is closed.
 */
void listeners_run(struct sockets *s, int64_t now)
{
	if (!s->nqueued || now < s->look_at)
		return;
	s->look_at = now + LOOK_NS;
	for (uint32_t i = 0; i < s->fresh; i++) {
		struct sock *sk = &s->socks[i];

		if (sk->state == SK_LISTEN && sk->queue_len &&
		    sk->app_fd >= 0 && !sk_is_seen(sk))
			(void)sk_give_up(s, sk);
	}
}

void listener_close(struct sockets *s, struct sock *sk)
{
	/* who waits for accept() learns EINVAL, as after shutdown() */
	sk_answer_held(s, sk, -EINVAL);
	while (sk->queue_head != SK_NONE)
		/* the byte left in the pair makes it a reset for the client */
		sk_free(s, &s->socks[sk->queue_head]);
	pair_drain(s, sk, 0);
}

/*
 * The name is written before the descriptor is made: once ADDFD has answered
 * the call, its memory is the app's again.
 */
static int64_t hand_out(struct sockets *s, struct call *c, struct sock *l,
                        struct sock *sk, int flags, int64_t now)
{
	struct sockaddr_storage ss;
	int number, rc;
	int64_t r;

	if (c->args[1]) {
		socklen_t len = sk_sockaddr(sk, &sk->peer, &ss);

		rc = memory_write_sockaddr(s, c, c->args[1], c->args[2], &ss,
		                           len);
		if (rc == -ESRCH)
			return CALL_DONE;
		if (rc < 0) {
			sk_free(s, sk);
			return rc;
		}
	}
	if (sk->filler && !inward_is(sk) &&
	    recv(sk->app_fd, s->scratch, sk->filler, MSG_DONTWAIT) > 0)
		sk->filler = 0;
	rc = fcntl(sk->app_fd, F_SETFL,
	           flags & SOCK_NONBLOCK ? O_RDWR | O_NONBLOCK : O_RDWR);
	if (rc == 0)
		rc = sk_identify(s, sk, sk->app_fd);
	if (rc < 0)
		return -ENOBUFS;
	/* who polls as soon as it has the last one finds no more */
	if (l->queue_len == 1)
		unmark(l);
	r = call_answer_fd(s, c, sk->app_fd, flags & SOCK_CLOEXEC, &number);
	if (number < 0) {
		mark(s, l);
		return r;
	}
	listener_drop(s, sk);
	sk->flags |= SK_F_TOLD;
	sk_note_holder(sk, c->tid, number);
	if (inward_is(sk)) {
		inward_accepted(s, sk, now);
	} else {
		sk->state = SK_PAIRED;
		/* closed before it was accepted: nothing tells when this is */
		if (!sk_from_ref(s, sk->mate))
			sk_orphan(s, sk);
		sk_release_app_end(s, sk);
	}
	/* a place in the queue is free: connects may wait for it */
	if (l->held_head != SK_NONE)
		sk_wake(s, l, now);
	return r;
}

int64_t call_accept(struct sockets *s, struct call *c, struct sock *sk,
                    int64_t now)
{
	int flags = c->nr == SYS_accept4 ? (int)c->args[3] : 0;

	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	if (sk->kind != SK_STREAM)
		return -EOPNOTSUPP;
	if (sk->state != SK_LISTEN)
		return -EINVAL;
	sk_regain(s, sk, c->tid, (int)c->args[0]);
	if (sk->queue_head != SK_NONE)
		return hand_out(s, c, sk, &s->socks[sk->queue_head], flags,
		                now);
	mark(s, sk);
	if (sk_is_nonblocking(sk)) {
		/* its byte cannot be taken out: keep a poller from spinning */
		if (sk->flags & SK_F_LOST && sk->flags & SK_F_MARKED)
			return call_hold(s, sk, c, 20 * NS_PER_MS, now);
		return -EAGAIN;
	}
	return call_hold(s, sk, c, sk_timeout_ns(sk, false), now);
}
