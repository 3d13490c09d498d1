/*
 * What a replay is held against: a log's updates applied to a cache by a loop in C that
 * does this and nothing else. It splits lines, unescapes, binds and steps cached
 * statements, with SQLite's settings and commits as deltamirror has them while it is
 * far behind; it does not check the chain, knows one table of one shape, and ends at what it
 * does not know.
 *
 *   replay CACHE SEGMENT...     prints the number of rows it applied
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sqlite3.h"

/* As src/deltamirror/mirror.ts and src/sqlite/pace.ts have them, where transactions change the same pages again. */
#define BATCH_BYTES (128 << 20)
#define BATCH_SECONDS 2.0
#define SETTINGS \
	"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = OFF;" \
	"PRAGMA cache_size = -139264; PRAGMA journal_size_limit = -1; PRAGMA wal_autocheckpoint = 40960;"

#define COLUMNS_MAX 100
#define SQL_MAX 65536

/* A piece of the mapped segment. */
typedef struct { const char *at; size_t length; } text;

typedef enum { INTEGER, BOOLEAN, FLOAT, TIMESTAMPTZ, TEXT } kind;

typedef struct { text name; kind kind; int number; int is_key; int set; } column;

static sqlite3 *cache;
static column columns[COLUMNS_MAX];
static int column_count;
static sqlite3_stmt *insert, *update, *delete;
static char *scratch;
static size_t scratch_size;

