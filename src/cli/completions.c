/* SPDX-License-Identifier: Apache-2.0 */
/* completions.c - the verb `completions`: shell scripts from the table */
#include "base/nearest.h"
#include "cli/options.h"
#include "launch/launch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Only what does something is offered. */
static bool is_offered(const struct option *o, unsigned int where)
{
	return o->where & where && o->group != OPTION_GROUP_LATER;
}

static void print_words(const char *choices, char separator)
{
	for (const char *s = choices; *s; s++)
		putchar(*s == '|' ? separator : *s);
}

/* --- bash ---------------------------------------------------------------- */

static void bash_options(unsigned int where)
{
	for (size_t i = 0; i < option_count(); i++)
		if (is_offered(option_at(i), where))
			printf(" --%s", option_at(i)->name);
}

static void bash_values(void)
{
	for (size_t i = 0; i < option_count(); i++) {
		const struct option *o = option_at(i);

		if (o->kind != OPTION_VALUE || o->group == OPTION_GROUP_LATER ||
		    (!o->choices && !(o->flags & OPTION_FILE)))
			continue;
		printf("\t--%s|-%s)\n", o->name, o->name);
		if (o->choices) {
			fputs("\t\tCOMPREPLY=($(compgen -W '", stdout);
			print_words(o->choices, ' ');
			puts("' -- \"$cur\"))");
		} else {
			puts("\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))");
		}
		puts("\t\treturn ;;");
	}
}

static void print_bash(void)
{
	puts("# bash completion of postern, from its option table\n"
	     "_postern()\n{\n"
	     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev= verb= i word\n"
	     "\tCOMPREPLY=()\n"
	     "\t((COMP_CWORD > 0)) && prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	     "\tif [[ $prev == = ]] && ((COMP_CWORD > 1)); then\n"
	     "\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n"
	     "\telif [[ $cur == = ]]; then\n"
	     "\t\tcur=\n"
	     "\tfi\n"
	     "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	     "\t\tword=${COMP_WORDS[i]}\n"
	     "\t\tcase $word in");
	fputs("\t\t", stdout);
	for (size_t i = 0; i < cli_nverbs; i++)
		printf("%s%s", i ? "|" : "", cli_verbs[i].name);
	puts("|run)\n"
	     "\t\t\t[[ $verb ]] || { verb=$word; continue; } ;;\n"
	     "\t\tesac\n"
	     "\t\tif [[ $verb == do || $verb == run || $verb == learn ]] &&\n"
	     "\t\t   [[ $word == -- || ( $word != -* && $word != = &&\n"
	     "\t\t      ${COMP_WORDS[i - 1]} == \"$verb\" ) ]]; then\n"
	     "\t\t\t[[ $word == -- ]] && ((i++))\n"
	     "\t\t\tdeclare -F _command_offset >/dev/null &&\n"
	     "\t\t\t\t_command_offset \"$i\"\n"
	     "\t\t\treturn\n"
	     "\t\tfi\n"
	     "\tdone\n"
	     "\tcase $prev in");
	bash_values();
	puts("\tesac\n\tcase $verb in");
	for (size_t i = 0; i < cli_nverbs; i++) {
		const struct verb *v = &cli_verbs[i];

		printf("\t%s%s%s)\n\t\tset --", v->name, v->alias ? "|" : "",
		       v->alias ? v->alias : "");
		bash_options(v->where);
		if (v->where == OPTION_POLICY)
			fputs(" check print test", stdout);
		if (v->where == OPTION_COMPLETIONS)
			fputs(" bash zsh fish", stdout);
		puts(" ;;");
	}
	fputs("\t*)\n\t\tset --", stdout);
	for (size_t i = 0; i < cli_nverbs; i++)
		printf(" %s", cli_verbs[i].name);
	bash_options(OPTION_GLOBAL);
	puts(" ;;\n\tesac\n"
	     "\tCOMPREPLY=($(compgen -W \"$*\" -- \"$cur\"))\n"
	     "\tif [[ $cur != -* ]]; then\n"
	     "\t\tcase $verb in\n"
	     "\t\tdo|run|learn) COMPREPLY+=($(compgen -c -- \"$cur\")) ;;\n"
	     "\t\tpolicy) COMPREPLY+=($(compgen -f -- \"$cur\")) ;;\n"
	     "\t\tinfo|flows|allow|deny|wait|kill|stats|publish|unpublish|exec)"
	     "\n"
	     "\t\t\tCOMPREPLY+=($(compgen -W \"$(ls \\\n"
	     "\t\t\t\t\"${XDG_RUNTIME_DIR:-/nonexistent}/postern\" \\\n"
	     "\t\t\t\t2>/dev/null)\" -- \"$cur\")) ;;\n"
	     "\t\tesac\n"
	     "\tfi\n}\n"
	     "complete -F _postern postern");
}

/* --- zsh ----------------------------------------------------------------- */

/* Text within '...[...]': quotes, brackets and colons escaped. */
static void zsh_text(const char *s)
{
	for (; *s; s++) {
		if (*s == '\'')
			fputs("'\\''", stdout);
		else if (strchr("[]:\\", *s))
			printf("\\%c", *s);
		else
			putchar(*s);
	}
}

