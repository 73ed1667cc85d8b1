/* SPDX-License-Identifier: Apache-2.0 */
/* init.c - the app's side: its namespaces, a tiny init, CMD */
#include "launch/init.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "confine/caps.h"
#include "launch/app_network.h"
#include "launch/descriptors.h"
#include "launch/exec.h"
#include "launch/launch.h"
#include "launch/message.h"
#include "launch/mounts.h"
#include "launch/reap.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/*
 * What init and the process that becomes CMD tell each other while both work
 * at their part of the set-up.
 */
enum sync_byte {
	SYNC_MAPPED = 'm',   /* init: your id maps are written */
	SYNC_NETWORK = 'n',  /* CMD: my network namespace is the final one */
	SYNC_MOUNTED = 'o',  /* init: all is mounted */
	SYNC_UNBOUND = 'u',  /* the same, but resolv.conf is the host's */
	SYNC_FINISHED = 'f', /* CMD: my part is done, I wait */
	SYNC_START = 's',    /* init: MSG_START came */
};

static int sync_send(int sock, enum sync_byte byte)
{
	char c = (char)byte;

	return send(sock, &c, 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

/* The byte that came, or -EPIPE: the other process is gone. */
static int sync_receive(int sock)
{
	char c;
	ssize_t n;

	do
		n = recv(sock, &c, 1, 0);
	while (n < 0 && errno == EINTR);
	return n == 1 ? c : -EPIPE;
}

static _Noreturn void fail(const struct app_side *a, const struct error *err)
{
	(void)!message_send(a->monitor_fd, MSG_FAILED, err->code, err->text,
	                    strlen(err->text), -1);
	_exit(EXIT_POSTERN);
}

/* --- the process that becomes CMD ---------------------------------------- */

/* With rights over a range that leaves the launcher's own uid out. */
static int become_root(struct error *err)
{
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 ||
	    setresuid(0, 0, 0) < 0)
		return error_set(err, -errno, "cannot become uid 0 inside: ");
	/* what a change of ids takes away: that, and being looked at by init,
	 * which has to enter our network (tests/kernel/id_change_hides) */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	return 0;
}

static int cmd_take_ids(const struct app_side *a, int sock, struct error *err)
{
	if (!a->ids.user_ns)
		return 0;
	if (a->ids.inner.own) {
		int rc = id_map_write(&a->ids.inner, 0, err);

		if (rc)
			return rc;
	} else if (sync_receive(sock) != SYNC_MAPPED) {
		return error_set(err, -EPIPE, "init is gone");
	}
	return a->ids.become_root ? become_root(err) : 0;
}

static int tell_wired(const struct app_side *a, struct error *err)
{
	int rc = message_send(a->monitor_fd, MSG_APP_WIRED, 0, NULL, 0, -1);

	return rc ? error_set(err, rc, "cannot tell the monitor: ") : 0;
}

static int cmd_set_up(const struct app_side *a, int sock, struct error *err)
{
	int rc = cmd_take_ids(a, sock, err);
	bool wired;

	if (!rc && a->frame_port)
		rc = app_network_port(a, err);
	if (rc)
		return rc;
	if (sync_send(sock, SYNC_NETWORK))
		return error_set(err, -EPIPE, "init is gone");
	/* doors need the interface's addresses */
	wired = a->frame_port && !a->config->ndoors;
	if (wired)
		rc = tell_wired(a, err);
	if (!rc)
		rc = app_network_configure(a, err);
	if (!rc && a->unix_diag)
		rc = app_network_tell(a, err);
	if (!rc && a->frame_port && !wired) {
		rc = app_network_doors(a, err);
		if (!rc)
			rc = tell_wired(a, err);
	}
	if (rc)
		return rc;
	switch (sync_receive(sock)) {
	case SYNC_MOUNTED:
		break;
	case SYNC_UNBOUND:
		rc = app_network_resolvers(a, err);
		break;
	default:
		rc = error_set(err, -EPIPE, "init is gone");
	}
	return rc;
}

static _Noreturn void cmd_main(const struct app_side *a, int sock)
{
	struct app_exec x = {
		.config = a->config,
		.mask = a->mask,
		.launched_as = a->launched_as,
		.full_rights = a->config->map_root && a->ids.user_ns,
		.root_inside =
			a->namespaces ? a->ids.root_inside : geteuid() == 0,
		.no_user_ns = !a->ids.user_ns,
		.install_filter = a->install_filter,
		.exec_fd = a->exec_fd,
		.user = a->user,
	};
	struct error err = {0};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (cmd_set_up(a, sock, &err))
		fail(a, &err);
	if (sync_send(sock, SYNC_FINISHED))
		_exit(EXIT_POSTERN);
	/* of sockets the filter has to wait: nobody answers calls yet */
	if (!a->install_filter && app_exec_prepare(&x, &err))
		fail(a, &err);
	/* the end of the pair: whoever watches over us is gone */
	if (sync_receive(sock) != SYNC_START)
		_exit(EXIT_POSTERN);
	mounts_refresh_cwd();
	app_exec(&x);
}

/* --- init ------------------------------------------------------------------
 */

static pid_t start_cmd(const struct app_side *a, int *sock, int *pidfd,
                       struct error *err)
{
	unsigned long flags = 0;
	int pair[2], rc = 0;
	pid_t pid;

	if (a->namespaces)
		flags = CLONE_NEWNET | (a->ids.user_ns ? CLONE_NEWUSER : 0);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, -errno, "cannot make a socket pair: ");
	pid = namespace_clone(flags, pidfd);
	if (pid == 0) {
		close(pair[0]);
		cmd_main(a, pair[1]);
	}
	close(pair[1]);
	*sock = pair[0];
	if (pid < 0)
		return error_set(err, pid,
		                 "cannot make the app's namespaces: ");
	if (a->namespaces && a->ids.user_ns && !a->ids.inner.own) {
		rc = id_map_write(&a->ids.inner, pid, err);
		if (!rc && sync_send(*sock, SYNC_MAPPED))
			rc = error_set(err, -EPIPE, "CMD is gone");
	}
	return rc ? rc : pid;
}

