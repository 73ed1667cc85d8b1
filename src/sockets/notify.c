/* SPDX-License-Identifier: Apache-2.0 */
/* notify.c - notifications: received, dispatched, held, answered */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

/* --- answers -------------------------------------------------------------- */

/*
 * Calls that may not be done twice. The kernel offers to make calls
 * uninterruptible once received (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV),
 * but then no signal handler runs while an accept() or connect() is held;
 * so a signal may take a call away after it was done. Its result waits for
 * the same call of the same thread: restarted by the kernel, or repeated by
 * a program that saw EINTR.
 *
 * One moment is left: a thread that has seen its signal and not yet taken the
 * listener's lock (seccomp_do_user_notification()) restarts the call, though
 * the kernel took our answer. Then a call is done twice; under a storm of 6600
 * signals a second one datagram of a thousand was.
 */
static bool is_once(int nr, int64_t result)
{
	if (result < 0)
		return false;
	switch (nr) {
	case SYS_bind:
	case SYS_connect:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_recvmmsg:
	case SYS_getsockopt:
		return true;
	default:
		return false;
	}
}

static struct answer *answer_slot(struct sockets *s, uint32_t tid)
{
	return &s->answers[tid & (ANSWERS_MAX - 1)];
}

static void respond(struct sockets *s, const struct call *c, int64_t result)
{
	struct seccomp_notif_resp *resp = s->resp;

	memset(resp, 0, s->resp_size);
	resp->id = c->id;
	if (result == CALL_CONTINUE) {
		resp->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	} else if (result < 0) {
		resp->error = (int32_t)result;
	} else {
		resp->val = result;
	}
	if (ioctl(s->notify_fd, SECCOMP_IOCTL_NOTIF_SEND, resp) == 0)
		return;
	s->stat_gone++;
	if (is_once(c->nr, result)) {
		struct answer *a = answer_slot(s, c->tid);

		a->tid = c->tid;
		a->nr = c->nr;
		memcpy(a->args, c->args, sizeof(a->args));
		a->result = result;
	}
}

void call_after_answer(struct sockets *s, struct sock *sk, int64_t now)
{
	struct sock *other = sk_from_ref(s, s->wake_next);

	s->wake_next = sk_ref(s, sk);
	s->wake_now = now;
	if (other && other != sk)
		sk_wake(s, other, now);
}

void call_answer(struct sockets *s, const struct call *c, int64_t result)
{
	struct sock *sk = sk_from_ref(s, s->wake_next);

	if (result != CALL_DONE && result != CALL_HELD)
		respond(s, c, result);
	s->wake_next = 0;
	if (sk)
		sk_wake(s, sk, s->wake_now);
}

/* A result that waited for exactly this call; any other call forgets it. */
static bool answer_remembered(struct sockets *s, const struct call *c)
{
	struct answer *a = answer_slot(s, c->tid);
	bool same;

	if (!a->tid || a->tid != c->tid)
		return false;
	same = a->nr == c->nr && memcmp(a->args, c->args, sizeof(a->args)) == 0;
	a->tid = 0;
	if (same)
		respond(s, c, a->result);
	return same;
}

/* --- held calls ----------------------------------------------------------- */

static uint32_t held_index(const struct sockets *s, const struct held *h)
{
	return (uint32_t)(h - s->held);
}

static void tid_unlink(struct sockets *s, struct held *h)
{
	uint32_t *at = &s->held_tids[h->call.tid % HELD_MAX];

	while (*at != SK_NONE && *at != held_index(s, h))
		at = &s->held[*at].tid_next;
	if (*at != SK_NONE)
		*at = h->tid_next;
}

static void held_unlink(struct sockets *s, struct held *h)
{
	struct sock *sk = sk_get(s, h->sock, h->sock_gen);

	if (!sk)
		return;
	if (h->prev == SK_NONE)
		sk->held_head = h->next;
	else
		s->held[h->prev].next = h->next;
	if (h->next == SK_NONE)
		sk->held_tail = h->prev;
	else
		s->held[h->next].prev = h->prev;
	h->prev = h->next = h->sock = SK_NONE;
}

