/* SPDX-License-Identifier: Apache-2.0 */
/* echo.c - the plainest conversation, with the names on both ends */
#include "program.h"

static void run(const char *peer)
{
	char buf[64] = "";
	struct sockaddr_storage ss, want;
	socklen_t len = address(peer, PORT_ECHO, &want), got = sizeof(ss);
	int fd = dial(peer, PORT_ECHO, SOCK_STREAM), v = 0;

	getpeername(fd, (struct sockaddr *)&ss, &got);
	printf("peer name is what was dialled: %d\n",
	       got == len && !memcmp(&ss, &want, len));
	got = sizeof(ss);
	getsockname(fd, (struct sockaddr *)&ss, &got);
	printf("own name: family %d, length right %d, port given %d\n",
	       ss.ss_family == want.ss_family, got == len,
	       ((struct sockaddr_in *)&ss)->sin_port != 0);
	write_all(fd, "over and out", 12);
	shutdown(fd, SHUT_WR);
	printf("%s", said(read_full(fd, buf, sizeof(buf))));
	printf(" bytes: %s\n", buf);
	got = sizeof(v);
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &got);
	printf("type stream: %d\n", v == SOCK_STREAM);
	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &v, &got);
	printf("domain right: %d\n", v == want.ss_family);
	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &v, &got);
	printf("protocol TCP: %d\n", v == IPPROTO_TCP);
	printf("close: %s\n", said(close(fd)));
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
