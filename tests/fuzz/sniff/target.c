/* SPDX-License-Identifier: Apache-2.0 */
/* target.c - first bytes of clients; more bytes never turn a name around */
#include "../fuzz.h"
#include "policy/names.h"
#include "policy/sniff.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sniff whole, part;
	uint8_t *copy;

	sniff(data, size, &whole);
	assert(whole.kind != SNIFF_MORE || size < SNIFF_MAX);
	if (whole.what == SNIFF_NAMED) {
		char name[POLICY_NAME_MAX + 1];

		assert(policy_name_canonical(whole.name, strlen(whole.name),
		                             name, NULL) == 0);
		assert(!strcmp(name, whole.name));
	}
	/* what was decided on less stays decided: bytes that were let go on
	 * the strength of it cannot turn out to say something else */
	for (size_t cut = 1; cut < size; cut += 1 + cut / 8) {
		copy = malloc(cut);
		assert(copy);
		memcpy(copy, data, cut);
		sniff(copy, cut, &part);
		free(copy);
		if (part.kind == SNIFF_MORE)
			continue;
		assert(part.kind == whole.kind);
		assert(part.what == whole.what);
		assert(!strcmp(part.name, whole.name));
	}
	return 0;
}
