/* SPDX-License-Identifier: Apache-2.0 */
/* set_ports.c - what options about ports do */
#include "cli/setters.h"
#include "launch/publish.h"

#include <errno.h>

int set_publish(struct cli *c, const struct option *o, const char *value,
                struct error *err)
{
	struct sandbox_config *k = &c->config;
	int rc;

	(void)o;
	if (k->npublish == CONFIG_PUBLISH_MAX)
		return error_set(err, -E2BIG,
		                 "more than %d --publish; write a range",
		                 CONFIG_PUBLISH_MAX);
	rc = publish_parse(value, &k->publish[k->npublish], err);
	if (rc < 0) {
		error_prefix(err, "--publish ");
		return rc;
	}
	k->npublish++;
	return 0;
}
