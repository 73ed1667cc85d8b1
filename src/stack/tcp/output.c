/* SPDX-License-Identifier: Apache-2.0 */
/* output.c - segments towards the app */
#include "stack/tcp/tcp-private.h"

#include <errno.h>
#include <string.h>

/* --- the receive window ----------------------------------------------------
 */

/* Where the edge may go: what the host has not taken has to be stored. */
static uint32_t edge_wanted(const struct tcp *tcp, const struct conn *c)
{
	uint32_t buf = c->rcvbuf;

	/* the pool is nearly used up: promise no more than a first window */
	if (tcp->pool.used > tcp->pool.chunks - tcp->pool.chunks / 4)
		buf = MIN(buf, TCP_RCVBUF_START);
	return c->rcv_read + buf;
}

uint32_t output_window_gain(const struct tcp *tcp, const struct conn *c)
{
	uint32_t wanted = edge_wanted(tcp, c);
	uint32_t gain = wanted - c->rcv_edge;

	if (!seq_lt(c->rcv_edge, wanted))
		return 0;
	/* RFC 9293 3.8.6.2.2: no silly windows */
	return gain >= MIN(c->rcvbuf / 2, (uint32_t)c->rcv_mss) ? gain : 0;
}

/*
 * The header's window. The edge never goes back: it is rounded up to the
 * scale while that stays within TCP_RCV_SLACK of what can be stored, else
 * down, which RFC 7323 2.4 allows as long as we take all up to the edge.
 */
static uint16_t window_field(const struct tcp *tcp, struct conn *c)
{
	uint32_t unit = 1u << c->rcv_wscale;
	uint32_t edge = c->rcv_edge + output_window_gain(tcp, c);
	/* the app's FIN may stand on the edge of a shut window */
	uint32_t wnd = seq_lt(c->rcv_nxt, edge) ? edge - c->rcv_nxt : 0;
	uint32_t up = (wnd + unit - 1) & ~(unit - 1);
	uint32_t limit = c->rcv_read + c->rcvbuf + TCP_RCV_SLACK;

	if (seq_leq(c->rcv_nxt + up, limit))
		wnd = up;
	wnd = MIN(wnd >> c->rcv_wscale, 65535u);
	c->rcv_edge = seq_max(c->rcv_edge, c->rcv_nxt + (wnd << c->rcv_wscale));
	return (uint16_t)wnd;
}

/* --- building ---------------------------------------------------------------
 */

struct emit {
	uint32_t seq, ack;
	uint16_t window;
	uint16_t gso;
	uint8_t flags;
	size_t hdr_len, payload;
};

static void emit(struct tcp *tcp, const struct tuple *t, struct tcp_out out,
                 const struct emit *e, int64_t now)
{
	struct tcp_hdr hdr = {
		.sport = be16_of(t->host.port),
		.dport = be16_of(t->app.port),
		.seq = be32_of(e->seq),
		.ack = be32_of(e->ack),
		.offset = (uint8_t)(e->hdr_len / 4 << 4),
		.flags = e->flags,
		.window = be16_of(e->window),
	};

	memcpy(out.tcp, &hdr, sizeof(hdr));
	lower_tcp_send(tcp->st, t, e->hdr_len + e->payload, e->hdr_len, e->gso,
	               now);
}

/* What every segment of a synchronised connection says about our side. */
static void acked_now(struct conn *c)
{
	c->rcv_wup = c->rcv_nxt;
	c->ack_now = false;
	c->ack_ns = TIME_NEVER;
	c->dsack = (struct seq_range){0, 0};
}

static void emit_plain(struct tcp *tcp, struct conn *c, uint32_t seq,
                       uint8_t flags, int64_t now)
{
	struct tcp_out out = lower_tcp_begin(tcp->st, &c->t);
	unsigned int nsacks = 0, max = c->has_ts ? 3 : 4;
	struct seq_range sacks[4];
	struct emit e = {.seq = seq, .ack = c->rcv_nxt, .flags = flags};

	if (c->has_sack && c->dsack.start != c->dsack.end)
		sacks[nsacks++] = c->dsack; /* RFC 2883: always the first */
	if (c->has_sack)
		nsacks += hold_sacks(tcp, c, sacks + nsacks, max - nsacks);
	e.hdr_len = TCP_HDR_LEN +
	            options_data(c, out.tcp + TCP_HDR_LEN, sacks, nsacks, now);
	e.window = window_field(tcp, c);
	acked_now(c);
	emit(tcp, &c->t, out, &e, now);
}

