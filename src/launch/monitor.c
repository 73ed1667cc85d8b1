/* SPDX-License-Identifier: Apache-2.0 */
/* monitor.c - starts the processes, watches them, carries signals and status */
/*
 * THEORY
 *
 * Three processes beside CMD. The *monitor* is what the user started: it has
 * every right the user has, reads the host's files for the others and never
 * touches a byte of the app's traffic. The *datapath* carries that traffic in
 * the host's network namespace, confined before CMD runs (`datapath_main`).
 * *init* is pid 1 of the app's pid namespace (`app_side_start`), does the
 * mounts and reports what becomes of CMD.
 *
 * Set-up runs on all of them at once: init and the process that becomes CMD
 * make namespaces, mounts and network while the datapath allocates; what they
 * make comes here as messages and is passed on. CMD waits for MSG_START,
 * which follows the datapath's MSG_READY: its first instruction has a network.
 *
 * The end, whoever dies first: CMD - init reports the status, `monitor_run`
 * returns it at once and leaves the datapath half a second to deliver what
 * was written. The monitor - its death kills init, and with init its pid
 * namespace (tests/kernel/pidns_dies_with_init); the datapath sees the end of
 * its pair. The datapath - the monitor kills init, says so in one line, status
 * 125. Init - the namespace is gone with it; status 137.
 *
 * Signals: those that a person or a program sends to the monitor go on to
 * CMD; those of the terminal reach CMD by themselves, being sent to the whole
 * foreground group. The monitor stops when CMD has stopped and continues it
 * when it is continued, so that a shell's job control sees one job.
 *
 * Refuses: to run CMD with less than what was asked for. Costs: one poll(2)
 * per event, nothing per byte.
 */
#include "launch/monitor.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "launch/datapath.h"
#include "launch/descriptors.h"
#include "launch/hostfiles.h"
#include "launch/init.h"
#include "launch/launch.h"
#include "launch/message.h"
#include "launch/plan.h"
#include "launch/reap.h"
#include "launch/terminal.h"
#include "loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* lines of the datapath that are still read when CMD is gone */
#define LAST_LINES 64
/* the longest that all the set-up may take before it is given up */
#define SET_UP_NS (20 * NS_PER_S)

static const int forwarded[] = {SIGHUP,  SIGINT,  SIGQUIT,  SIGTERM, SIGUSR1,
                                SIGUSR2, SIGCONT, SIGWINCH, SIGALRM};
/* taken by the monitor: it stops when CMD has stopped, not before, and does not
 * end because nobody reads its lines */
static const int swallowed[] = {SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE};

enum phase { PHASE_SET_UP, PHASE_RUNNING, PHASE_OVER };

struct monitor {
	const struct sandbox_config *config;
	enum monitor_plan kind;
	enum phase phase;
	struct launch_plan plan;
	struct terminal terminal;
	struct descriptors inherited;
	sigset_t old_mask;
	int signal_fd, app_fd, datapath_fd;
	int app_end, datapath_end; /* the other ends, until they are given */
	int cmd;                   /* pidfd */
	pid_t init, datapath;      /* -1: none, or reaped */
	struct reap_list others;   /* children from before, and not ours */
	bool app_ready, datapath_ready, no_proc, started;
	bool subreaper; /* orphans of the app's side come to us */
	bool killed; /* one of us, during set-up: no reason for another plan */
	int status;  /* to exit with */
	struct error err;
	char text[MESSAGE_TEXT_MAX];
};

/* The first failure is the one that is told. */
static void fail(struct monitor *m, int code, const char *text)
{
	if (m->phase != PHASE_OVER)
		error_set(&m->err, code, "%s", text);
	m->phase = PHASE_OVER;
}

static int status_of(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status)
	                                : WEXITSTATUS(wait_status);
}

/* --- processes --------------------------------------------------------------
 */

void datapath_detach(const struct datapath_args *args, const int *keep,
                     size_t nkeep)
{
	const struct sandbox_config *c = args->config;
	int all[16] = {args->monitor_fd, args->route_fd,    c->pcap_fd,
	               c->log_fd,        c->debug_log_fd,   c->panic_log_fd,
	               c->flow_log_fd,   c->flow_memory_fd, c->flow_done_fd};
	size_t n = 9;

	for (size_t i = 0; i < nkeep && n < ARRAY_SIZE(all); i++)
		all[n++] = keep[i];
	stdio_detach(true);
	descriptors_close_above(all, n);
}

