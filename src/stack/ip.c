/* SPDX-License-Identifier: Apache-2.0 */
/* ip.c - what both IP versions do once the header is off */
#include "stack/lower-private.h"

#include "wire/checksum.h"

#include <errno.h>
#include <string.h>

bool packet_is_vouched(const struct packet *p, size_t csum_offset)
{
	const struct vnet_hdr *h = p->vnet;
	size_t start;

	if (!h)
		return false;
	if (h->flags & VNET_F_DATA_VALID)
		return true;
	start = p->l3_offset + (size_t)(p->l4.data - p->whole.data);
	return h->flags & VNET_F_NEEDS_CSUM && h->csum_start == start &&
	       h->csum_offset == csum_offset;
}

/* A train must be of the protocol that its virtio header names (T17). */
static bool gso_fits(const struct packet *p)
{
	if (!p->vnet)
		return true;
	switch (p->vnet->gso_type & (uint8_t)~VNET_GSO_ECN) {
	case VNET_GSO_NONE:
		return true;
	case VNET_GSO_TCPV4:
		return p->is_ip4 && p->proto == IP_PROTO_TCP;
	case VNET_GSO_TCPV6:
		return !p->is_ip4 && p->proto == IP_PROTO_TCP;
	case VNET_GSO_UDP_L4:
		return p->proto == IP_PROTO_UDP;
	default:
		return false;
	}
}

/* Ports stand first in both headers; of a later fragment there are none. */
void packet_refused(struct stack *st, const struct packet *p)
{
	const struct stack_ops *ops = st->common.ops;
	struct view v = p->l4;
	const struct be16 *ports = view_take(&v, 2 * sizeof(*ports));
	struct tuple t;

	if (!ops->refused || !ports ||
	    (p->proto != IP_PROTO_TCP && p->proto != IP_PROTO_UDP))
		return;
	t.app = (struct endpoint){p->src, be16_get(ports[0])};
	t.host = (struct endpoint){p->dst, be16_get(ports[1])};
	ops->refused(st->common.user, &t, p->proto);
}

static void protocol_unknown(struct stack *st, const struct packet *p,
                             int64_t now)
{
	if (p->is_group)
		return;
	if (p->is_ip4)
		icmp_error_errno(st, p, -ENOPROTOOPT, now);
	else
		icmp_error(st, p, NULL, ICMP6_PARAMETER,
		           ICMP6_PARAM_NEXT_HEADER, p->next_offset, now);
}

void ip_dispatch(struct stack *st, struct packet *p, int64_t now)
{
	if (!gso_fits(p)) {
		packet_bad(st);
		return;
	}
	switch (p->proto) {
	case IP_PROTO_TCP:
		if (!p->is_group)
			lower_tcp_input(st, p, now);
		break;
	case IP_PROTO_UDP:
		udp_input(st, p, now);
		break;
	case IP_PROTO_ICMP:
		if (p->is_ip4 && !p->is_group)
			icmp4_input(st, p, now);
		break;
	case IP_PROTO_ICMP6:
		if (!p->is_ip4)
			icmp6_input(st, p, now);
		break;
	default:
		protocol_unknown(st, p, now);
		break;
	}
}

void ip_dispatch_reassembled(struct stack *st, struct packet *p,
                             const struct frag_slot *slot, int64_t now)
{
	struct packet whole = {
		.l4 = view_of(slot->data, slot->total),
		.src = p->src,
		.dst = p->dst,
		.proto = slot->next,
		.ttl = slot->ttl,
		.ecn = slot->ecn,
		.is_ip4 = p->is_ip4,
		.is_ours = p->is_ours,
		.headers = p->headers,
		.had_fragment = true,
	};
	size_t head;

	if (p->is_ip4) {
		struct ip4_hdr h = {
			.version_ihl = 0x45,
			.total_len =
				be16_of((uint16_t)(sizeof(h) + slot->total)),
			.id = be16_of((uint16_t)slot->key.id),
			.ttl = slot->ttl,
			.proto = slot->next,
		};

		memcpy(h.src, addr_ip4_bytes(&p->src), 4);
		memcpy(h.dst, addr_ip4_bytes(&p->dst), 4);
		h.csum.raw = csum_fold(csum_add(0, &h, sizeof(h)));
		memcpy(slot->data - sizeof(h), &h, sizeof(h));
		head = sizeof(h);
	} else {
		struct ip6_hdr_ h = {
			.vtf = be32_of(UINT32_C(6) << 28),
			.payload_len = be16_of((uint16_t)slot->total),
			.next = slot->next,
			.hop_limit = slot->ttl,
		};

		memcpy(h.src, p->src.b, 16);
		memcpy(h.dst, p->dst.b, 16);
		memcpy(slot->data - sizeof(h), &h, sizeof(h));
		head = sizeof(h);
		whole.next_offset = offsetof(struct ip6_hdr_, next);
	}
	whole.whole = view_of(slot->data - head, head + slot->total);
	if (p->is_ip4)
		ip_dispatch(st, &whole, now);
	else
		ip6_continue(st, &whole, now);
}