void output_ack(struct tcp *tcp, struct conn *c, int64_t now)
{
	if (c->quickacks)
		c->quickacks--;
	emit_plain(tcp, c, c->snd_nxt, TCP_FLAG_ACK, now);
}

void output_probe(struct tcp *tcp, struct conn *c, int64_t now)
{
	emit_plain(tcp, c, c->snd_una - 1, TCP_FLAG_ACK, now);
}

void output_challenge(struct tcp *tcp, struct conn *c, int64_t now)
{
	uint32_t second = (uint32_t)(now / NS_PER_S);

	if (c->challenge_s != second) {
		c->challenge_s = second;
		c->challenges = 0;
	}
	if (c->challenges >= TCP_CHALLENGES_PER_S)
		return;
	c->challenges++;
	tcp_stats(tcp)->tcp_challenge_acks++;
	emit_plain(tcp, c, c->snd_nxt, TCP_FLAG_ACK, now);
}

void output_syn(struct tcp *tcp, struct conn *c, int64_t now)
{
	struct tcp_out out = lower_tcp_begin(tcp->st, &c->t);
	bool is_reply = c->state == CONN_SYN_RCVD;
	struct emit e = {
		.seq = c->iss,
		.flags = TCP_FLAG_SYN,
		.window = (uint16_t)MIN(c->rcvbuf, 65535u),
	};

	if (is_reply) {
		e.flags |= TCP_FLAG_ACK;
		e.ack = c->rcv_nxt;
		c->rcv_edge = seq_max(c->rcv_edge, c->rcv_nxt + e.window);
		acked_now(c);
	}
	e.hdr_len =
		TCP_HDR_LEN + options_syn(tcp, c, out.tcp + TCP_HDR_LEN, now);
	c->snd_nxt = c->iss + 1;
	emit(tcp, &c->t, out, &e, now);
}

void output_rst(struct tcp *tcp, struct conn *c, int64_t now)
{
	struct emit e = {
		.seq = c->snd_nxt,
		.ack = c->rcv_nxt,
		.flags = TCP_FLAG_RST | TCP_FLAG_ACK,
		.hdr_len = TCP_HDR_LEN,
	};

	switch ((enum conn_state)c->state) {
	case CONN_CONNECTING: /* RFC 9293 3.10.7.1: nothing of ours was sent */
		e.seq = 0;
		break;
	case CONN_FREE:
	case CONN_SYN_SENT:
	case CONN_TIME_WAIT:
	case CONN_DRAINING:
		return;
	case CONN_SYN_RCVD:
	case CONN_ESTABLISHED:
	case CONN_FIN_WAIT_1:
	case CONN_FIN_WAIT_2:
	case CONN_CLOSE_WAIT:
	case CONN_CLOSING:
	case CONN_LAST_ACK:
		break;
	}
	emit(tcp, &c->t, lower_tcp_begin(tcp->st, &c->t), &e, now);
}

void output_rst_reply(struct tcp *tcp, const struct tseg *s, int64_t now)
{
	const struct tuple *t = &s->raw->t;
	struct emit e = {.flags = TCP_FLAG_RST, .hdr_len = TCP_HDR_LEN};

	if (s->flags & TCP_FLAG_RST)
		return;
	if (s->flags & TCP_FLAG_ACK) {
		e.seq = s->ack;
	} else {
		e.flags |= TCP_FLAG_ACK;
		e.ack = s->end;
	}
	emit(tcp, t, lower_tcp_begin(tcp->st, t), &e, now);
}

/* --- data -------------------------------------------------------------------
 */

/* FIN goes alone: peek tells the end only when all before it is out. */
static void send_fin(struct tcp *tcp, struct conn *c, uint32_t seq, int64_t now)
{
	if (!c->fin_sent) {
		c->fin_sent = true;
		c->snd_nxt++;
		conn_set_state(tcp, c,
		               c->state == CONN_CLOSE_WAIT ? CONN_LAST_ACK
		                                           : CONN_FIN_WAIT_1);
	}
	emit_plain(tcp, c, seq, TCP_FLAG_FIN | TCP_FLAG_ACK, now);
}

