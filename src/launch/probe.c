/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c - what this machine lets us do, by trying it */
#include "launch/probe.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "confine/confine.h"
#include "launch/mounts.h"
#include "launch/namespaces.h"
#include "link/frame_port.h"
#include "link/ifconfig.h"

#include <assert.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#ifndef SO_PEEK_OFF
#define SO_PEEK_OFF 42
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#define LANDLOCK_ABI_QUERY 1u /* LANDLOCK_CREATE_RULESET_VERSION */
#define LANDLOCK_ABI_SCOPES 6 /* Linux 6.12 */

typedef int trial(struct error *err);

/* What a child found, as it comes through the pipe. */
struct verdict {
	int code;
	char text[200];
};

/* Runs t in a child, so that what it unshares and mounts ends with it. */
static int in_child(trial *t, char *detail, size_t len)
{
	struct verdict v = {.code = -EIO, .text = "the trial was killed"};
	struct error err = {0};
	int pair[2];
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		v.code = t(&err);
		snprintf(v.text, sizeof(v.text), "%.*s",
		         (int)sizeof(v.text) - 1, err.text);
		_exit(write(pair[1], &v, sizeof(v)) != sizeof(v));
	}
	close(pair[1]);
	if (pid > 0) {
		if (read(pair[0], &v, sizeof(v)) != sizeof(v))
			v.code = -EIO;
		(void)waitpid(pid, NULL, 0);
	}
	close(pair[0]);
	if (pid < 0)
		return -EAGAIN;
	if (v.code < 0)
		snprintf(detail, len, "%s", v.text);
	return v.code;
}

/* --- the trials: each runs in a child of its own -------------------------- */

/* Full rights in it: uid 0, which this process may map to itself. */
static int own_namespaces(int flags, struct error *err)
{
	struct id_map map = {.own = true};

	snprintf(map.uid, sizeof(map.uid), "0 %u 1\n", geteuid());
	snprintf(map.gid, sizeof(map.gid), "0 %u 1\n", getegid());
	if (unshare(CLONE_NEWUSER | flags) == 0)
		return id_map_write(&map, 0, err);
	/* no user namespace, but the rights are here already */
	if (unshare(flags) < 0)
		return error_set(err, -errno, "cannot make namespaces: ");
	return 0;
}

static int try_namespaces(struct error *err)
{
	return own_namespaces(CLONE_NEWNET, err);
}

static int try_tap(struct error *err)
{
	struct frame_port port;
	int rc = own_namespaces(CLONE_NEWNET, err);

	return rc ? rc : frame_port_tap_open("probe0", true, &port, err);
}

static int try_veth(struct error *err)
{
	struct frame_port port;
	int rc = own_namespaces(CLONE_NEWNET, err);
	_auto_close_ int far = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (rc)
		return rc;
	rc = ifconfig_veth("probe0", "probe1", far, 1500, true, err);
	if (!rc)
		rc = ifconfig_up("probe1", err);
	return rc ? rc : frame_port_packet_open("probe1", &port, err);
}

/* Waits for a child that runs t; for what only works after a fork. */
static int in_new_pid_ns(trial *t, struct error *err)
{
	char text[200] = "";
	int rc = in_child(t, text, sizeof(text));

	return rc ? error_set(err, rc, "%s", text) : 0;
}

static int mount_proc(struct error *err)
{
	int rc = mounts_detach(err);

	return rc ? rc : mounts_proc(err);
}

static int try_pid_proc(struct error *err)
{
	int rc = own_namespaces(CLONE_NEWNS | CLONE_NEWPID, err);

	return rc ? rc : in_new_pid_ns(mount_proc, err);
}

static int try_sysfs(struct error *err)
{
	int rc = own_namespaces(CLONE_NEWNS | CLONE_NEWNET, err);

	if (!rc)
		rc = mounts_detach(err);
	return rc ? rc : mounts_sys(err);
}

static int try_mount(struct error *err)
{
	int rc = own_namespaces(CLONE_NEWNS, err);

	if (!rc)
		rc = mounts_detach(err);
	return rc ? rc : mounts_resolv_conf("", 0, err);
}

static int try_notify(struct error *err)
{
	const struct app_filter filter = {0};
	int fd = confine_app_notify(&filter, err);

	return fd < 0 ? fd : 0;
}

/* A child to look at: it sleeps until its end of the pipe closes. */
static pid_t sleeper(int pair[2])
{
	pid_t pid;
	char c;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(pair[1]);
		_exit(read(pair[0], &c, 1) < 0);
	}
	return pid < 0 ? -errno : pid;
}

static int try_read_mem(struct error *err)
{
	static char word[8] = "probe";
	char copy[sizeof(word)];
	struct iovec here = {copy, sizeof(copy)}, there = {word, sizeof(word)};
	int pair[2];
	pid_t pid = sleeper(pair);

	if (pid < 0)
		return error_set(err, pid, "cannot fork: ");
	if (process_vm_readv(pid, &here, 1, &there, 1, 0) !=
	    (ssize_t)sizeof(copy))
		return error_set(err, -errno, "process_vm_readv: ");
	return 0;
}

static int try_getfd(struct error *err)
{
	int pair[2], pidfd;
	pid_t pid = sleeper(pair);

	if (pid < 0)
		return error_set(err, pid, "cannot fork: ");
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return error_set(err, -errno, "pidfd_open: ");
	if (syscall(SYS_pidfd_getfd, pidfd, pair[0], 0) < 0)
		return error_set(err, -errno, "pidfd_getfd: ");
	return 0;
}

