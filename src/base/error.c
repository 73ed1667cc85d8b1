/* SPDX-License-Identifier: Apache-2.0 */
/* error.c - a sentence for people beside a negative errno for code */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *errno_name(int code)
{
	const char *name;

#ifdef __GLIBC__
	name = strerrorname_np(code < 0 ? -code : code);
#else
	name = NULL; /* musl has no table of names */
#endif
	return name ? name : "E?";
}

const char *errno_text(int code)
{
	const char *text;

#ifdef __GLIBC__
	text = strerrordesc_np(code < 0 ? -code : code);
#else
	text = strerror(code < 0 ? -code : code); /* musl's is a table */
#endif
	return text ? text : "unknown error";
}

int error_set(struct error *err, int code, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	if (!err)
		return code;
	err->code = code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	len = strlen(err->text);
	if (code && len >= 2 && !strcmp(err->text + len - 2, ": "))
		snprintf(err->text + len, sizeof(err->text) - len, "%s",
		         errno_text(code));
	return code;
}

void error_prefix(struct error *err, const char *fmt, ...)
{
	char old[sizeof(err->text)];
	va_list ap;
	size_t len;

	if (!err)
		return;
	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	len = strlen(err->text);
	snprintf(err->text + len, sizeof(err->text) - len, "%s", old);
}
