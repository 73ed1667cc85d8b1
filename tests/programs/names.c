/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - getsockname and getpeername tell one story throughout */
#include "program.h"

static bool same(int a, bool peer_of_a, int b, bool peer_of_b)
{
	struct sockaddr_storage x, y;
	socklen_t lx = sizeof(x), ly = sizeof(y);
	int rx, ry;

	memset(&x, 0, sizeof(x));
	memset(&y, 0, sizeof(y));
	rx = peer_of_a ? getpeername(a, (struct sockaddr *)&x, &lx)
	               : getsockname(a, (struct sockaddr *)&x, &lx);
	ry = peer_of_b ? getpeername(b, (struct sockaddr *)&y, &ly)
	               : getsockname(b, (struct sockaddr *)&y, &ly);
	return !rx && !ry && lx == ly && !memcmp(&x, &y, lx);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		die("getsockname");
	return ntohs(((struct sockaddr_in *)&ss)->sin_port);
}

/* inside() - a listener and its caller, both in here */
static void inside(const char *loopback)
{
	struct sockaddr_storage ss;
	socklen_t len = address(loopback, 0, &ss);
	int l = socket(ss.ss_family, SOCK_STREAM, 0), c, a;
	int second = socket(ss.ss_family, SOCK_STREAM, 0);
	char buf[8] = "";

	printf("port before bind: %d\n", port_of(l));
	printf("bind: %s\n", said(bind(l, (struct sockaddr *)&ss, len)));
	printf("port after bind: %d\n", port_of(l) != 0);
	printf("listen: %s\n", said(listen(l, 5)));
	len = address(loopback, port_of(l), &ss);
	printf("bind in use: %s\n",
	       said(bind(second, (struct sockaddr *)&ss, len)));
	c = dial(loopback, port_of(l), SOCK_STREAM);
	a = accept(l, NULL, NULL);
	printf("caller's peer is the listener: %d\n", same(c, true, l, false));
	printf("accepted's name is the listener: %d\n",
	       same(a, false, l, false));
	printf("accepted's peer is the caller: %d\n", same(a, true, c, false));
	printf("listener's peer: %s\n",
	       said(getpeername(l, (struct sockaddr *)&ss, &len)));
	write_all(c, "inside", 6);
	printf("read: %s", said(read_full(a, buf, 6)));
	printf(" %s\n", buf);
	close(a);
	printf("end: %s\n", said(read(c, buf, 1)));
	close(c);
	close(l);
	close(second);
}

static void run(const char *peer)
{
	uint16_t port;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd = socket(family_of(peer), SOCK_STREAM, 0);
	char line[64];

	printf("peer before connect: %s\n",
	       said(getpeername(fd, (struct sockaddr *)&ss, &len)));
	printf("port before connect: %d\n", port_of(fd));
	close(fd);
	fd = dial(peer, PORT_WHO, SOCK_STREAM);
	printf("port after connect: %d\n", port_of(fd) != 0);
	read_line(fd, line, sizeof(line));
	printf("the peer sees a connection from %s\n", line);
	close(fd);

	/* a port of our choice; one each, as either end's TIME-WAIT of the
	 * first may be in the way of the second */
	port = strchr(peer, ':') ? 12346 : 12345;
	len = address(strchr(peer, ':') ? "::" : "0.0.0.0", port, &ss);
	fd = socket(ss.ss_family, SOCK_STREAM, 0);
	printf("bind: %s\n", said(bind(fd, (struct sockaddr *)&ss, len)));
	printf("bind again: %s\n", said(bind(fd, (struct sockaddr *)&ss, len)));
	len = address(peer, PORT_WHO, &ss);
	printf("connect: %s\n", said(connect(fd, (struct sockaddr *)&ss, len)));
	printf("port kept: %d\n", port_of(fd) == port);
	close(fd);

	/* an address nobody here has */
	len = address(strchr(peer, ':') ? "2001:db8:77::1" : "198.51.100.77", 0,
	              &ss);
	fd = socket(ss.ss_family, SOCK_STREAM, 0);
	printf("bind elsewhere: %s\n",
	       said(bind(fd, (struct sockaddr *)&ss, len)));
	close(fd);
	inside(strchr(peer, ':') ? "::1" : "127.0.0.1");
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
