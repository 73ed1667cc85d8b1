/* SPDX-License-Identifier: Apache-2.0 */
/* api.c - what the owner of the stack says about the host's side */
#include "stack/tcp/tcp-private.h"

#include <errno.h>

static struct tcp *tcp_of(struct stack *st)
{
	return stack_common(st)->tcp;
}

void stack_tcp_set_cookie(struct stack *st, struct conn_id id, uint64_t cookie)
{
	struct conn *c = conn_get(tcp_of(st), id);

	if (c)
		c->cookie = cookie;
}

void stack_tcp_host_readable(struct stack *st, struct conn_id id, int64_t now)
{
	struct tcp *tcp = tcp_of(st);
	struct conn *c = conn_get(tcp, id);

	if (!c)
		return;
	c->host_dry = false;
	if (tcp->busy != c)
		(void)!output_run(tcp, c, now);
}

static bool is_receiving(const struct conn *c)
{
	return c->state == CONN_ESTABLISHED || c->state == CONN_FIN_WAIT_1 ||
	       c->state == CONN_FIN_WAIT_2;
}

void stack_tcp_host_writable(struct stack *st, struct conn_id id, int64_t now)
{
	struct tcp *tcp = tcp_of(st);
	struct conn *c = conn_get(tcp, id);
	uint32_t gain;

	if (!c || c->rcv_read == rcv_data_end(c) || tcp->busy == c)
		return;
	if (input_deliver(tcp, c, now) == SEG_GONE || !is_receiving(c))
		return;
	/* the app may stand before a shut window: tell it when that doubles */
	gain = output_window_gain(tcp, c);
	if (gain && (gain >= c->rcv_edge - c->rcv_nxt || gain >= c->rcvbuf / 2))
		output_ack(tcp, c, now);
}

void stack_tcp_abort(struct stack *st, struct conn_id id, int64_t now)
{
	struct tcp *tcp = tcp_of(st);
	struct conn *c = conn_get(tcp, id);

	if (!c)
		return;
	output_rst(tcp, c, now);
	tcp_stats(tcp)->tcp_resets++;
	conn_free(tcp, c);
}

void tcp_icmp_error(struct tcp *tcp, const struct tuple *t, uint32_t seq,
                    unsigned int mtu, int64_t now)
{
	struct conn *c = conn_lookup(tcp, t);

	/* RFC 5927 4.1: only what quotes a byte on the way is believed */
	if (!c || !seq_leq(c->snd_una, seq) || !seq_lt(seq, c->snd_nxt))
		return;
	if (c->state == CONN_SYN_SENT) {
		if (!mtu)
			open_failed(tcp, c, -EHOSTUNREACH);
		return;
	}
	if (!mtu)
		return; /* a soft error: the RTO decides (RFC 5461) */
	if (!conn_lower_mss(c, mtu))
		return;
	/* what did not fit goes again in smaller pieces; not a congestion */
	c->ca = CA_LOSS;
	c->recover = c->snd_nxt;
	c->rtx_nxt = c->snd_una;
	(void)!output_run(tcp, c, now);
}
