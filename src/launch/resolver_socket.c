/* SPDX-License-Identifier: Apache-2.0 */
/* resolver_socket.c - the resolver at sockets made in the app's namespace */
#include "launch/resolver_socket.h"

#include "base/cleanup.h"
#include "dns/resolver.h"
#include "loop/loop.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define SOCKETS_MAX 8u
#define CONNS_MAX 16u
#define CLIENTS_MAX 512u /* UDP queries remembered; the oldest goes */
#define QUERY_MAX 4096u
#define READS_A_TURN 32u

/*
 * Asker numbers: top bit, then kind, generation, index. A generation is
 * used once, so an answer that comes late finds nobody.
 */
#define ASKER_BIT (UINT64_C(1) << 63)
#define ASKER_TCP (UINT64_C(1) << 62)

struct udp_asker {
	uint32_t gen;
	int fd; /* borrowed from sockets[] */
	socklen_t peer_len;
	struct sockaddr_storage peer;
};

struct tcp_asker {
	uint32_t gen; /* 0: free */
	int fd;
	size_t len;
	uint8_t query[2 + QUERY_MAX];
};

struct resolver_sockets {
	struct loop *loop;
	struct resolver *resolver;
	struct {
		int fd;
		bool tcp;
	} sockets[SOCKETS_MAX];
	size_t nsockets;
	uint32_t gen, next_asker;
	struct udp_asker askers[CLIENTS_MAX];
	struct tcp_asker conns[CONNS_MAX];
};

static uint32_t next_gen(struct resolver_sockets *rs)
{
	rs->gen = rs->gen >= 0xffffff ? 1 : rs->gen + 1;
	return rs->gen;
}

static uint64_t asker_of(uint64_t kind, uint32_t gen, size_t index)
{
	return ASKER_BIT | kind | (uint64_t)gen << 32 | index;
}

/* #syscalls recvfrom */
static void read_udp(struct resolver_sockets *rs, int fd, int64_t now)
{
	uint8_t msg[QUERY_MAX];

	for (unsigned int i = 0; i < READS_A_TURN; i++) {
		uint32_t at = rs->next_asker;
		struct udp_asker *c = &rs->askers[at];
		ssize_t n;

		c->peer_len = sizeof(c->peer);
		c->gen = 0;
		n = recvfrom(fd, msg, sizeof(msg), MSG_DONTWAIT,
		             (struct sockaddr *)&c->peer, &c->peer_len);
		if (n < 0)
			return;
		c->fd = fd;
		c->gen = next_gen(rs);
		rs->next_asker = (at + 1) % CLIENTS_MAX;
		resolver_query(rs->resolver, asker_of(0, c->gen, at), false,
		               msg, (size_t)n, now);
	}
}

static void conn_close(struct resolver_sockets *rs, struct tcp_asker *c)
{
	size_t index = (size_t)(c - rs->conns);

	resolver_asker_gone(rs->resolver, asker_of(ASKER_TCP, c->gen, index));
	loop_del(rs->loop, c->fd);
	fd_close(&c->fd);
	c->gen = 0;
}

/* #syscalls accept4 close */
static void accept_conn(struct resolver_sockets *rs, int listener)
{
	_auto_close_ int fd =
		accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	for (uint32_t i = 0; fd >= 0 && i < CONNS_MAX; i++) {
		struct tcp_asker *c = &rs->conns[i];
		struct loop_ref ref = {LOOP_RESOLVER, SOCKETS_MAX + i, 0};

		if (c->gen)
			continue;
		ref.gen = next_gen(rs);
		if (loop_add(rs->loop, fd, EPOLLIN, ref) < 0)
			return;
		c->gen = ref.gen;
		c->len = 0;
		c->fd = fd_take(&fd);
		return;
	}
	/* all in use: closed, the asker asks again */
}

