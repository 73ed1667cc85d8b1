/* SPDX-License-Identifier: Apache-2.0 */
/* test_probe.c - the probes agree with what launch needs, and leave nothing */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "launch/probe.h"

#include <string.h>
#include <unistd.h>

static void link_needs_namespaces_and_a_port(void **state)
{
	struct probe p[PROBE_COUNT];

	(void)state;
	memset(p, 0, sizeof(p));
	assert_false(probe_link_works(p));
	p[PROBE_VETH].present = true;
	assert_false(probe_link_works(p));
	p[PROBE_NAMESPACES].present = true;
	assert_true(probe_link_works(p));
	p[PROBE_VETH].present = false;
	assert_false(probe_link_works(p));
	p[PROBE_TAP].present = true;
	assert_true(probe_link_works(p));
}

static void sockets_needs_the_listener_and_memory(void **state)
{
	struct probe p[PROBE_COUNT];

	(void)state;
	memset(p, 0, sizeof(p));
	p[PROBE_NOTIFY].present = true;
	assert_false(probe_sockets_works(p));
	p[PROBE_READ_MEM].present = true;
	assert_true(probe_sockets_works(p));
}

static void what_is_missing_says_why_and_what_to_do(void **state)
{
	struct probe p[PROBE_COUNT];
	char before[256], after[256];

	(void)state;
	memset(before, 0, sizeof(before));
	memset(after, 0, sizeof(after));
	assert_true(readlink("/proc/self/ns/net", before, 255) > 0);
	probe_all(p);
	assert_true(readlink("/proc/self/ns/net", after, 255) > 0);
	assert_string_equal(before, after);
	for (unsigned int i = 0; i < PROBE_COUNT; i++) {
		assert_true(p[i].present == (p[i].detail[0] == '\0'));
		assert_true(p[i].present == (p[i].remedy[0] == '\0'));
		assert_null(strpbrk(p[i].detail, "\"\\\n"));
		assert_null(strpbrk(p[i].remedy, "\"\\\n"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_needs_namespaces_and_a_port),
		cmocka_unit_test(sockets_needs_the_listener_and_memory),
		cmocka_unit_test(what_is_missing_says_why_and_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
