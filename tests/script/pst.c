/* SPDX-License-Identifier: Apache-2.0 */
/* pst.c - runs one .pst script on the whole stack in virtual time; the
 * notation is described in README.md beside it */
#include "pst.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_ 1024
#define INCLUDE_DEPTH 4
#define LOOP_LINES 64

struct reader {
	struct pst *p;
	char directory[512];
	int depth;
	/* the variable of the loop that runs */
	char var[16];
	long long value;
};

void pst_fail(const struct pst *p, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%u: at %.6f s: ", p->file, p->line,
	        (double)(p->now - p->start) / 1e9);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* --- the stack under test ----------------------------------------------------
 */

static void fill_random(void *user, void *buf, size_t len)
{
	struct pst *p = user;
	uint8_t *out = buf;

	for (size_t i = 0; i < len; i++) {
		p->seed = p->seed * UINT64_C(6364136223846793005) + 1;
		out[i] = (uint8_t)(p->seed >> 56);
	}
}

static void defaults(struct pst *p)
{
	p->start = p->now = 1000 * NS_PER_S;
	p->tolerance = 3 * NS_PER_MS;
	p->app_isn = 1000000;
	p->seed = 42;
	p->config = (struct stack_config){
		.mac = {2, 0, 0, 0, 0, 1},
		.has_ip4 = true,
		.has_ip6 = true,
		.app4 = addr_ip4(10, 0, 2, 100),
		.gateway4 = addr_ip4(10, 0, 2, 2),
		.resolver4 = addr_ip4(10, 0, 2, 3),
		.prefix4 = 24,
		.prefix6 = 64,
		.mtu = 1500,
		.gso = true,
		.max_conns = 64,
		.max_connecting = 16,
		.pool_bytes = 8 << 20,
	};
	if (addr_parse("fd00::100", &p->config.app6) ||
	    addr_parse("fd00::2", &p->config.gateway6) ||
	    addr_parse("fd00::3", &p->config.resolver6))
		abort();
}

static void start(struct pst *p)
{
	const struct random_source random = {fill_random, p};
	size_t size = (stack_size(&p->config) + 4095) & ~(size_t)4095;
	void *memory = aligned_alloc(4096, size);

	p->sent = calloc(PST_SENT_MAX, sizeof(*p->sent));
	if (!memory || !p->sent)
		abort();
	memset(memory, 0, size);
	p->stack = stack_init(memory, &p->config, &pst_ops, p, &random, p->now);
	for (unsigned int i = 0; i < PST_CONNS; i++) {
		struct pst_conn *c = &p->conns[i];
		uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};

		c->t.app.addr = p->is_ip6 ? p->config.app6 : p->config.app4;
		c->t.app.port = (uint16_t)(40000 + i);
		c->t.host.addr =
			p->is_ip6 ? addr_from_ip6(v6) : addr_ip4(192, 0, 2, 1);
		c->t.host.port = 80;
		c->app_isn = p->app_isn;
	}
	wire_hello(p);
}

/* Runs the stack's timers up to `until`, stops early once a frame waits. */
static void run_until(struct pst *p, int64_t until, bool stop_at_frame)
{
	int rounds = 0;

	if (p->flush_manual && until == p->now)
		return; /* the same instant: the batch is not over */
	for (;;) {
		int64_t due = stack_deadline(p->stack);

		if (stop_at_frame && p->sent_head != p->nsent)
			return;
		if (due > until)
			break;
		if (due <= p->now && ++rounds > 10000)
			pst_fail(p, "the stack's deadline does not move");
		if (due > p->now)
			rounds = 0;
		p->now = MAX(p->now, due);
		stack_run(p->stack, p->now);
	}
	p->now = MAX(p->now, until);
}

static struct sent *next_sent(struct pst *p)
{
	return &p->sent[p->sent_head % PST_SENT_MAX];
}

static void expect_silence(struct pst *p)
{
	char text[512];

	if (p->sent_head == p->nsent)
		return;
	seg_print(&next_sent(p)->seg, text, sizeof(text));
	pst_fail(p, "unexpected, sent at %.6f s: > %s",
	         (double)(next_sent(p)->at - p->start) / 1e9, text);
}

