/* SPDX-License-Identifier: Apache-2.0 */
/* error.h - a sentence for people beside a negative errno for code */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/util.h"

/*
 * struct error - filled by set-up code (cli, launch, confine, control); the
 * data path uses bare negative errnos. Lives on the caller's stack, never
 * allocates. An all-zero struct is "no error".
 */
struct error {
	int code;       /* negative errno, 0 when nothing was set */
	char text[512]; /* what failed, on what, what to do; no newline */
};

/*
 * error_set() - records code (negative errno) and a formatted sentence;
 * returns code so that `return error_set(err, -errno, ...)` reads well.
 * Where code is non-zero and the format ends in ": " the errno's description
 * is appended. err may be NULL. Long text is cut.
 */
int error_set(struct error *err, int code, const char *fmt, ...) _printf_(3, 4);

/* error_prefix() - puts text in front of what is already recorded. */
void error_prefix(struct error *err, const char *fmt, ...) _printf_(2, 3);

/*
 * errno_name(), errno_text() - "ECONNREFUSED", "Connection refused" for a
 * positive or negative errno. Never allocate (strerror() of glibc does), so
 * they are safe after confinement. Unknown numbers give "E?".
 */
const char *errno_name(int code);
const char *errno_text(int code);

#endif
