/* SPDX-License-Identifier: Apache-2.0 */
/* resolv_conf.h - resolv.conf(5), as far as a resolver cares */
#ifndef DNS_RESOLV_CONF_H
#define DNS_RESOLV_CONF_H

#include "base/addr.h"

/*
 * resolv_conf_servers() - the addresses of the nameserver lines, in order, at
 * most max; port 53. Of scoped ones (fe80::1%eth0) only those are taken whose
 * interface is a number, which then stands in bytes 2 and 3 of the address,
 * zero on any wire (RFC 4291 2.5.6): resolv_conf_scope(). Returns their number.
 */
size_t resolv_conf_servers(const char *text, size_t len, struct endpoint *out,
                           size_t max);

/* resolv_conf_scope() - takes the interface out of such an address; 0: none */
uint32_t resolv_conf_scope(struct addr *a);

/*
 * resolv_conf_line() - one line at a time: its keyword and the rest, without
 * comments, blanks cut at both ends. *text and *len move on. false at the end.
 */
struct resolv_conf_line {
	const char *keyword, *rest;
	size_t keyword_len, rest_len;
};
_must_check_ bool resolv_conf_line(const char **text, size_t *len,
                                   struct resolv_conf_line *line);
bool resolv_conf_is(const struct resolv_conf_line *line, const char *keyword);

#endif
