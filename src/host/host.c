/* SPDX-License-Identifier: Apache-2.0 */
/* host.c - the host's side of flows: sockets opened, watched, closed */
/*
 * THEORY
 * Every flow has at most one ordinary socket here, made in the network
 * namespace postern was launched in, and connected, so that the kernel keeps
 * strangers out. Enters: the calls of `struct host_ops` with an endpoint that
 * is final and judged, and events of kind LOOP_HOST_FLOW. Leaves: flow_host_
 * calls, named by `struct flow_id`; an event whose flow has gone finds nothing.
 *
 * Payload towards the app stays in the receive queue of the TCP socket until
 * the app's kernel acknowledged it: `host_tcp_peek` looks, `host_tcp_consume`
 * discards. TCP sockets are watched edge-triggered, once and for all;
 * datagram sockets by level, one batch an event, so that none starves others.
 *
 * Refuses: to block; to guess. Every errno is the kernel's own. Costs: one
 * descriptor a flow; one shared buffer of `HOST_BATCH` datagrams.
 */
#include "host/host-private.h"

#include "base/cleanup.h"
#include "host/clients.h"
#include "host/listen.h"
#include "wire/icmp_errno.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

/* #syscalls socket */
int host_socket(const struct endpoint *to, int type, int proto)
{
	int family = addr_is_ip4(&to->addr) ? AF_INET : AF_INET6;
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, proto);

	return fd < 0 ? -errno : fd;
}

int host_watch(struct host *h, const struct flow_host_part *part,
               struct flow_id id, uint32_t events)
{
	struct loop_ref ref = {LOOP_HOST_FLOW, id.index, id.gen};

	return loop_add(h->loop, part->fd, events, ref);
}

/* #syscalls setsockopt */
void host_want_errors(const struct flow_host_part *part)
{
	int on = 1;

	if (part->is_ip4)
		setsockopt(part->fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	else
		setsockopt(part->fd, IPPROTO_IPV6, IPV6_RECVERR, &on,
		           sizeof(on));
}

/* Who sent the ICMP error behind ee; false where the kernel does not say. */
static bool offender_of(const struct sock_extended_err *ee, struct addr *from)
{
	/* SO_EE_OFFENDER(), which casts the const away */
	const struct sockaddr *sa = (const void *)(ee + 1);
	struct endpoint e;

	if (sa->sa_family == AF_UNSPEC ||
	    endpoint_from_sockaddr(sa,
	                           sa->sa_family == AF_INET
	                                   ? sizeof(struct sockaddr_in)
	                                   : sizeof(struct sockaddr_in6),
	                           &e) < 0)
		return false;
	*from = e.addr;
	return true;
}

/* The packet that the error is about begins with its ICMP header. */
static void tell_error(struct host *h, struct flow_id id, size_t len, int err,
                       const struct addr *from, int64_t now)
{
	const struct flow_host_part *part = flow_host_part(h->ft, id);
	const uint8_t *p = h->buffers;

	if (!part)
		return;
	if (part->kind != HOST_ECHO)
		flow_host_datagram_error(h->ft, id, err, from, now);
	else if (len >= 8)
		flow_host_echo_error(h->ft, id, (uint16_t)(p[6] << 8 | p[7]),
		                     err, from, now);
}

static void pass_error(struct host *h, struct flow_id id, struct msghdr *msg,
                       size_t len, int64_t now)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c;
	     c = CMSG_NXTHDR(msg, c)) {
		/* the offender's sockaddr follows the error itself */
		union {
			struct sock_extended_err ee;
			uint8_t room[sizeof(struct sock_extended_err) +
			             sizeof(struct sockaddr_in6)];
		} e = {0};
		struct addr from;
		bool known;
		int err;

		if (!(c->cmsg_level == IPPROTO_IP &&
		      c->cmsg_type == IP_RECVERR) &&
		    !(c->cmsg_level == IPPROTO_IPV6 &&
		      c->cmsg_type == IPV6_RECVERR))
			continue;
		memcpy(&e, CMSG_DATA(c),
		       MIN(sizeof(e), c->cmsg_len - CMSG_LEN(0)));
		/* local ones were the result of the send that met them */
		if ((e.ee.ee_origin != SO_EE_ORIGIN_ICMP &&
		     e.ee.ee_origin != SO_EE_ORIGIN_ICMP6) ||
		    !e.ee.ee_errno || e.ee.ee_errno > 4095)
			continue;
		known = offender_of(&e.ee, &from);
		err = icmp_errno_of(e.ee.ee_origin == SO_EE_ORIGIN_ICMP,
		                    e.ee.ee_type, e.ee.ee_code);
		tell_error(h, id, len, err ? err : -(int)e.ee.ee_errno,
		           known ? &from : NULL, now);
	}
}

