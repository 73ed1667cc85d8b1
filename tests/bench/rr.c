/* SPDX-License-Identifier: Apache-2.0 */
/* rr.c - small exchanges for ./bench: two servers and the kinds of client */

/*
 * rr serve PORT              echoes single requests, TCP and UDP, until killed;
 *                            one that begins with "GET " is answered by HTTP
 * rr serve-all PORT          the same at every address, not just loopback
 * rr names ADDRESS           DNS: every name has ADDRESS, and no IPv6 one
 * rr rr ADDRESS PORT MS      one byte there and back over one connection
 * rr crr ADDRESS PORT MS     connect, one byte there and back, close
 * rr namecrr NAME PORT MS    the same, NAME being looked up each time
 * rr udprr ADDRESS PORT MS   one datagram there and back
 * rr idle ADDRESS PORT N     opens N connections, says so, waits for stdin:
 *                            "rr MS" there is as above over one more, "open N"
 *                            opens so many more
 * rr many ADDRESS PORT N     N times as crr: rates of the first, last tenth
 * rr busy ADDRESS PORT MS N  over N connections 8 KiB there and back, each as
 *                            fast as it goes: of their counts the least, most
 * Clients print one JSON object: count, ms, p50_us, p99_us.
 */
#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
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

static ssize_t answer_get(char *buf)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
				   "Content-Type: text/plain\r\n\r\nok\n";

	memcpy(buf, text, sizeof(text) - 1);
	return (ssize_t)sizeof(text) - 1;
}

/* RFC 1035, section 4.1: one question, copied; an A record behind it. */
static int names(const struct sockaddr_in *address)
{
	static const unsigned char record[] = {0xc0, 12, 0, 1, 0, 1,
	                                       0,    0,  0, 1, 0, 4};
	struct sockaddr_in sin = *address, from;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	unsigned char q[512 + 16];

	sin.sin_port = htons(53);
	if (fd < 0 || bind(fd, (void *)&sin, sizeof(sin)) < 0)
		die("bind");
	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, q, 512, 0, (void *)&from, &len);
		ssize_t end = 12;

		while (n > 12 && end < n && q[end])
			end += q[end] + 1;
		end += 5; /* the root's label, type, class */
		if (n < end)
			continue;
		q[2] = 0x84 | (q[2] & 1);
		q[3] = 0x80;
		memset(q + 6, 0, 6); /* no other records; EDNS0 is left out */
		if (q[end - 3] == 1) {
			q[7] = 1;
			memcpy(q + end, record, sizeof(record));
			end += (ssize_t)sizeof(record);
			memcpy(q + end, &address->sin_addr, 4);
			end += 4;
		}
		sendto(fd, q, (size_t)end, 0, (void *)&from, len);
	}
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
			if (r > 4 && !memcmp(buf, "GET ", 4))
				r = answer_get(buf);
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

