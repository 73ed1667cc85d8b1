/* SPDX-License-Identifier: Apache-2.0 */
/* epoll_states.c - what epoll says at each station of a connection's life */
#include "program.h"

#include <sys/epoll.h>

static int ep;

static void show(const char *when, uint32_t until)
{
	struct epoll_event e = {0};

	/* wait for the bits that must come; then what else shows is shown */
	for (int i = 0; i < 1000; i++) {
		e.events = 0;
		epoll_wait(ep, &e, 1, 0);
		if ((e.events & until) == until)
			break;
		poll(NULL, 0, 10);
	}
	printf("%s: %s%s%s%s%s\n", when, e.events & EPOLLIN ? "IN " : "",
	       e.events & EPOLLOUT ? "OUT " : "",
	       e.events & EPOLLRDHUP ? "RDHUP " : "",
	       e.events & EPOLLHUP ? "HUP " : "",
	       e.events & EPOLLERR ? "ERR " : "");
}

static int watched(int fd)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP};

	ep = epoll_create1(0);
	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) < 0)
		die("epoll");
	return fd;
}

static void run(const char *peer)
{
	struct sockaddr_storage ss;
	socklen_t len = address(peer, PORT_ECHO, &ss);
	char buf[64];
	/* registered before it is connected, as libuv and Go do */
	int fd = watched(socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0));
	int r = connect(fd, (struct sockaddr *)&ss, len);

	printf("connect: %s\n", r < 0 ? strerrorname_np(errno) : "0");
	show("connected", EPOLLOUT);
	write_all(fd, "hello", 5);
	show("echo is there", EPOLLIN);
	printf("read: %s\n", said(read(fd, buf, sizeof(buf))));
	show("read empty", EPOLLOUT);
	shutdown(fd, SHUT_WR);
	/* the peer answers our end with EOFSEEN and its own end */
	show("both ended", EPOLLIN | EPOLLHUP | EPOLLRDHUP);
	printf("read: %s\n", said(read(fd, buf, sizeof(buf))));
	printf("read: %s\n", said(read(fd, buf, sizeof(buf))));
	close(fd);
	close(ep);

	fd = watched(dial(peer, PORT_SPEAKFIRST, SOCK_STREAM));
	show("the peer ended, we did not", EPOLLRDHUP);
	close(fd);
	close(ep);

	fd = watched(dial(peer, PORT_RESET, SOCK_STREAM));
	write_all(fd, "x", 1);
	show("reset", EPOLLERR | EPOLLHUP);
	close(fd);
	close(ep);

	fd = watched(socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0));
	show("never connected", EPOLLHUP);
	len = address(peer, PORT_CLOSED, &ss);
	r = connect(fd, (struct sockaddr *)&ss, len);
	show("refused", EPOLLERR | EPOLLHUP);
	printf("SO_ERROR: %s\n", error_name(error_of(fd)));
	close(fd);
	close(ep);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
