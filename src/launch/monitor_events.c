/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_events.c - what the monitor hears, and what it does then */
#include "launch/monitor-private.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "launch/door.h"
#include "launch/hostfiles.h"
#include "launch/launch.h"
#include "loop/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* the longest that all the set-up may take before it is given up */
#define SET_UP_NS (20 * NS_PER_S)

const int launch_forwarded[LAUNCH_FORWARDED] = {SIGHUP,  SIGINT,   SIGQUIT,
                                                SIGTERM, SIGUSR1,  SIGUSR2,
                                                SIGCONT, SIGWINCH, SIGALRM};
/* taken by the monitor: it stops when CMD has stopped, not before, and does not
 * end because nobody reads its lines */
static const int swallowed[] = {SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE};

static int status_of(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status)
	                                : WEXITSTATUS(wait_status);
}

int monitor_take_signals(struct monitor *m, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < LAUNCH_FORWARDED; i++)
		sigaddset(&set, launch_forwarded[i]);
	for (size_t i = 0; i < ARRAY_SIZE(swallowed); i++)
		sigaddset(&set, swallowed[i]);
	/* a caller may have left it ignored; then there would be no zombie
	 * and no status */
	(void)signal(SIGCHLD, SIG_DFL);
	if (sigprocmask(SIG_BLOCK, &set, &m->old_mask) < 0)
		return error_set(err, -errno, "cannot block signals: ");
	m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (m->signal_fd < 0)
		return error_set(err, -errno, "cannot make a signalfd: ");
	return 0;
}

int monitor_tell(int sock, enum message_kind kind, int32_t a, const void *text,
                 size_t len, int fd)
{
	struct pollfd p = {.fd = sock, .events = POLLOUT};
	int rc = message_send(sock, kind, a, text, len, fd);

	if (rc == -EAGAIN && poll(&p, 1, 1000) == 1)
		rc = message_send(sock, kind, a, text, len, fd);
	return rc;
}

static void send_file(struct monitor *m, enum hostfiles_kind kind,
                      const char *text, size_t len)
{
	int rc = monitor_tell(m->datapath_fd,
	                      kind == HOSTFILES_HOSTS ? MSG_HOSTS
	                                              : MSG_RESOLV_CONF,
	                      0, text, len, -1);

	/* a datapath that is gone is noticed elsewhere */
	if (rc && rc != -EPIPE)
		log_debug("cannot tell the datapath: %s", errno_text(rc));
}

static void on_file_changed(void *user, enum hostfiles_kind kind,
                            const char *text, size_t len)
{
	send_file(user, kind, text, len);
}

static void send_files(struct monitor *m)
{
	static const enum hostfiles_kind kinds[] = {HOSTFILES_RESOLV_CONF,
	                                            HOSTFILES_HOSTS};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t len;
		const char *text =
			hostfiles_text(m->plan.files, kinds[i], &len);

		send_file(m, kinds[i], text, len);
	}
}

/* --- running
 * ------------------------------------------------------------------ */

/* The ports of --publish; one that cannot be had is the end. */
static int publish_all(struct monitor *m)
{
	const struct sandbox_config *c = m->config;
	struct error err = {0};
	int rc = 0;

	m->publishes.no_ip4 = c->ip6_only;
	m->publishes.no_ip6 = c->ip4_only;
	for (size_t i = 0; !rc && i < c->npublish; i++)
		rc = publishes_add(&m->publishes, m->datapath_fd,
		                   &c->publish[i], &err);
	if (rc) {
		m->wrong = true;
		monitor_fail(m, rc, err.text);
	}
	return rc;
}

/* Both sides are ready: CMD may run. */
static void maybe_go(struct monitor *m)
{
	int keep[6 + CONTROL_SERVICE_FDS] = {m->signal_fd,
	                                     m->app_fd,
	                                     m->datapath_fd,
	                                     m->cmd,
	                                     m->config->json_status_fd,
	                                     m->exec_fd};
	int rc;

	if (m->phase != PHASE_SET_UP || !m->app_ready ||
	    (m->kind != MONITOR_NONE && !m->datapath_ready))
		return;
	if (publish_all(m) < 0)
		return;
	rc = monitor_tell(m->app_fd, MSG_START, 0, NULL, 0, -1);
	if (rc) {
		monitor_fail(m, rc, "the app's side is gone");
		return;
	}
	m->phase = PHASE_RUNNING;
	m->started = true;
	m->started_ns = loop_clock();
	monitor_told_started(m);
	/* CMD's pipes are CMD's alone from now on */
	descriptors_close(&m->inherited, keep,
	                  6 + monitor_control_fds(m, keep + 6));
	stdio_detach(false);
}

