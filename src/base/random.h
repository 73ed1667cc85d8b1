/* SPDX-License-Identifier: Apache-2.0 */
/* random.h - randomness as a parameter, so that tests can choose it */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "base/util.h"

/*
 * struct random_source - fill() writes len unpredictable bytes and cannot
 * fail. The real one is random_system() in loop/random.h (getrandom(2)).
 */
struct random_source {
	void (*fill)(void *user, void *buf, size_t len);
	void *user;
};

static inline uint32_t random_u32(const struct random_source *src)
{
	uint32_t v;

	src->fill(src->user, &v, sizeof(v));
	return v;
}

static inline uint64_t random_u64(const struct random_source *src)
{
	uint64_t v;

	src->fill(src->user, &v, sizeof(v));
	return v;
}

#endif
