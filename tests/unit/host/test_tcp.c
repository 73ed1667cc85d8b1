/* SPDX-License-Identifier: Apache-2.0 */
/* test_tcp.c - the host's TCP sockets, for real, on loopback */
#include "rig.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* A listener on loopback; *to is where it listens. */
static int listener(bool is_ip6, struct endpoint *to)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd;

	*to = (struct endpoint){.addr = {.b = {[15] = 1}}};
	if (!is_ip6)
		to->addr = addr_ip4(127, 0, 0, 1);
	fd = socket(is_ip6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	len = endpoint_to_sockaddr(to, &ss);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(listen(fd, 10), 0);
	len = sizeof(ss);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(
		endpoint_from_sockaddr((struct sockaddr *)&ss, len, to), 0);
	return fd;
}

static bool is_connected(void)
{
	return h.connected;
}

static bool is_refused(void)
{
	return h.refused;
}

static bool is_reset(void)
{
	return h.reset;
}

static bool is_readable(void)
{
	return h.readable;
}

/* An open flow; the server's end is returned. */
static int open_pair(bool is_ip6, struct flow_id *id)
{
	struct tuple t = {0};
	_auto_close_ int lfd = listener(is_ip6, &t.host);

	h.connected = 0;
	assert_int_equal(flow_tcp_open(h.ft, &t, 1, loop_clock(), id), 0);
	wait_for(is_connected);
	return accept(lfd, NULL, NULL);
}

static void refused_is_refused(void **state)
{
	struct flow_id id;
	struct tuple t = {0};
	int rc;

	(void)state;
	start(true);
	close(listener(false, &t.host)); /* a port nobody listens at */
	rc = flow_tcp_open(h.ft, &t, 1, loop_clock(), &id);
	if (rc == 0) {
		wait_for(is_refused);
		rc = h.err;
	}
	assert_int_equal(rc, -ECONNREFUSED);
	finish();
}

/* On the machine itself a connect is over when it returns; who asks then is
 * not told again, and bytes pass. */
static void connected_at_once(void **state)
{
	struct flow_id id;
	struct tuple t = {0};
	char buf[10];
	int at, fd, rc;

	(void)state;
	start(true);
	at = listener(false, &t.host);
	assert_int_equal(flow_tcp_open(h.ft, &t, 1, loop_clock(), &id), 0);
	assert_true(flow_tcp_is_connected(h.ft, id));
	assert_false(flow_tcp_is_connected(h.ft, id));
	assert_int_equal(flow_tcp_write(h.ft, id, "there", 5), 5);
	fd = accept(at, NULL, NULL);
	assert_true(fd >= 0);
	assert_int_equal(recv(fd, buf, sizeof(buf), 0), 5);
	assert_int_equal(send(fd, "back", 4, 0), 4);
	wait_for(is_readable);
	assert_int_equal(flow_tcp_peek(h.ft, id, 0, buf, sizeof(buf)), 4);
	assert_int_equal(h.connected, 0);
	close(fd);
	close(at);
	/* a refusal is none, and is told */
	close(listener(false, &t.host));
	rc = flow_tcp_open(h.ft, &t, 2, loop_clock(), &id);
	if (rc == 0) {
		assert_false(flow_tcp_is_connected(h.ft, id));
		wait_for(is_refused);
		rc = h.err;
	}
	assert_int_equal(rc, -ECONNREFUSED);
	finish();
}

/* Our socket of the connection whose other end is fd. */
static int other_end(int fd)
{
	struct sockaddr_in want, is;
	socklen_t len = sizeof(want);

	assert_int_equal(getpeername(fd, (struct sockaddr *)&want, &len), 0);
	for (int i = 3; i < 100; i++) {
		len = sizeof(is);
		if (!getsockname(i, (struct sockaddr *)&is, &len) &&
		    is.sin_family == AF_INET && is.sin_port == want.sin_port)
			return i;
	}
	return -1;
}

/* No segment of the app's waits for the ACK of the one before (Nagle). */
static void second_write_does_not_wait(void **state)
{
	struct flow_id id;
	socklen_t len = sizeof(int);
	int fd, on = 0;

	(void)state;
	start(true);
	fd = open_pair(false, &id);
	assert_int_equal(flow_tcp_write(h.ft, id, "a", 1), 1);
	assert_int_equal(flow_tcp_write(h.ft, id, "b", 1), 1);
	assert_int_equal(
		getsockopt(other_end(fd), IPPROTO_TCP, TCP_NODELAY, &on, &len),
		0);
	assert_int_equal(on, 1);
	close(fd);
	finish();
}

static void pattern(uint8_t *p, size_t len, size_t at)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)((at + i) * 2654435761u >> 24);
}

