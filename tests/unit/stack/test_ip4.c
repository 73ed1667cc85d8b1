/* SPDX-License-Identifier: Apache-2.0 */
/* test_ip4.c - IPv4 headers that lie, addresses that may not be */
#include "lab.h"

#define APP "10.0.2.100"
#define HOST "192.0.2.1"

static void udp_packet(const char *src, const char *dst)
{
	lab_new("hello", 5);
	lab_udp(src, dst, 1234, 7);
	lab_ip4(src, dst, IP_PROTO_UDP);
}

static struct ip4_hdr *head(void)
{
	return (struct ip4_hdr *)(void *)(lab_out.buf + lab_out.start);
}

static void datagram_goes_up(void **state)
{
	(void)state;
	udp_packet(APP, HOST);
	lab_send4();
	assert_int_equal(lab.udp.count, 1);
	assert_int_equal(lab.udp.len, 5);
	assert_memory_equal(lab.udp.data, "hello", 5);
	assert_int_equal(lab.udp.t.app.port, 1234);
	assert_int_equal(lab.udp.t.host.port, 7);
	assert_int_equal(lab.udp.ttl, 63);
	assert_int_equal(lab_bad(), 0);
}

static void segment_goes_up(void **state)
{
	(void)state;
	lab_new("abc", 3);
	lab_tcp(APP, HOST, 4000, 80);
	lab_ip4(APP, HOST, IP_PROTO_TCP);
	lab_send4();
	assert_int_equal(lab.tcp.count, 1);
	assert_int_equal(lab.tcp.len, 3);
	/* one wrong bit in the payload, and in the IP header (T3) */
	lab_out.buf[lab_out.end - 1] ^= 1;
	lab_send4();
	lab_out.buf[lab_out.end - 1] ^= 1;
	head()->ttl--;
	lab_send4();
	assert_int_equal(lab.tcp.count, 1);
	assert_int_equal(lab_bad(), 2);
}

static void padding_is_cut(void **state)
{
	(void)state;
	udp_packet(APP, HOST);
	memset(lab_out.buf + lab_out.end, 0x5a, 18);
	lab_out.end += 18;
	lab_send4();
	assert_int_equal(lab.udp.len, 5);
}

/* T2: none of these is delivered, and nothing answers them. */
static void lies_are_dropped(void **state)
{
	static const uint16_t totals[] = {0, 1, 19, 20, 27, 34, 1500, 65535};

	(void)state;
	for (unsigned int ihl = 0; ihl < 16; ihl++) {
		udp_packet(APP, HOST);
		head()->version_ihl = (uint8_t)(0x40 | ihl);
		if (ihl == 5)
			continue;
		if (ihl > 5 && ihl <= 8) /* within what is there: sum it */
			lab_ip4_checksum(head());
		lab_send4();
	}
	for (unsigned int version = 0; version < 16; version++) {
		udp_packet(APP, HOST);
		head()->version_ihl = (uint8_t)(version << 4 | 5);
		lab_ip4_checksum(head());
		if (version != 4)
			lab_send4();
	}
	for (size_t i = 0; i < ARRAY_SIZE(totals); i++) {
		udp_packet(APP, HOST);
		head()->total_len = be16_of(totals[i]);
		lab_ip4_checksum(head());
		if (totals[i] != 33)
			lab_send4();
	}
	for (size_t cut = 0; cut < 33; cut++) {
		udp_packet(APP, HOST);
		lab_out.end = lab_out.start + cut;
		lab_send4();
	}
	assert_int_equal(lab.udp.count, 0);
	assert_int_equal(lab.frames, 0);
}

static void options(void **state)
{
	static const struct {
		uint8_t bytes[8];
		bool passes;
	} rows[] = {
		{{1, 1, 1, 1, 1, 1, 1, 0}, true},
		{{0, 9, 9, 9, 9, 9, 9, 9}, true},       /* end of list */
		{{148, 4, 0, 0, 0, 0, 0, 0}, true},     /* router alert */
		{{7, 7, 4, 0, 0, 0, 0, 0}, true},       /* record route */
		{{7, 0, 4, 0, 0, 0, 0, 0}, false},      /* length 0 */
		{{68, 1, 5, 0, 0, 0, 0, 0}, false},     /* length 1 */
		{{7, 39, 40, 0, 0, 0, 0, 0}, false},    /* past the end */
		{{1, 1, 1, 1, 1, 1, 1, 7}, false},      /* no length */
		{{131, 7, 4, 127, 0, 0, 1, 0}, false},  /* LSRR */
		{{137, 7, 4, 127, 0, 0, 1, 0}, false},  /* SSRR */
		{{7, 7, 200, 0, 0, 0, 0, 0}, true},     /* pointer: not read */
		{{200, 2, 200, 2, 200, 2, 1, 0}, true}, /* unknown, empty */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ip4_hdr h;

		lab_clear();
		udp_packet(APP, HOST);
		h = *head();
		lab_out.start += sizeof(h);
		memcpy(lab_push(8), rows[i].bytes, 8);
		*(struct ip4_hdr *)lab_push(sizeof(h)) = h;
		head()->version_ihl = 0x47;
		head()->total_len = be16_of((uint16_t)lab_len());
		lab_ip4_checksum(head());
		lab_send4();
		assert_int_equal(lab.udp.count, rows[i].passes);
		assert_int_equal(lab.frames, 0);
	}
}

