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
put_text(struct value *value, struct text text)
{
	value->type = VALUE_TEXT;
	value->bytes = text.bytes;
	value->length = text.length;
	return 1;
}

static int
put_integer(struct value *value, struct text text)
{
	int64_t		integer;

	value->type = VALUE_INTEGER;
	if (!read_integer(text, &integer))
		return 0;
	value->integer = integer;
	return 1;
}

static int
put_boolean(struct value *value, struct text text)
{
	value->type = VALUE_INTEGER;
	value->integer = text_is(text, "t");
	return value->integer || text_is(text, "f");
}

/* SQLite turns a NaN into NULL, so it is held as text, which the REAL affinity leaves alone. */
static int
put_real(struct value *value, struct text text)
{
	if (text_is(text, "NaN"))
		return put_text(value, text);
	value->type = VALUE_REAL;
	return read_real(text, &value->real);
}

static int
put_money(struct value *value, struct text text)
{
	value->type = VALUE_REAL;
	return read_money(text, &value->real);
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
put_bytea(struct value *value, struct text text, struct scratch *scratch)
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
	value->type = VALUE_BLOB;
	value->bytes = bytes;
	value->length = count;
	return 1;
}

/* With the zone Postgres prints for UTC SQLite's date functions give NULL; they read `+00:00`. */
static int
put_timestamptz(struct value *value, struct text text, struct scratch *scratch)
{
	char	   *zoned;

	if (text.length < 3 || memcmp(text.bytes + text.length - 3, "+00", 3) != 0)
		return put_text(value, text);
	zoned = scratch_take(scratch, text.length + 3);
	if (zoned == NULL)
		return 0;
	memcpy(zoned, text.bytes, text.length);
	memcpy(zoned + text.length, ":00", 3);
	return put_text(value, (struct text) {zoned, text.length + 3});
}

int
value_read(enum kind kind, enum escapes escapes, const char *bytes, size_t length, struct scratch *scratch, struct value *value)
{
	struct text text = {bytes, length};
	int			escaped = 0;

	if (text_is(text, "\\N"))
	{
		value->type = VALUE_NULL;
		return 1;
	}
	switch (kind)
	{
		case KIND_SKIP:
		case KIND_OTHER:
			return 0;
		case KIND_INTEGER:
			return put_integer(value, text);
		case KIND_BOOLEAN:
			return put_boolean(value, text);
		case KIND_FLOAT:
		case KIND_NUMERIC_REAL:
			return put_real(value, text);
		case KIND_MONEY_REAL:
			return put_money(value, text);
		case KIND_BYTEA:
			return put_bytea(value, text, scratch);
		default:
			break;
	}
	if (escapes != ESCAPES_NONE && (!text_is_utf8(text, &escaped) || (escaped && !text_unescape(&text, escapes, scratch))))
		return 0;
	switch (kind)
	{
		case KIND_TEXT:
			return put_text(value, text);
		case KIND_TIMESTAMPTZ:
			return put_timestamptz(value, text, scratch);
		default:
			return array_to_json(&text, kind, scratch) && put_text(value, text);
	}
}

int
value_bind(sqlite3_stmt *statement, int parameter, enum kind kind, enum escapes escapes,
		   const char *bytes, size_t length, struct scratch *scratch)
{
	struct value value;

	if (kind == KIND_SKIP)
		return 1;
	if (!value_read(kind, escapes, bytes, length, scratch, &value))
		return 0;
	switch (value.type)
	{
		case VALUE_INTEGER:
			return sqlite3_bind_int64(statement, parameter, value.integer) == SQLITE_OK;
		case VALUE_REAL:
			return sqlite3_bind_double(statement, parameter, value.real) == SQLITE_OK;
		case VALUE_TEXT:
			return sqlite3_bind_text64(statement, parameter, value.bytes, value.length, SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK;
		case VALUE_BLOB:
			return sqlite3_bind_blob64(statement, parameter, value.bytes, value.length, SQLITE_STATIC) == SQLITE_OK;
		default:
			return sqlite3_bind_null(statement, parameter) == SQLITE_OK;
	}
}
