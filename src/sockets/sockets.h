/* SPDX-License-Identifier: Apache-2.0 */
/* sockets.h - frontend 2: socket calls impersonated by seccomp notification */
#ifndef SOCKETS_SOCKETS_H
#define SOCKETS_SOCKETS_H

#include "base/addr.h"
#include "base/error.h"
#include "base/random.h"
#include "flow/frontend.h"

struct loop;
struct flow_table;
struct sockets;

struct sockets_config {
	size_t max_sockets;
	struct addr app4, app6; /* what getsockname() tells */
	struct addr gateway4, resolver4, gateway6, resolver6;
	struct addr resolver_aliases[4];
	size_t nresolver_aliases;
	bool lo_only;      /* the app is told of no interface but lo */
	bool direct;       /* --sockets=direct: see direct.c */
	bool own_network;  /* the app has a network namespace */
	bool unix_rules;   /* not every path socket may be reached */
	bool no_unix_bind; /* nor may the app be found by one of its own */
	/* where the kernel connects by path: not to what is below; NULL:
	 * mounts hide it, or it is not there. A path may be another one when
	 * the kernel reads it: control_peer_check() has the last word */
	const char *control_root;
};

/*
 * sockets_new() - malloc at start only. sockets_frontend_ops() with the
 * result as user is what flow is bound to; sockets_start() takes the
 * listener and the flow table and adds sources LOOP_NOTIFY, LOOP_APP_SOCKET.
 */
struct sockets *sockets_new(const struct sockets_config *config,
                            struct loop *loop,
                            const struct random_source *random);
/* sockets_end() - every socket of the app's is let go of, flow told */
void sockets_end(struct sockets *s);
/* sockets_end(), and the memory */
void sockets_free(struct sockets *s);
const struct frontend_ops *sockets_frontend_ops(void);
_must_check_ int sockets_start(struct sockets *s, int notify_fd,
                               struct flow_table *ft, struct error *err);
/*
 * sockets_unix_is_kept() - does the kernel keep the app from the host's
 * abstract AF_UNIX names (own network namespace, Landlock scope)? Otherwise
 * AF_UNIX sockets are connected by us (calls_unix.c): judged and continued, a
 * call could be changed in between.
 */
void sockets_unix_is_kept(struct sockets *s, bool kept);
/* sockets_resolver_daemons - paths of nss-resolve, nscd and avahi: by them
 * glibc would ask the host's resolver, past the policy about names */
#define SOCKETS_RESOLVER_DAEMONS 6
extern const char *const sockets_resolver_daemons[SOCKETS_RESOLVER_DAEMONS];
/*
 * sockets_set_find_path() - find() has the file that path is to thread tid
 * looked up and judged, and where `describe`, its descriptor fd looked at; 0,
 * and sockets_path_found() is called with the token once, or a negative errno.
 */
void sockets_set_find_path(struct sockets *s,
                           int (*find)(void *user, uint64_t token, uint32_t tid,
                                       int fd, bool describe, const char *path),
                           void *user);
struct sockets_path {
	int result;         /* 0, or a negative errno for the app */
	const char *denied; /* a path that must not be reached; or NULL */
	int file;           /* with 0: opened with O_PATH; taken over */
	int type; /* with `describe`: of fd; 0: it could not be told */
	bool cloexec, nonblock;
};
void sockets_path_found(struct sockets *s, uint64_t token,
                        const struct sockets_path *found, int64_t now);
/* sockets_paths_gone() - nobody finds paths any more: who waits is refused */
void sockets_paths_gone(struct sockets *s);
/* sockets_set_who() - ask() has the process of a thread looked up; the token
 * is that of frontend_ops.who_ask() */
void sockets_set_who(struct sockets *s,
                     int (*ask)(void *user, uint64_t token, uint32_t tid),
                     void *user);
int64_t sockets_deadline(void *s);
void sockets_run(void *s, int64_t now);
void sockets_turn_end(void *s, int64_t now);

#endif
