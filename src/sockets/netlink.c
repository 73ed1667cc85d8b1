/* SPDX-License-Identifier: Apache-2.0 */
/* netlink.c - NETLINK_ROUTE answered: lo and one interface, nothing else */
/*
 * Programs ask the kernel by netlink which interfaces and addresses there
 * are (getifaddrs(3), if_nameindex(3), ip, Go, Node). They are told what
 * link would show them. A request that would change something is EPERM, an
 * unknown one EOPNOTSUPP, as for a user without rights.
 */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* dumps of a kernel come in parts of at most so much */
#define PART_BYTES 4096u

struct reply {
	struct sockets *s;
	struct sock *sk;
	uint32_t seq, pid;
	bool dump;
	int64_t now;
	size_t len;
	_Alignas(struct nlmsghdr) uint8_t buf[PART_BYTES];
};

/* NLMSG_DATA() and RTA_DATA(), which cast the const away */
static const void *request_body(const struct nlmsghdr *h)
{
	return (const uint8_t *)h + NLMSG_HDRLEN;
}

static const void *attr_body(const struct rtattr *a)
{
	return (const uint8_t *)a + RTA_LENGTH(0);
}

static const struct origin the_kernel; /* nl_pid 0 */

static void flush(struct reply *r)
{
	if (r->len)
		datagram_arrive(r->s, r->sk, &the_kernel, r->buf, r->len,
		                r->now);
	r->len = 0;
}

static void *put_bytes(struct reply *r, const void *data, size_t len)
{
	void *at = r->buf + r->len;

	if (len)
		memcpy(at, data, len);
	memset(r->buf + r->len + len, 0, NLMSG_ALIGN(len) - len);
	r->len += NLMSG_ALIGN(len);
	return at;
}

static struct nlmsghdr *begin(struct reply *r, uint16_t type, const void *body,
                              size_t len)
{
	struct nlmsghdr h = {.nlmsg_type = type,
	                     .nlmsg_flags = r->dump ? NLM_F_MULTI : 0,
	                     .nlmsg_seq = r->seq,
	                     .nlmsg_pid = r->pid};
	struct nlmsghdr *at;

	if (r->len + 1024 > sizeof(r->buf))
		flush(r);
	at = put_bytes(r, &h, sizeof(h));
	put_bytes(r, body, len);
	return at;
}

static void finish(struct reply *r, struct nlmsghdr *h)
{
	h->nlmsg_len = (uint32_t)(r->buf + r->len - (uint8_t *)h);
}

static void attribute(struct reply *r, uint16_t type, const void *data,
                      size_t len)
{
	struct rtattr a = {.rta_len = (uint16_t)(RTA_LENGTH(len)),
	                   .rta_type = type};

	put_bytes(r, &a, sizeof(a));
	put_bytes(r, data, len);
}

static void attribute_u32(struct reply *r, uint16_t type, uint32_t v)
{
	attribute(r, type, &v, sizeof(v));
}

static void attribute_text(struct reply *r, uint16_t type, const char *text)
{
	attribute(r, type, text, strlen(text) + 1);
}

static void error_reply(struct reply *r, const struct nlmsghdr *to, int err)
{
	struct nlmsgerr e = {.error = err, .msg = *to};
	struct nlmsghdr *h;

	r->dump = false;
	h = begin(r, NLMSG_ERROR, &e, sizeof(e));
	finish(r, h);
	flush(r);
}

static void done(struct reply *r)
{
	int32_t zero = 0;
	struct nlmsghdr *h;

	if (r->dump) {
		h = begin(r, NLMSG_DONE, &zero, sizeof(zero));
		finish(r, h);
	}
	flush(r);
}

/* --- links ---------------------------------------------------------------- */

