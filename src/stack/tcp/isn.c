/* SPDX-License-Identifier: Apache-2.0 */
/* isn.c - numbers nobody outside can guess, keyed per process */
#include "stack/tcp/tcp-private.h"

#include <string.h>

#define ISN_TICK_NS 4096 /* RFC 9293 MUST-8: about 4 microseconds */

enum { DOMAIN_ISN = 1, DOMAIN_TS = 2 };

uint64_t isn_tuple_hash(const struct siphash_key *key, const struct tuple *t,
                        uint8_t domain)
{
	uint8_t message[37];

	memcpy(message, t->app.addr.b, 16);
	memcpy(message + 16, t->host.addr.b, 16);
	memcpy(message + 32, &t->app.port, 2);
	memcpy(message + 34, &t->host.port, 2);
	message[36] = domain;
	return siphash(key, message, sizeof(message));
}

/* RFC 6528: ISN = M + F(tuple, secret) */
uint32_t isn_new(const struct tcp *tcp, const struct tuple *t, int64_t now)
{
	return (uint32_t)isn_tuple_hash(&tcp->isn_key, t, DOMAIN_ISN) +
	       (uint32_t)(now / ISN_TICK_NS);
}

/* RFC 7323 5.4: one offset a tuple, so that time runs forward on reuse */
uint32_t isn_ts_offset(const struct tcp *tcp, const struct tuple *t)
{
	return (uint32_t)isn_tuple_hash(&tcp->isn_key, t, DOMAIN_TS);
}
