/* SPDX-License-Identifier: Apache-2.0 */
/* dhcp4.c - one lease for one app (RFC 2131, RFC 2132, RFC 6842) */
#include "stack/lower-private.h"

#include <string.h>

#define OPT_PAD 0
#define OPT_MASK 1
#define OPT_ROUTER 3
#define OPT_DNS 6
#define OPT_MTU 26
#define OPT_BROADCAST 28
#define OPT_REQUESTED 50
#define OPT_LEASE 51
#define OPT_TYPE 53
#define OPT_SERVER 54
#define OPT_CLIENT_ID 61
#define OPT_END 255

#define DISCOVER 1
#define OFFER 2
#define REQUEST 3
#define ACK 5
#define NAK 6
#define INFORM 8

#define LEASE_S (30 * 24 * 3600)
#define MESSAGE_MIN 300 /* BOOTP's size, which some clients insist on */
#define OPTIONS_MAX 320 /* all of ours and a client id of 255 bytes */
#define FLAG_BROADCAST 0x8000

/* struct request - the options that are looked at, last one counts */
struct request {
	const struct dhcp4_hdr *hdr;
	uint8_t type;
	bool has_requested, has_server;
	struct addr requested, server;
	struct view client_id;
};

/* struct reply - options are appended below a fixed end */
struct reply {
	struct dhcp4_hdr hdr;
	uint8_t options[OPTIONS_MAX];
	size_t used;
};

static void option_take(struct request *r, uint8_t type, struct view v)
{
	if (type == OPT_TYPE && v.len == 1) {
		r->type = v.data[0];
	} else if (type == OPT_REQUESTED && v.len == 4) {
		r->requested = addr_from_ip4(v.data);
		r->has_requested = true;
	} else if (type == OPT_SERVER && v.len == 4) {
		r->server = addr_from_ip4(v.data);
		r->has_server = true;
	} else if (type == OPT_CLIENT_ID && v.len) {
		r->client_id = v;
	}
}

/* False: an option runs past the end, the message is not believed (T6). */
static bool options_parse(struct view v, struct request *r)
{
	uint8_t type, len;

	while (view_u8(&v, &type)) {
		const uint8_t *body;

		if (type == OPT_PAD)
			continue;
		if (type == OPT_END)
			break;
		if (!view_u8(&v, &len))
			return false;
		body = view_take(&v, len);
		if (!body)
			return false;
		option_take(r, type, view_of(body, len));
	}
	return true;
}

static void option_add(struct reply *r, uint8_t type, const void *data,
                       size_t len)
{
	if (len > 255 || r->used + len + 3 > sizeof(r->options))
		return; /* the last byte is kept for OPT_END */
	r->options[r->used++] = type;
	r->options[r->used++] = (uint8_t)len;
	memcpy(r->options + r->used, data, len);
	r->used += len;
}

static void option_add_addr(struct reply *r, uint8_t type, const struct addr *a)
{
	option_add(r, type, addr_ip4_bytes(a), 4);
}

static void network_add(const struct stack_config *c, struct reply *r)
{
	uint32_t host_bits = c->prefix4 ? UINT32_MAX >> c->prefix4 : UINT32_MAX;
	const struct be32 mask =
		be32_of(c->prefix4 >= 32 ? UINT32_MAX : ~host_bits);
	const struct be16 mtu = be16_of((uint16_t)MIN(c->mtu, 65535u));
	struct be32 addr;

	memcpy(&addr, addr_ip4_bytes(&c->app4), 4);
	addr.raw |= ~mask.raw;
	option_add(r, OPT_MASK, &mask, 4);
	option_add(r, OPT_BROADCAST, &addr, 4);
	option_add_addr(r, OPT_ROUTER, &c->gateway4);
	option_add_addr(r, OPT_DNS, &c->resolver4);
	option_add(r, OPT_MTU, &mtu, 2);
}

/* 0: no answer. RFC 2131 4.3.2: who renews names no server. */
static uint8_t answer_to(const struct stack_config *c, const struct request *r)
{
	const struct addr ciaddr = addr_from_ip4(r->hdr->ciaddr);
	const struct addr *wanted = r->has_requested ? &r->requested : &ciaddr;

	switch (r->type) {
	case DISCOVER:
		return OFFER;
	case REQUEST:
		if (r->has_server && !addr_equal(&r->server, &c->gateway4))
			return 0;
		return addr_equal(wanted, &c->app4) ? ACK : NAK;
	case INFORM:
		return ACK;
	default: /* DECLINE, RELEASE: the one lease is always there */
		return 0;
	}
}

static void reply_fill(const struct stack_config *c, const struct request *q,
                       uint8_t type, struct reply *r)
{
	const struct be32 lease = be32_of(LEASE_S);

	r->hdr.op = 2;
	r->hdr.htype = 1;
	r->hdr.hlen = 6;
	r->hdr.xid = q->hdr->xid;
	r->hdr.flags = be16_of(be16_get(q->hdr->flags) & FLAG_BROADCAST);
	memcpy(r->hdr.chaddr, q->hdr->chaddr, 6);
	r->hdr.cookie = be32_of(DHCP4_COOKIE);
	option_add(r, OPT_TYPE, &type, 1);
	option_add_addr(r, OPT_SERVER, &c->gateway4);
	if (type != NAK) {
		memcpy(r->hdr.ciaddr, q->hdr->ciaddr, 4);
		if (q->type != INFORM) {
			memcpy(r->hdr.yiaddr, addr_ip4_bytes(&c->app4), 4);
			option_add(r, OPT_LEASE, &lease, 4);
		}
		network_add(c, r);
	}
	if (q->client_id.len)
		option_add(r, OPT_CLIENT_ID, q->client_id.data,
		           q->client_id.len);
	r->options[r->used++] = OPT_END;
}

static void reply_send(struct stack *st, const struct packet *p,
                       const struct reply *r, bool is_nak)
{
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t zero[4];
	const bool has_ciaddr = memcmp(r->hdr.ciaddr, zero, 4) != 0;
	const bool to_all = is_nak || (!has_ciaddr && r->hdr.flags.raw) ||
	                    (!has_ciaddr && !memcmp(r->hdr.yiaddr, zero, 4));
	struct tuple t = {
		.app = {addr_ip4(255, 255, 255, 255), DHCP4_CLIENT_PORT},
		.host = {st->common.config.gateway4, DHCP4_SERVER_PORT},
	};
	size_t len = MAX(sizeof(r->hdr) + r->used, (size_t)MESSAGE_MIN);

	if (!to_all)
		t.app.addr = addr_from_ip4(has_ciaddr ? r->hdr.ciaddr
		                                      : r->hdr.yiaddr);
	memcpy(ip_out_l4(st) + sizeof(struct udp_hdr), r, len);
	udp_send(st, &t, len, to_all ? all : p->src_mac);
}

void dhcp4_input(struct stack *st, const struct packet *p, struct view v)
{
	struct request q = {.hdr = VIEW_TAKE(&v, struct dhcp4_hdr)};
	struct reply r = {0};
	uint8_t type;

	if (!q.hdr || q.hdr->op != 1 || q.hdr->htype != 1 || q.hdr->hlen != 6 ||
	    be32_get(q.hdr->cookie) != DHCP4_COOKIE || !options_parse(v, &q)) {
		packet_bad(st);
		return;
	}
	type = answer_to(&st->common.config, &q);
	if (!type)
		return;
	reply_fill(&st->common.config, &q, type, &r);
	reply_send(st, p, &r, type == NAK);
}
