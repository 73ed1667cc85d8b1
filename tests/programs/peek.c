/* SPDX-License-Identifier: Apache-2.0 */
/* peek.c - MSG_PEEK, FIONREAD, MSG_WAITALL, MSG_TRUNC */
#include "program.h"

#include <sys/ioctl.h>

static void run(const char *peer)
{
	char buf[64] = "";
	int fd = dial(peer, PORT_ECHO, SOCK_STREAM), v = 0;
	int u = dial(peer, PORT_ECHO, SOCK_DGRAM);
	ssize_t n;

	printf("nothing yet: %s\n", said(recv(fd, buf, 4, MSG_DONTWAIT)));
	printf("peek at nothing: %s\n",
	       said(recv(fd, buf, 4, MSG_DONTWAIT | MSG_PEEK)));
	write_all(fd, "abcdefgh", 8);
	n = recv(fd, buf, 8, MSG_WAITALL | MSG_PEEK);
	printf("peek all: %s %.8s\n", said(n), buf);
	n = recv(fd, buf, 3, MSG_PEEK);
	printf("peek three: %s %.3s\n", said(n), buf);
	ioctl(fd, FIONREAD, &v);
	printf("readable: %d\n", v);
	n = recv(fd, buf, 5, 0);
	printf("take five: %s %.5s\n", said(n), buf);
	ioctl(fd, FIONREAD, &v);
	printf("readable: %d\n", v);
	write_all(fd, "ijkl", 4);
	n = recv(fd, buf, 7, MSG_WAITALL);
	printf("wait for seven: %s %.7s\n", said(n), buf);
	close(fd);

	if (send(u, "0123456789", 10, 0) != 10 || !wait_for(u, POLLIN))
		die("udp");
	printf("udp peek with trunc: %s\n",
	       said(recv(u, buf, 4, MSG_PEEK | MSG_TRUNC)));
	ioctl(u, FIONREAD, &v);
	printf("udp readable: %d\n", v);
	printf("udp take four: %s\n", said(recv(u, buf, 4, 0)));
	printf("udp the rest is gone: %s\n",
	       said(recv(u, buf, 4, MSG_DONTWAIT)));
	close(u);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
