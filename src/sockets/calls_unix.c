/* SPDX-License-Identifier: Apache-2.0 */
/* calls_unix.c - AF_UNIX connect() and bind(), done here for the app */
/*
 * Where every path socket may be reached and the kernel keeps abstract names
 * apart, the app's AF_UNIX sockets are its own business (calls_foreign.c).
 * Otherwise (`unix_is_judged`) a call that names something is never left to
 * the kernel: it could name something else by then. The name is copied, found
 * by another process (launch/unix_paths.h), and what was found is what the
 * app's socket is connected to, here. Datagram sockets, by which any message
 * may carry a name, the app does not get in this case; of the other kinds the
 * kernel takes no name with a message.
 *
 * The peer sees the supervisor's pid (SO_PEERCRED). Where pidfd_getfd(2) is
 * refused, a new socket takes the place of the app's: a duplicate that it
 * made before stays unconnected.
 */
#include "sockets/sockets-private.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define PATH_AT offsetof(struct sockaddr_un, sun_path)
#define RETRY_FIRST_NS NS_PER_MS
#define RETRY_MOST_NS (50 * NS_PER_MS)

bool unix_is_judged(const struct sockets *s)
{
	return s->config.unix_rules || !s->unix_kept;
}

/* --- calls that wait ------------------------------------------------------ */

static uint32_t waiter_index(const struct sockets *s, const struct unix_call *u)
{
	return (uint32_t)(u - s->unix_calls);
}

static void waiter_end(struct sockets *s, struct unix_call *u)
{
	fd_close(&u->file);
	u->used = false;
	u->gen++;
	s->nunix_calls--;
}

/* One for each thread: an older one's call is gone. */
static struct unix_call *waiter_new(struct sockets *s, const struct call *c)
{
	struct unix_call *free_one = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(s->unix_calls); i++) {
		struct unix_call *u = &s->unix_calls[i];

		if (u->used && u->call.tid == c->tid)
			waiter_end(s, u);
		if (!u->used)
			free_one = u;
	}
	if (!free_one)
		return NULL;
	free_one->call = *c;
	free_one->used = true;
	s->nunix_calls++;
	free_one->file = -1;
	free_one->again_at = TIME_NEVER;
	free_one->wait_ns = RETRY_FIRST_NS;
	return free_one;
}

void unix_init(struct sockets *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->unix_calls); i++)
		s->unix_calls[i].file = -1;
}

void unix_fini(struct sockets *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->unix_calls); i++)
		fd_close(&s->unix_calls[i].file);
}

/* --- names ---------------------------------------------------------------- */

static int read_name(struct sockets *s, const struct call *c,
                     struct sockaddr_un *un, size_t *len)
{
	struct sockaddr_storage ss;
	int n = (int)c->args[2];
	int rc = memory_read_sockaddr(s, c, c->args[1], n, &ss);

	if (rc < 0)
		return rc;
	if (n < (int)sizeof(ss.ss_family) || ss.ss_family != AF_UNIX ||
	    n > (int)sizeof(*un))
		return -EINVAL; /* as AF_UNIX says it */
	memset(un, 0, sizeof(*un));
	memcpy(un, &ss, (size_t)n);
	*len = (size_t)n;
	return 0;
}

static bool is_path(const struct sockaddr_un *un, size_t len)
{
	return len > PATH_AT && un->sun_path[0];
}

/* --- acts ----------------------------------------------------------------- */

/* connect(2) that never blocks: the flag is the app's, so it is put back. */
/* #syscalls connect fcntl */
static int connect_now(int fd, const struct sockaddr_un *un, size_t len)
{
	int flags = fcntl(fd, F_GETFL);
	int rc = 0;

	if (flags < 0 ||
	    (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK)))
		return -errno;
	if (connect(fd, (const struct sockaddr *)un, (socklen_t)len) < 0)
		rc = -errno;
	if (!(flags & O_NONBLOCK))
		(void)fcntl(fd, F_SETFL, flags);
	return rc;
}

static void name_of_file(int file, struct sockaddr_un *un)
{
	un->sun_family = AF_UNIX;
	snprintf(un->sun_path, sizeof(un->sun_path), "/proc/self/fd/%d", file);
}

/*
 * The app's socket, or a negative errno: -EPERM where it is not to be had. The
 * number may be another file's by now, whose flags are not ours to touch.
 * #syscalls getsockopt
 */
static int fetch(const struct sockets *s, const struct call *c, int *nonblock)
{
	_auto_close_ int fd =
		s->can_getfd ? fd_fetch(c->tid, (int)c->args[0]) : -EPERM;
	int domain;
	socklen_t len = sizeof(domain);

	*nonblock = 0;
	if (fd < 0)
		return -EPERM;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
	    domain != AF_UNIX)
		return -ENOTSOCK;
	*nonblock = (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
	return fd_take(&fd);
}

/* #syscalls socket */
static int connect_other(struct sockets *s, const struct unix_call *u)
{
	struct sockaddr_un un = {0};
	_auto_close_ int fd = -1;
	int rc;

	if (u->type != SOCK_STREAM && u->type != SOCK_SEQPACKET)
		return -EACCES;
	fd = socket(AF_UNIX, u->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	name_of_file(u->file, &un);
	rc = connect_now(fd, &un, sizeof(un));
	if (rc < 0)
		return rc;
	if (!u->nonblock &&
	    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) < 0)
		return -errno;
	return call_replace_fd(s, &u->call, fd, (int)u->call.args[0],
	                       u->cloexec);
}