static void put_link(struct reply *r, uint32_t index)
{
	static const uint8_t zero[6];
	static const uint8_t mac[6] = {0x02, 0x70, 0x6f, 0x73, 0x74, 0x00};
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct rtnl_link_stats64 stats64 = {0};
	struct rtnl_link_stats stats = {0};
	bool lo = index == SANDBOX_LO;
	struct ifinfomsg i = {
		.ifi_family = AF_UNSPEC,
		.ifi_type = lo ? ARPHRD_LOOPBACK : ARPHRD_ETHER,
		.ifi_index = (int)index,
		.ifi_flags = IFF_UP | IFF_RUNNING | IFF_LOWER_UP |
	                     (lo ? IFF_LOOPBACK : IFF_BROADCAST),
	};
	uint8_t up = lo ? 0 : 6; /* IF_OPER_UNKNOWN, IF_OPER_UP */
	struct nlmsghdr *h = begin(r, RTM_NEWLINK, &i, sizeof(i));

	attribute_text(r, IFLA_IFNAME, lo ? "lo" : SANDBOX_IFNAME);
	attribute_u32(r, IFLA_TXQLEN, 1000);
	attribute(r, IFLA_OPERSTATE, &up, 1);
	attribute_u32(r, IFLA_MTU, lo ? 65536 : 1500);
	attribute_u32(r, IFLA_GROUP, 0);
	attribute(r, IFLA_ADDRESS, lo ? zero : mac, sizeof(mac));
	attribute(r, IFLA_BROADCAST, lo ? zero : all, sizeof(all));
	attribute_text(r, IFLA_QDISC, "noqueue");
	attribute(r, IFLA_STATS64, &stats64, sizeof(stats64));
	attribute(r, IFLA_STATS, &stats, sizeof(stats));
	finish(r, h);
}

/* The name a request asks for, if it does. */
static uint32_t asked_link(const struct nlmsghdr *h,
                           const struct ifinfomsg *info)
{
	size_t left = h->nlmsg_len - NLMSG_LENGTH(sizeof(*info));
	const struct rtattr *a = (const void *)((const uint8_t *)info +
	                                        NLMSG_ALIGN(sizeof(*info)));

	if (info->ifi_index)
		return (uint32_t)info->ifi_index;
	for (; left >= sizeof(*a) && a->rta_len >= sizeof(*a) &&
	       a->rta_len <= left;
	     left -= MIN(left, RTA_ALIGN(a->rta_len)),
	     a = (const void *)((const uint8_t *)a + RTA_ALIGN(a->rta_len))) {
		const char *name = (const char *)a + sizeof(*a);
		size_t len = a->rta_len - sizeof(*a);

		if (a->rta_type != IFLA_IFNAME &&
		    a->rta_type != IFLA_ALT_IFNAME)
			continue;
		if (len && !name[len - 1] && strcmp(name, "lo") == 0)
			return SANDBOX_LO;
		if (len && !name[len - 1] && strcmp(name, SANDBOX_IFNAME) == 0)
			return SANDBOX_IF;
	}
	return 0;
}

static void get_link(struct reply *r, const struct nlmsghdr *h)
{
	struct ifinfomsg info = {0};
	uint32_t index;

	if (r->dump) {
		put_link(r, SANDBOX_LO);
		if (!r->s->config.lo_only)
			put_link(r, SANDBOX_IF);
		done(r);
		return;
	}
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(info))) {
		error_reply(r, h, -EINVAL);
		return;
	}
	memcpy(&info, request_body(h), sizeof(info));
	index = info.ifi_index ? (uint32_t)info.ifi_index
	                       : asked_link(h, request_body(h));
	if (index != SANDBOX_LO && index != sk_outward_if(r->s)) {
		error_reply(r, h, -ENODEV);
		return;
	}
	put_link(r, index);
	done(r);
}

/* --- addresses ------------------------------------------------------------ */

static void put_address(struct reply *r, uint32_t index,
                        const struct addr *addr, uint8_t prefix, uint8_t scope)
{
	bool ip4 = addr_is_ip4(addr), lo = index == SANDBOX_LO;
	const void *bytes = ip4 ? addr_ip4_bytes(addr) : addr->b;
	size_t len = ip4 ? 4 : 16;
	struct ifaddrmsg i = {.ifa_family = ip4 ? AF_INET : AF_INET6,
	                      .ifa_prefixlen = prefix,
	                      .ifa_flags = IFA_F_PERMANENT,
	                      .ifa_scope = scope,
	                      .ifa_index = index};
	struct ifa_cacheinfo forever = {UINT32_MAX, UINT32_MAX, 0, 0};
	struct nlmsghdr *h = begin(r, RTM_NEWADDR, &i, sizeof(i));

	attribute(r, IFA_ADDRESS, bytes, len);
	if (ip4) {
		attribute(r, IFA_LOCAL, bytes, len);
		if (!lo) {
			uint8_t all[4];

			memcpy(all, bytes, 4);
			all[3] = 255;
			attribute(r, IFA_BROADCAST, all, 4);
		}
		attribute_text(r, IFA_LABEL, lo ? "lo" : SANDBOX_IFNAME);
	}
	attribute_u32(r, IFA_FLAGS, IFA_F_PERMANENT);
	attribute(r, IFA_CACHEINFO, &forever, sizeof(forever));
	finish(r, h);
}

