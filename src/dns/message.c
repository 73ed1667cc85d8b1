/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - reading DNS messages within bounds */
#include "dns/message.h"

#include "wire/byteorder.h"
#include "wire/view.h"

#include <errno.h>
#include <string.h>

/* A name of 255 bytes has at most 127 labels: more pointers than that are
 * a trap, not compression. */
#define POINTERS_MAX 127

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool is_name_byte(uint8_t c)
{
	c = lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

bool dns_name_read(const uint8_t *msg, size_t len, size_t *pos,
                   struct dns_name *out)
{
	size_t at = *pos, after = 0, used = 0, pointers = 0;

	for (;;) {
		uint8_t n;

		if (at >= len)
			return false;
		n = msg[at];
		if ((n & 0xc0) == 0xc0) {
			size_t to;

			if (len - at < 2 || ++pointers > POINTERS_MAX)
				return false;
			to = get16(msg + at) & 0x3fff;
			if (!after)
				after = at + 2;
			if (to >= at || to < DNS_HEADER_LEN)
				return false; /* strictly backwards */
			at = to;
			continue;
		}
		if (n & 0xc0 || n >= len - at ||
		    used + n + 1u > DNS_NAME_WIRE_MAX)
			return false;
		memcpy(out->wire + used, msg + at, n + 1u);
		used += n + 1u;
		at += n + 1u;
		if (!n)
			break;
	}
	out->len = (uint8_t)used;
	*pos = after ? after : at;
	return true;
}

bool dns_name_parse(const char *text, size_t len, struct dns_name *out)
{
	size_t used = 0;

	if (len && text[len - 1] == '.')
		len--;
	if (!len || len > DNS_NAME_TEXT_MAX - 1)
		return false;
	for (size_t i = 0; i <= len;) {
		size_t n = 0;

		while (i + n < len && text[i + n] != '.') {
			if (!is_name_byte((uint8_t)text[i + n]))
				return false;
			n++;
		}
		if (!n || n > 63)
			return false;
		out->wire[used++] = (uint8_t)n;
		memcpy(out->wire + used, text + i, n);
		used += n;
		i += n + 1;
	}
	out->wire[used++] = 0;
	out->len = (uint8_t)used;
	return true;
}

bool dns_name_canonical(const struct dns_name *name,
                        char text[DNS_NAME_TEXT_MAX])
{
	size_t at = 0, used = 0;

	if (name->len == 1) {
		memcpy(text, ".", 2);
		return true;
	}
	while (name->wire[at]) {
		size_t n = name->wire[at++];

		if (used)
			text[used++] = '.';
		for (size_t i = 0; i < n; i++, at++) {
			if (!is_name_byte(name->wire[at]))
				return false;
			text[used++] = (char)lower(name->wire[at]);
		}
	}
	text[used] = '\0';
	return true;
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	if (a->len != b->len)
		return false;
	/* length bytes are below 'A': lower() leaves them alone */
	for (size_t i = 0; i < a->len; i++)
		if (lower(a->wire[i]) != lower(b->wire[i]))
			return false;
	return true;
}

static bool reverse_ip4(const char *text, size_t len, struct addr *out)
{
	uint8_t b[4];
	size_t at = 0;

	for (int i = 3; i >= 0; i--) {
		unsigned int v = 0;
		size_t digits = 0;

		while (at < len && text[at] >= '0' && text[at] <= '9' &&
		       digits < 4) {
			v = v * 10 + (unsigned int)(text[at++] - '0');
			digits++;
		}
		if (!digits || digits > 3 || v > 255 || at >= len ||
		    text[at++] != '.')
			return false;
		b[i] = (uint8_t)v;
	}
	*out = addr_from_ip4(b);
	return !strcmp(text + at, "in-addr.arpa");
}

static bool reverse_ip6(const char *text, size_t len, struct addr *out)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t b[16] = {0};

	if (len != 64 + sizeof("ip6.arpa") - 1 ||
	    strcmp(text + 64, "ip6.arpa") != 0)
		return false;
	for (size_t i = 0; i < 32; i++) {
		const char *d = memchr(digits, text[2 * i], 16);

		if (!d || text[2 * i + 1] != '.')
			return false;
		b[15 - i / 2] |= (uint8_t)((d - digits) << (i % 2 ? 4 : 0));
	}
	*out = addr_from_ip6(b);
	return true;
}

bool dns_name_reverse(const char *canonical, struct addr *out)
{
	size_t len = strlen(canonical);

	return reverse_ip4(canonical, len, out) ||
	       reverse_ip6(canonical, len, out);
}

