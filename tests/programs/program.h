/* SPDX-License-Identifier: Apache-2.0 */
/* program.h - what the small programs share: dialling, reading, saying */
#ifndef PROGRAMS_PROGRAM_H
#define PROGRAMS_PROGRAM_H

/*
 * Each program does one thing with sockets and prints what it saw. It is run
 * natively and on each frontend; the outputs must be equal, so nothing that
 * may differ between two right answers (ports, times, addresses of the
 * sandbox) is printed. argv[1] and argv[2] are the peer's IPv4 and IPv6
 * addresses; peer.c says what answers there.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

enum peer_port {
	PORT_ECHO = 7001,  /* TCP: echo, at EOF "EOFSEEN", close; UDP: echo */
	PORT_RESET,        /* TCP: reads one byte, resets */
	PORT_ENDLESS,      /* TCP: writes for ever */
	PORT_DEAF,         /* TCP: never reads, never closes by itself */
	PORT_SINK,         /* TCP: reads to EOF, answers "BYTES HASH\n" */
	PORT_SOURCE,       /* TCP: reads "BYTES\n", writes that many, closes */
	PORT_SPEAKFIRST,   /* TCP: "hello\n", shuts down, reads to EOF */
	PORT_URGENT,       /* TCP: abc, d urgent, ef, closes */
	PORT_RECORD,       /* TCP: reads "TOKEN\n", then to the end; remembers
	                      how that came: "eof N" or "reset N" */
	PORT_ASK,          /* TCP: reads "TOKEN\n", answers what RECORD saw */
	PORT_WHO,          /* TCP: answers the address it sees, no port */
	PORT_BURST,        /* UDP: one datagram "N SIZE": N answers of SIZE */
	PORT_UDP_FIRST,    /* UDP echo on eight ports from here */
	PORT_CLOSED = 7999 /* nobody */
};

/* fill() - bytes that depend on their place in the stream */
static inline void fill(uint8_t *buf, size_t len, uint64_t offset)
{
	for (size_t i = 0; i < len; i++) {
		uint64_t x = (offset + i) * UINT64_C(0x9e3779b97f4a7c15);

		buf[i] = (uint8_t)(x >> 56);
	}
}

/* hash_add() - FNV-1a over 8-byte words where they are whole: fast enough for
 * a gibibyte, and a lost, doubled or swapped byte changes it */
struct hash {
	uint64_t v;
	uint64_t word;
	unsigned int have;
	uint64_t bytes;
};

static inline void hash_init(struct hash *h)
{
	*h = (struct hash){.v = UINT64_C(0xcbf29ce484222325)};
}

static inline void hash_word(struct hash *h, uint64_t w)
{
	h->v = (h->v ^ w) * UINT64_C(0x100000001b3);
	h->v ^= h->v >> 29;
}

static inline void hash_add(struct hash *h, const uint8_t *p, size_t n)
{
	h->bytes += n;
	for (; n && h->have; n--, p++) {
		h->word |= (uint64_t)*p << 8 * h->have++;
		if (h->have == 8) {
			hash_word(h, h->word);
			h->word = 0;
			h->have = 0;
		}
	}
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t w;

		memcpy(&w, p, 8);
		hash_word(h, w);
	}
	for (; n; n--, p++)
		h->word |= (uint64_t)*p << 8 * h->have++;
}

static inline uint64_t hash_end(struct hash *h)
{
	hash_word(h, h->word);
	hash_word(h, h->bytes);
	return h->v;
}

/* die() - a broken test, not a finding: says so and ends with 99 */
static inline void die(const char *what)
{
	printf("program broke at %s: %s\n", what, strerrorname_np(errno));
	exit(99);
}

/* said() - "0", a count, or the errno's name after a failed call */
static inline const char *said(long r)
{
	static char buf[4][32];
	static unsigned int next;
	char *b = buf[next++ % 4];

	if (r < 0)
		return strerrorname_np(errno);
	snprintf(b, sizeof(buf[0]), "%ld", r);
	return b;
}

