/* SPDX-License-Identifier: Apache-2.0 */
/* options.h - the one option table, and the parser over it */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/cli.h"

enum option_kind {
	OPTION_BOOL,     /* -x, -x=v; never -x v */
	OPTION_VALUE,    /* -x v, -x=v */
	OPTION_OPTIONAL, /* -x, -x=v; never -x v */
};

/* enum option_where - where on the line an option may stand */
enum option_where {
	OPTION_GLOBAL = 1, /* before the verb */
	OPTION_DO = 2,
	OPTION_CHECK = 4,
	OPTION_WHY = 8,
	OPTION_POLICY = 16,
	OPTION_HELP = 32,
	OPTION_VERSION = 64,
	OPTION_COMPLETIONS = 128,
	OPTION_LEARN = 256,
	OPTION_PS = 512,
	OPTION_INFO = 1024,
	OPTION_FLOWS = 2048,
	OPTION_LIVE_ALLOW = 4096,
	OPTION_LIVE_DENY = 8192,
	OPTION_WAIT = 16384,
	OPTION_KILL = 32768,
	OPTION_STATS = 65536,
	OPTION_LIVE_PUBLISH = 131072,
	OPTION_LIVE_UNPUBLISH = 262144,
	OPTION_EXEC = 524288,
};
#define OPTION_EVERYWHERE 1048575u

enum option_group {
	OPTION_GROUP_NETWORK,
	OPTION_GROUP_POLICY,
	OPTION_GROUP_NAMES,
	OPTION_GROUP_PORTS,
	OPTION_GROUP_PROGRAM,
	OPTION_GROUP_OUTPUT,
	OPTION_GROUP_RUNSC, /* taken for runsc's sake */
	OPTION_GROUP_LATER, /* refused: not here yet */
};
#define OPTION_GROUPS 8u

enum option_flag {
	OPTION_MAIN = 1,  /* in the first screen of help */
	OPTION_ENV = 2,   /* POSTERN_NAME sets its default */
	OPTION_LIST = 4,  /* adds up; else the last one wins */
	OPTION_NET = 8,   /* has no effect without a network of our own */
	OPTION_FILE = 16, /* value is a path (completion) */
};

/* enum runsc_verdict - what becomes of a value that was written */
enum runsc_verdict {
	RUNSC_END,    /* ends a list of cases */
	RUNSC_HONOUR, /* act() is called */
	RUNSC_ACCEPT, /* no effect, said under --debug */
	RUNSC_WARN,   /* deprecated: no effect, said as a warning */
	RUNSC_REFUSE, /* exit 125 unless --best-effort; why says what lacks */
};

enum runsc_type {
	RUNSC_NONE, /* not one of runsc's rows */
	RUNSC_BOOL,
	RUNSC_INT,
	RUNSC_UINT,
	RUNSC_POSITIVE,
	RUNSC_STRING,
	RUNSC_CHOICE, /* one of `choices` */
};

struct option;

/* struct runsc_case - value NULL: any other */
struct runsc_case {
	enum runsc_verdict verdict;
	const char *value;
	const char *why;
	int (*act)(struct cli *c, const char *value, struct error *err);
};

/*
 * struct option - one row. set() is called for each one written, in order;
 * value is "true" or "false" for OPTION_BOOL. It may be NULL for a bool,
 * then *(bool *)((char *)c + at) is set. Rows of runsc have `type` and
 * `cases` and are judged by runsc_judge() on the last value written.
 */
struct option {
	const char *name;
	char letter; /* 0: none */
	enum option_kind kind;
	unsigned int where;
	enum option_group group;
	unsigned int flags;
	const char *value;   /* what help calls it */
	const char *choices; /* "a|b|c", NULL */
	const char *help;
	int (*set)(struct cli *c, const struct option *o, const char *value,
	           struct error *err);
	size_t at;
	enum runsc_type type;
	const struct runsc_case *cases;
};

/* option_at() - rows of both tables by one index; NULL beyond the last */
const struct option *option_at(size_t index);
size_t option_count(void);
/* option_find() - by name, in any of the places `where`; NULL */
const struct option *option_find(const char *name, size_t len,
                                 unsigned int where, size_t *index);
bool option_was_written(const struct cli *c, const char *name,
                        unsigned int where);
const char *option_group_title(enum option_group g);

/*
 * cli_options_parse() - argv[0..] up to the first plain word, or all of it
 * where the verb interleaves. Returns how many words were taken ("--"
 * included), or a negative errno with err set.
 */
_must_check_ int cli_options_parse(struct cli *c, char **argv,
                                   unsigned int where, struct error *err);
/* cli_options_environment() - POSTERN_* defaults for what was not written */
_must_check_ int cli_options_environment(struct cli *c, struct error *err);

/* cli_args_file() - "@FILE": its lines as options, nothing but options */
_must_check_ int cli_args_file(struct cli *c, const char *word,
                               struct error *err);
/* option_parse_fd() - the number of an open descriptor; or -EBADF */
_must_check_ int option_parse_fd(const struct option *o, const char *value,
                                 struct error *err);
/* cli_settle_doors() - finds what doors lead to; holds them against the rules
 */
_must_check_ int cli_settle_doors(struct cli *c, struct error *err);

/* option_parse_bool() - Go's spellings. 0 or -EINVAL. */
_must_check_ int option_parse_bool(const char *text, bool *out);
/* option_parse_number() - decimal, within [low, high]. 0 or -EINVAL. */
_must_check_ int option_parse_number(const char *text, int64_t low,
                                     int64_t high, int64_t *out);
/* option_is_choice() - is value one of "a|b|c"? */
bool option_is_choice(const char *choices, const char *value);

/* The rows, and their setters. */
extern const struct option postern_options[];
extern const size_t postern_noptions;

#endif
