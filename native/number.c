#include "number.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

SQLITE_EXTENSION_INIT3

#define INT64_DIGITS 19
/* A whole number of this many digits, and such a power of ten, are exact as a double. */
#define EXACT_DIGITS 15
/* Of so many digits the number itself is exact in 64 bits. */
#define PLAIN_DIGITS 19
/* A longer number is TypeScript's: it would keep strtod busy. */
#define REAL_TEXT_LIMIT 800
#define EXPONENT_DIGITS 4
/* 64 bits of cents, in groups of three. */
#define MONEY_TEXT_LIMIT 40

int
read_integer(struct text text, int64_t *integer)
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
	*integer = (int64_t) (negative ? UINT64_C(0) - number : number);
	return 1;
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

/* Rounded right by strtod. It gets no decimal point: which one it reads depends on the locale. */
static double
nearest_double(struct decimal *decimal)
{
	sqlite3_snprintf(32, decimal->text + decimal->negative + decimal->count, "e%ld", decimal->exponent);
	return strtod(decimal->text, NULL);
}

/* A number without an exponent, of digits that fit 64 bits: `-12.50` has the digits 1250, of which 2 are decimals. */
struct plain
{
	int			negative;
	size_t		count;				/* of digits */
	size_t		decimals;
	uint64_t	digits;
};

static int
read_plain(struct text text, struct plain *plain)
{
	size_t		start = text.length > 0 && text.bytes[0] == '-',
				point = text.length;

	if (text.length > start + PLAIN_DIGITS + 1)
		return 0;
	*plain = (struct plain) {.negative = (int) start};
	for (size_t i = start; i < text.length; i++)
	{
		unsigned	digit = (unsigned) text.bytes[i] - '0';

		if (digit <= 9)
		{
			plain->digits = plain->digits * 10 + digit;
			plain->count++;
		}
		else if (text.bytes[i] == '.' && point == text.length && i > start && i + 1 < text.length)
			point = i;
		else
			return 0;
	}
	plain->decimals = point == text.length ? 0 : text.length - point - 1;
	return plain->count > 0 && plain->count <= PLAIN_DIGITS;
}

/*
 * Most numbers are short. Their digits are exact as a double, and so is the power of ten;
 * the one division is rounded once, and so right.
 */
static int
short_real(const struct plain *plain, double *number)
{
	static const double POWERS[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};

	if (FLT_EVAL_METHOD != 0 || plain->count > EXACT_DIGITS)
		return 0;
	*number = (double) plain->digits / POWERS[plain->decimals];
	if (plain->negative)
		*number = -*number;
	return 1;
}

/*
 * The same for longer ones where the compiler has the x87's 64 bits of precision: digits
 * and power of ten are exact, the one division is rounded to 64 bits, and where those that
 * a double has not are clearly below or above their half, so is the double.
 */
#if LDBL_MANT_DIG == 64 && (defined(__x86_64__) || defined(__i386__))
#define SPARE_BITS 0x7ff
#define SPARE_HALF 0x400

static int
long_real(const struct plain *plain, double *number)
{
	static const long double POWERS[] = {
		1e0L, 1e1L, 1e2L, 1e3L, 1e4L, 1e5L, 1e6L, 1e7L, 1e8L, 1e9L, 1e10L, 1e11L, 1e12L, 1e13L,
		1e14L, 1e15L, 1e16L, 1e17L, 1e18L};
	long double value = (long double) plain->digits / POWERS[plain->decimals];
	uint64_t	mantissa;
	int			spare;

	if (plain->digits == 0)
		return 0;
	memcpy(&mantissa, &value, sizeof(mantissa));	/* the first eight bytes: all 64 bits of it */
	spare = (int) (mantissa & SPARE_BITS);
	if (spare >= SPARE_HALF - 1 && spare <= SPARE_HALF + 1)
		return 0;
	*number = (double) (plain->negative ? -value : value);
	return 1;
}
#else
#define long_real(plain, number) 0
#endif

int
read_real(struct text text, double *number)
{
	struct decimal decimal;
	struct plain plain;

	if (read_plain(text, &plain) && (short_real(&plain, number) || long_real(&plain, number)))
		return 1;
	if (text_is(text, "Infinity") || text_is(text, "-Infinity"))
	{
		*number = text.bytes[0] == '-' ? -HUGE_VAL : HUGE_VAL;
		return 1;
	}
	if (!read_decimal(text, &decimal))
		return 0;
	*number = nearest_double(&decimal);
	return *number >= -DBL_MAX && *number <= DBL_MAX;
}

int
read_money(struct text text, double *number)
{
	char		plain[MONEY_TEXT_LIMIT];
	size_t		length = 0;

	if (text.length > MONEY_TEXT_LIMIT)
		return 0;
	for (size_t i = 0; i < text.length; i++)
		if (text.bytes[i] != '$' && text.bytes[i] != ',')
			plain[length++] = text.bytes[i];
	return read_real((struct text) {plain, length}, number);
}
