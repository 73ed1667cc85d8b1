/* SPDX-License-Identifier: Apache-2.0 */
/* calls_ioctl.c - socket ioctls by list: interfaces as netlink.c tells them */
#include "sockets/sockets-private.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* What acts on the socket, not on devices: the app's end has it. */
static bool is_of_socket(uint32_t cmd)
{
	switch (cmd) {
	case FIOSETOWN:
	case SIOCSPGRP:
	case FIOGETOWN:
	case SIOCGPGRP:
	case SIOCATMARK:
		return true;
	default:
		return false;
	}
}

static uint32_t index_of(const struct sockets *s, const struct ifreq *r)
{
	if (strcmp(r->ifr_name, "lo") == 0)
		return SANDBOX_LO;
	return !s->config.lo_only && strcmp(r->ifr_name, SANDBOX_IFNAME) == 0
	               ? SANDBOX_IF
	               : 0;
}

static void put_ip4(struct sockaddr *to, const struct addr *a)
{
	struct sockaddr_in in = {.sin_family = AF_INET};

	memcpy(&in.sin_addr, addr_ip4_bytes(a), 4);
	memcpy(to, &in, sizeof(in));
}

static struct addr address_of(const struct sockets *s, uint32_t index)
{
	return index == SANDBOX_LO ? addr_ip4(127, 0, 0, 1) : s->config.app4;
}

static int64_t get_conf(struct sockets *s, const struct call *c)
{
	struct {
		int32_t len, pad;
		uint64_t buf;
	} conf;
	struct ifreq both[2] = {0};
	struct addr a;
	size_t n;
	int rc = memory_read(s, c, c->args[2], &conf, sizeof(conf));

	if (rc < 0)
		return rc;
	if (conf.len < 0)
		return -EINVAL;
	strcpy(both[0].ifr_name, "lo");
	strcpy(both[1].ifr_name, SANDBOX_IFNAME);
	for (uint32_t i = 0; i < 2; i++) {
		a = address_of(s, i + 1);
		put_ip4(&both[i].ifr_addr, &a);
	}
	/* whole entries only; without a buffer: how much would it be? */
	n = s->config.lo_only ? sizeof(both[0]) : sizeof(both);
	if (conf.buf) {
		n = MIN(n, (size_t)conf.len);
		n -= n % sizeof(both[0]);
		rc = memory_write(s, c, conf.buf, both, n);
	}
	conf.len = (int32_t)n;
	if (rc == 0)
		rc = memory_write(s, c, c->args[2], &conf, sizeof(conf));
	return rc;
}

static int answer_of(const struct sockets *s, uint32_t cmd, uint32_t index,
                     struct ifreq *r)
{
	bool lo = index == SANDBOX_LO;
	struct addr a = address_of(s, index);

	switch (cmd) {
	case SIOCGIFINDEX:
		r->ifr_ifindex = (int)index;
		return 0;
	case SIOCGIFFLAGS:
		r->ifr_flags = (short)(IFF_UP | IFF_RUNNING |
		                       (lo ? IFF_LOOPBACK : IFF_BROADCAST));
		return 0;
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
		put_ip4(&r->ifr_addr, &a);
		return 0;
	case SIOCGIFBRDADDR:
		a.b[15] = 255;
		a = lo ? addr_ip4(0, 0, 0, 0) : a;
		put_ip4(&r->ifr_addr, &a);
		return 0;
	case SIOCGIFNETMASK:
		a = lo ? addr_ip4(255, 0, 0, 0) : addr_ip4(255, 255, 255, 0);
		put_ip4(&r->ifr_addr, &a);
		return 0;
	case SIOCGIFMTU:
		r->ifr_mtu = lo ? 65536 : 1500;
		return 0;
	case SIOCGIFMETRIC:
		r->ifr_metric = 0;
		return 0;
	case SIOCGIFTXQLEN:
		r->ifr_qlen = 1000;
		return 0;
	case SIOCGIFHWADDR:
		memset(&r->ifr_hwaddr, 0, sizeof(r->ifr_hwaddr));
		r->ifr_hwaddr.sa_family = lo ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
		if (!lo)
			memcpy(r->ifr_hwaddr.sa_data, "\x02post\0", 6);
		return 0;
	default:
		return -EPERM; /* the rest would change something */
	}
}

static int64_t about_device(struct sockets *s, const struct call *c,
                            uint32_t cmd)
{
	struct ifreq r;
	uint32_t index;
	int rc;

	if (cmd == SIOCGIFCONF)
		return get_conf(s, c);
	rc = memory_read(s, c, c->args[2], &r, sizeof(r));
	if (rc < 0)
		return rc;
	r.ifr_name[sizeof(r.ifr_name) - 1] = '\0';
	if (cmd == SIOCGIFNAME) {
		index = (uint32_t)r.ifr_ifindex;
		if (index == SANDBOX_LO)
			strcpy(r.ifr_name, "lo");
		else if (index == sk_outward_if(s))
			strcpy(r.ifr_name, SANDBOX_IFNAME);
		else
			return -ENODEV;
	} else {
		index = index_of(s, &r);
		if (!index)
			return -ENODEV;
		rc = answer_of(s, cmd, index, &r);
		if (rc < 0)
			return rc;
	}
	return memory_write(s, c, c->args[2], &r, sizeof(r));
}

int64_t call_ioctl(struct sockets *s, struct call *c, const struct sock *sk)
{
	uint32_t cmd = (uint32_t)c->args[1];

	if (is_of_socket(cmd))
		return CALL_CONTINUE;
	/* routes, devices, bridges, tunnels; on any socket of the app */
	if (cmd == SIOCETHTOOL)
		return -EOPNOTSUPP;
	if (cmd >= SIOCGIFNAME && cmd <= SIOCGIFTXQLEN)
		return about_device(s, c, cmd);
	if (cmd == SIOCADDRT || cmd == SIOCDELRT)
		return -EPERM;
	if (cmd == SIOCGSTAMP_OLD || cmd == SIOCGSTAMPNS_OLD)
		return -ENOENT; /* no datagram was stamped */
	/* what only AF_UNIX has is not there on a socket that is not one */
	if (!sk && cmd >= SIOCPROTOPRIVATE && cmd < SIOCPROTOPRIVATE + 16)
		return CALL_CONTINUE;
	return -ENOTTY;
}
