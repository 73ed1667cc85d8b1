/* SPDX-License-Identifier: Apache-2.0 */
/* test_who.c - the process behind a socket or a thread, found in /proc */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "launch/who.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct who who;
static struct who_answer answer;

/* A process with a socket of its own, `deep` forks below us. */
struct holder {
	pid_t top, pid;
	uint32_t inode;
};

static void hold(int out, int deep, int spare)
{
	struct holder h = {0};
	struct stat st;
	int fd;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	for (; deep > 0; deep--) {
		if (fork() > 0) {
			(void)wait(NULL);
			_exit(0);
		}
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	}
	h.pid = getpid();
	(void)prctl(PR_SET_NAME, "holder", 0, 0, 0);
	for (int i = 0; i < spare; i++)
		(void)!dup(out);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fstat(fd, &st) == 0)
		h.inode = (uint32_t)st.st_ino;
	(void)!write(out, &h, sizeof(h));
	for (;;)
		pause();
}

static struct holder start(int deep, int spare)
{
	struct holder h = {0};
	int pipes[2];
	pid_t top;

	assert_int_equal(pipe(pipes), 0);
	top = fork();
	if (top == 0) {
		close(pipes[0]);
		hold(pipes[1], deep, spare);
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &h, sizeof(h)), sizeof(h));
	close(pipes[0]);
	h.top = top;
	assert_true(h.inode);
	return h;
}

static void end(const struct holder *h)
{
	kill(h->pid, SIGKILL);
	kill(h->top, SIGKILL);
	(void)waitpid(h->top, NULL, 0);
}

static uint32_t find(const struct holder *h, int64_t now)
{
	struct who_question q = {.token = 7, .inode = h->inode};

	memset(&answer, 1, sizeof(answer));
	who_find(&who, getpid(), &q, now, &answer);
	assert_int_equal(answer.token, 7);
	return answer.pid;
}

static void by_its_socket(void **state)
{
	struct holder h = start(0, 0), deep = start(4, 0);

	(void)state;
	memset(&who, 0, sizeof(who));
	assert_int_equal(find(&h, 1), h.pid);
	assert_string_equal(answer.comm, "holder");
	assert_non_null(strstr(answer.exe, "test_launch_who"));
	assert_int_equal(find(&deep, 1), deep.pid);
	/* again, where it was found before */
	assert_int_equal(find(&h, 1), h.pid);
	end(&h);
	end(&deep);
	/* gone, or never there */
	assert_int_equal(find(&h, 1), 0);
	assert_string_equal(answer.comm, "");
	assert_string_equal(answer.exe, "");
	h.inode = 1;
	assert_int_equal(find(&h, 1), 0);
}

/* What costs too much is not found, and the next second is another one. */
static void in_bounds(void **state)
{
	struct holder h = start(0, 300);
	int found = 0;

	(void)state;
	memset(&who, 0, sizeof(who));
	for (int i = 0; i < 2000; i++)
		found += find(&h, NS_PER_S) != 0;
	/* some 310 looks each */
	assert_in_range(found, 400, 800);
	assert_int_equal(find(&h, NS_PER_S), 0);
	assert_int_equal(find(&h, 2 * NS_PER_S), h.pid);
	end(&h);
}

static volatile uint32_t tid;

static void *tell_tid(void *unused)
{
	(void)unused;
	tid = (uint32_t)syscall(SYS_gettid);
	pause();
	return NULL;
}

static void by_its_thread(void **state)
{
	pthread_t thread;
	struct who_question q = {0};

	(void)state;
	memset(&who, 0, sizeof(who));
	assert_int_equal(pthread_create(&thread, NULL, tell_tid, NULL), 0);
	while (!tid)
		usleep(1000);
	q.tid = tid;
	assert_true(q.tid != (uint32_t)getpid());
	who_find(&who, getpid(), &q, 1, &answer);
	assert_int_equal(answer.pid, getpid());
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	q.tid = 0x7ffffff0;
	who_find(&who, getpid(), &q, 1, &answer);
	assert_int_equal(answer.pid, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_its_socket),
		cmocka_unit_test(in_bounds),
		cmocka_unit_test(by_its_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
