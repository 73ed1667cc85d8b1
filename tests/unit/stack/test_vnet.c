/* SPDX-License-Identifier: Apache-2.0 */
/* test_vnet.c - the virtio header: what it vouches for, how it can lie */
#include "lab.h"

#define APP "10.0.2.100"
#define HOST "192.0.2.1"

static uint8_t data[60000];

static void tcp_new(size_t len)
{
	lab_new(data, len);
	lab_tcp(APP, HOST, 4000, 80);
	lab_ip4(APP, HOST, IP_PROTO_TCP);
}

/* As the kernel writes it: the pseudo-header's sum in the packet. */
static void needs_csum(uint16_t start, uint16_t offset)
{
	lab_out.vnet.flags = VNET_F_NEEDS_CSUM;
	lab_out.vnet.csum_start = start;
	lab_out.vnet.csum_offset = offset;
	lab_out.buf[LAB_ROOM - 20 + 16] ^= 0x5a; /* no longer a true sum */
}

/* T3: the same bytes are wrong without and right with the flag. */
static void who_vouches(void **state)
{
	(void)state;
	tcp_new(100);
	needs_csum(34, 16);
	lab_send4();
	assert_int_equal(lab.tcp.count, 1);
	lab_out.vnet.flags = VNET_F_DATA_VALID;
	lab_send4();
	assert_int_equal(lab.tcp.count, 2);
	lab_out.vnet.flags = 0;
	lab_send4();
	assert_int_equal(lab.tcp.count, 2);
	/* it vouches for this very field or for none */
	lab_out.vnet.flags = VNET_F_NEEDS_CSUM;
	lab_out.vnet.csum_offset = 6;
	lab_send4();
	lab_out.vnet.csum_offset = 16;
	lab_out.vnet.csum_start = 38;
	lab_send4();
	assert_int_equal(lab.tcp.count, 2);
	assert_int_equal(lab_bad(), 3);
}

static void trains_up(void **state)
{
	(void)state;
	tcp_new(40000);
	needs_csum(34, 16);
	lab_out.vnet.gso_type = VNET_GSO_TCPV4;
	lab_out.vnet.gso_size = 1448;
	lab_out.vnet.hdr_len = 54;
	lab_send4();
	assert_int_equal(lab.tcp.count, 1);
	assert_int_equal(lab.tcp.len, 40000);
	assert_int_equal(lab.tcp.segment_len, 1448);
	lab_out.vnet.gso_type |= VNET_GSO_ECN;
	lab_send4();
	assert_int_equal(lab.tcp.count, 2);

	lab_new(data, 5000);
	lab_udp(APP, HOST, 1, 2);
	lab_ip4(APP, HOST, IP_PROTO_UDP);
	lab_out.vnet = (struct vnet_hdr){.flags = VNET_F_NEEDS_CSUM,
	                                 .gso_type = VNET_GSO_UDP_L4,
	                                 .gso_size = 1200,
	                                 .hdr_len = 42,
	                                 .csum_start = 34,
	                                 .csum_offset = 6};
	lab_send4();
	assert_int_equal(lab.udp.count, 1);
	assert_int_equal(lab.udp.segment_len, 1200);
	/* one that fits into one segment is a datagram */
	lab_out.vnet.gso_size = 5000;
	lab_send4();
	assert_int_equal(lab.udp.segment_len, 0);
	/* more pieces than any kernel makes */
	lab_out.vnet.gso_size = 1;
	lab_send4();
	assert_int_equal(lab.udp.count, 2);
}

/* T17 */
static void lies(void **state)
{
	static const struct vnet_hdr rows[] = {
		{.gso_type = VNET_GSO_TCPV4, .hdr_len = 54},
		{.gso_type = VNET_GSO_UDP, .gso_size = 100, .hdr_len = 54},
		{.gso_type = 2, .gso_size = 100, .hdr_len = 54},
		{.gso_type = 0x7f, .gso_size = 100, .hdr_len = 54},
		{.gso_type = VNET_GSO_TCPV6, .gso_size = 100, .hdr_len = 54},
		{.gso_type = VNET_GSO_UDP_L4, .gso_size = 100, .hdr_len = 54},
		{.gso_type = VNET_GSO_TCPV4, .gso_size = 9, .hdr_len = 65535},
		{.flags = 1, .csum_start = 65535, .csum_offset = 16},
		{.flags = 1, .csum_start = 34, .csum_offset = 65535},
		{.flags = 1, .csum_start = 65535, .csum_offset = 65535},
		{.flags = 1, .csum_start = 0, .csum_offset = 16},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		tcp_new(100);
		lab_out.vnet = rows[i];
		lab_send4();
		assert_int_equal(lab_bad(), i + 1);
	}
	assert_int_equal(lab.tcp.count, 0);
	assert_int_equal(lab.frames, 0);
	/* a train in fragments is none */
	tcp_new(100);
	lab_out.vnet.gso_type = VNET_GSO_TCPV4;
	lab_out.vnet.gso_size = 50;
	lab_out.buf[lab_out.start + 6] = IP4_MF >> 8;
	lab_ip4_checksum(
		(struct ip4_hdr *)(void *)(lab_out.buf + lab_out.start));
	lab_send4();
	assert_int_equal(stack_stats(lab.st)->frag_slots_used, 0);
}

