/* SPDX-License-Identifier: Apache-2.0 */
/* attack.c - what a hostile program tries under `sockets` (THREATS.md) */
/*
 * attack listen PORT FILE       outside: logs every arrival, TCP and UDP
 * attack flip HOST OPEN SHUT S  T36: the address changes under the call
 * attack swap HOST OPEN SHUT S  T37: the descriptor changes under the call
 * attack again HOST OPEN SHUT   T39: connects without connect, and twice
 * attack abi                    T40, T41: io_uring, int 0x80, x32
 * attack families               T42
 * attack supervisor PID         T46: memory, files, signals of the supervisor
 * attack options                S8: pointers, devices, groups, lengths
 * attack storm HOST PORT        T53: SIGALRM every ms
 * attack flood THREADS SECONDS  T54: all of them call without end
 * attack held                   S3: signals end calls that wait
 *
 * OPEN is a port that policy allows, SHUT one that it denies. Each prints what
 * was not refused as it should be and ends with 1; "held" and 0 otherwise.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif

static int failures;

static void broken(const char *what, const char *how)
{
	failures++;
	printf("BROKEN %s: %s\n", what, how);
}

static void expect_error(const char *what, long rc, int err)
{
	if (rc >= 0)
		broken(what, "succeeded");
	else if (errno != err)
		broken(what, strerrorname_np(errno));
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static struct sockaddr_in address(const char *host, const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	                        .sin_port = htons((uint16_t)atoi(port))};

	if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
		exit(2);
	return a;
}

/* --- outside -------------------------------------------------------------- */

