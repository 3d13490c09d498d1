/*
 * The functions by which TypeScript hands over lines of the log (src/sqlite/native-rows.ts).
 * Where a call does not come to a block's end, it gives the block once, to be kept, and then
 * says where in it to go on; two are kept, since a unit of the one may be gone through line
 * by line before what stands behind it is.
 *
 *   deltamirror_plan(table, action, keys, kinds, parameters, sql)
 *     how such lines are applied. table: `[_schema TAB s TAB] _table TAB t TAB` as the lines
 *     have it; keys: `name TAB` of each column; kinds: a letter each; parameters: 32 bits each.
 *   deltamirror_skip(table)         rows of the table are passed over
 *   deltamirror_forget()            nothing of what was said holds any more
 *   deltamirror_block(which, block)        keeps it; which: 0 or 1
 *   deltamirror_rows(block, from, prefix)  lines that begin with the prefix: bytes + 2^30 * lines done
 *   deltamirror_units(block, from, place)  whole transactions (units.h)
 *     block: the bytes, or which of those that are kept; from: an offset in it
 */
#ifndef DELTAMIRROR_ROWS_H
#define DELTAMIRROR_ROWS_H

#include "sqlite3ext.h"

struct rows;

/* NULL without memory. */
struct rows *rows_new(sqlite3 *db);
int			rows_register(struct rows *rows);

/* Finalizes its statements. */
void		rows_forget(struct rows *rows);
void		rows_free(struct rows *rows);

#endif
