/* SPDX-License-Identifier: Apache-2.0 */
/* rig.h - a real loop, flow table and host room on loopback */
#ifndef TEST_HOST_RIG_H
#define TEST_HOST_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "dns/resolver.h"
#include "host/host.h"
#include "loop/loop.h"
#include "policy/policy.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/*
 * A real loop, flow table and host room; the frontend is this file. Turns
 * are made until a condition holds, or the test fails after PATIENCE_NS.
 */
#define PATIENCE_NS (5 * NS_PER_S)

static struct {
	struct loop *loop;
	struct host *host;
	struct flow_table *ft;
	struct policy *policy;
	int connected, refused, reset, readable, writable, err;
	int datagrams, errors, echoes;
	size_t bytes, segment;
	uint8_t data[65536];
	uint16_t seq;
	struct addr from;
	bool has_from;
	int lines;
	int64_t until;
	bool (*done)(void);
} h;

static void on_connected(void *user, uint64_t ref, int64_t now)
{
	(void)user, (void)ref, (void)now;
	h.connected++;
}

static void on_refused(void *user, uint64_t ref, int err, int64_t now)
{
	(void)user, (void)ref, (void)now;
	h.refused++;
	h.err = err;
}

static void on_readable(void *user, uint64_t ref, int64_t now)
{
	(void)user, (void)ref, (void)now;
	h.readable++;
}

static void on_writable(void *user, uint64_t ref, int64_t now)
{
	(void)user, (void)ref, (void)now;
	h.writable++;
}

static void on_reset(void *user, uint64_t ref, int err, int64_t now)
{
	(void)user, (void)ref, (void)now;
	h.reset++;
	h.err = err;
}

static void on_datagram(void *user, uint64_t ref, const struct tuple *t,
                        const void *data, size_t len, size_t segment_len,
                        int64_t now)
{
	(void)user, (void)ref, (void)t, (void)now;
	h.datagrams +=
		segment_len ? (int)((len + segment_len - 1) / segment_len) : 1;
	h.bytes += len;
	h.segment = segment_len;
	assert_true(len <= sizeof(h.data));
	memcpy(h.data, data, len);
}

static void on_udp_error(void *user, uint64_t ref, const struct tuple *t,
                         int err, const struct addr *from, int64_t now)
{
	(void)user, (void)ref, (void)t, (void)now;
	h.errors++;
	h.err = err;
	h.has_from = from != NULL;
	if (from)
		h.from = *from;
}

static void on_echo_error(void *user, uint64_t ref, const struct tuple *t,
                          uint16_t seq, int err, const struct addr *from,
                          int64_t now)
{
	h.seq = seq;
	on_udp_error(user, ref, t, err, from, now);
}

static void on_echo(void *user, uint64_t ref, const struct tuple *t,
                    uint16_t seq, const void *data, size_t len, int64_t now)
{
	(void)user, (void)ref, (void)t, (void)data, (void)now;
	h.echoes++;
	h.seq = seq;
	h.bytes = len;
}

static void on_line(void *user, const char *line)
{
	(void)user, (void)line;
	h.lines++;
}

static const struct frontend_ops frontend = {
	.udp_deliver = on_datagram,
	.udp_error = on_udp_error,
	.echo_error = on_echo_error,
	.echo_deliver = on_echo,
	.tcp_connected = on_connected,
	.tcp_refused = on_refused,
	.tcp_readable = on_readable,
	.tcp_writable = on_writable,
	.tcp_reset = on_reset,
};

static int64_t deadline(void *user)
{
	(void)user;
	return MIN(h.until, loop_clock() + NS_PER_MS);
}

static void run(void *user, int64_t now)
{
	(void)user;
	flow_run(h.ft, now);
}

static void turn_end(void *user, int64_t now)
{
	(void)user;
	flow_turn_end(h.ft, now);
	if (h.done() || now >= h.until)
		loop_stop(h.loop);
}

static void wait_for(bool (*done)(void))
{
	h.done = done;
	h.until = loop_clock() + PATIENCE_NS;
	assert_int_equal(loop_run(h.loop), 0);
	assert_true(done());
}

static bool at_once(void)
{
	return true;
}

/* One turn: what says -EAGAIN says so until an event came. */
static _unused_ void turn(void)
{
	wait_for(at_once);
}

static void start(bool use_peek_off)
{
	struct flow_config fc = {.max_flows = 100,
	                         .max_connecting = 50,
	                         .max_udp = 50,
	                         .udp_idle_ns = 10 * NS_PER_S,
	                         .short_ns = 10 * NS_PER_S};
	struct host_config hc = {.use_peek_off = use_peek_off, .line = on_line};
	struct flow_rooms rooms = {.frontend = &frontend,
	                           .host = host_ops(),
	                           .random = loop_random()};
	struct loop_member client = {
		.deadline = deadline, .run = run, .turn_end = turn_end};
	struct error err;

	memset(&h, 0, sizeof(h));
	h.loop = loop_new();
	rooms.policy = h.policy = policy_new();
	assert_int_equal(policy_add(h.policy, POLICY_ALLOW, "@loopback", &err),
	                 0);
	h.host = rooms.host_user = host_new(&hc, h.loop);
	h.ft = flow_table_new(&fc, &rooms);
	host_bind(h.host, h.ft);
	loop_member_add(h.loop, &client);
}

static void finish(void)
{
	flow_table_free(h.ft);
	host_free(h.host);
	loop_free(h.loop);
	policy_free(h.policy);
}

/* the table never asks it here: no resolver is bound */
void resolver_query(struct resolver *r, uint64_t client, bool tcp,
                    const void *msg, size_t len, int64_t now)
{
	(void)r, (void)client, (void)tcp, (void)msg, (void)len, (void)now;
}

void resolver_asker_gone(struct resolver *r, uint64_t client)
{
	(void)r, (void)client;
}

#endif
