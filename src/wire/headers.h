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

struct ip6_ext { /* RFC 8200 4.3, 4.4, 4.6 */
	uint8_t next;
	uint8_t len; /* in units of 8 bytes, without the first 8 */
	uint8_t body[6];
} __attribute__((packed));

struct ip6_frag { /* RFC 8200 4.5 */
	uint8_t next;
	uint8_t reserved;
	struct be16 offset; /* 8-byte units << 3, and the more flag */
	struct be32 id;
} __attribute__((packed));

#define IP6_FRAG_MORE 1
#define IP6_FRAG_OFFSET_MASK 0xfff8

#define IP_PROTO_HOPOPTS 0
#define IP_PROTO_ICMP 1
#define IP_PROTO_TCP 6
#define IP_PROTO_UDP 17
#define IP_PROTO_ROUTING 43
#define IP_PROTO_FRAGMENT 44
#define IP_PROTO_ICMP6 58
#define IP_PROTO_NONE 59
#define IP_PROTO_DSTOPTS 60

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
	union {
		uint8_t rest[4];
		struct be32 word; /* MTU (ICMPv4: the low half), pointer */
		struct {
			struct be16 id, seq;
		} echo;
	};
} __attribute__((packed));
static_assert(sizeof(struct icmp_hdr) == 8, "ICMP header");

#define ICMP4_ECHO_REPLY 0
#define ICMP4_UNREACHABLE 3
#define ICMP4_SOURCE_QUENCH 4
#define ICMP4_REDIRECT 5
#define ICMP4_ECHO 8
#define ICMP4_TIME_EXCEEDED 11
#define ICMP4_PARAMETER 12

#define ICMP4_FRAG_NEEDED 4 /* code of UNREACHABLE */

#define ICMP6_UNREACHABLE 1
#define ICMP6_TOO_BIG 2
#define ICMP6_TIME_EXCEEDED 3
#define ICMP6_PARAMETER 4
#define ICMP6_INFORMATIONAL 128 /* from here on not an error */
#define ICMP6_ECHO 128
#define ICMP6_ECHO_REPLY 129
#define ICMP6_ROUTER_SOLICIT 133
#define ICMP6_ROUTER_ADVERT 134
#define ICMP6_NEIGHBOUR_SOLICIT 135
#define ICMP6_NEIGHBOUR_ADVERT 136
#define ICMP6_REDIRECT 137

#define ICMP_TIME_IN_TRANSIT 0 /* codes of TIME_EXCEEDED, both versions */
#define ICMP_TIME_REASSEMBLY 1

#define ICMP6_PARAM_FIELD 0 /* codes of ICMP6_PARAMETER */
#define ICMP6_PARAM_NEXT_HEADER 1
#define ICMP6_PARAM_OPTION 2
#define ICMP6_PARAM_FIRST_FRAGMENT 3 /* RFC 7112 */

struct ndp_neighbour { /* RFC 4861 4.3, 4.4: after the ICMP header */
	uint8_t target[16];
} __attribute__((packed));

#define NDP_NA_ROUTER 0x80 /* first byte of icmp_hdr.rest */
#define NDP_NA_SOLICITED 0x40
#define NDP_NA_OVERRIDE 0x20

struct ndp_option {
	uint8_t type;
	uint8_t len; /* in units of 8 bytes, never 0 */
} __attribute__((packed));

#define NDP_OPT_SOURCE_LL 1
#define NDP_OPT_TARGET_LL 2
#define NDP_OPT_PREFIX 3
#define NDP_OPT_MTU 5
#define NDP_OPT_RDNSS 25

struct ndp_opt_ll {
	struct ndp_option opt;
	uint8_t mac[6];
} __attribute__((packed));

struct ndp_ra { /* RFC 4861 4.2, after type, code, checksum, 4 bytes */
	struct be32 reachable_ms, retrans_ms;
} __attribute__((packed));

struct ndp_opt_prefix {
	struct ndp_option opt;
	uint8_t prefix_len;
	uint8_t flags; /* on-link 0x80, autonomous 0x40 */
	struct be32 valid_s, preferred_s;
	uint8_t reserved[4];
	uint8_t prefix[16];
} __attribute__((packed));

struct ndp_opt_mtu {
	struct ndp_option opt;
	uint8_t reserved[2];
	struct be32 mtu;
} __attribute__((packed));

struct ndp_opt_rdnss { /* RFC 8106 5.1, one server */
	struct ndp_option opt;
	uint8_t reserved[2];
	struct be32 lifetime_s;
	uint8_t server[16];
} __attribute__((packed));

struct dhcp4_hdr { /* RFC 2131 2, up to and with the magic cookie */
	uint8_t op, htype, hlen, hops;
	struct be32 xid;
	struct be16 secs, flags;
	uint8_t ciaddr[4], yiaddr[4], siaddr[4], giaddr[4];
	uint8_t chaddr[16];
	uint8_t sname[64];
	uint8_t file[128];
	struct be32 cookie;
} __attribute__((packed));
static_assert(sizeof(struct dhcp4_hdr) == 240, "BOOTP header and cookie");

#define DHCP4_COOKIE 0x63825363
#define DHCP4_SERVER_PORT 67
#define DHCP4_CLIENT_PORT 68

#endif
