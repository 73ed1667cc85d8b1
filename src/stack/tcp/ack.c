/* SPDX-License-Identifier: Apache-2.0 */
/* ack.c - the ACK stage of input: what the app has, what it may get */
#include "stack/tcp/tcp-private.h"

/* --- window ------------------------------------------------------------------
 */

/* A window pulled to zero opened again: what it dropped goes again at once. */
static void window_reopened(struct tcp *tcp, struct conn *c, int64_t now)
{
	if (c->rtx_kind == RTX_PERSIST) {
		c->backoff = 0;
		timer_rtx_stop(c);
	} else if (c->snd_nxt != c->snd_una && c->backoff) {
		c->ca = CA_LOSS;
		c->recover = c->snd_nxt;
		c->rtx_nxt = c->snd_una;
		c->backoff = 0;
		timer_rtx_set(tcp, c, RTX_RTO, now + timer_rto_ns(c));
	}
}

/* RFC 9293 3.10.7.4 (SND.WL1), in Linux's order: no edge goes back by an ACK
 * that says nothing new, which reordering would produce. */
static bool window_update(struct tcp *tcp, struct conn *c, const struct tseg *s,
                          int64_t now)
{
	uint32_t wnd = s->wnd << c->snd_wscale;
	uint32_t edge = s->ack + wnd;
	bool was_shut = seq_leq(c->snd_edge, c->snd_una);
	bool changed = edge != c->snd_edge;

	if (seq_lt(s->ack, c->snd_una))
		return false;
	if (!seq_lt(c->snd_una, s->ack) && !seq_lt(c->snd_wl1, s->seq) &&
	    !(s->seq == c->snd_wl1 && seq_lt(c->snd_edge, edge)))
		return changed;
	c->snd_edge = edge;
	c->snd_wl1 = s->seq;
	c->max_wnd = MAX(c->max_wnd, wnd);
	if (was_shut && wnd)
		window_reopened(tcp, c, now);
	return changed;
}

/* --- loss recovery
 * ------------------------------------------------------------ */

void ack_recover(struct conn *c, int64_t now)
{
	c->has_undo = true;
	c->undo_cwnd = c->cwnd;
	c->undo_ssthresh = c->ssthresh;
	c->undo_ts = conn_tsval(c, now);
	cc_newreno.loss(c, c->snd_nxt - c->snd_una);
	c->ca = CA_RECOVERY;
	c->rounds = 0;
	c->recover = c->snd_nxt;
	c->rtx_nxt = c->snd_una;
}

/*
 * Nothing was lost when the echo is older than what we sent again (RFC 4015),
 * or when the app has it twice (RFC 2883: a block below the ACK).
 */
static void undo_if_spurious(struct conn *c, const struct tseg *s)
{
	bool is_dsack = c->has_sack && s->opt.nsacks &&
	                seq_leq(s->opt.sacks[0].end, s->ack);
	bool is_older = c->has_ts && s->opt.has_ts &&
	                seq_lt(s->opt.tsecr, c->undo_ts) &&
	                seq_lt(c->snd_una, s->ack);

	if (!c->has_undo || (!is_dsack && !is_older))
		return;
	c->reord_seen = true;
	c->cwnd = MAX(c->cwnd, c->undo_cwnd);
	c->ssthresh = MAX(c->ssthresh, c->undo_ssthresh);
	c->ca = CA_OPEN;
	c->has_undo = false;
}

static void recovery_progress(struct conn *c)
{
	if (c->ca == CA_OPEN)
		return;
	if (seq_leq(c->recover, c->snd_una)) {
		c->ca = CA_OPEN;
	} else if (c->ca == CA_RECOVERY && !c->has_sack) {
		c->rtx_nxt = c->snd_una; /* RFC 6582: the next hole */
	}
}

static void detect_loss(struct tcp *tcp, struct conn *c, int64_t now)
{
	int64_t wait =
		MAX((int64_t)c->srtt_us * NS_PER_US / 4, TCP_REORDER_MIN_NS);
	bool is_lost;

	if (c->ca != CA_OPEN || c->snd_una == c->snd_nxt)
		return;
	is_lost = c->sacks ? !c->reord_seen &&
	                             seq_lt(c->snd_una, sack_lost_edge(tcp, c))
	                   : c->dupacks >= TCP_DUP_THRESHOLD;
	if (is_lost) {
		ack_recover(c, now);
		timer_rtx_rearm(tcp, c, now);
	} else if (c->sacks && c->rtx_kind != RTX_REORDER) {
		timer_rtx_set(tcp, c, RTX_REORDER, now + wait);
	}
}

