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

static bool is_link_local(const struct addr *a)
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

uint32_t resolv_conf_scope(struct addr *a)
{
	uint32_t scope = 0;

	if (is_link_local(a)) {
		scope = (uint32_t)a->b[2] << 8 | a->b[3];
		a->b[2] = a->b[3] = 0;
	}
	return scope;
}

/* "3" behind the % of an address; interfaces beyond 65535 find no room. */
static bool take_scope(struct addr *a, const char *digits)
{
	uint32_t scope = 0;

	for (; *digits >= '0' && *digits <= '9' && scope <= UINT16_MAX;
	     digits++)
		scope = scope * 10 + (uint32_t)(*digits - '0');
	if (*digits || !scope || scope > UINT16_MAX || !is_link_local(a))
		return false;
	a->b[2] = (uint8_t)(scope >> 8);
	a->b[3] = (uint8_t)scope;
	return true;
}

size_t resolv_conf_servers(const char *text, size_t len, struct endpoint *out,
                           size_t max)
{
	struct resolv_conf_line line;
	size_t n = 0;

	while (n < max && resolv_conf_line(&text, &len, &line)) {
		char word[ADDR_TEXT_MAX + 16], *percent;
		size_t i = 0;

		if (!resolv_conf_is(&line, "nameserver"))
			continue;
		while (i < line.rest_len && i < sizeof(word) - 1 &&
		       !is_blank(line.rest[i])) {
			word[i] = line.rest[i];
			i++;
		}
		word[i] = '\0';
		percent = strchr(word, '%');
		if (percent)
			*percent = '\0';
		if (addr_parse(word, &out[n].addr) < 0)
			continue;
		if (percent ? !take_scope(&out[n].addr, percent + 1)
		            : is_link_local(&out[n].addr))
			continue; /* without an interface it is nowhere */
		out[n++].port = DNS_PORT;
	}
	return n;
}
