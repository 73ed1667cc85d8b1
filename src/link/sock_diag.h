/* SPDX-License-Identifier: Apache-2.0 */
/* sock_diag.h - what the app's kernel knows of its own sockets */
#ifndef LINK_SOCK_DIAG_H
#define LINK_SOCK_DIAG_H

#include "base/addr.h"

/* struct sock_diag_found - inode: as in /proc/PID/fd, "socket:[INODE]" */
struct sock_diag_found {
	uint32_t inode;
	uint32_t uid;
};

/*
 * sock_diag_open() - a netlink socket about the network namespace that the
 * caller is in now; it stays about that one wherever it is passed. A
 * descriptor or a negative errno.
 */
_must_check_ int sock_diag_open(void);
/*
 * sock_diag_find() - whose socket sends from t.app to t.host (IP_PROTO_TCP or
 * IP_PROTO_UDP), by the interface ifindex? The kernel answers within the
 * call. 0; -ENOENT: none, as for a raw socket; another negative errno.
 */
_must_check_ int sock_diag_find(int fd, unsigned int ifindex, uint8_t proto,
                                const struct tuple *t,
                                struct sock_diag_found *found);

/* struct sock_diag_listener - a socket that waits for whoever comes */
struct sock_diag_listener {
	struct endpoint at;
	bool dual; /* of IPv6, and takes IPv4 as well */
};

/*
 * sock_diag_listeners() - calls found() for each listening TCP socket, or
 * unconnected UDP socket with a port, of both families. The kernel answers
 * within the call. 0, or a negative errno, and the list was cut short.
 */
_must_check_ int sock_diag_listeners(
	int fd, uint8_t proto,
	void (*found)(void *user, const struct sock_diag_listener *listener),
	void *user);

#endif
