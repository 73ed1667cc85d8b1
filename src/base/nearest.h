/* SPDX-License-Identifier: Apache-2.0 */
/* nearest.h - "did you mean ...?" */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "base/util.h"

/*
 * nearest_distance() - how many letters must be put in, dropped, changed or
 * swapped with their neighbour; words are compared up to 63 bytes.
 */
unsigned int nearest_distance(const char *a, const char *b);
/*
 * nearest_word() - the entry of words that is closest to word, if it is
 * close enough to be a slip (a third of its length), else NULL.
 */
const char *nearest_word(const char *word, const char *const *words, size_t n);

#endif
