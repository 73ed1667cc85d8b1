/* SPDX-License-Identifier: Apache-2.0 */
/* detach.h - a sandbox that goes on when its command line returns */
#ifndef CLI_DETACH_H
#define CLI_DETACH_H

#include "cli/cli.h"

/*
 * cli_detach() - returns twice: -1 in a process of its own, without terminal,
 * stdio at /dev/null or the file of --detach, to go on; and in the caller once
 * CMD runs, the status to end with. What goes wrong before is told on the
 * caller's stderr, and is the caller's status.
 */
_must_check_ int cli_detach(struct cli *c);

#endif
