/* SPDX-License-Identifier: Apache-2.0 */
/* sniff.c - which name a client says it speaks to: TLS SNI, HTTP Host */
#include "policy/sniff.h"

#include "policy/names.h"
#include "wire/view.h"

#include <string.h>
#include <strings.h>

#define RECORD_HEADER 5
#define RECORD_HANDSHAKE 22
#define RECORD_MAX (16384 + 256) /* RFC 8446 5.1, 5.2 */
#define HANDSHAKE_HEADER 4
#define CLIENT_HELLO 1
#define EXT_SERVER_NAME 0
#define EXT_ECH 0xfe0d /* draft-ietf-tls-esni */
#define METHOD_MAX 32

/* --- the name itself --------------------------------------------------------
 */

static bool is_address(const char *text, size_t len)
{
	char buf[ADDR_TEXT_MAX];
	struct addr a;

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (!len || len >= sizeof(buf))
		return false;
	memcpy(buf, text, len);
	buf[len] = '\0';
	return addr_parse(buf, &a) == 0;
}

/* One more name that the client said: two that differ are a trick. */
static void say(struct sniff *out, const char *text, size_t len)
{
	char name[POLICY_NAME_MAX + 1];

	if (is_address(text, len))
		return;
	if (policy_name_canonical(text, len, name, NULL) < 0)
		out->what = SNIFF_UNREADABLE;
	else if (out->what == SNIFF_ABSENT)
		out->what = SNIFF_NAMED;
	else if (out->what == SNIFF_NAMED && strcmp(name, out->name) != 0)
		out->what = SNIFF_UNREADABLE;
	if (out->what == SNIFF_NAMED)
		memcpy(out->name, name, sizeof(name));
}

/* --- TLS ---------------------------------------------------------------------
 */

static bool view_u16(struct view *v, size_t *out)
{
	const uint8_t *p = view_take(v, 2);

	if (p)
		*out = (size_t)p[0] << 8 | p[1];
	return p != NULL;
}

/* A vector with a length of 8 or 16 bits in front of it. */
static bool view_vector(struct view *v, unsigned int bits, struct view *out)
{
	uint8_t n8 = 0;
	size_t n = 0;

	if (bits == 8 ? !view_u8(v, &n8) : !view_u16(v, &n))
		return false;
	n += n8;
	out->data = view_take(v, n);
	out->len = n;
	return out->data != NULL;
}

/* RFC 6066 3: a list of names, of which only type 0 exists */
static bool read_server_names(struct view ext, struct sniff *out)
{
	struct view list, name;
	uint8_t type;

	if (!view_vector(&ext, 16, &list) || ext.len)
		return false;
	while (list.len) {
		if (!view_u8(&list, &type) || !view_vector(&list, 16, &name))
			return false;
		if (type == 0)
			say(out, (const char *)name.data, name.len);
	}
	return true;
}

static bool read_hello(struct view v, struct sniff *out)
{
	struct view part, extensions;
	bool named = false;
	size_t type;

	if (!view_take(&v, 2 + 32) || !view_vector(&v, 8, &part) ||
	    !view_vector(&v, 16, &part) || !view_vector(&v, 8, &part))
		return false;
	if (!v.len)
		return true; /* no extensions at all */
	if (!view_vector(&v, 16, &extensions))
		return false;
	while (extensions.len) {
		if (!view_u16(&extensions, &type) ||
		    !view_vector(&extensions, 16, &part))
			return false;
		if (type == EXT_ECH)
			out->ech = true;
		if (type != EXT_SERVER_NAME)
			continue;
		if (named || !read_server_names(part, out))
			return false; /* twice: servers differ on which */
		named = true;
	}
	return true;
}

/*
 * Collects the handshake message from the records into buf. SNIFF_TLS: it is
 * there; SNIFF_MORE; SNIFF_OTHER: these are no records.
 */
