/* SPDX-License-Identifier: Apache-2.0 */
/* peer.c - the other end of the small programs: every service of program.h */

/*
 * One process a connection, so that a service is straight code. What
 * PORT_RECORD saw is kept in memory shared by all of them.
 */
#include "program.h"

#include <netdb.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define RECORDS 512

struct record {
	char token[64];
	char outcome[64];
	bool done;
};

static struct record *records;

static void reset_on_close(int fd)
{
	struct linger l = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

static void serve_echo(int fd)
{
	static uint8_t buf[65536];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		write_all(fd, buf, (size_t)n);
	if (!n)
		write_all(fd, "EOFSEEN", 7);
}

static void serve_endless(int fd)
{
	static uint8_t buf[65536];

	while (send(fd, buf, sizeof(buf), MSG_NOSIGNAL) > 0)
		;
}

static void serve_sink(int fd)
{
	static uint8_t buf[1 << 18];
	struct hash h;
	char line[64];
	ssize_t n;

	hash_init(&h);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		hash_add(&h, buf, (size_t)n);
	n = snprintf(line, sizeof(line), "%llu %016llx\n",
	             (unsigned long long)h.bytes,
	             (unsigned long long)hash_end(&h));
	write_all(fd, line, (size_t)n);
}

static void serve_source(int fd)
{
	static uint8_t buf[1 << 18];
	char line[64];
	uint64_t left, at = 0;

	read_line(fd, line, sizeof(line));
	left = strtoull(line, NULL, 10);
	/* one filled buffer, stamped: as fast as the link, no byte alike */
	fill(buf, sizeof(buf), 0);
	while (left) {
		size_t n = left < sizeof(buf) ? left : sizeof(buf);

		memcpy(buf, &at, sizeof(at));
		write_all(fd, buf, n);
		at += n;
		left -= n;
	}
}

static void serve_speakfirst(int fd)
{
	char buf[4096];

	write_all(fd, "hello\n", 6);
	shutdown(fd, SHUT_WR);
	while (read(fd, buf, sizeof(buf)) > 0)
		;
}

static void serve_urgent(int fd)
{
	write_all(fd, "abc", 3);
	send(fd, "d", 1, MSG_OOB);
	write_all(fd, "ef", 2);
}

static struct record *record_find(const char *token, bool make)
{
	for (size_t i = 0; i < RECORDS; i++) {
		if (!strcmp(records[i].token, token))
			return &records[i];
		if (!records[i].token[0] && make) {
			snprintf(records[i].token, sizeof(records[i].token),
			         "%s", token);
			return &records[i];
		}
	}
	return NULL;
}

static void serve_record(int fd)
{
	char line[64], buf[4096];
	unsigned long long bytes = 0;
	struct record *r;
	ssize_t n;
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
	read_line(fd, line, sizeof(line));
	r = record_find(line, true);
	if (!r)
		return;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		bytes += (unsigned long long)n;
	snprintf(r->outcome, sizeof(r->outcome), "%s %llu",
	         n ? error_name(errno) : "eof", bytes);
	__atomic_store_n(&r->done, true, __ATOMIC_RELEASE);
}

static void serve_ask(int fd)
{
	char line[64];
	struct record *r = NULL;

	read_line(fd, line, sizeof(line));
	for (int i = 0; i < 500; i++) { /* at most five seconds */
		r = record_find(line, false);
		if (r && __atomic_load_n(&r->done, __ATOMIC_ACQUIRE))
			break;
		r = NULL;
		poll(NULL, 0, 10);
	}
	dprintf(fd, "%s\n", r ? r->outcome : "nothing");
}

static void serve_who(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	char host[NI_MAXHOST] = "?";

	getpeername(fd, (struct sockaddr *)&ss, &len);
	getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host), NULL, 0,
	            NI_NUMERICHOST);
	dprintf(fd, "%s\n", host);
}

