/* SPDX-License-Identifier: Apache-2.0 */
/* tcp-private.h - what the files of stack/tcp share with each other */
#ifndef STACK_TCP_TCP_PRIVATE_H
#define STACK_TCP_TCP_PRIVATE_H

#include "base/wheel.h"
#include "stack/stack-private.h"

/* --- Limits and times ---------------------------------------------------- */
#define TCP_MSS_MIN 64u        /* an app that says less is not believed */
#define TCP_MSS_DEFAULT4 536u  /* RFC 9293 MUST-15 */
#define TCP_MSS_DEFAULT6 1220u /* RFC 9293 MUST-15 */
#define TCP_WSCALE_MAX 14u     /* RFC 7323 2.3 */
#define TCP_WSCALE_OURS 8u     /* 16 MiB in units of 256 bytes */
#define TCP_HDR_LEN 20u
#define TCP_HDR_MAX 60u

#define TCP_RCVBUF_START 65535u
#define TCP_RCVBUF_MAX (2u << 20)
#define TCP_APP_QUEUE (4u << 20)
#define TCP_RCV_SLACK 4096u /* how far rounding the window up may creep */
#define TCP_ROUND_NS (100 * NS_PER_MS)

#define TCP_RTO_INITIAL_NS NS_PER_S
#define TCP_RTO_MIN_NS (200 * NS_PER_MS)
#define TCP_RTO_MAX_NS (60 * NS_PER_S)
#define TCP_PROBE_MAX_NS (30 * NS_PER_S)
#define TCP_REORDER_MIN_NS (2 * NS_PER_MS)
#define TCP_PTO_MIN_NS (10 * NS_PER_MS)
#define TCP_DELACK_NS (40 * NS_PER_MS)
/* A host that answers a FIN with its own carries the ACK. No nearer than the
 * tick of a kernel of 250 Hz: the clock need not be programmed for it. */
#define TCP_FIN_ACK_NS (6 * NS_PER_MS)
#define TCP_TIME_WAIT_NS (2 * NS_PER_S)
#define TCP_USER_TIMEOUT_NS (120 * NS_PER_S)
#define TCP_KEEP_IDLE_NS (7200 * NS_PER_S)
#define TCP_KEEP_INTERVAL_NS (75 * NS_PER_S)
#define TCP_KEEP_PROBES 9
#define TCP_WINDOW_IDLE_NS (10 * NS_PER_S) /* then it is small again */
#define TCP_HALF_OPEN_NS NS_PER_S /* older ones make room for new SYNs */
#define TCP_SYN_RETRIES 5         /* 1 + 2 + 4 + 8 + 16 + 32 s */
#define TCP_RTX_RETRIES 15
#define TCP_BLACK_HOLE_RTOS 2 /* then smaller segments (RFC 4821 4) */
#define TCP_QUICKACKS 16
#define TCP_CHALLENGES_PER_S 10 /* per flow (THREATS T59) */
#define TCP_PAWS_IDLE_S (24u * 24 * 3600)
#define TCP_RECOVERY_ROUNDS 2 /* then the RTO */
#define TCP_DUP_THRESHOLD 3u

#define POOL_CHUNK_BITS 13u
#define POOL_CHUNK (1u << POOL_CHUNK_BITS)
#define HOLD_SLOTS 1024u /* 8 MiB, more than any window */
#define HOLD_RANGES 128u
#define SACK_RANGES 64u
#define FLUSH_MAX 256u

/* --- Sequence numbers ---------------------------------------------------- */
static inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool seq_leq(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
	return seq_lt(a, b) ? b : a;
}

static inline uint32_t seq_min(uint32_t a, uint32_t b)
{
	return seq_lt(a, b) ? a : b;
}

struct seq_range {
	uint32_t start, end; /* [start, end) */
};

/* --- One connection ------------------------------------------------------ */
enum conn_state {
	/* slot is unused */
	CONN_FREE,
	/* the app's SYN is here, the host's connect is in flight; nothing was
	 * sent; SYNs are absorbed */
	CONN_CONNECTING,
	/* active open: our SYN is out */
	CONN_SYN_SENT,
	/* our SYN-ACK is out; data of the host waits */
	CONN_SYN_RCVD,
	/* data both ways */
	CONN_ESTABLISHED,
	/* the host ended, our FIN is not acknowledged; the app may send */
	CONN_FIN_WAIT_1,
	/* the host ended, the app knows; the app may send, for ever */
	CONN_FIN_WAIT_2,
	/* the app ended; the host may send */
	CONN_CLOSE_WAIT,
	/* both ended at once, our FIN is not acknowledged */
	CONN_CLOSING,
	/* both ended, app first, our FIN is not acknowledged */
	CONN_LAST_ACK,
	/* both ended, host first; answers FINs sent again */
	CONN_TIME_WAIT,
	/* the app's side is done and forgotten, the host is still owed bytes;
	 * no longer in the hash */
	CONN_DRAINING,
};

