/*
 * Whole transactions of the log in one call. A unit is taken where all of this holds, and
 * else it, and what stands behind it, is TypeScript's (src/daystream/reader.ts and
 * src/deltamirror/applier.ts, whose checks these are):
 *
 *   it is whole in the block, and the chain's value fits (P6);
 *   it runs from a begin line to a commit line that have the pairs of docs/format.md §3 in
 *   their order, without _schemas, _reload and _offer;
 *   it follows the unit before, and its last position is by its number of lines behind its first;
 *   its commit record is not before the cache's LSN (P4), and its xid is behind the import's snapshot.
 *
 * Where a line in it is TypeScript's, the unit is, from that line on.
 */
#ifndef DELTAMIRROR_UNITS_H
#define DELTAMIRROR_UNITS_H

#include "lines.h"

/* Where reader and cache stand. TypeScript has it as 64-bit integers in this order. */
struct place
{
	int64_t		bytes;			/* of whole units that were taken */
	int64_t		clock;			/* of the last line */
	int64_t		sequence;
	int64_t		crc;
	uint64_t	lsn;			/* of the cache */
	int64_t		xid;			/* a lesser one is TypeScript's */
	int64_t		commit_us;		/* the last commit time */
	int64_t		newest_us;		/* the greatest commit time */
	int64_t		units;
	int64_t		rows;			/* as their commit lines count them */
	int64_t		line_bytes;		/* of the lines that were done of the unit behind */
	int64_t		lines;
};

/* Goes on from `place` over [block, end). Gives LINE_FAILED where the database failed. */
enum outcome units_apply(struct lines *lines, const char *block, const char *end, struct place *place);

#endif
