/* SPDX-License-Identifier: Apache-2.0 */
/* looks.c - the verbs that look at sandboxes: ps, info, flows, stats */
#include "base/cleanup.h"
#include "cli/sandboxes.h"
#include "launch/launch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "47s", "12m", "3h05m", "2d04h" */
static const char *format_age(int64_t ms, char *buf, size_t len)
{
	long long s = ms / 1000;

	if (s < 120)
		snprintf(buf, len, "%llds", s);
	else if (s < 7200)
		snprintf(buf, len, "%lldm", s / 60);
	else if (s < 172800)
		snprintf(buf, len, "%lldh%02lldm", s / 3600, s / 60 % 60);
	else
		snprintf(buf, len, "%lldd%02lldh", s / 86400, s / 3600 % 24);
	return buf;
}

/* "812", "1.4K", "23M": powers of 1024, as ls -h */
static const char *format_bytes(int64_t bytes, char *buf, size_t len)
{
	static const char units[] = "KMGTPE";
	double v = (double)bytes;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(buf, len, "%lld", (long long)bytes);
		return buf;
	}
	for (v /= 1024; v >= 999.5 && i < sizeof(units) - 2; i++)
		v /= 1024;
	snprintf(buf, len, v < 9.95 ? "%.1f%c" : "%.0f%c", v, units[i]);
	return buf;
}

/* The words of CMD in one line. */
static const char *format_command(struct json_object *o, char *buf, size_t len)
{
	struct json_object *words, *one = json_object_new_object();
	size_t at = 0;

	buf[0] = '\0';
	if (!one || !json_object_object_get_ex(o, "command", &words) ||
	    !json_object_is_type(words, json_type_array)) {
		json_object_put(one);
		return buf;
	}
	for (size_t i = 0; i < json_object_array_length(words); i++) {
		char word[256];

		json_object_object_add(
			one, "w",
			json_object_get(json_object_array_get_idx(words, i)));
		answer_text(one, "w", word, sizeof(word));
		at += (size_t)snprintf(buf + at, len - at, "%s%s", i ? " " : "",
		                       word);
		if (at >= len)
			break;
	}
	json_object_put(one);
	return buf;
}

