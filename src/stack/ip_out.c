/* SPDX-License-Identifier: Apache-2.0 */
/* ip_out.c - IP headers, checksums and fragments of what leaves */
#include "stack/lower-private.h"

#include "wire/checksum.h"

#include <errno.h>
#include <string.h>

#define TTL_DEFAULT 64

void ip4_ids_init(struct ip4_ids *ids, const struct random_source *random)
{
	random->fill(random->user, ids->round, sizeof(ids->round));
}

/*
 * A Feistel network over the counter: no id comes twice within 65536, none
 * can be told from the one before; new tables when the counter wraps.
 */
static uint16_t ip4_id_next(struct stack *st)
{
	struct ip4_ids *ids = &st->ids;
	uint8_t left, right;

	if (!++ids->counter)
		ip4_ids_init(ids, &st->common.random);
	left = (uint8_t)(ids->counter >> 8);
	right = (uint8_t)ids->counter;
	for (size_t i = 0; i < 4; i++) {
		uint8_t mixed = left ^ ids->round[i][right];

		left = right;
		right = mixed;
	}
	return (uint16_t)(left << 8 | right);
}

static void ip4_fill(struct ip4_hdr *h, const struct ip_out *o, size_t l4_len,
                     uint16_t id, uint16_t frag)
{
	*h = (struct ip4_hdr){
		.version_ihl = 0x45,
		/* 0 of a train that no 16 bits can name: see skb->len */
		.total_len = be16_of(sizeof(*h) + l4_len > 65535
	                                     ? 0
	                                     : (uint16_t)(sizeof(*h) + l4_len)),
		.id = be16_of(id),
		.frag = be16_of(frag),
		.ttl = o->ttl ? o->ttl : TTL_DEFAULT,
		.proto = o->proto,
	};
	memcpy(h->src, addr_ip4_bytes(&o->src), 4);
	memcpy(h->dst, addr_ip4_bytes(&o->dst), 4);
	h->csum.raw = csum_fold(csum_add(0, h, sizeof(*h)));
}

static void ip6_fill(struct ip6_hdr_ *h, const struct ip_out *o, uint8_t next,
                     size_t payload_len)
{
	*h = (struct ip6_hdr_){
		.vtf = be32_of(UINT32_C(6) << 28),
		.payload_len = be16_of((uint16_t)payload_len),
		.next = next,
		.hop_limit = o->ttl ? o->ttl : TTL_DEFAULT,
	};
	memcpy(h->src, o->src.b, 16);
	memcpy(h->dst, o->dst.b, 16);
}

/* The whole sum, for a packet that the virtio header cannot help with. */
static void checksum_finish(const struct ip_out *o, uint8_t *l4, size_t len)
{
	uint32_t sum = csum_pseudo(&o->src, &o->dst, o->proto, (uint32_t)len);
	uint16_t csum;

	memset(l4 + o->csum_offset, 0, 2);
	csum = csum_fold(csum_add(sum, l4, len));
	if (!csum && o->proto == IP_PROTO_UDP)
		csum = 0xffff; /* 0 would say "none" (RFC 768) */
	memcpy(l4 + o->csum_offset, &csum, 2);
}

/* Left to the virtio header: the pseudo-header's part only. */
static void checksum_offload(const struct ip_out *o, uint8_t *l4, size_t len,
                             size_t ip_len, struct vnet_hdr *vnet)
{
	uint16_t csum = (uint16_t)~csum_fold(
		csum_pseudo(&o->src, &o->dst, o->proto, (uint32_t)len));

	memcpy(l4 + o->csum_offset, &csum, 2);
	vnet->flags = VNET_F_NEEDS_CSUM;
	vnet->csum_start = (uint16_t)(sizeof(struct eth_hdr) + ip_len);
	vnet->csum_offset = o->csum_offset;
}

