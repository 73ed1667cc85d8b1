/* SPDX-License-Identifier: Apache-2.0 */
/* parse.c - TARGET[:PORT[-PORT]][/PROTO], and its canonical spelling */
#include "base/nearest.h"
#include "policy/names.h"
#include "policy/policy-private.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const group_names[] = {
	[POLICY_GROUP_INTERNET] = "internet",
	[POLICY_GROUP_PRIVATE] = "private",
	[POLICY_GROUP_LOOPBACK] = "loopback",
	[POLICY_GROUP_LINK_LOCAL] = "link-local",
	[POLICY_GROUP_METADATA] = "metadata",
	[POLICY_GROUP_MULTICAST] = "multicast",
	[POLICY_GROUP_HOST] = "host",
};
static_assert(ARRAY_SIZE(group_names) == POLICY_GROUPS, "one name a group");

static const char *const proto_names[POLICY_PROTOS] = {
	[POLICY_TCP] = "tcp",
	[POLICY_UDP] = "udp",
	[POLICY_ICMP] = "icmp",
};

const char *policy_group_name(enum policy_group g)
{
	return group_names[g];
}

bool policy_group_find(const char *name, enum policy_group *g)
{
	for (unsigned int i = 0; i < POLICY_GROUPS; i++) {
		if (!strcmp(name, group_names[i])) {
			*g = (enum policy_group)i;
			return true;
		}
	}
	return false;
}

/*
 * struct parse - the text is cut from its end: /PROTO, then :PORT, and what
 * is left is the target. `at` + offset is the column told in errors.
 */
struct parse {
	const char *text;
	char buf[POLICY_TARGET_TEXT_MAX];
	struct policy_target *t;
	struct error *err;
};

#define parse_error(p_, where_, ...)                                           \
	parse_error_((p_), (size_t)((where_) - (p_)->buf), __VA_ARGS__)

static int _printf_(3, 4)
	parse_error_(const struct parse *p, size_t offset, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return error_set(p->err, -EINVAL, "column %zu: %s", offset + 1, text);
}

/* Cuts "/tcp" off; what follows the last slash and is a number is a CIDR. */
static int parse_proto(struct parse *p)
{
	char *slash = strrchr(p->buf, '/');
	const char *near;

	p->t->protos = (1u << POLICY_PROTOS) - 1;
	if (!slash || isdigit((unsigned char)slash[1]) || strchr(slash, ']'))
		return 0;
	/* "10.0.0.0/:80" and "host/tcp:80": the slash is not the last part */
	if (strchr(slash, ':')) {
		char *colon = strchr(slash, ':');

		*colon = '\0';
		for (size_t i = 0; i < POLICY_PROTOS; i++)
			if (!strcasecmp(slash + 1, proto_names[i]))
				return parse_error(p, slash,
				                   "the port goes before the "
				                   "protocol: :%s/%s",
				                   colon + 1, proto_names[i]);
		*colon = ':';
	}
	for (size_t i = 0; i < POLICY_PROTOS; i++) {
		if (!strcmp(slash + 1, proto_names[i])) {
			p->t->protos = 1u << i;
			p->t->has_proto = true;
			*slash = '\0';
			return 0;
		}
	}
	if (strstr(p->buf, "://"))
		return 0; /* a URL has its own text */
	near = nearest_word(slash + 1, proto_names, POLICY_PROTOS);
	for (size_t i = 0; i < POLICY_PROTOS; i++)
		if (!strcasecmp(slash + 1, proto_names[i]))
			near = proto_names[i];
	if (near)
		return parse_error(p, slash,
		                   "no protocol \"%s\"; did you mean /%s?",
		                   slash, near);
	return parse_error(p, slash,
	                   "\"%s\" is neither a prefix length nor /tcp, /udp "
	                   "or /icmp",
	                   slash);
}

