/* SPDX-License-Identifier: Apache-2.0 */
/* app_sockets.c - sockets in the app's namespace: its loopback has no frames */
/*
 * THEORY
 * The app's loopback is its kernel's, so what shall be there (a door's faces)
 * is a socket of ours in the app's network namespace, and what listens there
 * alone is reached by one. They were made by processes that live there; here
 * they are descriptors like any other, and bytes go between them and their
 * flow as between any two sockets.
 *
 * Events are level-triggered: `interest` says what is still wanted, so that a
 * side that is full costs no turn. A connection and its flow name each other
 * by index and generation.
 *
 * Costs: a copy each way; loopback inside is not where speed is won.
 */
#include "link/app_sockets.h"

#include "base/cleanup.h"
#include "loop/loop.h"
#include "wire/headers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define CONNS_MAX 8192u
#define LISTENERS_MAX (FLOW_DOORS_MAX * FLOW_DOOR_FACES)
#define ACCEPTS_A_TURN 64
#define READS_A_TURN 64
#define SCRATCH_BYTES 65536u
/* bytes one connection may move in a turn before others have theirs */
#define BUDGET_BYTES (1u << 20)
/* a listener without descriptors to accept with tries again after this */
#define PAUSE_NS (100 * NS_PER_MS)
#define SPARES 32u
/* clients of datagram ports, each with a socket; the idlest makes room */
#define PEERS_MAX 256u
#define PEERS_FIRST (LISTENERS_MAX + CONNS_MAX)
#define NONE UINT32_MAX

enum conn_state {
	CONN_FREE,
	CONN_WAITING,    /* accepted; its flow is connecting */
	CONN_NO_SOCKET,  /* of a client; waits for a spare socket */
	CONN_CONNECTING, /* of a client, to the listener inside */
	CONN_OPEN,
};

enum conn_flag {
	CONN_APP_EOF = 1 << 0,   /* told the flow */
	CONN_HOST_EOF = 1 << 1,  /* told the app */
	CONN_HOST_FULL = 1 << 2, /* flow took less than there was */
	CONN_APP_FULL = 1 << 3,  /* the app's socket did */
};

struct app_conn {
	int fd;
	uint32_t gen; /* of the living, or the next one in this slot */
	struct flow_id flow;
	struct endpoint to; /* until it is connected */
	uint32_t next;      /* free list, or those that wait for a socket */
	uint32_t interest;
	uint8_t state; /* enum conn_state */
	uint8_t flags; /* enum conn_flag */
};

/* struct app_peer - who speaks to a datagram socket inside, as t.host */
struct app_peer {
	int fd; /* -1: free; connected to `to` */
	uint32_t gen;
	uint64_t ref; /* of its flow, and t as flow knows it */
	struct tuple t;
	struct endpoint to;
	int64_t last_ns;
};

struct app_listener {
	int fd;
	uint8_t proto;
	struct endpoint at;
};

struct app_sockets {
	struct loop *loop;
	struct flow_table *ft;
	int (*want)(void *user, enum app_socket_kind kind);
	void *want_user;
	struct app_listener *listeners; /* LISTENERS_MAX */
	uint32_t nlisteners;
	struct app_conn *conns; /* CONNS_MAX */
	uint32_t free_head, fresh;
	/* by kind: first of those that wait, in any order, and the spares */
	uint32_t waiting[APP_SOCKET_KINDS];
	int spare[APP_SOCKET_KINDS][SPARES];
	uint32_t nspare[APP_SOCKET_KINDS], wanted[APP_SOCKET_KINDS];
	struct app_peer *peers; /* PEERS_MAX */
	int64_t paused_until;   /* TIME_NEVER: the listeners listen */
	uint8_t *scratch;
};

static uint64_t ref_of(const struct app_sockets *as, const struct app_conn *c)
{
	return APP_SOCKETS_BIT | (uint64_t)c->gen << 32 |
	       (uint64_t)(c - as->conns);
}

static struct app_conn *conn_of(struct app_sockets *as, uint64_t ref)
{
	uint32_t index = (uint32_t)ref, gen = (uint32_t)(ref >> 32) & 0xffffff;

	if (index >= as->fresh || as->conns[index].state == CONN_FREE ||
	    as->conns[index].gen != gen)
		return NULL;
	return &as->conns[index];
}