enum rtx_kind {
	RTX_NONE,
	RTX_RTO,       /* SYN, SYN-ACK, data or FIN again */
	RTX_TLP,       /* tail loss probe, then RTX_RTO */
	RTX_REORDER,   /* a hole known by SACK: lost, or lost again, if still
	                  there then */
	RTX_PERSIST,   /* the window is shut and there is something to say */
	RTX_TIME_WAIT, /* the end */
};

enum ca_state {
	CA_OPEN,
	CA_RECOVERY, /* holes known by SACK or three duplicate ACKs */
	CA_LOSS,     /* RTO: everything up to `recover` goes again */
};

/*
 * struct conn - one connection; its index is its place in tcp.conns. An idle
 * one owns nothing but this. All sequence numbers are absolute.
 */
struct conn {
	struct tuple t;
	uint32_t gen; /* survives the slot's reuse; never 0 when live */
	struct wheel_timer timer;
	uint64_t cookie;
	int64_t rtx_ns;      /* TIME_NEVER, or when rtx_kind is due */
	int64_t ack_ns;      /* TIME_NEVER, or when a delayed ACK is due */
	int64_t last_rcv_ns; /* the app's last segment */
	int64_t rtt_ns;      /* when rtt_seq was sent */

	uint8_t state;    /* enum conn_state */
	uint8_t rtx_kind; /* enum rtx_kind */
	uint8_t ca;       /* enum ca_state */
	uint8_t backoff;  /* consecutive RTOs or probes, also SYN retries */
	uint8_t snd_wscale, rcv_wscale;
	uint8_t quickacks; /* ACKs at once still to be given */
	uint8_t keep_probes;

	bool is_active : 1;   /* opened by stack_tcp_connect() */
	bool has_ts : 1;      /* timestamps were agreed on */
	bool has_sack : 1;    /* SACK was agreed on */
	bool has_wscale : 1;  /* window scaling was agreed on */
	bool host_dry : 1;    /* tcp_peek() said -EAGAIN or the end */
	bool host_full : 1;   /* tcp_write() took less than all */
	bool fin_sent : 1;    /* snd_nxt - 1 is our FIN */
	bool fin_rcvd : 1;    /* the app's FIN is in order */
	bool fin_pending : 1; /* rcv_fin is valid, bytes before it are not here
	                       */
	bool host_shut : 1;   /* tcp_shutdown() was called */
	bool host_gone : 1;   /* tcp_closed() was called, TIME_WAIT remains */
	bool ack_now : 1;     /* this input needs an ACK of its own */
	bool in_flush : 1;    /* stands in tcp.flush[] */
	bool rtt_timed : 1;   /* rtt_seq, rtt_ns are valid */
	bool reord_seen : 1;  /* holes are not losses at once (RFC 8985) */
	uint8_t rounds : 2;   /* of a recovery, since snd_una moved */
	bool has_undo : 1;    /* undo_* are valid */

	uint16_t mss;     /* payload bytes a segment to the app, timestamps
	                     already off */
	uint16_t rcv_mss; /* largest segment the app has sent */
	uint32_t challenge_s;
	uint8_t challenges;
	uint8_t dupacks;
	uint16_t peer_mss; /* the app's MSS option, clamped */

	/* towards the app */
	uint32_t iss;
	uint32_t snd_una, snd_nxt; /* snd_nxt: one past the highest sent */
	uint32_t snd_edge;         /* one past what the window allows */
	uint32_t snd_wl1;
	uint32_t max_wnd; /* largest window ever offered */
	uint32_t cwnd, ssthresh, cwnd_acc;
	uint32_t recover; /* recovery ends when this is acknowledged */
	uint32_t rtx_nxt; /* next to be sent again */
	uint32_t rtt_seq;
	uint32_t srtt_us, rttvar_us; /* srtt_us 0: no sample yet */
	uint32_t sacks;              /* pool chunk of the scoreboard, or 0 */
	uint32_t undo_cwnd, undo_ssthresh, undo_ts;

