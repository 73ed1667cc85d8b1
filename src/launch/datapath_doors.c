/* SPDX-License-Identifier: Apache-2.0 */
/* datapath_doors.c - doors: known to flow, and present on the app's loopback */
#include "launch/datapath-private.h"

#include "base/cleanup.h"
#include "dns/resolver.h"
#include "flow/flow.h"
#include "launch/door.h"
#include "link/app_sockets.h"

#include <errno.h>
#include <stdlib.h>

static struct door_side side_of(const struct datapath *dp)
{
	const struct datapath_args *a = dp->args;

	return (struct door_side){.has_ip4 = !dp->config->ip6_only,
	                          .has_ip6 = !dp->config->ip4_only,
	                          .gateway4 = a->gateway4,
	                          .gateway6 = a->gateway6};
}

int datapath_doors_init(struct datapath *dp, struct error *err)
{
	size_t n = DOOR_FACE(dp->config->ndoors, 0u);

	if (!n || dp->args->sockets)
		return 0;
	dp->door_fds = malloc(n * sizeof(*dp->door_fds));
	if (!dp->door_fds)
		return error_set(err, -ENOMEM, "no memory for doors");
	for (size_t i = 0; i < n; i++)
		dp->door_fds[i] = -1;
	return 0;
}

int datapath_door_open(void *user, uint32_t door, struct flow_id id)
{
	struct datapath *dp = user;
	uint64_t packed = flow_id_pack(id);

	return message_send(dp->monitor_fd, MSG_DOOR_OPEN, (int32_t)door,
	                    &packed, sizeof(packed), -1);
}

/* The faces on loopback, where link has sockets for them. */
static int listen_at(struct datapath *dp, size_t door,
                     const struct flow_door *d)
{
	int rc = 0;

	for (size_t k = 0; dp->door_fds && !rc && k < d->nfaces; k++) {
		int *fd = &dp->door_fds[DOOR_FACE(door, k)];

		if (*fd >= 0)
			rc = app_sockets_listen(dp->app_sockets, fd_take(fd),
			                        d->proto, &d->faces[k]);
	}
	return rc;
}

/* The host has a name inside while one of its ports is open. */
static int add_names(struct datapath *dp, struct error *err)
{
	static const char *const names[] = {FLOW_GATEWAY_NAMES};
	struct door_side side = side_of(dp);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int rc = 0;

		if (side.has_ip4)
			rc = resolver_add_host(dp->resolver, names[i],
			                       &side.gateway4, err);
		if (!rc && side.has_ip6)
			rc = resolver_add_host(dp->resolver, names[i],
			                       &side.gateway6, err);
		if (rc)
			return rc;
	}
	return 0;
}

int datapath_doors_build(struct datapath *dp, struct error *err)
{
	struct door_side side = side_of(dp);

	for (size_t i = 0; i < dp->config->ndoors; i++) {
		struct flow_door d;
		int rc;

		door_make(&dp->config->doors[i], (uint32_t)i + 1, &side, &d);
		rc = flow_door_add(dp->ft, &d);
		if (!rc)
			rc = listen_at(dp, i, &d);
		if (rc)
			return error_set(err, rc, "%s: cannot be opened: ",
			                 dp->config->doors[i].text);
	}
	return flow_has_gateway_door(dp->ft) ? add_names(dp, err) : 0;
}
