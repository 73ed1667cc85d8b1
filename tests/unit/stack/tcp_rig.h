/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp_rig.h - tcp/ alone on a bench: segments made by hand go in, segments
 * and calls come out; the lower half and the host are stand-ins. Each test
 * program includes this once.
 */
#ifndef TESTS_UNIT_STACK_TCP_RIG_H
#define TESTS_UNIT_STACK_TCP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stack/tcp/tcp-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct rig {
	struct stack_common common; /* first: it is the struct stack */
	struct tcp *tcp;
	size_t size;
	uint64_t seed;
	int64_t now;
	/* the last segment that was sent */
	uint8_t out[65600];
	struct tuple t;
	size_t len, hdr_len;
	uint64_t sent;
	/* the last call */
	struct conn_id id;
	unsigned int opens, shutdowns, closed, established, unreachable;
	uint64_t taken;
	/* what the host side does */
	bool connects;         /* tcp_open() answers at once */
	uint64_t has, accepts; /* bytes to peek, bytes that are taken */
	/* called from inside the named call, to see what it can break */
	void (*inside)(struct rig *r, const char *call);
};

static struct rig rig;

static inline struct stack *rig_stack(void)
{
	return (struct stack *)&rig;
}

static inline uint32_t rig_random(void)
{
	rig.seed =
		rig.seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(rig.seed >> 33);
}

static void rig_fill(void *user, void *buf, size_t len)
{
	uint8_t *p = buf;

	(void)user;
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)rig_random();
}

/* --- the lower half ---------------------------------------------------------
 */

struct tcp_out lower_tcp_begin(struct stack *st, const struct tuple *t)
{
	(void)st, (void)t;
	return (struct tcp_out){rig.out, 65535 - 40};
}

void lower_tcp_send(struct stack *st, const struct tuple *t, size_t tcp_len,
                    size_t hdr_len, uint16_t gso_size, int64_t now)
{
	(void)st, (void)gso_size, (void)now;
	assert_true(hdr_len >= 20 && hdr_len <= 60 && hdr_len <= tcp_len);
	assert_true(tcp_len <= 65535 - 40);
	rig.t = *t;
	rig.len = tcp_len;
	rig.hdr_len = hdr_len;
	rig.sent++;
}

void lower_tcp_unreachable(struct stack *st, const struct tuple *t,
                           uint32_t seq, int err, int64_t now)
{
	(void)st, (void)t, (void)seq, (void)err, (void)now;
	rig.unreachable++;
}

static inline const struct tcp_hdr *rig_sent(void)
{
	return (const struct tcp_hdr *)(const void *)rig.out;
}

/* --- the host side
 * ------------------------------------------------------------ */

static void rig_inside(const char *call)
{
	if (rig.inside)
		rig.inside(&rig, call);
}

static int rig_open(void *user, struct conn_id id, const struct tuple *t)
{
	(void)user, (void)t;
	rig.id = id;
	rig.opens++;
	if (rig.connects)
		stack_tcp_connected(rig_stack(), id, rig.now);
	rig_inside("open");
	return 0;
}

static ssize_t rig_write(void *user, uint64_t cookie, const void *data,
                         size_t len)
{
	size_t n = MIN(len, rig.accepts);

	(void)user, (void)cookie, (void)data;
	rig.accepts -= n;
	rig.taken += n;
	return n ? (ssize_t)n : -EAGAIN;
}

static ssize_t rig_peek(void *user, uint64_t cookie, uint32_t offset, void *buf,
                        size_t len)
{
	(void)user, (void)cookie;
	if (offset >= rig.has)
		return -EAGAIN;
	len = MIN(len, rig.has - offset);
	memset(buf, 'x', len);
	return (ssize_t)len;
}

static void rig_consume(void *user, uint64_t cookie, uint32_t n)
{
	(void)user, (void)cookie;
	rig.has -= MIN(rig.has, n);
	rig_inside("consume");
}