	/* from the app */
	uint32_t irs;
	uint32_t rcv_nxt;
	uint32_t rcv_edge; /* furthest edge ever advertised */
	uint32_t rcv_read; /* first byte that the host has not taken */
	uint32_t rcv_wup;  /* rcv_nxt as last told to the app */
	uint32_t rcv_fin;
	uint32_t rcvbuf;
	struct seq_range dsack; /* what came twice, not told yet; or empty */
	uint32_t hold;          /* pool chunk of struct hold, or 0 */
	uint32_t round_seq, round_ms;
	uint32_t ts_recent, ts_recent_s, ts_offset;
	uint32_t prev, next; /* free list, or tcp.half_open, tcp.time_wait */
};
static_assert(sizeof(struct conn) <= 320, "an idle flow stays small");

struct conn_list {
	uint32_t head, tail; /* indices, 0: empty */
};

struct pool {
	uint8_t *base;
	uint32_t chunks, fresh, free_head;
	uint32_t used;
};

struct tcp {
	struct stack *st;
	struct stack_common *common;
	struct siphash_key hash_key, isn_key;
	struct conn *conns; /* [1 .. max_conns] */
	uint32_t max_conns, max_connecting;
	uint32_t fresh, free_head;
	uint32_t *buckets; /* tag << 24 | index, 0: empty */
	uint32_t bucket_mask;
	uint32_t connecting;
	uint32_t wide;        /* connections with more than the first window */
	uint32_t queue_bytes; /* what their windows share */
	struct conn_list half_open, time_wait;
	struct pool pool;
	uint32_t nflush;
	struct conn_id flush[FLUSH_MAX];
	const struct conn *busy; /* in input: output follows by itself */
	int64_t sweep_ns;
	uint32_t sweep_at;
	struct wheel wheel;
};

static inline struct stack_stats *tcp_stats(struct tcp *tcp)
{
	return &tcp->common->stats;
}

static inline uint32_t conn_index(const struct tcp *tcp, const struct conn *c)
{
	return (uint32_t)(c - tcp->conns);
}

static inline struct conn_id conn_id(const struct tcp *tcp,
                                     const struct conn *c)
{
	return (struct conn_id){conn_index(tcp, c), c->gen};
}

static inline uint32_t now_ms(int64_t now)
{
	return (uint32_t)(now / NS_PER_MS);
}

/* --- A segment of the app, read once -------------------------------------- */
struct tcp_options {
	bool has_mss, has_wscale, has_sack_ok, has_ts;
	uint8_t wscale;
	uint8_t nsacks;
	uint16_t mss;
	uint32_t tsval, tsecr;
	struct seq_range sacks[4];
};

struct tseg {
	const struct segment *raw;
	uint32_t seq, ack;
	uint32_t end; /* seq + payload + SYN + FIN */
	uint32_t wnd; /* as it stands in the header, not scaled */
	uint8_t flags;
	struct view payload;
	struct tcp_options opt;
};

/* --- options.c ------------------------------------------------------------ */
void options_parse(struct view v, bool is_syn, struct tcp_options *out);
/* options_syn() - for a SYN (all we know) or a SYN-ACK (what was offered) */
size_t options_syn(const struct tcp *tcp, const struct conn *c, uint8_t *p,
                   int64_t now);
/* options_data() - timestamps, and at most nsacks blocks */
size_t options_data(const struct conn *c, uint8_t *p,
                    const struct seq_range *sacks, unsigned int nsacks,
                    int64_t now);
/* conn_tsval() - our clock in milliseconds, shifted by a secret per tuple */
static inline uint32_t conn_tsval(const struct conn *c, int64_t now)
{
	return now_ms(now) + c->ts_offset;
}

/* --- isn.c ---------------------------------------------------------------- */
uint32_t isn_new(const struct tcp *tcp, const struct tuple *t, int64_t now);
uint32_t isn_ts_offset(const struct tcp *tcp, const struct tuple *t);
uint64_t isn_tuple_hash(const struct siphash_key *key, const struct tuple *t,
                        uint8_t domain);

