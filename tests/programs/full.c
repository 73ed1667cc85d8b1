/* SPDX-License-Identifier: Apache-2.0 */
/* full.c - a peer that does not read: writing stops, time-outs are kept */
#include "program.h"

#include <sys/time.h>

static void run(const char *peer)
{
	static char buf[65536];
	struct timeval soon = {.tv_usec = 200000};
	int fd = dial(peer, PORT_DEAF, SOCK_STREAM);
	long long sent = 0;
	ssize_t n = 0;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	printf("receive time-out: %s\n", said(recv(fd, buf, 1, 0)));
	/* until it stays full: what is under way may still move on */
	for (int quiet = 0; quiet < 20;) {
		n = send(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n > 0) {
			sent += n;
			quiet = 0;
			if (sent > 1LL << 30)
				break;
		} else {
			quiet++;
			poll(NULL, 0, 10);
		}
	}
	printf("full: %s, bounded %d\n", said(n), sent < 256LL << 20);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon));
	/* a probe of the window may still have moved some */
	for (int tries = 0; tries < 10; tries++) {
		n = send(fd, buf, sizeof(buf), 0);
		if (n < 0)
			break;
	}
	printf("send time-out: %s\n", said(n));
	printf("poll: %s\n",
	       poll_bits((short)(poll(&(struct pollfd){fd, POLLOUT, 0}, 1, 0)
	                                 ? POLLOUT
	                                 : 0)));
	close(fd);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
