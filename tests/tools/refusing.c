/* SPDX-License-Identifier: Apache-2.0 */
/* refusing.c - runs a command under a kernel that lacks system calls */

/*
 * Usage: refusing CALL[,CALL...] CMD [ARGUMENT...]: each is ENOSYS to CMD,
 * whoever runs it; the status is CMD's.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	char *rest = argc > 2 ? argv[1] : NULL, *name;

	if (!rest || !f) {
		fputs("usage: refusing CALL[,CALL...] CMD [ARGUMENT...]\n",
		      stderr);
		return 124;
	}
	while ((name = strsep(&rest, ","))) {
		int call = seccomp_syscall_resolve_name(name);

		if (call == __NR_SCMP_ERROR ||
		    seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), call, 0) < 0) {
			fprintf(stderr, "refusing: no such call: %s\n", name);
			return 124;
		}
	}
	if (seccomp_load(f) < 0) {
		perror("refusing");
		return 124;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 124;
}