static void get_addresses(struct reply *r, uint8_t family)
{
	static const struct addr one = {{[15] = 1}};
	const struct addr home = addr_ip4(127, 0, 0, 1);
	const struct sockets_config *c = &r->s->config;
	uint32_t out = sk_outward_if(r->s);

	if (family != AF_INET6) {
		put_address(r, SANDBOX_LO, &home, 8, RT_SCOPE_HOST);
		put_address(r, out, &c->app4, c->lo_only ? 32 : 24,
		            RT_SCOPE_UNIVERSE);
	}
	if (family != AF_INET) {
		put_address(r, SANDBOX_LO, &one, 128, RT_SCOPE_HOST);
		put_address(r, out, &c->app6, c->lo_only ? 128 : 64,
		            RT_SCOPE_UNIVERSE);
	}
	done(r);
}

/* --- routes --------------------------------------------------------------- */

static void put_route(struct reply *r, const struct addr *to, uint8_t prefix,
                      const struct addr *via, const struct addr *from)
{
	bool ip4 = addr_is_ip4(from);
	size_t len = ip4 ? 4 : 16, skip = ip4 ? 12 : 0;
	struct rtmsg m = {.rtm_family = ip4 ? AF_INET : AF_INET6,
	                  .rtm_dst_len = prefix,
	                  .rtm_table = RT_TABLE_MAIN,
	                  .rtm_protocol = via ? RTPROT_BOOT : RTPROT_KERNEL,
	                  .rtm_scope = via || !ip4 ? RT_SCOPE_UNIVERSE
	                                           : RT_SCOPE_LINK,
	                  .rtm_type = RTN_UNICAST};
	struct nlmsghdr *h = begin(r, RTM_NEWROUTE, &m, sizeof(m));

	attribute_u32(r, RTA_TABLE, RT_TABLE_MAIN);
	if (to)
		attribute(r, RTA_DST, to->b + skip, len);
	if (!via || prefix >= len * 8)
		attribute(r, RTA_PREFSRC, from->b + skip, len);
	if (via)
		attribute(r, RTA_GATEWAY, via->b + skip, len);
	attribute_u32(r, RTA_OIF, sk_outward_if(r->s));
	finish(r, h);
}

static struct addr network_of(const struct addr *a, unsigned int bytes)
{
	struct addr n = *a;

	memset(n.b + bytes, 0, sizeof(n.b) - bytes);
	return n;
}

static void get_routes(struct reply *r, uint8_t family)
{
	const struct sockets_config *c = &r->s->config;
	struct addr net4 = network_of(&c->app4, 15);
	struct addr net6 = network_of(&c->app6, 8);

	if (family != AF_INET6) {
		put_route(r, NULL, 0, &c->gateway4, &c->app4);
		if (!c->lo_only)
			put_route(r, &net4, 24, NULL, &c->app4);
	}
	if (family != AF_INET) {
		if (!c->lo_only)
			put_route(r, &net6, 64, NULL, &c->app6);
		put_route(r, NULL, 0, &c->gateway6, &c->app6);
	}
	done(r);
}

/* `ip route get`: everything goes by the gateway, from the app's address. */
static void get_one_route(struct reply *r, const struct nlmsghdr *h,
                          uint8_t family)
{
	const struct sockets_config *c = &r->s->config;
	const struct rtattr *a;
	struct addr to;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtmsg)) + RTA_LENGTH(4)) {
		error_reply(r, h, -EINVAL);
		return;
	}
	a = (const void *)((const uint8_t *)request_body(h) +
	                   NLMSG_ALIGN(sizeof(struct rtmsg)));
	if (a->rta_type != RTA_DST ||
	    a->rta_len < RTA_LENGTH(family == AF_INET ? 4 : 16) ||
	    a->rta_len > h->nlmsg_len - NLMSG_LENGTH(sizeof(struct rtmsg))) {
		error_reply(r, h, -EOPNOTSUPP);
		return;
	}
	to = family == AF_INET ? addr_from_ip4(attr_body(a))
	                       : addr_from_ip6(attr_body(a));
	put_route(r, &to, family == AF_INET ? 32 : 128,
	          family == AF_INET ? &c->gateway4 : &c->gateway6,
	          family == AF_INET ? &c->app4 : &c->app6);
	done(r);
}

