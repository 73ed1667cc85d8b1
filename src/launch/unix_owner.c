/* SPDX-License-Identifier: Apache-2.0 */
/* unix_owner.c - is it a process of the app that listens at a socket's file? */
#include "launch/unix_owner.h"

#include "base/cleanup.h"
#include "link/sock_diag.h"
#include "loop/loop.h"

#include <errno.h>
#include <linux/netlink.h>
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

/* --- of the file ---------------------------------------------------------- */

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

/* --- of the sockets ------------------------------------------------------- */

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

/* NLMSG_DATA() and its kin take the const away */
static const void *behind(const void *at, size_t bytes)
{
	return (const uint8_t *)at + bytes;
}

static bool is_bound_as(const struct nlmsghdr *h, const struct identity *id)
{
	size_t left = h->nlmsg_len - NLMSG_LENGTH(sizeof(struct unix_diag_msg));
	const struct nlattr *a =
		behind(h, NLMSG_LENGTH(sizeof(struct unix_diag_msg)));
	struct unix_diag_vfs vfs;

	while (left >= sizeof(*a) && a->nla_len >= sizeof(*a) &&
	       a->nla_len <= left) {
		size_t step = MIN((size_t)NLA_ALIGN(a->nla_len), left);

		if (a->nla_type == UNIX_DIAG_VFS &&
		    a->nla_len >= sizeof(*a) + sizeof(vfs)) {
			memcpy(&vfs, a + 1, sizeof(vfs));
			return vfs.udiag_vfs_ino == id->ino &&
			       vfs.udiag_vfs_dev == id->dev;
		}
		left -= step;
		a = behind(a, step);
	}
	return false;
}

/* One packet of the answer. 1: there is more, 0: the end; *found is the inode
 * of the socket that was bound as id, if it is among them. */
static int take_dump(const void *buf, size_t len, const struct identity *id,
                     uint32_t *found)
{
	const struct nlmsghdr *h = buf;

	while (NLMSG_OK(h, len)) {
		size_t step = MIN(NLMSG_ALIGN((size_t)h->nlmsg_len), len);

		if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
			return 0;
		if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
		    h->nlmsg_len >=
		            NLMSG_LENGTH(sizeof(struct unix_diag_msg)) &&
		    is_bound_as(h, id)) {
			const struct unix_diag_msg *m = behind(h, NLMSG_HDRLEN);

			*found = m->udiag_ino;
		}
		len -= step;
		h = behind(h, step);
	}
	return 1;
}

/* The inode of the socket itself, as in /proc/PID/fd; 0: there is none. */
static uint32_t bound_socket(int diag, const struct identity *id)
{
	static union {
		struct nlmsghdr align;
		char room[32768];
	} buf;
	uint32_t found = 0;
	ssize_t n;

	if (ask(diag) < 0)
		return 0;
	do {
		n = recv(diag, &buf, sizeof(buf), 0);
		if (n <= 0)
			return 0;
	} while (take_dump(&buf, (size_t)n, id, &found) > 0);
	return found;
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
