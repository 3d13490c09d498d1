/* CRC-32 as zlib computes it (docs/format.md §2). */
#ifndef DELTAMIRROR_CRC_H
#define DELTAMIRROR_CRC_H

#include <stddef.h>
#include <stdint.h>

#define CRC_BYTES_AT_ONCE 8

/* What a byte does to the value, for each of eight places; and whether the processor folds. */
struct crc
{
	uint32_t	table[CRC_BYTES_AT_ONCE][256];
	int			folds;
};

void		crc_init(struct crc *crc);

/* The value behind the bytes, seeded with the one before them. */
uint32_t	crc_chain(const struct crc *crc, uint32_t seed, const char *bytes, size_t length);

#endif
