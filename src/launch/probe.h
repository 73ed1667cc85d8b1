/* SPDX-License-Identifier: Apache-2.0 */
/* probe.h - what this machine lets us do, by trying it */
#ifndef LAUNCH_PROBE_H
#define LAUNCH_PROBE_H

#include "base/util.h"

#include <sys/types.h>

/* enum probe_id - one primitive; the order is that of `postern check` */
enum probe_id {
	PROBE_NAMESPACES, /* a user and a network namespace */
	PROBE_TAP,        /* link: /dev/net/tun in such a namespace */
	PROBE_VETH,       /* link: a veth pair and a packet socket */
	PROBE_PID_PROC,   /* a pid namespace with its own /proc */
	PROBE_SYSFS,      /* a /sys without the host's interfaces */
	PROBE_MOUNT,      /* resolv.conf can be bound over */
	PROBE_NOTIFY,     /* sockets: a seccomp listener */
	PROBE_READ_MEM,   /* sockets: process_vm_readv of a child */
	PROBE_GETFD,      /* sockets: pidfd_getfd of a child */
	PROBE_LANDLOCK,   /* sockets: abstract names closed (ABI 6) */
	PROBE_PING,       /* echo requests leave by a ping socket */
	PROBE_PEEK_OFF,   /* SO_PEEK_OFF for TCP: speed only */
	PROBE_COUNT
};

struct probe {
	bool present;
	char detail[200]; /* what was tried and what came of it */
	char remedy[240]; /* one line of what to do; "" when nothing is missing
	                     or nothing can be done */
};

const char *probe_name(enum probe_id id);
/* probe_purpose() - which frontend wants it: "link", "sockets", "both" */
const char *probe_purpose(enum probe_id id);

/*
 * probe_all() - tries every primitive, each in a child of its own that is
 * gone afterwards; takes some 30 ms. Nothing is changed on the machine.
 */
void probe_all(struct probe probes[PROBE_COUNT]);
/* What --frontend=link and =sockets would need at least. */
bool probe_link_works(const struct probe probes[PROBE_COUNT]);
bool probe_sockets_works(const struct probe probes[PROBE_COUNT]);

#endif
