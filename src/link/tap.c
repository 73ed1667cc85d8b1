/* SPDX-License-Identifier: Apache-2.0 */
/* tap.c - frame port on /dev/net/tun */
#include "link/frame_port.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

/* Linux 6.2; not yet in the headers of Debian 12 */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define VNET_HDR_LEN 10

/*
 * What the app's kernel may leave undone: checksums, and cutting of large
 * sends. Kernels before 6.2 refuse the whole set for the UDP bits.
 */
static int set_offloads(int fd, bool gso, struct error *err)
{
	const unsigned long tcp =
		gso ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 : TUN_F_CSUM;

	if (gso && ioctl(fd, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) == 0)
		return 0;
	if (ioctl(fd, TUNSETOFFLOAD, tcp) < 0)
		return error_set(err, -errno, "cannot set tap offloads: ");
	return 0;
}

int frame_port_tap_open(const char *ifname, bool gso, struct frame_port *port,
                        struct error *err)
{
	_auto_close_ int fd =
		open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	const int hdr_len = VNET_HDR_LEN;
	struct ifreq ifr = {0};
	int rc;

	if (fd < 0)
		return error_set(err, -errno, "cannot open /dev/net/tun: ");
	ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	strncpy(ifr.ifr_name, ifname, sizeof(ifr.ifr_name) - 1);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		return error_set(err, -errno, "cannot make tap %s: ", ifname);
	if (ioctl(fd, TUNSETVNETHDRSZ, &hdr_len) < 0)
		return error_set(err, -errno, "cannot set tap header: ");
	rc = set_offloads(fd, gso, err);
	if (rc)
		return rc;
	*port = (struct frame_port){.kind = FRAME_PORT_TAP, .fd = fd_take(&fd)};
	return 0;
}
