/* SPDX-License-Identifier: Apache-2.0 */
/* why.c - the verb `why`: does it pass, and which rule says so? */
#include "cli/judge.h"
#include "cli/options.h"
#include "launch/launch.h"

#include <errno.h>

int cli_why(struct cli *c)
{
	struct error err = {0};
	struct judge_item item;
	bool allowed = true;

	if (!c->nwords) {
		error_set(&err, -EINVAL,
		          "why what? write postern why ADDRESS:PORT[/udp]");
		return cli_fail(&err);
	}
	if (cli_options_environment(c, &err) < 0 ||
	    judge_prepare(c->policy, &err) < 0)
		return cli_fail(&err);
	policy_set_offline(c->policy, c->config.offline);
	for (size_t i = 0; i < c->nwords; i++) {
		if (judge_parse(c->words[i], i, &item, &err) < 0)
			return cli_fail(&err);
		allowed &= judge_print(c->policy, &item, c->json);
	}
	return allowed ? 0 : 1;
}
