/* SPDX-License-Identifier: Apache-2.0 */
/* door.c - --host-port, --forward and --host-unix: services outside, inside */
#include "launch/door.h"

#include "base/cleanup.h"
#include "launch/lookup.h"
#include "launch/publish.h"
#include "wire/headers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static const struct addr loopback6 = {.b = {[15] = 1}};

/* --- what was written ------------------------------------------------------
 */

static int parse_port(const char *text, const char *end, uint16_t *out)
{
	return publish_parse_port(text, end, 1, out);
}

/* Where "/tcp" or "/udp" starts, or the end. */
static int parse_proto(const char *text, const char **end, bool *udp)
{
	const char *slash = strrchr(text, '/');

	*end = slash ? slash : text + strlen(text);
	*udp = slash && !strcmp(slash, "/udp");
	return !slash || *udp || !strcmp(slash, "/tcp") ? 0 : -EINVAL;
}

/* N[:M][/udp] */
static int parse_host_port(const char *text, struct door_spec *spec)
{
	const char *end, *colon;
	int rc = parse_proto(text, &end, &spec->udp);

	if (rc)
		return rc;
	colon = memchr(text, ':', (size_t)(end - text));
	rc = parse_port(text, colon ? colon : end, &spec->to.port);
	spec->port = spec->to.port;
	if (!rc && colon)
		rc = parse_port(colon + 1, end, &spec->port);
	spec->to.addr = addr_ip4(127, 0, 0, 1);
	spec->is_resolved = true;
	return rc;
}

/* The colon behind text's first part, which may be an address in brackets. */
static const char *part_end(const char *text, const char *end)
{
	if (text < end && *text == '[') {
		text = memchr(text, ']', (size_t)(end - text));
		return text && text + 1 < end && text[1] == ':' ? text + 1
		                                                : NULL;
	}
	return memchr(text, ':', (size_t)(end - text));
}

/* Copied without its brackets. */
static int copy_part(const char *text, const char *end, char *to, size_t room)
{
	size_t len;

	if (text < end && *text == '[') {
		text++;
		end--;
	}
	len = (size_t)(end - text);
	if (!len || len >= room)
		return -EINVAL;
	memcpy(to, text, len);
	to[len] = '\0';
	return 0;
}

/* Where inside: nothing, "*" and "localhost" are both families' loopback. */
static int parse_bind(const char *text, const char *end, struct door_spec *spec)
{
	char at[ADDR_TEXT_MAX];

	if (text == end || (end - text == 1 && *text == '*'))
		return 0;
	if (copy_part(text, end, at, sizeof(at)) < 0)
		return -EINVAL;
	if (!strcmp(at, "localhost"))
		return 0;
	spec->has_bind = true;
	if (addr_parse(at, &spec->bind) < 0 || !addr_is_loopback(&spec->bind))
		return -EINVAL;
	return 0;
}

/* [BIND:]PORT:HOST:HOSTPORT[/udp] */
static int parse_forward(const char *text, struct door_spec *spec)
{
	const char *end, *parts[4] = {text}, *ends[4];
	size_t n = 1;
	int rc = parse_proto(text, &end, &spec->udp);

	if (rc)
		return rc;
	while (n < 4) {
		ends[n - 1] = part_end(parts[n - 1], end);
		if (!ends[n - 1])
			break;
		parts[n] = ends[n - 1] + 1;
		n++;
	}
	ends[n - 1] = end;
	if (n < 3)
		return -EINVAL;
	if (n == 4 && parse_bind(parts[0], ends[0], spec) < 0)
		return -EINVAL;
	if (parse_port(parts[n - 3], ends[n - 3], &spec->port) < 0 ||
	    copy_part(parts[n - 2], ends[n - 2], spec->host,
	              sizeof(spec->host)) < 0 ||
	    parse_port(parts[n - 1], end, &spec->to.port) < 0)
		return -EINVAL;
	spec->is_resolved = addr_parse(spec->host, &spec->to.addr) == 0;
	return 0;
}

/* PATH:PORT */
static int parse_unix(const char *text, struct door_spec *spec)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (len < 2 || text[0] != '/' || len >= sizeof(spec->host) ||
	    len >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return -EINVAL;
	memcpy(spec->host, text, len);
	spec->host[len] = '\0';
	spec->is_resolved = true;
	return parse_port(colon + 1, text + strlen(text), &spec->port);
}

