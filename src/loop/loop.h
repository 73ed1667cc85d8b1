/* SPDX-License-Identifier: Apache-2.0 */
/* loop.h - one epoll, one thread; the only place that reads a clock */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "base/random.h"
#include "base/util.h"

struct loop;

/*
 * enum loop_kind - who an event belongs to. An event carries a kind, an index
 * and a generation, never a pointer: a stale one is recognised by its owner
 * and dies harmlessly.
 */
enum loop_kind {
	LOOP_LOOP,        /* the loop's own */
	LOOP_FRAME_PORT,  /* link: frames from the app's interface */
	LOOP_HOST_FLOW,   /* host: the socket of a flow */
	LOOP_HOST_LISTEN, /* host: a published port */
	LOOP_UPSTREAM,    /* host: a resolver's upstream socket */
	LOOP_RESOLVER,    /* launch: resolver sockets in the app's namespace */
	LOOP_MONITOR,     /* launch: messages from the monitor */
	LOOP_NOTIFY,      /* sockets: the seccomp listener */
	LOOP_APP_SOCKET,  /* sockets: our end of an app's pair */
	LOOP_CONTROL,     /* control: listener and clients */
	LOOP_ROUTE,       /* host: rtnetlink, own addresses */
	LOOP_SIGNAL,      /* signalfd */
	LOOP_CHILD,       /* pidfd or wait */
	LOOP_PATHS,       /* launch: found paths of AF_UNIX sockets */
	LOOP_KINDS
};

struct loop_ref {
	enum loop_kind kind;
	uint32_t index;
	uint32_t gen; /* 24 bits are kept */
};

/*
 * A handler may add, change and remove any source, also its own; deferred
 * frees wait for the end-of-turn hook of their room. `events` are EPOLL bits.
 */
typedef void loop_handler(void *user, uint32_t index, uint32_t gen,
                          uint32_t events, int64_t now);

/*
 * struct loop_member - a room with timers or per-turn work. deadline()
 * returns the next time run() wants to be called (TIME_NEVER: none);
 * turn_end(), where given, runs after each batch of events.
 */
struct loop_member {
	int64_t (*deadline)(void *user);
	void (*run)(void *user, int64_t now);
	void (*turn_end)(void *user, int64_t now);
	void *user;
};

/* loop_new() - NULL when epoll cannot be had (errno tells). */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* One handler a kind, set before the first event of that kind. */
void loop_handle(struct loop *loop, enum loop_kind kind, loop_handler *handler,
                 void *user);
/* At most 8 members; borrowed until the loop goes. */
void loop_member_add(struct loop *loop, const struct loop_member *member);

/* The loop borrows fd; remove it (or close it) before its number is reused. */
_must_check_ int loop_add(struct loop *loop, int fd, uint32_t events,
                          struct loop_ref ref);
_must_check_ int loop_mod(struct loop *loop, int fd, uint32_t events,
                          struct loop_ref ref);
void loop_del(struct loop *loop, int fd);

/* loop_now() - CLOCK_MONOTONIC of the current turn; loop_clock() reads it. */
int64_t loop_now(const struct loop *loop);
int64_t loop_clock(void);

/* loop_run() - turns until loop_stop(); 0 or a negative errno of epoll. */
_must_check_ int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* loop_wall_offset_ns() - CLOCK_REALTIME - CLOCK_MONOTONIC, at this moment */
int64_t loop_wall_offset_ns(void);
/* loop_random() - getrandom(2) as a source; blocks only before the pool is
 * ready at boot. */
struct random_source loop_random(void);

#endif
