/* SPDX-License-Identifier: Apache-2.0 */
/* udp_connect.c - UDP sockets connected, connected elsewhere, disconnected */
#include "program.h"

static void run(const char *peer)
{
	struct sockaddr_storage ss, from;
	socklen_t len = address(peer, PORT_ECHO, &ss), got = sizeof(from);
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	int fd = socket(ss.ss_family, SOCK_DGRAM, 0);
	char buf[32] = "";

	printf("send unconnected: %s\n", said(send(fd, "x", 1, 0)));
	printf("getpeername: %s\n",
	       said(getpeername(fd, (struct sockaddr *)&from, &got)));
	printf("connect: %s\n", said(connect(fd, (struct sockaddr *)&ss, len)));
	printf("send: %s\n", said(send(fd, "one", 3, 0)));
	wait_for(fd, POLLIN);
	got = sizeof(from);
	printf("recv: %s", said(recvfrom(fd, buf, sizeof(buf), 0,
	                                 (struct sockaddr *)&from, &got)));
	printf(" %.3s, from the peer %d\n", buf,
	       got == len && !memcmp(&from, &ss, len));

	len = address(peer, PORT_UDP_FIRST + 1, &ss);
	printf("connect elsewhere: %s\n",
	       said(connect(fd, (struct sockaddr *)&ss, len)));
	printf("send: %s\n", said(send(fd, "two", 3, 0)));
	wait_for(fd, POLLIN);
	got = sizeof(from);
	recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &got);
	printf("%.3s from the new peer: %d\n", buf,
	       got == len && !memcmp(&from, &ss, len));

	len = address(peer, PORT_UDP_FIRST + 2, &ss);
	printf("sendto a third while connected: %s\n",
	       said(sendto(fd, "three", 5, 0, (struct sockaddr *)&ss, len)));

	printf("disconnect: %s\n", said(connect(fd, &none, sizeof(none))));
	got = sizeof(from);
	printf("getpeername: %s\n",
	       said(getpeername(fd, (struct sockaddr *)&from, &got)));
	printf("sendto: %s\n",
	       said(sendto(fd, "four", 4, 0, (struct sockaddr *)&ss, len)));
	wait_for(fd, POLLIN);
	printf("recv: %s\n", said(recv(fd, buf, sizeof(buf), 0)));
	close(fd);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
