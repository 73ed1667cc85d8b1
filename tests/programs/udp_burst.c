/* SPDX-License-Identifier: Apache-2.0 */
/* udp_burst.c - many answers to one datagram: all come, whole */
#include "program.h"

static void burst(const char *peer, unsigned int count, unsigned int size)
{
	static uint8_t buf[70000], want[70000];
	char line[32];
	int fd = dial(peer, PORT_BURST, SOCK_DGRAM);
	int n = snprintf(line, sizeof(line), "%u %u", count, size);
	unsigned int got = 0, right = 0;
	ssize_t r;

	fill(want, size, 0);
	if (send(fd, line, (size_t)n, 0) != n)
		die("send");
	while (got < count && wait_for(fd, POLLIN)) {
		r = recv(fd, buf, sizeof(buf), 0);
		if (r < 0)
			die("recv");
		right += r == (ssize_t)size &&
		         !memcmp(buf + 4, want + 4, size - 4);
		got++;
	}
	printf("%u of %u bytes: %u came, %u right\n", count, size, got, right);
	close(fd);
}

static void run(const char *peer)
{
	burst(peer, 40, 4);
	burst(peer, 40, 1400);
	burst(peer, 10, 5000);
	burst(peer, 3, 40000);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
