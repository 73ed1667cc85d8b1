/* SPDX-License-Identifier: Apache-2.0 */
/* reply.c - writing DNS messages: queries, replies, adapted answers */
#include "dns/message.h"

#include <string.h>

/* the question's name, which begins right after the header */
#define POINTER_TO_QUESTION (0xc000 | DNS_HEADER_LEN)
/* OPT: root, type, size, ttl, rdlen */
#define OPT_LEN 11
#define EDE_OPTION 15
#define EDE_TEXT_MAX 200
#define OUR_UDP_SIZE 1232

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void count_add(uint8_t *msg, size_t at, int n)
{
	put16(msg + at, (uint16_t)(get16(msg + at) + n));
}

void dns_write_bytes(struct dns_writer *w, const void *data, size_t len)
{
	if (w->full || w->cap - w->len < len) {
		w->full = true;
		return;
	}
	memcpy(w->buf + w->len, data, len);
	w->len += len;
}

void dns_write_u16(struct dns_writer *w, uint16_t v)
{
	uint8_t b[2];

	put16(b, v);
	dns_write_bytes(w, b, sizeof(b));
}

void dns_write_u32(struct dns_writer *w, uint32_t v)
{
	dns_write_u16(w, (uint16_t)(v >> 16));
	dns_write_u16(w, (uint16_t)v);
}

static void write_header(struct dns_writer *w, uint16_t id, uint16_t flags)
{
	static const uint8_t counts[8] = {0};

	dns_write_u16(w, id);
	dns_write_u16(w, flags);
	dns_write_bytes(w, counts, sizeof(counts));
}

static void write_question(struct dns_writer *w, const struct dns_name *name,
                           uint16_t type, uint16_t cls)
{
	dns_write_bytes(w, name->wire, name->len);
	dns_write_u16(w, type);
	dns_write_u16(w, cls);
	if (!w->full)
		count_add(w->buf, 4, 1);
}

static void write_opt(struct dns_writer *w, uint16_t rcode, bool dnssec_ok,
                      int ede, const char *text)
{
	size_t n = text ? strnlen(text, EDE_TEXT_MAX) : 0;

	dns_write_bytes(w, "", 1);
	dns_write_u16(w, DNS_OPT);
	dns_write_u16(w, OUR_UDP_SIZE);
	dns_write_u32(w,
	              (uint32_t)(rcode >> 4) << 24 | (dnssec_ok ? 0x8000u : 0));
	if (ede == DNS_EDE_NONE) {
		dns_write_u16(w, 0);
	} else {
		dns_write_u16(w, (uint16_t)(6 + n));
		dns_write_u16(w, EDE_OPTION);
		dns_write_u16(w, (uint16_t)(2 + n));
		dns_write_u16(w, (uint16_t)ede);
		dns_write_bytes(w, text, n);
	}
	if (!w->full)
		count_add(w->buf, 10, 1);
}

size_t dns_query_write(uint8_t *buf, size_t cap, const struct dns_query *q,
                       uint16_t id, const struct dns_name *name, bool opt)
{
	struct dns_writer w = {.buf = buf, .cap = cap};

	/* only these cross: nothing else of what the app wrote leaves */
	write_header(&w, id,
	             DNS_FLAG_RD | (q->flags & (DNS_FLAG_AD | DNS_FLAG_CD)));
	write_question(&w, name, q->type, q->cls);
	if (opt)
		write_opt(&w, 0, q->dnssec_ok, DNS_EDE_NONE, NULL);
	return w.full ? 0 : w.len;
}

void dns_reply_begin(struct dns_writer *w, uint8_t *buf, size_t cap,
                     const struct dns_query *q, uint16_t rcode, uint16_t flags)
{
	*w = (struct dns_writer){.buf = buf, .cap = cap};
	flags |= DNS_FLAG_QR | DNS_FLAG_RA | (rcode & DNS_FLAG_RCODE) |
	         (q->flags & (DNS_FLAG_OPCODE | DNS_FLAG_RD | DNS_FLAG_CD));
	write_header(w, q->id, flags);
	if (q->has_question)
		write_question(w, &q->name, q->type, q->cls);
}

static void rr_begin(struct dns_writer *w, uint16_t type, uint32_t ttl,
                     size_t rdlen)
{
	dns_write_u16(w, POINTER_TO_QUESTION);
	dns_write_u16(w, type);
	dns_write_u16(w, DNS_CLASS_IN);
	dns_write_u32(w, ttl);
	dns_write_u16(w, (uint16_t)rdlen);
}

static void rr_end(struct dns_writer *w, size_t start, size_t count_at)
{
	if (w->full)
		w->len = start; /* whole records only */
	else
		count_add(w->buf, count_at, 1);
}

