/*
 * COPY into a table: one statement for each, which takes the rows of the messages out of
 * `_daystream_incoming` (incoming.c).
 */
#include "copy.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "extension.h"
#include "incoming.h"
#include "value.h"

SQLITE_EXTENSION_INIT3

struct copy
{
	struct copy *next;
	sqlite3_int64 id;
	sqlite3_int64 rows;
	sqlite3_stmt *insert;
	int			width;
	struct value *values;		/* `width` of them */
	char		kinds[];			/* `width` letters and a zero */
};

struct copies
{
	struct copy *first;
	sqlite3_int64 last_id;
	struct incoming incoming;
};

static struct copy *
find_copy(sqlite3_context *context, sqlite3_value *id)
{
	struct copies *copies = sqlite3_user_data(context);
	struct copy *copy = copies->first;

	while (copy != NULL && copy->id != sqlite3_value_int64(id))
		copy = copy->next;
	if (copy == NULL)
		sqlite3_result_error(context, "there is no such copy", -1);
	return copy;
}

static void
free_copy(struct copy *copy)
{
	sqlite3_finalize(copy->insert);
	free(copy->values);
	free(copy);
}

static int
are_kinds(const char *kinds)
{
	size_t		width = strlen(kinds);

	for (size_t i = 0; i < width; i++)
		if (!is_kind(kinds[i]) || kinds[i] == KIND_SKIP)
			return 0;
	return width > 0 && width <= INCOMING_WIDTH_LIMIT;
}

static void
open_copy(sqlite3_context *context, int count, sqlite3_value **arguments)
{
	struct copies *copies = sqlite3_user_data(context);
	const char *sql = (const char *) sqlite3_value_text(arguments[0]);
	const char *kinds = (const char *) sqlite3_value_text(arguments[1]);
	struct copy *copy;
	size_t		width;

	(void) count;
	if (sql == NULL || kinds == NULL || !are_kinds(kinds))
	{
		sqlite3_result_error(context, "deltamirror_copy_open wants an INSERT and the kinds of its columns", -1);
		return;
	}
	width = strlen(kinds);
	copy = calloc(1, sizeof(*copy) + width + 1);
	if (copy == NULL || (copy->values = calloc(width, sizeof(*copy->values))) == NULL)
	{
		free(copy);
		sqlite3_result_error_nomem(context);
		return;
	}
	memcpy(copy->kinds, kinds, width);
	copy->width = (int) width;
	if (sqlite3_prepare_v3(sqlite3_context_db_handle(context), sql, -1, SQLITE_PREPARE_PERSISTENT, &copy->insert, NULL) != SQLITE_OK)
	{
		sqlite3_result_error(context, sqlite3_errmsg(sqlite3_context_db_handle(context)), -1);
		free_copy(copy);
		return;
	}
	copy->id = ++copies->last_id;
	copy->next = copies->first;
	copies->first = copy;
	sqlite3_result_int64(context, copy->id);
}

/* Inserts the rows up to the first that is TypeScript's, or that the table refuses: that one is done again, and told, by TypeScript. */
static void
copy_messages(sqlite3_context *context, int count, sqlite3_value **arguments)
{
	sqlite3    *db = sqlite3_context_db_handle(context);
	struct copies *copies = sqlite3_user_data(context);
	struct incoming *incoming = &copies->incoming;
	struct copy *copy = find_copy(context, arguments[0]);
	sqlite3_int64 before = sqlite3_total_changes64(db);
	int			code;

	(void) count;
	if (copy == NULL)
		return;
	incoming->messages = sqlite3_value_blob(arguments[1]);
	incoming->size = (size_t) sqlite3_value_bytes(arguments[1]);
	incoming->kinds = copy->kinds;
	incoming->width = copy->width;
	incoming->values = copy->values;
	incoming->taken = 0;
	incoming->rows = 0;
	code = incoming->messages == NULL ? SQLITE_DONE : sqlite3_step(copy->insert);
	sqlite3_reset(copy->insert);
	scratch_clear(&incoming->scratch);
	incoming->messages = (const unsigned char *) "";	/* the caller's go away */
	incoming->size = 0;
	copy->rows += incoming->rows;
	/* Where it is refused for another reason than the row, or not all that was read is in, there is no going on. */
	if ((code != SQLITE_DONE && (code & 0xff) != SQLITE_CONSTRAINT) || sqlite3_total_changes64(db) - before != incoming->rows)
		sqlite3_result_error_code(context, code == SQLITE_DONE ? SQLITE_INTERNAL : code);
	else
		sqlite3_result_int64(context, (sqlite3_int64) incoming->taken);
}

static void
copied(sqlite3_context *context, int count, sqlite3_value **arguments)
{
	struct copy *copy = find_copy(context, arguments[0]);

	(void) count;
	if (copy != NULL)
		sqlite3_result_int64(context, copy->rows);
}

static void
close_copy(sqlite3_context *context, int count, sqlite3_value **arguments)
{
	struct copies *copies = sqlite3_user_data(context);
	struct copy *copy = find_copy(context, arguments[0]);
	struct copy **link = &copies->first;

	(void) count;
	if (copy == NULL)
		return;
	while (*link != copy)
		link = &(*link)->next;
	*link = copy->next;
	free_copy(copy);
}

void
copies_close(struct copies *copies)
{
	while (copies->first != NULL)
	{
		struct copy *copy = copies->first;

		copies->first = copy->next;
		free_copy(copy);
	}
	scratch_free(&copies->incoming.scratch);
}

struct copies *
copies_new(void)
{
	return calloc(1, sizeof(struct copies));
}

void
copies_free(struct copies *copies)
{
	if (copies != NULL)
		copies_close(copies);
	free(copies);
}

int
copies_register(sqlite3 *db, struct copies *copies)
{
	int			code = extension_function(db, "deltamirror_copy_open", 2, copies, open_copy);

	if (code == SQLITE_OK)
		code = extension_function(db, "deltamirror_copy", 2, copies, copy_messages);
	if (code == SQLITE_OK)
		code = extension_function(db, "deltamirror_copied", 1, copies, copied);
	if (code == SQLITE_OK)
		code = extension_function(db, "deltamirror_copy_close", 1, copies, close_copy);
	if (code == SQLITE_OK)
		code = incoming_register(db, &copies->incoming);
	return code;
}
