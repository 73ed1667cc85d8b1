/* SPDX-License-Identifier: Apache-2.0 */
/* sockets_start.c - the filter on CMD, and its listener's way to us */
/*
 * Once the filter stands, the sendmsg(2) that would carry the listener to
 * the supervisor would itself wait for the supervisor, who has no listener
 * yet. pidfd_getfd(2) would do, but default containers refuse it. So a
 * helper is made before the filter, without it, sharing the descriptor
 * table: it is told the listener's number and sends it.
 */
#include "launch/sockets_start.h"

#include "base/cleanup.h"
#include "base/passing.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int sockets_handover_open(struct sockets_handover *h, struct error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, -errno, "cannot make a socket pair: ");
	h->ours = pair[0];
	h->theirs = pair[1];
	return 0;
}

static int send_fd(int sock, int fd, char scoped)
{
	struct iovec iov = {&scoped, 1};

	return (int)MIN(passing_send(sock, &iov, 1, &fd, 1), 0);
}

static _Noreturn void helper(int sock, int number_fd, bool scoped)
{
	int fd = -1;
	ssize_t n;

	do
		n = read(number_fd, &fd, sizeof(fd));
	while (n < 0 && errno == EINTR);
	/* the end of the pipe: there will be no listener */
	_exit(n == sizeof(fd) && send_fd(sock, fd, scoped) == 0 ? 0 : 1);
}

static pid_t start_helper(int sock, int number_fd, bool scoped)
{
	/* no exit signal: CMD's parent to be has other children to hear of */
	long pid = syscall(SYS_clone, CLONE_FILES, NULL, NULL, NULL, 0UL);

	if (pid == 0)
		helper(sock, number_fd, scoped);
	return pid < 0 ? -errno : (pid_t)pid;
}

static int helper_done(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPIPE;
}

/* CMD must not have from elsewhere what the filter keeps it from making. */
static int check_datagrams(struct error *err)
{
	for (int fd = 0; fd <= 2; fd++) {
		int domain, type;
		socklen_t len = sizeof(domain);

		if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
		    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
			continue;
		if (domain == AF_UNIX && type == SOCK_DGRAM)
			return error_set(err, -EPERM,
			                 "descriptor %d is an AF_UNIX datagram "
			                 "socket, by which CMD could reach "
			                 "any name; put a pipe in between",
			                 fd);
	}
	return 0;
}

int sockets_install_filter(void *user, struct error *err)
{
	struct sockets_handover *h = user;
	_auto_close_ int listener = -1, number_out = -1, number_in = -1;
	int fds[2], rc;
	pid_t pid;

	if (h->filter.no_unix_datagrams && check_datagrams(err))
		return err->code;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set(err, -errno, "cannot make a pipe: ");
	rc = confine_app_scope(h->no_tcp, err);
	if (rc < 0 && rc != -EOPNOTSUPP)
		return rc;
	number_out = fds[0];
	number_in = fds[1];
	pid = start_helper(h->theirs, number_out, rc == 0);
	if (pid < 0)
		return error_set(err, pid, "cannot start a helper: ");
	listener = confine_app_notify(&h->filter, err);
	if (listener < 0) {
		rc = listener;
		fd_close(&number_in); /* one table: the helper reads the end */
		(void)!helper_done(pid);
		if (rc == -EBUSY)
			return error_set(err, rc,
			                 "frontend sockets: somebody else "
			                 "already answers this process's "
			                 "calls (a nested postern, or a "
			                 "container runtime); use "
			                 "--frontend=link");
		return rc;
	}
	if (write(number_in, &listener, sizeof(listener)) != sizeof(listener))
		fd_close(&number_in);
	rc = helper_done(pid);
	if (rc < 0)
		return error_set(err, rc, "cannot hand over the listener: ");
	fd_close(&h->theirs);
	return 0;
}

int sockets_handover_take(struct sockets_handover *h)
{
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct passed passed;
	ssize_t n = passing_receive(h->ours, &iov, 1, MSG_DONTWAIT, 1, &passed);
	int fd = passed_take(&passed);

	if (n < 0)
		return (int)n;
	h->scoped = byte != 0;
	return fd < 0 ? -EPIPE : fd;
}
