/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.c - the terminal is given back as it was taken */
#include "launch/terminal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

static int open_terminal(void)
{
	return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

void terminal_remember(struct terminal *t)
{
	_auto_close_ int fd = open_terminal();

	t->was_ours = fd >= 0 && tcgetpgrp(fd) == getpgrp();
}

void terminal_restore(const struct terminal *t)
{
	_auto_close_ int fd = t->was_ours ? open_terminal() : -1;
	pid_t group = fd < 0 ? -1 : tcgetpgrp(fd);

	if (group <= 0 || group == getpgrp())
		return;
	if (kill(-group, 0) < 0 && errno == ESRCH)
		(void)tcsetpgrp(fd, getpgrp());
}
