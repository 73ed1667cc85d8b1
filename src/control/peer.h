/* SPDX-License-Identifier: Apache-2.0 */
/* peer.h - may the process at the other end of a control socket speak? */
#ifndef CONTROL_PEER_H
#define CONTROL_PEER_H

#include "base/error.h"

#include <sys/types.h>

/*
 * control_peer_check() - the end of a connected AF_UNIX socket must be of
 * this user and must not be inside a sandbox that this process is not inside
 * of itself, be it its own sandbox or another's. 0, or -EPERM with err set.
 */
_must_check_ int control_peer_check(int fd, struct error *err);

/* control_peer_pid() - of the other end, as this process counts; 0: not known
 */
pid_t control_peer_pid(int fd);

#endif
