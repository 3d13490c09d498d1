/*
 * The rows of COPY … TO STDOUT in text format (PostgreSQL documentation, "Message
 * Formats", CopyData, and COPY, "Text Format"). Postgres sends one message a row: 'd',
 * four bytes of length which count themselves, the fields between tabs, a line feed.
 */
#include "copy.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "extension.h"
#include "value.h"

SQLITE_EXTENSION_INIT3

#define COPY_DATA 'd'
#define HEADER_BYTES 5

struct copy
{
	struct copy *next;
	sqlite3_int64 id;
	sqlite3_int64 rows;
	sqlite3_stmt *insert;
	int			width;
	char		kinds[];			/* `width` letters and a zero */
};

struct copies
{
	struct copy *first;
	sqlite3_int64 last_id;
	struct scratch scratch;
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
	free(copy);
}

static int
are_kinds(const char *kinds)
{
	for (const char *letter = kinds; *letter != '\0'; letter++)
		if (!is_kind(*letter) || *letter == KIND_SKIP)
			return 0;
	return 1;
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
		sqlite3_result_error(context, "deltamirror_copy_open wants an INSERT and the kinds of its parameters", -1);
		return;
	}
	width = strlen(kinds);
	copy = calloc(1, sizeof(*copy) + width + 1);
	if (copy == NULL)
	{
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
	if (sqlite3_bind_parameter_count(copy->insert) != copy->width)
	{
		sqlite3_result_error(context, "there are not as many parameters as kinds", -1);
		free_copy(copy);
		return;
	}
	copy->id = ++copies->last_id;
	copy->next = copies->first;
	copies->first = copy;
	sqlite3_result_int64(context, copy->id);
}

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

/* Binds the fields between tabs; 0 where the row is TypeScript's. */
static int
bind_row(struct copy *copy, const char *row, const char *end, struct scratch *scratch)
{
	for (int column = 0; column < copy->width; column++)
	{
		const char *tab = memchr(row, '\t', (size_t) (end - row));
		const char *field_end = tab == NULL ? end : tab;

		if ((tab == NULL) != (column == copy->width - 1))
			return 0;
		if (!value_bind(copy->insert, column + 1, (enum kind) copy->kinds[column], ESCAPES_COPY, row, (size_t) (field_end - row), scratch))
			return 0;
		row = field_end + 1;
	}
	return 1;
}

/* Inserts one row, or does nothing: what fails is done again, and told, by TypeScript. */
static int
insert_row(struct copy *copy, const char *row, size_t length, struct scratch *scratch)
{
	int			done = 0;

	if (length == 0 || memchr(row, '\n', length) != row + length - 1)
		return 0;
	if (bind_row(copy, row, row + length - 1, scratch))
	{
		done = sqlite3_step(copy->insert) == SQLITE_DONE;
		sqlite3_reset(copy->insert);
	}
	scratch_clear(scratch);
	return done;
}

static void
copy_messages(sqlite3_context *context, int count, sqlite3_value **arguments)
{
	struct copies *copies = sqlite3_user_data(context);
	struct copy *copy = find_copy(context, arguments[0]);
	const unsigned char *messages = sqlite3_value_blob(arguments[1]);
	size_t		size = (size_t) sqlite3_value_bytes(arguments[1]),
				taken = 0,
				length;

	(void) count;
	if (copy == NULL)
		return;
	while (messages != NULL && (length = message_length(messages + taken, size - taken)) > 0
		   && insert_row(copy, (const char *) messages + taken + HEADER_BYTES, length - HEADER_BYTES, &copies->scratch))
	{
		copy->rows++;
		taken += length;
	}
	sqlite3_clear_bindings(copy->insert);	/* they lie in `messages` */
	sqlite3_result_int64(context, (sqlite3_int64) taken);
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
	scratch_free(&copies->scratch);
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
	return code;
}
