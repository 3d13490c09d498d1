/*
 * The conversions of value.h. Each reads only what Postgres prints; what else
 * JavaScript's Number() or Buffer.from() would take is TypeScript's.
 */
#include "value.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

SQLITE_EXTENSION_INIT3

#define NULL_TEXT "\\N"
#define NULL_LENGTH 2
#define INT64_DIGITS 19
/* A whole number of this many digits, and a power of ten up to this exponent, are exact as a double. */
#define EXACT_DIGITS 15
#define EXACT_EXPONENT 22
/* A longer number is TypeScript's: it would keep strtod busy. */
#define REAL_TEXT_LIMIT 800
#define EXPONENT_DIGITS 4

struct text
{
	const char *bytes;
	size_t		length;
};

int
is_kind(char letter)
{
	return letter != '\0' && strchr("-ibftxzro", letter) != NULL;
}

/* Eight bytes at once: whether one of them is a backslash or begins what is not ASCII. */
static int
has_special(const char *at)
{
	uint64_t	word,
				zeroes;

	memcpy(&word, at, sizeof(word));
	zeroes = word ^ UINT64_C(0x5c5c5c5c5c5c5c5c);
	zeroes = (zeroes - UINT64_C(0x0101010101010101)) & ~zeroes;
	return ((zeroes | word) & UINT64_C(0x8080808080808080)) != 0;
}

/* The length of the character of several bytes at `at`; 0 where it is none of UTF-8 (RFC 3629, 4). */
static size_t
utf8_length(const unsigned char *at, size_t left)
{
	size_t		length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;

	if (at[0] < 0xc2 || at[0] > 0xf4 || length > left)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f)	/* too long; a surrogate */
		|| (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return length;
}

/* Whether the bytes are UTF-8; `escaped` tells whether a backslash is among them. */
static int
is_text(const char *bytes, size_t length, int *escaped)
{
	size_t		at = 0;

	*escaped = 0;
	while (at < length)
	{
		unsigned char byte;

		if (length - at >= sizeof(uint64_t) && !has_special(bytes + at))
		{
			at += sizeof(uint64_t);
			continue;
		}
		byte = (unsigned char) bytes[at];
		if (byte < 0x80)
		{
			*escaped |= byte == '\\';
			at++;
		}
		else
		{
			size_t		character = utf8_length((const unsigned char *) bytes + at, length - at);

			if (character == 0)
				return 0;
			at += character;
		}
	}
	return 1;
}

/* The byte that an escaped one stands for; 0 where it stands for none. */
static char
unescaped(char byte, enum escapes escapes)
{
	switch (byte)
	{
		case 't':
			return '\t';
		case 'n':
			return '\n';
		case 'r':
			return '\r';
		case '\\':
			return '\\';
	}
	if (escapes == ESCAPES_LOG)
		return 0;
	switch (byte)
	{
		case 'b':
			return '\b';
		case 'f':
			return '\f';
		case 'v':
			return '\v';
	}
	return byte;
}

/* The text without its escapes; 0 where one is none, or there is no memory. */
static int
unescape(struct text *text, enum escapes escapes, struct scratch *scratch)
{
	const char *from = text->bytes,
			   *end = text->bytes + text->length;
	char	   *plain = scratch_take(scratch, text->length),
			   *to = plain;

	if (plain == NULL)
		return 0;
	while (from < end)
	{
		const char *backslash = memchr(from, '\\', (size_t) (end - from));
		size_t		length = (size_t) ((backslash == NULL ? end : backslash) - from);

		memcpy(to, from, length);
		to += length;
		if (backslash == NULL)
			break;
		if (end - backslash < 2 || (*to = unescaped(backslash[1], escapes)) == 0)
			return 0;
		to++;
		from = backslash + 2;
	}
	text->bytes = plain;
	text->length = (size_t) (to - plain);
	return 1;
}