/* The datapath has all of the app's side that it waits for: it may confine. */
static void start_datapath(struct monitor *m)
{
	int rc;

	if (m->datapath_told || m->kind == MONITOR_NONE)
		return;
	m->datapath_told = true;
	rc = monitor_tell(m->datapath_fd, MSG_START, 0, NULL, 0, -1);
	if (rc)
		monitor_fail(m, rc, "the datapath is gone");
}

static void on_app_ready(struct monitor *m, int *fd)
{
	m->cmd = fd_take(fd);
	m->app_ready = true;
	start_datapath(m);
	maybe_go(m);
}

static void signal_cmd(const struct monitor *m, int sig)
{
	if (m->cmd >= 0)
		(void)syscall(SYS_pidfd_send_signal, m->cmd, sig, NULL, 0);
}

/* CMD has stopped: so does the job, until somebody continues it. */
static void stop_with_cmd(struct monitor *m)
{
	(void)kill(getpid(), SIGSTOP);
	signal_cmd(m, SIGCONT);
}

static void on_app_exited(struct monitor *m, int wait_status)
{
	m->status = status_of(wait_status);
	m->phase = PHASE_OVER;
}

/* Whose socket, or thread, is it? */
static void on_who(struct monitor *m, const struct message_head *head)
{
	struct who_question q;
	struct who_answer a;

	if (head->text_len != sizeof(q)) {
		monitor_fail(m, -EPROTO, "bad question of the datapath");
		return;
	}
	memcpy(&q, m->text, sizeof(q));
	who_find(&m->who, m->init, &q, loop_clock(), &a);
	/* it gives up by itself on an answer that cannot be sent */
	if (!message_send(m->datapath_fd, MSG_PROCESS, 0, &a, sizeof(a), -1))
		m->lines_due++;
}

/* -p auto: the app listens at a port, or does not any more (negative). */
static void on_listening(struct monitor *m, int32_t port)
{
	if (!m->config->publish_auto || !port || port < -65535 || port > 65535)
		monitor_fail(m, -EPROTO, "bad port of the datapath");
	else if (m->phase == PHASE_RUNNING)
		publishes_follow(&m->publishes, m->datapath_fd,
		                 (uint16_t)abs(port), port > 0);
}

/* A flow to the path of --host-unix; the datapath may open none. */
static void on_door_open(struct monitor *m, const struct message_head *head)
{
	size_t index = (size_t)head->a - 1;
	_auto_close_ int fd = -EINVAL;

	if (head->a > 0 && index < m->config->ndoors &&
	    m->config->doors[index].kind == DOOR_UNIX)
		fd = door_connect(&m->config->doors[index]);
	(void)!monitor_tell(m->datapath_fd, MSG_DOOR_OPENED, MIN(fd, 0),
	                    m->text, head->text_len, MAX(fd, -1));
}

bool monitor_hear_datapath(struct monitor *m)
{
	struct message_head head;
	_auto_close_ int fd = -1;
	int rc = message_receive(m->datapath_fd, &head, m->text, &fd);

	if (rc <= 0) {
		/* its exit says why: SIGCHLD follows */
		if (rc != -EAGAIN)
			fd_close(&m->datapath_fd);
		return false;
	}
	m->text[MIN(head.text_len, sizeof(m->text) - 1)] = '\0';
	switch (head.kind) {
	case MSG_READY:
		m->datapath_ready = true;
		maybe_go(m);
		break;
	case MSG_FAILED:
		monitor_fail(m, head.a < 0 ? head.a : -EPROTO, m->text);
		break;
	case MSG_LINE:
		m->lines = true;
		if (head.a >= LOG_LEVEL_ERROR && head.a <= LOG_LEVEL_TRACE)
			log_line((enum log_level)head.a, "%s", m->text);
		break;
	case MSG_WHO:
		on_who(m, &head);
		break;
	case MSG_CONTROL_ANSWER:
		if (monitor_control_answer(m, head.text_len) < 0)
			monitor_fail(m, -EPROTO, "bad answer of the datapath");
		break;
	case MSG_LISTENING:
		on_listening(m, head.a);
		break;
	case MSG_DOOR_OPEN:
		on_door_open(m, &head);
		break;
	case MSG_WANT_SOCKET:
		if (m->app_fd >= 0 && m->phase == PHASE_RUNNING)
			(void)!message_send(m->app_fd, MSG_WANT_SOCKET, head.a,
			                    NULL, 0, -1);
		break;
	case MSG_TOLD:
		if (m->lines_due)
			m->lines_due--;
		break;
	default:
		monitor_fail(m, -EPROTO,
		             "message out of turn from the datapath");
	}
	return true;
}

