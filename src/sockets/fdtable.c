/* SPDX-License-Identifier: Apache-2.0 */
/* fdtable.c - the sockets of the app, known by the inode of their end */
#include "sockets/sockets-private.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const state_names[] = {
	[SK_FREE] = "free",
	[SK_IDLE] = "idle",
	[SK_CONNECTING] = "connecting",
	[SK_RELAY] = "relay",
	[SK_LISTEN] = "listen",
	[SK_BACKLOG] = "backlog",
	[SK_PAIRED] = "paired",
	[SK_DIRECT] = "direct",
	[SK_FAILED] = "failed",
	[SK_CLOSED] = "closed",
};
_Static_assert(ARRAY_SIZE(state_names) == SK_CLOSED + 1, "one name a state");

const char *sk_state_name(enum sk_state state)
{
	return state_names[state];
}

int fdtable_init(struct sockets *s)
{
	uint32_t heads = 64;

	s->nsocks = (uint32_t)s->config.max_sockets;
	while (heads < s->nsocks)
		heads *= 2;
	s->ino_mask = heads - 1;
	/* mappings: what is never touched costs nothing */
	s->socks = calloc(s->nsocks, sizeof(*s->socks));
	s->ino_heads = malloc(heads * sizeof(*s->ino_heads));
	if (!s->socks || !s->ino_heads)
		return -ENOMEM;
	memset(s->ino_heads, 0xff, heads * sizeof(*s->ino_heads));
	memset(s->port_heads, 0xff, sizeof(s->port_heads));
	s->free_head = SK_NONE;
	s->orphan_head = s->orphan_tail = SK_NONE;
	s->more_head = SK_NONE;
	return 0;
}

void fdtable_end(struct sockets *s)
{
	for (uint32_t i = 0; s->socks && i < s->fresh; i++)
		if (s->socks[i].state != SK_FREE)
			sk_free(s, &s->socks[i]);
	deferred_run(s);
}

void fdtable_fini(struct sockets *s)
{
	fdtable_end(s);
	free(s->socks);
	free(s->ino_heads);
}

/* --- descriptors that go at the end of the turn --------------------------- */

/* #syscalls close */
void deferred_run(struct sockets *s)
{
	for (uint32_t i = 0; i < s->ndeferred; i++)
		close(s->deferred[i]);
	s->ndeferred = 0;
}

void defer_close(struct sockets *s, int fd)
{
	if (fd < 0)
		return;
	if (s->ndeferred == DEFERRED_CLOSES)
		deferred_run(s);
	s->deferred[s->ndeferred++] = fd;
}

void sk_release_app_end(struct sockets *s, struct sock *sk)
{
	if (sk->app_fd < 0)
		return;
	defer_close(s, sk->app_fd);
	sk->app_fd = -1;
	s->nheld_ends--;
}

void sk_close_our_end(struct sockets *s, struct sock *sk)
{
	bulk_drop(s, sk);
	if (sk->our_fd < 0)
		return;
	/* nobody else has it open: the loop forgets it with the close */
	sk->flags &= ~(uint32_t)SK_F_WATCHED;
	defer_close(s, sk->our_fd);
	sk->our_fd = -1;
}

/* --- slots ---------------------------------------------------------------- */

void sk_unorphan(struct sockets *s, struct sock *sk)
{
	if (!(sk->flags & SK_F_ORPHAN))
		return;
	if (sk->orphan_prev == SK_NONE)
		s->orphan_head = sk->orphan_next;
	else
		s->socks[sk->orphan_prev].orphan_next = sk->orphan_next;
	if (sk->orphan_next == SK_NONE)
		s->orphan_tail = sk->orphan_prev;
	else
		s->socks[sk->orphan_next].orphan_prev = sk->orphan_prev;
	sk->flags &= ~(uint32_t)SK_F_ORPHAN;
	s->norphans--;
}

