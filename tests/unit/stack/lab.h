/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lab.h - the lower half on a bench: frames made by hand go in, frames and
 * calls come out. TCP is a stand-in that records the segments it is given.
 * Each test program includes this once.
 */
#ifndef TESTS_UNIT_STACK_LAB_H
#define TESTS_UNIT_STACK_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stack/stack-private.h"
#include "wire/checksum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LAB_FRAME_MAX (STACK_BIG_MAX + 100)
#define LAB_FRAMES 64
#define LAB_SEGMENTS 16

/* What udp_input(), echo_input() or tcp_input() was told. */
struct lab_call {
	struct tuple t;
	uint8_t data[65536];
	size_t len;
	size_t segment_len;
	uint16_t seq;
	uint8_t ttl;
	int count;
};

struct lab {
	void *memory;
	struct stack *st;
	struct stack_config config;
	int64_t now;
	size_t frames; /* sent since lab_clear() */
	struct {
		uint8_t bytes[LAB_FRAME_MAX];
		size_t len;
	} frame[LAB_FRAMES];
	struct lab_call udp, echo, tcp;
	struct lab_call refused;
	unsigned int icmp_mtu;
	uint32_t icmp_seq;
	int icmp_count;
	int udp_result, echo_result, send_result;
};

static struct lab lab;

static const uint8_t lab_app_mac[6] = {0x02, 0xaa, 0, 0, 0, 1};
static const uint8_t lab_our_mac[6] = {0x02, 0x55, 0, 0, 0, 2};

/* --- the stand-in for tcp/ ------------------------------------------------ */
size_t tcp_size(const struct stack_config *config)
{
	(void)config;
	return 64;
}

struct tcp *tcp_init(void *memory, struct stack *st, int64_t now)
{
	(void)st;
	(void)now;
	return memory;
}

void tcp_fini(struct tcp *tcp, int64_t now)
{
	(void)tcp;
	(void)now;
}

void tcp_input(struct tcp *tcp, const struct segment *seg, int64_t now)
{
	(void)tcp;
	(void)now;
	lab.tcp.t = seg->t;
	lab.tcp.len = seg->payload.len;
	memcpy(lab.tcp.data, seg->payload.data, seg->payload.len);
	lab.tcp.segment_len = seg->gso_size;
	lab.tcp.ttl = seg->ttl;
	lab.tcp.count++;
}

void tcp_flush(struct tcp *tcp, int64_t now)
{
	(void)tcp;
	(void)now;
}

int64_t tcp_deadline(struct tcp *tcp)
{
	(void)tcp;
	return TIME_NEVER;
}

void tcp_run(struct tcp *tcp, int64_t now)
{
	(void)tcp;
	(void)now;
}

void tcp_icmp_error(struct tcp *tcp, const struct tuple *t, uint32_t seq,
                    unsigned int mtu, int64_t now)
{
	(void)tcp;
	(void)now;
	lab.tcp.t = *t;
	lab.icmp_seq = seq;
	lab.icmp_mtu = mtu;
	lab.icmp_count++;
}

/* --- the owner --------------------------------------------------------------
 */
static int lab_frame_send(void *user, const void *frame, size_t len)
{
	(void)user;
	assert_true(len <= LAB_FRAME_MAX);
	assert_true(lab.frames < LAB_FRAMES);
	memcpy(lab.frame[lab.frames].bytes, frame, len);
	lab.frame[lab.frames++].len = len;
	return lab.send_result;
}

static void lab_record(struct lab_call *call, const struct tuple *t,
                       const void *data, size_t len, uint8_t ttl)
{
	call->t = *t;
	memcpy(call->data, data, len);
	call->len = len;
	call->ttl = ttl;
	call->count++;
}

static int lab_udp_input(void *user, const struct tuple *t, const void *data,
                         size_t len, size_t segment_len, uint8_t ttl)
{
	(void)user;
	lab_record(&lab.udp, t, data, len, ttl);
	lab.udp.segment_len = segment_len;
	return lab.udp_result;
}

static int lab_echo_input(void *user, const struct tuple *t, uint16_t seq,
                          const void *data, size_t len, uint8_t ttl)
{
	(void)user;
	lab_record(&lab.echo, t, data, len, ttl);
	lab.echo.seq = seq;
	return lab.echo_result;
}

static void lab_refused(void *user, const struct tuple *t, uint8_t proto)
{
	(void)user;
	lab.refused.t = *t;
	lab.refused.seq = proto;
	lab.refused.count++;
}

static void lab_fill(void *user, void *buf, size_t len)
{
	static uint32_t seed = 1;
	uint8_t *p = buf;

	(void)user;
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = (uint8_t)(seed >> 24);
	}
}

static const struct stack_ops lab_ops = {
	.frame_send = lab_frame_send,
	.udp_input = lab_udp_input,
	.echo_input = lab_echo_input,
	.refused = lab_refused,
};

static struct addr lab_addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static int lab_up(void **state)
{
	const struct random_source random = {lab_fill, NULL};
	size_t size;

