/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - one line of a client, understood */
#include "control/request.h"

#include "base/nearest.h"

#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <string.h>

/* objects within objects: a request has none, so this is generous */
#define DEPTH_MAX 4

static const char *const verb_names[] = {
	[CONTROL_INFO] = "info",       [CONTROL_FLOWS] = "flows",
	[CONTROL_RULES] = "rules",     [CONTROL_STATS] = "stats",
	[CONTROL_ALLOW] = "allow",     [CONTROL_DENY] = "deny",
	[CONTROL_WAIT] = "wait",       [CONTROL_KILL] = "kill",
	[CONTROL_PUBLISH] = "publish", [CONTROL_UNPUBLISH] = "unpublish",
	[CONTROL_EXEC] = "exec",
};
static_assert(ARRAY_SIZE(verb_names) == CONTROL_VERBS, "one name a verb");

const char *control_verb_name(enum control_verb verb)
{
	return verb_names[verb];
}

/* The line as an object; NULL with err set. */
static struct json_object *parse_json(const char *line, size_t len,
                                      struct error *err)
{
	struct json_tokener *tok = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *o;
	enum json_tokener_error why;
	size_t end;

	if (!tok) {
		error_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT |
	                                    JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tok, line, (int)len);
	why = json_tokener_get_error(tok);
	end = json_tokener_get_parse_end(tok);
	json_tokener_free(tok);
	if (why == json_tokener_success && end == len)
		return o;
	if (why == json_tokener_continue)
		error_set(err, -EINVAL, "the line ends within its JSON");
	else if (why != json_tokener_success)
		error_set(err, -EINVAL, "no JSON: %s at byte %zu",
		          json_tokener_error_desc(why), end + 1);
	else
		error_set(err, -EINVAL, "text after the JSON, at byte %zu",
		          end + 1);
	json_object_put(o);
	return NULL;
}

/* An integer of low..high; 1: there is none of this key. */
static int take_integer(struct json_object *o, const char *key, int64_t low,
                        int64_t high, int64_t *out, struct error *err)
{
	struct json_object *v;
	int64_t n;

	if (!json_object_object_get_ex(o, key, &v))
		return 1;
	if (json_object_is_type(v, json_type_int)) {
		n = json_object_get_int64(v);
		if (n >= low && n <= high) {
			*out = n;
			return 0;
		}
	}
	return error_set(err, -EINVAL,
	                 "\"%s\" must be an integer from %lld to %lld", key,
	                 (long long)low, (long long)high);
}

static int take_version(struct json_object *o, struct error *err)
{
	int64_t v;
	int rc = take_integer(o, "v", 1, INT32_MAX, &v, err);

	if (rc == 1)
		return error_set(err, -EINVAL,
		                 "\"v\" is missing: write \"v\":%d",
		                 CONTROL_VERSION);
	if (!rc && v != CONTROL_VERSION)
		return error_set(err, -EINVAL,
		                 "version %lld is not spoken here, only %d",
		                 (long long)v, CONTROL_VERSION);
	return rc;
}

/* A string without NUL in it, or NULL with err set. */
static const char *take_string(struct json_object *o, const char *key,
                               size_t max, struct error *err)
{
	struct json_object *v;
	const char *s;
	size_t len;

	if (!json_object_object_get_ex(o, key, &v)) {
		error_set(err, -EINVAL, "\"%s\" is missing", key);
		return NULL;
	}
	if (!json_object_is_type(v, json_type_string)) {
		error_set(err, -EINVAL, "\"%s\" must be a string", key);
		return NULL;
	}
	s = json_object_get_string(v);
	len = (size_t)json_object_get_string_len(v);
	if (strlen(s) != len) {
		error_set(err, -EINVAL, "\"%s\" has a NUL in it", key);
		return NULL;
	}
	if (len > max) {
		error_set(err, -EINVAL, "\"%s\" is longer than %zu bytes", key,
		          max);
		return NULL;
	}
	return s;
}

static int take_verb(struct json_object *o, struct control_request *r,
                     struct error *err)
{
	const char *name = take_string(o, "do", 32, err), *near;

