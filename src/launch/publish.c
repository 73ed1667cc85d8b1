/* SPDX-License-Identifier: Apache-2.0 */
/* publish.c - published ports: the monitor binds, the datapath serves */
#include "launch/publish.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "flow/flow.h"
#include "launch/monitor-private.h"
#include "wire/headers.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ports that the kernel chose for one family and that the other has in use */
#define CHOICES 32

/* --- what was written ------------------------------------------------------
 */

int publish_parse_port(const char *text, const char *end, unsigned int low,
                       uint16_t *out)
{
	unsigned int v = 0;

	if (text >= end || end - text > 5)
		return -EINVAL;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		v = v * 10 + (unsigned int)(*text - '0');
	}
	if (v < low || v > 65535)
		return -EINVAL;
	*out = (uint16_t)v;
	return 0;
}

/* PORT or PORT-PORT */
static int parse_range(const char *text, const char *end, unsigned int low,
                       uint16_t *first, uint16_t *last)
{
	const char *dash = memchr(text, '-', (size_t)(end - text));

	if (publish_parse_port(text, dash ? dash : end, low, first) < 0)
		return -EINVAL;
	*last = *first;
	if (!dash)
		return 0;
	if (!*first || publish_parse_port(dash + 1, end, 1, last) < 0 ||
	    *last < *first)
		return -EINVAL;
	return 0;
}

/* An address before the ports, in brackets where it has colons. */
static int parse_address(const char **text, const char *end,
                         struct publish_spec *spec)
{
	const char *at = *text, *stop;
	char addr[ADDR_TEXT_MAX];
	size_t len;

	if (*at == '[') {
		at++;
		stop = memchr(at, ']', (size_t)(end - at));
		if (!stop || stop[1] != ':')
			return -EINVAL;
		*text = stop + 2;
	} else {
		stop = memchr(at, ':', (size_t)(end - at));
		if (!stop || !memchr(at, '.', (size_t)(stop - at)))
			return 0;
		*text = stop + 1;
	}
	len = (size_t)(stop - at);
	if (len >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, at, len);
	addr[len] = '\0';
	spec->has_addr = true;
	return addr_parse(addr, &spec->addr);
}

static int parse_proto(const char *text, const char **end,
                       struct publish_spec *spec)
{
	const char *slash = strchr(text, '/');

	*end = slash ? slash : text + strlen(text);
	if (!slash)
		return 0;
	spec->udp = !strcmp(slash, "/udp");
	return spec->udp || !strcmp(slash, "/tcp") ? 0 : -EINVAL;
}

static int parse(const char *text, struct publish_spec *spec)
{
	uint16_t first, last, app_first, app_last;
	const char *end, *colon;
	int rc = parse_proto(text, &end, spec);

	if (!rc)
		rc = parse_address(&text, end, spec);
	if (rc < 0)
		return rc;
	colon = memchr(text, ':', (size_t)(end - text));
	if (!colon) { /* the same outside */
		if (parse_range(text, end, 1, &first, &last) < 0)
			return -EINVAL;
		app_first = first;
		app_last = last;
	} else if (parse_range(text, colon, 0, &first, &last) < 0 ||
	           parse_range(colon + 1, end, 1, &app_first, &app_last) < 0) {
		return -EINVAL;
	}
	spec->host_port = first;
	spec->app_port = app_first;
	spec->count = (uint16_t)(app_last - app_first + 1);
	/* 8000:9000-9010 names the first one; 0:9000-9010 chooses each */
	if (first != last && last - first != app_last - app_first)
		return -EINVAL;
	return first + spec->count - 1 > 65535 ? -EINVAL : 0;
}

int publish_parse(const char *text, struct publish_spec *spec,
                  struct error *err)
{
	*spec = (struct publish_spec){0};
	if (parse(text, spec) < 0)
		return error_set(err, -EINVAL,
		                 "%s: not a port to publish; write 8080, "
		                 "8080:80, 127.0.0.1:8080:80, [::1]:8080:80, "
		                 "8000-8010, 5353:53/udp, or 0:80 for a free "
		                 "one",
		                 text);
	return 0;
}

char *publish_format(const struct publish_spec *spec,
                     char buf[PUBLISH_TEXT_MAX])
{
	char addr[ADDR_TEXT_MAX], last[16] = "", at[ADDR_TEXT_MAX + 4] = "";
	bool ip4 = addr_is_ip4(&spec->addr);

	if (spec->has_addr)
		snprintf(at, sizeof(at),
		         ip4 ? "%s:" : "[%s]:", addr_format(&spec->addr, addr));
	if (spec->count > 1)
		snprintf(last, sizeof(last), "-%u",
		         spec->app_port + spec->count - 1u);
	snprintf(buf, PUBLISH_TEXT_MAX, "%s%u:%u%s/%s", at, spec->host_port,
	         spec->app_port, last, spec->udp ? "udp" : "tcp");
	return buf;
}