/* Init leaves the host's network namespace, too: /sys shows the mounter's. */
static int enter_network(int pidfd, struct error *err)
{
	if (setns(pidfd, CLONE_NEWNET) < 0)
		return error_set(err, -errno,
		                 "cannot enter the app's network: ");
	return 0;
}

static int set_up_mounts(const struct app_side *a, int sock, int pidfd,
                         struct error *err)
{
	enum sync_byte done = SYNC_MOUNTED;
	struct error why = {0};
	int rc;

	if (a->resolv_conf &&
	    mounts_resolv_conf(a->resolv_conf, a->resolv_conf_len, &why)) {
		log_debug("%s", why.text);
		done = SYNC_UNBOUND;
	}
	rc = mounts_hide_resolvers(err);
	if (!rc && a->control_root)
		rc = mounts_hide_control(a->control_root, err);
	if (rc)
		return rc;
	if (sync_receive(sock) != SYNC_NETWORK)
		return error_set(err, -EPIPE, "CMD is gone");
	rc = enter_network(pidfd, err);
	if (!rc)
		rc = mounts_sys(err);
	if (!rc &&
	    (sync_send(sock, done) || sync_receive(sock) != SYNC_FINISHED))
		rc = error_set(err, -EPIPE, "CMD is gone");
	return rc;
}

/* Without namespaces there is nothing to mount or to enter. */
static int set_up_bare(int sock, struct error *err)
{
	if (sync_receive(sock) != SYNC_NETWORK ||
	    sync_send(sock, SYNC_MOUNTED) ||
	    sync_receive(sock) != SYNC_FINISHED)
		return error_set(err, -EPIPE, "CMD is gone");
	return 0;
}

/* What the monitor asks for while CMD runs. false: there is no monitor. */
static bool serve_monitor(const struct app_side *a)
{
	struct message_head head;
	_auto_close_ int fd = -1, made = -1;

	if (message_receive_bare(a->monitor_fd, &head, &fd) != 1)
		return false;
	if (head.kind != MSG_WANT_SOCKET)
		return true;
	/* without one there is no answer: a client waits, and is refused when
	 * its flow is given up */
	made = app_network_socket((enum app_socket_kind)head.a);
	if (made >= 0)
		(void)!message_send(a->monitor_fd, MSG_APP_SOCKET, head.a, NULL,
		                    0, made);
	return true;
}

/*
 * Reaps whatever comes, until CMD has ended. Every signal is blocked: those of
 * the terminal are CMD's, and SIGTERM, our parent's death where there is no
 * pid namespace, ends the wait. Returns CMD's wait status.
 */
static int watch(const struct app_side *a, pid_t cmd)
{
	_auto_close_ int signal_fd = reap_signals();
	int status, message_fd = a->monitor_fd;

	for (;;) {
		pid_t pid = reap_wait(signal_fd, message_fd, &status);

		if (pid == REAP_MESSAGE && !serve_monitor(a))
			message_fd = -1;
		if (pid == REAP_TOLD_TO_END)
			return SIGKILL;
		if (pid != cmd)
			continue;
		if (!WIFSTOPPED(status))
			return status;
		(void)!message_send(a->monitor_fd, MSG_APP_STOPPED,
		                    WSTOPSIG(status), NULL, 0, -1);
	}
}

