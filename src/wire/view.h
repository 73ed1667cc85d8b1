/* SPDX-License-Identifier: Apache-2.0 */
/* view.h - bounded views: the only way a header is read from a packet */
#ifndef WIRE_VIEW_H
#define WIRE_VIEW_H

#include "base/util.h"

/*
 * struct view - a borrowed run of bytes that shrinks from the front as
 * headers are taken. No reader trusts a length that a header claims; it
 * takes what the view has (THREATS 4.1).
 */
struct view {
	const uint8_t *data;
	size_t len;
};

static inline struct view view_of(const void *data, size_t len)
{
	return (struct view){data, len};
}

/*
 * view_take() - the first n bytes as a pointer, and the view moves past
 * them; NULL, and the view unchanged, when there are fewer.
 */
static inline const void *view_take(struct view *v, size_t n)
{
	const void *p = v->data;

	if (v->len < n)
		return NULL;
	v->data += n;
	v->len -= n;
	return p;
}

/* VIEW_TAKE() - a header by type: const struct ip4_hdr * or NULL. */
#define VIEW_TAKE(v_, type_) ((const type_ *)view_take((v_), sizeof(type_)))

/* view_cut() - drops what lies past len; false if there is less than len. */
static inline _must_check_ bool view_cut(struct view *v, size_t len)
{
	if (v->len < len)
		return false;
	v->len = len;
	return true;
}

/*
 * view_tlv8() - the TLV iterator of TCP, IPv4 and DHCP options is built on
 * this: takes one byte, false at the end.
 */
static inline _must_check_ bool view_u8(struct view *v, uint8_t *out)
{
	if (!v->len)
		return false;
	*out = *v->data++;
	v->len--;
	return true;
}

#endif
