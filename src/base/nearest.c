/* SPDX-License-Identifier: Apache-2.0 */
/* nearest.c - "did you mean ...?" */
#include "base/nearest.h"

#include <string.h>

#define WORD_MAX 63u

unsigned int nearest_distance(const char *a, const char *b)
{
	/* three rows of the Damerau-Levenshtein table (optimal alignment) */
	unsigned int rows[3][WORD_MAX + 1];
	size_t la = strnlen(a, WORD_MAX), lb = strnlen(b, WORD_MAX);
	unsigned int *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t j = 0; j <= lb; j++)
		last[j] = (unsigned int)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned int *spare = before;

		now[0] = (unsigned int)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned int change = a[i - 1] != b[j - 1];
			unsigned int best = last[j - 1] + change;

			best = MIN(best, last[j] + 1);
			best = MIN(best, now[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				best = MIN(best, before[j - 2] + 1);
			now[j] = best;
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[lb];
}

const char *nearest_word(const char *word, const char *const *words, size_t n)
{
	unsigned int best = UINT32_MAX;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		unsigned int d = nearest_distance(word, words[i]);

		if (d < best) {
			best = d;
			found = words[i];
		}
	}
	if (!found || best > MAX(strnlen(word, WORD_MAX) / 3, 1u))
		return NULL;
	return found;
}
