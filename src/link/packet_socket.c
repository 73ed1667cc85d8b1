/* SPDX-License-Identifier: Apache-2.0 */
/* packet_socket.c - frame port on AF_PACKET, at the far end of a veth pair */
#include "link/frame_port.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

/*
 * Larger queues where the launcher may have them (root over its own
 * namespace); an ordinary user is held to net.core.rmem_max.
 */
static void enlarge_queue(int fd, int force, int plain)
{
	const int bytes = 16 << 20;

	if (setsockopt(fd, SOL_SOCKET, force, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof(bytes));
}

int frame_port_packet_open(const char *ifname, struct frame_port *port,
                           struct error *err)
{
	/* protocol 0: nothing arrives before the bind below */
	_auto_close_ int fd =
		socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_ll sll = {.sll_family = AF_PACKET,
	                          .sll_protocol = htons(ETH_P_ALL)};
	const int on = 1;

	if (fd < 0)
		return error_set(err, -errno, "cannot open a packet socket: ");
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0)
		return error_set(err, -errno, "cannot set PACKET_VNET_HDR: ");
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on,
	               sizeof(on)) < 0)
		return error_set(err, -errno,
		                 "cannot set PACKET_IGNORE_OUTGOING: ");
	/*
	 * Past the queue: the pair's carrier is there once both ends are up,
	 * but the queue of this end throws everything away until a kernel
	 * worker has noticed, which may be after CMD's first packet.
	 */
	if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) <
	    0)
		return error_set(err, -errno,
		                 "cannot set PACKET_QDISC_BYPASS: ");
	enlarge_queue(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	enlarge_queue(fd, SO_SNDBUFFORCE, SO_SNDBUF);
	sll.sll_ifindex = (int)if_nametoindex(ifname);
	if (!sll.sll_ifindex)
		return error_set(err, -errno, "no interface %s: ", ifname);
	if (bind(fd, (struct sockaddr *)&sll, sizeof(sll)) < 0)
		return error_set(err, -errno, "cannot bind to %s: ", ifname);
	*port = (struct frame_port){.kind = FRAME_PORT_PACKET,
	                            .fd = fd_take(&fd)};
	return 0;
}
