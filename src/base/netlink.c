/* SPDX-License-Identifier: Apache-2.0 */
/* netlink.c - netlink messages: built in place, and read with every length
 * checked first */
#include "base/netlink.h"

#include <string.h>

static size_t aligned(size_t len)
{
	return (len + NLMSG_ALIGNTO - 1) & ~(size_t)(NLMSG_ALIGNTO - 1);
}

static void *end_of(const struct nlmsghdr *nlh)
{
	return (char *)(uintptr_t)nlh + aligned(nlh->nlmsg_len);
}

/* --- building ------------------------------------------------------------- */

struct nlmsghdr *netlink_begin(void *buf)
{
	struct nlmsghdr *nlh = buf;

	*nlh = (struct nlmsghdr){.nlmsg_len = sizeof(*nlh)};
	return nlh;
}

void *netlink_body(struct nlmsghdr *nlh, size_t len)
{
	void *at = end_of(nlh);

	memset(at, 0, aligned(len));
	nlh->nlmsg_len = (uint32_t)(aligned(nlh->nlmsg_len) + aligned(len));
	return at;
}

void netlink_put(struct nlmsghdr *nlh, uint16_t type, const void *data,
                 size_t len)
{
	struct nlattr *a = netlink_body(nlh, sizeof(*a) + len);

	a->nla_type = type;
	a->nla_len = (uint16_t)(sizeof(*a) + len);
	memcpy(a + 1, data, len);
}

void netlink_put_u32(struct nlmsghdr *nlh, uint16_t type, uint32_t value)
{
	netlink_put(nlh, type, &value, sizeof(value));
}

void netlink_put_str(struct nlmsghdr *nlh, uint16_t type, const char *text)
{
	netlink_put(nlh, type, text, strlen(text) + 1);
}

struct nlattr *netlink_nest(struct nlmsghdr *nlh, uint16_t type)
{
	struct nlattr *nest = netlink_body(nlh, sizeof(*nest));

	nest->nla_type = NLA_F_NESTED | type;
	return nest;
}

void netlink_nest_end(const struct nlmsghdr *nlh, struct nlattr *nest)
{
	nest->nla_len = (uint16_t)((char *)end_of(nlh) - (char *)nest);
}

/* --- reading -------------------------------------------------------------- */

const struct nlmsghdr *netlink_message(const void **p, size_t *left)
{
	const struct nlmsghdr *nlh = *p;
	size_t step;

	if (*left < sizeof(*nlh) || nlh->nlmsg_len < sizeof(*nlh) ||
	    nlh->nlmsg_len > *left)
		return NULL;
	/* the last one may end without its padding */
	step = MIN(aligned(nlh->nlmsg_len), *left);
	*p = (const char *)nlh + step;
	*left -= step;
	return nlh;
}

const void *netlink_payload(const struct nlmsghdr *nlh, size_t want)
{
	return nlh->nlmsg_len - sizeof(*nlh) >= want ? nlh + 1 : NULL;
}

const struct nlattr *netlink_attr(const struct nlmsghdr *nlh, size_t header,
                                  const struct nlattr *last)
{
	size_t at = last ? (size_t)((const char *)last - (const char *)nlh) +
	                            aligned(last->nla_len)
	                 : aligned(sizeof(*nlh) + header);
	const struct nlattr *a = (const void *)((const char *)nlh + at);

	if (at + sizeof(*a) > nlh->nlmsg_len || a->nla_len < sizeof(*a) ||
	    a->nla_len > nlh->nlmsg_len - at)
		return NULL;
	return a;
}

uint16_t netlink_attr_type(const struct nlattr *a)
{
	return a->nla_type & NLA_TYPE_MASK;
}

size_t netlink_attr_len(const struct nlattr *a)
{
	return a->nla_len - sizeof(*a);
}

const void *netlink_attr_data(const struct nlattr *a)
{
	return a + 1;
}
