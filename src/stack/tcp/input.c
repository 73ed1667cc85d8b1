/* SPDX-License-Identifier: Apache-2.0 */
/* input.c - a segment of the app, stage by stage (RFC 9293 3.10.7) */
#include "stack/tcp/tcp-private.h"

#include <errno.h>

static bool conn_is_alive(const struct conn *c, uint32_t gen)
{
	return c->gen == gen && c->state != CONN_FREE;
}

/* --- the checks, in their order --------------------------------------------
 */

/* RFC 7323 5.3; true: an old duplicate */
static bool is_paws_old(const struct conn *c, const struct tseg *s, int64_t now)
{
	uint32_t age;

	if (!c->has_ts || !s->opt.has_ts || !seq_lt(s->opt.tsval, c->ts_recent))
		return false;
	age = (uint32_t)(now / NS_PER_S) - c->ts_recent_s;
	return age < TCP_PAWS_IDLE_S;
}

/* RFC 7323 4.3 (3); old duplicates count, or their ACK echoes the past */
static void note_timestamp(struct conn *c, const struct tseg *s, int64_t now)
{
	if (!c->has_ts || !s->opt.has_ts || !seq_leq(s->seq, c->rcv_wup) ||
	    !seq_leq(c->ts_recent, s->opt.tsval))
		return;
	c->ts_recent = s->opt.tsval;
	c->ts_recent_s = (uint32_t)(now / NS_PER_S);
}

static enum verdict check_paws(struct tcp *tcp, struct conn *c,
                               const struct tseg *s, int64_t now)
{
	if (s->flags & TCP_FLAG_RST || !is_paws_old(c, s, now))
		return SEG_NEXT;
	if (s->end != s->seq)
		output_ack(tcp, c, now);
	else
		output_challenge(tcp, c, now);
	return SEG_DROP;
}

/*
 * Acceptable: something of it lies in the window, or it is empty and stands
 * at its border. What ends between the last ACK we sent and rcv_nxt passes,
 * its ACK field is good.
 */
static enum verdict check_sequence(struct tcp *tcp, struct conn *c,
                                   const struct tseg *s, int64_t now)
{
	if (seq_leq(c->rcv_wup, s->end) && seq_leq(s->seq, c->rcv_edge))
		return SEG_NEXT;
	if (s->flags & TCP_FLAG_RST)
		return SEG_DROP;
	/* a whole duplicate of the last window, not any number from outside */
	if (s->payload.len && seq_lt(s->seq, c->rcv_nxt) &&
	    c->rcv_nxt - s->seq <= TCP_RCVBUF_MAX)
		note_timestamp(c, s, now);
	if (s->payload.len && seq_lt(s->seq, c->rcv_nxt))
		c->dsack = (struct seq_range){s->seq, s->end};
	if (s->payload.len || s->flags & TCP_FLAG_FIN)
		output_ack(tcp, c, now);
	else
		output_challenge(tcp, c, now);
	return SEG_DROP;
}

/* Both FINs are out and every byte is acknowledged: a RST takes nothing. */
static bool is_all_said(const struct conn *c)
{
	return c->state == CONN_TIME_WAIT ||
	       (c->state == CONN_LAST_ACK && c->snd_nxt - c->snd_una == 1);
}

static enum verdict check_rst(struct tcp *tcp, struct conn *c,
                              const struct tseg *s, int64_t now)
{
	if (!(s->flags & TCP_FLAG_RST))
		return SEG_NEXT;
	if (s->seq != c->rcv_nxt) { /* RFC 5961 3.2 */
		output_challenge(tcp, c, now);
		return SEG_DROP;
	}
	if (c->state == CONN_SYN_RCVD && c->is_active)
		open_failed(tcp, c, -ECONNREFUSED);
	else if (is_all_said(c))
		input_release(tcp, c);
	else
		conn_drop(tcp, c, true);
	return SEG_GONE;
}

static enum verdict check_syn(struct tcp *tcp, struct conn *c,
                              const struct tseg *s, int64_t now)
{
	if (!(s->flags & TCP_FLAG_SYN))
		return SEG_NEXT;
	if (c->state == CONN_SYN_RCVD && s->seq == c->irs &&
	    !(s->flags & TCP_FLAG_ACK))
		output_syn(tcp, c, now); /* it did not get our answer */
	else
		output_challenge(tcp, c, now); /* RFC 5961 4.2 */
	return SEG_DROP;
}

static enum verdict check_ack(struct tcp *tcp, struct conn *c,
                              const struct tseg *s, int64_t now)
{
	if (!(s->flags & TCP_FLAG_ACK))
		return SEG_DROP;
	note_timestamp(c, s, now);
	if (c->state == CONN_SYN_RCVD)
		return open_input_syn_rcvd(tcp, c, s, now);
	return ack_input(tcp, c, s, now);
}

