/* SPDX-License-Identifier: Apache-2.0 */
/* directory.c - where control sockets are: RUNTIME/postern/ID/control */
/*
 * A directory is locked (flock(2)) by the monitor that it belongs to for as
 * long as that lives; the kernel lets go of the lock whatever ends it. So one
 * that can be locked by somebody else was left behind, and goes. Making,
 * locking and removing are done under a lock of the directory above, which
 * nobody holds for longer than that takes.
 */
#include "control/directory.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define LOCK_TRIES 200
#define LOCK_WAIT_MS 10

int control_name_check(const char *name, struct error *err)
{
	size_t len = strlen(name);
	bool good = len && len < CONTROL_ID_TEXT_MAX &&
	            isalnum((unsigned char)name[0]);

	for (const char *s = name; good && *s; s++)
		good = isalnum((unsigned char)*s) || strchr("._-", *s);
	if (good)
		return 0;
	return error_set(err, -EINVAL,
	                 "\"%.40s\" is no name of a sandbox; it has letters, "
	                 "digits, \".\", \"_\", \"-\", starts with one of the "
	                 "first two, and is at most %d long",
	                 name, CONTROL_ID_TEXT_MAX - 1);
}

static int open_dir(int at, const char *path)
{
	int fd = openat(at, path,
	                O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

/* Ours, and nobody else may put anything into it. */
static int check_owner(int fd, unsigned int others, const char *what,
                       struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(err, -errno, "%s: ", what);
	if (st.st_uid != geteuid() || st.st_mode & others)
		return error_set(err, -EPERM,
		                 "%s is not this user's alone (chmod go-rwx, "
		                 "or another XDG_RUNTIME_DIR)",
		                 what);
	return 0;
}

int control_root_open(const char *runtime, bool make, struct error *err)
{
	_auto_close_ int base = -1, root = -1;
	int rc;

	if (!runtime || !*runtime)
		return -ENOENT;
	if (*runtime != '/')
		return error_set(err, -EINVAL,
		                 "XDG_RUNTIME_DIR=%s is no absolute path",
		                 runtime);
	base = open(runtime, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (base < 0)
		return error_set(err, -errno, "%s: ", runtime);
	rc = check_owner(base, S_IWGRP | S_IWOTH, runtime, err);
	if (rc)
		return rc;
	if (make && mkdirat(base, "postern", 0700) < 0 && errno != EEXIST)
		return error_set(err, -errno,
		                 "cannot make %s/postern: ", runtime);
	root = open_dir(base, "postern");
	if (root == -ENOENT)
		return -ENOENT;
	if (root < 0)
		return error_set(err, root, "%s/postern: ", runtime);
	rc = check_owner(root, 077, "the directory postern below it", err);
	if (rc)
		return rc;
	return fd_take(&root);
}

/* Bounded: whoever was stopped while holding it must not stop us. */
static int lock_root(int root, struct error *err)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(root, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			break;
		(void)poll(NULL, 0, LOCK_WAIT_MS);
	}
	return error_set(err, -errno, "cannot lock the control directory: ");
}

static void unlock_root(int root)
{
	(void)flock(root, LOCK_UN);
}

static void remove_place(int root, int dir, const char *id)
{
	if (unlinkat(dir, "control", 0) < 0 && errno != ENOENT)
		log_debug("control/%s: %s", id, errno_text(errno));
	if (unlinkat(root, id, AT_REMOVEDIR) < 0 && errno != ENOENT)
		log_debug("control/%s: %s", id, errno_text(errno));
}

/* Under the lock of root: does a sandbox of this id live? Else it is gone. */
static bool lives(int root, const char *id)
{
	_auto_close_ int dir = open_dir(root, id);

	if (dir < 0)
		return dir != -ENOENT;
	if (flock(dir, LOCK_EX | LOCK_NB) < 0)
		return true;
	remove_place(root, dir, id);
	return false;
}

/* Under the lock of root. -EEXIST: it lives. */
static int make_place(struct control_place *p, int root, const char *id)
{
	if (lives(root, id))
		return -EEXIST;
	if (mkdirat(root, id, 0700) < 0)
		return -errno;
	p->dir = open_dir(root, id);
	if (p->dir < 0 || flock(p->dir, LOCK_EX | LOCK_NB) < 0) {
		int rc = p->dir < 0 ? p->dir : -errno;

		(void)unlinkat(root, id, AT_REMOVEDIR);
		fd_close(&p->dir);
		return rc;
	}
	memcpy(p->id, id, strlen(id) + 1);
	return 0;
}

/*
 * Under the lock of root: what dead ones left goes. The ids of the others to
 * ids, room for CONTROL_SANDBOXES_MAX, or nowhere if it is NULL; how many.
 */
static int sweep(int root, char (*ids)[CONTROL_ID_TEXT_MAX])
{
	/* a descriptor of its own: reading moves it */
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		int rc = -errno;

		fd_close(&fd);
		return rc;
	}
	while (n < CONTROL_SANDBOXES_MAX && (e = readdir(dir))) {
		if (control_name_check(e->d_name, NULL) < 0 ||
		    !lives(root, e->d_name))
			continue;
		if (ids)
			memcpy(ids[n], e->d_name, strlen(e->d_name) + 1);
		n++;
	}
	closedir(dir);
	return n;
}

int control_place_take(struct control_place *p, int root, const char *name,
                       const struct random_source *random, struct error *err)
{
	char number[CONTROL_ID_TEXT_MAX];
	int rc = lock_root(root, err);

	*p = (struct control_place){.root = -1, .dir = -1};
	if (rc)
		return rc;
	(void)!sweep(root, NULL);
	rc = name ? make_place(p, root, name) : -EEXIST;
	for (int i = 0; !name && rc == -EEXIST && i < 8; i++) {
		snprintf(number, sizeof(number), "%08x", random_u32(random));
		rc = make_place(p, root, number);
	}
	unlock_root(root);
	if (rc == -EEXIST && name)
		return error_set(err, rc,
		                 "a sandbox named %s is running; take another "
		                 "name, or postern kill %s",
		                 name, name);
	if (rc)
		return error_set(err, rc,
		                 "cannot make the control directory: ");
	p->root = root;
	return 0;
}

void control_place_leave(struct control_place *p)
{
	struct error err = {0};

	if (p->dir >= 0) {
		/* without the lock somebody else would do it, a moment later */
		bool locked = lock_root(p->root, &err) == 0;

		remove_place(p->root, p->dir, p->id);
		if (locked)
			unlock_root(p->root);
	}
	fd_close(&p->dir);
	fd_close(&p->root);
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(a, b);
}

int control_list(int root, char (**ids)[CONTROL_ID_TEXT_MAX], struct error *err)
{
	int n;

	*ids = calloc(CONTROL_SANDBOXES_MAX, sizeof(**ids));
	if (!*ids)
		return error_set(err, -ENOMEM, "out of memory");
	n = lock_root(root, err);
	if (!n) {
		n = sweep(root, *ids);
		unlock_root(root);
		if (n < 0)
			error_set(err, n,
			          "cannot read the control directory: ");
	}
	if (n < 0)
		free(ptr_take(*ids));
	else
		qsort(*ids, (size_t)n, sizeof(**ids), compare_ids);
	return n;
}
