/*
 * The pairs of a comments line: those of a table and of its columns. See
 * docs/format.md, "Tables that come, change and go".
 */
#include "postgres.h"

#include "relation.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_description.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "line.h"

static const Column *
column_of(const RowPlan *plan, int number)
{
	for (int c = 0; c < plan->column_count; c++)
		if (plan->columns[c].number == number)
			return &plan->columns[c];
	return NULL;
}

static void
append_comment(StringInfo out, const RowPlan *plan, int number, const char *comment)
{
	const Column *column = column_of(plan, number);

	if (number == 0)
		append_literal(out, "\t_comment\t");
	else if (column != NULL)
		appendBinaryStringInfo(out, column->key, column->key_length);
	else
		return;
	append_readable(out, comment, strlen(comment));
}

/* The pairs, the table's first, then by attribute number; nothing where there is no comment. */
char *
comments_text(const RowPlan *plan, Relation relation)
{
	Relation	catalog = table_open(DescriptionRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	StringInfoData pairs;

	initStringInfo(&pairs);
	ScanKeyInit(&keys[0], Anum_pg_description_objoid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationGetRelid(relation)));
	ScanKeyInit(&keys[1], Anum_pg_description_classoid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	scan = systable_beginscan(catalog, DescriptionObjIndexId, true, NULL, 2, keys);
	while ((tuple = systable_getnext(scan)) != NULL)
	{
		bool		is_null;
		Datum		comment = heap_getattr(tuple, Anum_pg_description_description, RelationGetDescr(catalog), &is_null);

		if (!is_null)
			append_comment(&pairs, plan, ((Form_pg_description) GETSTRUCT(tuple))->objsubid, TextDatumGetCString(comment));
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return pairs.data;
}