/* Hands on what is whole. False: this cannot be a asker of DNS. */
static bool take_queries(struct resolver_sockets *rs, struct tcp_asker *c,
                         int64_t now)
{
	size_t index = (size_t)(c - rs->conns);
	uint32_t gen = c->gen;

	while (c->gen == gen && c->len >= 2) {
		size_t n = (size_t)c->query[0] << 8 | c->query[1];
		uint8_t msg[QUERY_MAX];

		if (n > QUERY_MAX)
			return false;
		if (c->len < 2 + n)
			break;
		memcpy(msg, c->query + 2, n);
		c->len -= 2 + n;
		memmove(c->query, c->query + 2 + n, c->len);
		resolver_query(rs->resolver, asker_of(ASKER_TCP, gen, index),
		               true, msg, n, now);
	}
	return true;
}

static void read_tcp(struct resolver_sockets *rs, struct tcp_asker *c,
                     int64_t now)
{
	ssize_t n = recv(c->fd, c->query + c->len, sizeof(c->query) - c->len,
	                 MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0) {
		c->len += (size_t)n;
		if (take_queries(rs, c, now))
			return;
	}
	if (c->fd >= 0)
		conn_close(rs, c);
}

static void on_event(void *user, uint32_t index, uint32_t gen, uint32_t events,
                     int64_t now)
{
	struct resolver_sockets *rs = user;

	(void)events;
	if (index >= SOCKETS_MAX + CONNS_MAX)
		return;
	if (index >= SOCKETS_MAX) {
		struct tcp_asker *c = &rs->conns[index - SOCKETS_MAX];

		if (c->gen == gen)
			read_tcp(rs, c, now);
	} else if (rs->sockets[index].tcp) {
		accept_conn(rs, rs->sockets[index].fd);
	} else {
		read_udp(rs, rs->sockets[index].fd, now);
	}
}

/* #syscalls sendto sendmsg */
void resolver_sockets_answer(struct resolver_sockets *rs, uint64_t asker,
                             const void *msg, size_t len)
{
	uint32_t index = (uint32_t)asker,
		 gen = (uint32_t)(asker >> 32) & 0xffffff;
	uint8_t head[2] = {(uint8_t)(len >> 8), (uint8_t)len};
	struct iovec iov[2] = {{head, 2}, {NULL, len}};
	struct msghdr mh = {.msg_iov = iov, .msg_iovlen = 2};

	if (!(asker & ASKER_TCP)) {
		struct udp_asker *c = &rs->askers[index % CLIENTS_MAX];

		if (c->gen != gen)
			return;
		c->gen = 0;
		/* lost where the app does not read: it asks again */
		(void)!sendto(c->fd, msg, len, MSG_DONTWAIT | MSG_NOSIGNAL,
		              (const struct sockaddr *)&c->peer, c->peer_len);
		return;
	}
	if (index >= CONNS_MAX || rs->conns[index].gen != gen)
		return;
	memcpy(&iov[1].iov_base, &msg, sizeof(msg)); /* only read */
	/* a asker that does not take its answer whole is no asker */
	if (sendmsg(rs->conns[index].fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) !=
	    (ssize_t)(2 + len))
		conn_close(rs, &rs->conns[index]);
}

int resolver_sockets_add(struct resolver_sockets *rs, int fd, bool tcp)
{
	struct loop_ref ref = {LOOP_RESOLVER, (uint32_t)rs->nsockets, 0};
	_auto_close_ int owned = fd;
	int rc;

	if (rs->nsockets >= SOCKETS_MAX)
		return -ENOSPC;
	rc = loop_add(rs->loop, fd, EPOLLIN, ref);
	if (rc < 0)
		return rc;
	rs->sockets[rs->nsockets].fd = fd_take(&owned);
	rs->sockets[rs->nsockets++].tcp = tcp;
	return 0;
}

struct resolver_sockets *resolver_sockets_new(struct loop *loop,
                                              struct resolver *resolver)
{
	struct resolver_sockets *rs = calloc(1, sizeof(*rs));

	if (!rs)
		return NULL;
	rs->loop = loop;
	rs->resolver = resolver;
	loop_handle(loop, LOOP_RESOLVER, on_event, rs);
	return rs;
}
