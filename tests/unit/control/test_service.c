/* SPDX-License-Identifier: Apache-2.0 */
/* test_service.c - the directory, and the socket in it, with a datapath that
 * only does what the test says */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "control/directory.h"
#include "control/service.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

struct world {
	char runtime[64];
	struct control_service *s;
	int64_t now;
	/* what the datapath was asked last */
	struct control_ask ask;
	char target[400];
	int asks, ask_rc, signal;
};

static uint64_t state_of_random;

static void fill(void *user, void *buf, size_t len)
{
	uint8_t *b = buf;

	(void)user;
	while (len--) {
		state_of_random =
			state_of_random * UINT64_C(6364136223846793005) + 1;
		*b++ = (uint8_t)(state_of_random >> 56);
	}
}

static const struct random_source some = {fill, NULL};

static int on_ask(void *user, const struct control_ask *ask, const char *target)
{
	struct world *w = user;

	if (w->ask_rc)
		return w->ask_rc;
	w->ask = *ask;
	snprintf(w->target, sizeof(w->target), "%s", target);
	w->asks++;
	return 0;
}

static int on_kill(void *user, int sig)
{
	((struct world *)user)->signal = sig;
	return 0;
}

static void on_info(void *user, struct control_text *t, int64_t now)
{
	(void)user;
	control_text_put(t, ",\"now\":%lld", (long long)now);
}

static const char *remove_all(struct world *w, char *command, size_t len)
{
	snprintf(command, len, "rm -rf %s", w->runtime);
	return command;
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct control_ops ops = {
		.ask = on_ask, .kill = on_kill, .info = on_info, .user = w};
	struct error err = {0};

	snprintf(w->runtime, sizeof(w->runtime), "/tmp/postern-test.XXXXXX");
	if (!mkdtemp(w->runtime))
		return -1;
	*state = w;
	return control_service_open(
		&w->s, &(struct control_config){w->runtime, "unit"}, &ops,
		&some, &err);
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char command[128];

	control_service_close(w->s, -1);
	if (system(remove_all(w, command, sizeof(command))))
		return -1;
	free(w);
	return 0;
}

static int connect_to(const struct world *w, const char *id)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/postern/%s/control",
	         w->runtime, id);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void run(struct world *w)
{
	for (int i = 0; i < 8; i++)
		control_service_run(w->s, w->now);
}

static void put(struct world *w, int fd, const char *line)
{
	assert_int_equal(send(fd, line, strlen(line), MSG_NOSIGNAL),
	                 strlen(line));
	run(w);
}

static void get(struct world *w, int fd, const char *expected)
{
	static char buf[65536];
	ssize_t n;

	run(w);
	n = recv(fd, buf, sizeof(buf) - 1, 0);
	buf[n > 0 ? n : 0] = '\0';
	assert_string_equal(buf, expected);
}

static void answer(struct world *w, int32_t code, uint64_t next,
                   const char *text)
{
	static char buf[sizeof(struct control_piece) + 65536];
	struct control_piece p = {w->ask.token, code, next};

	memcpy(buf, &p, sizeof(p));
	memcpy(buf + sizeof(p), text, strlen(text));
	assert_true(control_service_answer(w->s, buf, sizeof(p) + strlen(text),
	                                   w->now));
}

static void answers(void **state)
{
	struct world *w = *state;
	_auto_close_ int fd = connect_to(w, "unit");

	w->now = 12;
	put(w, fd, "{\"v\":1,\"id\":3,\"do\":\"info\"}\n");
	assert_int_equal(w->ask.verb, CONTROL_STATS);
	answer(w, 0, 0, "\"tcp\":1");
	get(w, fd,
	    "{\"v\":1,\"id\":3,\"ok\":true,\"sandbox\":\"unit\",\"now\":12,"
	    "\"stats\":{\"tcp\":1}}\n");
	put(w, fd, "{\"v\":1,\"do\":\"kill\",\"signal\":9}\n");
	get(w, fd, "{\"v\":1,\"ok\":true}\n");
	assert_int_equal(w->signal, 9);
	put(w, fd, "{\"v\":1,\"do\":\"allow\",\"target\":\"a.example\"}\n");
	assert_string_equal(w->target, "a.example");
	assert_int_equal(w->ask.source, 1);
	answer(w, -EINVAL, 0, "column 1: \"no\"");
	get(w, fd,
	    "{\"v\":1,\"ok\":false,\"errno\":\"EINVAL\",\"error\":"
	    "\"column 1: \\\"no\\\"\"}\n");
	/* in pieces, each asked for */
	put(w, fd, "{\"v\":1,\"id\":4,\"do\":\"rules\"}\n");
	assert_int_equal(w->ask.cursor, 0);
	answer(w, 0, 17, "{\"number\":1}\n{\"number\":2}\n");
	assert_int_equal(w->ask.cursor, 17);
	answer(w, 0, 0, "{\"number\":3}\n");
	get(w, fd,
	    "{\"v\":1,\"id\":4,\"rule\":{\"number\":1}}\n"
	    "{\"v\":1,\"id\":4,\"rule\":{\"number\":2}}\n"
	    "{\"v\":1,\"id\":4,\"rule\":{\"number\":3}}\n"
	    "{\"v\":1,\"id\":4,\"ok\":true,\"count\":3}\n");
}

