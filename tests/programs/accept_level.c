/* SPDX-License-Identifier: Apache-2.0 */
/* accept_level.c - a listener that was emptied is not readable any more */
#include "program.h"

#include <sys/epoll.h>
#include <sys/wait.h>

#define ROUNDS 2000

/* One connection a time, so that the queue is empty after each accept(). */
static void dial_all(const struct sockaddr_in *to)
{
	for (int i = 0; i < ROUNDS; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		char c = 'x';

		if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 ||
		    send(fd, &c, 1, 0) != 1 || recv(fd, &c, 1, 0) != 1)
			_exit(1);
		close(fd);
	}
	_exit(0);
}

int main(void)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int ep = epoll_create1(0), status, still = 0;
	struct epoll_event e = {.events = EPOLLIN};
	struct sockaddr_in at = {.sin_family = AF_INET,
	                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	pid_t pid;

	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(listener, 16) < 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &len) < 0 ||
	    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e) < 0)
		return 1;
	pid = fork();
	if (pid == 0)
		dial_all(&at);
	for (int i = 0; i < ROUNDS; i++) {
		struct pollfd p = {.fd = listener, .events = POLLIN};
		char c;
		int fd;

		if (epoll_wait(ep, &e, 1, 10000) != 1)
			return 1;
		fd = accept(listener, NULL, NULL);
		/* at once, and the client dials again only when answered */
		still += poll(&p, 1, 0) != 0;
		if (fd < 0 || recv(fd, &c, 1, 0) != 1 ||
		    send(fd, &c, 1, 0) != 1)
			return 1;
		close(fd);
	}
	waitpid(pid, &status, 0);
	printf("accepted %d, still readable %d, client %d\n", ROUNDS, still,
	       WEXITSTATUS(status));
	return 0;
}
