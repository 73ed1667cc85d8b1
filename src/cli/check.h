/* SPDX-License-Identifier: Apache-2.0 */
/* check.h - what `check` finds, for runsc's -host-settings */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "cli/cli.h"

/*
 * check_host_settings() - says what this machine lacks, a notice each; false
 * if `must` and no frontend works.
 */
bool check_host_settings(bool must);

#endif