static void serve(int fd, uint16_t port)
{
	char byte;

	switch (port) {
	case PORT_ECHO:
		serve_echo(fd);
		break;
	case PORT_RESET:
		if (read(fd, &byte, 1) == 1)
			reset_on_close(fd);
		break;
	case PORT_ENDLESS:
		serve_endless(fd);
		break;
	case PORT_DEAF:
		wait_for(fd, POLLHUP | POLLERR);
		break;
	case PORT_SINK:
		serve_sink(fd);
		break;
	case PORT_SOURCE:
		serve_source(fd);
		break;
	case PORT_SPEAKFIRST:
		serve_speakfirst(fd);
		break;
	case PORT_URGENT:
		serve_urgent(fd);
		break;
	case PORT_RECORD:
		serve_record(fd);
		break;
	case PORT_ASK:
		serve_ask(fd);
		break;
	case PORT_WHO:
		serve_who(fd);
		break;
	default:
		break;
	}
	close(fd);
}

static int bound(const char *text, uint16_t port, int type)
{
	struct sockaddr_storage ss;
	socklen_t len = address(text, port, &ss);
	int on = 1, fd = socket(ss.ss_family, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ss.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&ss, len) < 0)
		die("bind");
	if (type == SOCK_STREAM && listen(fd, 4096) < 0)
		die("listen");
	return fd;
}

static void datagram(int fd, uint16_t port)
{
	static uint8_t buf[65536];
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	unsigned int count = 1, size;
	ssize_t n = recvfrom(fd, buf, sizeof(buf) - 1, 0,
	                     (struct sockaddr *)&ss, &len);

	if (n < 0)
		return;
	if (port == PORT_BURST) {
		buf[n] = 0;
		if (sscanf((char *)buf, "%u %u", &count, &size) != 2 ||
		    size > 65507 || size < 4 || count > 1000)
			return;
		n = size;
		fill(buf, size, 0);
	}
	for (uint32_t i = 0; i < count; i++) {
		if (port == PORT_BURST)
			memcpy(buf, &i, sizeof(i));
		sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&ss, len);
	}
}

int main(int argc, char **argv)
{
	static struct pollfd p[256];
	static uint16_t port[256];
	nfds_t n = 0, streams;

	if (argc < 2)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	records = mmap(NULL, sizeof(*records) * RECORDS, PROT_READ | PROT_WRITE,
	               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (records == MAP_FAILED)
		die("mmap");
	for (int i = 1; i < argc; i++)
		for (uint16_t k = PORT_ECHO; k <= PORT_WHO; k++, n++) {
			p[n].fd = bound(argv[i], k, SOCK_STREAM);
			port[n] = k;
		}
	streams = n;
	for (int i = 1; i < argc; i++) {
		p[n].fd = bound(argv[i], PORT_ECHO, SOCK_DGRAM);
		port[n++] = PORT_ECHO;
		for (uint16_t k = 0; k < 9; k++, n++) {
			port[n] = (uint16_t)(PORT_BURST + k);
			p[n].fd = bound(argv[i], port[n], SOCK_DGRAM);
		}
	}
	for (nfds_t i = 0; i < n; i++)
		p[i].events = POLLIN;
	puts("ready");
	fflush(stdout);
	for (;;) {
		if (poll(p, n, -1) < 0 && errno != EINTR)
			die("poll");
		for (nfds_t i = 0; i < n; i++) {
			int fd;

			if (!(p[i].revents & POLLIN))
				continue;
			if (i >= streams) {
				datagram(p[i].fd, port[i]);
				continue;
			}
			fd = accept4(p[i].fd, NULL, NULL, SOCK_CLOEXEC);
			if (fd < 0)
				continue;
			if (!fork()) {
				prctl(PR_SET_PDEATHSIG, SIGKILL);
				signal(SIGCHLD, SIG_DFL);
				serve(fd, port[i]);
				_exit(0);
			}
			close(fd);
		}
	}
}
