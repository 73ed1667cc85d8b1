/* SPDX-License-Identifier: Apache-2.0 */
/* help.c - what the option table says to people; the verb `help` */
#include "cli/help.h"
#include "base/nearest.h"
#include "launch/launch.h"

#include <errno.h>
#include <string.h>

#define COLUMN 28

/* "  -m, --mtu BYTES         of CMD's interface" */
static void print_option(FILE *f, const struct option *o)
{
	bool value = o->kind != OPTION_BOOL,
	     optional = o->kind == OPTION_OPTIONAL;
	char left[96];
	int n;

	n = snprintf(left, sizeof(left), "  %c%c%s --%s%s%s%s",
	             o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
	             o->letter ? "," : " ", o->name,
	             optional ? "[="
	             : value  ? " "
	                      : "",
	             value ? o->value : "", optional ? "]" : "");
	if (n >= COLUMN)
		fprintf(f, "%s\n%*s%s\n", left, COLUMN, "", o->help);
	else
		fprintf(f, "%-*s%s\n", COLUMN, left, o->help);
}

static void print_group(FILE *f, enum option_group group, unsigned int where)
{
	bool first = true;

	for (size_t i = 0; i < option_count(); i++) {
		const struct option *o = option_at(i);

		if (o->group != group || !(o->where & where))
			continue;
		if (first)
			fprintf(f, "\n%s:\n", option_group_title(group));
		first = false;
		print_option(f, o);
	}
}

/* All but the first, in lines of a screen's width. */
static void print_verbs(FILE *f)
{
	size_t column = (size_t)fprintf(f, "Other verbs:");

	for (size_t i = 1; i < cli_nverbs; i++) {
		size_t len = strlen(cli_verbs[i].name) + 2;

		if (column + len > 79) {
			fputc('\n', f);
			column = 0;
		}
		fprintf(f, " %s%c", cli_verbs[i].name,
		        i + 1 < cli_nverbs ? ',' : '.');
		column += len;
	}
	fputc('\n', f);
}

void help_short(FILE *f)
{
	fputs("Usage: postern [OPTION...] do [OPTION...] [--] CMD [ARG...]\n"
	      "Runs CMD with a network of its own and one guarded way out.\n\n",
	      f);
	for (size_t i = 0; i < option_count(); i++)
		if (option_at(i)->flags & OPTION_MAIN)
			print_option(f, option_at(i));
	fputs("\nTARGET is NAME, ADDRESS, CIDR or @group, then "
	      "[:PORT[-PORT]][/tcp|/udp|/icmp].\n",
	      f);
	print_verbs(f);
}

void help_all(FILE *f)
{
	fputs("Usage: postern [OPTION...] VERB [OPTION...] ...\n\n", f);
	for (size_t i = 0; i < cli_nverbs; i++)
		fprintf(f, "  postern %s %s\n%*s%s\n", cli_verbs[i].name,
		        cli_verbs[i].usage, COLUMN, "", cli_verbs[i].help);
	for (unsigned int g = 0; g < OPTION_GROUP_LATER; g++)
		print_group(f, (enum option_group)g, OPTION_EVERYWHERE);
	fputs("\nOne dash or two; -x=v or -x v, booleans only -x=true. "
	      "See postern(1).\n",
	      f);
}

void help_verb(FILE *f, const struct verb *v)
{
	fprintf(f, "Usage: postern %s %s\nTo %s.\n", v->name, v->usage,
	        v->help);
	for (unsigned int g = 0; g < OPTION_GROUP_RUNSC; g++)
		print_group(f, (enum option_group)g, v->where);
}

static void explain_option(const struct option *o)
{
	if (o->kind == OPTION_VALUE)
		printf("--%s %s: %s\n", o->name, o->value, o->help);
	else
		printf("--%s[=%s]: %s\n", o->name,
		       o->kind == OPTION_BOOL ? "true|false" : o->value,
		       o->help);
	if (o->letter)
		printf("  short: -%c\n", o->letter);
	if (o->choices)
		printf("  values: %s\n", o->choices + (*o->choices == '|'));
	printf("  stands: %s%s%s\n",
	       o->where & OPTION_GLOBAL ? "before the verb" : "",
	       o->where & OPTION_GLOBAL && o->where & ~1u ? ", " : "",
	       o->where & ~(unsigned int)OPTION_GLOBAL ? "after the verb" : "");
	if (o->flags & OPTION_LIST)
		puts("  may be given more than once, and adds up");
	if (o->flags & OPTION_ENV)
		puts("  its default may be set by POSTERN_ and its name, in "
		     "capitals, - as _");
	if (o->group == OPTION_GROUP_LATER)
		puts("  not here yet: refused with status 125");
}

int cli_help(struct cli *c)
{
	const char *names[CLI_OPTIONS_MAX], *near;
	struct error err = {0};
	const struct verb *v;
	bool found = false;
	const char *word;
	size_t n = 0;

	if (!c->nwords) {
		help_short(stdout);
		return 0;
	}
	word = c->words[0] + strspn(c->words[0], "-");
	v = cli_verb_find(word);
	if (v) {
		help_verb(stdout, v);
		return 0;
	}
	for (size_t i = 0; i < option_count(); i++) {
		const struct option *o = option_at(i);

		names[n++] = o->name;
		if (strcmp(o->name, word) != 0 &&
		    !(o->letter && word[0] == o->letter && !word[1]))
			continue;
		explain_option(o);
		found = true;
	}
	if (found)
		return 0;
	near = nearest_word(word, names, n);
	error_set(&err, -EINVAL,
	          near ? "no verb or option \"%s\"; did you mean %s?"
	               : "no verb or option \"%s\"; see postern --help-all%s",
	          word, near ? near : "");
	return cli_fail(&err);
}