	if (!name)
		return -EINVAL;
	for (size_t i = 0; i < CONTROL_VERBS; i++) {
		if (!strcmp(name, verb_names[i])) {
			r->verb = (enum control_verb)i;
			return 0;
		}
	}
	near = nearest_word(name, verb_names, CONTROL_VERBS);
	return error_set(err, -EINVAL,
	                 near ? "nothing is called \"%s\"; did you mean %s?"
	                      : "nothing is called \"%s\"; there are info, "
	                        "flows, rules, stats, allow, deny, wait, "
	                        "kill, publish, unpublish, exec%s",
	                 name, near ? near : "");
}

static int take_arguments(struct json_object *o, struct control_request *r,
                          struct error *err)
{
	const char *target, *port;
	int64_t v;
	int rc;

	switch (r->verb) {
	case CONTROL_ALLOW:
	case CONTROL_DENY:
		target = take_string(o, "target", sizeof(r->target) - 1, err);
		if (!target)
			return -EINVAL;
		memcpy(r->target, target, strlen(target) + 1);
		return 0;
	case CONTROL_KILL:
		rc = take_integer(o, "signal", 1, 64, &v, err);
		r->signal = rc == 1 ? SIGTERM : (int)v;
		return MIN(rc, 0);
	case CONTROL_PUBLISH:
		port = take_string(o, "port", sizeof(r->port) - 1, err);
		if (!port)
			return -EINVAL;
		memcpy(r->port, port, strlen(port) + 1);
		return 0;
	case CONTROL_UNPUBLISH:
		rc = take_integer(o, "number", 1, INT32_MAX, &v, err);
		if (rc == 1)
			return error_set(err, -EINVAL, "\"number\" is missing");
		r->number = rc ? 0 : (uint32_t)v;
		return rc;
	case CONTROL_INFO:
	case CONTROL_FLOWS:
	case CONTROL_RULES:
	case CONTROL_STATS:
	case CONTROL_WAIT:
	case CONTROL_EXEC:
		break;
	}
	return 0;
}

/* The member that a verb has beside those of all; NULL: none. */
static const char *own_key(enum control_verb verb)
{
	switch (verb) {
	case CONTROL_ALLOW:
	case CONTROL_DENY:
		return "target";
	case CONTROL_KILL:
		return "signal";
	case CONTROL_PUBLISH:
		return "port";
	case CONTROL_UNPUBLISH:
		return "number";
	case CONTROL_INFO:
	case CONTROL_FLOWS:
	case CONTROL_RULES:
	case CONTROL_STATS:
	case CONTROL_WAIT:
	case CONTROL_EXEC:
		break;
	}
	return NULL;
}

/* What is not understood is not ignored: it may have been meant to narrow. */
static int check_keys(struct json_object *o, const struct control_request *r,
                      struct error *err)
{
	const char *own = own_key(r->verb);

	json_object_object_foreach(o, key, value)
	{
		(void)value;
		if (!strcmp(key, "v") || !strcmp(key, "id") ||
		    !strcmp(key, "do") || (own && !strcmp(key, own)))
			continue;
		return error_set(err, -EINVAL, "%s has no \"%.40s\"",
		                 verb_names[r->verb], key);
	}
	return 0;
}

int control_request_parse(const char *line, size_t len,
                          struct control_request *r, struct error *err)
{
	struct json_object *o;
	int rc;

	memset(r, 0, sizeof(*r));
	if (len > CONTROL_LINE_MAX)
		return error_set(err, -EINVAL,
		                 "a request is at most %u bytes long",
		                 CONTROL_LINE_MAX);
	if (memchr(line, '\0', len))
		return error_set(err, -EINVAL, "a NUL is in the line");
	if (!len || line[0] != '{')
		return error_set(err, -EINVAL,
		                 "a request is an object, such as "
		                 "{\"v\":1,\"do\":\"info\"}");
	o = parse_json(line, len, err);
	if (!o)
		return -EINVAL;
	rc = take_integer(o, "id", 0, CONTROL_ID_MAX, &r->id, err);
	r->has_id = !rc;
	rc = MIN(rc, 0);
	if (!rc)
		rc = take_version(o, err);
	if (!rc)
		rc = take_verb(o, r, err);
	if (!rc)
		rc = check_keys(o, r, err);
	if (!rc)
		rc = take_arguments(o, r, err);
	json_object_put(o);
	return rc;
}
