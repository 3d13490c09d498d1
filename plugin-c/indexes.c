/*
 * The pairs of an indexes line: all plain indexes of a table. See
 * docs/format.md, "Tables that come, change and go".
 */
#include "postgres.h"

#include "relation.h"

#include "access/htup_details.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "line.h"

typedef struct Plain
{
	NameData	name;
	char	   *columns;
} Plain;

static int
by_name(const void *a, const void *b)
{
	return strcmp(NameStr(((const Plain *) a)->name), NameStr(((const Plain *) b)->name));
}

static bool
is_over_key(const RowPlan *plan, Form_pg_index index)
{
	if (index->indnkeyatts != plan->key_count)
		return false;
	for (int k = 0; k < plan->key_count; k++)
		if (index->indkey.values[k] != plan->columns[plan->key[k]].number)
			return false;
	return true;
}

/* Valid, over columns alone, not partial, and not what the key is already. */
static bool
is_plain(const RowPlan *plan, HeapTuple tuple)
{
	Form_pg_index index = (Form_pg_index) GETSTRUCT(tuple);

	if (!index->indisvalid || !heap_attisnull(tuple, Anum_pg_index_indpred, NULL) || is_over_key(plan, index))
		return false;
	for (int k = 0; k < index->indnkeyatts; k++)
		if (index->indkey.values[k] <= 0)
			return false;
	return true;
}

/* The columns and their order: `3 desc,2`. */
static char *
columns_text(HeapTuple tuple)
{
	Form_pg_index index = (Form_pg_index) GETSTRUCT(tuple);
	bool		is_null;
	Datum		order = SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indoption, &is_null);
	int2vector *options = (int2vector *) DatumGetPointer(order);
	StringInfoData text;

	initStringInfo(&text);
	for (int k = 0; k < index->indnkeyatts; k++)
		appendStringInfo(&text, "%s%d%s", k == 0 ? "" : ",", index->indkey.values[k],
						 (options->values[k] & INDOPTION_DESC) != 0 ? " desc" : "");
	return text.data;
}

/* Notes an index where it is plain; says whether it is. */
static bool
note_index(const RowPlan *plan, Oid oid, Plain *plain)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(oid));
	bool		wanted = HeapTupleIsValid(tuple) && is_plain(plan, tuple);
	HeapTuple	class;

	if (wanted)
		plain->columns = columns_text(tuple);
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	class = wanted ? SearchSysCache1(RELOID, ObjectIdGetDatum(oid)) : NULL;
	if (!HeapTupleIsValid(class))
		return false;
	plain->name = ((Form_pg_class) GETSTRUCT(class))->relname;
	wanted = ((Form_pg_class) GETSTRUCT(class))->relam == BTREE_AM_OID || ((Form_pg_class) GETSTRUCT(class))->relam == HASH_AM_OID;
	ReleaseSysCache(class);
	return wanted;
}

/* The pairs, ordered by name; nothing where the table has no plain index. */
char *
indexes_text(const RowPlan *plan, Relation relation)
{
	List	   *oids = RelationGetIndexList(relation);
	Plain	   *plain = palloc(sizeof(Plain) * Max(list_length(oids), 1));
	int			count = 0;
	StringInfoData text;
	ListCell   *cell;

	foreach(cell, oids)
		count += note_index(plan, lfirst_oid(cell), &plain[count]) ? 1 : 0;
	qsort(plain, count, sizeof(Plain), by_name);
	initStringInfo(&text);
	for (int i = 0; i < count; i++)
	{
		const char *name = NameStr(plain[i].name);

		appendStringInfoString(&text, name[0] == '_' ? "\t\\" : "\t");
		append_readable(&text, name, strlen(name));
		appendStringInfo(&text, "\t%s", plain[i].columns);
	}
	return text.data;
}
