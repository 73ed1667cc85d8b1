/* SPDX-License-Identifier: Apache-2.0 */
/* confine.h - postern's own sandbox, and the filter on CMD */
#ifndef CONFINE_CONFINE_H
#define CONFINE_CONFINE_H

#include "base/error.h"

enum confine_profile {
	CONFINE_LINK,    /* datapath of link */
	CONFINE_SOCKETS, /* datapath of sockets: also reads the app's memory */
};

/*
 * confine_datapath() - no capabilities, no_new_privs, non-dumpable, rlimits,
 * seccomp allow list (generated from the #syscalls comments, kill on
 * violation; under --debug the call is named first). The descriptor limit is
 * raised to the hard one. Irreversible. 0 or a negative errno with err set;
 * the caller must exit on failure.
 */
_must_check_ int confine_datapath(enum confine_profile profile,
                                  struct error *err);

/*
 * confine_app_filter() - the filter on CMD, in the process that will exec
 * it: foreign ABIs, io_uring, TIOCSTI/TIOCLINUX, socket families nobody
 * needs (docs/app-filter.md). Sets no_new_privs.
 */
struct app_filter {
	bool raw_sockets;   /* leave SOCK_RAW, AF_PACKET and every netlink
	                       protocol open (--map-root with net-raw) */
	bool wait_killable; /* notify: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	                       (Linux 5.19) */
	bool no_unix_datagrams; /* notify: of AF_UNIX only streams and packets,
	                           whose messages carry no address */
	bool keep_dumpable; /* notify: prctl(PR_SET_DUMPABLE, 0) answers 0 and
	                       does nothing; a supervisor in the same user
	                       namespace could not look at CMD any more */
};
_must_check_ int confine_app_filter(const struct app_filter *opts,
                                    struct error *err);
/*
 * confine_app_notify() - as confine_app_filter(), plus USER_NOTIF for the
 * socket calls of `sockets`; returns the listener's descriptor, close-on-exec.
 * From then on this process's own sendmsg(2) would be notified, too.
 */
_must_check_ int confine_app_notify(const struct app_filter *opts,
                                    struct error *err);

/*
 * confine_app_scope() - abstract AF_UNIX names and signals of CMD end at its
 * own processes (Landlock ABI 6); no_tcp: it connects and binds no TCP
 * socket itself, whoever made it. -EOPNOTSUPP, err untouched, where the
 * kernel has none of it.
 */
_must_check_ int confine_app_scope(bool no_tcp, struct error *err);
/* confine_can_scope() - can it be had here? */
bool confine_can_scope(void);

#endif
