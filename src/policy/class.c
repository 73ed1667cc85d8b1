/* SPDX-License-Identifier: Apache-2.0 */
/* class.c - what kind of address it is, whatever clothes it wears */
#include "policy/policy-private.h"

#include <assert.h>
#include <string.h>

static const char *const class_names[] = {
	[POLICY_CLASS_OPEN] = "open",
	[POLICY_CLASS_LOOPBACK] = "loopback",
	[POLICY_CLASS_OWN] = "host",
	[POLICY_CLASS_METADATA] = "metadata",
	[POLICY_CLASS_LINK_LOCAL] = "link-local",
	[POLICY_CLASS_MULTICAST] = "multicast",
};
static_assert(ARRAY_SIZE(class_names) == POLICY_CLASS_MULTICAST + 1,
              "one name a class");

const char *policy_class_name(enum policy_class c)
{
	return class_names[c];
}

struct region {
	struct addr prefix;
	uint8_t len; /* of the 128-bit form */
	uint16_t bit;
};

#define IP4_REGION(a_, b_, c_, d_, len_, bit_)                                 \
	{                                                                      \
		{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a_, b_, c_, d_}},  \
			96 + (len_), bit_                                      \
	}

/*
 * The metadata services: the well-known address of most clouds; AWS
 * (fd00:ec2::254 in a /32 of theirs), Alibaba, Azure's wire server, Oracle
 * (both), Google and Scaleway by IPv6.
 */
static const struct region regions[] = {
	IP4_REGION(127, 0, 0, 0, 8, CLASS_BIT(POLICY_CLASS_LOOPBACK)),
	IP4_REGION(0, 0, 0, 0, 8, CLASS_BIT(POLICY_CLASS_LOOPBACK)),
	{{{0}}, 128, CLASS_BIT(POLICY_CLASS_LOOPBACK)},
	{{{[15] = 1}}, 128, CLASS_BIT(POLICY_CLASS_LOOPBACK)},
	IP4_REGION(169, 254, 169, 254, 32, CLASS_BIT(POLICY_CLASS_METADATA)),
	IP4_REGION(100, 100, 100, 200, 32, CLASS_BIT(POLICY_CLASS_METADATA)),
	IP4_REGION(168, 63, 129, 16, 32, CLASS_BIT(POLICY_CLASS_METADATA)),
	IP4_REGION(192, 0, 0, 192, 32, CLASS_BIT(POLICY_CLASS_METADATA)),
	{{{0xfd, 0, 0x0e, 0xc2}}, 32, CLASS_BIT(POLICY_CLASS_METADATA)},
	{{{0xfd, 0, 0, 0xc1, [12] = 0xa9, 0xfe, 0xa9, 0xfe}},
         128,
         CLASS_BIT(POLICY_CLASS_METADATA)},
	{{{0xfd, 0x20, 0, 0xce, [14] = 0x02, 0x54}},
         128,
         CLASS_BIT(POLICY_CLASS_METADATA)},
	{{{0xfd, 0, 0, 0x42, [15] = 0x42}},
         128,
         CLASS_BIT(POLICY_CLASS_METADATA)},
	IP4_REGION(169, 254, 0, 0, 16, CLASS_BIT(POLICY_CLASS_LINK_LOCAL)),
	{{{0xfe, 0x80}}, 10, CLASS_BIT(POLICY_CLASS_LINK_LOCAL)},
	/* 224/4 and 240/4, the broadcast address among the latter */
	IP4_REGION(224, 0, 0, 0, 3, CLASS_BIT(POLICY_CLASS_MULTICAST)),
	{{{0xff}}, 8, CLASS_BIT(POLICY_CLASS_MULTICAST)},
	IP4_REGION(10, 0, 0, 0, 8, CLASS_BIT_PRIVATE),
	IP4_REGION(172, 16, 0, 0, 12, CLASS_BIT_PRIVATE),
	IP4_REGION(192, 168, 0, 0, 16, CLASS_BIT_PRIVATE),
	IP4_REGION(100, 64, 0, 0, 10, CLASS_BIT_PRIVATE),
	IP4_REGION(192, 0, 0, 0, 24, CLASS_BIT_PRIVATE),
	IP4_REGION(198, 18, 0, 0, 15, CLASS_BIT_PRIVATE),
	{{{0xfc}}, 7, CLASS_BIT_PRIVATE},
	{{{0xfe, 0xc0}}, 10, CLASS_BIT_PRIVATE}, /* site-local, RFC 3879 */
};

