/* SPDX-License-Identifier: Apache-2.0 */
/* ip6.c - IPv6 packets of the app and their extension headers (RFC 8200) */
#include "stack/lower-private.h"

#include <errno.h>
#include <string.h>

#define EXT_MAX 8 /* headers in one packet (T8; RFC 8504 5.3 allows it) */

#define OPT_PAD1 0
#define OPT_ACTION(type_) ((type_) >> 6)

enum walk { WALK_ON, WALK_STOP };

static uint32_t offset_of(const struct packet *p, const void *at)
{
	return (uint32_t)((const uint8_t *)at - p->whole.data);
}

static enum walk parameter_problem(struct stack *st, const struct packet *p,
                                   uint8_t code, const void *at, int64_t now)
{
	icmp_error(st, p, NULL, ICMP6_PARAMETER, code, offset_of(p, at), now);
	return WALK_STOP;
}

/* The two high bits of an option we do not know say what to do (4.2). */
static enum walk option_unknown(struct stack *st, const struct packet *p,
                                const uint8_t *type, int64_t now)
{
	switch (OPT_ACTION(*type)) {
	case 0:
		return WALK_ON;
	case 2:
		return parameter_problem(st, p, ICMP6_PARAM_OPTION, type, now);
	case 3:
		if (!p->is_group)
			parameter_problem(st, p, ICMP6_PARAM_OPTION, type, now);
		return WALK_STOP;
	default:
		return WALK_STOP;
	}
}

/* Hop-by-hop and destination options; the jumbogram's is unknown to us. */
static enum walk options_walk(struct stack *st, const struct packet *p,
                              struct view v, int64_t now)
{
	while (v.len) {
		const uint8_t *type = view_take(&v, 1);
		uint8_t len;

		if (*type == OPT_PAD1)
			continue;
		if (!view_u8(&v, &len) || !view_take(&v, len)) {
			packet_bad(st);
			return WALK_STOP;
		}
		/* PadN and router alert have action 0: passed over */
		if (option_unknown(st, p, type, now) == WALK_STOP)
			return WALK_STOP;
	}
	return WALK_ON;
}

/* One header of the family {next, length in 8 bytes}; false: cut short. */
static bool ext_take(struct view *v, const struct ip6_ext **ext,
                     struct view *body)
{
	struct view peek = *v;
	const struct ip6_ext *e = VIEW_TAKE(&peek, struct ip6_ext);
	size_t len;

	if (!e)
		return false;
	len = 8 + (size_t)e->len * 8;
	if (!view_take(v, len))
		return false;
	*ext = e;
	*body = view_of((const uint8_t *)e + 2, len - 2);
	return true;
}

/* RFC 5095: segments left are refused, a finished route is passed over. */
static enum walk routing_walk(struct stack *st, const struct packet *p,
                              const struct ip6_ext *ext, int64_t now)
{
	if (!ext->body[1])
		return WALK_ON;
	return parameter_problem(st, p, ICMP6_PARAM_FIELD, &ext->body[0], now);
}

static void fragment_input(struct stack *st, struct packet *p, int64_t now)
{
	struct view v = p->l4;
	const struct ip6_frag *h = VIEW_TAKE(&v, struct ip6_frag);
	struct frag_piece piece = {
		.key = {p->src, p->dst, 0, 0},
		.ttl = p->ttl,
		.ecn = p->ecn,
		.data = v,
	};
	struct frag_slot *slot;

	if (!h || p->vnet->gso_type || p->vnet->flags & VNET_F_NEEDS_CSUM) {
		packet_bad(st);
		return;
	}
	piece.key.id = be32_get(h->id);
	piece.offset = be16_get(h->offset) & IP6_FRAG_OFFSET_MASK;
	piece.more = be16_get(h->offset) & IP6_FRAG_MORE;
	piece.next = h->next;
	if (!piece.offset && !piece.more) { /* atomic, RFC 6946 */
		p->proto = h->next;
		p->next_offset = offset_of(p, &h->next);
		p->l4 = v;
		p->vnet = NULL;
		ip6_continue(st, p, now);
		return;
	}
	if (piece.more && v.len % 8) {
		icmp_error(st, p, NULL, ICMP6_PARAMETER, ICMP6_PARAM_FIELD,
		           offsetof(struct ip6_hdr_, payload_len), now);
		return;
	}
	if (piece.offset + v.len > 65535) {
		parameter_problem(st, p, ICMP6_PARAM_FIELD, &h->offset, now);
		return;
	}
	slot = frag_add(st, &piece, now);
	if (!slot)
		return;
	ip_dispatch_reassembled(st, p, slot, now);
	frag_free(st, slot);
}

/* Walks the chain from p->proto on; WALK_ON: p->l4 is the upper layer. */
static enum walk chain_walk(struct stack *st, struct packet *p, int64_t now)
{
	const struct ip6_ext *ext = NULL;
	struct view body;

