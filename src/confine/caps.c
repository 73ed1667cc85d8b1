/* SPDX-License-Identifier: Apache-2.0 */
/* caps.c - giving capabilities up */
#include "confine/caps.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The bounding set first: it takes CAP_SETPCAP, which the second step may
 * give up. A process without it keeps its bounding set, which grants nothing
 * under no_new_privs.
 */
static int limit_bounding_set(uint64_t keep)
{
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (keep & CAP_BIT_(cap) ||
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL) /* beyond the last one of this kernel */
			return 0;
		return errno == EPERM ? 0 : -errno;
	}
	return 0;
}

int caps_limit(uint64_t keep, struct error *err)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};
	int rc = limit_bounding_set(keep);

	if (rc)
		return error_set(err, rc, "cannot drop capabilities: ");
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &head, data) < 0)
		return error_set(err, -errno, "cannot read capabilities: ");
	for (int i = 0; i < 2; i++) {
		uint32_t part = (uint32_t)(keep >> 32 * i);

		data[i].effective &= part;
		data[i].permitted &= part;
		data[i].inheritable &= part;
	}
	if (syscall(SYS_capset, &head, data) < 0)
		return error_set(err, -errno, "cannot drop capabilities: ");
	return 0;
}