static enum sniff_kind collect_hello(struct view v, uint8_t buf[SNIFF_MAX],
                                     size_t *len)
{
	size_t want = HANDSHAKE_HEADER;

	*len = 0;
	while (*len < want) {
		const uint8_t *h = v.data;
		size_t n;

		if (v.len && h[0] != RECORD_HANDSHAKE)
			return SNIFF_OTHER;
		if (v.len > 1 && h[1] != 3)
			return SNIFF_OTHER;
		if (!view_take(&v, RECORD_HEADER))
			return SNIFF_MORE;
		n = (size_t)h[3] << 8 | h[4];
		if (n > RECORD_MAX)
			return SNIFF_OTHER;
		n = MIN(n, v.len);
		n = MIN(n, SNIFF_MAX - *len);
		memcpy(buf + *len, view_take(&v, n), n);
		*len += n;
		if (*len >= HANDSHAKE_HEADER) {
			if (buf[0] != CLIENT_HELLO)
				return SNIFF_OTHER;
			want = HANDSHAKE_HEADER + ((size_t)buf[1] << 16 |
			                           (size_t)buf[2] << 8 |
			                           (size_t)buf[3]);
			if (want > SNIFF_MAX)
				return SNIFF_OTHER;
		}
		/* a record that is cut here is the last one */
		if (!v.len && *len < want)
			return SNIFF_MORE;
	}
	*len = want;
	return SNIFF_TLS;
}

static void sniff_tls(struct view v, struct sniff *out)
{
	uint8_t buf[SNIFF_MAX];
	size_t len;

	out->kind = collect_hello(v, buf, &len);
	if (out->kind == SNIFF_OTHER && v.len > 1 && v.data[1] == 3) {
		/* it began as TLS: some server may see a hello in it */
		out->kind = SNIFF_TLS;
		out->what = SNIFF_UNREADABLE;
	} else if (out->kind == SNIFF_TLS &&
	           !read_hello(view_of(buf + HANDSHAKE_HEADER,
	                               len - HANDSHAKE_HEADER),
	                       out)) {
		out->what = SNIFF_UNREADABLE;
	}
}

/* --- HTTP --------------------------------------------------------------------
 */

/* One line without its end; false: its LF is not there yet. */
static bool take_line(struct view *v, struct view *line)
{
	const uint8_t *lf = v->len ? memchr(v->data, '\n', v->len) : NULL;
	size_t n;

	if (!lf)
		return false;
	n = (size_t)(lf - v->data);
	*line = view_of(v->data, n);
	if (n && line->data[n - 1] == '\r')
		line->len--;
	(void)view_take(v, n + 1);
	return true;
}

