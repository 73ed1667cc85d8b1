/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - the verb `check`: what can this machine do? */
#include "cli/check.h"
#include "launch/launch.h"
#include "launch/probe.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- ways around --------------------------------------------------------- */

/*
 * Path sockets are files: no network sandbox closes them (need 10). Those
 * without a leading slash are below $XDG_RUNTIME_DIR.
 */
static const struct {
	const char *path, *what;
} doors[] = {
	{"/run/docker.sock", "docker"},
	{"/run/podman/podman.sock", "podman"},
	{"/run/containerd/containerd.sock", "containerd"},
	{"/run/crio/crio.sock", "cri-o"},
	{"/run/dbus/system_bus_socket", "the system D-Bus"},
	{"/run/systemd/private", "systemd"},
	{"docker.sock", "docker"},
	{"podman/podman.sock", "podman"},
	{"bus", "the session D-Bus"},
	{"systemd/private", "the user's systemd"},
};
#define DOORS (ARRAY_SIZE(doors) + 1) /* the last is the ssh-agent */

/* The i-th way around, if it is there: what it is, its path in buf. */
static const char *open_door(size_t i, char *buf, size_t len)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	const char *agent = getenv("SSH_AUTH_SOCK");
	struct stat st;

	if (i == ARRAY_SIZE(doors))
		snprintf(buf, len, "%s", agent ? agent : "");
	else if (doors[i].path[0] == '/')
		snprintf(buf, len, "%s", doors[i].path);
	else
		snprintf(buf, len, "%s/%s", runtime ? runtime : "",
		         doors[i].path);
	if (stat(buf, &st) < 0 || !S_ISSOCK(st.st_mode) ||
	    access(buf, W_OK) < 0)
		return NULL;
	return i == ARRAY_SIZE(doors) ? "the ssh-agent" : doors[i].what;
}

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

static void print_text(const struct probe *p)
{
	const char *purpose = "", *what;
	char path[512];

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
	for (size_t i = 0, n = 0; i < DOORS; i++) {
		what = open_door(i, path, sizeof(path));
		if (!what)
			continue;
		if (!n++)
			puts("\nways around any network sandbox; hide them "
			     "with one for files (bwrap)");
		printf("%-18s %s\n", what, path);
	}
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

static void print_json(const struct probe *p)
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
	for (size_t i = 0; i < DOORS; i++)
		if (open_door(i, path, sizeof(path)))
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

	probe_all(probes);
	if (c->json)
		print_json(probes);
	else
		print_text(probes);
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