static void note_sent(struct tcp *tcp, struct conn *c, uint32_t seq,
                      uint32_t end, int64_t now)
{
	if (seq_lt(seq, c->snd_nxt)) {
		tcp_stats(tcp)->tcp_retransmits++;
		c->rtt_timed = false; /* Karn */
	} else if (!c->rtt_timed) {
		c->rtt_timed = true;
		c->rtt_seq = end;
		c->rtt_ns = now;
	}
	c->snd_nxt = seq_max(c->snd_nxt, end);
}

/* One frame: whole segments when there are several, the rest later. */
static uint32_t frame_limit(const struct tcp *tcp, size_t room, uint32_t seg,
                            uint32_t len)
{
	if (!tcp->common->config.gso)
		return MIN(len, seg);
	len = MIN(len, (uint32_t)room);
	return len > seg ? len - len % seg : len;
}

int output_data(struct tcp *tcp, struct conn *c, uint32_t seq, uint32_t len,
                int64_t now)
{
	const struct stack_common *common = tcp->common;
	struct tcp_out out = lower_tcp_begin(tcp->st, &c->t);
	struct emit e = {.seq = seq, .flags = TCP_FLAG_ACK};
	uint32_t data_end = c->snd_nxt - (c->fin_sent ? 1 : 0);
	struct seq_range sacks[3];
	unsigned int nsacks = 0;
	bool is_old = seq_lt(seq, c->snd_nxt);
	uint32_t seg;
	ssize_t n;

	if (is_old && seq == data_end) {
		tcp_stats(tcp)->tcp_retransmits++;
		send_fin(tcp, c, seq, now);
		return 1;
	}
	if (is_old)
		len = MIN(len, data_end - seq);
	if (c->has_sack && c->hold)
		nsacks = hold_sacks(tcp, c, sacks, c->mss < 256 ? 0 : 3);
	e.hdr_len = TCP_HDR_LEN +
	            options_data(c, out.tcp + TCP_HDR_LEN, sacks, nsacks, now);
	seg = c->mss - (nsacks ? 4 + 8 * nsacks : 0);
	len = frame_limit(tcp, out.room - e.hdr_len, seg, len);
	n = common->ops->tcp_peek(common->user, c->cookie, seq - c->snd_una,
	                          out.tcp + e.hdr_len, len);
	if (n < 0)
		return (int)n;
	if (n == 0 && is_old)
		return -EAGAIN; /* the owner forgot bytes it owes */
	if (n == 0) {
		send_fin(tcp, c, seq, now);
		return 1;
	}
	e.payload = MIN((size_t)n, (size_t)len);
	if (e.payload > seg)
		e.gso = (uint16_t)seg;
	/* MUST-61: whether it is the last we would know a peek later */
	if (e.payload < len || common->config.gso ||
	    seq + e.payload == c->snd_edge)
		e.flags |= TCP_FLAG_PSH;
	if (c->ack_ns != TIME_NEVER)
		c->quickacks = 0; /* a dialogue: replies carry the ACKs */
	e.ack = c->rcv_nxt;
	e.window = window_field(tcp, c);
	acked_now(c);
	note_sent(tcp, c, seq, seq + (uint32_t)e.payload, now);
	emit(tcp, &c->t, out, &e, now);
	return (int)e.payload;
}

/* --- what may be sent
 * ---------------------------------------------------------- */

uint32_t output_lost_edge(const struct tcp *tcp, const struct conn *c)
{
	uint32_t first = seq_min(c->snd_una + c->mss, c->snd_nxt);

	switch ((enum ca_state)c->ca) {
	case CA_OPEN:
		break;
	case CA_RECOVERY:
		if (!c->sacks)
			return first;
		/* RFC 8985: what was sent before the highest delivered */
		return seq_max(sack_highest(tcp, c), first);
	case CA_LOSS:
		return c->recover;
	}
	return c->snd_una;
}

/* Bytes in [from, to) that the app is not known to have. */
static uint32_t not_sacked(const struct tcp *tcp, const struct conn *c,
                           uint32_t from, uint32_t to)
{
	if (!seq_lt(from, to))
		return 0;
	return to - from - sack_bytes(tcp, c, from, to);
}

uint32_t output_in_flight(const struct tcp *tcp, const struct conn *c)
{
	uint32_t flight, left;

	if (c->ca == CA_OPEN)
		flight = not_sacked(tcp, c, c->snd_una, c->snd_nxt);
	else
		flight = not_sacked(tcp, c, output_lost_edge(tcp, c),
		                    c->snd_nxt) +
		         not_sacked(tcp, c, c->snd_una, c->rtx_nxt);
	if (c->has_sack)
		return flight;
	/* without SACK each duplicate ACK tells of one segment that left */
	left = (uint32_t)c->dupacks * c->mss;
	return flight - MIN(flight, left);
}

