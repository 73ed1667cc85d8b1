/* SPDX-License-Identifier: Apache-2.0 */
/* addr.c - IP addresses and endpoints, one form for both versions */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0,    0,
                                          0, 0, 0, 0, 0xff, 0xff};

struct addr addr_from_ip4(const void *four_bytes)
{
	struct addr a;

	memcpy(a.b, mapped_prefix, sizeof(mapped_prefix));
	memcpy(a.b + 12, four_bytes, 4);
	return a;
}

struct addr addr_ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	const uint8_t bytes[4] = {a, b, c, d};

	return addr_from_ip4(bytes);
}

struct addr addr_from_ip6(const void *sixteen_bytes)
{
	struct addr a;

	memcpy(a.b, sixteen_bytes, sizeof(a.b));
	return a;
}

bool addr_is_ip4(const struct addr *a)
{
	return !memcmp(a->b, mapped_prefix, sizeof(mapped_prefix));
}

const uint8_t *addr_ip4_bytes(const struct addr *a)
{
	return a->b + 12;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return !memcmp(a->b, b->b, sizeof(a->b));
}

bool addr_is_loopback(const struct addr *a)
{
	static const struct addr one = {{[15] = 1}};

	return addr_is_ip4(a) ? addr_ip4_bytes(a)[0] == 127
	                      : addr_equal(a, &one);
}

bool addr_is_unspecified(const struct addr *a)
{
	static const uint8_t zero[16];

	if (addr_is_ip4(a))
		return !memcmp(a->b + 12, zero, 4);
	return !memcmp(a->b, zero, sizeof(zero));
}

bool addr_in_prefix(const struct addr *a, const struct addr *prefix,
                    unsigned int len)
{
	unsigned int whole = len / 8, rest = len % 8;
	uint8_t mask;

	if (len > 128 || memcmp(a->b, prefix->b, whole))
		return false;
	if (!rest)
		return true;
	mask = (uint8_t)(0xff00 >> rest);
	return (a->b[whole] & mask) == (prefix->b[whole] & mask);
}

int addr_parse(const char *text, struct addr *out)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		*out = addr_from_ip4(bytes);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		*out = addr_from_ip6(bytes);
	else
		return -EINVAL;
	return 0;
}

char *addr_format(const struct addr *a, char buf[ADDR_TEXT_MAX])
{
	if (addr_is_ip4(a))
		inet_ntop(AF_INET, a->b + 12, buf, ADDR_TEXT_MAX);
	else
		inet_ntop(AF_INET6, a->b, buf, ADDR_TEXT_MAX);
	return buf;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

char *endpoint_format(const struct endpoint *e, char buf[ENDPOINT_TEXT_MAX])
{
	char text[ADDR_TEXT_MAX];

	addr_format(&e->addr, text);
	snprintf(buf, ENDPOINT_TEXT_MAX,
	         addr_is_ip4(&e->addr) ? "%s:%u" : "[%s]:%u", text,
	         (unsigned int)e->port);
	return buf;
}

int endpoint_from_sockaddr(const struct sockaddr *sa, socklen_t len,
                           struct endpoint *out)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;
	sa_family_t family;

	if (len < sizeof(family))
		return -EINVAL;
	memcpy(&family, sa, sizeof(family));
	if (family == AF_INET) {
		if (len < sizeof(in))
			return -EINVAL;
		memcpy(&in, sa, sizeof(in));
		out->addr = addr_from_ip4(&in.sin_addr);
		out->port = ntohs(in.sin_port);
		return 0;
	}
	if (family == AF_INET6) {
		/* the kernel takes one without the scope (SIN6_LEN_RFC2133) */
		if (len < offsetof(struct sockaddr_in6, sin6_scope_id))
			return -EINVAL;
		memset(&in6, 0, sizeof(in6));
		memcpy(&in6, sa, MIN(len, sizeof(in6)));
		out->addr = addr_from_ip6(&in6.sin6_addr);
		out->port = ntohs(in6.sin6_port);
		return 0;
	}
	return -EAFNOSUPPORT;
}

socklen_t endpoint_to_sockaddr_in6(const struct endpoint *e,
                                   struct sockaddr_storage *out)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	in6.sin6_port = htons(e->port);
	memcpy(&in6.sin6_addr, e->addr.b, 16);
	memcpy(out, &in6, sizeof(in6));
	return sizeof(in6);
}

socklen_t endpoint_to_sockaddr(const struct endpoint *e,
                               struct sockaddr_storage *out)
{
	struct sockaddr_in in = {.sin_family = AF_INET};

	if (!addr_is_ip4(&e->addr))
		return endpoint_to_sockaddr_in6(e, out);
	in.sin_port = htons(e->port);
	memcpy(&in.sin_addr, addr_ip4_bytes(&e->addr), 4);
	memcpy(out, &in, sizeof(in));
	return sizeof(in);
}
