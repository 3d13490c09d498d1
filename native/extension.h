/* What the parts of the extension share. */
#ifndef DELTAMIRROR_EXTENSION_H
#define DELTAMIRROR_EXTENSION_H

#include "sqlite3ext.h"

/* Makes a function that statements of ours can call; gives SQLite's code. */
int			extension_function(sqlite3 *db, const char *name, int arguments, void *state,
							   void (*function) (sqlite3_context *, int, sqlite3_value **));

#endif