static void reap(struct monitor *m);

/*
 * sockets: init is not our child, the end of its pair is how we hear of its
 * death. It may be the datapath's that caused it, and that comes as a signal
 * a moment later.
 */
static void on_app_vanished(struct monitor *m)
{
	struct pollfd p = {.fd = m->signal_fd, .events = POLLIN};

	(void)poll(&p, 1, 50);
	reap(m);
	if (m->phase != PHASE_RUNNING)
		return;
	m->status = 128 + SIGKILL;
	m->phase = PHASE_OVER;
}

/* One message of the app's side. False: there is no more now. */
static bool on_app_message(struct monitor *m)
{
	struct message_head head;
	_auto_close_ int fd = -1;
	int rc = message_receive(m->app_fd, &head, m->text, &fd);

	if (rc <= 0) {
		/* sockets: the datapath started it, and knows why */
		while (rc != -EAGAIN && m->kind == MONITOR_SOCKETS &&
		       m->phase == PHASE_SET_UP && m->datapath_fd >= 0 &&
		       monitor_hear_datapath(m))
			;
		if (rc != -EAGAIN && m->phase == PHASE_SET_UP) {
			m->killed = true; /* else it had said why */
			monitor_fail(m, rc ? rc : -EPIPE,
			             "the app's side is gone");
		}
		if (rc == 0 || rc != -EAGAIN)
			fd_close(&m->app_fd);
		if (m->app_fd < 0 && m->kind == MONITOR_SOCKETS &&
		    m->phase == PHASE_RUNNING)
			on_app_vanished(m);
		return false;
	}
	if (head.kind == MSG_APP_STOPPED && m->phase == PHASE_RUNNING) {
		stop_with_cmd(m);
	} else if (head.kind == MSG_APP_EXITED && m->phase == PHASE_RUNNING) {
		on_app_exited(m, head.a);
	} else if (head.kind == MSG_APP_SOCKET && fd >= 0 &&
	           m->phase == PHASE_RUNNING) {
		/* a datapath that is gone is noticed elsewhere */
		(void)!monitor_tell(m->datapath_fd, head.kind, head.a, NULL, 0,
		                    fd);
	} else if (m->phase != PHASE_SET_UP) {
		monitor_fail(m, -EPROTO,
		             "message out of turn from the app's side");
	} else if (head.kind == MSG_APP_READY && fd >= 0 && !m->app_ready) {
		on_app_ready(m, &fd);
	} else if (head.kind == MSG_APP_WIRED && m->kind == MONITOR_LINK) {
		start_datapath(m);
	} else if ((head.kind == MSG_FRAME_PORT ||
	            head.kind == MSG_RESOLVER_SOCKET || head.kind == MSG_DOOR ||
	            head.kind == MSG_APP_NETWORK) &&
	           fd >= 0 && m->datapath_fd >= 0 && !m->app_ready) {
		rc = monitor_tell(m->datapath_fd, head.kind, head.a, NULL, 0,
		                  fd);
		if (rc)
			monitor_fail(m, rc, "the datapath is gone");
	} else if (head.kind == MSG_FAILED || head.kind == MSG_APP_NO_PROC) {
		m->no_proc = head.kind == MSG_APP_NO_PROC;
		m->text[MIN(head.text_len, sizeof(m->text) - 1)] = '\0';
		monitor_fail(m, head.a < 0 ? head.a : -EPROTO, m->text);
	} else {
		monitor_fail(m, -EPROTO,
		             "message out of turn from the app's side");
	}
	return true;
}

