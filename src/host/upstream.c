/* SPDX-License-Identifier: Apache-2.0 */
/* upstream.c - the resolver's exchanges with the host's DNS servers */
/*
 * An exchange is one socket, connected, so that only the server's own answers
 * and the ICMP errors about it are seen. Nothing is buffered for TCP: the
 * answer waits in the socket, which wakes us when the length it announced is
 * there (SO_RCVLOWAT), and is taken with one read.
 */
#include "host/upstream.h"

#include "dns/resolv_conf.h"
#include "dns/resolver.h"
#include "loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* header, name, type, class, OPT: the largest query the resolver makes */
#define QUERY_MAX 320
#define LENGTH_LEN 2

struct exchange {
	int fd; /* -1: none */
	uint32_t gen;
	bool tcp, connecting;
	uint16_t out_len;
	uint8_t out[LENGTH_LEN + QUERY_MAX]; /* TCP: until connected */
};

struct upstream {
	struct loop *loop;
	struct resolver *resolver;
	size_t max, fresh; /* from fresh on they were never used */
	struct exchange *exchanges;
	uint8_t in[LENGTH_LEN + DNS_MESSAGE_MAX];
};

static void on_event(void *user, uint32_t index, uint32_t gen, uint32_t events,
                     int64_t now);

struct upstream *upstream_new(struct loop *loop, size_t max)
{
	struct upstream *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->exchanges = calloc(max, sizeof(*u->exchanges));
	if (!u->exchanges) {
		free(u);
		return NULL;
	}
	u->loop = loop;
	u->max = max;
	loop_handle(loop, LOOP_UPSTREAM, on_event, u);
	return u;
}

void upstream_bind(struct upstream *u, struct resolver *r)
{
	u->resolver = r;
}

void upstream_free(struct upstream *u)
{
	if (!u)
		return;
	for (size_t i = 0; i < u->fresh; i++)
		upstream_close(u, (uint32_t)i);
	free(u->exchanges);
	free(u);
}

/* #syscalls close */
void upstream_close(struct upstream *u, uint32_t slot)
{
	struct exchange *e = &u->exchanges[slot];

	if (slot >= u->fresh || e->fd < 0)
		return;
	loop_del(u->loop, e->fd);
	close(e->fd);
	e->fd = -1;
}

/*
 * Without it a connected UDP socket hears of closed ports only, and not of
 * hosts and networks that cannot be reached (ip(7)).
 * #syscalls setsockopt
 */
static void want_icmp(int fd, const struct endpoint *server)
{
	int on = 1;

	if (addr_is_ip4(&server->addr))
		(void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	else
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on,
		                 sizeof(on));
}