static void print_json(void *user, struct json_object *line)
{
	(void)user;
	puts(json_object_to_json_string_ext(
		line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* Of {"v":1,"flow":{...}} what is in it; the line itself where it is not. */
static struct json_object *inner(struct json_object *line, const char *key)
{
	struct json_object *o;

	return json_object_object_get_ex(line, key, &o) ? o : line;
}

/* "127.0.0.1:8080->80, 2 more"; "-": none */
static const char *format_ports(struct json_object *o, char *buf, size_t len)
{
	struct json_object *list, *p;
	char host[80], proto[8], more[40] = "";
	size_t n = 0;

	if (json_object_object_get_ex(o, "published", &list) &&
	    json_object_is_type(list, json_type_array))
		n = json_object_array_length(list);
	if (!n)
		return "-";
	p = json_object_array_get_idx(list, 0);
	if (n > 1)
		snprintf(more, sizeof(more), ", %zu more", n - 1);
	answer_text(p, "proto", proto, sizeof(proto));
	snprintf(buf, len, "%s->%lld%s%s",
	         answer_text(p, "host", host, sizeof(host)),
	         (long long)answer_number(p, "port"),
	         strcmp(proto, "udp") ? "" : "/udp", more);
	return buf;
}

/* --- ps ------------------------------------------------------------------- */

static void add_sandbox(void *user, struct json_object *o)
{
	char id[64], age[32], how[32], command[64], pid[32], ports[128];
	struct json_object *stats;
	int64_t flows = 0;

	if (json_object_object_get_ex(o, "stats", &stats))
		flows = answer_number(stats, "tcp") +
		        answer_number(stats, "udp") +
		        answer_number(stats, "icmp");
	answer_text(o, answer_has(o, "frontend") ? "frontend" : "network", how,
	            sizeof(how));
	table_add(user, "%s\t%s\t%s\t%s\t%" PRId64 "\t%s\t%s",
	          answer_text(o, "sandbox", id, sizeof(id)),
	          answer_text(o, "command_pid", pid, sizeof(pid)),
	          format_age(answer_number(o, "uptime_ms"), age, sizeof(age)),
	          how, flows, format_ports(o, ports, sizeof(ports)),
	          format_command(o, command, sizeof(command)));
}

struct asking {
	void (*last)(void *user, struct json_object *line);
	void *user;
};

static void ask_info(void *user, struct control_client *client)
{
	const struct asking *a = user;
	struct error err = {0};

	if (sandbox_ask(client, CONTROL_INFO, "", NULL, a->last, a->user,
	                &err) < 0 &&
	    err.code != -EPIPE) /* it ended meanwhile */
		log_warn("%s", err.text);
}

int cli_ps(struct cli *c)
{
	static const char *const heads[] = {
		"ID", "PID", "UP", "FRONTEND", "FLOWS", "PORTS", "COMMAND"};
	struct table t = {.heads = heads,
	                  .ncolumns = ARRAY_SIZE(heads),
	                  .right = 1u << 1 | 1u << 2 | 1u << 4};
	struct asking json = {print_json, NULL}, table = {add_sandbox, &t};
	struct error err = {0};

	if (c->nwords) {
		error_set(&err, -EINVAL, "write postern ps [--json]");
		return cli_fail(&err);
	}
	if (sandboxes_each(ask_info, c->json ? &json : &table, &err) < 0)
		return cli_fail(&err);
	if (!c->json)
		table_print(&t);
	return 0;
}

/* --- info ----------------------------------------------------------------- */

static void print_published(struct json_object *o)
{
	struct json_object *list, *p;
	char host[80], proto[8];

	if (!json_object_object_get_ex(o, "published", &list) ||
	    !json_object_is_type(list, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		p = json_object_array_get_idx(list, i);
		printf("%-9s publish:%lld %s/%s -> %lld\n", "port",
		       (long long)answer_number(p, "number"),
		       answer_text(p, "host", host, sizeof(host)),
		       answer_text(p, "proto", proto, sizeof(proto)),
		       (long long)answer_number(p, "port"));
	}
}

static void print_info(void *user, struct json_object *o)
{
	static const struct {
		const char *key, *head;
	} rows[] = {
		{"sandbox", "id"},        {"version", "version"},
		{"pid", "monitor"},       {"command_pid", "pid"},
		{"started", "started"},   {"network", "network"},
		{"frontend", "frontend"},
	};
	char text[256];
	struct json_object *stats;

	(void)user;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (answer_has(o, rows[i].key))
			printf("%-9s %s\n", rows[i].head,
			       answer_text(o, rows[i].key, text, sizeof(text)));
	printf("%-9s %s\n", "up",
	       format_age(answer_number(o, "uptime_ms"), text, sizeof(text)));
	printf("%-9s %s\n", "command", format_command(o, text, sizeof(text)));
	print_published(o);
	if (!json_object_object_get_ex(o, "stats", &stats))
		return;
	printf("%-9s %" PRId64 " tcp, %" PRId64 " udp, %" PRId64 " icmp\n",
	       "flows", answer_number(stats, "tcp"),
	       answer_number(stats, "udp"), answer_number(stats, "icmp"));
	printf("%-9s %s\n", "policy",
	       answer_number(stats, "denies_rest")
	               ? "what no rule allows is denied"
	               : "what is not denied and not closed by default passes");
}

static void print_rule(void *user, struct json_object *line)
{
	struct json_object *o = inner(line, "rule");
	char text[512], origin[256];

	(void)user;
	answer_text(o, "origin", origin, sizeof(origin));
	printf("%-9s %s%s%s\n", "rule",
	       answer_text(o, "text", text, sizeof(text)),
	       *origin ? "  # " : "", origin);
}

int cli_info(struct cli *c)
{
	struct control_client client;
	struct error err = {0};
	int rc;

	if (!sandbox_connect_only(c, &client))
		return EXIT_POSTERN;
	rc = sandbox_ask(&client, CONTROL_INFO, "", NULL,
	                 c->json ? print_json : print_info, NULL, &err);
	/* without a network there are none */
	if (!rc && sandbox_ask(&client, CONTROL_RULES, "",
	                       c->json ? print_json : print_rule, NULL, NULL,
	                       NULL) < 0)
		log_debug("no rules");
	control_disconnect(&client);
	return rc < 0 ? cli_fail(&err) : 0;
}

/* --- flows ---------------------------------------------------------------- */

static void add_flow(void *user, struct json_object *line)
{
	struct json_object *o = inner(line, "flow");
	char proto[16], state[16], host[64], name[256],
		up[32] = "", down[32] = "", program[64], pid[32], rule[400];
	bool internal = answer_number(o, "internal");

	if (answer_has(o, "bytes_app_host")) {
		format_bytes(answer_number(o, "bytes_app_host"), up,
		             sizeof(up));
		format_bytes(answer_number(o, "bytes_host_app"), down,
		             sizeof(down));
	}
	answer_text(o, "pid", pid, sizeof(pid));
	answer_text(o, answer_has(o, "rule") ? "rule" : "reason", rule,
	            sizeof(rule));
	table_add(user, "%s\t%s\t%s\t%s\t%s\t%s\t%s%s%s%s\t%s",
	          answer_text(o, "proto", proto, sizeof(proto)),
	          answer_text(o, "state", state, sizeof(state)),
	          answer_text(o, "host", host, sizeof(host)),
	          answer_text(o, "name", name, sizeof(name)), up, down,
	          answer_text(o, "program", program, sizeof(program)),
	          *pid ? "[" : "", pid, *pid ? "]" : "",
	          internal ? "the resolver here" : rule);
}

static void print_inner_flow(void *user, struct json_object *line)
{
	print_json(user, inner(line, "flow"));
}

int cli_flows(struct cli *c)
{
	static const char *const heads[] = {"PROTO", "STATE", "HOST",    "NAME",
	                                    "SENT",  "GOT",   "PROCESS", "BY"};
	struct table t = {.heads = heads,
	                  .ncolumns = ARRAY_SIZE(heads),
	                  .right = 1u << 4 | 1u << 5};
	struct control_client client;
	struct error err = {0};
	int rc;

	if (!sandbox_connect_only(c, &client))
		return EXIT_POSTERN;
	rc = sandbox_ask(&client, CONTROL_FLOWS, "",
	                 c->json ? print_inner_flow : add_flow, NULL, &t, &err);
	control_disconnect(&client);
	if (!c->json)
		table_print(&t);
	return rc < 0 ? cli_fail(&err) : 0;
}

/* --- stats ---------------------------------------------------------------- */

/* struct metric - a member of the answer, and its name for scrapers */
struct metric {
	const char *key, *family, *labels, *type, *help;
};

/* those of one family stand together */
static const struct metric metrics[] = {
	{"tcp", "postern_flows", "proto=\"tcp\"", "gauge", "Live flows."},
	{"udp", "postern_flows", "proto=\"udp\"", "gauge", NULL},
	{"icmp", "postern_flows", "proto=\"icmp\"", "gauge", NULL},
	{"opened", "postern_flows_opened", "", "counter",
         "Flows that were allowed and opened."},
	{"refused", "postern_flows_refused", "", "counter",
         "Flows that the host's side or a bound refused."},
	{"denied", "postern_flows_denied", "", "counter",
         "Flows and names that policy denied."},
	{"resets", "postern_flows_reset", "", "counter",
         "Flows that were ended before their time."},
	{"expired", "postern_flows_expired", "", "counter",
         "Flows that were silent for too long."},
	{"evicted", "postern_flows_evicted", "", "counter",
         "Flows that made room for others."},
	{"impossible", "postern_flows_impossible", "", "counter",
         "Flows in a state that should not be: bugs of postern."},
	{"bytes_app_host", "postern_bytes", "direction=\"app_host\"", "counter",
         "Payload carried."},
	{"bytes_host_app", "postern_bytes", "direction=\"host_app\"", "counter",
         NULL},
	{"rules", "postern_rules", "", "gauge", "Rules of the policy."},
};

struct stats_print {
	const char *id;
};

static void print_openmetrics(void *user, struct json_object *o)
{
	const char *id = ((const struct stats_print *)user)->id;

	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
		const struct metric *m = &metrics[i];
		bool counter = !strcmp(m->type, "counter");

		if (m->help) {
			printf("# TYPE %s %s\n", m->family, m->type);
			if (!strcmp(m->family, "postern_bytes"))
				puts("# UNIT postern_bytes bytes");
			printf("# HELP %s %s\n", m->family, m->help);
		}
		/* an id has no character that would need an escape */
		printf("%s%s{sandbox=\"%s\"%s%s} %" PRId64 "\n", m->family,
		       counter ? "_total" : "", id, *m->labels ? "," : "",
		       m->labels, answer_number(o, m->key));
	}
	puts("# EOF");
}

static void print_stats(void *user, struct json_object *o)
{
	char bytes[32];

	(void)user;
	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
		int64_t v = answer_number(o, metrics[i].key);

		if (!strncmp(metrics[i].key, "bytes_", 6))
			printf("%-15s %" PRId64 " (%s)\n", metrics[i].key, v,
			       format_bytes(v, bytes, sizeof(bytes)));
		else
			printf("%-15s %" PRId64 "\n", metrics[i].key, v);
	}
}

int cli_stats(struct cli *c)
{
	struct control_client client;
	struct stats_print p = {client.id};
	struct error err = {0};
	void (*print)(void *, struct json_object *) = print_stats;
	int rc;

	if (c->json && c->openmetrics) {
		error_set(&err, -EINVAL,
		          "--json and --openmetrics exclude each other");
		return cli_fail(&err);
	}
	if (!sandbox_connect_only(c, &client))
		return EXIT_POSTERN;
	if (c->json)
		print = print_json;
	if (c->openmetrics)
		print = print_openmetrics;
	rc = sandbox_ask(&client, CONTROL_STATS, "", NULL, print, &p, &err);
	control_disconnect(&client);
	return rc < 0 ? cli_fail(&err) : 0;
}