void sk_orphan(struct sockets *s, struct sock *sk)
{
	if (sk->flags & SK_F_ORPHAN)
		return;
	/* what is not known any more of direct ones is filtered less */
	if (s->norphans >= (s->config.direct ? s->nsocks / 2
	                                     : MIN(s->nsocks / 4, ORPHANS_MAX)))
		sk_free(s, &s->socks[s->orphan_head]);
	sk->flags |= SK_F_ORPHAN;
	sk->orphan_prev = s->orphan_tail;
	sk->orphan_next = SK_NONE;
	if (s->orphan_tail == SK_NONE)
		s->orphan_head = sk_index(s, sk);
	else
		s->socks[s->orphan_tail].orphan_next = sk_index(s, sk);
	s->orphan_tail = sk_index(s, sk);
	s->norphans++;
}

struct sock *sk_new(struct sockets *s, enum sk_kind kind, int family)
{
	struct sock *sk;
	uint32_t gen;

	if (s->free_head == SK_NONE && s->fresh == s->nsocks &&
	    s->orphan_head != SK_NONE)
		sk_free(s, &s->socks[s->orphan_head]);
	if (s->free_head != SK_NONE) {
		sk = &s->socks[s->free_head];
		s->free_head = sk->next;
	} else if (s->fresh < s->nsocks) {
		sk = &s->socks[s->fresh++];
	} else {
		return NULL;
	}
	gen = sk->gen ? sk->gen : 1;
	memset(sk, 0, sizeof(*sk));
	sk->gen = gen;
	sk->state = SK_IDLE;
	sk->kind = (uint8_t)kind;
	sk->family = (uint16_t)family;
	sk->app_fd = sk->our_fd = -1;
	sk->next = sk->port_next = sk->port_prev = SK_NONE;
	sk->held_head = sk->held_tail = SK_NONE;
	sk->queue_head = sk->queue_tail = sk->queue_next = SK_NONE;
	sk->chunk_head = sk->chunk_tail = SK_NONE;
	sk->listener = SK_NONE;
	if (family == AF_INET)
		sk->local.addr = sk->peer.addr = addr_ip4(0, 0, 0, 0);
	s->live++;
	return sk;
}

static void ino_unlink(struct sockets *s, struct sock *sk)
{
	uint32_t index = sk_index(s, sk);
	uint32_t *at;

	if (!sk->ino)
		return;
	at = &s->ino_heads[siphash(&s->key, &sk->ino, sizeof(sk->ino)) &
	                   s->ino_mask];
	while (*at != SK_NONE && *at != index)
		at = &s->socks[*at].next;
	if (*at == index)
		*at = sk->next;
	sk->ino = 0;
	sk->next = SK_NONE;
}

void sk_free(struct sockets *s, struct sock *sk)
{
	if (sk->state == SK_FREE)
		return;
	if (sk->state == SK_LISTEN)
		listener_close(s, sk);
	if (sk->state == SK_BACKLOG)
		listener_drop(s, sk);
	sk->state = SK_CLOSED;
	sk_answer_held(s, sk, -EBADF);
	if (sk->flow.gen)
		flow_close(s->ft, sk->flow, true, loop_now(s->loop));
	sk->flow.gen = 0;
	inside_unbind(s, sk);
	datagram_drop_all(s, sk);
	sk_unorphan(s, sk);
	ino_unlink(s, sk);
	sk_release_app_end(s, sk);
	sk_close_our_end(s, sk);
	sk->state = SK_FREE;
	sk->gen = sk->gen >= SK_GEN_MAX ? 1 : sk->gen + 1;
	/* relay_more() skips it: the list is by index and the state is free */
	if (!(sk->flags & SK_F_MORE)) {
		sk->next = s->free_head;
		s->free_head = sk_index(s, sk);
	}
	s->live--;
}

struct sock *sk_get(struct sockets *s, uint32_t index, uint32_t gen)
{
	struct sock *sk;

	if (index >= s->fresh)
		return NULL;
	sk = &s->socks[index];
	return sk->state != SK_FREE && sk->gen == gen ? sk : NULL;
}

struct sock *sk_from_ref(struct sockets *s, uint64_t ref)
{
	return sk_get(s, (uint32_t)ref, (uint32_t)(ref >> 32));
}

