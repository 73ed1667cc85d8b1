/* SPDX-License-Identifier: Apache-2.0 */
/* fork_share.c - a connection shared over fork, dup and SCM_RIGHTS */
#include "program.h"

#include <sys/wait.h>

static void reap(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	printf("child: %d\n", WEXITSTATUS(status));
}

static void pass(int to, int fd)
{
	char c = 'f', room[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {&c, 1};
	struct msghdr m = {.msg_iov = &iov,
	                   .msg_iovlen = 1,
	                   .msg_control = room,
	                   .msg_controllen = sizeof(room)};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	printf("pass: %s\n", said(sendmsg(to, &m, 0)));
}

static int taken(int from)
{
	char c, room[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {&c, 1};
	struct msghdr m = {.msg_iov = &iov,
	                   .msg_iovlen = 1,
	                   .msg_control = room,
	                   .msg_controllen = sizeof(room)};
	int fd = -1;

	if (recvmsg(from, &m, 0) == 1 && CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

static void run(const char *peer)
{
	char buf[64] = "";
	int fd = dial(peer, PORT_ECHO, SOCK_STREAM), other, pair[2];
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		write_all(fd, "child ", 6);
		_exit(0); /* closes its copy: the connection must live on */
	}
	reap(pid);
	write_all(fd, "parent ", 7);
	other = dup(fd);
	close(fd);
	write_all(other, "dup", 3);
	shutdown(other, SHUT_WR);
	read_full(other, buf, sizeof(buf) - 1);
	printf("echo: %s\n", buf);
	close(other);

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		die("socketpair");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);

		close(pair[0]);
		fd = taken(pair[1]);
		/* a name asked for in a process that never dialled */
		if (getpeername(fd, (struct sockaddr *)&ss, &len) < 0 ||
		    ss.ss_family != family_of(peer))
			_exit(1);
		write_all(fd, "by rights", 9);
		shutdown(fd, SHUT_WR);
		memset(buf, 0, sizeof(buf));
		read_full(fd, buf, sizeof(buf) - 1);
		_exit(strcmp(buf, "by rightsEOFSEEN") ? 2 : 0);
	}
	fd = dial(peer, PORT_ECHO, SOCK_STREAM);
	pass(pair[0], fd);
	close(fd);
	reap(pid);
	close(pair[0]);
	close(pair[1]);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
