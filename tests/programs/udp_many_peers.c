/* SPDX-License-Identifier: Apache-2.0 */
/* udp_many_peers.c - one UDP socket, many peers; each answer names its own */
#include "program.h"

static void run(const char *peer)
{
	struct sockaddr_storage ss, from;
	int fd = socket(family_of(peer), SOCK_DGRAM, 0), right = 0, seen = 0;
	char buf[32];

	for (int round = 0; round < 5; round++) {
		for (uint16_t k = 0; k < 8; k++) {
			socklen_t len = address(peer, PORT_UDP_FIRST + k, &ss);
			int n = snprintf(buf, sizeof(buf), "%u", k);

			if (sendto(fd, buf, (size_t)n, 0,
			           (struct sockaddr *)&ss, len) != n)
				die("sendto");
		}
		for (int k = 0; k < 8 && wait_for(fd, POLLIN); k++) {
			socklen_t len = sizeof(from), want;
			ssize_t n = recvfrom(fd, buf, sizeof(buf) - 1, 0,
			                     (struct sockaddr *)&from, &len);

			if (n < 0)
				die("recvfrom");
			buf[n] = 0;
			seen++;
			want = address(peer,
			               (uint16_t)(PORT_UDP_FIRST + atoi(buf)),
			               &ss);
			right += want == len && !memcmp(&ss, &from, len);
		}
	}
	printf("answers %d, from the right peer %d\n", seen, right);
	close(fd);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
