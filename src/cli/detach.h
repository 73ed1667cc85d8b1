/* SPDX-License-Identifier: Apache-2.0 */
/* detach.h - a sandbox that goes on when its command line returns */
#ifndef CLI_DETACH_H
#define CLI_DETACH_H

#include "cli/cli.h"

/*
 * cli_detach() - returns twice: in a process of its own, without terminal,
 * stdio at /dev/null or the file of --detach, *status < 0, to go on; and in
 * the caller once CMD runs, with the status to end with. What goes wrong before
 * is told on the caller's stderr, and is the caller's status.
 */
void cli_detach(struct cli *c, int *status);

#endif
