/* SPDX-License-Identifier: Apache-2.0 */
/* exec.c - the verb exec: a command in a sandbox that runs already */
#include "base/cleanup.h"
#include "base/passing.h"
#include "cli/sandboxes.h"
#include "launch/descriptors.h"
#include "launch/launch.h"
#include "launch/spawner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* --- the request -----------------------------------------------------------
 */

static size_t size_of(char *const *list, uint32_t *n)
{
	size_t size = 0;

	for (*n = 0; list[*n]; ++*n)
		size += strlen(list[*n]) + 1;
	return size;
}

static char *put_list(char *at, char *const *list)
{
	for (; *list; list++)
		at = stpcpy(at, *list) + 1;
	return at;
}

/* Blocks until somebody inside has read it, or is gone. */
static int send_order(int sock, char *const *argv, struct error *err)
{
	static const int stdio[] = {0, 1, 2};
	struct spawn_request r;
	struct iovec head = {&r, sizeof(r)};
	_auto_free_ char *cwd = getcwd(NULL, 0);
	_auto_free_ char *text = NULL;
	const char *from = cwd ? cwd : "/";
	size_t size = strlen(from) + 1;
	char *at;

	size += size_of(argv, &r.argc);
	size += size_of(environ, &r.envc);
	if (size > SPAWN_TEXT_MAX)
		return error_set(err, -E2BIG,
		                 "the command and its environment are longer "
		                 "than 4 MiB");
	r.len = (uint32_t)size;
	at = text = malloc(size);
	if (!text)
		return error_set(err, -ENOMEM, "no memory");
	at = stpcpy(at, from) + 1;
	at = put_list(at, argv);
	put_list(at, environ);
	if (passing_send(sock, &head, 1, stdio, ARRAY_SIZE(stdio)) !=
	    (ssize_t)sizeof(r))
		return error_set(err, -EPIPE,
		                 "nobody inside takes the "
		                 "command");
	for (at = text; size;) {
		ssize_t n = send(sock, at, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set(err, -EPIPE,
			                 "nobody inside takes the command");
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

/* --- its run ----------------------------------------------------------------
 */

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < LAUNCH_FORWARDED; i++)
		sigaddset(&set, launch_forwarded[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* The command's status, as a shell counts. */
static int watch_command(int sock, int signal_fd, const char *id)
{
	struct pollfd p[2] = {{.fd = sock, .events = POLLIN},
	                      {.fd = signal_fd, .events = POLLIN}};
	struct signalfd_siginfo info;
	struct spawn_answer a;
	unsigned char sig;
	ssize_t n;

	for (;;) {
		if (poll(p, ARRAY_SIZE(p), -1) < 0)
			continue;
		if (p[1].revents &&
		    read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
			sig = (unsigned char)info.ssi_signo;
			(void)!send(sock, &sig, 1, MSG_NOSIGNAL);
		}
		if (!p[0].revents)
			continue;
		n = recv(sock, &a, sizeof(a), MSG_WAITALL);
		if (n != (ssize_t)sizeof(a))
			break;
		if (WIFSIGNALED(a.wait_status))
			return 128 + WTERMSIG(a.wait_status);
		return WEXITSTATUS(a.wait_status);
	}
	/* with the sandbox its processes were killed */
	log_error("sandbox %s has ended, and the command with it", id);
	return 128 + SIGKILL;
}

static int run(struct control_client *client, char *const *argv,
               struct error *err)
{
	_auto_close_ int ours = -1, signal_fd = -1;
	struct json_object *line = NULL;
	int pair[2], rc;

	rc = descriptors_check_stdio(err);
	if (rc)
		return rc;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, -errno, "cannot make a socket pair: ");
	ours = pair[0];
	rc = control_pass(client, CONTROL_EXEC, pair[1], err);
	close(pair[1]);
	if (!rc)
		rc = control_receive(client, ANSWER_MS, &line, err);
	json_object_put(line);
	if (rc < 0)
		return rc;
	signal_fd = open_signals();
	if (signal_fd < 0)
		return error_set(err, signal_fd, "cannot take signals: ");
	rc = send_order(ours, argv, err);
	return rc ? rc : watch_command(ours, signal_fd, client->id);
}

int cli_exec(struct cli *c)
{
	struct control_client client;
	struct error err = {0};
	char **argv = c->rest;
	int rc;

	if (argv && *argv)
		argv++;
	if (argv && *argv && !strcmp(*argv, "--"))
		argv++;
	if (!argv || !*argv) {
		error_set(&err, -EINVAL, "write postern exec %s",
		          c->verb->usage);
		return cli_fail(&err);
	}
	rc = sandbox_connect(c->rest[0], &client, &err);
	if (rc < 0)
		return cli_fail(&err);
	rc = run(&client, argv, &err);
	control_disconnect(&client);
	return rc < 0 ? cli_fail(&err) : rc;
}
