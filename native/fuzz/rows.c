/*
 * Lines of the log. An input is a line of plans, then lines from behind their position; `=` alone ends a
 * transaction. A plan is a letter (i, u, d) and for each column its name and the letter of its kind:
 * `iaibt uaibt dai`; `s` passes over the table u. Positions, begin and commit lines are set around them; where the input begins with
 * `=`, the block is what follows as it is. Promised whatever it holds: whole transactions, lines, and lines
 * one by one come equally far and leave the same.
 */
#define _GNU_SOURCE /* memmem */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "units.h"

#define PLANS_MAX 24
#define COLUMNS_MAX 6
#define SQL_MAX 512
#define BYTES_BITS 30

#define CONTENTS "SELECT * FROM t ORDER BY rowid"
#define SCHEMA "CREATE TABLE t (a UNIQUE, b, c, d, e, f CHECK (f IS NOT 'no')); " \
	"CREATE TRIGGER refuse BEFORE DELETE ON t WHEN old.b = 'stay' BEGIN SELECT raise(ignore); END"

/* What came of a block. */
struct result
{
	int64_t		lines;
	uint64_t	contents;
};

static sqlite3_stmt *
bind_bytes(sqlite3_stmt *statement, int parameter, const void *bytes, size_t size)
{
	PROMISE(sqlite3_bind_blob64(statement, parameter, size == 0 ? "" : bytes, size, SQLITE_TRANSIENT) == SQLITE_OK);
	return statement;
}

/* The SQL of a plan, none of which is of the input. `guard`: the index of a column that is to have its value already, instead of getting it; -1 for none. */
static void
write_sql(char *sql, char action, const char *names, int count, int guard)
{
	const char *where = memchr(names, 'a', (size_t) count);
	char		list[COLUMNS_MAX * 16] = "",
				values[COLUMNS_MAX * 8] = "",
				match[64] = "rowid = 1";

	for (int i = 0; i < count; i++)
	{
		if (i != guard)
			sprintf(list + strlen(list), action == 'u' ? "%s%c = ?%d" : "%s%c", list[0] != '\0' ? ", " : "", names[i], i + 1);
		sprintf(values + strlen(values), "%s?%d", i > 0 ? ", " : "", i + 1);
	}
	if (where != NULL)
		sprintf(match, "a = ?%d", (int) (where - names) + 1);
	if (guard != -1)
		sprintf(match + strlen(match), " AND %c COLLATE BINARY IS ?%d", names[guard], guard + 1);
	if (action == 'i')
		sprintf(sql, "INSERT INTO t (%s) VALUES (%s)", list, values);
	else if (action == 'u')
		sprintf(sql, "UPDATE t SET %s WHERE %s", list, match);
	else
		sprintf(sql, "DELETE FROM t WHERE %s", match);
}

