/*
 * Memory for one row: chunks that are never moved, since statements hold pointers into
 * them. One of the usual size is kept from row to row.
 */
#include <stdint.h>
#include <stdlib.h>

#include "value.h"

#define CHUNK_BYTES ((size_t) 64 * 1024)

struct scratch_chunk
{
	struct scratch_chunk *older;
	size_t		size;
	char		bytes[];
};

char *
scratch_take(struct scratch *scratch, size_t bytes)
{
	char	   *taken;

	if (scratch->chunks == NULL || bytes > scratch->chunks->size - scratch->used)
	{
		size_t		size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
		struct scratch_chunk *chunk = size > SIZE_MAX - sizeof(*chunk) ? NULL : malloc(sizeof(*chunk) + size);

		if (chunk == NULL)
			return NULL;
		chunk->older = scratch->chunks;
		chunk->size = size;
		scratch->chunks = chunk;
		scratch->used = 0;
	}
	taken = scratch->chunks->bytes + scratch->used;
	scratch->used += bytes;
	return taken;
}

void
scratch_clear(struct scratch *scratch)
{
	while (scratch->chunks != NULL && (scratch->chunks->older != NULL || scratch->chunks->size > CHUNK_BYTES))
	{
		struct scratch_chunk *chunk = scratch->chunks;

		scratch->chunks = chunk->older;
		free(chunk);
	}
	scratch->used = 0;
}

void
scratch_free(struct scratch *scratch)
{
	scratch_clear(scratch);
	free(scratch->chunks);
	scratch->chunks = NULL;
}