static struct loop_ref loop_ref_of(const struct app_sockets *as,
                                   const struct app_conn *c)
{
	return (struct loop_ref){LOOP_APP_SOCKET,
	                         LISTENERS_MAX + (uint32_t)(c - as->conns),
	                         c->gen};
}

static struct app_conn *conn_new(struct app_sockets *as)
{
	struct app_conn *c;

	if (as->free_head != NONE) {
		c = &as->conns[as->free_head];
		as->free_head = c->next;
	} else if (as->fresh < CONNS_MAX) {
		c = &as->conns[as->fresh++];
		c->gen = 1;
	} else {
		return NULL;
	}
	c->fd = -1;
	c->flow = (struct flow_id){0, 0};
	c->next = NONE;
	c->interest = 0;
	c->flags = 0;
	return c;
}

/* #syscalls close setsockopt epoll_ctl */
static void conn_free(struct app_sockets *as, struct app_conn *c, bool reset)
{
	const struct linger now = {.l_onoff = 1};

	if (c->fd >= 0) {
		if (reset)
			(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now,
			                 sizeof(now));
		if (c->interest)
			loop_del(as->loop, c->fd);
		fd_close(&c->fd);
	}
	c->state = CONN_FREE;
	c->gen = c->gen >= 0xffffff ? 1 : c->gen + 1;
	c->next = as->free_head;
	as->free_head = (uint32_t)(c - as->conns);
}

/* The connection ends on both sides. */
static void conn_end(struct app_sockets *as, struct app_conn *c, bool reset,
                     int64_t now)
{
	if (c->flow.gen)
		flow_close(as->ft, c->flow, reset, now);
	conn_free(as, c, reset);
}

/* What is still to be waited for; false: it cannot be, and c is gone. */
static bool watch(struct app_sockets *as, struct app_conn *c, int64_t now)
{
	uint32_t want = 0;
	int rc = 0;

	if (!(c->flags & (CONN_APP_EOF | CONN_HOST_FULL)))
		want |= EPOLLIN | EPOLLRDHUP;
	if (c->flags & CONN_APP_FULL)
		want |= EPOLLOUT;
	/* errors come unasked for */
	want |= EPOLLERR;
	if (want == c->interest)
		return true;
	if (c->interest)
		rc = loop_mod(as->loop, c->fd, want, loop_ref_of(as, c));
	else
		rc = loop_add(as->loop, c->fd, want, loop_ref_of(as, c));
	if (rc < 0) {
		conn_end(as, c, true, now);
		return false;
	}
	c->interest = want;
	return true;
}

/* --- bytes ---------------------------------------------------------------- */

/* false: c is gone */
static bool close_if_done(struct app_sockets *as, struct app_conn *c,
                          int64_t now)
{
	if (!(c->flags & CONN_APP_EOF) || !(c->flags & CONN_HOST_EOF))
		return true;
	conn_end(as, c, false, now);
	return false;
}

/* #syscalls recvfrom */
static bool to_host(struct app_sockets *as, struct app_conn *c, int64_t now)
{
	size_t moved = 0;

	while (!(c->flags & (CONN_HOST_FULL | CONN_APP_EOF)) &&
	       moved < BUDGET_BYTES) {
		ssize_t n = recv(c->fd, as->scratch, SCRATCH_BYTES,
		                 MSG_PEEK | MSG_DONTWAIT),
			w;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n < 0) {
			conn_end(as, c, true, now);
			return false;
		}
		if (n == 0) {
			c->flags |= CONN_APP_EOF;
			flow_tcp_shutdown(as->ft, c->flow);
			return close_if_done(as, c, now);
		}
		w = flow_tcp_write(as->ft, c->flow, as->scratch, (size_t)n);
		if (w < 0 && w != -EAGAIN) {
			conn_end(as, c, true, now);
			return false;
		}
		if (w > 0)
			(void)!recv(c->fd, NULL, (size_t)w,
			            MSG_TRUNC | MSG_DONTWAIT);
		if (w < n)
			c->flags |= CONN_HOST_FULL;
		moved += (size_t)MAX(w, 0);
	}
	return true;
}

