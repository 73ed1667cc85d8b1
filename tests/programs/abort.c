/* SPDX-License-Identifier: Apache-2.0 */
/* abort.c - resets: the peer's reaches us, ours reaches the peer */
#include "program.h"

static void peer_resets(const char *peer)
{
	char c;
	int fd = dial(peer, PORT_RESET, SOCK_STREAM);

	write_all(fd, "x", 1);
	printf("poll: %s\n", poll_bits(wait_for(fd, POLLIN | POLLRDHUP)));
	printf("read: %s\n", said(read(fd, &c, 1)));
	printf("then SO_ERROR: %s\n", error_name(error_of(fd)));
	printf("read again: %s\n", said(read(fd, &c, 1)));
	printf("write: %s\n", said(send(fd, "y", 1, MSG_NOSIGNAL)));
	close(fd);
}

static void we_reset(const char *peer)
{
	struct linger l = {.l_onoff = 1, .l_linger = 0};
	const char *token = token_of("abort");
	int fd = dial(peer, PORT_RECORD, SOCK_STREAM);
	char line[128];

	/* in one write: an abort takes what Nagle holds back with it */
	snprintf(line, sizeof(line), "%s\n", token);
	write_all(fd, line, strlen(line));
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
	recorded(peer, token);
}

static void closed_unread(const char *peer)
{
	static char buf[1 << 16];
	int fd = dial(peer, PORT_ENDLESS, SOCK_STREAM);

	printf("some of an endless stream: %s\n",
	       said(read_full(fd, buf, sizeof(buf))));
	printf("close with data unread: %s\n", said(close(fd)));
}

static void run(const char *peer)
{
	peer_resets(peer);
	we_reset(peer);
	closed_unread(peer);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
