/* SPDX-License-Identifier: Apache-2.0 */
/* icmp4.c - ICMP messages of the app (RFC 792, RFC 1191) */
#include "stack/lower-private.h"

#include "wire/checksum.h"

#define IP4_MTU_MIN 68 /* RFC 791; a smaller claim is a lie */

/* Errors are about our own segments, or about nothing (T18). */
static void error_input(struct stack *st, const struct icmp_hdr *h,
                        struct view quoted, int64_t now)
{
	unsigned int mtu = 0;

	if (h->type == ICMP4_UNREACHABLE && h->code == ICMP4_FRAG_NEEDED) {
		mtu = be32_get(h->word) & 0xffff;
		if (mtu < IP4_MTU_MIN)
			return;
	}
	icmp_quoted_tcp(st, quoted, true, mtu, now);
}

void icmp4_input(struct stack *st, const struct packet *p, int64_t now)
{
	struct view v = p->l4;
	const struct icmp_hdr *h = VIEW_TAKE(&v, struct icmp_hdr);

	if (!h || (!packet_is_vouched(p, offsetof(struct icmp_hdr, csum)) &&
	           csum_fold(csum_add(0, p->l4.data, p->l4.len)))) {
		packet_bad(st);
		return;
	}
	switch (h->type) {
	case ICMP4_ECHO:
		icmp_echo_input(st, p, now);
		break;
	case ICMP4_UNREACHABLE:
	case ICMP4_TIME_EXCEEDED:
	case ICMP4_PARAMETER:
		error_input(st, h, v, now);
		break;
	default: /* redirects, timestamps, the obsolete: unanswered */
		break;
	}
}
