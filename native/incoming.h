/* The rows of COPY's messages as a table, from which one INSERT takes them all. */
#ifndef DELTAMIRROR_INCOMING_H
#define DELTAMIRROR_INCOMING_H

#include <stddef.h>

#include "sqlite3ext.h"
#include "value.h"

/* A table of Postgres has no more columns. */
#define INCOMING_WIDTH_LIMIT 1600

struct incoming
{
	/* What the statement reads: set before it runs. */
	const unsigned char *messages;
	size_t		size;
	const char *kinds;			/* one letter for each column */
	int			width;
	struct value *values;		/* of the row it stands on; as many as columns */
	/* How far it came. */
	size_t		taken;			/* bytes of the rows behind it */
	size_t		length;			/* of the message it stands on; 0 at the end */
	sqlite3_int64 rows;			/* behind it */
	struct scratch scratch;
};

/*
 * Registers the virtual table `_daystream_incoming`, of columns c0, c1 and so on; gives
 * SQLite's code. It ends before what is no CopyData message, is not whole yet, or holds a
 * row that is TypeScript's.
 */
int			incoming_register(sqlite3 *db, struct incoming *incoming);

#endif
