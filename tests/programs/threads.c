/* SPDX-License-Identifier: Apache-2.0 */
/* threads.c - one thread writes, one reads, on the same connection */
#include "program.h"

#include <pthread.h>

#define SIZE (24 << 20)

static void *writer(void *arg)
{
	static uint8_t buf[1 << 16];
	int fd = *(int *)arg;

	for (uint64_t at = 0; at < SIZE; at += sizeof(buf)) {
		fill(buf, sizeof(buf), at);
		write_all(fd, buf, sizeof(buf));
	}
	shutdown(fd, SHUT_WR);
	return NULL;
}

static void run(const char *peer)
{
	static uint8_t buf[1 << 16], want[1 << 16];
	int fd = dial(peer, PORT_ECHO, SOCK_STREAM);
	uint64_t at = 0, wrong = 0;
	pthread_t t;

	if (pthread_create(&t, NULL, writer, &fd))
		die("thread");
	for (; at < SIZE; at += sizeof(buf)) {
		if (read_full(fd, buf, sizeof(buf)) != sizeof(buf))
			break;
		fill(want, sizeof(want), at);
		wrong += memcmp(buf, want, sizeof(buf)) != 0;
	}
	printf("%llu bytes back, %llu pieces wrong\n", (unsigned long long)at,
	       (unsigned long long)wrong);
	printf("then: %s\n", said(read_full(fd, buf, sizeof(buf))));
	pthread_join(t, NULL);
	close(fd);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
