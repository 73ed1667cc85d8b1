/* SPDX-License-Identifier: Apache-2.0 */
/* test_udp.c - datagrams: lengths that lie, trains, errors, fragments out */
#include "lab.h"

#define APP "10.0.2.100"
#define HOST "192.0.2.1"
#define APP6 "fd00::100"
#define HOST6 "2001:db8::1"

static struct tuple tuple4(void)
{
	return (struct tuple){{lab_addr(APP), 1234}, {lab_addr(HOST), 7}};
}

static struct tuple tuple6(void)
{
	return (struct tuple){{lab_addr(APP6), 1234}, {lab_addr(HOST6), 7}};
}

static void greet(void)
{
	lab_new("hi", 2);
	lab_udp(APP, HOST, 1234, 7);
	lab_ip4(APP, HOST, IP_PROTO_UDP);
	lab_send4();
	lab_new("hi", 2);
	lab_udp(APP6, HOST6, 1234, 7);
	lab_ip6(APP6, HOST6, IP_PROTO_UDP);
	lab_send6();
	lab_clear();
}

/* T5: at most the bytes that are there, or none */
static void length_lies(void **state)
{
	static const struct {
		uint16_t len;
		int delivered;
	} rows[] = {{0, -1}, {1, -1},  {7, -1},  {8, 0},     {9, 1},
	            {12, 4}, {13, -1}, {50, -1}, {1500, -1}, {65535, -1}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct udp_hdr *h;

		lab_clear();
		lab_new("abcd", 4);
		h = lab_udp(APP, HOST, 1234, 7);
		h->len = be16_of(rows[i].len);
		h->csum.raw = 0;
		lab_ip4(APP, HOST, IP_PROTO_UDP);
		lab_send4();
		assert_int_equal(lab.udp.count, rows[i].delivered >= 0);
		if (rows[i].delivered >= 0)
			assert_int_equal(lab.udp.len, rows[i].delivered);
		assert_int_equal(lab.frames, 0);
	}
}

static void ports_and_checksums(void **state)
{
	struct udp_hdr *h;

	(void)state;
	for (int zero = 0; zero < 2; zero++) {
		lab_new("abcd", 4);
		lab_udp(APP, HOST, zero ? 0 : 1, zero ? 1 : 0);
		lab_ip4(APP, HOST, IP_PROTO_UDP);
		lab_send4();
	}
	lab_new("abcd", 4);
	h = lab_udp(APP, HOST, 1, 2);
	h->csum.raw ^= 1;
	lab_ip4(APP, HOST, IP_PROTO_UDP);
	lab_send4();
	lab_new("abcd", 4); /* none: not with IPv6 */
	h = lab_udp(APP6, HOST6, 1, 2);
	h->csum.raw = 0;
	lab_ip6(APP6, HOST6, IP_PROTO_UDP);
	lab_send6();
	assert_int_equal(lab.udp.count, 0);
	assert_int_equal(lab_bad(), 4);
	lab_new("abcd", 4);
	lab_udp(APP6, HOST6, 1, 2);
	lab_ip6(APP6, HOST6, IP_PROTO_UDP);
	lab_send6();
	assert_int_equal(lab.udp.count, 1);
}

