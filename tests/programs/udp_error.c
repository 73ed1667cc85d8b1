/* SPDX-License-Identifier: Apache-2.0 */
/* udp_error.c - a connected UDP socket learns that nobody is there, once */
#include "program.h"

static void run(const char *peer)
{
	char c;
	int fd = dial(peer, PORT_CLOSED, SOCK_DGRAM);

	printf("send: %s\n", said(send(fd, "x", 1, 0)));
	printf("poll: %s\n", poll_bits(wait_for(fd, POLLIN)));
	printf("recv: %s\n", said(recv(fd, &c, 1, MSG_DONTWAIT)));
	printf("recv again: %s\n", said(recv(fd, &c, 1, MSG_DONTWAIT)));
	printf("send: %s\n", said(send(fd, "x", 1, 0)));
	printf("poll: %s\n", poll_bits(wait_for(fd, POLLIN)));
	printf("SO_ERROR: %s\n", error_name(error_of(fd)));
	printf("SO_ERROR again: %s\n", error_name(error_of(fd)));
	close(fd);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
