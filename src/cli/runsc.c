/* SPDX-License-Identifier: Apache-2.0 */
/* runsc.c - runsc's command line: honoured, accepted or refused, row by row */
#include "cli/runsc.h"
#include "cli/evidence.h"
#include "cli/setters.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- what is honoured ---------------------------------------------------- */

static int act_platform(struct cli *c, const char *value, struct error *err)
{
	(void)err;
	c->config.platform_given = true;
	c->platform = value;
	return 0;
}

static int act_host_settings(struct cli *c, const char *value,
                             struct error *err)
{
	(void)err;
	c->host_settings_check = true;
	c->host_settings_must = !strcmp(value, "check_mandatory");
	return 0;
}

static int act_gso(struct cli *c, const char *value, struct error *err)
{
	(void)err;
	c->config.gso_off = !strcmp(value, "false");
	return 0;
}

static int act_net_raw(struct cli *c, const char *value, struct error *err)
{
	(void)err;
	c->config.net_raw = !strcmp(value, "true");
	return 0;
}

static int act_log(struct cli *c, const char *value, struct error *err)
{
	(void)err;
	c->log_file = *value ? value : NULL;
	return 0;
}

static int act_debug_log(struct cli *c, const char *value, struct error *err)
{
	(void)err;
	c->debug_log = *value ? value : NULL;
	return 0;
}

static int act_panic_log(struct cli *c, const char *value, struct error *err)
{
	(void)err;
	c->panic_log = *value ? value : NULL;
	return 0;
}

static int act_log_format(struct cli *c, const char *value, struct error *err)
{
	(void)err;
	c->log_json = strcmp(value, "text") != 0;
	return 0;
}

static int act_debug_format(struct cli *c, const char *value, struct error *err)
{
	(void)err;
	c->debug_log_json = strcmp(value, "text") != 0;
	return 0;
}

static int act_log_packets(struct cli *c, const char *value, struct error *err)
{
	(void)err;
	c->config.log_packets = !strcmp(value, "true");
	return 0;
}

static int act_pcap_log(struct cli *c, const char *value, struct error *err)
{
	return *value ? evidence_pcap_open(c, "pcap-log", value, err) : 0;
}

static int act_packet_write(struct cli *c, const char *value, struct error *err)
{
	(void)err;
	c->packet_write = !strcmp(value, "true");
	return 0;
}

static const char *const host_uds_words[] = {[HOST_UDS_ALL] = "all",
                                             [HOST_UDS_NONE] = "none",
                                             [HOST_UDS_OPEN] = "open",
                                             [HOST_UDS_CREATE] = "create"};

static int act_host_uds(struct cli *c, const char *value, struct error *err)
{
	(void)err;
	c->config.host_uds = HOST_UDS_NONE; /* "", as runsc takes it */
	for (size_t i = 0; i < ARRAY_SIZE(host_uds_words); i++)
		if (!strcmp(value, host_uds_words[i]))
			c->config.host_uds = (enum host_uds)i;
	c->host_uds_given = true;
	return 0;
}

/* --- the rows ------------------------------------------------------------ */

#define CASES(...)                                                             \
	((const struct runsc_case[]){__VA_ARGS__, {RUNSC_END, 0, 0, 0}})
#define HONOUR(value_, act_)                                                   \
	{                                                                      \
		RUNSC_HONOUR, value_, NULL, act_                               \
	}
#define ACCEPT(value_)                                                         \
	{                                                                      \
		RUNSC_ACCEPT, value_, NULL, NULL                               \
	}
#define REFUSE(value_, why_)                                                   \
	{                                                                      \
		RUNSC_REFUSE, value_, why_, NULL                               \
	}
#define ANY NULL

#define ROW(name_, kind_, where_, type_, choices_, help_, ...)                 \
	{                                                                      \
		.name = name_, .kind = kind_, .where = where_,                 \
		.group = OPTION_GROUP_RUNSC, .value = "VALUE",                 \
		.choices = choices_, .help = help_, .type = type_,             \
		.cases = CASES(__VA_ARGS__)                                    \
	}
