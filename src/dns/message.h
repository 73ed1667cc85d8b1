/* SPDX-License-Identifier: Apache-2.0 */
/* message.h - DNS messages (RFC 1035, 6891): bounded readers, small writer */
#ifndef DNS_MESSAGE_H
#define DNS_MESSAGE_H

#include "base/addr.h"

#define DNS_HEADER_LEN 12
#define DNS_NAME_WIRE_MAX 255
#define DNS_NAME_TEXT_MAX 254 /* 253 characters and the NUL */
#define DNS_UDP_DEFAULT 512   /* what a client without EDNS can take */
#define DNS_UDP_CLIENT_MAX 4096
#define DNS_UDP_UPSTREAM 1232 /* never a fragment (DNS flag day 2020) */

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16, /* its high bits live in the OPT record */
};

enum dns_type {
	DNS_A = 1,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_AAAA = 28,
	DNS_OPT = 41,
	DNS_SVCB = 64,
	DNS_HTTPS = 65,
	DNS_IXFR = 251,
	DNS_AXFR = 252,
	DNS_ANY = 255,
};

#define DNS_CLASS_IN 1

#define DNS_FLAG_QR 0x8000
#define DNS_FLAG_OPCODE 0x7800
#define DNS_FLAG_AA 0x0400
#define DNS_FLAG_TC 0x0200
#define DNS_FLAG_RD 0x0100
#define DNS_FLAG_RA 0x0080
#define DNS_FLAG_AD 0x0020
#define DNS_FLAG_CD 0x0010
#define DNS_FLAG_RCODE 0x000f

/* Extended DNS errors (RFC 8914) */
#define DNS_EDE_NONE (-1)
#define DNS_EDE_BLOCKED 15
#define DNS_EDE_NO_REACHABLE_AUTHORITY 22

/*
 * struct dns_name - a name as on the wire, uncompressed, its root byte
 * included; the case is kept. len is 1..255.
 */
struct dns_name {
	uint8_t len;
	uint8_t wire[DNS_NAME_WIRE_MAX];
};

/*
 * dns_name_read() - the name at *pos, which moves past it. Pointers are
 * followed strictly backwards, at most 127 of them (THREATS T29). false:
 * malformed.
 */
_must_check_ bool dns_name_read(const uint8_t *msg, size_t len, size_t *pos,
                                struct dns_name *out);
/* dns_name_parse() - from text of letters, digits, '-', '_' and dots */
_must_check_ bool dns_name_parse(const char *text, size_t len,
                                 struct dns_name *out);
/*
 * dns_name_canonical() - lower-case text without the trailing dot ("." for
 * the root); false if a label has any other byte than letters, digits, '-'
 * and '_', for then the text would be ambiguous.
 */
_must_check_ bool dns_name_canonical(const struct dns_name *name,
                                     char text[DNS_NAME_TEXT_MAX]);
/* dns_name_equal() - ASCII case aside */
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);
/* dns_name_reverse() - the address that an in-addr.arpa or ip6.arpa name
 * spells; false for any other */
_must_check_ bool dns_name_reverse(const char *canonical, struct addr *out);

/* struct dns_query - a client's message, understood */
struct dns_query {
	uint16_t id, flags; /* as they came */
	bool has_question;
	struct dns_name name;
	uint16_t type, cls;
	bool has_opt, dnssec_ok;
	uint16_t udp_size; /* what the client takes by UDP, clamped */
};

/*
 * dns_query_parse() - DNS_NOERROR, another rcode to answer with (q is as full
 * as it got), or -EBADMSG: not worth an answer.
 */
_must_check_ int dns_query_parse(const void *msg, size_t len,
                                 struct dns_query *q);

/* struct dns_rr - one record, by offsets into its message */
struct dns_rr {
	size_t start, rdata, end;
	uint16_t type, cls;
	uint32_t ttl;
};
/* dns_rr_read() - the record at *pos, which moves past it */
_must_check_ bool dns_rr_read(const uint8_t *msg, size_t len, size_t *pos,
                              struct dns_rr *rr);
/* dns_rr_addr() - the address in an A or AAAA record of class IN */
_must_check_ bool dns_rr_addr(const uint8_t *msg, const struct dns_rr *rr,
                              struct addr *out);

/* struct dns_answer - an upstream's message, its structure verified */
struct dns_answer {
	uint16_t id, flags, rcode;
	uint16_t ancount, nscount, arcount;
	size_t question;     /* offset of the question's name */
	size_t records;      /* offset of the first record */
	size_t additional;   /* offset of the additional section */
	size_t end;          /* what follows is no part of the message */
	size_t opt, opt_end; /* the OPT record; 0: none */
	struct dns_name name;
	uint16_t type, cls;
};

/* dns_answer_parse() - false: malformed, not an answer, or not one question */
_must_check_ bool dns_answer_parse(const uint8_t *msg, size_t len,
                                   struct dns_answer *a);

/* struct dns_writer - appends within cap; full once something did not fit */
struct dns_writer {
	uint8_t *buf;
	size_t cap, len;
	bool full;
};

void dns_write_u16(struct dns_writer *w, uint16_t v);
void dns_write_u32(struct dns_writer *w, uint32_t v);
void dns_write_bytes(struct dns_writer *w, const void *data, size_t len);

/* dns_query_write() - a query of our own; 0 if it does not fit */
size_t dns_query_write(uint8_t *buf, size_t cap, const struct dns_query *q,
                       uint16_t id, const struct dns_name *name, bool opt);

/*
 * A reply of our own: begin, records (all owned by the question's name),
 * finish. flags are added to QR, RA and what is copied from the query.
 */
void dns_reply_begin(struct dns_writer *w, uint8_t *buf, size_t cap,
                     const struct dns_query *q, uint16_t rcode, uint16_t flags);
void dns_reply_addr(struct dns_writer *w, const struct addr *a, uint32_t ttl);
void dns_reply_ptr(struct dns_writer *w, const struct dns_name *name,
                   uint32_t ttl);
/* the negative answer's SOA; its TTL and minimum are `ttl` */
void dns_reply_soa(struct dns_writer *w, uint32_t ttl);
/* adds OPT if the client sent one, with the extended error; the length */
size_t dns_reply_finish(struct dns_writer *w, const struct dns_query *q,
                        uint16_t rcode, int ede, const char *ede_text);

/*
 * dns_answer_adapt() - makes an upstream's message (in buf, parsed into a) the
 * answer to q: id, spelling of the name, RD, and no OPT unless q had one.
 * Returns the new length.
 */
size_t dns_answer_adapt(uint8_t *buf, const struct dns_answer *a,
                        const struct dns_query *q);
/*
 * dns_truncate() - cuts a finished answer to limit at a record's boundary, in
 * place: as many whole answers as fit, the OPT, TC set (musl before 1.2.4
 * never asks again by TCP and takes what there is). The new length.
 */
size_t dns_truncate(uint8_t *buf, size_t len, size_t limit);

#endif
