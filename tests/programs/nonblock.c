/* SPDX-License-Identifier: Apache-2.0 */
/* nonblock.c - a connect that does not wait: pending, made, refused */
#include "program.h"

static int start(const char *peer, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = address(peer, port, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int r = connect(fd, (struct sockaddr *)&ss, len);

	printf("connect: %s\n", said(r));
	return fd;
}

static void again(int fd, const char *peer, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = address(peer, port, &ss);

	printf("connect again: %s\n",
	       said(connect(fd, (struct sockaddr *)&ss, len)));
}

static void run(const char *peer)
{
	char buf[8] = "";
	int fd = start(peer, PORT_ECHO);

	printf("poll: %s\n", poll_bits(wait_for(fd, POLLOUT)));
	printf("SO_ERROR: %s\n", error_name(error_of(fd)));
	again(fd, peer, PORT_ECHO);
	printf("no data: %s\n", said(read(fd, buf, 1)));
	printf("write: %s\n", said(write(fd, "ping", 4)));
	printf("poll: %s\n", poll_bits(wait_for(fd, POLLIN)));
	printf("read: %s", said(read(fd, buf, 4)));
	printf(" %s\n", buf);
	close(fd);

	fd = start(peer, PORT_CLOSED);
	printf("poll: %s\n", poll_bits(wait_for(fd, POLLOUT)));
	printf("poll all: %s\n",
	       poll_bits(wait_for(fd, POLLIN | POLLOUT | POLLRDHUP)));
	printf("SO_ERROR: %s\n", error_name(error_of(fd)));
	printf("SO_ERROR again: %s\n", error_name(error_of(fd)));
	printf("write: %s\n", said(send(fd, "x", 1, MSG_NOSIGNAL)));
	/* a socket that was refused may try elsewhere */
	again(fd, peer, PORT_ECHO);
	printf("poll: %s\n", poll_bits(wait_for(fd, POLLOUT)));
	printf("SO_ERROR: %s\n", error_name(error_of(fd)));
	printf("write: %s\n", said(write(fd, "pong", 4)));
	wait_for(fd, POLLIN);
	printf("read: %s", said(read(fd, buf, 4)));
	printf(" %s\n", buf);
	close(fd);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
