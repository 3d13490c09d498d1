/*
 * What is done with the rows of a table, as TypeScript has said: by what stands before
 * the columns of a line, and by the names of the columns. Where nothing was said of a
 * line, it is TypeScript's.
 */
#ifndef DELTAMIRROR_PLANS_H
#define DELTAMIRROR_PLANS_H

#include <stddef.h>
#include <stdint.h>

#include "value.h"

/* Columns that a line has at most: Postgres has 1,600 in a table. */
#define COLUMNS_LIMIT 1664

/* How the rows of one action are told apart. */
enum action
{
	ACTION_INSERT,
	ACTION_UPDATE,
	ACTION_DELETE,
	ACTION_REPLACE,				/* never planned, but skipped */
	ACTION_OTHER
};

#define PLANNED_ACTIONS 3

struct column
{
	const char *key;			/* `name TAB`, in the plan's keys */
	uint32_t	length;
	int			parameter;		/* from 1; 0 where its value is not wanted */
	enum kind	kind;
};

/* How lines with these columns are applied. */
struct plan
{
	struct plan *next;			/* of the same table and action */
	sqlite3_stmt *statement;
	/* Does the same for fewer rows and less work: tried first, unless it was in vain too often. NULL where there is none. */
	sqlite3_stmt *guarded;
	int			misses;			/* of it, one behind the other */
	int			pause;			/* lines for which it is not tried */
	int			one_row;		/* it has to change exactly one row */
	int			columns;
	char	   *keys;
	struct column column[];
};

/* A table by what its lines begin with: `[_schema TAB s TAB] _table TAB t TAB`. */
struct table
{
	struct table *next;			/* of the same bucket */
	struct plan *plans[PLANNED_ACTIONS];
	int			skipped;		/* the host does not hold it */
	size_t		length;
	char		name[];
};

#define BUCKETS 1024

struct plans
{
	struct table *buckets[BUCKETS];
	int			tables;
	int			statements;
};

/* NULL where nothing was said of it. */
struct table *plans_find(const struct plans *plans, const char *name, size_t length);

/* Whether there are so many that all are to be forgotten, and said anew as their lines come. */
int			plans_are_full(const struct plans *plans);

/* The table, made where it is not there; NULL without memory. */
struct table *plans_table(struct plans *plans, const char *name, size_t length);

/* A new plan, asked before those that are there; where these are many, the one that was not asked for longest goes. */
void		plans_add(struct plans *plans, struct table *table, enum action action, struct plan *plan);

/* The plan that a link of that list points to is asked first from here on. */
void		plans_prefer(struct table *table, enum action action, struct plan **link);

/* A plan with room for its columns and their keys, without a statement; NULL without memory. */
struct plan *plan_new(int columns, const char *keys, size_t length);
void		plan_free(struct plan *plan);

/* Forgets all of it, with the statements. */
void		plans_forget(struct plans *plans);

#endif
