/* SPDX-License-Identifier: Apache-2.0 */
/* app_scope.c - a Landlock domain that keeps CMD's signals and names inside */
#include "confine/confine.h"

#include "base/cleanup.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* Linux 6.12 (ABI 6); the headers of Debian 12 are older */
#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)
#define RULESET_VERSION 1U
#define ABI_WITH_SCOPES 6
#define BIND_TCP (UINT64_C(1) << 0) /* Linux 6.7 (ABI 4) */
#define CONNECT_TCP (UINT64_C(1) << 1)

struct ruleset {
	uint64_t fs, net, scoped;
};

bool confine_can_scope(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0UL,
	               RULESET_VERSION) >= ABI_WITH_SCOPES;
}

int confine_app_scope(bool no_tcp, struct error *err)
{
	const struct ruleset attr = {.net = no_tcp ? BIND_TCP | CONNECT_TCP : 0,
	                             .scoped = SCOPE_ABSTRACT_UNIX_SOCKET |
	                                       SCOPE_SIGNAL};
	_auto_close_ int fd = -1;

	if (!confine_can_scope())
		return -EOPNOTSUPP;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(err, -errno, "cannot set no_new_privs: ");
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0U);
	if (fd < 0)
		return error_set(err, -errno,
		                 "cannot make a Landlock "
		                 "ruleset: ");
	if (syscall(SYS_landlock_restrict_self, fd, 0U) < 0)
		return error_set(err, -errno,
		                 "cannot enter a Landlock "
		                 "domain: ");
	return 0;
}