static int start_datapath(struct monitor *m, struct error *err)
{
	sigset_t none;
	pid_t pid;

	m->plan.datapath.monitor_fd = m->datapath_end;
	if (m->kind == MONITOR_SOCKETS)
		m->plan.datapath.app = &m->plan.app;
	pid = fork();
	if (pid < 0)
		return error_set(err, -errno, "cannot start the datapath: ");
	if (pid == 0) {
		sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		(void)prctl(PR_SET_NAME, "postern-data", 0, 0, 0);
		if (m->kind == MONITOR_LINK)
			datapath_detach(&m->plan.datapath, NULL, 0);
		_exit(datapath_main(&m->plan.datapath));
	}
	m->datapath = pid;
	fd_close(&m->datapath_end);
	return 0;
}

/* What the app's side inherits over fork and must let go of. */
static void disown(struct monitor *m)
{
	int *fd = m->plan.app.not_ours;

	fd[0] = m->signal_fd;
	fd[1] = m->app_fd;
	fd[2] = m->datapath_fd;
	fd[3] = m->datapath_end;
}

static int start_app(struct monitor *m, struct error *err)
{
	pid_t pid;

	m->plan.app.monitor_fd = m->app_end;
	disown(m);
	pid = app_side_start(&m->plan.app, err);
	if (pid == -EPERM || pid == -ENOSPC || pid == -EINVAL ||
	    pid == -EUSERS) {
		/* no user namespace to be had; rights over the host's own
		 * will do, if they are there */
		if (!m->plan.app.ids.outer.own && m->plan.app.ids.user_ns) {
			log_debug("%s; going without user namespaces",
			          err->text);
			*err = (struct error){0};
			m->plan.app.ids.user_ns = false;
			pid = app_side_start(&m->plan.app, err);
		}
	}
	if (pid < 0)
		return pid;
	m->init = pid;
	fd_close(&m->app_end);
	return 0;
}

/* A pair whose first end, ours, does not block. */
static int open_pair(int *ours, int *theirs, struct error *err)
{
	int pair[2], rc = message_pair(pair);

	if (rc)
		return error_set(err, rc, "cannot make a socket pair: ");
	*ours = pair[0];
	*theirs = pair[1];
	if (fcntl(pair[0], F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return error_set(err, -errno, "cannot set O_NONBLOCK: ");
	return 0;
}

static int start(struct monitor *m, struct error *err)
{
	int rc = open_pair(&m->app_fd, &m->app_end, err);

	if (rc)
		return rc;
	if (m->kind != MONITOR_SOCKETS) {
		rc = start_app(m, err);
		if (rc || m->kind == MONITOR_NONE)
			return rc;
	}
	rc = open_pair(&m->datapath_fd, &m->datapath_end, err);
	if (rc)
		return rc;
	m->plan.app.monitor_fd = m->app_end;
	disown(m);
	rc = start_datapath(m, err);
	/* under sockets the datapath has it now */
	fd_close(&m->app_end);
	return rc;
}

/*
 * message_send() from an end that does not block: a reader that is slow for a
 * moment is waited for.
 */
static int tell(int sock, enum message_kind kind, int32_t a, const void *text,
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
	int rc = tell(m->datapath_fd,
	              kind == HOSTFILES_HOSTS ? MSG_HOSTS : MSG_RESOLV_CONF, 0,
	              text, len, -1);

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

/* Both sides are ready: CMD may run. */
static void maybe_go(struct monitor *m)
{
	const struct sandbox_config *c = m->config;
	int keep[] = {m->signal_fd, m->app_fd, m->datapath_fd, m->cmd};
	int rc;

	if (m->phase != PHASE_SET_UP || !m->app_ready ||
	    (m->kind != MONITOR_NONE && !m->datapath_ready))
		return;
	rc = tell(m->app_fd, MSG_START, 0, NULL, 0, -1);
	if (rc) {
		fail(m, rc, "the app's side is gone");
		return;
	}
	m->phase = PHASE_RUNNING;
	m->started = true;
	if (c->ready_fd >= 0) {
		(void)!write(c->ready_fd, "ready\n", 6);
		close(c->ready_fd);
	}
	/* CMD's pipes are CMD's alone from now on */
	descriptors_close(&m->inherited, keep, ARRAY_SIZE(keep));
	stdio_detach(false);
}

/* Set-up of the app's side is done: the datapath may close its door. */
static void on_app_ready(struct monitor *m, int *fd)
{
	int rc;

	m->cmd = fd_take(fd);
	m->app_ready = true;
	if (m->kind != MONITOR_NONE) {
		rc = tell(m->datapath_fd, MSG_START, 0, NULL, 0, -1);
		if (rc)
			fail(m, rc, "the datapath is gone");
	}
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

static bool on_datapath_message(struct monitor *m)
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
		fail(m, head.a < 0 ? head.a : -EPROTO, m->text);
		break;
	case MSG_LINE:
		if (head.a >= LOG_LEVEL_ERROR && head.a <= LOG_LEVEL_TRACE)
			log_line((enum log_level)head.a, "%s", m->text);
		break;
	case MSG_WHO:
		/* answered once the app's sockets can be looked up */
		(void)!tell(m->datapath_fd, MSG_PROCESS, 0, NULL, 0, -1);
		break;
	default:
		fail(m, -EPROTO, "message out of turn from the datapath");
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
		       on_datapath_message(m))
			;
		if (rc != -EAGAIN && m->phase == PHASE_SET_UP) {
			m->killed = true; /* else it had said why */
			fail(m, rc ? rc : -EPIPE, "the app's side is gone");
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
	} else if (m->phase != PHASE_SET_UP) {
		fail(m, -EPROTO, "message out of turn from the app's side");
	} else if (head.kind == MSG_APP_READY && fd >= 0 && !m->app_ready) {
		on_app_ready(m, &fd);
	} else if ((head.kind == MSG_FRAME_PORT ||
	            head.kind == MSG_RESOLVER_SOCKET ||
	            head.kind == MSG_APP_NETWORK) &&
	           fd >= 0 && m->datapath_fd >= 0 && !m->app_ready) {
		rc = tell(m->datapath_fd, head.kind, head.a, NULL, 0, fd);
		if (rc)
			fail(m, rc, "the datapath is gone");
	} else if (head.kind == MSG_FAILED || head.kind == MSG_APP_NO_PROC) {
		m->no_proc = head.kind == MSG_APP_NO_PROC;
		m->text[MIN(head.text_len, sizeof(m->text) - 1)] = '\0';
		fail(m, head.a < 0 ? head.a : -EPROTO, m->text);
	} else {
		fail(m, -EPROTO, "message out of turn from the app's side");
	}
	return true;
}

static void on_datapath_gone(struct monitor *m, int wait_status)
{
	char text[128];

	m->datapath = -1;
	while (m->datapath_fd >= 0 && on_datapath_message(m))
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
	fail(m, -EPIPE, text);
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
		fail(m, -EPIPE, "init ended before CMD could run");
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
			fail(m, -EINTR, "interrupted");
		}
	} else if (info.ssi_code == SI_KERNEL && sig != SIGHUP) {
		/* of the terminal, for the whole group: CMD has it, too */
	} else if (sig == SIGTSTP ||
	           is_in(sig, forwarded, ARRAY_SIZE(forwarded))) {
		signal_cmd(m, sig);
	}
}