/* --- conn.c --------------------------------------------------------------- */
struct conn *conn_lookup(struct tcp *tcp, const struct tuple *t);
/* conn_get() - by id; NULL for a stale one */
struct conn *conn_get(struct tcp *tcp, struct conn_id id);
/* conn_new() - hashed and zeroed but for t and gen; NULL: the table is full */
struct conn *conn_new(struct tcp *tcp, const struct tuple *t, int64_t now);
void conn_unhash(struct tcp *tcp, struct conn *c);
/* conn_free() - gives everything back; no callback, no segment */
void conn_free(struct tcp *tcp, struct conn *c);
void conn_set_state(struct tcp *tcp, struct conn *c, enum conn_state state);
/* conn_drop() - free, then tcp_closed() unless the owner has had it */
void conn_drop(struct tcp *tcp, struct conn *c, bool reset);
/* conn_kill() - RST to the app, then conn_drop(reset) */
void conn_kill(struct tcp *tcp, struct conn *c, int64_t now);
/* conn_impossible() - a state that cannot be: counted, and killed */
void conn_impossible(struct tcp *tcp, struct conn *c, int64_t now);
/* conn_set_rcvbuf() - how far the window may reach, from now on */
void conn_set_rcvbuf(struct tcp *tcp, struct conn *c, uint32_t bytes);
/* conn_mss() - what our interface takes, options not counted */
uint16_t conn_mss(const struct tcp *tcp, const struct tuple *t);
void conn_take_syn_options(struct tcp *tcp, struct conn *c,
                           const struct tcp_options *opt, int64_t now);
/* conn_lower_mss() - a path of mtu bytes at most; false: no news */
bool conn_lower_mss(struct conn *c, unsigned int mtu);
void conn_enter_time_wait(struct tcp *tcp, struct conn *c, int64_t now);
void list_push(struct tcp *tcp, struct conn_list *l, struct conn *c);
void list_remove(struct tcp *tcp, struct conn_list *l, struct conn *c);

/* --- pool.c --------------------------------------------------------------- */
/* pool_get() - an index, 0 when there is none; the content is undefined */
uint32_t pool_get(struct tcp *tcp);
void pool_put(struct tcp *tcp, uint32_t chunk);
static inline void *pool_ptr(const struct tcp *tcp, uint32_t chunk)
{
	return tcp->pool.base + (size_t)(chunk - 1) * POOL_CHUNK;
}

/* --- reass.c: bytes of the app that the host cannot have yet -------------- */
/* hold_store() - copies len bytes at seq; returns how many found room */
uint32_t hold_store(struct tcp *tcp, struct conn *c, uint32_t seq,
                    const uint8_t *data, uint32_t len);
/* hold_insert() - out-of-order bytes; false: no room, dropped */
bool hold_insert(struct tcp *tcp, struct conn *c, uint32_t seq,
                 const uint8_t *data, uint32_t len);
/* hold_join() - moves rcv_nxt over what lies contiguous behind it */
void hold_join(struct tcp *tcp, struct conn *c);
/* hold_deliver() - offers [rcv_read, rcv_nxt) to the host; 0 or -errno */
int hold_deliver(struct tcp *tcp, struct conn *c);
void hold_free(struct tcp *tcp, struct conn *c);
/* hold_has() - are all of [start, end) held beyond rcv_nxt? */
bool hold_has(const struct tcp *tcp, const struct conn *c, uint32_t start,
              uint32_t end);
/* hold_sacks() - the ranges to tell, the latest first; at most max */
unsigned int hold_sacks(const struct tcp *tcp, const struct conn *c,
                        struct seq_range *out, unsigned int max);

/* --- sack.c: what the app said it has ------------------------------------- */
/* sack_input() - takes the blocks of an ACK; returns bytes newly covered */
uint32_t sack_input(struct tcp *tcp, struct conn *c, const struct tseg *s);
/* sack_advance() - forgets all below snd_una */
void sack_advance(struct tcp *tcp, struct conn *c);
void sack_clear(struct tcp *tcp, struct conn *c);
/* sack_bytes() - covered bytes in [from, to) */
uint32_t sack_bytes(const struct tcp *tcp, const struct conn *c, uint32_t from,
                    uint32_t to);
/* sack_lost_edge() - all not covered below it is lost (RFC 6675 IsLost) */
uint32_t sack_lost_edge(const struct tcp *tcp, const struct conn *c);
/* sack_highest() - start of the highest block, snd_una without any */
uint32_t sack_highest(const struct tcp *tcp, const struct conn *c);
/* sack_next_hole() - first hole in [from, to); false: none */
bool sack_next_hole(const struct tcp *tcp, const struct conn *c, uint32_t from,
                    uint32_t to, struct seq_range *out);

/* --- cc.c ----------------------------------------------------------------- */
struct cc_ops {
	const char *name;
	void (*init)(struct conn *c);
	/* bytes newly acknowledged, cwnd was in use */
	void (*acked)(struct conn *c, uint32_t bytes);
	/* a loss was found; sets ssthresh and cwnd */
	void (*loss)(struct conn *c, uint32_t in_flight);
	void (*timeout)(struct conn *c, uint32_t in_flight);
};
extern const struct cc_ops cc_newreno;

