/* SPDX-License-Identifier: Apache-2.0 */
/* cli.h - what one command line was understood to mean */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "launch/config.h"
#include "observe/report.h"

struct verb;

/* enum cli_network - every spelling of --network, also what is refused */
enum cli_network {
	CLI_NETWORK_PASSTHROUGH,
	CLI_NETWORK_NONE,
	CLI_NETWORK_HOST,
	CLI_NETWORK_SANDBOX,
	CLI_NETWORK_PLUGIN,
};

#define CLI_OPTIONS_MAX 192 /* rows of both option tables */
#define CLI_WORDS_MAX 16
#define CLI_KEPT_MAX 32

/*
 * struct cli - owned by main(). Strings are argv's or the environment's.
 * `config` is handed to launch once `do` has settled everything else.
 */
struct cli {
	struct sandbox_config config;
	struct config_host hosts[CONFIG_HOSTS_MAX];
	bool detach;
	const char *detach_file; /* NULL: output goes nowhere */
	struct door_spec doors[CONFIG_DOORS_MAX];
	struct policy *policy;
	const struct verb *verb;          /* NULL before the verb */
	char **rest;                      /* CMD and its arguments */
	const char *words[CLI_WORDS_MAX]; /* plain words of other verbs */
	size_t nwords;

	/* by option index: times written, and the last value written */
	uint8_t seen[CLI_OPTIONS_MAX];
	const char *written[CLI_OPTIONS_MAX];

	enum cli_network network;
	bool rootless, debug, trace, quiet, json;
	bool help, help_all, version, version_json;
	bool sockets_direct, foreground;
	bool require_policy;
	const char *log_file, *debug_log, *panic_log;
	bool log_json, debug_log_json;
	bool host_settings_check, host_settings_must;
	bool host_uds_given;      /* -host-uds=... */
	const char *platform;     /* -platform=..., NULL */
	const char *moved_volume; /* -volume of two different places, NULL */
	bool packet_write;        /* -allow-packet-socket-write */
	bool report, learn_merge, openmetrics;
	int signal; /* of kill; 0: SIGTERM */
	enum report_format report_format;
	const char *report_file, *learn_file;
	int block_fd;             /* --block-fd, or -1 */
	unsigned int args_depth;  /* --args within --args */
	int evidence_gone;        /* ends when the datapath is gone */
	char *kept[CLI_KEPT_MAX]; /* from the environment; options point here */
	size_t nkept;
};

/* Prints "postern: " and err's text; returns EXIT_POSTERN. */
int cli_fail(const struct error *err);
int cli_fail_memory(void);

/*
 * struct verb - one word after the global options. run() returns the exit
 * status. interleave: options may follow plain words, and there is no CMD.
 */
struct verb {
	const char *name;
	const char *alias;  /* NULL */
	unsigned int where; /* enum option_where bit */
	bool interleave;
	int (*run)(struct cli *c);
	const char *usage; /* what follows the verb */
	const char *help;
};

extern const struct verb cli_verbs[];
extern const size_t cli_nverbs;
const struct verb *cli_verb_find(const char *name);

/* cli_do_settle() - all of `do` but the running; false: it was refused, and
 * told */
bool cli_do_settle(struct cli *c);
int cli_do(struct cli *c);
int cli_learn(struct cli *c);
int cli_check(struct cli *c);
int cli_why(struct cli *c);
int cli_policy(struct cli *c);
int cli_completions(struct cli *c);
int cli_help(struct cli *c);
int cli_version(struct cli *c);
int cli_ps(struct cli *c);
int cli_info(struct cli *c);
int cli_flows(struct cli *c);
int cli_live_allow(struct cli *c);
int cli_live_deny(struct cli *c);
int cli_wait(struct cli *c);
int cli_kill(struct cli *c);
int cli_stats(struct cli *c);
int cli_exec(struct cli *c);
int cli_live_publish(struct cli *c);
int cli_live_unpublish(struct cli *c);

#endif
