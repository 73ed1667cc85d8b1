/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h - what the processes of one sandbox are told at their start */
#ifndef LAUNCH_PLAN_H
#define LAUNCH_PLAN_H

#include "launch/datapath.h"
#include "launch/hostfiles.h"
#include "launch/init.h"
#include "launch/monitor.h"

#include <signal.h>

/* struct launch_plan - made once, before any process; inherited over fork */
struct launch_plan {
	enum monitor_plan kind;
	struct app_side app;
	struct datapath_args datapath; /* unset under MONITOR_NONE */
	struct hostfiles *files;       /* NULL under MONITOR_NONE; owned */
	char resolv_conf[HOSTFILES_TEXT_MAX]; /* the app's */
};

/*
 * launch_plan_make() - ids, addresses and names by config and by what the
 * host has; p is zeroed. mask: the signals blocked when postern was started.
 * 0, or a negative errno with err set: config asks for what cannot be.
 */
_must_check_ int launch_plan_make(struct launch_plan *p,
                                  const struct sandbox_config *config,
                                  enum monitor_plan kind, const sigset_t *mask,
                                  struct error *err);

#endif
