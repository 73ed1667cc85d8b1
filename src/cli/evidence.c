/* SPDX-License-Identifier: Apache-2.0 */
/* evidence.c - the flow log, the report at exit, and what `learn` learns */
#include "cli/evidence.h"
#include "base/cleanup.h"
#include "cli/judge.h"
#include "cli/options.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Above what --preserve-fds is likely to name. */
#define EVIDENCE_FD_LOWEST 100
/* about 300 000 lines; more are counted and told as missing */
#define EVIDENCE_BYTES_MAX (UINT64_C(64) << 20)
#define EVIDENCE_WAIT_MS 3000

/* Out of the way of the descriptors that CMD may keep; *fd is closed. */
static int move_up(int *fd)
{
	int high = fcntl(*fd, F_DUPFD_CLOEXEC, EVIDENCE_FD_LOWEST);

	if (high < 0)
		return fd_take(fd);
	fd_close(fd);
	return high;
}

int evidence_log_open(struct cli *c, const char *spec, struct error *err)
{
	_auto_close_ int fd = -1;
	int64_t n;
	int flags;

	if (!strncmp(spec, "fd:", 3)) {
		if (option_parse_number(spec + 3, 0, INT_MAX, &n) < 0)
			return error_set(err, -EINVAL,
			                 "--log %s: write fd: and the number "
			                 "of an open descriptor",
			                 spec);
		flags = fcntl((int)n, F_GETFL);
		if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
			return error_set(err, -EBADF,
			                 "--log %s: not open for writing",
			                 spec);
		fd = (int)n;
		if (n <= 2) { /* stays where it is: it is CMD's as well */
			fd = -1;
			c->config.flow_log_fd = fcntl((int)n, F_DUPFD_CLOEXEC,
			                              EVIDENCE_FD_LOWEST);
			return 0;
		}
	} else {
		fd = open(spec,
		          O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
		                  O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
		          0600);
		if (fd < 0)
			return error_set(err, -errno,
			                 "--log: cannot open %s: ", spec);
	}
	c->config.flow_log_fd = move_up(&fd);
	return 0;
}

int evidence_pcap_open(struct cli *c, const char *option, const char *path,
                       struct error *err)
{
	_auto_close_ int fd = open(path,
	                           O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
	                                   O_NOCTTY | O_NONBLOCK,
	                           0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, -errno, "-%s: cannot open %s: ", option,
		                 path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EINVAL,
		                 "-%s %s: write a regular file; what does not "
		                 "read would stop the traffic",
		                 option, path);
	if (ftruncate(fd, 0) < 0)
		return error_set(err, -errno, "-%s %s: ", option, path);
	fd_close(&c->config.pcap_fd);
	c->config.pcap_fd = move_up(&fd);
	return 0;
}

int evidence_begin(struct cli *c, struct error *err)
{
	int fd = memfd_create("postern-flows", MFD_CLOEXEC), ends[2];

	if (fd < 0)
		return error_set(err, -errno, "cannot make a memory file: ");
	c->config.flow_memory_fd = move_up(&fd);
	c->config.flow_memory_room = EVIDENCE_BYTES_MAX;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, -errno, "cannot make a pipe: ");
	c->evidence_gone = move_up(&ends[0]);
	c->config.flow_done_fd = move_up(&ends[1]);
	return 0;
}

FILE *evidence_end(struct cli *c, struct error *err)
{
	struct pollfd p = {.fd = c->evidence_gone, .events = POLLIN};
	_auto_close_ int memory = c->config.flow_memory_fd;
	_auto_close_ int gone = c->evidence_gone;
	FILE *f;

	(void)gone;
	/* the last holder of the other end is the datapath */
	fd_close(&c->config.flow_done_fd);
	if (poll(&p, 1, EVIDENCE_WAIT_MS) == 0)
		log_warn("the last flows are still on their way; the report "
		         "may lack them");
	c->config.flow_memory_fd = c->evidence_gone = -1;
	if (lseek(memory, 0, SEEK_SET) < 0 || !(f = fdopen(memory, "r"))) {
		error_set(err, -errno, "cannot read the memory file: ");
		return NULL;
	}
	(void)fd_take(&memory);
	return f;
}

int evidence_report(struct cli *c, struct report *r, struct error *err)
{
	_auto_fclose_ FILE *log = evidence_end(c, err);

	if (!log)
		return err->code;
	return report_read(r, log, err);
}

void evidence_put_command(const struct cli *c, FILE *f)
{
	for (char **w = c->rest; *w; w++) {
		if (w != c->rest)
			fputc(' ', f);
		for (const char *s = *w; *s; s++)
			fputc((unsigned char)*s < 0x20 ? ' ' : *s, f);
	}
}

/* --- the policy of a run ------------------------------------------------- */

/* A rule about the row: by name, or by address; tcp is said, to be narrow. */
static void rule_of(const struct report_row *row, bool by_name, char buf[320])
{
	struct report_row part = *row;
	char target[300];

	if (!by_name)
		part.name[0] = '\0';
	report_target(&part, target);
	snprintf(buf, 320, "%s%s", target,
	         !strcmp(row->proto, "tcp") ? "/tcp" : "");
}