bool dns_rr_read(const uint8_t *msg, size_t len, size_t *pos, struct dns_rr *rr)
{
	size_t at = *pos;
	uint16_t rdlen;

	rr->start = at;
	/* past the name without following anything: cost is its own length */
	for (;;) {
		uint8_t n;

		if (at >= len)
			return false;
		n = msg[at];
		if ((n & 0xc0) == 0xc0) {
			at += 2;
			break;
		}
		if (n & 0xc0)
			return false;
		at += n + 1u;
		if (!n)
			break;
	}
	if (at > len || len - at < 10)
		return false;
	rr->type = get16(msg + at);
	rr->cls = get16(msg + at + 2);
	rr->ttl = get32(msg + at + 4);
	rdlen = get16(msg + at + 8);
	rr->rdata = at + 10;
	if (rdlen > len - rr->rdata)
		return false;
	rr->end = rr->rdata + rdlen;
	*pos = rr->end;
	return true;
}

bool dns_rr_addr(const uint8_t *msg, const struct dns_rr *rr, struct addr *out)
{
	size_t n = rr->end - rr->rdata;

	if (rr->cls != DNS_CLASS_IN)
		return false;
	if (rr->type == DNS_A && n == 4)
		*out = addr_from_ip4(msg + rr->rdata);
	else if (rr->type == DNS_AAAA && n == 16)
		*out = addr_from_ip6(msg + rr->rdata);
	else
		return false;
	return true;
}

/* The records after a client's question: nothing but additional ones, and at
 * most one OPT among them (RFC 6891 6.1.1). */
static int query_opt(const uint8_t *msg, size_t len, size_t pos,
                     struct dns_query *q)
{
	size_t n = get16(msg + 10);
	struct dns_rr rr;

	for (size_t i = 0; i < n; i++) {
		if (!dns_rr_read(msg, len, &pos, &rr))
			return DNS_FORMERR;
		if (rr.type != DNS_OPT)
			continue;
		if (q->has_opt || msg[rr.start] != 0)
			return DNS_FORMERR;
		q->has_opt = true;
		q->dnssec_ok = rr.ttl & 0x8000;
		q->udp_size =
			MIN(MAX(rr.cls, DNS_UDP_DEFAULT), DNS_UDP_CLIENT_MAX);
		if (rr.ttl >> 16 & 0xff)
			return DNS_BADVERS;
	}
	return DNS_NOERROR;
}

int dns_query_parse(const void *data, size_t len, struct dns_query *q)
{
	const uint8_t *msg = data;
	size_t pos = DNS_HEADER_LEN;

	memset(q, 0, sizeof(*q));
	q->udp_size = DNS_UDP_DEFAULT;
	if (len < DNS_HEADER_LEN)
		return -EBADMSG;
	q->id = get16(msg);
	q->flags = get16(msg + 2);
	if (q->flags & DNS_FLAG_QR)
		return -EBADMSG; /* an answer to an answer would never end */
	if (q->flags & DNS_FLAG_OPCODE)
		return DNS_NOTIMP;
	if (get16(msg + 4) != 1 || get16(msg + 6) || get16(msg + 8))
		return DNS_FORMERR;
	/* the only name before it is none: a pointer cannot be right here */
	if (!dns_name_read(msg, len, &pos, &q->name) || len - pos < 4 ||
	    pos != (size_t)DNS_HEADER_LEN + q->name.len)
		return DNS_FORMERR;
	q->type = get16(msg + pos);
	q->cls = get16(msg + pos + 2);
	q->has_question = true;
	return query_opt(msg, len, pos + 4, q);
}

bool dns_answer_parse(const uint8_t *msg, size_t len, struct dns_answer *a)
{
	size_t pos = DNS_HEADER_LEN, total;
	struct dns_rr rr;

	memset(a, 0, sizeof(*a));
	if (len < DNS_HEADER_LEN)
		return false;
	a->id = get16(msg);
	a->flags = get16(msg + 2);
	a->rcode = a->flags & DNS_FLAG_RCODE;
	a->ancount = get16(msg + 6);
	a->nscount = get16(msg + 8);
	a->arcount = get16(msg + 10);
	if (!(a->flags & DNS_FLAG_QR) || a->flags & DNS_FLAG_OPCODE ||
	    get16(msg + 4) != 1)
		return false;
	a->question = pos;
	if (!dns_name_read(msg, len, &pos, &a->name) || len - pos < 4 ||
	    pos != (size_t)DNS_HEADER_LEN + a->name.len)
		return false;
	a->type = get16(msg + pos);
	a->cls = get16(msg + pos + 2);
	a->records = pos += 4;
	total = (size_t)a->ancount + a->nscount + a->arcount;
	for (size_t i = 0; i < total; i++) {
		bool additional = i >= (size_t)a->ancount + a->nscount;

		if (additional && !a->additional)
			a->additional = pos;
		if (!dns_rr_read(msg, len, &pos, &rr))
			return false;
		if (rr.type != DNS_OPT)
			continue;
		if (a->opt || !additional || msg[rr.start] != 0)
			return false;
		a->opt = rr.start;
		a->opt_end = rr.end;
		a->rcode |= (uint16_t)(rr.ttl >> 24 << 4);
	}
	a->end = pos;
	return true;
}
