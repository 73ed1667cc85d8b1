/* SPDX-License-Identifier: Apache-2.0 */
/* pst.h - what the parts of the script interpreter share */
#ifndef TESTS_SCRIPT_PST_H
#define TESTS_SCRIPT_PST_H

#include "stack/stack.h"
#include "wire/headers.h"

#define PST_CONNS 8       /* conversations that a script can name */
#define PST_OPT_ITEMS 16  /* options of one segment */
#define PST_SENT_MAX 8192 /* frames that wait to be expected */

enum opt_kind {
	OPT_KIND_MSS,
	OPT_KIND_WSCALE,
	OPT_KIND_SACKOK,
	OPT_KIND_SACK,
	OPT_KIND_TS,
	OPT_KIND_NOP,
	OPT_KIND_EOL,
	OPT_KIND_RAW, /* bytes as written, inbound only */
};

struct opt_item {
	enum opt_kind kind;
	uint32_t a, b;     /* mss, wscale, TS val and ecr, sack block */
	bool any_a, any_b; /* `*` */
	bool last_b;       /* inbound: the last value seen, plus b */
	uint8_t raw[40];
	unsigned int raw_len;
};

/* struct seg_text - a segment as a script writes it, numbers relative */
struct seg_text {
	uint8_t flags;
	bool wants_psh;
	uint32_t seq, end, len;
	bool bad_sum; /* inbound: with a wrong checksum */
	bool has_ack, has_win, has_urg, has_opts, any_opts;
	uint32_t ack, win, urg;
	unsigned int nopts;
	struct opt_item opts[PST_OPT_ITEMS];
	/* ICMP instead */
	bool is_icmp;
	unsigned int icmp_type, icmp_code;
};

/* struct sent - a frame of the stack, waiting to be expected */
struct sent {
	int64_t at;
	int conn;
	size_t payload;
	uint16_t gso;
	struct seg_text seg;
	bool bad; /* content or checksum */
};

struct pst_host {
	struct conn_id id;
	bool has_id;
	/* towards the app */
	uint64_t written, consumed;
	bool eof, dead;
	/* from the app */
	uint64_t received, told; /* told: of those, expected so far */
	bool limited;
	uint64_t budget;
	bool fin, closed, reset, established, bad;
	int established_err;
	unsigned int opens;
};

struct pst_conn {
	uint32_t app_isn, iss;
	bool has_iss;
	uint32_t ts_base, ts_last; /* of the stack: its first, its latest */
	bool has_ts_base;
	struct tuple t;
	struct pst_host host;
};

enum connect_mode { CONNECT_MANUAL, CONNECT_AUTO, CONNECT_REFUSE };

struct pst {
	const char *file;
	unsigned int line;
	struct stack *stack;
	struct stack_config config;
	struct pst_conn conns[PST_CONNS];
	bool is_ip6, flush_manual;
	enum connect_mode connect_mode;
	uint32_t app_isn;
	int64_t start, now, tolerance;
	struct sent *sent;
	size_t sent_head, nsent;
	uint64_t seed;
};

/* Prints file:line and the text, ends with status 1. */
void pst_fail(const struct pst *p, const char *fmt, ...) _printf_(2, 3)
	__attribute__((noreturn));

/* segment.c: text <-> struct seg_text */
void seg_parse(const struct pst *p, const char *text, struct seg_text *out);
void seg_print(const struct seg_text *s, char *buf, size_t len);
/* seg_matches() - NULL, or what differs */
const char *seg_matches(const struct seg_text *want,
                        const struct seg_text *got);

/* wire.c: frames */
void wire_inject(struct pst *p, int conn, const struct seg_text *s);
/* wire_inject_error() - an ICMP error of the app about our segment at seq */
void wire_inject_error(struct pst *p, int conn, unsigned int type,
                       unsigned int code, uint32_t seq, uint32_t word);
void wire_hello(struct pst *p);
int wire_frame_sent(void *user, const void *frame, size_t len);

/* host.c: the fake host side */
extern const struct stack_ops pst_ops;
void host_statement(struct pst *p, int conn, const char *text);
void host_expect(struct pst *p, int conn, const char *text);
uint8_t host_byte(int conn, bool from_app, uint64_t pos);

#endif
