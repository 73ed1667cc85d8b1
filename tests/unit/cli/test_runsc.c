/* SPDX-License-Identifier: Apache-2.0 */
/* test_runsc.c - every row of runsc's flags: honoured, accepted or refused */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/runsc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* H honour, A accept (a debug line), W accept with a warning, R refuse,
 * E no such value */
struct row {
	unsigned int where;
	const char *words[3]; /* "-flag=v", or "-flag", "v" */
	char want;
};

#define G OPTION_GLOBAL
#define D OPTION_DO

static const struct row rows[] = {
	{G, {"-network=sandbox-passthrough"}, 'H'},
	{G, {"-network", "none"}, 'H'},
	{G, {"--network=host"}, 'H'},
	{G, {"-network=sandbox"}, 'H'}, /* refused by do, see e2e */
	{G, {"-network=plugin"}, 'H'},
	{G, {"-network=bridge"}, 'E'},
	{G, {"-rootless"}, 'H'},
	{G, {"-rootless=T"}, 'H'},
	{G, {"-rootless=maybe"}, 'E'},
	{G, {"-ignore-cgroups"}, 'A'},
	{G, {"-systemd-cgroup=true"}, 'A'},
	{G, {"-mount-cgroup-v2"}, 'A'},
	{G, {"-cpu-num-from-quota=false"}, 'A'},
	{G, {"-host-uds=all"}, 'H'},
	{G, {"-host-uds="}, 'H'},
	{G, {"-host-uds=none"}, 'H'},
	{G, {"-host-uds", "open"}, 'H'},
	{G, {"-host-uds=create"}, 'H'},
	{D, {"-host-uds=none"}, 'H'},
	{G, {"-host-uds=some"}, 'E'},
	{G, {"-host-fifo=open"}, 'A'},
	{G, {"-host-fifo=none"}, 'R'},
	{G, {"-file-access=shared"}, 'A'},
	{G, {"-file-access=exclusive"}, 'A'},
	{G, {"-file-access-mounts=exclusive"}, 'A'},
	{G, {"-file-access=none"}, 'E'},
	{G, {"-overlay2=none"}, 'A'},
	{G, {"-overlay2=root:self"}, 'R'},
	{G, {"-overlay2=all:memory,size=1g"}, 'R'},
	{G, {"-overlay2", "all:dir=/tmp"}, 'R'},
	{G, {"-platform=kvm"}, 'H'},
	{G, {"-platform=systrap"}, 'H'},
	{G, {"-platform", "ptrace"}, 'H'},
	{G, {"-platform=xen"}, 'E'},
	{G, {"-platform_device_path=/dev/kvm"}, 'A'},
	{G, {"-directfs=false"}, 'A'},
	{G, {"-dcache=100"}, 'A'},
	{G, {"-dcache", "-1"}, 'A'},
	{G, {"-dcache=x"}, 'E'},
	{G, {"-fdlimit=-1"}, 'A'},
	{G, {"-allow-flag-override"}, 'A'},
	{G, {"-gvisor-marker-file"}, 'A'},
	{G, {"-character-device-policy=passthrough"}, 'A'},
	{G, {"-character-device-policy=emulated-only"}, 'R'},
	{G, {"-character-device-policy=prefer-emulated"}, 'R'},
	{G, {"-root=/run/user/1/runsc"}, 'A'},
	{G, {"-shared-root", "/x"}, 'A'},
	{G, {"-host-settings=check"}, 'H'},
	{G, {"-host-settings=check_mandatory"}, 'H'},
	{G, {"-host-settings=ignore"}, 'A'},
	{G, {"-host-settings=adjust"}, 'R'},
	{G, {"-host-settings=enforce"}, 'R'},
	{G, {"-net-raw"}, 'H'},
	{G, {"-net-raw=false"}, 'H'},
	{G, {"-allow-packet-socket-write"}, 'H'},
	{G, {"-allow-packet-socket-write=false"}, 'H'},
	{G, {"-gso=false"}, 'H'},
	{G, {"-software-gso=false"}, 'A'},
	{G, {"-gvisor-gro"}, 'A'},
	{G, {"-tx-checksum-offload"}, 'A'},
	{G, {"-rx-checksum-offload=0"}, 'A'},
	{G, {"-qdisc=fifo"}, 'A'},
	{G, {"-qdisc=none"}, 'A'},
	{G, {"-qdisc=tbf"}, 'R'},
	{G, {"-qdisc-tbf-rate=0"}, 'A'},
	{G, {"-qdisc-tbf-rate=1000"}, 'R'},
	{G, {"-qdisc-tbf-burst=0"}, 'A'},
	{G, {"-qdisc-tbf-burst=1"}, 'R'},
	{G, {"-log-packets"}, 'H'},
	{G, {"-log-packets=false"}, 'H'},
	{G, {"-pcap-log="}, 'H'},
	{G, {"-reproduce-nat"}, 'R'},
	{G, {"-reproduce-nat=false"}, 'A'},
	{G, {"-reproduce-nftables"}, 'R'},
	{G, {"-reproduce-nftables=f"}, 'A'},
	{G, {"-TESTONLY-nftables"}, 'R'},
	{G, {"-TESTONLY-nftables=false"}, 'A'},
	{G, {"-TESTONLY-unsafe-nonroot"}, 'R'},
	{G, {"-TESTONLY-unsafe-nonroot=false"}, 'A'},
	{G, {"-pause-external-networking"}, 'R'},
	{G, {"-pause-external-networking=false"}, 'A'},
	{G, {"-num-network-channels=4"}, 'A'},
	{G, {"-num-network-channels=0"}, 'E'},
	{G, {"-network-processors-per-channel=0"}, 'A'},
	{G, {"-network-processors-per-channel=-1"}, 'E'},
	{G, {"-net-disconnect-ok"}, 'A'},
	{G, {"-allow-connected-on-save"}, 'A'},
	{G, {"-allow-live-tcp-migration"}, 'A'},
	{G, {"-gofer-network-namespace=new"}, 'A'},
	{G, {"-EXPERIMENTAL-xdp=off"}, 'A'},
	{G, {"-EXPERIMENTAL-xdp=ns"}, 'R'},
	{G, {"-EXPERIMENTAL-xdp=redirect:eth0"}, 'R'},
	{G, {"-EXPERIMENTAL-xdp-need-wakeup"}, 'A'},
	{G, {"-debug"}, 'H'},
	{G, {"-debug-log=/tmp/d"}, 'H'},
	{G, {"-log", "/tmp/l"}, 'H'},
	{G, {"-log-format=json"}, 'H'},
	{G, {"-log-format=json-k8s"}, 'H'},
	{G, {"-log-format=xml"}, 'E'},
	{G, {"-debug-log-format=text"}, 'H'},
	{G, {"-panic-log=/tmp/p"}, 'H'},
	{G, {"-debug-command=do"}, 'A'},
	{G, {"-alsologtostderr"}, 'A'},
	{G, {"-strace"}, 'A'},
	{G, {"-strace-syscalls=open"}, 'A'},
	{G, {"-strace-log-size=1024"}, 'A'},
	{G, {"-strace-log-size=-3"}, 'E'},
	{G, {"-traceback=all"}, 'A'},
	{G, {"-watchdog-action=panic"}, 'A'},
	{G, {"-metric-server=x"}, 'A'},
	{G, {"-final-metrics-log=x"}, 'A'},
	{G, {"-profiling-metrics=x"}, 'A'},
	{G, {"-profiling-metrics-log=x"}, 'A'},
	{G, {"-profiling-metrics-rate-us=1000"}, 'A'},
	{G, {"-oci-seccomp"}, 'R'},
	{G, {"-oci-seccomp=false"}, 'A'},
	{G, {"-allow-suid"}, 'R'},
	{G, {"-allow-suid=false"}, 'A'},
	{G, {"-buffer-pooling"}, 'W'},
	{G, {"-vfs2"}, 'W'},
	{G, {"-fuse=false"}, 'W'},
	{G, {"-lisafs"}, 'W'},
	{G, {"-cgroupfs"}, 'W'},
	{G, {"-fsgofer-host-uds"}, 'W'},
	{G, {"-save-restore-netstack"}, 'W'},
	{G, {"-overlay"}, 'R'},
	{G, {"-overlay=false"}, 'W'},
	{G, {"-no-such-flag"}, 'E'},
	{D, {"-root=/"}, 'A'},
	{D, {"-root", "/srv"}, 'R'},
	{D, {"-erofs=/img"}, 'R'},
	{D, {"-cwd=/tmp"}, 'H'},
	{D, {"-ip=192.168.10.100"}, 'H'},
	{D, {"-ip=192.168.10.2"}, 'E'}, /* the gateway's here */
	{D, {"-ip=nowhere"}, 'E'},
	{D, {"-quiet"}, 'H'},
	{D, {"-force-overlay=false"}, 'A'},
	{D, {"-force-overlay"}, 'R'},
	{D, {"-force-overlay=true"}, 'R'},
	{D, {"-uid-map=0 1000 1"}, 'H'},
	{D, {"-uid-map", "0 1000 1, 1 100000 10"}, 'H'},
	{D, {"-uid-map=0 1000"}, 'E'},
	{D, {"-gid-map=0 1000 1"}, 'H'},
	{D, {"-gid-map=0 -1 1"}, 'E'},
	{D, {"-volume=/srv"}, 'H'},
	{D, {"-volume=/srv:/srv"}, 'H'},
	{D, {"-volume=/srv:/mnt"}, 'R'},
	{D, {"-platform=kvm"}, 'E'}, /* goes before the verb */
};

