/* SPDX-License-Identifier: Apache-2.0 */
/* rules.c - rules from flags, policy files and named sets */
#include "cli/rules.h"
#include "base/cleanup.h"
#include "base/nearest.h"
#include "cli/options.h"

#include <ctype.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX (4u << 20)
#define INCLUDE_DEPTH_MAX 8

/* struct source - one file being read; `set`: lines are bare targets */
struct source {
	struct policy *policy;
	const char *name;   /* as errors and origins tell it */
	char dir[PATH_MAX]; /* for include; "" where there is none */
	unsigned int depth;
	bool set;
	enum policy_action action; /* of a set */
};

static int read_source(const struct source *src, int fd, struct error *err);

/* The column that policy_target_parse() told, and the text behind it. */
static const char *split_column(const char *text, unsigned int *column)
{
	int used = 0;

	*column = 1;
	if (sscanf(text, "column %u: %n", column, &used) == 1 && used)
		return text + used;
	return text;
}

/* --- named sets ---------------------------------------------------------- */

/* Opens `dir`/`rest` if dir is not NULL. */
static int open_below(const char *dir, const char *rest, const char *name)
{
	char path[PATH_MAX];

	if (!dir || (size_t)snprintf(path, sizeof(path), "%s%s%s", dir, rest,
	                             name) >= sizeof(path))
		return -1;
	return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

/* The data that came with this program, wherever it was put. */
static int open_shipped_set(const char *name)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	int fd = open_below(POSTERN_DATADIR, "/sets/", name);
	char *dir;

	if (fd >= 0 || n <= 0)
		return fd;
	exe[n] = '\0';
	dir = dirname(exe);
	fd = open_below(dir, "/../share/postern/sets/", name);
	/* the program as built, not installed */
	return fd >= 0 ? fd : open_below(dir, "/../data/sets/", name);
}

static int open_set(const char *name)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	int fd;

	if (config && config[0] == '/')
		fd = open_below(config, "/postern/sets/", name);
	else
		fd = open_below(getenv("HOME"), "/.config/postern/sets/", name);
	return fd >= 0 ? fd : open_shipped_set(name);
}