/* #syscalls sendto shutdown */
static bool to_app(struct app_sockets *as, struct app_conn *c, int64_t now)
{
	size_t moved = 0;

	while (!(c->flags & (CONN_APP_FULL | CONN_HOST_EOF))) {
		ssize_t n = flow_tcp_peek(as->ft, c->flow, 0, as->scratch,
		                          SCRATCH_BYTES),
			w;

		if (n == -EAGAIN)
			return true;
		if (n < 0) {
			conn_end(as, c, true, now);
			return false;
		}
		if (n == 0) {
			c->flags |= CONN_HOST_EOF;
			(void)shutdown(c->fd, SHUT_WR);
			return close_if_done(as, c, now);
		}
		w = send(c->fd, as->scratch, (size_t)n,
		         MSG_DONTWAIT | MSG_NOSIGNAL);
		if (w < 0 && errno != EAGAIN && errno != ENOBUFS &&
		    errno != ENOMEM && errno != EINTR) {
			conn_end(as, c, true, now);
			return false;
		}
		if (w > 0)
			flow_tcp_consume(as->ft, c->flow, (uint32_t)w);
		moved += (size_t)MAX(w, 0);
		/* of the budget the rest comes with the next event */
		if (w < n || moved >= BUDGET_BYTES)
			c->flags |= CONN_APP_FULL;
	}
	return true;
}

static void move(struct app_sockets *as, struct app_conn *c, int64_t now)
{
	if (to_host(as, c, now) && to_app(as, c, now))
		(void)watch(as, c, now);
}

/* --- clients of published ports ------------------------------------------- */

static void open_failed(struct app_sockets *as, struct app_conn *c, int err,
                        int64_t now)
{
	struct flow_id id = c->flow;

	conn_free(as, c, true);
	flow_app_connected(as->ft, id, err, now);
}

/* #syscalls connect */
static void start_connect(struct app_sockets *as, struct app_conn *c, int fd,
                          int64_t now)
{
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&c->to, &ss);
	int rc;

	c->fd = fd;
	c->state = CONN_CONNECTING;
	if (connect(fd, (const struct sockaddr *)&ss, len) < 0 &&
	    errno != EINPROGRESS) {
		open_failed(as, c, -errno, now);
		return;
	}
	c->interest = EPOLLOUT;
	rc = loop_add(as->loop, fd, EPOLLOUT, loop_ref_of(as, c));
	if (rc < 0) {
		c->interest = 0;
		open_failed(as, c, rc, now);
	}
}

/* #syscalls getsockopt */
static void on_connecting(struct app_sockets *as, struct app_conn *c,
                          int64_t now)
{
	uint64_t ref = ref_of(as, c);
	struct flow_id id = c->flow;
	socklen_t len = sizeof(int);
	int err = 0;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	if (err) {
		open_failed(as, c, -err, now);
		return;
	}
	c->state = CONN_OPEN;
	flow_app_connected(as->ft, id, 0, now);
	c = conn_of(as, ref);
	if (c)
		move(as, c, now);
}

static enum app_socket_kind kind_for(const struct endpoint *to)
{
	return addr_is_ip4(&to->addr) ? APP_SOCKET_TCP4 : APP_SOCKET_TCP6;
}

int app_sockets_open(struct app_sockets *as, struct flow_id id,
                     const struct endpoint *to, uint64_t *ref, int64_t now)
{
	enum app_socket_kind kind = kind_for(to);
	struct app_conn *c = conn_new(as);
	int rc;

	if (!c)
		return -ENOBUFS;
	c->flow = id;
	c->to = *to;
	*ref = ref_of(as, c);
	if (as->nspare[kind]) {
		start_connect(as, c, as->spare[kind][--as->nspare[kind]], now);
		return 0;
	}
	rc = as->want(as->want_user, kind);
	if (rc < 0) {
		conn_free(as, c, false);
		return rc;
	}
	as->wanted[kind]++;
	c->state = CONN_NO_SOCKET;
	c->next = as->waiting[kind];
	as->waiting[kind] = (uint32_t)(c - as->conns);
	return 0;
}

void app_sockets_spare(struct app_sockets *as, enum app_socket_kind kind,
                       int fd)
{
	_auto_close_ int owned = fd;
	uint32_t *head = &as->waiting[kind];

	if (as->wanted[kind])
		as->wanted[kind]--;
	/* those that gave up are freed here, where they leave the list */
	while (*head != NONE) {
		struct app_conn *c = &as->conns[*head];

		*head = c->next;
		if (c->flow.gen) {
			start_connect(as, c, fd_take(&owned),
			              loop_now(as->loop));
			return;
		}
		conn_free(as, c, false);
	}
	if (as->nspare[kind] < SPARES)
		as->spare[kind][as->nspare[kind]++] = fd_take(&owned);
}

