/* SPDX-License-Identifier: Apache-2.0 */
/* impair.c - a link with delay and loss, between two interfaces, for ./bench */

/*
 * Usage: impair IF_A IF_B MICROSECONDS LOST_PER_MILLION SEED
 *
 * Frames of each interface leave by the other one after MICROSECONDS; of those
 * that are longer than 200 bytes (data, not bare acknowledgements) some are
 * lost, the same ones for the same SEED. Says "ready" and runs until killed.
 * The interfaces must have no segmentation or checksum offload.
 */
#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FRAMES 65536u /* each way, a power of two */
#define FRAME_MAX 2048
#define BATCH 64

struct frame {
	int64_t due;
	uint32_t len;
	uint8_t data[FRAME_MAX];
};

struct way {
	int in, out;
	struct frame *ring;
	uint32_t head, tail;
	uint64_t random;
};

static int64_t delay_ns;
static uint64_t lost_per_million;

/* xorshift64 (Marsaglia 2003) */
static bool is_lost(struct way *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random % 1000000 < lost_per_million;
}

static int open_port(const char *name)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
	                         .sll_protocol = htons(ETH_P_ALL),
	                         .sll_ifindex = (int)if_nametoindex(name)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
	int on = 1, bytes = 32 << 20;

	if (fd < 0 || !ll.sll_ifindex)
		die(name);
	/* or what we send comes in again */
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on,
	               sizeof(on)) < 0)
		die("PACKET_IGNORE_OUTGOING");
	(void)setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	if (bind(fd, (void *)&ll, sizeof(ll)) < 0)
		die(name);
	return fd;
}

static void take(struct way *w)
{
	struct mmsghdr msg[BATCH] = {0};
	struct iovec iov[BATCH];
	uint32_t room = FRAMES - (w->tail - w->head);
	int n = (int)(room < BATCH ? room : BATCH);
	int64_t due;

	for (int i = 0; i < n; i++) {
		iov[i].iov_base =
			w->ring[(w->tail + (uint32_t)i) % FRAMES].data;
		iov[i].iov_len = FRAME_MAX;
		msg[i].msg_hdr.msg_iov = &iov[i];
		msg[i].msg_hdr.msg_iovlen = 1;
	}
	n = n ? recvmmsg(w->in, msg, (unsigned int)n, MSG_DONTWAIT, NULL) : 0;
	due = now_ns() + delay_ns;
	for (int i = 0; i < n; i++) {
		struct frame *f = &w->ring[(w->tail + (uint32_t)i) % FRAMES];
		bool data = msg[i].msg_len > 200;

		/* a lost one keeps its place, and its time */
		f->due = due;
		f->len = data && is_lost(w) ? 0 : msg[i].msg_len;
	}
	if (n > 0)
		w->tail += (uint32_t)n;
}

static void give(struct way *w)
{
	int64_t now = now_ns();

	while (w->head != w->tail) {
		struct frame *f = &w->ring[w->head % FRAMES];

		if (f->due > now)
			return;
		if (f->len && send(w->out, f->data, f->len, 0) < 0 &&
		    (errno == EAGAIN || errno == ENOBUFS))
			return;
		w->head++;
	}
}

static int64_t wait_ns(const struct way *w)
{
	int64_t left;

	if (w->head == w->tail)
		return INT64_C(1000000000);
	left = w->ring[w->head % FRAMES].due - now_ns();
	return left < 0 ? 0 : left;
}

int main(int argc, char **argv)
{
	struct way ways[2] = {0};
	struct pollfd polls[2];

	if (argc != 6)
		return 2;
	delay_ns = atoll(argv[3]) * 1000;
	lost_per_million = (uint64_t)atoll(argv[4]);
	for (int i = 0; i < 2; i++) {
		ways[i].in = open_port(argv[1 + i]);
		ways[i].ring = calloc(FRAMES, sizeof(*ways[i].ring));
		ways[i].random = (uint64_t)atoll(argv[5]) * 2654435761u + 1 +
		                 (uint64_t)i;
		if (!ways[i].ring)
			die("memory");
		polls[i] = (struct pollfd){.fd = ways[i].in, .events = POLLIN};
	}
	ways[0].out = ways[1].in;
	ways[1].out = ways[0].in;
	puts("ready");
	fflush(stdout);
	for (;;) {
		int64_t ns = wait_ns(&ways[0]), other = wait_ns(&ways[1]);
		struct timespec t = {.tv_nsec = other < ns ? other : ns};

		if (t.tv_nsec >= 1000000000)
			t = (struct timespec){.tv_sec = 1};
		if (ppoll(polls, 2, &t, NULL) < 0 && errno != EINTR)
			die("ppoll");
		for (int i = 0; i < 2; i++) {
			take(&ways[i]);
			give(&ways[i]);
		}
	}
}