static int listen_and_log(const char *port, const char *file)
{
	struct sockaddr_in any = address("0.0.0.0", port);
	int t = socket(AF_INET, SOCK_STREAM, 0), u, log, one = 1;
	struct pollfd p[2];
	char buf[64];

	u = socket(AF_INET, SOCK_DGRAM, 0);
	log = open(file, O_WRONLY | O_CREAT | O_APPEND, 0644);
	setsockopt(t, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (log < 0 || bind(t, (void *)&any, sizeof(any)) < 0 ||
	    listen(t, 512) < 0 || bind(u, (void *)&any, sizeof(any)) < 0) {
		perror("listen");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	p[0] = (struct pollfd){.fd = t, .events = POLLIN};
	p[1] = (struct pollfd){.fd = u, .events = POLLIN};
	while (poll(p, 2, -1) >= 0) {
		if (p[0].revents) {
			int fd = accept(t, NULL, NULL);

			(void)!write(log, "tcp\n", 4);
			close(fd);
		}
		if (p[1].revents && recv(u, buf, sizeof(buf), 0) >= 0)
			(void)!write(log, "udp\n", 4);
	}
	return 0;
}

/* --- T36, T37 ------------------------------------------------------------- */

static struct sockaddr_in open_addr, shut_addr;
static volatile struct sockaddr_in shared;
static atomic_bool stop;

static void *flipper(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		shared.sin_port = shut_addr.sin_port;
		shared.sin_port = open_addr.sin_port;
	}
	return NULL;
}

static struct msghdr message(struct iovec *iov)
{
	struct sockaddr_in *name;
	volatile struct sockaddr_in *v = &shared;

	memcpy(&name, &v, sizeof(name)); /* the kernel reads it, not we */
	return (struct msghdr){.msg_name = name,
	                       .msg_namelen = sizeof(*name),
	                       .msg_iov = iov,
	                       .msg_iovlen = 1};
}

static unsigned long one_round(int udp)
{
	static char byte[1] = "x";
	struct iovec iov = {byte, 1};
	struct msghdr m = message(&iov);
	struct mmsghdr mm[2] = {{.msg_hdr = m}, {.msg_hdr = m}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	/* sizeof the address: 16 */
	(void)syscall(SYS_connect, fd, m.msg_name, 16);
	close(fd);
	(void)syscall(SYS_sendto, udp, byte, 1, 0, m.msg_name, 16);
	(void)sendmsg(udp, &m, 0);
	(void)sendmmsg(udp, mm, 2, 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	(void)syscall(SYS_sendto, fd, byte, 1, MSG_FASTOPEN | MSG_NOSIGNAL,
	              m.msg_name, 16);
	close(fd);
	return 5;
}

static int flip(char **argv)
{
	double end = now() + atof(argv[3]);
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	unsigned long calls = 0;
	pthread_t t;

	open_addr = address(argv[0], argv[1]);
	shut_addr = address(argv[0], argv[2]);
	memcpy((void *)(uintptr_t)&shared, &open_addr, sizeof(open_addr));
	pthread_create(&t, NULL, flipper, NULL);
	while (now() < end)
		calls += one_round(udp);
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	fprintf(stderr, "%lu calls\n", calls);
	return 0;
}

static int swapped_fd, fds_to_swap[2];

static void *swapper(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		dup2(fds_to_swap[0], swapped_fd);
		dup2(fds_to_swap[1], swapped_fd);
	}
	return NULL;
}

/*
 * A number that means a TCP socket now and an AF_UNIX one the next moment:
 * whatever was judged, only that may be touched.
 */
static int swap(char **argv)
{
	double end = now() + atof(argv[3]);
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/nowhere"};
	pthread_t t;

	open_addr = address(argv[0], argv[1]);
	shut_addr = address(argv[0], argv[2]);
	fds_to_swap[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	fds_to_swap[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	swapped_fd = dup(fds_to_swap[0]);
	pthread_create(&t, NULL, swapper, NULL);
	while (now() < end) {
		(void)connect(swapped_fd, (void *)&shut_addr,
		              sizeof(shut_addr));
		(void)connect(swapped_fd, (void *)&un, sizeof(un));
		(void)listen(swapped_fd, 1);
		(void)sendto(swapped_fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT,
		             (void *)&shut_addr, sizeof(shut_addr));
	}
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	return 0;
}

/* --- T39 ------------------------------------------------------------------ */

static void without_connect(void)
{
	struct iovec iov = {(char[]){'x'}, 1};
	struct msghdr m = {.msg_name = &shut_addr,
	                   .msg_namelen = sizeof(shut_addr),
	                   .msg_iov = &iov,
	                   .msg_iovlen = 1};
	struct mmsghdr mm = {.msg_hdr = m};
	int flags = MSG_FASTOPEN | MSG_NOSIGNAL;
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	expect_error("sendto(MSG_FASTOPEN)",
	             sendto(fd, "x", 1, flags, (void *)&shut_addr,
	                    sizeof(shut_addr)),
	             EACCES);
	expect_error("sendmsg(MSG_FASTOPEN)", sendmsg(fd, &m, flags), EACCES);
	expect_error("sendmmsg(MSG_FASTOPEN)",
	             sendmmsg(fd, &mm, 1, (unsigned int)flags), EACCES);
	setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one));
	expect_error("connect with TCP_FASTOPEN_CONNECT",
	             connect(fd, (void *)&shut_addr, sizeof(shut_addr)),
	             EACCES);
	close(fd);
}

static void connect_twice(void)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	int fd = socket(AF_INET, SOCK_STREAM, 0), copy;

	if (connect(fd, (void *)&open_addr, sizeof(open_addr)) < 0)
		broken("connect to the open port", strerrorname_np(errno));
	expect_error("second connect",
	             connect(fd, (void *)&shut_addr, sizeof(shut_addr)),
	             EISCONN);
	copy = dup(fd);
	expect_error("connect of a duplicate",
	             connect(copy, (void *)&shut_addr, sizeof(shut_addr)),
	             EISCONN);
	if (connect(fd, &none, sizeof(none)) == 0 &&
	    connect(fd, (void *)&shut_addr, sizeof(shut_addr)) == 0)
		broken("connect after AF_UNSPEC", "succeeded");
	expect_error("sendto(MSG_FASTOPEN) after AF_UNSPEC",
	             sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
	                    (void *)&shut_addr, sizeof(shut_addr)),
	             EACCES);
	close(fd);
	close(copy);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	(void)connect(fd, (void *)&open_addr, sizeof(open_addr));
	expect_error(
		"sendto elsewhere on a connected UDP socket",
		sendto(fd, "x", 1, 0, (void *)&shut_addr, sizeof(shut_addr)),
		EACCES);
	if (connect(fd, (void *)&shut_addr, sizeof(shut_addr)) == 0)
		(void)send(fd, "x", 1, 0); /* the listener must stay silent */
	close(fd);
}

