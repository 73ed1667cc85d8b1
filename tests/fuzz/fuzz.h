/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.h - bytes of the fuzzer as choices, and the one entry of a target */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "wire/view.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property did not hold: the fuzzer keeps the input, the runner fails. */
#define FUZZ_CHECK(cond_)                                                      \
	do {                                                                   \
		if (!(cond_)) {                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__,     \
			        #cond_);                                       \
			abort();                                               \
		}                                                              \
	} while (0)

/* The next byte, or 0 once all are used. */
static inline uint8_t fuzz_u8(struct view *v)
{
	uint8_t b = 0;

	(void)!view_u8(v, &b);
	return b;
}

static inline uint16_t fuzz_u16(struct view *v)
{
	uint8_t high = fuzz_u8(v);

	return (uint16_t)(high << 8 | fuzz_u8(v));
}

/* Up to len bytes as they are. */
static inline struct view fuzz_take(struct view *v, size_t len)
{
	struct view out = view_of(v->data, MIN(len, v->len));

	v->data += out.len;
	v->len -= out.len;
	return out;
}

#endif
