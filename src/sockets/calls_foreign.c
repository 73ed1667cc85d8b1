/* SPDX-License-Identifier: Apache-2.0 */
/* calls_foreign.c - calls with addresses on sockets that are not ours */
/*
 * The app can have no other socket than AF_UNIX (the filter's families, and
 * no network socket is inherited), so what the kernel is let to do here can
 * not reach a network whatever is changed between our look and its own. Two
 * things are kept shut: abstract names of the host, by the kernel (Landlock
 * scope, or a network namespace), and the host's resolver daemons, at which
 * names would pass our resolver by. These are judged by what the path names;
 * where mounts are ours they are hidden as well.
 *
 * Where more than that is kept shut, or the kernel keeps nothing: calls_unix.c.
 */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define MESSAGES_MAX 1024
#define PATH_AT offsetof(struct sockaddr_un, sun_path)

const char *const sockets_resolver_daemons[SOCKETS_RESOLVER_DAEMONS] = {
	"/run/nscd/socket",
	"/var/run/nscd/socket",
	"/run/systemd/resolve/io.systemd.Resolve",
	"/run/systemd/resolve/io.systemd.Resolve.Monitor",
	"/run/avahi-daemon/socket",
	"/var/run/avahi-daemon/socket",
};

/* 0: nothing to object to, or a negative errno. */
static int judge_path(const struct sockets *s, const char *path)
{
	const char *control = s->config.control_root;

	if (control && !strncmp(path, control, strlen(control)) &&
	    path[strlen(control)] == '/')
		return -EACCES;
	for (size_t i = 0; i < SOCKETS_RESOLVER_DAEMONS; i++)
		if (strcmp(path, sockets_resolver_daemons[i]) == 0)
			return -ECONNREFUSED;
	return 0;
}

static int judge_name(const struct sockets *s,
                      const struct sockaddr_storage *ss, int len)
{
	char path[sizeof(struct sockaddr_un) + 1] = "";

	if (len < (int)PATH_AT)
		return -EINVAL;
	if (ss->ss_family == AF_UNSPEC)
		return 0; /* takes a datagram socket's peer away */
	if (ss->ss_family != AF_UNIX || len > (int)sizeof(struct sockaddr_un))
		return -EINVAL; /* as AF_UNIX says it */
	memcpy(path, (const char *)ss + PATH_AT, (size_t)len - PATH_AT);
	return path[0] ? judge_path(s, path) : 0;
}

static int judge_at(struct sockets *s, const struct call *c, uint64_t at,
                    int len)
{
	struct sockaddr_storage ss;
	int rc;

	if (!at)
		return 0;
	rc = memory_read_sockaddr(s, c, at, len, &ss);
	return rc < 0 ? rc : judge_name(s, &ss, len);
}

static int judge_message(struct sockets *s, const struct call *c, uint64_t at)
{
	struct {
		uint64_t name;
		uint32_t len, pad;
	} head;
	int rc = memory_read(s, c, at, &head, sizeof(head));

	return rc < 0 ? rc : judge_at(s, c, head.name, (int)head.len);
}

static int judge_messages(struct sockets *s, const struct call *c)
{
	uint32_t n = MIN((uint32_t)c->args[2], MESSAGES_MAX);
	int rc = 0;

	/* each is a struct msghdr and its length, rounded up */
	for (uint32_t i = 0; i < n && rc == 0; i++)
		rc = judge_message(
			s, c, c->args[1] + i * (sizeof(struct msghdr) + 8));
	return rc;
}

int64_t call_foreign(struct sockets *s, struct call *c)
{
	int rc = 0;

	if (unix_is_judged(s)) {
		if (c->nr == SYS_connect)
			return call_unix_connect(s, c);
		if (c->nr == SYS_bind)
			return call_unix_bind(s, c);
		/* not of a datagram socket, so without a name */
		return CALL_CONTINUE;
	}
	switch (c->nr) {
	case SYS_connect:
		rc = judge_at(s, c, c->args[1], (int)c->args[2]);
		break;
	case SYS_sendto:
		rc = judge_at(s, c, c->args[4], (int)c->args[5]);
		break;
	case SYS_sendmsg:
		rc = judge_message(s, c, c->args[1]);
		break;
	case SYS_sendmmsg:
		rc = judge_messages(s, c);
		break;
	default: /* bind: a name of its own leads nowhere */
		break;
	}
	return rc < 0 ? rc : CALL_CONTINUE;
}
