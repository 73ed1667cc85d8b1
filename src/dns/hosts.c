/* SPDX-License-Identifier: Apache-2.0 */
/* hosts.c - names that are known without asking: hosts(5), --add-host */
#include "dns/hosts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES_A_ENTRY 64

struct hosts {
	struct siphash_key key;
	size_t max, n;
	size_t text_len;
	size_t nbuckets; /* a power of two */
	struct hosts_entry *entries;
	uint32_t *buckets; /* index + 1 of the first entry; 0: none */
	uint32_t *tails;   /* of the last one: chains keep the file's order */
	char *text;
};

struct hosts *hosts_new(size_t max, const struct siphash_key *key)
{
	struct hosts *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->key = *key;
	h->max = max;
	h->nbuckets = 16;
	while (h->nbuckets < max)
		h->nbuckets *= 2;
	h->entries = calloc(max, sizeof(*h->entries));
	h->buckets = calloc(h->nbuckets, sizeof(*h->buckets));
	h->tails = calloc(h->nbuckets, sizeof(*h->tails));
	h->text = malloc(max * NAME_BYTES_A_ENTRY);
	if (!h->entries || !h->buckets || !h->tails || !h->text) {
		hosts_free(h);
		return NULL;
	}
	return h;
}

void hosts_free(struct hosts *h)
{
	if (!h)
		return;
	free(h->entries);
	free(h->buckets);
	free(h->tails);
	free(h->text);
	free(h);
}

void hosts_clear(struct hosts *h)
{
	h->n = 0;
	h->text_len = 0;
	memset(h->buckets, 0, h->nbuckets * sizeof(*h->buckets));
}

static size_t bucket_of(const struct hosts *h, const char *name)
{
	return siphash(&h->key, name, strlen(name)) & (h->nbuckets - 1);
}

int hosts_add(struct hosts *h, const char *name, size_t len,
              const struct addr *a, bool first)
{
	char text[DNS_NAME_TEXT_MAX];
	struct hosts_entry *e;
	struct dns_name wire;
	size_t bucket, n;

	if (!dns_name_parse(name, len, &wire) ||
	    !dns_name_canonical(&wire, text))
		return -EINVAL;
	n = strlen(text) + 1;
	if (h->n == h->max || h->max * NAME_BYTES_A_ENTRY - h->text_len < n)
		return -ENOSPC;
	e = &h->entries[h->n];
	*e = (struct hosts_entry){
		.addr = *a, .name = (uint32_t)h->text_len, .first = first};
	memcpy(h->text + h->text_len, text, n);
	h->text_len += n;
	bucket = bucket_of(h, text);
	h->n++;
	if (h->buckets[bucket])
		h->entries[h->tails[bucket] - 1].next = (uint32_t)h->n;
	else
		h->buckets[bucket] = (uint32_t)h->n;
	h->tails[bucket] = (uint32_t)h->n;
	return 0;
}

/* One word of a line; false at its end. */
static bool next_word(const char **at, const char *end, const char **word,
                      size_t *len)
{
	const char *p = *at;

	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	*word = p;
	while (p < end && *p != ' ' && *p != '\t' && *p != '\r')
		p++;
	*len = (size_t)(p - *word);
	*at = p;
	return *len > 0;
}

static void parse_line(struct hosts *h, const char *line, const char *end)
{
	const char *comment = memchr(line, '#', (size_t)(end - line)), *word;
	char text[ADDR_TEXT_MAX];
	bool first = true;
	struct addr a;
	size_t len;

	if (comment)
		end = comment;
	if (!next_word(&line, end, &word, &len) || len >= sizeof(text))
		return;
	memcpy(text, word, len);
	text[len] = '\0';
	if (addr_parse(text, &a) < 0)
		return;
	while (next_word(&line, end, &word, &len)) {
		if (hosts_add(h, word, len, &a, first) == 0)
			first = false;
	}
}

void hosts_parse(struct hosts *h, const char *text, size_t len)
{
	const char *end = text + len;

	hosts_clear(h);
	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		const char *line_end = nl ? nl : end;

		parse_line(h, text, line_end);
		text = line_end + 1;
	}
}

const struct hosts_entry *hosts_find(const struct hosts *h, const char *name,
                                     const struct hosts_entry *after)
{
	uint32_t i = after ? after->next : h->buckets[bucket_of(h, name)];

	while (i) {
		const struct hosts_entry *e = &h->entries[i - 1];

		if (!strcmp(h->text + e->name, name))
			return e;
		i = e->next;
	}
	return NULL;
}

const char *hosts_name_of(const struct hosts *h, const struct addr *a)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->entries[i].first && addr_equal(&h->entries[i].addr, a))
			return h->text + h->entries[i].name;
	return NULL;
}

void hosts_each(const struct hosts *h, hosts_each_fn *fn, void *user)
{
	for (size_t i = 0; i < h->n; i++)
		fn(user, h->text + h->entries[i].name, &h->entries[i].addr);
}
