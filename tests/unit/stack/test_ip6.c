/* SPDX-License-Identifier: Apache-2.0 */
/* test_ip6.c - IPv6 headers, extension chains, NDP and advertisements */
#include "lab.h"

#define APP "fd00::100"
#define HOST "2001:db8::1"
#define LINK_LOCAL "fe80::1"

static const uint8_t all_mac[6] = {0x33, 0x33, 0, 0, 0, 1};

static struct ip6_hdr_ *head(void)
{
	return (struct ip6_hdr_ *)(void *)(lab_out.buf + lab_out.start);
}

static void datagram_goes_up(void **state)
{
	(void)state;
	lab_new("hello", 5);
	lab_udp(APP, HOST, 1234, 7);
	lab_ip6(APP, HOST, IP_PROTO_UDP);
	lab_send6();
	assert_int_equal(lab.udp.count, 1);
	assert_memory_equal(lab.udp.data, "hello", 5);
	for (size_t cut = 0; cut < 53; cut++) {
		lab_new("hello", 5);
		lab_udp(APP, HOST, 1234, 7);
		lab_ip6(APP, HOST, IP_PROTO_UDP);
		lab_out.end = lab_out.start + cut;
		lab_send6();
	}
	lab_new("hello", 5);
	lab_udp(APP, HOST, 1234, 7);
	lab_ip6(APP, HOST, IP_PROTO_UDP)->vtf = be32_of(UINT32_C(5) << 28);
	lab_send6();
	assert_int_equal(lab.udp.count, 1);
	assert_int_equal(lab_bad(), 54);
}

/* T16, T24: a v4-mapped address on the wire is nobody's */
static void addresses(void **state)
{
	static const struct {
		const char *src, *dst;
		int type, code; /* -1: silence */
	} rows[] = {
		{"::1", HOST, -1, 0},
		{"::", HOST, -1, 0},
		{"ff02::1", HOST, -1, 0},
		{HOST, HOST, -1, 0},
		{"fd00::2", HOST, -1, 0},
		{"fd00::3", HOST, -1, 0},
		{"::ffff:10.0.2.100", HOST, -1, 0},
		{"::ffff:10.0.2.100", "::ffff:192.0.2.1", -1, 0},
		{APP, "ff02::fb", -1, 0},
		{APP, "ff05::2", -1, 0},
		{APP, "::1", 1, 1},
		{APP, "::", 1, 1},
		{APP, "::ffff:127.0.0.1", 1, 1},
		{APP, "fe80::77", 1, 1},
		{"fd00::9", APP, 1, 3},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct icmp_hdr *h;
		struct view body;

		lab_clear();
		lab_new("x", 1);
		lab_udp(rows[i].src, rows[i].dst, 1, 2);
		lab_ip6(rows[i].src, rows[i].dst, IP_PROTO_UDP);
		lab_send_to(rows[i].dst[0] == 'f' && rows[i].dst[1] == 'f'
		                    ? all_mac
		                    : lab_our_mac,
		            ETH_TYPE_IP6);
		assert_int_equal(lab.udp.count, 0);
		assert_int_equal(lab.frames, rows[i].type >= 0);
		if (rows[i].type < 0)
			continue;
		h = lab_got_icmp(0, false, &body);
		assert_int_equal(h->type, rows[i].type);
		assert_int_equal(h->code, rows[i].code);
	}
}

static void hop_limit(void **state)
{
	struct view body;

	(void)state;
	lab_new("x", 1);
	lab_udp(APP, HOST, 1, 2);
	lab_ip6(APP, HOST, IP_PROTO_UDP)->hop_limit = 1;
	lab_send6();
	assert_int_equal(lab_got_icmp(0, false, &body)->type, 3);
	assert_int_equal(lab.udp.count, 0);
	lab_new("x", 1);
	lab_udp(APP, "fd00::2", 1, 2);
	lab_ip6(APP, "fd00::2", IP_PROTO_UDP)->hop_limit = 1;
	lab_send6();
	assert_int_equal(lab.udp.count, 1);
}

/* Extension headers as {type, bytes}; the last one names UDP. */
struct chain {
	struct {
		uint8_t type;
		uint8_t bytes[16];
		size_t len;
	} ext[3];
	bool passes;
	int code; /* of the parameter problem; -1 silence */
	uint32_t pointer;
};

static void chain_send(const struct chain *c, const char *dst)
{
	uint8_t next = IP_PROTO_UDP;

	lab_new("x", 1);
	lab_udp(APP, dst, 1, 2);
	for (size_t i = ARRAY_SIZE(c->ext); i-- > 0;) {
		uint8_t *p;

		if (!c->ext[i].len)
			continue;
		p = lab_push(c->ext[i].len);
		memcpy(p, c->ext[i].bytes, c->ext[i].len);
		p[0] = next;
		next = c->ext[i].type;
	}
	lab_ip6(APP, dst, next);
	lab_send6();
}

