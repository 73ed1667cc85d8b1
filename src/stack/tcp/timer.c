/* SPDX-License-Identifier: Apache-2.0 */
/* timer.c - one wheel timer a connection, several deadlines */
#include "stack/tcp/tcp-private.h"

#include <errno.h>

#define SWEEP_SLOTS 4096u /* slots looked at in one sweep step */
#define SWEEP_STEP_NS (10 * NS_PER_MS)

static struct conn *conn_of(struct wheel_timer *t)
{
	return (struct conn *)(void *)((uint8_t *)t -
	                               offsetof(struct conn, timer));
}

/* An early timer is left alone: it fires, finds nothing due, is set anew. */
void timer_update(struct tcp *tcp, struct conn *c)
{
	int64_t want = MIN(c->rtx_ns, c->ack_ns);

	if (want == TIME_NEVER)
		return;
	if (wheel_is_armed(&c->timer) && c->timer.deadline_ns <= want)
		return;
	wheel_set(&tcp->wheel, &c->timer, want);
}

void timer_rtx_set(struct tcp *tcp, struct conn *c, enum rtx_kind kind,
                   int64_t deadline)
{
	c->rtx_kind = (uint8_t)kind;
	c->rtx_ns = deadline;
	timer_update(tcp, c);
}

void timer_rtx_stop(struct conn *c)
{
	c->rtx_kind = RTX_NONE;
	c->rtx_ns = TIME_NEVER;
}

int64_t timer_rto_ns(const struct conn *c)
{
	int64_t rto = TCP_RTO_INITIAL_NS;

	if (c->srtt_us)
		rto = ((int64_t)c->srtt_us + 4 * (int64_t)c->rttvar_us) *
		      NS_PER_US;
	rto = MAX(rto, TCP_RTO_MIN_NS);
	for (unsigned int i = 0; i < c->backoff && rto < TCP_RTO_MAX_NS; i++)
		rto *= 2;
	return MIN(rto, TCP_RTO_MAX_NS);
}

/* RFC 6298 2 */
void timer_rtt_sample(struct conn *c, int64_t rtt_ns)
{
	int64_t us =
		MIN(MAX(rtt_ns / NS_PER_US, 1), TCP_RTO_MAX_NS / NS_PER_US);
	uint32_t r = (uint32_t)us;
	uint32_t delta;

	if (!c->srtt_us) {
		c->srtt_us = r;
		c->rttvar_us = r / 2;
		return;
	}
	delta = r > c->srtt_us ? r - c->srtt_us : c->srtt_us - r;
	c->rttvar_us = (3 * c->rttvar_us + delta) / 4;
	c->srtt_us = MAX((7 * c->srtt_us + r) / 8, 1u);
}

/* RFC 8985 7.2: a probe after two round trips, where an RTO is far off */
void timer_rtx_rearm(struct tcp *tcp, struct conn *c, int64_t now)
{
	int64_t rto = timer_rto_ns(c);
	int64_t pto = MAX(2 * (int64_t)c->srtt_us * NS_PER_US, TCP_PTO_MIN_NS);

	if (c->snd_nxt - c->snd_una <= c->mss)
		pto += 200 * NS_PER_MS; /* the app may delay its ACK */
	if (c->ca == CA_RECOVERY && c->sacks &&
	    c->rounds < TCP_RECOVERY_ROUNDS && pto < rto)
		/* what was sent again may be lost, too */
		timer_rtx_set(tcp, c, RTX_REORDER, now + (pto << c->rounds));
	else if (c->has_sack && c->srtt_us && c->ca == CA_OPEN && !c->backoff &&
	         !c->sacks && pto < rto)
		timer_rtx_set(tcp, c, RTX_TLP, now + pto);
	else
		timer_rtx_set(tcp, c, RTX_RTO, now + rto);
}

/* --- what happens then ---------------------------------------------------- */

/* Has the app been silent for so long that it must be gone? */
static bool is_vanished(const struct tcp *tcp, const struct conn *c,
                        int64_t now)
{
	int64_t silence = now - c->last_rcv_ns;

	return c->backoff > TCP_RTX_RETRIES ||
	       (c->backoff > 3 &&
	        silence > tcp->common->config.user_timeout_ns);
}

static void on_syn_timeout(struct tcp *tcp, struct conn *c, int64_t now)
{
	if (c->backoff < TCP_SYN_RETRIES) {
		c->backoff++;
		c->rtt_timed = false;
		tcp_stats(tcp)->tcp_retransmits++;
		output_syn(tcp, c, now);
		timer_rtx_set(tcp, c, RTX_RTO, now + timer_rto_ns(c));
	} else if (c->is_active) {
		open_failed(tcp, c, -ETIMEDOUT);
	} else {
		conn_kill(tcp, c, now);
	}
}

static void on_rto(struct tcp *tcp, struct conn *c, int64_t now)
{
	if (c->state == CONN_SYN_RCVD || c->state == CONN_SYN_SENT) {
		on_syn_timeout(tcp, c, now);
		return;
	}
	if (c->snd_nxt == c->snd_una) {
		timer_rtx_stop(c);
		return;
	}
	if (is_vanished(tcp, c, now)) {
		conn_kill(tcp, c, now);
		return;
	}
	if (seq_leq(c->snd_edge, c->snd_una)) {
		output_probe(tcp, c, now); /* the window was pulled to zero */
	} else {
		/* F12: an interface whose MTU was lowered drops in silence */
		if (c->backoff == TCP_BLACK_HOLE_RTOS)
			(void)conn_lower_mss(c, 1280);
		if (c->ca != CA_LOSS)
			cc_newreno.timeout(c, c->snd_nxt - c->snd_una);
		else
			c->cwnd = c->mss;
		sack_clear(tcp, c); /* RFC 2018 8: the app may have reneged */
		c->ca = CA_LOSS;
		c->has_undo = false;
		c->dupacks = 0;
		c->recover = c->snd_nxt;
		c->rtx_nxt = c->snd_una;
	}
	if (c->backoff < UINT8_MAX)
		c->backoff++;
	timer_rtx_set(tcp, c, RTX_RTO, now + timer_rto_ns(c));
	(void)!output_run(tcp, c, now);
}

