/* SPDX-License-Identifier: Apache-2.0 */
/* test_addressing.c - which private prefix the app gets */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "launch/addressing.h"

/* The app's addresses beside these routes of the host, as text. */
static void expect(const struct prefix *routes, size_t n, const char *app4,
                   const char *app6)
{
	struct sandbox_config config = {0};
	struct addressing a;
	struct error err = {0};
	char text[ADDR_TEXT_MAX];

	assert_int_equal(addressing_choose(&config, routes, n, &a, &err), 0);
	assert_string_equal(addr_format(&a.app4, text), app4);
	assert_string_equal(addr_format(&a.app6, text), app6);
}

static struct prefix prefix_of(const char *text, unsigned int len)
{
	struct prefix p = {.len = len};

	assert_int_equal(addr_parse(text, &p.addr), 0);
	return p;
}

static void nothing_in_the_way(void **state)
{
	struct prefix other = prefix_of("192.0.2.0", 96 + 24);

	(void)state;
	expect(NULL, 0, "10.0.2.100", "fd00::100");
	expect(&other, 1, "10.0.2.100", "fd00::100");
}

/* postern in postern, and virtual machines on 10.0.2.0/24 */
static void an_overlapping_route_moves_us(void **state)
{
	struct prefix r[3];

	(void)state;
	r[0] = prefix_of("10.0.2.0", 96 + 24);
	r[1] = prefix_of("fd00::", 64);
	expect(r, 2, "10.0.3.100", "fd00:0:0:1::100");
	r[2] = prefix_of("10.0.3.7", 96 + 32); /* a host route is enough */
	expect(r, 3, "10.0.4.100", "fd00:0:0:1::100");
	r[0] = prefix_of("10.0.0.0", 96 + 8); /* a corporate network */
	expect(r, 1, "172.31.254.100", "fd00::100");
}

static void all_taken_is_the_first(void **state)
{
	struct prefix r[2];

	(void)state;
	r[0] = prefix_of("0.0.0.0", 96 + 1);
	r[1] = prefix_of("128.0.0.0", 96 + 1); /* a VPN's two halves */
	expect(r, 2, "10.0.2.100", "fd00::100");
}

static void what_was_asked_for_stays(void **state)
{
	struct sandbox_config config = {.cidr4_given = true, .prefix4 = 24};
	struct prefix r = prefix_of("10.0.2.0", 96 + 24);
	struct error err = {0};
	struct addressing a;
	char text[ADDR_TEXT_MAX];

	(void)state;
	config.cidr4 = addr_ip4(10, 0, 2, 2);
	assert_int_equal(addressing_choose(&config, &r, 1, &a, &err), 0);
	assert_string_equal(addr_format(&a.app4, text), "10.0.2.2");
	assert_string_equal(addr_format(&a.gateway4, text), "10.0.2.3");
	assert_string_equal(addr_format(&a.resolver4, text), "10.0.2.4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_in_the_way),
		cmocka_unit_test(an_overlapping_route_moves_us),
		cmocka_unit_test(all_taken_is_the_first),
		cmocka_unit_test(what_was_asked_for_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
