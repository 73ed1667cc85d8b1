/* SPDX-License-Identifier: Apache-2.0 */
/* addressing.c - which private prefix the app gets */
#include "launch/addressing.h"

#include "base/cleanup.h"
#include "base/netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define APP_HOST 100u
#define DEFAULT_PREFIX4 24u
#define DEFAULT_PREFIX6 64u

/* The one that slirp's users know, then ones that little else uses. */
static const uint8_t fallback4[][3] = {
	{10, 0, 2},     {10, 0, 3},     {10, 0, 4},      {10, 231, 2},
	{172, 31, 254}, {172, 24, 254}, {192, 168, 254}, {192, 168, 231},
};
/* fd00::/64, fd00:0:0:1::/64 ... : the seventh and eighth byte count */
#define FALLBACK6 8

static bool overlaps(const struct prefix *p, const struct prefix *routes,
                     size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (addr_in_prefix(&p->addr, &routes[i].addr,
		                   MIN(p->len, routes[i].len)))
			return true;
	return false;
}

/* The base of a prefix: every bit after the first len is zero. */
static struct addr base_of(const struct addr *a, unsigned int len)
{
	struct addr base = *a;

	for (unsigned int bit = len; bit < 128; bit++)
		base.b[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return base;
}

static struct addr nth(const struct addr *base, unsigned int n)
{
	struct addr a = *base;

	a.b[15] = (uint8_t)(a.b[15] + n);
	return a;
}

/*
 * Gateway and resolver of the prefix that app lies in. len counts the bits of
 * the 128-bit form.
 */
static int choose_neighbours(const struct addr *app, unsigned int len,
                             struct addr *gateway, struct addr *resolver,
                             struct error *err)
{
	struct addr base = base_of(app, len), *next[2] = {gateway, resolver};
	unsigned int n = 2;

	if (len > 125) /* a /30 holds two hosts */
		return error_set(err, -EINVAL,
		                 "the app's prefix is too small: it needs "
		                 "room for three addresses, /29 or /125");
	for (size_t i = 0; i < ARRAY_SIZE(next); n++) {
		struct addr a = nth(&base, n);

		if (!addr_equal(&a, app))
			*next[i++] = a;
	}
	return 0;
}

/* The first that no route overlaps; the very first where all are taken. */
static struct addr choose4(const struct prefix *routes, size_t n)
{
	struct prefix p = {.len = 96 + DEFAULT_PREFIX4};

	for (size_t i = 0; i <= ARRAY_SIZE(fallback4); i++) {
		const uint8_t *f = fallback4[i % ARRAY_SIZE(fallback4)];

		p.addr = addr_ip4(f[0], f[1], f[2], 0);
		if (!overlaps(&p, routes, n))
			break;
	}
	return nth(&p.addr, APP_HOST);
}

static struct addr choose6(const struct prefix *routes, size_t n)
{
	struct prefix p = {{{0xfd}}, DEFAULT_PREFIX6};

	for (unsigned int i = 0; i <= FALLBACK6; i++) {
		p.addr.b[7] = (uint8_t)(i % FALLBACK6);
		if (!overlaps(&p, routes, n))
			break;
	}
	p.addr.b[14] = 0x01; /* fd00::100, as slirp4netns has it */
	return p.addr;
}

int addressing_choose(const struct sandbox_config *config,
                      const struct prefix *routes, size_t n,
                      struct addressing *out, struct error *err)
{
	int rc;

	out->prefix4 = config->cidr4_given ? config->prefix4 : DEFAULT_PREFIX4;
	out->prefix6 = config->cidr6_given ? config->prefix6 : DEFAULT_PREFIX6;
	out->app4 = config->cidr4_given ? config->cidr4 : choose4(routes, n);
	out->app6 = config->cidr6_given ? config->cidr6 : choose6(routes, n);
	rc = choose_neighbours(&out->app4, 96 + out->prefix4, &out->gateway4,
	                       &out->resolver4, err);
	if (rc)
		return rc;
	return choose_neighbours(&out->app6, out->prefix6, &out->gateway6,
	                         &out->resolver6, err);
}

struct routes {
	struct prefix *out;
	size_t n, max;
};

static void take_route(struct routes *r, const struct nlmsghdr *nlh)
{
	const struct rtmsg *rtm = netlink_payload(nlh, sizeof(*rtm));
	const struct nlattr *attr = NULL;

	if (nlh->nlmsg_type != RTM_NEWROUTE || !rtm || !rtm->rtm_dst_len)
		return;
	while ((attr = netlink_attr(nlh, sizeof(*rtm), attr))) {
		struct prefix *p = &r->out[r->n];
		bool v4 = rtm->rtm_family == AF_INET;

		if (netlink_attr_type(attr) != RTA_DST || r->n == r->max ||
		    netlink_attr_len(attr) < (v4 ? 4 : 16))
			continue;
		p->addr = v4 ? addr_from_ip4(netlink_attr_data(attr))
		             : addr_from_ip6(netlink_attr_data(attr));
		p->len = rtm->rtm_dst_len + (v4 ? 96u : 0u);
		r->n++;
		return;
	}
}

/* 1: there is more to come, 0: that was all, or the error that was sent. */
static int take_answer(struct routes *r, const void *p, size_t left)
{
	const struct nlmsghdr *nlh;

	while ((nlh = netlink_message(&p, &left))) {
		const struct nlmsgerr *e = netlink_payload(nlh, sizeof(*e));

		if (nlh->nlmsg_type == NLMSG_DONE)
			return 0;
		if (nlh->nlmsg_type == NLMSG_ERROR)
			return e && e->error < 0 ? e->error : -EPROTO;
		take_route(r, nlh);
	}
	return 1;
}

static int dump_routes(int fd, uint8_t family, struct routes *r)
{
	union {
		char buf[8192]; /* a dump comes in pieces of no more */
		struct nlmsghdr align;
	} m;
	struct nlmsghdr *nlh = netlink_begin(m.buf);
	struct rtmsg *rtm;
	int rc = 1;

	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = family;
	rtm = netlink_body(nlh, sizeof(*rtm));
	rtm->rtm_family = family;
	if (send(fd, nlh, nlh->nlmsg_len, 0) < 0)
		return -errno;
	while (rc > 0) {
		ssize_t len = recv(fd, m.buf, sizeof(m.buf), 0);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return len ? -errno : -EPROTO;
		rc = take_answer(r, m.buf, (size_t)len);
	}
	return rc;
}

ssize_t addressing_routes(struct prefix *routes, size_t max)
{
	_auto_close_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct routes r = {.out = routes, .max = max};
	int rc;

	if (fd < 0)
		return -errno;
	rc = dump_routes(fd, AF_INET, &r);
	if (!rc)
		rc = dump_routes(fd, AF_INET6, &r);
	return rc ? rc : (ssize_t)r.n;
}