static void on_persist(struct tcp *tcp, struct conn *c, int64_t now)
{
	int64_t next;

	if (is_vanished(tcp, c, now)) {
		conn_kill(tcp, c, now);
		return;
	}
	if (c->backoff < TCP_RTX_RETRIES)
		c->backoff++;
	output_probe(tcp, c, now);
	next = MIN(timer_rto_ns(c), TCP_PROBE_MAX_NS);
	timer_rtx_set(tcp, c, RTX_PERSIST, now + next);
}

/* The tail may be lost: something new, or the last segment once more. */
static void on_tlp(struct tcp *tcp, struct conn *c, int64_t now)
{
	uint32_t tail = c->snd_nxt - c->snd_una;
	uint32_t old_nxt = c->snd_nxt;
	int n;

	timer_rtx_set(tcp, c, RTX_RTO, now + timer_rto_ns(c));
	if (!output_run(tcp, c, now) || c->snd_nxt != old_nxt || !tail)
		return;
	tail = MIN(tail, (uint32_t)c->mss);
	n = output_data(tcp, c, c->snd_nxt - tail, tail, now);
	if (n < 0 && n != -EAGAIN)
		conn_kill(tcp, c, now);
}

/* What SACK shows to be missing did not come: lost, or lost once more. */
static void on_reorder(struct tcp *tcp, struct conn *c, int64_t now)
{
	struct seq_range hole;

	timer_rtx_stop(c);
	if (c->ca == CA_OPEN && c->sacks) {
		ack_recover(c, now);
	} else if (c->ca == CA_RECOVERY &&
	           !sack_next_hole(tcp, c, c->snd_una, c->snd_una + 1, &hole)) {
		on_rto(tcp, c, now); /* it forgot what it had (RFC 2018 8) */
		return;
	} else if (c->ca == CA_RECOVERY) {
		c->rounds++;
		c->rtx_nxt = c->snd_una;
	}
	(void)!output_run(tcp, c, now);
}

static void on_rtx(struct tcp *tcp, struct conn *c, int64_t now)
{
	switch ((enum rtx_kind)c->rtx_kind) {
	case RTX_NONE:
		timer_rtx_stop(c);
		break;
	case RTX_RTO:
		on_rto(tcp, c, now);
		break;
	case RTX_TLP:
		on_tlp(tcp, c, now);
		break;
	case RTX_REORDER:
		on_reorder(tcp, c, now);
		break;
	case RTX_PERSIST:
		on_persist(tcp, c, now);
		break;
	case RTX_TIME_WAIT:
		input_release(tcp, c);
		break;
	}
}

static void on_timer(struct tcp *tcp, struct conn *c, int64_t now)
{
	uint32_t gen = c->gen;

	if (c->ack_ns <= now)
		output_ack(tcp, c, now);
	if (c->rtx_ns <= now)
		on_rtx(tcp, c, now);
	if (c->gen == gen && c->state != CONN_FREE)
		timer_update(tcp, c);
}

/* --- keepalive: no timer of its own, a slow walk over the slots ------------
 */

static void keepalive(struct tcp *tcp, struct conn *c, int64_t now)
{
	int64_t idle = now - c->last_rcv_ns;

	if (c->state < CONN_ESTABLISHED || c->state > CONN_LAST_ACK ||
	    idle < tcp->common->config.keepalive_ns || c->snd_nxt != c->snd_una)
		return;
	if (c->keep_probes++ < TCP_KEEP_PROBES)
		output_probe(tcp, c, now);
	else
		conn_kill(tcp, c, now);
}

static void sweep(struct tcp *tcp, int64_t now)
{
	uint32_t end = MIN(tcp->sweep_at + SWEEP_SLOTS, tcp->fresh);

	while (tcp->sweep_at < end) {
		struct conn *c = &tcp->conns[++tcp->sweep_at];

		if (c->state == CONN_FREE)
			continue;
		if (c->rcvbuf > TCP_RCVBUF_START &&
		    now - c->last_rcv_ns > TCP_WINDOW_IDLE_NS)
			conn_set_rcvbuf(tcp, c, TCP_RCVBUF_START);
		keepalive(tcp, c, now);
	}
	if (tcp->sweep_at < tcp->fresh) {
		tcp->sweep_ns = now + SWEEP_STEP_NS;
		return;
	}
	tcp->sweep_at = 0;
	tcp->sweep_ns =
		tcp_stats(tcp)->conns ? now + TCP_KEEP_INTERVAL_NS : TIME_NEVER;
}

/* --- the seam --------------------------------------------------------------
 */

int64_t tcp_deadline(struct tcp *tcp)
{
	if (tcp->nflush)
		return 0; /* the owner has yet to flush */
	return MIN(wheel_next(&tcp->wheel), tcp->sweep_ns);
}

void tcp_run(struct tcp *tcp, int64_t now)
{
	struct wheel_timer *t;

	tcp_flush(tcp, now);
	while ((t = wheel_pop(&tcp->wheel, now)))
		on_timer(tcp, conn_of(t), now);
	if (tcp->sweep_ns <= now)
		sweep(tcp, now);
}
