/* SPDX-License-Identifier: Apache-2.0 */
/* datapath.h - the confined process that carries the app's traffic */
#ifndef LAUNCH_DATAPATH_H
#define LAUNCH_DATAPATH_H

#include "launch/config.h"

struct app_side; /* launch/init.h */

struct datapath_args {
	const struct sandbox_config *config; /* inherited over fork */
	bool sockets;                        /* which frontend */
	int monitor_fd; /* our end of the message pair, owned */
	int route_fd;   /* rtnetlink of the host's namespace, owned, or -1 */
	/* addressing as finally chosen (fallback prefix included) */
	struct addr app4, gateway4, resolver4, app6, gateway6, resolver6;
	unsigned int prefix4, prefix6, mtu;
	struct addr resolver_aliases[4]; /* from the app's resolv.conf */
	size_t nresolver_aliases;
	/* sockets: to the process of unix_paths.h, owned; -1: no path and no
	 * abstract name has to be kept from the app */
	int paths_fd;
	/*
	 * sockets: the app's side, which the datapath has to start with
	 * app_side_start() (it must be an ancestor of CMD) before it closes
	 * what it inherited with datapath_detach(). Its messages go to the
	 * monitor. NULL under link: the monitor starts it and has detached.
	 */
	struct app_side *app;
};

/*
 * datapath_detach() - stdin, stdout and stderr become /dev/null and whatever
 * was inherited is closed, but for args' own descriptors and `keep`: no pipe
 * of CMD's may be held open.
 */
void datapath_detach(const struct datapath_args *args, const int *keep,
                     size_t nkeep);

/*
 * datapath_main() - runs in the forked child, in the host's namespaces;
 * receives the set-up messages until MSG_START, confines itself
 * (confine_datapath()), answers MSG_READY, serves until MSG_STOP or the end
 * of the pair. Returns the exit status.
 */
int datapath_main(const struct datapath_args *args);

#endif
