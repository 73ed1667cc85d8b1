/* SPDX-License-Identifier: Apache-2.0 */
/* open.c - from SYN to established, both ways, and every refusal */
#include "stack/tcp/tcp-private.h"

#include "wire/icmp_errno.h"

#include <errno.h>

/* --- the app opens ----------------------------------------------------------
 */

/*
 * Room for one more that is not answered yet. A SYN-ACK that an app on this
 * machine has not answered for a second will not be: a flood gives way (T13).
 */
static bool connecting_room(struct tcp *tcp, int64_t now)
{
	struct conn *oldest;

	if (tcp->connecting < tcp->max_connecting)
		return true;
	if (!tcp->half_open.head)
		return false;
	oldest = &tcp->conns[tcp->half_open.head];
	if (now - oldest->last_rcv_ns < TCP_HALF_OPEN_NS)
		return false;
	conn_kill(tcp, oldest, now);
	return tcp->connecting < tcp->max_connecting;
}

static void take_syn(struct tcp *tcp, struct conn *c, const struct tseg *s,
                     int64_t now)
{
	c->irs = s->seq;
	c->rcv_nxt = c->rcv_read = c->rcv_wup = c->rcv_edge = s->seq + 1;
	c->round_seq = c->rcv_nxt;
	c->round_ms = now_ms(now);
	c->last_rcv_ns = now;
	conn_take_syn_options(tcp, c, &s->opt, now);
}

static void refuse(struct tcp *tcp, struct conn *c, int err, int64_t now)
{
	struct tuple t = c->t;

	tcp_stats(tcp)->tcp_refused++;
	switch (icmp_errno_find(err)->answer) {
	case ICMP_ANSWER_SILENCE: /* the app's own timer says it */
		break;
	case ICMP_ANSWER_REFUSE:
		output_rst(tcp, c, now);
		break;
	case ICMP_ANSWER_ERROR:
		lower_tcp_unreachable(tcp->st, &t, c->irs, err, now);
		break;
	}
	conn_free(tcp, c);
}

void open_passive(struct tcp *tcp, const struct tseg *s, int64_t now)
{
	const struct stack_common *common = tcp->common;
	struct tuple t = s->raw->t;
	struct conn_id id;
	struct conn *c;
	int r;

	if (!connecting_room(tcp, now))
		return; /* the app's SYN comes again */
	c = conn_new(tcp, &t, now);
	if (!c) {
		output_rst_reply(tcp, s, now);
		return;
	}
	take_syn(tcp, c, s, now);
	conn_set_state(tcp, c, CONN_CONNECTING);
	tcp_stats(tcp)->tcp_opened++;
	id = conn_id(tcp, c);
	r = common->ops->tcp_open(common->user, id, &t);
	c = conn_get(tcp, id); /* it may have been answered from inside */
	if (r < 0 && c && c->state == CONN_CONNECTING)
		refuse(tcp, c, r, now);
}

enum verdict open_input_connecting(struct tcp *tcp, struct conn *c,
                                   const struct tseg *s, int64_t now)
{
	if (s->flags & TCP_FLAG_RST) {
		if (s->seq != c->rcv_nxt && s->seq != c->irs)
			return SEG_DROP;
		conn_drop(tcp, c, true);
		return SEG_GONE;
	}
	if (s->flags & TCP_FLAG_ACK) {
		output_rst_reply(tcp, s, now);
		return SEG_DROP;
	}
	if (s->flags & TCP_FLAG_SYN) /* again, or a new attempt: the last */
		take_syn(tcp, c, s, now);
	return SEG_DROP;
}

void stack_tcp_connected(struct stack *st, struct conn_id id, int64_t now)
{
	struct tcp *tcp = stack_common(st)->tcp;
	struct conn *c = conn_get(tcp, id);

	if (!c || c->state != CONN_CONNECTING)
		return;
	conn_set_state(tcp, c, CONN_SYN_RCVD);
	c->last_rcv_ns = now;
	c->rtt_timed = true;
	c->rtt_ns = now;
	c->rtt_seq = c->iss + 1;
	output_syn(tcp, c, now);
	timer_rtx_set(tcp, c, RTX_RTO, now + timer_rto_ns(c));
}

void stack_tcp_refused(struct stack *st, struct conn_id id, int err,
                       int64_t now)
{
	struct tcp *tcp = stack_common(st)->tcp;
	struct conn *c = conn_get(tcp, id);

	if (!c)
		return;
	if (c->state == CONN_CONNECTING)
		refuse(tcp, c, err, now);
	else
		stack_tcp_abort(st, id, now);
}