/* --- data --------------------------------------------------------------------
 */

static bool may_receive(const struct conn *c)
{
	return c->state == CONN_ESTABLISHED || c->state == CONN_FIN_WAIT_1 ||
	       c->state == CONN_FIN_WAIT_2;
}

/*
 * The window follows the app as long as the host takes all: it doubles when
 * one window's worth came within a tenth of a second (a slow flow of a few
 * Mbit/s stays where it began). All wide ones share what the port can queue:
 * eight flows of 2 MiB overran the packet socket of a veth (4288 frames sent
 * again in 3 s). A window gets smaller by its edge standing still.
 */
static void tune_window(struct tcp *tcp, struct conn *c, int64_t now)
{
	uint32_t others = tcp->wide - (c->rcvbuf > TCP_RCVBUF_START);
	uint32_t share = tcp->queue_bytes / (others + 1);
	uint32_t bytes = c->rcvbuf;

	if (c->rcv_nxt - c->round_seq < c->rcvbuf)
		return;
	if (now_ms(now) - c->round_ms < TCP_ROUND_NS / NS_PER_MS &&
	    !c->host_full && c->has_wscale)
		bytes = MIN(bytes * 2, TCP_RCVBUF_MAX);
	bytes = MAX(MIN(bytes, share), TCP_RCVBUF_START);
	if (bytes != c->rcvbuf)
		conn_set_rcvbuf(tcp, c, bytes);
	c->round_seq = c->rcv_nxt;
	c->round_ms = now_ms(now);
}

/* In-order bytes: to the host, and what it declines into the pool. */
static int take_in_order(struct tcp *tcp, struct conn *c, const uint8_t *data,
                         uint32_t len)
{
	const struct stack_common *common = tcp->common;
	uint32_t taken = 0;

	if (c->rcv_read == c->rcv_nxt) {
		ssize_t n = common->ops->tcp_write(common->user, c->cookie,
		                                   data, len);

		if (n < 0 && n != -EAGAIN)
			return (int)n;
		taken = n < 0 ? 0 : MIN((uint32_t)n, len);
		c->rcv_read += taken;
		c->host_full = taken < len;
	}
	if (taken < len)
		taken += hold_store(tcp, c, c->rcv_nxt + taken, data + taken,
		                    len - taken);
	c->rcv_nxt += taken;
	return 0;
}

static enum verdict receive_data(struct tcp *tcp, struct conn *c,
                                 const struct tseg *s, int64_t now)
{
	uint32_t seq = s->seq;
	uint32_t len = (uint32_t)s->payload.len;
	const uint8_t *data = s->payload.data;
	bool had_holes = c->hold != 0;

	if (!len)
		return SEG_NEXT;
	if (!may_receive(c)) {
		c->ack_now = true; /* there is nothing after a FIN */
		return SEG_NEXT;
	}
	if (seq_lt(seq, c->rcv_nxt)) {
		uint32_t old = MIN(len, c->rcv_nxt - seq);

		c->ack_now = true; /* it lacks our ACK */
		c->dsack = (struct seq_range){seq, seq + old};
		seq += old;
		data += old;
		len -= old;
	}
	if (seq_lt(c->rcv_edge, seq + len)) {
		c->ack_now = true;
		len = c->rcv_edge - seq;
	}
	if (!len)
		return SEG_NEXT;
	c->rcv_mss = (uint16_t)MAX(
		c->rcv_mss,
		MIN(s->raw->gso_size ? s->raw->gso_size : s->payload.len,
	            (size_t)conn_mss(tcp, &c->t)));
	if (seq != c->rcv_nxt) {
		c->ack_now = true; /* RFC 5681 4.2 */
		if (hold_has(tcp, c, seq, seq + len))
			c->dsack = (struct seq_range){seq, seq + len};
		hold_insert(tcp, c, seq, data, len);
		return SEG_NEXT;
	}
	if (take_in_order(tcp, c, data, len) < 0) {
		conn_kill(tcp, c, now);
		return SEG_GONE;
	}
	if (had_holes)
		hold_join(tcp, c);
	if (c->rcv_nxt - seq > len)
		c->ack_now = true; /* a hole was filled */
	tune_window(tcp, c, now);
	return SEG_NEXT;
}

/* --- FIN and the end
 * ------------------------------------------------------------ */

void input_release(struct tcp *tcp, struct conn *c)
{
	if (c->host_gone || c->host_shut) {
		conn_drop(tcp, c, false);
		return;
	}
	timer_rtx_stop(c);
	c->ack_ns = TIME_NEVER;
	conn_unhash(tcp, c);
	conn_set_state(tcp, c, CONN_DRAINING);
}

