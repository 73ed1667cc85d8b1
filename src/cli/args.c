/* SPDX-License-Identifier: Apache-2.0 */
/* args.c - more options, from a descriptor or a file: --args FD, @FILE */
#include "base/cleanup.h"
#include "cli/setters.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGS_BYTES_MAX (1u << 20)
#define ARGS_WORDS_MAX 4096u
#define ARGS_DEPTH_MAX 4u

/* All of fd into text, with a NUL behind it; how much, or an error. */
static ssize_t read_args(int fd, char *text)
{
	size_t at = 0;

	for (;;) {
		ssize_t n = read(fd, text + at, ARGS_BYTES_MAX - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		at += (size_t)n;
		if (at == ARGS_BYTES_MAX)
			return -E2BIG;
	}
	text[at] = '\0';
	return (ssize_t)at;
}

/* Takes the words of text as options; nothing but options. */
static int apply_args(struct cli *c, char *text, size_t len, struct error *err)
{
	_auto_free_ char **words = calloc(ARGS_WORDS_MAX + 1, sizeof(*words));
	size_t n = 0;
	int rc;

	if (!words)
		return error_set(err, -ENOMEM, "no memory");
	for (char *w = text; w < text + len; w += strlen(w) + 1) {
		if (n == ARGS_WORDS_MAX)
			return error_set(err, -E2BIG, "more than %u words",
			                 ARGS_WORDS_MAX);
		words[n++] = w;
	}
	rc = cli_options_parse(
		c, words,
		c->verb ? c->verb->where : (unsigned int)OPTION_GLOBAL, err);
	if (rc < 0)
		return rc;
	if (words[rc])
		return error_set(err, -EINVAL, "\"%s\" is no option",
		                 words[rc]);
	return 0;
}

/* The words of fd, which are kept: options point into them. */
static int take_words(struct cli *c, int fd, size_t (*split)(char *, size_t),
                      struct error *err)
{
	char *text;
	ssize_t len;
	int rc;

	if (c->args_depth == ARGS_DEPTH_MAX || c->nkept == CLI_KEPT_MAX)
		return error_set(err, -ELOOP, "one within the other, too deep");
	text = malloc(ARGS_BYTES_MAX + 1);
	if (!text)
		return error_set(err, -ENOMEM, "no memory");
	c->kept[c->nkept++] = text;
	len = read_args(fd, text);
	if (len < 0)
		return error_set(err, (int)len, "cannot be read: ");
	c->args_depth++;
	rc = apply_args(c, text, split ? split(text, (size_t)len) : (size_t)len,
	                err);
	c->args_depth--;
	return rc;
}

int set_args(struct cli *c, const struct option *o, const char *value,
             struct error *err)
{
	_auto_close_ int fd = option_parse_fd(o, value, err);
	int rc;

	if (fd < 0)
		return fd;
	rc = take_words(c, fd, NULL, err);
	if (rc < 0)
		error_prefix(err, "--args %s: ", value);
	return rc;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* One line, without its end, to `to`, which is not behind it: nothing, a word
 * or, of an option and its value, two. Returns where the next goes. */
static char *put_line(char *to, const char *line, size_t len)
{
	size_t name = 0;

	while (len && is_blank(*line))
		line++, len--;
	while (len && (is_blank(line[len - 1]) || line[len - 1] == '\r'))
		len--;
	if (!len || *line == '#')
		return to;
	while (name < len && !is_blank(line[name]) && line[name] != '=')
		name++;
	memmove(to, line, len);
	to[len] = '\0';
	if (*to == '-' && name < len && is_blank(to[name])) {
		size_t value = name;

		while (is_blank(to[value]))
			value++;
		to[name] = '\0';
		memmove(to + name + 1, to + value, len - value + 1);
		len -= value - name - 1;
	}
	return to + len + 1;
}

/* A file with a NUL in it is as --args takes it; others are for people. */
static size_t split_lines(char *text, size_t len)
{
	char *at = text, *to = text, *end = text + len;

	if (memchr(text, '\0', len))
		return len;
	while (at < end) {
		char *stop = memchr(at, '\n', (size_t)(end - at));

		stop = stop ? stop : end;
		to = put_line(to, at, (size_t)(stop - at));
		at = stop + 1;
	}
	return (size_t)(to - text);
}

int cli_args_file(struct cli *c, const char *word, struct error *err)
{
	_auto_close_ int fd = open(word + 1, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int rc;

	if (fd < 0)
		rc = error_set(err, -errno, "cannot be opened: ");
	else
		rc = take_words(c, fd, split_lines, err);
	if (rc < 0)
		error_prefix(err, "%s: ", word);
	return rc;
}
