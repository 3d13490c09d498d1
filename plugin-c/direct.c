/*
 * Values that are printed straight into the line: what the output functions of
 * their types print under the settings that are pinned (settings.c), without
 * their allocations. sql/direct.sql compares the two. None of it needs an escape
 * or another encoding.
 */
#include "postgres.h"

#include "direct.h"

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "datatype/timestamp.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

/* How the values of a type, or of the one below a domain, are printed: VALUE_BY_FUNCTION where not here. */
ValueKind
direct_kind(Oid type)
{
	switch (type)
	{
		case INT2OID:
			return VALUE_INT2;
		case INT4OID:
			return VALUE_INT4;
		case INT8OID:
			return VALUE_INT8;
		case BOOLOID:
			return VALUE_BOOL;
		case FLOAT4OID:
			return VALUE_FLOAT4;
		case FLOAT8OID:
			return VALUE_FLOAT8;
		case DATEOID:
			return VALUE_DATE;
		case TIMEOID:
			return VALUE_TIME;
		case TIMESTAMPOID:
			return VALUE_TIMESTAMP;
		case TIMESTAMPTZOID:
			return VALUE_TIMESTAMPTZ;
		case UUIDOID:
			return VALUE_UUID;
		default:
			return VALUE_BY_FUNCTION;
	}
}

static inline char *
put_text(char *to, const char *text)
{
	Size		length = strlen(text);

	memcpy(to, text, length);
	return to + length;
}

/* A number below 100. */
static inline char *
put_two_digits(char *to, int number)
{
	to[0] = '0' + number / 10;
	to[1] = '0' + number % 10;
	return to + 2;
}

/* The day of a Julian day, as ISO 8601 has it; the year before 1 is 1 BC, which `is_bc` tells. */
static char *
put_day(char *to, int julian, bool *is_bc)
{
	int			year;
	int			month;
	int			day;

	j2date(julian, &year, &month, &day);
	*is_bc = year <= 0;
	to += pg_ultostr_zeropad(to, *is_bc ? 1 - year : year, 4) - to;
	*to++ = '-';
	to = put_two_digits(to, month);
	*to++ = '-';
	return put_two_digits(to, day);
}

/* Microseconds since midnight; of the fraction no zeros at the end. */
static char *
put_time(char *to, int64 time)
{
	int			seconds = time / USECS_PER_SEC;
	int			fraction = time % USECS_PER_SEC;

	to = put_two_digits(to, seconds / SECS_PER_HOUR);
	*to++ = ':';
	to = put_two_digits(to, seconds / SECS_PER_MINUTE % MINS_PER_HOUR);
	*to++ = ':';
	to = put_two_digits(to, seconds % SECS_PER_MINUTE);
	if (fraction == 0)
		return to;
	*to++ = '.';
	for (int unit = USECS_PER_SEC / 10; fraction > 0; fraction %= unit, unit /= 10)
		*to++ = '0' + fraction / unit;
	return to;
}

static char *
put_date(char *to, DateADT date)
{
	bool		is_bc;

	if (DATE_IS_NOBEGIN(date))
		return put_text(to, EARLY);
	if (DATE_IS_NOEND(date))
		return put_text(to, LATE);
	to = put_day(to, date + POSTGRES_EPOCH_JDATE, &is_bc);
	return is_bc ? put_text(to, " BC") : to;
}

/* `zone` is the offset of UTC, or nothing. */
static char *
put_timestamp(char *to, Timestamp timestamp, const char *zone)
{
	int64		day = timestamp / USECS_PER_DAY;
	int64		time = timestamp % USECS_PER_DAY;
	bool		is_bc;

	if (TIMESTAMP_IS_NOBEGIN(timestamp))
		return put_text(to, EARLY);
	if (TIMESTAMP_IS_NOEND(timestamp))
		return put_text(to, LATE);
	if (time < 0)
	{
		time += USECS_PER_DAY;
		day--;
	}
	to = put_day(to, day + POSTGRES_EPOCH_JDATE, &is_bc);
	*to++ = ' ';
	to = put_text(put_time(to, time), zone);
	return is_bc ? put_text(to, " BC") : to;
}

static char *
put_uuid(char *to, const pg_uuid_t *uuid)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		*to++ = digits[uuid->data[i] >> 4];
		*to++ = digits[uuid->data[i] & 15];
	}
	return to;
}

/* True for what the type allows; of anything else, as in a damaged table, its output function tells. */
static bool
is_possible(ValueKind kind, Datum value)
{
	switch (kind)
	{
		case VALUE_DATE:
			return DATE_NOT_FINITE(DatumGetDateADT(value)) || IS_VALID_DATE(DatumGetDateADT(value));
		case VALUE_TIME:
			return DatumGetTimeADT(value) >= 0 && DatumGetTimeADT(value) <= USECS_PER_DAY;
		case VALUE_TIMESTAMP:
		case VALUE_TIMESTAMPTZ:
			return TIMESTAMP_NOT_FINITE(DatumGetTimestamp(value)) || IS_VALID_TIMESTAMP(DatumGetTimestamp(value));
		default:
			return true;
	}
}

/* Prints a value of a kind that direct_kind() gives, in at most DIRECT_BYTES; gives the length, or 0 where the output function has to. */
int
direct_print(ValueKind kind, Datum value, char *to)
{
	if (!is_possible(kind, value))
		return 0;
	switch (kind)
	{
		case VALUE_INT2:
			return pg_itoa(DatumGetInt16(value), to);
		case VALUE_INT4:
			return pg_ltoa(DatumGetInt32(value), to);
		case VALUE_INT8:
			return pg_lltoa(DatumGetInt64(value), to);
		case VALUE_BOOL:
			*to = DatumGetBool(value) ? 't' : 'f';
			return 1;
		case VALUE_FLOAT4:
			return float_to_shortest_decimal_bufn(DatumGetFloat4(value), to);
		case VALUE_FLOAT8:
			return double_to_shortest_decimal_bufn(DatumGetFloat8(value), to);
		case VALUE_DATE:
			return put_date(to, DatumGetDateADT(value)) - to;
		case VALUE_TIME:
			return put_time(to, DatumGetTimeADT(value)) - to;
		case VALUE_TIMESTAMP:
			return put_timestamp(to, DatumGetTimestamp(value), "") - to;
		case VALUE_TIMESTAMPTZ:
			return put_timestamp(to, DatumGetTimestampTz(value), "+00") - to;
		case VALUE_UUID:
			return put_uuid(to, DatumGetUUIDP(value)) - to;
		default:
			return 0;
	}
}
