/* SPDX-License-Identifier: Apache-2.0 */
/* target.c - fuzz: requests of the control socket, and the text of answers */
#include "../fuzz.h"

#include "control/request.h"
#include "control/text.h"

#include <json-c/json.h>
#include <string.h>

/* Whatever it is told of, the answer is one line of JSON, in UTF-8. */
static void answer(const char *text, size_t len)
{
	struct json_tokener *tok = json_tokener_new();
	struct json_object *o, *v;
	struct control_text t;
	char buf[8192];

	control_text_init(&t, buf, sizeof(buf));
	control_text_put(&t, "{\"error\":");
	control_text_string(&t, text, len);
	control_text_put(&t, "}");
	if (!t.cut && tok) {
		FUZZ_CHECK(!memchr(buf, '\n', t.len));
		json_tokener_set_flags(tok, JSON_TOKENER_STRICT |
		                                    JSON_TOKENER_VALIDATE_UTF8);
		o = json_tokener_parse_ex(tok, buf, (int)t.len);
		FUZZ_CHECK(json_object_object_get_ex(o, "error", &v));
		json_object_put(o);
	}
	json_tokener_free(tok);
}

static void line_of(const char *line, size_t len)
{
	struct control_request r;
	struct error err = {0};

	if (control_request_parse(line, len, &r, &err) < 0) {
		FUZZ_CHECK(err.code && err.text[0]);
		answer(err.text, sizeof(err.text));
		return;
	}
	FUZZ_CHECK((unsigned int)r.verb < CONTROL_VERBS);
	FUZZ_CHECK(!r.has_id || (r.id >= 0 && r.id <= CONTROL_ID_MAX));
	FUZZ_CHECK(strnlen(r.target, sizeof(r.target)) < sizeof(r.target));
	FUZZ_CHECK(strnlen(r.port, sizeof(r.port)) < sizeof(r.port));
	if (r.verb == CONTROL_UNPUBLISH)
		FUZZ_CHECK(r.number > 0);
	if (r.verb == CONTROL_KILL)
		FUZZ_CHECK(r.signal >= 1 && r.signal <= 64);
}

/* Input: requests, one a line, of any bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	answer(text, size);
	while (size) {
		const char *end = memchr(text, '\n', size);
		size_t len = end ? (size_t)(end - text) : size;

		line_of(text, len);
		len += end != NULL;
		text += len;
		size -= len;
	}
	return 0;
}
