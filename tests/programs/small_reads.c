/* SPDX-License-Identifier: Apache-2.0 */
/* small_reads.c - a stream taken in sips, given in drops */
#include "program.h"

static void run(const char *peer)
{
	static uint8_t want[100000], got[100000];
	char line[32];
	size_t have = 0, size = 1;
	ssize_t n = snprintf(line, sizeof(line), "%zu\n", sizeof(got));
	int on = 1, fd = dial(peer, PORT_SOURCE, SOCK_STREAM);

	fill(want, sizeof(want), 0);
	memset(want, 0, 8); /* the stamp of the first piece */
	write_all(fd, line, (size_t)n);
	while (have < sizeof(got)) {
		n = read(fd, got + have,
		         sizeof(got) - have < size ? sizeof(got) - have : size);
		if (n <= 0)
			break;
		have += (size_t)n;
		size = size % 7 + 1;
	}
	printf("%zu bytes, equal %d, end %s\n", have,
	       !memcmp(want, got, sizeof(got)), said(read(fd, line, 1)));
	close(fd);

	fd = dial(peer, PORT_ECHO, SOCK_STREAM);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	for (size_t i = 0; i < 3000; i++)
		write_all(fd, want + i, 1);
	shutdown(fd, SHUT_WR);
	memset(got, 0, sizeof(got));
	n = read_full(fd, got, sizeof(got));
	printf("%s back, equal %d\n", said(n), !memcmp(want, got, 3000));
	close(fd);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