	for (;; p->next_offset = offset_of(p, &ext->next)) {
		bool is_first =
			p->next_offset == offsetof(struct ip6_hdr_, next) &&
			!p->had_fragment;
		enum walk on = WALK_ON;

		switch (p->proto) {
		case IP_PROTO_HOPOPTS:
			if (!is_first)
				return parameter_problem(
					st, p, ICMP6_PARAM_NEXT_HEADER,
					p->whole.data + p->next_offset, now);
			break;
		case IP_PROTO_DSTOPTS:
		case IP_PROTO_ROUTING:
			break;
		case IP_PROTO_FRAGMENT:
			/* a second one; NDP must not come in pieces (RFC 6980)
			 */
			if (p->had_fragment || p->is_group) {
				packet_bad(st);
				return WALK_STOP;
			}
			p->had_fragment = true;
			fragment_input(st, p, now);
			return WALK_STOP;
		case IP_PROTO_NONE:
			return WALK_STOP;
		default:
			return WALK_ON;
		}
		if (++p->headers > EXT_MAX || !ext_take(&p->l4, &ext, &body)) {
			packet_bad(st);
			return WALK_STOP;
		}
		if (p->proto == IP_PROTO_ROUTING)
			on = routing_walk(st, p, ext, now);
		else
			on = options_walk(st, p, body, now);
		if (on == WALK_STOP)
			return WALK_STOP;
		p->proto = ext->next;
	}
}

void ip6_continue(struct stack *st, struct packet *p, int64_t now)
{
	if (chain_walk(st, p, now) == WALK_ON)
		ip_dispatch(st, p, now);
}

static bool is_link_local(const struct addr *a)
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

static bool is_loopback(const struct addr *a)
{
	static const struct addr loopback = {{[15] = 1}};

	return addr_equal(a, &loopback);
}

/*
 * The unspecified source belongs to NDP and MLD alone. A v4-mapped address
 * on the wire would be taken for IPv4 further up: never let in.
 */
static bool is_martian_source(const struct stack *st, const struct packet *p)
{
	const struct stack_config *c = &st->common.config;

	return p->src.b[0] == 0xff || is_loopback(&p->src) ||
	       addr_is_ip4(&p->src) || addr_equal(&p->src, &p->dst) ||
	       addr_equal(&p->src, &c->gateway6) ||
	       addr_equal(&p->src, &c->resolver6) ||
	       addr_equal(&p->src, &st->link_local6) ||
	       (addr_is_unspecified(&p->src) && !p->is_group);
}

/* NDP asks a neighbour whether it is still there: that is us, whoever. */
static bool may_be_ndp(const struct packet *p)
{
	return p->proto == IP_PROTO_ICMP6 && p->ttl == 255;
}

/* As route() of ip4.c. */
static bool route(struct stack *st, const struct packet *p, int64_t now)
{
	if (p->is_ours || may_be_ndp(p))
		return true;
	if (is_loopback(&p->dst) || addr_is_unspecified(&p->dst) ||
	    addr_is_ip4(&p->dst) || is_link_local(&p->dst)) {
		/* one in IPv4's clothes would be told as IPv4 */
		if (!addr_is_ip4(&p->dst))
			packet_refused(st, p);
		icmp_error_errno(st, p, -EACCES, now);
		return false;
	}
	if (addr_equal(&p->dst, &st->common.config.app6)) {
		icmp_error_errno(st, p, -EHOSTUNREACH, now);
		return false;
	}
	if (p->ttl <= 1) {
		icmp_error(st, p, NULL, ICMP6_TIME_EXCEEDED,
		           ICMP_TIME_IN_TRANSIT, 0, now);
		return false;
	}
	return true;
}

/* The fixed header and the one true length; false: dropped. */
static bool header_take(struct packet *p)
{
	struct view v = p->whole;
	const struct ip6_hdr_ *h = VIEW_TAKE(&v, struct ip6_hdr_);
	uint32_t vtf;

	if (!h)
		return false;
	vtf = be32_get(h->vtf);
	if (vtf >> 28 != 6 || !view_cut(&v, be16_get(h->payload_len)))
		return false;
	p->whole.len = sizeof(*h) + v.len;
	p->l4 = v;
	p->proto = h->next;
	p->next_offset = offsetof(struct ip6_hdr_, next);
	p->ttl = h->hop_limit;
	p->ecn = vtf >> 20 & 3;
	p->src = addr_from_ip6(h->src);
	p->dst = addr_from_ip6(h->dst);
	return true;
}

void ip6_input(struct stack *st, struct packet *p, int64_t now)
{
	const struct stack_config *c = &st->common.config;

	if (!header_take(p)) {
		packet_bad(st);
		return;
	}
	p->is_group = p->dst.b[0] == 0xff;
	p->is_ours = addr_equal(&p->dst, &c->gateway6) ||
	             addr_equal(&p->dst, &c->resolver6) ||
	             addr_equal(&p->dst, &st->link_local6);
	if (is_martian_source(st, p)) {
		packet_bad(st);
		return;
	}
	if (p->is_link_group && !p->is_group)
		return;
	if (!addr_is_unspecified(&p->src))
		eth_learn(st, &p->src, p->src_mac);
	if (p->is_group) {
		/* multicast stays inside: NDP only */
		if (p->proto == IP_PROTO_UDP)
			packet_refused(st, p);
		if (chain_walk(st, p, now) == WALK_ON &&
		    p->proto == IP_PROTO_ICMP6)
			ip_dispatch(st, p, now);
		return;
	}
	if (route(st, p, now))
		ip6_continue(st, p, now);
}
