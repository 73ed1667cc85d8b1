/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - TCP options, read through a bounded walk and written */
#include "stack/tcp/tcp-private.h"

#include <string.h>

enum {
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WSCALE = 3,
	OPT_SACK_OK = 4,
	OPT_SACK = 5,
	OPT_TS = 8,
};

static uint32_t load32(const uint8_t *p)
{
	struct be32 v;

	memcpy(&v, p, sizeof(v));
	return be32_get(v);
}

static uint8_t *store32(uint8_t *p, uint32_t value)
{
	struct be32 v = be32_of(value);

	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

static void take_sacks(const uint8_t *p, size_t len, struct tcp_options *out)
{
	out->nsacks = 0;
	for (; len >= 8 && out->nsacks < ARRAY_SIZE(out->sacks);
	     len -= 8, p += 8) {
		out->sacks[out->nsacks].start = load32(p);
		out->sacks[out->nsacks].end = load32(p + 4);
		out->nsacks++;
	}
}

/* One option whose body is p[0..len); a wrong length: not there at all. */
static void take_one(uint8_t kind, const uint8_t *p, size_t len, bool is_syn,
                     struct tcp_options *out)
{
	switch (kind) {
	case OPT_MSS:
		if (is_syn && len == 2) {
			out->has_mss = true;
			out->mss = (uint16_t)(p[0] << 8 | p[1]);
		}
		break;
	case OPT_WSCALE:
		if (is_syn && len == 1) {
			out->has_wscale = true;
			out->wscale = MIN(p[0], (uint8_t)TCP_WSCALE_MAX);
		}
		break;
	case OPT_SACK_OK:
		if (is_syn && len == 0)
			out->has_sack_ok = true;
		break;
	case OPT_SACK:
		if (!is_syn && len && len % 8 == 0)
			take_sacks(p, len, out);
		break;
	case OPT_TS:
		if (len == 8) {
			out->has_ts = true;
			out->tsval = load32(p);
			out->tsecr = load32(p + 4);
		}
		break;
	default: /* RFC 9293 MUST-6: unknown options are skipped */
		break;
	}
}

void options_parse(struct view v, bool is_syn, struct tcp_options *out)
{
	uint8_t kind, len;

	*out = (struct tcp_options){0};
	while (view_u8(&v, &kind) && kind != OPT_END) {
		const uint8_t *body;

		if (kind == OPT_NOP)
			continue;
		/* RFC 9293 MUST-7: a length that cannot be ends the walk */
		if (!view_u8(&v, &len) || len < 2)
			return;
		body = view_take(&v, len - 2u);
		if (!body)
			return;
		take_one(kind, body, len - 2u, is_syn, out);
	}
}

static uint8_t *put_ts(uint8_t *p, uint32_t tsval, uint32_t tsecr)
{
	*p++ = OPT_TS;
	*p++ = 10;
	p = store32(p, tsval);
	return store32(p, tsecr);
}

size_t options_syn(const struct tcp *tcp, const struct conn *c, uint8_t *p,
                   int64_t now)
{
	uint8_t *start = p;
	uint16_t mss = conn_mss(tcp, &c->t);

	*p++ = OPT_MSS;
	*p++ = 4;
	*p++ = (uint8_t)(mss >> 8);
	*p++ = (uint8_t)mss;
	if (c->has_sack) {
		*p++ = OPT_SACK_OK;
		*p++ = 2;
	} else if (c->has_ts) {
		*p++ = OPT_NOP;
		*p++ = OPT_NOP;
	}
	if (c->has_ts) {
		p = put_ts(p, conn_tsval(c, now), c->ts_recent);
	} else if (c->has_sack) {
		*p++ = OPT_NOP;
		*p++ = OPT_NOP;
	}
	if (c->has_wscale) {
		*p++ = OPT_NOP;
		*p++ = OPT_WSCALE;
		*p++ = 3;
		*p++ = c->rcv_wscale;
	}
	return (size_t)(p - start);
}

size_t options_data(const struct conn *c, uint8_t *p,
                    const struct seq_range *sacks, unsigned int nsacks,
                    int64_t now)
{
	uint8_t *start = p;

	if (c->has_ts) {
		*p++ = OPT_NOP;
		*p++ = OPT_NOP;
		p = put_ts(p, conn_tsval(c, now), c->ts_recent);
	}
	if (nsacks) {
		*p++ = OPT_NOP;
		*p++ = OPT_NOP;
		*p++ = OPT_SACK;
		*p++ = (uint8_t)(2 + 8 * nsacks);
		for (unsigned int i = 0; i < nsacks; i++) {
			p = store32(p, sacks[i].start);
			p = store32(p, sacks[i].end);
		}
	}
	return (size_t)(p - start);
}
