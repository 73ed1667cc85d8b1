/* SPDX-License-Identifier: Apache-2.0 */
/* shutdown.c - the ways to end a connection, and calls on ended ones */
#include "program.h"

static void run(const char *peer)
{
	char buf[64];
	int fd = socket(family_of(peer), SOCK_STREAM, 0);

	printf("shutdown before connect: %s\n", said(shutdown(fd, SHUT_WR)));
	printf("send before connect: %s\n",
	       said(send(fd, "x", 1, MSG_NOSIGNAL)));
	/* not for ever, whatever it is that has no connection here */
	printf("recv before connect: %s\n",
	       said(recv(fd, buf, 1, MSG_DONTWAIT)));
	close(fd);

	/* a peer that never ends: else these race with its end */
	fd = dial(peer, PORT_DEAF, SOCK_STREAM);
	printf("SHUT_WR: %s\n", said(shutdown(fd, SHUT_WR)));
	printf("SHUT_WR again: %s\n", said(shutdown(fd, SHUT_WR)));
	printf("send: %s\n", said(send(fd, "x", 1, MSG_NOSIGNAL)));
	close(fd);

	fd = dial(peer, PORT_ECHO, SOCK_STREAM);
	printf("SHUT_WR: %s\n", said(shutdown(fd, SHUT_WR)));
	printf("read: %s\n", said(read_full(fd, buf, sizeof(buf))));
	printf("bad how: %s\n", said(shutdown(fd, 7)));
	close(fd);

	fd = dial(peer, PORT_ECHO, SOCK_STREAM);
	printf("SHUT_RD: %s\n", said(shutdown(fd, SHUT_RD)));
	printf("read: %s\n", said(read(fd, buf, 1)));
	printf("send: %s\n", said(send(fd, "x", 1, MSG_NOSIGNAL)));
	close(fd);

	fd = dial(peer, PORT_DEAF, SOCK_STREAM);
	printf("SHUT_RDWR: %s\n", said(shutdown(fd, SHUT_RDWR)));
	printf("poll: %s\n",
	       poll_bits(wait_for(fd, POLLIN | POLLHUP | POLLRDHUP)));
	printf("send: %s\n", said(send(fd, "x", 1, MSG_NOSIGNAL)));
	close(fd);
	printf("closed: %s\n", said(shutdown(fd, SHUT_RD)));
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
