/* SPDX-License-Identifier: Apache-2.0 */
/* text.c - JSON written into a buffer of fixed size, without allocation */
#include "control/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void control_text_init(struct control_text *t, char *at, size_t room)
{
	*t = (struct control_text){.at = at, .room = room};
	at[0] = '\0';
}

void control_text_put(struct control_text *t, const char *fmt, ...)
{
	size_t room = t->room - t->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at + t->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room) {
		t->at[t->len] = '\0';
		t->cut = true;
		return;
	}
	t->len += (size_t)n;
}

/* Length of the UTF-8 sequence at s (RFC 3629), or 0: it is none. */
static size_t utf8_length(const unsigned char *s, size_t len)
{
	static const struct {
		unsigned char first, last, low, high; /* of the second byte */
		size_t len;
	} rows[] = {
		{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (s[0] < rows[i].first || s[0] > rows[i].last)
			continue;
		if (len < rows[i].len || s[1] < rows[i].low ||
		    s[1] > rows[i].high)
			return 0;
		for (size_t k = 2; k < rows[i].len; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return rows[i].len;
	}
	return 0;
}

void control_text_string(struct control_text *t, const char *text, size_t len)
{
	size_t n;

	len = strnlen(text, len);
	control_text_put(t, "\"");
	for (size_t i = 0; i < len; i += n) {
		unsigned char c = (unsigned char)text[i];

		n = 1;
		if (c == '"' || c == '\\') {
			control_text_put(t, "\\%c", c);
		} else if (c < 0x20 || c == 0x7f) {
			control_text_put(t, "\\u%04x", c);
		} else if (c < 0x80) {
			control_text_put(t, "%c", c);
		} else {
			n = utf8_length((const unsigned char *)text + i,
			                len - i);
			if (n)
				control_text_put(t, "%.*s", (int)n, text + i);
			else
				control_text_put(t, "\\ufffd");
			n = n ? n : 1;
		}
	}
	control_text_put(t, "\"");
}

void control_text_member(struct control_text *t, const char *key,
                         const char *text)
{
	if (!text || !*text)
		return;
	control_text_put(t, ",\"%s\":", key);
	control_text_string(t, text, SIZE_MAX);
}
