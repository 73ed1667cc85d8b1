/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unix_peer_of_dead - a connection whose maker has ended still tells his
 * number (SO_PEERCRED), which another process may have by then; SO_PEERPIDFD
 * (Linux 6.5) does not take that one for him. The side that connected hears of
 * whoever called listen(2).
 */
#include "fact.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

static int listener(struct sockaddr_un *at, socklen_t *len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	/* a name that the kernel chooses: nothing is left in any directory */
	at->sun_family = AF_UNIX;
	*len = sizeof(at->sun_family);
	NEED(fd >= 0 && bind(fd, (struct sockaddr *)at, *len) == 0);
	*len = sizeof(*at);
	NEED(getsockname(fd, (struct sockaddr *)at, len) == 0);
	NEED(listen(fd, 4) == 0);
	return fd;
}

static int pidfd_of_peer(int fd)
{
	socklen_t len = sizeof(int);
	int pidfd = -1;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) < 0)
		return -1;
	return pidfd;
}

int main(void)
{
	struct sockaddr_un at = {0};
	struct pollfd p = {.events = POLLIN};
	struct ucred peer = {0};
	socklen_t len, n = sizeof(peer);
	int from = listener(&at, &len), fd;
	pid_t child;

	child = fork();
	if (child == 0) {
		int s = socket(AF_UNIX, SOCK_STREAM, 0);

		if (connect(s, (struct sockaddr *)&at, len) < 0 ||
		    getsockopt(s, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0 ||
		    peer.pid != getppid())
			_exit(1);
		/* it lives on in somebody else's hands */
		pause();
		_exit(2);
	}
	fd = accept(from, NULL, NULL);
	HOLDS(fd >= 0);
	p.fd = pidfd_of_peer(fd);
	NEED(p.fd >= 0 || errno != ENOPROTOOPT);
	HOLDS(p.fd >= 0 && poll(&p, 1, 0) == 0);
	close(p.fd);
	HOLDS(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
	HOLDS(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0);
	HOLDS(peer.pid == child);
	p.fd = pidfd_of_peer(fd);
	HOLDS(p.fd < 0 || poll(&p, 1, 0) == 1);
	return 0;
}
