/* SPDX-License-Identifier: Apache-2.0 */
/* container.c - runs a command as root of a default container would see it */

/*
 * What a container engine's defaults leave to root: the usual fourteen
 * capabilities, own mount, pid, net, ipc and uts namespaces, parts of /proc
 * masked, /proc/sys and /sys read-only, no /dev/net/tun, and a filter that
 * refuses namespaces, mounts and pidfd_getfd. Nothing of an engine is needed.
 *
 * Usage: container CMD [ARGUMENT...], as root; the status is CMD's.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAMESPACES                                                             \
	(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |            \
	 CLONE_NEWUTS | CLONE_NEWUSER | CLONE_NEWCGROUP)

static const cap_value_t kept[] = {
	CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_FOWNER,
	CAP_FSETID,  CAP_KILL,         CAP_SETGID,
	CAP_SETUID,  CAP_SETPCAP,      CAP_NET_BIND_SERVICE,
	CAP_NET_RAW, CAP_SYS_CHROOT,   CAP_MKNOD,
	CAP_SETFCAP, CAP_AUDIT_WRITE,
};
#define KEPT ((int)(sizeof(kept) / sizeof(kept[0])))

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "container: %s: %s\n", what, strerror(errno));
	exit(124);
}

static void masked_mount(const char *path)
{
	if (mount("/dev/null", path, NULL, MS_BIND, NULL) < 0 &&
	    errno == ENOTDIR)
		mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=0");
}

static void read_only(const char *path)
{
	if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) == 0)
		mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL);
}

static void file_system(void)
{
	static const char *const masked[] = {
		"/proc/kcore",       "/proc/keys", "/proc/timer_list",
		"/proc/sched_debug", "/proc/scsi", "/sys/firmware"};
	static const char *const fixed[] = {"/proc/sys", "/proc/bus",
	                                    "/proc/fs", "/proc/irq",
	                                    "/proc/sysrq-trigger"};

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("private mounts");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
	          NULL) < 0)
		die("/proc");
	if (mount("sysfs", "/sys", "sysfs", MS_RDONLY, NULL) < 0)
		die("/sys");
	for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++)
		masked_mount(masked[i]);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		read_only(fixed[i]);
	if (!access("/dev/net", F_OK) &&
	    mount("tmpfs", "/dev/net", "tmpfs", MS_RDONLY, "size=0") < 0)
		die("/dev/net");
}

static void network(void)
{
	/* an address of its own, as on an engine's bridge; no way out */
	if (system("ip link set lo up && ip link add eth0 type veth peer eth1 "
	           "&& ip addr add 172.17.0.2/16 dev eth0 &&"
	           "ip link set eth0 up && ip link set eth1 up"))
		die("network");
}

static void capabilities(void)
{
	cap_t caps = cap_init();

	for (cap_value_t c = 0; c <= CAP_LAST_CAP; c++) {
		bool keep = false;

		for (int i = 0; i < KEPT; i++)
			keep |= kept[i] == c;
		if (!keep && prctl(PR_CAPBSET_DROP, c) < 0 && errno != EINVAL)
			die("bounding set");
	}
	if (!caps || cap_set_flag(caps, CAP_PERMITTED, KEPT, kept, CAP_SET) ||
	    cap_set_flag(caps, CAP_EFFECTIVE, KEPT, kept, CAP_SET) ||
	    cap_set_proc(caps))
		die("capabilities");
	cap_free(caps);
}

static void refuse(scmp_filter_ctx f, int call, int err)
{
	if (seccomp_rule_add(f, SCMP_ACT_ERRNO(err), call, 0) < 0)
		die("seccomp rule");
}

static scmp_filter_ctx filter_new(void)
{
	static const int refused[] = {
		SCMP_SYS(unshare),         SCMP_SYS(setns),
		SCMP_SYS(mount),           SCMP_SYS(umount2),
		SCMP_SYS(pivot_root),      SCMP_SYS(open_tree),
		SCMP_SYS(move_mount),      SCMP_SYS(fsopen),
		SCMP_SYS(fsmount),         SCMP_SYS(mount_setattr),
		SCMP_SYS(pidfd_getfd),     SCMP_SYS(bpf),
		SCMP_SYS(perf_event_open), SCMP_SYS(io_uring_setup),
		SCMP_SYS(io_uring_enter),  SCMP_SYS(io_uring_register),
		SCMP_SYS(keyctl),          SCMP_SYS(add_key),
		SCMP_SYS(userfaultfd),     SCMP_SYS(open_by_handle_at)};
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);

	if (!f)
		die("seccomp");
	/* root of a container runs set-uid programs; so no NO_NEW_PRIVS */
	if (seccomp_attr_set(f, SCMP_FLTATR_CTL_NNP, 0) < 0)
		die("seccomp");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		refuse(f, refused[i], EPERM);
	for (int bit = 0; bit < 32; bit++)
		if (NAMESPACES & (1U << bit) &&
		    seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone),
		                     1,
		                     SCMP_A0(SCMP_CMP_MASKED_EQ, 1U << bit,
		                             1U << bit)) < 0)
			die("clone rule");
	/* its flags lie in memory; the C library then takes clone */
	refuse(f, SCMP_SYS(clone3), ENOSYS);
	return f;
}

static int inside(char **argv)
{
	scmp_filter_ctx f;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	file_system();
	network();
	f = filter_new();
	if (seccomp_load(f) < 0)
		die("seccomp_load");
	seccomp_release(f);
	capabilities();
	execvp(argv[0], argv);
	die(argv[0]);
}

int main(int argc, char **argv)
{
	int status;
	pid_t pid;

	if (argc < 2) {
		fputs("usage: container CMD [ARGUMENT...]\n", stderr);
		return 124;
	}
	if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
	            CLONE_NEWUTS) < 0)
		die("unshare");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid)
		return inside(argv + 1);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
