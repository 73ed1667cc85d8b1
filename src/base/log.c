/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - lines for people on stderr (or a descriptor), never stdout */
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct log_sink {
	enum log_level level;
	int fd;
	bool json;
};

static struct {
	struct log_sink sinks[LOG_SINKS_MAX];
	size_t n;
} log_state = {.sinks = {{.level = LOG_LEVEL_NOTICE, .fd = 2}}, .n = 1};

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",   [LOG_LEVEL_WARN] = "warning",
	[LOG_LEVEL_NOTICE] = "notice", [LOG_LEVEL_DEBUG] = "debug",
	[LOG_LEVEL_TRACE] = "trace",
};
static_assert(ARRAY_SIZE(level_names) == LOG_LEVEL_TRACE + 1,
              "one name a level");

void log_init(enum log_level level, int fd, bool json)
{
	log_state.sinks[0] = (struct log_sink){level, fd, json};
	log_state.n = 1;
}

int log_add(enum log_level level, int fd, bool json)
{
	if (log_state.n == LOG_SINKS_MAX)
		return -ENOSPC;
	log_state.sinks[log_state.n++] = (struct log_sink){level, fd, json};
	return 0;
}

void log_remove(int fd)
{
	size_t kept = 0;

	for (size_t i = 0; i < log_state.n; i++)
		if (log_state.sinks[i].fd != fd)
			log_state.sinks[kept++] = log_state.sinks[i];
	log_state.n = kept;
}

bool log_enabled(enum log_level level)
{
	for (size_t i = 0; i < log_state.n; i++)
		if (level <= log_state.sinks[i].level)
			return true;
	return false;
}

/* Appends one byte, escaped where a terminal or JSON would act on it. */
static size_t put_escaped(char *out, size_t room, unsigned char c, bool json)
{
	int n;

	if (c < 0x20 || c == 0x7f)
		n = snprintf(out, room, json ? "\\u%04x" : "\\x%02x", c);
	else if (json && (c == '"' || c == '\\'))
		n = snprintf(out, room, "\\%c", c);
	else
		n = snprintf(out, room, "%c", c);
	return n > 0 && (size_t)n < room ? (size_t)n : 0;
}

static void write_line(const struct log_sink *sink, enum log_level level,
                       const char *raw)
{
	char line[2048];
	ssize_t rc;
	size_t len;

	if (sink->json)
		len = (size_t)snprintf(line, sizeof(line),
		                       "{\"level\":\"%s\",\"msg\":\"",
		                       level_names[level]);
	else
		len = (size_t)snprintf(line, sizeof(line), "postern: ");
	for (const char *p = raw; *p; p++)
		len += put_escaped(line + len, sizeof(line) - len - 4,
		                   (unsigned char)*p, sink->json);
	if (sink->json) {
		line[len++] = '"';
		line[len++] = '}';
	}
	line[len++] = '\n';
	do
		rc = write(sink->fd, line, len);
	while (rc < 0 && errno == EINTR);
}

/* #syscalls write */
void log_line(enum log_level level, const char *fmt, ...)
{
	int saved = errno;
	char raw[1024];
	va_list ap;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < log_state.n; i++)
		if (level <= log_state.sinks[i].level)
			write_line(&log_state.sinks[i], level, raw);
	errno = saved;
}

bool log_limit_pass(struct log_limit *limit, uint32_t burst, int64_t now,
                    uint32_t *suppressed)
{
	if (now - limit->window_start_ns >= NS_PER_S ||
	    !limit->window_start_ns) {
		limit->window_start_ns = now;
		limit->in_window = 0;
	}
	if (limit->in_window >= burst) {
		limit->suppressed++;
		return false;
	}
	limit->in_window++;
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}
