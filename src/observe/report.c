/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - what a run talked to, put together from its flow log */
#include "observe/report-private.h"

#include "base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- reading ------------------------------------------------------------- */

static const char *text_of(struct json_object *line, const char *key)
{
	struct json_object *v;

	if (!json_object_object_get_ex(line, key, &v))
		return "";
	return json_object_get_string(v);
}

static uint64_t number_of(struct json_object *line, const char *key)
{
	struct json_object *v;

	if (!json_object_object_get_ex(line, key, &v))
		return 0;
	return json_object_get_uint64(v);
}

/* A program may call its file anything: no terminal shall obey it. */
static void copy(char *to, size_t len, const char *from)
{
	snprintf(to, len, "%s", from);
	for (; *to; to++)
		if ((unsigned char)*to < 0x20 || *to == 0x7f)
			*to = '?';
}

/* FNV-1a; the lines are ours, so nobody aims at a bucket */
static uint32_t hash_text(uint32_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 16777619u;
	return (h ^ 0xffu) * 16777619u;
}

/* struct peer - what tells one row from another */
struct peer {
	const char *name, *addr, *proto, *program;
	uint16_t port;
	bool denied, from_host;
};

static uint32_t hash_peer(const struct peer *p)
{
	uint32_t h = hash_text(2166136261u, *p->name ? p->name : p->addr);

	h = hash_text(hash_text(h, p->proto), p->program);
	return (h ^ p->port ^ (uint32_t)p->denied << 16) * 16777619u;
}

static bool is_row(const struct report_row *row, const struct peer *p)
{
	return row->denied == p->denied && row->port == p->port &&
	       row->from_host == p->from_host &&
	       !strcmp(row->proto, p->proto) && !strcmp(row->name, p->name) &&
	       !strcmp(row->program, p->program) &&
	       (*p->name || !strcmp(row->addr, p->addr));
}

