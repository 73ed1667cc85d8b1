/* SPDX-License-Identifier: Apache-2.0 */
/* unix_paths.c - a process that finds which socket a path of the app names */
/*
 * The supervisor of `sockets` connects AF_UNIX sockets on the app's behalf
 * where some of them are not to be reached (-host-uds, --allow-unix), or
 * where the kernel does not keep abstract names apart: a call that was judged
 * and left to the kernel could name something else by then. Paths mean what
 * they mean to the app, so they are looked up from its root and its working
 * directory; the supervisor cannot open files, hence this process. What it
 * finds it hands over as a descriptor, and that is what is connected to,
 * whatever becomes of the path.
 *
 * Files are told apart by device and inode, so that no spelling and no link
 * leads around a rule.
 */
#include "launch/unix_paths.h"

#include "base/cleanup.h"
#include "base/passing.h"
#include "launch/descriptors.h"
#include "launch/unix_owner.h"
#include "sockets/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

struct finder {
	struct unix_paths_start start;
	struct unix_owner owner;
	/* first our end of the pair, then what --allow-unix named when we
	 * were started: whatever the app puts there later is another file,
	 * and an inode that is held is not given to one */
	int fds[1 + CONFIG_UNIX_MAX];
};

static bool is_file(const char *path, const struct stat *st)
{
	struct stat other;

	return stat(path, &other) == 0 && other.st_dev == st->st_dev &&
	       other.st_ino == st->st_ino;
}

static bool is_one_of(const char *const *paths, size_t n, const struct stat *st)
{
	for (size_t i = 0; i < n; i++)
		if (is_file(paths[i], st))
			return true;
	return false;
}

static bool is_allowed(const struct finder *f, const struct stat *st)
{
	struct stat other;

	for (size_t i = 0; i < f->start.config->nallow_unix; i++)
		if (fstat(f->fds[1 + i], &other) == 0 &&
		    other.st_dev == st->st_dev && other.st_ino == st->st_ino)
			return true;
	return false;
}

static bool is_below(const char *dir, const char *path)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && path[len] == '/';
}

/* --- where the path leads ------------------------------------------------- */

static ssize_t read_link(const char *path, char *buf, size_t len)
{
	ssize_t n = readlink(path, buf, len - 1);

	if (n < 0)
		return -errno;
	if ((size_t)n == len - 1)
		return -ENAMETOOLONG;
	buf[n] = '\0';
	return n;
}

/* A relative path, as seen from the app's root. */
static int from_root(uint32_t tid, const char *path, char *full, size_t len)
{
	char link[32], root[4096], cwd[4096];
	ssize_t n, k;

	snprintf(link, sizeof(link), "/proc/%u/root", tid);
	n = read_link(link, root, sizeof(root));
	snprintf(link, sizeof(link), "/proc/%u/cwd", tid);
	k = read_link(link, cwd, sizeof(cwd));
	if (n < 0 || k < 0)
		return (int)MIN(n, k);
	if (n == 1)
		n = 0; /* "/" */
	if (strncmp(cwd, root, (size_t)n) != 0 || (cwd[n] && cwd[n] != '/'))
		return -ENOENT;
	if ((size_t)snprintf(full, len, "%s/%s", cwd + n, path) >= len)
		return -ENAMETOOLONG;
	return 0;
}

static int open_in_app(uint32_t tid, const char *path)
{
	const struct open_how how = {.flags = O_PATH | O_CLOEXEC,
	                             .resolve = RESOLVE_IN_ROOT |
	                                        RESOLVE_NO_MAGICLINKS};
	char link[32], full[8192];
	_auto_close_ int root = -1;
	int fd, rc;

	snprintf(link, sizeof(link), "/proc/%u/root", tid);
	root = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	if (*path != '/') {
		rc = from_root(tid, path, full, sizeof(full));
		if (rc < 0)
			return rc;
		path = full;
	}
	fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

/* --- may it be reached? --------------------------------------------------- */

static void judge_owner(struct finder *f, uint32_t tid, int fd,
                        struct unix_path_answer *a)
{
	switch (unix_owner_of(&f->owner, tid, fd)) {
	case UNIX_OF_APP:
		return;
	case UNIX_OF_NOBODY:
		a->result = -ECONNREFUSED;
		return;
	case UNIX_OF_OTHERS:
		a->result = -EACCES;
		a->denied = true;
	}
}

static void judge(struct finder *f, uint32_t tid, int fd,
                  struct unix_path_answer *a)
{
	const struct sandbox_config *k = f->start.config;
	char link[32];
	struct stat st;

	a->path[0] = '\0';
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	(void)read_link(link, a->path, sizeof(a->path));
	if (fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode))
		a->result = -ECONNREFUSED; /* as the kernel says it */
	else if (is_one_of(sockets_resolver_daemons, SOCKETS_RESOLVER_DAEMONS,
	                   &st))
		a->result = -ECONNREFUSED;
	else if (f->start.control_root &&
	         is_below(f->start.control_root, a->path))
		a->result = -EACCES;
	else if (k->host_uds != HOST_UDS_ALL && k->host_uds != HOST_UDS_OPEN &&
	         !is_allowed(f, &st))
		judge_owner(f, tid, fd, a);
}

