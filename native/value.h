/*
 * One field of a log line or of COPY's text, and what is bound for it. Gives bit for
 * bit what src/sqlite/values.ts gives, or nothing: at whatever it is not sure of the
 * caller stops, and TypeScript does the line.
 */
#ifndef DELTAMIRROR_VALUE_H
#define DELTAMIRROR_VALUE_H

#include <stddef.h>

#include "sqlite3ext.h"

/* How a column's text is bound: the letters that TypeScript sends (src/sqlite/native-kinds.ts). */
enum kind
{
	KIND_SKIP = '-',			/* no column of the cache */
	KIND_INTEGER = 'i',
	KIND_BOOLEAN = 'b',
	KIND_FLOAT = 'f',
	KIND_TEXT = 't',			/* numeric and money as text too */
	KIND_BYTEA = 'x',
	KIND_TIMESTAMPTZ = 'z',
	KIND_NUMERIC_REAL = 'r',
	KIND_MONEY_REAL = 'm',
	KIND_NUMBERS = 'N',			/* arrays, by their elements */
	KIND_BOOLEANS = 'B',
	KIND_TIMESTAMPTZS = 'Z',
	KIND_TEXTS = 'T',
	KIND_OTHER = 'o'			/* TypeScript's alone */
};

enum escapes
{
	ESCAPES_NONE,				/* it is known that there are none, and nothing but ASCII */
	ESCAPES_LOG,				/* docs/format.md, 1: \\ \t \n \r and no other */
	ESCAPES_COPY				/* also \b \f \v, and any other character stands for itself */
};

/* Bytes that live until scratch_clear, so that they can be bound without a copy. Begins as zeroes. */
struct scratch
{
	struct scratch_chunk *chunks;	/* the newest first */
	size_t		used;				/* of the newest */
};

/* NULL where there is no memory. */
char	   *scratch_take(struct scratch *scratch, size_t bytes);

/* When the statement that holds them has been reset or bound anew. */
void		scratch_clear(struct scratch *scratch);

/* Gives back all memory. */
void		scratch_free(struct scratch *scratch);

/* True for a letter above. */
int			is_kind(char letter);

/* What SQLite is to hold. Text and bytes lie in the field itself, or in the scratch. */
struct value
{
	enum {VALUE_NULL, VALUE_INTEGER, VALUE_REAL, VALUE_TEXT, VALUE_BLOB} type;
	union
	{
		sqlite3_int64 integer;
		double		real;
		struct
		{
			const char *bytes;
			size_t		length;
		};
	};
};

/*
 * Gives 0 where it is not sure: an escape that the format has not, bytes that are no
 * UTF-8, a number that does not read as Postgres prints it, KIND_OTHER. Not for KIND_SKIP.
 */
int			value_read(enum kind kind, enum escapes escapes, const char *text, size_t length,
					   struct scratch *scratch, struct value *value);

/*
 * Reads a field and binds it to a parameter, which counts from 1. Gives 0 where it is not
 * sure, with the parameter as it was. The text must stay where it is until the statement is
 * reset or bound anew. KIND_SKIP binds nothing and gives 1.
 */
int			value_bind(sqlite3_stmt *statement, int parameter, enum kind kind, enum escapes escapes,
					   const char *text, size_t length, struct scratch *scratch);

#endif