static void errors_by_table(void **state)
{
	static const struct {
		int err;
		bool silent;
		uint8_t type4, code4, type6, code6;
		bool from_host;
	} rows[] = {
		{-EACCES, false, 3, 13, 1, 1, false},
		{-ECONNREFUSED, false, 3, 3, 1, 4, true},
		{-ENETUNREACH, false, 3, 0, 1, 0, false},
		{-EMFILE, false, 3, 3, 1, 4, true},
		{-EAGAIN, true, 0, 0, 0, 0, false},
		{-ETIMEDOUT, true, 0, 0, 0, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		const bool is_ip4 = i % 2;
		const struct icmp_hdr *h;
		struct view body, l4;

		lab_clear();
		lab.udp_result = rows[i / 2].err;
		lab_new("abcd", 4);
		lab_udp(is_ip4 ? APP : APP6, is_ip4 ? HOST : HOST6, 1, 2);
		if (is_ip4)
			lab_ip4(APP, HOST, IP_PROTO_UDP);
		else
			lab_ip6(APP6, HOST6, IP_PROTO_UDP);
		if (is_ip4)
			lab_send4();
		else
			lab_send6();
		assert_int_equal(lab.frames, !rows[i / 2].silent);
		if (rows[i / 2].silent)
			continue;
		h = lab_got_icmp(0, is_ip4, &body);
		assert_int_equal(h->type, is_ip4 ? rows[i / 2].type4
		                                 : rows[i / 2].type6);
		assert_int_equal(h->code, is_ip4 ? rows[i / 2].code4
		                                 : rows[i / 2].code6);
		assert_int_equal(body.len, lab_len());
		assert_memory_equal(body.data, lab_out.buf + lab_out.start,
		                    body.len);
		if (is_ip4) {
			struct addr from =
				addr_from_ip4(lab_got_ip4(0, &l4)->src);
			struct addr want = lab_addr(
				rows[i / 2].from_host ? HOST : "10.0.2.2");

			assert_true(addr_equal(&from, &want));
		}
	}
}

static void late_error(void **state)
{
	struct tuple t = tuple4(), t6 = tuple6();
	struct addr router = lab_addr("198.51.100.1");
	const struct ip4_hdr *ip;
	const struct udp_hdr *u;
	struct view v;

	(void)state;
	greet();
	stack_udp_error(lab.st, &t, -ECONNREFUSED, NULL, lab.now);
	assert_int_equal(lab_got_icmp(0, true, &v)->code, 3);
	ip = LAB_TAKE(&v, struct ip4_hdr);
	assert_memory_equal(ip->src, addr_ip4_bytes(&t.app.addr), 4);
	assert_memory_equal(ip->dst, addr_ip4_bytes(&t.host.addr), 4);
	u = LAB_TAKE(&v, struct udp_hdr);
	assert_int_equal(be16_get(u->sport), 1234);
	assert_int_equal(be16_get(u->dport), 7);
	stack_udp_error(lab.st, &t, -EHOSTUNREACH, &router, lab.now);
	ip = lab_got_ip4(1, &v);
	assert_memory_equal(ip->src, addr_ip4_bytes(&router), 4);
	/* a router of the other version cannot have said it */
	stack_udp_error(lab.st, &t6, -EHOSTUNREACH, &router, lab.now);
	assert_int_equal(lab_got_icmp(2, false, &v)->code, 3);
}

static void whole_datagram_out(void **state)
{
	struct tuple t = tuple4(), t6 = tuple6();
	const struct vnet_hdr *vnet;
	const struct udp_hdr *u;
	struct view v;
	uint16_t partial;

	(void)state;
	greet();
	stack_udp_output(lab.st, &t, "answer", 6, 0, lab.now);
	stack_udp_output(lab.st, &t6, "answer", 6, 0, lab.now);
	assert_int_equal(lab.frames, 2);
	vnet = lab_got_vnet(0);
	assert_int_equal(vnet->flags, VNET_F_NEEDS_CSUM);
	assert_int_equal(vnet->csum_start, 34);
	assert_int_equal(vnet->csum_offset, 6);
	assert_int_equal(vnet->gso_type, 0);
	assert_int_equal(lab_got_ip4(0, &v)->ttl, 64);
	partial = (uint16_t)~csum_fold(
		csum_pseudo(&t.host.addr, &t.app.addr, IP_PROTO_UDP, 14));
	u = LAB_TAKE(&v, struct udp_hdr);
	assert_int_equal(u->csum.raw, partial);
	assert_int_equal(be16_get(u->len), 14);
	assert_int_equal(be16_get(u->sport), 7);
	assert_memory_equal(v.data, "answer", 6);
	assert_int_equal(lab_got_vnet(1)->csum_start, 54);
	lab_got_ip6(1, &v);
	assert_int_equal(v.len, 14);
}

static uint8_t big[65600];

static void big_fill(void)
{
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7 + (i >> 8));
}

