/* SPDX-License-Identifier: Apache-2.0 */
/* logs.h - where postern's own lines go */
#ifndef CLI_LOGS_H
#define CLI_LOGS_H

#include "cli/cli.h"

/*
 * logs_open() - sets the level of stderr by --quiet, --debug, --trace, and
 * adds the files of runsc's -log, -debug-log and -panic-log. The descriptors
 * lie in c->config.
 */
_must_check_ int logs_open(struct cli *c, struct error *err);

#endif
