/* SPDX-License-Identifier: Apache-2.0 */
/* mapped.c - IPv4 through IPv6 sockets, and IPV6_V6ONLY */
#include "program.h"

static void run(const char *peer)
{
	char text[64], buf[32] = "";
	struct sockaddr_storage ss;
	struct sockaddr_in6 name;
	socklen_t len, got = sizeof(name);
	int fd, on = 1;

	if (strchr(peer, ':'))
		return;
	snprintf(text, sizeof(text), "::ffff:%s", peer);
	fd = dial(text, PORT_ECHO, SOCK_STREAM);
	getsockname(fd, (struct sockaddr *)&name, &got);
	printf("own name: v6 %d, mapped %d\n", name.sin6_family == AF_INET6,
	       IN6_IS_ADDR_V4MAPPED(&name.sin6_addr));
	getpeername(fd, (struct sockaddr *)&name, &got);
	printf("peer name: mapped %d\n", IN6_IS_ADDR_V4MAPPED(&name.sin6_addr));
	write_all(fd, "mapped", 6);
	printf("echo: %s", said(read_full(fd, buf, 6)));
	printf(" %s\n", buf);
	close(fd);

	fd = dial(text, PORT_ECHO, SOCK_DGRAM);
	printf("udp: %s\n", said(send(fd, "m", 1, 0)));
	wait_for(fd, POLLIN);
	printf("udp: %s\n", said(recv(fd, buf, sizeof(buf), 0)));
	close(fd);

	len = address(text, PORT_ECHO, &ss);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	printf("V6ONLY: %s\n", said(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
	                                       &on, sizeof(on))));
	printf("connect: %s\n", said(connect(fd, (struct sockaddr *)&ss, len)));
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	printf("v6 address on a v4 socket: %s\n",
	       said(connect(fd, (struct sockaddr *)&ss, len)));
	close(fd);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
