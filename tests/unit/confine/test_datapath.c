/* SPDX-License-Identifier: Apache-2.0 */
/* test_datapath.c - what a confined datapath can no longer do */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "confine/confine.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define LINK (1u << CONFINE_LINK)
#define SOCKETS (1u << CONFINE_SOCKETS)

enum outcome { WORKS, KILLED };

static int pair[2];

#ifndef __SANITIZE_ADDRESS__
static int open_file(void)
{
	return open("/etc/passwd", O_RDONLY) < 0;
}

static int writable_then_executable(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED;
}

static int memory_of_a_file(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0, 0) ==
	       MAP_FAILED;
}

static int shared_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	            MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static int memory_made_executable(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED || mprotect(p, 4096, PROT_EXEC) < 0;
}

static int executable_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC,
	            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}
#endif

static int run_program(void)
{
	char *argv[] = {NULL};

	return execve("/bin/true", argv, argv) < 0;
}

static int start_process(void)
{
	return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) < 0;
}

static int packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) < 0;
}

static int raw_socket(void)
{
	return socket(AF_INET, SOCK_RAW, IPPROTO_TCP) < 0;
}

static int netlink_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0) < 0;
}

static int sctp_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP) < 0;
}

static int mptcp_socket(void)
{
	return socket(AF_INET6, SOCK_STREAM, 262) < 0;
}

static int unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) < 0;
}

static int trace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0;
}

static int change_namespace(void)
{
	return syscall(SYS_setns, 0, 0) < 0;
}

static int mount_something(void)
{
	return syscall(SYS_mount, "a", "/", "tmpfs", 0, NULL) < 0;
}

#ifdef __x86_64__
static int foreign_call(void)
{
	long rc;

	/* getpid of the 32-bit table */
	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(20) : "memory");
	return rc < 0;
}
#endif

/* what a rule that is added while it runs may need */
static int much_memory(void)
{
	char *p = malloc(1 << 20), *more;

	if (!p)
		return 1;
	memset(p, 1, 1 << 20);
	more = realloc(p, 16 << 20);
	if (!more)
		return 1;
	more[(16 << 20) - 1] = 1;
	free(more);
	return 0;
}

static int tcp_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) <
	       0;
}

static int udp_socket(void)
{
	return socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP) < 0;
}

static int bytes_move(void)
{
	char c = 'x';

	return send(pair[0], &c, 1, 0) != 1 || recv(pair[1], &c, 1, 0) != 1;
}

static const struct {
	const char *name;
	int (*fn)(void);
	enum outcome outcome;
	unsigned int profiles;
} attempts[] = {
#ifndef __SANITIZE_ADDRESS__ /* its run time opens and maps */
	{"open", open_file, KILLED, LINK | SOCKETS},
	{"executable memory", executable_memory, KILLED, LINK | SOCKETS},
	{"both at once", writable_then_executable, KILLED, LINK | SOCKETS},
	{"a file's memory", memory_of_a_file, KILLED, LINK | SOCKETS},
	{"shared memory", shared_memory, KILLED, LINK | SOCKETS},
	{"mprotect", memory_made_executable, KILLED, LINK | SOCKETS},
#endif
	{"execve", run_program, KILLED, LINK | SOCKETS},
	{"clone", start_process, KILLED, LINK | SOCKETS},
	{"packet socket", packet_socket, KILLED, LINK | SOCKETS},
	{"raw socket", raw_socket, KILLED, LINK | SOCKETS},
	{"netlink socket", netlink_socket, KILLED, LINK | SOCKETS},
	{"SCTP socket", sctp_socket, KILLED, LINK | SOCKETS},
	{"MPTCP socket", mptcp_socket, KILLED, LINK | SOCKETS},
	{"unix socket", unix_socket, KILLED, LINK},
	{"unix socket", unix_socket, WORKS, SOCKETS},
	{"ptrace", trace, KILLED, LINK | SOCKETS},
	{"setns", change_namespace, KILLED, LINK | SOCKETS},
	{"mount", mount_something, KILLED, LINK | SOCKETS},
#ifdef __x86_64__
	{"int 0x80", foreign_call, KILLED, LINK | SOCKETS},
#endif
	{"memory", much_memory, WORKS, LINK | SOCKETS},
	{"TCP socket", tcp_socket, WORKS, LINK | SOCKETS},
	{"UDP socket", udp_socket, WORKS, LINK | SOCKETS},
	{"send, recv", bytes_move, WORKS, LINK | SOCKETS},
};

/* Confines a child, which then tries fn; its wait status. */
static int try_confined(enum confine_profile profile, int (*fn)(void))
{
	struct error err = {0};
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		/* cmocka's handler is the parent's: it would go on from here */
		(void)signal(SIGSEGV, SIG_DFL);
		if (confine_datapath(profile, &err))
			_exit(99);
		_exit(fn() ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* A kernel without the 32-bit entry ends who takes it by SIGSEGV. */
static bool was_killed(int status, int (*fn)(void))
{
	if (!WIFSIGNALED(status))
		return false;
#ifdef __x86_64__
	if (fn == foreign_call && WTERMSIG(status) == SIGSEGV)
		return true;
#endif
	(void)fn;
	return WTERMSIG(status) == SIGSYS;
}

static void only_what_is_listed(void **state)
{
	static const enum confine_profile profiles[] = {CONFINE_LINK,
	                                                CONFINE_SOCKETS};

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	for (size_t p = 0; p < ARRAY_SIZE(profiles); p++) {
		for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
			bool killed;
			int status;

			if (!(attempts[i].profiles & 1u << profiles[p]))
				continue;
			status = try_confined(profiles[p], attempts[i].fn);
			killed = was_killed(status, attempts[i].fn);
			if (killed != (attempts[i].outcome == KILLED) ||
			    (!killed && status))
				fail_msg("%s, profile %d: status %#x",
				         attempts[i].name, profiles[p], status);
		}
	}
}

static int read_status(const char *field, char *value, size_t len, pid_t pid)
{
	char path[64], line[256];
	FILE *f;
	int found = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (!found && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field))) {
			snprintf(value, len, "%s", line + strlen(field) + 1);
			found = 1;
		}
	fclose(f);
	return found;
}

/* Seen from outside: no capability, no new one, no dump, no process. */
static void nothing_is_left_to_it(void **state)
{
	struct error err = {0};
	char value[128];
	struct rlimit limit;
	char c;
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = fork();
	if (pid == 0) {
		if (confine_datapath(CONFINE_LINK, &err))
			_exit(99);
		(void)!send(pair[0], "r", 1, 0);
		(void)!recv(pair[0], &c, 1, 0);
		_exit(0);
	}
	assert_int_equal(read(pair[1], &c, 1), 1);
	assert_true(read_status("CapPrm:", value, sizeof(value), pid));
	assert_int_equal(strtoull(value, NULL, 16), 0);
	assert_true(read_status("NoNewPrivs:", value, sizeof(value), pid));
	assert_int_equal(atoi(value), 1);
	assert_true(read_status("Seccomp:", value, sizeof(value), pid));
	assert_int_equal(atoi(value), 2);
	if (prlimit(pid, RLIMIT_CORE, NULL, &limit) == 0)
		assert_int_equal(limit.rlim_max, 0);
	if (prlimit(pid, RLIMIT_NPROC, NULL, &limit) == 0)
		assert_int_equal(limit.rlim_max, 0);
	assert_int_equal(write(pair[1], "q", 1), 1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_listed),
		cmocka_unit_test(nothing_is_left_to_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
