/* The functions of rows.h: what they are given is checked, and handed on. */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include "extension.h"
#include "units.h"

SQLITE_EXTENSION_INIT3

/* A block of this size is kept from call to call; one that holds a very long line is not. */
#define BLOCK_KEPT_BYTES ((size_t) 4 << 20)
/* rows packs bytes and lines into one number that is exact in JavaScript. */
#define BYTES_BITS 30

#define BLOCKS 2

struct block
{
	char	   *bytes;
	size_t		length;
	size_t		size;
};

struct rows
{
	struct lines lines;
	struct block blocks[BLOCKS];
};

static struct field
field_of(sqlite3_value *value)
{
	const char *text = sqlite3_value_blob(value);

	return (struct field) {text == NULL ? "" : text, (size_t) sqlite3_value_bytes(value)};
}

static void
fail(sqlite3_context *context, sqlite3 *db)
{
	int			code = sqlite3_extended_errcode(db);

	sqlite3_result_error(context, sqlite3_errmsg(db), -1);
	sqlite3_result_error_code(context, code);
}

/* Sets the columns from their keys, kinds and parameters; 0 where these do not belong together. */
static int
set_columns(struct plan *plan, struct field kinds, struct field parameters, size_t keys_length)
{
	const char *at = plan->keys,
			   *end = plan->keys + keys_length;
	int			count = sqlite3_bind_parameter_count(plan->statement);

	for (int i = 0; i < plan->columns; i++)
	{
		const char *tab = memchr(at, '\t', (size_t) (end - at));
		int32_t		parameter;

		memcpy(&parameter, parameters.text + (size_t) i * sizeof(parameter), sizeof(parameter));
		if (tab == NULL || !is_kind(kinds.text[i]) || parameter < 0 || parameter > count)
			return 0;
		plan->column[i] = (struct column) {at, (uint32_t) (tab + 1 - at), parameter, (enum kind) kinds.text[i]};
		at = tab + 1;
	}
	return at == end;
}

static enum action
planned(struct field action)
{
	static const char *const NAMES[PLANNED_ACTIONS] = {"insert", "update", "delete"};

	for (int i = 0; i < PLANNED_ACTIONS; i++)
		if (action.length == strlen(NAMES[i]) && memcmp(action.text, NAMES[i], action.length) == 0)
			return (enum action) i;
	return ACTION_OTHER;
}

/* The table of that name, where there is room for it. */
static struct table *
table_of(struct lines *lines, struct field name)
{
	if (plans_are_full(&lines->plans))
		lines_forget(lines);
	return plans_table(&lines->plans, name.text, name.length);
}

static int
prepare(sqlite3 *db, struct field sql, sqlite3_stmt **statement)
{
	return sqlite3_prepare_v3(db, sql.text, (int) sql.length, SQLITE_PREPARE_PERSISTENT, statement, NULL);
}

static void
add_plan(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct rows *rows = sqlite3_user_data(context);
	struct field keys = field_of(values[2]),
				kinds = field_of(values[3]),
				parameters = field_of(values[4]),
				sql = field_of(values[5]),
				guarded = field_of(values[6]);
	enum action action = planned(field_of(values[1]));
	struct table *table;
	struct plan *plan;

	(void) count;
	if (action == ACTION_OTHER || kinds.length > COLUMNS_LIMIT || parameters.length != kinds.length * sizeof(int32_t))
		return sqlite3_result_error(context, "deltamirror_plan: no plan of columns", -1);
	table = table_of(&rows->lines, field_of(values[0]));
	plan = table == NULL ? NULL : plan_new((int) kinds.length, keys.text, keys.length);
	if (plan == NULL)
		return sqlite3_result_error_nomem(context);
	if (prepare(rows->lines.db, sql, &plan->statement) != SQLITE_OK || prepare(rows->lines.db, guarded, &plan->guarded) != SQLITE_OK)
	{
		fail(context, rows->lines.db);
		return plan_free(plan);
	}
	if (plan->statement == NULL || !set_columns(plan, kinds, parameters, keys.length)
		|| (plan->guarded != NULL && sqlite3_bind_parameter_count(plan->guarded) != sqlite3_bind_parameter_count(plan->statement)))
	{
		sqlite3_result_error(context, "deltamirror_plan: columns and statement do not fit", -1);
		return plan_free(plan);
	}
	plan->one_row = action != ACTION_INSERT;
	lines_release(&rows->lines);
	plans_add(&rows->lines.plans, table, action, plan);
}

static void
skip_table(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct rows *rows = sqlite3_user_data(context);
	struct table *table = table_of(&rows->lines, field_of(values[0]));

	(void) count;
	if (table == NULL)
		return sqlite3_result_error_nomem(context);
	table->skipped = 1;
}

