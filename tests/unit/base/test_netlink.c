/* SPDX-License-Identifier: Apache-2.0 */
/* test_netlink.c - what is built can be read, and nothing is read beyond what
 * is there, whatever the lengths say */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/netlink.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

union message {
	char buf[512];
	struct nlmsghdr align;
};

static void build(union message *m)
{
	struct nlmsghdr *nlh = netlink_begin(m->buf);
	struct ifaddrmsg *ifa = netlink_body(nlh, sizeof(*ifa));
	struct nlattr *nest;

	nlh->nlmsg_type = RTM_NEWADDR;
	ifa->ifa_index = 7;
	netlink_put_str(nlh, IFA_LABEL, "abcd"); /* 5 bytes: padded */
	nest = netlink_nest(nlh, 77);
	netlink_put_u32(nlh, 1, 0x01020304);
	netlink_put(nlh, 2, "xyz", 3);
	netlink_nest_end(nlh, nest);
	netlink_put_u32(nlh, IFA_FLAGS, 9);
}

static void what_is_put_is_read(void **state)
{
	union message m;
	const struct nlmsghdr *nlh;
	const struct nlattr *a;
	const struct ifaddrmsg *ifa;
	const void *p = m.buf;
	size_t left;
	uint32_t value;

	(void)state;
	build(&m);
	left = m.align.nlmsg_len;
	/* 16 + 8, 4 + 8, 4 + (4 + 4) + (4 + 4), 4 + 4 */
	assert_int_equal(left, 24 + 12 + 20 + 8);
	nlh = netlink_message(&p, &left);
	assert_ptr_equal(nlh, m.buf);
	assert_int_equal(left, 0);
	assert_null(netlink_message(&p, &left));
	ifa = netlink_payload(nlh, sizeof(*ifa));
	assert_int_equal(ifa->ifa_index, 7);

	a = netlink_attr(nlh, sizeof(*ifa), NULL);
	assert_int_equal(netlink_attr_type(a), IFA_LABEL);
	assert_int_equal(netlink_attr_len(a), 5);
	assert_string_equal(netlink_attr_data(a), "abcd");
	a = netlink_attr(nlh, sizeof(*ifa), a);
	assert_int_equal(a->nla_type, NLA_F_NESTED | 77);
	assert_int_equal(netlink_attr_type(a), 77);
	assert_int_equal(netlink_attr_len(a), 16);
	assert_memory_equal((const char *)netlink_attr_data(a) + 12, "xyz", 4);
	a = netlink_attr(nlh, sizeof(*ifa), a);
	assert_int_equal(netlink_attr_type(a), IFA_FLAGS);
	memcpy(&value, netlink_attr_data(a), sizeof(value));
	assert_int_equal(value, 9);
	assert_null(netlink_attr(nlh, sizeof(*ifa), a));
}

/* Walks all there is; what is read is added up, for ASan to see. */
static unsigned int walk(const void *p, size_t left)
{
	const struct nlmsghdr *nlh;
	unsigned int sum = 0;

	while ((nlh = netlink_message(&p, &left))) {
		const struct ifaddrmsg *ifa =
			netlink_payload(nlh, sizeof(*ifa));
		const struct nlattr *a = NULL;

		sum += ifa ? ifa->ifa_index : 0;
		while ((a = netlink_attr(nlh, sizeof(*ifa), a))) {
			const unsigned char *data = netlink_attr_data(a);

			for (size_t i = 0; i < netlink_attr_len(a); i++)
				sum += data[i];
		}
	}
	return sum;
}

static void a_cut_message_is_none(void **state)
{
	union message m;

	(void)state;
	build(&m);
	for (size_t n = 0; n < m.align.nlmsg_len; n++) {
		/* to the byte, for ASan */
		char *cut = malloc(n + !n);
		const void *p = cut;
		size_t left = n;

		assert_non_null(cut);
		memcpy(cut, m.buf, n);
		assert_null(netlink_message(&p, &left));
		assert_ptr_equal(p, cut);
		/* the message says that it ends here */
		if (n >= sizeof(struct nlmsghdr)) {
			uint32_t says = (uint32_t)n;

			memcpy(cut, &says, sizeof(says));
			(void)walk(cut, n);
			assert_non_null(netlink_message(&p, &left));
			assert_int_equal(left, 0);
		}
		free(cut);
	}
}

static void odd_lengths_end_the_walk(void **state)
{
	static const uint16_t odd[] = {0, 1, 3, 0xffff};
	union message m;
	uint32_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		struct nlattr *a;

		build(&m);
		a = (struct nlattr *)(void *)(m.buf + 24);
		a->nla_len = odd[i];
		assert_null(
			netlink_attr(&m.align, sizeof(struct ifaddrmsg), NULL));
	}
	for (len = 0; len < sizeof(struct nlmsghdr); len++) {
		const void *p = m.buf;
		size_t left = sizeof(m.buf);

		m.align.nlmsg_len = len;
		assert_null(netlink_message(&p, &left));
	}
	build(&m);
	m.align.nlmsg_len = 16; /* no body, and attributes behind it */
	assert_null(netlink_payload(&m.align, 1));
	assert_null(netlink_attr(&m.align, sizeof(struct ifaddrmsg), NULL));
}

static void noise_is_survived(void **state)
{
	unsigned int seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t n = (size_t)rand_r(&seed) % 200;
		unsigned char *noise = malloc(n + !n);

		assert_non_null(noise);
		for (size_t i = 0; i < n; i++)
			noise[i] =
				(unsigned char)(rand_r(&seed) % 3
			                                ? 0
			                                : rand_r(&seed) % 64);
		(void)walk(noise, n);
		free(noise);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_read),
		cmocka_unit_test(a_cut_message_is_none),
		cmocka_unit_test(odd_lengths_end_the_walk),
		cmocka_unit_test(noise_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
