/* SPDX-License-Identifier: Apache-2.0 */
/* mounts.h - what the app sees of /proc, /sys and the host's resolvers */
#ifndef LAUNCH_MOUNTS_H
#define LAUNCH_MOUNTS_H

#include "base/error.h"

/*
 * All of them work in the current mount namespace, which belongs to the
 * caller's user namespace or to one it has rights over.
 */

/* mounts_detach() - nothing mounted from now on shows outside. */
_must_check_ int mounts_detach(struct error *err);
/* mounts_proc() - a /proc of the current pid namespace. */
_must_check_ int mounts_proc(struct error *err);
/*
 * mounts_sys() - a /sys that shows the interfaces of the current network
 * namespace only; where the kernel refuses one, the places where interfaces
 * of the host show are covered.
 */
_must_check_ int mounts_sys(struct error *err);
/*
 * mounts_resolv_conf() - binds a read-only file with this text over what
 * /etc/resolv.conf resolves to.
 */
_must_check_ int mounts_resolv_conf(const char *text, size_t len,
                                    struct error *err);
/*
 * mounts_hide_resolvers() - the sockets of nss-resolve, nscd and avahi, at
 * which the host's own daemons would answer, become dead files. What is not
 * there is not hidden. The first that cannot be hidden is the error.
 */
_must_check_ int mounts_hide_resolvers(struct error *err);
/*
 * mounts_hide_control() - an empty directory over the one in which the control
 * sockets of the host's sandboxes are, writable for a postern inside.
 */
_must_check_ int mounts_hide_control(const char *path, struct error *err);
/* mounts_refresh_cwd() - moves a working directory below /proc or /sys from
 * the covered tree to the one that is seen now. */
void mounts_refresh_cwd(void);

#endif
