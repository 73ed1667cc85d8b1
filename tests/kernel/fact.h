/* SPDX-License-Identifier: Apache-2.0 */
/* fact.h - what every program in here needs to say */
#ifndef FACT_H
#define FACT_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FACT_SKIP 77

/* Must hold for the test to mean anything: skip where it does not. */
#define NEED(cond_)                                                            \
	do {                                                                   \
		if (!(cond_)) {                                                \
			printf("cannot be tried here: %s: %s\n", #cond_,       \
			       strerror(errno));                               \
			exit(FACT_SKIP);                                       \
		}                                                              \
	} while (0)

/* The fact. */
#define HOLDS(cond_)                                                           \
	do {                                                                   \
		if (!(cond_)) {                                                \
			printf("line %d: not so: %s (errno %s)\n", __LINE__,   \
			       #cond_, strerror(errno));                       \
			exit(1);                                               \
		}                                                              \
	} while (0)

#endif
