/* SPDX-License-Identifier: Apache-2.0 */
/* wire.c - frames of the script interpreter: built for the stack, read back */
#include "pst.h"

#include "wire/checksum.h"
#include "wire/view.h"

#include <string.h>

static uint8_t *put32(uint8_t *at, uint32_t v)
{
	struct be32 b = be32_of(v);

	memcpy(at, &b, sizeof(b));
	return at + sizeof(b);
}

static uint32_t get32(const uint8_t *at)
{
	struct be32 b;

	memcpy(&b, at, sizeof(b));
	return be32_get(b);
}

/* --- towards the stack ------------------------------------------------------
 */

static uint8_t *put_option(const struct pst_conn *c, const struct opt_item *o,
                           uint8_t *at)
{
	switch (o->kind) {
	case OPT_KIND_MSS:
		*at++ = 2;
		*at++ = 4;
		*at++ = (uint8_t)(o->a >> 8);
		*at++ = (uint8_t)o->a;
		break;
	case OPT_KIND_WSCALE:
		*at++ = 3;
		*at++ = 3;
		*at++ = (uint8_t)o->a;
		break;
	case OPT_KIND_SACKOK:
		*at++ = 4;
		*at++ = 2;
		break;
	case OPT_KIND_SACK: /* neighbours share one option, see put_options */
		at = put32(at, c->iss + o->a);
		at = put32(at, c->iss + o->b);
		break;
	case OPT_KIND_TS:
		*at++ = 8;
		*at++ = 10;
		at = put32(at, o->a);
		at = put32(at, o->last_b ? c->ts_last : c->ts_base + o->b);
		break;
	case OPT_KIND_NOP:
		*at++ = 1;
		break;
	case OPT_KIND_EOL:
		*at++ = 0;
		break;
	case OPT_KIND_RAW:
		memcpy(at, o->raw, o->raw_len);
		at += o->raw_len;
		break;
	}
	return at;
}

static size_t put_options(const struct pst *p, const struct pst_conn *c,
                          const struct seg_text *s, uint8_t *start)
{
	uint8_t *at = start;

	for (unsigned int i = 0; i < s->nopts; i++) {
		unsigned int n = 0;

		while (i + n < s->nopts && s->opts[i + n].kind == OPT_KIND_SACK)
			n++;
		if (n && (!i || s->opts[i - 1].kind != OPT_KIND_SACK)) {
			*at++ = 5;
			*at++ = (uint8_t)(2 + 8 * n);
		}
		at = put_option(c, &s->opts[i], at);
		if (at - start > 40)
			pst_fail(p, "more than 40 bytes of options");
	}
	while ((at - start) % 4)
		*at++ = 0;
	return (size_t)(at - start);
}

/* IP and Ethernet headers before the len bytes of l4 at frame + 64. */
static void send_packet(struct pst *p, const struct tuple *t, uint8_t proto,
                        uint8_t *l4, size_t len)
{
	uint8_t *start = l4;
	struct eth_hdr eth = {.dst = {2, 0, 0, 0, 0, 1},
	                      .src = {2, 0, 0, 0, 0, 2}};

	if (p->is_ip6) {
		struct ip6_hdr_ ip = {
			.vtf = be32_of(6u << 28),
			.payload_len = be16_of((uint16_t)len),
			.next = proto,
			.hop_limit = 64,
		};

		memcpy(ip.src, t->app.addr.b, 16);
		memcpy(ip.dst, t->host.addr.b, 16);
		start -= sizeof(ip);
		memcpy(start, &ip, sizeof(ip));
		eth.type = be16_of(ETH_TYPE_IP6);
	} else {
		struct ip4_hdr ip = {
			.version_ihl = 0x45,
			.total_len = be16_of((uint16_t)(len + sizeof(ip))),
			.ttl = 64,
			.proto = proto,
		};

		memcpy(ip.src, addr_ip4_bytes(&t->app.addr), 4);
		memcpy(ip.dst, addr_ip4_bytes(&t->host.addr), 4);
		ip.csum.raw = csum_fold(csum_add(0, &ip, sizeof(ip)));
		start -= sizeof(ip);
		memcpy(start, &ip, sizeof(ip));
		eth.type = be16_of(ETH_TYPE_IP4);
	}
	start -= sizeof(eth);
	memcpy(start, &eth, sizeof(eth));
	start -= sizeof(struct vnet_hdr);
	memset(start, 0, sizeof(struct vnet_hdr));
	stack_input(p->stack, start, (size_t)(l4 + len - start), p->now);
	if (!p->flush_manual)
		stack_flush(p->stack, p->now);
}

static uint8_t frame[64 + 65536];