static void turn(struct monitor *m, int timeout_ms)
{
	struct pollfd p[4] = {
		{.fd = m->signal_fd, .events = POLLIN},
		{.fd = m->app_fd, .events = POLLIN},
		{.fd = m->datapath_fd, .events = POLLIN},
		{.fd = m->plan.files ? hostfiles_fd(m->plan.files) : -1,
	         .events = POLLIN},
	};

	if (poll(p, ARRAY_SIZE(p), timeout_ms) < 0)
		return;
	/* deaths first: what the others say then follows from them */
	if (p[0].revents && m->phase != PHASE_OVER)
		on_signal(m);
	if (p[1].revents && m->phase != PHASE_OVER && m->app_fd >= 0)
		(void)on_app_message(m);
	if (p[2].revents && m->phase != PHASE_OVER && m->datapath_fd >= 0)
		(void)on_datapath_message(m);
	if (p[3].revents && m->phase != PHASE_OVER)
		hostfiles_poll(m->plan.files, on_file_changed, m);
}

static void serve(struct monitor *m)
{
	int64_t give_up = loop_clock() + SET_UP_NS;

	while (m->phase == PHASE_SET_UP) {
		turn(m, 1000);
		if (m->phase == PHASE_SET_UP && loop_clock() > give_up)
			fail(m, -ETIMEDOUT, "the set-up takes too long");
	}
	while (m->phase == PHASE_RUNNING)
		turn(m, -1);
}

/* --- the beginning and the end
 * ------------------------------------------------ */