static void held_link(struct sockets *s, struct sock *sk, struct held *h)
{
	h->sock = sk_index(s, sk);
	h->sock_gen = sk->gen;
	h->prev = sk->held_tail;
	h->next = SK_NONE;
	if (sk->held_tail == SK_NONE)
		sk->held_head = held_index(s, h);
	else
		s->held[sk->held_tail].next = held_index(s, h);
	sk->held_tail = held_index(s, h);
}

static void held_free(struct sockets *s, struct held *h)
{
	held_unlink(s, h);
	tid_unlink(s, h);
	wheel_cancel(&s->wheel, &h->timer);
	h->used = false;
	h->next = s->held_free;
	s->held_free = held_index(s, h);
}

/* A thread makes one call at a time: an older one of it is gone. */
static void held_forget_tid(struct sockets *s, uint32_t tid)
{
	uint32_t at = s->held_tids[tid % HELD_MAX];

	while (at != SK_NONE) {
		struct held *h = &s->held[at];

		at = h->tid_next;
		if (h->call.tid == tid)
			held_free(s, h);
	}
}

int64_t call_hold(struct sockets *s, struct sock *sk, const struct call *c,
                  int64_t timeout_ns, int64_t now)
{
	struct held *h;
	uint32_t index = s->held_free;

	if (c->resumed)
		return CALL_HELD;
	if (index == SK_NONE && s->held_fresh == HELD_MAX)
		return -ENOBUFS;
	if (index == SK_NONE)
		index = s->held_fresh++;
	else
		s->held_free = s->held[index].next;
	h = &s->held[index];
	memset(h, 0, sizeof(*h));
	h->call = *c;
	h->call.resumed = true;
	h->used = true;
	held_link(s, sk, h);
	h->tid_next = s->held_tids[c->tid % HELD_MAX];
	s->held_tids[c->tid % HELD_MAX] = index;
	if (timeout_ns > 0)
		wheel_set(&s->wheel, &h->timer, now + timeout_ns);
	s->stat_held++;
	return CALL_HELD;
}

/*
 * A call is off the list while it runs: a handler may wake the same socket
 * again, or end it.
 */
void sk_wake(struct sockets *s, struct sock *sk, int64_t now)
{
	uint32_t gen = sk->gen, index = sk_index(s, sk);
	size_t count = 0;

	for (uint32_t i = sk->held_head; i != SK_NONE; i = s->held[i].next)
		count++;
	while (count--) {
		struct held *h;
		struct call c;
		int64_t r;

		if (!sk_get(s, index, gen) || sk->held_head == SK_NONE)
			return;
		h = &s->held[sk->held_head];
		held_unlink(s, h);
		c = h->call;
		r = call_dispatch(s, &c, now);
		if (r == CALL_HELD && sk_get(s, index, gen)) {
			held_link(s, sk, h);
			continue;
		}
		held_free(s, h);
		call_answer(s, &c, r == CALL_HELD ? -EBADF : r);
	}
}

void sk_answer_held(struct sockets *s, struct sock *sk, int64_t result)
{
	while (sk->held_head != SK_NONE) {
		struct held *h = &s->held[sk->held_head];
		struct call c = h->call;

		held_free(s, h);
		/* a connect that waits at a listener which goes away */
		call_answer(s, &c,
		            c.nr == SYS_connect && sk->state == SK_LISTEN
		                    ? -ECONNREFUSED
		                    : result);
	}
}

/* Time is up: as SO_RCVTIMEO and SO_SNDTIMEO say it. */
void held_run(struct sockets *s, int64_t now)
{
	struct wheel_timer *t;

	while ((t = wheel_pop(&s->wheel, now)) != NULL) {
		struct held *h =
			(void *)((char *)t - offsetof(struct held, timer));
		struct call c = h->call;

		held_free(s, h);
		call_answer(s, &c,
		            c.nr == SYS_connect ? -EINPROGRESS : -EAGAIN);
	}
}

/* --- dispatch ------------------------------------------------------------- */

static bool carries_address(int nr)
{
	switch (nr) {
	case SYS_bind:
	case SYS_connect:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
		return true;
	default:
		return false;
	}
}