static void in_another_process(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (fork() == 0) { /* an orphan soon, in its own session */
			setsid();
			if (connect(fd, (void *)&shut_addr,
			            sizeof(shut_addr)) == 0)
				printf("BROKEN orphan's connect\n");
			_exit(0);
		}
		_exit(connect(fd, (void *)&shut_addr, sizeof(shut_addr)) == 0);
	}
	waitpid(pid, &status, 0);
	if (status)
		broken("connect in a child", "succeeded");
	close(fd);
}

/* --- T40, T41, T42 -------------------------------------------------------- */

#ifdef __x86_64__
static long int80(long nr, long a, long b, long c)
{
	long rc;

	__asm__ volatile("int $0x80"
	                 : "=a"(rc)
	                 : "a"(nr), "b"(a), "c"(b), "d"(c)
	                 : "memory", "r8", "r9", "r10", "r11");
	return rc;
}
#endif

static void abi(void)
{
	char params[256] = {0};

	expect_error("io_uring_setup", syscall(425, 8, params), ENOSYS);
	expect_error("io_uring_enter", syscall(426, 0, 0, 0, 0, NULL, 0),
	             ENOSYS);
	expect_error("io_uring_register", syscall(427, 0, 0, NULL, 0), ENOSYS);
#ifdef __x86_64__
	{
		pid_t pid = fork();
		int status = 0;

		if (pid == 0) {
			/* socket(AF_INET, SOCK_STREAM, 0) as i386 has it */
			long fd = int80(359, AF_INET, SOCK_STREAM, 0);

			_exit(fd >= 0 ? 1 : 0);
		}
		waitpid(pid, &status, 0);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
			broken("int 0x80 socket", "succeeded");
		expect_error("x32 socket",
		             syscall(0x40000000 | SYS_socket, AF_INET,
		                     SOCK_STREAM, 0),
		             ENOSYS);
	}
#endif
}

static void families(void)
{
	static const struct {
		int family, type, protocol, err;
	} rows[] = {
		{40 /* VSOCK */, SOCK_STREAM, 0, EAFNOSUPPORT},
		{44 /* XDP */, SOCK_RAW, 0, EAFNOSUPPORT},
		{17 /* PACKET */, SOCK_RAW, 0, EPERM},
		{30 /* TIPC */, SOCK_DGRAM, 0, EAFNOSUPPORT},
		{38 /* ALG */, SOCK_SEQPACKET, 0, EAFNOSUPPORT},
		{43 /* SMC */, SOCK_STREAM, 0, EAFNOSUPPORT},
		{31 /* BLUETOOTH */, SOCK_RAW, 0, EAFNOSUPPORT},
		{29 /* CAN */, SOCK_RAW, 0, EAFNOSUPPORT},
		{AF_INET, SOCK_STREAM, 262 /* MPTCP */, EPROTONOSUPPORT},
		{AF_INET, SOCK_DGRAM, 136 /* UDPLITE */, EPROTONOSUPPORT},
		{AF_INET, SOCK_STREAM, 132 /* SCTP */, EPROTONOSUPPORT},
		{AF_INET, SOCK_SEQPACKET, 132, EPROTONOSUPPORT},
		{AF_INET, 6 /* DCCP */, 33, EPROTONOSUPPORT},
		{AF_INET, SOCK_RAW, IPPROTO_ICMP, EPERM},
		{AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, EPERM},
		{AF_NETLINK, SOCK_RAW, 4 /* SOCK_DIAG */, EPROTONOSUPPORT},
		{AF_NETLINK, SOCK_RAW, 12 /* NETFILTER */, EPROTONOSUPPORT},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char what[64];

		snprintf(what, sizeof(what), "socket(%d, %d, %d)",
		         rows[i].family, rows[i].type, rows[i].protocol);
		expect_error(
			what,
			socket(rows[i].family, rows[i].type, rows[i].protocol),
			rows[i].err);
	}
}

/* --- T46 ------------------------------------------------------------------ */

