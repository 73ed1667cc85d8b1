/* SPDX-License-Identifier: Apache-2.0 */
/* until_launch.c - `do` refuses until the room launch has launch_run() */
#include "base/log.h"
#include "launch/launch.h"

int __attribute__((weak)) launch_run(const struct sandbox_config *config)
{
	(void)config;
	log_error("do: nothing can be run yet, the launcher is not here");
	return EXIT_POSTERN;
}
