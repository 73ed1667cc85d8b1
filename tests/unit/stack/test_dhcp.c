/* SPDX-License-Identifier: Apache-2.0 */
/* test_dhcp.c - the lease, and messages that lie (T6) */
#include "lab.h"

static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* struct message - a request under construction */
struct message {
	struct dhcp4_hdr hdr;
	uint8_t options[512];
	size_t used;
};

static struct message message_new(uint8_t type)
{
	struct message m = {0};

	m.hdr.op = 1;
	m.hdr.htype = 1;
	m.hdr.hlen = 6;
	m.hdr.xid = be32_of(0x12345678);
	memcpy(m.hdr.chaddr, lab_app_mac, 6);
	m.hdr.cookie = be32_of(DHCP4_COOKIE);
	m.options[0] = 53;
	m.options[1] = 1;
	m.options[2] = type;
	m.used = 3;
	return m;
}

static void option(struct message *m, uint8_t type, const void *data,
                   uint8_t len)
{
	m->options[m->used++] = type;
	m->options[m->used++] = len;
	memcpy(m->options + m->used, data, len);
	m->used += len;
}

static void option_addr(struct message *m, uint8_t type, const char *text)
{
	struct addr a = lab_addr(text);

	option(m, type, addr_ip4_bytes(&a), 4);
}

/* len: how much of it is sent */
static void send_cut(const struct message *m, size_t len)
{
	lab_new(m, len);
	lab_udp("0.0.0.0", "255.255.255.255", 68, 67);
	lab_ip4("0.0.0.0", "255.255.255.255", IP_PROTO_UDP);
	lab_send_to(all, ETH_TYPE_IP4);
}

static void message_send(struct message *m)
{
	m->options[m->used++] = 255;
	send_cut(m, sizeof(m->hdr) + m->used);
}

/* The reply: header checked, *options its options. */
static const struct dhcp4_hdr *reply(struct view *options)
{
	const struct udp_hdr *u;
	const struct dhcp4_hdr *h;
	struct view v;

	assert_int_equal(lab.frames, 1);
	assert_memory_equal(lab_got_ip4(0, &v)->src, "\x0a\x00\x02\x02", 4);
	u = LAB_TAKE(&v, struct udp_hdr);
	assert_int_equal(be16_get(u->sport), 67);
	assert_int_equal(be16_get(u->dport), 68);
	assert_true(v.len >= 300);
	h = LAB_TAKE(&v, struct dhcp4_hdr);
	assert_int_equal(h->op, 2);
	assert_int_equal(be32_get(h->xid), 0x12345678);
	assert_memory_equal(h->chaddr, lab_app_mac, 6);
	for (size_t i = 6; i < 16; i++)
		assert_int_equal(h->chaddr[i], 0);
	for (size_t i = 0; i < sizeof(h->sname); i++)
		assert_int_equal(h->sname[i], 0);
	for (size_t i = 0; i < sizeof(h->file); i++)
		assert_int_equal(h->file[i], 0);
	*options = v;
	return h;
}

/* Option n, or NULL; bytes behind the end must be zero. */
static const uint8_t *find(struct view v, uint8_t n, uint8_t *len)
{
	const uint8_t *found = NULL;

	while (v.len && v.data[0] != 255) {
		uint8_t type = *(const uint8_t *)lab_take(&v, 1);
		uint8_t l = *(const uint8_t *)lab_take(&v, 1);
		const uint8_t *body = lab_take(&v, l);

		if (type == n) {
			*len = l;
			found = body;
		}
	}
	lab_take(&v, 1);
	for (size_t i = 0; i < v.len; i++)
		assert_int_equal(v.data[i], 0);
	return found;
}

static void check_option(struct view v, uint8_t n, const void *want, size_t len)
{
	uint8_t got_len = 0;
	const uint8_t *got = find(v, n, &got_len);

	assert_non_null(got);
	assert_int_equal(got_len, len);
	assert_memory_equal(got, want, len);
}

static void lease(void **state)
{
	struct message m = message_new(1);
	const struct dhcp4_hdr *h;
	uint8_t len;
	struct view v;

	(void)state;
	option(&m, 61, "\x01\x02\xaa\x00\x00\x00\x01", 7);
	option(&m, 55, "\x01\x03\x06", 3);
	message_send(&m);
	h = reply(&v);
	assert_memory_equal(h->yiaddr, "\x0a\x00\x02\x64", 4);
	check_option(v, 53, "\x02", 1);
	check_option(v, 54, "\x0a\x00\x02\x02", 4);
	check_option(v, 1, "\xff\xff\xff\x00", 4);
	check_option(v, 3, "\x0a\x00\x02\x02", 4);
	check_option(v, 6, "\x0a\x00\x02\x03", 4);
	check_option(v, 26, "\x05\xdc", 2);
	check_option(v, 28, "\x0a\x00\x02\xff", 4);
	check_option(v, 61, "\x01\x02\xaa\x00\x00\x00\x01", 7);
	assert_non_null(find(v, 51, &len));

	lab_clear();
	m = message_new(3);
	option_addr(&m, 50, "10.0.2.100");
	option_addr(&m, 54, "10.0.2.2");
	message_send(&m);
	assert_memory_equal(reply(&v)->yiaddr, "\x0a\x00\x02\x64", 4);
	check_option(v, 53, "\x05", 1);
}