/* One port of digits alone; moves *s behind it. */
static int parse_port(const struct parse *p, const char **s, uint16_t *port)
{
	const char *start = *s;
	unsigned long v = 0;

	while (isdigit((unsigned char)**s) && v <= 65535)
		v = v * 10 + (unsigned long)(*(*s)++ - '0');
	if (*s == start) {
		if (*start == '*' && !start[1])
			return parse_error(p, start,
			                   "for every port leave :* out");
		return parse_error(p, start,
		                   *start ? "\"%s\" is not a port number, "
		                            "write 1 to 65535%s"
		                          : "a port number is missing%s%s",
		                   start, "");
	}
	if (v > 65535 || !v)
		return parse_error(p, start,
		                   "there is no port %.*s, write 1 to 65535",
		                   (int)strspn(start, "0123456789"), start);
	*port = (uint16_t)v;
	return 0;
}

static int parse_ports(struct parse *p, char *colon)
{
	const char *s = colon + 1, *second;
	int rc = parse_port(p, &s, &p->t->first);

	if (rc < 0)
		return rc;
	p->t->last = p->t->first;
	if (*s == '-') {
		second = ++s;
		rc = parse_port(p, &s, &p->t->last);
		if (rc < 0)
			return rc;
		if (p->t->last < p->t->first)
			return parse_error(p, second,
			                   "the range runs backwards, write "
			                   ":%u-%u",
			                   (unsigned int)p->t->last,
			                   (unsigned int)p->t->first);
	}
	if (*s)
		return parse_error(p, s,
		                   "\"%s\" after the port; a rule ends with "
		                   ":PORT, :PORT-PORT or /tcp, /udp, /icmp",
		                   s);
	p->t->has_port = true;
	if (!p->t->has_proto)
		p->t->protos = 1u << POLICY_TCP | 1u << POLICY_UDP;
	else if (p->t->protos == 1u << POLICY_ICMP)
		return parse_error(p, colon, "icmp has no ports, leave :%s out",
		                   colon + 1);
	*colon = '\0';
	return 0;
}

/* Clears the bits of a beyond len; true if there were any. */
static bool mask_beyond(struct addr *a, unsigned int len)
{
	bool any = false;

	for (unsigned int i = 0; i < 16; i++) {
		unsigned int keep = (unsigned int)sub_clamped(len, i * 8);
		uint8_t mask = (uint8_t)(keep >= 8 ? 0xff : 0xff00 >> keep);

		any |= a->b[i] & ~mask;
		a->b[i] &= mask;
	}
	return any;
}

/* "127.1", "0x7f.1", "017700000001": what inet_aton(3) would take. */
static int parse_odd_ip4(const struct parse *p, const char *text)
{
	char good[ADDR_TEXT_MAX];
	struct in_addr in;
	struct addr a;

	if (!inet_aton(text, &in))
		return -ENOENT;
	a = addr_from_ip4(&in);
	return parse_error(p, text,
	                   "\"%s\" is an ambiguous spelling of an address; "
	                   "write %s",
	                   text, addr_format(&a, good));
}

static int parse_length(const struct parse *p, const char *slash,
                        unsigned int bits, unsigned int *len)
{
	const char *s = slash + 1;
	unsigned int v = 0;

	while (isdigit((unsigned char)*s) && v <= 128)
		v = v * 10 + (unsigned int)(*s++ - '0');
	if (s == slash + 1 || *s)
		return parse_error(p, slash, "\"%s\" is not a prefix length",
		                   slash);
	if (v > bits)
		return parse_error(p, slash,
		                   "a prefix of this address has at most %u "
		                   "bits",
		                   bits);
	*len = 128 - bits + v;
	return 0;
}

