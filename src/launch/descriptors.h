/* SPDX-License-Identifier: Apache-2.0 */
/* descriptors.h - which open files a process of ours keeps, and CMD gets */
#ifndef LAUNCH_DESCRIPTORS_H
#define LAUNCH_DESCRIPTORS_H

#include "base/error.h"
#include "launch/config.h"

/*
 * stdio_guard() - fills closed ones among 0, 1, 2 with /dev/null, so that no
 * descriptor of ours lands there; close-on-exec, so that CMD finds them closed
 * as it would without us. The first thing the program does.
 */
void stdio_guard(void);
/* stdio_detach() - stdin and stdout (and stderr) become /dev/null: a process
 * of ours must not keep a pipe of CMD's open. */
void stdio_detach(bool stderr_too);

/*
 * struct fd_set_list - the descriptors that this process inherited, as a
 * snapshot taken before it opened any of its own.
 */
#define DESCRIPTORS_MAX 1024
struct descriptors {
	int fd[DESCRIPTORS_MAX];
	size_t n;
	bool complete; /* false: more were open than fit */
};

/* descriptors_inherited() - those above stdio that are not close-on-exec */
void descriptors_inherited(struct descriptors *d);
/* descriptors_close() - closes them but for the ones in keep (-1: skipped) */
void descriptors_close(const struct descriptors *d, const int *keep,
                       size_t nkeep);
/* descriptors_close_above() - closes everything above stdio but `keep`. */
void descriptors_close_above(const int *keep, size_t nkeep);

/*
 * descriptors_check_preserved() - are 3..2+n open? Asked before any of ours
 * could be taken for one of them. 0 or -EBADF.
 */
_must_check_ int descriptors_check_preserved(unsigned int n, struct error *err);
/*
 * descriptors_check_stdio() - a socket of the host's network that was given
 * as stdin, stdout or stderr can be connected anew, past us (connect(2) with
 * AF_UNSPEC). -EPERM with err set if there is one; AF_UNIX ones may stay.
 */
_must_check_ int descriptors_check_stdio(struct error *err);
/*
 * descriptors_for_cmd() - the rules for CMD, just before exec:
 *   default          sockets, devices, directories, namespaces, files of
 *                    /proc and anonymous inodes (epoll, io_uring, pidfd ...)
 *                    are closed: each is a way out; files and pipes stay
 *   --preserve-fds=N exactly 3..2+N stay, whatever they are
 *   --close-fds      none stays
 * Descriptors that options named (log, pcap, ready) never stay.
 */
void descriptors_for_cmd(const struct sandbox_config *config);

#endif
