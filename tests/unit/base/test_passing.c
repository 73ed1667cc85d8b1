/* SPDX-License-Identifier: Apache-2.0 */
/* test_passing.c - descriptors along with bytes */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/passing.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int pair[2];

static int open_pair(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
}

static int close_pair(void **state)
{
	(void)state;
	fd_close(&pair[0]);
	fd_close(&pair[1]);
	return 0;
}

/* How many descriptors this process has. */
static int count(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static ssize_t give(size_t n)
{
	const int fds[PASSING_MAX] = {pair[0], pair[1], pair[0]};
	char text[] = "hello";
	struct iovec iov = {text, 5};

	return passing_send(pair[0], &iov, 1, fds, n);
}

static ssize_t get(size_t room, size_t len, struct passed *p)
{
	char text[8];
	struct iovec iov = {text, len};

	return passing_receive(pair[1], &iov, 1, MSG_DONTWAIT, room, p);
}

static void as_many_as_are_wanted(void **state)
{
	int before = count();

	(void)state;
	for (size_t given = 0; given <= PASSING_MAX; given++)
		for (size_t room = 0; room <= PASSING_MAX; room++) {
			struct passed p;

			assert_int_equal(give(given), 5);
			assert_int_equal(get(room, 8, &p), 5);
			assert_int_equal(p.n, MIN(given, room));
			assert_int_equal(p.cut, given > room);
			for (size_t i = 0; i < p.n; i++)
				assert_int_equal(fcntl(p.fd[i], F_GETFD),
				                 FD_CLOEXEC);
			assert_int_equal(count(), before + (int)p.n);
			while (p.n)
				fd_close(&p.fd[--p.n]);
		}
	assert_int_equal(count(), before);
}

static void the_first_is_kept(void **state)
{
	struct stat a, b;
	struct passed p;
	int before = count(), fd;

	(void)state;
	assert_int_equal(give(3), 5);
	assert_int_equal(get(3, 8, &p), 5);
	fd = passed_take(&p);
	assert_int_equal(count(), before + 1);
	assert_int_equal(fstat(fd, &a), 0);
	assert_int_equal(fstat(pair[0], &b), 0);
	assert_true(a.st_ino == b.st_ino);
	assert_int_equal(passed_take(&p), -1);
	fd_close(&fd);
}

static void ends_and_errors_bring_none(void **state)
{
	char text[] = "x";
	struct iovec iov = {text, 1};
	struct passed p = {.n = 2};

	(void)state;
	assert_int_equal(get(1, 8, &p), -EAGAIN);
	assert_int_equal(p.n, 0);
	fd_close(&pair[0]);
	assert_int_equal(get(1, 8, &p), 0);
	assert_int_equal(passed_take(&p), -1);
	/* and no SIGPIPE */
	assert_int_equal(passing_send(pair[1], &iov, 1, NULL, 0), -EPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(as_many_as_are_wanted,
	                                        open_pair, close_pair),
		cmocka_unit_test_setup_teardown(the_first_is_kept, open_pair,
	                                        close_pair),
		cmocka_unit_test_setup_teardown(ends_and_errors_bring_none,
	                                        open_pair, close_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