/* --- doors ------------------------------------------------------------------
 */

static void pause_listeners(struct app_sockets *as, int64_t now)
{
	as->paused_until = now + PAUSE_NS;
	for (uint32_t i = 0; i < as->nlisteners; i++)
		if (as->listeners[i].proto == IP_PROTO_TCP)
			loop_del(as->loop, as->listeners[i].fd);
}

/* #syscalls accept4 */
static void on_accept(struct app_sockets *as, const struct app_listener *l,
                      int64_t now)
{
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		struct tuple t = {.host = l->at};
		struct app_conn *c;
		int rc, fd = accept4(l->fd, (struct sockaddr *)&ss, &len,
		                     SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE ||
			    errno == ENOMEM || errno == ENOBUFS)
				pause_listeners(as, now);
			return;
		}
		c = conn_new(as);
		if (!c) {
			close(fd); /* as a full table anywhere */
			return;
		}
		c->fd = fd;
		c->state = CONN_WAITING;
		rc = endpoint_from_sockaddr((struct sockaddr *)&ss, len,
		                            &t.app);
		if (!rc)
			rc = flow_tcp_open(as->ft, &t, ref_of(as, c), now,
			                   &c->flow);
		if (rc < 0)
			conn_free(as, c, true);
	}
}

/* #syscalls recvfrom */
static void on_datagram(struct app_sockets *as, uint32_t index, int64_t now)
{
	const struct app_listener *l = &as->listeners[index];

	for (int i = 0; i < READS_A_TURN; i++) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		struct tuple t = {.host = l->at};
		ssize_t n =
			recvfrom(l->fd, as->scratch, SCRATCH_BYTES,
		                 MSG_DONTWAIT, (struct sockaddr *)&ss, &len);

		if (n < 0)
			return;
		if (endpoint_from_sockaddr((struct sockaddr *)&ss, len,
		                           &t.app) < 0)
			continue;
		/* nothing tells the sender; a denial was told to people */
		(void)!flow_udp_send(as->ft, &t, APP_SOCKETS_BIT | index,
		                     as->scratch, (size_t)n, 0, now);
	}
}

static int watch_listener(struct app_sockets *as, uint32_t index)
{
	return loop_add(as->loop, as->listeners[index].fd, EPOLLIN,
	                (struct loop_ref){LOOP_APP_SOCKET, index, 0});
}

int app_sockets_listen(struct app_sockets *as, int fd, uint8_t proto,
                       const struct endpoint *at)
{
	_auto_close_ int owned = fd;
	int flags = fcntl(fd, F_GETFL), rc;

	if (as->nlisteners == LISTENERS_MAX)
		return -ENOSPC;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	as->listeners[as->nlisteners] =
		(struct app_listener){.fd = fd, .proto = proto, .at = *at};
	rc = watch_listener(as, as->nlisteners);
	if (rc < 0)
		return rc;
	as->nlisteners++;
	(void)fd_take(&owned);
	return 0;
}

/* --- clients of datagram ports ---------------------------------------------
 */

static void ask_for(struct app_sockets *as, enum app_socket_kind kind, size_t n)
{
	while (as->nspare[kind] + as->wanted[kind] < n &&
	       as->want(as->want_user, kind) == 0)
		as->wanted[kind]++;
}

static void peer_close(struct app_sockets *as, struct app_peer *c)
{
	if (c->fd < 0)
		return;
	loop_del(as->loop, c->fd);
	fd_close(&c->fd);
	c->gen = c->gen >= 0xffffff ? 1 : c->gen + 1;
}

/* What the app answers goes where the client's flow goes. */
static void on_answer(struct app_sockets *as, struct app_peer *c, int64_t now)
{
	for (int i = 0; i < READS_A_TURN; i++) {
		struct tuple t = c->t;
		ssize_t n =
			recv(c->fd, as->scratch, SCRATCH_BYTES, MSG_DONTWAIT);

		/* ECONNREFUSED: the listener has gone, as it may come again */
		if (n < 0)
			return;
		c->last_ns = now;
		(void)!flow_udp_send(as->ft, &t, c->ref, as->scratch, (size_t)n,
		                     0, now);
	}
}

