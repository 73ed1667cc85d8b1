/* SPDX-License-Identifier: Apache-2.0 */
/* logs.c - where postern's own lines go */
#include "cli/logs.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <time.h>

/* Above what --preserve-fds is likely to name. */
#define LOG_FD_LOWEST 100

/* runsc's patterns: %TIMESTAMP%, %COMMAND%, %ID%; a directory gets a name. */
static int expand(const char *pattern, char *path, size_t len)
{
	static const char *const names[] = {"%TIMESTAMP%", "%COMMAND%", "%ID%"};
	char stamp[32], id[16];
	const char *const values[] = {stamp, "do", id};
	time_t now = time(NULL);
	struct tm tm;
	size_t at = 0;
	bool dir = pattern[0] && pattern[strlen(pattern) - 1] == '/';

	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", localtime_r(&now, &tm));
	snprintf(id, sizeof(id), "%d", (int)getpid());
	for (const char *s = pattern; *s && at < len - 1;) {
		size_t i;

		for (i = 0; i < ARRAY_SIZE(names); i++)
			if (!strncmp(s, names[i], strlen(names[i])))
				break;
		if (i == ARRAY_SIZE(names)) {
			path[at++] = *s++;
			continue;
		}
		at += (size_t)snprintf(path + at, len - at, "%s", values[i]);
		s += strlen(names[i]);
	}
	if (at >= len - 1)
		return -ENAMETOOLONG;
	path[at] = '\0';
	if (dir && (size_t)snprintf(path + at, len - at, "postern.log.%s.do.%s",
	                            stamp, id) >= len - at)
		return -ENAMETOOLONG;
	return 0;
}

/* Adds the file of -option to where lines go; *fd is left open. */
static int add_file(const char *option, const char *pattern,
                    enum log_level level, bool json, int *fd, struct error *err)
{
	_auto_close_ int low = -1;
	char path[PATH_MAX];
	int rc;

	if (!pattern)
		return 0;
	rc = expand(pattern, path, sizeof(path));
	if (rc < 0)
		return error_set(err, rc, "-%s=%s: ", option, pattern);
	low = open(path,
	           O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
	                   O_NOCTTY,
	           0600);
	if (low < 0)
		return error_set(err, -errno, "-%s: cannot open %s: ", option,
		                 path);
	*fd = fcntl(low, F_DUPFD_CLOEXEC, LOG_FD_LOWEST);
	if (*fd < 0)
		*fd = fd_take(&low); /* a low limit of descriptors */
	rc = log_add(level, *fd, json);
	if (rc < 0)
		return error_set(err, rc, "-%s: ", option);
	return 0;
}

int logs_open(struct cli *c, struct error *err)
{
	struct sandbox_config *k = &c->config;
	enum log_level level = LOG_LEVEL_NOTICE, file_level;
	int rc;

	if (c->trace)
		level = LOG_LEVEL_TRACE;
	else if (c->debug)
		level = LOG_LEVEL_DEBUG;
	k->log_level = file_level = level;
	/* with a file for them, debug lines stay away from stderr */
	if (c->log_file || c->debug_log)
		level = MIN(level, LOG_LEVEL_NOTICE);
	if (c->quiet && level <= LOG_LEVEL_NOTICE)
		level = LOG_LEVEL_ERROR;
	log_init(level, 2, c->log_json && !c->log_file);
	rc = add_file("log", c->log_file, file_level, c->log_json, &k->log_fd,
	              err);
	if (rc == 0)
		rc = add_file("debug-log", c->debug_log, file_level,
		              c->debug_log_json, &k->debug_log_fd, err);
	if (rc == 0)
		rc = add_file("panic-log", c->panic_log, LOG_LEVEL_ERROR, false,
		              &k->panic_log_fd, err);
	return rc;
}
