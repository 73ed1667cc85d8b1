/* SPDX-License-Identifier: Apache-2.0 */
/* connect_errors.c - each way a connect fails keeps its own errno */
#include "program.h"

static void attempt(const char *what, const char *text, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = address(text, port, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM, 0);
	int r = connect(fd, (struct sockaddr *)&ss, len);

	printf("%s: %s\n", what, said(r));
	/*
	 * SO_ERROR afterwards is no part of it: an ICMP error that comes while
	 * connect() holds the socket, as from a router on the same machine,
	 * leaves a second copy (sk_err_soft); one from afar does not.
	 */
	close(fd);
}

static void run(const char *peer)
{
	bool v6 = strchr(peer, ':');

	/* the rig routes these so that `net` answers with ICMP errors */
	attempt("refused", peer, PORT_CLOSED);
	attempt("host unreachable", v6 ? "2001:db8:2::1" : "198.51.100.1", 80);
	attempt("prohibited", v6 ? "2001:db8:3::1" : "198.51.100.2", 80);
	if (!v6)
		attempt("port unreachable by ICMP", "198.51.100.3", 80);
	attempt("open", peer, PORT_WHO);
}

static void calls(const char *peer)
{
	struct sockaddr_storage ss;
	socklen_t len = address(peer, PORT_ECHO, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM, 0);

	printf("short address: %s\n", said(connect(fd, (void *)&ss, 7)));
	printf("NULL address: %s\n", said(connect(fd, NULL, len)));
	ss.ss_family = 99;
	printf("odd family: %s\n", said(connect(fd, (void *)&ss, len)));
	printf("bad descriptor: %s\n", said(connect(999, (void *)&ss, len)));
	close(fd);
	address(peer, PORT_ECHO, &ss);
	fd = dial(peer, PORT_ECHO, SOCK_STREAM);
	printf("connected again: %s\n", said(connect(fd, (void *)&ss, len)));
	printf("listen when connected: %s\n", said(listen(fd, 5)));
	printf("accept: %s\n", said(accept(fd, NULL, NULL)));
	close(fd);
	fd = open("/dev/null", O_RDONLY);
	printf("not a socket: %s\n", said(connect(fd, (void *)&ss, len)));
	close(fd);
	printf("no such type: %s\n", said(socket(ss.ss_family, 77, 0)));
	printf("wrong protocol: %s\n",
	       said(socket(ss.ss_family, SOCK_STREAM, IPPROTO_UDP)));
}

static void all(const char *peer)
{
	run(peer);
	calls(peer);
}

int main(int argc, char **argv)
{
	return both(argc, argv, all);
}
