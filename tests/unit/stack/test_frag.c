/* SPDX-License-Identifier: Apache-2.0 */
/* test_frag.c - reassembly against an oracle, overlaps, floods, time-outs */
#include "lab.h"

#define APP "10.0.2.100"
#define HOST "192.0.2.1"
#define APP6 "fd00::100"
#define HOST6 "2001:db8::1"

static uint8_t datagram[65536]; /* UDP header and payload */
static size_t datagram_len;

static void datagram_make(const char *src, const char *dst, size_t payload)
{
	static uint8_t data[65536];

	for (size_t i = 0; i < payload; i++)
		data[i] = (uint8_t)(i * 13 + (i >> 7));
	lab_new(data, payload);
	lab_udp(src, dst, 1234, 7);
	datagram_len = lab_len();
	memcpy(datagram, lab_out.buf + lab_out.start, datagram_len);
}

static void send4(uint16_t id, size_t from, size_t to, bool more)
{
	struct ip4_hdr *h;

	lab_new(datagram + from, to - from);
	h = lab_ip4(APP, HOST, IP_PROTO_UDP);
	h->id = be16_of(id);
	h->frag = be16_of((uint16_t)(from / 8 | (more ? IP4_MF : 0)));
	lab_ip4_checksum(h);
	lab_send4();
}

static void send6(uint32_t id, size_t from, size_t to, bool more)
{
	struct ip6_frag *f;

	lab_new(datagram + from, to - from);
	f = lab_push(sizeof(*f));
	f->next = IP_PROTO_UDP;
	f->offset = be16_of((uint16_t)(from | more));
	f->id = be32_of(id);
	lab_ip6(APP6, HOST6, IP_PROTO_FRAGMENT);
	lab_send6();
}

static void check_delivered(void)
{
	assert_int_equal(lab.udp.count, 1);
	assert_int_equal(lab.udp.len, datagram_len - 8);
	assert_memory_equal(lab.udp.data, datagram + 8, datagram_len - 8);
	assert_int_equal(stack_stats(lab.st)->frag_slots_used, 0);
}

static size_t order[8192];

static void shuffle(size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++)
		order[i] = i;
	for (size_t i = n; i > 1; i--) {
		size_t other, kept = order[i - 1];

		seed = seed * 1664525 + 1013904223;
		other = (seed >> 8) % i;
		order[i - 1] = order[other];
		order[other] = kept;
	}
}

/* Any order of the pieces gives the same datagram, both versions. */
static void any_order(void **state)
{
	static const size_t lens[] = {9, 3000, 8192, 65487};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(lens) * 20; i++) {
		const uint32_t seed = (uint32_t)i / 2 % 20;
		const size_t step = 8 * (1 + seed * 9 % 200);
		const bool is_ip4 = i % 2;
		size_t n;

		lab_clear();
		datagram_make(is_ip4 ? APP : APP6, is_ip4 ? HOST : HOST6,
		              lens[i / 40]);
		n = (datagram_len + step - 1) / step;
		shuffle(n, seed);
		for (size_t k = 0; k < n; k++) {
			size_t from = order[k] * step;
			size_t to = MIN(from + step, datagram_len);
			bool more = to < datagram_len;

			if (is_ip4)
				send4((uint16_t)seed, from, to, more);
			else
				send6(seed, from, to, more);
			if (k + 1 < n)
				assert_int_equal(lab.udp.count, 0);
		}
		check_delivered();
	}
}

static void duplicates_are_no_overlap(void **state)
{
	(void)state;
	datagram_make(APP, HOST, 3000);
	send4(1, 0, 1480, true);
	send4(1, 0, 1480, true);
	send4(1, 2960, datagram_len, false);
	send4(1, 2960, datagram_len, false);
	send4(1, 1480, 2960, true);
	check_delivered();
}

/* Teardrop and its kin: the datagram is given up, nothing is delivered. */
static void overlaps(void **state)
{
	static const struct {
		size_t from, to;
		bool more;
	} rows[] = {
		{800, 1600, true},   /* into the first */
		{0, 8, true},        /* inside it, other bytes below */
		{2000, 2008, false}, /* ends before what is there */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t dropped = stack_stats(lab.st)->frags_dropped;

		lab_clear();
		datagram_make(APP, HOST, 3000);
		send4((uint16_t)i, 0, 1480, true);
		send4((uint16_t)i, 2960, datagram_len, false);
		datagram[4] ^= 0xff; /* not a duplicate */
		send4((uint16_t)i, rows[i].from, rows[i].to, rows[i].more);
		assert_int_equal(stack_stats(lab.st)->frags_dropped,
		                 dropped + 1);
		send4((uint16_t)i, 1480, 2960, true);
		assert_int_equal(lab.udp.count, 0);
		lab.now += 31 * NS_PER_S;
		stack_run(lab.st, lab.now);
	}
}

