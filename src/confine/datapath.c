/* SPDX-License-Identifier: Apache-2.0 */
/* datapath.c - the datapath gives up all that carrying traffic does not need */
#include "confine/confine.h"

#include "base/log.h"
#include "confine/bpf.h"
#include "confine/caps.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * THEORY
 *
 * What enters: a process that has opened, mapped and allocated all it will
 * ever need, but for sockets. What leaves: one that can move bytes between
 * those descriptors, make ordinary internet sockets, and tell the time.
 * confine_datapath() is irreversible and runs before CMD does.
 *
 * The allow list is generated: a `#syscalls` comment stands beside the code
 * that makes the call, tools/gen-seccomp collects them, and whatever is not
 * named ends the process (SIGSYS, which the monitor reports). socket(2) is
 * judged by its arguments: new host sockets are the one thing the datapath
 * must still make, and packet, netlink and raw ones are not among them; so is
 * mmap(2), which gives memory for live rules and nothing else.
 *
 * confine_app_filter() is the other half of the room: what CMD, which may be
 * anything, is kept from on both frontends (docs/app-filter.md).
 *
 * Limits: seccomp sees numbers, not paths; there is no namespace and no
 * Landlock domain of the datapath's own yet.
 */

struct allowed_call {
	long nr;
	const char *name;
};
#include <confine/syscalls.h> /* made by tools/gen-seccomp */

/* Always: the end, and the return from signal handlers.
 * #syscalls exit exit_group rt_sigreturn restart_syscall
 * What libc does on its own (malloc_trim on a large free, stdio, abort):
 * #syscalls munmap brk gettid getpid tgkill rt_sigprocmask
 * Sanitizers map, protect and print when they like:
 * #syscalls:sanitizer mmap mprotect madvise mremap sigaltstack open openat
 * #syscalls:sanitizer readlink fstat newfstatat futex sched_yield getrlimit
 * #syscalls:sanitizer sched_getaffinity prctl write close read rt_sigaction
 * #syscalls:sanitizer prlimit64 uname
 */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZER true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||     \
	__has_feature(undefined_behavior_sanitizer)
#define SANITIZER true
#else
#define SANITIZER false
#endif
#else
#define SANITIZER false
#endif

static int raise_limit(int resource, struct error *err)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
		return error_set(err, -errno, "cannot read limits: ");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit((__rlimit_resource_t)resource, &limit) < 0)
		return error_set(err, -errno, "cannot raise limits: ");
	return 0;
}

static int zero_limit(int resource, struct error *err)
{
	const struct rlimit zero = {0, 0};

	if (setrlimit((__rlimit_resource_t)resource, &zero) < 0)
		return error_set(err, -errno, "cannot lower limits: ");
	return 0;
}

static void allow_all(struct bpf *b, const struct allowed_call *calls)
{
	for (; calls->nr >= 0; calls++)
		bpf_call(b, calls->nr, SECCOMP_RET_ALLOW);
}

/*
 * Stream, datagram and ping sockets of the two internet families; under
 * `sockets` also pairs of AF_UNIX, which the app gets an end of.
 */
static void allow_sockets(struct bpf *b, enum confine_profile profile)
{
	unsigned int rule = bpf_call_begin(b, __NR_socket), family;
	static const uint32_t families[] = {AF_INET, AF_INET6};

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		bpf_arg(b, 0, UINT32_MAX);
		family = bpf_when_equal(b, families[i]);
		bpf_arg(b, 2, UINT32_MAX);
		bpf_if_range(b, IPPROTO_TCP + 1, IPPROTO_UDP - 1,
		             SECCOMP_RET_KILL_PROCESS);
		bpf_if_range(b, IPPROTO_UDP + 1, IPPROTO_ICMPV6 - 1,
		             SECCOMP_RET_KILL_PROCESS);
		bpf_if_range(b, IPPROTO_ICMPV6 + 1, UINT32_MAX,
		             SECCOMP_RET_KILL_PROCESS);
		bpf_arg(b, 1, ~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC));
		bpf_if_equal(b, SOCK_STREAM, SECCOMP_RET_ALLOW);
		bpf_if_equal(b, SOCK_DGRAM, SECCOMP_RET_ALLOW);
		bpf_return(b, SECCOMP_RET_KILL_PROCESS);
		bpf_when_end(b, family);
	}
	if (profile == CONFINE_SOCKETS)
		bpf_if_equal(b, AF_UNIX, SECCOMP_RET_ALLOW);
	bpf_return(b, SECCOMP_RET_KILL_PROCESS);
	bpf_call_end(b, rule);
}

