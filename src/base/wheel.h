/* SPDX-License-Identifier: Apache-2.0 */
/* wheel.h - many timers, one deadline; pure, the clock is an argument */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include "base/util.h"

#define WHEEL_SLOTS 512u
#define WHEEL_TICK_NS (2 * NS_PER_MS) /* one turn is about 1 s */

/*
 * struct wheel_timer - embedded in what it times. All-zero is "not armed".
 * The owner must disarm before its memory goes away.
 */
struct wheel_timer {
	struct wheel_timer *next, *prev; /* NULL while not armed */
	int64_t deadline_ns;
};

/*
 * struct wheel - a hashed wheel: set and cancel are O(1), finding the next
 * deadline is O(slots) and cached, expiry touches only the slots that passed.
 */
struct wheel {
	struct wheel_timer slots[WHEEL_SLOTS]; /* list heads */
	int64_t cursor_tick; /* all before it has been expired */
	int64_t next_ns;     /* cached lower bound, TIME_NEVER when empty */
	size_t armed;
};

void wheel_init(struct wheel *w, int64_t now);
/* wheel_set() - (re)arms t for deadline_ns; past deadlines fire at next run */
void wheel_set(struct wheel *w, struct wheel_timer *t, int64_t deadline_ns);
void wheel_cancel(struct wheel *w, struct wheel_timer *t);
static inline bool wheel_is_armed(const struct wheel_timer *t)
{
	return t->next != NULL;
}
/*
 * wheel_pop() - takes out one timer whose deadline is <= now, or NULL. Call
 * until NULL; the callback of a popped timer may set or cancel any timer.
 */
struct wheel_timer *wheel_pop(struct wheel *w, int64_t now);
/*
 * wheel_next() - never later than the earliest deadline, and at most one
 * tick early; TIME_NEVER when nothing is armed.
 */
int64_t wheel_next(struct wheel *w);

#endif
