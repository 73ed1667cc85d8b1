/* SPDX-License-Identifier: Apache-2.0 */
/* help.h - what the option table says to people */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/options.h"

#include <stdio.h>

/* help_short() - one screen: the verbs and the options most people need */
void help_short(FILE *f);
/* help_all() - every option of every group */
void help_all(FILE *f);
/* help_verb() - one verb and its options */
void help_verb(FILE *f, const struct verb *v);

#endif
