/* SPDX-License-Identifier: Apache-2.0 */
/* stack-private.h - what the files of the stack share with each other */
#ifndef STACK_STACK_PRIVATE_H
#define STACK_STACK_PRIVATE_H

#include "base/siphash.h"
#include "stack/stack.h"
#include "wire/headers.h"
#include "wire/view.h"

/*
 * The seam between the lower half (eth, arp, ndp, ip4, ip6, icmp, udp, dhcp)
 * and tcp/. The lower half validates the frame down to the transport header,
 * including checksums (unless the virtio header vouches for them), and hands
 * a segment up; tcp/ hands finished segments down.
 */

/* struct segment - one TCP segment of the app, checksum verified */
struct segment {
	struct tuple t;
	const struct tcp_hdr *hdr;
	struct view options; /* bytes after the fixed header */
	struct view payload; /* up to 64 KiB when the app's kernel sent GSO */
	uint16_t gso_size;   /* 0, or the size of the segments it stands for */
	uint8_t ecn;         /* the two ECN bits of the IP header */
	uint8_t ttl;
	struct view packet; /* the whole IP packet, for quoting in ICMP */
};

struct tcp; /* all connections; opaque to the lower half */

/*
 * struct tcp_out - where tcp/ builds a segment: the lower half gave room in
 * front of it for virtio, Ethernet and IP headers.
 */
struct tcp_out {
	uint8_t *tcp; /* the TCP header goes here, options and payload follow */
	size_t room;  /* bytes from tcp on; 65535 - 40 at least */
};

/* lower.c (the lower half), used by tcp/ */
struct tcp_out lower_tcp_begin(struct stack *st, const struct tuple *t);
/*
 * lower_tcp_send() - fills IP, Ethernet and virtio headers around tcp_len
 * bytes at tcp_out.tcp, from t.host to t.app, and sends. gso_size > 0: the
 * frame stands for several segments of that payload size. The TCP checksum
 * is left to the virtio header (NEEDS_CSUM) with the pseudo-header sum.
 */
void lower_tcp_send(struct stack *st, const struct tuple *t, size_t tcp_len,
                    size_t hdr_len, uint16_t gso_size, int64_t now);
/*
 * lower_tcp_unreachable() - the ICMP error of wire/icmp_errno.h for a SYN
 * that is gone: the packet is rebuilt from t, seq and the ports.
 */
void lower_tcp_unreachable(struct stack *st, const struct tuple *t,
                           uint32_t seq, int err, int64_t now);

/* tcp/, used by the lower half */
size_t tcp_size(const struct stack_config *config);
struct tcp *tcp_init(void *memory, struct stack *st, int64_t now);
void tcp_fini(struct tcp *tcp, int64_t now);
void tcp_input(struct tcp *tcp, const struct segment *seg, int64_t now);
void tcp_flush(struct tcp *tcp, int64_t now);
int64_t tcp_deadline(struct tcp *tcp);
void tcp_run(struct tcp *tcp, int64_t now);
/*
 * tcp_icmp_error() - an ICMP error of the app quoting one of our segments
 * (t and the quoted sequence number); mtu > 0 for "too big". Acted upon only
 * when seq is in flight (RFC 5927 4.1).
 */
void tcp_icmp_error(struct tcp *tcp, const struct tuple *t, uint32_t seq,
                    unsigned int mtu, int64_t now);

/* Shared state: the head of struct stack, defined in lower-private parts. */
struct stack_common {
	struct stack_config config;
	const struct stack_ops *ops;
	void *user;
	struct random_source random;
	struct siphash_key key; /* drawn at init */
	struct stack_stats stats;
	struct tcp *tcp;
};
/* struct stack begins with a struct stack_common. */
static inline struct stack_common *stack_common(struct stack *st)
{
	return (struct stack_common *)(void *)st;
}

#endif
