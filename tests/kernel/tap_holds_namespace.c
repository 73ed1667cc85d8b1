/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tap_holds_namespace - a network namespace without a process lives on while
 * a tap descriptor of it is open: sockets that were closed with unsent data
 * still send it.
 */
#include "fact.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void set_up(int s, const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_UP | IFF_RUNNING};
	struct sockaddr_in a = {.sin_family = AF_INET};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	NEED(ioctl(s, SIOCSIFFLAGS, &ifr) == 0);
	a.sin_addr.s_addr = inet_addr("10.0.2.100");
	memcpy(&ifr.ifr_addr, &a, sizeof(a));
	NEED(ioctl(s, SIOCSIFADDR, &ifr) == 0);
}

/* Starts a connect that nobody answers, and goes. */
static void child(int up)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(80)};
	int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	set_up(s, "t0");
	to.sin_addr.s_addr = inet_addr("10.0.2.2");
	(void)connect(s, (struct sockaddr *)&to, sizeof(to));
	(void)!write(up, "u", 1);
	_exit(0);
}

int main(void)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI, .ifr_name = "t0"};
	int tap, up[2], later, pid, frames = 0;
	char buf[2048], c;
	struct pollfd p;

	NEED(pipe(up) == 0);
	later = open("/proc/self/ns/net", O_RDONLY);
	NEED(later >= 0);
	NEED(geteuid() == 0); /* to come back from the namespace */
	NEED(unshare(CLONE_NEWNET) == 0);
	tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	NEED(tap >= 0);
	NEED(ioctl(tap, TUNSETIFF, &ifr) == 0);
	pid = fork();
	if (pid == 0)
		child(up[1]);
	NEED(pid > 0 && read(up[0], &c, 1) == 1);
	NEED(waitpid(pid, NULL, 0) == pid);
	NEED(setns(later, CLONE_NEWNET) == 0);
	/* no process is in it any more: its ARP questions go on */
	while (read(tap, buf, sizeof(buf)) > 0)
		;
	p = (struct pollfd){.fd = tap, .events = POLLIN};
	while (frames < 2 && poll(&p, 1, 3000) == 1)
		if (read(tap, buf, sizeof(buf)) > 0)
			frames++;
		else
			break;
	HOLDS(frames > 0);
	return 0;
}
