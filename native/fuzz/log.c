#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define LINE_MAX_ADDED 64

static void
append(struct text *text, const void *bytes, size_t size)
{
	memcpy(text->bytes + text->size, bytes, size);
	text->size += size;
}

/* A line with its position, of the next sequence. */
static void
append_line(struct text *text, int64_t *sequence, const void *bytes, size_t size)
{
	text->size += (size_t) sprintf(text->bytes + text->size, PREFIX "%lld\t", (long long) (*sequence)++);
	append(text, bytes, size);
}

static uint32_t
crc32_of(uint32_t crc, const char *bytes, size_t size)
{
	crc = ~crc;
	for (size_t i = 0; i < size; i++)
	{
		crc ^= (uint8_t) bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
	}
	return ~crc;
}

void
log_write(const uint8_t *data, size_t size, struct text *lines, struct text *units)
{
	static const char begin[] = "_action\tbegin\t_xid\t9\t_lsn\t0/10\t_ts\t1\n",
				commit[] = "_action\tcommit\t_xid\t9\t_lsn\t0/10\t_rows\t1";
	int64_t		sequence = 0,
				plain = 0;
	uint32_t	crc = 0;
	size_t		count = 1;

	for (size_t i = 0; i < size; i++)
		count += data[i] == '\n';
	lines->bytes = malloc(size + count * LINE_MAX_ADDED);
	units->bytes = malloc(size + (count + 1) * (3 * LINE_MAX_ADDED + sizeof(begin) + sizeof(commit)));
	PROMISE(lines->bytes != NULL && units->bytes != NULL);
	while (size > 0)
	{
		size_t		from = units->size;

		append_line(units, &sequence, begin, sizeof(begin) - 1);
		while (size > 0)
		{
			const uint8_t *end = memchr(data, '\n', size);
			size_t		length = end == NULL ? size : (size_t) (end - data);
			int			ends = length == 1 && data[0] == '=';

			if (!ends)
			{
				append_line(lines, &plain, data, length);
				append(lines, "\n", 1);
				append_line(units, &sequence, data, length);
				append(units, "\n", 1);
			}
			length += end != NULL;
			data += length;
			size -= length;
			if (ends)
				break;
		}
		append_line(units, &sequence, commit, sizeof(commit) - 1);
		crc = crc32_of(crc, units->bytes + from, units->size - from);
		units->size += (size_t) sprintf(units->bytes + units->size, "\t_crc\t%08x\n", crc);
	}
}
