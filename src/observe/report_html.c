/* SPDX-License-Identifier: Apache-2.0 */
/* report_html.c - the report as one page that needs nothing else */
#include "observe/report-private.h"

#include <observe/report_page.h>

/*
 * The page (report_page.html) holds the JSON of the report and draws it. Its
 * policy lets it load nothing: whatever a name in it may look like, it stays
 * text. Within a script element "</" and "<!" would end it or change its mode.
 */
static void put_safe(const char *text, FILE *f)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("\\u003c", f);
		else
			fputc(*text, f);
	}
}

/* Up to the next hole; what follows it. */
static const char *const *put_page(const char *const *at, FILE *f)
{
	while (*at)
		fputs(*at++, f);
	return at + 1;
}

void report_html(const struct report *r, const char *command,
                 const char *policy, FILE *f)
{
	struct json_object *o = report_json(r);
	const char *const *at = report_page;

	json_object_object_add(o, "command", json_object_new_string(command));
	at = put_page(at, f);
	put_safe(json_object_to_json_string_ext(
			 o, JSON_C_TO_STRING_PLAIN |
				    JSON_C_TO_STRING_NOSLASHESCAPE),
	         f);
	at = put_page(at, f);
	/* rules hold letters, digits and punctuation; programs' names, which
	 * hold anything, are in their comments */
	for (; *policy; policy++)
		fputc(*policy == '<' ? '?' : *policy, f);
	(void)put_page(at, f);
	json_object_put(o);
}