/* Room for one more row, and buckets at most half full. */
static int make_room(struct report *r)
{
	size_t room = r->room ? r->room * 2 : 64;
	struct report_row *rows;
	uint32_t *buckets;

	if (r->n < r->room)
		return 0;
	rows = realloc(r->rows, room * sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	r->rows = rows;
	buckets = calloc(room * 2, sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	free(r->buckets);
	r->buckets = buckets;
	r->room = room;
	for (size_t i = 0; i < r->n; i++) {
		const struct report_row *row = &rows[i];
		struct peer p = {row->name,     row->addr, row->proto,
		                 row->program,  row->port, row->denied,
		                 row->from_host};
		uint32_t at = hash_peer(&p);

		while (buckets[at & (room * 2 - 1)])
			at++;
		buckets[at & (room * 2 - 1)] = (uint32_t)i + 1;
	}
	return 0;
}

static bool is_by_door(struct json_object *line)
{
	return !strncmp(text_of(line, "rule"), "door:", 5);
}

/* The row of this peer and verdict, made if need be; NULL: no memory. */
static struct report_row *row_of(struct report *r, struct json_object *line,
                                 bool denied)
{
	/* of a client the port is its own and means nothing: the app's does */
	bool from_host = !strcmp(text_of(line, "opened_by"), "host");
	struct peer p = {
		text_of(line, "name"),
		text_of(line, "host_addr"),
		text_of(line, "proto"),
		text_of(line, "program"),
		(uint16_t)number_of(line, from_host ? "app_port" : "host_port"),
		denied,
		from_host};
	uint32_t at = hash_peer(&p);
	struct report_row *row;

	if (make_room(r) < 0)
		return NULL;
	for (;; at++) {
		uint32_t *bucket = &r->buckets[at & (r->room * 2 - 1)];

		if (!*bucket) {
			*bucket = (uint32_t)r->n + 1;
			break;
		}
		row = &r->rows[*bucket - 1];
		if (is_row(row, &p)) {
			row->by_door &= is_by_door(line);
			return row;
		}
	}
	row = &r->rows[r->n++];
	memset(row, 0, sizeof(*row));
	row->number = (uint32_t)r->n - 1;
	copy(row->name, sizeof(row->name), p.name);
	copy(row->addr, sizeof(row->addr), p.addr);
	copy(row->proto, sizeof(row->proto), p.proto);
	copy(row->program, sizeof(row->program), p.program);
	row->port = p.port;
	row->denied = denied;
	row->from_host = from_host;
	row->by_door = is_by_door(line);
	return row;
}

static void take_span(struct report *r, struct json_object *line,
                      const struct report_row *row)
{
	int64_t end = (int64_t)number_of(line, "mono_ns");
	struct report_span *span;

	if (!r->spans)
		r->spans = calloc(REPORT_SPANS_MAX, sizeof(*r->spans));
	if (!r->spans || r->nspans == REPORT_SPANS_MAX)
		return;
	span = &r->spans[r->nspans++];
	span->row = row->number;
	if (row->denied)
		span->kind = REPORT_DENIED;
	else if (*text_of(line, "error"))
		span->kind = REPORT_FAILED;
	span->to_us = end / NS_PER_US;
	span->from_us =
		(end - (int64_t)number_of(line, "duration_ns")) / NS_PER_US;
}

static int take_line(struct report *r, struct json_object *line)
{
	const char *event = text_of(line, "event");
	bool denied = !strcmp(event, "deny");
	struct report_row *row;

	if (!strcmp(event, "dropped")) {
		r->dropped += number_of(line, "lines");
		return 0;
	}
	row = row_of(r, line, denied);
	if (!row)
		return -ENOMEM;
	if (!row->first[0])
		copy(row->first, sizeof(row->first), text_of(line, "time"));
	copy(row->last, sizeof(row->last), text_of(line, "time"));
	if (!strcmp(event, "close")) {
		take_span(r, line, row);
		row->bytes_app_host += number_of(line, "bytes_app_host");
		row->bytes_host_app += number_of(line, "bytes_host_app");
		row->failed += *text_of(line, "error") != '\0';
		if (*text_of(line, "error"))
			copy(row->error, sizeof(row->error),
			     text_of(line, "error"));
		return 0;
	}
	row->count++;
	if (denied)
		take_span(r, line, row);
	copy(row->why, sizeof(row->why),
	     *text_of(line, "rule") ? text_of(line, "rule")
	                            : text_of(line, "reason"));
	return 0;
}

static int compare(const void *x, const void *y)
{
	const struct report_row *a = x, *b = y;
	uint64_t bytes_a = a->bytes_app_host + a->bytes_host_app;
	uint64_t bytes_b = b->bytes_app_host + b->bytes_host_app;
	char text_a[300], text_b[300];

	if (a->denied != b->denied)
		return a->denied ? 1 : -1;
	if (bytes_a != bytes_b)
		return bytes_a < bytes_b ? 1 : -1;
	return strcmp(report_target(a, text_a), report_target(b, text_b));
}

/* The spans follow their rows to where these were sorted. */
static int renumber(struct report *r)
{
	uint32_t *place = calloc(r->n, sizeof(*place));

	if (!place)
		return -ENOMEM;
	for (size_t i = 0; i < r->n; i++)
		place[r->rows[i].number] = (uint32_t)i;
	for (size_t i = 0; i < r->nspans; i++)
		r->spans[i].row = place[r->spans[i].row];
	free(place);
	return 0;
}

int report_read(struct report *r, FILE *log, struct error *err)
{
	_auto_free_ char *text = NULL;
	size_t room = 0;
	int rc = 0;

	memset(r, 0, sizeof(*r));
	while (rc == 0 && getline(&text, &room, log) > 0) {
		struct json_object *line = json_tokener_parse(text);

		if (!line)
			continue; /* cut by a full disk */
		r->lines++;
		rc = take_line(r, line);
		json_object_put(line);
	}
	if (rc == 0 && r->n) {
		qsort(r->rows, r->n, sizeof(*r->rows), compare);
		rc = renumber(r);
	}
	if (rc == 0)
		return 0;
	report_fini(r);
	return error_set(err, rc, "cannot make the report: ");
}

void report_fini(struct report *r)
{
	free(r->rows);
	free(r->buckets);
	free(r->spans);
	memset(r, 0, sizeof(*r));
}

/* --- printing ------------------------------------------------------------ */

char *report_target(const struct report_row *row, char buf[300])
{
	bool tcp = !strcmp(row->proto, "tcp"), dns = !strcmp(row->proto, "dns");
	bool bracket = !row->name[0] && strchr(row->addr, ':') && row->port;
	const char *host =
		row->name[0] && !(dns && row->addr[0]) ? row->name : row->addr;
	char port[8] = "";

	if (row->from_host) {
		snprintf(buf, 300, "%s -> port %u/%s", row->addr,
		         (unsigned int)row->port, row->proto);
		return buf;
	}
	if (row->port)
		snprintf(port, sizeof(port), ":%u", (unsigned int)row->port);
	snprintf(buf, 300, bracket ? "[%s]%s%s%s" : "%s%s%s%s", host, port,
	         tcp || dns ? "" : "/", tcp || dns ? "" : row->proto);
	return buf;
}

/* "1.2M" in a column of people's size; returns buf. */
char *report_bytes(uint64_t n, char buf[16])
{
	static const char units[] = "\0kMGTP";
	double v = (double)n;
	size_t unit = 0;

	while (v >= 1000 && unit < sizeof(units) - 2) {
		v /= 1000;
		unit++;
	}
	if (unit)
		snprintf(buf, 16, v < 10 ? "%.1f%c" : "%.0f%c", v, units[unit]);
	else
		snprintf(buf, 16, "%" PRIu64, n);
	return buf;
}

static void total(const struct report *r, bool denied, struct report_row *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (size_t i = 0; i < r->n; i++) {
		if (r->rows[i].denied != denied)
			continue;
		sum->count += r->rows[i].count;
		sum->failed += r->rows[i].failed;
		sum->bytes_app_host += r->rows[i].bytes_app_host;
		sum->bytes_host_app += r->rows[i].bytes_host_app;
	}
}

/* A line of it must stay one line, and a cell one cell. */
static void put_cell(const char *text, FILE *f)
{
	for (; *text; text++) {
		if (*text == '|' || *text == '`' || *text == '<')
			fputc('\\', f);
		fputc(*text, f);
	}
}

static void print_row_md(const struct report_row *row, FILE *f)
{
	char target[300], up[16], down[16];

	fprintf(f, "| %s | `%s` | %s | ", row->denied ? "denied" : "allowed",
	        report_target(row, target), row->name[0] ? row->addr : "");
	put_cell(row->program, f);
	fprintf(f, " | %" PRIu64 " | %s | %s | %.19s | %.19s | ", row->count,
	        report_bytes(row->bytes_app_host, up),
	        report_bytes(row->bytes_host_app, down), row->first, row->last);
	put_cell(row->why, f);
	if (row->failed)
		fprintf(f, "; %" PRIu64 " failed: %s", row->failed, row->error);
	fputs(" |\n", f);
}

static void print_row(const struct report_row *row, FILE *f)
{
	char target[300], up[16], down[16], note[64] = "";

	if (row->failed)
		snprintf(note, sizeof(note), " (%" PRIu64 " failed: %s)",
		         row->failed, row->error);
	/* of a time, what follows the date */
	fprintf(f,
	        "  %-7s %-36s %-15s %5" PRIu64
	        " %7s %7s  %-8.8s %-8.8s  %s%s%s%s\n",
	        row->denied ? "denied" : "allowed", report_target(row, target),
	        row->name[0] ? row->addr : "", row->count,
	        report_bytes(row->bytes_app_host, up),
	        report_bytes(row->bytes_host_app, down), row->first + 11,
	        row->last + 11, row->why, row->program[0] ? ", by " : "",
	        row->program, note);
}

static void print_table(const struct report *r, bool md, FILE *f)
{
	struct report_row allowed, denied;
	char up[16], down[16];

	total(r, false, &allowed);
	total(r, true, &denied);
	if (md)
		fputs("| verdict | peer | address | program | flows "
		      "| app -> host | host -> app | first | last | why |\n"
		      "|---|---|---|---|---:|---:|---:|---|---|---|\n",
		      f);
	else
		fprintf(f, "  %-7s %-36s %-15s %5s %7s %7s  %-8s %-8s  %s\n",
		        "verdict", "peer", "address", "flows", "sent", "got",
		        "first", "last", "why");
	for (size_t i = 0; i < r->n; i++) {
		if (md)
			print_row_md(&r->rows[i], f);
		else
			print_row(&r->rows[i], f);
	}
	fprintf(f,
	        "%s%" PRIu64 " flows allowed (%" PRIu64 " failed), %" PRIu64
	        " denied, %s bytes sent, %s got%s\n",
	        md ? "\n" : "  ", allowed.count, allowed.failed, denied.count,
	        report_bytes(allowed.bytes_app_host, up),
	        report_bytes(allowed.bytes_host_app, down), md ? "." : "");
	if (r->dropped)
		fprintf(f,
		        "%s%" PRIu64 " lines of the log were dropped: there "
		        "was more\n",
		        md ? "\n" : "  ", r->dropped);
}

static void add_text(struct json_object *o, const char *key, const char *text)
{
	if (*text)
		json_object_object_add(o, key, json_object_new_string(text));
}

static void add_number(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

static struct json_object *json_of(const struct report_row *row)
{
	struct json_object *o = json_object_new_object();
	char target[300];

	add_text(o, "verdict", row->denied ? "deny" : "allow");
	add_text(o, "target", report_target(row, target));
	add_text(o, "name", row->name);
	add_text(o, "address", row->addr);
	add_text(o, "protocol", row->proto);
	add_text(o, "program", row->program);
	if (row->port)
		add_number(o, "port", row->port);
	add_number(o, "flows", row->count);
	add_number(o, "failed", row->failed);
	add_text(o, "error", row->error);
	add_number(o, "bytes_app_host", row->bytes_app_host);
	add_number(o, "bytes_host_app", row->bytes_host_app);
	add_text(o, "first", row->first);
	add_text(o, "last", row->last);
	add_text(o, "why", row->why);
	return o;
}

/* [row, from, to, kind] in microseconds */
static struct json_object *json_of_span(const struct report_span *span)
{
	struct json_object *o = json_object_new_array();

	json_object_array_add(o, json_object_new_int64(span->row));
	json_object_array_add(o, json_object_new_int64(span->from_us));
	json_object_array_add(o, json_object_new_int64(span->to_us));
	json_object_array_add(o, json_object_new_int((int)span->kind));
	return o;
}

struct json_object *report_json(const struct report *r)
{
	struct json_object *o = json_object_new_object();
	struct json_object *rows = json_object_new_array();
	struct json_object *spans = json_object_new_array();

	add_number(o, "v", 1);
	for (size_t i = 0; i < r->n; i++)
		json_object_array_add(rows, json_of(&r->rows[i]));
	json_object_object_add(o, "peers", rows);
	for (size_t i = 0; i < r->nspans; i++)
		json_object_array_add(spans, json_of_span(&r->spans[i]));
	json_object_object_add(o, "spans", spans);
	add_number(o, "dropped", r->dropped);
	return o;
}

static void print_json(const struct report *r, FILE *f)
{
	struct json_object *o = report_json(r);

	fprintf(f, "%s\n",
	        json_object_to_json_string_ext(
			o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_PRETTY |
				   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

void report_print(const struct report *r, enum report_format format, FILE *f)
{
	switch (format) {
	case REPORT_TEXT:
		fputs("postern: what it talked to (times in UTC):\n", f);
		print_table(r, false, f);
		break;
	case REPORT_JSON:
		print_json(r, f);
		break;
	case REPORT_HTML: /* report_html(), which wants the policy */
		break;
	case REPORT_MD:
		fputs("# What it talked to\n\n", f);
		print_table(r, true, f);
		break;
	}
}