static int64_t dispatch_ours(struct sockets *s, struct call *c, struct sock *sk,
                             int64_t now)
{
	sk->tid = c->tid;
	if (sk->state == SK_DIRECT && c->nr != SYS_connect)
		return direct_call(s, c, sk);
	switch (c->nr) {
	case SYS_connect:
		return call_connect(s, c, sk, now);
	case SYS_bind:
		return call_bind(s, c, sk);
	case SYS_listen:
		return call_listen(s, c, sk);
	case SYS_accept:
	case SYS_accept4:
		return call_accept(s, c, sk, now);
	case SYS_getsockname:
		return call_getsockname(s, c, sk);
	case SYS_getpeername:
		return call_getpeername(s, c, sk);
	case SYS_getsockopt:
		return call_getsockopt(s, c, sk);
	case SYS_setsockopt:
		return call_setsockopt(s, c, sk);
	case SYS_sendto:
		return call_sendto(s, c, sk, now);
	case SYS_sendmsg:
		return call_sendmsg(s, c, sk, now);
	case SYS_sendmmsg:
		return call_sendmmsg(s, c, sk, now);
	case SYS_recvfrom:
		return call_recvfrom(s, c, sk, now);
	case SYS_recvmsg:
		return call_recvmsg(s, c, sk, now);
	case SYS_recvmmsg:
		return call_recvmmsg(s, c, sk, now);
	case SYS_shutdown:
		return call_shutdown(s, c, sk);
	case SYS_ioctl:
		return call_ioctl(s, c, sk);
	default:
		return -ENOSYS;
	}
}

int64_t call_dispatch(struct sockets *s, struct call *c, int64_t now)
{
	struct sock *sk = NULL;
	int rc;

	if (c->nr == SYS_socket)
		return call_socket(s, c, now);
	rc = sk_lookup(s, c->tid, (int)c->args[0], &sk);
	/*
	 * Held calls were made on the socket, whatever the number means now;
	 * but they act on ours alone, so a closed number only ends the wait.
	 */
	if (rc == 1)
		return dispatch_ours(s, c, sk, now);
	if (rc == 0 && c->nr == SYS_ioctl)
		return call_ioctl(s, c, NULL);
	/*
	 * Not to be looked at (an unreadable program file): no address is
	 * known, but all its sockets are AF_UNIX, whose messages lead to no
	 * resolver; with connect() we cannot be so sure.
	 */
	if (rc == -EPERM && (c->nr == SYS_sendmsg || c->nr == SYS_sendmmsg))
		return CALL_CONTINUE;
	if (carries_address(c->nr))
		return rc < 0 ? rc : call_foreign(s, c);
	/* nothing in it is judged: the kernel says what is wrong */
	return CALL_CONTINUE;
}

static void receive(struct sockets *s, int64_t now)
{
	struct seccomp_notif *req = s->req;
	struct call c = {0};

	memset(req, 0, s->req_size);
	/* ENOENT: the call was taken back by a signal; EINTR: ours */
	if (ioctl(s->notify_fd, SECCOMP_IOCTL_NOTIF_RECV, req) < 0)
		return;
	c.id = req->id;
	c.tid = req->pid;
	c.nr = req->data.nr;
	for (size_t i = 0; i < 6; i++)
		c.args[i] = req->data.args[i];
	s->stat_calls++;
	held_forget_tid(s, c.tid);
	if (answer_remembered(s, &c))
		return;
	if (!c.tid) { /* from a pid namespace that we cannot see into */
		call_answer(s, &c, -EPERM);
		return;
	}
	call_answer(s, &c, call_dispatch(s, &c, now));
}

void notify_on_event(void *user, uint32_t index, uint32_t gen, uint32_t events,
                     int64_t now)
{
	struct sockets *s = user;

	(void)index;
	(void)gen;
	if (events & EPOLLIN)
		receive(s, now);
	else if (events & (EPOLLHUP | EPOLLERR)) {
		/* the last task is gone; RECV would say ENOENT for ever */
		loop_del(s->loop, s->notify_fd);
		s->ended = true;
	}
}