void dns_reply_addr(struct dns_writer *w, const struct addr *a, uint32_t ttl)
{
	size_t start = w->len;

	if (addr_is_ip4(a)) {
		rr_begin(w, DNS_A, ttl, 4);
		dns_write_bytes(w, addr_ip4_bytes(a), 4);
	} else {
		rr_begin(w, DNS_AAAA, ttl, 16);
		dns_write_bytes(w, a->b, 16);
	}
	rr_end(w, start, 6);
}

void dns_reply_ptr(struct dns_writer *w, const struct dns_name *name,
                   uint32_t ttl)
{
	size_t start = w->len;

	rr_begin(w, DNS_PTR, ttl, name->len);
	dns_write_bytes(w, name->wire, name->len);
	rr_end(w, start, 6);
}

void dns_reply_soa(struct dns_writer *w, uint32_t ttl)
{
	/* the root owns it, an ancestor of every name (RFC 2308 3) */
	static const uint8_t names[] = "\11localhost\0\6nobody\7invalid";
	static const uint32_t serial_to_expire[] = {1, 3600, 1200, 604800};
	size_t start = w->len;

	dns_write_bytes(w, "", 1);
	dns_write_u16(w, DNS_SOA);
	dns_write_u16(w, DNS_CLASS_IN);
	dns_write_u32(w, ttl);
	dns_write_u16(w, sizeof(names) + 5 * 4);
	dns_write_bytes(w, names, sizeof(names));
	for (size_t i = 0; i < ARRAY_SIZE(serial_to_expire); i++)
		dns_write_u32(w, serial_to_expire[i]);
	dns_write_u32(w, ttl);
	rr_end(w, start, 8);
}

size_t dns_reply_finish(struct dns_writer *w, const struct dns_query *q,
                        uint16_t rcode, int ede, const char *ede_text)
{
	if (q->has_opt) {
		size_t start = w->len;

		write_opt(w, rcode, q->dnssec_ok, ede, ede_text);
		if (w->full)
			w->len = start;
	}
	return w->len;
}

/* Owners written out in full instead of as a pointer carry our mixed case. */
static void restore_owners(uint8_t *buf, const struct dns_answer *a,
                           const struct dns_query *q)
{
	size_t pos = a->records;
	struct dns_rr rr;

	for (size_t i = 0; i < a->ancount; i++) {
		if (!dns_rr_read(buf, a->end, &pos, &rr))
			return;
		if (a->end - rr.start >= a->name.len &&
		    !memcmp(buf + rr.start, a->name.wire, a->name.len))
			memcpy(buf + rr.start, q->name.wire, q->name.len);
	}
}

size_t dns_answer_adapt(uint8_t *buf, const struct dns_answer *a,
                        const struct dns_query *q)
{
	uint16_t flags = a->flags & (uint16_t)~DNS_FLAG_RD;

	put16(buf, q->id);
	put16(buf + 2,
	      (uint16_t)(flags | DNS_FLAG_RA | (q->flags & DNS_FLAG_RD)));
	memcpy(buf + a->question, q->name.wire, q->name.len);
	restore_owners(buf, a, q);
	if (!a->opt)
		return a->end;
	if (q->has_opt) {
		put16(buf + a->opt + 3, OUR_UDP_SIZE);
		return a->end;
	}
	if (a->opt_end == a->end) {
		count_add(buf, 10, -1);
		return a->opt;
	}
	/* records follow it: drop the section, it is never needed */
	put16(buf + 10, 0);
	return a->additional;
}

size_t dns_truncate(uint8_t *buf, size_t len, size_t limit)
{
	uint8_t opt[OPT_LEN];
	size_t pos, keep, room;
	struct dns_answer a;
	uint16_t kept = 0;
	struct dns_rr rr;

	if (len <= limit || !dns_answer_parse(buf, len, &a))
		return MIN(len, limit);
	if (a.opt) {
		/* without its options: they may be what does not fit */
		memcpy(opt, buf + a.opt, OPT_LEN);
		put16(opt + OPT_LEN - 2, 0);
	}
	room = limit - (a.opt ? OPT_LEN : 0);
	for (pos = keep = a.records; kept < a.ancount; kept++) {
		if (!dns_rr_read(buf, len, &pos, &rr) || rr.end > room)
			break;
		keep = rr.end;
	}
	put16(buf + 2, (uint16_t)(get16(buf + 2) | DNS_FLAG_TC));
	put16(buf + 6, kept);
	put16(buf + 8, 0);
	put16(buf + 10, a.opt ? 1 : 0);
	if (a.opt) {
		memcpy(buf + keep, opt, OPT_LEN);
		keep += OPT_LEN;
	}
	return keep;
}
