/* SPDX-License-Identifier: Apache-2.0 */
/* ifconfig.c - the app's interface, set up by netlink before CMD starts */
#include "link/ifconfig.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/netlink.h"
#include "link/frame_port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>

/*
 * Frames that wait in the tap for us. A burst beyond it is lost without a
 * word to the sender; the default of 500 is less than one UDP burst.
 */
#define TX_QUEUE_LEN 2048

/*
 * struct batch - several requests in one send. Each is acknowledged; what[]
 * names it for the error text, v6 marks what a kernel without IPv6 refuses.
 */
struct batch {
	union {
		char buf[4096];
		struct nlmsghdr align;
	};
	size_t len;
	unsigned int n;
	struct {
		const char *what;
		bool v6;
	} request[16];
};

static struct nlmsghdr *batch_add(struct batch *b, uint16_t type,
                                  uint16_t flags, const char *what, bool v6)
{
	struct nlmsghdr *nlh = netlink_begin(b->buf + b->len);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	nlh->nlmsg_seq = b->n;
	b->request[b->n].what = what;
	b->request[b->n].v6 = v6;
	b->n++;
	return nlh;
}

/* Closes the request that batch_add() opened; attributes are complete. */
static void batch_close(struct batch *b, const struct nlmsghdr *nlh)
{
	b->len += NLMSG_ALIGN(nlh->nlmsg_len);
}

static bool means_no_ip6(int code)
{
	return code == -EOPNOTSUPP || code == -EAFNOSUPPORT ||
	       code == -EACCES || code == -EINVAL;
}

/* One acknowledgement. 0, or the error of its request. */
static int judge_ack(const struct batch *b, const struct nlmsghdr *nlh,
                     bool *no_ip6, struct error *err)
{
	const struct nlmsgerr *e = netlink_payload(nlh, sizeof(*e));

	if (nlh->nlmsg_type != NLMSG_ERROR || !e || nlh->nlmsg_seq >= b->n)
		return error_set(err, -EPROTO, "odd answer from netlink");
	if (!e->error)
		return 0;
	if (b->request[nlh->nlmsg_seq].v6 && no_ip6 && means_no_ip6(e->error)) {
		*no_ip6 = true;
		return 0;
	}
	return error_set(err, e->error, "cannot set up network (%s): ",
	                 b->request[nlh->nlmsg_seq].what);
}

/* Sends the batch and waits for every answer; the first error wins. */
static int batch_run(const struct batch *b, int nl_fd, bool *no_ip6,
                     struct error *err)
{
	union {
		char buf[8192];
		struct nlmsghdr align;
	} in;
	unsigned int acks = 0;
	int first = 0;

	if (send(nl_fd, b->buf, b->len, 0) < 0)
		return error_set(err, -errno, "cannot send to netlink: ");
	while (acks < b->n) {
		ssize_t got = recv(nl_fd, in.buf, sizeof(in.buf), 0);
		const struct nlmsghdr *nlh;
		const void *p = in.buf;
		size_t left = (size_t)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return error_set(err, got ? -errno : -EPROTO,
			                 "no answer from netlink: ");
		while ((nlh = netlink_message(&p, &left))) {
			int rc = judge_ack(b, nlh, no_ip6, first ? NULL : err);

			acks++;
			if (!first)
				first = rc;
		}
	}
	return first;
}

static int netlink_open(struct error *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return error_set(err, -errno, "cannot open netlink: ");
	return fd;
}

static void put_addr(struct nlmsghdr *nlh, uint16_t type, const struct addr *a)
{
	if (addr_is_ip4(a))
		netlink_put(nlh, type, addr_ip4_bytes(a), 4);
	else
		netlink_put(nlh, type, a->b, sizeof(a->b));
}

static uint8_t family_of(const struct addr *a)
{
	return addr_is_ip4(a) ? AF_INET : AF_INET6;
}

static void add_link(struct batch *b, int index, unsigned int mtu,
                     const uint8_t *mac, const char *what)
{
	struct nlmsghdr *nlh = batch_add(b, RTM_NEWLINK, 0, what, false);
	struct ifinfomsg *ifi = netlink_body(nlh, sizeof(struct ifinfomsg));

	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = index;
	ifi->ifi_flags = IFF_UP;
	ifi->ifi_change = IFF_UP;
	if (mtu)
		netlink_put_u32(nlh, IFLA_MTU, mtu);
	if (mac) {
		netlink_put(nlh, IFLA_ADDRESS, mac, 6);
		netlink_put_u32(nlh, IFLA_TXQLEN, TX_QUEUE_LEN);
	}
	batch_close(b, nlh);
}

static void add_address(struct batch *b, int index, const struct addr *a,
                        unsigned int prefix)
{
	bool v6 = !addr_is_ip4(a);
	struct nlmsghdr *nlh =
		batch_add(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE,
	                  v6 ? "IPv6 address" : "IPv4 address", v6);
	struct ifaddrmsg *ifa = netlink_body(nlh, sizeof(struct ifaddrmsg));

	ifa->ifa_family = family_of(a);
	ifa->ifa_prefixlen = (uint8_t)prefix;
	ifa->ifa_scope = RT_SCOPE_UNIVERSE;
	ifa->ifa_index = (uint32_t)index;
	put_addr(nlh, IFA_LOCAL, a);
	put_addr(nlh, IFA_ADDRESS, a);
	if (v6)
		netlink_put_u32(nlh, IFA_FLAGS, IFA_F_NODAD);
	batch_close(b, nlh);
}

