/* SPDX-License-Identifier: Apache-2.0 */
/*
 * id_change_hides - a process that changes its uid becomes non-dumpable: a
 * parent without CAP_SYS_PTRACE in the namespace of its program can no longer
 * enter its namespaces by pidfd, until it says PR_SET_DUMPABLE.
 */
#include "fact.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int step[2], go[2];

static void wait_for(int fd)
{
	char c;

	if (read(fd, &c, 1) != 1)
		_exit(2);
}

static void child(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		_exit(2);
	(void)!write(step[1], "u", 1);
	wait_for(go[0]); /* the parent writes the maps */
	if (setresuid(0, 0, 0) < 0)
		_exit(3);
	(void)!write(step[1], "c", 1);
	wait_for(go[0]);
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	(void)!write(step[1], "d", 1);
	pause();
}

static void write_map(int pid, const char *file, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_WRONLY);
	NEED(fd >= 0 && write(fd, text, strlen(text)) > 0);
	close(fd);
}

int main(void)
{
	int pid, pidfd;
	char c;

	/* a user namespace of our own with more than one id */
	NEED(geteuid() == 0);
	NEED(pipe(step) == 0 && pipe(go) == 0);
	pid = fork();
	NEED(pid >= 0);
	if (pid == 0) {
		/* the middle process: rights over a namespace, not the host */
		int inner;

		NEED(unshare(CLONE_NEWUSER) == 0);
		(void)!write(step[1], "o", 1);
		wait_for(go[0]);
		inner = fork();
		if (inner == 0)
			child();
		wait_for(step[0]);
		write_map(inner, "uid_map", "0 100000 1000");
		write_map(inner, "gid_map", "0 100000 1000");
		(void)!write(go[1], "g", 1);
		wait_for(step[0]);
		pidfd = (int)syscall(SYS_pidfd_open, inner, 0);
		NEED(pidfd >= 0);
		HOLDS(setns(pidfd, CLONE_NEWNET) == -1 && errno == EPERM);
		(void)!write(go[1], "g", 1);
		wait_for(step[0]);
		HOLDS(setns(pidfd, CLONE_NEWNET) == 0);
		kill(inner, SIGKILL);
		_exit(0);
	}
	/* the other end is the child's alone: it may end before it wrote */
	close(step[1]);
	NEED(read(step[0], &c, 1) == 1);
	write_map(pid, "uid_map", "0 0 200000");
	write_map(pid, "gid_map", "0 0 200000");
	(void)!write(go[1], "g", 1);
	int status;
	NEED(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
