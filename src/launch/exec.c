/* SPDX-License-Identifier: Apache-2.0 */
/* exec.c - the last steps of the process that becomes CMD */
#include "launch/exec.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "confine/caps.h"
#include "confine/confine.h"
#include "launch/descriptors.h"
#include "launch/launch.h"
#include "launch/spawner.h"

#include <string.h>
#include <sys/prctl.h>

/* A listening program checks that the descriptors are meant for its pid. */
static void rewrite_listen_pid(pid_t launched_as)
{
	const char *text = getenv("LISTEN_PID");
	char own[16];

	if (!text || strtol(text, NULL, 10) != launched_as)
		return;
	snprintf(own, sizeof(own), "%d", (int)getpid());
	setenv("LISTEN_PID", own, 1);
}

/*
 * CAP_NET_RAW is not taken from the bounding set while the filter refuses what
 * it is for: a program whose file asks for it (ping) could not be run at all
 * (bounding sets and file capabilities, capabilities(7)).
 */
static int drop_rights(const struct app_exec *x, struct error *err)
{
	uint64_t keep = UINT64_MAX;

	if (x->same_rights || !x->root_inside)
		return 0; /* exec takes what there is */
	if (x->no_user_ns)
		keep = CAPS_CONTAINER;
	else if (!x->full_rights)
		keep = ~CAP_BIT_(CAP_NET_ADMIN);
	if (x->config->no_filter && !x->config->net_raw)
		keep &= ~CAP_BIT_(CAP_NET_RAW);
	return keep == UINT64_MAX ? 0 : caps_limit(keep, err);
}

static int install_filter(const struct app_exec *x, struct error *err)
{
	struct app_filter filter = {.raw_sockets = x->config->net_raw};

	if (x->install_filter)
		return x->install_filter(x->user, err);
	if (x->config->no_filter)
		return 0;
	return confine_app_filter(&filter, err);
}

int app_exec_prepare(struct app_exec *x, struct error *err)
{
	int rc;

	x->prepared = true;
	rewrite_listen_pid(x->launched_as);
	descriptors_for_cmd(x->config);
	rc = drop_rights(x, err);
	if (rc)
		return rc;
	/* for the copy of us that spawner_start() makes: under the filter it
	 * may only seem to work. Our exec takes it back (prctl(2)) */
	if (x->exec_fd >= 0)
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return install_filter(x, err);
}

static int last_steps(struct app_exec *x, struct error *err)
{
	const char *cwd = x->config->cwd;
	int rc = x->prepared ? 0 : app_exec_prepare(x, err);

	if (rc)
		return rc;
	if (cwd && chdir(cwd) < 0)
		return error_set(err, -errno, "cannot go to %s: ", cwd);
	if (sigprocmask(SIG_SETMASK, &x->mask, NULL) < 0)
		return error_set(err, -errno, "cannot set signal mask: ");
	return 0;
}

void app_exec(struct app_exec *x)
{
	char **argv = x->config->argv;
	struct error err = {0};
	int rc;

	if (last_steps(x, &err)) {
		log_error("%s", err.text);
		_exit(EXIT_POSTERN);
	}
	/* without it nothing else can be started inside, and CMD runs */
	rc = x->exec_fd < 0 ? 0 : spawner_start(x->exec_fd, &x->mask);
	if (rc < 0)
		log_debug("postern exec cannot be had: %s", errno_text(rc));
	execvp(argv[0], argv);
	if (errno == ENOENT) {
		log_error("cannot run %s: not found", argv[0]);
		_exit(EXIT_NOT_FOUND);
	}
	log_error("cannot run %s: %s", argv[0], errno_text(errno));
	_exit(EXIT_NOT_EXECUTABLE);
}
