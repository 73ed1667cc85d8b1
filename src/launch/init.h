/* SPDX-License-Identifier: Apache-2.0 */
/* init.h - the app's side: its namespaces, a tiny init, CMD */
#ifndef LAUNCH_INIT_H
#define LAUNCH_INIT_H

#include "base/addr.h"
#include "base/error.h"
#include "launch/config.h"
#include "launch/namespaces.h"
#include "link/ifconfig.h"

#include <signal.h>
#include <sys/types.h>

#define APP_RESOLVERS_MAX 4

/*
 * struct app_side - all that init and CMD need to know; made by the monitor,
 * inherited over fork. Pointers are borrowed.
 */
struct app_side {
	const struct sandbox_config *config;
	struct id_plan ids;
	int monitor_fd;    /* the app side's end of its message pair, owned by
	                      whoever starts it */
	int exec_fd;       /* the spawner's end of its pair; -1: none */
	int not_ours[12];  /* descriptors of the monitor and the datapath that
	                     the app's side must not hold open; -1: none */
	sigset_t mask;     /* signals blocked when postern was started */
	pid_t launched_as; /* postern's own pid */

	bool namespaces; /* false: none can be had (`sockets`, bare) */
	bool pid_ns;
	bool frame_port;     /* make one and send it as MSG_FRAME_PORT */
	struct ifconfig ifc; /* ifname "": loopback only */
	char congestion[16]; /* the host's congestion control, or "" */

	/* sockets: send a sock_diag socket as MSG_APP_NETWORK */
	bool unix_diag;
	/* the directory of control sockets, to be hidden; NULL: none */
	const char *control_root;
	/* the app's resolv.conf; NULL: leave the host's */
	const char *resolv_conf;
	size_t resolv_conf_len;
	/* loopback addresses that the host's resolv.conf names: the resolver
	 * gets sockets there where the file cannot be replaced */
	struct addr loopback_resolvers[APP_RESOLVERS_MAX];
	size_t nloopback_resolvers;

	/* as in struct app_exec */
	int (*install_filter)(void *user, struct error *err);
	void *user;
};

/*
 * app_side_start() - clones init, which makes the rest. Answers come on
 * monitor_fd's other end, in this order:
 *
 *   MSG_FRAME_PORT      link: the port; one
 *   MSG_APP_NETWORK     link: one; sockets: one with unix_diag
 *   MSG_DOOR            link: one for each face of a door
 *   MSG_APP_WIRED       link: one, when all above is sent
 *   MSG_RESOLVER_SOCKET link: none or several
 *   MSG_APP_READY       waits for MSG_START; one fd: CMD's pidfd
 *   MSG_APP_STOPPED     any number, once it runs
 *   MSG_APP_EXITED      the last one; init ends after it
 *
 * MSG_FAILED may come instead of any before MSG_START; MSG_APP_NO_PROC says
 * that /proc cannot be mounted here and the caller has to start again without
 * a pid namespace. Init is a child of the caller and dies with it. Its pid, or
 * a negative errno with err set.
 */
_must_check_ pid_t app_side_start(const struct app_side *a, struct error *err);

#endif
