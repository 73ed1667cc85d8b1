/* SPDX-License-Identifier: Apache-2.0 */
/* spawner.c - the process inside that starts the commands of `postern exec` */
/*
 * THEORY
 * A command of `postern exec` must have CMD's walls: its namespaces, ids,
 * capabilities, filter and, under `sockets`, its supervisor's listener. The
 * simplest process that has them all is a copy of CMD's own, made right before
 * its exec: the spawner. It only waits for descriptors, and gives each to a
 * minder of its own, which reads the request (`struct spawn_request`), starts
 * the command, hands on signals and answers with its status.
 *
 * The app may kill it, and then no command can be started; it cannot look into
 * it, as it is not dumpable (app_exec() sees to that before the filter) and,
 * where there are namespaces, its memory belongs to the user namespace outside.
 * Nobody listens to what the spawner says.
 */
#include "launch/spawner.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/passing.h"
#include "launch/descriptors.h"
#include "launch/launch.h"
#include "launch/message.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* struct order - a request, read */
struct order {
	struct passed stdio;
	char *text; /* malloc'ed, with what the others point to */
	const char *cwd;
	char **argv, **envp; /* malloc'ed */
};

/* --- reading it -------------------------------------------------------------
 */

static int receive_head(int sock, struct spawn_request *r, struct passed *stdio)
{
	struct iovec iov = {r, sizeof(*r)};
	ssize_t n = passing_receive(sock, &iov, 1, MSG_WAITALL, 3, stdio);

	return n == (ssize_t)sizeof(*r) && stdio->n == 3 && !stdio->cut
	               ? 0
	               : -EPROTO;
}

static int receive_text(int sock, char *to, size_t len)
{
	while (len) {
		ssize_t n = recv(sock, to, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EPROTO;
		to += n;
		len -= (size_t)n;
	}
	return 0;
}

/* n strings in a row, as a list; NULL: they are not there. */
static char **take_list(char **at, const char *end, uint32_t n)
{
	char **list = calloc((size_t)n + 1, sizeof(*list));

	for (uint32_t i = 0; list && i < n; i++) {
		char *stop = memchr(*at, '\0', (size_t)(end - *at));

		if (!stop) {
			free(list);
			return NULL;
		}
		list[i] = *at;
		*at = stop + 1;
	}
	return list;
}

static int receive_order(int sock, struct order *o)
{
	struct spawn_request r;
	char *at;
	int rc = receive_head(sock, &r, &o->stdio);

	if (rc)
		return rc;
	if (!r.argc || r.len > SPAWN_TEXT_MAX || r.argc > r.len ||
	    r.envc > r.len)
		return -EPROTO;
	at = o->text = malloc((size_t)r.len + 1);
	if (!o->text)
		return -ENOMEM;
	rc = receive_text(sock, o->text, r.len);
	if (rc)
		return rc;
	o->text[r.len] = '\0';
	o->cwd = at;
	at += strlen(at) + 1;
	if (at > o->text + r.len)
		return -EPROTO;
	o->argv = take_list(&at, o->text + r.len, r.argc);
	o->envp = o->argv ? take_list(&at, o->text + r.len, r.envc) : NULL;
	return o->envp ? 0 : -EPROTO;
}

/* --- the command ------------------------------------------------------------
 */

static _Noreturn void become(const struct order *o, const sigset_t *mask)
{
	int why;

	(void)setsid();
	for (int i = 0; i < 3; i++)
		if (dup2(o->stdio.fd[i], i) < 0)
			_exit(EXIT_POSTERN);
	/* a descriptor that was one of 0 to 2 has been written over: they
	 * came above them, since those were taken */
	descriptors_close_above(&(int){0}, 1);
	/* what is not there inside is no reason to run nothing */
	if (chdir(o->cwd) < 0 && chdir("/") < 0)
		_exit(EXIT_POSTERN);
	environ = o->envp;
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(o->argv[0], o->argv);
	why = errno;
	log_error("cannot run %s: %s", o->argv[0],
	          why == ENOENT ? "not found" : errno_text(why));
	_exit(why == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

/* A byte a signal; false: the caller is gone. */
static bool pass_signals(int sock, pid_t pid)
{
	unsigned char sig;
	ssize_t n = recv(sock, &sig, 1, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		(void)kill(pid, SIGHUP);
		return false;
	}
	(void)kill(pid, sig);
	return true;
}

static void mind(int sock, pid_t pid)
{
	struct spawn_answer a;
	struct pollfd p[2] = {{.events = POLLIN},
	                      {.fd = sock, .events = POLLIN}};
	struct signalfd_siginfo info;
	sigset_t child;
	int status;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	p[0].fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (poll(p, ARRAY_SIZE(p), -1) < 0)
			continue;
		(void)!read(p[0].fd, &info, sizeof(info));
		if (p[1].revents && !pass_signals(sock, pid))
			return; /* init takes the command over */
	}
	a.wait_status = status;
	/* not send(2): the supervisor refuses to answer for a process that it
	 * cannot look at. SIGPIPE is blocked. */
	(void)!write(sock, &a, sizeof(a));
}

static _Noreturn void minder(int sock, const sigset_t *mask)
{
	struct order o = {.text = NULL};
	pid_t pid;

	if (receive_order(sock, &o) < 0)
		_exit(1);
	pid = fork();
	if (pid == 0)
		become(&o, mask);
	for (int i = 0; i < 3; i++)
		fd_close(&o.stdio.fd[i]);
	if (pid > 0)
		mind(sock, pid);
	_exit(0);
}

/* --- the spawner ------------------------------------------------------------
 */

static _Noreturn void serve(int fd, const sigset_t *mask)
{
	sigset_t all;

	(void)prctl(PR_SET_NAME, "postern-exec", 0, 0, 0);
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	/* CMD's pipes are CMD's alone, and so are its terminal's signals */
	(void)setsid();
	stdio_detach(true);
	descriptors_close_above(&fd, 1);
	for (;;) {
		struct message_head head;
		_auto_close_ int sock = -1;
		int rc = message_receive_bare(fd, &head, &sock);

		while (waitpid(-1, NULL, WNOHANG) > 0)
			; /* minders of before */
		if (rc != 1 || head.kind != MSG_EXEC)
			_exit(0); /* the monitor is gone, and so is all this */
		if (sock >= 0 && fork() == 0) {
			close(fd);
			minder(sock, mask);
		}
	}
}

/* No signal tells of this child's end, so CMD finds none pending. */
static pid_t fork_silently(void)
{
	return (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
}

int spawner_start(int fd, const sigset_t *mask)
{
	pid_t pid = fork_silently();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		pid = fork_silently();
		if (pid == 0)
			serve(fd, mask);
		_exit(pid < 0);
	}
	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return -errno;
	close(fd);
	return status ? -EAGAIN : 0;
}
