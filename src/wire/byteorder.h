/* SPDX-License-Identifier: Apache-2.0 */
/* byteorder.h - network byte order in the type, checked by the compiler */
#ifndef WIRE_BYTEORDER_H
#define WIRE_BYTEORDER_H

#include <endian.h>
#include <stdint.h>

/* Big-endian values as they lie in a packet; unaligned access is fine. */
struct be16 {
	uint16_t raw;
} __attribute__((packed));

struct be32 {
	uint32_t raw;
} __attribute__((packed));

static inline uint16_t be16_get(struct be16 v)
{
	return be16toh(v.raw);
}

static inline uint32_t be32_get(struct be32 v)
{
	return be32toh(v.raw);
}

static inline struct be16 be16_of(uint16_t v)
{
	return (struct be16){htobe16(v)};
}

static inline struct be32 be32_of(uint32_t v)
{
	return (struct be32){htobe32(v)};
}

#endif
