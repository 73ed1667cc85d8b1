/* SPDX-License-Identifier: Apache-2.0 */
/* arp.c - every IPv4 neighbour the app asks for is us (RFC 826) */
#include "stack/lower-private.h"

#include <string.h>

#define ARP_REQUEST 1
#define ARP_REPLY 2

static bool is_ours(const struct stack *st, const struct addr *a)
{
	return addr_equal(a, &st->common.config.gateway4) ||
	       addr_equal(a, &st->common.config.resolver4);
}

/*
 * Whatever address the app gives itself must work: so we answer for all but
 * its own. Its own is the configured one, the one it asks from, and (a probe
 * by RFC 5227, sent from 0.0.0.0) the one it is about to take, unless that
 * is one of ours.
 */
static bool is_answered(const struct stack *st, const struct addr *sender,
                        const struct addr *target)
{
	const uint8_t *t = addr_ip4_bytes(target);

	if (t[0] == 0 || t[0] == 127 || t[0] >= 224)
		return false;
	if (addr_is_unspecified(sender))
		return is_ours(st, target);
	return !addr_equal(target, sender) &&
	       !addr_equal(target, &st->common.config.app4);
}

static void arp_send(struct stack *st, const struct arp_ip4 *arp,
                     const uint8_t *mac)
{
	static const struct vnet_hdr no_vnet;
	uint8_t *payload = ip_out_l4(st);

	memcpy(payload, arp, sizeof(*arp));
	eth_send(st, payload, sizeof(*arp), ETH_TYPE_ARP, &no_vnet, mac, NULL);
}

void arp_input(struct stack *st, struct view v, const uint8_t src_mac[6])
{
	const struct arp_ip4 *req = VIEW_TAKE(&v, struct arp_ip4);
	struct arp_ip4 reply = {0};
	struct addr sender, target;

	if (!st->common.config.has_ip4)
		return;
	if (!req || be16_get(req->htype) != 1 ||
	    be16_get(req->ptype) != ETH_TYPE_IP4 || req->hlen != 6 ||
	    req->plen != 4) {
		packet_bad(st);
		return;
	}
	sender = addr_from_ip4(req->sender_ip);
	target = addr_from_ip4(req->target_ip);
	if (!addr_is_unspecified(&sender) && !is_ours(st, &sender) &&
	    !(req->sender_mac[0] & 1))
		eth_learn(st, &sender, req->sender_mac);
	if (be16_get(req->op) != ARP_REQUEST ||
	    !is_answered(st, &sender, &target))
		return;
	reply = *req;
	reply.op = be16_of(ARP_REPLY);
	memcpy(reply.sender_mac, st->common.config.mac, 6);
	memcpy(reply.sender_ip, req->target_ip, 4);
	memcpy(reply.target_mac, req->sender_mac, 6);
	memcpy(reply.target_ip, req->sender_ip, 4);
	arp_send(st, &reply, src_mac);
}

void arp_solicit(struct stack *st, const struct addr *dst)
{
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct arp_ip4 req = {
		.htype = be16_of(1),
		.ptype = be16_of(ETH_TYPE_IP4),
		.hlen = 6,
		.plen = 4,
		.op = be16_of(ARP_REQUEST),
	};

	memcpy(req.sender_mac, st->common.config.mac, 6);
	memcpy(req.sender_ip, addr_ip4_bytes(&st->common.config.gateway4), 4);
	memcpy(req.target_ip, addr_ip4_bytes(dst), 4);
	arp_send(st, &req, all);
}
