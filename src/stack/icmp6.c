/* SPDX-License-Identifier: Apache-2.0 */
/* icmp6.c - ICMPv6 messages of the app (RFC 4443) */
#include "stack/lower-private.h"

#include "wire/checksum.h"

#define IP6_MTU_MIN 1280

static void too_big_input(struct stack *st, const struct icmp_hdr *h,
                          struct view quoted, int64_t now)
{
	uint32_t mtu = be32_get(h->word);

	/* RFC 8201 4: below 1280 it changes nothing */
	if (mtu >= IP6_MTU_MIN && mtu <= 65535)
		icmp_quoted_tcp(st, quoted, false, mtu, now);
}

void icmp6_input(struct stack *st, const struct packet *p, int64_t now)
{
	struct view v = p->l4;
	const struct icmp_hdr *h = VIEW_TAKE(&v, struct icmp_hdr);
	uint32_t sum = csum_pseudo(&p->src, &p->dst, IP_PROTO_ICMP6,
	                           (uint32_t)p->l4.len);

	if (!h || (!packet_is_vouched(p, offsetof(struct icmp_hdr, csum)) &&
	           csum_fold(csum_add(sum, p->l4.data, p->l4.len)))) {
		packet_bad(st);
		return;
	}
	switch (h->type) {
	case ICMP6_ECHO:
		if (!p->is_group)
			icmp_echo_input(st, p, now);
		break;
	case ICMP6_TOO_BIG:
		too_big_input(st, h, v, now);
		break;
	case ICMP6_UNREACHABLE:
	case ICMP6_TIME_EXCEEDED:
	case ICMP6_PARAMETER:
		icmp_quoted_tcp(st, v, false, 0, now);
		break;
	case ICMP6_ROUTER_SOLICIT:
	case ICMP6_NEIGHBOUR_SOLICIT:
	case ICMP6_NEIGHBOUR_ADVERT:
		/* no router is left between us and who set this to 255 */
		if (p->ttl == 255 && !h->code)
			ndp_input(st, p, now);
		break;
	default: /* MLD, advertisements and redirects of others (T35) */
		break;
	}
}
