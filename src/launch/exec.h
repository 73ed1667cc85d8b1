/* SPDX-License-Identifier: Apache-2.0 */
/* exec.h - the last steps of the process that becomes CMD */
#ifndef LAUNCH_EXEC_H
#define LAUNCH_EXEC_H

#include "base/error.h"
#include "launch/config.h"

#include <signal.h>
#include <sys/types.h>

/* struct app_exec - how CMD is to find itself; all borrowed */
struct app_exec {
	const struct sandbox_config *config;
	sigset_t mask;     /* signals blocked when postern was started */
	pid_t launched_as; /* what LISTEN_PID may have named: postern */
	bool same_rights;  /* no namespace of ours: change no capability */
	bool full_rights;  /* --map-root: keep those over the network */
	bool root_inside;  /* uid 0, to whom exec gives capabilities */
	bool no_user_ns;   /* real root: keep only harmless ones */
	/*
	 * Installs the filter, as the last thing of app_exec_prepare(); NULL:
	 * confine_app_filter() as config says. Under `sockets` it also hands
	 * the listener over.
	 */
	int (*install_filter)(void *user, struct error *err);
	void *user;
	int exec_fd;   /* where spawner_start() listens; -1: nowhere */
	bool prepared; /* app_exec_prepare() was called */
};

/*
 * app_exec_prepare() - LISTEN_PID, descriptor rules, capabilities, filter: all
 * that can be done before the word to start. What is left, CMD itself may do.
 */
_must_check_ int app_exec_prepare(struct app_exec *x, struct error *err);

/*
 * app_exec() - what app_exec_prepare() does if it was not called, working
 * directory, signal mask, exec. Does not return: a failure is one line on
 * stderr and exit 125 (ours), 126 (not executable) or 127 (not found).
 */
_Noreturn void app_exec(struct app_exec *x);

#endif
