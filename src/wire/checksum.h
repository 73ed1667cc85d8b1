/* SPDX-License-Identifier: Apache-2.0 */
/* checksum.h - the Internet checksum (RFC 1071) */
#ifndef WIRE_CHECKSUM_H
#define WIRE_CHECKSUM_H

#include "base/addr.h"

/*
 * csum_add() - folds len bytes into a running one's-complement sum. Every
 * part but the last must have an even length.
 */
uint32_t csum_add(uint32_t sum, const void *data, size_t len);
/* csum_pseudo() - the pseudo-header of RFC 9293 3.1 and RFC 8200 8.1 */
uint32_t csum_pseudo(const struct addr *src, const struct addr *dst,
                     uint8_t proto, uint32_t len);
/* csum_fold() - the 16 bits as they are stored into a packet's memory */
uint16_t csum_fold(uint32_t sum);

#endif