static int send_whole(struct stack *st, const struct ip_out *o, size_t len)
{
	const bool is_ip4 = addr_is_ip4(&o->dst);
	const size_t ip_len =
		is_ip4 ? sizeof(struct ip4_hdr) : sizeof(struct ip6_hdr_);
	uint8_t *l4 = ip_out_l4(st), *ip = l4 - ip_len;
	struct vnet_hdr vnet = {0};

	if (o->has_csum)
		checksum_offload(o, l4, len, ip_len, &vnet);
	if (o->gso_type) {
		vnet.gso_type = o->gso_type;
		vnet.gso_size = o->gso_size;
		vnet.hdr_len = (uint16_t)(sizeof(struct eth_hdr) + ip_len +
		                          o->hdr_len);
	}
	if (is_ip4)
		ip4_fill((struct ip4_hdr *)(void *)ip, o, len, ip4_id_next(st),
		         o->df ? IP4_DF : 0);
	else
		ip6_fill((struct ip6_hdr_ *)(void *)ip, o, o->proto, len);
	return eth_send(st, ip, ip_len + len,
	                is_ip4 ? ETH_TYPE_IP4 : ETH_TYPE_IP6, &vnet, o->mac,
	                &o->dst);
}

static uint8_t *frag6_fill(uint8_t *data, const struct ip_out *o, size_t offset,
                           size_t len, bool more, uint32_t id)
{
	struct ip6_frag frag = {
		.next = o->proto,
		.offset = be16_of((uint16_t)(offset | more)),
		.id = be32_of(id),
	};
	uint8_t *ip = data - sizeof(frag) - sizeof(struct ip6_hdr_);

	memcpy(data - sizeof(frag), &frag, sizeof(frag));
	ip6_fill((struct ip6_hdr_ *)(void *)ip, o, IP_PROTO_FRAGMENT,
	         sizeof(frag) + len);
	return ip;
}

/* Front to back: a fragment's headers overwrite what has left already. */
static int send_fragments(struct stack *st, const struct ip_out *o, size_t len)
{
	static const struct vnet_hdr no_vnet;
	const bool is_ip4 = addr_is_ip4(&o->dst);
	const size_t head =
		is_ip4 ? sizeof(struct ip4_hdr)
		       : sizeof(struct ip6_hdr_) + sizeof(struct ip6_frag);
	const size_t step = (st->common.config.mtu - head) & ~(size_t)7;
	const uint16_t id4 = is_ip4 ? ip4_id_next(st) : 0;
	uint32_t id6 = 0;
	uint8_t *l4 = ip_out_l4(st), *ip;
	int err = 0;

	if (!is_ip4) {
		st->frag6_counter++;
		id6 = (uint32_t)siphash(&st->common.key, &st->frag6_counter,
		                        sizeof(st->frag6_counter));
	}
	if (o->has_csum)
		checksum_finish(o, l4, len);
	for (size_t at = 0; at < len && !err; at += step) {
		size_t n = MIN(step, len - at);
		bool more = at + n < len;

		if (is_ip4) {
			ip = l4 + at - head;
			ip4_fill((struct ip4_hdr *)(void *)ip, o, n, id4,
			         (uint16_t)(at / 8 | (more ? IP4_MF : 0)));
		} else {
			ip = frag6_fill(l4 + at, o, at, n, more, id6);
		}
		err = eth_send(st, ip, head + n,
		               is_ip4 ? ETH_TYPE_IP4 : ETH_TYPE_IP6, &no_vnet,
		               o->mac, &o->dst);
	}
	return err;
}

int ip_out_send(struct stack *st, const struct ip_out *o, size_t len)
{
	const bool is_ip4 = addr_is_ip4(&o->dst);
	const size_t ip_len =
		is_ip4 ? sizeof(struct ip4_hdr) : sizeof(struct ip6_hdr_);

	if (is_ip4 ? !st->common.config.has_ip4 : !st->common.config.has_ip6)
		return -EAFNOSUPPORT;
	/* IPv4 counts its header in the length, IPv6 does not */
	if (len > 65535 - (is_ip4 ? ip_len : 0) &&
	    !(o->gso_type == VNET_GSO_TCPV4 && st->common.config.big &&
	      len <= STACK_BIG_MAX))
		return -EMSGSIZE;
	if (o->gso_type || ip_len + len <= st->common.config.mtu || o->df)
		return send_whole(st, o, len);
	return send_fragments(st, o, len);
}