static bool is_method_byte(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

/* What may still become a request line: a method, then printable bytes. */
static bool may_be_request(struct view v)
{
	size_t i = 0;

	while (i < v.len && is_method_byte(v.data[i]))
		i++;
	if (i > METHOD_MAX || (i < v.len && (!i || v.data[i] != ' ')))
		return false;
	for (; i < v.len && v.data[i] != '\n'; i++)
		if (v.data[i] < ' ' && v.data[i] != '\r' && v.data[i] != '\t')
			return false;
	return true;
}

/* "HTTP/1.1" at the end of the line, whatever lies between. */
static bool is_request_line(struct view line, unsigned int *major)
{
	const char *p = (const char *)line.data;
	size_t n = line.len;

	while (n && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	if (n < 10 || memcmp(p + n - 8, "HTTP/", 5) != 0 || p[n - 9] != ' ')
		return false;
	*major = (unsigned int)(p[n - 3] - '0');
	return true;
}

/* host[:port] into the name */
static void say_authority(struct sniff *out, const char *p, size_t n)
{
	const char *at = memchr(p, '@', n), *colon;

	if (at) {
		n -= (size_t)(at + 1 - p);
		p = at + 1;
	}
	if (n && p[0] == '[') {
		const char *close = memchr(p, ']', n);

		if (close)
			n = (size_t)(close + 1 - p);
	} else {
		colon = memchr(p, ':', n);
		if (colon)
			n = (size_t)(colon - p);
	}
	if (n)
		say(out, p, n);
}

/* RFC 9112 3.2.2: a target in absolute form wins over Host. */
static void read_target(struct view line, struct sniff *out)
{
	const char *p = memchr(line.data, ' ', line.len);
	const char *end = (const char *)line.data + line.len, *slash;
	size_t n;

	if (!p)
		return;
	while (p < end && *p == ' ')
		p++;
	n = (size_t)(end - p);
	n = memchr(p, ' ', n) ? (size_t)((const char *)memchr(p, ' ', n) - p)
	                      : n;
	if (!n || *p == '/' || *p == '*')
		return;
	slash = memmem(p, n, "//", 2);
	if (slash) {
		n -= (size_t)(slash + 2 - p);
		p = slash + 2;
	}
	for (size_t i = 0; i < n; i++)
		if (p[i] == '/' || p[i] == '?' || p[i] == '#')
			n = i;
	say_authority(out, p, n);
}

/* One header line; false: a spelling that servers read differently. */
static bool read_header(struct view line, struct sniff *out)
{
	const char *p = (const char *)line.data;
	size_t n = line.len;

	if (p[0] == ' ' || p[0] == '\t')
		return false; /* folded into the line before, or not */
	if (n < 4 || strncasecmp(p, "host", 4) != 0)
		return true;
	if (n == 4 || p[4] == ' ' || p[4] == '\t')
		return false; /* "Host : name", or no colon at all */
	if (p[4] != ':')
		return true;
	p += 5;
	n -= 5;
	while (n && (*p == ' ' || *p == '\t')) {
		p++;
		n--;
	}
	while (n && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	say_authority(out, p, n);
	return true;
}

static void read_headers(struct view v, struct sniff *out)
{
	struct view line;

	out->kind = SNIFF_HTTP;
	while (take_line(&v, &line)) {
		if (!line.len)
			return; /* the end of them */
		if (memchr(line.data, '\0', line.len) ||
		    !read_header(line, out)) {
			out->what = SNIFF_UNREADABLE;
			return;
		}
	}
	*out = (struct sniff){.kind = SNIFF_MORE};
}

static void sniff_http(struct view v, struct sniff *out)
{
	unsigned int major;
	struct view line;

	/* servers skip empty lines in front of a request (RFC 9112 2.2) */
	while (v.len && (v.data[0] == '\r' || v.data[0] == '\n'))
		(void)view_take(&v, 1);
	out->kind = SNIFF_OTHER;
	if (!may_be_request(v))
		return;
	out->kind = SNIFF_MORE;
	if (!take_line(&v, &line))
		return;
	out->kind = SNIFF_OTHER;
	if (!is_request_line(line, &major)) {
		if (!memmem(line.data, line.len, "HTTP/", 5))
			return;
		out->kind = SNIFF_HTTP; /* a lenient server may take it */
		out->what = SNIFF_UNREADABLE;
		return;
	}
	if (major >= 2) {
		/* prior-knowledge HTTP/2: its names are compressed */
		out->kind = SNIFF_HTTP;
		return;
	}
	read_target(line, out);
	read_headers(v, out);
}

void sniff(const void *data, size_t len, struct sniff *out)
{
	struct view v = view_of(data, MIN(len, (size_t)SNIFF_MAX));

	memset(out, 0, sizeof(*out));
	if (!v.len)
		out->kind = SNIFF_MORE;
	else if (v.data[0] == RECORD_HANDSHAKE)
		sniff_tls(v, out);
	else
		sniff_http(v, out);
	if (out->kind == SNIFF_MORE && len >= SNIFF_MAX) {
		out->kind =
			v.data[0] == RECORD_HANDSHAKE ? SNIFF_TLS : SNIFF_HTTP;
		out->what = SNIFF_UNREADABLE;
	}
	if (out->what != SNIFF_NAMED)
		out->name[0] = '\0';
}
