/* SPDX-License-Identifier: Apache-2.0 */
/* monitor.h - starts the processes, watches them, carries signals and status */
#ifndef LAUNCH_MONITOR_H
#define LAUNCH_MONITOR_H

#include "base/error.h"
#include "launch/config.h"

enum monitor_plan {
	MONITOR_LINK,    /* own network, frames to the datapath */
	MONITOR_SOCKETS, /* calls to the datapath, which starts the app's side
	                  */
	MONITOR_NONE,    /* own network, loopback only; no datapath */
};

enum monitor_result {
	MONITOR_RAN,        /* CMD ran to its end; the status is its own */
	MONITOR_BROKEN,     /* postern itself failed; CMD, if it ran, was
	                       ended */
	MONITOR_IMPOSSIBLE, /* CMD never ran: this plan cannot be had here */
	MONITOR_WRONG,      /* CMD never ran, and no other plan would do */
};

/*
 * monitor_run() - the whole life of one sandbox. err is set for all but
 * MONITOR_RAN, *status for that one. Nothing of it is left, but a datapath
 * that delivers what CMD had written.
 */
_must_check_ enum monitor_result
monitor_run(const struct sandbox_config *config, enum monitor_plan plan,
            int *status, struct error *err);

#endif
