/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pidns_dies_with_init - PR_SET_PDEATHSIG reaches the direct child only, but
 * where that child is the init of a pid namespace all of the namespace ends
 * with it, also what has a session of its own.
 */
#include "fact.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A child that dies by our death, and its own child in another session, which
 * holds the pipe open as long as it lives. True: it ended within half a second
 * after the process in the middle was killed.
 */
static int grandchild_ends(int flags)
{
	struct pollfd p;
	int held[2], up[2], middle;
	char c;

	NEED(pipe(held) == 0 && pipe(up) == 0);
	middle = fork();
	if (middle == 0) {
		if (flags && unshare(flags) < 0 &&
		    unshare(flags | CLONE_NEWUSER) < 0)
			_exit(FACT_SKIP);
		if (fork() == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
			if (fork() == 0) {
				setsid();
				(void)!write(up[1], "u", 1);
				sleep(2);
				_exit(0);
			}
			close(held[1]);
			pause();
		}
		close(held[1]);
		pause();
	}
	close(held[1]);
	close(up[1]);
	NEED(read(up[0], &c, 1) == 1);
	kill(middle, SIGKILL);
	waitpid(middle, NULL, 0);
	p = (struct pollfd){.fd = held[0], .events = POLLIN};
	return poll(&p, 1, 500) == 1;
}

int main(void)
{
	HOLDS(grandchild_ends(CLONE_NEWPID));
	HOLDS(!grandchild_ends(0));
	return 0;
}