/* --- identity ------------------------------------------------------------- */

static struct sock *ino_find(struct sockets *s, uint64_t ino)
{
	uint32_t at =
		s->ino_heads[siphash(&s->key, &ino, sizeof(ino)) & s->ino_mask];

	while (at != SK_NONE && s->socks[at].ino != ino)
		at = s->socks[at].next;
	return at == SK_NONE ? NULL : &s->socks[at];
}

/* #syscalls fstat newfstatat */
int sk_identify(struct sockets *s, struct sock *sk, int fd)
{
	struct sock *stale;
	struct stat st;
	uint32_t *head;

	if (fstat(fd, &st) < 0)
		return -errno;
	/* the number was given anew: the old bearer is long gone */
	stale = ino_find(s, st.st_ino);
	if (stale)
		sk_free(s, stale);
	ino_unlink(s, sk);
	sk->ino = st.st_ino;
	head = &s->ino_heads[siphash(&s->key, &sk->ino, sizeof(sk->ino)) &
	                     s->ino_mask];
	sk->next = *head;
	*head = sk_index(s, sk);
	return 0;
}

static char *put_number(char *at, uint32_t v)
{
	char digits[10];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	while (n)
		*at++ = digits[--n];
	return at;
}

/*
 * The inode behind a descriptor of a thread. /proc is what works everywhere:
 * pidfd_getfd() is refused in default containers.
 * #syscalls readlink readlinkat
 */
static int read_ino(uint32_t tid, int fd, uint64_t *ino)
{
	static const char prefix[] = "socket:[";
	char path[48] = "/proc/", text[64];
	char *at = put_number(path + 6, tid);
	ssize_t n;

	memcpy(at, "/fd/", 4);
	at = put_number(at + 4, (uint32_t)fd);
	*at = '\0';
	n = readlink(path, text, sizeof(text) - 1);
	if (n < 0)
		return errno == ENOENT ? -EBADF : -EPERM;
	text[n] = '\0';
	if (strncmp(text, prefix, sizeof(prefix) - 1) != 0)
		return -ENOTSOCK;
	*ino = strtoull(text + sizeof(prefix) - 1, NULL, 10);
	return 0;
}

void sk_note_holder(struct sock *sk, uint32_t tid, int fd)
{
	for (size_t i = 0; i < HOLDERS; i++)
		if (sk->holders[i].tid == tid && sk->holders[i].fd == fd)
			return;
	sk->holders[sk->holder_next] = (struct holder){tid, fd};
	sk->holder_next = (uint8_t)((sk->holder_next + 1) % HOLDERS);
}

int sk_lookup(struct sockets *s, uint32_t tid, int fd, struct sock **out)
{
	uint64_t ino;
	int rc;

	if (fd < 0)
		return -EBADF;
	rc = read_ino(tid, fd, &ino);
	if (rc < 0)
		return rc;
	*out = ino_find(s, ino);
	if (!*out)
		return 0;
	sk_note_holder(*out, tid, fd);
	return 1;
}

bool sk_is_seen(const struct sock *sk)
{
	for (size_t i = 0; i < HOLDERS; i++) {
		uint64_t ino;

		if (sk->holders[i].tid &&
		    read_ino(sk->holders[i].tid, sk->holders[i].fd, &ino) ==
		            0 &&
		    ino == sk->ino)
			return true;
	}
	return false;
}

/* #syscalls fcntl */
bool sk_is_nonblocking(const struct sock *sk)
{
	int flags;

	if (sk->app_fd < 0)
		return sk->flags & SK_F_NONBLOCK;
	flags = fcntl(sk->app_fd, F_GETFL);
	return flags >= 0 && flags & O_NONBLOCK;
}

int sk_watch(struct sockets *s, struct sock *sk, uint32_t events)
{
	struct loop_ref ref = {LOOP_APP_SOCKET, sk_index(s, sk), sk->gen};
	int rc;

	if (sk->flags & SK_F_WATCHED)
		return loop_mod(s->loop, sk->our_fd, events, ref);
	rc = loop_add(s->loop, sk->our_fd, events, ref);
	if (rc == 0)
		sk->flags |= SK_F_WATCHED;
	return rc;
}