static void die(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static void check(int result)
{
	if (result != SQLITE_OK) die("sqlite: %s", sqlite3_errmsg(cache));
}

static int is(text piece, const char *word)
{
	return piece.length == strlen(word) && memcmp(piece.at, word, piece.length) == 0;
}

static int ends_with(text piece, const char *word)
{
	size_t length = strlen(word);
	return piece.length >= length && memcmp(piece.at + piece.length - length, word, length) == 0;
}

/* Up to the next tab or the line's end; moves on behind it. */
static text next_piece(const char **at, const char *end)
{
	const char *tab = memchr(*at, '\t', end - *at);
	text piece = {*at, (tab ? tab : end) - *at};
	*at = tab ? tab + 1 : end;
	return piece;
}

static kind kind_of(text type)
{
	if (ends_with(type, "integer") || ends_with(type, "bigint") || ends_with(type, "smallint")) return INTEGER;
	if (ends_with(type, "boolean")) return BOOLEAN;
	if (ends_with(type, "double precision") || ends_with(type, "real")) return FLOAT;
	if (ends_with(type, "with time zone")) return TIMESTAMPTZ;
	return TEXT;
}

static sqlite3_stmt *prepare(const char *sql)
{
	sqlite3_stmt *statement;
	check(sqlite3_prepare_v3(cache, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL));
	return statement;
}

static void finalize_all(void)
{
	sqlite3_finalize(insert);
	sqlite3_finalize(update);
	sqlite3_finalize(delete);
}

/* Reads what a schema line says behind its action, and prepares the statements of that shape. */
static void take_schema(text table, const char *at, const char *end)
{
	char set[SQL_MAX] = "", names[SQL_MAX] = "", values[SQL_MAX] = "", where[SQL_MAX] = "", sql[3 * SQL_MAX];
	text keys = {0};
	finalize_all();
	column_count = 0;
	while (at < end) {
		text name = next_piece(&at, end), value = next_piece(&at, end);
		if (is(name, "_key")) keys = value;
		if (name.at[0] == '_') continue;
		if (column_count == COLUMNS_MAX) die("more than %d columns", COLUMNS_MAX);
		columns[column_count++] = (column) {.name = name, .kind = kind_of(value), .number = atoi(value.at)};
	}
	if (memchr(keys.at, ',', keys.length) != NULL) die("a key of several columns");
	for (int i = 0; i < column_count; i++) {
		column *c = &columns[i];
		int length = (int) c->name.length, number = i + 1;
		c->is_key = c->number == atoi(keys.at);
		snprintf(names + strlen(names), SQL_MAX - strlen(names), "%s\"%.*s\"", i ? ", " : "", length, c->name.at);
		snprintf(values + strlen(values), SQL_MAX - strlen(values), "%s?%d", i ? ", " : "", number);
		if (c->is_key) snprintf(where, SQL_MAX, "\"%.*s\" = ?%d", length, c->name.at, number);
		else snprintf(set + strlen(set), SQL_MAX - strlen(set), "%s\"%.*s\" = ?%d", *set ? ", " : "", length, c->name.at, number);
	}
	snprintf(sql, sizeof sql, "INSERT INTO \"%.*s\" (%s) VALUES (%s)", (int) table.length, table.at, names, values);
	insert = prepare(sql);
	snprintf(sql, sizeof sql, "UPDATE \"%.*s\" SET %s WHERE %s", (int) table.length, table.at, set, where);
	update = prepare(sql);
	snprintf(sql, sizeof sql, "DELETE FROM \"%.*s\" WHERE %s", (int) table.length, table.at, where);
	delete = prepare(sql);
}

/* Gives the value's own bytes, or where something is escaped those in `scratch` from `used` on. */
static text unescape(text value, size_t *used)
{
	if (memchr(value.at, '\\', value.length) == NULL) return value;
	char *out = scratch + *used;
	size_t length = 0;
	for (size_t i = 0; i < value.length; i++) {
		char c = value.at[i];
		if (c == '\\') {
			c = value.at[++i];
			c = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
		}
		out[length++] = c;
	}
	*used += length;
	return (text) {out, length};
}

static sqlite3_int64 integer_of(text value)
{
	int negative = value.at[0] == '-';
	sqlite3_uint64 number = 0;
	for (size_t i = negative; i < value.length; i++) number = number * 10 + (value.at[i] - '0');
	return negative ? -number : number;
}

static int bind_text(sqlite3_stmt *statement, int parameter, text value, size_t *used)
{
	text plain = unescape(value, used);
	return sqlite3_bind_text(statement, parameter, plain.at, (int) plain.length, SQLITE_STATIC);
}

static int bind(sqlite3_stmt *statement, int parameter, kind kind, text value, size_t *used)
{
	if (is(value, "\\N")) return sqlite3_bind_null(statement, parameter);
	switch (kind) {
		case INTEGER: return sqlite3_bind_int64(statement, parameter, integer_of(value));
		case BOOLEAN: return sqlite3_bind_int(statement, parameter, value.at[0] == 't');
		case FLOAT: return sqlite3_bind_double(statement, parameter, strtod(value.at, NULL));
		case TIMESTAMPTZ:
			if (!ends_with(value, "+00")) break;
			memcpy(scratch + *used, value.at, value.length);
			memcpy(scratch + *used + value.length, ":00", 3);
			*used += value.length + 3;
			return sqlite3_bind_text(statement, parameter, scratch + *used - value.length - 3, (int) value.length + 3, SQLITE_STATIC);
		case TEXT: break;
	}
	return bind_text(statement, parameter, value, used);
}

/* Applies the columns of a row line; a change has to touch exactly one row. */
static void apply(sqlite3_stmt *statement, const char *at, const char *end, int keys_only)
{
	size_t used = 0, needed = 2 * (end - at) + 4 * COLUMNS_MAX;
	if (needed > scratch_size) scratch = realloc(scratch, scratch_size = needed);
	for (int i = 0; i < column_count; i++) {
		column *c = &columns[i];
		if (keys_only && !c->is_key) continue;
		text name = next_piece(&at, end), value = next_piece(&at, end);
		if (name.length != c->name.length || memcmp(name.at, c->name.at, name.length) != 0) die("column %.*s is not there", (int) c->name.length, c->name.at);
		check(bind(statement, i + 1, c->kind, value, &used));
	}
	if (sqlite3_step(statement) != SQLITE_DONE) die("sqlite: %s", sqlite3_errmsg(cache));
	if (sqlite3_changes(cache) != 1) die("a change touched %d rows", sqlite3_changes(cache));
	sqlite3_reset(statement);
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static long replay(text log, long long clock, long long sequence)
{
	const char *end_of_log = log.at + log.length, *batch = log.at;
	double since = now();
	long rows = 0;
	check(sqlite3_exec(cache, "BEGIN", NULL, NULL, NULL));
	for (const char *at = log.at, *end; at < end_of_log && (end = memchr(at, '\n', end_of_log - at)) != NULL; at = end + 1) {
		long long c = atoll(at + strlen("_c\t"));
		const char *piece = memchr(at + strlen("_c\t"), '\t', end - at);
		piece += strlen("\t_s\t");
		long long s = atoll(piece);
		if (c < clock || (c == clock && s <= sequence)) continue;
		next_piece(&piece, end);
		text table = {0}, action = {0};
		while (action.at == NULL) {
			text name = next_piece(&piece, end), value = next_piece(&piece, end);
			if (name.length == 0) die("a line has no action");
			if (is(name, "_table")) table = value;
			if (is(name, "_action")) action = value;
		}
		if (is(action, "update")) apply(update, piece, end, 0), rows++;
		else if (is(action, "insert")) apply(insert, piece, end, 0), rows++;
		else if (is(action, "delete")) apply(delete, piece, end, 1), rows++;
		else if (is(action, "schema")) take_schema(table, piece, end);
		else if (is(action, "commit")) {
			if (end - batch < BATCH_BYTES && now() - since < BATCH_SECONDS) continue;
			check(sqlite3_exec(cache, "COMMIT; BEGIN", NULL, NULL, NULL));
			batch = end;
			since = now();
		}
		else if (!is(action, "begin") && !is(action, "horizon") && !is(action, "open") && !is(action, "indexes") && !is(action, "comments")) die("%.*s: nothing that this loop knows", (int) action.length, action.at);
	}
	check(sqlite3_exec(cache, "COMMIT", NULL, NULL, NULL));
	return rows;
}

static text map(const char *path)
{
	struct stat status;
	int file = open(path, O_RDONLY);
	if (file < 0 || fstat(file, &status) < 0) die("%s: cannot be read", path);
	void *bytes = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
	if (bytes == MAP_FAILED) die("%s: cannot be mapped", path);
	return (text) {bytes, status.st_size};
}

int main(int count, char **arguments)
{
	if (count < 3) die("usage: replay CACHE SEGMENT...");
	if (sqlite3_open_v2(arguments[1], &cache, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) die("%s: %s", arguments[1], sqlite3_errmsg(cache));
	check(sqlite3_exec(cache, SETTINGS, NULL, NULL, NULL));
	sqlite3_stmt *position = prepare("SELECT clock, sequence FROM _daystream_position");
	if (sqlite3_step(position) != SQLITE_ROW) die("%s: no position", arguments[1]);
	long long clock = sqlite3_column_int64(position, 0), sequence = sqlite3_column_int64(position, 1);
	sqlite3_finalize(position);
	long rows = 0;
	for (int i = 2; i < count; i++) rows += replay(map(arguments[i]), clock, sequence);
	printf("%ld\n", rows);
	finalize_all();
	/* The last connection's close writes the WAL into the file, as deltamirror's does. */
	if (sqlite3_close(cache) != SQLITE_OK) die("sqlite: %s", sqlite3_errmsg(cache));
	return 0;
}
