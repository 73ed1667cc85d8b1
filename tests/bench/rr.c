/* SPDX-License-Identifier: Apache-2.0 */
/* rr.c - small exchanges for ./bench: a server and five kinds of client */

/*
 * rr serve PORT              echoes single requests, TCP and UDP, until killed
 * rr serve-all PORT          the same at every address, not just loopback
 * rr rr ADDRESS PORT MS      one byte there and back over one connection
 * rr crr ADDRESS PORT MS     connect, one byte there and back, close
 * rr udprr ADDRESS PORT MS   one datagram there and back
 * rr idle ADDRESS PORT N     opens N connections, says so, waits for stdin
 * Clients print one JSON object: count, ms, p50_us, p99_us.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES 4000000

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void nofile(void)
{
	struct rlimit r;

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

static void watch(int ep, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) < 0)
		close(fd);
}

static int serve(uint16_t port, uint32_t address)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	                          .sin_port = htons(port),
	                          .sin_addr.s_addr = htonl(address)};
	int tcp = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	int udp = socket(AF_INET, SOCK_DGRAM, 0), ep = epoll_create1(0);
	static char buf[65536];

	nofile();
	setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(tcp, (void *)&sin, sizeof(sin)) || listen(tcp, 4096) ||
	    bind(udp, (void *)&sin, sizeof(sin)))
		die("bind");
	watch(ep, tcp);
	watch(ep, udp);
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct epoll_event e[64];
		int n = epoll_wait(ep, e, 64, -1);

		for (int i = 0; i < n; i++) {
			int fd = e[i].data.fd;
			socklen_t len = sizeof(sin);
			ssize_t r;

			if (fd == tcp) {
				fd = accept(tcp, NULL, NULL);
				if (fd >= 0)
					watch(ep, fd);
				continue;
			}
			if (fd == udp) {
				r = recvfrom(fd, buf, sizeof(buf), 0,
				             (void *)&sin, &len);
				if (r >= 0)
					sendto(fd, buf, (size_t)r, 0,
					       (void *)&sin, len);
				continue;
			}
			r = read(fd, buf, sizeof(buf));
			if (r <= 0 ||
			    send(fd, buf, (size_t)r, MSG_NOSIGNAL) < 0)
				close(fd);
		}
	}
}

static int dial(const struct sockaddr_in *sin, int type)
{
	int fd = socket(AF_INET, type, 0), on = 1;

	if (fd < 0 || connect(fd, (const void *)sin, sizeof(*sin)) < 0)
		die("connect");
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void exchange(int fd)
{
	char buf[64] = "x";

	/* room for more, as programs have: recv(2) of exactly one byte is a
	 * question to postern's supervisor (docs/sockets-fidelity.md) */
	if (send(fd, buf, 1, 0) != 1 || recv(fd, buf, sizeof(buf), 0) != 1)
		die("exchange");
}

static int later(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int run(const char *kind, const struct sockaddr_in *sin, int64_t ms)
{
	bool each = !strcmp(kind, "crr"), udp = !strcmp(kind, "udprr");
	uint32_t *sample = malloc(SAMPLES * sizeof(*sample));
	int64_t start, t, end;
	size_t n = 0;
	int fd = -1;

	if (!sample)
		die("memory");
	if (!each) {
		fd = dial(sin, udp ? SOCK_DGRAM : SOCK_STREAM);
		for (int i = 0; i < 100; i++)
			exchange(fd);
	}
	start = now_ns();
	end = start + ms * 1000000;
	for (t = start; t < end && n < SAMPLES;) {
		int64_t before = t;

		if (each)
			fd = dial(sin, SOCK_STREAM);
		exchange(fd);
		if (each)
			close(fd);
		t = now_ns();
		sample[n++] = (uint32_t)(t - before);
	}
	qsort(sample, n, sizeof(*sample), later);
	printf("{\"count\": %zu, \"ms\": %.3f, \"p50_us\": %.2f, "
	       "\"p99_us\": %.2f}\n",
	       n, (double)(t - start) / 1e6, sample[n / 2] / 1e3,
	       sample[n * 99 / 100] / 1e3);
	return 0;
}

static int idle(const struct sockaddr_in *sin, long count)
{
	char c;

	nofile();
	for (long i = 0; i < count; i++)
		exchange(dial(sin, SOCK_STREAM));
	printf("{\"count\": %ld}\n", count);
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};

	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve((uint16_t)atoi(argv[2]), INADDR_LOOPBACK);
	if (argc == 3 && !strcmp(argv[1], "serve-all"))
		return serve((uint16_t)atoi(argv[2]), INADDR_ANY);
	if (argc != 5 || inet_pton(AF_INET, argv[2], &sin.sin_addr) != 1)
		return 2;
	sin.sin_port = htons((uint16_t)atoi(argv[3]));
	if (!strcmp(argv[1], "idle"))
		return idle(&sin, atol(argv[4]));
	return run(argv[1], &sin, atol(argv[4]));
}