enum verdict input_settle(struct tcp *tcp, struct conn *c)
{
	const struct stack_common *common = tcp->common;
	uint32_t gen = c->gen;

	if (!c->host_shut || c->host_gone)
		return SEG_NEXT;
	if (c->state == CONN_DRAINING) {
		conn_drop(tcp, c, false);
		return SEG_GONE;
	}
	if (c->state == CONN_TIME_WAIT) {
		c->host_gone = true;
		common->ops->tcp_closed(common->user, c->cookie, false);
	}
	return conn_is_alive(c, gen) ? SEG_NEXT : SEG_GONE;
}

enum verdict input_deliver(struct tcp *tcp, struct conn *c, int64_t now)
{
	const struct stack_common *common = tcp->common;
	uint32_t gen = c->gen;

	int r = 0;

	if (c->rcv_read != rcv_data_end(c))
		r = hold_deliver(tcp, c);
	if (r == -EBADE)
		conn_impossible(tcp, c, now);
	else if (r < 0)
		conn_kill(tcp, c, now);
	if (r < 0)
		return SEG_GONE;
	if (!c->fin_rcvd || c->host_shut || c->rcv_read != rcv_data_end(c))
		return SEG_NEXT;
	c->host_shut = true;
	common->ops->tcp_shutdown(common->user, c->cookie);
	if (!conn_is_alive(c, gen))
		return SEG_GONE;
	return input_settle(tcp, c);
}

/* All up to the FIN is here: the app's half is over. */
static void fin_in_order(struct tcp *tcp, struct conn *c, int64_t now)
{
	c->fin_rcvd = true;
	c->fin_pending = false;
	c->rcv_nxt++;
	switch ((enum conn_state)c->state) {
	case CONN_ESTABLISHED:
		conn_set_state(tcp, c, CONN_CLOSE_WAIT);
		break;
	case CONN_FIN_WAIT_1:
		conn_set_state(tcp, c, CONN_CLOSING);
		break;
	case CONN_FIN_WAIT_2:
		conn_enter_time_wait(tcp, c, now);
		break;
	case CONN_FREE:
	case CONN_CONNECTING:
	case CONN_SYN_SENT:
	case CONN_SYN_RCVD:
	case CONN_CLOSE_WAIT:
	case CONN_CLOSING:
	case CONN_LAST_ACK:
	case CONN_TIME_WAIT:
	case CONN_DRAINING:
		break;
	}
}

static void receive_fin(struct tcp *tcp, struct conn *c, const struct tseg *s,
                        int64_t now)
{
	uint32_t fin = s->end - 1;

	if (s->flags & TCP_FLAG_FIN && seq_lt(fin, c->rcv_nxt)) {
		c->ack_now = true; /* it lacks our ACK */
		if (c->state == CONN_TIME_WAIT)
			conn_enter_time_wait(tcp, c, now);
	}
	if (!may_receive(c))
		return;
	if (s->flags & TCP_FLAG_FIN && !c->fin_pending &&
	    seq_leq(c->rcv_nxt, fin) && seq_leq(fin, c->rcv_edge)) {
		c->fin_pending = true;
		c->rcv_fin = fin;
	}
	if (c->fin_pending && c->rcv_nxt == c->rcv_fin)
		fin_in_order(tcp, c, now);
}

/* --- ACKs held back
 * ---------------------------------------------------------------- */

static void flush_one(struct tcp *tcp, struct conn *c, int64_t now)
{
	uint32_t owed = c->rcv_nxt - c->rcv_wup;

	bool only_fin = owed == 1 && c->state == CONN_CLOSE_WAIT;

	if (!owed && !c->ack_now)
		return;
	if (c->ack_now || owed > c->rcv_mss ||
	    (!only_fin && (c->quickacks || c->fin_rcvd))) {
		output_ack(tcp, c, now);
		return;
	}
	if (c->ack_ns == TIME_NEVER) {
		c->ack_ns = now + (only_fin ? TCP_FIN_ACK_NS : TCP_DELACK_NS);
		timer_update(tcp, c);
	}
}

void tcp_flush(struct tcp *tcp, int64_t now)
{
	uint32_t n = tcp->nflush;

	for (uint32_t i = 0; i < n; i++) {
		struct conn *c = conn_get(tcp, tcp->flush[i]);

		if (!c)
			continue;
		c->in_flush = false;
		flush_one(tcp, c, now);
	}
	tcp->nflush = 0;
}

static void flush_later(struct tcp *tcp, struct conn *c, int64_t now)
{
	if (c->in_flush)
		return;
	if (tcp->nflush == FLUSH_MAX)
		tcp_flush(tcp, now);
	c->in_flush = true;
	tcp->flush[tcp->nflush++] = conn_id(tcp, c);
}