static void zsh_options(unsigned int where)
{
	for (size_t i = 0; i < option_count(); i++) {
		const struct option *o = option_at(i);
		bool value = o->kind == OPTION_VALUE;

		if (!is_offered(o, where))
			continue;
		printf("\t\t'%s--%s%s[", o->flags & OPTION_LIST ? "*" : "",
		       o->name, value ? "=" : "");
		zsh_text(o->help);
		putchar(']');
		if (value) {
			putchar(':');
			zsh_text(o->value);
			putchar(':');
			if (o->choices) {
				putchar('(');
				print_words(o->choices, ' ');
				putchar(')');
			} else if (o->flags & OPTION_FILE) {
				fputs("_files", stdout);
			}
		}
		puts("' \\");
	}
}

static void zsh_verb(const struct verb *v)
{
	printf("\t%s%s%s)\n\t\t_arguments -S \\\n", v->name,
	       v->alias ? "|" : "", v->alias ? v->alias : "");
	zsh_options(v->where);
	switch (v->where) {
	case OPTION_DO:
		puts("\t\t'(-)1:command:_command_names -e' \\\n"
		     "\t\t'*::arguments:_normal' ;;");
		break;
	case OPTION_POLICY:
		puts("\t\t'1:part:(check print test)' '*:file:_files' ;;");
		break;
	case OPTION_COMPLETIONS:
		puts("\t\t'1:shell:(bash zsh fish)' ;;");
		break;
	default:
		puts("\t\t'*:word:' ;;");
	}
}

static void print_zsh(void)
{
	puts("#compdef postern\n"
	     "# zsh completion of postern, from its option table\n"
	     "_postern()\n{\n"
	     "\tlocal curcontext=$curcontext state line ret=1\n"
	     "\ttypeset -A opt_args\n"
	     "\t_arguments -C -S \\");
	zsh_options(OPTION_GLOBAL);
	puts("\t\t'1:verb:->verb' '*::options:->options' && ret=0\n"
	     "\tcase $state in\n"
	     "\tverb)\n"
	     "\t\tlocal -a verbs\n"
	     "\t\tverbs=(");
	for (size_t i = 0; i < cli_nverbs; i++) {
		printf("\t\t\t'%s:", cli_verbs[i].name);
		zsh_text(cli_verbs[i].help);
		puts("'");
	}
	puts("\t\t)\n"
	     "\t\t_describe verb verbs && ret=0\n"
	     "\t\treturn ret ;;\n"
	     "\tesac\n"
	     "\tcase $line[1] in");
	for (size_t i = 0; i < cli_nverbs; i++)
		zsh_verb(&cli_verbs[i]);
	puts("\tesac\n}\n_postern \"$@\"");
}

/* --- fish ---------------------------------------------------------------- */

static void fish_text(const char *s)
{
	putchar('\'');
	for (; *s; s++) {
		if (*s == '\'' || *s == '\\')
			putchar('\\');
		putchar(*s);
	}
	putchar('\'');
}

static void fish_option(const struct option *o, const char *condition)
{
	printf("complete -c postern -n '%s' -l %s", condition, o->name);
	if (o->letter)
		printf(" -s %c", o->letter);
	if (o->kind == OPTION_VALUE)
		fputs(o->flags & OPTION_FILE ? " -r -F" : " -x", stdout);
	if (o->choices) {
		fputs(" -a '", stdout);
		print_words(o->choices, ' ');
		putchar('\'');
	}
	fputs(" -d ", stdout);
	fish_text(o->help);
	putchar('\n');
}

static void print_fish(void)
{
	char condition[64];

	puts("# fish completion of postern, from its option table\n"
	     "complete -c postern -f");
	for (size_t i = 0; i < option_count(); i++)
		if (is_offered(option_at(i), OPTION_GLOBAL))
			fish_option(option_at(i), "__fish_use_subcommand");
	for (size_t i = 0; i < cli_nverbs; i++) {
		const struct verb *v = &cli_verbs[i];

		printf("complete -c postern -n __fish_use_subcommand -a %s -d ",
		       v->name);
		fish_text(v->help);
		putchar('\n');
		snprintf(condition, sizeof(condition),
		         "__fish_seen_subcommand_from %s", v->name);
		for (size_t k = 0; k < option_count(); k++)
			if (is_offered(option_at(k), v->where))
				fish_option(option_at(k), condition);
	}
	puts("complete -c postern -n '__fish_seen_subcommand_from do run' "
	     "-x -a '(__fish_complete_subcommand)'\n"
	     "complete -c postern -n '__fish_seen_subcommand_from policy' "
	     "-F -a 'check print test'\n"
	     "complete -c postern -n '__fish_seen_subcommand_from "
	     "completions' -a 'bash zsh fish'");
}

int cli_completions(struct cli *c)
{
	static const char *const shells[] = {"bash", "zsh", "fish"};
	static void (*const prints[])(void) = {print_bash, print_zsh,
	                                       print_fish};
	const char *word = c->nwords ? c->words[0] : "", *near;
	struct error err = {0};

	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		if (!strcmp(word, shells[i])) {
			prints[i]();
			return 0;
		}
	}
	near = nearest_word(word, shells, ARRAY_SIZE(shells));
	error_set(&err, -EINVAL,
	          near ? "no completions for \"%s\"; did you mean %s?"
	               : "no completions for \"%s\"; there are bash, zsh, "
	                 "fish%s",
	          word, near ? near : "");
	return cli_fail(&err);
}
