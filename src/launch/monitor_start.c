/* SPDX-License-Identifier: Apache-2.0 */
/* monitor_start.c - starts the datapath and the app's side */
#include "launch/monitor-private.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "confine/confine.h"
#include "launch/datapath.h"
#include "launch/init.h"
#include "launch/unix_paths.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

void datapath_detach(const struct datapath_args *args, const int *keep,
                     size_t nkeep)
{
	const struct sandbox_config *c = args->config;
	int all[16] = {args->monitor_fd, args->route_fd,    c->pcap_fd,
	               c->log_fd,        c->debug_log_fd,   c->panic_log_fd,
	               c->flow_log_fd,   c->flow_memory_fd, c->flow_done_fd,
	               args->paths_fd};
	size_t n = 10;

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
	m->plan.datapath.paths_fd = m->paths_fd;
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
	fd_close(&m->paths_fd);
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
	fd[4] = m->exec_fd;
	fd[5] = m->paths_fd;
	for (size_t i = 6 + monitor_control_fds(m, fd + 6);
	     i < ARRAY_SIZE(m->plan.app.not_ours); i++)
		fd[i] = -1;
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

/* Commands are started inside only by who finds the control socket. */
static int open_exec(struct monitor *m, struct error *err)
{
	int pair[2], rc;

	if (!m->control)
		return 0;
	rc = message_pair(pair);
	if (rc)
		return error_set(err, rc, "cannot make a socket pair: ");
	m->exec_fd = pair[0];
	m->plan.app.exec_fd = pair[1];
	return 0;
}

/* Who finds paths for the supervisor, where it has to connect to them. */
static int start_paths(struct monitor *m, struct error *err)
{
	const struct app_side *app = &m->plan.app;
	const struct unix_paths_start s = {
		.config = m->config,
		.control_root = app->control_root,
	};

	if (m->config->host_uds == HOST_UDS_ALL &&
	    (app->namespaces || confine_can_scope()))
		return 0;
	m->paths = unix_paths_start(&s, &m->paths_fd, err);
	return m->paths < 0 ? (int)m->paths : 0;
}

int monitor_start(struct monitor *m, struct error *err)
{
	int rc = open_pair(&m->app_fd, &m->app_end, err);

	if (rc)
		return rc;
	rc = open_exec(m, err);
	if (rc)
		return rc;
	if (m->kind != MONITOR_SOCKETS) {
		rc = start_app(m, err);
		fd_close(&m->plan.app.exec_fd);
		if (rc || m->kind == MONITOR_NONE)
			return rc;
	}
	rc = open_pair(&m->datapath_fd, &m->datapath_end, err);
	if (rc)
		return rc;
	m->plan.app.monitor_fd = m->app_end;
	if (m->kind == MONITOR_SOCKETS)
		rc = start_paths(m, err);
	if (rc)
		return rc;
	disown(m);
	rc = start_datapath(m, err);
	/* under sockets the datapath has it now */
	fd_close(&m->app_end);
	fd_close(&m->plan.app.exec_fd);
	return rc;
}
