/* SPDX-License-Identifier: Apache-2.0 */
/* test_wheel.c - the timer wheel against a plain list, in virtual time */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/wheel.h"

#include <stdlib.h>

#define TIMERS 200

static uint32_t lcg(uint32_t *s)
{
	*s = *s * 1664525u + 1013904223u;
	return *s >> 8;
}

static void fires_in_time_and_never_early(void **state)
{
	static struct wheel w;
	static struct wheel_timer t[TIMERS];
	uint32_t seed = 7;
	int64_t now = 5 * NS_PER_S;

	(void)state;
	wheel_init(&w, now);
	for (int round = 0; round < 20000; round++) {
		unsigned int i = lcg(&seed) % TIMERS;
		struct wheel_timer *fired;
		int64_t earliest = TIME_NEVER;

		if (lcg(&seed) % 4)
			wheel_set(&w, &t[i],
			          now + (int64_t)(lcg(&seed) % 5000) *
			                          NS_PER_MS);
		else
			wheel_cancel(&w, &t[i]);
		for (unsigned int k = 0; k < TIMERS; k++)
			if (wheel_is_armed(&t[k]) &&
			    t[k].deadline_ns < earliest)
				earliest = t[k].deadline_ns;
		assert_true(wheel_next(&w) <= earliest);
		now += (int64_t)(lcg(&seed) % 20) * NS_PER_MS;
		if (lcg(&seed) % 500 == 0)
			now += 30 * NS_PER_S; /* a suspend */
		while ((fired = wheel_pop(&w, now)))
			assert_true(fired->deadline_ns <= now);
		for (unsigned int k = 0; k < TIMERS; k++)
			if (wheel_is_armed(&t[k]))
				assert_true(t[k].deadline_ns > now);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fires_in_time_and_never_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