unsigned int class_regions(const struct addr *a)
{
	unsigned int bits = 0;

	for (size_t i = 0; i < ARRAY_SIZE(regions); i++)
		if (addr_in_prefix(a, &regions[i].prefix, regions[i].len))
			bits |= regions[i].bit;
	return bits;
}

enum policy_class class_from_regions(unsigned int bits)
{
	/* metadata before link-local, in which most of it lies */
	static const enum policy_class order[] = {
		POLICY_CLASS_LOOPBACK,
		POLICY_CLASS_METADATA,
		POLICY_CLASS_LINK_LOCAL,
		POLICY_CLASS_MULTICAST,
	};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (bits & CLASS_BIT(order[i]))
			return order[i];
	return POLICY_CLASS_OPEN;
}

enum policy_class class_of_prefix(const struct addr *prefix, unsigned int len)
{
	unsigned int bits = 0;

	for (size_t i = 0; i < ARRAY_SIZE(regions); i++)
		if (regions[i].len <= len &&
		    addr_in_prefix(prefix, &regions[i].prefix, regions[i].len))
			bits |= regions[i].bit;
	return class_from_regions(bits);
}

/* Bytes `at`.. of a start with these? */
static bool has_bytes(const struct addr *a, size_t at, const void *bytes,
                      size_t len)
{
	return !memcmp(a->b + at, bytes, len);
}

static bool is_nat64(const struct addr *a)
{
	static const uint8_t well_known[12] = {0, 0x64, 0xff, 0x9b};

	return has_bytes(a, 0, well_known, 12); /* RFC 6052 2.1 */
}

struct addr policy_canonical(const struct addr *a)
{
	return is_nat64(a) ? addr_from_ip4(a->b + 12) : *a;
}

static bool is_isatap(const struct addr *a)
{
	static const uint8_t oui[3] = {0, 0x5e, 0xfe}; /* RFC 5214 6.1 */

	return (a->b[8] & ~2u) == 0 && has_bytes(a, 9, oui, 3);
}

/* The last 32 bits are an IPv4 address in these /96 forms. */
static bool embeds_last(const struct addr *a)
{
	static const uint8_t zero[12];
	static const uint8_t translated[12] = {[8] = 0xff, 0xff}; /* RFC 2765 */
	/* :: and ::1 are what they are, not IPv4-compatible */
	if (class_from_regions(class_regions(a)) == POLICY_CLASS_LOOPBACK)
		return false;
	return has_bytes(a, 0, zero, 12) || has_bytes(a, 0, translated, 12) ||
	       is_isatap(a);
}

size_t class_forms(const struct addr *a, struct addr forms[CLASS_FORMS_MAX])
{
	static const uint8_t teredo[4] = {0x20, 0x01}; /* RFC 4380 2.6 */
	static const uint8_t local_nat64[6] = {0,    0x64, 0xff,
	                                       0x9b, 0,    1}; /* RFC 8215 */
	uint8_t v4[4];
	size_t n = 1;

	forms[0] = policy_canonical(a);
	if (addr_is_ip4(a))
		return 1;
	if (is_nat64(a)) {
		forms[n++] = *a;
		return n;
	}
	if (embeds_last(a))
		forms[n++] = addr_from_ip4(a->b + 12);
	if (has_bytes(a, 0, local_nat64, 6)) {
		/* with a /48 the address goes around byte 8, with a /96 it
		 * stands last (RFC 6052 2.2); zeros mean it is the other */
		memcpy(v4, (uint8_t[]){a->b[6], a->b[7], a->b[9], a->b[10]}, 4);
		forms[n] = addr_from_ip4(v4);
		n += !addr_is_unspecified(&forms[n]);
		forms[n] = addr_from_ip4(a->b + 12);
		n += !addr_is_unspecified(&forms[n]);
	}
	if (a->b[0] == 0x20 && a->b[1] == 0x02) /* 6to4, RFC 3056 2 */
		forms[n++] = addr_from_ip4(a->b + 2);
	if (has_bytes(a, 0, teredo, 4)) {
		forms[n++] = addr_from_ip4(a->b + 4);
		for (size_t i = 0; i < 4; i++)
			v4[i] = (uint8_t)~a->b[12 + i];
		forms[n++] = addr_from_ip4(v4);
	}
	return n;
}
