/* SPDX-License-Identifier: Apache-2.0 */
/* test_upstream.c - real exchanges over loopback with a server of our own */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dns/message.h"
#include "dns/resolver.h"
#include "host/upstream.h"
#include "loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define PIECE 1000

enum server_kind { SERVER_GOOD, SERVER_TRUNCATING, SERVER_HALF };

struct rig {
	struct loop *loop;
	struct upstream *up;
	struct resolver *r;
	enum server_kind kind;
	int udp, tcp, conn; /* the server's */
	struct endpoint at;
	uint8_t out[2 + DNS_MESSAGE_MAX];
	size_t out_len, out_at;
	uint16_t records; /* in a TCP answer */
	unsigned int udp_asked, tcp_asked;
	uint16_t ports[64]; /* whence the questions came */
	unsigned int answers;
	uint8_t answer[DNS_MESSAGE_MAX];
	size_t answer_len;
	int64_t stop_ns;
};

/* --- the resolver's side ---------------------------------------------------
 */
static int op_send(void *user, uint32_t slot, const struct endpoint *server,
                   bool tcp, const void *msg, size_t len)
{
	struct rig *rig = user;

	return upstream_send(rig->up, slot, server, tcp, msg, len);
}

static void op_close(void *user, uint32_t slot)
{
	struct rig *rig = user;

	upstream_close(rig->up, slot);
}

static void op_answer(void *user, uint64_t client, bool tcp, const void *msg,
                      size_t len)
{
	struct rig *rig = user;

	(void)client;
	(void)tcp;
	rig->answers++;
	memcpy(rig->answer, msg, len);
	rig->answer_len = len;
	loop_stop(rig->loop);
}

static int64_t deadline(void *user)
{
	struct rig *rig = user;

	return MIN(resolver_deadline(rig->r), rig->stop_ns);
}

static void run(void *user, int64_t now)
{
	struct rig *rig = user;

	resolver_run(rig->r, now);
	if (now >= rig->stop_ns)
		loop_stop(rig->loop);
}

/* --- the server's side ------------------------------------------------------
 */
/* The question in q becomes an answer with n records. */
static size_t make_answer(const uint8_t *q, size_t len, uint16_t n,
                          uint8_t *out)
{
	static const uint8_t rr[] = {0xc0, 12, 0, 1, 0,  1, 0, 0,
	                             0,    60, 0, 4, 10, 9, 8, 7};

	memcpy(out, q, len);
	out[2] |= 0x80;
	out[6] = (uint8_t)(n >> 8);
	out[7] = (uint8_t)n;
	for (unsigned int i = 0; i < n; i++, len += sizeof(rr))
		memcpy(out + len, rr, sizeof(rr));
	return len;
}

static void serve_udp(struct rig *rig)
{
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	struct endpoint peer;
	uint8_t q[512];
	ssize_t n = recvfrom(rig->udp, q, sizeof(q), 0,
	                     (struct sockaddr *)&from, &from_len);

	assert_true(n > 12);
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&from,
	                                        from_len, &peer),
	                 0);
	rig->ports[rig->udp_asked++ % ARRAY_SIZE(rig->ports)] = peer.port;
	rig->out_len = make_answer(q, (size_t)n, 1, rig->out);
	if (rig->kind != SERVER_GOOD)
		rig->out[2] |= 2;
	assert_int_equal(sendto(rig->udp, rig->out, rig->out_len, 0,
	                        (struct sockaddr *)&from, from_len),
	                 rig->out_len);
}

static void accept_tcp(struct rig *rig)
{
	struct loop_ref ref = {LOOP_CONTROL, 2, 0};

	rig->conn = accept4(rig->tcp, NULL, NULL, SOCK_CLOEXEC);
	assert_true(rig->conn >= 0);
	rig->tcp_asked++;
	rig->out_len = 0;
	assert_int_equal(loop_add(rig->loop, rig->conn, EPOLLIN, ref), 0);
}

