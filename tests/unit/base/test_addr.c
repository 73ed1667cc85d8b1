/* SPDX-License-Identifier: Apache-2.0 */
/* test_addr.c - addresses, endpoints and their text */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/addr.h"

#include <errno.h>

static void text_round_trip(void **state)
{
	static const char *const texts[] = {"10.0.2.100", "::1", "fd00::100",
	                                    "255.255.255.255", "::"};
	char buf[ADDR_TEXT_MAX];
	struct addr a;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(addr_parse(texts[i], &a), 0);
		assert_string_equal(addr_format(&a, buf), texts[i]);
	}
	assert_int_equal(addr_parse("10.0.2", &a), -EINVAL);
	assert_int_equal(addr_parse("010.0.2.1", &a), -EINVAL);
}

static void prefix_counts_bits(void **state)
{
	struct addr net = addr_ip4(10, 0, 2, 0), in = addr_ip4(10, 0, 2, 255),
		    out = addr_ip4(10, 0, 3, 0);

	(void)state;
	assert_true(addr_in_prefix(&in, &net, 96 + 24));
	assert_false(addr_in_prefix(&out, &net, 96 + 24));
	assert_true(addr_in_prefix(&out, &net, 96 + 23));
	assert_true(addr_in_prefix(&out, &net, 0));
	assert_false(addr_in_prefix(&in, &net, 129));
}

static void sockaddr_round_trip(void **state)
{
	struct endpoint e = {addr_ip4(192, 0, 2, 1), 443}, back;
	struct sockaddr_storage ss;
	char buf[ENDPOINT_TEXT_MAX];
	socklen_t len;

	(void)state;
	len = endpoint_to_sockaddr(&e, &ss);
	assert_int_equal(ss.ss_family, AF_INET);
	assert_int_equal(
		endpoint_from_sockaddr((struct sockaddr *)&ss, len, &back), 0);
	assert_true(endpoint_equal(&e, &back));
	assert_string_equal(endpoint_format(&e, buf), "192.0.2.1:443");
	assert_int_equal(
		endpoint_from_sockaddr((struct sockaddr *)&ss, 3, &back),
		-EINVAL);
	len = endpoint_to_sockaddr_in6(&e, &ss);
	assert_int_equal(ss.ss_family, AF_INET6);
	assert_int_equal(
		endpoint_from_sockaddr((struct sockaddr *)&ss, len, &back), 0);
	assert_true(endpoint_equal(&e, &back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_round_trip),
		cmocka_unit_test(prefix_counts_bits),
		cmocka_unit_test(sockaddr_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