/*
 * Init only waits from here on. Without a pid namespace it also ends what CMD
 * leaves behind, which may have ids of its own. Non-dumpable: where there is
 * no user namespace between us, a process with no less rights than its target
 * may trace it.
 */
static void shed_rights(const struct app_side *a)
{
	struct error err = {0};

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (caps_limit(a->pid_ns ? 0 : CAP_BIT_(CAP_KILL), &err))
		log_debug("init: %s", err.text);
}

/* The word to let CMD run; init alone hears the monitor. */
static bool start_came(const struct app_side *a)
{
	struct message_head head;
	_auto_close_ int fd = -1;

	return message_receive_bare(a->monitor_fd, &head, &fd) == 1 &&
	       head.kind == MSG_START;
}

static _Noreturn void init_main(const struct app_side *a)
{
	_auto_close_ int sock = -1, pidfd = -1;
	struct error err = {0};
	int status, rc;
	pid_t cmd;

	if (a->pid_ns && mounts_proc(&err)) {
		(void)!message_send(a->monitor_fd, MSG_APP_NO_PROC, err.code,
		                    err.text, strlen(err.text), -1);
		_exit(EXIT_POSTERN);
	}
	cmd = start_cmd(a, &sock, &pidfd, &err);
	if (cmd < 0)
		fail(a, &err);
	rc = a->namespaces ? set_up_mounts(a, sock, pidfd, &err)
	                   : set_up_bare(sock, &err);
	if (rc) {
		/* CMD's own message, if it has sent one, comes first */
		fail(a, &err);
	}
	if (message_send(a->monitor_fd, MSG_APP_READY, 0, NULL, 0, pidfd))
		_exit(EXIT_POSTERN);
	fd_close(&pidfd);
	shed_rights(a);
	/* CMD's pipes are CMD's alone */
	stdio_detach(true);
	descriptors_close_above((int[]){a->monitor_fd, sock}, 2);
	if (!start_came(a) || sync_send(sock, SYNC_START))
		_exit(EXIT_POSTERN);
	fd_close(&sock);
	status = watch(a, cmd);
	(void)!message_send(a->monitor_fd, MSG_APP_EXITED, status, NULL, 0, -1);
	if (!a->pid_ns)
		reap_descendants(NULL);
	_exit(0);
}

/* The first steps of init, while its parent may still write the id maps. */
static _Noreturn void init_begin(const struct app_side *a, int mapped_fd)
{
	struct error err = {0};
	sigset_t all;
	char c;

	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)prctl(PR_SET_NAME, "postern-init", 0, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(a->not_ours); i++)
		if (a->not_ours[i] >= 0)
			close(a->not_ours[i]);
	/* in a pid namespace the end of init is everybody's */
	(void)prctl(PR_SET_PDEATHSIG, a->pid_ns ? SIGKILL : SIGTERM, 0, 0, 0);
	if (!a->pid_ns)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (a->namespaces && a->ids.user_ns && a->ids.outer.own) {
		if (id_map_write(&a->ids.outer, 0, &err))
			fail(a, &err);
	}
	/* also tells that the parent lived when its death was asked for */
	if (read(mapped_fd, &c, 1) != 1)
		_exit(EXIT_POSTERN);
	close(mapped_fd);
	if (a->namespaces && mounts_detach(&err))
		fail(a, &err);
	init_main(a);
}

pid_t app_side_start(const struct app_side *a, struct error *err)
{
	_auto_close_ int mapped = -1, go = -1;
	unsigned long flags = 0;
	int fds[2], rc = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set(err, -errno, "cannot make a pipe: ");
	mapped = fds[0];
	go = fds[1];
	if (a->namespaces)
		flags = CLONE_NEWNS | (a->ids.user_ns ? CLONE_NEWUSER : 0) |
		        (a->pid_ns ? CLONE_NEWPID : 0);
	pid = namespace_clone(flags, NULL);
	if (pid == 0) {
		fd_close(&go);
		init_begin(a, fd_take(&mapped));
	}
	if (pid < 0)
		return error_set(err, pid, "cannot make namespaces: ");
	if (a->namespaces && a->ids.user_ns && !a->ids.outer.own)
		rc = id_map_write(&a->ids.outer, pid, err);
	if (!rc && write(go, "", 1) != 1)
		rc = error_set(err, -EPIPE, "init is gone");
	if (rc) {
		kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return rc;
	}
	return pid;
}
