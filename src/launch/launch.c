/* SPDX-License-Identifier: Apache-2.0 */
/* launch.c - which network CMD gets, and by which frontend */
#include "launch/launch.h"

#include "base/log.h"
#include "launch/descriptors.h"
#include "launch/exec.h"
#include "launch/monitor.h"

#include <unistd.h>

static int run_plan(const struct sandbox_config *config, enum monitor_plan plan)
{
	struct error err = {0};
	int status = EXIT_POSTERN;

	if (monitor_run(config, plan, &status, &err) == MONITOR_RAN)
		return status;
	log_error("%s", err.text);
	return status > 128 ? status : EXIT_POSTERN;
}

static _Noreturn void run_on_host(const struct sandbox_config *config)
{
	struct app_exec x = {.config = config,
	                     .launched_as = getpid(),
	                     .same_rights = true,
	                     .exec_fd = -1};

	if (sigprocmask(SIG_SETMASK, NULL, &x.mask) < 0)
		sigemptyset(&x.mask);
	log_notice("network=host: no isolation, this is the host's own "
	           "network");
	app_exec(&x);
}

/* The frontend that was asked for, or what can be had. */
static int run_passthrough(const struct sandbox_config *config)
{
	bool only_link =
		config->frontend == FRONTEND_LINK || config->require_link;
	struct error err = {0};
	int status = EXIT_POSTERN;

	if (config->frontend == FRONTEND_SOCKETS || config->require_sockets) {
		if (only_link) {
			log_error("--frontend and --require ask for different "
			          "frontends");
			return EXIT_POSTERN;
		}
		return run_plan(config, MONITOR_SOCKETS);
	}
	switch (monitor_run(config, MONITOR_LINK, &status, &err)) {
	case MONITOR_RAN:
		return status;
	case MONITOR_IMPOSSIBLE:
		if (only_link)
			break;
		log_notice("frontend link is not possible here (%s); using "
		           "sockets",
		           err.text);
		return run_plan(config, MONITOR_SOCKETS);
	case MONITOR_BROKEN:
	case MONITOR_WRONG:
		break;
	}
	log_error("%s", err.text);
	return status > 128 ? status : EXIT_POSTERN;
}

int launch_run(const struct sandbox_config *config)
{
	struct error err = {0};

	stdio_guard();
	if (config->preserve_fds_given &&
	    descriptors_check_preserved(config->preserve_fds, &err)) {
		log_error("%s", err.text);
		return EXIT_POSTERN;
	}
	if (config->network != NETWORK_HOST && descriptors_check_stdio(&err)) {
		if (!config->best_effort) {
			log_error("%s", err.text);
			return EXIT_POSTERN;
		}
		log_error("not enforced: %s", err.text);
	}
	switch (config->network) {
	case NETWORK_SANDBOX_PASSTHROUGH:
		return run_passthrough(config);
	case NETWORK_NONE:
		return run_plan(config, MONITOR_NONE);
	case NETWORK_HOST:
		run_on_host(config);
	}
	return EXIT_POSTERN;
}
