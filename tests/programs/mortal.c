/* SPDX-License-Identifier: Apache-2.0 */
/* mortal.c - T38: a caller is killed in mid-call and its pid comes again */
/*
 * mortal HOST PORT SECONDS - children that make socket calls without end are
 * killed at any moment, and others are forked at once that make none: at the
 * same addresses they have a pattern, and no descriptor above the first three.
 * A late answer that landed in one of them would show. Prints "held" and how
 * often a pid came again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BYSTANDERS 3
#define FDS 64
#define PID_MAX (1 << 22)
#define PATTERN 0x5a

/* what the supervisor writes to, in whoever calls */
static struct {
	struct sockaddr_storage name;
	socklen_t len;
	int value;
	char bytes[256];
} mine;
static uint8_t was_victim[PID_MAX / 8];

static void victim(const struct sockaddr_in *to)
{
	for (;;) {
		int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

		mine.len = sizeof(mine.name);
		getsockname(fd, (void *)&mine.name, &mine.len);
		connect(fd, (const void *)to, sizeof(*to));
		mine.len = sizeof(mine.name);
		getpeername(fd, (void *)&mine.name, &mine.len);
		mine.len = sizeof(mine.value);
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &mine.value, &mine.len);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		recv(fd, mine.bytes, 1, MSG_DONTWAIT);
		close(fd);
	}
}

static bool is_whole(void)
{
	const uint8_t *p = (const void *)&mine;

	for (size_t i = 0; i < sizeof(mine); i++)
		if (p[i] != PATTERN)
			return false;
	for (int fd = 3; fd < FDS; fd++)
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			return false;
	return true;
}

static void bystander(void)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	for (int i = 0; i < 3; i++) {
		if (!is_whole())
			_exit(1);
		nanosleep(&ms, NULL);
	}
	_exit(is_whole() ? 0 : 1);
}

static bool came_again(pid_t pid)
{
	return pid < PID_MAX && was_victim[pid / 8] >> pid % 8 & 1;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	unsigned long rounds = 0, again = 0, broken = 0;
	time_t end;

	if (argc != 4 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	end = time(NULL) + atoi(argv[3]);
	memset(&mine, PATTERN, sizeof(mine));
	for (int fd = 3; fd < FDS; fd++)
		close(fd);
	for (; time(NULL) < end; rounds++) {
		struct timespec some = {.tv_nsec = random() % 700000};
		pid_t pids[BYSTANDERS], pid = fork();
		/* not the same number each time: pids go round */
		int status, n = 1 + (int)(random() % BYSTANDERS);

		if (pid == 0)
			victim(&to);
		nanosleep(&some, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (pid < PID_MAX)
			was_victim[pid / 8] |= (uint8_t)(1 << pid % 8);
		for (int i = 0; i < n; i++) {
			pids[i] = fork();
			if (pids[i] == 0)
				bystander();
			again += came_again(pids[i]);
		}
		for (int i = 0; i < n; i++)
			if (waitpid(pids[i], &status, 0) == pids[i])
				broken += status != 0;
	}
	printf("%s: %lu rounds, %lu pids came again, %lu broken\n",
	       broken ? "BROKEN" : "held", rounds, again, broken);
	return broken != 0;
}
