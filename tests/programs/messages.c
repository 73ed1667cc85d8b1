/* SPDX-License-Identifier: Apache-2.0 */
/* messages.c - sendmmsg, recvmmsg, scattered datagrams, truncation */
#include "program.h"

#include <sys/uio.h>

#define COUNT 8

static void run(const char *peer)
{
	int fd = dial(peer, PORT_ECHO, SOCK_DGRAM), n, have = 0;
	struct mmsghdr out[COUNT], back[COUNT];
	struct iovec iov[COUNT][2], in[COUNT];
	char text[COUNT][16], room[COUNT][64], small[4];
	struct iovec cut = {small, sizeof(small)};
	struct msghdr m = {.msg_iov = &cut, .msg_iovlen = 1};

	memset(out, 0, sizeof(out));
	memset(back, 0, sizeof(back));
	for (int i = 0; i < COUNT; i++) {
		snprintf(text[i], sizeof(text[i]), "number %d", i);
		iov[i][0] = (struct iovec){text[i], 7};
		iov[i][1] = (struct iovec){text[i] + 7, 1};
		out[i].msg_hdr.msg_iov = iov[i];
		out[i].msg_hdr.msg_iovlen = 2;
		in[i] = (struct iovec){room[i], sizeof(room[i])};
		back[i].msg_hdr.msg_iov = &in[i];
		back[i].msg_hdr.msg_iovlen = 1;
	}
	printf("sendmmsg: %s\n", said(sendmmsg(fd, out, COUNT, 0)));
	while (have < COUNT && wait_for(fd, POLLIN)) {
		n = recvmmsg(fd, back + have, (unsigned int)(COUNT - have),
		             MSG_DONTWAIT, NULL);
		if (n < 0)
			break;
		have += n;
	}
	printf("recvmmsg: %d in all\n", have);
	for (int i = 0; i < have; i++)
		printf("%u %.8s\n", back[i].msg_len, room[i]);

	if (send(fd, "cut short", 9, 0) != 9 || !wait_for(fd, POLLIN))
		die("udp");
	printf("recvmsg: %s", said(recvmsg(fd, &m, 0)));
	printf(", truncated %d, %.4s\n", (m.msg_flags & MSG_TRUNC) != 0, small);
	close(fd);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
