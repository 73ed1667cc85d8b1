/* SPDX-License-Identifier: Apache-2.0 */
/* test_icmp.c - echo, errors about our segments, errors of ours */
#include "lab.h"

#define APP "10.0.2.100"
#define HOST "192.0.2.1"
#define APP6 "fd00::100"
#define HOST6 "2001:db8::1"

static void gateway_echoes_byte_for_byte(void **state)
{
	static const char *const pairs[][2] = {{APP, "10.0.2.2"},
	                                       {APP, "10.0.2.3"},
	                                       {APP6, "fd00::2"},
	                                       {APP6, "fd00::3"}};
	static uint8_t data[1400];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	for (size_t i = 0; i < 4 * ARRAY_SIZE(pairs); i++) {
		static const size_t lens[] = {0, 1, 56, 1400};
		const char *app = pairs[i / 4][0], *us = pairs[i / 4][1];
		bool is_ip4 = i / 4 < 2;
		const struct icmp_hdr *h;
		struct view body;
		size_t len = lens[i % 4];

		lab_clear();
		lab_new(data, len);
		lab_icmp(app, us, is_ip4 ? 8 : 128, 0, 0xbeef0007);
		if (is_ip4)
			lab_ip4(app, us, IP_PROTO_ICMP);
		else
			lab_ip6(app, us, IP_PROTO_ICMP6);
		if (is_ip4)
			lab_send4();
		else
			lab_send6();
		assert_int_equal(lab.frames, 1);
		h = lab_got_icmp(0, is_ip4, &body);
		assert_int_equal(h->type, is_ip4 ? 0 : 129);
		assert_int_equal(be16_get(h->echo.id), 0xbeef);
		assert_int_equal(be16_get(h->echo.seq), 7);
		assert_int_equal(body.len, len);
		assert_memory_equal(body.data, data, len);
	}
	assert_int_equal(lab.echo.count, 0);
}

static void echo_of_others_is_relayed(void **state)
{
	const struct addr router = lab_addr("198.51.100.1");
	const struct ip4_hdr *quoted;
	struct view body, l4;
	const struct icmp_hdr *h;

	(void)state;
	lab_new("ping", 4);
	lab_icmp(APP, HOST, 8, 0, 0x12340005);
	lab_ip4(APP, HOST, IP_PROTO_ICMP)->ttl = 9;
	lab_ip4_checksum(
		(struct ip4_hdr *)(void *)(lab_out.buf + lab_out.start));
	lab_send4();
	assert_int_equal(lab.frames, 0);
	assert_int_equal(lab.echo.count, 1);
	assert_int_equal(lab.echo.t.app.port, 0x1234);
	assert_int_equal(lab.echo.t.host.port, 0);
	assert_int_equal(lab.echo.seq, 5);
	assert_int_equal(lab.echo.ttl, 8);
	stack_echo_output(lab.st, &lab.echo.t, 5, "ping", 4, lab.now);
	h = lab_got_icmp(0, true, &body);
	assert_int_equal(h->type, 0);
	assert_int_equal(be32_get(h->word), 0x12340005);
	assert_memory_equal(body.data, "ping", 4);
	lab_clear();
	/* a router further on: what ping -t and traceroute want to see */
	stack_echo_error(lab.st, &lab.echo.t, 5, -ETIME, &router, lab.now);
	assert_int_equal(lab_got_icmp(0, true, &body)->type, 11);
	assert_memory_equal(lab_got_ip4(0, &l4)->src, addr_ip4_bytes(&router),
	                    4);
	quoted = LAB_TAKE(&body, struct ip4_hdr);
	assert_int_equal(quoted->proto, IP_PROTO_ICMP);
	h = LAB_TAKE(&body, struct icmp_hdr);
	assert_int_equal(h->type, 8);
	assert_int_equal(be32_get(h->word), 0x12340005);
	lab_clear();
	lab.echo_result = -EACCES;
	lab_send4();
	assert_int_equal(lab_got_icmp(0, true, &body)->code, 13);
}

/* T18: garbage inside, cut anywhere, any type */
static void garbage(void **state)
{
	static const size_t lens[] = {0, 1, 4, 20, 28, 36, 100};
	static const uint8_t junk[100] = {0x45, 0x45};
	int answered = 0;

	(void)state;
	for (unsigned int type = 0; type < 256; type++)
		for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
			lab_clear();
			lab_new(junk, lens[i]);
			lab_icmp(APP, "10.0.2.2", (uint8_t)type, 0, 0);
			lab_ip4(APP, "10.0.2.2", IP_PROTO_ICMP);
			lab_send4();
			answered += lab.frames != 0;
			lab_clear();
			lab_new(junk, lens[i]);
			lab_icmp(APP6, "fd00::2", (uint8_t)type, 0, 0);
			lab_ip6(APP6, "fd00::2", IP_PROTO_ICMP6);
			lab_send6();
			answered += lab.frames != 0;
		}
	assert_int_equal(answered, 2 * ARRAY_SIZE(lens)); /* the echoes */
	assert_int_equal(lab.icmp_count, 0);
	for (size_t cut = 0; cut < 8; cut++) {
		lab_clear();
		lab_new(junk, cut);
		lab_ip4(APP, "10.0.2.2", IP_PROTO_ICMP);
		lab_send4();
		assert_int_equal(lab.frames, 0);
	}
	lab_new("x", 1); /* a wrong checksum */
	lab_icmp(APP, "10.0.2.2", 8, 0, 0)->csum.raw ^= 1;
	lab_ip4(APP, "10.0.2.2", IP_PROTO_ICMP);
	lab_send4();
	assert_int_equal(lab.frames, 0);
}

