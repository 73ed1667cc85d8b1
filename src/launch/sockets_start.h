/* SPDX-License-Identifier: Apache-2.0 */
/* sockets_start.h - the filter on CMD, and its listener's way to us */
#ifndef LAUNCH_SOCKETS_START_H
#define LAUNCH_SOCKETS_START_H

#include "base/error.h"
#include "confine/confine.h"

/*
 * struct sockets_handover - made by the supervisor before it starts the
 * app's side, inherited by CMD over fork. Both descriptors are close-on-exec.
 */
struct sockets_handover {
	struct app_filter filter;
	bool no_tcp; /* CMD's own connect() and bind() of TCP are refused */
	bool scoped; /* after sockets_handover_take(): the kernel keeps CMD
	                from abstract names outside */
	int ours;    /* the supervisor's end */
	int theirs;  /* CMD's end */
};

/* sockets_handover_open() - 0 or a negative errno with err set */
_must_check_ int sockets_handover_open(struct sockets_handover *h,
                                       struct error *err);

/*
 * sockets_install_filter() - `install_filter` of struct app_exec; user is a
 * struct sockets_handover. Installs confine_app_notify() on the caller and
 * sends the listener to the supervisor. Returns when it is on its way.
 */
int sockets_install_filter(void *user, struct error *err);

/*
 * sockets_handover_take() - the listener once `ours` is readable: a
 * descriptor, -EAGAIN, or -EPIPE (CMD ended before it came).
 */
_must_check_ int sockets_handover_take(struct sockets_handover *h);

#endif
