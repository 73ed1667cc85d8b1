/* SPDX-License-Identifier: Apache-2.0 */
/* segment.c - segments as scripts write them: read, printed, compared */
#include "pst.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	char letter;
	uint8_t flag;
} flag_letters[] = {
	{'F', TCP_FLAG_FIN}, {'S', TCP_FLAG_SYN}, {'R', TCP_FLAG_RST},
	{'P', TCP_FLAG_PSH}, {'.', TCP_FLAG_ACK}, {'U', TCP_FLAG_URG},
	{'E', TCP_FLAG_ECE}, {'W', TCP_FLAG_CWR},
};

static const char *skip(const char *s)
{
	while (*s == ' ' || *s == '\t' || *s == ',')
		s++;
	return s;
}

/* True, and *s past it, when the word stands there. */
static bool word(const char **s, const char *w)
{
	size_t n = strlen(w);
	const char *p = skip(*s);

	if (strncmp(p, w, n) || (p[n] >= 'a' && p[n] <= 'z'))
		return false;
	*s = p + n;
	return true;
}

static uint32_t number(const struct pst *p, const char **s)
{
	const char *start = skip(*s);
	char *end;
	long long v = strtoll(start, &end, 0);

	if (end == start)
		pst_fail(p, "a number was expected at '%s'", start);
	*s = end;
	return (uint32_t)v;
}

static uint32_t number_or_any(const struct pst *p, const char **s, bool *any)
{
	*s = skip(*s);
	if (**s == '*') {
		*any = true;
		++*s;
		return 0;
	}
	return number(p, s);
}

static void parse_raw(const struct pst *p, const char **s, struct opt_item *o)
{
	unsigned int byte;
	int n;

	o->kind = OPT_KIND_RAW;
	*s = skip(*s);
	while (sscanf(*s, "%2x%n", &byte, &n) == 1) {
		if (o->raw_len == sizeof(o->raw))
			pst_fail(p, "raw option too long");
		o->raw[o->raw_len++] = (uint8_t)byte;
		*s += n;
	}
}

static void parse_option(const struct pst *p, const char **s,
                         struct opt_item *o)
{
	if (word(s, "mss")) {
		o->kind = OPT_KIND_MSS;
		o->a = number_or_any(p, s, &o->any_a);
	} else if (word(s, "wscale")) {
		o->kind = OPT_KIND_WSCALE;
		o->a = number_or_any(p, s, &o->any_a);
	} else if (word(s, "sackOK")) {
		o->kind = OPT_KIND_SACKOK;
	} else if (word(s, "sack")) {
		o->kind = OPT_KIND_SACK;
		o->a = number(p, s);
		if (*(*s)++ != ':')
			pst_fail(p, "sack wants a:b");
		o->b = number(p, s);
	} else if (word(s, "TS")) {
		o->kind = OPT_KIND_TS;
		if (!word(s, "val"))
			pst_fail(p, "TS wants 'val'");
		o->a = number_or_any(p, s, &o->any_a);
		if (!word(s, "ecr"))
			pst_fail(p, "TS wants 'ecr'");
		o->last_b = word(s, "last");
		if (!o->last_b)
			o->b = number_or_any(p, s, &o->any_b);
	} else if (word(s, "nop")) {
		o->kind = OPT_KIND_NOP;
	} else if (word(s, "eol")) {
		o->kind = OPT_KIND_EOL;
	} else if (word(s, "raw")) {
		parse_raw(p, s, o);
	} else {
		pst_fail(p, "unknown option at '%s'", *s);
	}
}

static void parse_options(const struct pst *p, const char **s,
                          struct seg_text *out)
{
	out->has_opts = true;
	if (word(s, "...")) {
		out->any_opts = true;
		*s = skip(*s);
	}
	while (*(*s = skip(*s)) != '>') {
		if (!**s || out->nopts == PST_OPT_ITEMS)
			pst_fail(p, "options do not end");
		parse_option(p, s, &out->opts[out->nopts++]);
	}
	++*s;
}

static void parse_flags(const struct pst *p, const char **s,
                        struct seg_text *out)
{
	for (; **s && **s != ' '; ++*s) {
		size_t i = 0;

		if (**s == '-')
			continue; /* no flag at all */
		while (i < ARRAY_SIZE(flag_letters) &&
		       flag_letters[i].letter != **s)
			i++;
		if (i == ARRAY_SIZE(flag_letters))
			pst_fail(p, "unknown flag '%c'", **s);
		out->flags |= flag_letters[i].flag;
	}
	out->wants_psh = out->flags & TCP_FLAG_PSH;
}

