/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - what monitor, datapath and init say to each other */
#include "launch/message.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Room for one descriptor, aligned as a control message has to be. */
union control {
	char buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

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

/* #syscalls sendmsg */
int message_send(int sock, enum message_kind kind, int32_t a, const void *text,
                 size_t len, int fd)
{
	struct message_head head = {.kind = kind, .a = a};
	struct iovec iov[2] = {{&head, sizeof(head)}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 1};
	union control control;
	ssize_t n;

	if (len > MESSAGE_TEXT_MAX)
		return -EMSGSIZE;
	head.text_len = (uint32_t)len;
	if (len) {
		/* sendmsg(2) does not write through iov_base */
		memcpy(&iov[1].iov_base, &text, sizeof(text));
		iov[1].iov_len = len;
		msg.msg_iovlen = 2;
	}
	if (fd >= 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/*
 * Takes the one descriptor out of a received message. -EPROTO, and all of
 * them closed, when there are more (the padding of the control buffer has
 * room for a second) or it was cut: nobody of ours sends that.
 */
static int take_descriptor(struct msghdr *msg, int *fd)
{
	int rc = msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EPROTO : 0;

	*fd = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c;
	     c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int got;

			memcpy(&got, CMSG_DATA(c) + i * sizeof(got),
			       sizeof(got));
			if (*fd < 0) {
				*fd = got;
			} else {
				close(got);
				rc = -EPROTO;
			}
		}
	}
	if (rc)
		fd_close(fd);
	return rc;
}

/* #syscalls recvmsg */
static int receive(int sock, struct message_head *head, char *text,
                   size_t text_room, int *fd)
{
	struct iovec iov[2] = {{head, sizeof(*head)}, {text, text_room}};
	union control control;
	struct msghdr msg = {
		.msg_iov = iov,
		.msg_iovlen = text_room ? 2 : 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t n;
	int rc;

	*fd = -1;
	/*
	 * ECONNRESET, once, where the other end left something unread as it
	 * closed: what it had said is still there
	 * (tests/kernel/unix_reset_then_data)
	 */
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return -errno;
	rc = take_descriptor(&msg, fd);
	if (n == 0)
		return rc;
	if (!rc && ((size_t)n < sizeof(*head) ||
	            (size_t)n - sizeof(*head) != head->text_len))
		rc = -EPROTO;
	if (rc) {
		fd_close(fd);
		return rc;
	}
	return 1;
}

int message_receive(int sock, struct message_head *head, char *text, int *fd)
{
	return receive(sock, head, text, MESSAGE_TEXT_MAX, fd);
}

int message_receive_bare(int sock, struct message_head *head, int *fd)
{
	return receive(sock, head, NULL, 0, fd);
}
