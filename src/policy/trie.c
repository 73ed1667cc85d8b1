/* SPDX-License-Identifier: Apache-2.0 */
/* trie.c - which prefixes hold an address: a path-compressed binary trie */
#include "policy/policy-private.h"

#include <stdlib.h>
#include <string.h>

static unsigned int bit_at(const struct addr *a, unsigned int i)
{
	return a->b[i / 8] >> (7 - i % 8) & 1u;
}

/* How many leading bits a and b share, at most max. */
static unsigned int common_bits(const struct addr *a, const struct addr *b,
                                unsigned int max)
{
	unsigned int n = 0;

	while (n + 8 <= max && a->b[n / 8] == b->b[n / 8])
		n += 8;
	while (n < max && bit_at(a, n) == bit_at(b, n))
		n++;
	return n;
}

/* A fresh node; 0 when out of memory. The array may move. */
static uint32_t node_new(struct trie *t, const struct addr *prefix,
                         unsigned int len)
{
	struct trie_node *node;

	if (t->n + 1 >= t->room) {
		uint32_t room = t->room ? t->room * 2 : 16;
		struct trie_node *nodes =
			realloc(t->nodes, room * sizeof(*nodes));

		if (!nodes)
			return 0;
		t->nodes = nodes;
		t->room = room;
	}
	node = &t->nodes[++t->n];
	memset(node, 0, sizeof(*node));
	node->prefix = *prefix;
	node->len = (uint8_t)len;
	return t->n;
}

/* Puts a node of the first len bits above node `below`; 0: no memory. */
static uint32_t split(struct trie *t, uint32_t below, const struct addr *prefix,
                      unsigned int len)
{
	uint32_t above = node_new(t, prefix, len);

	if (above) {
		unsigned int side = bit_at(&t->nodes[below].prefix, len);

		t->nodes[above].child[side] = below;
	}
	return above;
}

static void link_node(struct trie *t, uint32_t parent, unsigned int side,
                      uint32_t node)
{
	if (parent)
		t->nodes[parent].child[side] = node;
	else
		t->root = node;
}

uint32_t *trie_slot(struct trie *t, const struct addr *prefix, unsigned int len)
{
	uint32_t parent = 0, here = t->root, fresh;
	unsigned int side = 0, shared;

	while (here) {
		struct trie_node *node = &t->nodes[here];

		shared = common_bits(prefix, &node->prefix,
		                     MIN(len, (unsigned int)node->len));
		if (shared < node->len) {
			fresh = split(t, here, prefix, shared);
			if (!fresh)
				return NULL;
			link_node(t, parent, side, fresh);
			here = fresh;
			node = &t->nodes[here];
		}
		if (node->len == len)
			return &node->value;
		parent = here;
		side = bit_at(prefix, node->len);
		here = node->child[side];
	}
	fresh = node_new(t, prefix, len);
	if (!fresh)
		return NULL;
	link_node(t, parent, side, fresh);
	return &t->nodes[fresh].value;
}

size_t trie_match(const struct trie *t, const struct addr *a,
                  uint32_t values[TRIE_DEPTH_MAX])
{
	uint32_t here = t->root;
	size_t n = 0;

	while (here) {
		const struct trie_node *node = &t->nodes[here];

		if (!addr_in_prefix(a, &node->prefix, node->len))
			break;
		if (node->value)
			values[n++] = node->value;
		if (node->len == 128)
			break;
		here = node->child[bit_at(a, node->len)];
	}
	return n;
}

void trie_fini(struct trie *t)
{
	free(t->nodes);
	memset(t, 0, sizeof(*t));
}
