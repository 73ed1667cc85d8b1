/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c - fixed chunks for bytes that wait, one bound for all flows */
#include "stack/tcp/tcp-private.h"

#include <string.h>

/*
 * Chunks never used are not touched (the mapping stays empty there); a freed
 * chunk holds the index of the next free one in its first bytes.
 */
uint32_t pool_get(struct tcp *tcp)
{
	struct pool *pool = &tcp->pool;
	uint32_t chunk = pool->free_head;

	if (chunk)
		memcpy(&pool->free_head, pool_ptr(tcp, chunk),
		       sizeof(pool->free_head));
	else if (pool->fresh < pool->chunks)
		chunk = ++pool->fresh;
	else
		return 0;
	pool->used++;
	tcp_stats(tcp)->pool_used_bytes += POOL_CHUNK;
	return chunk;
}

void pool_put(struct tcp *tcp, uint32_t chunk)
{
	struct pool *pool = &tcp->pool;

	memcpy(pool_ptr(tcp, chunk), &pool->free_head, sizeof(pool->free_head));
	pool->free_head = chunk;
	pool->used--;
	tcp_stats(tcp)->pool_used_bytes -= POOL_CHUNK;
}
