/* SPDX-License-Identifier: Apache-2.0 */
/* yama.c - runs a command as a kernel with kernel.yama.ptrace_scope=1 would */

/*
 * What Yama 1 adds (Documentation/admin-guide/LSM/Yama.rst): ptrace(2) of
 * another process, process_vm_readv(2), process_vm_writev(2) and
 * pidfd_getfd(2) are for ancestors, for those a process names by
 * PR_SET_PTRACER, and for who has CAP_SYS_PTRACE over its user namespace, as
 * the owner of a child namespace has. Everything below CMD is traced and these
 * calls are judged; /proc/PID/mem is not. So nothing in there can be traced by
 * another one: gdb and strace do not work.
 *
 * Usage: yama CMD [ARGUMENT...]; the status is CMD's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAMED_MAX 1024
#define EVENTS                                                                 \
	(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |    \
	 PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL)

/* PR_SET_PTRACER: who (pid), and by whom it may be looked at; -1: by all */
static struct {
	pid_t pid, by;
} named[NAMED_MAX];
static size_t nnamed;

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(124);
}

/* A field of /proc/PID/status; the last number of it, 0: gone. */
static long status_of(pid_t pid, const char *field)
{
	char path[64], line[256], *at;
	long last = 0, v;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, field, strlen(field)) != 0)
			continue;
		at = line + strlen(field);
		while (v = strtol(at, &at, 10), v || *at == ' ' || *at == '\t')
			last = v ? v : last;
		break;
	}
	if (f)
		fclose(f);
	return last;
}

static long euid_of(pid_t pid)
{
	char path[64], line[256];
	long uid = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Uid: %*d %ld", &uid) == 1)
			break;
	if (f)
		fclose(f);
	return uid;
}

static int open_namespace(pid_t pid, const char *kind)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kind);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static ino_t inode(int fd)
{
	struct stat st = {0};

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static ino_t namespace_of(pid_t pid, const char *kind)
{
	int fd = open_namespace(pid, kind);
	ino_t i = inode(fd);

	if (fd >= 0)
		close(fd);
	return i;
}

/*
 * Is the target in a user namespace that the caller's user made below its own,
 * or below one of those (cap_capable() of security/commoncap.c)? A caller that
 * may not be looked at is one of postern's, which stay in ours.
 */
static bool owns(pid_t caller, pid_t target)
{
	ino_t own = namespace_of(caller, "user");
	int fd = open_namespace(target, "user");
	bool yes = false;

	if (!own)
		own = namespace_of(getpid(), "user");
	while (fd >= 0 && !yes && inode(fd) != own) {
		int parent = ioctl(fd, NS_GET_PARENT);
		uid_t owner = (uid_t)-1;

		yes = parent >= 0 && inode(parent) == own &&
		      ioctl(fd, NS_GET_OWNER_UID, &owner) == 0 &&
		      (long)owner == euid_of(caller);
		close(fd);
		fd = parent;
	}
	if (fd >= 0)
		close(fd);
	return yes;
}

static bool is_named(pid_t target, pid_t caller)
{
	for (size_t i = 0; i < nnamed; i++)
		if (named[i].pid == target &&
		    (named[i].by == -1 || named[i].by == caller))
			return true;
	return false;
}

static bool may(pid_t thread, pid_t target)
{
	pid_t caller = (pid_t)status_of(thread, "Tgid:");

	target = (pid_t)status_of(target, "Tgid:");
	if (!target || target == caller || is_named(target, caller) ||
	    owns(caller, target))
		return true; /* gone: the kernel says so */
	for (pid_t p = target; p > 1; p = (pid_t)status_of(p, "PPid:"))
		if (p == caller)
			return true;
	return false;
}

/* A number of the caller's pid namespace as ours; 0: not found. */
static pid_t translated(pid_t thread, pid_t number)
{
	ino_t space = namespace_of(thread, "pid");
	pid_t found = 0;
	struct dirent *e;
	DIR *d;

	/* one that may not be looked at is one of postern's, in ours */
	if (!space || space == namespace_of(getpid(), "pid"))
		return number;
	d = opendir("/proc");
	while (d && !found && (e = readdir(d))) {
		pid_t pid = atoi(e->d_name);

		if (pid > 0 && status_of(pid, "NSpid:") == number &&
		    namespace_of(pid, "pid") == space)
			found = pid;
	}
	if (d)
		closedir(d);
	return found;
}

static pid_t of_pidfd(pid_t thread, int fd)
{
	char path[64], line[256];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)thread, fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pid: %d", &pid) == 1)
			break;
	if (f)
		fclose(f);
	return pid;
}

