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
#include "launch/monitor-private.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "launch/hostfiles.h"
#include "launch/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* lines of the datapath that are still read when CMD is gone */
#define LAST_LINES 400
#define LAST_LINES_MS 20

/* The first failure is the one that is told. */
void monitor_fail(struct monitor *m, int code, const char *text)
{
	if (m->phase != PHASE_OVER)
		error_set(&m->err, code, "%s", text);
	m->phase = PHASE_OVER;
}

/* --- the beginning and the end
 * ------------------------------------------------ */

static void end_process(pid_t *pid)
{
	if (*pid > 0) {
		(void)kill(*pid, SIGKILL);
		(void)waitpid(*pid, NULL, 0);
	}
	*pid = -1;
}

/* What is still on its way, the answers to its last questions included. */
static void hear_last_lines(struct monitor *m)
{
	/* of many denials the last are held back, and there were some */
	if (m->lines && m->datapath_fd >= 0 &&
	    !message_send(m->datapath_fd, MSG_LAST, 0, NULL, 0, -1))
		m->lines_due++;
	for (int i = 0; i < LAST_LINES && m->datapath_fd >= 0; i++) {
		struct pollfd p = {.fd = m->datapath_fd, .events = POLLIN};

		if (!monitor_hear_datapath(m) &&
		    (!m->lines_due || poll(&p, 1, LAST_LINES_MS) != 1))
			break;
	}
}

/*
 * Ends what is left. The datapath of a run that went well is told to finish
 * and left alone: the kernel takes 11 to 31 ms to close a tap, and what the
 * app had written may still have to leave.
 */
static void end(struct monitor *m, bool well)
{
	end_process(&m->init);
	monitor_control_close(m);
	/* what CMD was refused just now was told before it was refused */
	hear_last_lines(m);
	fd_close(&m->signal_fd);
	fd_close(&m->app_fd);
	fd_close(&m->app_end);
	fd_close(&m->datapath_end);
	fd_close(&m->paths_fd);
	fd_close(&m->cmd);
	fd_close(&m->exec_fd);
	fd_close(&m->plan.app.exec_fd);
	publishes_fini(&m->publishes);
	terminal_restore(&m->terminal);
	/* the last to close an inotify descriptor waits some 20 ms for the
	 * kernel's readers: that shall not be us */
	if (well && m->datapath > 0 && m->datapath_fd >= 0 &&
	    monitor_tell(m->datapath_fd, MSG_STOP, 0, NULL, 0,
	                 m->plan.files ? hostfiles_fd(m->plan.files) : -1) ==
	            0) {
		reap_list_add(&m->others, m->datapath);
		m->datapath = -1;
	}
	end_process(&m->datapath);
	end_process(&m->paths);
	if (m->subreaper)
		reap_descendants(&m->others);
	fd_close(&m->datapath_fd);
	if (m->plan.files && !well)
		hostfiles_close(m->plan.files);
	(void)sigprocmask(SIG_SETMASK, &m->old_mask, NULL);
}

static int set_up(struct monitor *m, struct error *err)
{
	int rc = monitor_take_signals(m, err);

	if (!rc)
		rc = launch_plan_make(&m->plan, m->config, m->kind,
		                      &m->old_mask, err);
	if (!rc)
		rc = monitor_control_open(m, err);
	return rc;
}

/* Runs once; *again: the same without a pid namespace may do. */
static enum monitor_result run(const struct sandbox_config *config,
                               enum monitor_plan plan, bool namespaces,
                               bool pid_ns, int *status, bool *again,
                               struct error *err)
{
	/* the last one lives until the exit, which gives it back for nothing */
	static struct monitor *m;
	int rc;

	free(m);
	m = calloc(1, sizeof(*m));
	if (!m) {
		error_set(err, -ENOMEM, "out of memory");
		return MONITOR_WRONG;
	}
	m->config = config;
	m->kind = plan;
	m->signal_fd = m->app_fd = m->datapath_fd = -1;
	m->app_end = m->datapath_end = m->cmd = m->exec_fd = -1;
	m->plan.app.exec_fd = -1;
	m->init = m->datapath = m->paths = m->paths_fd = -1;
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
	/* which path sockets are the app's own? */
	m->plan.app.unix_diag = plan == MONITOR_SOCKETS && namespaces &&
	                        config->host_uds == HOST_UDS_CREATE;
	/* where no pid namespace holds them, CMD's orphans come here */
	if (!pid_ns || plan == MONITOR_SOCKETS) {
		reap_list_children(&m->others);
		m->subreaper = !prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	}
	rc = monitor_start(m, err);
	if (rc) {
		end(m, false);
		return MONITOR_IMPOSSIBLE;
	}
	monitor_serve(m);
	*again = m->no_proc && pid_ns;
	*status = m->status;
	if (m->started)
		monitor_told_ended(m, m->err.code ? EXIT_POSTERN : m->status);
	end(m, !m->err.code);
	if (!m->err.code)
		return MONITOR_RAN;
	*err = m->err;
	if (m->err.code == -EINTR || m->wrong)
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