/* -ENOENT: text is no set's name, let the grammar speak. */
static int add_set(struct policy *p, enum policy_action action,
                   const char *text, unsigned int depth, struct error *err)
{
	struct source src = {.policy = p,
	                     .name = text,
	                     .depth = depth + 1,
	                     .set = true,
	                     .action = action};
	_auto_close_ int fd = -1;
	enum policy_group group;
	const char *name = text + 1;

	if (text[0] != '@' || !*name || policy_group_find(name, &group) ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_")])
		return -ENOENT;
	if (depth >= INCLUDE_DEPTH_MAX)
		return error_set(err, -ELOOP,
		                 "column 1: sets nest deeper than %d",
		                 INCLUDE_DEPTH_MAX);
	fd = open_set(name);
	if (fd < 0)
		return -ENOENT;
	return read_source(&src, fd, err);
}

static int add_target(struct policy *p, enum policy_action action,
                      const char *text, const char *origin, unsigned int depth,
                      struct error *err)
{
	int rc = add_set(p, action, text, depth, err);

	if (rc == -ENOENT)
		rc = policy_add_from(p, action, text, origin, err);
	return rc;
}

int rules_add(struct policy *p, enum policy_action action, const char *text,
              struct error *err)
{
	int rc = add_target(p, action, text, "", 0, err);

	if (rc < 0)
		error_prefix(err, "--%s %s: ",
		             action == POLICY_ALLOW ? "allow" : "deny", text);
	return rc;
}

/* --- files --------------------------------------------------------------- */

static int include(const struct source *from, const char *path,
                   struct error *err)
{
	struct source src = {.policy = from->policy, .depth = from->depth + 1};
	char full[PATH_MAX];
	_auto_close_ int fd = -1;

	if (src.depth > INCLUDE_DEPTH_MAX)
		return error_set(err, -ELOOP,
		                 "column 9: files include each other deeper "
		                 "than %d",
		                 INCLUDE_DEPTH_MAX);
	if (path[0] != '/' && !from->dir[0])
		return error_set(err, -EINVAL,
		                 "column 9: what does not come from a file "
		                 "includes absolute paths only");
	if ((size_t)snprintf(full, sizeof(full), "%s%s%s",
	                     path[0] == '/' ? "" : from->dir,
	                     path[0] == '/' ? "" : "/", path) >= sizeof(full))
		return error_set(err, -ENAMETOOLONG, "column 9: too long");
	fd = open(full, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return error_set(err, -errno,
		                 "column 9: cannot open %s: ", full);
	src.name = full;
	snprintf(src.dir, sizeof(src.dir), "%s", full);
	*strrchr(src.dir, '/') = '\0';
	if (!src.dir[0])
		snprintf(src.dir, sizeof(src.dir), "/");
	return read_source(&src, fd, err);
}

/* line: trimmed, without comment, not empty. */
static int read_rule(const struct source *src, char *line, const char *origin,
                     struct error *err)
{
	static const char *const words[] = {"allow", "deny", "include"};
	size_t len = strcspn(line, " \t"), skip, i;
	unsigned int column;
	char text[512];
	const char *rest, *near;
	int rc;

	if (src->set)
		return add_target(src->policy, src->action, line, origin,
		                  src->depth, err);
	skip = len + strspn(line + len, " \t");
	rest = line + skip;
	line[len] = '\0';
	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(line, words[i]))
			break;
	if (i == ARRAY_SIZE(words)) {
		near = nearest_word(line, words, ARRAY_SIZE(words));
		return error_set(err, -EINVAL,
		                 near ? "column 1: \"%s\"; did you mean %s?"
		                      : "column 1: \"%s\"; a line starts with "
		                        "allow, deny or include%s",
		                 line, near ? near : "");
	}
	if (!*rest)
		return error_set(err, -EINVAL,
		                 "column %zu: \"%s\" needs a target", skip + 1,
		                 line);
	if (i == 2)
		return include(src, rest, err);
	rc = add_target(src->policy, i ? POLICY_DENY : POLICY_ALLOW, rest,
	                origin, src->depth, err);
	if (rc < 0 && !strncmp(err->text, "column ", 7)) {
		snprintf(text, sizeof(text), "%s",
		         split_column(err->text, &column));
		error_set(err, rc, "column %zu: %s", column + skip, text);
	}
	return rc;
}

/* Turns "column N: text" into "file:line:N: text"; what an included file
 * said already names its place. */
static void place_error(const struct source *src, unsigned int line,
                        size_t indent, struct error *err)
{
	unsigned int column;
	char text[512];

	if (strncmp(err->text, "column ", 7))
		return;
	snprintf(text, sizeof(text), "%s", split_column(err->text, &column));
	error_set(err, err->code, "%s:%u:%zu: %s", src->name, line,
	          column + indent, text);
}

static int read_line(const struct source *src, char *line, unsigned int number,
                     struct error *err)
{
	char origin[PATH_MAX + 16], *hash = line;
	size_t indent = strspn(line, " \t"), len;
	int rc;

	/* a # starts a comment at the front or after a blank */
	while ((hash = strchr(hash, '#'))) {
		if (hash == line || hash[-1] == ' ' || hash[-1] == '\t') {
			*hash = '\0';
			break;
		}
		hash++;
	}
	line += indent;
	len = strlen(line);
	while (len && strchr(" \t\r", line[len - 1]))
		line[--len] = '\0';
	if (!len)
		return 0;
	snprintf(origin, sizeof(origin), "%s:%u", src->name, number);
	rc = read_rule(src, line, origin, err);
	if (rc < 0)
		place_error(src, number, indent, err);
	return rc;
}

/* All of fd as text; the caller frees. NULL with err set. */
static char *slurp(const struct source *src, int fd, size_t *len,
                   struct error *err)
{
	size_t room = 4096;
	char *text = malloc(room), *moved;
	ssize_t n;

	*len = 0;
	while (text && *len <= FILE_BYTES_MAX) {
		if (room - *len < 2) {
			moved = realloc(text, room * 2);
			if (!moved)
				break;
			text = moved;
			room *= 2;
		}
		n = read(fd, text + *len, room - *len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			error_set(err, -errno, "cannot read %s: ", src->name);
			free(text);
			return NULL;
		}
		if (n == 0) {
			text[*len] = '\0';
			return text;
		}
		*len += (size_t)n;
	}
	free(text);
	error_set(err, -EFBIG, "%s: a policy has at most %u MiB", src->name,
	          FILE_BYTES_MAX >> 20);
	return NULL;
}

static int read_source(const struct source *src, int fd, struct error *err)
{
	_auto_free_ char *text = NULL;
	unsigned int number = 1;
	size_t len;

	text = slurp(src, fd, &len, err);
	if (!text)
		return err->code;
	for (char *line = text; line < text + len; number++) {
		char *end = memchr(line, '\n', (size_t)(text + len - line));
		int rc;

		if (!end)
			end = text + len;
		*end = '\0';
		if (strlen(line) != (size_t)(end - line))
			return error_set(err, -EINVAL, "%s:%u:%zu: a NUL byte",
			                 src->name, number, strlen(line) + 1);
		rc = read_line(src, line, number, err);
		if (rc < 0)
			return rc;
		line = end + 1;
	}
	return 0;
}

int rules_load(struct policy *p, const char *spec, struct error *err)
{
	struct source src = {.policy = p, .name = spec};
	_auto_close_ int fd = -1;
	char *slash;
	int64_t n;

	if (!strcmp(spec, "-")) {
		src.name = "stdin";
		return read_source(&src, 0, err);
	}
	if (!strncmp(spec, "fd:", 3)) {
		if (option_parse_number(spec + 3, 0, INT_MAX, &n) < 0)
			return error_set(err, -EINVAL,
			                 "--policy %s: write fd: and the "
			                 "number of an open descriptor",
			                 spec);
		fd = (int)n;
		return read_source(&src, fd, err);
	}
	fd = open(spec, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return error_set(err, -errno,
		                 "--policy: cannot open %s: ", spec);
	snprintf(src.dir, sizeof(src.dir), "%s", spec);
	slash = strrchr(src.dir, '/');
	if (slash == src.dir)
		slash[1] = '\0';
	else if (slash)
		*slash = '\0';
	else
		snprintf(src.dir, sizeof(src.dir), ".");
	return read_source(&src, fd, err);
}
