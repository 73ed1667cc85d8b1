/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - what monitor, datapath and init say to each other */
#include "launch/message.h"

#include "base/cleanup.h"
#include "base/passing.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

int message_pair(int pair[2])
{
	const int room = 4 * MESSAGE_TEXT_MAX;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	/* only a hint: the default limit holds the longest message, too */
	for (int i = 0; i < 2; i++)
		(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &room,
		                 sizeof(room));
	return 0;
}

int message_send(int sock, enum message_kind kind, int32_t a, const void *text,
                 size_t len, int fd)
{
	struct message_head head = {.kind = kind, .a = a};
	struct iovec iov[2] = {{&head, sizeof(head)}, {.iov_len = len}};
	ssize_t n;

	if (len > MESSAGE_TEXT_MAX)
		return -EMSGSIZE;
	head.text_len = (uint32_t)len;
	memcpy(&iov[1].iov_base, &text, sizeof(text)); /* only read */
	n = passing_send(sock, iov, len ? 2 : 1, &fd, fd >= 0);
	return (int)MIN(n, 0);
}

static int receive(int sock, struct message_head *head, char *text,
                   size_t text_room, int *fd)
{
	struct iovec iov[2] = {{head, sizeof(*head)}, {text, text_room}};
	struct passed passed;
	ssize_t n;
	bool bad;

	*fd = -1;
	/*
	 * ECONNRESET, once, where the other end left something unread as it
	 * closed: what it had said is still there
	 * (tests/kernel/unix_reset_then_data)
	 */
	do
		n = passing_receive(sock, iov, text_room ? 2 : 1, 0, 1,
		                    &passed);
	while (n == -ECONNRESET);
	if (n < 0)
		return (int)n;
	*fd = passed_take(&passed);
	/* nobody of ours sends more than one, or more than was asked for */
	bad = passed.cut ||
	      (n > 0 && ((size_t)n < sizeof(*head) ||
	                 (size_t)n - sizeof(*head) != head->text_len));
	if (bad)
		fd_close(fd);
	return bad ? -EPROTO : n > 0;
}

int message_receive(int sock, struct message_head *head, char *text, int *fd)
{
	return receive(sock, head, text, MESSAGE_TEXT_MAX, fd);
}

int message_receive_bare(int sock, struct message_head *head, int *fd)
{
	return receive(sock, head, NULL, 0, fd);
}