/* Does it pass now? Asked of the matcher that enforces. */
static bool passes(struct policy *p, const struct report_row *row)
{
	struct judge_item item;
	char text[320];

	rule_of(row, false, text);
	if (judge_parse(text, 0, &item, NULL) < 0)
		return true; /* nothing a rule could speak of */
	return judge_passes(p, row->name, &item.q);
}

/* Appends ", by curl, git" to a comment of at most len bytes. */
static void add_program(char *by, size_t len, const char *program)
{
	size_t at = strlen(by), n = strlen(program);
	const char *known = strstr(by, program);

	if (!n || at + n + 6 > len)
		return;
	if (known && (known[n] == ',' || !known[n]) && known[-1] == ' ')
		return;
	/* a comment's text, in the line of a policy */
	snprintf(by + at, len - at, "%s%s", at ? ", " : ", by ", program);
}

/* What all rows about the same peer come to, whoever it was that asked. */
static void sum_up(const struct report *r, const struct report_row *row,
                   struct report_row *sum, char *by, size_t len)
{
	char target[300], other[300];

	*sum = (struct report_row){0};
	by[0] = '\0';
	report_target(row, target);
	for (size_t i = 0; i < r->n; i++) {
		const struct report_row *x = &r->rows[i];

		if (x->denied || strcmp(report_target(x, other), target) != 0)
			continue;
		sum->count += x->count;
		sum->bytes_app_host += x->bytes_app_host;
		sum->bytes_host_app += x->bytes_host_app;
		add_program(by, len, x->program);
	}
}

static int add_rule(struct policy *p, const struct report *r,
                    const struct report_row *row, bool by_name, char **line)
{
	char rule[320], up[16], down[16], by[160];
	struct report_row sum;

	rule_of(row, by_name, rule);
	if (policy_add(p, POLICY_ALLOW, rule, NULL) < 0)
		return 0;
	sum_up(r, row, &sum, by, sizeof(by));
	if (asprintf(line, "allow %-40s # %llu flow%s, %s sent, %s got%s", rule,
	             (unsigned long long)sum.count, sum.count == 1 ? "" : "s",
	             report_bytes(sum.bytes_app_host, up),
	             report_bytes(sum.bytes_host_app, down), by) < 0)
		return -ENOMEM;
	return 1;
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int evidence_policy(const struct report *r, struct policy *p, FILE *f)
{
	/* a name that leads to a private address needs both rules */
	char **lines = calloc(2 * r->n + 1, sizeof(*lines));
	int n = 0, rc = 0;

	for (size_t i = 0; lines && i < r->n && rc >= 0; i++) {
		const struct report_row *row = &r->rows[i];

		if (row->denied || row->from_host || row->by_door ||
		    passes(p, row))
			continue;
		if (row->name[0]) {
			rc = add_rule(p, r, row, true, &lines[n]);
			n += rc > 0;
		}
		if (rc >= 0 && !passes(p, row)) {
			rc = add_rule(p, r, row, false, &lines[n]);
			n += rc > 0;
		}
	}
	if (lines)
		qsort(lines, (size_t)n, sizeof(*lines), compare_text);
	for (int i = 0; lines && i < n; i++) {
		fprintf(f, "%s\n", lines[i]);
		free(lines[i]);
	}
	free(lines);
	return lines && rc >= 0 ? n : -1;
}

/* The rules as text, the caller's; NULL: no memory. */
static char *policy_text(const struct report *r)
{
	/* deny-rest from the start: what passes by default is written down */
	struct policy *p = judge_policy_new();
	char *text = NULL;
	size_t len;
	FILE *f = p ? open_memstream(&text, &len) : NULL;
	int n = f ? evidence_policy(r, p, f) : -1;

	if (f)
		fclose(f);
	policy_free(p);
	if (n >= 0)
		return text;
	free(text);
	return NULL;
}

/* CMD as one line, the caller's; NULL: no memory. */
static char *command_text(const struct cli *c)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	evidence_put_command(c, f);
	fclose(f);
	return text;
}

void evidence_print(const struct cli *c, const struct report *r, FILE *f)
{
	_auto_free_ char *rules = policy_text(r);
	_auto_free_ char *command = command_text(c);

	if (!rules || !command) {
		log_error("no memory for the report");
		return;
	}
	report_print(r, c->report_format, f);
	switch (c->report_format) {
	case REPORT_TEXT:
		fprintf(f, "  a policy that allows what was allowed:\n%s",
		        rules);
		break;
	case REPORT_MD:
		fprintf(f,
		        "\n## A policy that allows what was allowed\n\n"
		        "```\n%s```\n",
		        rules);
		break;
	case REPORT_HTML:
		report_html(r, command, rules, f);
		break;
	case REPORT_JSON:
		break;
	}
}
