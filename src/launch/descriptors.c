/* SPDX-License-Identifier: Apache-2.0 */
/* descriptors.c - which open files a process of ours keeps, and CMD gets */
#include "launch/descriptors.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#ifndef PID_FS_MAGIC /* Linux 6.9 */
#define PID_FS_MAGIC 0x50494446
#endif

static int open_null(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* a bare root directory: anything that reads as empty does */
	return fd >= 0 ? fd : (int)syscall(SYS_memfd_create, "null", 1U);
}

void stdio_guard(void)
{
	/* the lowest free number is fd itself */
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open_null();
}

void stdio_detach(bool stderr_too)
{
	int fd = open_null();

	if (fd < 0)
		return;
	for (int i = 0; i <= (stderr_too ? 2 : 1); i++)
		(void)dup2(fd, i);
	if (fd > 2)
		close(fd);
}

/*
 * for_each_above_stdio() - calls fn for every open descriptor above 2. By
 * /proc where there is one, else by trying every number. Without opendir(3),
 * whose buffer costs a new process more pages than the rest of this.
 */
static void for_each_above_stdio(void (*fn)(int fd, void *user), void *user)
{
	_auto_close_ int dir =
		open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_Alignas(struct dirent64) char buf[1024];
	ssize_t len;

	if (dir < 0) {
		long max = sysconf(_SC_OPEN_MAX);

		for (int fd = 3; fd < max; fd++)
			if (fcntl(fd, F_GETFD) >= 0)
				fn(fd, user);
		return;
	}
	while ((len = getdents64(dir, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < len;) {
			const struct dirent64 *e = (const void *)(buf + at);
			int fd = atoi(e->d_name); /* "." and ".." give 0 */

			at += e->d_reclen;
			if (fd > 2 && fd != dir)
				fn(fd, user);
		}
}

static void remember(int fd, void *user)
{
	struct descriptors *d = user;
	int flags = fcntl(fd, F_GETFD);

	if (flags < 0 || flags & FD_CLOEXEC)
		return;
	if (d->n < DESCRIPTORS_MAX)
		d->fd[d->n++] = fd;
	else
		d->complete = false;
}

void descriptors_inherited(struct descriptors *d)
{
	d->n = 0;
	d->complete = true;
	for_each_above_stdio(remember, d);
}

static bool is_in(int fd, const int *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == fd)
			return true;
	return false;
}

void descriptors_close(const struct descriptors *d, const int *keep,
                       size_t nkeep)
{
	for (size_t i = 0; i < d->n; i++)
		if (!is_in(d->fd[i], keep, nkeep))
			close(d->fd[i]);
}

static int compare_int(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void close_range_of(unsigned int first, unsigned int last)
{
	if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
		return;
	/* before Linux 5.9 */
	for (unsigned int fd = first; fd <= MIN(last, 65536U); fd++)
		close((int)fd);
}

void descriptors_close_above(const int *keep, size_t nkeep)
{
	int sorted[16];
	unsigned int first = 3;

	nkeep = MIN(nkeep, ARRAY_SIZE(sorted));
	memcpy(sorted, keep, nkeep * sizeof(sorted[0]));
	qsort(sorted, nkeep, sizeof(sorted[0]), compare_int);
	for (size_t i = 0; i < nkeep; i++) {
		if (sorted[i] < (int)first)
			continue;
		close_range_of(first, (unsigned int)sorted[i] - 1);
		first = (unsigned int)sorted[i] + 1;
	}
	close_range_of(first, UINT_MAX);
}

/* May CMD have it when nobody said anything? */
static bool is_harmless(int fd)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	if (S_ISFIFO(st.st_mode))
		return true;
	if (!S_ISREG(st.st_mode) || fstatfs(fd, &fs) < 0)
		return false;
	/* namespaces, processes and /proc/PID/mem pose as plain files */
	return fs.f_type != NSFS_MAGIC && fs.f_type != PROC_SUPER_MAGIC &&
	       fs.f_type != PID_FS_MAGIC;
}

/* What for_each_above_stdio() hands on: the config is large, and const. */
struct cmd_rules {
	const struct sandbox_config *config;
};

static void close_unless_harmless(int fd, void *user)
{
	const struct cmd_rules *rules = user;
	const struct sandbox_config *c = rules->config;
	int flags = fcntl(fd, F_GETFD);

	if (flags < 0 || flags & FD_CLOEXEC)
		return; /* exec closes it */
	if (fd == c->pcap_fd || fd == c->ready_fd || fd == c->info_fd ||
	    fd == c->json_status_fd || !is_harmless(fd))
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void set_close_on_exec(int fd, void *user)
{
	(void)user;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int descriptors_check_preserved(unsigned int n, struct error *err)
{
	for (unsigned int i = 0; i < n; i++)
		if (fcntl((int)(3 + i), F_GETFD) < 0)
			return error_set(err, -EBADF,
			                 "--preserve-fds=%u: descriptor %u is "
			                 "not open",
			                 n, 3 + i);
	return 0;
}

int descriptors_check_stdio(struct error *err)
{
	for (int fd = 0; fd <= 2; fd++) {
		int domain;
		socklen_t len = sizeof(domain);

		if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
		    domain == AF_UNIX)
			continue;
		return error_set(err, -EPERM,
		                 "descriptor %d is a socket of the host's "
		                 "network, by which CMD could get around "
		                 "postern; put a pipe in between, or use "
		                 "--best-effort",
		                 fd);
	}
	return 0;
}

void descriptors_for_cmd(const struct sandbox_config *config)
{
	struct cmd_rules rules = {config};

	if (!config->close_fds && !config->preserve_fds_given) {
		for_each_above_stdio(close_unless_harmless, &rules);
		return;
	}
	for_each_above_stdio(set_close_on_exec, NULL);
	if (config->close_fds)
		return;
	for (unsigned int i = 0; i < config->preserve_fds; i++)
		(void)fcntl((int)(3 + i), F_SETFD, 0);
}
