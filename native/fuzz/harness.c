#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

int			sqlite3_deltamirror_init(sqlite3 *db, char **error, const void *api);

void
harness_promise(int holds, const char *text, const char *file, int line)
{
	if (holds)
		return;
	fprintf(stderr, "%s:%d: broken: %s\n", file, line, text);
	abort();
}

sqlite3 *
harness_open(const char *sql)
{
	sqlite3    *db = NULL;

	PROMISE(sqlite3_open(":memory:", &db) == SQLITE_OK);
	PROMISE(sqlite3_deltamirror_init(db, NULL, NULL) == SQLITE_OK);
	harness_run(db, sql);
	return db;
}

void
harness_close(sqlite3 *db)
{
	harness_run(db, "SELECT deltamirror_close()");
	PROMISE(sqlite3_close(db) == SQLITE_OK);
}

void
harness_run(sqlite3 *db, const char *sql)
{
	PROMISE(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

sqlite3_stmt *
harness_prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
	PROMISE(statement != NULL);
	return statement;
}

static uint64_t
hash_bytes(uint64_t hash, const void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ ((const uint8_t *) bytes)[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF. */
static int
is_utf8(const uint8_t *text, size_t length)
{
	for (size_t i = 0; i < length;)
	{
		uint8_t		lead = text[i++];
		int			more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
		uint8_t		low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
		uint8_t		high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;

		if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || (size_t) more > length - i)
			return 0;
		for (; more > 0; more--, i++, low = 0x80, high = 0xbf)
			if (text[i] < low || text[i] > high)
				return 0;
	}
	return 1;
}

uint64_t
harness_contents(sqlite3 *db, const char *query)
{
	sqlite3_stmt *statement = harness_prepare(db, query);
	uint64_t	hash = UINT64_C(0xcbf29ce484222325);

	while (sqlite3_step(statement) == SQLITE_ROW)
		for (int column = 0; column < sqlite3_column_count(statement); column++)
		{
			int			type = sqlite3_column_type(statement, column);
			const void *bytes = type == SQLITE_BLOB ? sqlite3_column_blob(statement, column) : (const void *) sqlite3_column_text(statement, column);
			size_t		length = (size_t) sqlite3_column_bytes(statement, column);

			hash = hash_bytes(hash_bytes(hash, &type, sizeof(type)), bytes, length);
			PROMISE(type != SQLITE_TEXT || is_utf8(bytes, length));
		}
	PROMISE(sqlite3_finalize(statement) == SQLITE_OK);
	return hash;
}
