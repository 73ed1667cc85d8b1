/* SPDX-License-Identifier: Apache-2.0 */
/* udp_sizes.c - datagrams from nothing to 64 KiB keep their edges */
#include "program.h"

static void one(int fd, size_t size, const struct sockaddr_storage *to,
                socklen_t len)
{
	static uint8_t out[70000], back[70000];
	ssize_t n;

	fill(out, size, size);
	n = sendto(fd, out, size, 0, (const struct sockaddr *)to, len);
	if (n < 0) {
		printf("%zu bytes: send %s\n", size, said(n));
		return;
	}
	if (!wait_for(fd, POLLIN)) {
		printf("%zu bytes: no answer\n", size);
		return;
	}
	n = recv(fd, back, sizeof(back), 0);
	printf("%zu bytes: %s back, equal %d\n", size, said(n),
	       n == (ssize_t)size && !memcmp(out, back, size));
}

static void run(const char *peer)
{
	static const size_t sizes[] = {0,     1,     512,   1400,  1444, 1452,
	                               1472,  1473,  2999,  4096,  8972, 9001,
	                               16384, 32768, 65000, 65507, 65508};
	struct sockaddr_storage ss;
	socklen_t len = address(peer, PORT_ECHO, &ss);
	int fd = socket(ss.ss_family, SOCK_DGRAM, 0);
	int connected = dial(peer, PORT_ECHO, SOCK_DGRAM);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (sizes[i] > 65507 && ss.ss_family == AF_INET6)
			continue; /* v6 takes 20 bytes more */
		one(fd, sizes[i], &ss, len);
		one(connected, sizes[i], NULL, 0);
	}
	close(fd);
	close(connected);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