static void requests(void **state)
{
	static const struct {
		const char *ciaddr, *requested, *server;
		uint8_t type, answer; /* 0: silence */
	} rows[] = {
		{NULL, "10.0.2.77", NULL, 3, 6},        /* not ours: NAK */
		{NULL, NULL, NULL, 3, 6},               /* nothing asked */
		{NULL, "10.0.2.100", "10.0.2.9", 3, 0}, /* another server */
		{"10.0.2.100", NULL, NULL, 3, 5},       /* renewal */
		{"10.0.2.77", NULL, NULL, 3, 6},
		{"10.0.2.55", NULL, NULL, 8, 5},        /* INFORM */
		{NULL, "10.0.2.100", "10.0.2.2", 4, 0}, /* DECLINE */
		{"10.0.2.100", NULL, "10.0.2.2", 7, 0}, /* RELEASE */
		{NULL, NULL, NULL, 0, 0},
		{NULL, NULL, NULL, 99, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct message m = message_new(rows[i].type);
		uint8_t len;
		struct view v;

		lab_clear();
		if (rows[i].ciaddr) {
			struct addr a = lab_addr(rows[i].ciaddr);

			memcpy(m.hdr.ciaddr, addr_ip4_bytes(&a), 4);
		}
		if (rows[i].requested)
			option_addr(&m, 50, rows[i].requested);
		if (rows[i].server)
			option_addr(&m, 54, rows[i].server);
		message_send(&m);
		assert_int_equal(lab.frames, rows[i].answer != 0);
		if (!rows[i].answer)
			continue;
		reply(&v);
		check_option(v, 53, &rows[i].answer, 1);
		if (rows[i].type == 8 || rows[i].answer == 6)
			assert_null(find(v, 51, &len));
	}
}

static void where_it_goes(void **state)
{
	struct message m = message_new(1);
	struct view v;

	(void)state;
	message_send(&m);
	assert_memory_equal(lab.frame[0].bytes + 10, lab_app_mac, 6);
	assert_memory_equal(lab_got_ip4(0, &v)->dst, "\x0a\x00\x02\x64", 4);
	lab_clear();
	m = message_new(1);
	m.hdr.flags = be16_of(0x8000);
	message_send(&m);
	assert_memory_equal(lab.frame[0].bytes + 10, all, 6);
	assert_memory_equal(lab_got_ip4(0, &v)->dst, "\xff\xff\xff\xff", 4);
}

/* T6 */
static void lies(void **state)
{
	struct message good = message_new(1), m;
	size_t whole, answered = 0;

	(void)state;
	option(&good, 55, "\x01\x03\x06", 3);
	good.options[good.used++] = 255;
	whole = sizeof(good.hdr) + good.used;
	for (size_t cut = 0; cut < whole - 1; cut++) {
		/* within the options a cut can fall between two of them */
		lab_clear();
		send_cut(&good, cut);
		answered += lab.frames;
		if (cut < sizeof(good.hdr) + 3)
			assert_int_equal(lab.frames, 0);
	}
	assert_true(answered <= 2);
	for (unsigned int len = 0; len < 256; len += 255) {
		static const uint8_t types[] = {53, 55, 12, 50, 54, 61};

		for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
			lab_clear();
			m = message_new(1);
			m.options[m.used++] = types[i];
			m.options[m.used++] = (uint8_t)len;
			m.options[m.used++] = 1;
			send_cut(&m, sizeof(m.hdr) + m.used);
			if (len)
				assert_int_equal(lab.frames, 0);
		}
	}
	lab_clear();
	m = message_new(1);
	memset(m.options + m.used, 0, 300);
	m.used += 300;
	message_send(&m);
	assert_int_equal(lab.frames, 1);
	lab_clear();
	m = message_new(1);
	for (int i = 0; i < 50; i++)
		option(&m, 53, "\x01", 1);
	message_send(&m);
	assert_int_equal(lab.frames, 1);
	for (int field = 0; field < 4; field++) {
		lab_clear();
		m = message_new(1);
		m.hdr.op = field == 0 ? 2 : 1;
		m.hdr.htype = field == 1 ? 6 : 1;
		m.hdr.hlen = field == 2 ? 255 : 6;
		m.hdr.cookie.raw ^= field == 3;
		message_send(&m);
		assert_int_equal(lab.frames, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(lease),
		LAB_TEST(requests),
		LAB_TEST(where_it_goes),
		LAB_TEST(lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
