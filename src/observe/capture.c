/* SPDX-License-Identifier: Apache-2.0 */
/* capture.c - frames of the app's interface, to a pcapng file and as lines */
#include "observe/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* pcapng, draft-ietf-opsawg-pcapng: blocks of 32-bit words in host order */
#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET 6u
#define SECTION_MAGIC 0x1a2b3c4du
#define LINKTYPE_ETHERNET 1u
#define OPT_END 0u
#define OPT_USERAPPL 4u
#define OPT_IF_NAME 2u
#define OPT_IF_TSRESOL 9u
#define OPT_EPB_FLAGS 2u
#define TSRESOL_NS 9u
#define FLAG_TO_APP 1u   /* "inbound", of the app's interface */
#define FLAG_FROM_APP 2u /* "outbound" */

struct capture {
	int fd;
	void (*line)(void *user, const char *line);
	void *user;
	bool ended; /* the disk is full */
	int64_t wall_offset_ns;
	uint64_t lost;
};

/* struct block - a small block being built; packets bring their own bytes */
struct block {
	uint32_t words[64];
	size_t n;
};

static void put_word(struct block *b, uint32_t word)
{
	b->words[b->n++] = word;
}

/* Code and length are 16-bit values one after the other, in host order. */
static void put_option(struct block *b, uint16_t code, const void *value,
                       uint16_t len)
{
	uint16_t head[2] = {code, len};
	size_t words = ((size_t)len + 3) / 4;

	memcpy(&b->words[b->n++], head, sizeof(head));
	if (!words)
		return;
	b->words[b->n + words - 1] = 0;
	memcpy(&b->words[b->n], value, len);
	b->n += words;
}

static void begin(struct block *b, uint32_t type)
{
	b->n = 0;
	put_word(b, type);
	put_word(b, 0); /* the length, by finish() */
}

static size_t finish(struct block *b)
{
	uint32_t bytes = (uint32_t)(b->n + 1) * 4;

	b->words[1] = bytes;
	put_word(b, bytes);
	return bytes;
}

/* A block in whole, or not at all. */
/* #syscalls:link writev ftruncate lseek */
static bool write_whole(struct capture *c, struct iovec *iov, int n, size_t len)
{
	ssize_t rc = writev(c->fd, iov, n);

	if (rc == (ssize_t)len)
		return true;
	/* a block that is cut would spoil what follows: none will */
	if (rc > 0 && ftruncate(c->fd, lseek(c->fd, 0, SEEK_CUR) - rc) < 0)
		c->lost++;
	c->ended = true;
	return false;
}

static bool write_block(struct capture *c, struct block *b)
{
	size_t bytes = finish(b);
	struct iovec iov = {b->words, bytes};

	return write_whole(c, &iov, 1, bytes);
}

static void write_head(struct capture *c, const char *ifname)
{
	static const char name[] = "postern " POSTERN_VERSION;
	uint8_t resolution = TSRESOL_NS;
	uint16_t version[2] = {1, 0}, type[2] = {LINKTYPE_ETHERNET, 0};
	struct block b;

	begin(&b, BLOCK_SECTION);
	put_word(&b, SECTION_MAGIC);
	memcpy(&b.words[b.n++], version, sizeof(version));
	put_word(&b, UINT32_MAX); /* the section's length: not said */
	put_word(&b, UINT32_MAX);
	put_option(&b, OPT_USERAPPL, name, sizeof(name) - 1);
	put_option(&b, OPT_END, NULL, 0);
	if (!write_block(c, &b))
		return;
	begin(&b, BLOCK_INTERFACE);
	memcpy(&b.words[b.n++], type, sizeof(type));
	put_word(&b, 0); /* no snap length */
	put_option(&b, OPT_IF_NAME, ifname, (uint16_t)strnlen(ifname, 16));
	put_option(&b, OPT_IF_TSRESOL, &resolution, 1);
	put_option(&b, OPT_END, NULL, 0);
	(void)write_block(c, &b);
}

struct capture *capture_new(const struct capture_config *config)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->fd = config->fd;
	c->line = config->line;
	c->user = config->user;
	c->wall_offset_ns = config->wall_offset_ns;
	if (c->fd >= 0)
		write_head(c, config->ifname);
	return c;
}

static void write_packet(struct capture *c, enum capture_direction direction,
                         const void *frame, size_t len, int64_t now)
{
	static const uint8_t zeros[4];
	uint64_t time = (uint64_t)(now + c->wall_offset_ns);
	uint32_t flags =
		direction == CAPTURE_TO_APP ? FLAG_TO_APP : FLAG_FROM_APP;
	size_t pad = (4 - len % 4) % 4, total;
	struct block head, tail = {.n = 0};
	struct iovec iov[4];

	begin(&head, BLOCK_PACKET);
	put_word(&head, 0); /* the interface */
	put_word(&head, (uint32_t)(time >> 32));
	put_word(&head, (uint32_t)time);
	put_word(&head, (uint32_t)len);
	put_word(&head, (uint32_t)len);
	put_option(&tail, OPT_EPB_FLAGS, &flags, sizeof(flags));
	put_option(&tail, OPT_END, NULL, 0);
	total = head.n * 4 + len + pad + (tail.n + 1) * 4;
	head.words[1] = (uint32_t)total;
	put_word(&tail, (uint32_t)total);
	iov[0] = (struct iovec){head.words, head.n * 4};
	memcpy(&iov[1].iov_base, &frame, sizeof(frame));
	iov[1].iov_len = len;
	iov[2].iov_base = memcpy(&head.words[head.n], zeros, sizeof(zeros));
	iov[2].iov_len = pad;
	iov[3] = (struct iovec){tail.words, tail.n * 4};
	if (!write_whole(c, iov, 4, total))
		c->lost++;
}

void capture_frame(struct capture *c, enum capture_direction direction,
                   const void *frame, size_t len, int64_t now)
{
	char text[FRAME_TEXT_MAX], line[FRAME_TEXT_MAX + 16];

	if (c->line) {
		snprintf(line, sizeof(line), "%s %s",
		         direction == CAPTURE_TO_APP ? "to app:  "
		                                     : "from app:",
		         frame_text(frame, len, text));
		c->line(c->user, line);
	}
	if (c->fd < 0)
		return;
	if (c->ended)
		c->lost++;
	else
		write_packet(c, direction, frame, len, now);
}

uint64_t capture_lost(const struct capture *c)
{
	return c->lost;
}

void capture_free(struct capture *c)
{
	free(c);
}
