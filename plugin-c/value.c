/*
 * Values and columns of a row line. NULL, empty and unchanged are told apart here.
 */
#include "postgres.h"

#include "value.h"

#include "access/transam.h"
#include "catalog/pg_class.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"

#include "compat.h"
#include "direct.h"
#include "line.h"

/*
 * True for output functions that can print what is no text: those of types that
 * are not built in, of "char" before 15, and of what may hold such values. The
 * others print ASCII, or text that was checked when it came in.
 */
static inline bool
may_print_bytes(Oid output)
{
	switch (output)
	{
		case F_CHAROUT:
		case F_ARRAY_OUT:
		case F_RECORD_OUT:
		case F_RANGE_OUT:
		case F_MULTIRANGE_OUT:
			return true;
		default:
			return output >= FirstNormalObjectId;
	}
}

static void
append_printed(StringInfo out, Column *column, Datum value)
{
	char	   *printed = OutputFunctionCall(&column->output, value);
	Size		length = strlen(printed);

	/* Of the other encodings the conversion to UTF-8 is the test. */
	if (may_print_bytes(column->output.fn_oid) && GetDatabaseEncoding() == PG_UTF8)
		(void) pg_verify_mbstr(PG_UTF8, printed, length, false);
	append_text(out, printed, length);
}

/* Postgres's own text of a value that is not NULL, in UTF-8 and escaped. There is room for DIRECT_BYTES. */
static inline void
put_value(StringInfo out, Column *column, Datum value)
{
	if (column->kind == VALUE_TEXT)
	{
		text	   *packed = DatumGetTextPP(value);

		append_text(out, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
	}
	else
	{
		int			length = direct_print(column->kind, value, out->data + out->len);

		out->len += length;
		if (length == 0)
			append_printed(out, column, value);
	}
}

/* The same where room has to be made. */
void
append_value(StringInfo out, Column *column, Datum value)
{
	make_room(out, DIRECT_BYTES);
	put_value(out, column, value);
	out->data[out->len] = '\0';
}

/* True when the row's value is not in the WAL, since an update left it where it was. */
static inline bool
is_left_out(const Column *column, Datum value, bool is_null)
{
	return !is_null && column->length == -1 && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value));
}

static inline void
append_pair(StringInfo out, Column *column, Datum value, bool is_null)
{
	make_room(out, column->key_length + DIRECT_BYTES);
	memcpy(out->data + out->len, column->key, column->key_length);
	out->len += column->key_length;
	if (is_null)
		append_literal(out, "\\N");
	else
		put_value(out, column, value);
}

/* Appends columns of the old row: the key's or all. */
void
append_old(StringInfo out, RowPlan *plan, const int *which, int count)
{
	for (int i = 0; i < count; i++)
	{
		Column	   *column = &plan->columns[which[i]];
		Datum		value = plan->old_values[column->attribute];
		bool		is_null = plan->old_nulls[column->attribute];

		if (is_left_out(column, value, is_null))
			elog(ERROR, "the old row came without a value that is stored out of line");
		append_pair(out, column, value, is_null);
	}
}

/* Appends all columns of a new row. */
void
append_inserted(StringInfo out, RowPlan *plan)
{
	for (int i = 0; i < plan->column_count; i++)
	{
		Column	   *column = &plan->columns[i];
		Datum		value = plan->new_values[column->attribute];
		bool		is_null = plan->new_nulls[column->attribute];

		if (is_left_out(column, value, is_null))
			elog(ERROR, "the new row came without a value that is stored out of line");
		append_pair(out, column, value, is_null);
	}
}

/*
 * Appends the columns of an updated row, less those that are unchanged and not
 * in the WAL. Where the old row holds them, they are taken from there: all of
 * them under REPLICA IDENTITY FULL, else those of the identity's index.
 */
void
append_updated(StringInfo out, RowPlan *plan, bool has_old)
{
	for (int i = 0; i < plan->column_count; i++)
	{
		Column	   *column = &plan->columns[i];
		Datum		value = plan->new_values[column->attribute];
		bool		is_null = plan->new_nulls[column->attribute];

		if (is_left_out(column, value, is_null))
		{
			bool		in_old = has_old && column->in_old;

			if (!in_old && column->in_key)
				elog(ERROR, "an update came without a key value that is stored out of line");
			if (!in_old)
				continue;
			value = plan->old_values[column->attribute];
			is_null = plan->old_nulls[column->attribute];
			if (is_left_out(column, value, is_null))
				elog(ERROR, "the old row came without a value that is stored out of line");
		}
		append_pair(out, column, value, is_null);
	}
}

/*
 * True when the key's text differs between the old row and the new one. Equal
 * bytes settle most; what differs in bytes may still be the same value,
 * compressed or not.
 */
bool
key_changed(RowPlan *plan)
{
	for (int k = 0; k < plan->key_count; k++)
	{
		Column	   *column = &plan->columns[plan->key[k]];
		int			a = column->attribute;

		if (is_left_out(column, plan->new_values[a], plan->new_nulls[a]))
			continue;
		if (plan->old_nulls[a] || plan->new_nulls[a])
		{
			if (plan->old_nulls[a] != plan->new_nulls[a])
				return true;
			continue;
		}
		if (datumIsEqual(plan->old_values[a], plan->new_values[a], column->by_value, column->length))
			continue;
		if (strcmp(OutputFunctionCall(&column->output, plan->old_values[a]),
				   OutputFunctionCall(&column->output, plan->new_values[a])) != 0)
			return true;
	}
	return false;
}
