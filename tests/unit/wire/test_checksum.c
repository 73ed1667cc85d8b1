/* SPDX-License-Identifier: Apache-2.0 */
/* test_checksum.c - the fast checksum against a slow oracle */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/checksum.h"

#include <string.h>

/* RFC 1071 by the letter: 16-bit big-endian words, end-around carry. */
static uint16_t slow_sum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint16_t fast_sum(const uint8_t *p, size_t len)
{
	uint16_t stored = csum_fold(csum_add(0, p, len));
	uint8_t bytes[2];

	memcpy(bytes, &stored, 2); /* as it lies in a packet */
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* 0 and 0xffff are both zero in one's complement */
static uint16_t canonical(uint16_t v)
{
	return v == 0xffff ? 0 : v;
}

static void fast_is_slow(void **state)
{
	static uint8_t buf[4096 + 8];
	uint32_t seed = 12345;

	(void)state;
	for (unsigned int fill = 0; fill < 4; fill++) {
		for (size_t i = 0; i < sizeof(buf); i++) {
			seed = seed * 1664525 + 1013904223;
			buf[i] = fill == 0   ? 0
			         : fill == 1 ? 0xff
			                     : (uint8_t)(seed >> 24);
		}
		for (size_t len = 0; len < 200; len++)
			for (size_t off = 0; off < 8; off++)
				assert_int_equal(
					canonical(fast_sum(buf + off, len)),
					canonical(slow_sum(buf + off, len)));
		assert_int_equal(canonical(fast_sum(buf, 4096)),
		                 canonical(slow_sum(buf, 4096)));
		assert_int_equal(canonical(fast_sum(buf + 3, 4093)),
		                 canonical(slow_sum(buf + 3, 4093)));
	}
}

static void parts_add_up(void **state)
{
	uint8_t buf[301];
	uint32_t sum;

	(void)state;
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)(i * 37 + 11);
	for (size_t cut = 0; cut < sizeof(buf); cut += 2) {
		sum = csum_add(0, buf, cut);
		sum = csum_add(sum, buf + cut, sizeof(buf) - cut);
		assert_int_equal(csum_fold(sum),
		                 csum_fold(csum_add(0, buf, sizeof(buf))));
	}
}

/* RFC 1071 section 3: 00 01 f2 03 f4 f5 f6 f7 sums to ddf2 */
static void rfc_example(void **state)
{
	static const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03,
	                               0xf4, 0xf5, 0xf6, 0xf7};

	(void)state;
	assert_int_equal(fast_sum(data, sizeof(data)), (uint16_t)~0xddf2);
}

static void pseudo_header(void **state)
{
	static const uint8_t as_bytes4[] = {10, 0, 2, 100, 192, 0,
	                                    2,  1, 0, 17,  1,   0x2c};
	uint8_t as_bytes6[40] = {0};
	struct addr a = addr_ip4(10, 0, 2, 100), b = addr_ip4(192, 0, 2, 1);
	struct addr c, d;

	(void)state;
	assert_int_equal(csum_fold(csum_pseudo(&a, &b, 17, 300)),
	                 csum_fold(csum_add(0, as_bytes4, sizeof(as_bytes4))));
	assert_int_equal(addr_parse("fd00::100", &c), 0);
	assert_int_equal(addr_parse("2001:db8::1", &d), 0);
	memcpy(as_bytes6, c.b, 16);
	memcpy(as_bytes6 + 16, d.b, 16);
	as_bytes6[33] = 1; /* length 65536 + 2 */
	as_bytes6[35] = 2;
	as_bytes6[39] = 6;
	assert_int_equal(csum_fold(csum_pseudo(&c, &d, 6, 65538)),
	                 csum_fold(csum_add(0, as_bytes6, sizeof(as_bytes6))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fast_is_slow),
		cmocka_unit_test(parts_add_up),
		cmocka_unit_test(rfc_example),
		cmocka_unit_test(pseudo_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
