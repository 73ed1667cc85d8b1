/* SPDX-License-Identifier: Apache-2.0 */
/* eth.c - virtio and Ethernet headers, and which MAC the app has */
#include "stack/lower-private.h"

#include <string.h>

static const uint8_t mac_broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/*
 * The kernel writes this header on a TAP, but a port handed in may hold
 * anything (T17). len is that of the frame behind it.
 */
static bool vnet_is_sane(const struct vnet_hdr *h, size_t len)
{
	uint8_t gso = h->gso_type & (uint8_t)~VNET_GSO_ECN;

	if (gso != VNET_GSO_NONE && gso != VNET_GSO_TCPV4 &&
	    gso != VNET_GSO_TCPV6 && gso != VNET_GSO_UDP_L4)
		return false;
	if (gso != VNET_GSO_NONE && (!h->gso_size || h->hdr_len > len))
		return false;
	if (h->flags & VNET_F_NEEDS_CSUM) {
		size_t end = (size_t)h->csum_start + h->csum_offset + 2;

		if (h->csum_start < sizeof(struct eth_hdr) || end > len)
			return false;
	}
	return true;
}

static struct neighbour *neighbour_slot(struct stack *st,
                                        const struct addr *addr)
{
	/* direct-mapped: a clash costs the loser only the last MAC seen */
	return &st->neighbours[(addr->b[15] ^ addr->b[14] ^ addr->b[8]) & 0xff];
}

/* One frame was held back until the app's MAC was known; it goes now. */
static void pending_send(struct stack *st)
{
	size_t len = st->pending_len;
	struct eth_hdr *eth =
		(struct eth_hdr *)(void *)(st->pending +
	                                   sizeof(struct vnet_hdr));

	st->pending_len = 0;
	memcpy(eth->dst, st->app_mac, 6);
	st->common.stats.frames_host++;
	st->common.ops->frame_send(st->common.user, st->pending, len);
}

static void mac_learn(struct stack *st, const uint8_t mac[6])
{
	memcpy(st->app_mac, mac, 6);
	st->has_app_mac = true;
	if (st->pending_len)
		pending_send(st);
}

void eth_learn(struct stack *st, const struct addr *addr, const uint8_t mac[6])
{
	struct neighbour *n = neighbour_slot(st, addr);

	n->addr = *addr;
	memcpy(n->mac, mac, 6);
	n->is_used = true;
}

static const uint8_t *neighbour_mac(struct stack *st, const struct addr *addr)
{
	const struct neighbour *n = neighbour_slot(st, addr);

	if (n->is_used && addr_equal(&n->addr, addr))
		return n->mac;
	return st->has_app_mac ? st->app_mac : NULL;
}

void eth_input(struct stack *st, const void *frame, size_t len, int64_t now)
{
	struct view v = view_of(frame, len);
	const struct vnet_hdr *vnet = VIEW_TAKE(&v, struct vnet_hdr);
	const struct eth_hdr *eth;
	struct packet p = {.vnet = vnet, .l3_offset = sizeof(*eth)};

	if (!vnet || len > STACK_FRAME_MAX || !vnet_is_sane(vnet, v.len)) {
		packet_bad(st);
		return;
	}
	eth = VIEW_TAKE(&v, struct eth_hdr);
	if (!eth || eth->src[0] & 1 ||
	    !memcmp(eth->src, st->common.config.mac, 6)) {
		packet_bad(st);
		return;
	}
	p.is_link_group = eth->dst[0] & 1;
	if (!p.is_link_group && memcmp(eth->dst, st->common.config.mac, 6))
		return; /* between neighbours of the app's own making */
	memcpy(p.src_mac, eth->src, 6);
	mac_learn(st, eth->src);
	p.whole = v;
	switch (be16_get(eth->type)) {
	case ETH_TYPE_ARP:
		arp_input(st, v, eth->src);
		break;
	case ETH_TYPE_IP4:
		if (st->common.config.has_ip4)
			ip4_input(st, &p, now);
		break;
	case ETH_TYPE_IP6:
		if (st->common.config.has_ip6)
			ip6_input(st, &p, now);
		break;
	default: /* VLANs, LLDP and the rest are nobody's here */
		break;
	}
}

/* The first frame of all is ours (a published port): ask, hold one back. */
static void eth_resolve(struct stack *st, const uint8_t *frame, size_t len,
                        const struct addr *dst)
{
	if (len <= sizeof(st->pending)) {
		memcpy(st->pending, frame, len);
		st->pending_len = len;
	}
	if (addr_is_ip4(dst))
		arp_solicit(st, dst);
	else
		ndp_solicit(st, dst);
}

int eth_send(struct stack *st, uint8_t *payload, size_t len, uint16_t type,
             const struct vnet_hdr *vnet, const uint8_t *mac,
             const struct addr *dst)
{
	uint8_t *start = payload - sizeof(struct eth_hdr) - sizeof(*vnet);
	struct eth_hdr eth = {.type = be16_of(type)};

	len += (size_t)(payload - start);
	if (!mac)
		mac = neighbour_mac(st, dst);
	memcpy(eth.dst, mac ? mac : mac_broadcast, 6);
	memcpy(eth.src, st->common.config.mac, 6);
	memcpy(start, vnet, sizeof(*vnet));
	memcpy(start + sizeof(*vnet), &eth, sizeof(eth));
	if (!mac) {
		eth_resolve(st, start, len, dst);
		return 0;
	}
	st->common.stats.frames_host++;
	return st->common.ops->frame_send(st->common.user, start, len);
}
