/* SPDX-License-Identifier: Apache-2.0 */
/* door.c - what the app reaches under an address of its own */
#include "flow/flow-private.h"

#include "wire/headers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int doors_init(struct flow_table *ft)
{
	/* a mapping of zeros: untouched slots cost nothing */
	ft->doors = calloc(FLOW_DOORS_MAX, sizeof(*ft->doors));
	return ft->doors ? 0 : -ENOMEM;
}

void doors_fini(struct flow_table *ft)
{
	free(ft->doors);
	ft->doors = NULL;
}

int flow_door_add(struct flow_table *ft, const struct flow_door *d)
{
	if (ft->ndoors == FLOW_DOORS_MAX)
		return -ENOBUFS;
	if (!d->id || d->nfaces > FLOW_DOOR_FACES)
		return -EINVAL;
	ft->doors[ft->ndoors++] = *d;
	return 0;
}

const struct flow_door *flow_door_at(const struct flow_table *ft, uint8_t proto,
                                     const struct endpoint *at)
{
	for (size_t i = 0; i < ft->ndoors; i++) {
		const struct flow_door *d = &ft->doors[i];

		if (d->proto != proto)
			continue;
		for (size_t k = 0; k < d->nfaces; k++)
			if (endpoint_equal(&d->faces[k], at))
				return d;
	}
	return NULL;
}

bool flow_has_gateway_door(const struct flow_table *ft)
{
	for (size_t i = 0; i < ft->ndoors; i++)
		if (ft->doors[i].by_gateway)
			return true;
	return false;
}

bool flow_is_gateway_name(const char *name)
{
	static const char *const names[] = {FLOW_GATEWAY_NAMES};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

bool door_decide(struct flow_table *ft, const struct flow_door *d,
                 struct policy_question *q, struct policy_answer *a)
{
	if (d->to_unix) {
		q->host = d->faces[0]; /* there is no address */
	} else {
		q->host = d->to;
		policy_decide(ft->rooms.policy, q, a);
		/* a rule that denies is meant, whatever else was said */
		if (a->action == POLICY_DENY && a->rule)
			return false;
	}
	*a = (struct policy_answer){
		.action = POLICY_ALLOW,
		.cls = a->cls,
		.reason = "an option opens this door",
		.name = d->name[0] ? d->name : NULL,
	};
	return true;
}

/* --- to a socket with a path --------------------------------------------- */

bool door_is_path(const struct flow_table *ft, uint32_t id)
{
	for (size_t i = 0; id && i < ft->ndoors; i++)
		if (ft->doors[i].id == id)
			return ft->doors[i].to_unix;
	return false;
}

void flow_door_connected(struct flow_table *ft, struct flow_id id, int fd,
                         int err, int64_t now)
{
	struct flow *f = flow_get(ft, id);

	/* the app gave up meanwhile: the reset of nobody */
	if (!f || f->kind != FLOW_TCP || f->state != FLOW_CONNECTING ||
	    f->host.fd >= 0) {
		struct flow_host_part part = {.fd = -1};

		if (fd < 0)
			return;
		ft->rooms.host->tcp_adopt(ft->rooms.host_user, &part, fd,
		                          HOST_PATH);
		ft->rooms.host->close(ft->rooms.host_user, &part, true);
		return;
	}
	if (fd >= 0) {
		ft->rooms.host->tcp_adopt(ft->rooms.host_user, &f->host, fd,
		                          HOST_PATH);
		err = ft->rooms.host->tcp_watch(ft->rooms.host_user, id,
		                                &f->host);
	}
	flow_host_connected(ft, id, err, now);
}