#define BOOL(name_, help_, ...)                                                \
	ROW(name_, OPTION_BOOL, OPTION_GLOBAL, RUNSC_BOOL, NULL, help_,        \
	    __VA_ARGS__)
#define TYPED(name_, type_, help_, ...)                                        \
	ROW(name_, OPTION_VALUE, OPTION_GLOBAL, type_, NULL, help_, __VA_ARGS__)
#define CHOICE(name_, choices_, help_, ...)                                    \
	ROW(name_, OPTION_VALUE, OPTION_GLOBAL, RUNSC_CHOICE, choices_, help_, \
	    __VA_ARGS__)
#define IGNORED_BOOL(name_) BOOL(name_, "no effect", ACCEPT(ANY))
#define IGNORED(name_, type_) TYPED(name_, type_, "no effect", ACCEPT(ANY))
#define DEPRECATED(name_)                                                      \
	BOOL(name_, "deprecated, no effect", {RUNSC_WARN, ANY, NULL, NULL})
#define ONLY_FALSE(name_, why_)                                                \
	BOOL(name_, "only false", REFUSE("true", why_), ACCEPT("false"))

const struct option runsc_options[] = {
	{"rootless", 0, OPTION_BOOL, OPTION_GLOBAL, OPTION_GROUP_RUNSC, 0, NULL,
         NULL, "as always: no root is needed", NULL,
         offsetof(struct cli, rootless), RUNSC_NONE, NULL},
	IGNORED_BOOL("ignore-cgroups"),
	IGNORED_BOOL("systemd-cgroup"),
	IGNORED_BOOL("mount-cgroup-v2"),
	IGNORED_BOOL("cpu-num-from-quota"),

	/* an option of do's as well: it is of use without the rest */
	ROW("host-uds", OPTION_VALUE, OPTION_GLOBAL | OPTION_DO, RUNSC_CHOICE,
            "|none|open|create|all",
            "which path sockets CMD may connect to and make",
            HONOUR(ANY, act_host_uds)),
	CHOICE("host-fifo", "none|open", "only open: FIFOs are the host's",
               ACCEPT("open"),
               REFUSE("none", "FIFOs that the host's file system shows stay "
                              "within reach; write -host-fifo=open")),
	CHOICE("file-access", "exclusive|shared", "no effect", ACCEPT(ANY)),
	CHOICE("file-access-mounts", "exclusive|shared", "no effect",
               ACCEPT(ANY)),
	TYPED("overlay2", RUNSC_STRING, "only none: writes reach the host",
              ACCEPT("none"),
              REFUSE(ANY, "there is no overlay, writes reach the host's file "
                          "system; write -overlay2=none")),
	CHOICE("platform", "systrap|ptrace|kvm",
               "said once: there is no application kernel",
               HONOUR(ANY, act_platform)),
	IGNORED("platform_device_path", RUNSC_STRING),
	IGNORED_BOOL("directfs"),
	IGNORED("dcache", RUNSC_INT),
	IGNORED("fdlimit", RUNSC_INT),
	IGNORED_BOOL("allow-flag-override"),
	IGNORED_BOOL("gvisor-marker-file"),
	CHOICE("character-device-policy",
               "emulated-only|prefer-emulated|passthrough",
               "only passthrough: devices are the host's",
               ACCEPT("passthrough"),
               REFUSE(ANY, "no device is emulated, CMD opens those of the "
                           "host; write -character-device-policy=passthrough")),
	IGNORED("root", RUNSC_STRING),
	IGNORED("shared-root", RUNSC_STRING),
	CHOICE("host-settings", "check|check_mandatory|ignore|adjust|enforce",
               "check and check_mandatory look at the host first",
               HONOUR("check", act_host_settings),
               HONOUR("check_mandatory", act_host_settings), ACCEPT("ignore"),
               REFUSE(ANY, "settings of the host are never changed; "
                           "write -host-settings=check and see postern check")),

	BOOL("net-raw", "keep CAP_NET_RAW inside (with --map-root)",
             HONOUR(ANY, act_net_raw)),
	BOOL("allow-packet-socket-write",
             "packet sockets inside are open (with -net-raw)",
             HONOUR(ANY, act_packet_write)),
	BOOL("gso", "false: no segmentation offload on the frame port",
             HONOUR(ANY, act_gso)),
	IGNORED_BOOL("software-gso"),
	IGNORED_BOOL("gvisor-gro"),
	IGNORED_BOOL("tx-checksum-offload"),
	IGNORED_BOOL("rx-checksum-offload"),
	CHOICE("qdisc", "none|fifo|tbf", "none and fifo",
               REFUSE("tbf", "traffic is not shaped yet"), ACCEPT(ANY)),
	TYPED("qdisc-tbf-rate", RUNSC_UINT, "only 0", ACCEPT("0"),
              REFUSE(ANY, "traffic is not shaped yet")),
	TYPED("qdisc-tbf-burst", RUNSC_UINT, "only 0", ACCEPT("0"),
              REFUSE(ANY, "traffic is not shaped yet")),
	BOOL("log-packets", "a line for each frame",
             HONOUR(ANY, act_log_packets)),
	TYPED("pcap-log", RUNSC_STRING, "as --pcap", HONOUR(ANY, act_pcap_log)),
	ONLY_FALSE("reproduce-nat", "no rule of the host's NAT is copied"),
	ONLY_FALSE("reproduce-nftables",
                   "no rule of the host's nftables is copied; write --deny"),
	ONLY_FALSE("TESTONLY-nftables", "there is no nftables inside postern"),
	ONLY_FALSE("TESTONLY-unsafe-nonroot",
                   "postern has no such unsafe mode"),
	ONLY_FALSE("pause-external-networking",
                   "nothing could resume the network"),
	IGNORED("num-network-channels", RUNSC_POSITIVE),
	IGNORED("network-processors-per-channel", RUNSC_UINT),
	IGNORED_BOOL("net-disconnect-ok"),
	IGNORED_BOOL("allow-connected-on-save"),
	IGNORED_BOOL("allow-live-tcp-migration"),
	IGNORED("gofer-network-namespace", RUNSC_STRING),
	TYPED("EXPERIMENTAL-xdp", RUNSC_STRING, "only off", ACCEPT("off"),
              REFUSE(ANY, "there is no XDP here; write "
                          "-EXPERIMENTAL-xdp=off")),
	IGNORED_BOOL("EXPERIMENTAL-xdp-need-wakeup"),

	TYPED("log", RUNSC_STRING, "postern's own lines also go to this file",
              HONOUR(ANY, act_log)),
	CHOICE("log-format", "text|json|json-k8s", "of -log",
               HONOUR(ANY, act_log_format)),
	TYPED("debug-log", RUNSC_STRING,
              "debug lines go to this file (%TIMESTAMP%, %COMMAND%)",
              HONOUR(ANY, act_debug_log)),
	CHOICE("debug-log-format", "text|json|json-k8s", "of -debug-log",
               HONOUR(ANY, act_debug_format)),
	TYPED("panic-log", RUNSC_STRING, "errors also go to this file",
              HONOUR(ANY, act_panic_log)),
	IGNORED("debug-command", RUNSC_STRING),
	IGNORED_BOOL("alsologtostderr"),
	IGNORED_BOOL("strace"),
	IGNORED("strace-syscalls", RUNSC_STRING),
	IGNORED("strace-log-size", RUNSC_UINT),
	IGNORED("traceback", RUNSC_STRING),
	CHOICE("watchdog-action", "log|panic|LogWarning|Panic", "no effect",
               ACCEPT(ANY)),
	IGNORED("metric-server", RUNSC_STRING),
	IGNORED("final-metrics-log", RUNSC_STRING),
	IGNORED("profiling-metrics", RUNSC_STRING),
	IGNORED("profiling-metrics-log", RUNSC_STRING),
	IGNORED("profiling-metrics-rate-us", RUNSC_UINT),
	ONLY_FALSE("oci-seccomp", "no filter of an OCI bundle is applied; "
                                  "postern's own is always there"),
	ONLY_FALSE("allow-suid", "set-uid programs gain nothing inside"),

	DEPRECATED("buffer-pooling"),
	DEPRECATED("vfs2"),
	DEPRECATED("fuse"),
	DEPRECATED("lisafs"),
	DEPRECATED("cgroupfs"),
	DEPRECATED("fsgofer-host-uds"),
	DEPRECATED("save-restore-netstack"),
	BOOL("overlay", "deprecated; only false",
             REFUSE("true", "there is no overlay, writes reach the host's "
                            "file system"),
             {RUNSC_WARN, "false", NULL, NULL}),

	/* after the verb */
	ROW("root", OPTION_VALUE, OPTION_DO, RUNSC_STRING, NULL,
            "only /: CMD sees the file system it was started in", ACCEPT("/"),
            REFUSE(ANY, "the root directory is not changed; run postern "
                        "inside bwrap or chroot")),
	ROW("erofs", OPTION_VALUE, OPTION_DO, RUNSC_STRING, NULL, "refused",
            REFUSE(ANY, "no image is mounted as the root")),
	{"cwd", 0, OPTION_VALUE, OPTION_DO, OPTION_GROUP_RUNSC, OPTION_FILE,
         "DIR", NULL, "CMD starts in DIR", set_cwd, 0, RUNSC_NONE, NULL},
	{"ip", 0, OPTION_VALUE, OPTION_DO, OPTION_GROUP_RUNSC, OPTION_NET,
         "ADDRESS", NULL, "CMD's IPv4 address, in a /24", set_ip, 0, RUNSC_NONE,
         NULL},
	ROW("force-overlay", OPTION_BOOL, OPTION_DO, RUNSC_BOOL, NULL,
            "only false: writes reach the host", ACCEPT("false"),
            REFUSE("true", "there is no overlay, writes reach the host's file "
                           "system; write -force-overlay=false")),
	{"uid-map", 0, OPTION_VALUE, OPTION_DO, OPTION_GROUP_RUNSC, OPTION_LIST,
         "\"INSIDE OUTSIDE COUNT\"", NULL, "user ids of CMD's namespace",
         set_uid_map, 0, RUNSC_NONE, NULL},
	{"gid-map", 0, OPTION_VALUE, OPTION_DO, OPTION_GROUP_RUNSC, OPTION_LIST,
         "\"INSIDE OUTSIDE COUNT\"", NULL, "group ids of CMD's namespace",
         set_gid_map, 0, RUNSC_NONE, NULL},
	{"volume", 0, OPTION_VALUE, OPTION_DO, OPTION_GROUP_RUNSC, OPTION_LIST,
         "SRC[:DST]", NULL, "only SRC = DST: nothing is mounted", set_volume, 0,
         RUNSC_NONE, NULL},
};

