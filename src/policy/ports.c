/* SPDX-License-Identifier: Apache-2.0 */
/* ports.c - which rule holds a port: sorted spans that do not overlap */
#include "policy/policy-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Index of the first span that ends at or after port. */
static uint32_t first_reaching(const struct port_spans *s, uint16_t port)
{
	uint32_t low = 0, high = s->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (s->v[mid].last < port)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int make_room(struct port_spans *s, uint32_t more)
{
	uint32_t room = s->room ? s->room : 1;
	struct port_span *v;

	while (room < s->n + more)
		room *= 2;
	if (room == s->room)
		return 0;
	v = realloc(s->v, room * sizeof(*v));
	if (!v)
		return -ENOMEM;
	s->v = v;
	s->room = room;
	return 0;
}

static void insert_at(struct port_spans *s, uint32_t i, struct port_span span)
{
	memmove(s->v + i + 1, s->v + i, (s->n - i) * sizeof(*s->v));
	s->v[i] = span;
	s->n++;
}

int port_spans_add(struct port_spans *s, uint16_t first, uint16_t last,
                   uint32_t rule)
{
	uint32_t i = first_reaching(s, first), touched = i;
	uint32_t next = first;
	int rc;

	while (touched < s->n && s->v[touched].first <= last)
		touched++;
	/* at most one gap before each span that is touched, and one after */
	rc = make_room(s, touched - i + 1);
	if (rc < 0)
		return rc;
	for (; next <= last; i++) {
		uint32_t stop = last + 1u;

		if (i < s->n && s->v[i].first <= last)
			stop = s->v[i].first;
		if (next < stop) {
			insert_at(s, i++,
			          (struct port_span){(uint16_t)next,
			                             (uint16_t)(stop - 1),
			                             rule});
		}
		if (stop > last)
			break;
		next = s->v[i].last + 1u;
	}
	return 0;
}

uint32_t port_spans_find(const struct port_spans *s, uint16_t port)
{
	uint32_t i;

	if (!s->n)
		return 0;
	i = first_reaching(s, port);
	if (i == s->n || s->v[i].first > port)
		return 0;
	return s->v[i].rule;
}

void port_spans_fini(struct port_spans *s)
{
	free(s->v);
	memset(s, 0, sizeof(*s));
}

int rule_set_add(struct rule_set *s, const struct policy_target *t,
                 enum policy_action action, uint32_t rule)
{
	for (unsigned int proto = 0; proto < POLICY_PROTOS; proto++) {
		int rc;

		if (!(t->protos & 1u << proto))
			continue;
		rc = port_spans_add(&s->spans[action][proto], t->first, t->last,
		                    rule);
		if (rc < 0)
			return rc;
	}
	return 0;
}

uint32_t rule_set_any(const struct rule_set *s, enum policy_action action)
{
	uint32_t lowest = 0;

	for (unsigned int proto = 0; proto < POLICY_PROTOS; proto++) {
		const struct port_spans *spans = &s->spans[action][proto];

		for (uint32_t i = 0; i < spans->n; i++)
			rule_take_lower(&lowest, spans->v[i].rule);
	}
	return lowest;
}

void rule_set_fini(struct rule_set *s)
{
	for (unsigned int proto = 0; proto < POLICY_PROTOS; proto++) {
		port_spans_fini(&s->spans[POLICY_ALLOW][proto]);
		port_spans_fini(&s->spans[POLICY_DENY][proto]);
	}
}
