/* SPDX-License-Identifier: Apache-2.0 */
/* unix_owner.c - is it a process of the app that listens at a socket's file? */
#include "launch/unix_owner.h"

#include "base/cleanup.h"
#include "link/sock_diag.h"
#include "loop/loop.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* struct identity - a file as the kernel itself knows it; stat(2) may tell
 * other numbers (overlayfs, btrfs) */
struct identity {
	uint32_t ino, dev; /* dev: MKDEV() of include/linux/kdev_t.h */
};

/* --- of the file -----------------------------------------------------------
 */

static bool mount_device(uint32_t tid, unsigned int mount, uint32_t *dev)
{
	_auto_fclose_ FILE *f = NULL;
	unsigned int id, major, minor;
	char path[40], line[4096];
	bool whole = true;

	snprintf(path, sizeof(path), "/proc/%u/mountinfo", tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		bool begins = whole;

		whole = strchr(line, '\n') != NULL;
		if (!begins ||
		    sscanf(line, "%u %*u %u:%u", &id, &major, &minor) != 3 ||
		    id != mount)
			continue;
		*dev = major << 20 | minor;
		return true;
	}
	return false;
}

/* Of a mount that is not listed what stat(2) says counts. */
static bool identity_of(uint32_t tid, int fd, struct identity *out)
{
	char path[48], line[128];
	_auto_fclose_ FILE *f = NULL;
	unsigned int mount = 0;
	unsigned long ino = 0;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	out->ino = (uint32_t)st.st_ino;
	out->dev = (uint32_t)(major(st.st_dev) << 20 | minor(st.st_dev));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		(void)!sscanf(line, "mnt_id: %u", &mount);
		if (sscanf(line, "ino: %lu", &ino) == 1) /* Linux 5.14 */
			out->ino = (uint32_t)ino;
	}
	if (mount)
		(void)mount_device(tid, mount, &out->dev);
	return true;
}

/* --- of the sockets --------------------------------------------------------
 */

static int ask(int diag)
{
	struct {
		struct nlmsghdr head;
		struct unix_diag_req req;
	} q = {
		.head = {.nlmsg_len = sizeof(q),
	                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
	                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.req = {.sdiag_family = AF_UNIX,
	                .udiag_states = ~0u,
	                .udiag_show = UDIAG_SHOW_VFS},
	};

	return send(diag, &q, sizeof(q), 0) < 0 ? -errno : 0;
}

static bool is_bound_as(const struct nlmsghdr *h, const struct identity *id)
{
	const struct unix_diag_msg *m = NLMSG_DATA(h);
	int left = (int)NLMSG_PAYLOAD(h, sizeof(*m));
	const struct rtattr *a = (const void *)(m + 1);

	for (; left > 0 && RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		struct unix_diag_vfs vfs;

		if (a->rta_type != UNIX_DIAG_VFS ||
		    RTA_PAYLOAD(a) < sizeof(vfs))
			continue;
		memcpy(&vfs, RTA_DATA(a), sizeof(vfs));
		return vfs.udiag_vfs_ino == id->ino &&
		       vfs.udiag_vfs_dev == id->dev;
	}
	return false;
}

/* The inode of the socket itself, as in /proc/PID/fd; 0: there is none. */
static uint32_t bound_socket(int diag, const struct identity *id)
{
	static _Alignas(struct nlmsghdr) char buf[32768];
	uint32_t found = 0;

	if (ask(diag) < 0)
		return 0;
	for (;;) {
		const struct nlmsghdr *h = (const void *)buf;
		ssize_t n = recv(diag, buf, sizeof(buf), 0);

		if (n <= 0)
			return 0;
		for (; NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return found;
			if (h->nlmsg_type == NLMSG_ERROR)
				return 0;
			if (is_bound_as(h, id))
				found = ((const struct unix_diag_msg *)
				                 NLMSG_DATA(h))
				                ->udiag_ino;
		}
	}
}

void unix_owner_init(struct unix_owner *o, int app, pid_t root)
{
	*o = (struct unix_owner){
		.app = app, .here = sock_diag_open(), .root = root};
}

static bool is_held_by_app(struct unix_owner *o, uint32_t socket)
{
	const struct who_question q = {.inode = socket};
	struct who_answer a;

	who_find(&o->who, o->root, &q, loop_clock(), &a);
	return a.pid != 0;
}

enum unix_owned unix_owner_of(struct unix_owner *o, uint32_t tid, int fd)
{
	struct identity id;
	uint32_t socket;

	if (!identity_of(tid, fd, &id))
		return UNIX_OF_OTHERS;
	if (o->app >= 0 && bound_socket(o->app, &id))
		return UNIX_OF_APP;
	if (o->here < 0)
		return UNIX_OF_OTHERS;
	socket = bound_socket(o->here, &id);
	if (!socket)
		return UNIX_OF_NOBODY;
	return o->app < 0 && is_held_by_app(o, socket) ? UNIX_OF_APP
	                                               : UNIX_OF_OTHERS;
}
