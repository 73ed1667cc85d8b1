/* SPDX-License-Identifier: Apache-2.0 */
/* service.h - the control socket of one sandbox, served by its monitor */
#ifndef CONTROL_SERVICE_H
#define CONTROL_SERVICE_H

#include "base/error.h"
#include "base/random.h"
#include "control/ask.h"
#include "control/text.h"

struct control_service;

/*
 * struct control_ops - what the server asks its owner for. None of them may
 * call the server.
 */
struct control_ops {
	/*
	 * Hands an ask, and the target behind it, to the datapath; its answer
	 * comes by control_service_answer(), one at a time. -EAGAIN: not now;
	 * -ENOTCONN: there is no datapath; NULL: there never is.
	 */
	int (*ask)(void *user, const struct control_ask *ask,
	           const char *target);
	/* signals CMD; 0 or a negative errno */
	int (*kill)(void *user, int sig);
	/* starts a command inside, of which fd says all; fd stays the
	 * service's. 0 or a negative errno with err set */
	int (*exec)(void *user, int fd, struct error *err);
	/*
	 * publishes a port as -p would, and adds members that tell of it; ends
	 * that for the one of this number. 0 or a negative errno with err set.
	 * NULL: nothing can be published.
	 */
	int (*publish)(void *user, const char *port, struct control_text *t,
	               struct error *err);
	int (*unpublish)(void *user, uint32_t number, struct error *err);
	/* adds members (,"key":value) that tell of this sandbox */
	void (*info)(void *user, struct control_text *t, int64_t now);
	void *user;
};

struct control_config {
	const char *runtime; /* XDG_RUNTIME_DIR; NULL: none */
	const char *name;    /* --name; NULL: a number is chosen */
};

/*
 * control_service_open() - the directory, and a socket that listens in it. 0
 * with *server set; -ENOENT, err untouched: there is no runtime directory;
 * -EEXIST: the name is taken; another negative errno with err set.
 */
_must_check_ int control_service_open(struct control_service **server,
                                      const struct control_config *config,
                                      const struct control_ops *ops,
                                      const struct random_source *random,
                                      struct error *err);
const char *control_service_id(const struct control_service *s);
/* control_service_fds() - what a child of ours has to close; returns how many
 */
#define CONTROL_SERVICE_FDS 4u
size_t control_service_fds(const struct control_service *s,
                           int fds[CONTROL_SERVICE_FDS]);
/* control_service_fd() - readable when control_service_run() has work */
int control_service_fd(const struct control_service *s);
/* control_service_deadline() - when it has work without that; TIME_NEVER */
int64_t control_service_deadline(const struct control_service *s);
/* control_service_run() - accepts, reads, answers; never blocks */
void control_service_run(struct control_service *s, int64_t now);
/* control_service_answer() - a piece of the datapath, len bytes with its head.
 * One that nobody waits for any more is dropped; false: it is none. */
_must_check_ bool control_service_answer(struct control_service *s,
                                         const void *piece, size_t len,
                                         int64_t now);
/*
 * control_service_close() - tells those who wait that CMD ended with status
 * (-1: it never ran), closes everything and removes the directory. NULL is
 * fine.
 */
void control_service_close(struct control_service *s, int status);

#endif
