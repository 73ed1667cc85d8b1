/* SPDX-License-Identifier: Apache-2.0 */
/* ifconfig.h - the app's interface, set up by netlink before CMD starts */
#ifndef LINK_IFCONFIG_H
#define LINK_IFCONFIG_H

#include "base/addr.h"
#include "base/error.h"

/* struct ifconfig - what the app's network namespace shall look like */
struct ifconfig {
	char ifname[16];
	unsigned int mtu;
	bool has_ip4, has_ip6;
	struct addr app4, gateway4, resolver4;
	struct addr app6, gateway6, resolver6;
	unsigned int prefix4, prefix6; /* as written: 24, 64 */
};

/*
 * ifconfig_sysctls() - in the current network namespace, before the interface
 * is made: no duplicate address detection (ready before exec), no router
 * advertisement taken, ping sockets for these groups ("FIRST LAST"), every
 * port bindable, congestion control as given ("" : leave). What cannot be
 * written (a read-only /proc) is told at debug level and otherwise left.
 */
void ifconfig_sysctls(const char *ping_gids, const char *congestion);
/*
 * ifconfig_apply() - loopback up; the interface gets link-layer address, MTU,
 * queue, addresses, default routes and permanent neighbour entries for
 * gateway and resolver, and is up. One netlink batch. A kernel without IPv6
 * is no error: *no_ip6 is set. ifname "": the loopback only.
 */
_must_check_ int ifconfig_apply(const struct ifconfig *ifc, bool *no_ip6,
                                struct error *err);
/* ifconfig_no_ip6() - interfaces made from now on in the current network
 * namespace speak no IPv6 of their own: the far end of a veth pair. */
void ifconfig_no_ip6(void);
/*
 * ifconfig_veth() - a veth pair: ifname in the current network namespace,
 * peer in the one that peer_ns (a descriptor) names. Both are left down. gso
 * false: the app's kernel cuts its own sends.
 */
_must_check_ int ifconfig_veth(const char *ifname, const char *peer,
                               int peer_ns, unsigned int mtu, bool gso,
                               struct error *err);
/* ifconfig_up() - brings one interface up, for the peer of a veth pair. */
_must_check_ int ifconfig_up(const char *ifname, struct error *err);

#endif