/* --- statements
 * --------------------------------------------------------------- */

static void expect_segment(struct pst *p, int conn, const char *text,
                           int64_t from, int64_t to)
{
	struct seg_text wanted;
	struct sent *got;
	const char *differs;
	char seen[512];

	seg_parse(p, text, &wanted);
	run_until(p, to + p->tolerance, true);
	if (p->sent_head == p->nsent)
		pst_fail(p, "nothing was sent; expected > %s", text);
	got = next_sent(p);
	seg_print(&got->seg, seen, sizeof(seen));
	differs = seg_matches(&wanted, &got->seg);
	if (!differs && !wanted.is_icmp && got->conn != conn)
		differs = "connection";
	if (differs)
		pst_fail(p, "%s differs\n  expected: %s\n  sent:     %s",
		         differs, text, seen);
	if (got->bad)
		pst_fail(p, "wrong bytes in > %s", seen);
	if (got->at < from - p->tolerance)
		pst_fail(p, "%.6f s too early: > %s",
		         (double)(from - got->at) / 1e9, seen);
	p->sent_head++;
	/* the script's clock: where the line says, never back */
	p->now = MAX(p->now, MIN(to, MAX(from, got->at)));
}

static void inject(struct pst *p, int conn, const char *text)
{
	struct seg_text s;
	unsigned int type, code, seq, mtu = 0;

	if (sscanf(text, " toobig %u mtu %u", &seq, &mtu) == 2) {
		wire_inject_error(p, conn, p->is_ip6 ? 2 : 3, p->is_ip6 ? 0 : 4,
		                  seq, mtu);
		return;
	}
	if (sscanf(text, " icmp %u/%u %u", &type, &code, &seq) == 3) {
		wire_inject_error(p, conn, type, code, seq, 0);
		return;
	}
	seg_parse(p, text, &s);
	if (!s.has_win)
		s.win = 65535;
	wire_inject(p, conn, &s);
}

static void set_config(struct pst *p, const char *text)
{
	char key[32] = "", value[32] = "";
	unsigned long long n;

	if (sscanf(text, "%31s %31s", key, value) != 2)
		pst_fail(p, "config wants a key and a value");
	if (p->stack)
		pst_fail(p, "config comes before the first event");
	n = strtoull(value, NULL, 0);
	if (!strcmp(key, "mtu"))
		p->config.mtu = (unsigned int)n;
	else if (!strcmp(key, "gso"))
		p->config.gso = !strcmp(value, "on");
	else if (!strcmp(key, "pool"))
		p->config.pool_bytes = n;
	else if (!strcmp(key, "max-conns"))
		p->config.max_conns = n;
	else if (!strcmp(key, "max-connecting"))
		p->config.max_connecting = n;
	else if (!strcmp(key, "ip"))
		p->is_ip6 = n == 6;
	else if (!strcmp(key, "app-isn"))
		p->app_isn = (uint32_t)n;
	else if (!strcmp(key, "flush"))
		p->flush_manual = !strcmp(value, "manual");
	else if (!strcmp(key, "time-wait"))
		p->config.time_wait_ns = (int64_t)n * NS_PER_S;
	else if (!strcmp(key, "user-timeout"))
		p->config.user_timeout_ns = (int64_t)n * NS_PER_S;
	else if (!strcmp(key, "keepalive"))
		p->config.keepalive_ns = (int64_t)n * NS_PER_S;
	else if (!strcmp(key, "connect"))
		p->connect_mode = !strcmp(value, "auto")     ? CONNECT_AUTO
		                  : !strcmp(value, "refuse") ? CONNECT_REFUSE
		                                             : CONNECT_MANUAL;
	else
		pst_fail(p, "unknown configuration '%s'", key);
}

/* "+.1", "+1~+2", "3.5": the window in which the line happens. */
static const char *parse_time(struct pst *p, const char *s, int64_t *from,
                              int64_t *to)
{
	bool relative = *s == '+';
	char *end;
	double t = strtod(relative ? s + 1 : s, &end);
	int64_t base = relative ? p->now : p->start;

	if (end == s)
		pst_fail(p, "a line begins with a time: '%s'", s);
	*from = *to = base + (int64_t)(t * 1e9 + .5);
	if (*end == '~') {
		s = end + 1;
		t = strtod(*s == '+' ? s + 1 : s, &end);
		*to = base + (int64_t)(t * 1e9 + .5);
	}
	if (*from < p->now)
		pst_fail(p, "time runs backwards");
	return end;
}