/* --- requests ------------------------------------------------------------- */

static void answer(struct reply *r, const struct nlmsghdr *h)
{
	uint8_t family = h->nlmsg_len > NLMSG_HDRLEN
	                         ? *(const uint8_t *)request_body(h)
	                         : AF_UNSPEC;

	switch (h->nlmsg_type) {
	case RTM_GETLINK:
		get_link(r, h);
		return;
	case RTM_GETADDR:
		get_addresses(r, family);
		return;
	case RTM_GETROUTE:
		if (r->dump)
			get_routes(r, family);
		else
			get_one_route(r, h, family);
		return;
	case RTM_GETNEIGH:
	case RTM_GETRULE:
	case RTM_GETQDISC:
	case RTM_GETNEXTHOP:
	case RTM_GETNETCONF:
	case RTM_GETADDRLABEL:
		if (r->dump) {
			done(r); /* there are none */
			return;
		}
		break;
	default:
		/* the kernel's numbering: NEW, DEL, GET, SET */
		if (h->nlmsg_type >= RTM_BASE && (h->nlmsg_type & 3) != 2) {
			error_reply(r, h, -EPERM);
			return;
		}
	}
	error_reply(r, h, -EOPNOTSUPP);
}

void netlink_request(struct sockets *s, struct sock *sk, const void *data,
                     size_t len, int64_t now)
{
	static struct reply r; /* one thread; too much for a stack */
	/* several requests may come in one message */
	const uint8_t *at = data;

	while (len >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;

		memcpy(&h, at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len)
			return;
		r.s = s;
		r.sk = sk;
		r.now = now;
		r.len = 0;
		r.seq = h.nlmsg_seq;
		r.pid = netlink_pid(sk);
		r.dump = (h.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
		if (h.nlmsg_flags & NLM_F_REQUEST)
			answer(&r, (const struct nlmsghdr *)(const void *)at);
		len -= MIN(len, (size_t)NLMSG_ALIGN(h.nlmsg_len));
		at += NLMSG_ALIGN(h.nlmsg_len);
	}
}

uint32_t netlink_pid(struct sock *sk)
{
	/* it binds itself at first use: to the process's number, most often */
	if (!sk->filler)
		sk->filler = sk->holders[0].tid;
	return sk->filler;
}

int64_t netlink_setsockopt(const struct sock *sk, int level, int name)
{
	(void)sk;
	/* buffers, strict checking, extended acks: nothing observable */
	if (level == SOL_NETLINK)
		return name == NETLINK_ADD_MEMBERSHIP ||
		                       name == NETLINK_EXT_ACK ||
		                       name == NETLINK_GET_STRICT_CHK ||
		                       name == NETLINK_CAP_ACK ||
		                       name == NETLINK_NO_ENOBUFS
		               ? 0
		               : -ENOPROTOOPT;
	if (level != SOL_SOCKET)
		return -ENOPROTOOPT;
	if (name == SO_SNDBUF || name == SO_RCVBUF)
		return 0;
	if (name == SO_RCVTIMEO || name == SO_SNDTIMEO)
		return CALL_CONTINUE;
	return name == SO_RCVBUFFORCE || name == SO_SNDBUFFORCE ? -EPERM
	                                                        : -ENOPROTOOPT;
}

int64_t netlink_getsockopt(struct sockets *s, struct call *c, int level,
                           int name)
{
	int v;

	if (level != SOL_SOCKET)
		return -ENOPROTOOPT;
	switch (name) {
	case SO_TYPE:
		v = SOCK_RAW;
		break;
	case SO_DOMAIN:
		v = AF_NETLINK;
		break;
	case SO_PROTOCOL:
	case SO_ERROR:
		v = 0;
		break;
	case SO_RCVBUF:
	case SO_SNDBUF:
		v = 212992;
		break;
	default:
		return CALL_CONTINUE;
	}
	return option_put(s, c, &v, sizeof(v));
}