/* The socket of this client, made where there is none; or NULL. */
static struct app_peer *peer_of(struct app_sockets *as,
                                const struct endpoint *to,
                                const struct tuple *t)
{
	enum app_socket_kind kind =
		addr_is_ip4(&to->addr) ? APP_SOCKET_UDP4 : APP_SOCKET_UDP6;
	struct app_peer *c, *idlest = as->peers;
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(to, &ss);
	struct loop_ref ref = {.kind = LOOP_APP_SOCKET};

	for (c = as->peers; c < as->peers + PEERS_MAX; c++) {
		if (c->fd >= 0 && endpoint_equal(&c->t.host, &t->host) &&
		    endpoint_equal(&c->t.app, &t->app) &&
		    endpoint_equal(&c->to, to))
			return c;
		if (idlest->fd >= 0 &&
		    (c->fd < 0 || c->last_ns < idlest->last_ns))
			idlest = c;
	}
	ask_for(as, kind, SPARES / 4);
	if (!as->nspare[kind])
		return NULL;
	c = idlest;
	peer_close(as, c);
	c->fd = as->spare[kind][--as->nspare[kind]];
	c->t = *t;
	c->to = *to;
	ref.index = PEERS_FIRST + (uint32_t)(c - as->peers);
	ref.gen = c->gen;
	if (connect(c->fd, (const struct sockaddr *)&ss, len) < 0 ||
	    loop_add(as->loop, c->fd, EPOLLIN, ref) < 0) {
		fd_close(&c->fd);
		return NULL;
	}
	return c;
}

void app_sockets_make_ready(struct app_sockets *as, bool ip4)
{
	ask_for(as, ip4 ? APP_SOCKET_UDP4 : APP_SOCKET_UDP6, SPARES / 4);
}

