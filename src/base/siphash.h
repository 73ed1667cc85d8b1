/* SPDX-License-Identifier: Apache-2.0 */
/* siphash.h - SipHash-2-4, the keyed hash of every table and of the ISN */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include "base/random.h"

/* A key is drawn once from the random source, never logged, never stored. */
struct siphash_key {
	uint64_t k0, k1;
};

static inline struct siphash_key siphash_key_new(const struct random_source *r)
{
	struct siphash_key key = {random_u64(r), random_u64(r)};

	return key;
}

/* siphash() - SipHash-2-4 of len bytes (Aumasson and Bernstein, 2012). */
uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);

#endif
