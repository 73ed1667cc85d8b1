/* SPDX-License-Identifier: Apache-2.0 */
/* learn.c - the verb `learn`: run CMD, write a policy of what it talked to */
#include "base/cleanup.h"
#include "cli/evidence.h"
#include "cli/judge.h"
#include "cli/options.h"
#include "cli/rules.h"
#include "launch/launch.h"

#include <string.h>
#include <time.h>

/* What is denied already stays a comment: a person decides about it. */
static void write_denied(const struct report *r, FILE *f)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct report_row *row = &r->rows[i];
		char target[300];

		if (row->denied)
			fprintf(f, "# denied %-39s # %llu times: %s\n",
			        report_target(row, target),
			        (unsigned long long)row->count, row->why);
	}
}

static void write_head(const struct cli *c, FILE *f)
{
	time_t now = time(NULL);
	char date[32] = "";
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	fprintf(f, "# learned %s from: ", date);
	evidence_put_command(c, f);
	fputc('\n', f);
}

/* The rules that the file has already, with --merge. */
static int load_known(const struct cli *c, struct policy *p, struct error *err)
{
	if (!c->learn_merge || access(c->learn_file, F_OK) < 0)
		return 0;
	return rules_load(p, c->learn_file, err);
}

/*
 * Without any allow the file would leave everything open: the opposite of
 * what was seen. .invalid is nobody's for ever (RFC 2606).
 */
static void write_none(const struct policy *p, FILE *f)
{
	for (uint32_t rule = 1; rule <= policy_rule_count(p); rule++)
		if (!strncmp(policy_rule_text(p, rule), "allow ", 6))
			return;
	fprintf(f, "allow %-40s # it talked to nobody: nothing is open\n",
	        "nothing.invalid");
}

static int learn(struct cli *c, struct policy *known, struct error *err)
{
	_auto_fclose_ FILE *f = NULL;
	struct report r;
	int n, rc;

	rc = evidence_report(c, &r, err);
	if (rc < 0)
		return rc;
	/* "x": a policy is never written over */
	f = fopen(c->learn_file, c->learn_merge ? "ae" : "wxe");
	if (!f) {
		report_fini(&r);
		return error_set(err, -errno,
		                 "cannot write %s: ", c->learn_file);
	}
	write_head(c, f);
	n = evidence_policy(&r, known, f);
	write_none(known, f);
	write_denied(&r, f);
	if (r.dropped)
		fprintf(f, "# %llu lines of the log were dropped: run again\n",
		        (unsigned long long)r.dropped);
	report_fini(&r);
	if (n < 0 || fflush(f) != 0)
		return error_set(err, n < 0 ? -ENOMEM : -errno,
		                 "cannot write %s: ", c->learn_file);
	log_notice("%d rule%s written to %s; review it, then: postern do "
	           "--policy %s -- ...",
	           n, n == 1 ? "" : "s", c->learn_file, c->learn_file);
	return 0;
}

int cli_learn(struct cli *c)
{
	struct error err = {0};
	struct policy *known;
	int status, rc;

	if (!cli_do_settle(c))
		return EXIT_POSTERN;
	if (!c->learn_file || c->config.network != NETWORK_SANDBOX_PASSTHROUGH)
		error_set(&err, -EINVAL,
		          "learn needs -o FILE for the policy, and a network "
		          "of CMD's own");
	else if (c->detach)
		error_set(&err, -EINVAL,
		          "learn writes its policy when CMD has ended; "
		          "leave --detach out");
	else if (!c->learn_merge && access(c->learn_file, F_OK) == 0)
		error_set(&err, -EEXIST,
		          "%s is there already; --merge adds to it",
		          c->learn_file);
	if (err.code)
		return cli_fail(&err);
	known = judge_policy_new();
	if (!known)
		return cli_fail_memory();
	rc = load_known(c, known, &err);
	if (rc == 0)
		rc = evidence_begin(c, &err);
	if (rc < 0) {
		policy_free(known);
		return cli_fail(&err);
	}
	status = launch_run(&c->config);
	if (status != EXIT_POSTERN && learn(c, known, &err) < 0)
		status = cli_fail(&err);
	policy_free(known);
	return status;
}
