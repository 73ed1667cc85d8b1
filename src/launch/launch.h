/* SPDX-License-Identifier: Apache-2.0 */
/* launch.h - makes the sandbox, runs CMD in it, returns its status */
#ifndef LAUNCH_LAUNCH_H
#define LAUNCH_LAUNCH_H

#include "launch/config.h"

/* Exit statuses of postern itself (docker's, podman's and env's) */
#define EXIT_POSTERN 125
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

/*
 * launch_run() - the monitor: the whole life of `postern do`. Returns the
 * status postern exits with: CMD's, 128+n after signal n, or 125..127 after
 * one line on stderr.
 */
int launch_run(const struct sandbox_config *config);

/* signals that a person or a program sends to postern are CMD's */
#define LAUNCH_FORWARDED 9u
extern const int launch_forwarded[LAUNCH_FORWARDED];

#endif
