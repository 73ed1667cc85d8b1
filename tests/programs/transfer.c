/* SPDX-License-Identifier: Apache-2.0 */
/* transfer.c - a big stream each way, hashed at both ends. argv[3]: bytes */
#include "program.h"

static uint8_t buf[1 << 18];
static uint64_t total = UINT64_C(64) << 20;

static uint64_t expected(void)
{
	struct hash h;

	hash_init(&h);
	fill(buf, sizeof(buf), 0);
	for (uint64_t at = 0; at < total; at += sizeof(buf)) {
		memcpy(buf, &at, sizeof(at));
		hash_add(&h, buf,
		         total - at < sizeof(buf) ? total - at : sizeof(buf));
	}
	return hash_end(&h);
}

static void run(const char *peer)
{
	char line[64];
	struct hash h;
	ssize_t n;
	int fd = dial(peer, PORT_SOURCE, SOCK_STREAM);

	n = snprintf(line, sizeof(line), "%llu\n", (unsigned long long)total);
	write_all(fd, line, (size_t)n);
	hash_init(&h);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		hash_add(&h, buf, (size_t)n);
	printf("host -> app: %s, %llu bytes, ", said(n),
	       (unsigned long long)h.bytes);
	printf("hash right: %d\n", hash_end(&h) == expected());
	close(fd);

	fd = dial(peer, PORT_SINK, SOCK_STREAM);
	fill(buf, sizeof(buf), 0);
	for (uint64_t at = 0; at < total; at += sizeof(buf)) {
		memcpy(buf, &at, sizeof(at));
		write_all(fd, buf,
		          total - at < sizeof(buf) ? total - at : sizeof(buf));
	}
	shutdown(fd, SHUT_WR);
	read_line(fd, line, sizeof(line));
	close(fd);
	printf("app -> host: the peer has %s\n", line);
	printf("hash right: %d\n",
	       strtoull(strchr(line, ' ') ? strchr(line, ' ') : "0", NULL,
	                16) == expected());
}

int main(int argc, char **argv)
{
	if (argc > 3)
		total = strtoull(argv[3], NULL, 10);
	return both(argc, argv, run);
}
