/* SPDX-License-Identifier: Apache-2.0 */
/* door.h - --host-port, --forward and --host-unix: services outside, inside */
#ifndef LAUNCH_DOOR_H
#define LAUNCH_DOOR_H

#include "base/error.h"
#include "flow/flow.h"
#include "launch/config.h"

/*
 * door_parse() - text by the grammar of kind; it is borrowed. 0, or -EINVAL
 * with err saying what to write.
 */
_must_check_ int door_parse(enum door_kind kind, const char *text,
                            struct door_spec *spec, struct error *err);
/*
 * door_resolve() - the address of a target that has a name, by the host's own
 * resolver; blocks. 0 or a negative errno with err set.
 */
_must_check_ int door_resolve(struct door_spec *spec, struct error *err);
/* door_clash() - would both be at one address inside? */
bool door_clash(const struct door_spec *a, const struct door_spec *b);

/* struct door_side - the app's side, as far as faces need it */
struct door_side {
	bool has_ip4, has_ip6;
	struct addr gateway4, gateway6;
};

/*
 * door_make() - id counts from 1. Its first faces are on the app's loopback,
 * door_loopback_faces() of them; the gateway's come behind.
 */
void door_make(const struct door_spec *spec, uint32_t id,
               const struct door_side *side, struct flow_door *out);
/* DOOR_FACE() - a number for a face of a door, both from 0 */
#define DOOR_FACE(door_, face_) ((door_)*FLOW_DOOR_FACES + (face_))
size_t door_loopback_faces(const struct flow_door *d);
/*
 * door_connect() - a connected, non-blocking stream socket to the path of
 * --host-unix, or a negative errno. Does not block.
 */
_must_check_ int door_connect(const struct door_spec *spec);

#endif
