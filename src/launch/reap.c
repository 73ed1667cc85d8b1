/* SPDX-License-Identifier: Apache-2.0 */
/* reap.c - waiting for children, and ending all that a process has started */
#include "launch/reap.h"

#include "base/cleanup.h"
#include "base/util.h"
#include "loop/loop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define GIVE_UP_NS (2 * NS_PER_S)

int reap_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* SIGTERM among the signals that came? */
static bool told_to_end(int signal_fd)
{
	struct signalfd_siginfo info;

	while (read(signal_fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo == SIGTERM)
			return true;
	return false;
}

pid_t reap_wait(int signal_fd, int message_fd, int *status)
{
	struct pollfd p[2] = {{.fd = signal_fd, .events = POLLIN},
	                      {.fd = message_fd, .events = POLLIN}};

	for (;;) {
		pid_t pid = waitpid(-1, status, WNOHANG | WUNTRACED);

		if (pid > 0)
			return pid;
		if (pid < 0 && errno != EINTR)
			return REAP_TOLD_TO_END;
		if (poll(p, ARRAY_SIZE(p), -1) < 0)
			continue;
		if (p[0].revents && told_to_end(signal_fd))
			return REAP_TOLD_TO_END;
		if (p[1].revents)
			return REAP_MESSAGE;
	}
}

/* The parent of a process, or -1. */
static pid_t parent_of(const char *pid)
{
	_auto_close_ int fd = -1;
	char path[300], stat[512], *p;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, stat, sizeof(stat) - 1);
	if (n <= 0)
		return -1;
	stat[n] = '\0';
	p = strrchr(stat, ')'); /* the name may hold anything */
	if (!p || strlen(p) < 5)
		return -1;
	return (pid_t)strtol(p + 4, NULL, 10); /* ") S ppid" */
}

/* Reads all of /proc: what a kernel without CONFIG_PROC_CHILDREN is left. */
static void scan_children(void (*fn)(pid_t pid, void *user), void *user)
{
	DIR *dir = opendir("/proc");
	pid_t self = getpid();

	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));)
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
		    parent_of(e->d_name) == self)
			fn((pid_t)strtol(e->d_name, NULL, 10), user);
	closedir(dir);
}

/* Calls fn for each direct child; a list cut short is no harm, see sweeps. */
static void for_each_child(void (*fn)(pid_t pid, void *user), void *user)
{
	_auto_close_ int fd = -1;
	char text[4096], *p = text, *end;
	ssize_t n;

	/* we have one thread, so its children are all there are */
	fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		scan_children(fn, user);
		return;
	}
	n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	for (long pid; (pid = strtol(p, &end, 10)) > 0 && *end == ' '; p = end)
		fn((pid_t)pid, user);
}

void reap_list_add(struct reap_list *list, pid_t pid)
{
	if (list->n < ARRAY_SIZE(list->pid))
		list->pid[list->n++] = pid;
}

static void add_child(pid_t pid, void *user)
{
	reap_list_add(user, pid);
}

void reap_list_children(struct reap_list *list)
{
	list->n = 0;
	for_each_child(add_child, list);
}

struct sweep {
	const struct reap_list *keep;
	unsigned int left;
};

/* Theirs become ours as they die. */
static void kill_child(pid_t pid, void *user)
{
	struct sweep *s = user;

	for (unsigned int i = 0; s->keep && i < s->keep->n; i++)
		if (s->keep->pid[i] == pid)
			return;
	s->left++;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, WNOHANG);
}

void reap_descendants(const struct reap_list *keep)
{
	const struct timespec pause = {.tv_nsec = 2 * NS_PER_MS};
	int64_t end = loop_clock() + GIVE_UP_NS;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		struct sweep s = {.keep = keep};

		for_each_child(kill_child, &s);
		if (!s.left || loop_clock() > end)
			return;
		(void)sigtimedwait(&child, NULL, &pause);
	}
}