	(void)state;
	memset(&lab, 0, sizeof(lab));
	memcpy(lab.config.mac, lab_our_mac, 6);
	lab.config.has_ip4 = lab.config.has_ip6 = true;
	lab.config.app4 = lab_addr("10.0.2.100");
	lab.config.gateway4 = lab_addr("10.0.2.2");
	lab.config.resolver4 = lab_addr("10.0.2.3");
	lab.config.app6 = lab_addr("fd00::100");
	lab.config.gateway6 = lab_addr("fd00::2");
	lab.config.resolver6 = lab_addr("fd00::3");
	lab.config.prefix4 = 24;
	lab.config.prefix6 = 64;
	lab.config.mtu = 1500;
	lab.config.gso = lab.config.dhcp = lab.config.ra = true;
	lab.now = NS_PER_S;
	size = (stack_size(&lab.config) + 4095) / 4096 * 4096;
	lab.memory = aligned_alloc(4096, size);
	assert_non_null(lab.memory);
	memset(lab.memory, 0, size);
	lab.st = stack_init(lab.memory, &lab.config, &lab_ops, NULL, &random,
	                    lab.now);
	return 0;
}

static int lab_down(void **state)
{
	(void)state;
	stack_fini(lab.st, lab.now);
	free(lab.memory);
	return 0;
}

_unused_ static void lab_clear(void)
{
	lab.frames = 0;
	lab.udp.count = lab.echo.count = lab.tcp.count = lab.icmp_count = 0;
}

_unused_ static uint64_t lab_bad(void)
{
	return stack_stats(lab.st)->frames_app_bad;
}

/* --- frames to send: headers are put before what is there already ----------
 */
#define LAB_ROOM 256

struct lab_packet {
	uint8_t buf[LAB_ROOM + 66000];
	size_t start, end;
	struct vnet_hdr vnet;
};

static struct lab_packet lab_out; /* the one under construction */

static void *lab_push(size_t n)
{
	assert_true(lab_out.start >= n);
	lab_out.start -= n;
	return memset(lab_out.buf + lab_out.start, 0, n);
}

static void lab_new(const void *payload, size_t len)
{
	lab_out.start = LAB_ROOM;
	lab_out.end = LAB_ROOM + len;
	lab_out.vnet = (struct vnet_hdr){0};
	if (len)
		memcpy(lab_out.buf + LAB_ROOM, payload, len);
}

_unused_ static size_t lab_len(void)
{
	return lab_out.end - lab_out.start;
}

static void lab_l4_checksum(const char *src, const char *dst, uint8_t proto,
                            size_t offset)
{
	struct addr s = lab_addr(src), d = lab_addr(dst);
	uint8_t *l4 = lab_out.buf + lab_out.start;
	uint32_t sum =
		proto == IP_PROTO_ICMP
			? 0
			: csum_pseudo(&s, &d, proto, (uint32_t)lab_len());
	uint16_t csum = csum_fold(csum_add(sum, l4, lab_len()));

	memcpy(l4 + offset, &csum, 2);
}

_unused_ static struct udp_hdr *lab_udp(const char *src, const char *dst,
                                        uint16_t sport, uint16_t dport)
{
	struct udp_hdr *h = lab_push(sizeof(*h));

	h->sport = be16_of(sport);
	h->dport = be16_of(dport);
	h->len = be16_of((uint16_t)lab_len());
	lab_l4_checksum(src, dst, IP_PROTO_UDP, offsetof(struct udp_hdr, csum));
	return h;
}

_unused_ static struct tcp_hdr *lab_tcp(const char *src, const char *dst,
                                        uint16_t sport, uint16_t dport)
{
	struct tcp_hdr *h = lab_push(sizeof(*h));

	h->sport = be16_of(sport);
	h->dport = be16_of(dport);
	h->seq = be32_of(1000);
	h->offset = 5 << 4;
	h->flags = TCP_FLAG_SYN;
	h->window = be16_of(1000);
	lab_l4_checksum(src, dst, IP_PROTO_TCP, offsetof(struct tcp_hdr, csum));
	return h;
}

_unused_ static struct icmp_hdr *lab_icmp(const char *src, const char *dst,
                                          uint8_t type, uint8_t code,
                                          uint32_t word)
{
	struct icmp_hdr *h = lab_push(sizeof(*h));

	h->type = type;
	h->code = code;
	h->word = be32_of(word);
	lab_l4_checksum(src, dst,
	                strchr(src, ':') ? IP_PROTO_ICMP6 : IP_PROTO_ICMP,
	                offsetof(struct icmp_hdr, csum));
	return h;
}

static void lab_ip4_checksum(struct ip4_hdr *h)
{
	h->csum.raw = 0;
	h->csum.raw =
		csum_fold(csum_add(0, h, (size_t)(h->version_ihl & 15) * 4));
}

_unused_ static struct ip4_hdr *lab_ip4(const char *src, const char *dst,
                                        uint8_t proto)
{
	struct addr s = lab_addr(src), d = lab_addr(dst);
	struct ip4_hdr *h = lab_push(sizeof(*h));

	h->version_ihl = 0x45;
	h->total_len = be16_of((uint16_t)lab_len());
	h->ttl = 64;
	h->proto = proto;
	memcpy(h->src, addr_ip4_bytes(&s), 4);
	memcpy(h->dst, addr_ip4_bytes(&d), 4);
	lab_ip4_checksum(h);
	return h;
}