void seg_parse(const struct pst *p, const char *text, struct seg_text *out)
{
	const char *s = skip(text);

	*out = (struct seg_text){0};
	if (word(&s, "icmp")) {
		out->is_icmp = true;
		out->icmp_type = number(p, &s);
		if (*s++ != '/')
			pst_fail(p, "icmp wants type/code");
		out->icmp_code = number(p, &s);
		return;
	}
	parse_flags(p, &s, out);
	out->seq = number(p, &s);
	if (*s++ != ':')
		pst_fail(p, "a segment wants SEQ:END(LEN)");
	out->end = number(p, &s);
	if (*s++ != '(')
		pst_fail(p, "a segment wants SEQ:END(LEN)");
	out->len = number(p, &s);
	if (*s++ != ')' || out->end - out->seq != out->len)
		pst_fail(p, "SEQ, END and LEN do not agree");
	for (s = skip(s); *s; s = skip(s)) {
		if (word(&s, "ack")) {
			out->has_ack = true;
			out->ack = number(p, &s);
		} else if (word(&s, "win")) {
			out->has_win = true;
			out->win = number(p, &s);
		} else if (word(&s, "urg")) {
			out->has_urg = true;
			out->urg = number(p, &s);
		} else if (word(&s, "badsum")) {
			out->bad_sum = true;
		} else if (*s == '<') {
			s++;
			parse_options(p, &s, out);
		} else {
			pst_fail(p, "cannot read '%s'", s);
		}
	}
}

/* --- printing ------------------------------------------------------------- */

static void add(char *buf, size_t len, const char *fmt, ...) _printf_(3, 4);
static void add(char *buf, size_t len, const char *fmt, ...)
{
	size_t used = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + used, len - used, fmt, ap);
	va_end(ap);
}

static void print_option(const struct opt_item *o, char *buf, size_t len)
{
	switch (o->kind) {
	case OPT_KIND_MSS:
		add(buf, len, "mss %u", o->a);
		break;
	case OPT_KIND_WSCALE:
		add(buf, len, "wscale %u", o->a);
		break;
	case OPT_KIND_SACKOK:
		add(buf, len, "sackOK");
		break;
	case OPT_KIND_SACK:
		add(buf, len, "sack %u:%u", o->a, o->b);
		break;
	case OPT_KIND_TS:
		add(buf, len, "TS val %u ecr %u", o->a, o->b);
		break;
	case OPT_KIND_NOP:
		add(buf, len, "nop");
		break;
	case OPT_KIND_EOL:
		add(buf, len, "eol");
		break;
	case OPT_KIND_RAW:
		add(buf, len, "raw");
		break;
	}
}

void seg_print(const struct seg_text *s, char *buf, size_t len)
{
	*buf = '\0';
	if (s->is_icmp) {
		add(buf, len, "icmp %u/%u", s->icmp_type, s->icmp_code);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(flag_letters); i++)
		if (s->flags & flag_letters[i].flag)
			add(buf, len, "%c", flag_letters[i].letter);
	add(buf, len, " %u:%u(%u)", s->seq, s->end, s->len);
	if (s->has_ack)
		add(buf, len, " ack %u", s->ack);
	if (s->has_win)
		add(buf, len, " win %u", s->win);
	if (!s->nopts)
		return;
	for (unsigned int i = 0; i < s->nopts; i++) {
		add(buf, len, "%s", i ? "," : " <");
		print_option(&s->opts[i], buf, len);
	}
	add(buf, len, ">");
}

/* --- comparing -------------------------------------------------------------
 */

static bool option_matches(const struct opt_item *want,
                           const struct opt_item *got)
{
	return want->kind == got->kind && (want->any_a || want->a == got->a) &&
	       (want->any_b || want->b == got->b);
}

const char *seg_matches(const struct seg_text *want, const struct seg_text *got)
{
	uint8_t mask = want->wants_psh ? 0xff : (uint8_t)~TCP_FLAG_PSH;

	if (want->is_icmp != got->is_icmp)
		return "protocol";
	if (want->is_icmp)
		return want->icmp_type != got->icmp_type ||
		                       want->icmp_code != got->icmp_code
		               ? "type or code"
		               : NULL;
	if ((want->flags & mask) != (got->flags & mask))
		return "flags";
	if (want->seq != got->seq || want->len != got->len)
		return "sequence numbers";
	if (want->has_ack && (!got->has_ack || want->ack != got->ack))
		return "ack";
	if (want->has_win && want->win != got->win)
		return "window";
	if (!want->has_opts || want->any_opts)
		return NULL;
	if (want->nopts != got->nopts)
		return "options";
	for (unsigned int i = 0; i < want->nopts; i++)
		if (!option_matches(&want->opts[i], &got->opts[i]))
			return "options";
	return NULL;
}
