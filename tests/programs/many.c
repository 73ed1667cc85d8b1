/* SPDX-License-Identifier: Apache-2.0 */
/* many.c - 500 connections open at once, each with its own conversation */
#include "program.h"

#define COUNT 500

static void run(const char *peer)
{
	struct sockaddr_storage ss;
	socklen_t len = address(peer, PORT_ECHO, &ss);
	static struct pollfd p[COUNT];
	int done = 0, right = 0, failed = 0;

	for (int i = 0; i < COUNT; i++) {
		p[i].fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
		p[i].events = POLLOUT;
		if (connect(p[i].fd, (struct sockaddr *)&ss, len) < 0 &&
		    errno != EINPROGRESS)
			failed++;
	}
	while (done < COUNT && poll(p, COUNT, 15000) > 0)
		for (int i = 0; i < COUNT; i++) {
			char buf[32] = "", want[32];
			int n = snprintf(want, sizeof(want), "number %d", i);

			if (p[i].revents & POLLOUT) {
				if (send(p[i].fd, want, (size_t)n, 0) != n)
					failed++;
				p[i].events = POLLIN;
			} else if (p[i].revents) {
				right += read(p[i].fd, buf, sizeof(buf)) == n &&
				         !strcmp(buf, want);
				done++;
				p[i].events = 0;
				close(p[i].fd);
				p[i].fd = -1;
			}
		}
	printf("done %d, right %d, failed %d\n", done, right, failed);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