static struct cli c;

static int open_sink(void)
{
	FILE *f = tmpfile();

	return dup(fileno(f)); /* the FILE lives to the end of the test */
}

static size_t sink_text(int fd, char *buf, size_t len)
{
	ssize_t n = pread(fd, buf, len - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* Parses one row and says what became of it. */
static char outcome(const struct row *row, bool best_effort, char *said,
                    size_t len)
{
	char *argv[4] = {NULL};
	char relaxed[512] = "";
	struct error err = {0};
	int fd = open_sink(), rc;

	memset(&c, 0, sizeof(c));
	sandbox_config_init(&c.config);
	c.config.best_effort = best_effort;
	c.policy = policy_new();
	for (size_t i = 0; i < 3 && row->words[i]; i++)
		argv[i] = (char *)(uintptr_t)row->words[i];
	log_init(LOG_LEVEL_DEBUG, fd, false);
	said[0] = '\0';
	rc = cli_options_parse(&c, argv, row->where, &err);
	policy_free(c.policy);
	if (rc >= 0 && argv[rc])
		fail_msg("%s took %d words", row->words[0], rc);
	if (rc >= 0)
		rc = runsc_refusals(&c, relaxed, sizeof(relaxed), &err);
	else
		rc = -ENOENT;
	if (rc == 0) {
		assert_int_equal(runsc_apply(&c, &err), 0);
		runsc_tell(&c);
		sink_text(fd, said, len);
	} else {
		snprintf(said, len, "%s", err.text);
	}
	close(fd);
	if (rc == -ENOENT)
		return 'E';
	if (rc == -EPERM || relaxed[0]) {
		if (relaxed[0])
			snprintf(said, len, "%s", relaxed);
		return 'R';
	}
	if (strstr(said, "deprecated"))
		return 'W';
	return strstr(said, "tunes a part") ? 'A' : 'H';
}

static void every_row(void **state)
{
	char said[1024];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char got = outcome(&rows[i], false, said, sizeof(said));

		if (got != rows[i].want)
			fail_msg("%s: want %c, got %c: %s", rows[i].words[0],
			         rows[i].want, got, said);
		/* whatever is refused says so in a line */
		if (strchr("RE", got) && strlen(said) < 20)
			fail_msg("%s: says only \"%s\"", rows[i].words[0],
			         said);
	}
}

/* Best effort relaxes what is refused, and nothing that is no value. */
static void best_effort(void **state)
{
	char said[1024];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char got = outcome(&rows[i], true, said, sizeof(said));

		assert_int_equal(got, rows[i].want);
		if (got == 'R')
			assert_non_null(strchr(said, '('));
	}
}