/* Two requests in one packet, one in many, one without its newline. */
static void pieces_of_lines(void **state)
{
	struct world *w = *state;
	_auto_close_ int fd = connect_to(w, "unit");
	const char *line = "{\"v\":1,\"do\":\"kill\"}\n";

	put(w, fd, "{\"v\":1,\"do\":\"kill\"}\n{\"v\":1,\"do\":\"stats\"}\n");
	get(w, fd, "{\"v\":1,\"ok\":true}\n");
	assert_int_equal(w->asks, 1);
	answer(w, 0, 0, "\"a\":1");
	get(w, fd, "{\"v\":1,\"ok\":true,\"a\":1}\n");
	for (const char *s = line; *s; s++)
		put(w, fd, (char[]){*s, '\0'});
	get(w, fd, "{\"v\":1,\"ok\":true}\n");
	put(w, fd, "{\"v\":1,\"do\":\"kill\"}");
	get(w, fd, "");
}

/* One that left while it was asked for; the datapath answers all the same. */
static void left_alone(void **state)
{
	struct world *w = *state;
	int fd = connect_to(w, "unit");
	_auto_close_ int other = connect_to(w, "unit");
	struct control_piece p;

	put(w, fd, "{\"v\":1,\"do\":\"stats\"}\n");
	put(w, other, "{\"v\":1,\"do\":\"rules\"}\n");
	assert_int_equal(w->asks, 1);
	close(fd);
	run(w);
	/* one at a time: the answer comes first */
	assert_int_equal(w->asks, 1);
	answer(w, 0, 0, "\"a\":1");
	assert_int_equal(w->asks, 2);
	assert_int_equal(w->ask.verb, CONTROL_RULES);
	/* an answer to something else, and one out of turn */
	p = (struct control_piece){w->ask.token + 1, 0, 0};
	assert_false(control_service_answer(w->s, &p, sizeof(p), w->now));
	assert_false(control_service_answer(w->s, &p, 3, w->now));
	answer(w, 0, 0, "");
	get(w, other, "{\"v\":1,\"ok\":true,\"count\":0}\n");
	p.token = w->ask.token;
	assert_false(control_service_answer(w->s, &p, sizeof(p), w->now));
}

static void asked_again(void **state)
{
	struct world *w = *state;
	_auto_close_ int fd = connect_to(w, "unit");

	w->ask_rc = -EAGAIN;
	put(w, fd, "{\"v\":1,\"do\":\"stats\"}\n");
	assert_int_equal(w->asks, 0);
	assert_true(control_service_deadline(w->s) < TIME_NEVER);
	w->ask_rc = 0;
	w->now = control_service_deadline(w->s);
	run(w);
	assert_int_equal(w->asks, 1);
	answer(w, 0, 0, "\"a\":1");
	get(w, fd, "{\"v\":1,\"ok\":true,\"a\":1}\n");
	w->ask_rc = -ENOTCONN;
	put(w, fd, "{\"v\":1,\"do\":\"stats\"}\n");
	get(w, fd,
	    "{\"v\":1,\"ok\":false,\"errno\":\"ENOTCONN\",\"error\":"
	    "\"the datapath is gone\"}\n");
}

/* One that never reads gets so much and no more, and is dropped in time. */
static void deaf(void **state)
{
	struct world *w = *state;
	_auto_close_ int fd = connect_to(w, "unit");
	_auto_close_ int other = connect_to(w, "unit");
	static char big[CONTROL_PIECE_MAX];
	char byte;
	int i;

	for (size_t at = 0; at + 100 < sizeof(big); at += 100)
		snprintf(big + at, sizeof(big) - at, "{\"a\":\"%091d\"}\n", 0);
	put(w, fd, "{\"v\":1,\"do\":\"flows\"}\n");
	for (i = 0; i < 100 && w->asks == i + 1; i++)
		answer(w, 0, 1, big);
	/* the kernel's buffer and ours are full: it is not asked any more */
	assert_in_range(i, 1, 20);
	put(w, other, "{\"v\":1,\"do\":\"kill\"}\n");
	get(w, other, "{\"v\":1,\"ok\":true}\n");
	w->now = control_service_deadline(w->s);
	assert_int_equal(w->now, 10 * NS_PER_S);
	run(w);
	while (recv(fd, &byte, 1, 0) == 1)
		;
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	assert_int_equal(control_service_deadline(w->s), TIME_NEVER);
}