static void segment_out(void **state)
{
	struct tuple t = {{lab_addr(APP), 4000}, {lab_addr(HOST), 80}};
	struct tuple t6 = {{lab_addr("fd00::100"), 4000},
	                   {lab_addr("2001:db8::1"), 80}};
	const struct vnet_hdr *vnet;
	struct tcp_out out;
	struct view v;

	(void)state;
	tcp_new(0);
	lab_send4();
	out = lower_tcp_begin(lab.st, &t);
	assert_true(out.room >= 65535 - 40);
	memset(out.tcp, 0x11, 32 + 30000);
	lower_tcp_send(lab.st, &t, 32 + 30000, 32, 1448, lab.now);
	vnet = lab_got_vnet(0);
	assert_int_equal(vnet->flags, VNET_F_NEEDS_CSUM);
	assert_int_equal(vnet->gso_type, VNET_GSO_TCPV4);
	assert_int_equal(vnet->gso_size, 1448);
	assert_int_equal(vnet->hdr_len, 14 + 20 + 32);
	assert_int_equal(vnet->csum_start, 34);
	assert_int_equal(vnet->csum_offset, 16);
	assert_int_equal(be16_get(lab_got_ip4(0, &v)->frag), IP4_DF);
	assert_int_equal(v.len, 30032);

	lab_clear();
	out = lower_tcp_begin(lab.st, &t6);
	memset(out.tcp, 0x11, out.room);
	lower_tcp_send(lab.st, &t6, out.room, 20, 1428, lab.now);
	assert_int_equal(lab_got_vnet(0)->gso_type, VNET_GSO_TCPV6);
	assert_int_equal(lab_got_vnet(0)->csum_start, 54);
	lab_got_ip6(0, &v);
	assert_int_equal(v.len, 65535 - 40);
	/* a single segment is not a train */
	lab_clear();
	lower_tcp_begin(lab.st, &t);
	lower_tcp_send(lab.st, &t, 20 + 1448, 20, 1448, lab.now);
	assert_int_equal(lab_got_vnet(0)->gso_type, VNET_GSO_NONE);
	assert_int_equal(lab_got_vnet(0)->hdr_len, 0);
}

/* A train over 64 KiB: only where asked for, only IPv4, its length reads 0. */
static void big_out(void **state)
{
	struct tuple t = {{lab_addr(APP), 4000}, {lab_addr(HOST), 80}};
	struct tuple t6 = {{lab_addr("fd00::100"), 4000},
	                   {lab_addr("2001:db8::1"), 80}};
	const struct ip4_hdr *ip;
	struct tcp_out out;
	struct view v;

	(void)state;
	tcp_new(0);
	lab_send4();
	assert_int_equal(lower_tcp_begin(lab.st, &t).room, 65535 - 20);
	stack_common(lab.st)->config.big = true;
	assert_int_equal(lower_tcp_begin(lab.st, &t6).room, 65535 - 40);
	out = lower_tcp_begin(lab.st, &t);
	assert_int_equal(out.room, STACK_BIG_MAX);
	memset(out.tcp, 0x11, out.room);
	lower_tcp_send(lab.st, &t, out.room, 20, 1448, lab.now);
	assert_int_equal(lab_got_vnet(0)->gso_type, VNET_GSO_TCPV4);
	v = lab_got(0, ETH_TYPE_IP4);
	assert_int_equal(v.len, 20 + STACK_BIG_MAX);
	ip = LAB_TAKE(&v, struct ip4_hdr);
	assert_int_equal(be16_get(ip->total_len), 0);
	assert_int_equal(csum_fold(csum_add(0, ip, sizeof(*ip))), 0);
	/* what a kernel can name is named */
	lab_clear();
	lower_tcp_begin(lab.st, &t);
	lower_tcp_send(lab.st, &t, 65515, 20, 1448, lab.now);
	lab_got_ip4(0, &v);
	assert_int_equal(v.len, 65515);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(who_vouches), LAB_TEST(trains_up), LAB_TEST(lies),
		LAB_TEST(segment_out), LAB_TEST(big_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