static int try_landlock(struct error *err)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	                   LANDLOCK_ABI_QUERY);

	if (abi < 0)
		return error_set(err, -errno, "Landlock: ");
	if (abi < LANDLOCK_ABI_SCOPES)
		return error_set(err, -EOPNOTSUPP,
		                 "Landlock ABI %ld, scopes came with %d", abi,
		                 LANDLOCK_ABI_SCOPES);
	return 0;
}

static int try_ping(struct error *err)
{
	if (socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP) < 0)
		return error_set(err, -errno, "a ping socket: ");
	return 0;
}

static int try_peek_off(struct error *err)
{
	int zero = 0, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &zero, sizeof(zero)) < 0)
		return error_set(err, -errno, "SO_PEEK_OFF for TCP: ");
	return 0;
}

/* --- what to do about it -------------------------------------------------- */

/* Is the sysctl there, and does it start with this digit? */
static bool sysctl_is(const char *path, char digit)
{
	_auto_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c = 0;

	return fd >= 0 && read(fd, &c, 1) == 1 && c == digit;
}

static const char *namespaces_remedy(void)
{
	if (sysctl_is("/proc/sys/kernel/"
	              "apparmor_restrict_unprivileged_userns",
	              '1'))
		return "AppArmor denies user namespaces: install the profile "
		       "of contrib/apparmor; --frontend=sockets works without";
	if (sysctl_is("/proc/sys/user/max_user_namespaces", '0'))
		return "user.max_user_namespaces is 0: ask the administrator "
		       "for some; --frontend=sockets works without";
	if (sysctl_is("/proc/sys/kernel/unprivileged_userns_clone", '0'))
		return "kernel.unprivileged_userns_clone is 0; "
		       "--frontend=sockets works without";
	return "a container's filter may refuse them (its security options "
	       "say so); --frontend=sockets works without";
}

static const char *remedy_of(enum probe_id id)
{
	switch (id) {
	case PROBE_NAMESPACES:
		return namespaces_remedy();
	case PROBE_TAP:
		return "none needed where veth works; else give the container "
		       "or bwrap /dev/net/tun (--dev-bind)";
	case PROBE_VETH:
		return "none needed where tap works; the kernel module is veth";
	case PROBE_PID_PROC:
		return "none needed: CMD then shares the pid namespace";
	case PROBE_SYSFS:
		return "none needed: --frontend=sockets shows lo alone";
	case PROBE_MOUNT:
		return "none needed: the resolver then answers at the "
		       "addresses that resolv.conf names";
	case PROBE_NOTIFY:
		return "EBUSY: another listener stands above (postern in "
		       "postern): use --frontend=link; else a kernel of 5.9";
	case PROBE_READ_MEM:
		return "kernel.yama.ptrace_scope of 0 or 1, and a filter that "
		       "lets process_vm_readv pass";
	case PROBE_GETFD:
		return "none needed: sockets are then known by their inode";
	case PROBE_LANDLOCK:
		return "none needed: abstract unix sockets are then connected "
		       "on behalf, or refused";
	case PROBE_PING:
		return "sysctl net.ipv4.ping_group_range must hold the "
		       "launcher's group, if CMD shall ping the host's side";
	case PROBE_PEEK_OFF:
		return "none needed: Linux 6.9 is faster under load";
	case PROBE_COUNT:
		break;
	}
	return "";
}

static const struct {
	const char *name, *purpose;
	trial *try;
} trials[] = {
	[PROBE_NAMESPACES] = {"namespaces", "link", try_namespaces},
	[PROBE_TAP] = {"tap", "link", try_tap},
	[PROBE_VETH] = {"veth", "link", try_veth},
	[PROBE_PID_PROC] = {"pid-proc", "link", try_pid_proc},
	[PROBE_SYSFS] = {"sysfs", "link", try_sysfs},
	[PROBE_MOUNT] = {"mount", "link", try_mount},
	[PROBE_NOTIFY] = {"seccomp-notify", "sockets", try_notify},
	[PROBE_READ_MEM] = {"process-vm-readv", "sockets", try_read_mem},
	[PROBE_GETFD] = {"pidfd-getfd", "sockets", try_getfd},
	[PROBE_LANDLOCK] = {"landlock-scopes", "sockets", try_landlock},
	[PROBE_PING] = {"ping-socket", "both", try_ping},
	[PROBE_PEEK_OFF] = {"tcp-peek-off", "both", try_peek_off},
};
static_assert(ARRAY_SIZE(trials) == PROBE_COUNT, "one trial a probe");

const char *probe_name(enum probe_id id)
{
	return trials[id].name;
}

const char *probe_purpose(enum probe_id id)
{
	return trials[id].purpose;
}

void probe_all(struct probe probes[PROBE_COUNT])
{
	memset(probes, 0, PROBE_COUNT * sizeof(probes[0]));
	for (unsigned int i = 0; i < PROBE_COUNT; i++) {
		struct probe *p = &probes[i];

		p->present = in_child(trials[i].try, p->detail,
		                      sizeof(p->detail)) == 0;
		if (!p->present)
			snprintf(p->remedy, sizeof(p->remedy), "%s",
			         remedy_of((enum probe_id)i));
	}
}

bool probe_link_works(const struct probe probes[PROBE_COUNT])
{
	return probes[PROBE_NAMESPACES].present &&
	       (probes[PROBE_TAP].present || probes[PROBE_VETH].present);
}

bool probe_sockets_works(const struct probe probes[PROBE_COUNT])
{
	return probes[PROBE_NOTIFY].present && probes[PROBE_READ_MEM].present;
}