/* Whom a call is about, or 0: it is not judged. */
static pid_t target_of(pid_t thread, const struct user_regs_struct *r)
{
	switch (r->orig_rax) {
	case SYS_ptrace:
		if (r->rdi != PTRACE_ATTACH && r->rdi != PTRACE_SEIZE)
			return 0;
		return translated(thread, (pid_t)r->rsi);
	case SYS_process_vm_readv:
	case SYS_process_vm_writev:
		return translated(thread, (pid_t)r->rdi);
	case SYS_pidfd_getfd:
		return of_pidfd(thread, (int)r->rdi);
	default:
		return 0;
	}
}

static void judge(pid_t thread)
{
	struct user_regs_struct r;
	pid_t target;

	if (ptrace(PTRACE_GETREGS, thread, NULL, &r) < 0)
		return;
	if (r.orig_rax == SYS_prctl) {
		if (r.rdi == PR_SET_PTRACER && nnamed < NAMED_MAX) {
			named[nnamed].pid = (pid_t)status_of(thread, "Tgid:");
			named[nnamed++].by =
				(long)r.rsi == -1
					? -1
					: translated(thread, (pid_t)r.rsi);
		}
		return;
	}
	target = target_of(thread, &r);
	if (!target || may(thread, target))
		return;
	r.orig_rax = (unsigned long long)-1; /* no call at all */
	r.rax = (unsigned long long)-EPERM;
	ptrace(PTRACE_SETREGS, thread, NULL, &r);
}

static void filter(void)
{
	static const int judged[] = {
		SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
		SCMP_SYS(process_vm_writev), SCMP_SYS(pidfd_getfd)};
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);

	if (!f)
		die("seccomp");
	for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++)
		if (seccomp_rule_add(f, SCMP_ACT_TRACE(1), judged[i], 0) < 0)
			die("seccomp rule");
	if (seccomp_rule_add(f, SCMP_ACT_TRACE(1), SCMP_SYS(prctl), 1,
	                     SCMP_A0(SCMP_CMP_EQ, PR_SET_PTRACER, 0)) < 0 ||
	    seccomp_load(f) < 0)
		die("seccomp");
	seccomp_release(f);
}

/* What a stopped thread goes on with. */
static void go_on(pid_t thread, int status)
{
	int event = status >> 16, sig = WSTOPSIG(status);

	if (event == PTRACE_EVENT_SECCOMP)
		judge(thread);
	if (event == PTRACE_EVENT_STOP && (sig == SIGSTOP || sig == SIGTSTP ||
	                                   sig == SIGTTIN || sig == SIGTTOU)) {
		ptrace(PTRACE_LISTEN, thread, NULL, NULL);
		return;
	}
	ptrace(PTRACE_CONT, thread, NULL, event ? 0 : sig);
}

int main(int argc, char **argv)
{
	int status, result = 124, ready[2];
	pid_t child, pid;
	char c;

	if (argc < 2) {
		fputs("usage: yama CMD [ARGUMENT...]\n", stderr);
		return 124;
	}
	if (pipe2(ready, O_CLOEXEC) < 0)
		die("pipe");
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		/* once we are seized */
		if (read(ready[0], &c, 1) != 1)
			return 124;
		filter();
		execvp(argv[1], argv + 1);
		die(argv[1]);
	}
	if (ptrace(PTRACE_SEIZE, child, NULL, EVENTS) < 0 ||
	    write(ready[1], "", 1) != 1)
		die("ptrace");
	signal(SIGINT, SIG_IGN);
	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (pid <= 0)
			continue;
		if (WIFSTOPPED(status))
			go_on(pid, status);
		else if (pid == child)
			result = WIFEXITED(status) ? WEXITSTATUS(status)
			                           : 128 + WTERMSIG(status);
	}
	return result;
}
