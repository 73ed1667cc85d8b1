/* SPDX-License-Identifier: Apache-2.0 */
/* mounts.c - what the app sees of /proc, /sys and the host's resolvers */
#include "launch/mounts.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define FLAGS_PSEUDO (MS_NOSUID | MS_NODEV | MS_NOEXEC)

int mounts_detach(struct error *err)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return error_set(err, -errno, "cannot detach mounts: ");
	return 0;
}

int mounts_proc(struct error *err)
{
	if (mount("proc", "/proc", "proc", FLAGS_PSEUDO, NULL) < 0)
		return error_set(err, -errno, "cannot mount /proc: ");
	return 0;
}

/*
 * The kernel lets an unprivileged mount show no more than an existing one: a
 * read-only /sys (as bwrap --ro-bind / / leaves it) allows a read-only one.
 */
static int mount_sysfs(void)
{
	if (mount("sysfs", "/sys", "sysfs", FLAGS_PSEUDO, NULL) == 0)
		return 0;
	if (mount("sysfs", "/sys", "sysfs", FLAGS_PSEUDO | MS_RDONLY, NULL) ==
	    0)
		return 0;
	return -errno;
}

static int cover(const char *dir)
{
	if (mount("tmpfs", dir, "tmpfs", FLAGS_PSEUDO | MS_RDONLY,
	          "size=4k,mode=755") < 0)
		return -errno;
	return 0;
}

/*
 * Covers the directory .../net in which the device behind one entry of
 * /sys/class/net lives.
 */
static void cover_device(int class_fd, const char *name)
{
	char path[PATH_MAX] = "", *slash;
	ssize_t n = readlinkat(class_fd, name, path, sizeof(path) - 1);

	/* ../../devices/pci0000:00/.../net/eth0 */
	if (n <= 0 || strncmp(path, "../../", 6) != 0)
		return;
	memmove(path, "/sys/", 5);
	memmove(path + 5, path + 6, strlen(path + 6) + 1);
	slash = strrchr(path, '/');
	if (!slash || slash == path)
		return;
	*slash = '\0';
	(void)cover(path);
}

static int cover_interfaces(struct error *err)
{
	int fd = open("/sys/class/net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int rc;

	if (!dir)
		return fd < 0 && errno == ENOENT
		               ? 0
		               : error_set(err, -errno,
		                           "cannot look at /sys/class/net: ");
	for (struct dirent *e; (e = readdir(dir));)
		if (e->d_name[0] != '.')
			cover_device(dirfd(dir), e->d_name);
	closedir(dir);
	rc = cover("/sys/class/net");
	if (!rc) {
		/* where lo and veth live; covered already if one was there */
		(void)cover("/sys/devices/virtual/net");
		return 0;
	}
	return error_set(err, rc, "cannot cover /sys/class/net: ");
}

int mounts_sys(struct error *err)
{
	/* a fresh sysfs hides what was mounted on the old one; control groups
	 * are read by run-time systems that size themselves (Java, Go) */
	_auto_close_ int cgroup =
		open("/sys/fs/cgroup", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char path[32];
	int rc = mount_sysfs();

	if (rc == -ENOENT)
		return 0; /* no /sys, nothing to see */
	if (rc) {
		log_debug("no fresh /sys (%s): covering the interfaces",
		          errno_text(rc));
		return cover_interfaces(err);
	}
	if (cgroup >= 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", cgroup);
		if (mount(path, "/sys/fs/cgroup", NULL, MS_BIND | MS_REC,
		          NULL) < 0)
			log_debug("cannot keep /sys/fs/cgroup: %s",
			          errno_text(errno));
	}
	return 0;
}

/* Writes text to a new file; 0 or a negative errno. */
static int write_file(const char *path, const char *text, size_t len)
{
	_auto_close_ int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	return write(fd, text, len) == (ssize_t)len ? 0 : -EIO;
}

static int bind_read_only(const char *from, const char *to)
{
	if (mount(from, to, NULL, MS_BIND, NULL) < 0)
		return -errno;
	/* nosuid and the like may be locked: repeating them is allowed */
	if (mount(NULL, to, NULL,
	          MS_REMOUNT | MS_BIND | MS_RDONLY | FLAGS_PSEUDO, NULL) < 0)
		log_debug("%s stays writable: %s", to, errno_text(errno));
	return 0;
}

/*
 * The file needs a file system of its own: nothing of the host may be
 * writable. A tmpfs lies on a directory for that moment only; the bind keeps
 * the file alive.
 */
int mounts_resolv_conf(const char *text, size_t len, struct error *err)
{
	static const char *const scratch[] = {"/tmp", "/sys", "/run", "/dev"};
	char target[PATH_MAX], file[64];
	int rc = -ENOENT;

	if (!realpath("/etc/resolv.conf", target))
		return error_set(err, -errno, "cannot find /etc/resolv.conf: ");
	for (size_t i = 0; i < ARRAY_SIZE(scratch); i++) {
		size_t n = strlen(scratch[i]);

		/* not where the target itself would be covered */
		if (!strncmp(target, scratch[i], n) && target[n] == '/')
			continue;
		if (mount("tmpfs", scratch[i], "tmpfs", FLAGS_PSEUDO,
		          "size=128k,mode=755") < 0) {
			rc = -errno;
			continue;
		}
		stpcpy(stpcpy(file, scratch[i]), "/resolv.conf");
		rc = write_file(file, text, len);
		if (!rc)
			rc = bind_read_only(file, target);
		if (umount2(scratch[i], MNT_DETACH) < 0 && !rc)
			rc = -errno;
		break;
	}
	if (rc)
		return error_set(err, rc, "cannot replace %s: ", target);
	return 0;
}

int mounts_hide_resolvers(struct error *err)
{
	static const char *const sockets[] = {
		"/run/systemd/resolve/io.systemd.Resolve",
		"/run/systemd/resolve/io.systemd.Resolve.Monitor",
		"/run/nscd/socket",
		"/var/run/nscd/socket",
		"/run/avahi-daemon/socket",
		"/var/run/avahi-daemon/socket",
	};
	struct stat st;
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sockets); i++) {
		/* by its second name it is a plain device by now */
		if (stat(sockets[i], &st) < 0 || !S_ISSOCK(st.st_mode))
			continue;
		if (mount("/dev/null", sockets[i], NULL, MS_BIND, NULL) < 0 &&
		    !rc)
			rc = error_set(err, -errno,
			               "cannot hide %s: ", sockets[i]);
	}
	return rc;
}

int mounts_hide_control(const char *path, struct error *err)
{
	if (mount("tmpfs", path, "tmpfs", FLAGS_PSEUDO, "size=64k,mode=700") ==
	    0)
		return 0;
	return error_set(err, -errno, "cannot hide %s: ", path);
}

void mounts_refresh_cwd(void)
{
	char cwd[PATH_MAX];

	if (!getcwd(cwd, sizeof(cwd)))
		return;
	if (!strncmp(cwd, "/sys", 4) || !strncmp(cwd, "/proc", 5))
		if (chdir(cwd) < 0 && chdir("/") < 0)
			log_debug("cannot leave %s: %s", cwd,
			          errno_text(errno));
}
