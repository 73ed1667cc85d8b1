/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - where the program starts: options, verb, options, run */
#include "base/nearest.h"
#include "cli/help.h"
#include "cli/options.h"
#include "launch/launch.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* of the heap that is there before main(), what stays for small things */
#define SMALL_HEAP 4096

const struct verb cli_verbs[] = {
	{"do", "run", OPTION_DO, false, cli_do, "[OPTION...] [--] CMD [ARG...]",
         "run CMD behind its own network"},
	{"learn", NULL, OPTION_DO | OPTION_LEARN, false, cli_learn,
         "-o FILE [OPTION...] [--] CMD [ARG...]",
         "run CMD as do does, and write a policy of what it talked to"},
	{"check", NULL, OPTION_CHECK, true, cli_check, "[OPTION...]",
         "say what this machine can do, and what to do about the rest"},
	{"why", NULL, OPTION_WHY, true, cli_why,
         "HOST:PORT[/udp]... [OPTION...]",
         "say whether a policy lets it pass, and which rule decides"},
	{"policy", NULL, OPTION_POLICY, true, cli_policy,
         "check FILE | print FILE | test FILE HOST:PORT...",
         "check, print or try a policy file"},
	{"ps", NULL, OPTION_PS, true, cli_ps, "[--json]",
         "list the sandboxes of this user"},
	{"info", NULL, OPTION_INFO, true, cli_info, "ID [--json]",
         "tell of a sandbox, and the rules it has"},
	{"flows", NULL, OPTION_FLOWS, true, cli_flows, "ID [--json]",
         "list the flows that live in a sandbox"},
	{"allow", NULL, OPTION_LIVE_ALLOW, true, cli_live_allow, "ID TARGET...",
         "let a running sandbox reach more"},
	{"deny", NULL, OPTION_LIVE_DENY, true, cli_live_deny, "ID TARGET...",
         "let a running sandbox reach less, and end what it may not"},
	{"wait", NULL, OPTION_WAIT, true, cli_wait, "ID",
         "wait for the end of a sandbox, and end with its status"},
	{"kill", NULL, OPTION_KILL, true, cli_kill, "[-SIGNAL] ID...",
         "send CMD of a sandbox a signal, SIGTERM by default"},
	{"stats", NULL, OPTION_STATS, true, cli_stats,
         "ID [--json | --openmetrics]", "what a sandbox has counted"},
	{"exec", NULL, OPTION_EXEC, false, cli_exec, "ID [--] CMD [ARG...]",
         "run one more command in a running sandbox"},
	{"publish", NULL, OPTION_LIVE_PUBLISH, true, cli_live_publish,
         "ID -p PORT...", "let clients of the host into a running sandbox"},
	{"unpublish", NULL, OPTION_LIVE_UNPUBLISH, true, cli_live_unpublish,
         "ID NUMBER...", "end that, by the number that info tells"},
	{"completions", NULL, OPTION_COMPLETIONS, true, cli_completions,
         "bash | zsh | fish", "print completions for a shell"},
	{"help", NULL, OPTION_HELP, true, cli_help, "[VERB | OPTION]",
         "explain a verb or an option"},
	{"version", NULL, OPTION_VERSION, true, cli_version, "",
         "version, frontends and features"},
};
const size_t cli_nverbs = ARRAY_SIZE(cli_verbs);

const struct verb *cli_verb_find(const char *name)
{
	for (size_t i = 0; i < cli_nverbs; i++)
		if (!strcmp(cli_verbs[i].name, name) ||
		    (cli_verbs[i].alias && !strcmp(cli_verbs[i].alias, name)))
			return &cli_verbs[i];
	return NULL;
}

int cli_fail(const struct error *err)
{
	log_error("%s", err->text);
	return EXIT_POSTERN;
}

int cli_fail_memory(void)
{
	log_error("no memory");
	return EXIT_POSTERN;
}

static int unknown_verb(const char *word)
{
	const char *names[ARRAY_SIZE(cli_verbs)], *near;
	struct error err = {0};

	for (size_t i = 0; i < cli_nverbs; i++)
		names[i] = cli_verbs[i].name;
	near = nearest_word(word, names, cli_nverbs);
	if (near)
		error_set(&err, -EINVAL, "no verb \"%s\"; did you mean %s?",
		          word, near);
	else
		error_set(&err, -EINVAL,
		          "no verb \"%s\"; to run it write postern do -- %s",
		          word, word);
	return cli_fail(&err);
}

/* --help and --version win over the verb; -1: neither was given. */
static int answer_at_once(struct cli *c)
{
	if (c->version)
		return cli_version(c);
	if (c->help_all)
		help_all(stdout);
	else if (c->help && c->verb)
		help_verb(stdout, c->verb);
	else if (c->help)
		help_short(stdout);
	else
		return -1;
	return 0;
}

static int run(struct cli *c, char **argv)
{
	struct error err = {0};
	int rc, status;

	rc = cli_options_parse(c, argv, OPTION_GLOBAL, &err);
	if (rc < 0)
		return cli_fail(&err);
	argv += rc;
	if (*argv) {
		c->verb = cli_verb_find(*argv);
		if (!c->verb)
			return unknown_verb(*argv);
		argv++;
		rc = cli_options_parse(c, argv, c->verb->where, &err);
		if (rc < 0)
			return cli_fail(&err);
		c->rest = argv + rc;
	}
	status = answer_at_once(c);
	if (status >= 0)
		return status;
	if (!c->verb) {
		help_short(stderr);
		return EXIT_POSTERN;
	}
	return c->verb->run(c);
}

/*
 * Tables are made whole at the start, most of them stay empty, and all live
 * until the exit. What calloc(3) takes from a heap that has room it clears by
 * hand, page by page; a mapping costs a page only where one is used. So large
 * ones are mappings, and the heap has no room to spare: not what libc has
 * taken for itself before main(), and no padding. What opendir(3) takes, 32
 * KiB, stays on the heap: the processes behind flows are looked for in
 * hundreds of directories.
 */
static void tune_malloc(void)
{
	size_t spare = mallinfo2().keepcost;
	void *volatile set_aside = NULL;

	if (spare > 2 * SMALL_HEAP)
		set_aside = malloc(spare - SMALL_HEAP);
	(void)set_aside;
	(void)mallopt(M_MMAP_THRESHOLD, 40 * 1024);
	(void)mallopt(M_TOP_PAD, 0);
}

int main(int argc, char **argv)
{
	static struct cli c;

	tune_malloc();
	sandbox_config_init(&c.config);
	c.block_fd = -1;
	c.policy = policy_new();
	if (!c.policy)
		return cli_fail_memory();
	/* what the options hold is for the exit to give back: it is cheaper */
	return run(&c, argv + (argc > 0));
}
