/* SPDX-License-Identifier: Apache-2.0 */
/* datapath_paths.c - sockets: paths of AF_UNIX, found by another process */
#include "launch/datapath-private.h"

#include "base/cleanup.h"
#include "base/passing.h"
#include "launch/unix_paths.h"
#include "loop/loop.h"
#include "sockets/sockets.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static int find_path(void *user, uint64_t token, uint32_t tid, int fd,
                     bool describe, const char *path)
{
	struct datapath *dp = user;
	struct unix_path_question q = {
		.token = token, .tid = tid, .fd = fd, .describe = describe};

	snprintf(q.path, sizeof(q.path), "%s", path);
	if (send(dp->args->paths_fd, &q, sizeof(q),
	         MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static void on_paths(void *user, uint32_t index, uint32_t gen, uint32_t events,
                     int64_t now)
{
	struct datapath *dp = user;
	struct unix_path_answer a;
	struct iovec iov = {&a, sizeof(a)};
	struct sockets_path found;
	struct passed passed;
	ssize_t n = passing_receive(dp->args->paths_fd, &iov, 1, MSG_DONTWAIT,
	                            1, &passed);
	int file = passed_take(&passed);

	(void)index;
	(void)gen;
	(void)events;
	if (n == -EAGAIN)
		return;
	if (n != sizeof(a)) { /* it is gone: what it is asked is refused */
		fd_close(&file);
		loop_del(dp->loop, dp->args->paths_fd);
		sockets_paths_gone(dp->sockets);
		return;
	}
	a.path[sizeof(a.path) - 1] = '\0';
	found = (struct sockets_path){
		.result = file < 0 && a.result >= 0 ? -EACCES : a.result,
		.denied = a.denied ? a.path : NULL,
		.file = file,
		.type = a.type,
		.cloexec = a.cloexec,
		.nonblock = a.nonblock,
	};
	sockets_path_found(dp->sockets, a.token, &found, now);
}

int datapath_paths_build(struct datapath *dp, struct error *err)
{
	struct unix_paths_hello hello = {.root = (int32_t)getpid()};
	struct iovec iov = {&hello, sizeof(hello)};
	struct loop_ref ref = {.kind = LOOP_PATHS};
	int fd = dp->args->paths_fd;
	ssize_t rc;

	if (fd < 0)
		return 0;
	rc = passing_send(fd, &iov, 1, &dp->app_network,
	                  dp->app_network >= 0 ? 1 : 0);
	fd_close(&dp->app_network);
	if (rc >= 0) {
		loop_handle(dp->loop, LOOP_PATHS, on_paths, dp);
		rc = loop_add(dp->loop, fd, EPOLLIN, ref);
	}
	if (rc < 0)
		return error_set(err, (int)rc, "cannot have paths found: ");
	sockets_set_find_path(dp->sockets, find_path, dp);
	return 0;
}