static void look_up(const char *name, struct sockaddr_in *sin)
{
	const struct addrinfo hints = {.ai_family = AF_INET,
	                               .ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	int rc = getaddrinfo(name, NULL, &hints, &found);

	if (rc) {
		fprintf(stderr, "%s: %s\n", name, gai_strerror(rc));
		exit(1);
	}
	sin->sin_addr =
		((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr;
	freeaddrinfo(found);
}

/* name: looked up before each exchange; NULL: sin has the address */
static int run(const char *kind, const char *name, struct sockaddr_in *sin,
               int64_t ms)
{
	bool each = !strcmp(kind, "crr") || name, udp = !strcmp(kind, "udprr");
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

		if (name)
			look_up(name, sin);
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
	fflush(stdout);
	free(sample);
	return 0;
}

static int idle(struct sockaddr_in *sin, long count)
{
	char line[64] = "";

	nofile();
	do {
		if (!strncmp(line, "rr ", 3)) {
			(void)run("rr", NULL, sin, atol(line + 3));
			continue;
		}
		if (!strncmp(line, "open ", 5))
			count = atol(line + 5);
		for (long i = 0; i < count; i++)
			exchange(dial(sin, SOCK_STREAM));
		printf("{\"count\": %ld}\n", count);
		fflush(stdout);
	} while (fgets(line, sizeof(line), stdin));
	return 0;
}

static int many(const struct sockaddr_in *sin, long count)
{
	long tenth = count / 10;
	int64_t start = now_ns(), first = 0, last = 0;

	for (long i = 0; i < count; i++) {
		int fd = dial(sin, SOCK_STREAM);

		exchange(fd);
		close(fd);
		if (i == tenth - 1)
			first = now_ns() - start;
		if (i == count - tenth - 1)
			last = now_ns();
	}
	last = now_ns() - last;
	printf("{\"count\": %ld, \"ms\": %.3f, \"first\": %.1f, "
	       "\"last\": %.1f}\n",
	       count, (double)(now_ns() - start) / 1e6,
	       (double)tenth * 1e9 / (double)first,
	       (double)tenth * 1e9 / (double)last);
	return 0;
}

#define CHUNK 8192

static void chunk_out(int fd)
{
	static const char chunk[CHUNK];

	if (send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL) != CHUNK)
		die("send");
}

/* One chunk of each is on the way at a time: it fits into every buffer. */
static int busy(const struct sockaddr_in *sin, int64_t ms, long count)
{
	struct {
		uint32_t got, chunks;
	} *flow = calloc(65536, sizeof(*flow));
	int ep = epoll_create1(0);
	uint32_t least = UINT32_MAX, most = 0;
	int64_t end;
	static char buf[CHUNK];

	nofile();
	if (!flow)
		die("memory");
	for (long i = 0; i < count; i++) {
		int fd = dial(sin, SOCK_STREAM);

		exchange(fd);
		watch(ep, fd);
		chunk_out(fd);
		flow[fd].chunks = 1;
	}
	end = now_ns() + ms * 1000000;
	while (now_ns() < end) {
		struct epoll_event e[256];
		int n = epoll_wait(ep, e, 256, 100);

		for (int i = 0; i < n; i++) {
			int fd = e[i].data.fd;
			ssize_t r = recv(fd, buf, sizeof(buf), 0);

			if (r <= 0)
				die("recv");
			flow[fd].got += (uint32_t)r;
			if (flow[fd].got < CHUNK)
				continue;
			flow[fd].got -= CHUNK;
			flow[fd].chunks++;
			chunk_out(fd);
		}
	}
	for (int fd = 0; fd < 65536; fd++) {
		if (!flow[fd].chunks)
			continue;
		least = flow[fd].chunks < least ? flow[fd].chunks : least;
		most = flow[fd].chunks > most ? flow[fd].chunks : most;
	}
	printf("{\"least\": %u, \"most\": %u}\n", least, most);
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	bool by_name = argc > 1 && !strcmp(argv[1], "namecrr");

	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve((uint16_t)atoi(argv[2]), INADDR_LOOPBACK);
	if (argc == 3 && !strcmp(argv[1], "serve-all"))
		return serve((uint16_t)atoi(argv[2]), INADDR_ANY);
	if (argc < 3 ||
	    (!by_name && inet_pton(AF_INET, argv[2], &sin.sin_addr) != 1))
		return 2;
	if (argc == 3 && !strcmp(argv[1], "names"))
		return names(&sin);
	if (argc < 5)
		return 2;
	sin.sin_port = htons((uint16_t)atoi(argv[3]));
	if (argc == 6 && !strcmp(argv[1], "busy"))
		return busy(&sin, atol(argv[4]), atol(argv[5]));
	if (argc != 5)
		return 2;
	if (!strcmp(argv[1], "idle"))
		return idle(&sin, atol(argv[4]));
	if (!strcmp(argv[1], "many"))
		return many(&sin, atol(argv[4]));
	return run(argv[1], by_name ? argv[2] : NULL, &sin, atol(argv[4]));
}
