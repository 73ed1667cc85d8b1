/* SPDX-License-Identifier: Apache-2.0 */
/* test_arp.c - who is answered, and where frames go */
#include "lab.h"

static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static struct arp_ip4 *arp_new(const char *sender, const char *target)
{
	struct addr s = lab_addr(sender), t = lab_addr(target);
	struct arp_ip4 *a;

	lab_new("", 0);
	a = lab_push(sizeof(*a));
	a->htype = be16_of(1);
	a->ptype = be16_of(ETH_TYPE_IP4);
	a->hlen = 6;
	a->plen = 4;
	a->op = be16_of(1);
	memcpy(a->sender_mac, lab_app_mac, 6);
	memcpy(a->sender_ip, addr_ip4_bytes(&s), 4);
	memcpy(a->target_ip, addr_ip4_bytes(&t), 4);
	return a;
}

static void who_is_answered(void **state)
{
	static const struct {
		const char *sender, *target;
		bool answered;
	} rows[] = {
		{"10.0.2.100", "10.0.2.2", true},
		{"10.0.2.100", "10.0.2.3", true},
		{"10.0.2.100", "10.0.2.77", true},
		{"10.0.2.100", "10.0.2.100", false}, /* gratuitous */
		{"0.0.0.0", "10.0.2.100", false},    /* probe */
		{"0.0.0.0", "10.0.2.55", false},
		{"0.0.0.0", "10.0.2.2", true}, /* defended */
		{"10.0.2.55", "10.0.2.2", true},
		{"10.0.2.55", "10.0.2.100", false},
		{"192.168.7.5", "192.168.7.1", true}, /* another prefix */
		{"10.0.2.100", "224.0.0.1", false},
		{"10.0.2.100", "127.0.0.1", false},
		{"10.0.2.100", "0.0.0.0", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct arp_ip4 *reply;
		struct arp_ip4 *req;
		struct view v;

		lab_clear();
		req = arp_new(rows[i].sender, rows[i].target);
		lab_send_to(all, ETH_TYPE_ARP);
		assert_int_equal(lab.frames, rows[i].answered);
		if (!rows[i].answered)
			continue;
		v = lab_got(0, ETH_TYPE_ARP);
		reply = LAB_TAKE(&v, struct arp_ip4);
		assert_int_equal(be16_get(reply->op), 2);
		assert_memory_equal(reply->sender_mac, lab_our_mac, 6);
		assert_memory_equal(reply->sender_ip, req->target_ip, 4);
		assert_memory_equal(reply->target_mac, lab_app_mac, 6);
		assert_memory_equal(reply->target_ip, req->sender_ip, 4);
		assert_int_equal(v.len, 0);
	}
}

/* T1 */
static void cut_and_odd(void **state)
{
	static const uint16_t types[] = {0,      5,      1500,   0x8100,
	                                 0x88a8, 0x8847, 0x88cc, 0xffff};
	static const uint8_t junk[1400];
	struct arp_ip4 *a;

	(void)state;
	for (size_t cut = 0; cut < sizeof(struct arp_ip4); cut++) {
		arp_new("10.0.2.100", "10.0.2.2");
		lab_out.end = lab_out.start + cut;
		lab_send_to(all, ETH_TYPE_ARP);
	}
	a = arp_new("10.0.2.100", "10.0.2.2");
	a->hlen = 7;
	lab_send_to(all, ETH_TYPE_ARP);
	a = arp_new("10.0.2.100", "10.0.2.2");
	a->op = be16_of(3);
	lab_send_to(all, ETH_TYPE_ARP);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		for (size_t len = 0; len <= sizeof(junk); len += 175) {
			lab_new(junk, len);
			lab_send_to(lab_our_mac, types[i]);
		}
	for (size_t len = 0; len < 24; len++)
		stack_input(lab.st, junk, len, lab.now);
	assert_int_equal(lab.frames, 0);
	assert_int_equal(lab.udp.count + lab.tcp.count + lab.echo.count, 0);
}

/* The first frame is ours: it waits for the answer to our question. */
static void resolves_when_it_must(void **state)
{
	struct tuple t = {{lab_addr("10.0.2.100"), 53},
	                  {lab_addr("192.0.2.1"), 1000}};
	const struct arp_ip4 *req;
	struct arp_ip4 *reply;
	struct view v, l4;

	(void)state;
	stack_udp_output(lab.st, &t, "ping", 4, 0, lab.now);
	assert_int_equal(lab.frames, 1);
	v = lab_got(0, ETH_TYPE_ARP);
	req = LAB_TAKE(&v, struct arp_ip4);
	assert_int_equal(be16_get(req->op), 1);
	assert_memory_equal(req->sender_mac, lab_our_mac, 6);
	lab_clear();
	reply = arp_new("10.0.2.100", "10.0.2.2");
	reply->op = be16_of(2);
	lab_send_to(lab_our_mac, ETH_TYPE_ARP);
	assert_int_equal(lab.frames, 1);
	assert_memory_equal(lab.frame[0].bytes + 10, lab_app_mac, 6);
	lab_got_ip4(0, &l4);
	assert_int_equal(l4.len, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(who_is_answered),
		LAB_TEST(cut_and_odd),
		LAB_TEST(resolves_when_it_must),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
