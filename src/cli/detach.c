/* SPDX-License-Identifier: Apache-2.0 */
/* detach.c - a sandbox that goes on when its command line returns */
#include "cli/detach.h"

#include "base/cleanup.h"
#include "launch/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Prints the id that comes once CMD runs; else the child's status. */
static int await_start(pid_t pid, int fd)
{
	char id[128];
	ssize_t n;
	int status;

	do
		n = read(fd, id, sizeof(id));
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return write(1, id, (size_t)n) == n ? 0 : EXIT_POSTERN;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_POSTERN;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* For us alone to read: it may hold anything. */
static int open_output(const char *file)
{
	return open(file ? file : "/dev/null",
	            O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NOCTTY |
	                    O_CLOEXEC,
	            0600);
}

static void leave_terminal(int out)
{
	_auto_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)setsid();
	if (null >= 0)
		(void)dup2(null, 0);
	(void)dup2(out, 1);
	(void)dup2(out, 2);
}

int cli_detach(struct cli *c)
{
	struct sandbox_config *k = &c->config;
	_auto_close_ int out = open_output(c->detach_file);
	struct error err = {0};
	int told[2], status;
	pid_t pid;

	if (out < 0) {
		error_set(&err, -errno, "--detach: cannot open %s: ",
		          c->detach_file ? c->detach_file : "/dev/null");
		return cli_fail(&err);
	}
	if (pipe2(told, O_CLOEXEC) < 0) {
		error_set(&err, -errno, "--detach: cannot make a pipe: ");
		return cli_fail(&err);
	}
	pid = fork();
	if (pid == 0) {
		close(told[0]);
		k->started_fd = told[1];
		k->start_errors_fd = fcntl(2, F_DUPFD_CLOEXEC, 3);
		leave_terminal(out);
		if (k->start_errors_fd >= 0)
			(void)!log_add(k->log_level, k->start_errors_fd, false);
		return -1;
	}
	if (pid < 0)
		error_set(&err, -errno, "--detach: cannot start a process: ");
	close(told[1]);
	status = pid < 0 ? cli_fail(&err) : await_start(pid, told[0]);
	close(told[0]);
	return status;
}