static void add_default_route(struct batch *b, int index,
                              const struct addr *gateway)
{
	bool v6 = !addr_is_ip4(gateway);
	struct nlmsghdr *nlh =
		batch_add(b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE,
	                  v6 ? "IPv6 route" : "IPv4 route", v6);
	struct rtmsg *rtm = netlink_body(nlh, sizeof(struct rtmsg));

	rtm->rtm_family = family_of(gateway);
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_scope = RT_SCOPE_UNIVERSE;
	rtm->rtm_type = RTN_UNICAST;
	put_addr(nlh, RTA_GATEWAY, gateway);
	netlink_put_u32(nlh, RTA_OIF, (uint32_t)index);
	batch_close(b, nlh);
}

static void add_neighbour(struct batch *b, int index, const struct addr *a)
{
	bool v6 = !addr_is_ip4(a);
	struct nlmsghdr *nlh = batch_add(
		b, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, "neighbour", v6);
	struct ndmsg *ndm = netlink_body(nlh, sizeof(struct ndmsg));

	ndm->ndm_family = family_of(a);
	ndm->ndm_ifindex = index;
	ndm->ndm_state = NUD_PERMANENT;
	put_addr(nlh, NDA_DST, a);
	netlink_put(nlh, NDA_LLADDR, FRAME_PORT_MAC_HOST, 6);
	batch_close(b, nlh);
}

int ifconfig_apply(const struct ifconfig *ifc, bool *no_ip6, struct error *err)
{
	_auto_close_ int fd = netlink_open(err);
	struct batch b = {.n = 0};
	int index;

	*no_ip6 = false;
	if (fd < 0)
		return fd;
	add_link(&b, 1, 0, NULL, "loopback"); /* always index 1 */
	if (ifc->ifname[0]) {
		index = (int)if_nametoindex(ifc->ifname);
		if (!index)
			return error_set(err, -errno,
			                 "no interface %s: ", ifc->ifname);
		add_link(&b, index, ifc->mtu, FRAME_PORT_MAC_APP, "interface");
		if (ifc->has_ip4) {
			add_address(&b, index, &ifc->app4, ifc->prefix4);
			add_default_route(&b, index, &ifc->gateway4);
			add_neighbour(&b, index, &ifc->gateway4);
			add_neighbour(&b, index, &ifc->resolver4);
		}
		if (ifc->has_ip6) {
			add_address(&b, index, &ifc->app6, ifc->prefix6);
			add_default_route(&b, index, &ifc->gateway6);
			add_neighbour(&b, index, &ifc->gateway6);
			add_neighbour(&b, index, &ifc->resolver6);
		}
	}
	return batch_run(&b, fd, no_ip6, err);
}

int ifconfig_veth(const char *ifname, const char *peer, int peer_ns,
                  unsigned int mtu, bool gso, struct error *err)
{
	_auto_close_ int fd = netlink_open(err);
	struct batch b = {.n = 0};
	struct nlattr *info, *data, *veth;
	struct nlmsghdr *nlh;

	if (fd < 0)
		return fd;
	nlh = batch_add(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "veth",
	                false);
	netlink_body(nlh, sizeof(struct ifinfomsg));
	netlink_put_str(nlh, IFLA_IFNAME, ifname);
	if (mtu)
		netlink_put_u32(nlh, IFLA_MTU, mtu);
	if (!gso)
		netlink_put_u32(nlh, IFLA_GSO_MAX_SEGS, 1);
	info = netlink_nest(nlh, IFLA_LINKINFO);
	netlink_put_str(nlh, IFLA_INFO_KIND, "veth");
	data = netlink_nest(nlh, IFLA_INFO_DATA);
	veth = netlink_nest(nlh, VETH_INFO_PEER);
	netlink_body(nlh, sizeof(struct ifinfomsg));
	netlink_put_str(nlh, IFLA_IFNAME, peer);
	if (mtu)
		netlink_put_u32(nlh, IFLA_MTU, mtu);
	netlink_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)peer_ns);
	netlink_nest_end(nlh, veth);
	netlink_nest_end(nlh, data);
	netlink_nest_end(nlh, info);
	batch_close(&b, nlh);
	return batch_run(&b, fd, NULL, err);
}

int ifconfig_up(const char *ifname, struct error *err)
{
	_auto_close_ int fd = netlink_open(err);
	struct batch b = {.n = 0};
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh;

	if (fd < 0)
		return fd;
	nlh = batch_add(&b, RTM_NEWLINK, 0, "far end of veth", false);
	ifi = netlink_body(nlh, sizeof(*ifi));
	ifi->ifi_flags = IFF_UP;
	ifi->ifi_change = IFF_UP;
	netlink_put_str(nlh, IFLA_IFNAME, ifname);
	batch_close(&b, nlh);
	return batch_run(&b, fd, NULL, err);
}

static void write_sysctl(const char *path, const char *value)
{
	_auto_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		log_debug("cannot write %s to %s: %s", value, path,
		          errno_text(errno));
}

void ifconfig_sysctls(const char *ping_gids, const char *congestion)
{
	/* the interface inherits `default`; accept_dad is the larger of its
	 * own and that of `all` */
	write_sysctl("/proc/sys/net/ipv6/conf/all/accept_dad", "0");
	write_sysctl("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
	write_sysctl("/proc/sys/net/ipv6/conf/default/accept_ra", "0");
	write_sysctl("/proc/sys/net/ipv4/ping_group_range", ping_gids);
	write_sysctl("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
	/*
	 * Many connections to one server: the ports of those that ended are
	 * used again, as on loopback; our timestamps make that safe (F17).
	 */
	write_sysctl("/proc/sys/net/ipv4/tcp_tw_reuse", "1");
	if (congestion[0])
		write_sysctl("/proc/sys/net/ipv4/tcp_congestion_control",
		             congestion);
}

void ifconfig_no_ip6(void)
{
	write_sysctl("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
}
