/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c - the verb `policy`: check, print or try a policy file */
#include "base/nearest.h"
#include "cli/judge.h"
#include "cli/options.h"
#include "cli/rules.h"
#include "launch/launch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int fail_usage(struct cli *c)
{
	struct error err = {0};

	error_set(&err, -EINVAL, "write postern policy %s", c->verb->usage);
	return cli_fail(&err);
}

/* Every file named, on top of what options named. */
static int load_words(struct cli *c, size_t from, size_t to)
{
	struct error err = {0};

	if (from >= to && !policy_rule_count(c->policy))
		return fail_usage(c);
	for (size_t i = from; i < to; i++)
		if (rules_load(c->policy, c->words[i], &err) < 0)
			return cli_fail(&err);
	return 0;
}

static int policy_check(struct cli *c)
{
	int status = load_words(c, 1, c->nwords);

	if (status)
		return status;
	printf("%u rules; %s\n", policy_rule_count(c->policy),
	       policy_denies_rest(c->policy)
	               ? "what no rule allows is denied"
	               : "nothing is allowed by a rule, so what is not denied "
	                 "and not closed by default passes");
	return 0;
}

/* What was understood, in canonical spelling: a policy file again. */
static int policy_print(struct cli *c)
{
	int status = load_words(c, 1, c->nwords);

	if (status)
		return status;
	for (uint32_t i = 1; i <= policy_rule_count(c->policy); i++)
		puts(policy_rule_text(c->policy, i));
	return 0;
}

static int policy_test(struct cli *c)
{
	struct error err = {0};
	bool allowed = true;
	int status;

	/* with --policy or --allow every word is a question */
	size_t first = policy_rule_count(c->policy) ? 1 : 2;

	if (c->nwords <= first)
		return fail_usage(c);
	status = load_words(c, 1, first);
	if (status)
		return status;
	if (judge_prepare(c->policy, &err) < 0)
		return cli_fail(&err);
	for (size_t i = first; i < c->nwords; i++) {
		struct judge_item item;

		if (judge_parse(c->words[i], i, &item, &err) < 0)
			return cli_fail(&err);
		allowed &= judge_print(c->policy, &item, false);
	}
	return allowed ? 0 : 1;
}

int cli_policy(struct cli *c)
{
	static const struct {
		const char *name;
		int (*run)(struct cli *c);
	} parts[] = {
		{"check", policy_check},
		{"print", policy_print},
		{"test", policy_test},
	};
	struct error err = {0};

	policy_set_offline(c->policy, c->config.offline);
	if (!c->nwords)
		return fail_usage(c);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (!strcmp(c->words[0], parts[i].name))
			return parts[i].run(c);
	error_set(&err, -EINVAL, "policy %s: write postern policy %s",
	          c->words[0], c->verb->usage);
	return cli_fail(&err);
}