void wire_inject(struct pst *p, int conn, const struct seg_text *s)
{
	struct pst_conn *c = &p->conns[conn];
	uint8_t *l4 = frame + 64;
	size_t hdr_len = 20 + put_options(p, c, s, l4 + 20);
	size_t len = hdr_len + s->len;
	struct tcp_hdr h = {
		.sport = be16_of(c->t.app.port),
		.dport = be16_of(c->t.host.port),
		.seq = be32_of(c->app_isn + s->seq),
		.ack = be32_of(s->has_ack ? c->iss + s->ack : 0),
		.offset = (uint8_t)(hdr_len / 4 << 4),
		.flags = s->flags,
		.window = be16_of((uint16_t)s->win),
		.urg = be16_of((uint16_t)s->urg),
	};

	if (len > 65000)
		pst_fail(p, "a segment of %u bytes", s->len);
	for (uint32_t i = 0; i < s->len; i++)
		l4[hdr_len + i] = host_byte(conn, true, s->seq + i - 1);
	memcpy(l4, &h, sizeof(h));
	h.csum.raw =
		csum_fold(csum_add(csum_pseudo(&c->t.app.addr, &c->t.host.addr,
	                                       IP_PROTO_TCP, (uint32_t)len),
	                           l4, len));
	h.csum.raw ^= s->bad_sum ? 0x0101 : 0;
	memcpy(l4, &h, sizeof(h));
	send_packet(p, &c->t, IP_PROTO_TCP, l4, len);
}

/* What a router between, or the app's kernel, says of a segment of ours. */
void wire_inject_error(struct pst *p, int conn, unsigned int type,
                       unsigned int code, uint32_t seq, uint32_t word)
{
	const struct pst_conn *c = &p->conns[conn];
	uint8_t *l4 = frame + 64, *at = l4 + 8;
	struct tuple back = {.app = c->t.app, .host = p->conns[0].t.host};
	size_t len;

	memset(l4, 0, 64 + 20);
	l4[0] = (uint8_t)type;
	l4[1] = (uint8_t)code;
	put32(l4 + 4, word);
	if (p->is_ip6) {
		at[0] = 0x60;
		at[5] = 20;
		at[6] = IP_PROTO_TCP;
		memcpy(at + 8, c->t.host.addr.b, 16);
		memcpy(at + 24, c->t.app.addr.b, 16);
		at += 40;
	} else {
		at[0] = 0x45;
		at[3] = 40;
		at[8] = 64;
		at[9] = IP_PROTO_TCP;
		memcpy(at + 12, addr_ip4_bytes(&c->t.host.addr), 4);
		memcpy(at + 16, addr_ip4_bytes(&c->t.app.addr), 4);
		at += 20;
	}
	at[0] = (uint8_t)(c->t.host.port >> 8);
	at[1] = (uint8_t)c->t.host.port;
	at[2] = (uint8_t)(c->t.app.port >> 8);
	at[3] = (uint8_t)c->t.app.port;
	put32(at + 4, c->iss + seq);
	at[12] = 0x50;
	at += 20;
	len = (size_t)(at - l4);
	{
		uint32_t sum =
			p->is_ip6 ? csum_pseudo(&back.app.addr, &back.host.addr,
		                                IP_PROTO_ICMP6, (uint32_t)len)
				  : 0;
		uint16_t csum = csum_fold(csum_add(sum, l4, len));

		memcpy(l4 + 2, &csum, 2);
	}
	send_packet(p, &back, p->is_ip6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP, l4,
	            len);
}

/* An ARP request, or an echo to the gateway: the stack learns the MAC. */
void wire_hello(struct pst *p)
{
	struct {
		struct vnet_hdr vnet;
		struct eth_hdr eth;
		struct arp_ip4 arp;
	} __attribute__((packed)) f = {
		.eth = {.dst = {255, 255, 255, 255, 255, 255},
	                .src = {2, 0, 0, 0, 0, 2},
	                .type = be16_of(ETH_TYPE_ARP)},
		.arp = {.htype = be16_of(1),
	                .ptype = be16_of(ETH_TYPE_IP4),
	                .hlen = 6,
	                .plen = 4,
	                .op = be16_of(1),
	                .sender_mac = {2, 0, 0, 0, 0, 2},
	                .sender_ip = {10, 0, 2, 100},
	                .target_ip = {10, 0, 2, 2}},
	};

	stack_input(p->stack, &f, sizeof(f), p->now);
	stack_flush(p->stack, p->now);
}

/* --- from the stack
 * ----------------------------------------------------------- */

static void read_option(const struct pst_conn *c, const uint8_t *o,
                        struct seg_text *s)
{
	struct opt_item item = {.kind = OPT_KIND_RAW};

