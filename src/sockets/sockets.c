/* SPDX-License-Identifier: Apache-2.0 */
/* sockets.c - frontend 2: socket calls impersonated by seccomp notification */
/*
 * THEORY
 * The app runs under a filter whose USER_NOTIF calls come here
 * (`notify_on_event`); nothing else of the app does. socket() is answered
 * with one end of an AF_UNIX pair (`call_socket`), which the app keeps for
 * good: poll, epoll, dup, fork, exec, SCM_RIGHTS, read and write are the
 * kernel's business. The app never holds an INET socket, so a call that
 * slips through lands on AF_UNIX.
 *
 * Enters: notifications; bytes from our ends of the pairs (`relay_to_host`,
 * `datagram_on_app_event`); what flow says by `struct frontend_ops`. Leaves:
 * flow_tcp_*() and flow_udp_send(), answers by `call_answer` and
 * `call_answer_fd`.
 *
 * Invariants. A socket is known by the inode of the app's end
 * (`sk_lookup`), never by (pid, number). Arguments are read once
 * (`memory_read`), judged and acted on in our copy; a call that carries an
 * address is never continued by the kernel except on sockets that are not
 * ours, which are AF_UNIX (`call_foreign`). Who acts, acts on what the
 * supervisor holds, so a descriptor swapped meanwhile changes nothing. A
 * slot is named by index and generation; descriptors are closed at the end
 * of the turn (`deferred_run`). Nothing blocks: a call that waits is kept
 * (`call_hold`) and run again by `sk_wake`.
 *
 * Lifetimes. While a duplicate of the app's end is held (not connected,
 * listening, UDP) a close by the app is not seen; `sk_sweep` and the lookups
 * of a port find out (`sk_give_up`). Once connected the duplicate goes and a
 * hang-up tells. Sockets without any end here are kept for their names only
 * (`sk_orphan`), at most `ORPHANS_MAX`.
 *
 * Refuses: what a kernel without privileges refuses, and every option that
 * is not listed in calls_opt.c. Known differences: docs/sockets-fidelity.md.
 *
 * Costs: one slot (about 700 bytes) a socket, one descriptor a connection,
 * two while unconnected; no allocation after `sockets_new`.
 */
#include "sockets/sockets-private.h"

#include "base/cleanup.h"

#include "wire/icmp_errno.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

/* --- what flow says ------------------------------------------------------- */

static void on_connected(void *user, uint64_t app_ref, int64_t now)
{
	struct sockets *s = user;
	struct sock *sk = sk_from_ref(s, app_ref);

	if (sk && (sk->state == SK_CONNECTING || sk->state == SK_DIRECT))
		sk_connected(s, sk, now);
}

static void on_refused(void *user, uint64_t app_ref, int err, int64_t now)
{
	struct sockets *s = user;
	struct sock *sk = sk_from_ref(s, app_ref);

	if (sk && (sk->state == SK_CONNECTING || sk->state == SK_DIRECT))
		sk_refused(s, sk, err, now);
}

static void on_readable(void *user, uint64_t app_ref, int64_t now)
{
	struct sockets *s = user;
	struct sock *sk = sk_from_ref(s, app_ref);

	if (sk && sk->state == SK_RELAY)
		relay_to_app(s, sk, now);
}

static void on_writable(void *user, uint64_t app_ref, int64_t now)
{
	struct sockets *s = user;
	struct sock *sk = sk_from_ref(s, app_ref);

	if (!sk || sk->state != SK_RELAY)
		return;
	sk->flags &= ~(uint32_t)SK_F_HOST_FULL;
	relay_to_host(s, sk, now);
	if (sk->held_head != SK_NONE)
		sk_wake(s, sk, now);
}

static void on_reset(void *user, uint64_t app_ref, int err, int64_t now)
{
	struct sockets *s = user;
	struct sock *sk = sk_from_ref(s, app_ref);

	if (sk && inward_is(sk))
		inward_reset(sk);
	if (!sk || sk->state != SK_RELAY)
		return;
	sk->flow.gen = 0; /* the flow is gone */
	relay_reset(s, sk, err, now);
}

static void on_datagram(void *user, uint64_t app_ref, const struct tuple *t,
                        const void *data, size_t len, size_t segment_len,
                        int64_t now)
{
	struct sockets *s = user;
	struct sock *sk = sk_from_ref(s, app_ref);
	/* of its header a host's socket tells nothing: what is usual */
	struct origin from = {t->host, 64, 0};
	const uint8_t *at = data;

	if (!app_ref) {
		sk = inward_datagram(s, t);
		app_ref = sk ? sk_ref(s, sk) : 0;
	}
	if (!sk || sk->kind != SK_DGRAM || sk->local.port != t->app.port)
		return;
	if (sk->flags & SK_F_CONNECTED && !endpoint_equal(&sk->peer, &t->host))
		return;
	do {
		size_t n = segment_len ? MIN(len, segment_len) : len;

		datagram_arrive(s, sk, &from, at, n, now);
		at += n;
		len -= n;
	} while (len && sk_from_ref(s, app_ref));
}

