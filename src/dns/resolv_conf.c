/* SPDX-License-Identifier: Apache-2.0 */
/* resolv_conf.c - resolv.conf(5), as far as a resolver cares */
#include "dns/resolv_conf.h"

#include <string.h>

#define DNS_PORT 53

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\0';
}

static void trim(const char **p, size_t *len)
{
	while (*len && is_blank(**p)) {
		(*p)++;
		(*len)--;
	}
	while (*len && is_blank((*p)[*len - 1]))
		(*len)--;
}

bool resolv_conf_line(const char **text, size_t *len,
                      struct resolv_conf_line *line)
{
	const char *p = *text, *nl;
	size_t n;

	if (!*len)
		return false;
	nl = memchr(p, '\n', *len);
	n = nl ? (size_t)(nl - p) : *len;
	*text += n + (nl ? 1 : 0);
	*len -= n + (nl ? 1 : 0);

	for (size_t i = 0; i < n; i++)
		if (p[i] == '#' || p[i] == ';')
			n = i;
	trim(&p, &n);
	line->keyword = p;
	line->keyword_len = 0;
	while (line->keyword_len < n && !is_blank(p[line->keyword_len]))
		line->keyword_len++;
	line->rest = p + line->keyword_len;
	line->rest_len = n - line->keyword_len;
	trim(&line->rest, &line->rest_len);
	return true;
}

bool resolv_conf_is(const struct resolv_conf_line *line, const char *keyword)
{
	return line->keyword_len == strlen(keyword) &&
	       !memcmp(line->keyword, keyword, line->keyword_len);
}

size_t resolv_conf_servers(const char *text, size_t len, struct endpoint *out,
                           size_t max)
{
	struct resolv_conf_line line;
	size_t n = 0;

	while (n < max && resolv_conf_line(&text, &len, &line)) {
		char word[ADDR_TEXT_MAX];
		size_t i = 0;

		if (!resolv_conf_is(&line, "nameserver"))
			continue;
		while (i < line.rest_len && i < sizeof(word) - 1 &&
		       !is_blank(line.rest[i])) {
			word[i] = line.rest[i];
			i++;
		}
		word[i] = '\0';
		if (addr_parse(word, &out[n].addr) == 0)
			out[n++].port = DNS_PORT;
	}
	return n;
}