static int take_signals(struct monitor *m, struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		sigaddset(&set, forwarded[i]);
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

static void end_process(pid_t *pid)
{
	if (*pid > 0) {
		(void)kill(*pid, SIGKILL);
		(void)waitpid(*pid, NULL, 0);
	}
	*pid = -1;
}

/*
 * Ends what is left. The datapath of a run that went well is told to finish
 * and left alone: the kernel takes 11 to 31 ms to close a tap, and what the
 * app had written may still have to leave.
 */
static void end(struct monitor *m, bool well)
{
	end_process(&m->init);
	/* what CMD was refused just now was told before it was refused */
	for (int i = 0; i < LAST_LINES && m->datapath_fd >= 0; i++)
		if (!on_datapath_message(m))
			break;
	/* the last to close an inotify descriptor waits some 20 ms for the
	 * kernel's readers: that shall not be us */
	if (well && m->datapath > 0 && m->datapath_fd >= 0 &&
	    tell(m->datapath_fd, MSG_STOP, 0, NULL, 0,
	         m->plan.files ? hostfiles_fd(m->plan.files) : -1) == 0) {
		reap_list_add(&m->others, m->datapath);
		m->datapath = -1;
	}
	end_process(&m->datapath);
	if (m->subreaper)
		reap_descendants(&m->others);
	fd_close(&m->signal_fd);
	fd_close(&m->app_fd);
	fd_close(&m->datapath_fd);
	fd_close(&m->app_end);
	fd_close(&m->datapath_end);
	fd_close(&m->cmd);
	if (m->plan.files)
		hostfiles_close(m->plan.files);
	terminal_restore(&m->terminal);
	(void)sigprocmask(SIG_SETMASK, &m->old_mask, NULL);
}

static int set_up(struct monitor *m, struct error *err)
{
	int rc = take_signals(m, err);

	if (!rc)
		rc = launch_plan_make(&m->plan, m->config, m->kind,
		                      &m->old_mask, err);
	return rc;
}

/* Runs once; *again: the same without a pid namespace may do. */
static enum monitor_result run(const struct sandbox_config *config,
                               enum monitor_plan plan, bool namespaces,
                               bool pid_ns, int *status, bool *again,
                               struct error *err)
{
	_auto_free_ struct monitor *m = calloc(1, sizeof(*m));
	int rc;

	if (!m) {
		error_set(err, -ENOMEM, "out of memory");
		return MONITOR_WRONG;
	}
	m->config = config;
	m->kind = plan;
	m->signal_fd = m->app_fd = m->datapath_fd = -1;
	m->app_end = m->datapath_end = m->cmd = -1;
	m->init = m->datapath = -1;
	descriptors_inherited(&m->inherited);
	terminal_remember(&m->terminal);
	rc = set_up(m, err);
	if (rc) {
		end(m, false);
		return MONITOR_WRONG;
	}
	m->plan.app.namespaces = namespaces;
	m->plan.app.ids.user_ns &= namespaces;
	m->plan.app.pid_ns = pid_ns;
	/* where no pid namespace holds them, CMD's orphans come here */
	if (!pid_ns || plan == MONITOR_SOCKETS) {
		reap_list_children(&m->others);
		m->subreaper = !prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	}
	rc = start(m, err);
	if (rc) {
		end(m, false);
		return MONITOR_IMPOSSIBLE;
	}
	if (m->kind != MONITOR_NONE)
		send_files(m);
	serve(m);
	*again = m->no_proc && pid_ns;
	*status = m->status;
	end(m, !m->err.code);
	if (!m->err.code)
		return MONITOR_RAN;
	*err = m->err;
	if (m->err.code == -EINTR)
		return MONITOR_WRONG;
	return m->started || m->killed ? MONITOR_BROKEN : MONITOR_IMPOSSIBLE;
}

/*
 * `sockets` needs no namespace: where none can be had the app runs bare, its
 * calls are answered all the same, and what /proc/net shows is the host's.
 */
static enum monitor_result run_bare(const struct sandbox_config *config,
                                    int *status, struct error *err)
{
	bool again;

	if (config->require_netns)
		return MONITOR_WRONG;
	if (config->map_root || config->nuid_map || config->ngid_map) {
		error_prefix(err, "ids cannot be mapped here: ");
		return MONITOR_WRONG;
	}
	/* by auto there is a line with this reason already */
	log_line(config->frontend == FRONTEND_SOCKETS ? LOG_LEVEL_NOTICE
	                                              : LOG_LEVEL_DEBUG,
	         "no namespace for the app here (%s): it sees the host's "
	         "/proc/net, but reaches nothing by it",
	         err->text);
	*err = (struct error){0};
	return run(config, MONITOR_SOCKETS, false, false, status, &again, err);
}

enum monitor_result monitor_run(const struct sandbox_config *config,
                                enum monitor_plan plan, int *status,
                                struct error *err)
{
	enum monitor_result result;
	bool again = false;

	result = run(config, plan, true, true, status, &again, err);
	if (again) {
		log_debug("%s; going without a pid namespace", err->text);
		*err = (struct error){0};
		result = run(config, plan, true, false, status, &again, err);
	}
	if (result == MONITOR_IMPOSSIBLE && plan == MONITOR_SOCKETS)
		result = run_bare(config, status, err);
	return result;
}
