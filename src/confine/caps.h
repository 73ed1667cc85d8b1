/* SPDX-License-Identifier: Apache-2.0 */
/* caps.h - giving capabilities up */
#ifndef CONFINE_CAPS_H
#define CONFINE_CAPS_H

#include "base/error.h"

#include <linux/capability.h>

#define CAP_BIT_(cap_) (UINT64_C(1) << (cap_))

/* what a root that is root of the host as well may keep: none of them leads
 * out of the namespaces */
#define CAPS_CONTAINER                                                         \
	(CAP_BIT_(CAP_CHOWN) | CAP_BIT_(CAP_DAC_OVERRIDE) |                    \
	 CAP_BIT_(CAP_FOWNER) | CAP_BIT_(CAP_FSETID) | CAP_BIT_(CAP_KILL) |    \
	 CAP_BIT_(CAP_SETGID) | CAP_BIT_(CAP_SETUID) | CAP_BIT_(CAP_SETPCAP) | \
	 CAP_BIT_(CAP_NET_BIND_SERVICE) | CAP_BIT_(CAP_NET_RAW) |              \
	 CAP_BIT_(CAP_SYS_CHROOT) | CAP_BIT_(CAP_SETFCAP) |                    \
	 CAP_BIT_(CAP_AUDIT_WRITE))

/*
 * caps_limit() - drops every capability outside keep from all sets of this
 * thread, the bounding set included where that is allowed (no CAP_SETPCAP
 * and already without them: nothing to do). 0 or a negative errno.
 */
_must_check_ int caps_limit(uint64_t keep, struct error *err);

#endif