static void
forget(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void) count;
	(void) values;
	rows_forget(sqlite3_user_data(context));
}

static struct block *
block_of(struct rows *rows, sqlite3_value *which)
{
	return &rows->blocks[sqlite3_value_int64(which) == 0 ? 0 : 1];
}

static void
set_block(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct block *block = block_of(sqlite3_user_data(context), values[0]);
	struct field given = field_of(values[1]);

	(void) count;
	if (given.length > block->size || block->size > BLOCK_KEPT_BYTES)
	{
		free(block->bytes);
		block->length = block->size = 0;
		block->bytes = malloc(given.length + 1);
		if (block->bytes == NULL)
			return sqlite3_result_error_nomem(context);
		block->size = given.length;
	}
	if (given.length > 0)
		memcpy(block->bytes, given.text, given.length);
	block->length = given.length;
}

/* Bytes to go through: of a block that was given before, or here. */
struct span
{
	const char *from;			/* NULL where the offset is not in the block */
	const char *end;
};

static struct span
span_of(struct rows *rows, sqlite3_value *block, sqlite3_value *from)
{
	sqlite3_int64 offset = sqlite3_value_int64(from);
	struct field bytes;

	if (sqlite3_value_type(block) == SQLITE_BLOB)
		bytes = field_of(block);
	else
		bytes = (struct field) {block_of(rows, block)->bytes, block_of(rows, block)->length};
	if (bytes.text == NULL || offset < 0 || (sqlite3_uint64) offset > bytes.length)
		return (struct span) {NULL, NULL};
	return (struct span) {bytes.text + offset, bytes.text + bytes.length};
}

/* The lines do not outlive a call, nor does what is known of the line before. */
static void
settle(struct lines *lines)
{
	lines_release(lines);
	lines->head.length = 0;
}

static void
apply_rows(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct rows *rows = sqlite3_user_data(context);
	struct span span = span_of(rows, values[0], values[1]);
	const char *at = span.from;
	uint64_t	lines = 0;

	(void) count;
	if (span.from == NULL || span.end - span.from >= (ptrdiff_t) 1 << BYTES_BITS)
		return sqlite3_result_int64(context, 0);
	if (lines_apply_all(&rows->lines, &at, span.end, field_of(values[2]), &lines) == LINE_FAILED)
		fail(context, rows->lines.db);
	else
		sqlite3_result_int64(context, (sqlite3_int64) (lines << BYTES_BITS | (uint64_t) (at - span.from)));
	settle(&rows->lines);
}

static void
apply_units(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct rows *rows = sqlite3_user_data(context);
	struct span span = span_of(rows, values[0], values[1]);
	struct field given = field_of(values[2]);
	struct place place;

	(void) count;
	if (span.from == NULL || given.length != sizeof(place))
		return sqlite3_result_error(context, "deltamirror_units: no place", -1);
	memcpy(&place, given.text, sizeof(place));
	if (units_apply(&rows->lines, span.from, span.end, &place) == LINE_FAILED)
		fail(context, rows->lines.db);
	else
		sqlite3_result_blob(context, &place, sizeof(place), SQLITE_TRANSIENT);
	settle(&rows->lines);
}

struct rows *
rows_new(sqlite3 *db)
{
	struct rows *rows = calloc(1, sizeof(*rows));

	if (rows == NULL)
		return NULL;
	rows->lines.db = db;
	crc_init(&rows->lines.crc);
	return rows;
}

int
rows_register(struct rows *rows)
{
	static const struct
	{
		const char *name;
		int			arguments;
		void		(*function) (sqlite3_context *, int, sqlite3_value **);
	}			FUNCTIONS[] = {
		{"deltamirror_plan", 7, add_plan},
		{"deltamirror_skip", 1, skip_table},
		{"deltamirror_forget", 0, forget},
		{"deltamirror_block", 2, set_block},
		{"deltamirror_rows", 3, apply_rows},
		{"deltamirror_units", 3, apply_units},
	};
	int			code = SQLITE_OK;

	for (size_t i = 0; i < sizeof(FUNCTIONS) / sizeof(FUNCTIONS[0]) && code == SQLITE_OK; i++)
		code = extension_function(rows->lines.db, FUNCTIONS[i].name, FUNCTIONS[i].arguments, rows, FUNCTIONS[i].function);
	return code;
}

void
rows_forget(struct rows *rows)
{
	lines_forget(&rows->lines);
}

void
rows_free(struct rows *rows)
{
	if (rows == NULL)
		return;
	rows_forget(rows);
	scratch_free(&rows->lines.scratch);
	for (int i = 0; i < BLOCKS; i++)
		free(rows->blocks[i].bytes);
	free(rows);
}
