/* SPDX-License-Identifier: Apache-2.0 */
/* checksum.c - the Internet checksum (RFC 1071) */
#include "wire/checksum.h"

#include <string.h>

#include <endian.h>

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* One's-complement addition: the carry comes back in at the bottom. */
static inline uint64_t add_carry(uint64_t a, uint64_t b)
{
	uint64_t sum;
	bool carry = __builtin_add_overflow(a, b, &sum);

	return sum + carry;
}

static uint32_t fold64(uint64_t acc)
{
	acc = (acc & 0xffffffff) + (acc >> 32);
	acc = (acc & 0xffffffff) + (acc >> 32);
	acc = (acc & 0xffff) + (acc >> 16);
	acc = (acc & 0xffff) + (acc >> 16);
	return (uint32_t)acc;
}

/*
 * The sum runs in memory order; RFC 1071 2(B): byte order does not matter,
 * nor (2(A)) the width of the words. Four independent lanes of 64 bits keep
 * the adders busy; most frames never come here (virtio checksum offload).
 */
uint32_t csum_add(uint32_t sum, const void *data, size_t len)
{
	uint64_t lane[4] = {sum, 0, 0, 0};
	const uint8_t *p = data;
	uint64_t tail = 0;

	for (; len >= 32; len -= 32, p += 32) {
		lane[0] = add_carry(lane[0], load64(p));
		lane[1] = add_carry(lane[1], load64(p + 8));
		lane[2] = add_carry(lane[2], load64(p + 16));
		lane[3] = add_carry(lane[3], load64(p + 24));
	}
	for (; len >= 8; len -= 8, p += 8)
		lane[0] = add_carry(lane[0], load64(p));
	if (len) {
		/* low addresses: zeros behind are right in both orders */
		memcpy(&tail, p, len);
		lane[0] = add_carry(lane[0], tail);
	}
	lane[0] = add_carry(lane[0], lane[1]);
	lane[2] = add_carry(lane[2], lane[3]);
	return fold64(add_carry(lane[0], lane[2]));
}

uint32_t csum_pseudo(const struct addr *src, const struct addr *dst,
                     uint8_t proto, uint32_t len)
{
	const uint32_t tail[2] = {htobe32(len), htobe32(proto)};
	uint32_t sum;

	if (addr_is_ip4(src)) {
		sum = csum_add(0, addr_ip4_bytes(src), 4);
		sum = csum_add(sum, addr_ip4_bytes(dst), 4);
	} else {
		sum = csum_add(0, src->b, 16);
		sum = csum_add(sum, dst->b, 16);
	}
	return csum_add(sum, tail, sizeof(tail));
}

uint16_t csum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}