/* Peeks ahead, consumes behind, as acknowledgements would. */
static void peek_and_consume(bool use_peek_off, bool is_ip6)
{
	static uint8_t sent[300000], got[300000];
	size_t seen = 0, consumed = 0, fed = 0;
	struct flow_id id;
	int64_t end = loop_clock() + PATIENCE_NS;
	int fd;

	start(use_peek_off);
	fd = open_pair(is_ip6, &id);
	pattern(sent, sizeof(sent), 0);
	while (consumed < sizeof(sent)) {
		size_t step = MIN(sizeof(sent) - fed, 7001 + fed % 30011);
		ssize_t n = 0;

		assert_true(loop_clock() < end);
		if (step)
			n = send(fd, sent + fed, step, MSG_DONTWAIT);
		fed += n > 0 ? (size_t)n : 0;
		n = flow_tcp_peek(h.ft, id, (uint32_t)(seen - consumed),
		                  got + seen, MIN(5003, sizeof(got) - seen));
		if (n == -EAGAIN || seen - consumed > 100000 ||
		    seen == sizeof(got)) {
			uint32_t ack = (uint32_t)MIN(seen - consumed, 9001);

			flow_tcp_consume(h.ft, id, ack);
			consumed += ack;
		}
		if (n == -EAGAIN) {
			turn();
			continue;
		}
		assert_true(n >= 0);
		seen += (size_t)n;
		/* once in a while look again, as a retransmission does */
		if (seen % 7 == 0 && seen > consumed) {
			uint8_t again[100];

			n = flow_tcp_peek(h.ft, id, 0, again, 100);
			assert_true(n > 0);
			assert_memory_equal(again, sent + consumed, n);
		}
	}
	assert_memory_equal(sent, got, sizeof(sent));
	/* the end, seen beyond bytes that are not yet consumed */
	assert_int_equal(send(fd, "tail", 4, 0), 4);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	while (flow_tcp_peek(h.ft, id, 0, got, 10) != 4) {
		assert_true(loop_clock() < end);
		turn();
	}
	turn();
	assert_int_equal(flow_tcp_peek(h.ft, id, 4, got, 10), 0);
	flow_tcp_consume(h.ft, id, 4);
	assert_int_equal(flow_tcp_peek(h.ft, id, 0, got, 10), 0);
	/* and the other way still works */
	assert_int_equal(flow_tcp_write(h.ft, id, "late", 4), 4);
	assert_int_equal(recv(fd, got, 10, 0), 4);
	flow_tcp_shutdown(h.ft, id);
	assert_int_equal(recv(fd, got, 10, 0), 0);
	assert_int_equal(flow_tcp_peek(h.ft, id, 0, got, 10), 0);
	close(fd);
	finish();
}

static void peeks_with_peek_off(void **state)
{
	(void)state;
	peek_and_consume(true, false);
	peek_and_consume(true, true);
}

static void peeks_without_peek_off(void **state)
{
	(void)state;
	peek_and_consume(false, false);
	peek_and_consume(false, true);
}

static void hard_close(int fd)
{
	struct linger l = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
}

/* S14, by event and by call, with and without bytes before the reset. */
static void reset_stays_reset(void **state)
{
	static char much[8192];

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct flow_id id;
		char buf[10];
		int fd;

		start(i & 1);
		fd = open_pair(false, &id);
		if (i & 2) {
			assert_int_equal(send(fd, "last", 4, 0), 4);
			wait_for(is_readable);
			assert_int_equal(flow_tcp_peek(h.ft, id, 0, buf, 10),
			                 4);
			flow_tcp_consume(h.ft, id, 4);
			hard_close(fd);
			wait_for(is_reset);
			assert_int_equal(h.err, -ECONNRESET);
			assert_int_equal(flow_tcp_peek(h.ft, id, 0, buf, 10),
			                 -ECONNRESET);
		} else {
			/* a look that came out full: the next one is made */
			assert_int_equal(send(fd, much, sizeof(much), 0),
			                 sizeof(much));
			wait_for(is_readable);
			assert_int_equal(
				flow_tcp_peek(h.ft, id, 0, much, sizeof(much)),
				sizeof(much));
			flow_tcp_consume(h.ft, id, sizeof(much));
			hard_close(fd);
			assert_int_equal(flow_tcp_peek(h.ft, id, 0, buf, 10),
			                 -ECONNRESET);
			assert_int_equal(flow_tcp_peek(h.ft, id, 0, buf, 10),
			                 -ECONNRESET);
			flow_close(h.ft, id, true, loop_clock());
		}
		finish();
	}
}

