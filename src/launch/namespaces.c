/* SPDX-License-Identifier: Apache-2.0 */
/* namespaces.c - clones into namespaces, and whose ids are whose in them */
#include "launch/namespaces.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

pid_t namespace_clone(unsigned long flags, int *pidfd)
{
	/* clone3(2) is refused by the default profile of container engines;
	 * the kernel stores the pidfd where parent_tid points */
	int fd = -1;
	long pid;

	if (pidfd)
		flags |= CLONE_PIDFD;
#if defined(__s390__) || defined(__CRIS__)
	pid = syscall(SYS_clone, NULL, flags | SIGCHLD, &fd, NULL, NULL);
#else
	pid = syscall(SYS_clone, flags | SIGCHLD, NULL, &fd, NULL, NULL);
#endif
	if (pid < 0)
		return -errno;
	if (pidfd)
		*pidfd = fd;
	return (pid_t)pid;
}

bool capability_effective(unsigned int cap)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	if (syscall(SYS_capget, &head, data) < 0)
		return false;
	return data[cap / 32].effective & 1U << cap % 32;
}

static int append_range(char *text, uint32_t inside, uint32_t outside,
                        uint32_t count)
{
	size_t len = strlen(text), room = ID_MAP_TEXT_MAX - len;
	int n = snprintf(text + len, room,
	                 "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", inside,
	                 outside, count);

	return n > 0 && (size_t)n < room ? 0 : -ENOSPC;
}

/*
 * Every id that this namespace knows, as itself; first and last, which may be
 * NULL, are made to hold them all.
 */
static int append_all(char *text, const char *path, uint32_t *first,
                      uint32_t *last)
{
	_auto_fclose_ FILE *f = fopen(path, "re");
	uint32_t inside, outside, count;
	int rc = f ? 0 : -errno;

	while (!rc && fscanf(f, "%" SCNu32 " %" SCNu32 " %" SCNu32, &inside,
	                     &outside, &count) == 3) {
		rc = append_range(text, inside, inside, count);
		if (first)
			*first = MIN(*first, inside);
		if (last)
			*last = MAX(*last, inside + (count - 1));
	}
	return rc;
}

static int append_entries(char *text, const struct id_map_entry *e, size_t n,
                          bool rights, uint32_t own, const char *option,
                          struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		if (!rights &&
		    (n > 1 || e[i].outside != own || e[i].count != 1))
			return error_set(
				err, -EPERM,
				"%s maps more than your own id %" PRIu32
				", which needs CAP_SETUID and CAP_SETGID",
				option, own);
		if (append_range(text, e[i].inside, e[i].outside, e[i].count))
			return error_set(err, -ENOSPC, "%s is too long",
			                 option);
	}
	return 0;
}

/* What the id `outside` is called inside; false: the map leaves it out. */
static bool translate(const struct id_map_entry *e, size_t n, uint32_t outside,
                      uint32_t *inside)
{
	for (size_t i = 0; i < n; i++) {
		if (outside < e[i].outside ||
		    outside - e[i].outside >= e[i].count)
			continue;
		*inside = e[i].inside + (outside - e[i].outside);
		return true;
	}
	return false;
}

static int plan_inner(const struct sandbox_config *c, struct id_plan *plan,
                      bool rights, struct error *err)
{
	uint32_t uid = geteuid(), gid = getegid(), first, last;
	int rc = 0;

	plan->inner.own = !rights;
	plan->root_inside = uid == 0 || c->map_root;
	if (c->nuid_map) {
		uint32_t inside = 0;

		plan->become_root =
			!translate(c->uid_map, c->nuid_map, uid, &inside);
		plan->root_inside = inside == 0;
		rc = append_entries(plan->inner.uid, c->uid_map, c->nuid_map,
		                    rights, uid, "-uid-map", err);
	} else if (rights && (uid == 0 || !c->map_root)) {
		rc = append_all(plan->inner.uid, "/proc/self/uid_map", NULL,
		                NULL);
	} else {
		rc = append_range(plan->inner.uid, c->map_root ? 0 : uid, uid,
		                  1);
	}
	if (rc)
		return rc;
	first = last = c->map_root ? 0 : gid;
	if (c->ngid_map) {
		const struct id_map_entry *e = &c->gid_map[0];

		first = e->inside;
		last = e->inside + (e->count - 1);
		rc = append_entries(plan->inner.gid, c->gid_map, c->ngid_map,
		                    rights, gid, "-gid-map", err);
	} else if (rights && (gid == 0 || !c->map_root)) {
		rc = append_all(plan->inner.gid, "/proc/self/gid_map", &first,
		                &last);
	} else {
		rc = append_range(plan->inner.gid, c->map_root ? 0 : gid, gid,
		                  1);
	}
	/* the kernel takes no range that ends beyond INT_MAX */
	last = MIN(last, INT32_MAX - 1U);
	snprintf(plan->ping_gids, sizeof(plan->ping_gids),
	         "%" PRIu32 " %" PRIu32, first, last);
	return rc;
}

int id_plan_make(const struct sandbox_config *config, struct id_plan *plan,
                 struct error *err)
{
	bool rights = capability_effective(CAP_SYS_ADMIN) &&
	              capability_effective(CAP_SETUID) &&
	              capability_effective(CAP_SETGID);
	int rc;

	memset(plan, 0, sizeof(*plan));
	plan->user_ns = true;
	plan->outer.own = !rights;
	if (rights) {
		rc = append_all(plan->outer.uid, "/proc/self/uid_map", NULL,
		                NULL);
		if (!rc)
			rc = append_all(plan->outer.gid, "/proc/self/gid_map",
			                NULL, NULL);
	} else {
		rc = append_range(plan->outer.uid, geteuid(), geteuid(), 1);
		if (!rc)
			rc = append_range(plan->outer.gid, getegid(), getegid(),
			                  1);
	}
	if (rc)
		return error_set(err, rc, "cannot read own id maps: ");
	rc = plan_inner(config, plan, rights, err);
	if (rc && !err->code)
		return error_set(err, rc, "cannot plan id maps: ");
	return rc;
}

/*
 * self: /proc/self/..., and it is another's where pid is not 0. No printf(3)
 * for our own: a process just forked pays for each page that it touches.
 */
static int write_proc(pid_t pid, const char *self, const char *text,
                      struct error *err)
{
	_auto_close_ int fd = -1;
	const char *path = self;
	char other[64];
	size_t len = strlen(text);

	if (pid) {
		snprintf(other, sizeof(other), "/proc/%d/%s", (int)pid,
		         self + strlen("/proc/self/"));
		path = other;
	}
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, -errno, "cannot open %s: ", path);
	if (write(fd, text, len) != (ssize_t)len)
		return error_set(err, -errno, "cannot write %s: ", path);
	return 0;
}

int id_map_write(const struct id_map *map, pid_t pid, struct error *err)
{
	int rc;

	if (map->own) {
		/* fails in a nested one where it is denied already */
		struct error ignored = {0};

		(void)!write_proc(pid, "/proc/self/setgroups", "deny",
		                  &ignored);
	}
	rc = write_proc(pid, "/proc/self/uid_map", map->uid, err);
	if (!rc)
		rc = write_proc(pid, "/proc/self/gid_map", map->gid, err);
	return rc;
}
