/* SPDX-License-Identifier: Apache-2.0 */
/* namespaces.h - clones into namespaces, and whose ids are whose in them */
#ifndef LAUNCH_NAMESPACES_H
#define LAUNCH_NAMESPACES_H

#include "base/error.h"
#include "launch/config.h"

#include <sys/types.h>

/*
 * namespace_clone() - fork(2) with clone flags (CLONE_NEW*); pidfd may be
 * NULL, else it is close-on-exec and the caller's. 0 in the child, which must
 * not use glibc's idea of its thread id (raise(), threads); the pid in the
 * parent; a negative errno.
 */
_must_check_ pid_t namespace_clone(unsigned long flags, int *pidfd);

#define ID_MAP_TEXT_MAX 1024

/* struct id_map - one user namespace's maps as text for /proc/PID/{u,g}id_map
 */
struct id_map {
	char uid[ID_MAP_TEXT_MAX], gid[ID_MAP_TEXT_MAX];
	/* the maps hold only the launcher's own ids, so the process itself
	 * may write them, once setgroups(2) is denied */
	bool own;
};

/*
 * struct id_plan - the two nested user namespaces of the app's side: mounts
 * belong to the outer one, CMD and its network to the inner one, so that even
 * a mapped root cannot undo the mounts.
 */
struct id_plan {
	bool user_ns; /* false: none can be had, but CAP_SYS_ADMIN is here */
	struct id_map outer, inner;
	bool root_inside;   /* CMD runs with uid 0 of the inner namespace */
	bool become_root;   /* the maps leave the launcher's uid out: CMD has to
	                       change to 0 */
	char ping_gids[32]; /* "FIRST LAST": who may open ping sockets inside */
};

/*
 * id_plan_make() - from --map-root, -uid-map, -gid-map and what this process
 * may do. -EPERM, with err set, for maps that would need more rights.
 */
_must_check_ int id_plan_make(const struct sandbox_config *config,
                              struct id_plan *plan, struct error *err);
/* id_map_write() - for process pid as numbered by the mounted /proc; 0: this
 * process. */
_must_check_ int id_map_write(const struct id_map *map, pid_t pid,
                              struct error *err);

/* capability_effective() - does this process have CAP_* now? */
bool capability_effective(unsigned int cap);

#endif