void app_sockets_deliver_in(struct app_sockets *as, uint64_t ref,
                            const struct endpoint *to, const struct tuple *t,
                            const void *data, size_t len, size_t segment_len,
                            int64_t now)
{
	struct app_peer *c = peer_of(as, to, t);
	const uint8_t *at = data;

	if (!c)
		return; /* lost, as where a queue is full */
	c->ref = ref;
	c->last_ns = now;
	do {
		size_t n = segment_len ? MIN(segment_len, len) : len;

		(void)!send(c->fd, at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		at += n;
		len -= n;
	} while (len);
}

/* --- events ------------------------------------------------------------------
 */

static void on_event(void *user, uint32_t index, uint32_t gen, uint32_t events,
                     int64_t now)
{
	struct app_sockets *as = user;
	struct app_conn *c;

	if (index < as->nlisteners) {
		if (as->listeners[index].proto == IP_PROTO_TCP)
			on_accept(as, &as->listeners[index], now);
		else
			on_datagram(as, index, now);
		return;
	}
	if (index < LISTENERS_MAX)
		return;
	if (index >= PEERS_FIRST) {
		struct app_peer *peer;

		if (index >= PEERS_FIRST + PEERS_MAX)
			return;
		peer = &as->peers[index - PEERS_FIRST];
		if (peer->fd >= 0 && peer->gen == gen)
			on_answer(as, peer, now);
		return;
	}
	c = conn_of(as, (uint64_t)gen << 32 | (index - LISTENERS_MAX));
	if (!c)
		return;
	if (c->state == CONN_CONNECTING) {
		on_connecting(as, c, now);
		return;
	}
	if (c->state != CONN_OPEN)
		return;
	if (events & EPOLLERR) {
		conn_end(as, c, true, now);
		return;
	}
	/*
	 * Both ends are shut and the host takes nothing now: a hang-up would
	 * be told every turn. app_sockets_writable() goes on.
	 */
	if (events & EPOLLHUP && c->flags & CONN_HOST_FULL) {
		loop_del(as->loop, c->fd);
		c->interest = 0;
		return;
	}
	if (events & EPOLLOUT)
		c->flags &= (uint8_t)~CONN_APP_FULL;
	move(as, c, now);
}

void app_sockets_connected(struct app_sockets *as, uint64_t ref, int64_t now)
{
	struct app_conn *c = conn_of(as, ref);

	if (!c)
		return;
	c->state = CONN_OPEN;
	move(as, c, now);
}

void app_sockets_readable(struct app_sockets *as, uint64_t ref, int64_t now)
{
	struct app_conn *c = conn_of(as, ref);

	if (c && c->state == CONN_OPEN && to_app(as, c, now))
		(void)watch(as, c, now);
}

void app_sockets_writable(struct app_sockets *as, uint64_t ref, int64_t now)
{
	struct app_conn *c = conn_of(as, ref);

	if (!c || c->state != CONN_OPEN)
		return;
	c->flags &= (uint8_t)~CONN_HOST_FULL;
	if (to_host(as, c, now))
		(void)watch(as, c, now);
}

void app_sockets_reset(struct app_sockets *as, uint64_t ref)
{
	struct app_conn *c = conn_of(as, ref);

	if (!c)
		return;
	c->flow.gen = 0;
	if (c->state != CONN_NO_SOCKET) /* else it leaves with its place */
		conn_free(as, c, true);
}

void app_sockets_deliver(struct app_sockets *as, uint64_t ref,
                         const struct tuple *t, const void *data, size_t len,
                         size_t segment_len)
{
	uint32_t index = (uint32_t)ref;
	struct sockaddr_storage ss;
	socklen_t ss_len = endpoint_to_sockaddr(&t->app, &ss);
	const uint8_t *at = data;

	if (index >= as->nlisteners)
		return;
	do {
		size_t n = segment_len ? MIN(segment_len, len) : len;

		/* lost where the app does not read, as any datagram */
		(void)!sendto(as->listeners[index].fd, at, n,
		              MSG_DONTWAIT | MSG_NOSIGNAL,
		              (const struct sockaddr *)&ss, ss_len);
		at += n;
		len -= n;
	} while (len);
}

int64_t app_sockets_deadline(const struct app_sockets *as)
{
	return as->paused_until;
}

void app_sockets_run(struct app_sockets *as, int64_t now)
{
	if (now < as->paused_until)
		return;
	as->paused_until = TIME_NEVER;
	for (uint32_t i = 0; i < as->nlisteners; i++)
		if (as->listeners[i].proto == IP_PROTO_TCP &&
		    watch_listener(as, i) == -ENOSPC)
			as->paused_until = now + PAUSE_NS;
}

struct app_sockets *
app_sockets_new(struct loop *loop,
                int (*want)(void *user, enum app_socket_kind kind), void *user)
{
	struct app_sockets *as = calloc(1, sizeof(*as));

	if (!as)
		return NULL;
	/* mappings of zeros: untouched slots cost nothing */
	as->conns = calloc(CONNS_MAX, sizeof(*as->conns));
	as->listeners = calloc(LISTENERS_MAX, sizeof(*as->listeners));
	as->peers = calloc(PEERS_MAX, sizeof(*as->peers));
	as->scratch = malloc(SCRATCH_BYTES);
	if (!as->conns || !as->listeners || !as->peers || !as->scratch) {
		app_sockets_free(as);
		return NULL;
	}
	for (size_t i = 0; i < PEERS_MAX; i++)
		as->peers[i] = (struct app_peer){.fd = -1, .gen = 1};
	as->loop = loop;
	as->want = want;
	as->want_user = user;
	as->free_head = NONE;
	as->paused_until = TIME_NEVER;
	for (size_t i = 0; i < APP_SOCKET_KINDS; i++)
		as->waiting[i] = NONE;
	loop_handle(loop, LOOP_APP_SOCKET, on_event, as);
	return as;
}

void app_sockets_bind(struct app_sockets *as, struct flow_table *ft)
{
	as->ft = ft;
}

void app_sockets_free(struct app_sockets *as)
{
	if (!as)
		return;
	for (uint32_t i = 0; i < as->nlisteners; i++)
		fd_close(&as->listeners[i].fd);
	for (uint32_t i = 0; as->conns && i < as->fresh; i++)
		if (as->conns[i].state != CONN_FREE)
			fd_close(&as->conns[i].fd);
	for (size_t i = 0; as->peers && i < PEERS_MAX; i++)
		if (as->peers[i].gen)
			fd_close(&as->peers[i].fd);
	for (size_t k = 0; k < APP_SOCKET_KINDS; k++)
		while (as->nspare[k])
			fd_close(&as->spare[k][--as->nspare[k]]);
	free(as->conns);
	free(as->listeners);
	free(as->peers);
	free(as->scratch);
	free(as);
}
