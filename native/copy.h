/* COPY's rows as Postgres sends them, inserted by one statement for each table. */
#ifndef DELTAMIRROR_COPY_H
#define DELTAMIRROR_COPY_H

#include "sqlite3ext.h"

struct copies;

/* NULL where there is no memory. */
struct copies *copies_new(void);

/*
 * The functions of the import; gives SQLite's code:
 *   deltamirror_copy_open(sql, kinds)  gives the id of a new copy; `sql` is an INSERT OR FAIL
 *       of what it selects from _daystream_incoming, whose columns have the letters in
 *       `kinds` (value.h)
 *   deltamirror_copy(id, messages)  inserts the rows of whole CopyData messages and gives
 *       how many bytes it took. It stops before what is none, is not whole yet, or holds a
 *       row that is TypeScript's
 *   deltamirror_copied(id)  gives how many rows it has inserted in all
 *   deltamirror_copy_close(id)
 */
int			copies_register(sqlite3 *db, struct copies *copies);

/* Ends all copies, which finalizes their statements: before that a connection cannot be closed. */
void		copies_close(struct copies *copies);

void		copies_free(struct copies *copies);

#endif