static void supervisor(pid_t pid)
{
	static const char *const files[] = {"mem", "maps", "environ", "ns/net"};
	char buf[64] = "", path[64];
	struct iovec mine = {buf, sizeof(buf)};
	struct iovec theirs = {(void *)(uintptr_t)0x400000, sizeof(buf)};
	int pidfd;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, files[i]);
		if (open(path, O_RDONLY) >= 0)
			broken(path, "opened");
	}
	snprintf(path, sizeof(path), "/proc/%d/fd/0", (int)pid);
	if (readlink(path, buf, sizeof(buf)) >= 0)
		broken(path, "read");
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0)
		broken("ptrace", "attached");
	if (process_vm_readv(pid, &mine, 1, &theirs, 1, 0) >= 0 ||
	    errno == EFAULT)
		broken("process_vm_readv", "let in");
	if (process_vm_writev(pid, &mine, 1, &theirs, 1, 0) >= 0 ||
	    errno == EFAULT)
		broken("process_vm_writev", "let in");
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd >= 0 && syscall(SYS_pidfd_getfd, pidfd, 3, 0) >= 0)
		broken("pidfd_getfd", "got one");
	if (kill(pid, 0) == 0)
		broken("kill", "allowed");
}

/* --- S8 ------------------------------------------------------------------- */

static void options(void)
{
	static const struct {
		int level, name;
	} refused[] = {
		{SOL_SOCKET, SO_BINDTODEVICE},
		{SOL_SOCKET, SO_ATTACH_FILTER},
		{SOL_SOCKET, 50 /* ATTACH_BPF */},
		{SOL_SOCKET, SO_MARK},
		{IPPROTO_IP, IP_ADD_MEMBERSHIP},
		{IPPROTO_IP, IP_MULTICAST_IF},
		{IPPROTO_IP, IP_TRANSPARENT},
		{IPPROTO_IP, IP_FREEBIND},
		{IPPROTO_IP, IP_OPTIONS},
		{IPPROTO_TCP, 19 /* REPAIR */},
		{IPPROTO_TCP, 31 /* ULP */},
		{99, 1},
	};
	char value[64] = "lo";
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = 0;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char what[64];

		snprintf(what, sizeof(what), "setsockopt(%d, %d)",
		         refused[i].level, refused[i].name);
		if (setsockopt(fd, refused[i].level, refused[i].name, value,
		               sizeof(value)) == 0)
			broken(what, "returned 0");
	}
	/* every option with odd lengths and pointers: an errno, no harm */
	for (int level = 0; level <= 300; level++)
		for (int name = 0; name < 80; name++) {
			(void)setsockopt(fd, level, name, NULL, 0);
			(void)setsockopt(fd, level, name, value, 0);
			(void)setsockopt(fd, level, name, (void *)8, 4);
			len = (socklen_t)-1;
			(void)getsockopt(fd, level, name, value, &len);
			len = 0;
			(void)getsockopt(fd, level, name, NULL, &len);
			(void)getsockopt(fd, level, name, value, (void *)8);
		}
	close(fd);
}

/* --- T53, S3 -------------------------------------------------------------- */

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static void alarm_every(long us, int flags)
{
	struct sigaction a = {.sa_handler = on_alarm, .sa_flags = flags};
	struct itimerval t = {{us / 1000000, us % 1000000},
	                      {us / 1000000, us % 1000000}};

	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
}

/*
 * After EINTR a TCP connect goes on by itself. A signal that lands before
 * the supervisor has seen the call takes it away whole, and nothing prevents
 * that (docs/sockets-fidelity.md), so it is made again, which is right in
 * both cases.
 */
static int connect_through(int fd, const struct sockaddr_in *to)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int err = 0;
	socklen_t len = sizeof(err);

	while (connect(fd, (const void *)to, sizeof(*to)) < 0) {
		if (errno == EISCONN)
			return 0;
		if (errno == EALREADY)
			break;
		if (errno != EINTR)
			return errno;
	}
	while (poll(&p, 1, 5000) < 0 && errno == EINTR)
		;
	while (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		if (errno != EINTR)
			return errno;
	return err;
}

static void storm_round(const struct sockaddr_in *to, bool restart)
{
	struct sockaddr_in name;
	socklen_t len = sizeof(name);
	int fd, err;

	do
		fd = socket(AF_INET, SOCK_STREAM, 0);
	while (fd < 0 && errno == EINTR && !restart);
	if (fd < 0) {
		broken("socket in the storm", strerrorname_np(errno));
		return;
	}
	err = connect_through(fd, to);
	if (err)
		broken("connect in the storm", strerrorname_np(err));
	while (getpeername(fd, (void *)&name, &len) < 0) {
		if (errno == EINTR && !restart)
			continue;
		broken("getpeername in the storm", strerrorname_np(errno));
		break;
	}
	close(fd);
}