	switch (o[0]) {
	case 2:
		item.kind = OPT_KIND_MSS;
		item.a = (uint32_t)(o[2] << 8 | o[3]);
		break;
	case 3:
		item.kind = OPT_KIND_WSCALE;
		item.a = o[2];
		break;
	case 4:
		item.kind = OPT_KIND_SACKOK;
		break;
	case 5:
		for (unsigned int i = 2; i + 8 <= o[1]; i += 8) {
			item.kind = OPT_KIND_SACK;
			item.a = get32(o + i) - c->app_isn;
			item.b = get32(o + i + 4) - c->app_isn;
			s->opts[s->nopts++] = item;
		}
		return;
	case 8:
		item.kind = OPT_KIND_TS;
		item.a = get32(o + 2) - c->ts_base;
		item.b = get32(o + 6);
		break;
	default:
		break;
	}
	s->opts[s->nopts++] = item;
}

static void note_ts(struct pst_conn *c, const uint8_t *o)
{
	if (o[0] != 8)
		return;
	c->ts_last = get32(o + 2);
	if (!c->has_ts_base)
		c->ts_base = c->ts_last;
	c->has_ts_base = true;
}

static bool read_options(struct pst_conn *c, struct view v, struct seg_text *s)
{
	while (v.len) {
		const uint8_t *o = v.data;
		size_t n = o[0] < 2 ? 1 : v.len > 1 ? o[1] : 0;

		if (!n || n > v.len || s->nopts >= PST_OPT_ITEMS - 4)
			return false;
		if (o[0] < 2) {
			s->opts[s->nopts++].kind =
				o[0] ? OPT_KIND_NOP : OPT_KIND_EOL;
		} else {
			note_ts(c, o);
			read_option(c, o, s);
		}
		v.data += n;
		v.len -= n;
	}
	return true;
}

static int conn_of_port(const struct pst *p, uint16_t port)
{
	for (int i = 0; i < PST_CONNS; i++)
		if (p->conns[i].t.app.port == port)
			return i;
	pst_fail(p, "a segment for port %u", port);
}

static void read_tcp(struct pst *p, struct view v, struct sent *out)
{
	const struct tcp_hdr *h = VIEW_TAKE(&v, struct tcp_hdr);
	struct seg_text *s = &out->seg;
	struct pst_conn *c;
	size_t opt_len;

	if (!h)
		pst_fail(p, "a segment without a header");
	out->conn = conn_of_port(p, be16_get(h->dport));
	c = &p->conns[out->conn];
	opt_len = (size_t)(h->offset >> 4) * 4 - sizeof(*h);
	s->flags = h->flags;
	if (h->flags & TCP_FLAG_SYN) {
		c->iss = be32_get(h->seq);
		c->has_ts_base = false;
	}
	s->seq = be32_get(h->seq) - c->iss;
	s->has_ack = h->flags & TCP_FLAG_ACK;
	s->ack = s->has_ack ? be32_get(h->ack) - c->app_isn : 0;
	s->has_win = true;
	s->win = be16_get(h->window);
	if (opt_len > v.len || !read_options(c, view_of(v.data, opt_len), s))
		pst_fail(p, "options that cannot be read");
	s->len = (uint32_t)(v.len - opt_len);
	s->end = s->seq + s->len;
	for (uint32_t i = 0; i < s->len; i++)
		if (v.data[opt_len + i] !=
		    host_byte(out->conn, false, s->seq + i - 1))
			out->bad = true;
}

int wire_frame_sent(void *user, const void *data, size_t len)
{
	struct pst *p = user;
	struct view v = view_of(data, len);
	const struct vnet_hdr *vnet = VIEW_TAKE(&v, struct vnet_hdr);
	const struct eth_hdr *eth = VIEW_TAKE(&v, struct eth_hdr);
	struct sent *out = &p->sent[p->nsent % PST_SENT_MAX];
	uint8_t proto;

	if (!vnet || !eth)
		pst_fail(p, "a frame of %zu bytes", len);
	if (be16_get(eth->type) == ETH_TYPE_ARP)
		return 0;
	*out = (struct sent){.at = p->now, .gso = vnet->gso_size};
	if (be16_get(eth->type) == ETH_TYPE_IP6) {
		const struct ip6_hdr_ *ip = VIEW_TAKE(&v, struct ip6_hdr_);

		if (!ip || !view_cut(&v, be16_get(ip->payload_len)))
			pst_fail(p, "a bad IPv6 header");
		proto = ip->next;
	} else {
		const struct ip4_hdr *ip = VIEW_TAKE(&v, struct ip4_hdr);

		if (!ip || !view_cut(&v, be16_get(ip->total_len) - 20u))
			pst_fail(p, "a bad IPv4 header");
		proto = ip->proto;
	}
	if (proto == IP_PROTO_TCP) {
		read_tcp(p, v, out);
	} else if (v.len >= 2) {
		if (proto == IP_PROTO_ICMP6 && v.data[0] >= 133)
			return 0; /* neighbour discovery */
		out->conn = -1;
		out->seg.is_icmp = true;
		out->seg.icmp_type = v.data[0];
		out->seg.icmp_code = v.data[1];
	}
	if (++p->nsent - p->sent_head > PST_SENT_MAX)
		pst_fail(p, "too many frames");
	return 0;
}