/* An address, or address/length. -ENOENT: it is not one. */
static int parse_prefix(struct parse *p, char *text)
{
	char *slash = strchr(text, '/'), net[ADDR_TEXT_MAX];
	struct policy_target *t = p->t;
	unsigned int bits;
	int rc;

	if (slash)
		*slash = '\0';
	rc = addr_parse(text, &t->prefix);
	if (rc < 0 && strchr(text, '%') && strchr(text, ':'))
		return parse_error(p, strchr(text, '%'),
		                   "an address in a rule has no zone, leave "
		                   "%s out",
		                   strchr(text, '%'));
	if (rc < 0)
		rc = parse_odd_ip4(p, text);
	if (slash)
		*slash = '/';
	if (rc < 0)
		return rc;
	bits = strchr(text, ':') ? 128 : 32;
	t->kind = POLICY_TARGET_PREFIX;
	t->len = 128;
	if (slash) {
		rc = parse_length(p, slash, bits, &t->len);
		if (rc < 0)
			return rc;
	}
	if (mask_beyond(&t->prefix, t->len)) {
		bool ip4 = bits == 32;

		addr_format(&t->prefix, net);
		return parse_error(p, text,
		                   "%.*s has bits beyond its prefix; write "
		                   "%s/%u, or the address alone",
		                   (int)strcspn(text, "]"), text, net,
		                   ip4 ? t->len - 96 : t->len);
	}
	/* a /96 and longer of NAT64 is the IPv4 prefix in it */
	if (t->len >= 96)
		t->prefix = policy_canonical(&t->prefix);
	return 0;
}

/* "[::1]", "[fd00::/8]", "[fd00::]/8": the brackets go. */
static int parse_bracket(struct parse *p)
{
	char *close = strchr(p->buf, ']');
	int rc;

	if (!close)
		return parse_error(p, p->buf, "\"[\" without \"]\"");
	if (close[1] == '/') {
		/* move the bracket behind the length */
		memmove(close, close + 1, strlen(close));
	} else if (close[1]) {
		return parse_error(p, close + 1,
		                   "\"%s\" after \"]\"; write [ADDRESS]:PORT",
		                   close + 1);
	} else {
		*close = '\0';
	}
	if (!strchr(p->buf, ':'))
		return parse_error(p, p->buf,
		                   "only an IPv6 address goes in brackets");
	rc = parse_prefix(p, p->buf + 1);
	if (rc == -ENOENT)
		return parse_error(p, p->buf + 1,
		                   "\"%s\" is not an IPv6 address", p->buf + 1);
	return rc;
}

static int parse_group(struct parse *p)
{
	const char *name = p->buf + 1, *near;
	char lower[32];
	size_t i;

	p->t->kind = POLICY_TARGET_GROUP;
	if (policy_group_find(name, &p->t->group))
		return 0;
	for (i = 0; name[i] && i < sizeof(lower) - 1; i++)
		lower[i] = (char)tolower((unsigned char)name[i]);
	lower[i] = '\0';
	near = nearest_word(lower, group_names, POLICY_GROUPS);
	if (near)
		return parse_error(p, p->buf, "no group @%s; did you mean @%s?",
		                   name, near);
	return parse_error(p, p->buf,
	                   "no group @%s; there are @internet @private "
	                   "@loopback @link-local @metadata @multicast @host",
	                   name);
}

static int parse_name(struct parse *p)
{
	char *name = p->buf, *scheme = strstr(p->buf, "://");
	struct error err = {0};

	if (scheme) {
		char *host = scheme + 3;
		bool tls = !strncmp(p->buf, "https", 5);

		host[strcspn(host, "/?#:@")] = '\0';
		return parse_error(p, p->buf,
		                   "a rule names a host, not a URL; write "
		                   "%s:%s",
		                   host, tls ? "443" : "80");
	}
	p->t->kind = POLICY_TARGET_NAME;
	if (!strcmp(name, "*"))
		return parse_error(p, name,
		                   "for every address write 0.0.0.0/0 and "
		                   "::/0, or @internet");
	if (!strncmp(name, "*.", 2)) {
		p->t->subdomains = true;
		name += 2;
	}
	if (strchr(name, '*'))
		return parse_error(p, strchr(name, '*'),
		                   "a * stands only for whole labels at the "
		                   "front: *.example.org");
	if (strchr(name, '/'))
		return parse_error(p, strchr(name, '/'),
		                   "a name has no prefix length, leave %s out",
		                   strchr(name, '/'));
	if (policy_name_canonical(name, strlen(name), p->t->name, &err) < 0)
		return parse_error(p, name, "%s", err.text);
	return 0;
}