/* RFC 6675 NextSeg (1): the holes first. 0, or the errno of a dead host. */
static int send_lost(struct tcp *tcp, struct conn *c, int64_t now)
{
	for (;;) {
		struct seq_range hole;
		uint32_t flight = output_in_flight(tcp, c);
		uint32_t len, room;
		int n;

		c->rtx_nxt = seq_max(c->rtx_nxt, c->snd_una);
		if (!sack_next_hole(tcp, c, c->rtx_nxt,
		                    output_lost_edge(tcp, c), &hole))
			return 0;
		/* the first hole goes whatever cwnd says (fast retransmit) */
		if (flight >= c->cwnd && hole.start != c->snd_una)
			return 0;
		room = (uint32_t)sub_clamped(c->cwnd, flight);
		len = MIN(hole.end - hole.start, MAX(room, (uint32_t)c->mss));
		if (!seq_lt(hole.start, c->snd_edge))
			return 0; /* the window was pulled back */
		len = MIN(len, c->snd_edge - hole.start);
		n = output_data(tcp, c, hole.start, len, now);
		if (n < 0)
			return n == -EAGAIN ? 0 : n;
		c->rtx_nxt = hole.start + (uint32_t)n;
	}
}

/* The window is shut: is there something to probe for? */
static int probe_wanted(struct tcp *tcp, struct conn *c, int64_t now)
{
	const struct stack_common *common = tcp->common;
	struct tcp_out out = lower_tcp_begin(tcp->st, &c->t);
	ssize_t n = common->ops->tcp_peek(common->user, c->cookie, 0,
	                                  out.tcp + TCP_HDR_MAX, 1);

	if (n == -EAGAIN) {
		c->host_dry = true;
		return 0;
	}
	if (n < 0)
		return (int)n;
	if (c->rtx_kind != RTX_PERSIST) {
		c->backoff = 0;
		timer_rtx_set(tcp, c, RTX_PERSIST, now + timer_rto_ns(c));
	}
	return 0;
}

/* One frame of new data. Its size, 0 when nothing may go, or an errno. */
static int send_new(struct tcp *tcp, struct conn *c, int64_t now)
{
	uint32_t wnd =
		seq_lt(c->snd_nxt, c->snd_edge) ? c->snd_edge - c->snd_nxt : 0;
	uint32_t usable;
	int n;

	if (c->host_dry || c->fin_sent)
		return 0;
	if (!wnd && c->snd_nxt == c->snd_una)
		return probe_wanted(tcp, c, now);
	usable = MIN(wnd,
	             (uint32_t)sub_clamped(c->cwnd, output_in_flight(tcp, c)));
	if (!usable)
		return 0;
	/* RFC 9293 3.8.6.2.1: a sliver of window waits for more */
	if (usable < c->mss && c->snd_nxt != c->snd_una &&
	    usable < c->max_wnd / 2)
		return 0;
	n = output_data(tcp, c, c->snd_nxt, usable, now);
	if (n != -EAGAIN)
		return n;
	c->host_dry = true;
	return 0;
}

static bool may_output(const struct conn *c)
{
	switch ((enum conn_state)c->state) {
	case CONN_ESTABLISHED:
	case CONN_CLOSE_WAIT:
	case CONN_FIN_WAIT_1:
	case CONN_CLOSING:
	case CONN_LAST_ACK:
		return true;
	case CONN_FREE:
	case CONN_CONNECTING:
	case CONN_SYN_SENT:
	case CONN_SYN_RCVD:
	case CONN_FIN_WAIT_2:
	case CONN_TIME_WAIT:
	case CONN_DRAINING:
		break;
	}
	return false;
}

bool output_run(struct tcp *tcp, struct conn *c, int64_t now)
{
	int r = 0;

	if (!may_output(c))
		return true;
	if (c->ca != CA_OPEN)
		r = send_lost(tcp, c, now);
	if (r == 0)
		do
			r = send_new(tcp, c, now);
		while (r > 0);
	if (r < 0) {
		conn_kill(tcp, c, now);
		return false;
	}
	if (c->snd_nxt != c->snd_una &&
	    (c->rtx_kind == RTX_NONE || c->rtx_kind == RTX_PERSIST))
		timer_rtx_rearm(tcp, c, now);
	timer_update(tcp, c);
	return true;
}
