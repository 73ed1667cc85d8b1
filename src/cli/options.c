/* SPDX-License-Identifier: Apache-2.0 */
/* options.c - the parser over the option table */
/*
 * THEORY
 *
 * One table (`postern_options` and `runsc_options`, read as one through
 * `option_at`) yields the parser, the help, the completions and the check
 * of the manual. getopt_long(3) cannot serve: runsc's users write Go's
 * spelling, in which `-rootless` is one long option and `-x v` takes the
 * next word, and both spellings must work on one line. So the parser is
 * ours: a word that starts with a dash is looked up as a long name first,
 * whether it has one dash or two, and only then read as short letters.
 *
 *     -x  --x  -x=v  --x=v  -x v  --x v      long, and letters alike
 *     -qd                                    letters that take no value
 *     -m1400                                 a letter and digits
 *
 * Booleans take a value only after `=`, as in Go: `-rootless false` would
 * make `false` the verb. `--` or the first plain word ends the options.
 * A row stands at places (`enum option_where`); the same name may have two
 * rows with different meaning before and after the verb, as with runsc's
 * -root. Whatever is not in the table is an error before anything starts.
 */
#include "cli/options.h"
#include "base/nearest.h"
#include "cli/runsc.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const group_titles[OPTION_GROUPS] = {
	[OPTION_GROUP_NETWORK] = "Network",
	[OPTION_GROUP_POLICY] = "Policy",
	[OPTION_GROUP_NAMES] = "Names and addresses",
	[OPTION_GROUP_PORTS] = "Ports",
	[OPTION_GROUP_PROGRAM] = "The program",
	[OPTION_GROUP_OUTPUT] = "What postern says",
	[OPTION_GROUP_RUNSC] = "Taken as runsc takes them",
	[OPTION_GROUP_LATER] = "Not here yet",
};

const char *option_group_title(enum option_group g)
{
	return group_titles[g];
}

size_t option_count(void)
{
	return postern_noptions + runsc_noptions;
}

const struct option *option_at(size_t index)
{
	if (index < postern_noptions)
		return &postern_options[index];
	index -= postern_noptions;
	return index < runsc_noptions ? &runsc_options[index] : NULL;
}

const struct option *option_find(const char *name, size_t len,
                                 unsigned int where, size_t *index)
{
	for (size_t i = 0; i < option_count(); i++) {
		const struct option *o = option_at(i);

		if (!(o->where & where) || strncmp(o->name, name, len) ||
		    o->name[len])
			continue;
		if (index)
			*index = i;
		return o;
	}
	return NULL;
}

static const struct option *find_letter(char letter, unsigned int where,
                                        size_t *index)
{
	for (size_t i = 0; i < option_count(); i++) {
		const struct option *o = option_at(i);

		if (o->letter == letter && o->where & where) {
			*index = i;
			return o;
		}
	}
	return NULL;
}

bool option_was_written(const struct cli *c, const char *name,
                        unsigned int where)
{
	size_t index;

	return option_find(name, strlen(name), where, &index) && c->seen[index];
}

int option_parse_bool(const char *text, bool *out)
{
	static const char *const yes[] = {"1",    "t",    "T",
	                                  "true", "TRUE", "True"};
	static const char *const no[] = {"0",     "f",     "F",
	                                 "false", "FALSE", "False"};

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (!strcmp(text, yes[i]) || !strcmp(text, no[i])) {
			*out = !strcmp(text, yes[i]);
			return 0;
		}
	}
	return -EINVAL;
}

int option_parse_number(const char *text, int64_t low, int64_t high,
                        int64_t *out)
{
	long long v;
	char *end;

	if (!isdigit((unsigned char)text[text[0] == '-']))
		return -EINVAL;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno || *end || v < low || v > high)
		return -EINVAL;
	*out = v;
	return 0;
}

bool option_is_choice(const char *choices, const char *value)
{
	size_t len = strlen(value);

	for (const char *s = choices; *s;) {
		size_t n = strcspn(s, "|");

		if (n == len && !strncmp(s, value, n))
			return true;
		s += n + (s[n] == '|');
	}
	return false;
}

/* The choice that value was meant to be, into buf; NULL. */
static const char *nearest_choice(const char *choices, const char *value,
                                  char *buf, size_t len)
{
	const char *words[16];
	size_t n = 0;
	char *save = NULL;

	snprintf(buf, len, "%s", choices);
	for (char *w = strtok_r(buf, "|", &save); w && n < ARRAY_SIZE(words);
	     w = strtok_r(NULL, "|", &save))
		words[n++] = w;
	return nearest_word(value, words, n);
}