static void on_datagram_error(void *user, uint64_t app_ref,
                              const struct tuple *t, int err,
                              const struct addr *from, int64_t now)
{
	struct sockets *s = user;
	struct sock *sk = sk_from_ref(s, app_ref);

	(void)from;
	if (!sk || sk->kind != SK_DGRAM || !(sk->flags & SK_F_CONNECTED) ||
	    !endpoint_equal(&sk->peer, &t->host))
		return;
	err = icmp_errno_seen(addr_is_ip4(&t->host.addr), err);
	if (!err)
		return;
	sk->err = -err;
	sk_wake(s, sk, now);
}

static void on_echo_error(void *user, uint64_t app_ref, const struct tuple *t,
                          uint16_t seq, int err, const struct addr *from,
                          int64_t now)
{
	/* as on_echo() */
	(void)user, (void)app_ref, (void)t, (void)seq;
	(void)err, (void)from, (void)now;
}

static void on_echo(void *user, uint64_t app_ref, const struct tuple *t,
                    uint16_t seq, const void *data, size_t len, int64_t now)
{
	/* no socket of this frontend opens an echo flow */
	(void)user, (void)app_ref, (void)t, (void)seq;
	(void)data, (void)len, (void)now;
}

const struct frontend_ops *sockets_frontend_ops(void)
{
	static const struct frontend_ops ops = {
		.tcp_open = inward_open,
		.tcp_connected = on_connected,
		.tcp_refused = on_refused,
		.tcp_readable = on_readable,
		.tcp_writable = on_writable,
		.tcp_reset = on_reset,
		.udp_deliver = on_datagram,
		.udp_error = on_datagram_error,
		.echo_error = on_echo_error,
		.echo_deliver = on_echo,
		.who = sk_who,
		.who_ask = sk_who_ask,
	};

	return &ops;
}

/* --- our ends ------------------------------------------------------------- */

static void app_went(struct sockets *s, struct sock *sk)
{
	struct sock *mate = sk_from_ref(s, sk->mate);

	if (mate && sk->flags & SK_F_LINGER0) {
		mate->flags |= SK_F_RESET;
		/* else its reads see a plain end, and calls alone tell */
		if (!(sk->flags & SK_F_PLANTED))
			mate->err = ECONNRESET;
	}
	/*
	 * The watch on the mate's end told it; the one that would tell of
	 * the mate went with this end. What is left of it are its names.
	 */
	if (mate && mate->state == SK_PAIRED)
		sk_orphan(s, mate);
	/* an end whose names nobody can ask for any more */
	sk_free(s, sk);
}

static void on_app_event(void *user, uint32_t index, uint32_t gen,
                         uint32_t events, int64_t now)
{
	struct sockets *s = user;
	struct sock *sk = sk_get(s, index, gen);

	if (!sk)
		return;
	if (sk->kind != SK_STREAM) {
		datagram_on_app_event(s, sk, events, now);
		return;
	}
	switch ((enum sk_state)sk->state) {
	case SK_RELAY:
		relay_on_app_event(s, sk, events, now);
		return;
	case SK_LISTEN:
		/* shutdown() of a listener, or closed after sk_give_up() */
		if (!(events & (EPOLLRDHUP | EPOLLHUP)))
			return;
		listener_close(s, sk);
		sk->state = SK_IDLE;
		if (sk->app_fd < 0)
			sk_free(s, sk);
		return;
	case SK_PAIRED:
		/* the other one's shutdown() of both ways looks like it */
		if (events & (EPOLLHUP | EPOLLERR) && !sk_is_seen(sk))
			app_went(s, sk);
		return;
	case SK_IDLE:
	case SK_CONNECTING:
		if (events & EPOLLHUP && sk->app_fd < 0)
			sk_free(s, sk);
		return;
	case SK_FREE:
	case SK_BACKLOG:
	case SK_DIRECT:
	case SK_FAILED:
	case SK_CLOSED:
		return;
	}
}

/* --- life ----------------------------------------------------------------- */

