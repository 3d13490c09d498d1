/*
 * COPY's rows. An input is the letters of the columns, a line feed, and rows of text; where the letters
 * begin with `=`, messages as they are. Promised whatever it holds: only whole messages are taken, as many
 * rows are there as were taken, and it comes to the same where they are given one by one.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 6
#define HEADER_BYTES 5

#define CONTENTS "SELECT *, typeof(c0) FROM t ORDER BY rowid"
#define SCHEMA "CREATE TABLE t (c0, c1, c2, c3, c4, c5); CREATE UNIQUE INDEX one ON t (c0, c1, c2)"

#define FROM_INCOMING(columns) "INSERT OR FAIL INTO t SELECT " columns " FROM _daystream_incoming"

struct input
{
	char		kinds[COLUMNS_MAX + 1];
	uint8_t    *messages;
	size_t		size;
};

struct result
{
	size_t		taken;
	sqlite3_int64 rows;
	uint64_t	contents;
};

/* Each line as Postgres frames it. */
static void
frame(struct input *input, const uint8_t *rows, size_t size)
{
	input->messages = malloc(size * (1 + HEADER_BYTES) + 1);
	PROMISE(input->messages != NULL);
	while (size > 0)
	{
		const uint8_t *end = memchr(rows, '\n', size);
		size_t		length = end == NULL ? size : (size_t) (end - rows) + 1;
		size_t		counted = length + 4;
		uint8_t		header[HEADER_BYTES] = {'d', (uint8_t) (counted >> 24), (uint8_t) (counted >> 16), (uint8_t) (counted >> 8), (uint8_t) counted};

		memcpy(input->messages + input->size, header, HEADER_BYTES);
		memcpy(input->messages + input->size + HEADER_BYTES, rows, length);
		input->size += HEADER_BYTES + length;
		rows += length;
		size -= length;
	}
}

static int
read_input(struct input *input, const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	int			raw = size > 0 && data[0] == '=';
	size_t		columns;

	memset(input, 0, sizeof(*input));
	if (end == NULL || (columns = (size_t) (end - data) - (size_t) raw) > COLUMNS_MAX || columns == 0)
		return 0;
	memcpy(input->kinds, data + raw, columns);
	size -= (size_t) (end + 1 - data);
	if (!raw)
		frame(input, end + 1, size);
	else if ((input->messages = malloc(size + 1)) != NULL)
		memcpy(input->messages, end + 1, input->size = size);
	return input->messages != NULL;
}

static sqlite3_int64
ask(sqlite3_stmt *statement)
{
	sqlite3_int64 answer;

	PROMISE(sqlite3_step(statement) == SQLITE_ROW);
	answer = sqlite3_column_int64(statement, 0);
	PROMISE(sqlite3_reset(statement) == SQLITE_OK);
	return answer;
}

/* 0 where the letters are none. */
static sqlite3_int64
open_copy(sqlite3 *db, const char *kinds)
{
	static const char *const insert[COLUMNS_MAX] = {
		FROM_INCOMING("c0, 0, 0, 0, 0, 0"), FROM_INCOMING("c0, c1, 0, 0, 0, 0"), FROM_INCOMING("c0, c1, c2, 0, 0, 0"),
		FROM_INCOMING("c0, c1, c2, c3, 0, 0"), FROM_INCOMING("c0, c1, c2, c3, c4, 0"), FROM_INCOMING("c0, c1, c2, c3, c4, c5")};
	sqlite3_stmt *open = harness_prepare(db, "SELECT deltamirror_copy_open(?, ?)");
	sqlite3_int64 id = 0;
	size_t		width = strlen(kinds);

	PROMISE(sqlite3_bind_text(open, 1, insert[width == 0 ? 0 : width - 1], -1, SQLITE_STATIC) == SQLITE_OK);
	PROMISE(sqlite3_bind_text(open, 2, kinds, -1, SQLITE_STATIC) == SQLITE_OK);
	if (sqlite3_step(open) == SQLITE_ROW)
		id = sqlite3_column_int64(open, 0);
	sqlite3_finalize(open);
	return id;
}