/* --- the descriptor in the app -------------------------------------------- */

static unsigned int flags_of(uint32_t tid, int fd)
{
	char path[64], line[128];
	_auto_fclose_ FILE *f = NULL;
	unsigned int flags = 0;

	snprintf(path, sizeof(path), "/proc/%u/fdinfo/%d", tid, fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	return flags;
}

#define CONNECTED 3u /* SS_CONNECTED of include/uapi/linux/net.h */
#define LISTENS 0x10000u

static void find_type(uint32_t tid, int fd, struct unix_path_answer *a)
{
	char path[64], line[512];
	_auto_fclose_ FILE *f = NULL;
	unsigned long inode, at;
	unsigned int flags, type, state;

	snprintf(path, sizeof(path), "/proc/%u/fd/%d", tid, fd);
	if (read_link(path, line, sizeof(line)) < 0 ||
	    sscanf(line, "socket:[%lu]", &inode) != 1)
		return;
	snprintf(path, sizeof(path), "/proc/%u/net/unix", tid);
	f = fopen(path, "re");
	/* address: users protocol flags type state inode path */
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*x: %*x %*x %x %x %x %lu", &flags, &type,
		           &state, &at) != 4 ||
		    at != inode)
			continue;
		a->type = (int)type;
		if (flags & LISTENS)
			a->result = -EINVAL;
		else if (state == CONNECTED)
			a->result = -EISCONN;
		return;
	}
}

static void describe(const struct unix_path_question *q,
                     struct unix_path_answer *a)
{
	unsigned int flags = flags_of(q->tid, q->fd);

	find_type(q->tid, q->fd, a);
	a->cloexec = flags & O_CLOEXEC;
	a->nonblock = flags & O_NONBLOCK;
}

/* --- the process ---------------------------------------------------------- */

static void answer(struct finder *f, const struct unix_path_question *q)
{
	struct unix_path_answer a = {.token = q->token};
	struct iovec iov = {&a, sizeof(a)};
	_auto_close_ int fd = open_in_app(q->tid, q->path);

	if (fd < 0)
		a.result = fd;
	else
		judge(f, q->tid, fd, &a);
	if (a.result == 0 && q->describe)
		describe(q, &a);
	/* it blocks while the supervisor has not read; gone: we hear of it */
	(void)!passing_send(f->fds[0], &iov, 1, &fd, a.result == 0 ? 1 : 0);
}

static int take_hello(struct finder *f)
{
	struct unix_paths_hello hello;
	struct iovec iov = {&hello, sizeof(hello)};
	struct passed passed;

	if (passing_receive(f->fds[0], &iov, 1, 0, 1, &passed) !=
	    sizeof(hello)) {
		(void)passed_take(&passed);
		return -EPROTO;
	}
	unix_owner_init(&f->owner, passed_take(&passed), hello.root);
	return 0;
}

static void run(struct finder *f)
{
	struct unix_path_question q;

	if (take_hello(f) < 0)
		return;
	while (recv(f->fds[0], &q, sizeof(q), 0) == sizeof(q)) {
		q.path[sizeof(q.path) - 1] = '\0';
		answer(f, &q);
	}
}

static void let_go(struct finder *f)
{
	for (size_t i = 1; i < ARRAY_SIZE(f->fds); i++)
		fd_close(&f->fds[i]);
}

/* Before CMD runs, who could put another one there. */
static int hold_allowed(struct finder *f, struct error *err)
{
	const struct sandbox_config *k = f->start.config;

	for (size_t i = 0; i < ARRAY_SIZE(f->fds); i++)
		f->fds[i] = -1;
	for (size_t i = 0; i < k->nallow_unix; i++) {
		f->fds[1 + i] = open(k->allow_unix[i], O_PATH | O_CLOEXEC);
		if (f->fds[1 + i] < 0)
			return error_set(err, -errno,
			                 "--allow-unix %s: ", k->allow_unix[i]);
	}
	return 0;
}

pid_t unix_paths_start(const struct unix_paths_start *s, int *fd,
                       struct error *err)
{
	struct finder f = {.start = *s};
	sigset_t none;
	int pair[2];
	pid_t pid = hold_allowed(&f, err);

	if (pid == 0 &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		pid = error_set(err, -errno, "cannot make a socket pair: ");
	if (pid < 0) {
		let_go(&f);
		return pid;
	}
	pid = fork();
	if (pid < 0) {
		pid = -errno;
		let_go(&f);
		fd_close(&pair[0]);
		fd_close(&pair[1]);
		return error_set(err, pid, "cannot start a process: ");
	}
	if (pid > 0) {
		let_go(&f);
		fd_close(&pair[1]);
		*fd = pair[0];
		return pid;
	}
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)prctl(PR_SET_NAME, "postern-paths", 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	f.fds[0] = pair[1];
	stdio_detach(true);
	descriptors_close_above(f.fds, 1 + s->config->nallow_unix);
	run(&f);
	_exit(0);
}
