/* SPDX-License-Identifier: Apache-2.0 */
/* addr.h - IP addresses and endpoints, one form for both versions */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include "base/util.h"

#include <sys/socket.h>

/*
 * struct addr - an IPv6 address; an IPv4 one is held v4-mapped
 * (::ffff:a.b.c.d, RFC 4291 2.5.5.2), so that one hash, one table and one
 * matcher serve both. Bytes are in network order.
 */
struct addr {
	uint8_t b[16];
};

struct endpoint {
	struct addr addr;
	uint16_t port; /* host byte order */
};

/*
 * struct tuple - the two ends of a flow by the only two direction words
 * there are: `app` is the end inside, `host` is the peer outside.
 */
struct tuple {
	struct endpoint app;
	struct endpoint host;
};

#define ADDR_TEXT_MAX 48     /* INET6_ADDRSTRLEN and room for nothing more */
#define ENDPOINT_TEXT_MAX 64 /* "[v6]:port" */

/* addr_ip4() - from four bytes as written, a.b.c.d */
struct addr addr_ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
struct addr addr_from_ip4(const void *four_bytes);
struct addr addr_from_ip6(const void *sixteen_bytes);
bool addr_is_ip4(const struct addr *a);
/* addr_ip4_bytes() - the last four bytes; only where addr_is_ip4() */
const uint8_t *addr_ip4_bytes(const struct addr *a);
bool addr_equal(const struct addr *a, const struct addr *b);
/* addr_is_unspecified() - 0.0.0.0 or :: */
bool addr_is_unspecified(const struct addr *a);
/* addr_is_loopback() - 127/8 or ::1 */
bool addr_is_loopback(const struct addr *a);
/*
 * addr_in_prefix() - are the first len bits alike? len counts the bits of
 * the 128-bit form: an IPv4 /24 is 96 + 24.
 */
bool addr_in_prefix(const struct addr *a, const struct addr *prefix,
                    unsigned int len);
/*
 * addr_parse() - dotted quad or IPv6 text as inet_pton(3) takes it. 0 or
 * -EINVAL.
 */
_must_check_ int addr_parse(const char *text, struct addr *out);
/* addr_format() - canonical text (RFC 5952; IPv4 dotted); returns buf. */
char *addr_format(const struct addr *a, char buf[ADDR_TEXT_MAX]);

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
/* endpoint_format() - "a.b.c.d:port" or "[v6]:port"; returns buf. */
char *endpoint_format(const struct endpoint *e, char buf[ENDPOINT_TEXT_MAX]);
/*
 * endpoint_from_sockaddr() - AF_INET or AF_INET6, at least the family's
 * length. 0, -EINVAL for a short one, -EAFNOSUPPORT.
 */
_must_check_ int endpoint_from_sockaddr(const struct sockaddr *sa,
                                        socklen_t len, struct endpoint *out);
/*
 * endpoint_to_sockaddr() - AF_INET for an IPv4 address, AF_INET6 otherwise
 * (scope and flow label zero); returns the length used.
 */
socklen_t endpoint_to_sockaddr(const struct endpoint *e,
                               struct sockaddr_storage *out);
/* endpoint_to_sockaddr_in6() - always AF_INET6, IPv4 stays v4-mapped. */
socklen_t endpoint_to_sockaddr_in6(const struct endpoint *e,
                                   struct sockaddr_storage *out);

#endif
