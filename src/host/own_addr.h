/* SPDX-License-Identifier: Apache-2.0 */
/* own_addr.h - the host's own addresses, told to policy as they change */
#ifndef HOST_OWN_ADDR_H
#define HOST_OWN_ADDR_H

#include "base/util.h"

struct loop;
struct own_addr;
struct policy;

/*
 * own_addr_open() - an rtnetlink socket in the current network namespace,
 * subscribed to address changes. The descriptor or a negative errno.
 */
_must_check_ int own_addr_open(void);

/*
 * own_addr_new() - takes fd over, reads all addresses into policy before it
 * returns, and follows them as source LOOP_ROUTE. changed() is called after
 * the first reading, from inside, and after each change; closed says that the
 * addresses could not be told whole (too many, or the socket failed): nothing
 * new may be allowed then. NULL: out of memory.
 */
struct own_addr *
own_addr_new(int fd, struct loop *loop, struct policy *policy,
             void (*changed)(void *user, bool closed, int64_t now), void *user);

#endif
