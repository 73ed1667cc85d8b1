/* SPDX-License-Identifier: Apache-2.0 */
/* peer.c - may the process at the other end of a control socket speak? */
/*
 * Every process of an app has an init of postern's among its ancestors:
 * orphans come back to it, by a pid namespace or as to a subreaper, and init
 * is the one process that an app can neither be nor look into. So the line of
 * ancestors is walked up until it meets our own: an init on that way means
 * that the peer is inside of a sandbox and we are not. Mounts hide the socket
 * as well; but without namespaces (frontend sockets) a path that was judged
 * may be another one when the kernel reads it, and this holds there, too.
 */
#include "control/peer.h"

#include "base/cleanup.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#ifndef SO_PEERPIDFD /* Linux 6.5 */
#define SO_PEERPIDFD 77
#endif

#define ANCESTORS_MAX 512

struct process {
	pid_t pid, parent;
	char comm[32];
};

static int read_process(pid_t pid, struct process *p)
{
	char path[32], line[512], *end;
	_auto_fclose_ FILE *f = NULL;
	int parent;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f || !fgets(line, sizeof(line), f))
		return -ESRCH;
	/* pid (comm) state ppid; comm may hold anything */
	end = strrchr(line, ')');
	if (!end || sscanf(end, ") %*c %d", &parent) != 1)
		return -EPROTO;
	*end = '\0';
	p->pid = pid;
	p->parent = parent;
	end = strchr(line, '(');
	snprintf(p->comm, sizeof(p->comm), "%s", end ? end + 1 : "");
	return 0;
}

/* Our own line, ourselves first. */
static size_t own_line(pid_t line[ANCESTORS_MAX])
{
	struct process p;
	size_t n = 0;

	for (pid_t pid = getpid(); pid > 0 && n < ANCESTORS_MAX;
	     pid = p.parent) {
		line[n++] = pid;
		if (read_process(pid, &p) < 0)
			break;
	}
	return n;
}

static bool holds(const pid_t *line, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (line[i] == pid)
			return true;
	return false;
}

static int check_ancestors(pid_t pid, struct error *err)
{
	pid_t ours[ANCESTORS_MAX];
	size_t n = own_line(ours);
	struct process p;

	for (int i = 0; i < ANCESTORS_MAX; i++) {
		/* beyond our pid namespace: not of any sandbox of ours */
		if (pid == 0 || holds(ours, n, pid))
			return 0;
		if (read_process(pid, &p) < 0)
			return error_set(err, -EPERM,
			                 "/proc does not say where you come "
			                 "from");
		if (!strcmp(p.comm, "postern-init"))
			return error_set(err, -EPERM,
			                 "nothing inside a sandbox controls "
			                 "one");
		pid = p.parent;
	}
	return error_set(err, -EPERM, "you have too many ancestors");
}

/* Is the process that connected still the one of this number?
 * (tests/kernel/unix_peer_of_dead) */
static bool is_alive(int fd)
{
	_auto_close_ int pidfd = -1;
	socklen_t len = sizeof(pidfd);
	struct pollfd p = {.events = POLLIN};

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) < 0) {
		pidfd = -1;
		return errno == ENOPROTOOPT; /* an older kernel cannot say */
	}
	p.fd = pidfd;
	return poll(&p, 1, 0) == 0;
}

static int get_peer(int fd, struct ucred *peer)
{
	socklen_t len = sizeof(*peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &len) < 0)
		return -errno;
	return len == sizeof(*peer) ? 0 : -EPROTO;
}

int control_peer_check(int fd, struct error *err)
{
	struct ucred peer;
	int rc = get_peer(fd, &peer);

	if (rc)
		return error_set(err, -EPERM, "who are you?");
	if (peer.uid != geteuid())
		return error_set(err, -EPERM,
		                 "this sandbox belongs to another user");
	rc = check_ancestors(peer.pid, err);
	if (!rc && peer.pid && !is_alive(fd))
		rc = error_set(err, -EPERM, "you are gone");
	return rc;
}

pid_t control_peer_pid(int fd)
{
	struct ucred peer;

	return get_peer(fd, &peer) ? 0 : peer.pid;
}