int door_parse(enum door_kind kind, const char *text, struct door_spec *spec,
               struct error *err)
{
	*spec = (struct door_spec){.kind = kind, .text = text};
	switch (kind) {
	case DOOR_HOST_PORT:
		if (!parse_host_port(text, spec))
			return 0;
		return error_set(err, -EINVAL,
		                 "--host-port %s: write PORT, PORT:INSIDE, or "
		                 "PORT/udp",
		                 text);
	case DOOR_FORWARD:
		if (!parse_forward(text, spec))
			return 0;
		return error_set(err, -EINVAL,
		                 "--forward %s: write PORT:HOST:HOSTPORT, or "
		                 "127.0.0.2:PORT:HOST:HOSTPORT for another "
		                 "loopback address inside",
		                 text);
	case DOOR_UNIX:
		if (!parse_unix(text, spec))
			return 0;
		return error_set(err, -EINVAL,
		                 "--host-unix %s: write /PATH:PORT, an "
		                 "absolute path of at most 107 bytes",
		                 text);
	}
	return -EINVAL;
}

int door_resolve(struct door_spec *spec, struct error *err)
{
	int rc;

	if (spec->is_resolved)
		return 0;
	rc = lookup_host(spec->host, &spec->to.addr);
	if (rc == -ENODATA)
		return error_set(err, -ENOENT,
		                 "--forward %s: the host cannot find %s; write "
		                 "its address",
		                 spec->text, spec->host);
	if (rc)
		return error_set(err, rc,
		                 "--forward %s: cannot run getent to find %s; "
		                 "write its address: ",
		                 spec->text, spec->host);
	spec->is_resolved = true;
	return 0;
}

/* --- what becomes of it ------------------------------------------------------
 */

bool door_clash(const struct door_spec *a, const struct door_spec *b)
{
	struct addr loopback4 = addr_ip4(127, 0, 0, 1);

	if (a->udp != b->udp || a->port != b->port)
		return false;
	if (a->has_bind && b->has_bind)
		return addr_equal(&a->bind, &b->bind);
	if (!a->has_bind && !b->has_bind)
		return true;
	a = a->has_bind ? a : b;
	return addr_equal(&a->bind, &loopback4) ||
	       addr_equal(&a->bind, &loopback6);
}

static void put_face(struct flow_door *d, bool has, const struct addr *at,
                     uint16_t port)
{
	if (has)
		d->faces[d->nfaces++] = (struct endpoint){*at, port};
}

void door_make(const struct door_spec *spec, uint32_t id,
               const struct door_side *side, struct flow_door *out)
{
	struct addr loopback4 = addr_ip4(127, 0, 0, 1), unused;
	bool both = !spec->has_bind;

	*out = (struct flow_door){
		.id = id,
		.proto = spec->udp ? IP_PROTO_UDP : IP_PROTO_TCP,
		.to_unix = spec->kind == DOOR_UNIX,
		.by_gateway = spec->kind == DOOR_HOST_PORT,
		.to = spec->to,
	};
	if (addr_parse(spec->host, &unused) < 0)
		snprintf(out->name, sizeof(out->name), "%s", spec->host);
	put_face(out, spec->has_bind, &spec->bind, spec->port);
	put_face(out, both && side->has_ip4, &loopback4, spec->port);
	put_face(out, both && side->has_ip6, &loopback6, spec->port);
	if (!out->by_gateway)
		return;
	put_face(out, side->has_ip4, &side->gateway4, spec->port);
	put_face(out, side->has_ip6, &side->gateway6, spec->port);
}

size_t door_loopback_faces(const struct flow_door *d)
{
	size_t n = 0;

	while (n < d->nfaces && addr_is_loopback(&d->faces[n].addr))
		n++;
	return n;
}

int door_connect(const struct door_spec *spec)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	_auto_close_ int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	memcpy(un.sun_path, spec->host,
	       strnlen(spec->host, sizeof(un.sun_path) - 1));
	/* EAGAIN: its queue is full, and nobody waits for that */
	if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) < 0)
		return errno == EAGAIN || errno == ENOENT ? -ECONNREFUSED
		                                          : -errno;
	return fd_take(&fd);
}
