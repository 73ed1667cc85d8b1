/* SPDX-License-Identifier: Apache-2.0 */
/* datapath-private.h - what the files of the datapath's process share */
#ifndef LAUNCH_DATAPATH_PRIVATE_H
#define LAUNCH_DATAPATH_PRIVATE_H

#include "base/error.h"
#include "base/log.h"
#include "control/ask.h"
#include "flow/flow.h"
#include "launch/datapath.h"
#include "launch/message.h"
#include "launch/sockets_start.h"
#include "link/frame_port.h"

/* struct datapath_control - what the monitor asked for; the answer is kept
 * until it could be sent */
struct datapath_control {
	uint32_t live_rules;
	int64_t again_at; /* TIME_NEVER: nothing waits */
	size_t out_len;
	char target[POLICY_TARGET_TEXT_MAX];
	char out[sizeof(struct control_piece) + CONTROL_PIECE_MAX];
};

struct datapath {
	const struct datapath_args *args;
	const struct sandbox_config *config;
	int monitor_fd;
	struct loop *loop;
	struct policy *policy;
	struct policy *own_policy; /* made here where the config has none */
	struct resolver *resolver;
	struct upstream *upstream;
	struct flowlog *log; /* NULL: nobody asked */
	struct capture *capture;
	struct flow_table *ft;
	struct host *host;
	struct own_addr *own;
	struct frame_port port;
	int app_network; /* keeps the app's namespace while we drain */
	int app_index;   /* of its interface; 0: it cannot be asked */
	/* link: by DOOR_FACE(), where there is a door; -1: none */
	int *door_fds;
	struct app_sockets *app_sockets;
	struct link *link;
	struct sockets *sockets;
	struct sockets_handover handover;
	struct resolver_sockets *resolver_sockets;
	bool joined;     /* the set-up is over */
	int64_t stop_at; /* TIME_NEVER until MSG_STOP */
	int64_t left_at; /* the monitor had gone after it, or TIME_NEVER */
	struct datapath_control control;
	int status;
	char text[MESSAGE_TEXT_MAX];
};

/* datapath_tell() - a line for people, by the monitor; lost when that is full
 */
void datapath_tell(struct datapath *dp, enum log_level level, const char *line);
/* datapath_tell_failed() - MSG_FAILED; the code of err, or a worse one */
int datapath_tell_failed(struct datapath *dp, const struct error *err);
/* datapath_doors.c: place for the sockets of doors; then, once there are flow
 * and frontend, the doors themselves */
_must_check_ int datapath_doors_init(struct datapath *dp, struct error *err);
_must_check_ int datapath_doors_build(struct datapath *dp, struct error *err);
/* flow_rooms.door_open() */
int datapath_door_open(void *user, uint32_t door, struct flow_id id);
/* datapath_paths.c: asks the process of unix_paths.h, where there is one */
_must_check_ int datapath_paths_build(struct datapath *dp, struct error *err);
/*
 * The rooms, made in this order while the app's side is at work at its own;
 * then, once MSG_START has come, with what that side has sent.
 */
_must_check_ int datapath_build_resolver(struct datapath *dp,
                                         struct error *err);
_must_check_ int datapath_build(struct datapath *dp, struct error *err);
_must_check_ int datapath_join(struct datapath *dp, struct error *err);
/* datapath_control_take() - MSG_CONTROL, its text in dp->text. 0 or -EPROTO */
_must_check_ int datapath_control_take(struct datapath *dp,
                                       const struct message_head *head,
                                       int64_t now);
void datapath_control_turn_end(struct datapath *dp, int64_t now);
/* datapath_end_capture() - says what is missing from the file, closes it */
void datapath_end_capture(struct datapath *dp);

#endif
