/* SPDX-License-Identifier: Apache-2.0 */
/* ndp.c - every IPv6 neighbour the app asks for is us (RFC 4861) */
#include "stack/lower-private.h"

#include "wire/checksum.h"

#include <string.h>

static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};

/* 6.1, 7.1: a zero length or one past the end spoils the whole message. */
static bool options_are_fine(struct view v)
{
	while (v.len) {
		struct view peek = v;
		const struct ndp_option *o =
			VIEW_TAKE(&peek, struct ndp_option);

		if (!o || !o->len || !view_take(&v, (size_t)o->len * 8))
			return false;
	}
	return true;
}

static void ndp_send(struct stack *st, const struct addr *src,
                     const struct addr *dst, size_t len, const uint8_t *mac)
{
	const struct ip_out o = {
		.src = *src,
		.dst = *dst,
		.mac = mac,
		.proto = IP_PROTO_ICMP6,
		.ttl = 255,
	};
	struct icmp_hdr *h = (struct icmp_hdr *)(void *)ip_out_l4(st);
	uint32_t sum = csum_pseudo(src, dst, IP_PROTO_ICMP6, (uint32_t)len);

	h->csum.raw = 0;
	h->csum.raw = csum_fold(csum_add(sum, ip_out_l4(st), len));
	ip_out_send(st, &o, len);
}

static bool is_ours(const struct stack *st, const struct addr *a)
{
	return addr_equal(a, &st->common.config.gateway6) ||
	       addr_equal(a, &st->common.config.resolver6) ||
	       addr_equal(a, &st->link_local6);
}

/* As is_answered() of arp.c: a probe (from ::) only for what is ours. */
static bool is_answered(const struct stack *st, const struct packet *p,
                        const struct addr *target)
{
	if (target->b[0] == 0xff || addr_is_unspecified(target) ||
	    addr_is_ip4(target))
		return false;
	if (addr_is_unspecified(&p->src))
		return is_ours(st, target);
	return !addr_equal(target, &p->src) &&
	       !addr_equal(target, &st->common.config.app6);
}

static void advertise(struct stack *st, const struct packet *p,
                      const struct addr *target)
{
	const bool is_probe = addr_is_unspecified(&p->src);
	const struct addr all = addr_from_ip6(all_nodes);
	static const uint8_t all_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
	struct {
		struct icmp_hdr icmp;
		struct ndp_neighbour body;
		struct ndp_opt_ll mac;
	} __attribute__((packed)) na = {
		.icmp.type = ICMP6_NEIGHBOUR_ADVERT,
		.mac.opt = {NDP_OPT_TARGET_LL, 1},
	};

	na.icmp.rest[0] = NDP_NA_OVERRIDE;
	if (!is_probe)
		na.icmp.rest[0] |= NDP_NA_SOLICITED;
	if (is_ours(st, target))
		na.icmp.rest[0] |= NDP_NA_ROUTER;
	memcpy(na.body.target, target->b, 16);
	memcpy(na.mac.mac, st->common.config.mac, 6);
	memcpy(ip_out_l4(st), &na, sizeof(na));
	ndp_send(st, target, is_probe ? &all : &p->src, sizeof(na),
	         is_probe ? all_mac : p->src_mac);
}

static void solicit_input(struct stack *st, const struct packet *p,
                          struct view v)
{
	const struct ndp_neighbour *n = VIEW_TAKE(&v, struct ndp_neighbour);
	struct addr target;

	if (!n || !options_are_fine(v)) {
		packet_bad(st);
		return;
	}
	target = addr_from_ip6(n->target);
	if (is_answered(st, p, &target))
		advertise(st, p, &target);
}

/*
 * What the app advertises changes no state of ours: its MACs are learned
 * from the frames themselves (eth_learn()).
 */
void ndp_input(struct stack *st, const struct packet *p, int64_t now)
{
	struct view v = p->l4;
	const struct icmp_hdr *h = VIEW_TAKE(&v, struct icmp_hdr);

	if (!h)
		return;
	if (h->type == ICMP6_NEIGHBOUR_SOLICIT)
		solicit_input(st, p, v);
	else if (h->type == ICMP6_ROUTER_SOLICIT && st->common.config.ra &&
	         options_are_fine(v))
		ra_send(st, now);
}

void ndp_solicit(struct stack *st, const struct addr *dst)
{
	struct addr group = {{0xff, 2, [11] = 1, [12] = 0xff, [13] = dst->b[13],
	                      [14] = dst->b[14], [15] = dst->b[15]}};
	const uint8_t mac[6] = {0x33,       0x33,       0xff,
	                        dst->b[13], dst->b[14], dst->b[15]};
	struct {
		struct icmp_hdr icmp;
		struct ndp_neighbour body;
		struct ndp_opt_ll mac;
	} __attribute__((packed)) ns = {
		.icmp.type = ICMP6_NEIGHBOUR_SOLICIT,
		.mac.opt = {NDP_OPT_SOURCE_LL, 1},
	};

	memcpy(ns.body.target, dst->b, 16);
	memcpy(ns.mac.mac, st->common.config.mac, 6);
	memcpy(ip_out_l4(st), &ns, sizeof(ns));
	ndp_send(st, &st->common.config.gateway6, &group, sizeof(ns), mac);
}