/* #syscalls sendto */
static int send_whole(struct exchange *e, const void *data, size_t len)
{
	ssize_t n = send(e->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

/* #syscalls socket connect */
static int open_exchange(struct upstream *u, uint32_t slot,
                         const struct endpoint *server, bool tcp)
{
	struct exchange *e = &u->exchanges[slot];
	uint32_t events = tcp ? EPOLLOUT | EPOLLRDHUP : EPOLLIN;
	struct endpoint to = *server;
	uint32_t scope = resolv_conf_scope(&to.addr);
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&to, &ss);
	int rc;

	if (scope)
		((struct sockaddr_in6 *)(void *)&ss)->sin6_scope_id = scope;

	e->fd = socket(ss.ss_family,
	               (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC |
	                       SOCK_NONBLOCK,
	               0);
	if (e->fd < 0)
		return -errno;
	e->gen = (e->gen + 1) & 0xffffff;
	e->tcp = e->connecting = tcp;
	if (!tcp)
		want_icmp(e->fd, server);
	if (connect(e->fd, (struct sockaddr *)&ss, len) < 0 &&
	    errno != EINPROGRESS)
		return -errno;
	rc = loop_add(u->loop, e->fd, events,
	              (struct loop_ref){LOOP_UPSTREAM, slot, e->gen});
	return rc;
}

int upstream_send(struct upstream *u, uint32_t slot,
                  const struct endpoint *server, bool tcp, const void *msg,
                  size_t len)
{
	struct exchange *e = &u->exchanges[slot];
	int rc;

	assert(slot < u->max && len <= QUERY_MAX);
	while (u->fresh <= slot)
		u->exchanges[u->fresh++].fd = -1;
	upstream_close(u, slot);
	rc = open_exchange(u, slot, server, tcp);
	if (rc == 0 && !tcp)
		rc = send_whole(e, msg, len);
	if (rc < 0) {
		upstream_close(u, slot);
		return rc;
	}
	if (tcp) {
		e->out[0] = (uint8_t)(len >> 8);
		e->out[1] = (uint8_t)len;
		memcpy(e->out + LENGTH_LEN, msg, len);
		e->out_len = (uint16_t)(LENGTH_LEN + len);
	}
	return 0;
}

static void failed(struct upstream *u, uint32_t slot, int err, int64_t now)
{
	upstream_close(u, slot);
	resolver_upstream_answer(u->resolver, slot, err, NULL, 0, now);
}

/* #syscalls getsockopt */
static int socket_error(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		return -errno;
	return -err;
}

/* #syscalls recvfrom */
static void udp_event(struct upstream *u, uint32_t slot, uint32_t events,
                      int64_t now)
{
	ssize_t n =
		recv(u->exchanges[slot].fd, u->in, sizeof(u->in), MSG_DONTWAIT);

	if (n >= 0)
		resolver_upstream_answer(u->resolver, slot, 0, u->in, (size_t)n,
		                         now);
	else if (errno != EAGAIN && errno != EINTR)
		failed(u, slot, -errno, now);
	else if (events & EPOLLERR)
		failed(u, slot, -EHOSTUNREACH, now); /* told before, kept */
}

static void tcp_connected(struct upstream *u, uint32_t slot, int64_t now)
{
	struct exchange *e = &u->exchanges[slot];
	int rc = socket_error(e->fd);

	e->connecting = false;
	if (rc == 0)
		rc = send_whole(e, e->out, e->out_len);
	if (rc == 0)
		rc = loop_mod(u->loop, e->fd, EPOLLIN | EPOLLRDHUP,
		              (struct loop_ref){LOOP_UPSTREAM, slot, e->gen});
	if (rc < 0)
		failed(u, slot, rc, now);
}

static void tcp_event(struct upstream *u, uint32_t slot, uint32_t events,
                      int64_t now)
{
	struct exchange *e = &u->exchanges[slot];
	ssize_t n = recv(e->fd, u->in, sizeof(u->in), MSG_PEEK | MSG_DONTWAIT);
	int want = LENGTH_LEN;

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			failed(u, slot, -errno, now);
		return;
	}
	if (n >= LENGTH_LEN)
		want += u->in[0] << 8 | u->in[1];
	if (n >= want) {
		resolver_upstream_answer(u->resolver, slot, 0,
		                         u->in + LENGTH_LEN,
		                         (size_t)(want - LENGTH_LEN), now);
		return;
	}
	if (n == 0 || events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		failed(u, slot, -ECONNRESET, now);
		return;
	}
	if (setsockopt(e->fd, SOL_SOCKET, SO_RCVLOWAT, &want, sizeof(want)) < 0)
		failed(u, slot, -errno, now);
}

static void on_event(void *user, uint32_t index, uint32_t gen, uint32_t events,
                     int64_t now)
{
	struct upstream *u = user;
	struct exchange *e;

	if (index >= u->fresh)
		return;
	e = &u->exchanges[index];
	if (e->fd < 0 || e->gen != gen)
		return;
	if (!e->tcp)
		udp_event(u, index, events, now);
	else if (e->connecting)
		tcp_connected(u, index, now);
	else
		tcp_event(u, index, events, now);
}