/* T16 */
static void martian_sources(void **state)
{
	static const char *const sources[] = {
		"127.0.0.1", "127.9.9.9",       "0.0.0.0",  "0.1.2.3", HOST,
		"224.0.0.1", "255.255.255.255", "10.0.2.2", "10.0.2.3"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		udp_packet(sources[i], HOST);
		lab_send4();
	}
	assert_int_equal(lab.udp.count, 0);
	assert_int_equal(lab.frames, 0);
	assert_int_equal(lab_bad(), ARRAY_SIZE(sources));
	/* any other is the app's own business */
	udp_packet("1.2.3.4", HOST);
	lab_send4();
	udp_packet("169.254.1.1", HOST);
	lab_send4();
	assert_int_equal(lab.udp.count, 2);
}

/* T34: and no error about them either */
static void groups_stay_inside(void **state)
{
	static const char *const groups[] = {"224.0.0.1", "239.1.2.3",
	                                     "255.255.255.255", "10.0.2.255"};
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		udp_packet(APP, groups[i]);
		lab_send_to(all, ETH_TYPE_IP4);
		lab_send4();
		lab_new("", 0);
		lab_tcp(APP, groups[i], 1, 2);
		lab_ip4(APP, groups[i], IP_PROTO_TCP);
		lab_send_to(all, ETH_TYPE_IP4);
	}
	/* a unicast packet in a broadcast frame (RFC 1122 3.3.6) */
	udp_packet(APP, HOST);
	lab_send_to(all, ETH_TYPE_IP4);
	assert_int_equal(lab.udp.count + lab.tcp.count, 0);
	/* datagrams to a group are told, by unicast frames, too */
	assert_int_equal(lab.refused.count, 2 * ARRAY_SIZE(groups));
	assert_int_equal(lab.frames, 0);
}

/* T21: refused, not timed out; the owner is not even asked */
static void loopback_is_refused(void **state)
{
	static const struct {
		const char *host;
		uint8_t code;
	} rows[] = {
		{"127.0.0.1", 13}, {"127.255.255.254", 13}, {"0.0.0.0", 13},
		{"0.0.0.1", 13},   {"240.0.0.1", 13},       {APP, 1},
	};
	int told = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct view body;
		const struct icmp_hdr *h;

		lab_clear();
		lab_new("", 0);
		lab_tcp("10.0.2.99", rows[i].host, 4000, 80);
		lab_ip4("10.0.2.99", rows[i].host, IP_PROTO_TCP);
		lab_send4();
		assert_int_equal(lab.tcp.count, 0);
		assert_int_equal(lab.frames, 1);
		h = lab_got_icmp(0, true, &body);
		assert_int_equal(h->type, 3);
		assert_int_equal(h->code, rows[i].code);
		assert_memory_equal(body.data, lab_out.buf + lab_out.start,
		                    body.len);
		/* but told, for people; the app's own address is no secret */
		if (rows[i].code == 13)
			told++;
		assert_int_equal(lab.refused.count, told);
		assert_int_equal(lab.refused.t.host.port, 80);
		assert_int_equal(lab.refused.t.app.port, 4000);
		assert_int_equal(lab.refused.seq, IP_PROTO_TCP);
	}
	/* a later fragment has no ports to tell */
	lab_new("xxxxxxxx", 8);
	lab_ip4("10.0.2.99", "127.0.0.1", IP_PROTO_TCP);
	head()->frag = be16_of(1);
	lab_ip4_checksum(head());
	lab_send4();
	assert_int_equal(lab.refused.count, told);
}

static void hop_limit(void **state)
{
	struct view body;

	(void)state;
	udp_packet(APP, HOST);
	head()->ttl = 1;
	lab_ip4_checksum(head());
	lab_send4();
	assert_int_equal(lab.udp.count, 0);
	assert_int_equal(lab_got_icmp(0, true, &body)->type,
	                 ICMP4_TIME_EXCEEDED);
	/* the gateway itself is one hop away */
	lab_clear();
	udp_packet(APP, "10.0.2.2");
	head()->ttl = 1;
	lab_ip4_checksum(head());
	lab_send4();
	assert_int_equal(lab.udp.count, 1);
	assert_int_equal(lab.frames, 0);
}

static void unknown_protocol(void **state)
{
	struct view body;
	const struct icmp_hdr *h;

	(void)state;
	lab_new("whatever", 8);
	lab_ip4(APP, HOST, 4); /* IP in IP */
	lab_send4();
	h = lab_got_icmp(0, true, &body);
	assert_int_equal(h->type, 3);
	assert_int_equal(h->code, 2);
}

/* Ids are unpredictable yet none comes twice within 65536 (T11). */
static void ids_are_a_permutation(void **state)
{
	static uint8_t seen[65536 / 8];
	struct tuple t = {{lab_addr(APP), 1}, {lab_addr(HOST), 2}};
	unsigned int steps_of_one = 0;
	uint16_t before = 0;

	(void)state;
	udp_packet(APP, HOST); /* so that the MAC is known */
	lab_send4();
	for (unsigned int i = 0; i < 65000; i++) {
		struct view l4;
		uint16_t id;

		lab_clear();
		stack_udp_output(lab.st, &t, "x", 1, 0, lab.now);
		id = be16_get(lab_got_ip4(0, &l4)->id);
		assert_false(seen[id / 8] >> (id % 8) & 1);
		seen[id / 8] |= (uint8_t)(1 << (id % 8));
		steps_of_one += (uint16_t)(id - before) == 1;
		before = id;
	}
	assert_true(steps_of_one < 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(datagram_goes_up),
		LAB_TEST(segment_goes_up),
		LAB_TEST(padding_is_cut),
		LAB_TEST(lies_are_dropped),
		LAB_TEST(options),
		LAB_TEST(martian_sources),
		LAB_TEST(groups_stay_inside),
		LAB_TEST(loopback_is_refused),
		LAB_TEST(hop_limit),
		LAB_TEST(unknown_protocol),
		LAB_TEST(ids_are_a_permutation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
