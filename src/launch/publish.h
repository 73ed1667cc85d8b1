/* SPDX-License-Identifier: Apache-2.0 */
/* publish.h - published ports: the monitor binds, the datapath serves */
#ifndef LAUNCH_PUBLISH_H
#define LAUNCH_PUBLISH_H

#include "base/error.h"
#include "launch/config.h"

/* publish_parse_port() - a number from `low` on up to `end`, which must be all
 * of the text. 0 or -EINVAL. */
_must_check_ int publish_parse_port(const char *text, const char *end,
                                    unsigned int low, uint16_t *out);
/* publish_parse() - 0, or -EINVAL with err saying what to write. */
_must_check_ int publish_parse(const char *text, struct publish_spec *spec,
                               struct error *err);

/* publish_format() - as publish_parse() takes it; returns buf. */
#define PUBLISH_TEXT_MAX 96
char *publish_format(const struct publish_spec *spec,
                     char buf[PUBLISH_TEXT_MAX]);

/* struct published - one port of the host that leads inside */
struct published {
	uint32_t id;   /* of its rule, "publish:ID" */
	bool has_addr; /* false: the host's loopback of both families */
	bool udp;
	struct endpoint host; /* port: the one that was chosen */
	uint16_t app_port;
	bool is_followed; /* by -p auto */
};

/* struct publishes - what one sandbox publishes now, in order of the ids */
struct publishes {
	struct published *list;
	size_t n, room;
	uint32_t last_id;
	bool no_ip4, no_ip6; /* the app has none */
};

/*
 * publishes_add() - binds each port of spec and hands the sockets to the
 * datapath at the other end of `datapath`, which has said MSG_READY. All of
 * them or none. 0, or a negative errno with err saying which port, why, and
 * what to do. The new ones are the last of p->list.
 */
_must_check_ int publishes_add(struct publishes *p, int datapath,
                               const struct publish_spec *spec,
                               struct error *err);
/*
 * publishes_remove() - clients are refused from now on, flows that run go on.
 * -ENOENT: there is no such id.
 */
_must_check_ int publishes_remove(struct publishes *p, int datapath,
                                  uint32_t id);
/*
 * publishes_follow() - -p auto: the app's port, under its own number on the
 * host's loopback, or not any more. What cannot be had is told, once.
 */
void publishes_follow(struct publishes *p, int datapath, uint16_t port,
                      bool on);
void publishes_fini(struct publishes *p);

#endif