/* `iaibt`: a plan of inserts whose columns are a, of kind i, and b, of kind t. Whether it is taken is the extension's. */
static void
add_plan(sqlite3 *db, const char *spec, size_t length)
{
	static const char table[] = "_table\tt\t";
	const char *action = spec[0] == 'i' ? "insert" : spec[0] == 'u' ? "update" : "delete";
	char		names[COLUMNS_MAX] = "",
				kinds[COLUMNS_MAX],
				keys[COLUMNS_MAX * 2],
				sql[SQL_MAX],
				guarded[SQL_MAX] = "";
	int			guard = -1;
	int32_t		parameters[COLUMNS_MAX];
	int			count = (int) (length - 1) / 2;
	sqlite3_stmt *plan;

	if (count < 1 || count > COLUMNS_MAX || strchr("iud", spec[0]) == NULL)
		return;
	for (int i = 0; i < count; i++)
	{
		names[i] = keys[2 * i] = spec[1 + 2 * i];
		keys[2 * i + 1] = '\t';
		kinds[i] = spec[2 + 2 * i];
		/* Of no plan of ours are there two parameters for a column, or columns the table has not. */
		if (names[i] < 'a' || names[i] > 'f' || memchr(names, names[i], (size_t) i) != NULL)
			return;
		parameters[i] = kinds[i] == '-' || spec[0] == 'd' ? (names[i] == 'a') * (i + 1) : i + 1;
	}
	/* As deltamirror's are: of a column that is no float, and beside others that are set. */
	for (int i = 0; i < count; i++)
		if (names[i] == 'b' && strchr("itbxz", kinds[i]) != NULL)
			guard = i;
	write_sql(sql, spec[0], names, count, -1);
	if (spec[0] == 'u' && guard != -1 && count > 1)
		write_sql(guarded, 'u', names, count, guard);
	plan = harness_prepare(db, "SELECT deltamirror_plan(?, ?, ?, ?, ?, ?, ?)");
	bind_bytes(plan, 1, table, sizeof(table) - 1);
	bind_bytes(plan, 2, action, strlen(action));
	bind_bytes(plan, 3, keys, 2 * (size_t) count);
	bind_bytes(plan, 4, kinds, (size_t) count);
	bind_bytes(plan, 5, parameters, sizeof(parameters[0]) * (size_t) count);
	bind_bytes(plan, 6, sql, strlen(sql));
	bind_bytes(plan, 7, guarded, strlen(guarded));
	sqlite3_step(plan);
	sqlite3_finalize(plan);
}

static void
add_plans(sqlite3 *db, const char *specs, size_t length)
{
	for (int i = 0; i < PLANS_MAX && length > 0; i++)
	{
		const char *blank = memchr(specs, ' ', length);
		size_t		size = blank == NULL ? length : (size_t) (blank - specs);

		if (size == 1 && specs[0] == 's')
			harness_run(db, "SELECT deltamirror_skip(CAST('_table' || char(9) || 'u' || char(9) AS BLOB))");
		else if (size > 0)
			add_plan(db, specs, size);
		size += blank != NULL;
		specs += size;
		length -= size;
	}
}

/* Lets the extension keep a block. */
static void
keep_block(sqlite3 *db, const struct text *block)
{
	sqlite3_stmt *keep = harness_prepare(db, "SELECT deltamirror_block(1, ?)");

	PROMISE(sqlite3_step(bind_bytes(keep, 1, block->bytes, block->size)) == SQLITE_ROW);
	sqlite3_finalize(keep);
}

/* Binds a copy of the bytes, of their very size, so that one read behind them is noticed. To be freed behind the call. */
static char *
bind_exact(sqlite3_stmt *statement, int parameter, const struct text *block)
{
	char	   *exact = malloc(block->size);

	PROMISE(exact != NULL && block->size > 0);
	memcpy(exact, block->bytes, block->size);
	PROMISE(sqlite3_bind_blob64(statement, parameter, exact, block->size, SQLITE_STATIC) == SQLITE_OK);
	return exact;
}

/* Lines from an offset of the block on, or of what is kept where there is none given; gives how many, and moves the offset. */
static int64_t
apply_lines(sqlite3 *db, const struct text *given, size_t *from, size_t size)
{
	sqlite3_stmt *rows = harness_prepare(db, "SELECT deltamirror_rows(?, ?, ?)");
	char	   *exact = given == NULL ? NULL : bind_exact(rows, 1, given);
	int64_t		done;

	if (given == NULL)
		PROMISE(sqlite3_bind_int(rows, 1, 1) == SQLITE_OK);
	PROMISE(sqlite3_bind_int64(rows, 2, (int64_t) *from) == SQLITE_OK);
	PROMISE(sqlite3_step(bind_bytes(rows, 3, PREFIX, sizeof(PREFIX) - 1)) == SQLITE_ROW);
	done = sqlite3_column_int64(rows, 0);
	sqlite3_finalize(rows);
	free(exact);
	*from += (size_t) (done & (((int64_t) 1 << BYTES_BITS) - 1));
	PROMISE(*from <= size);
	return done >> BYTES_BITS;
}

