/* SPDX-License-Identifier: Apache-2.0 */
/* sandboxes.c - which sandbox a word means, and what it answers */
#include "cli/sandboxes.h"

#include "base/cleanup.h"
#include "base/nearest.h"
#include "launch/launch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_root(struct error *err)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int fd = control_root_open(runtime, false, err);

	if (fd == -ENOENT && (!runtime || !*runtime))
		return error_set(err, fd,
		                 "XDG_RUNTIME_DIR is not set: sandboxes are "
		                 "found in its directory postern");
	return fd;
}

/* All of word, or of just one its beginning; -1 with err set. */
static int find(char (*ids)[CONTROL_ID_TEXT_MAX], int n, const char *word,
                struct error *err)
{
	const char *words[CONTROL_SANDBOXES_MAX], *near;
	int found = -1, count = 0;

	for (int i = 0; i < n; i++) {
		words[i] = ids[i];
		if (!strcmp(ids[i], word))
			return i;
		if (*word && !strncmp(ids[i], word, strlen(word))) {
			found = i;
			count++;
		}
	}
	if (count == 1)
		return found;
	if (count)
		return error_set(err, -1,
		                 "%s is the beginning of %d sandboxes; see "
		                 "postern ps",
		                 word, count);
	near = nearest_word(word, words, (size_t)n);
	return error_set(err, -1,
	                 near ? "no sandbox %s is running; did you mean %s?"
	                      : "no sandbox %s is running; see postern ps%s",
	                 word, near ? near : "");
}

int sandbox_connect(const char *word, struct control_client *client,
                    struct error *err)
{
	_auto_free_ char(*ids)[CONTROL_ID_TEXT_MAX] = NULL;
	_auto_close_ int root = open_root(err);
	int n, at;

	if (root < 0)
		return root == -ENOENT && !err->code
		               ? error_set(err, root,
		                           "no sandbox %s is running", word)
		               : root;
	n = control_list(root, &ids, err);
	if (n < 0)
		return n;
	at = find(ids, n, word, err);
	return at < 0 ? -ENOENT : control_connect(client, root, ids[at], err);
}

bool sandbox_connect_only(struct cli *c, struct control_client *client)
{
	struct error err = {0};

	if (c->nwords != 1)
		error_set(&err, -EINVAL, "write postern %s %s", c->verb->name,
		          c->verb->usage);
	else if (!sandbox_connect(c->words[0], client, &err))
		return true;
	(void)cli_fail(&err);
	return false;
}

int sandbox_ask(struct control_client *client, enum control_verb verb,
                const char *members,
                void (*each)(void *user, struct json_object *line),
                void (*last)(void *user, struct json_object *line), void *user,
                struct error *err)
{
	struct json_object *line;
	int rc = control_send(client, verb, members, err);

	if (rc < 0)
		return rc;
	do {
		rc = control_receive(client,
		                     verb == CONTROL_WAIT ? -1 : ANSWER_MS,
		                     &line, err);
		if (rc == 1 && each)
			each(user, line);
		if (rc == 0 && last)
			last(user, line);
		json_object_put(line);
	} while (rc == 1);
	return rc;
}

int sandboxes_each(void (*one)(void *user, struct control_client *client),
                   void *user, struct error *err)
{
	_auto_free_ char(*ids)[CONTROL_ID_TEXT_MAX] = NULL;
	_auto_close_ int root = open_root(err);
	int n;

	if (root < 0) /* never was one, then */
		return root == -ENOENT && !err->code ? 0 : root;
	n = control_list(root, &ids, err);
	for (int i = 0; i < n; i++) {
		struct control_client client;
		struct error why = {0};

		if (control_connect(&client, root, ids[i], &why) == 0) {
			one(user, &client);
			control_disconnect(&client);
		} else if (why.code != -ENOENT) {
			log_warn("%s", why.text);
		}
	}
	return MIN(n, 0);
}

/* --- members -------------------------------------------------------------- */

const char *answer_text(struct json_object *o, const char *key, char *buf,
                        size_t len)
{
	struct json_object *v;
	size_t n = 0;

	if (json_object_object_get_ex(o, key, &v))
		for (const char *s = json_object_get_string(v);
		     s && *s && n < len - 1; s++) {
			unsigned char ch = (unsigned char)*s;
			/* U+0080 to U+009F are controls, too */
			bool high = ch == 0xc2 && (unsigned char)s[1] < 0xa0;

			buf[n++] = ch < 0x20 || ch == 0x7f || high ? '?'
			                                           : (char)ch;
			s += high && s[1];
		}
	buf[n] = '\0';
	return buf;
}

int64_t answer_number(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_int64(v)
	                                             : 0;
}

bool answer_has(struct json_object *o, const char *key)
{
	return json_object_object_get_ex(o, key, NULL);
}

/* --- tables --------------------------------------------------------------- */

static void add_cell(struct table *t, const char *text, size_t len)
{
	if (t->n == t->room) {
		size_t room = t->room ? t->room * 2 : 64;
		char **moved = realloc(t->cells, room * sizeof(*moved));

		if (!moved) {
			t->failed = true;
			return;
		}
		t->cells = moved;
		t->room = room;
	}
	t->cells[t->n] = strndup(text, len);
	if (t->cells[t->n])
		t->n++;
	else
		t->failed = true;
}

void table_add(struct table *t, const char *fmt, ...)
{
	char *row = NULL, *s;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&row, fmt, ap);
	va_end(ap);
	if (n < 0 || t->failed) {
		t->failed = true;
		return;
	}
	/* a tab between cells: none is in them, answer_text() sees to that */
	s = row;
	for (size_t i = 0; i < t->ncolumns && !t->failed; i++) {
		size_t len = strcspn(s, "\t");

		add_cell(t, len ? s : "-", len ? len : 1);
		s += len + (s[len] == '\t');
	}
	free(row);
}

/* Columns on a terminal: bytes that begin a character. */
static size_t width_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void print_cell(const struct table *t, size_t column, const char *text,
                       size_t width)
{
	int pad = (int)sub_clamped(width, width_of(text));
	bool last = column + 1 == t->ncolumns;

	if (t->right & 1u << column)
		printf("%*s%s", pad, "", text);
	else
		printf("%s%*s", text, last ? 0 : pad, "");
	fputs(last ? "\n" : "  ", stdout);
}

void table_print(struct table *t)
{
	size_t width[TABLE_COLUMNS] = {0}, rows = t->n / t->ncolumns;
	/* heads stand out where a person looks */
	bool bold = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");

	for (size_t i = 0; i < t->ncolumns; i++)
		width[i] = strlen(t->heads[i]);
	for (size_t i = 0; i < rows * t->ncolumns; i++)
		width[i % t->ncolumns] =
			MAX(width[i % t->ncolumns], width_of(t->cells[i]));
	if (bold)
		fputs("\033[1m", stdout);
	for (size_t i = 0; i < t->ncolumns; i++)
		print_cell(t, i, t->heads[i], width[i]);
	if (bold)
		fputs("\033[0m", stdout);
	for (size_t i = 0; i < rows * t->ncolumns; i++)
		print_cell(t, i % t->ncolumns, t->cells[i],
		           width[i % t->ncolumns]);
	while (t->n)
		free(t->cells[--t->n]);
	free(t->cells);
	t->cells = NULL;
	if (t->failed)
		(void)cli_fail_memory();
}