/* A datapath that lies cannot overrun anything. */
static void lies(void **state)
{
	struct world *w = *state;
	_auto_close_ int fd = connect_to(w, "unit");
	static char lines[CONTROL_PIECE_MAX];

	memset(lines, '\n', sizeof(lines) - 1);
	put(w, fd, "{\"v\":1,\"do\":\"flows\"}\n");
	answer(w, 0, 0, lines);
	put(w, fd, "{\"v\":1,\"do\":\"kill\"}\n");
	run(w);
}

static void waits_for_the_end(void **state)
{
	struct world *w = *state;
	_auto_close_ int fd = connect_to(w, "unit");
	char buf[64] = "";

	put(w, fd, "{\"v\":1,\"id\":8,\"do\":\"wait\"}\n");
	get(w, fd, "");
	control_service_close(w->s, 42);
	w->s = NULL;
	assert_true(recv(fd, buf, sizeof(buf) - 1, 0) > 0);
	assert_string_equal(buf,
	                    "{\"v\":1,\"id\":8,\"ok\":true,\"status\":42}\n");
	assert_int_equal(recv(fd, buf, 1, 0), 0);
}

static void crowd(void **state)
{
	struct world *w = *state;
	int fds[80], waiter = connect_to(w, "unit");
	char byte;

	put(w, waiter, "{\"v\":1,\"do\":\"wait\"}\n");
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		w->now++;
		fds[i] = connect_to(w, "unit");
		assert_true(fds[i] >= 0);
		run(w);
	}
	/* the first had to go, the last and the one that waits did not */
	assert_int_equal(recv(fds[0], &byte, 1, 0), 0);
	put(w, fds[ARRAY_SIZE(fds) - 1], "{\"v\":1,\"do\":\"kill\"}\n");
	get(w, fds[ARRAY_SIZE(fds) - 1], "{\"v\":1,\"ok\":true}\n");
	assert_int_equal(recv(waiter, &byte, 1, 0), -1);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	close(waiter);
}

/* --- the directory -------------------------------------------------------- */

static void names(void **state)
{
	static const char *const good[] = {"a", "7", "Web-1.2_x",
	                                   "abcdefghijklmnopqrstuvwxyz012345"};
	static const char *const bad[] = {
		"",         ".",
		"..",       "-a",
		"_a",       "a/b",
		"a b",      "a\n",
		"\xc3\xa9", "abcdefghijklmnopqrstuvwxyz0123456"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(control_name_check(good[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(control_name_check(bad[i], NULL), -EINVAL);
}

static void places(void **state)
{
	struct world *w = *state;
	struct control_place taken, number;
	char(*ids)[CONTROL_ID_TEXT_MAX];
	struct error err = {0};
	int root = control_root_open(w->runtime, false, &err);
	char path[160];
	pid_t pid;

	assert_true(root >= 0);
	/* the one of set_up() lives */
	assert_int_equal(control_place_take(&taken, root, "unit", &some, &err),
	                 -EEXIST);
	assert_int_equal(control_place_take(&number, root, NULL, &some, &err),
	                 0);
	assert_int_equal(strlen(number.id), 8);
	/* made by a process that ends without leaving it */
	pid = fork();
	if (pid == 0)
		_exit(control_place_take(&taken, root, "dead", &some, &err) !=
		      0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	snprintf(path, sizeof(path), "%s/postern/dead", w->runtime);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(control_list(root, &ids, &err), 2);
	assert_int_equal(access(path, F_OK), -1);
	free(ids);
	assert_int_equal(
		control_place_take(&taken, dup(root), "dead", &some, &err), 0);
	control_place_leave(&taken);
	assert_int_equal(access(path, F_OK), -1);
	control_place_leave(&number); /* root, too */
}

/* Not where others may write, and not through a link. */
static void roots(void **state)
{
	struct world *w = *state;
	struct error err = {0};
	char path[160], link[200];

	assert_int_equal(control_root_open(NULL, true, &err), -ENOENT);
	assert_int_equal(control_root_open("", true, &err), -ENOENT);
	assert_int_equal(err.code, 0);
	assert_int_equal(control_root_open("tmp", true, &err), -EINVAL);
	snprintf(path, sizeof(path), "%s/open", w->runtime);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(control_root_open(path, true, &err), -EPERM);
	snprintf(path, sizeof(path), "%s/more", w->runtime);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(control_root_open(path, false, &err), -ENOENT);
	snprintf(link, sizeof(link), "%s/postern", path);
	assert_int_equal(symlink("/tmp", link), 0);
	assert_true(control_root_open(path, true, &err) < 0);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(mkdir(link, 0700), 0);
	assert_int_equal(chmod(link, 0750), 0);
	assert_int_equal(control_root_open(path, true, &err), -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pieces_of_lines, set_up,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(left_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(asked_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(deaf, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lies, set_up, tear_down),
		cmocka_unit_test_setup_teardown(waits_for_the_end, set_up,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(crowd, set_up, tear_down),
		cmocka_unit_test(names),
		cmocka_unit_test_setup_teardown(places, set_up, tear_down),
		cmocka_unit_test_setup_teardown(roots, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
