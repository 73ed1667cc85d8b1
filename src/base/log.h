/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - lines for people on stderr (or a descriptor), never stdout */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/util.h"

enum log_level {
	LOG_LEVEL_ERROR,  /* postern failed or refused; shown even with -q */
	LOG_LEVEL_WARN,   /* shown unless -q */
	LOG_LEVEL_NOTICE, /* one line the user should see; silenced by -q */
	LOG_LEVEL_DEBUG,  /* --debug */
	LOG_LEVEL_TRACE,  /* --trace */
};

/*
 * log_init() - lines up to and including level go to fd, each prefixed
 * "postern: " and written in one write(2). JSON lines if json. The default
 * before any call: NOTICE, fd 2, text. This state is the one global of the
 * program besides the signal descriptor.
 */
void log_init(enum log_level level, int fd, bool json);
/*
 * log_add() - a second or third place that gets the same lines, by a level
 * of its own (a log file beside stderr). 0, or -ENOSPC beyond LOG_SINKS_MAX.
 */
#define LOG_SINKS_MAX 4
_must_check_ int log_add(enum log_level level, int fd, bool json);
/* log_remove() - fd gets no more lines; it may be closed then */
void log_remove(int fd);
/* log_enabled() - would any place take a line of this level? */
bool log_enabled(enum log_level level);

/* log_line() - writes one line; control characters in it come out escaped. */
void log_line(enum log_level level, const char *fmt, ...) _printf_(2, 3);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_debug(...)                                                         \
	do {                                                                   \
		if (log_enabled(LOG_LEVEL_DEBUG))                              \
			log_line(LOG_LEVEL_DEBUG, __VA_ARGS__);                \
	} while (0)
#define log_trace(...)                                                         \
	do {                                                                   \
		if (log_enabled(LOG_LEVEL_TRACE))                              \
			log_line(LOG_LEVEL_TRACE, __VA_ARGS__);                \
	} while (0)

/*
 * struct log_limit - at most `burst` lines a second from one call site; what
 * was held back is counted and told with the next line that passes.
 */
struct log_limit {
	int64_t window_start_ns;
	uint32_t in_window;
	uint32_t suppressed;
};

/*
 * log_limit_pass() - may one more line go out now? On true, *suppressed is
 * the number held back since the last line that passed.
 */
bool log_limit_pass(struct log_limit *limit, uint32_t burst, int64_t now,
                    uint32_t *suppressed);

#endif
