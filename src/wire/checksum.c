/* SPDX-License-Identifier: Apache-2.0 */
/* checksum.c - the Internet checksum (RFC 1071) */
#include "wire/checksum.h"

#include <string.h>

#include <endian.h>

/* The sum runs in memory order; RFC 1071 2(B): byte order does not matter. */
uint32_t csum_add(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t acc = sum;
	uint16_t tail = 0;

	for (; len >= 4; len -= 4, p += 4) {
		uint32_t word;

		memcpy(&word, p, 4);
		acc += word;
	}
	if (len >= 2) {
		uint16_t half;

		memcpy(&half, p, 2);
		acc += half;
		p += 2;
		len -= 2;
	}
	if (len) {
		memcpy(&tail, p, 1); /* low address: right in both orders */
		acc += tail;
	}
	acc = (acc & 0xffffffff) + (acc >> 32);
	acc = (acc & 0xffffffff) + (acc >> 32);
	acc = (acc & 0xffff) + (acc >> 16);
	acc = (acc & 0xffff) + (acc >> 16);
	return (uint32_t)acc;
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
