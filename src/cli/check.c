/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - the verb `check`: what can this machine do? */
#include "cli/check.h"

#include "cli/judge.h"
#include "cli/options.h"
#include "cli/reach.h"
#include "launch/launch.h"
#include "launch/probe.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

/* --- printing ------------------------------------------------------------ */

static const char *chosen(const struct probe *p)
{
	if (probe_link_works(p))
		return p[PROBE_TAP].present ? "link (tap)" : "link (veth)";
	return probe_sockets_works(p) ? "sockets" : "none";
}

/* "tap:   yes  detail" - scripts look for the name and the word behind it */
static void print_line(const char *name, bool yes, const char *detail)
{
	char label[32];

	snprintf(label, sizeof(label), "%s:", name);
	if (*detail)
		printf("%-18s %-4s %s\n", label, yes ? "yes" : "no", detail);
	else
		printf("%-18s %s\n", label, yes ? "yes" : "no");
}

static void print_reach(const struct policy *p)
{
	struct reach all[REACHES];
	uint32_t rules = policy_rule_count(p);

	reach_look(p, all);
	if (rules)
		printf("\nwhat a program reaches under the %u rule%s given\n",
		       (unsigned int)rules, rules == 1 ? "" : "s");
	else
		printf("\nwhat a program reaches %s\n",
		       policy_denies_rest(p) ? "with --offline"
		                             : "where no rule is given");
	for (size_t i = 0; i < REACHES; i++)
		printf("%-17s %-6s %s\n", all[i].name,
		       reach_verdict_name(all[i].verdict), all[i].detail);
}

static void print_doors(void)
{
	const char *what;
	char path[512];

	for (size_t i = 0, n = 0; i < REACH_DOORS; i++) {
		what = reach_door(i, path, sizeof(path));
		if (!what)
			continue;
		if (!n++)
			puts("\nways around any network sandbox, open under "
			     "every policy; hide them\nwith one for files "
			     "(bwrap)");
		printf("%-24s %s\n", what, path);
	}
}

static void print_text(const struct probe *p, const struct policy *policy)
{
	const char *purpose = "";

	print_line("link", probe_link_works(p), "");
	print_line("sockets", probe_sockets_works(p), "");
	printf("chosen:            %s\n", chosen(p));
	for (unsigned int i = 0; i < PROBE_COUNT; i++) {
		enum probe_id id = (enum probe_id)i;

		if (strcmp(purpose, probe_purpose(id)) != 0) {
			purpose = probe_purpose(id);
			printf("\nfor %s\n", purpose);
		}
		print_line(probe_name(id), p[i].present, p[i].detail);
		if (p[i].remedy[0])
			printf("%25s%s\n", "-> ", p[i].remedy);
	}
	print_reach(policy);
	print_doors();
}

static void add_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static void add_bool(struct json_object *o, const char *key, bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

static struct json_object *json_of_probe(enum probe_id id,
                                         const struct probe *p)
{
	struct json_object *o = json_object_new_object();

	add_text(o, "name", probe_name(id));
	add_text(o, "for", probe_purpose(id));
	add_bool(o, "present", p->present);
	add_text(o, "detail", p->detail);
	add_text(o, "remedy", p->remedy);
	return o;
}

static struct json_object *json_of_reach(const struct policy *p)
{
	struct json_object *list = json_object_new_array();
	struct reach all[REACHES];

	reach_look(p, all);
	for (size_t i = 0; i < REACHES; i++) {
		struct json_object *o = json_object_new_object();

		add_text(o, "name", all[i].name);
		add_text(o, "verdict", reach_verdict_name(all[i].verdict));
		add_text(o, "detail", all[i].detail);
		json_object_array_add(list, o);
	}
	return list;
}

static void print_json(const struct probe *p, const struct policy *policy)
{
	struct json_object *o = json_object_new_object();
	struct json_object *list = json_object_new_array();
	struct json_object *around = json_object_new_array();
	char path[512];

	add_text(o, "version", POSTERN_VERSION);
	add_bool(o, "link", probe_link_works(p));
	add_bool(o, "sockets", probe_sockets_works(p));
	add_text(o, "chosen", chosen(p));
	for (unsigned int i = 0; i < PROBE_COUNT; i++)
		json_object_array_add(list,
		                      json_of_probe((enum probe_id)i, &p[i]));
	json_object_object_add(o, "primitives", list);
	json_object_object_add(o, "reach", json_of_reach(policy));
	for (size_t i = 0; i < REACH_DOORS; i++)
		if (reach_door(i, path, sizeof(path)))
			json_object_array_add(around,
			                      json_object_new_string(path));
	json_object_object_add(o, "ways_around", around);
	puts(json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_PRETTY |
			   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* --- the verb ------------------------------------------------------------ */

static bool anything_works(const struct probe *p)
{
	return probe_link_works(p) || probe_sockets_works(p);
}

int cli_check(struct cli *c)
{
	struct probe probes[PROBE_COUNT];
	struct error err = {0};

	if (cli_options_environment(c, &err) < 0 ||
	    judge_prepare(c->policy, &err) < 0)
		return cli_fail(&err);
	policy_set_offline(c->policy, c->config.offline);
	probe_all(probes);
	if (c->json)
		print_json(probes, c->policy);
	else
		print_text(probes, c->policy);
	return anything_works(probes) ? 0 : EXIT_POSTERN;
}

bool check_host_settings(bool must)
{
	struct probe probes[PROBE_COUNT];

	probe_all(probes);
	for (unsigned int i = 0; i < PROBE_COUNT; i++)
		if (!probes[i].present)
			log_notice("-host-settings: no %s: %s",
			           probe_name((enum probe_id)i),
			           probes[i].detail);
	return !must || anything_works(probes);
}
