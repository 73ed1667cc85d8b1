/* SPDX-License-Identifier: Apache-2.0 */
/* directory.h - where control sockets are: RUNTIME/postern/ID/control */
#ifndef CONTROL_DIRECTORY_H
#define CONTROL_DIRECTORY_H

#include "base/error.h"
#include "base/random.h"

#define CONTROL_ID_TEXT_MAX 33 /* with its NUL */
#define CONTROL_SANDBOXES_MAX 1024

/* control_name_check() - a letter or digit, then letters, digits, "._-"; at
 * most 32. 0 or -EINVAL with err set. */
_must_check_ int control_name_check(const char *name, struct error *err);

/*
 * control_root_open() - RUNTIME/postern, made if need be (with make) and
 * ours alone. A descriptor; -ENOENT where there is none, and nothing of it is
 * said by err if runtime is NULL or ""; another negative errno with err set.
 */
_must_check_ int control_root_open(const char *runtime, bool make,
                                   struct error *err);

/* struct control_place - the directory of one sandbox, while it lives */
struct control_place {
	int root; /* descriptors; -1: none */
	int dir;  /* locked: who holds this lives */
	char id[CONTROL_ID_TEXT_MAX];
};

/*
 * control_place_take() - makes the directory of a name, or of a free number
 * where name is NULL, and locks it. -EEXIST: a sandbox of that name lives.
 * What dead ones left is removed.
 */
_must_check_ int control_place_take(struct control_place *p, int root,
                                    const char *name,
                                    const struct random_source *random,
                                    struct error *err);
/* control_place_leave() - removes it and closes both descriptors */
void control_place_leave(struct control_place *p);

/*
 * control_list() - the ids of those that live, sorted, malloc'ed at *ids, the
 * caller's to free; what dead ones left is removed. How many, or a negative
 * errno with err set.
 */
_must_check_ int control_list(int root, char (**ids)[CONTROL_ID_TEXT_MAX],
                              struct error *err);

#endif
