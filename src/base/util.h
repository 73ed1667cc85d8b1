/* SPDX-License-Identifier: Apache-2.0 */
/* util.h - the few macros every room needs */
#ifndef BASE_UTIL_H
#define BASE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a_) (sizeof(a_) / sizeof((a_)[0]))
#define MIN(a_, b_) ((a_) < (b_) ? (a_) : (b_))
#define MAX(a_, b_) ((a_) > (b_) ? (a_) : (b_))

#define _must_check_ __attribute__((warn_unused_result))
#define _printf_(fmt_, args_) __attribute__((format(printf, fmt_, args_)))
#define _unused_ __attribute__((unused))

/* All times in postern are monotonic nanoseconds in an int64_t. */
#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
/* "no deadline": later than every clock reading */
#define TIME_NEVER INT64_MAX

/*
 * sub_clamped() - a - b, or 0 where that would wrap below zero.
 * Lengths are unsigned and are subtracted through this or size_sub().
 */
static inline size_t sub_clamped(size_t a, size_t b)
{
	return a > b ? a - b : 0;
}

/* size_sub() - *out = a - b; false, and *out untouched, if that wraps. */
static inline _must_check_ bool size_sub(size_t a, size_t b, size_t *out)
{
	if (b > a)
		return false;
	*out = a - b;
	return true;
}

#endif
