/* SPDX-License-Identifier: Apache-2.0 */
/* capture.h - frames of the app's interface, to a pcapng file and as lines */
#ifndef OBSERVE_CAPTURE_H
#define OBSERVE_CAPTURE_H

#include "base/util.h"

struct capture;

enum capture_direction { CAPTURE_FROM_APP, CAPTURE_TO_APP };

struct capture_config {
	int fd; /* a regular file, borrowed; -1: none */
	/* told a line for each frame; NULL: nobody */
	void (*line)(void *user, const char *line);
	void *user;
	int64_t wall_offset_ns;
	const char *ifname;
};

/* capture_new() - writes the file's head. NULL: out of memory. */
struct capture *capture_new(const struct capture_config *config);
/*
 * capture_frame() - one Ethernet frame, large ones (TSO) as they are. What a
 * full disk does not take is cut off whole, counted, and ends the file; the
 * traffic goes on.
 */
void capture_frame(struct capture *c, enum capture_direction direction,
                   const void *frame, size_t len, int64_t now);
/* capture_lost() - frames that are not in the file */
uint64_t capture_lost(const struct capture *c);
void capture_free(struct capture *c);

/* frame_text() - "10.0.2.100:4000 > 192.0.2.1:80 tcp S seq 1 win 64240 len 0";
 * returns buf. */
#define FRAME_TEXT_MAX 200
char *frame_text(const void *frame, size_t len, char buf[FRAME_TEXT_MAX]);

#endif
