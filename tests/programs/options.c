/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - options that programs set are taken and read back */
#include "program.h"

static void flag(int fd, int level, int name, const char *text, int value)
{
	int back = -1, r = setsockopt(fd, level, name, &value, sizeof(value));
	socklen_t len = sizeof(back);

	printf("%s: %s", text, said(r));
	getsockopt(fd, level, name, &back, &len);
	printf(", reads %d\n", back);
}

/* Of sockets that are not connected, and of both kinds */
static void quiet(int type)
{
	int fd = socket(AF_INET, type, 0);
	char cookie[8] = "";
	socklen_t len = sizeof(int);

	printf("%s\n", type == SOCK_STREAM ? "stream" : "datagrams");
	flag(fd, SOL_SOCKET, SO_PRIORITY, "PRIORITY", 5);
	flag(fd, SOL_SOCKET, SO_PRIORITY, "too high", 7);
	flag(fd, SOL_SOCKET, SO_PRIORITY, "too low", -1);
	flag(fd, SOL_SOCKET, SO_INCOMING_CPU, "INCOMING_CPU", 0);
	flag(fd, SOL_SOCKET, SO_NO_CHECK, "NO_CHECK", 1);
	flag(fd, SOL_SOCKET, SO_BROADCAST, "BROADCAST", 1);
	flag(fd, IPPROTO_IP, IP_PKTINFO, "PKTINFO", 1);
	printf("half a cookie: %s\n",
	       said(getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, &len)));
	len = sizeof(cookie);
	printf("a cookie: %s",
	       said(getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, &len)));
	printf(" %u %d\n", len, memcmp(cookie, "\0\0\0\0\0\0\0", 8) != 0);
	close(fd);
}

static void run(const char *peer)
{
	int fd = dial(peer, PORT_ECHO, SOCK_STREAM);
	struct linger l = {.l_onoff = 1, .l_linger = 7}, back = {0};
	socklen_t len = sizeof(back);
	char buf[8] = "";

	flag(fd, SOL_SOCKET, SO_KEEPALIVE, "KEEPALIVE", 1);
	flag(fd, IPPROTO_TCP, TCP_KEEPIDLE, "KEEPIDLE", 33);
	flag(fd, IPPROTO_TCP, TCP_KEEPINTVL, "KEEPINTVL", 11);
	flag(fd, IPPROTO_TCP, TCP_KEEPCNT, "KEEPCNT", 4);
	flag(fd, IPPROTO_TCP, TCP_NODELAY, "NODELAY", 1);
	flag(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, "USER_TIMEOUT", 5000);
	flag(fd, SOL_SOCKET, SO_REUSEADDR, "REUSEADDR", 1);
	flag(fd, SOL_SOCKET, SO_OOBINLINE, "OOBINLINE", 1);
	flag(fd, SOL_SOCKET, SO_RCVLOWAT, "RCVLOWAT", 1);
	printf("LINGER: %s",
	       said(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l))));
	getsockopt(fd, SOL_SOCKET, SO_LINGER, &back, &len);
	printf(", reads %d %d\n", back.l_onoff, back.l_linger);
	len = sizeof(int);
	printf("unknown option: %s\n",
	       said(getsockopt(fd, IPPROTO_TCP, 9999, &back, &len)));
	printf("short value: %s\n",
	       said(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, "", 1)));
	write_all(fd, "fine", 4);
	printf("still: %s", said(read_full(fd, buf, 4)));
	printf(" %s\n", buf);
	close(fd);
	quiet(SOCK_STREAM);
	quiet(SOCK_DGRAM);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
