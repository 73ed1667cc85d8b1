/* SPDX-License-Identifier: Apache-2.0 */
/* ip4.c - IPv4 packets of the app (RFC 791, RFC 1812) */
#include "stack/lower-private.h"

#include "wire/checksum.h"

#include <errno.h>
#include <string.h>

#define IP4_OPT_END 0
#define IP4_OPT_NOP 1
#define IP4_OPT_LSRR 131
#define IP4_OPT_SSRR 137

/*
 * Options are walked, never obeyed. A source route is refused (RFC 7126
 * 4.3), so is one whose length lies; both in silence, T2 wants no answer
 * longer than the question.
 */
static bool options_are_fine(struct view v)
{
	uint8_t type, len;

	while (view_u8(&v, &type)) {
		if (type == IP4_OPT_END)
			return true;
		if (type == IP4_OPT_NOP)
			continue;
		if (type == IP4_OPT_LSRR || type == IP4_OPT_SSRR)
			return false;
		if (!view_u8(&v, &len) || len < 2 || !view_take(&v, len - 2u))
			return false;
	}
	return true;
}

/* Who may not be a source: RFC 1812 5.3.7, and our own two addresses. */
static bool is_martian_source(const struct stack *st, const struct packet *p)
{
	const struct stack_config *c = &st->common.config;
	const uint8_t *s = addr_ip4_bytes(&p->src);

	return s[0] == 0 || s[0] == 127 || s[0] >= 224 ||
	       addr_equal(&p->src, &p->dst) ||
	       addr_equal(&p->src, &c->gateway4) ||
	       addr_equal(&p->src, &c->resolver4);
}

/* All ones in the host part of the app's prefix. */
static bool is_subnet_broadcast(const struct stack_config *c,
                                const struct addr *dst)
{
	uint32_t mask, d;
	struct be32 raw;

	if (c->prefix4 > 30 ||
	    !addr_in_prefix(dst, &c->gateway4, 96 + c->prefix4))
		return false;
	memcpy(&raw, addr_ip4_bytes(dst), sizeof(raw));
	d = be32_get(raw);
	mask = c->prefix4 ? UINT32_MAX >> c->prefix4 : UINT32_MAX;
	return (d & mask) == mask;
}

static bool is_group(const struct stack_config *c, const struct addr *dst)
{
	const uint8_t *d = addr_ip4_bytes(dst);
	static const uint8_t all_ones[4] = {255, 255, 255, 255};

	return (d[0] & 0xf0) == 224 || !memcmp(d, all_ones, 4) ||
	       is_subnet_broadcast(c, dst);
}

static bool is_fragment(const struct ip4_hdr *h)
{
	return be16_get(h->frag) & (IP4_MF | IP4_OFFSET_MASK);
}

static bool is_dhcp(const struct packet *p)
{
	return p->proto == IP_PROTO_UDP && p->is_group &&
	       addr_is_unspecified(&p->src);
}

/*
 * Where it wants to go. False: not further than here, answered or dropped.
 * What leaves is judged again by flow; what is turned away here are the
 * addresses that never are on a wire (T21) and the app's own.
 */
static bool route(struct stack *st, const struct packet *p, bool later,
                  int64_t now)
{
	const uint8_t *d = addr_ip4_bytes(&p->dst);

	if (p->is_ours)
		return true;
	if (d[0] == 0 || d[0] == 127 || d[0] >= 240) {
		if (!later)
			packet_refused(st, p);
		/* the errors that may pass are not told to UDP sockets */
		icmp_error_errno(st, p, -EACCES, now);
		return false;
	}
	if (addr_equal(&p->dst, &st->common.config.app4)) {
		icmp_error_errno(st, p, -EHOSTUNREACH, now);
		return false;
	}
	if (p->ttl <= 1) {
		icmp_error(st, p, NULL, ICMP4_TIME_EXCEEDED,
		           ICMP_TIME_IN_TRANSIT, 0, now);
		return false;
	}
	return true;
}

static void fragment_input(struct stack *st, struct packet *p,
                           const struct ip4_hdr *h, int64_t now)
{
	uint16_t frag = be16_get(h->frag);
	struct frag_piece piece = {
		.key = {p->src, p->dst, be16_get(h->id), p->proto},
		.offset = (size_t)(frag & IP4_OFFSET_MASK) * 8,
		.more = frag & IP4_MF,
		.next = p->proto,
		.ttl = p->ttl,
		.ecn = p->ecn,
		.data = p->l4,
	};
	struct frag_slot *slot;

	if (p->vnet->gso_type || p->vnet->flags & VNET_F_NEEDS_CSUM ||
	    piece.offset + p->l4.len > 65535 - sizeof(*h)) {
		packet_bad(st);
		return;
	}
	slot = frag_add(st, &piece, now);
	if (!slot)
		return;
	ip_dispatch_reassembled(st, p, slot, now);
	frag_free(st, slot);
}

/* The fixed header, the options and every length; false: dropped. */
static bool header_take(struct packet *p, const struct ip4_hdr **out)
{
	struct view v = p->whole;
	const struct ip4_hdr *h = VIEW_TAKE(&v, struct ip4_hdr);
	size_t header_len, total;
	struct view options;

	if (!h)
		return false;
	header_len = (size_t)(h->version_ihl & 15) * 4;
	total = be16_get(h->total_len);
	if (h->version_ihl >> 4 != 4 || header_len < sizeof(*h) ||
	    total < header_len || !view_cut(&p->whole, total) ||
	    csum_fold(csum_add(0, h, header_len)))
		return false;
	options = view_of(h + 1, header_len - sizeof(*h));
	if (!options_are_fine(options))
		return false;
	p->l4 = view_of(p->whole.data + header_len, total - header_len);
	p->is_ip4 = true;
	p->proto = h->proto;
	p->ttl = h->ttl;
	p->ecn = h->tos & 3;
	p->src = addr_from_ip4(h->src);
	p->dst = addr_from_ip4(h->dst);
	*out = h;
	return true;
}

void ip4_input(struct stack *st, struct packet *p, int64_t now)
{
	const struct stack_config *c = &st->common.config;
	const struct ip4_hdr *h = NULL;

	if (!header_take(p, &h)) {
		packet_bad(st);
		return;
	}
	p->is_group = is_group(c, &p->dst);
	p->is_ours = addr_equal(&p->dst, &c->gateway4) ||
	             addr_equal(&p->dst, &c->resolver4);
	if (is_dhcp(p) && !is_fragment(h)) {
		ip_dispatch(st, p, now);
		return;
	}
	if (is_martian_source(st, p)) {
		packet_bad(st);
		return;
	}
	eth_learn(st, &p->src, p->src_mac);
	if (p->is_group) {
		/* nothing of it goes outside; udp_input() knows DHCP */
		if (p->proto == IP_PROTO_UDP && !is_fragment(h))
			ip_dispatch(st, p, now);
		return;
	}
	if (p->is_link_group ||
	    !route(st, p, be16_get(h->frag) & IP4_OFFSET_MASK, now))
		return;
	if (is_fragment(h))
		fragment_input(st, p, h, now);
	else
		ip_dispatch(st, p, now);
}