static void serve_tcp(struct rig *rig)
{
	struct loop_ref ref = {LOOP_CONTROL, 2, 0};
	uint8_t q[512];
	ssize_t n = recv(rig->conn, q, sizeof(q), 0);

	assert_true(n > 14);
	rig->out_len =
		make_answer(q + 2, (size_t)n - 2, rig->records, rig->out + 2);
	rig->out[0] = (uint8_t)(rig->out_len >> 8);
	rig->out[1] = (uint8_t)rig->out_len;
	rig->out_len += 2;
	rig->out_at = 0;
	assert_int_equal(loop_mod(rig->loop, rig->conn, EPOLLOUT, ref), 0);
}

/* One byte first, then the rest in pieces; half of it only in SERVER_HALF. */
static void feed_tcp(struct rig *rig)
{
	size_t n = rig->out_at ? PIECE : 1;
	bool half = rig->kind == SERVER_HALF && rig->out_at > 5000;

	n = MIN(n, rig->out_len - rig->out_at);
	if (n && !half) {
		assert_int_equal(send(rig->conn, rig->out + rig->out_at, n, 0),
		                 n);
		rig->out_at += n;
		return;
	}
	loop_del(rig->loop, rig->conn);
	close(rig->conn);
	rig->conn = -1;
}

static void on_server(void *user, uint32_t index, uint32_t gen, uint32_t events,
                      int64_t now)
{
	struct rig *rig = user;

	(void)gen;
	(void)events;
	(void)now;
	if (index == 0)
		serve_udp(rig);
	else if (index == 1)
		accept_tcp(rig);
	else if (!rig->out_len)
		serve_tcp(rig);
	else
		feed_tcp(rig);
}

/* A socket at rig->at, whose port is filled in where it is 0; -1: taken. */
static int listen_at(struct rig *rig, int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&rig->at, &ss);

	assert_true(fd >= 0);
	if (bind(fd, (struct sockaddr *)&ss, len) < 0) {
		close(fd);
		return -1;
	}
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	len = sizeof(ss);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(
		endpoint_from_sockaddr((struct sockaddr *)&ss, len, &rig->at),
		0);
	return fd;
}

/* UDP and TCP at one port that is free for both. */
static void serve(struct rig *rig)
{
	for (int i = 0; i < 100; i++) {
		rig->at.port = 0;
		rig->tcp = listen_at(rig, SOCK_STREAM);
		assert_true(rig->tcp >= 0);
		rig->udp = listen_at(rig, SOCK_DGRAM);
		if (rig->udp >= 0)
			return;
		close(rig->tcp);
	}
	fail_msg("no port is free for UDP and TCP");
}

