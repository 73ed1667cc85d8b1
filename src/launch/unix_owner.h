/* SPDX-License-Identifier: Apache-2.0 */
/* unix_owner.h - is it a process of the app that listens at a socket's file? */
#ifndef LAUNCH_UNIX_OWNER_H
#define LAUNCH_UNIX_OWNER_H

#include "launch/who.h"

enum unix_owned {
	UNIX_OF_APP,
	UNIX_OF_OTHERS, /* also where it is not known */
	UNIX_OF_NOBODY, /* what a server left behind */
};

struct unix_owner {
	/* sock_diag of the app's own network, owned; -1: it has none */
	int app;
	int here; /* of the caller's */
	pid_t root;
	struct who who;
};

/*
 * unix_owner_init() - app: a sock_diag socket of a network in which nobody is
 * but the app, or -1: then it is in the caller's, and its sockets are those
 * that a descendant of root has open.
 */
void unix_owner_init(struct unix_owner *o, int app, pid_t root);
/*
 * unix_owner_of() - fd: a socket's file, open with O_PATH, on a mount that
 * thread tid sees. Asks the kernel which socket was bound as that file
 * (sock_diag(7), UDIAG_SHOW_VFS), so that renaming does not matter. Of an
 * inode 32 bits are compared, as the kernel tells no more. A server in a
 * network that is neither the app's nor the caller's is not seen.
 */
enum unix_owned unix_owner_of(struct unix_owner *o, uint32_t tid, int fd);

#endif
