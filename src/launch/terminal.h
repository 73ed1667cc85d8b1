/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.h - the terminal is given back as it was taken */
#ifndef LAUNCH_TERMINAL_H
#define LAUNCH_TERMINAL_H

#include "base/util.h"

struct terminal {
	bool was_ours; /* our group was the foreground one */
};

/* terminal_remember() - before CMD runs */
void terminal_remember(struct terminal *t);
/*
 * terminal_restore() - a shell with job control makes its own group the
 * foreground one, and inside a pid namespace it cannot name ours to give it
 * back: where that group is dead, ours takes its place. SIGTTOU is blocked.
 */
void terminal_restore(const struct terminal *t);

#endif
