/* SPDX-License-Identifier: Apache-2.0 */
/* cleanup.h - locals that release what they own at the end of their scope */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Closes the descriptor if it is >= 0; errno is kept. */
static inline void cleanup_close_(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		close(*fd);
		errno = saved;
	}
}

static inline void cleanup_free_(void *ptr)
{
	void **p = ptr;

	free(*p);
}

static inline void cleanup_fclose_(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _auto_close_ __attribute__((cleanup(cleanup_close_)))
#define _auto_free_ __attribute__((cleanup(cleanup_free_)))
#define _auto_fclose_ __attribute__((cleanup(cleanup_fclose_)))

/* fd_take() - hands the descriptor over to the caller; the local forgets it. */
static inline int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* fd_close() - closes *fd if open and marks it closed. */
static inline void fd_close(int *fd)
{
	cleanup_close_(fd);
	*fd = -1;
}

/* ptr_take() - as fd_take(), for a heap pointer of any type. */
#define ptr_take(p_)                                                           \
	({                                                                     \
		__typeof__(p_) *pp_ = &(p_);                                   \
		__typeof__(p_) taken_ = *pp_;                                  \
		*pp_ = NULL;                                                   \
		taken_;                                                        \
	})

#endif