/* #syscalls recvmsg getsockopt */
void host_read_errors(struct host *h, struct flow_id id, int fd, int64_t now)
{
	union {
		struct cmsghdr align;
		uint8_t room[512];
	} control;
	struct iovec iov = {h->buffers, HOST_DATAGRAM_MAX};
	socklen_t len = sizeof(int);
	int err;

	for (unsigned int i = 0; i < HOST_BATCH; i++) {
		ssize_t n;
		struct msghdr msg = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control),
		};

		n = recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT);
		if (n < 0)
			break;
		pass_error(h, id, &msg, (size_t)n, now);
		if (!flow_host_part(h->ft, id))
			return;
	}
	/* a level-triggered error that nobody takes would spin */
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
}

static void on_event(void *user, uint32_t index, uint32_t gen, uint32_t events,
                     int64_t now)
{
	struct flow_id id = {index, gen};
	struct host *h = user;
	struct flow_host_part *part = flow_host_part(h->ft, id);

	if (!part || part->fd < 0)
		return;
	switch ((enum host_kind)part->kind) {
	case HOST_TCP_CONNECTING:
	case HOST_TCP:
		host_tcp_event(h, id, part, events, now);
		break;
	case HOST_UDP:
		host_udp_event(h, id, part->fd, events, now);
		break;
	case HOST_ECHO:
		host_echo_event(h, id, part->fd, events, now);
		break;
	case HOST_UDP_CLIENT: /* has no descriptor */
	case HOST_NONE:
		break;
	}
}

static void host_turn_end(void *user, int64_t now)
{
	(void)now;
	host_udp_flush(user);
}

/* One mapping for all buffers: pages that are never used cost nothing. */
#define BUFFERS_LEN ((HOST_BATCH + 2) * (size_t)HOST_DATAGRAM_MAX)

struct host *host_new(const struct host_config *config, struct loop *loop)
{
	struct host *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->config = *config;
	h->loop = loop;
	h->buffers = mmap(NULL, BUFFERS_LEN, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (h->buffers == MAP_FAILED) {
		free(h);
		return NULL;
	}
	h->listens = host_listen_new();
	h->clients = host_clients_new();
	if (!h->listens || !h->clients) {
		host_free(h);
		return NULL;
	}
	h->app_train.data = h->buffers + HOST_BATCH * HOST_DATAGRAM_MAX;
	h->host_train.data = h->app_train.data + HOST_DATAGRAM_MAX;
	loop_member_add(loop, &(struct loop_member){.turn_end = host_turn_end,
	                                            .user = h});
	if (config->use_peek_off)
		host_tcp_probe(h);
	loop_handle(loop, LOOP_HOST_FLOW, on_event, h);
	host_listen_start(h);
	return h;
}

void host_bind(struct host *h, struct flow_table *ft)
{
	h->ft = ft;
}

void host_free(struct host *h)
{
	if (!h)
		return;
	host_listen_free(h);
	free(h->clients);
	munmap(h->buffers, BUFFERS_LEN);
	free(h);
}

/* #syscalls close */
static void close_part(void *user, struct flow_host_part *part, bool reset)
{
	struct linger hard = {.l_onoff = 1, .l_linger = 0};
	struct host *h = user;

	if (h->app_train.part == part)
		host_udp_flush(h);
	if (part->kind == HOST_UDP_CLIENT)
		host_client_gone(h, part);
	if (part->fd < 0)
		return;
	/* the app's open file would go on telling the loop of its events */
	if (part->is_shared)
		loop_del(h->loop, part->fd);
	else if (reset &&
	         (part->kind == HOST_TCP || part->kind == HOST_TCP_CONNECTING))
		setsockopt(part->fd, SOL_SOCKET, SO_LINGER, &hard,
		           sizeof(hard));
	else if (part->kind == HOST_TCP)
		host_tcp_flush(part); /* unread bytes would make it an RST */
	fd_close(&part->fd);
}

static const struct host_ops ops = {
	.tcp_connect = host_tcp_connect,
	.tcp_is_connected = host_tcp_is_connected,
	.tcp_write = host_tcp_write,
	.tcp_peek = host_tcp_peek,
	.tcp_consume = host_tcp_consume,
	.tcp_write_from = host_tcp_write_from,
	.tcp_read_into = host_tcp_read_into,
	.tcp_share = host_tcp_share,
	.tcp_shutdown = host_tcp_shutdown,
	.udp_open = host_udp_open,
	.udp_send = host_udp_send,
	.udp_adopt = host_udp_adopt,
	.udp_is_client = host_udp_is_client,
	.echo_open = host_echo_open,
	.echo_send = host_echo_send,
	.publish_open = host_publish_open,
	.publish_listen = host_publish_listen,
	.publish_close = host_publish_close,
	.tcp_adopt = host_tcp_adopt,
	.tcp_watch = host_tcp_watch,
	.close = close_part,
};

const struct host_ops *host_ops(void)
{
	return &ops;
}