/* Puts the fragments together again and checks checksum and bytes. */
static void check_fragments(bool is_ip4, size_t len)
{
	static uint8_t whole[65600];
	struct tuple t = is_ip4 ? tuple4() : tuple6();
	size_t at = 0;
	uint32_t sum;

	for (size_t i = 0; i < lab.frames; i++) {
		bool more = i + 1 < lab.frames;
		struct view v;

		assert_true(lab.frame[i].len <= 10 + 14 + 1500);
		if (is_ip4) {
			const struct ip4_hdr *h = lab_got_ip4(i, &v);

			assert_int_equal(be16_get(h->frag),
			                 at / 8 | (more ? IP4_MF : 0));
		} else {
			const struct ip6_frag *f;

			assert_int_equal(lab_got_ip6(i, &v)->next,
			                 IP_PROTO_FRAGMENT);
			f = LAB_TAKE(&v, struct ip6_frag);
			assert_int_equal(f->next, IP_PROTO_UDP);
			assert_int_equal(be16_get(f->offset), at | more);
		}
		assert_int_equal(lab_got_vnet(i)->flags, 0);
		memcpy(whole + at, v.data, v.len);
		at += v.len;
	}
	assert_int_equal(at, len + 8);
	assert_memory_equal(whole + 8, big, len);
	sum = csum_pseudo(&t.host.addr, &t.app.addr, IP_PROTO_UDP,
	                  (uint32_t)at);
	assert_int_equal(csum_fold(csum_add(sum, whole, at)), 0);
}

static void fragments_out(void **state)
{
	static const size_t lens[] = {1473, 3000, 8000, 65507};
	struct tuple t = tuple4(), t6 = tuple6();

	(void)state;
	big_fill();
	greet();
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		lab_clear();
		stack_udp_output(lab.st, &t, big, lens[i], 0, lab.now);
		assert_int_equal(lab.frames, (lens[i] + 8 + 1479) / 1480);
		check_fragments(true, lens[i]);
		lab_clear();
		if (lens[i] > 65487)
			continue;
		stack_udp_output(lab.st, &t6, big, lens[i], 0, lab.now);
		check_fragments(false, lens[i]);
	}
	lab_clear();
	stack_udp_output(lab.st, &t, big, 65508, 0, lab.now);
	assert_int_equal(lab.frames, 0);
}

static void train_out(void **state)
{
	struct tuple t = tuple4();
	const struct vnet_hdr *vnet;
	struct view v;

	(void)state;
	big_fill();
	greet();
	stack_udp_output(lab.st, &t, big, 1400 * 10 + 5, 1400, lab.now);
	assert_int_equal(lab.frames, 1);
	vnet = lab_got_vnet(0);
	assert_int_equal(vnet->gso_type, VNET_GSO_UDP_L4);
	assert_int_equal(vnet->gso_size, 1400);
	assert_int_equal(vnet->flags, VNET_F_NEEDS_CSUM);
	assert_int_equal(vnet->hdr_len, 14 + 20 + 8);
	lab_got_ip4(0, &v);
	assert_int_equal(v.len, 8 + 14005);
	/* never more than the kernel takes apart, never over 64 KiB */
	lab_clear();
	stack_udp_output(lab.st, &t, big, 6500, 100, lab.now);
	assert_int_equal(lab.frames, 2);
	lab_clear();
	stack_udp_output(lab.st, &t, big, 65600, 1400, lab.now);
	assert_int_equal(lab.frames, 2);
}

/* A kernel before 6.2: refused once, taken apart from then on. */
static void train_refused(void **state)
{
	struct tuple t = tuple4();
	struct view v;

	(void)state;
	greet();
	lab.send_result = -EINVAL;
	stack_udp_output(lab.st, &t, big, 3000, 1000, lab.now);
	lab.send_result = 0;
	assert_int_equal(lab.frames, 4);
	lab_clear();
	stack_udp_output(lab.st, &t, big, 2500, 1000, lab.now);
	assert_int_equal(lab.frames, 3);
	lab_got_ip4(2, &v);
	assert_int_equal(v.len, 508);
	assert_int_equal(lab_got_vnet(2)->gso_type, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(length_lies),        LAB_TEST(ports_and_checksums),
		LAB_TEST(errors_by_table),    LAB_TEST(late_error),
		LAB_TEST(whole_datagram_out), LAB_TEST(fragments_out),
		LAB_TEST(train_out),          LAB_TEST(train_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
