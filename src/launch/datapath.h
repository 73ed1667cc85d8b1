/* SPDX-License-Identifier: Apache-2.0 */
/* datapath.h - the confined process that carries the app's traffic */
#ifndef LAUNCH_DATAPATH_H
#define LAUNCH_DATAPATH_H

#include "launch/config.h"

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
};

/*
 * datapath_main() - runs in the forked child, in the host's namespaces;
 * receives the set-up messages until MSG_START, confines itself
 * (confine_datapath()), answers MSG_READY, serves until MSG_STOP or the end
 * of the pair. Returns the exit status.
 */
int datapath_main(const struct datapath_args *args);

#endif
