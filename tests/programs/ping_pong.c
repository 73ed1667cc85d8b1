/* SPDX-License-Identifier: Apache-2.0 */
/* ping_pong.c - two thousand questions and answers, TCP and UDP */
#include "program.h"

static void run(const char *peer)
{
	static uint8_t buf[1400], back[1400];
	int fd = dial(peer, PORT_ECHO, SOCK_STREAM), on = 1, right = 0;
	int u = dial(peer, PORT_ECHO, SOCK_DGRAM);
	socklen_t len = sizeof(on);

	printf("TCP_NODELAY: %s\n",
	       said(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on))));
	on = 0;
	getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len);
	printf("reads back: %d\n", on != 0);
	for (size_t i = 0; i < 2000; i++) {
		size_t n = i % sizeof(buf) + 1;

		fill(buf, n, i);
		write_all(fd, buf, n);
		right += read_full(fd, back, n) == (ssize_t)n &&
		         !memcmp(buf, back, n);
	}
	printf("TCP right: %d\n", right);
	right = 0;
	for (size_t i = 0; i < 500; i++) {
		size_t n = i % sizeof(buf) + 1;

		fill(buf, n, i);
		right += send(u, buf, n, 0) == (ssize_t)n &&
		         wait_for(u, POLLIN) &&
		         recv(u, back, sizeof(back), 0) == (ssize_t)n &&
		         !memcmp(buf, back, n);
	}
	printf("UDP right: %d\n", right);
	close(fd);
	close(u);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
