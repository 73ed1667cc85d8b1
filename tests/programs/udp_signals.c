/* SPDX-License-Identifier: Apache-2.0 */
/* udp_signals.c - a storm of signals takes hardly a datagram away */
#include "program.h"

#include <poll.h>
#include <signal.h>
#include <sys/time.h>

#define ROUNDS 3000

static int fd;

static void on_signal(int sig)
{
	(void)sig;
}

/* One of the three ways to receive, without waiting. */
static ssize_t receive(int way, char *buf, size_t len)
{
	struct sockaddr_in from;
	socklen_t fromlen = sizeof(from);
	struct iovec iov = {buf, len};
	struct mmsghdr m = {.msg_hdr = {.msg_name = &from,
	                                .msg_namelen = sizeof(from),
	                                .msg_iov = &iov,
	                                .msg_iovlen = 1}};

	if (way == 0)
		return recvfrom(fd, buf, len, MSG_DONTWAIT, (void *)&from,
		                &fromlen);
	if (way == 1)
		return recvmsg(fd, &m.msg_hdr, MSG_DONTWAIT);
	return recvmmsg(fd, &m, 1, MSG_DONTWAIT, NULL) == 1 ? (ssize_t)m.msg_len
	                                                    : -1;
}

static bool comes(int way, int round)
{
	char buf[64];
	int got;

	for (int i = 0; i < 1000; i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n = receive(way, buf, sizeof(buf));

		if (n == sizeof(got)) {
			memcpy(&got, buf, sizeof(got));
			if (got == round)
				return true;
			/* one that was sent twice: see notify.c, is_once() */
			if (got < round)
				continue;
			return false;
		}
		if (n >= 0 || (errno != EAGAIN && errno != EINTR))
			return false;
		/* two seconds without a datagram, signals or not */
		if (poll(&p, 1, 2000) == 0)
			return false;
	}
	return false;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal,
	                           .sa_flags = SA_RESTART};
	const struct itimerval often = {{0, 150}, {0, 150}}, never = {0};
	struct sockaddr_in own = {.sin_family = AF_INET};
	socklen_t len = sizeof(own);
	int lost[3] = {0};

	(void)argc, (void)argv;
	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || bind(fd, (void *)&own, len) < 0 ||
	    getsockname(fd, (void *)&own, &len) < 0)
		return 1;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		while (sendto(fd, &i, sizeof(i), 0, (void *)&own, len) < 0)
			if (errno != EINTR)
				return 1;
		lost[i % 3] += !comes(i % 3, i);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	for (int way = 0; way < 3; way++) {
		static const char *const names[] = {"recvfrom", "recvmsg",
		                                    "recvmmsg"};

		/* no more than that moment of notify.c */
		if (lost[way] > ROUNDS / 300)
			printf("%s: %d of %d lost\n", names[way], lost[way],
			       ROUNDS / 3);
		else
			printf("%s: they come\n", names[way]);
	}
	return 0;
}