/* No row of the table is left untested. */
static void none_is_missing(void **state)
{
	(void)state;
	for (size_t i = 0; i < runsc_noptions; i++) {
		const struct option *o = &runsc_options[i];
		bool found = false;

		for (size_t k = 0; k < ARRAY_SIZE(rows) && !found; k++) {
			const char *name = rows[k].words[0] +
			                   strspn(rows[k].words[0], "-");
			size_t len = strcspn(name, "=");

			found = rows[k].where & o->where &&
			        !strncmp(name, o->name, len) && !o->name[len];
		}
		if (!found)
			fail_msg("-%s is in no test", o->name);
	}
}

/* Only the last value written is judged. */
static void last_one_wins(void **state)
{
	char first[] = "-host-fifo=none", last[] = "-host-fifo=open";
	char *good[] = {first, last, NULL}, *bad[] = {last, first, NULL};
	char relaxed[64] = "";
	struct error err = {0};

	(void)state;
	memset(&c, 0, sizeof(c));
	assert_int_equal(cli_options_parse(&c, good, OPTION_GLOBAL, &err), 2);
	assert_int_equal(runsc_refusals(&c, relaxed, 64, &err), 0);
	memset(&c, 0, sizeof(c));
	assert_int_equal(cli_options_parse(&c, bad, OPTION_GLOBAL, &err), 2);
	assert_int_equal(runsc_refusals(&c, relaxed, 64, &err), -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(best_effort),
		cmocka_unit_test(none_is_missing),
		cmocka_unit_test(last_one_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
