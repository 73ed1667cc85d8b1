/* SPDX-License-Identifier: Apache-2.0 */
/* who.c - the monitor finds the process behind a socket of the app */
/*
 * All of the app's processes are below init, or below CMD's parent: orphans
 * come back to it. So the tree is walked by /proc/PID/task/TID/children, which
 * costs what the app has, not what the machine has. The process that opened
 * the last flow usually opens the next one and is looked at first.
 */
#include "launch/who.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIDS_MAX 1024u
/* some 1 us each */
#define LOOKS_A_CALL 10000
#define LOOKS_A_SECOND 200000

struct search {
	int32_t looks; /* that are left */
	char link[32]; /* "socket:[INODE]" */
	uint32_t pids[PIDS_MAX];
	size_t n; /* found so far, roots first */
};

/* Does this process hold the socket? */
static bool holds(struct search *s, uint32_t pid)
{
	char path[32], link[sizeof(s->link) + 1];
	size_t len = strlen(s->link);
	bool found = false;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	d = opendir(path);
	if (!d)
		return false;
	while (!found && s->looks > 0 && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		s->looks--;
		found = readlinkat(dirfd(d), e->d_name, link, sizeof(link)) ==
		                (ssize_t)len &&
		        !memcmp(link, s->link, len);
	}
	closedir(d);
	return found;
}

static void add_children(struct search *s, const char *path)
{
	_auto_fclose_ FILE *f = fopen(path, "re");
	uint32_t pid;

	while (f && s->n < PIDS_MAX && fscanf(f, "%u", &pid) == 1)
		s->pids[s->n++] = pid;
}

/* The children of each thread of a process join the search. */
static void descend(struct search *s, uint32_t pid)
{
	char path[96];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	d = opendir(path);
	if (!d)
		return;
	while (s->looks > 0 && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		s->looks -= 4;
		snprintf(path, sizeof(path), "/proc/%u/task/%.20s/children",
		         pid, e->d_name);
		add_children(s, path);
	}
	closedir(d);
}

static uint32_t find_holder(const struct who *w, struct search *s, pid_t root)
{
	for (size_t i = 0; i < ARRAY_SIZE(w->recent) && w->recent[i]; i++)
		if (holds(s, w->recent[i]))
			return w->recent[i];
	s->pids[s->n++] = (uint32_t)root;
	for (size_t i = 0; i < s->n && s->looks > 0; i++) {
		if (i && holds(s, s->pids[i]))
			return s->pids[i];
		descend(s, s->pids[i]);
	}
	return 0;
}

/* The process of a thread; 0: it is gone. */
static uint32_t process_of(uint32_t tid)
{
	char path[32], line[128];
	_auto_fclose_ FILE *f = NULL;
	uint32_t pid = 0;

	snprintf(path, sizeof(path), "/proc/%u/status", tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Tgid: %u", &pid) == 1)
			break;
	return pid;
}

/* The inode of the ping socket with this id, in the network of a process. */
static uint32_t ping_inode(pid_t of, uint32_t id)
{
	static const char *const files[] = {"icmp", "icmp6"};
	uint32_t inode = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files) && !inode; i++) {
		_auto_fclose_ FILE *f = NULL;
		char path[48], line[256];
		uint32_t port, at;

		snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)of,
		         files[i]);
		f = fopen(path, "re");
		/* sl own:id peer:port st tx:rx tr:when retransmits uid timeout
		 * inode */
		while (f && !inode && fgets(line, sizeof(line), f))
			if (sscanf(line,
			           " %*u: %*[0-9A-F]:%x %*s %*s %*s %*s %*s "
			           "%*s %*s %u",
			           &port, &at) == 2 &&
			    port == id)
				inode = at;
	}
	return inode;
}

static void remember(struct who *w, uint32_t pid)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(w->recent) - 1 && w->recent[i] != pid)
		i++;
	memmove(w->recent + 1, w->recent, i * sizeof(w->recent[0]));
	w->recent[0] = pid;
}

static void describe(uint32_t pid, struct who_answer *a)
{
	char path[32], exe[4096];
	_auto_close_ int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, a->comm, sizeof(a->comm) - 1);
	a->comm[n > 0 ? n : 0] = '\0';
	a->comm[strcspn(a->comm, "\n")] = '\0';
	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	n = readlink(path, exe, sizeof(exe));
	if (n > 0)
		frontend_put_exe(a->exe, exe, (size_t)n);
}

void who_find(struct who *w, pid_t root, const struct who_question *q,
              int64_t now, struct who_answer *a)
{
	struct search s = {.looks = LOOKS_A_CALL};
	uint32_t inode = q->ping ? ping_inode(root, q->ping) : q->inode;

	memset(a, 0, sizeof(*a));
	a->token = q->token;
	if (now / NS_PER_S != w->second) {
		w->second = now / NS_PER_S;
		w->looked = 0;
	}
	if (q->tid) {
		a->pid = process_of(q->tid);
	} else if (inode && w->looked < LOOKS_A_SECOND) {
		snprintf(s.link, sizeof(s.link), "socket:[%u]", inode);
		a->pid = find_holder(w, &s, root);
		w->looked += LOOKS_A_CALL - s.looks;
		if (a->pid)
			remember(w, a->pid);
	}
	if (a->pid)
		describe(a->pid, a);
}
