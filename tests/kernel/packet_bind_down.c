/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet_bind_down - a packet socket bound to an interface that is down reads
 * ENETDOWN first; bound after it came up, it does not.
 */
#include "fact.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int bound_to_loopback(void)
{
	struct sockaddr_ll sll = {.sll_family = AF_PACKET,
	                          .sll_protocol = htons(ETH_P_ALL),
	                          .sll_ifindex = 1};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);

	NEED(fd >= 0);
	NEED(bind(fd, (struct sockaddr *)&sll, sizeof(sll)) == 0);
	return fd;
}

int main(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	char buf[64];
	int fd;

	NEED(unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 ||
	     unshare(CLONE_NEWNET) == 0);
	fd = bound_to_loopback();
	HOLDS(recv(fd, buf, sizeof(buf), 0) == -1 && errno == ENETDOWN);
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	NEED(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &ifr) == 0);
	fd = bound_to_loopback();
	HOLDS(recv(fd, buf, sizeof(buf), 0) == -1 && errno == EAGAIN);
	return 0;
}
