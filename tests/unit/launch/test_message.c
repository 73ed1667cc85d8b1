/* SPDX-License-Identifier: Apache-2.0 */
/* test_message.c - packets between monitor, datapath and init */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "launch/message.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

static char text[MESSAGE_TEXT_MAX];

static int pair_open(void **state)
{
	static int pair[2];

	assert_int_equal(message_pair(pair), 0);
	*state = pair;
	return 0;
}

static int pair_close(void **state)
{
	int *pair = *state;

	fd_close(&pair[0]);
	fd_close(&pair[1]);
	return 0;
}

static void text_round_trip(void **state)
{
	static const size_t lengths[] = {0, 1, 100, MESSAGE_TEXT_MAX};
	static char big[MESSAGE_TEXT_MAX];
	const int *pair = *state;
	struct message_head head;
	int fd;

	memset(big, 'x', sizeof(big));
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		memset(text, 0, sizeof(text));
		assert_int_equal(message_send(pair[0], MSG_HOSTS, -7, big,
		                              lengths[i], -1),
		                 0);
		assert_int_equal(message_receive(pair[1], &head, text, &fd), 1);
		assert_int_equal(head.kind, MSG_HOSTS);
		assert_int_equal(head.a, -7);
		assert_int_equal(head.text_len, lengths[i]);
		assert_memory_equal(text, big, lengths[i]);
		assert_int_equal(fd, -1);
	}
	assert_int_equal(
		message_send(pair[0], MSG_HOSTS, 0, big, sizeof(big) + 1, -1),
		-EMSGSIZE);
}

static void descriptor_travels_close_on_exec(void **state)
{
	const int *pair = *state;
	struct message_head head;
	struct stat a, b;
	int p[2], fd;

	assert_int_equal(pipe(p), 0);
	assert_int_equal(message_send(pair[0], MSG_START, 3, NULL, 0, p[0]), 0);
	assert_int_equal(message_receive_bare(pair[1], &head, &fd), 1);
	assert_true(fd >= 0 && fd != p[0]);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fstat(fd, &a), 0);
	assert_int_equal(fstat(p[0], &b), 0);
	assert_true(a.st_ino == b.st_ino);
	close(fd);
	close(p[0]);
	close(p[1]);
}

static int count_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Sends raw bytes and ndescriptors copies of fd 0. */
static void send_raw(int sock, const void *data, size_t len, int ndescriptors)
{
	union {
		char buf[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	memcpy(&iov.iov_base, &data, sizeof(data));
	iov.iov_len = len;
	if (ndescriptors) {
		struct cmsghdr *c;

		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(ndescriptors * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(ndescriptors * sizeof(int));
		memset(CMSG_DATA(c), 0, ndescriptors * sizeof(int));
	}
	assert_true(sendmsg(sock, &msg, 0) == (ssize_t)len);
}

static void malformed_is_refused_without_a_leak(void **state)
{
	const int *pair = *state;
	struct message_head head = {.kind = MSG_LINE, .text_len = 5}, got;
	static char long_packet[sizeof(head) + MESSAGE_TEXT_MAX + 1];
	int before, fd;

	before = count_descriptors();
	send_raw(pair[0], &head, sizeof(head), 0); /* text is missing */
	assert_int_equal(message_receive(pair[1], &got, text, &fd), -EPROTO);
	send_raw(pair[0], &head, 3, 1); /* half a head, and a descriptor */
	assert_int_equal(message_receive(pair[1], &got, text, &fd), -EPROTO);
	assert_int_equal(fd, -1);
	head.text_len = 0;
	send_raw(pair[0], &head, sizeof(head), 2); /* two descriptors */
	assert_int_equal(message_receive(pair[1], &got, text, &fd), -EPROTO);
	head.text_len = MESSAGE_TEXT_MAX + 1;
	memcpy(long_packet, &head, sizeof(head));
	send_raw(pair[0], long_packet, sizeof(long_packet), 0);
	assert_int_equal(message_receive(pair[1], &got, text, &fd), -EPROTO);
	assert_int_equal(message_send(pair[0], MSG_LINE, 0, "x", 1, -1), 0);
	assert_int_equal(message_receive_bare(pair[1], &got, &fd), -EPROTO);
	assert_int_equal(count_descriptors(), before);
}

static void the_end_is_told(void **state)
{
	int *pair = *state;
	struct message_head head;
	int fd;

	fd_close(&pair[0]);
	assert_int_equal(message_receive(pair[1], &head, text, &fd), 0);
	assert_int_equal(message_send(pair[1], MSG_READY, 0, NULL, 0, -1),
	                 -EPIPE);
}

/* The other end said something and closed with our words unread. */
static void last_words_are_heard(void **state)
{
	int *pair = *state;
	struct message_head head;
	int fd;

	assert_int_equal(message_send(pair[1], MSG_HOSTS, 0, "x", 1, -1), 0);
	assert_int_equal(message_send(pair[0], MSG_FAILED, -1, "why", 3, -1),
	                 0);
	fd_close(&pair[0]);
	assert_int_equal(message_receive(pair[1], &head, text, &fd), 1);
	assert_int_equal(head.kind, MSG_FAILED);
	assert_int_equal(message_receive(pair[1], &head, text, &fd), 0);
}

int main(void)
{
#define TEST(fn_) cmocka_unit_test_setup_teardown(fn_, pair_open, pair_close)
	const struct CMUnitTest tests[] = {
		TEST(text_round_trip),
		TEST(descriptor_travels_close_on_exec),
		TEST(malformed_is_refused_without_a_leak),
		TEST(the_end_is_told),
		TEST(last_words_are_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