static void on_datapath_gone(struct monitor *m, int wait_status)
{
	char text[128];

	m->datapath = -1;
	while (m->datapath_fd >= 0 && monitor_hear_datapath(m))
		;
	if (m->phase == PHASE_OVER)
		return;
	m->killed = WIFSIGNALED(wait_status);
	if (m->killed)
		snprintf(text, sizeof(text),
		         "the datapath was ended by signal %d (SIG%s)",
		         WTERMSIG(wait_status),
		         sigabbrev_np(WTERMSIG(wait_status)));
	else
		snprintf(text, sizeof(text),
		         "the datapath ended with status %d",
		         WEXITSTATUS(wait_status));
	monitor_fail(m, -EPIPE, text);
}

static void on_init_gone(struct monitor *m, int wait_status)
{
	m->init = -1;
	/* its last words first */
	while (m->app_fd >= 0 && on_app_message(m))
		;
	if (m->phase == PHASE_RUNNING) {
		m->status = WIFSIGNALED(wait_status)
		                    ? 128 + WTERMSIG(wait_status)
		                    : EXIT_POSTERN;
		m->phase = PHASE_OVER;
	} else if (m->phase == PHASE_SET_UP) {
		m->killed = WIFSIGNALED(wait_status);
		monitor_fail(m, -EPIPE, "init ended before CMD could run");
	}
}

static void reap(struct monitor *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == m->init)
			on_init_gone(m, status);
		else if (pid == m->datapath)
			on_datapath_gone(m, status);
	}
}

static bool is_in(int sig, const int *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == sig)
			return true;
	return false;
}

static void on_signal(struct monitor *m)
{
	struct signalfd_siginfo info;
	int sig;

	if (read(m->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	sig = (int)info.ssi_signo;
	if (sig == SIGCHLD) {
		reap(m);
	} else if (m->phase == PHASE_SET_UP) {
		if (sig == SIGINT || sig == SIGTERM || sig == SIGHUP ||
		    sig == SIGQUIT) {
			m->status = 128 + sig;
			monitor_fail(m, -EINTR, "interrupted");
		}
	} else if (info.ssi_code == SI_KERNEL && sig != SIGHUP) {
		/* of the terminal, for the whole group: CMD has it, too */
	} else if (sig == SIGTSTP ||
	           is_in(sig, launch_forwarded, LAUNCH_FORWARDED)) {
		signal_cmd(m, sig);
	}
}

static void turn(struct monitor *m, int timeout_ms)
{
	struct pollfd p[5] = {
		{.fd = m->signal_fd, .events = POLLIN},
		{.fd = m->app_fd, .events = POLLIN},
		{.fd = m->datapath_fd, .events = POLLIN},
		{.fd = m->plan.files ? hostfiles_fd(m->plan.files) : -1,
	         .events = POLLIN},
		{.fd = monitor_control_fd(m), .events = POLLIN},
	};
	int control_ms = monitor_control_timeout(m, loop_clock());

	if (control_ms >= 0 && (timeout_ms < 0 || control_ms < timeout_ms))
		timeout_ms = control_ms;
	if (poll(p, ARRAY_SIZE(p), timeout_ms) < 0)
		return;
	/* deaths first: what the others say then follows from them */
	if (p[0].revents && m->phase != PHASE_OVER)
		on_signal(m);
	if (p[1].revents && m->phase != PHASE_OVER && m->app_fd >= 0)
		(void)on_app_message(m);
	if (p[2].revents && m->phase != PHASE_OVER && m->datapath_fd >= 0)
		(void)monitor_hear_datapath(m);
	if (p[3].revents && m->phase != PHASE_OVER)
		hostfiles_poll(m->plan.files, on_file_changed, m);
	if (p[4].revents || control_ms >= 0)
		monitor_control_run(m, loop_clock());
}

void monitor_serve(struct monitor *m)
{
	int64_t give_up = loop_clock() + SET_UP_NS;

	if (m->kind != MONITOR_NONE)
		send_files(m);
	while (m->phase == PHASE_SET_UP) {
		turn(m, 1000);
		if (m->phase == PHASE_SET_UP && loop_clock() > give_up)
			monitor_fail(m, -ETIMEDOUT,
			             "the set-up takes too long");
	}
	while (m->phase == PHASE_RUNNING)
		turn(m, -1);
}