/* --- output.c ------------------------------------------------------------- */
/* output_run() - all that may be sent now; false: the connection is gone */
_must_check_ bool output_run(struct tcp *tcp, struct conn *c, int64_t now);
/*
 * output_data() - at most len bytes at seq in one frame, new ones when seq is
 * snd_nxt. The count (the FIN counts as one), -EAGAIN when the host has no
 * more, another negative errno when it is dead.
 */
_must_check_ int output_data(struct tcp *tcp, struct conn *c, uint32_t seq,
                             uint32_t len, int64_t now);
void output_ack(struct tcp *tcp, struct conn *c, int64_t now);
/* output_probe() - an ACK with an old sequence number, to be answered */
void output_probe(struct tcp *tcp, struct conn *c, int64_t now);
/* output_challenge() - an ACK, limited for each flow (RFC 5961) */
void output_challenge(struct tcp *tcp, struct conn *c, int64_t now);
void output_syn(struct tcp *tcp, struct conn *c, int64_t now);
/* output_rst() - for a connection that we give up */
void output_rst(struct tcp *tcp, struct conn *c, int64_t now);
/* output_rst_reply() - for a segment that has no connection */
void output_rst_reply(struct tcp *tcp, const struct tseg *s, int64_t now);
/* output_window_gain() - by how much an ACK now would move the edge */
uint32_t output_window_gain(const struct tcp *tcp, const struct conn *c);
/* output_in_flight() - bytes thought to be on the way (RFC 6675 SetPipe) */
uint32_t output_in_flight(const struct tcp *tcp, const struct conn *c);
/* output_lost_edge() - what is below and not sent again yet is lost */
uint32_t output_lost_edge(const struct tcp *tcp, const struct conn *c);

/* --- timer.c -------------------------------------------------------------- */
void timer_update(struct tcp *tcp, struct conn *c);
void timer_rtx_set(struct tcp *tcp, struct conn *c, enum rtx_kind kind,
                   int64_t deadline);
void timer_rtx_stop(struct conn *c);
/* timer_rtx_rearm() - RTO or TLP for what is in flight, counted from now */
void timer_rtx_rearm(struct tcp *tcp, struct conn *c, int64_t now);
int64_t timer_rto_ns(const struct conn *c);
void timer_rtt_sample(struct conn *c, int64_t rtt_ns);

/* --- input.c, ack.c, open.c ----------------------------------------------- */
/* enum verdict - what a stage of input says about the segment */
enum verdict {
	SEG_NEXT, /* on to the next stage */
	SEG_DROP, /* done with it, the connection lives */
	SEG_GONE, /* the connection is gone */
};

/* open_passive() - a SYN without a connection */
void open_passive(struct tcp *tcp, const struct tseg *s, int64_t now);
enum verdict open_input_connecting(struct tcp *tcp, struct conn *c,
                                   const struct tseg *s, int64_t now);
enum verdict open_input_syn_sent(struct tcp *tcp, struct conn *c,
                                 const struct tseg *s, int64_t now);
/* open_input_syn_rcvd() - the ACK that makes it established, or not */
enum verdict open_input_syn_rcvd(struct tcp *tcp, struct conn *c,
                                 const struct tseg *s, int64_t now);
/* open_failed() - an active open came to nothing: frees, tells the owner */
void open_failed(struct tcp *tcp, struct conn *c, int err);
/* ack_input() - ACK field, SACK blocks and window of a synchronised one */
enum verdict ack_input(struct tcp *tcp, struct conn *c, const struct tseg *s,
                       int64_t now);
/* ack_recover() - the holes are lost: fast retransmit and recovery */
void ack_recover(struct conn *c, int64_t now);
/* input_deliver() - held bytes and the FIN go to the host as far as it takes */
enum verdict input_deliver(struct tcp *tcp, struct conn *c, int64_t now);
/* input_settle() - both sides may be done: TIME-WAIT, drained, closed */
enum verdict input_settle(struct tcp *tcp, struct conn *c);
/* input_release() - the app's side is done; the host may still be owed */
void input_release(struct tcp *tcp, struct conn *c);

/* rcv_data_end() - one past the last in-order byte of the app */
static inline uint32_t rcv_data_end(const struct conn *c)
{
	return c->rcv_nxt - (c->fin_rcvd ? 1 : 0);
}

#endif
