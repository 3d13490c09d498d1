/*
 * What the fuzz targets share: a SQLite in memory with the extension in it, and a look at what came to
 * lie there. A target is one function over bytes (libFuzzer's); it aborts where a promise is broken.
 */
#ifndef DELTAMIRROR_FUZZ_HARNESS_H
#define DELTAMIRROR_FUZZ_HARNESS_H

#include <stddef.h>
#include <stdint.h>

#include "sqlite3.h"

/* Called by libFuzzer for each input, or by replay.c for each file. */
int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the run with the place, where `holds` is 0. */
#define PROMISE(holds) harness_promise((holds) != 0, #holds, __FILE__, __LINE__)

void		harness_promise(int holds, const char *text, const char *file, int line);

/* A new database with the extension, in which `sql` was run. */
sqlite3    *harness_open(const char *sql);

/* Closes it as a program does; the extension has to have let go of everything. */
void		harness_close(sqlite3 *db);

/* Runs statements that have to succeed. */
void		harness_run(sqlite3 *db, const char *sql);

/* A statement that has to be one. */
sqlite3_stmt *harness_prepare(sqlite3 *db, const char *sql);

/* A hash of all that a query gives. Text in it is UTF-8, whatever came in. */
uint64_t	harness_contents(sqlite3 *db, const char *query);

#endif
