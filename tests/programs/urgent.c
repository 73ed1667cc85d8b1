/* SPDX-License-Identifier: Apache-2.0 */
/* urgent.c - urgent data in line: nothing is lost, nothing is added */
#include "program.h"

static void run(const char *peer)
{
	char buf[64] = "";
	const char *token = token_of("urgent");
	int on = 1, fd = dial(peer, PORT_URGENT, SOCK_STREAM);

	setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	printf("read: %s", said(read_full(fd, buf, sizeof(buf))));
	printf(" %s\n", buf);
	close(fd);

	fd = dial(peer, PORT_RECORD, SOCK_STREAM);
	write_all(fd, token, strlen(token));
	write_all(fd, "\nabcde", 6);
	printf("urgent: %s\n", said(send(fd, "f", 1, MSG_OOB)));
	write_all(fd, "gh", 2);
	shutdown(fd, SHUT_WR);
	recorded(peer, token);
	close(fd);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
