/*
 * Lines of the log and what they do to the cache. Nothing is done of a line that is not
 * understood to its end, or whose statement fails: it is TypeScript's, which does it, or
 * says what is wrong with it.
 */
#ifndef DELTAMIRROR_LINES_H
#define DELTAMIRROR_LINES_H

#include "crc.h"
#include "plans.h"

enum outcome
{
	LINE_DONE,
	LINE_LEFT,					/* to TypeScript; nothing of it was done */
	LINE_FAILED					/* the database did: sqlite3_errcode tells how */
};

struct field
{
	const char *text;
	size_t		length;
};

struct lines
{
	sqlite3    *db;
	struct crc	crc;
	struct plans plans;
	struct scratch scratch;
	/* Whose statement holds pointers into the lines; NULL where none does. */
	struct plan *bound;
	/* The line before: `_table … _action a TAB`, and what it says. Empty where nothing is known. */
	struct field head;
	struct table *table;
	enum action action;
	/* Of the line at hand. */
	enum escapes escapes;
	struct field values[COLUMNS_LIMIT];
};

/* A line from behind its position's TAB up to its line feed. */
enum outcome lines_apply(struct lines *lines, const char *start, const char *end);

/*
 * Lines that begin with `prefix` and digits of a sequence, in [from, end), which ends with
 * a line feed. Gives why it ended, LINE_DONE at the end; `from` and `count` tell how far it came.
 */
enum outcome lines_apply_all(struct lines *lines, const char **from, const char *end, struct field prefix, uint64_t *count);

/* The statements let go of the lines, which may go away. */
void		lines_release(struct lines *lines);

/* Nothing is known of any line; no statement is left. */
void		lines_forget(struct lines *lines);

#endif