/* --- the stages together
 * ------------------------------------------------------------ */

typedef enum verdict stage(struct tcp *tcp, struct conn *c,
                           const struct tseg *s, int64_t now);

static enum verdict input_synchronised(struct tcp *tcp, struct conn *c,
                                       const struct tseg *s, int64_t now)
{
	static stage *const stages[] = {check_paws, check_sequence,
	                                check_rst,  check_syn,
	                                check_ack,  receive_data};

	c->last_rcv_ns = now;
	c->keep_probes = 0;
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
		enum verdict v = stages[i](tcp, c, s, now);

		if (v != SEG_NEXT)
			return v;
	}
	/* urgent data is data like any other (T10) */
	receive_fin(tcp, c, s, now);
	return input_deliver(tcp, c, now);
}

static enum verdict input_conn(struct tcp *tcp, struct conn *c,
                               const struct tseg *s, int64_t now)
{
	switch ((enum conn_state)c->state) {
	case CONN_CONNECTING:
		return open_input_connecting(tcp, c, s, now);
	case CONN_SYN_SENT:
		return open_input_syn_sent(tcp, c, s, now);
	case CONN_SYN_RCVD:
	case CONN_ESTABLISHED:
	case CONN_FIN_WAIT_1:
	case CONN_FIN_WAIT_2:
	case CONN_CLOSE_WAIT:
	case CONN_CLOSING:
	case CONN_LAST_ACK:
	case CONN_TIME_WAIT:
		return input_synchronised(tcp, c, s, now);
	case CONN_FREE:
	case CONN_DRAINING:
		break; /* not in the hash */
	}
	return SEG_DROP;
}

/* RFC 9293 3.6.1, RFC 6191: a SYN that is certainly newer takes its place */
static bool is_reuse(const struct conn *c, const struct tseg *s)
{
	if (c->state != CONN_TIME_WAIT ||
	    (s->flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST)) !=
	            TCP_FLAG_SYN)
		return false;
	if (c->has_ts && s->opt.has_ts && s->opt.tsval != c->ts_recent)
		return seq_lt(c->ts_recent, s->opt.tsval);
	return seq_lt(c->rcv_nxt, s->seq);
}

/*
 * What our own bugs could break, looked at for each segment (THREATS 7): the
 * one connection is reset, the counter tells, the others go on.
 */
static bool is_possible(const struct conn *c)
{
	if (c->state <= CONN_FREE || c->state >= CONN_DRAINING)
		return false; /* it stood in the hash */
	return c->state <= CONN_SYN_SENT ||
	       (seq_leq(c->snd_una, c->snd_nxt) &&
	        seq_leq(c->rcv_read, rcv_data_end(c)) &&
	        (c->rcv_read == rcv_data_end(c) || c->hold));
}

static void parse(const struct segment *raw, struct tseg *s)
{
	const struct tcp_hdr *hdr = raw->hdr;
	bool is_syn = hdr->flags & TCP_FLAG_SYN;

	*s = (struct tseg){
		.raw = raw,
		.seq = be32_get(hdr->seq),
		.ack = be32_get(hdr->ack),
		.wnd = be16_get(hdr->window),
		.flags = hdr->flags,
		.payload = raw->payload,
	};
	s->end = s->seq + (uint32_t)s->payload.len + (is_syn ? 1 : 0) +
	         (hdr->flags & TCP_FLAG_FIN ? 1 : 0);
	options_parse(raw->options, is_syn, &s->opt);
}

void tcp_input(struct tcp *tcp, const struct segment *raw, int64_t now)
{
	struct tseg s;
	struct conn *c;
	uint32_t gen;

	parse(raw, &s);
	c = conn_lookup(tcp, &raw->t);
	if (c && is_reuse(c, &s)) {
		input_release(tcp, c);
		c = NULL;
	}
	if (!c) {
		if ((s.flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST)) ==
		    TCP_FLAG_SYN)
			open_passive(tcp, &s, now);
		else
			output_rst_reply(tcp, &s, now);
		return;
	}
	if (!is_possible(c)) {
		conn_impossible(tcp, c, now);
		return;
	}
	gen = c->gen;
	tcp->busy = c;
	if (input_conn(tcp, c, &s, now) == SEG_GONE || !conn_is_alive(c, gen)) {
		tcp->busy = NULL;
		return;
	}
	tcp->busy = NULL;
	if (!output_run(tcp, c, now))
		return;
	if (c->ack_now)
		output_ack(tcp, c, now);
	else if (c->rcv_nxt != c->rcv_wup)
		flush_later(tcp, c, now);
}
