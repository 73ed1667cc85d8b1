/* SPDX-License-Identifier: Apache-2.0 */
/* ra.c - router advertisements for an app that configures itself */
#include "stack/lower-private.h"

#include "wire/checksum.h"

#include <string.h>

#define RA_INTERVAL_NS (600 * NS_PER_S)
#define RA_ROUTER_LIFETIME_S 1800
#define RA_HOP_LIMIT 64
#define PREFIX_ON_LINK 0x80
#define PREFIX_AUTONOMOUS 0x40

struct ra_message {
	struct icmp_hdr icmp;
	struct ndp_ra body;
	struct ndp_opt_ll mac;
	struct ndp_opt_mtu mtu;
	struct ndp_opt_prefix prefix;
	struct ndp_opt_rdnss rdnss;
} __attribute__((packed));

static void prefix_copy(uint8_t out[16], const struct addr *a, unsigned int len)
{
	for (unsigned int i = 0; i < 16; i++) {
		unsigned int bits = len > i * 8 ? MIN(8u, len - i * 8) : 0;

		out[i] = a->b[i] & (uint8_t)(0xff00 >> bits);
	}
}

void ra_send(struct stack *st, int64_t now)
{
	static const uint8_t all_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
	const struct stack_config *c = &st->common.config;
	struct ra_message ra = {
		.icmp.type = ICMP6_ROUTER_ADVERT,
		.icmp.rest = {RA_HOP_LIMIT, 0, RA_ROUTER_LIFETIME_S >> 8,
	                      RA_ROUTER_LIFETIME_S & 0xff},
		.mac.opt = {NDP_OPT_SOURCE_LL, sizeof(ra.mac) / 8},
		.mtu.opt = {NDP_OPT_MTU, sizeof(ra.mtu) / 8},
		.mtu.mtu = be32_of(c->mtu),
		.prefix.opt = {NDP_OPT_PREFIX, sizeof(ra.prefix) / 8},
		.prefix.prefix_len = (uint8_t)c->prefix6,
		.prefix.flags = PREFIX_ON_LINK | PREFIX_AUTONOMOUS,
		.prefix.valid_s = be32_of(UINT32_MAX),
		.prefix.preferred_s = be32_of(UINT32_MAX),
		.rdnss.opt = {NDP_OPT_RDNSS, sizeof(ra.rdnss) / 8},
		.rdnss.lifetime_s = be32_of(UINT32_MAX),
	};
	const struct ip_out o = {
		.src = st->link_local6,
		.dst = {{0xff, 2, [15] = 1}},
		.mac = all_mac,
		.proto = IP_PROTO_ICMP6,
		.ttl = 255,
	};
	uint32_t sum = csum_pseudo(&o.src, &o.dst, IP_PROTO_ICMP6, sizeof(ra));

	memcpy(ra.mac.mac, c->mac, 6);
	prefix_copy(ra.prefix.prefix, &c->gateway6, c->prefix6);
	memcpy(ra.rdnss.server, c->resolver6.b, 16);
	ra.icmp.csum.raw = csum_fold(csum_add(sum, &ra, sizeof(ra)));
	memcpy(ip_out_l4(st), &ra, sizeof(ra));
	ip_out_send(st, &o, sizeof(ra));
	st->ra_next_ns = now + RA_INTERVAL_NS;
}

void ra_run(struct stack *st, int64_t now)
{
	if (st->ra_next_ns <= now)
		ra_send(st, now);
}