/* The kernel's structs may be longer than those we were built with. */
static int alloc_notification(struct sockets *s)
{
	struct seccomp_notif_sizes sizes;

	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
		return -errno;
	s->req_size = MAX(sizes.seccomp_notif, sizeof(struct seccomp_notif));
	s->resp_size = MAX(sizes.seccomp_notif_resp,
	                   sizeof(struct seccomp_notif_resp));
	s->req = calloc(1, s->req_size);
	s->resp = calloc(1, s->resp_size);
	return s->req && s->resp ? 0 : -ENOMEM;
}

static bool try_getfd(void)
{
	_auto_close_ int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	_auto_close_ int fd = -1;

	if (pidfd >= 0)
		fd = (int)syscall(SYS_pidfd_getfd, pidfd, pidfd, 0);
	return fd >= 0;
}

static int alloc_pools(struct sockets *s)
{
	s->held = calloc(HELD_MAX, sizeof(*s->held));
	s->chunks = calloc(CHUNKS, sizeof(*s->chunks));
	s->scratch = malloc(SCRATCH_BYTES);
	s->scratch2 = malloc(SCRATCH_BYTES);
	if (!s->held || !s->chunks || !s->scratch || !s->scratch2)
		return -ENOMEM;
	/* each page that is touched here delays the start */
	memset(s->held_tids, 0xff, sizeof(s->held_tids));
	s->held_free = s->chunk_free = SK_NONE;
	return 0;
}

struct sockets *sockets_new(const struct sockets_config *config,
                            struct loop *loop,
                            const struct random_source *random)
{
	struct sockets *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->config = *config;
	s->loop = loop;
	s->random = *random;
	s->key = siphash_key_new(random);
	s->notify_fd = -1;
	s->sweep_at = 64;
	s->pairs_at = ORPHANS_MAX;
	s->can_getfd = try_getfd();
	bulk_init(s);
	unix_init(s);
	wheel_init(&s->wheel, loop_now(loop));
	if (fdtable_init(s) < 0 || alloc_pools(s) < 0 ||
	    alloc_notification(s) < 0) {
		sockets_free(s);
		return NULL;
	}
	return s;
}

void sockets_end(struct sockets *s)
{
	if (s && s->held)
		fdtable_end(s);
}

void sockets_free(struct sockets *s)
{
	if (!s)
		return;
	if (s->held)
		fdtable_fini(s);
	bulk_fini(s);
	unix_fini(s);
	if (s->notify_fd >= 0)
		close(s->notify_fd);
	free(s->held);
	free(s->chunks);
	free(s->scratch);
	free(s->scratch2);
	free(s->req);
	free(s->resp);
	free(s);
}

int sockets_start(struct sockets *s, int notify_fd, struct flow_table *ft,
                  struct error *err)
{
	int rc;

	s->ft = ft;
	s->notify_fd = notify_fd;
	/* from 6.6 on: hand the core over to whom we answer; else nothing */
	(void)ioctl(notify_fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
	            SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	loop_handle(s->loop, LOOP_NOTIFY, notify_on_event, s);
	loop_handle(s->loop, LOOP_APP_SOCKET, on_app_event, s);
	rc = loop_add(s->loop, notify_fd, EPOLLIN,
	              (struct loop_ref){LOOP_NOTIFY, 0, 0});
	if (rc < 0)
		return error_set(err, rc, "cannot watch the listener: ");
	return 0;
}

void sockets_unix_is_kept(struct sockets *s, bool kept)
{
	s->unix_kept = kept;
}

void sockets_set_who(struct sockets *s,
                     int (*ask)(void *user, uint64_t token, uint32_t tid),
                     void *user)
{
	s->ask = ask;
	s->ask_user = user;
}

void sockets_set_find_path(struct sockets *s,
                           int (*find)(void *user, uint64_t token, uint32_t tid,
                                       int fd, bool describe, const char *path),
                           void *user)
{
	s->find_path = find;
	s->find_user = user;
}

int64_t sockets_deadline(void *user)
{
	struct sockets *s = user;

	/* what flow reset at the end of the turn closes in the next one */
	if (s->more_head != SK_NONE || s->ndeferred)
		return 0;
	return MIN(MIN(MIN(wheel_next(&s->wheel), inward_deadline(s)),
	               unix_deadline(s)),
	           s->nqueued ? s->look_at : TIME_NEVER);
}

void sockets_run(void *user, int64_t now)
{
	struct sockets *s = user;

	relay_more(s, now);
	held_run(s, now);
	listeners_run(s, now);
	inward_run(s, now);
	unix_run(s, now);
}

void sockets_turn_end(void *user, int64_t now)
{
	struct sockets *s = user;

	(void)now;
	deferred_run(s);
}
