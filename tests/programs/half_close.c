/* SPDX-License-Identifier: Apache-2.0 */
/* half_close.c - each side ends first, the other goes on speaking */
#include "program.h"

static void run(const char *peer)
{
	static char buf[200000];
	int fd = dial(peer, PORT_ECHO, SOCK_STREAM);
	const char *token;
	char line[64];

	/* our end first: what was sent comes back after it */
	memset(buf, 'x', 100000);
	write_all(fd, buf, 100000);
	printf("shutdown: %s\n", said(shutdown(fd, SHUT_WR)));
	memset(buf, 0, sizeof(buf));
	printf("then read: %s\n", said(read_full(fd, buf, sizeof(buf))));
	printf("ends with: %.7s\n", buf + 100000);
	printf("again: %s\n", said(read(fd, buf, 1)));
	close(fd);

	/* the peer's end first: we may still write for as long as we like */
	fd = dial(peer, PORT_SPEAKFIRST, SOCK_STREAM);
	printf("peer speaks: %s", said(read_line(fd, line, sizeof(line))));
	printf(" %s\n", line);
	printf("its end: %s\n", said(read(fd, buf, 1)));
	for (int i = 0; i < 50; i++)
		if (send(fd, buf, 4000, MSG_NOSIGNAL) != 4000)
			printf("write %d: %s\n", i, strerrorname_np(errno));
	printf("still open: error %s\n", error_name(error_of(fd)));
	close(fd);

	token = token_of("half");
	fd = dial(peer, PORT_RECORD, SOCK_STREAM);
	write_all(fd, token, strlen(token));
	write_all(fd, "\n12345", 6);
	shutdown(fd, SHUT_WR);
	printf("peer closed: %s\n", said(read(fd, buf, 1)));
	recorded(peer, token);
	close(fd);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
