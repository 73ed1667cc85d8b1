/* SPDX-License-Identifier: Apache-2.0 */
/* listen.c - published ports: clients are let in while the app listens */
/*
 * The socket was bound by the monitor and stays bound. While nobody listens
 * inside it does not listen either, so that the kernel refuses clients at
 * once: listen(2) and shutdown(2) open and shut it
 * (tests/kernel/listen_shut_listen).
 */
#include "host/listen.h"

#include "base/cleanup.h"
#include "host/clients.h"
#include "host/host-private.h"
#include "wire/headers.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>

/* clients that are let in before others have their turn */
#define ACCEPTS_A_TURN 32u
/* the kernel cuts it to net.core.somaxconn */
#define BACKLOG 4096

struct host_listen *host_listen_new(void)
{
	return calloc(FLOW_PUBLISH_MAX, sizeof(struct host_listen));
}

void host_listen_free(struct host *h)
{
	for (uint32_t i = 0; h->listens && i < h->nlistens; i++)
		if (h->listens[i].is_open || h->listens[i].clients)
			fd_close(&h->listens[i].fd);
	free(h->listens);
}

static int watch(struct host *h, uint32_t slot)
{
	const struct host_listen *s = &h->listens[slot];
	struct loop_ref ref = {LOOP_HOST_LISTEN, slot, s->gen};

	return loop_add(h->loop, s->fd, EPOLLIN, ref);
}

int host_publish_open(void *user, uint32_t slot, const struct flow_publish *p,
                      int fd)
{
	struct host *h = user;
	_auto_close_ int owned = -1;
	struct host_listen *s;
	int rc = 0;

	if (slot < FLOW_PUBLISH_MAX && h->listens[slot].clients)
		return -EBUSY;
	owned = fd;
	if (slot >= FLOW_PUBLISH_MAX)
		return -ENOBUFS;
	s = &h->listens[slot];
	if (s->is_open || fd < 0)
		return -EINVAL;
	s->is_udp = p->proto == IP_PROTO_UDP;
	s->bound = p->host;
	if (s->is_udp) {
		host_clients_prepare(fd, addr_is_ip4(&p->host.addr));
		rc = host_clients_listen(fd, &s->bound, false);
	}
	if (rc < 0)
		return rc;
	s->fd = fd_take(&owned);
	s->is_open = true;
	h->nlistens = MAX(h->nlistens, slot + 1);
	s->gen = s->gen % 0xffffff + 1;
	return 0;
}

/* #syscalls listen shutdown setsockopt */
static int listen_tcp(struct host *h, uint32_t slot, bool on)
{
	struct host_listen *s = &h->listens[slot];
	int reuse = on, rc;

	if (!on) {
		loop_del(h->loop, s->fd);
		(void)shutdown(s->fd, SHUT_RD);
	}
	/*
	 * Its children may leave TIME_WAIT behind, which must not be in the
	 * way of the next listen(2). While it does not listen another socket
	 * could take the same port if both had this.
	 */
	(void)setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &reuse,
	                 sizeof(reuse));
	if (!on)
		return 0;
	if (listen(s->fd, BACKLOG) < 0)
		return -errno;
	rc = watch(h, slot);
	if (rc < 0)
		(void)shutdown(s->fd, SHUT_RD);
	return rc;
}

static int listen_udp(struct host *h, uint32_t slot, bool on)
{
	struct host_listen *s = &h->listens[slot];
	int rc = host_clients_listen(s->fd, &s->bound, on);

	if (rc < 0)
		return rc;
	if (on)
		return watch(h, slot);
	loop_del(h->loop, s->fd);
	return 0;
}

int host_publish_listen(void *user, uint32_t slot, bool on)
{
	struct host *h = user;

	return h->listens[slot].is_udp ? listen_udp(h, slot, on)
	                               : listen_tcp(h, slot, on);
}

static void close_socket(struct host *h, struct host_listen *s)
{
	loop_del(h->loop, s->fd);
	fd_close(&s->fd);
}

void host_publish_close(void *user, uint32_t slot)
{
	struct host *h = user;
	struct host_listen *s = &h->listens[slot];

	s->is_open = false;
	/* flows that run go on; flow opens no new ones */
	if (!s->clients)
		close_socket(h, s);
}

void host_listen_left(struct host *h, uint32_t slot)
{
	struct host_listen *s = &h->listens[slot];

	if (!--s->clients && !s->is_open)
		close_socket(h, s);
}

/* #syscalls setsockopt close */
static void refuse(int fd)
{
	struct linger hard = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
}

/* #syscalls accept4 */
static void on_client(void *user, uint32_t slot, uint32_t gen, uint32_t events,
                      int64_t now)
{
	struct host *h = user;
	const struct host_listen *s = &h->listens[slot];

	(void)events;
	if (s->is_udp) {
		if ((s->is_open || s->clients) && s->gen == gen)
			host_clients_event(h, slot, s->fd, now);
		return;
	}
	for (unsigned int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		struct endpoint client;
		int fd;

		if (!s->is_open || s->gen != gen)
			return;
		fd = accept4(s->fd, (struct sockaddr *)&ss, &len,
		             SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		if (endpoint_from_sockaddr((struct sockaddr *)&ss, len,
		                           &client) < 0 ||
		    flow_host_accepted(h->ft, slot, fd, &client, now) < 0)
			refuse(fd);
	}
}

void host_listen_start(struct host *h)
{
	loop_handle(h->loop, LOOP_HOST_LISTEN, on_client, h);
}
