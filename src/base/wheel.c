/* SPDX-License-Identifier: Apache-2.0 */
/* wheel.c - many timers, one deadline; pure, the clock is an argument */
#include "base/wheel.h"

static struct wheel_timer *slot_of(struct wheel *w, int64_t tick)
{
	return &w->slots[(uint64_t)tick % WHEEL_SLOTS];
}

static int64_t tick_of(int64_t ns)
{
	return ns / WHEEL_TICK_NS;
}

static void list_remove(struct wheel_timer *t)
{
	t->prev->next = t->next;
	t->next->prev = t->prev;
	t->next = t->prev = NULL;
}

void wheel_init(struct wheel *w, int64_t now)
{
	for (size_t i = 0; i < WHEEL_SLOTS; i++) {
		w->slots[i].next = w->slots[i].prev = &w->slots[i];
		w->slots[i].deadline_ns = TIME_NEVER;
	}
	w->cursor_tick = tick_of(now);
	w->next_ns = TIME_NEVER;
	w->armed = 0;
}

void wheel_set(struct wheel *w, struct wheel_timer *t, int64_t deadline_ns)
{
	struct wheel_timer *head;
	int64_t tick = tick_of(deadline_ns);

	wheel_cancel(w, t);
	if (deadline_ns == TIME_NEVER)
		return;
	if (tick < w->cursor_tick)
		tick = w->cursor_tick; /* late already: next run takes it */
	head = slot_of(w, tick);
	t->deadline_ns = deadline_ns;
	t->next = head;
	t->prev = head->prev;
	head->prev->next = t;
	head->prev = t;
	w->armed++;
	if (deadline_ns < w->next_ns)
		w->next_ns = deadline_ns;
}

void wheel_cancel(struct wheel *w, struct wheel_timer *t)
{
	if (!wheel_is_armed(t))
		return;
	list_remove(t);
	w->armed--;
	if (!w->armed)
		w->next_ns = TIME_NEVER;
	/* else next_ns may now be early: a spurious wake-up, then exact */
}

/* Finds the earliest deadline by walking the slots from the cursor. */
static int64_t scan_next(struct wheel *w)
{
	int64_t best = TIME_NEVER;

	for (size_t i = 0; i < WHEEL_SLOTS; i++) {
		int64_t tick = w->cursor_tick + (int64_t)i;
		struct wheel_timer *head = slot_of(w, tick);

		for (struct wheel_timer *t = head->next; t != head; t = t->next)
			if (t->deadline_ns < best)
				best = t->deadline_ns;
		/* nothing in a later slot can be earlier than this turn's */
		if (best != TIME_NEVER && tick_of(best) <= tick)
			break;
	}
	return best;
}

struct wheel_timer *wheel_pop(struct wheel *w, int64_t now)
{
	int64_t now_tick = tick_of(now);

	if (!w->armed) {
		w->next_ns = TIME_NEVER;
		w->cursor_tick = MAX(w->cursor_tick, now_tick);
		return NULL;
	}
	if (now < w->next_ns)
		return NULL;
	/* after a long sleep one turn round sees every slot */
	if (now_tick - w->cursor_tick > (int64_t)WHEEL_SLOTS)
		w->cursor_tick = now_tick - (int64_t)WHEEL_SLOTS;
	for (;;) {
		struct wheel_timer *head = slot_of(w, w->cursor_tick);

		for (struct wheel_timer *t = head->next; t != head;
		     t = t->next) {
			if (t->deadline_ns > now)
				continue;
			list_remove(t);
			w->armed--;
			return t;
		}
		if (w->cursor_tick >= now_tick)
			break;
		w->cursor_tick++;
	}
	w->next_ns = w->armed ? scan_next(w) : TIME_NEVER;
	return NULL;
}

int64_t wheel_next(struct wheel *w)
{
	return w->next_ns;
}
