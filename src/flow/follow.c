/* SPDX-License-Identifier: Apache-2.0 */
/* follow.c - which ports does the app listen at, and what changed? */
#include "flow/flow-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORDS (65536u / 64)

/* struct follow - a bit a port */
struct follow {
	uint64_t before[WORDS], now[WORDS];
};

int follow_init(struct flow_table *ft)
{
	if (!ft->rooms.listening)
		return 0;
	ft->follow = calloc(1, sizeof(*ft->follow));
	return ft->follow ? 0 : -ENOMEM;
}

void follow_fini(struct flow_table *ft)
{
	free(ft->follow);
	ft->follow = NULL;
}

bool flow_is_following(const struct flow_table *ft)
{
	return ft->follow != NULL;
}

void flow_follow_begin(struct flow_table *ft)
{
	if (ft->follow)
		memset(ft->follow->now, 0, sizeof(ft->follow->now));
}

void flow_follow_found(struct flow_table *ft, uint16_t port)
{
	if (ft->follow)
		ft->follow->now[port / 64] |= UINT64_C(1) << port % 64;
}

void flow_follow_end(struct flow_table *ft)
{
	struct follow *f = ft->follow;

	for (unsigned int i = 0; f && i < WORDS; i++) {
		uint64_t changed = f->before[i] ^ f->now[i];

		for (; changed; changed &= changed - 1) {
			unsigned int bit =
				(unsigned int)__builtin_ctzll(changed);

			ft->rooms.listening(ft->rooms.listening_user,
			                    (uint16_t)(i * 64 + bit),
			                    f->now[i] >> bit & 1);
		}
		f->before[i] = f->now[i];
	}
}
