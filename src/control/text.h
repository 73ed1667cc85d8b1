/* SPDX-License-Identifier: Apache-2.0 */
/* text.h - JSON written into a buffer of fixed size, without allocation */
#ifndef CONTROL_TEXT_H
#define CONTROL_TEXT_H

#include "base/util.h"

/*
 * struct control_text - `at` is the caller's, of `room` bytes, and always
 * NUL-terminated. What does not fit whole is left out and sets `cut`.
 */
struct control_text {
	char *at;
	size_t len, room;
	bool cut;
};

void control_text_init(struct control_text *t, char *at, size_t room);
void control_text_put(struct control_text *t, const char *fmt, ...)
	_printf_(2, 3);
/*
 * control_text_string() - "text" in quotes and escaped; bytes that are no
 * UTF-8 come out as U+FFFD. len bytes, or up to a NUL.
 */
void control_text_string(struct control_text *t, const char *text, size_t len);
/* control_text_member() - ,"key":"text"; nothing where text is NULL or "" */
void control_text_member(struct control_text *t, const char *key,
                         const char *text);

#endif
