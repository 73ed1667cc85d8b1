/* SPDX-License-Identifier: Apache-2.0 */
/* test_siphash.c - the official vectors of SipHash-2-4 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/siphash.h"

/* key 00 01 .. 0f, message 00 01 .. n-1 (Aumasson and Bernstein, app. A) */
static void official_vectors(void **state)
{
	const struct siphash_key key = {UINT64_C(0x0706050403020100),
	                                UINT64_C(0x0f0e0d0c0b0a0908)};
	uint8_t msg[16];

	(void)state;
	for (unsigned int i = 0; i < sizeof(msg); i++)
		msg[i] = (uint8_t)i;
	assert_true(siphash(&key, msg, 0) == UINT64_C(0x726fdb47dd0e0e31));
	assert_true(siphash(&key, msg, 1) == UINT64_C(0x74f839c593dc67fd));
	assert_true(siphash(&key, msg, 8) == UINT64_C(0x93f5f5799a932462));
	assert_true(siphash(&key, msg, 15) == UINT64_C(0xa129ca6149be45e5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(official_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
