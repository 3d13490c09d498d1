/* A log around the lines of an input. */
#ifndef DELTAMIRROR_FUZZ_LOG_H
#define DELTAMIRROR_FUZZ_LOG_H

#include <stddef.h>
#include <stdint.h>

/* What every line begins with, before its sequence. */
#define PREFIX "_c\t1\t_s\t"

/* To be freed. */
struct text
{
	char	   *bytes;
	size_t		size;
};

/* Writes the lines with their positions, and the same as transactions with begin, commit and chain; `=` alone ends one. */
void		log_write(const uint8_t *data, size_t size, struct text *lines, struct text *units);

#endif