const size_t runsc_noptions = ARRAY_SIZE(runsc_options);

/* --- judging ------------------------------------------------------------- */

int runsc_check_value(const struct option *o, const char *value,
                      struct error *err)
{
	int64_t low = o->type == RUNSC_POSITIVE ? 1
	              : o->type == RUNSC_UINT   ? 0
	                                        : INT64_MIN;
	int64_t v;

	switch (o->type) {
	case RUNSC_NONE:
	case RUNSC_BOOL: /* seen to by the parser */
	case RUNSC_STRING:
		return 0;
	case RUNSC_INT:
	case RUNSC_UINT:
	case RUNSC_POSITIVE:
		if (option_parse_number(value, low, INT64_MAX, &v) == 0)
			return 0;
		return error_set(err, -EINVAL, "-%s=%s: write a number%s",
		                 o->name, value,
		                 o->type == RUNSC_POSITIVE ? " above 0" : "");
	case RUNSC_CHOICE:
		if (option_is_choice(o->choices, value))
			return 0;
		return error_set(err, -EINVAL,
		                 "-%s=%s: no such value; it takes %s", o->name,
		                 value, o->choices + (*o->choices == '|'));
	}
	return -EINVAL;
}

static const struct runsc_case *case_of(const struct option *o,
                                        const char *value)
{
	const struct runsc_case *k = o->cases;

	while (k->verdict != RUNSC_END && k->value && strcmp(k->value, value))
		k++;
	return k;
}