_unused_ static struct ip6_hdr_ *lab_ip6(const char *src, const char *dst,
                                         uint8_t next)
{
	struct addr s = lab_addr(src), d = lab_addr(dst);
	struct ip6_hdr_ *h;
	size_t len = lab_len();

	h = lab_push(sizeof(*h));
	h->vtf = be32_of(UINT32_C(6) << 28);
	h->payload_len = be16_of((uint16_t)len);
	h->next = next;
	h->hop_limit = 64;
	memcpy(h->src, s.b, 16);
	memcpy(h->dst, d.b, 16);
	return h;
}

/* Puts Ethernet and virtio before it and hands it to the stack. */
static void lab_send_to(const uint8_t *mac, uint16_t type)
{
	size_t start = lab_out.start;
	struct eth_hdr *eth = lab_push(sizeof(*eth));
	struct vnet_hdr *vnet;
	uint8_t *copy;

	memcpy(eth->dst, mac, 6);
	memcpy(eth->src, lab_app_mac, 6);
	eth->type = be16_of(type);
	vnet = lab_push(sizeof(*vnet));
	*vnet = lab_out.vnet;
	/* an exact allocation, so that a sanitizer sees any step too far */
	copy = malloc(lab_len());
	assert_non_null(copy);
	memcpy(copy, lab_out.buf + lab_out.start, lab_len());
	stack_input(lab.st, copy, lab_len(), lab.now);
	free(copy);
	lab_out.start = start;
}

_unused_ static void lab_send4(void)
{
	lab_send_to(lab_our_mac, ETH_TYPE_IP4);
}

_unused_ static void lab_send6(void)
{
	lab_send_to(lab_our_mac, ETH_TYPE_IP6);
}

/* --- frames received ---------------------------------------------------------
 */
/* As VIEW_TAKE(), but the test fails where that would give NULL. */
static const void *lab_take(struct view *v, size_t n)
{
	const uint8_t *p = v->data;

	assert_true(v->len >= n);
	v->data += n;
	v->len -= n;
	return p;
}
#define LAB_TAKE(v_, type_) ((const type_ *)lab_take((v_), sizeof(type_)))

/* The n-th frame from its IP (or ARP) header on; checks what is below. */
static struct view lab_got(size_t n, uint16_t type)
{
	struct view v;
	const struct eth_hdr *eth;

	assert_true(n < lab.frames);
	v = view_of(lab.frame[n].bytes, lab.frame[n].len);
	LAB_TAKE(&v, struct vnet_hdr);
	eth = LAB_TAKE(&v, struct eth_hdr);
	assert_int_equal(be16_get(eth->type), type);
	assert_memory_equal(eth->src, lab_our_mac, 6);
	return v;
}

_unused_ static const struct vnet_hdr *lab_got_vnet(size_t n)
{
	return (const struct vnet_hdr *)(const void *)lab.frame[n].bytes;
}

_unused_ static const struct ip4_hdr *lab_got_ip4(size_t n, struct view *l4)
{
	struct view v = lab_got(n, ETH_TYPE_IP4);
	const struct ip4_hdr *h = LAB_TAKE(&v, struct ip4_hdr);

	assert_int_equal(h->version_ihl, 0x45);
	assert_int_equal(be16_get(h->total_len), v.len + sizeof(*h));
	assert_int_equal(csum_fold(csum_add(0, h, sizeof(*h))), 0);
	*l4 = v;
	return h;
}

_unused_ static const struct ip6_hdr_ *lab_got_ip6(size_t n, struct view *l4)
{
	struct view v = lab_got(n, ETH_TYPE_IP6);
	const struct ip6_hdr_ *h = LAB_TAKE(&v, struct ip6_hdr_);

	assert_int_equal(be32_get(h->vtf), UINT32_C(6) << 28);
	assert_int_equal(be16_get(h->payload_len), v.len);
	*l4 = v;
	return h;
}

/* An ICMP message in frame n, its checksum verified; *body: what follows. */
_unused_ static const struct icmp_hdr *lab_got_icmp(size_t n, bool is_ip4,
                                                    struct view *body)
{
	struct view l4;
	uint32_t sum = 0;

	if (is_ip4) {
		assert_int_equal(lab_got_ip4(n, &l4)->proto, IP_PROTO_ICMP);
	} else {
		const struct ip6_hdr_ *h = lab_got_ip6(n, &l4);
		struct addr s = addr_from_ip6(h->src),
			    d = addr_from_ip6(h->dst);

		assert_int_equal(h->next, IP_PROTO_ICMP6);
		sum = csum_pseudo(&s, &d, IP_PROTO_ICMP6, (uint32_t)l4.len);
	}
	assert_int_equal(csum_fold(csum_add(sum, l4.data, l4.len)), 0);
	*body = l4;
	return LAB_TAKE(body, struct icmp_hdr);
}

#define LAB_TEST(f_) cmocka_unit_test_setup_teardown(f_, lab_up, lab_down)

#endif