static void rig_shutdown(void *user, uint64_t cookie)
{
	(void)user, (void)cookie;
	rig.shutdowns++;
	rig_inside("shutdown");
}

static void rig_closed(void *user, uint64_t cookie, bool reset)
{
	(void)user, (void)cookie, (void)reset;
	rig.closed++;
	rig_inside("closed");
}

static void rig_established(void *user, uint64_t cookie, int err)
{
	(void)user, (void)cookie, (void)err;
	rig.established++;
	rig_inside("established");
}

static const struct stack_ops rig_ops = {
	.tcp_open = rig_open,
	.tcp_write = rig_write,
	.tcp_shutdown = rig_shutdown,
	.tcp_peek = rig_peek,
	.tcp_consume = rig_consume,
	.tcp_closed = rig_closed,
	.tcp_established = rig_established,
};

/* --- life
 * ------------------------------------------------------------------------ */

static inline void rig_start(size_t conns, size_t pool, uint64_t seed)
{
	void *memory;

	memset(&rig, 0, sizeof(rig));
	rig.seed = seed;
	rig.now = 500 * NS_PER_S;
	rig.accepts = UINT64_MAX;
	rig.connects = true;
	rig.common.config = (struct stack_config){
		.has_ip4 = true,
		.mtu = 1500,
		.gso = true,
		.max_conns = conns,
		.max_connecting = conns,
		.pool_bytes = pool,
	};
	rig.common.ops = &rig_ops;
	rig.common.random = (struct random_source){rig_fill, NULL};
	rig.size = tcp_size(&rig.common.config);
	memory = mmap(NULL, rig.size, PROT_READ | PROT_WRITE,
	              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(memory != MAP_FAILED);
	rig.tcp = tcp_init(memory, rig_stack(), rig.now);
	rig.common.tcp = rig.tcp;
}

/* Drops what is open; the table and the pool must be empty then. */
static inline void rig_stop(void)
{
	rig.inside = NULL;
	tcp_fini(rig.tcp, rig.now);
	assert_int_equal(rig.common.stats.conns, 0);
	assert_int_equal(rig.common.stats.conns_connecting, 0);
	assert_int_equal(rig.common.stats.pool_used_bytes, 0);
	assert_int_equal(rig.tcp->pool.used, 0);
	munmap(rig.tcp, rig.size);
}

static inline struct tuple rig_tuple(unsigned int n)
{
	return (struct tuple){
		.app = {addr_ip4(10, 0, 2, 100), (uint16_t)(1024 + n % 60000)},
		.host = {addr_ip4(192, 0, 2, (uint8_t)(1 + n / 60000)), 80},
	};
}

struct rig_seg {
	struct tuple t;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window;
	const uint8_t *options;
	size_t options_len, payload_len;
};

static inline void rig_input(const struct rig_seg *s)
{
	static const uint8_t payload[65536];
	struct tcp_hdr h = {
		.sport = be16_of(s->t.app.port),
		.dport = be16_of(s->t.host.port),
		.seq = be32_of(s->seq),
		.ack = be32_of(s->ack),
		.flags = s->flags,
		.window = be16_of(s->window),
	};
	struct segment seg = {
		.t = s->t,
		.hdr = &h,
		.options = view_of(s->options, s->options_len),
		.payload = view_of(payload, s->payload_len),
	};

	tcp_input(rig.tcp, &seg, rig.now);
}

/* rig_handshake() - an established connection, the app's ISN is 0 */
static inline void rig_handshake(const struct tuple *t)
{
	struct rig_seg s = {.t = *t, .flags = TCP_FLAG_SYN, .window = 65535};

	rig_input(&s);
	assert_int_equal(rig_sent()->flags, TCP_FLAG_SYN | TCP_FLAG_ACK);
	s.seq = 1;
	s.ack = be32_get(rig_sent()->seq) + 1;
	s.flags = TCP_FLAG_ACK;
	rig_input(&s);
}

#endif