/* "host2" is conversation 2; without a number it is 1. */
static const char *parse_word(const struct pst *p, const char *s, char *word,
                              size_t len, int *conn)
{
	size_t n = 0;

	*conn = 0;
	while (*s == ' ' || *s == '\t')
		s++;
	while (*s && *s != ' ' && *s != '\t' && !(*s >= '0' && *s <= '9') &&
	       n + 1 < len)
		word[n++] = *s++;
	word[n] = '\0';
	if (*s >= '0' && *s <= '9') {
		*conn = (int)strtol(s, NULL, 10) - 1;
		while (*s >= '0' && *s <= '9')
			s++;
	}
	if (*conn < 0 || *conn >= PST_CONNS)
		pst_fail(p, "there are %d conversations", PST_CONNS);
	while (*s == ' ' || *s == '\t')
		s++;
	return s;
}

static void event(struct pst *p, const char *line)
{
	int64_t from, to;
	char word[16];
	int conn;
	const char *rest = parse_time(p, line, &from, &to);

	rest = parse_word(p, rest, word, sizeof(word), &conn);
	if (!p->stack)
		start(p);
	if (!strcmp(word, ">")) {
		expect_segment(p, conn, rest, from, to);
		return;
	}
	run_until(p, to, false);
	if (!strcmp(word, "ignore")) {
		p->sent_head = p->nsent;
		return;
	}
	if (strcmp(word, "expect")) /* a number may be asked for in between */
		expect_silence(p);
	if (!strcmp(word, "<")) {
		inject(p, conn, rest);
	} else if (!strcmp(word, "host")) {
		host_statement(p, conn, rest);
		if (!p->flush_manual)
			stack_flush(p->stack, p->now);
	} else if (!strcmp(word, "expect")) {
		host_expect(p, conn, rest);
	} else if (!strcmp(word, "flush")) {
		stack_flush(p->stack, p->now);
	} else if (!strcmp(word, "isn")) {
		p->conns[conn].app_isn += (uint32_t)strtoul(rest, NULL, 0);
	} else if (strcmp(word, "nothing")) {
		pst_fail(p, "unknown statement '%s'", word);
	}
}

/* --- reading: comments, includes, loops
 * ---------------------------------------- */

static long long expression(const struct reader *r, const char **s);

static long long factor(const struct reader *r, const char **s)
{
	size_t n = strlen(r->var);
	long long v;
	char *end;

	while (**s == ' ')
		++*s;
	if (**s == '(') {
		++*s;
		v = expression(r, s);
		if (**s == ')')
			++*s;
		return v;
	}
	if (n && !strncmp(*s, r->var, n)) {
		*s += n;
		return r->value;
	}
	v = strtoll(*s, &end, 0);
	if (end == *s)
		pst_fail(r->p, "cannot work out '%s'", *s);
	*s = end;
	return v;
}

static long long term(const struct reader *r, const char **s)
{
	long long v = factor(r, s);

	for (;;) {
		while (**s == ' ')
			++*s;
		if (**s == '*') {
			++*s;
			v *= factor(r, s);
		} else if (**s == '%') {
			long long by;

			++*s;
			by = factor(r, s);
			v = by ? v % by : 0;
		} else {
			return v;
		}
	}
}

static long long expression(const struct reader *r, const char **s)
{
	long long v = term(r, s);

	for (;;) {
		while (**s == ' ')
			++*s;
		if (**s == '+') {
			++*s;
			v += term(r, s);
		} else if (**s == '-') {
			++*s;
			v -= term(r, s);
		} else {
			return v;
		}
	}
}

