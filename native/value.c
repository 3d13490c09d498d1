/*
 * The conversions of value.h. Each reads only what Postgres prints; what else
 * TypeScript's would take is TypeScript's.
 */
#include "value.h"

#include <stdint.h>
#include <string.h>

#include "array.h"
#include "number.h"
#include "text.h"

SQLITE_EXTENSION_INIT3

int
is_kind(char letter)
{
	return letter != '\0' && strchr("-ibftxzrmNBZTo", letter) != NULL;
}

static int
bind_text(sqlite3_stmt *statement, int parameter, struct text text)
{
	return sqlite3_bind_text64(statement, parameter, text.bytes, text.length, SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK;
}

static int
bind_integer(sqlite3_stmt *statement, int parameter, struct text text)
{
	int64_t		integer;

	return read_integer(text, &integer) && sqlite3_bind_int64(statement, parameter, integer) == SQLITE_OK;
}

static int
bind_boolean(sqlite3_stmt *statement, int parameter, struct text text)
{
	if (text.length != 1 || (text.bytes[0] != 't' && text.bytes[0] != 'f'))
		return 0;
	return sqlite3_bind_int(statement, parameter, text.bytes[0] == 't') == SQLITE_OK;
}

/* SQLite turns a NaN into NULL, so it is bound as text, which the REAL affinity leaves alone. */
static int
bind_real(sqlite3_stmt *statement, int parameter, struct text text)
{
	double		number;

	if (text_is(text, "NaN"))
		return bind_text(statement, parameter, text);
	return read_real(text, &number) && sqlite3_bind_double(statement, parameter, number) == SQLITE_OK;
}

static int
bind_money(sqlite3_stmt *statement, int parameter, struct text text)
{
	double		number;

	return read_money(text, &number) && sqlite3_bind_double(statement, parameter, number) == SQLITE_OK;
}

static int
hex_digit(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* `\x` and two digits for each byte; the backslash is escaped. */
static int
bind_bytea(sqlite3_stmt *statement, int parameter, struct text text, struct scratch *scratch)
{
	const char *digits = text.bytes + 3;
	size_t		count;
	char	   *bytes;

	if (text.length < 3 || memcmp(text.bytes, "\\\\x", 3) != 0 || (text.length - 3) % 2 != 0)
		return 0;
	count = (text.length - 3) / 2;
	bytes = scratch_take(scratch, count);
	if (bytes == NULL)
		return 0;
	for (size_t i = 0; i < count; i++)
	{
		int			high = hex_digit(digits[2 * i]),
					low = hex_digit(digits[2 * i + 1]);

		if (high < 0 || low < 0)
			return 0;
		bytes[i] = (char) (high << 4 | low);
	}
	return sqlite3_bind_blob64(statement, parameter, bytes, count, SQLITE_STATIC) == SQLITE_OK;
}

/* With the zone Postgres prints for UTC SQLite's date functions give NULL; they read `+00:00`. */
static int
bind_timestamptz(sqlite3_stmt *statement, int parameter, struct text text, struct scratch *scratch)
{
	static const char UTC[] = "+00";
	char	   *zoned;

	if (text.length < 3 || memcmp(text.bytes + text.length - 3, UTC, 3) != 0)
		return bind_text(statement, parameter, text);
	zoned = scratch_take(scratch, text.length + 3);
	if (zoned == NULL)
		return 0;
	memcpy(zoned, text.bytes, text.length);
	memcpy(zoned + text.length, ":00", 3);
	return bind_text(statement, parameter, (struct text) {zoned, text.length + 3});
}

int
value_bind(sqlite3_stmt *statement, int parameter, enum kind kind, enum escapes escapes,
		   const char *bytes, size_t length, struct scratch *scratch)
{
	struct text text = {bytes, length};
	int			escaped;

	if (kind == KIND_SKIP)
		return 1;
	if (text_is(text, "\\N"))
		return sqlite3_bind_null(statement, parameter) == SQLITE_OK;
	switch (kind)
	{
		case KIND_OTHER:
			return 0;
		case KIND_INTEGER:
			return bind_integer(statement, parameter, text);
		case KIND_BOOLEAN:
			return bind_boolean(statement, parameter, text);
		case KIND_FLOAT:
		case KIND_NUMERIC_REAL:
			return bind_real(statement, parameter, text);
		case KIND_MONEY_REAL:
			return bind_money(statement, parameter, text);
		case KIND_BYTEA:
			return bind_bytea(statement, parameter, text, scratch);
		default:
			break;
	}
	if (!text_is_utf8(text, &escaped) || (escaped && !text_unescape(&text, escapes, scratch)))
		return 0;
	switch (kind)
	{
		case KIND_TEXT:
			return bind_text(statement, parameter, text);
		case KIND_TIMESTAMPTZ:
			return bind_timestamptz(statement, parameter, text, scratch);
		default:
			return array_to_json(&text, kind, scratch) && bind_text(statement, parameter, text);
	}
}
