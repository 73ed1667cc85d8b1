/* SPDX-License-Identifier: Apache-2.0 */
/* test_capture.c - pcapng that others can read, and frames in words */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "observe/capture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* An Ethernet frame of IPv4, TCP SYN from 10.0.2.100:4000 to 192.0.2.1:80 */
static const uint8_t syn[] = {
	2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
	/* ip */
	0x45, 0, 0, 42, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 2, 100, 192, 0, 2, 1,
	/* tcp */
	0x0f, 0xa0, 0, 80, 0, 0, 0, 7, 0, 0, 0, 9, 0x50, 0x12, 0x10, 0, 0, 0, 0,
	0,
	/* data, and padding that the IP header does not count */
	'h', 'i', 0, 0, 0};

static uint32_t word_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static struct capture *capture_to(int fd)
{
	const struct capture_config c = {
		.fd = fd, .wall_offset_ns = 5, .ifname = "tap0"};

	return capture_new(&c);
}

/* Every block's two lengths agree, and the file ends with one. */
static void blocks_are_whole(void **state)
{
	static uint8_t big[65536], file[1 << 20];
	int fd = memfd_create("pcap", 0);
	struct capture *c = capture_to(fd);
	uint32_t types[8], n = 0;
	ssize_t len, at = 0;

	(void)state;
	capture_frame(c, CAPTURE_FROM_APP, syn, sizeof(syn), 100);
	capture_frame(c, CAPTURE_TO_APP, big, sizeof(big), 200);
	capture_frame(c, CAPTURE_TO_APP, syn, 0, 300);
	assert_int_equal(capture_lost(c), 0);
	capture_free(c);
	len = pread(fd, file, sizeof(file), 0);
	while (at < len) {
		uint32_t size = word_at(file + at + 4);

		assert_true(size >= 12 && size % 4 == 0 && at + size <= len);
		assert_int_equal(word_at(file + at + size - 4), size);
		types[n++] = word_at(file + at);
		if (types[n - 1] == 6 && n == 3) {
			assert_int_equal(word_at(file + at + 12), 0);
			assert_int_equal(word_at(file + at + 16), 105);
			assert_int_equal(word_at(file + at + 20), sizeof(syn));
			assert_memory_equal(file + at + 28, syn, sizeof(syn));
		}
		at += size;
	}
	assert_int_equal(at, len);
	assert_int_equal(n, 5);
	assert_int_equal(types[0], 0x0a0d0d0a);
	assert_int_equal(types[1], 1);
	close(fd);
}

/* A disk that fills up: what is there stays readable, the rest is counted. */
static void full_disk(void **state)
{
	struct rlimit old, small = {1000, RLIM_INFINITY};
	int fd = memfd_create("pcap", 0);
	struct capture *c = capture_to(fd);
	uint8_t file[2000];
	ssize_t len, at = 0;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (int i = 0; i < 100; i++)
		capture_frame(c, CAPTURE_FROM_APP, syn, sizeof(syn), i);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	len = pread(fd, file, sizeof(file), 0);
	assert_true(len > 500 && len <= 1000);
	while (at < len)
		at += word_at(file + at + 4);
	assert_int_equal(at, len);
	assert_true(capture_lost(c) > 80);
	capture_free(c);
	close(fd);
}

static void in_words(void **state)
{
	char buf[FRAME_TEXT_MAX];
	uint8_t frame[128] = {0};

	(void)state;
	assert_string_equal(frame_text(syn, sizeof(syn), buf),
	                    "10.0.2.100:4000 > 192.0.2.1:80 tcp SA seq 7 ack 9 "
	                    "win 4096 len 2");
	/* every cut of it, and every byte wrong, is some text */
	for (size_t len = 0; len <= sizeof(syn); len++)
		assert_true(strlen(frame_text(syn, len, buf)) > 0);
	for (size_t i = 0; i < sizeof(syn); i++) {
		memcpy(frame, syn, sizeof(syn));
		for (unsigned int v = 0; v < 256; v++) {
			frame[i] = (uint8_t)v;
			assert_true(strlen(frame_text(frame, sizeof(syn),
			                              buf)) > 0);
		}
	}
	memset(frame, 0, sizeof(frame));
	frame[12] = 0x86;
	frame[13] = 0xdd;
	frame[14 + 6] = 17;
	frame[14 + 8 + 15] = 1;
	frame[14 + 24 + 15] = 2;
	frame[14 + 40 + 1] = 53;
	assert_string_equal(frame_text(frame, 14 + 40 + 8 + 4, buf),
	                    "[::1]:53 > [::2]:0 udp len 4");
	memset(frame, 0, sizeof(frame));
	frame[12] = 8;
	frame[13] = 6;
	frame[14 + 7] = 1;
	assert_string_equal(frame_text(frame, 42, buf),
	                    "arp request: 0.0.0.0 > 0.0.0.0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_whole),
		cmocka_unit_test(full_disk),
		cmocka_unit_test(in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