/* --- progress
 * ------------------------------------------------------------------ */

static void take_rtt(struct conn *c, const struct tseg *s, int64_t now)
{
	uint32_t ms;

	if (c->rtt_timed) {
		if (!seq_leq(c->rtt_seq, s->ack))
			return;
		c->rtt_timed = false;
		timer_rtt_sample(c, now - c->rtt_ns);
	} else if (c->has_ts && s->opt.has_ts && s->opt.tsecr && !c->backoff) {
		/*
		 * RFC 7323 4.1: good for what was sent twice, too. Not after
		 * a time-out: an ACK that was lost makes the echo as old as
		 * the silence, and the next time-out as long (test_tcp_sim).
		 */
		ms = conn_tsval(c, now) - s->opt.tsecr;
		if (ms < (uint32_t)(TCP_RTO_MAX_NS / NS_PER_MS))
			timer_rtt_sample(c, (int64_t)ms * NS_PER_MS);
	}
}

static enum verdict fin_acked(struct tcp *tcp, struct conn *c, int64_t now)
{
	switch ((enum conn_state)c->state) {
	case CONN_FIN_WAIT_1:
		conn_set_state(tcp, c, CONN_FIN_WAIT_2);
		break;
	case CONN_CLOSING:
		conn_enter_time_wait(tcp, c, now);
		return input_settle(tcp, c);
	case CONN_LAST_ACK:
		input_release(tcp, c);
		return SEG_GONE;
	case CONN_FREE:
	case CONN_CONNECTING:
	case CONN_SYN_SENT:
	case CONN_SYN_RCVD:
	case CONN_ESTABLISHED:
	case CONN_FIN_WAIT_2:
	case CONN_CLOSE_WAIT:
	case CONN_TIME_WAIT:
	case CONN_DRAINING:
		break;
	}
	return SEG_NEXT;
}

static enum verdict advance(struct tcp *tcp, struct conn *c,
                            const struct tseg *s, int64_t now)
{
	const struct stack_common *common = tcp->common;
	uint32_t flight = c->snd_nxt - c->snd_una;
	uint32_t bytes = s->ack - c->snd_una;
	bool is_fin = c->fin_sent && s->ack == c->snd_nxt;
	uint32_t gen = c->gen;

	c->snd_una = s->ack;
	c->dupacks = 0;
	take_rtt(c, s, now);
	c->backoff = 0;
	c->rounds = 0;
	sack_advance(tcp, c);
	recovery_progress(c);
	/* cwnd grows only where it was the limit (RFC 7661) */
	if (c->ca != CA_RECOVERY && flight >= c->cwnd / 2)
		cc_newreno.acked(c, bytes);
	if (c->snd_una == c->snd_nxt)
		timer_rtx_stop(c);
	else
		timer_rtx_rearm(tcp, c, now);
	if (bytes > (is_fin ? 1u : 0u))
		common->ops->tcp_consume(common->user, c->cookie,
		                         bytes - (is_fin ? 1 : 0));
	if (c->gen != gen || c->state == CONN_FREE)
		return SEG_GONE;
	return is_fin ? fin_acked(tcp, c, now) : SEG_NEXT;
}

enum verdict ack_input(struct tcp *tcp, struct conn *c, const struct tseg *s,
                       int64_t now)
{
	uint32_t fresh = 0;
	bool window_changed;

	/* RFC 5961 5.2: what was never sent, or is older than any window */
	if (seq_lt(c->snd_nxt, s->ack) ||
	    seq_lt(s->ack, c->snd_una - MAX(c->max_wnd, 65535u))) {
		output_challenge(tcp, c, now);
		return SEG_DROP;
	}
	window_changed = window_update(tcp, c, s, now);
	if (c->has_sack && s->opt.nsacks)
		fresh = sack_input(tcp, c, s);
	undo_if_spurious(c, s);
	if (seq_lt(c->snd_una, s->ack)) {
		enum verdict v = advance(tcp, c, s, now);

		if (v != SEG_NEXT)
			return v;
	} else if (s->ack == c->snd_una && c->snd_una != c->snd_nxt &&
	           seq_lt(c->snd_una, c->snd_edge) && s->end == s->seq &&
	           (fresh || !window_changed)) {
		if (c->dupacks < UINT8_MAX)
			c->dupacks++;
	}
	detect_loss(tcp, c, now);
	return SEG_NEXT;
}
