/* SPDX-License-Identifier: Apache-2.0 */
/* frontend.h - what flow says to the app's side (link or sockets) */
#ifndef FLOW_FRONTEND_H
#define FLOW_FRONTEND_H

#include "base/addr.h"

struct flow_id;

#define FRONTEND_EXE_MAX 192

/*
 * struct frontend_who - the process behind a flow, for people and the log;
 * nothing is decided by it. All zero: not known.
 */
struct frontend_who {
	uint32_t pid;  /* as the host counts; 0: not known */
	uint32_t tid;  /* the thread, where it is known */
	bool lookup;   /* found by its socket, a moment later: best effort */
	char name[32]; /* of its program, without the folders */
	char comm[16]; /* what it calls itself */
	char exe[FRONTEND_EXE_MAX]; /* the program's file; cut on the left */
};

/* frontend_put_exe() - a path as readlink(2) left it, without its end */
void frontend_put_exe(char to[FRONTEND_EXE_MAX], const char *path, size_t len);

/*
 * struct frontend_ops - app_ref is the reference that the frontend gave when
 * it opened the flow. A callee may call flow_*() for any flow, also close
 * this one. err is a negative errno.
 */
struct frontend_ops {
	/*
	 * A client of the published socket `slot`: connect to t.app, from
	 * t.host. 0, and
	 * flow_app_connected(id) follows; *app_ref is set before it. Or a
	 * negative errno: refused at once; -EADDRINUSE: t.host is in use with
	 * t.app already. NULL: no port can be published.
	 */
	int (*tcp_open)(void *user, struct flow_id id, uint32_t slot,
	                const struct tuple *t, uint64_t *app_ref, int64_t now);
	void (*tcp_connected)(void *user, uint64_t app_ref, int64_t now);
	/* the flow is gone after this; do not close it */
	void (*tcp_refused)(void *user, uint64_t app_ref, int err, int64_t now);
	/* edge: peek until -EAGAIN or 0 (the host's end of stream) */
	void (*tcp_readable)(void *user, uint64_t app_ref, int64_t now);
	/* edge: write may take more */
	void (*tcp_writable)(void *user, uint64_t app_ref, int64_t now);
	/* the host reset or lost the flow; the flow is gone after this */
	void (*tcp_reset)(void *user, uint64_t app_ref, int err, int64_t now);
	/*
	 * A client of the published socket `slot` opens a flow: its app_ref,
	 * until the app sends something by it. NULL: 0.
	 */
	uint64_t (*udp_open)(void *user, uint32_t slot);
	/* t is the tuple as the app knows it, not the translated one */
	void (*udp_deliver)(void *user, uint64_t app_ref, const struct tuple *t,
	                    const void *data, size_t len, size_t segment_len,
	                    int64_t now);
	void (*udp_error)(void *user, uint64_t app_ref, const struct tuple *t,
	                  int err, const struct addr *from, int64_t now);
	/* an ICMP error about the echo request seq of t */
	void (*echo_error)(void *user, uint64_t app_ref, const struct tuple *t,
	                   uint16_t seq, int err, const struct addr *from,
	                   int64_t now);
	void (*echo_deliver)(void *user, uint64_t app_ref,
	                     const struct tuple *t, uint16_t seq,
	                     const void *data, size_t len, int64_t now);
	/* who asks for the flow of app_ref; false: not known. NULL: never */
	bool (*who)(void *user, uint64_t app_ref, struct frontend_who *who);
	/*
	 * Who that is, or more of it, shall be looked up: flow_who_told() with
	 * this token comes soon, or never. 0, or a negative errno: there is
	 * nothing to find. NULL: never.
	 */
	int (*who_ask)(void *user, uint64_t app_ref, uint8_t proto,
	               const struct tuple *t, uint64_t token);
};

#endif