static void extension_headers(void **state)
{
	static const struct chain rows[] = {
		{{{60, {0, 0, 1, 4}, 8}}, true, -1, 0},
		{{{0, {0, 0, 5, 2, 0, 0, 1, 0}, 8}}, true, -1, 0},
		{{{0, {0, 0, 1, 4}, 8}, {60, {0, 1, 1, 12}, 16}}, true, -1, 0},
		/* hop-by-hop not first */
		{{{60, {0, 0, 1, 4}, 8}, {0, {0, 0, 1, 4}, 8}}, false, 1, 40},
		/* the four actions of an unknown option */
		{{{60, {0, 0, 0x1e, 4}, 8}}, true, -1, 0},
		{{{60, {0, 0, 0x5e, 4}, 8}}, false, -1, 0},
		{{{60, {0, 0, 0x9e, 4}, 8}}, false, 2, 42},
		{{{60, {0, 0, 0xde, 4}, 8}}, false, 2, 42},
		{{{0, {0, 0, 0xc2, 4, 0, 1, 0, 0}, 8}},
	         false,
	         2,
	         42}, /* jumbo */
		/* routing: segments left 1; done; another type */
		{{{43, {0, 0, 0, 1}, 8}}, false, 0, 42},
		{{{43, {0, 0, 0, 0}, 8}}, true, -1, 0},
		{{{43, {0, 0, 4, 3}, 8}}, false, 0, 42},
		/* an option, a header past the end */
		{{{60, {0, 0, 1, 200}, 8}}, false, -1, 0},
		{{{60, {0, 200, 1, 4}, 8}}, false, -1, 0},
		{{{60, {0, 0, 0, 0, 0, 0, 0, 1}, 8}}, false, -1, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct icmp_hdr *h;
		struct view body;

		lab_clear();
		chain_send(&rows[i], HOST);
		assert_int_equal(lab.udp.count, rows[i].passes);
		assert_int_equal(lab.frames, rows[i].code >= 0);
		if (rows[i].code < 0)
			continue;
		h = lab_got_icmp(0, false, &body);
		assert_int_equal(h->type, 4);
		assert_int_equal(h->code, rows[i].code);
		if (rows[i].code != 1)
			assert_int_equal(be32_get(h->word), rows[i].pointer);
	}
}

/* T8: a hundred headers are not walked, nor any protocol of none. */
static void long_chains(void **state)
{
	static const uint8_t nexts[] = {0, 43, 44, 51, 59, 60, 135};
	static const size_t lens[] = {0, 1, 8, 200};
	static const uint8_t zeros[200];

	(void)state;
	for (unsigned int n = 8; n <= 100; n += 92) {
		lab_clear();
		lab_new("x", 1);
		lab_udp(APP, HOST, 1, 2);
		for (unsigned int i = 0; i < n && lab_out.start > 100; i++) {
			uint8_t *p = lab_push(8);

			p[0] = i ? 60 : IP_PROTO_UDP;
			p[2] = 1;
			p[3] = 4;
		}
		lab_ip6(APP, HOST, 60);
		lab_send6();
		assert_int_equal(lab.udp.count, n == 8);
	}
	lab_clear();
	for (size_t i = 0; i < ARRAY_SIZE(nexts); i++)
		for (size_t k = 0; k < ARRAY_SIZE(lens); k++) {
			lab_new(zeros, lens[k]);
			lab_ip6(APP, HOST, nexts[i]);
			lab_send6();
		}
	assert_int_equal(lab.udp.count + lab.tcp.count + lab.echo.count, 0);
}

static void ndp_new(const char *src, const char *dst, uint8_t type,
                    const char *target, const void *tail, size_t tail_len)
{
	lab_new(tail, tail_len);
	if (target) {
		struct addr t = lab_addr(target);

		memcpy(lab_push(16), t.b, 16);
	}
	lab_icmp(src, dst, type, 0, 0);
	lab_ip6(src, dst, IP_PROTO_ICMP6)->hop_limit = 255;
}

static void solicitations(void **state)
{
	static const struct {
		const char *src, *target;
		bool answered, router;
	} rows[] = {
		{APP, "fd00::2", true, true},
		{APP, "fd00::3", true, true},
		{APP, "fd00::77", true, false},
		{"fe80::1", "fd00::2", true, true},
		{"fd00::55", "fd00::2", true, true},
		{"fd00::55", APP, false, false},
		{APP, APP, false, false},
		{"::", APP, false, false}, /* DAD for its own */
		{"::", "fd00::55", false, false},
		{"::", "fd00::2", true, true}, /* DAD for ours */
		{APP, "ff02::1", false, false},
		{APP, "::", false, false},
		{APP, "::ffff:1.2.3.4", false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct addr target = lab_addr(rows[i].target);
		bool probe = !strcmp(rows[i].src, "::");
		const struct icmp_hdr *h;
		struct view body, l4;

		lab_clear();
		ndp_new(rows[i].src, "ff02::1:ff00:2", 135, rows[i].target, "",
		        0);
		lab_send_to(all_mac, ETH_TYPE_IP6);
		assert_int_equal(lab.frames, rows[i].answered);
		if (!rows[i].answered)
			continue;
		h = lab_got_icmp(0, false, &body);
		assert_int_equal(lab_got_ip6(0, &l4)->hop_limit, 255);
		assert_int_equal(h->type, 136);
		assert_int_equal(h->rest[0], (rows[i].router ? 0x80 : 0) |
		                                     (probe ? 0 : 0x40) | 0x20);
		assert_memory_equal(body.data, target.b, 16);
		assert_int_equal(body.data[16], 2);
		assert_memory_equal(body.data + 18, lab_our_mac, 6);
	}
}

/* T7: lengths that lie; nothing is answered, nothing believed. */
static void ndp_lies(void **state)
{
	static const uint8_t types[] = {133, 134, 135, 136, 137, 128, 143};
	static const uint16_t payload_lens[] = {0, 8, 65535};
	static uint8_t tails[3][64];

	(void)state;
	memset(tails[2], 0xff, sizeof(tails[2]));
	tails[1][0] = 1; /* option of length 0 */
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		for (size_t k = 0; k < 3; k++) {
			lab_clear();
			ndp_new(APP, "fd00::2", types[i], "fd00::2", tails[k],
			        64);
			lab_send6();
			/* the echo request is one, whatever is in it */
			assert_int_equal(lab.frames, types[i] == 128);
			lab_clear();
			for (size_t n = 0; n < 3; n++) {
				head()->payload_len = be16_of(payload_lens[n]);
				lab_send6();
			}
			assert_int_equal(lab.frames, 0);
		}
	lab_clear();
	ndp_new(APP, "ff02::1:ff00:2", 135, "fd00::2", "", 0);
	head()->hop_limit = 64; /* came over a router: not believed */
	lab_send_to(all_mac, ETH_TYPE_IP6);
	ndp_new(APP, "ff02::2", 133, NULL, "", 0);
	head()->hop_limit = 254;
	lab_send_to(all_mac, ETH_TYPE_IP6);
	assert_int_equal(lab.frames, 0);
}

/* T35: where the app's frames go is what its frames said, not its NA. */
static void no_effect_of_adverts(void **state)
{
	static const uint8_t lie[8] = {2, 1, 2, 2, 2, 2, 2, 2};
	struct tuple t = {{lab_addr(APP), 1}, {lab_addr(HOST), 2}};

	(void)state;
	ndp_new("fd00::99", "fd00::2", 136, APP, lie, 8);
	lab_send6();
	ndp_new(APP, "fd00::2", 134, NULL, lie, 8);
	lab_send6();
	ndp_new(APP, "fd00::2", 137, "fd00::2", lie, 8);
	lab_send6();
	assert_int_equal(lab.frames, 0);
	stack_udp_output(lab.st, &t, "x", 1, 0, lab.now);
	assert_memory_equal(lab.frame[0].bytes + 10, lab_app_mac, 6);
}

static void router_advertisement(void **state)
{
	const struct icmp_hdr *h;
	struct addr prefix = lab_addr("fd00::"), dns = lab_addr("fd00::3");
	struct view v, l4;
	unsigned int seen = 0;

	(void)state;
	ndp_new(LINK_LOCAL, "ff02::2", 133, NULL, "", 0);
	lab_send_to(all_mac, ETH_TYPE_IP6);
	assert_int_equal(lab.frames, 1);
	h = lab_got_icmp(0, false, &v);
	assert_int_equal(lab_got_ip6(0, &l4)->hop_limit, 255);
	assert_int_equal(h->type, 134);
	assert_true((h->rest[2] << 8 | h->rest[3]) > 600);
	lab_take(&v, 8);
	while (v.len) {
		size_t len = v.data[1] * 8u;
		const uint8_t *o = lab_take(&v, len);

		seen |= 1u << o[0];
		if (o[0] == NDP_OPT_PREFIX) {
			assert_int_equal(o[2], 64);
			assert_int_equal(o[3], 0xc0);
			assert_memory_equal(o + 16, prefix.b, 16);
		} else if (o[0] == NDP_OPT_MTU) {
			assert_int_equal(o[6] << 8 | o[7], 1500);
		} else if (o[0] == NDP_OPT_RDNSS) {
			assert_memory_equal(o + 8, dns.b, 16);
		}
	}
	assert_int_equal(seen, 1 << 1 | 1 << 3 | 1 << 5 | 1 << 25);
	/* and again before it runs out */
	lab_clear();
	assert_true(stack_deadline(lab.st) <= lab.now + 600 * NS_PER_S);
	lab.now = stack_deadline(lab.st);
	stack_run(lab.st, lab.now);
	assert_int_equal(lab.frames, 1);
	assert_int_equal(lab_got_icmp(0, false, &v)->type, 134);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(datagram_goes_up),
		LAB_TEST(addresses),
		LAB_TEST(hop_limit),
		LAB_TEST(extension_headers),
		LAB_TEST(long_chains),
		LAB_TEST(solicitations),
		LAB_TEST(ndp_lies),
		LAB_TEST(no_effect_of_adverts),
		LAB_TEST(router_advertisement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
