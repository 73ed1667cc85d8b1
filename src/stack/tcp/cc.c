/* SPDX-License-Identifier: Apache-2.0 */
/* cc.c - how much may be on the way to the app: NewReno (RFC 5681) */
#include "stack/tcp/tcp-private.h"

/*
 * The path to the app is a device in memory: there is no queue to be kind
 * to, so the first window is a full frame or two and not ten segments; the
 * app's receive window is what holds us. Losses come from full device queues.
 * More than a mebibyte on the way gains nothing at tens of microseconds and
 * costs much, since the kernel walks the host socket's queue to the offset of
 * each peek: iperf3 -R gave 30 Gbit/s with 1 MiB, 16 without a limit.
 */
#define CC_INITIAL_BYTES (128u << 10)
#define CC_INITIAL_SEGMENTS 10u /* RFC 6928, where the MSS is large */
#define CC_MAX_BYTES (1u << 20)

static void newreno_init(struct conn *c)
{
	c->cwnd = MAX(CC_INITIAL_BYTES, CC_INITIAL_SEGMENTS * c->mss);
	c->ssthresh = CC_MAX_BYTES;
	c->cwnd_acc = 0;
}

static void newreno_acked(struct conn *c, uint32_t bytes)
{
	if (c->cwnd < c->ssthresh) {
		c->cwnd = MIN(c->cwnd + bytes, CC_MAX_BYTES);
		return;
	}
	/* one segment a round trip, counted in bytes (RFC 3465) */
	c->cwnd_acc += bytes;
	if (c->cwnd_acc >= c->cwnd) {
		c->cwnd_acc -= c->cwnd;
		c->cwnd = MIN(c->cwnd + c->mss, CC_MAX_BYTES);
	}
}

static void newreno_loss(struct conn *c, uint32_t in_flight)
{
	c->ssthresh = MAX(in_flight / 2, 2u * c->mss); /* RFC 5681 (4) */
	c->cwnd = c->ssthresh;
	c->cwnd_acc = 0;
}

static void newreno_timeout(struct conn *c, uint32_t in_flight)
{
	c->ssthresh = MAX(in_flight / 2, 2u * c->mss);
	c->cwnd = c->mss;
	c->cwnd_acc = 0;
}

const struct cc_ops cc_newreno = {
	.name = "newreno",
	.init = newreno_init,
	.acked = newreno_acked,
	.loss = newreno_loss,
	.timeout = newreno_timeout,
};