/* --- bound ------------------------------------------------------------------
 */

/*
 * Without SO_REUSEADDR nobody else can have the port, whether somebody
 * listens there or not. Connections that ended a minute ago are in the way of
 * that, and of nothing else: then with it, and a listen(2) shows whether
 * anybody does. host/listen.c goes on from there
 * (tests/kernel/listen_shut_listen).
 */
static int bind_port(int fd, const struct endpoint *at, bool udp)
{
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(at, &ss);
	int on = 1, off = 0;

	if (bind(fd, (const struct sockaddr *)&ss, len) == 0)
		return 0;
	if (errno != EADDRINUSE || udp)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)&ss, len) < 0 ||
	    listen(fd, 0) < 0 || shutdown(fd, SHUT_RD) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof(off)) < 0)
		return -errno;
	return 0;
}

/* A socket bound to *at, or a negative errno. */
static int open_bound(const struct endpoint *at, bool udp)
{
	int family = addr_is_ip4(&at->addr) ? AF_INET : AF_INET6, on = 1, rc;
	_auto_close_ int fd = socket(family,
	                             (udp ? SOCK_DGRAM : SOCK_STREAM) |
	                                     SOCK_NONBLOCK | SOCK_CLOEXEC,
	                             0);

	if (fd < 0)
		return -errno;
	if (family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
		return -errno;
	rc = bind_port(fd, at, udp);
	return rc < 0 ? rc : fd_take(&fd);
}

/*
 * The port that the kernel chooses is let go and bound by its number: only
 * one that was asked for survives shutdown(2) of a listener.
 */
static int choose_port(const struct endpoint *any, bool udp, uint16_t *port)
{
	_auto_close_ int fd = open_bound(any, udp);
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct endpoint at;

	if (fd < 0)
		return fd;
	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return -errno;
	if (endpoint_from_sockaddr((const struct sockaddr *)&ss, len, &at) < 0)
		return -EPROTO;
	*port = at.port;
	return 0;
}

/* struct bound - the sockets of one published port */
struct bound {
	struct published p;
	struct endpoint at[2];
	int fd[2];
	size_t n;
};

static bool is_absent(int rc)
{
	return rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT;
}

static int bind_addresses(struct bound *b, const struct addr *addrs, size_t n,
                          uint16_t port, struct endpoint *failed)
{
	int fd = -EADDRNOTAVAIL;

	for (size_t i = 0; i < n; i++) {
		*failed = (struct endpoint){addrs[i], port};
		fd = open_bound(failed, b->p.udp);
		/* a host without IPv6 has no ::1 */
		if (n > 1 && is_absent(fd))
			continue;
		if (fd < 0)
			return fd;
		b->at[b->n] = *failed;
		b->fd[b->n++] = fd;
	}
	return b->n ? 0 : fd;
}

static void close_bound(struct bound *b)
{
	while (b->n)
		fd_close(&b->fd[--b->n]);
}

/* The addresses of one port, bound; `failed` is the one that could not be. */
static int bind_one(struct bound *b, const struct addr *addrs, size_t n,
                    struct endpoint *failed)
{
	uint16_t port = b->p.host.port;
	int rc = -EADDRINUSE;

	if (port)
		return bind_addresses(b, addrs, n, port, failed);
	for (int i = 0; i < CHOICES && rc == -EADDRINUSE; i++) {
		close_bound(b);
		*failed = (struct endpoint){addrs[0], 0};
		rc = choose_port(failed, b->p.udp, &port);
		if (!rc)
			rc = bind_addresses(b, addrs, n, port, failed);
	}
	b->p.host.port = port;
	return rc;
}

static int tell_failed(const struct endpoint *at, const struct published *p,
                       int rc, struct error *err)
{
	const char *proto = p->udp ? "udp" : "tcp";
	char text[ENDPOINT_TEXT_MAX];

	endpoint_format(at, text);
	switch (rc) {
	case -EADDRINUSE:
		return error_set(err, rc,
		                 "cannot publish %s/%s: the port is in use; "
		                 "write -p OTHER:%u, or -p 0:%u for a free one",
		                 text, proto, p->app_port, p->app_port);
	case -EACCES:
		return error_set(err, rc,
		                 "cannot publish %s/%s: ports below "
		                 "net.ipv4.ip_unprivileged_port_start are "
		                 "root's; write -p %u:%u",
		                 text, proto, 8000u + p->app_port % 1000u,
		                 p->app_port);
	case -EADDRNOTAVAIL:
		return error_set(err, rc,
		                 "cannot publish %s/%s: the host does not have "
		                 "this address; leave it out for loopback",
		                 text, proto);
	default:
		return error_set(err, rc, "cannot publish %s/%s: ", text,
		                 proto);
	}
}

/* The addresses that spec means. */
static int addresses_of(const struct publishes *p,
                        const struct publish_spec *spec, struct addr addrs[2],
                        struct error *err)
{
	static const struct addr loopback6 = {.b = {[15] = 1}};
	int n = 0;

	if (spec->has_addr) {
		bool ip4 = addr_is_ip4(&spec->addr);

		if (ip4 ? p->no_ip4 : p->no_ip6)
			return error_set(err, -EAFNOSUPPORT,
			                 "cannot publish at an address of "
			                 "IPv%c: there is none inside",
			                 ip4 ? '4' : '6');
		addrs[n++] = spec->addr;
		return n;
	}
	if (!p->no_ip4)
		addrs[n++] = addr_ip4(127, 0, 0, 1);
	if (!p->no_ip6)
		addrs[n++] = loopback6;
	return n;
}

static int hand_over(int datapath, const struct bound *b)
{
	struct flow_publish m;

	for (size_t i = 0; i < b->n; i++) {
		int rc;

		memset(&m, 0, sizeof(m)); /* its gaps are sent, too */
		m.id = b->p.id;
		m.proto = b->p.udp ? IP_PROTO_UDP : IP_PROTO_TCP;
		m.app_port = b->p.app_port;
		m.host = b->at[i];
		rc = monitor_tell(datapath, MSG_PUBLISH, 0, &m, sizeof(m),
		                  b->fd[i]);
		if (rc)
			return rc;
	}
	return 0;
}

static int bind_all(const struct publishes *p, const struct publish_spec *spec,
                    struct bound *all, struct error *err)
{
	struct endpoint failed;
	struct addr addrs[2];
	int n = addresses_of(p, spec, addrs, err);

	for (uint16_t i = 0; n > 0 && i < spec->count; i++) {
		struct bound *b = &all[i];
		int rc;

		b->p.id = p->last_id + 1 + i;
		b->p.has_addr = spec->has_addr;
		b->p.udp = spec->udp;
		b->p.app_port = (uint16_t)(spec->app_port + i);
		b->p.host.addr = addrs[0];
		if (spec->host_port)
			b->p.host.port = (uint16_t)(spec->host_port + i);
		rc = bind_one(b, addrs, (size_t)n, &failed);
		if (rc < 0)
			return tell_failed(&failed, &b->p, rc, err);
	}
	return MIN(n, 0);
}

static int grow(struct publishes *p, size_t more)
{
	struct published *list;

	if (p->n + more <= p->room)
		return 0;
	list = realloc(p->list, (p->n + more) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	p->list = list;
	p->room = p->n + more;
	return 0;
}

int publishes_add(struct publishes *p, int datapath,
                  const struct publish_spec *spec, struct error *err)
{
	_auto_free_ struct bound *all = calloc(spec->count, sizeof(*all));
	int rc;

	if (!all || grow(p, spec->count) < 0)
		return error_set(err, -ENOMEM, "no memory for %u ports",
		                 spec->count);
	if ((p->n + spec->count) * 2 > FLOW_PUBLISH_MAX)
		return error_set(err, -E2BIG,
		                 "more than %u ports cannot be published",
		                 FLOW_PUBLISH_MAX / 2);
	rc = bind_all(p, spec, all, err);
	for (uint16_t i = 0; !rc && i < spec->count; i++) {
		rc = hand_over(datapath, &all[i]);
		if (rc) {
			error_set(err, rc, "cannot tell the datapath: ");
			break;
		}
		p->list[p->n++] = all[i].p;
		p->last_id = all[i].p.id;
	}
	for (uint16_t i = 0; i < spec->count; i++)
		close_bound(&all[i]);
	return rc;
}

int publishes_remove(struct publishes *p, int datapath, uint32_t id)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->list[i].id != id)
			continue;
		p->n--;
		memmove(&p->list[i], &p->list[i + 1],
		        (p->n - i) * sizeof(*p->list));
		return monitor_tell(datapath, MSG_UNPUBLISH, (int32_t)id, NULL,
		                    0, -1);
	}
	return -ENOENT;
}

void publishes_follow(struct publishes *p, int datapath, uint16_t port, bool on)
{
	const struct publish_spec spec = {
		.host_port = port, .app_port = port, .count = 1};
	struct error err = {0};

	for (size_t i = 0; i < p->n; i++) {
		if (p->list[i].app_port != port || p->list[i].udp)
			continue;
		/* the user has published it already, or it goes */
		if (!on && p->list[i].is_followed)
			(void)!publishes_remove(p, datapath, p->list[i].id);
		return;
	}
	if (!on)
		return;
	if (publishes_add(p, datapath, &spec, &err) < 0)
		log_notice("-p auto: %s", err.text);
	else
		p->list[p->n - 1].is_followed = true;
}

void publishes_fini(struct publishes *p)
{
	free(p->list);
	*p = (struct publishes){0};
}
