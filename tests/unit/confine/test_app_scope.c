/* SPDX-License-Identifier: Apache-2.0 */
/* test_app_scope.c - what the kernel itself refuses to CMD */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "confine/confine.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HELD, SCOPED_NOT, CONNECTED, BOUND, REFUSED };

/* In a process of its own; the socket is made before, as by somebody else. */
static int tries(bool no_tcp, const struct sockaddr_in *to)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	int a = socket(AF_INET, SOCK_STREAM, 0);
	int b = socket(AF_INET, SOCK_STREAM, 0);
	struct error err = {0};
	int rc = confine_app_scope(no_tcp, &err);

	if (rc == -EOPNOTSUPP)
		return SCOPED_NOT;
	if (rc < 0)
		return REFUSED;
	if (connect(a, (const void *)to, sizeof(*to)) == 0)
		return CONNECTED;
	if (errno != EACCES)
		return REFUSED;
	if (bind(b, (const void *)&any, sizeof(any)) == 0)
		return BOUND;
	return errno == EACCES ? HELD : REFUSED;
}

static int outcome(bool no_tcp)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
	                         .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(at);
	int l = socket(AF_INET, SOCK_STREAM, 0), status;
	pid_t pid;

	assert_int_equal(bind(l, (const void *)&at, len), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (void *)&at, &len), 0);
	pid = fork();
	if (pid == 0)
		_exit(tries(no_tcp, &at));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(l);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void tcp_is_refused_where_asked_for(void **state)
{
	int open = outcome(false);

	(void)state;
	if (open == SCOPED_NOT && !getenv("POSTERN_MUST_WORK"))
		skip(); /* an older kernel than 6.12 */
	assert_int_equal(open, CONNECTED);
	assert_int_equal(outcome(true), HELD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_is_refused_where_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