/* Gives all messages at once, or message by message. */
static struct result
take(sqlite3 *db, sqlite3_int64 id, const struct input *input, int one_by_one)
{
	sqlite3_stmt *copy = harness_prepare(db, "SELECT deltamirror_copy(?, ?)");
	sqlite3_stmt *copied = harness_prepare(db, "SELECT deltamirror_copied(?)");
	struct result result = {0};
	uint8_t    *exact;
	size_t		taken;

	PROMISE(sqlite3_bind_int64(copy, 1, id) == SQLITE_OK && sqlite3_bind_int64(copied, 1, id) == SQLITE_OK);
	do
	{
		const uint8_t *at = input->messages + result.taken;
		size_t		left = input->size - result.taken;
		size_t		given = left;

		if (one_by_one && left >= HEADER_BYTES)
			given = 1 + ((size_t) at[1] << 24 | (size_t) at[2] << 16 | (size_t) at[3] << 8 | at[4]);
		if (given > left)
			given = left;
		/* A copy of its very size, so that a byte read behind it is noticed. */
		exact = malloc(given + (given == 0));
		PROMISE(exact != NULL);
		memcpy(exact, at, given);
		PROMISE(sqlite3_bind_blob(copy, 2, exact, (int) given, SQLITE_STATIC) == SQLITE_OK);
		taken = (size_t) ask(copy);
		PROMISE(sqlite3_clear_bindings(copy) == SQLITE_OK && sqlite3_bind_int64(copy, 1, id) == SQLITE_OK);
		free(exact); /* it is nobody's any more: what was inserted was copied */
		PROMISE(taken <= given && (!one_by_one || taken == 0 || taken == given));
		result.taken += taken;
	} while (one_by_one && taken > 0);
	result.rows = ask(copied);
	result.contents = harness_contents(db, CONTENTS);
	sqlite3_finalize(copy);
	sqlite3_finalize(copied);
	return result;
}

/* One that is closed by its id is gone, and no other. */
static void
close_copy(sqlite3 *db, sqlite3_int64 id)
{
	sqlite3_stmt *close = harness_prepare(db, "SELECT deltamirror_copy_close(?)");

	PROMISE(sqlite3_bind_int64(close, 1, id) == SQLITE_OK);
	PROMISE(sqlite3_step(close) == SQLITE_ROW);
	sqlite3_reset(close);
	PROMISE(sqlite3_step(close) == SQLITE_ERROR);
	sqlite3_finalize(close);
}

static struct result
run(const struct input *input, int one_by_one)
{
	static sqlite3 *db;
	struct result result = {0};
	sqlite3_int64 before,
				id,
				behind;
	sqlite3_stmt *count;

	if (db == NULL)
		db = harness_open(SCHEMA);
	harness_run(db, "BEGIN");
	before = open_copy(db, input->kinds);
	id = open_copy(db, input->kinds);
	behind = open_copy(db, input->kinds);
	PROMISE((before == 0) == (id == 0) && (id == 0) == (behind == 0));
	if (id != 0)
	{
		close_copy(db, input->size % 2 == 0 ? before : behind);
		result = take(db, id, input, one_by_one);
		count = harness_prepare(db, "SELECT count(*) FROM t");
		PROMISE(ask(count) == result.rows);
		sqlite3_finalize(count);
		/* Behind a call the rows that came in are no longer there to be read. */
		count = harness_prepare(db, "SELECT count(c1) FROM _daystream_incoming");
		PROMISE(ask(count) == 0);
		sqlite3_finalize(count);
		if (input->size % 4 == 0)
			close_copy(db, id);
	}
	/* Twice is as good as once. */
	harness_run(db, "SELECT deltamirror_close(); SELECT deltamirror_close(); ROLLBACK");
	if (one_by_one && input->size % 16 == 0)
	{
		harness_close(db);
		db = NULL;
	}
	return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input;

	if (read_input(&input, data, size))
	{
		struct result whole = run(&input, 0);
		struct result parts = run(&input, 1);

		PROMISE(whole.taken == parts.taken && whole.rows == parts.rows && whole.contents == parts.contents);
	}
	free(input.messages);
	return 0;
}