/* The ping of death and other places where nothing can be. */
static void past_the_end(void **state)
{
	struct ip4_hdr *h;
	struct ip6_frag *f;
	struct view body;

	(void)state;
	datagram_make(APP, HOST, 1472);
	lab_new(datagram, 1480);
	h = lab_ip4(APP, HOST, IP_PROTO_UDP);
	h->frag = be16_of(0x1fff);
	lab_ip4_checksum(h);
	lab_send4();
	lab_new(datagram, 0);
	h = lab_ip4(APP, HOST, IP_PROTO_UDP);
	h->frag = be16_of(IP4_MF);
	lab_ip4_checksum(h);
	lab_send4();
	lab_new(datagram, 7); /* more, but not a multiple of 8 */
	h = lab_ip4(APP, HOST, IP_PROTO_UDP);
	h->frag = be16_of(IP4_MF);
	lab_ip4_checksum(h);
	lab_send4();
	assert_int_equal(lab_bad(), 3);
	assert_int_equal(lab.frames, 0);
	lab_new(datagram, 1480);
	f = lab_push(sizeof(*f));
	f->next = IP_PROTO_UDP;
	f->offset = be16_of(0xfff8);
	lab_ip6(APP6, HOST6, IP_PROTO_FRAGMENT);
	lab_send6();
	assert_int_equal(lab_got_icmp(0, false, &body)->type, 4);
	lab_new(datagram, 15);
	f = lab_push(sizeof(*f));
	f->offset = be16_of(1);
	lab_ip6(APP6, HOST6, IP_PROTO_FRAGMENT);
	lab_send6();
	assert_int_equal(be32_get(lab_got_icmp(1, false, &body)->word), 4);
	assert_int_equal(stack_stats(lab.st)->frag_slots_used, 0);
}

/* T4: slots are few, the oldest goes first, time frees the rest. */
static void flood(void **state)
{
	(void)state;
	datagram_make(APP, HOST, 3000);
	for (unsigned int i = 0; i < 5000; i++) {
		lab.now += NS_PER_MS;
		send4((uint16_t)i, 0, 1400, true);
	}
	assert_true(stack_stats(lab.st)->frag_slots_used <= 16);
	assert_true(stack_deadline(lab.st) > lab.now);
	/* a new one still has its place */
	lab_clear();
	send4(9999, 0, 1480, true);
	send4(9999, 1480, datagram_len, false);
	assert_int_equal(lab.udp.count, 1);
	lab.now += 30 * NS_PER_S;
	stack_run(lab.st, lab.now);
	assert_int_equal(stack_stats(lab.st)->frag_slots_used, 0);
	assert_int_equal(stack_deadline(lab.st), TIME_NEVER);
}

static void atomic_fragment(void **state)
{
	(void)state;
	datagram_make(APP6, HOST6, 100);
	send6(1, 0, datagram_len, false);
	check_delivered();
}

/* The error about a reassembled datagram quotes it whole. */
static void error_quotes_the_whole(void **state)
{
	struct view body;
	const struct ip4_hdr *ip;

	(void)state;
	lab.udp_result = -EACCES;
	datagram_make(APP, HOST, 3000);
	send4(7, 1480, datagram_len, false);
	send4(7, 0, 1480, true);
	assert_int_equal(lab.frames, 1);
	lab_got_icmp(0, true, &body);
	assert_int_equal(body.len, 576 - 28);
	ip = LAB_TAKE(&body, struct ip4_hdr);
	assert_int_equal(be16_get(ip->total_len), 20 + datagram_len);
	assert_int_equal(be16_get(ip->frag), 0);
	assert_memory_equal(body.data, datagram, body.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(any_order),
		LAB_TEST(duplicates_are_no_overlap),
		LAB_TEST(overlaps),
		LAB_TEST(past_the_end),
		LAB_TEST(flood),
		LAB_TEST(atomic_fragment),
		LAB_TEST(error_quotes_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
