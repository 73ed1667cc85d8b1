/* SPDX-License-Identifier: Apache-2.0 */
/* test_icmp_errno.c - errno to ICMP and back, both versions */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/icmp_errno.h"

#include <errno.h>

static void answers(void **state)
{
	static const struct {
		int err;
		enum icmp_answer answer;
		uint8_t type4, code4, type6, code6;
	} want[] = {
		{-EACCES, ICMP_ANSWER_ERROR, 3, 13, 1, 1},
		{-EPERM, ICMP_ANSWER_ERROR, 3, 13, 1, 1},
		{-ENETUNREACH, ICMP_ANSWER_ERROR, 3, 0, 1, 0},
		{-EHOSTUNREACH, ICMP_ANSWER_ERROR, 3, 1, 1, 3},
		{-EMSGSIZE, ICMP_ANSWER_ERROR, 3, 4, 2, 0},
		{-ECONNREFUSED, ICMP_ANSWER_REFUSE, 3, 3, 1, 4},
		{-EMFILE, ICMP_ANSWER_REFUSE, 3, 3, 1, 4},
		{-EADDRNOTAVAIL, ICMP_ANSWER_REFUSE, 3, 3, 1, 4},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		const struct icmp_errno *row = icmp_errno_find(want[i].err);

		assert_int_equal(row->answer, want[i].answer);
		assert_int_equal(row->type4, want[i].type4);
		assert_int_equal(row->code4, want[i].code4);
		assert_int_equal(row->type6, want[i].type6);
		assert_int_equal(row->code6, want[i].code6);
	}
	assert_int_equal(icmp_errno_find(-ETIMEDOUT)->answer,
	                 ICMP_ANSWER_SILENCE);
	assert_int_equal(icmp_errno_find(-EAGAIN)->answer, ICMP_ANSWER_SILENCE);
}

/* From the host's side to the app's nothing is lost. */
static void round_trip(void **state)
{
	static const int errs[] = {-EACCES,       -ENETUNREACH, -EHOSTUNREACH,
	                           -ECONNREFUSED, -EMSGSIZE,    -ETIME,
	                           -EPROTO};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errs); i++) {
		const struct icmp_errno *row = icmp_errno_find(errs[i]);

		assert_int_equal(icmp_errno_of(true, row->type4, row->code4),
		                 errs[i]);
		assert_int_equal(icmp_errno_of(false, row->type6, row->code6),
		                 errs[i]);
	}
}

/* IPv4 has no code that Linux turns into EACCES. */
static void what_a_socket_sees(void **state)
{
	(void)state;
	assert_int_equal(icmp_errno_seen(true, -EACCES), -EHOSTUNREACH);
	assert_int_equal(icmp_errno_seen(false, -EACCES), -EACCES);
	assert_int_equal(icmp_errno_seen(true, -ECONNREFUSED), -ECONNREFUSED);
	assert_int_equal(icmp_errno_seen(true, -EHOSTUNREACH), 0);
	assert_int_equal(icmp_errno_seen(false, -ENETUNREACH), 0);
	assert_int_equal(icmp_errno_seen(true, -ETIME), 0);
}

static void every_code_has_an_answer(void **state)
{
	(void)state;
	for (unsigned int code = 0; code < 256; code++) {
		assert_true(icmp_errno_of(true, 3, (uint8_t)code) < 0);
		assert_true(icmp_errno_of(false, 1, (uint8_t)code) < 0);
		assert_int_equal(icmp_errno_of(true, 8, (uint8_t)code), 0);
		assert_int_equal(icmp_errno_of(false, 135, (uint8_t)code), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(what_a_socket_sees),
		cmocka_unit_test(every_code_has_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