static int connect_found(struct sockets *s, struct unix_call *u)
{
	struct sockaddr_un un = {0};
	int nonblock;
	_auto_close_ int fd = fetch(s, &u->call, &nonblock);

	if (fd == -EPERM)
		return connect_other(s, u);
	if (fd < 0)
		return fd;
	u->nonblock = nonblock;
	name_of_file(u->file, &un);
	return connect_now(fd, &un, sizeof(un));
}

/* A listener's queue may be full: a blocking connect() waits for it. */
static void go_on(struct sockets *s, struct unix_call *u, int64_t now)
{
	int rc;

	if (!call_is_valid(s, &u->call)) {
		waiter_end(s, u);
		return;
	}
	rc = connect_found(s, u);
	if (rc == -EAGAIN && !u->nonblock) {
		u->again_at = now + u->wait_ns;
		u->wait_ns = MIN(2 * u->wait_ns, RETRY_MOST_NS);
		return;
	}
	call_answer(s, &u->call, rc);
	waiter_end(s, u);
}

int64_t unix_deadline(const struct sockets *s)
{
	int64_t first = TIME_NEVER;

	if (!s->nunix_calls)
		return first;
	for (size_t i = 0; i < ARRAY_SIZE(s->unix_calls); i++)
		if (s->unix_calls[i].used)
			first = MIN(first, s->unix_calls[i].again_at);
	return first;
}

void unix_run(struct sockets *s, int64_t now)
{
	if (!s->nunix_calls)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(s->unix_calls); i++) {
		struct unix_call *u = &s->unix_calls[i];

		if (!u->used || u->again_at > now)
			continue;
		u->again_at = TIME_NEVER;
		go_on(s, u, now);
	}
}

static void tell_denied(struct sockets *s, uint32_t tid, const char *path,
                        int64_t now)
{
	struct frontend_who who = {0};

	(void)who_of_thread(tid, &who);
	flow_tell_denied_path(s->ft, path, &who, now);
}

void sockets_path_found(struct sockets *s, uint64_t token,
                        const struct sockets_path *found, int64_t now)
{
	uint32_t index = (uint32_t)token;
	struct unix_call *u = &s->unix_calls[index % UNIX_CALLS];
	int file = found->file;

	if (index >= UNIX_CALLS || !u->used || u->gen != token >> 32) {
		fd_close(&file);
		return;
	}
	u->file = file;
	u->type = found->type;
	u->cloexec = found->cloexec;
	u->nonblock = found->nonblock;
	if (found->result < 0) {
		struct call c = u->call;

		/* said before the app knows, and may end */
		if (found->denied)
			tell_denied(s, c.tid, found->denied, now);
		waiter_end(s, u);
		if (call_is_valid(s, &c))
			call_answer(s, &c, found->result);
		return;
	}
	go_on(s, u, now);
}

void sockets_paths_gone(struct sockets *s)
{
	s->find_path = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(s->unix_calls); i++) {
		struct unix_call *u = &s->unix_calls[i];
		struct call c = u->call;

		/* of the others the file is known already */
		if (!u->used || u->file >= 0)
			continue;
		waiter_end(s, u);
		if (call_is_valid(s, &c))
			call_answer(s, &c, -EACCES);
	}
}

/* --- the calls ------------------------------------------------------------ */

/*
 * The kernel looks an abstract name up in the network of the socket: where
 * that is the app's own it may be connected to what it likes there.
 */
static int64_t with_copy(struct sockets *s, const struct call *c,
                         const struct sockaddr_un *un, size_t len)
{
	_auto_close_ int fd = -1;
	int nonblock, rc;

	if (!s->config.own_network)
		return -EACCES;
	fd = fetch(s, c, &nonblock);
	if (fd < 0)
		return -EACCES;
	if (c->nr == SYS_connect)
		return connect_now(fd, un, len);
	/* #syscalls bind */
	rc = bind(fd, (const struct sockaddr *)un, (socklen_t)len);
	return rc < 0 ? -errno : 0;
}

static int64_t find(struct sockets *s, struct call *c,
                    const struct sockaddr_un *un)
{
	struct unix_call *u;
	char path[sizeof(un->sun_path) + 1] = "";
	int rc;

	if (!s->find_path)
		return -EACCES;
	u = waiter_new(s, c);
	if (!u)
		return -EAGAIN;
	memcpy(path, un->sun_path, sizeof(un->sun_path));
	rc = s->find_path(s->find_user,
	                  (uint64_t)u->gen << 32 | waiter_index(s, u), c->tid,
	                  (int)c->args[0], !s->can_getfd, path);
	if (rc < 0) {
		waiter_end(s, u);
		return rc == -EAGAIN ? rc : -EACCES;
	}
	return CALL_HELD;
}

int64_t call_unix_connect(struct sockets *s, struct call *c)
{
	struct sockaddr_un un;
	size_t len;
	int rc = read_name(s, c, &un, &len);

	if (rc < 0)
		return rc;
	return is_path(&un, len) ? find(s, c, &un) : with_copy(s, c, &un, len);
}

/*
 * A name that the app gives itself leads nowhere: it is the kernel's business
 * unless host processes shall find no socket of the app by it.
 */
int64_t call_unix_bind(struct sockets *s, struct call *c)
{
	struct sockaddr_un un;
	size_t len;
	int rc;

	if (!s->config.no_unix_bind)
		return CALL_CONTINUE;
	rc = read_name(s, c, &un, &len);
	if (rc < 0)
		return rc;
	return is_path(&un, len) ? -EACCES : with_copy(s, c, &un, len);
}