/* $(i*2+1) becomes its value. */
static void substitute(const struct reader *r, const char *in, char *out,
                       size_t len)
{
	size_t n = 0;

	while (*in && n + 24 < len) {
		if (in[0] != '$' || in[1] != '(') {
			out[n++] = *in++;
			continue;
		}
		in += 2;
		n += (size_t)snprintf(out + n, len - n, "%lld",
		                      expression(r, &in));
		if (*in++ != ')')
			pst_fail(r->p, "$( is not closed");
	}
	out[n] = '\0';
}

static void run_file(struct reader *r, const char *name);

static void statement(struct reader *r, const char *line)
{
	char text[LINE_MAX_];

	substitute(r, line, text, sizeof(text));
	if (!strncmp(text, "config ", 7))
		set_config(r->p, text + 7);
	else if (!strncmp(text, "include ", 8))
		run_file(r, text + 8);
	else
		event(r->p, text);
}

static char *clean(char *line)
{
	char *comment = strstr(line, "//");
	size_t n;

	if (comment)
		*comment = '\0';
	n = strlen(line);
	while (n && strchr(" \t\r\n", line[n - 1]))
		line[--n] = '\0';
	return line + strspn(line, " \t");
}

static void run_loop(struct reader *r, FILE *f, const char *head)
{
	static char lines[LOOP_LINES][LINE_MAX_];
	unsigned int numbers[LOOP_LINES];
	char raw[LINE_MAX_];
	long long from, to;
	size_t n = 0;

	if (sscanf(head, "for %15s %lld %lld", r->var, &from, &to) != 3)
		pst_fail(r->p, "for wants VARIABLE FROM TO");
	for (;;) {
		if (!fgets(raw, sizeof(raw), f) || n == LOOP_LINES)
			pst_fail(r->p, "for without end");
		r->p->line++;
		snprintf(lines[n], LINE_MAX_, "%s", clean(raw));
		if (!strcmp(lines[n], "end"))
			break;
		numbers[n] = r->p->line;
		if (*lines[n])
			n++;
	}
	for (r->value = from; r->value <= to; r->value++)
		for (size_t i = 0; i < n; i++) {
			r->p->line = numbers[i];
			statement(r, lines[i]);
		}
	r->var[0] = '\0';
}

static void run_file(struct reader *r, const char *name)
{
	struct pst *p = r->p;
	const char *outer_file = p->file;
	unsigned int outer_line = p->line;
	char path[1024], raw[LINE_MAX_];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", r->directory, name);
	f = fopen(path, "re");
	if (!f)
		pst_fail(p, "cannot open %s", path);
	if (++r->depth > INCLUDE_DEPTH)
		pst_fail(p, "includes go too deep");
	p->file = path;
	p->line = 0;
	while (fgets(raw, sizeof(raw), f)) {
		char *line = clean(raw);

		p->line++;
		if (!*line)
			continue;
		if (!strncmp(line, "for ", 4))
			run_loop(r, f, line);
		else
			statement(r, line);
	}
	fclose(f);
	r->depth--;
	if (outer_file) {
		p->file = outer_file;
		p->line = outer_line;
		return;
	}
	expect_silence(p);
	p->file = name;
}

/* Every script ends with an empty table, whatever it left open. */
static void finish(struct pst *p)
{
	if (!p->stack)
		pst_fail(p, "an empty script");
	for (int i = 0; i < PST_CONNS; i++)
		if (p->conns[i].host.closed)
			p->conns[i].host.has_id = false;
	stack_fini(p->stack, p->now);
	if (stack_stats(p->stack)->conns ||
	    stack_stats(p->stack)->conns_connecting ||
	    stack_stats(p->stack)->pool_used_bytes)
		pst_fail(p, "something is left behind");
}

int main(int argc, char **argv)
{
	static struct pst pst;
	struct reader r = {.p = &pst};
	const char *slash;

	if (argc != 2) {
		fprintf(stderr, "usage: pst SCRIPT\n");
		return 2;
	}
	defaults(&pst);
	slash = strrchr(argv[1], '/');
	snprintf(r.directory, sizeof(r.directory), "%.*s",
	         slash ? (int)(slash - argv[1]) : 1, slash ? argv[1] : ".");
	run_file(&r, slash ? slash + 1 : argv[1]);
	finish(&pst);
	return 0;
}