static int check_choice(const struct option *o, const char *value,
                        struct error *err)
{
	char buf[256];
	const char *near;

	if (!o->choices || o->type != RUNSC_NONE ||
	    option_is_choice(o->choices, value))
		return 0;
	near = nearest_choice(o->choices, value, buf, sizeof(buf));
	if (near)
		return error_set(err, -EINVAL,
		                 "--%s=%s: no such value; did you mean %s?",
		                 o->name, value, near);
	return error_set(err, -EINVAL, "--%s=%s: no such value; it takes %s",
	                 o->name, value, o->choices);
}

/* One option with its value ("true", "false" where bool). */
static int apply(struct cli *c, const struct option *o, size_t index,
                 const char *value, struct error *err)
{
	bool flag;
	int rc;

	if (o->group == OPTION_GROUP_LATER)
		return error_set(err, -EOPNOTSUPP, "--%s is not here yet; %s",
		                 o->name, o->help);
	rc = check_choice(o, value, err);
	if (rc < 0)
		return rc;
	c->seen[index] = 1;
	c->written[index] = value;
	if (o->type != RUNSC_NONE)
		return runsc_check_value(o, value, err);
	if (o->set)
		return o->set(c, o, value, err);
	rc = option_parse_bool(value, &flag);
	if (rc < 0)
		return rc;
	*(bool *)((char *)c + o->at) = flag;
	return 0;
}

/* "-name", "-name=v", "-name v"; *taken counts the words used. */
static int apply_word(struct cli *c, const struct option *o, size_t index,
                      const char *equals, const char *next, int *taken,
                      struct error *err)
{
	const char *value = equals;
	bool flag;

	*taken = 1;
	if (o->kind == OPTION_BOOL) {
		if (!value)
			value = "true";
		if (option_parse_bool(value, &flag) < 0)
			return error_set(err, -EINVAL,
			                 "--%s=%s: write true or false",
			                 o->name, value);
		return apply(c, o, index, flag ? "true" : "false", err);
	}
	if (!value && o->kind == OPTION_OPTIONAL)
		value = "";
	if (!value) {
		if (!next)
			return error_set(err, -EINVAL,
			                 "--%s needs a value: --%s=%s", o->name,
			                 o->name, o->value);
		value = next;
		*taken = 2;
	}
	return apply(c, o, index, value, err);
}

static int unknown_option(const char *word, unsigned int where,
                          struct error *err)
{
	const char *names[CLI_OPTIONS_MAX], *near;
	const char *name = word + strspn(word, "-");
	size_t len = strcspn(name, "="), n = 0;
	char bare[64];

	if (option_find(name, len, ~where & OPTION_EVERYWHERE, NULL))
		return error_set(err, -EINVAL,
		                 where == OPTION_GLOBAL
		                         ? "option %.*s goes after the verb"
		                         : "option %.*s goes before the verb",
		                 (int)(name - word + (ptrdiff_t)len), word);
	for (size_t i = 0; i < option_count(); i++)
		if (option_at(i)->where & where)
			names[n++] = option_at(i)->name;
	snprintf(bare, sizeof(bare), "%.*s", (int)MIN(len, 63u), name);
	near = nearest_word(bare, names, n);
	return error_set(err, -EINVAL,
	                 near ? "unknown option %.*s; did you mean --%s?"
	                      : "unknown option %.*s; see postern help%s",
	                 (int)(name - word + (ptrdiff_t)len), word,
	                 near ? near : "");
}

/* "-qd", "-m1400": letters after one dash. -ENOENT: not that. */
static int apply_letters(struct cli *c, const char *word, unsigned int where,
                         struct error *err)
{
	size_t index;
	int rc;

	for (const char *s = word + 1; *s; s++) {
		const struct option *o = find_letter(*s, where, &index);

		if (!o)
			return -ENOENT;
		if (o->kind == OPTION_VALUE && isdigit((unsigned char)s[1]))
			break;
		if (o->kind != OPTION_BOOL)
			return -ENOENT;
	}
	for (const char *s = word + 1; *s; s++) {
		const struct option *o = find_letter(*s, where, &index);
		bool value = o && o->kind == OPTION_VALUE;

		if (!o)
			return -ENOENT;
		rc = apply(c, o, index, value ? s + 1 : "true", err);
		if (rc < 0 || value)
			return rc;
	}
	return 0;
}