static void our_reset_reaches_the_host(void **state)
{
	struct flow_id id;
	char buf[10];
	int fd;

	(void)state;
	start(true);
	fd = open_pair(false, &id);
	flow_close(h.ft, id, true, loop_clock());
	flow_turn_end(h.ft, loop_clock());
	assert_int_equal(recv(fd, buf, 10, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(fd);
	h.connected = 0;
	fd = open_pair(false, &id);
	flow_close(h.ft, id, false, loop_clock());
	flow_turn_end(h.ft, loop_clock());
	assert_int_equal(recv(fd, buf, 10, 0), 0);
	close(fd);
	finish();
}

static bool is_writable(void)
{
	return h.writable;
}

static void full_socket_says_again(void **state)
{
	static uint8_t block[65536];
	size_t sent = 0, got = 0;
	struct flow_id id;
	ssize_t n;
	int fd;

	(void)state;
	start(true);
	fd = open_pair(false, &id);
	while ((n = flow_tcp_write(h.ft, id, block, sizeof(block))) > 0)
		sent += (size_t)n;
	assert_int_equal(n, -EAGAIN);
	assert_int_equal(h.writable, 0);
	while (got < sent) {
		n = recv(fd, block, sizeof(block), 0);
		assert_true(n > 0);
		got += (size_t)n;
	}
	wait_for(is_writable);
	assert_true(flow_tcp_write(h.ft, id, "x", 1) == 1);
	close(fd);
	finish();
}

/* Takes n bytes of the flow by a splice through a pipe, at most. */
static size_t by_pipe(struct flow_id id, const int *pipe, uint8_t *to, size_t n)
{
	ssize_t got = flow_tcp_read_into(h.ft, id, pipe[1], n);

	if (got == -EAGAIN)
		return 0;
	assert_true(got > 0);
	assert_int_equal(read(pipe[0], to, (size_t)got), got);
	return (size_t)got;
}

static void splices_between_peeks(bool use_peek_off)
{
	static uint8_t sent[300000], got[300000];
	size_t fed = 0, seen = 0;
	int64_t end = loop_clock() + PATIENCE_NS;
	struct flow_id id;
	int fd, pipe[2];

	start(use_peek_off);
	fd = open_pair(false, &id);
	assert_int_equal(pipe2(pipe, O_NONBLOCK), 0);
	assert_true(flow_tcp_is_plain(h.ft, id));
	pattern(sent, sizeof(sent), 0);
	while (seen < sizeof(sent)) {
		ssize_t n = send(fd, sent + fed, MIN(sizeof(sent) - fed, 7001),
		                 MSG_DONTWAIT);

		assert_true(loop_clock() < end);
		fed += n > 0 ? (size_t)n : 0;
		/* a short peek whose consumption is put off, then the rest */
		n = flow_tcp_peek(h.ft, id, 0, got + seen,
		                  MIN(sizeof(sent) - seen, 33));
		if (n > 0) {
			flow_tcp_consume(h.ft, id, (uint32_t)n);
			seen += (size_t)n;
		}
		seen += by_pipe(id, pipe, got + seen,
		                MIN(sizeof(sent) - seen, 5003));
		turn();
	}
	assert_memory_equal(sent, got, sizeof(sent));
	/* the end is a peek's to tell */
	assert_int_equal(send(fd, "tail", 4, 0), 4);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	while (by_pipe(id, pipe, got, 10) != 4) {
		assert_true(loop_clock() < end);
		turn();
	}
	while (flow_tcp_peek(h.ft, id, 0, got, 10) != 0) {
		assert_true(loop_clock() < end);
		turn();
	}
	assert_int_equal(by_pipe(id, pipe, got, 10), 0);
	/* and towards the host */
	assert_int_equal(write(pipe[1], "by pipe", 7), 7);
	assert_int_equal(flow_tcp_write_from(h.ft, id, pipe[0], 7), 7);
	assert_int_equal(flow_tcp_write(h.ft, id, "late", 4), 4);
	flow_tcp_shutdown(h.ft, id);
	assert_int_equal(recv(fd, got, 20, MSG_WAITALL), 11);
	assert_memory_equal(got, "by pipelate", 11);
	close(pipe[0]);
	close(pipe[1]);
	close(fd);
	finish();
}

static void a_pipe_takes_what_a_peek_would(void **state)
{
	(void)state;
	splices_between_peeks(true);
	splices_between_peeks(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_is_refused),
		cmocka_unit_test(connected_at_once),
		cmocka_unit_test(second_write_does_not_wait),
		cmocka_unit_test(peeks_with_peek_off),
		cmocka_unit_test(peeks_without_peek_off),
		cmocka_unit_test(reset_stays_reset),
		cmocka_unit_test(our_reset_reaches_the_host),
		cmocka_unit_test(full_socket_says_again),
		cmocka_unit_test(a_pipe_takes_what_a_peek_would),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
