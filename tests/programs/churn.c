/* SPDX-License-Identifier: Apache-2.0 */
/* churn.c - many threads connect, transfer and close; no byte may cross */
/*
 * churn serve PORT               an echo server on every address, threads
 * churn HOST PORT THREADS AMOUNT [INSIDE]
 *
 * Each connection sends a pattern that carries its own number and expects it
 * back, whole. Ways of connecting and ending alternate by chance (fixed
 * seeds). AMOUNT is a time in seconds, or "1000x", a number of connections.
 * With INSIDE, a port, every second connection goes to a server of this very
 * process on 127.0.0.1. One line at the end: connections and errors; status 1
 * for any.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 64
#define BYTES_MAX 65536

static struct sockaddr_in server, inside;
static atomic_ulong connections, errors, next_id;
static double until;
static unsigned long most; /* connections; 0: until the time is up */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void wrong(const char *what, uint64_t id)
{
	if (atomic_fetch_add(&errors, 1) < 20)
		fprintf(stderr, "flow %llu: %s: %s\n", (unsigned long long)id,
		        what, strerror(errno));
}

/* --- the server ----------------------------------------------------------- */

static void *echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[16384];
	ssize_t n, w, done;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (done = 0; done < n; done += w) {
			w = send(fd, buf + done, (size_t)(n - done),
			         MSG_NOSIGNAL);
			if (w < 0)
				goto out; /* reset, as some do */
		}
out:
	close(fd);
	return NULL;
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6,
	                           .sin6_port = htons(port)};
	int l = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(l, (void *)&any, sizeof(any)) < 0 || listen(l, 4096) < 0) {
		perror("serve");
		exit(1);
	}
	return l;
}

static void *serve(void *arg)
{
	int l = (int)(intptr_t)arg;

	while (l >= 0) {
		int fd = accept(l, NULL, NULL);
		pthread_t t;

		if (fd < 0)
			continue;
		if (pthread_create(&t, NULL, echo, (void *)(intptr_t)fd) != 0)
			close(fd);
		else
			pthread_detach(t);
	}
	return NULL;
}

/* --- the threads ---------------------------------------------------------- */

static bool connect_now(int fd, const struct sockaddr_in *to, bool nonblock,
                        uint64_t id)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int err = 0;
	socklen_t len = sizeof(err);

	if (!nonblock) {
		if (connect(fd, (const void *)to, sizeof(*to)) == 0)
			return true;
		wrong("connect", id);
		return false;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (connect(fd, (const void *)to, sizeof(*to)) == 0)
		err = 0;
	else if (errno != EINPROGRESS)
		err = errno;
	else if (poll(&p, 1, 20000) != 1)
		err = ETIMEDOUT;
	else
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	fcntl(fd, F_SETFL, 0);
	errno = err;
	if (err)
		wrong("non-blocking connect", id);
	return !err;
}

static void fill(uint8_t *buf, size_t len, uint64_t id)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(id >> (i % 8 * 8)) ^ (uint8_t)(i / 8);
}

static bool exchange(int fd, uint8_t *out, uint8_t *in, size_t len, bool eof,
                     uint64_t id)
{
	size_t sent = 0, got = 0;

	while (got < len) {
		size_t part = len - sent < 8192 ? len - sent : 8192;
		ssize_t n;

		if (sent < len) {
			n = send(fd, out + sent, part, MSG_NOSIGNAL);
			if (n < 0) {
				wrong("send", id);
				return false;
			}
			sent += (size_t)n;
			if (sent == len && eof)
				shutdown(fd, SHUT_WR);
			if (got + 65536 > sent && sent < len)
				continue;
		}
		n = read(fd, in + got, len - got);
		if (n <= 0) {
			errno = n ? errno : ENODATA;
			wrong("read", id);
			return false;
		}
		got += (size_t)n;
	}
	if (memcmp(in, out, len) != 0) {
		errno = EBADMSG;
		wrong("bytes of another flow", id);
		return false;
	}
	if (eof && read(fd, in, 1) != 0) {
		errno = EPROTO;
		wrong("no clean end", id);
		return false;
	}
	return true;
}

static void *churn(void *arg)
{
	unsigned int seed = 1 + (unsigned int)(intptr_t)arg;
	uint8_t *out = malloc(BYTES_MAX), *in = malloc(BYTES_MAX);

	while (most || now() < until) {
		uint64_t id = atomic_fetch_add(&next_id, 1) + 1;
		const struct sockaddr_in *to = &server;
		size_t len = 1 + (size_t)rand_r(&seed) %
		                         (rand_r(&seed) % 4 ? 512 : BYTES_MAX);
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int how = rand_r(&seed) % 4;
		struct linger reset = {1, 0};

		if (most && id > most) {
			close(fd);
			break;
		}
		if (inside.sin_port && rand_r(&seed) % 2)
			to = &inside;
		if (fd < 0) {
			wrong("socket", id);
			break;
		}
		fill(out, len, id);
		if (connect_now(fd, to, how & 1, id))
			exchange(fd, out, in, len, how & 2, id);
		if (rand_r(&seed) % 8 == 0)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset,
			           sizeof(reset));
		if (close(fd) < 0)
			wrong("close", id);
		atomic_fetch_add(&connections, 1);
	}
	free(out);
	free(in);
	return NULL;
}

static void serve_inside(uint16_t port)
{
	pthread_t t;

	inside.sin_family = AF_INET;
	inside.sin_port = htons(port);
	inside.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (pthread_create(&t, NULL, serve,
	                   (void *)(intptr_t)listen_on(port)) != 0)
		exit(2);
	pthread_detach(t);
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS_MAX];
	int n;

	if (argc == 3 && strcmp(argv[1], "serve") == 0) {
		n = listen_on((uint16_t)atoi(argv[2]));
		puts("ready");
		fflush(stdout);
		serve((void *)(intptr_t)n);
		return 1;
	}
	if (argc != 5 && argc != 6)
		return 2;
	if (argc == 6)
		serve_inside((uint16_t)atoi(argv[5]));
	server.sin_family = AF_INET;
	server.sin_port = htons((uint16_t)atoi(argv[2]));
	if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1)
		return 2;
	n = atoi(argv[3]);
	if (n < 1 || n > THREADS_MAX)
		return 2;
	if (strchr(argv[4], 'x'))
		most = strtoul(argv[4], NULL, 10);
	until = now() + atof(argv[4]);
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, churn,
		                   (void *)(intptr_t)i) != 0)
			return 2;
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	printf("%lu connections, %lu errors\n", atomic_load(&connections),
	       atomic_load(&errors));
	return atomic_load(&errors) || !atomic_load(&connections);
}