/* The next row of runsc's that was written, from *i on; NULL. */
static const struct option *next_written(const struct cli *c, size_t *i)
{
	for (; *i < option_count(); (*i)++)
		if (option_at(*i)->type != RUNSC_NONE && c->seen[*i])
			return option_at(*i);
	return NULL;
}

/* Refuses, or under --best-effort notes, one thing. */
static int refuse(const struct cli *c, const char *name, const char *value,
                  const char *why, char *relaxed, size_t len, struct error *err)
{
	size_t at = strlen(relaxed);

	if (!c->config.best_effort)
		return error_set(err, -EPERM, "-%s=%s cannot be had: %s", name,
		                 value, why);
	snprintf(relaxed + at, len - at, "%s-%s=%s (%s)", at ? "; " : "", name,
	         value, why);
	return 0;
}

int runsc_refusals(struct cli *c, char *relaxed, size_t len, struct error *err)
{
	const struct option *o;
	int rc = 0;

	if (c->moved_volume)
		rc = refuse(c, "volume", c->moved_volume,
		            "nothing is mounted; run postern inside bwrap "
		            "--bind",
		            relaxed, len, err);
	for (size_t i = 0; rc == 0 && (o = next_written(c, &i)); i++) {
		const struct runsc_case *k = case_of(o, c->written[i]);

		if (k->verdict == RUNSC_REFUSE)
			rc = refuse(c, o->name, c->written[i], k->why, relaxed,
			            len, err);
	}
	return rc;
}

