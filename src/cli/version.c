/* SPDX-License-Identifier: Apache-2.0 */
/* version.c - the verb `version`: what this binary is */
#include "cli/cli.h"

#include <stdio.h>

int cli_version(struct cli *c)
{
	(void)c;
	puts("postern " POSTERN_VERSION);
	puts("frontends: link (tap, veth), sockets");
	puts("modes: sandbox-passthrough, none, host");
	puts("policy: names, addresses, prefixes, groups");
	return 0;
}