static int64_t
apply_one_by_one(sqlite3 *db, const struct text *block)
{
	int64_t		count = 0;

	for (size_t from = 0; from < block->size;)
	{
		const char *feed = memchr(block->bytes + from, '\n', block->size - from);
		size_t		length = feed == NULL ? block->size - from : (size_t) (feed + 1 - block->bytes) - from;
		struct text line = {block->bytes + from, length};
		size_t		done = 0;

		if (apply_lines(db, &line, &done, length) == 0)
			break;
		PROMISE(done == length);
		count++;
		from += length;
	}
	return count;
}

/* Gives how many lines of rows were done, of whole transactions and of the one that was left. */
static int64_t
apply_units(sqlite3 *db, const struct text *block)
{
	struct place place = {0};
	sqlite3_stmt *units;
	char	   *exact;
	int64_t		feeds = 0;

	if (block->size == 0)
		return 0;
	units = harness_prepare(db, "SELECT deltamirror_units(?, 0, ?)");
	exact = bind_exact(units, 1, block);
	PROMISE(sqlite3_step(bind_bytes(units, 2, &place, sizeof(place))) == SQLITE_ROW);
	PROMISE(sqlite3_column_bytes(units, 0) == sizeof(place));
	memcpy(&place, sqlite3_column_blob(units, 0), sizeof(place));
	sqlite3_finalize(units);
	free(exact);
	PROMISE(place.bytes >= 0 && (size_t) place.bytes <= block->size && place.units >= 0);
	PROMISE(place.line_bytes >= 0 && (size_t) (place.bytes + place.line_bytes) <= block->size);
	for (int64_t i = 0; i < place.bytes; i++)
		feeds += block->bytes[i] == '\n';
	return feeds - 2 * place.units + place.lines;
}

enum way
{
	ALL_LINES,
	ONE_BY_ONE,
	WHOLE_UNITS
};

static struct result
run(const char *specs, size_t length, const struct text *block, enum way way)
{
	static sqlite3 *db;
	struct result result;
	size_t		from = 0;

	if (db == NULL)
		db = harness_open(SCHEMA);
	harness_run(db, "BEGIN");
	add_plans(db, specs, length);
	if (way == ONE_BY_ONE)
		result.lines = apply_one_by_one(db, block);
	else if (way == WHOLE_UNITS)
		result.lines = apply_units(db, block);
	else
	{
		keep_block(db, block);
		result.lines = apply_lines(db, NULL, &from, block->size);
		PROMISE(from == 0 || block->bytes[from - 1] == '\n');
	}
	result.contents = harness_contents(db, CONTENTS);
	harness_run(db, block->size % 2 == 0 ? "SELECT deltamirror_close()" : "SELECT deltamirror_forget()");
	harness_run(db, "ROLLBACK");
	if (block->size % 16 == 0)
	{
		harness_close(db);
		db = NULL;
	}
	return result;
}

static int
are_same(struct result one, struct result other)
{
	return one.lines == other.lines && one.contents == other.contents;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	const char *specs = (const char *) data;
	struct text lines = {0},
				units = {0};
	size_t		length;

	if (end == NULL)
		return 0;
	length = (size_t) (end - data);
	size -= length + 1;
	if (data[0] == '=')
	{
		struct text raw = {(char *) end + 1, size};

		run(specs + 1, length - 1, &raw, WHOLE_UNITS);
		PROMISE(are_same(run(specs + 1, length - 1, &raw, ALL_LINES), run(specs + 1, length - 1, &raw, ONE_BY_ONE)));
		return 0;
	}
	log_write(end + 1, size, &lines, &units);
	{
		struct result all = run(specs, length, &lines, ALL_LINES);

		PROMISE(are_same(all, run(specs, length, &lines, ONE_BY_ONE)));
		/* What ends a transaction stands nowhere else in a log. */
		if (memmem(lines.bytes, lines.size, "\t_crc\t", 6) == NULL)
			PROMISE(are_same(all, run(specs, length, &units, WHOLE_UNITS)));
	}
	free(lines.bytes);
	free(units.bytes);
	return 0;
}
