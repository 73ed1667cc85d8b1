/* SPDX-License-Identifier: Apache-2.0 */
/*
 * udp_connect_shuts - a bound UDP socket that is connected to somebody else
 * answers senders with "port unreachable" and keeps its port; connect(2) to
 * AF_UNSPEC opens it again, at the same port.
 */
#include "fact.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in at = {.sin_family = AF_INET};

static int udp(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	NEED(fd >= 0);
	return fd;
}

static void aim(int fd, uint16_t port)
{
	struct sockaddr_in to = at;

	to.sin_port = htons(port);
	NEED(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
}

int main(void)
{
	struct sockaddr unspec = {.sa_family = AF_UNSPEC};
	struct sockaddr_in now;
	socklen_t len = sizeof(at);
	int ours = udp(), client = udp(), other = udp();
	char byte;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	NEED(bind(ours, (struct sockaddr *)&at, sizeof(at)) == 0);
	NEED(getsockname(ours, (struct sockaddr *)&at, &len) == 0);
	/* as the monitor does: asked for by number */
	close(ours);
	ours = udp();
	NEED(bind(ours, (struct sockaddr *)&at, sizeof(at)) == 0);
	NEED(connect(client, (struct sockaddr *)&at, sizeof(at)) == 0);
	for (int i = 0; i < 3; i++) {
		aim(ours, 9);
		HOLDS(send(client, "x", 1, 0) == 1);
		HOLDS(send(client, "x", 1, 0) == -1 && errno == ECONNREFUSED);
		HOLDS(recv(ours, &byte, 1, 0) == -1 && errno == EAGAIN);
		HOLDS(bind(other, (struct sockaddr *)&at, sizeof(at)) == -1);
		HOLDS(connect(ours, &unspec, sizeof(unspec)) == 0);
		len = sizeof(now);
		NEED(getsockname(ours, (struct sockaddr *)&now, &len) == 0);
		HOLDS(now.sin_port == at.sin_port &&
		      now.sin_addr.s_addr == at.sin_addr.s_addr);
		HOLDS(send(client, "x", 1, 0) == 1);
		HOLDS(recv(ours, &byte, 1, 0) == 1);
	}
	return 0;
}