/*
 * Rules that are added while it runs need memory: what malloc(3) asks for, and
 * nothing that could be a file or be executed.
 * #syscalls mremap
 */
static void allow_memory(struct bpf *b)
{
#ifdef __NR_mmap2
	const long nr = __NR_mmap2;
#else
	const long nr = __NR_mmap;
#endif
	unsigned int rule, fits;

	if (SANITIZER)
		return; /* it has all of mmap(2) */
	rule = bpf_call_begin(b, nr);
	bpf_arg(b, 2, UINT32_MAX);
	fits = bpf_when_equal(b, PROT_READ | PROT_WRITE);
	bpf_arg(b, 3, UINT32_MAX);
	bpf_if_equal(b, MAP_PRIVATE | MAP_ANONYMOUS, SECCOMP_RET_ALLOW);
	bpf_when_end(b, fits);
	bpf_return(b, SECCOMP_RET_KILL_PROCESS);
	bpf_call_end(b, rule);
}

/* With --debug a violation names the call before the process ends. */
static void on_violation(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	log_error("datapath: system call %d is not allowed (from %p)",
	          info->si_syscall, info->si_call_addr);
	_exit(128 + SIGSYS);
}

static uint32_t violation_action(void)
{
	struct sigaction action = {.sa_sigaction = on_violation,
	                           .sa_flags = SA_SIGINFO};
	sigset_t unblock;

	if (!log_enabled(LOG_LEVEL_DEBUG))
		return SECCOMP_RET_KILL_PROCESS;
	sigemptyset(&unblock);
	sigaddset(&unblock, SIGSYS);
	if (sigaction(SIGSYS, &action, NULL) < 0 ||
	    sigprocmask(SIG_UNBLOCK, &unblock, NULL) < 0)
		return SECCOMP_RET_KILL_PROCESS;
	return SECCOMP_RET_TRAP;
}

static int load_filter(enum confine_profile profile, struct error *err)
{
	static struct bpf b;

	bpf_start(&b, SECCOMP_RET_KILL_PROCESS);
	allow_sockets(&b, profile);
	allow_memory(&b);
	switch (profile) {
	case CONFINE_LINK:
		allow_all(&b, allowed_link);
		break;
	case CONFINE_SOCKETS:
		allow_all(&b, allowed_sockets);
		break;
	}
	if (SANITIZER)
		allow_all(&b, allowed_sanitizer);
	bpf_return(&b, violation_action());
	return bpf_load(&b, 0, err);
}

int confine_datapath(enum confine_profile profile, struct error *err)
{
	int rc = raise_limit(RLIMIT_NOFILE, err);

	if (!rc)
		rc = zero_limit(RLIMIT_NPROC, err);
	if (!rc)
		rc = zero_limit(RLIMIT_CORE, err);
	/*
	 * To look at a root that has these, one must have them; the allow list
	 * has no call that they would open.
	 */
	if (!rc)
		rc = caps_limit(profile == CONFINE_SOCKETS ? CAPS_CONTAINER : 0,
		                err);
	if (rc)
		return rc;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(err, -errno, "cannot set no_new_privs: ");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return error_set(err, -errno, "cannot become non-dumpable: ");
	return load_filter(profile, err);
}
