/* SPDX-License-Identifier: Apache-2.0 */
/* sandboxes.h - which sandbox a word means, and what it answers */
#ifndef CLI_SANDBOXES_H
#define CLI_SANDBOXES_H

#include "cli/cli.h"
#include "control/client.h"

#include <json-c/json.h>

#define ANSWER_MS 5000 /* of a sandbox that is not stopped */

/*
 * sandbox_connect() - to the one that word is the name, the number or the
 * beginning of, if there is just one. 0 or a negative errno with err set.
 */
_must_check_ int sandbox_connect(const char *word,
                                 struct control_client *client,
                                 struct error *err);
/*
 * sandbox_connect_only() - to that of the verb's only word; NULL: it was told
 * what is wrong.
 */
bool sandbox_connect_only(struct cli *c, struct control_client *client);
/*
 * sandbox_ask() - sends a request and hands each line of the answer to each(),
 * the last one (ok) to last(); both may be NULL. 0 or a negative errno with
 * err set.
 */
_must_check_ int sandbox_ask(struct control_client *client,
                             enum control_verb verb, const char *members,
                             void (*each)(void *user, struct json_object *line),
                             void (*last)(void *user, struct json_object *line),
                             void *user, struct error *err);
/* sandboxes_each() - connects to every one that lives, in order; those that do
 * not answer are told. 0 or a negative errno with err set. */
_must_check_ int sandboxes_each(void (*one)(void *user,
                                            struct control_client *client),
                                void *user, struct error *err);

/* members of an answer; "", 0 where they are not there. Control characters in
 * a text become '?': the app had its say in some. */
const char *answer_text(struct json_object *o, const char *key, char *buf,
                        size_t len);
int64_t answer_number(struct json_object *o, const char *key);
bool answer_has(struct json_object *o, const char *key);

/*
 * struct table - rows of texts, printed with columns as wide as they need.
 * `right`: bits of the columns that stand at the right.
 */
#define TABLE_COLUMNS 8
struct table {
	const char *const *heads;
	size_t ncolumns;
	unsigned int right;
	char **cells; /* malloc'ed, with what they point to */
	size_t n, room;
	bool failed; /* no memory */
};
void table_add(struct table *t, const char *fmt, ...) _printf_(2, 3);
/* table_print() - to stdout; frees the rows */
void table_print(struct table *t);

#endif