/* argv[0] starts with a dash. Returns the words used. */
static int parse_option(struct cli *c, char **argv, unsigned int where,
                        struct error *err)
{
	const char *word = argv[0], *name = word + (word[1] == '-' ? 2 : 1);
	const char *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name), index;
	const struct option *o = option_find(name, len, where, &index);
	int taken = 1, rc;

	/* -9, -TERM, as with kill(1) */
	if (!o && where == OPTION_KILL && !equals && word[1] != '-' &&
	    (isdigit((unsigned char)*name) || isupper((unsigned char)*name)) &&
	    option_find("signal", 6, where, &index)) {
		rc = apply(c, option_at(index), index, name, err);
		return rc < 0 ? rc : 1;
	}
	if (!o && len == 1 && word[1] != '-')
		o = find_letter(*name, where, &index);
	if (o) {
		rc = apply_word(c, o, index, equals ? equals + 1 : NULL,
		                argv[1], &taken, err);
		return rc < 0 ? rc : taken;
	}
	rc = word[1] == '-' || equals ? -ENOENT
	                              : apply_letters(c, word, where, err);
	if (rc == -ENOENT)
		return unknown_option(word, where, err);
	return rc < 0 ? rc : 1;
}

int cli_options_parse(struct cli *c, char **argv, unsigned int where,
                      struct error *err)
{
	bool interleave = c->verb && c->verb->interleave, only_words = false;
	int i = 0, rc;

	while (argv[i]) {
		const char *word = argv[i];

		if (!only_words && !strcmp(word, "--")) {
			i++;
			if (!interleave)
				return i;
			only_words = true;
			continue;
		}
		if (!only_words && word[0] == '-' && word[1]) {
			rc = parse_option(c, argv + i, where, err);
			if (rc < 0)
				return rc;
			i += rc;
			continue;
		}
		if (!interleave && word[0] == '@' && word[1] &&
		    where & (OPTION_GLOBAL | OPTION_DO | OPTION_LEARN)) {
			rc = cli_args_file(c, word, err);
			if (rc < 0)
				return rc;
			i++;
			continue;
		}
		if (!interleave)
			return i;
		if (c->nwords == CLI_WORDS_MAX)
			return error_set(err, -E2BIG, "more than %d words",
			                 CLI_WORDS_MAX);
		c->words[c->nwords++] = word;
		i++;
	}
	return i;
}

/* The value of an adding option may hold several, separated by blanks. */
static int apply_environment(struct cli *c, const struct option *o,
                             size_t index, char *text, struct error *err)
{
	char *save = NULL;
	bool flag;
	int rc = 0;

	if (o->kind == OPTION_BOOL) {
		if (option_parse_bool(text, &flag) < 0)
			return error_set(err, -EINVAL,
			                 "\"%s\": write true or false", text);
		return apply(c, o, index, flag ? "true" : "false", err);
	}
	if (!(o->flags & OPTION_LIST))
		return apply(c, o, index, text, err);
	for (char *w = strtok_r(text, " \t\n", &save); w && rc == 0;
	     w = strtok_r(NULL, " \t\n", &save))
		rc = apply(c, o, index, w, err);
	return rc;
}

int cli_options_environment(struct cli *c, struct error *err)
{
	for (size_t i = 0; i < option_count(); i++) {
		const struct option *o = option_at(i);
		char name[64] = "POSTERN_";
		size_t at = strlen(name);
		const char *value;
		char *copy;
		int rc;

		if (!(o->flags & OPTION_ENV) || c->seen[i] ||
		    !(o->where & c->verb->where))
			continue;
		for (const char *s = o->name; *s && at < sizeof(name) - 1; s++)
			name[at++] = *s == '-'
			                     ? '_'
			                     : (char)toupper((unsigned char)*s);
		name[at] = '\0';
		value = getenv(name);
		if (!value || !*value)
			continue;
		copy = c->nkept < CLI_KEPT_MAX ? strdup(value) : NULL;
		if (!copy)
			return error_set(err, -ENOMEM, "%s: ", name);
		c->kept[c->nkept++] = copy;
		rc = apply_environment(c, o, i, copy, err);
		if (rc < 0) {
			error_prefix(err, "%s: ", name);
			return rc;
		}
		/* a default is not something that was written */
		c->seen[i] = 0;
	}
	return 0;
}
