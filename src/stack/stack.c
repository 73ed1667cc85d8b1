/* SPDX-License-Identifier: Apache-2.0 */
/* stack.c - our TCP/IP: life and time of the whole machine */
/*
 * THEORY
 *
 * What enters: frames of the app (virtio header, Ethernet, IP) by
 * stack_input(), answers of the host's side by the stack_tcp_*(),
 * stack_udp_*() and stack_echo_*() calls, time by stack_run(). What leaves:
 * frames by `frame_send`, and the calls of struct stack_ops. There is no
 * descriptor, allocation or clock in this room.
 *
 * The way up is a row of stages, each of which shrinks a struct view and may
 * drop: eth_input() checks the virtio header and learns MACs; arp_input()
 * answers for every neighbour the app asks for; ip4_input() and ip6_input()
 * check the header, the addresses and the hop limit, frag_add() copies
 * fragments into one of FRAG_SLOTS fixed slots; ip_dispatch() hands on to
 * lower_tcp_input(), udp_input(), icmp4_input() or icmp6_input().
 *
 * The way down: the transport header lies at OUT_L4 of the one frame buffer
 * of struct stack, the IP, Ethernet and virtio headers are put before it by
 * ip_out_send() and eth_send(). Nothing is copied to add a header; fragments
 * are sent from front to back, each with its headers over the bytes of the
 * one that has left.
 *
 * Invariants: no length that a header claims is used before the view had
 * that much; every reply is built field by field, padding zeroed; no error
 * is sent about an error, a group address or a later fragment, and errors
 * draw on one token bucket (icmp_error()). No state of ours is changed by a
 * router advertisement, redirect or neighbour advertisement of the app, but
 * for the table of the app's own MACs.
 *
 * Refused: IPv4 source routes, IPv6 routing headers with segments left,
 * jumbograms, VLANs, IP in IP, multicast and broadcast (but for DHCP).
 *
 * Cost: one buffer of 64 KiB, FRAG_SLOTS of 64 KiB touched only by
 * fragments, the rest is TCP's.
 */
#include "stack/lower-private.h"

#include <string.h>

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* Layout: struct stack, then TCP, then the fragment data, page-aligned. */
static size_t tcp_offset(void)
{
	return round_up(sizeof(struct stack), 64);
}

static size_t frag_offset(const struct stack_config *config)
{
	return round_up(tcp_offset() + tcp_size(config), 4096);
}

size_t stack_size(const struct stack_config *config)
{
	return frag_offset(config) + FRAG_SLOTS * FRAG_STRIDE;
}

/* fe80:: and the modified EUI-64 of the MAC (RFC 4291 2.5.1) */
static struct addr link_local_of(const uint8_t mac[6])
{
	const uint8_t b[16] = {
		0xfe,         0x80,          [8] = (uint8_t)(mac[0] ^ 2),
		[9] = mac[1], [10] = mac[2], [11] = 0xff,
		[12] = 0xfe,  [13] = mac[3], [14] = mac[4],
		[15] = mac[5]};

	return addr_from_ip6(b);
}

struct stack *stack_init(void *memory, const struct stack_config *config,
                         const struct stack_ops *ops, void *user,
                         const struct random_source *random, int64_t now)
{
	struct stack *st = memory;
	uint8_t *frag_data = (uint8_t *)memory + frag_offset(config);

	st->common.config = *config;
	st->common.ops = ops;
	st->common.user = user;
	st->common.random = *random;
	st->common.key = siphash_key_new(random);
	st->link_local6 = link_local_of(config->mac);
	st->icmp_last_ns = now;
	st->icmp_credit_ns = NS_PER_S;
	st->ra_next_ns = TIME_NEVER;
	st->frag6_counter = random_u32(random);
	ip4_ids_init(&st->ids, random);
	for (size_t i = 0; i < FRAG_SLOTS; i++)
		st->frags[i].data = frag_data + i * FRAG_STRIDE + FRAG_HEAD;
	st->common.tcp = tcp_init((uint8_t *)memory + tcp_offset(), st, now);
	return st;
}

void stack_set_big(struct stack *st, bool big)
{
	st->common.config.big = big;
}

void stack_fini(struct stack *st, int64_t now)
{
	tcp_fini(st->common.tcp, now);
}

void stack_input(struct stack *st, const void *frame, size_t len, int64_t now)
{
	st->common.stats.frames_app++;
	eth_input(st, frame, len, now);
}

void stack_flush(struct stack *st, int64_t now)
{
	tcp_flush(st->common.tcp, now);
}

int64_t stack_deadline(struct stack *st)
{
	int64_t lower = MIN(frag_deadline(st), st->ra_next_ns);

	return MIN(lower, tcp_deadline(st->common.tcp));
}

void stack_run(struct stack *st, int64_t now)
{
	frag_run(st, now);
	ra_run(st, now);
	tcp_run(st->common.tcp, now);
}

const struct stack_stats *stack_stats(struct stack *st)
{
	return &st->common.stats;
}

void packet_bad(struct stack *st)
{
	st->common.stats.frames_app_bad++;
}
