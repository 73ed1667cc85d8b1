/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - the verb `check`: what can this machine do? */
#include "cli/cli.h"
#include "launch/launch.h"
#include "launch/probe.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Path sockets are files: no network sandbox closes them (need 10). */
static const struct {
	const char *path, *what;
} doors[] = {
	{"/run/docker.sock", "docker"},
	{"/var/run/docker.sock", "docker"},
	{"/run/podman/podman.sock", "podman"},
	{"/run/containerd/containerd.sock", "containerd"},
	{"/run/dbus/system_bus_socket", "the system D-Bus"},
	{"/run/systemd/private", "systemd"},
};

static bool is_open_door(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	       access(path, W_OK) == 0;
}

static const char *chosen(const struct probe *p)
{
	if (probe_link_works(p))
		return p[PROBE_TAP].present ? "link (tap)" : "link (veth)";
	return probe_sockets_works(p) ? "sockets" : "none";
}

/* The texts are ours and hold nothing that JSON would have to escape. */
static void print_json(const struct probe *p)
{
	printf("{\"version\":\"%s\",\"link\":%s,\"sockets\":%s,"
	       "\"chosen\":\"%s\",\"primitives\":[",
	       POSTERN_VERSION, probe_link_works(p) ? "true" : "false",
	       probe_sockets_works(p) ? "true" : "false", chosen(p));
	for (unsigned int i = 0; i < PROBE_COUNT; i++)
		printf("%s\n{\"name\":\"%s\",\"for\":\"%s\",\"present\":%s,"
		       "\"detail\":\"%s\",\"remedy\":\"%s\"}",
		       i ? "," : "", probe_name((enum probe_id)i),
		       probe_purpose((enum probe_id)i),
		       p[i].present ? "true" : "false", p[i].detail,
		       p[i].remedy);
	printf("\n]}\n");
}

static void print_text(const struct probe *p)
{
	for (unsigned int i = 0; i < PROBE_COUNT; i++) {
		printf("%-17s %-8s %s", probe_name((enum probe_id)i),
		       probe_purpose((enum probe_id)i),
		       p[i].present ? "yes" : "no");
		if (p[i].detail[0])
			printf(": %s", p[i].detail);
		putchar('\n');
		if (p[i].remedy[0])
			printf("%27s%s\n", "-> ", p[i].remedy);
	}
	printf("\nlink:    %s\nsockets: %s\nchosen:  %s\n",
	       probe_link_works(p) ? "works here" : "not possible here",
	       probe_sockets_works(p) ? "works here" : "not possible here",
	       chosen(p));
	for (size_t i = 0; i < ARRAY_SIZE(doors); i++)
		if (is_open_door(doors[i].path))
			printf("warning: %s is reachable by %s: a way around "
			       "any network sandbox\n",
			       doors[i].what, doors[i].path);
}

int cli_check(struct cli *c)
{
	struct probe probes[PROBE_COUNT];

	probe_all(probes);
	if (c->json)
		print_json(probes);
	else
		print_text(probes);
	return probe_link_works(probes) || probe_sockets_works(probes)
	               ? 0
	               : EXIT_POSTERN;
}