static int setup(void **state)
{
	static const struct resolver_ops ops = {op_send, op_close, op_answer};
	const struct resolver_config config = {
		.max_queries = 4,
		.total_ns = 2 * NS_PER_S,
		.try_ns = NS_PER_S,
	};
	struct rig *rig = calloc(1, sizeof(*rig));
	struct random_source random = loop_random();
	struct loop_member client = {deadline, run, NULL, rig};

	rig->loop = loop_new();
	rig->up = upstream_new(rig->loop, config.max_queries);
	rig->r = resolver_new(&config, &ops, rig, &random);
	assert_non_null(rig->r);
	upstream_bind(rig->up, rig->r);
	rig->conn = -1;
	rig->at.addr = addr_ip4(127, 0, 0, 1);
	serve(rig);
	loop_handle(rig->loop, LOOP_CONTROL, on_server, rig);
	loop_member_add(rig->loop, &client);
	assert_int_equal(loop_add(rig->loop, rig->udp, EPOLLIN,
	                          (struct loop_ref){LOOP_CONTROL, 0, 0}),
	                 0);
	assert_int_equal(loop_add(rig->loop, rig->tcp, EPOLLIN,
	                          (struct loop_ref){LOOP_CONTROL, 1, 0}),
	                 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	upstream_free(rig->up);
	resolver_free(rig->r);
	loop_free(rig->loop);
	close(rig->udp);
	close(rig->tcp);
	if (rig->conn >= 0)
		close(rig->conn);
	free(rig);
	return 0;
}

/* Asks for www by TCP, so that nothing is cut, and runs until the answer. */
static void ask(struct rig *rig, const struct endpoint *servers, size_t n)
{
	static const uint8_t q[] = "\0\7\1\0\0\1\0\0\0\0\0\0\3www\7example\0"
				   "\0\1\0\1";
	int64_t now = loop_clock();

	rig->stop_ns = now + 4 * NS_PER_S;
	assert_int_equal(resolver_set_servers(rig->r, servers, n), 0);
	resolver_query(rig->r, 1, true, q, sizeof(q) - 1, now);
	assert_int_equal(loop_run(rig->loop), 0);
}

static unsigned int rcode_of(const struct rig *rig)
{
	return rig->answer[3] & 15u;
}

static void asks_by_udp(void **state)
{
	struct rig *rig = *state;
	unsigned int same = 0;

	for (unsigned int i = 1; i <= 8; i++) {
		ask(rig, &rig->at, 1);
		assert_int_equal(rig->answers, i);
		assert_int_equal(rig->udp_asked, i);
		assert_int_equal(rcode_of(rig), 0);
		if (i > 1) /* each from a port of its own */
			same += rig->ports[i - 1] == rig->ports[i - 2];
	}
	assert_true(same <= 1); /* chance gives the same one twice, rarely */
	assert_int_equal(rig->tcp_asked, 0);
}

/* an answer in many pieces, of every size up to the largest */
static void takes_whole_tcp_answers(void **state)
{
	struct rig *rig = *state;
	static const uint16_t records[] = {0, 1, 100, 4000, 4093};

	rig->kind = SERVER_TRUNCATING;
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		rig->records = records[i];
		ask(rig, &rig->at, 1);
		assert_int_equal(rig->answers, i + 1);
		assert_int_equal(rig->tcp_asked, i + 1);
		assert_int_equal(rcode_of(rig), 0);
		assert_int_equal(rig->answer[6] << 8 | rig->answer[7],
		                 records[i]);
		assert_int_equal(rig->answer_len, 29 + 16 * records[i]);
		if (rig->conn >= 0) {
			close(rig->conn);
			rig->conn = -1;
		}
	}
}

static void half_an_answer_is_none(void **state)
{
	struct rig *rig = *state;
	int64_t start = loop_clock();

	rig->kind = SERVER_HALF;
	rig->records = 4000;
	ask(rig, &rig->at, 1);
	assert_int_equal(rig->answers, 1);
	assert_int_equal(rcode_of(rig), DNS_SERVFAIL);
	assert_true(loop_clock() - start < NS_PER_S / 2);
}

/* a closed port: the ICMP error moves on to the next server at once */
static void icmp_moves_on(void **state)
{
	struct rig *rig = *state;
	struct endpoint servers[2];
	int64_t start = loop_clock();
	struct endpoint kept = rig->at;
	int fd;

	rig->at.port = 0;
	fd = listen_at(rig, SOCK_DGRAM);
	servers[0] = rig->at;
	close(fd);
	servers[1] = rig->at = kept;
	ask(rig, servers, 2);
	assert_int_equal(rig->answers, 1);
	assert_int_equal(rcode_of(rig), 0);
	ask(rig, servers, 1);
	assert_int_equal(rcode_of(rig), DNS_SERVFAIL);
	assert_true(loop_clock() - start < NS_PER_S / 2);
}

#define T(f_) cmocka_unit_test_setup_teardown(f_, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(asks_by_udp),
		T(takes_whole_tcp_answers),
		T(half_an_answer_is_none),
		T(icmp_moves_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
