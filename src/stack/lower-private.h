/* SPDX-License-Identifier: Apache-2.0 */
/* lower-private.h - what the files of the lower half share: eth to udp */
#ifndef STACK_LOWER_PRIVATE_H
#define STACK_LOWER_PRIVATE_H

#include "stack/stack-private.h"

/*
 * struct packet - one IP packet of the app on its way up. Filled by stages:
 * eth, ip4 or ip6 (frag), then a transport. All views are borrowed from the
 * frame or, once reassembled, from the fragment slot.
 */
struct packet {
	struct view whole; /* from the IP header on; what ICMP quotes */
	struct view l4;    /* transport header and payload */
	struct addr src, dst;
	const struct vnet_hdr *vnet; /* NULL once reassembled */
	size_t l3_offset; /* of `whole` in the Ethernet frame (csum_start) */
	uint8_t src_mac[6];
	uint8_t proto;
	uint8_t ttl;
	uint8_t ecn;
	uint8_t headers;      /* IPv6 extension headers walked */
	bool had_fragment;    /* of which one was the fragment header */
	uint32_t next_offset; /* IPv6: of the byte that named proto */
	bool is_ip4;
	bool is_link_group; /* Ethernet multicast or broadcast */
	bool is_group;      /* dst is multicast or broadcast */
	bool is_ours;       /* dst is the gateway, the resolver, our fe80:: */
};

/* struct neighbour - which MAC an address of the app was last seen behind */
struct neighbour {
	struct addr addr;
	uint8_t mac[6];
	bool is_used;
};

/* Few and fixed (THREATS T4): 12 x 64 KiB stays under a megabyte. */
#define FRAG_SLOTS 12
#define FRAG_TIMEOUT_NS (30 * NS_PER_S)
#define FRAG_HEAD 64 /* room for the rebuilt IP header */
#define FRAG_STRIDE (FRAG_HEAD + 65536)

struct frag_key {
	struct addr src, dst;
	uint32_t id;
	uint8_t proto; /* IPv4; 0 with IPv6 (RFC 8200 4.5) */
};

/* struct frag_slot - one datagram being put together, data copied in */
struct frag_slot {
	struct frag_key key;
	int64_t deadline_ns;
	size_t end;      /* highest byte seen */
	size_t total;    /* 0 until the last fragment came */
	size_t received; /* 8-byte units */
	bool is_used, has_first;
	uint8_t next; /* header of the payload, from the first fragment */
	uint8_t ttl;
	uint8_t ecn;
	uint8_t *data; /* FRAG_HEAD bytes of room lie before it */
	uint64_t map[65536 / 8 / 64];
};

/* struct ip4_ids - IPv4 ids: a keyed permutation of a counter (T11) */
struct ip4_ids {
	uint8_t round[4][256];
	uint16_t counter;
};

/* The L4 header of every frame out lies here, 32-byte aligned. */
#define OUT_L4 96
#define PENDING_MAX 2048

struct stack {
	struct stack_common common;
	uint8_t app_mac[6]; /* of the last frame */
	bool has_app_mac;
	bool no_uso;             /* the port refused a UDP_L4 frame once */
	struct addr link_local6; /* ours, from the MAC */
	struct neighbour neighbours[256];
	struct ip4_ids ids;
	uint32_t frag6_counter;
	int64_t icmp_credit_ns, icmp_last_ns; /* token bucket */
	int64_t ra_next_ns;
	/* one frame that waits for the app's MAC, see eth_resolve() */
	size_t pending_len;
	struct frag_slot frags[FRAG_SLOTS];
	uint8_t pending[PENDING_MAX];
	uint8_t out[OUT_L4 + STACK_BIG_MAX] __attribute__((aligned(64)));
};

/* --- eth.c: virtio and Ethernet headers, the app's MAC ------------------- */
void eth_input(struct stack *st, const void *frame, size_t len, int64_t now);
/*
 * eth_send() - finishes the frame whose IP header (or ARP) lies at payload,
 * inside st->out with room for the headers before it. mac NULL: the one of
 * dst. 0 or the port's errno.
 */
int eth_send(struct stack *st, uint8_t *payload, size_t len, uint16_t type,
             const struct vnet_hdr *vnet, const uint8_t *mac,
             const struct addr *dst);
/* eth_learn() - addr of the app was seen behind mac */
void eth_learn(struct stack *st, const struct addr *addr, const uint8_t mac[6]);

/* --- arp.c, ndp.c, ra.c --------------------------------------------------- */
void arp_input(struct stack *st, struct view v, const uint8_t src_mac[6]);
void arp_solicit(struct stack *st, const struct addr *dst);
void ndp_input(struct stack *st, const struct packet *p, int64_t now);
void ndp_solicit(struct stack *st, const struct addr *dst);
/* ra_send() - to all nodes; again by ra_run() every ten minutes */
void ra_send(struct stack *st, int64_t now);
void ra_run(struct stack *st, int64_t now);

