/* SPDX-License-Identifier: Apache-2.0 */
/* netlink.h - netlink messages: built in place, and read with every length
 * checked first */
/*
 * The layout is RFC 3549 section 2.2 and linux/netlink.h. Not libmnl, which
 * has no archive to link a static program with (HACKING.md).
 */
#ifndef BASE_NETLINK_H
#define BASE_NETLINK_H

#include "base/util.h"

#include <linux/netlink.h>
#include <stddef.h>

/* --- building: the caller has room, aligned as a struct nlmsghdr ---------- */

/* netlink_begin() - a message of no body at buf; type and flags are 0 */
struct nlmsghdr *netlink_begin(void *buf);
/* netlink_body() - len zeroed bytes more, a family's own header */
void *netlink_body(struct nlmsghdr *nlh, size_t len);
void netlink_put(struct nlmsghdr *nlh, uint16_t type, const void *data,
                 size_t len);
void netlink_put_u32(struct nlmsghdr *nlh, uint16_t type, uint32_t value);
void netlink_put_str(struct nlmsghdr *nlh, uint16_t type, const char *text);
/* What is put until netlink_nest_end() is inside of the attribute. */
struct nlattr *netlink_nest(struct nlmsghdr *nlh, uint16_t type);
void netlink_nest_end(const struct nlmsghdr *nlh, struct nlattr *nest);

/* --- reading -------------------------------------------------------------- */

/*
 * netlink_message() - the message at *p, whole, or NULL: what is left, *left
 * bytes, is none. *p and *left are moved behind it. *p is aligned as a struct
 * nlmsghdr.
 */
const struct nlmsghdr *netlink_message(const void **p, size_t *left);
/* netlink_payload() - at least want bytes, or NULL: there are fewer */
const void *netlink_payload(const struct nlmsghdr *nlh, size_t want);
/*
 * netlink_attr() - the attribute after `last`, NULL: the first behind a header
 * of `header` bytes. NULL: there is none that is whole.
 */
const struct nlattr *netlink_attr(const struct nlmsghdr *nlh, size_t header,
                                  const struct nlattr *last);
uint16_t netlink_attr_type(const struct nlattr *a);
size_t netlink_attr_len(const struct nlattr *a); /* of its data */
const void *netlink_attr_data(const struct nlattr *a);

#endif
