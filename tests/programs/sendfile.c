/* SPDX-License-Identifier: Apache-2.0 */
/* sendfile.c - sendfile(2), splice(2), writev and sendmsg into a connection */
#include "program.h"

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#define SIZE 3000000

static void run(const char *peer)
{
	static uint8_t buf[SIZE];
	struct iovec iov[4] = {
		{buf, 1}, {buf + 1, 999}, {buf + 1000, 0}, {buf + 1000, 9000}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 4};
	int file = memfd_create("file", 0), pipes[2], fd;
	off_t at = 0;
	char line[64];
	struct hash h;
	ssize_t n = 0;

	fill(buf, SIZE, 7);
	if (file < 0 || write(file, buf, SIZE) != SIZE || pipe(pipes) < 0)
		die("file");
	hash_init(&h);
	hash_add(&h, buf, SIZE);
	snprintf(line, sizeof(line), "%d %016llx", SIZE,
	         (unsigned long long)hash_end(&h));
	printf("file: %s\n", line);

	fd = dial(peer, PORT_SINK, SOCK_STREAM);
	while (at < SIZE && (n = sendfile(fd, file, &at, SIZE)) > 0)
		;
	printf("sendfile: %s, at %lld\n", n < 0 ? said(n) : "fine",
	       (long long)at);
	shutdown(fd, SHUT_WR);
	read_line(fd, line, sizeof(line));
	printf("peer has: %s\n", line);
	close(fd);

	fd = dial(peer, PORT_SINK, SOCK_STREAM);
	at = 0;
	while (at < SIZE) {
		ssize_t got = splice(file, &at, pipes[1], NULL, 65536, 0);

		if (got <= 0)
			die("splice from file");
		while (got > 0) {
			n = splice(pipes[0], NULL, fd, NULL, (size_t)got, 0);
			if (n <= 0)
				die("splice to socket");
			got -= n;
		}
	}
	shutdown(fd, SHUT_WR);
	read_line(fd, line, sizeof(line));
	printf("spliced: %s\n", line);
	close(fd);

	fd = dial(peer, PORT_SINK, SOCK_STREAM);
	printf("writev: %s\n", said(writev(fd, iov, 4)));
	printf("sendmsg: %s\n", said(sendmsg(fd, &m, 0)));
	shutdown(fd, SHUT_WR);
	read_line(fd, line, sizeof(line));
	printf("peer has: %s\n", line);
	close(fd);
	close(file);
	close(pipes[0]);
	close(pipes[1]);
}

int main(int argc, char **argv)
{
	return both(argc, argv, run);
}
