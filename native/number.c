#include "number.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

SQLITE_EXTENSION_INIT3

#define INT64_DIGITS 19
/* A whole number of this many digits, and such a power of ten, are exact as a double. */
#define EXACT_DIGITS 15
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

/*
 * Most numbers are short and without an exponent. Their digits are exact as a double, and
 * so is the power of ten; the one division is rounded once, and so right.
 */
static int
read_short(struct text text, double *number)
{
	static const double POWERS[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
	size_t		negative = text.length > 0 && text.bytes[0] == '-',
				point = text.length;
	int64_t		digits = 0;

	if (FLT_EVAL_METHOD != 0 || text.length == negative || text.length > negative + EXACT_DIGITS)
		return 0;
	for (size_t i = negative; i < text.length; i++)
	{
		unsigned	digit = (unsigned) text.bytes[i] - '0';

		if (digit <= 9)
			digits = digits * 10 + digit;
		else if (text.bytes[i] == '.' && point == text.length && i > negative && i + 1 < text.length)
			point = i;
		else
			return 0;
	}
	*number = (double) digits / POWERS[point == text.length ? 0 : text.length - point - 1];
	if (negative)
		*number = -*number;
	return 1;
}

/*
 * The same for numbers of up to 19 digits where the compiler has the x87's 64 bits of
 * precision: digits and power of ten are exact, the one operation is rounded to 64 bits,
 * and where those that a double has not are clearly below or above their half, so is the double.
 */
#if LDBL_MANT_DIG == 64 && (defined(__x86_64__) || defined(__i386__))
#define LONG_DIGITS 19
#define SPARE_BITS 0x7ff
#define SPARE_HALF 0x400

static int
read_long(struct text text, double *number)
{
	static const long double POWERS[] = {
		1e0L, 1e1L, 1e2L, 1e3L, 1e4L, 1e5L, 1e6L, 1e7L, 1e8L, 1e9L, 1e10L, 1e11L, 1e12L, 1e13L,
		1e14L, 1e15L, 1e16L, 1e17L, 1e18L};
	size_t		negative = text.length > 0 && text.bytes[0] == '-',
				point = text.length,
				decimals;
	uint64_t	digits = 0,
				mantissa;
	long double value;
	int			spare;

	if (text.length <= negative || text.length > negative + LONG_DIGITS + 1)
		return 0;
	for (size_t i = negative; i < text.length; i++)
	{
		unsigned	digit = (unsigned) text.bytes[i] - '0';

		if (digit <= 9)
			digits = digits * 10 + digit;
		else if (text.bytes[i] == '.' && point == text.length && i > negative && i + 1 < text.length)
			point = i;
		else
			return 0;
	}
	if (point == text.length && text.length > negative + LONG_DIGITS)
		return 0;
	if (digits == 0)
		return 0;
	decimals = point == text.length ? 0 : text.length - point - 1;
	value = (long double) digits / POWERS[decimals];
	memcpy(&mantissa, &value, sizeof(mantissa));	/* the first eight bytes: all 64 bits of it */
	spare = (int) (mantissa & SPARE_BITS);
	if (spare >= SPARE_HALF - 1 && spare <= SPARE_HALF + 1)
		return 0;
	*number = (double) (negative ? -value : value);
	return 1;
}
#else
#define read_long(text, number) 0
#endif

int
read_real(struct text text, double *number)
{
	struct decimal decimal;

	if (read_short(text, number) || read_long(text, number))
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