/* Only where calls are answered by us can path sockets be told apart. */
int runsc_settle_uds(struct cli *c, char *relaxed, size_t len,
                     struct error *err)
{
	struct sandbox_config *k = &c->config;
	const char *why = NULL, *word;

	if (k->nallow_unix && !c->host_uds_given)
		k->host_uds = HOST_UDS_CREATE;
	if (k->nallow_unix &&
	    (k->host_uds == HOST_UDS_ALL || k->host_uds == HOST_UDS_OPEN))
		return error_set(err, -EINVAL,
		                 "--allow-unix says what else may be reached, "
		                 "but with -host-uds=all or open everything "
		                 "may; write -host-uds=create");
	if (k->host_uds == HOST_UDS_ALL)
		return 0;
	if (k->network != NETWORK_SANDBOX_PASSTHROUGH)
		why = "nobody answers its calls; write -host-uds=all";
	else if (k->frontend == FRONTEND_LINK)
		why = "--frontend=link answers no calls; write "
		      "--frontend=sockets, or -host-uds=all";
	else if (k->mtu)
		why = "it needs --frontend=sockets, which has no packets; "
		      "leave --mtu out, or write -host-uds=all";
	if (!why) {
		k->frontend = FRONTEND_SOCKETS;
		k->frontend_forced = true;
		return 0;
	}
	word = host_uds_words[k->host_uds];
	k->host_uds = HOST_UDS_ALL;
	if (k->nallow_unix)
		return refuse(c, "-allow-unix", k->allow_unix[0], why, relaxed,
		              len, err);
	return refuse(c, "host-uds", word, why, relaxed, len, err);
}

int runsc_apply(struct cli *c, struct error *err)
{
	const struct option *o;
	int rc;

	for (size_t i = 0; (o = next_written(c, &i)); i++) {
		const struct runsc_case *k = case_of(o, c->written[i]);

		if (k->verdict != RUNSC_HONOUR)
			continue;
		rc = k->act(c, c->written[i], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

void runsc_tell(const struct cli *c)
{
	const struct option *o;

	for (size_t i = 0; (o = next_written(c, &i)); i++) {
		switch (case_of(o, c->written[i])->verdict) {
		case RUNSC_END:
		case RUNSC_HONOUR:
		case RUNSC_REFUSE: /* told by runsc_refusals() */
			break;
		case RUNSC_ACCEPT:
			log_debug("-%s=%s has no effect: it tunes a part that "
			          "postern does not have",
			          o->name, c->written[i]);
			break;
		case RUNSC_WARN:
			log_warn("-%s is deprecated and has no effect",
			         o->name);
			break;
		}
	}
	if (c->rootless)
		log_debug("-rootless has no effect: postern never needs root");
}
