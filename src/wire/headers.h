/* SPDX-License-Identifier: Apache-2.0 */
/* headers.h - packet formats as they lie on the wire */
#ifndef WIRE_HEADERS_H
#define WIRE_HEADERS_H

#include "wire/byteorder.h"

#include <assert.h>

/*
 * struct vnet_hdr - the 10-byte virtio-net header in front of each frame of
 * every frame port (linux/virtio_net.h, struct virtio_net_hdr), in host byte
 * order on the machines we run on (legacy header, TUNSETVNETLE unset).
 */
struct vnet_hdr {
	uint8_t flags;     /* VNET_F_* */
	uint8_t gso_type;  /* VNET_GSO_* */
	uint16_t hdr_len;  /* a hint */
	uint16_t gso_size; /* bytes of payload a segment */
	uint16_t csum_start;
	uint16_t csum_offset;
} __attribute__((packed));
static_assert(sizeof(struct vnet_hdr) == 10, "legacy virtio-net header");

#define VNET_F_NEEDS_CSUM 1
#define VNET_F_DATA_VALID 2
#define VNET_GSO_NONE 0
#define VNET_GSO_TCPV4 1
#define VNET_GSO_UDP 3 /* UFO, IPv4 fragmentation; never offered */
#define VNET_GSO_TCPV6 4
#define VNET_GSO_UDP_L4 5
#define VNET_GSO_ECN 0x80

struct eth_hdr {
	uint8_t dst[6];
	uint8_t src[6];
	struct be16 type;
} __attribute__((packed));

#define ETH_TYPE_IP4 0x0800
#define ETH_TYPE_ARP 0x0806
#define ETH_TYPE_IP6 0x86dd

struct arp_ip4 { /* RFC 826 for Ethernet and IPv4 */
	struct be16 htype, ptype;
	uint8_t hlen, plen;
	struct be16 op;
	uint8_t sender_mac[6];
	uint8_t sender_ip[4];
	uint8_t target_mac[6];
	uint8_t target_ip[4];
} __attribute__((packed));

struct ip4_hdr { /* RFC 791 */
	uint8_t version_ihl;
	uint8_t tos;
	struct be16 total_len;
	struct be16 id;
	struct be16 frag; /* flags and offset in 8-byte units */
	uint8_t ttl;
	uint8_t proto;
	struct be16 csum;
	uint8_t src[4];
	uint8_t dst[4];
} __attribute__((packed));

#define IP4_DF 0x4000
#define IP4_MF 0x2000
#define IP4_OFFSET_MASK 0x1fff

struct ip6_hdr_ {        /* RFC 8200; libc owns the plain name */
	struct be32 vtf; /* version, traffic class, flow label */
	struct be16 payload_len;
	uint8_t next;
	uint8_t hop_limit;
	uint8_t src[16];
	uint8_t dst[16];
} __attribute__((packed));

#define IP_PROTO_ICMP 1
#define IP_PROTO_TCP 6
#define IP_PROTO_UDP 17
#define IP_PROTO_ICMP6 58

struct udp_hdr {
	struct be16 sport, dport;
	struct be16 len;
	struct be16 csum;
} __attribute__((packed));

struct tcp_hdr { /* RFC 9293 */
	struct be16 sport, dport;
	struct be32 seq;
	struct be32 ack;
	uint8_t offset; /* data offset in the high four bits */
	uint8_t flags;  /* TCP_FLAG_* */
	struct be16 window;
	struct be16 csum;
	struct be16 urg;
} __attribute__((packed));

#define TCP_FLAG_FIN 0x01
#define TCP_FLAG_SYN 0x02
#define TCP_FLAG_RST 0x04
#define TCP_FLAG_PSH 0x08
#define TCP_FLAG_ACK 0x10
#define TCP_FLAG_URG 0x20
#define TCP_FLAG_ECE 0x40
#define TCP_FLAG_CWR 0x80

struct icmp_hdr { /* RFC 792, RFC 4443 */
	uint8_t type;
	uint8_t code;
	struct be16 csum;
	uint8_t rest[4];
} __attribute__((packed));

#endif