/* An error of the app about a segment of ours, cut to len bytes of TCP. */
static void about_segment4(uint8_t type, uint8_t code, uint32_t word,
                           size_t len)
{
	lab_new("", 0);
	lab_tcp(HOST, APP, 80, 4000)->seq = be32_of(77777);
	lab_ip4(HOST, APP, IP_PROTO_TCP);
	lab_out.end = lab_out.start + 20 + len;
	lab_icmp(APP, HOST, type, code, word);
	lab_ip4(APP, HOST, IP_PROTO_ICMP);
	lab_send4();
}

static void errors_about_our_segments(void **state)
{
	static const struct {
		uint8_t type, code;
		uint32_t word;
		size_t len;
		int told;
		unsigned int mtu;
	} rows[] = {
		{3, 4, 1400, 8, 1, 1400}, {3, 4, 0, 8, 0, 0},
		{3, 4, 67, 8, 0, 0},      {3, 4, 68, 8, 1, 68},
		{3, 1, 0, 8, 1, 0},       {3, 1, 0, 7, 0, 0},
		{11, 0, 0, 20, 1, 0},     {3, 4, 65535, 20, 1, 65535},
		{5, 0, 0, 20, 0, 0}, /* a redirect is nothing to us */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		lab_clear();
		about_segment4(rows[i].type, rows[i].code, rows[i].word,
		               rows[i].len);
		assert_int_equal(lab.icmp_count, rows[i].told);
		assert_int_equal(lab.frames, 0);
		if (!rows[i].told)
			continue;
		assert_int_equal(lab.icmp_mtu, rows[i].mtu);
		assert_int_equal(lab.icmp_seq, 77777);
		assert_int_equal(lab.tcp.t.app.port, 4000);
		assert_int_equal(lab.tcp.t.host.port, 80);
	}
	lab_clear();
	lab_new("", 0);
	lab_tcp(HOST6, APP6, 80, 4000)->seq = be32_of(99);
	lab_ip6(HOST6, APP6, IP_PROTO_TCP);
	lab_icmp(APP6, HOST6, 2, 0, 1300);
	lab_ip6(APP6, HOST6, IP_PROTO_ICMP6);
	lab_send6();
	assert_int_equal(lab.icmp_count, 1);
	assert_int_equal(lab.icmp_mtu, 1300);
}

/* No error about an error, nor more than a thousand a second. */
static void errors_are_few(void **state)
{
	struct view body;
	size_t sent = 0;

	(void)state;
	lab_new("", 0);
	lab_icmp(APP, "127.0.0.1", 3, 3, 0);
	lab_ip4(APP, "127.0.0.1", IP_PROTO_ICMP);
	lab_send4();
	assert_int_equal(lab.frames, 0);
	for (unsigned int i = 0; i < 3000; i++) {
		lab_clear();
		lab_new("", 0);
		lab_tcp(APP, "127.0.0.1", 1, 2);
		lab_ip4(APP, "127.0.0.1", IP_PROTO_TCP);
		lab_send4();
		sent += lab.frames;
	}
	assert_int_equal(sent, 1000);
	assert_int_equal(stack_stats(lab.st)->icmp_limited, 2000);
	lab.now += 5 * NS_PER_MS;
	for (unsigned int i = 0; i < 10; i++)
		lab_send4();
	assert_int_equal(lab.frames, 5);
	assert_int_equal(lab_got_icmp(0, true, &body)->code, 13);
}

/* What tcp/ asks for when a connection is refused. */
static void unreachable_for_a_syn(void **state)
{
	struct tuple t = {{lab_addr(APP), 4000}, {lab_addr(HOST), 80}};
	const struct tcp_hdr *tcp;
	const struct ip4_hdr *ip;
	struct view v;

	(void)state;
	lab_new("", 0);
	lab_tcp(APP, HOST, 4000, 80);
	lab_ip4(APP, HOST, IP_PROTO_TCP);
	lab_send4();
	lower_tcp_unreachable(lab.st, &t, 1000, -EACCES, lab.now);
	assert_int_equal(lab_got_icmp(0, true, &v)->code, 13);
	ip = LAB_TAKE(&v, struct ip4_hdr);
	assert_int_equal(ip->proto, IP_PROTO_TCP);
	assert_memory_equal(ip->src, addr_ip4_bytes(&t.app.addr), 4);
	tcp = LAB_TAKE(&v, struct tcp_hdr);
	assert_int_equal(be16_get(tcp->sport), 4000);
	assert_int_equal(be16_get(tcp->dport), 80);
	assert_int_equal(be32_get(tcp->seq), 1000);
	lower_tcp_unreachable(lab.st, &t, 1000, -ETIMEDOUT, lab.now);
	assert_int_equal(lab.frames, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(gateway_echoes_byte_for_byte),
		LAB_TEST(echo_of_others_is_relayed),
		LAB_TEST(garbage),
		LAB_TEST(errors_about_our_segments),
		LAB_TEST(errors_are_few),
		LAB_TEST(unreachable_for_a_syn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