/* The colon that starts a port, or NULL. */
static char *port_colon(char *buf)
{
	char *colon;

	if (buf[0] == '[') {
		char *close = strchr(buf, ']');

		return close ? strchr(close, ':') : NULL;
	}
	colon = strchr(buf, ':');
	if (colon && strstr(buf, "://"))
		return NULL;
	/* two colons and no bracket: an IPv6 address and no port */
	return colon && strchr(colon + 1, ':') ? NULL : colon;
}

/* Blanks, control characters and bytes beyond ASCII are in no target. */
static int check_bytes(const struct parse *p)
{
	for (const char *s = p->buf; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == ' ' || c == '\t')
			return parse_error(p, s, "a target has no blanks");
		if (c >= 0x80)
			return parse_error(p, s,
			                   "only ASCII; write a name in its "
			                   "xn-- spelling");
		if (c < 0x20 || c == 0x7f)
			return parse_error(p, s, "a control character (%u)", c);
	}
	return 0;
}

int policy_target_parse(const char *text, struct policy_target *t,
                        struct error *err)
{
	struct parse p = {.text = text, .t = t, .err = err};
	size_t len = strlen(text);
	char *colon;
	int rc;

	memset(t, 0, sizeof(*t));
	t->last = UINT16_MAX;
	if (len >= sizeof(p.buf))
		return error_set(err, -EINVAL,
		                 "column %zu: too long for a target",
		                 sizeof(p.buf));
	memcpy(p.buf, text, len + 1);
	if (!len)
		return parse_error(&p, p.buf,
		                   "an address, a CIDR, a name or @group is "
		                   "missing");
	rc = check_bytes(&p);
	if (rc == 0)
		rc = parse_proto(&p);
	if (rc < 0)
		return rc;
	colon = port_colon(p.buf);
	if (colon) {
		rc = parse_ports(&p, colon);
		if (rc < 0)
			return rc;
	}
	if (!p.buf[0])
		return parse_error(&p, p.buf, "the target is missing");
	if (p.buf[0] == '@')
		return parse_group(&p);
	if (p.buf[0] == '[')
		return parse_bracket(&p);
	rc = parse_prefix(&p, p.buf);
	if (rc != -ENOENT)
		return rc;
	if (strchr(p.buf, ':') && !strstr(p.buf, "://"))
		return parse_error(&p, p.buf,
		                   "\"%s\" is not an IPv6 address; with a port "
		                   "write [ADDRESS]:PORT",
		                   p.buf);
	return parse_name(&p);
}

char *policy_target_format(const struct policy_target *t,
                           char buf[POLICY_TARGET_TEXT_MAX])
{
	char addr[ADDR_TEXT_MAX], port[16] = "", len[8] = "";
	const char *proto = "";
	bool ip4;

	if (t->has_port && t->first != t->last)
		snprintf(port, sizeof(port), ":%u-%u", (unsigned int)t->first,
		         (unsigned int)t->last);
	else if (t->has_port)
		snprintf(port, sizeof(port), ":%u", (unsigned int)t->first);
	for (size_t i = 0; t->has_proto && i < POLICY_PROTOS; i++)
		if (t->protos == 1u << i)
			proto = proto_names[i];
	switch (t->kind) {
	case POLICY_TARGET_PREFIX:
		ip4 = t->len >= 96 && addr_is_ip4(&t->prefix);
		if (t->len < 128)
			snprintf(len, sizeof(len), "/%u",
			         ip4 ? t->len - 96 : t->len);
		addr_format(&t->prefix, addr);
		snprintf(buf, POLICY_TARGET_TEXT_MAX,
		         ip4 || !*port ? "%s%s%s%s%s" : "[%s%s]%s%s%s", addr,
		         len, port, *proto ? "/" : "", proto);
		break;
	case POLICY_TARGET_GROUP:
		snprintf(buf, POLICY_TARGET_TEXT_MAX, "@%s%s%s%s",
		         group_names[t->group], port, *proto ? "/" : "", proto);
		break;
	case POLICY_TARGET_NAME:
		snprintf(buf, POLICY_TARGET_TEXT_MAX, "%s%s%s%s%s",
		         t->subdomains ? "*." : "", t->name, port,
		         *proto ? "/" : "", proto);
		break;
	}
	return buf;
}