/* --- we open
 * ------------------------------------------------------------------ */

int stack_tcp_connect(struct stack *st, const struct tuple *t, uint64_t cookie,
                      struct conn_id *id, int64_t now)
{
	struct tcp *tcp = stack_common(st)->tcp;
	struct conn *c = conn_lookup(tcp, t);

	if (c && c->state == CONN_TIME_WAIT)
		input_release(tcp, c);
	else if (c)
		return -EADDRINUSE;
	if (!connecting_room(tcp, now))
		return -ENOBUFS;
	c = conn_new(tcp, t, now);
	if (!c)
		return -ENOBUFS;
	c->cookie = cookie;
	c->is_active = true;
	c->has_ts = c->has_sack = c->has_wscale = true; /* what we offer */
	c->rcv_wscale = TCP_WSCALE_OURS;
	*id = conn_id(tcp, c);
	conn_set_state(tcp, c, CONN_SYN_SENT);
	tcp_stats(tcp)->tcp_opened++;
	c->rtt_timed = true;
	c->rtt_ns = now;
	c->rtt_seq = c->iss + 1;
	output_syn(tcp, c, now);
	timer_rtx_set(tcp, c, RTX_RTO, now + timer_rto_ns(c));
	return 0;
}

void open_failed(struct tcp *tcp, struct conn *c, int err)
{
	const struct stack_common *common = tcp->common;
	uint64_t cookie = c->cookie;

	tcp_stats(tcp)->tcp_refused++;
	conn_free(tcp, c);
	common->ops->tcp_established(common->user, cookie, err);
}

/* The handshake's last ACK, whichever side sends it. */
static enum verdict establish(struct tcp *tcp, struct conn *c,
                              const struct tseg *s, int64_t now)
{
	const struct stack_common *common = tcp->common;
	bool is_syn = s->flags & TCP_FLAG_SYN;
	uint32_t gen = c->gen;

	c->snd_una = s->ack;
	/* RFC 7323 2.2: the window of a SYN is not scaled */
	c->max_wnd = is_syn ? s->wnd : s->wnd << c->snd_wscale;
	c->snd_edge = s->ack + c->max_wnd;
	c->snd_wl1 = s->seq;
	c->recover = c->snd_una;
	c->backoff = 0;
	if (c->rtt_timed)
		timer_rtt_sample(c, now - c->rtt_ns);
	c->rtt_timed = false;
	timer_rtx_stop(c);
	conn_set_state(tcp, c, CONN_ESTABLISHED);
	if (c->is_active)
		common->ops->tcp_established(common->user, c->cookie, 0);
	return c->gen == gen && c->state != CONN_FREE ? SEG_NEXT : SEG_GONE;
}

/* RFC 9293 3.10.7.3 */
enum verdict open_input_syn_sent(struct tcp *tcp, struct conn *c,
                                 const struct tseg *s, int64_t now)
{
	bool has_ack = s->flags & TCP_FLAG_ACK;
	enum verdict v;

	if (has_ack && s->ack != c->snd_nxt) {
		output_rst_reply(tcp, s, now);
		return SEG_DROP;
	}
	if (s->flags & TCP_FLAG_RST) {
		if (!has_ack)
			return SEG_DROP;
		open_failed(tcp, c, -ECONNREFUSED);
		return SEG_GONE;
	}
	if (!(s->flags & TCP_FLAG_SYN))
		return SEG_DROP;
	take_syn(tcp, c, s, now);
	if (!has_ack) { /* both open at once (MUST-10) */
		conn_set_state(tcp, c, CONN_SYN_RCVD);
		output_syn(tcp, c, now);
		return SEG_DROP;
	}
	c->rcv_edge = c->rcv_nxt + MIN(c->rcvbuf, 65535u);
	v = establish(tcp, c, s, now);
	if (v == SEG_NEXT)
		c->ack_now = true;
	return v == SEG_NEXT ? SEG_DROP : v;
}

enum verdict open_input_syn_rcvd(struct tcp *tcp, struct conn *c,
                                 const struct tseg *s, int64_t now)
{
	if (s->ack != c->snd_nxt) {
		output_rst_reply(tcp, s, now); /* RFC 9293 3.10.7.4 */
		return SEG_DROP;
	}
	return establish(tcp, c, s, now);
}