static int
bind_text(sqlite3_stmt *statement, int parameter, struct text text)
{
	return sqlite3_bind_text64(statement, parameter, text.bytes, text.length, SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK;
}

static int
bind_integer(sqlite3_stmt *statement, int parameter, struct text text)
{
	int			negative = text.length > 0 && text.bytes[0] == '-';
	uint64_t	number = 0;

	if (text.length == (size_t) negative || text.length > (size_t) negative + INT64_DIGITS)
		return 0;
	for (size_t i = (size_t) negative; i < text.length; i++)
	{
		unsigned	digit = (unsigned) text.bytes[i] - '0';

		if (digit > 9)
			return 0;
		number = number * 10 + digit;	/* 19 digits fit */
	}
	if (number > (uint64_t) INT64_MAX + (uint64_t) negative)
		return 0;
	return sqlite3_bind_int64(statement, parameter, (sqlite3_int64) (negative ? UINT64_C(0) - number : number)) == SQLITE_OK;
}

static int
bind_boolean(sqlite3_stmt *statement, int parameter, struct text text)
{
	if (text.length != 1 || (text.bytes[0] != 't' && text.bytes[0] != 'f'))
		return 0;
	return sqlite3_bind_int(statement, parameter, text.bytes[0] == 't') == SQLITE_OK;
}

static int
is(struct text text, const char *word)
{
	return text.length == strlen(word) && memcmp(text.bytes, word, text.length) == 0;
}

/* A number as Postgres prints it: `-12.5e-07` has the digits 125 and the exponent -8. */
struct decimal
{
	int			negative;
	int			count;				/* of digits */
	long		exponent;
	char		text[REAL_TEXT_LIMIT + 32];	/* sign and digits, then e and the exponent */
};

static int
read_decimal(struct text text, struct decimal *decimal)
{
	const char *at = text.bytes,
			   *end = text.bytes + text.length,
			   *point = NULL;
	char	   *to = decimal->text;

	if (text.length > REAL_TEXT_LIMIT)
		return 0;
	decimal->negative = at < end && *at == '-';
	if (decimal->negative)
		*to++ = *at++;
	decimal->count = 0;
	for (; at < end && *at != 'e'; at++)
	{
		if (*at == '.' && point == NULL && decimal->count > 0)
			point = at + 1;
		else if (*at >= '0' && *at <= '9')
		{
			*to++ = *at;
			decimal->count++;
		}
		else
			return 0;
	}
	if (decimal->count == 0 || point == at)
		return 0;
	decimal->exponent = point == NULL ? 0 : -(long) (at - point);
	if (at < end)
	{
		int			negative,
					digits = 0;
		long		exponent = 0;

		at++;
		if (at == end || (*at != '-' && *at != '+'))
			return 0;
		negative = *at++ == '-';
		for (; at < end; at++, digits++)
		{
			if (*at < '0' || *at > '9' || digits == EXPONENT_DIGITS)
				return 0;
			exponent = exponent * 10 + (*at - '0');
		}
		if (digits == 0)
			return 0;
		decimal->exponent += negative ? -exponent : exponent;
	}
	*to = '\0';
	return 1;
}

/*
 * The double nearest to the number. One division or product of exact doubles is rounded
 * once and so is right; else strtod, which rounds right too. It gets no decimal point:
 * which one it reads depends on the locale.
 */
static double
nearest_double(struct decimal *decimal)
{
	static const double POWERS[] = {
		1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
		1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
	};

	if (FLT_EVAL_METHOD == 0 && decimal->count <= EXACT_DIGITS
		&& decimal->exponent >= -EXACT_EXPONENT && decimal->exponent <= EXACT_EXPONENT)
	{
		double		number = 0;

		for (int i = 0; i < decimal->count; i++)
			number = number * 10 + (decimal->text[decimal->negative + i] - '0');
		number = decimal->exponent < 0 ? number / POWERS[-decimal->exponent] : number * POWERS[decimal->exponent];
		return decimal->negative ? -number : number;
	}
	sqlite3_snprintf(32, decimal->text + decimal->negative + decimal->count, "e%ld", decimal->exponent);
	return strtod(decimal->text, NULL);
}

/* Gives 0 where the text is no number, or none that a double holds. */
static int
read_real(struct text text, double *number)
{
	struct decimal decimal;

	if (is(text, "Infinity") || is(text, "-Infinity"))
	{
		*number = text.bytes[0] == '-' ? -HUGE_VAL : HUGE_VAL;
		return 1;
	}
	if (!read_decimal(text, &decimal))
		return 0;
	*number = nearest_double(&decimal);
	return *number >= -DBL_MAX && *number <= DBL_MAX;
}

/* SQLite turns a NaN into NULL, so it is bound as text, which the REAL affinity leaves alone. */
static int
bind_real(sqlite3_stmt *statement, int parameter, struct text text)
{
	double		number;

	if (is(text, "NaN"))
		return bind_text(statement, parameter, text);
	return read_real(text, &number) && sqlite3_bind_double(statement, parameter, number) == SQLITE_OK;
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
	if (length == NULL_LENGTH && memcmp(bytes, NULL_TEXT, NULL_LENGTH) == 0)
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
		case KIND_BYTEA:
			return bind_bytea(statement, parameter, text, scratch);
		default:
			break;
	}
	if (!is_text(bytes, length, &escaped) || (escaped && !unescape(&text, escapes, scratch)))
		return 0;
	return kind == KIND_TEXT ? bind_text(statement, parameter, text) : bind_timestamptz(statement, parameter, text, scratch);
}
