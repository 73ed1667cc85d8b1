/* SPDX-License-Identifier: Apache-2.0 */
/* lookup.h - the address of a name, as the host's own programs find it */
#ifndef LAUNCH_LOOKUP_H
#define LAUNCH_LOOKUP_H

#include "base/addr.h"
#include "base/error.h"

/*
 * lookup_host() - the first address of name by all that nsswitch.conf(5) asks,
 * which getent(1) does for us: a statically linked program cannot load those
 * modules (HACKING.md). Blocks as getaddrinfo(3) does. 0; -ENODATA: there
 * is none; or another negative errno: getent cannot be run.
 */
_must_check_ int lookup_host(const char *name, struct addr *out);

#endif