static inline socklen_t address(const char *text, uint16_t port,
                                struct sockaddr_storage *ss)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, text, &sin->sin_addr) == 1) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		return sizeof(*sin);
	}
	if (inet_pton(AF_INET6, text, &sin6->sin6_addr) != 1) {
		errno = EINVAL;
		die(text);
	}
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(port);
	return sizeof(*sin6);
}

static inline int family_of(const char *text)
{
	return strchr(text, ':') ? AF_INET6 : AF_INET;
}

/* dial() - a connected socket of that type, or the end of the program */
static inline int dial(const char *text, uint16_t port, int type)
{
	struct sockaddr_storage ss;
	socklen_t len = address(text, port, &ss);
	int fd = socket(ss.ss_family, type, 0);

	if (fd < 0)
		die("socket");
	if (connect(fd, (struct sockaddr *)&ss, len) < 0)
		die("connect");
	return fd;
}

static inline void write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("send");
		p += n;
		len -= (size_t)n;
	}
}

/* read_full() - up to len bytes, fewer only at the end; -1 with errno */
static inline ssize_t read_full(int fd, void *buf, size_t len)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = read(fd, (char *)buf + have, len - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

/* read_line() - up to and without '\n', at most size - 1 bytes */
static inline ssize_t read_line(int fd, char *buf, size_t size)
{
	size_t have = 0;

	while (have + 1 < size) {
		ssize_t n = read(fd, buf + have, 1);

		if (n < 0)
			return -1;
		if (!n || buf[have] == '\n')
			break;
		have++;
	}
	buf[have] = 0;
	return (ssize_t)have;
}

/* recorded() - what PORT_RECORD saw of that token; the peer waits for it */
static inline void recorded(const char *text, const char *token)
{
	char buf[64];
	int fd = dial(text, PORT_ASK, SOCK_STREAM);

	write_all(fd, token, strlen(token));
	write_all(fd, "\n", 1);
	if (read_line(fd, buf, sizeof(buf)) < 0)
		die("read of record");
	printf("the peer saw: %s\n", buf);
	close(fd);
}

/* token_of() - a name for this run that no other run at the peer has */
static inline const char *token_of(const char *what)
{
	static char buf[96];
	uint64_t r = 0;
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, &r, sizeof(r)) != sizeof(r))
		die("urandom");
	close(fd);
	snprintf(buf, sizeof(buf), "%s-%016llx", what, (unsigned long long)r);
	return buf;
}

static inline const char *poll_bits(short bits)
{
	static char buf[64];

	snprintf(buf, sizeof(buf), "%s%s%s%s%s%s", bits & POLLIN ? "IN " : "",
	         bits & POLLOUT ? "OUT " : "", bits & POLLPRI ? "PRI " : "",
	         bits & POLLERR ? "ERR " : "", bits & POLLHUP ? "HUP " : "",
	         bits & POLLRDHUP ? "RDHUP " : "");
	return buf;
}

/* wait_for() - polls up to 10 s until one of the bits shows; all that show */
static inline short wait_for(int fd, short bits)
{
	struct pollfd p = {.fd = fd, .events = bits};
	int n = poll(&p, 1, 10000);

	if (n < 0)
		die("poll");
	return n ? p.revents : 0;
}

static inline int error_of(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		die("SO_ERROR");
	return err;
}

static inline const char *error_name(int err)
{
	return err ? strerrorname_np(err) : "0";
}

/* both() - runs f for the IPv4 and the IPv6 address of the peer */
static inline int both(int argc, char **argv, void (*f)(const char *peer))
{
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc && i < 3; i++) {
		printf("-- %s\n", strchr(argv[i], ':') ? "IPv6" : "IPv4");
		f(argv[i]);
	}
	return argc < 2;
}

#endif
