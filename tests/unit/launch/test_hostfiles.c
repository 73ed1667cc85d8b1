/* SPDX-License-Identifier: Apache-2.0 */
/* test_hostfiles.c - the host's resolv.conf and hosts, read and followed */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "launch/hostfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static char resolv[128], hosts[128];
static unsigned int changes[HOSTFILES_KINDS];
static char last[HOSTFILES_KINDS][128];

static const char *in_dir(const char *name)
{
	static char path[2][128];
	static unsigned int turn;
	char *p = path[turn++ & 1];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void on_change(void *user, enum hostfiles_kind kind, const char *text,
                      size_t len)
{
	(void)user;
	changes[kind]++;
	len = MIN(len, sizeof(last[0]) - 1);
	memcpy(last[kind], text, len);
	last[kind][len] = '\0';
}

/* Polls once something is there; 2 s at most. */
static void follow(struct hostfiles *h)
{
	struct pollfd p = {.fd = hostfiles_fd(h), .events = POLLIN};

	assert_int_equal(poll(&p, 1, 2000), 1);
	hostfiles_poll(h, on_change, NULL);
}

static int setup(void **state)
{
	strcpy(dir, "/tmp/postern-hostfiles-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(resolv, sizeof(resolv), "%s/resolv.conf", dir);
	snprintf(hosts, sizeof(hosts), "%s/hosts", dir);
	mkdir(in_dir("run"), 0700);
	put("run/stub", "nameserver 127.0.0.53\nsearch corp.example\n"
	                "options edns0\n# c\nlookup x\n");
	assert_int_equal(symlink("run/link", resolv), 0);
	assert_int_equal(symlink("stub", in_dir("run/link")), 0);
	put("hosts", "10.0.0.1 a\n");
	memset(changes, 0, sizeof(changes));
	*state = hostfiles_open(resolv, hosts);
	assert_non_null(*state);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	hostfiles_close(*state);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void expect_text(struct hostfiles *h, enum hostfiles_kind kind,
                        const char *want)
{
	const char *text;
	size_t len;

	text = hostfiles_text(h, kind, &len);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(text, want, len);
}

static void follows_what_a_link_names(void **state)
{
	struct hostfiles *h = *state;

	/* in place */
	put("run/stub", "nameserver 192.0.2.1\n");
	follow(h);
	expect_text(h, HOSTFILES_RESOLV_CONF, "nameserver 192.0.2.1\n");
	/* replaced by rename, as resolvconf and systemd do */
	put("run/new", "nameserver 192.0.2.2\n");
	assert_int_equal(rename(in_dir("run/new"), in_dir("run/stub")), 0);
	follow(h);
	expect_text(h, HOSTFILES_RESOLV_CONF, "nameserver 192.0.2.2\n");
	/* the link itself is changed, to a file made later */
	assert_int_equal(unlink(in_dir("run/link")), 0);
	assert_int_equal(symlink(in_dir("other"), in_dir("run/link")), 0);
	follow(h);
	expect_text(h, HOSTFILES_RESOLV_CONF, "");
	put("other", "nameserver 192.0.2.3\n");
	follow(h);
	expect_text(h, HOSTFILES_RESOLV_CONF, "nameserver 192.0.2.3\n");
	put("other", "nameserver 192.0.2.4\n");
	follow(h);
	assert_string_equal(last[HOSTFILES_RESOLV_CONF],
	                    "nameserver 192.0.2.4\n");
	assert_int_equal(changes[HOSTFILES_HOSTS], 0);
	put("hosts", "10.0.0.1 b\n");
	follow(h);
	assert_int_equal(changes[HOSTFILES_HOSTS], 1);
	/* the same text again is no change */
	put("hosts", "10.0.0.1 b\n");
	follow(h);
	assert_int_equal(changes[HOSTFILES_HOSTS], 1);
}

static void interfaces_become_numbers(void **state)
{
	struct hostfiles *h = *state;

	put("run/stub", "nameserver fe80::1%lo # x\nnameserver fe80::2%none0\n"
	                "nameserver fe80::3%lo");
	follow(h);
	expect_text(h, HOSTFILES_RESOLV_CONF,
	            "nameserver fe80::1%1  # x\nnameserver fe80::2%none0\n"
	            "nameserver fe80::3%1 ");
}

static void is_bounded(void **state)
{
	struct hostfiles *h = *state;
	FILE *f = fopen(hosts, "we");
	const char *text;
	size_t len;

	for (int i = 0; i < 10000; i++)
		fprintf(f, "10.0.%d.%d name%d\n", i / 256, i % 256, i);
	fclose(f);
	follow(h);
	text = hostfiles_text(h, HOSTFILES_HOSTS, &len);
	assert_true(len <= HOSTFILES_TEXT_MAX && len > 65000);
	assert_int_equal(text[len - 1], '\n');
	/* a FIFO in its place does not block */
	unlink(hosts);
	assert_int_equal(mkfifo(hosts, 0600), 0);
	follow(h);
	expect_text(h, HOSTFILES_HOSTS, "");
}

static void app_file_keeps_search_and_options(void **state)
{
	static const char *const search[] = {"x.example", "y.example"};
	struct addr resolver = addr_ip4(10, 0, 2, 3), found[4];
	char buf[512], want[512];
	ssize_t n;

	n = hostfiles_app_resolv_conf(*state, &resolver, 1, NULL, 0, buf,
	                              sizeof(buf));
	strcpy(want, "# made by postern; the host's file is followed\n"
	             "nameserver 10.0.2.3\nsearch corp.example\noptions "
	             "edns0\n");
	assert_int_equal(n, strlen(want));
	assert_memory_equal(buf, want, strlen(want));
	n = hostfiles_app_resolv_conf(*state, &resolver, 1, search, 2, buf,
	                              sizeof(buf));
	strcpy(want, "# made by postern; the host's file is followed\n"
	             "nameserver 10.0.2.3\nsearch x.example y.example\noptions "
	             "edns0\n");
	assert_int_equal(n, strlen(want));
	assert_memory_equal(buf, want, strlen(want));
	assert_int_equal(hostfiles_app_resolv_conf(*state, &resolver, 1, NULL,
	                                           0, buf, 60),
	                 -ENOSPC);
	strcpy(buf, "nameserver 127.0.0.53\nnameserver fe80::1%eth0\n"
	            " nameserver\t::1 # x\nnameserver nonsense\n");
	assert_int_equal(hostfiles_nameservers(buf, strlen(buf), found, 4), 2);
	assert_int_equal(found[0].b[15], 53);
	assert_int_equal(found[1].b[15], 1);
}

#define T(f_) cmocka_unit_test_setup_teardown(f_, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(follows_what_a_link_names),
		T(interfaces_become_numbers),
		T(is_bounded),
		T(app_file_keeps_search_and_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
