/*
 * The rows of COPY … TO STDOUT in text format (PostgreSQL documentation, "Message
 * Formats", CopyData, and COPY, "Text Format"). Postgres sends one message a row: 'd',
 * four bytes of length which count themselves, the fields between tabs, a line feed.
 *
 * As a table, since one statement for many rows keeps its place at the end of the tree,
 * and a value goes from the message into the record without a parameter between.
 */
#include "incoming.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

SQLITE_EXTENSION_INIT3

#define COPY_DATA 'd'
#define HEADER_BYTES 5
/* `c1599, ` */
#define NAME_BYTES 8

struct table
{
	sqlite3_vtab base;
	struct incoming *incoming;
};

struct cursor
{
	sqlite3_vtab_cursor base;
	struct incoming *incoming;
};

/* The length of the whole CopyData message that stands there; 0 where there is none. */
static size_t
message_length(const unsigned char *at, size_t left)
{
	size_t		length;

	if (left < HEADER_BYTES || at[0] != COPY_DATA)
		return 0;
	length = 1 + ((size_t) at[1] << 24 | (size_t) at[2] << 16 | (size_t) at[3] << 8 | (size_t) at[4]);
	return length < HEADER_BYTES || length > left ? 0 : length;
}

/* The fields between tabs; 0 where the row is TypeScript's. */
static int
read_row(struct incoming *incoming, const char *row, size_t length)
{
	const char *end = row + length - 1;

	if (length == 0 || memchr(row, '\n', length) != end)
		return 0;
	for (int column = 0; column < incoming->width; column++)
	{
		const char *tab = memchr(row, '\t', (size_t) (end - row));
		const char *field_end = tab == NULL ? end : tab;

		if ((tab == NULL) != (column == incoming->width - 1))
			return 0;
		if (!value_read((enum kind) incoming->kinds[column], ESCAPES_COPY, row, (size_t) (field_end - row), &incoming->scratch, &incoming->values[column]))
			return 0;
		row = field_end + 1;
	}
	return 1;
}

/* Stands on the row of the next message, or at the end. */
static int
stand(struct incoming *incoming)
{
	const unsigned char *at = incoming->messages + incoming->taken;

	scratch_clear(&incoming->scratch);
	incoming->length = message_length(at, incoming->size - incoming->taken);
	if (incoming->length > 0 && !read_row(incoming, (const char *) at + HEADER_BYTES, incoming->length - HEADER_BYTES))
		incoming->length = 0;
	return SQLITE_OK;
}

static int
filter(sqlite3_vtab_cursor *cursor, int plan, const char *name, int count, sqlite3_value **values)
{
	struct incoming *incoming = ((struct cursor *) cursor)->incoming;

	(void) plan;
	(void) name;
	(void) count;
	(void) values;
	incoming->taken = 0;
	incoming->rows = 0;
	return stand(incoming);
}

static int
next(sqlite3_vtab_cursor *cursor)
{
	struct incoming *incoming = ((struct cursor *) cursor)->incoming;

	incoming->taken += incoming->length;
	incoming->rows++;
	return stand(incoming);
}

static int
is_at_end(sqlite3_vtab_cursor *cursor)
{
	return ((struct cursor *) cursor)->incoming->length == 0;
}

static int
column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int i)
{
	struct incoming *incoming = ((struct cursor *) cursor)->incoming;
	const struct value *value = incoming->values;

	if (i >= incoming->width)
		return SQLITE_RANGE;
	value += i;
	switch (value->type)
	{
		case VALUE_INTEGER:
			sqlite3_result_int64(context, value->integer);
			break;
		case VALUE_REAL:
			sqlite3_result_double(context, value->real);
			break;
		case VALUE_TEXT:
			sqlite3_result_text64(context, value->bytes, value->length, SQLITE_STATIC, SQLITE_UTF8);
			break;
		case VALUE_BLOB:
			sqlite3_result_blob64(context, value->bytes, value->length, SQLITE_STATIC);
			break;
		case VALUE_NULL:
			break;
	}
	return SQLITE_OK;
}

static int
row_id(sqlite3_vtab_cursor *cursor, sqlite3_int64 *id)
{
	*id = ((struct cursor *) cursor)->incoming->rows;
	return SQLITE_OK;
}

static int
connect(sqlite3 *db, void *incoming, int count, const char *const *arguments, sqlite3_vtab **made, char **error)
{
	struct table *table = calloc(1, sizeof(*table));
	char	   *sql = malloc(INCOMING_WIDTH_LIMIT * NAME_BYTES + NAME_BYTES * 2);
	char	   *to = sql;
	int			code = SQLITE_NOMEM;

	(void) count;
	(void) arguments;
	(void) error;
	if (table != NULL && sql != NULL)
	{
		for (int i = 0; i < INCOMING_WIDTH_LIMIT; i++)
		{
			sqlite3_snprintf(NAME_BYTES * 2, to, i == 0 ? "CREATE TABLE x(" : "c%d, ", i - 1);
			to += strlen(to);
		}
		sqlite3_snprintf(NAME_BYTES, to, "c%d)", INCOMING_WIDTH_LIMIT - 1);
		code = sqlite3_declare_vtab(db, sql);
	}
	if (code == SQLITE_OK)
		code = sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
	free(sql);
	if (code != SQLITE_OK)
	{
		free(table);
		return code;
	}
	table->incoming = incoming;
	*made = &table->base;
	return SQLITE_OK;
}

static int
disconnect(sqlite3_vtab *table)
{
	free(table);
	return SQLITE_OK;
}

static int
best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
	(void) table;
	(void) info;
	return SQLITE_OK;
}

static int
open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **opened)
{
	struct cursor *cursor = calloc(1, sizeof(*cursor));

	if (cursor == NULL)
		return SQLITE_NOMEM;
	cursor->incoming = ((struct table *) table)->incoming;
	*opened = &cursor->base;
	return SQLITE_OK;
}

static int
close_cursor(sqlite3_vtab_cursor *cursor)
{
	free(cursor);
	return SQLITE_OK;
}

int
incoming_register(sqlite3 *db, struct incoming *incoming)
{
	/* Without xCreate it is there without being created. */
	static const sqlite3_module MODULE = {
		.xConnect = connect,
		.xBestIndex = best_index,
		.xDisconnect = disconnect,
		.xOpen = open_cursor,
		.xClose = close_cursor,
		.xFilter = filter,
		.xNext = next,
		.xEof = is_at_end,
		.xColumn = column,
		.xRowid = row_id,
	};

	return sqlite3_create_module_v2(db, "_daystream_incoming", &MODULE, incoming, NULL);
}
