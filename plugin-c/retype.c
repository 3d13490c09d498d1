/*
 * Columns that got another type while the rows stayed as they were: where the new
 * type's output of the same bytes is another text, the log does not tell what the
 * rows hold. Readers know how some of these texts change (docs/format.md, "The
 * relation"); a type that only has another name keeps its oid.
 */
#include "postgres.h"

#include "relation.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/*
 * Pairs of types whose rows ALTER TABLE may leave alone, and whose text is known:
 * that of text, varchar and bpchar among themselves, and of bit as varbit, is the
 * same; readers change that of the others. Arrays of other elements are always
 * written anew.
 */
static const struct
{
	Oid			from;
	Oid			to;
}			known[] = {
	{TEXTOID, VARCHAROID},
	{TEXTOID, BPCHAROID},
	{VARCHAROID, TEXTOID},
	{VARCHAROID, BPCHAROID},
	{BPCHAROID, TEXTOID},
	{BPCHAROID, VARCHAROID},
	{BITOID, VARBITOID},
	{CIDROID, INETOID},
	{INT4OID, OIDOID},
	{OIDOID, INT4OID},
	{TIMESTAMPOID, TIMESTAMPTZOID},
	{TIMESTAMPTZOID, TIMESTAMPOID},
};

static bool
text_is_known(Oid from, Oid to)
{
	from = getBaseType(from);
	to = getBaseType(to);
	if (from == to)
		return true;
	for (int i = 0; i < lengthof(known); i++)
		if (known[i].from == from && known[i].to == to)
			return true;
	return false;
}

/* The type of each column, as `number:oid;`. */
char *
types_text(const RowPlan *plan)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int c = 0; c < plan->column_count; c++)
		appendStringInfo(&text, "%d:%u;", plan->columns[c].number, plan->columns[c].type);
	return text.data;
}

/* The type that a column had, as `types` says; InvalidOid when there was no such column. */
static Oid
type_before(const char *types, AttrNumber number)
{
	while (*types != '\0')
	{
		char	   *end;
		long		column = strtol(types, &end, 10);
		unsigned long type = strtoul(end + 1, &end, 10);

		if (column == number)
			return (Oid) type;
		types = end + 1;
	}
	return InvalidOid;
}

/* The name of a column whose old rows may print otherwise now than they did with these types, or NULL. */
char *
retyped_column(const RowPlan *plan, const char *types)
{
	for (int c = 0; c < plan->column_count; c++)
	{
		const Column *column = &plan->columns[c];
		Oid			before = type_before(types, column->number);

		if (OidIsValid(before) && !text_is_known(before, column->type))
			return get_attname(plan->root, column->number, true);
	}
	return NULL;
}