/* #syscalls poll ppoll */
bool sk_give_up(struct sockets *s, struct sock *sk)
{
	struct pollfd p = {.fd = sk->our_fd, .events = 0};
	bool is_bound = sk->kind == SK_DGRAM && sk->flags & SK_F_BOUND_PORT;

	if (sk->app_fd < 0 || sk->our_fd < 0 || (is_bound && !s->can_getfd))
		return false;
	sk->flags &= ~(uint32_t)SK_F_NONBLOCK;
	if (sk_is_nonblocking(sk))
		sk->flags |= SK_F_NONBLOCK;
	close(sk->app_fd);
	sk->app_fd = -1;
	s->nheld_ends--;
	if (poll(&p, 1, 0) == 1 && p.revents & (POLLHUP | POLLERR)) {
		sk_free(s, sk);
		return true;
	}
	sk->flags |= SK_F_LOST;
	if (!(sk->flags & SK_F_WATCHED))
		(void)!sk_watch(s, sk, EPOLLRDHUP | EPOLLET);
	return false;
}

/* #syscalls pidfd_open pidfd_getfd */
int fd_fetch(uint32_t tid, int fd)
{
	_auto_close_ int pidfd = (int)syscall(SYS_pidfd_open, tid, 0);
	int got;

	if (pidfd < 0) /* not the leader: a thread, from 6.9 on */
		pidfd = (int)syscall(SYS_pidfd_open, tid, O_EXCL);
	if (pidfd < 0)
		return -EPERM;
	got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	return got < 0 ? -EPERM : got;
}

int sk_fetch(const struct sock *sk, uint32_t tid, int fd)
{
	_auto_close_ int got = fd_fetch(tid, fd);
	struct stat st;

	if (got < 0 || fstat(got, &st) < 0 || st.st_ino != sk->ino)
		return -EPERM;
	return fd_take(&got);
}

/*
 * Only after sk_give_up() was wrong: the app had moved the descriptor. In a
 * container that refuses pidfd_getfd() the duplicate stays lost.
 */
void sk_regain(struct sockets *s, struct sock *sk, uint32_t tid, int fd)
{
	int got;

	if (!(sk->flags & SK_F_LOST))
		return;
	got = sk_fetch(sk, tid, fd);
	if (got < 0)
		return;
	sk->app_fd = got;
	sk->flags &= ~(uint32_t)SK_F_LOST;
	s->nheld_ends++;
}

/*
 * Where two apps close the two ends at nearly the same time, the hang-up of
 * one goes with the other's file and nothing is told (sk_pair_watch()).
 */
static void sweep_pairs(struct sockets *s)
{
	if (s->live < s->pairs_at)
		return;
	for (uint32_t i = 0; i < s->fresh; i++) {
		struct sock *sk = &s->socks[i];

		if (sk->state == SK_PAIRED && !(sk->flags & SK_F_ORPHAN) &&
		    !sk_is_seen(sk))
			sk_orphan(s, sk);
	}
	s->pairs_at = MIN(2 * s->live, s->nsocks - s->nsocks / 8);
	s->pairs_at = MAX(s->pairs_at, s->live + 64);
}

/*
 * Sockets that were opened and closed without ever being connected are not
 * heard of again. The threshold doubles what survived: amortised, each
 * socket() pays for a constant number of looks.
 */
void sk_sweep(struct sockets *s)
{
	sweep_pairs(s);
	if (s->nheld_ends < s->sweep_at)
		return;
	for (uint32_t i = 0; i < s->fresh; i++) {
		struct sock *sk = &s->socks[i];

		if (sk->app_fd < 0 || sk->our_fd < 0 ||
		    (sk->state != SK_IDLE && sk->state != SK_CONNECTING &&
		     sk->state != SK_LISTEN))
			continue;
		if (!sk_is_seen(sk))
			(void)sk_give_up(s, sk);
	}
	s->sweep_at = MAX(64, 2 * s->nheld_ends);
}
