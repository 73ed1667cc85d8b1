/* SPDX-License-Identifier: Apache-2.0 */
/* lookup.c - the address of a name, as the host's own programs find it */
#include "launch/lookup.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* getent's output goes to `out`; its complaints are ours to word. */
static int start(const char *name, int out, pid_t *pid)
{
	char *argv[] = {(char[]){"getent"}, (char[]){"ahosts"}, (char[]){"--"},
	                (char *)(uintptr_t)name, NULL};
	posix_spawn_file_actions_t files;
	int rc = posix_spawn_file_actions_init(&files);

	if (rc)
		return -rc;
	rc = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null",
	                                      O_RDONLY, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&files, out,
		                                      STDOUT_FILENO);
	if (!rc)
		rc = posix_spawn_file_actions_addopen(&files, STDERR_FILENO,
		                                      "/dev/null", O_WRONLY, 0);
	if (!rc)
		rc = posix_spawnp(pid, "getent", &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	return -rc;
}

/* All that comes, as far as it fits; the rest is read and dropped. */
static size_t read_all(int fd, char *buf, size_t cap)
{
	char rest[512];
	size_t len = 0;
	ssize_t n;

	do {
		bool full = len == cap;

		n = read(fd, full ? rest : buf + len,
		         full ? sizeof(rest) : cap - len);
		if (n > 0 && !full)
			len += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	return len;
}

int lookup_host(const char *name, struct addr *out)
{
	_auto_close_ int ours = -1;
	char text[512];
	int pipe[2], rc;
	size_t len;
	pid_t pid;

	if (pipe2(pipe, O_CLOEXEC) < 0)
		return -errno;
	ours = pipe[0];
	rc = start(name, pipe[1], &pid);
	close(pipe[1]);
	if (rc)
		return rc;
	len = read_all(ours, text, sizeof(text) - 1);
	/* who ignores SIGCHLD has none to wait for; the text tells anyway */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	/* "192.0.2.1       STREAM name", and the others after it */
	text[len] = '\0';
	text[strcspn(text, " \t\n%")] = '\0';
	return addr_parse(text, out) ? -ENODATA : 0;
}
