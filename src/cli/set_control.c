/* SPDX-License-Identifier: Apache-2.0 */
/* set_control.c - options about the control socket and its verbs */
#include "cli/setters.h"
#include "control/directory.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

int set_name(struct cli *c, const struct option *o, const char *value,
             struct error *err)
{
	int rc = control_name_check(value, err);

	(void)o;
	if (rc < 0) {
		error_prefix(err, "--name: ");
		return rc;
	}
	c->config.name = value;
	return 0;
}

int set_control(struct cli *c, const struct option *o, const char *value,
                struct error *err)
{
	(void)o;
	(void)err;
	if (!strcmp(value, "off"))
		c->config.control = CONTROL_OFF;
	else if (!strcmp(value, "required"))
		c->config.control = CONTROL_REQUIRED;
	else
		c->config.control = CONTROL_AUTO;
	return 0;
}

/* "9", "KILL", "SIGKILL"; 0: there is none */
static int signal_of(const char *text)
{
	int64_t number;

	if (isdigit((unsigned char)*text))
		return option_parse_number(text, 1, 64, &number) < 0
		               ? 0
		               : (int)number;
	if (!strncasecmp(text, "SIG", 3))
		text += 3;
	for (int sig = 1; sig <= 31; sig++) {
		const char *name = sigabbrev_np(sig);

		if (name && !strcasecmp(name, text))
			return sig;
	}
	return 0;
}

int set_signal(struct cli *c, const struct option *o, const char *value,
               struct error *err)
{
	(void)o;
	c->signal = signal_of(value);
	if (c->signal)
		return 0;
	return error_set(err, -EINVAL,
	                 "there is no signal %s; write -TERM, -KILL, -9 or the "
	                 "like",
	                 value);
}

/* It would be lost without its control socket. */
int set_detach(struct cli *c, const struct option *o, const char *value,
               struct error *err)
{
	(void)o;
	(void)err;
	c->detach = true;
	c->detach_file = value[0] ? value : NULL;
	c->config.control = CONTROL_REQUIRED;
	return 0;
}