static int storm(char **argv)
{
	struct sockaddr_in to = address(argv[0], argv[1]);

	alarm_every(1000, SA_RESTART);
	for (int i = 0; i < 5000 && !failures; i++)
		storm_round(&to, true);
	alarm_every(1000, 0);
	for (int i = 0; i < 5000 && !failures; i++)
		storm_round(&to, false);
	alarm_every(0, 0);
	fprintf(stderr, "%d alarms\n", (int)alarms);
	return alarms ? 0 : 1;
}

static void expect_eintr(const char *what, long rc, double began)
{
	if (rc >= 0 || errno != EINTR)
		broken(what, rc >= 0 ? "returned" : strerrorname_np(errno));
	if (now() - began > 1.0)
		broken(what, "too late");
}

static void held(void)
{
	struct sockaddr_in at = address("127.0.0.1", "0");
	socklen_t len = sizeof(at);
	struct timeval tv = {0, 200000};
	int l = socket(AF_INET, SOCK_STREAM, 0), c;
	int u = socket(AF_INET, SOCK_DGRAM, 0);
	char buf[8];
	double t;

	if (bind(l, (void *)&at, sizeof(at)) < 0 || listen(l, 0) < 0 ||
	    bind(u, (void *)&at, sizeof(at)) < 0)
		broken("bind", strerrorname_np(errno));
	alarm_every(100000, 0);
	t = now();
	expect_eintr("accept", accept(l, (void *)&at, (len = sizeof(at), &len)),
	             t);
	t = now();
	expect_eintr("recvfrom",
	             recvfrom(u, buf, sizeof(buf), 0, (void *)&at,
	                      (len = sizeof(at), &len)),
	             t);
	alarm_every(0, 0);
	setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(u, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	expect_error("accept after SO_RCVTIMEO", accept(l, NULL, NULL), EAGAIN);
	expect_error("recvfrom after SO_RCVTIMEO",
	             recvfrom(u, buf, sizeof(buf), 0, (void *)&at, &len),
	             EAGAIN);
	/* the interrupted calls have eaten nothing */
	len = sizeof(at);
	getsockname(l, (void *)&at, &len);
	c = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(c, (void *)&at, sizeof(at)) < 0 ||
	    accept(l, NULL, NULL) < 0)
		broken("after the signals", strerrorname_np(errno));
}

/* --- T54 ------------------------------------------------------------------ */

static void *flooder(void *arg)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in name;
	socklen_t len;

	(void)arg;
	while (!atomic_load(&stop)) {
		len = sizeof(name);
		(void)getsockname(fd, (void *)&name, &len);
	}
	return NULL;
}

static int flood(int threads, double seconds)
{
	double end = now() + seconds;
	pthread_t t;

	for (int i = 0; i < threads; i++)
		if (pthread_create(&t, NULL, flooder, NULL) != 0)
			broken("thread", strerrorname_np(errno));
	puts("flooding");
	fflush(stdout);
	while (now() < end)
		usleep(10000);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int rc = 0;

	if (argc == 4 && strcmp(what, "listen") == 0)
		return listen_and_log(argv[2], argv[3]);
	if (argc >= 5) {
		open_addr = address(argv[2], argv[3]);
		shut_addr = address(argv[2], argv[4]);
	}
	if (argc == 6 && strcmp(what, "flip") == 0) {
		rc = flip(argv + 2);
	} else if (argc == 6 && strcmp(what, "swap") == 0) {
		rc = swap(argv + 2);
	} else if (argc == 5 && strcmp(what, "again") == 0) {
		without_connect();
		connect_twice();
		in_another_process();
	} else if (strcmp(what, "abi") == 0) {
		abi();
	} else if (strcmp(what, "families") == 0) {
		families();
	} else if (argc == 3 && strcmp(what, "supervisor") == 0) {
		supervisor(atoi(argv[2]));
	} else if (strcmp(what, "options") == 0) {
		options();
	} else if (argc == 4 && strcmp(what, "storm") == 0) {
		rc = storm(argv + 2);
	} else if (argc == 4 && strcmp(what, "flood") == 0) {
		rc = flood(atoi(argv[2]), atof(argv[3]));
	} else if (strcmp(what, "held") == 0) {
		held();
	} else {
		return 2;
	}
	if (!failures && !rc)
		puts("held");
	return failures || rc;
}