/* --- ip4.c, ip6.c, frag.c ------------------------------------------------- */
void ip4_input(struct stack *st, struct packet *p, int64_t now);
void ip6_input(struct stack *st, struct packet *p, int64_t now);
/* ip6_continue() - the rest of the header chain, then ip_dispatch() */
void ip6_continue(struct stack *st, struct packet *p, int64_t now);
/* ip_dispatch() - a whole packet, addresses judged, to its transport */
/* packet_refused() - tells the owner that p goes no further than here */
void packet_refused(struct stack *st, const struct packet *p);
void ip_dispatch(struct stack *st, struct packet *p, int64_t now);
/* ip_dispatch_reassembled() - the same from a slot, with a new IP header */
void ip_dispatch_reassembled(struct stack *st, struct packet *p,
                             const struct frag_slot *slot, int64_t now);
/*
 * packet_is_vouched() - does the virtio header answer for the transport's
 * checksum, which lies csum_offset into it?
 */
bool packet_is_vouched(const struct packet *p, size_t csum_offset);
void packet_bad(struct stack *st);
/* packet_hops_left() - of the hop limit, when it leaves us as a router */
static inline uint8_t packet_hops_left(const struct packet *p)
{
	return p->is_ours || !p->ttl ? p->ttl : (uint8_t)(p->ttl - 1);
}

struct frag_piece {
	struct frag_key key;
	size_t offset;
	bool more;
	uint8_t next, ttl, ecn;
	struct view data;
};
/* frag_add() - the slot when that completed it (then frag_free()), or NULL */
struct frag_slot *frag_add(struct stack *st, const struct frag_piece *piece,
                           int64_t now);
void frag_free(struct stack *st, struct frag_slot *slot);
int64_t frag_deadline(const struct stack *st);
void frag_run(struct stack *st, int64_t now);

/* --- ip_out.c: everything that leaves --------------------------------------
 */
/* struct ip_out - what the IP and virtio headers are filled from */
struct ip_out {
	struct addr src, dst;
	const uint8_t *mac; /* NULL: looked up */
	uint8_t proto;
	uint8_t ttl; /* 0: 64 */
	bool df;
	bool has_csum; /* a checksum with pseudo-header at csum_offset */
	uint16_t csum_offset;
	uint8_t gso_type;  /* 0: none, and fragmented when over the MTU */
	uint16_t gso_size; /* payload a segment */
	uint16_t hdr_len;  /* transport header, with gso */
};
static inline uint8_t *ip_out_l4(struct stack *st)
{
	return st->out + OUT_L4;
}
/* ip_out_send() - len transport bytes at ip_out_l4(); clobbers st->out */
int ip_out_send(struct stack *st, const struct ip_out *o, size_t len);
void ip4_ids_init(struct ip4_ids *ids, const struct random_source *random);

/* --- icmp.c, icmp4.c, icmp6.c -----------------------------------------------
 */
/* icmp_error() - about p; from NULL: the gateway. Rate limited. */
void icmp_error(struct stack *st, const struct packet *p,
                const struct addr *from, uint8_t type, uint8_t code,
                uint32_t word, int64_t now);
/* icmp_error_errno() - by the table of wire/icmp_errno.h */
void icmp_error_errno(struct stack *st, const struct packet *p, int err,
                      int64_t now);
/*
 * icmp_error_rebuilt() - the packet is gone: its header is made again from
 * t, with l4_len bytes of transport header
 */
void icmp_error_rebuilt(struct stack *st, const struct tuple *t, uint8_t proto,
                        const void *l4, size_t l4_len, int err,
                        const struct addr *from, int64_t now);
void icmp4_input(struct stack *st, const struct packet *p, int64_t now);
void icmp6_input(struct stack *st, const struct packet *p, int64_t now);
/* icmp_echo_input() - ours is answered, another's goes to the owner */
void icmp_echo_input(struct stack *st, const struct packet *p, int64_t now);
/* icmp_quoted_tcp() - an error of the app about one of our segments */
void icmp_quoted_tcp(struct stack *st, struct view quoted, bool is_ip4,
                     unsigned int mtu, int64_t now);

/* --- lower.c, udp.c, dhcp4.c -------------------------------------------------
 */
void lower_tcp_input(struct stack *st, const struct packet *p, int64_t now);
void udp_input(struct stack *st, const struct packet *p, int64_t now);
/* udp_send() - one datagram whose payload lies behind ip_out_l4() + 8 */
int udp_send(struct stack *st, const struct tuple *t, size_t len,
             const uint8_t *mac);
/* dhcp4_input() - a message to port 67: v is the UDP payload */
void dhcp4_input(struct stack *st, const struct packet *p, struct view v);

#endif
