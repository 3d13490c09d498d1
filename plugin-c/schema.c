/*
 * The text of a schema line. See docs/format.md, "The relation".
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"
#include "line.h"
#include "relation.h"
#include "value.h"

static const char *
identity_name(char identity)
{
	switch (identity)
	{
		case REPLICA_IDENTITY_FULL:
			return "full";
		case REPLICA_IDENTITY_INDEX:
			return "index";
		case REPLICA_IDENTITY_NOTHING:
			return "nothing";
		default:
			return "default";
	}
}

/*
 * The type under all domains, those of array elements too, in Postgres's
 * spelling. search_path is pinned, so what is not built in comes qualified.
 * int2vector and oidvector have elements and yet are no arrays: they are stored
 * plain.
 */
static char *
type_text(Oid type, int32 typmod)
{
	Oid			element;

	type = getBaseTypeAndTypmod(type, &typmod);
	element = get_element_type(type);
	if (OidIsValid(element) && get_typstorage(type) != TYPSTORAGE_PLAIN)
		return psprintf("%s[]", type_text(element, typmod));
	return format_type_extended(type, typmod, FORMAT_TYPE_TYPEMOD_GIVEN);
}

/* Notes what the rows of one relation hold in columns that were added after them. */
static void
collect_missing(Relation catalog, Oid relid, Relation root, Datum *missing, bool *known)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_attribute_attrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(catalog, AttributeRelidNumIndexId, true, NULL, 1, &key);
	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Form_pg_attribute attribute = (Form_pg_attribute) GETSTRUCT(tuple);
		AttrNumber	number = attribute->attnum;
		bool		is_null;
		Datum		array;
		int			first = 1;

		if (!attribute->atthasmissing || attribute->attisdropped)
			continue;
		if (relid != RelationGetRelid(root))
			number = get_attnum(RelationGetRelid(root), NameStr(attribute->attname));
		array = heap_getattr(tuple, Anum_pg_attribute_attmissingval, RelationGetDescr(catalog), &is_null);
		if (is_null || number <= 0 || known[number - 1])
			continue;
		array = PointerGetDatum(PG_DETOAST_DATUM_COPY(array));
		missing[number - 1] = array_get_element(array, 1, &first, -1, attribute->attlen,
												attribute->attbyval, attribute->attalign, &is_null);
		known[number - 1] = !is_null;
	}
	systable_endscan(scan);
}

/*
 * What old rows hold in columns that were added after them. A partitioned table
 * has no rows and so no such values: its partitions have them, those that are
 * older than the column.
 */
static void
find_missing(Relation root, Datum *missing, bool *known)
{
	Relation	catalog = table_open(AttributeRelationId, AccessShareLock);
	List	   *relations = list_make1_oid(RelationGetRelid(root));
	ListCell   *cell;

	if (root->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		relations = find_all_inheritors(RelationGetRelid(root), NoLock, NULL);
	foreach(cell, relations)
		collect_missing(catalog, lfirst_oid(cell), root, missing, known);
	table_close(catalog, AccessShareLock);
}

static void
append_column(StringInfo out, TupleDesc shape, Column *column)
{
	Form_pg_attribute attribute = TupleDescAttr(shape, column->number - 1);
	char	   *type = type_text(attribute->atttypid, attribute->atttypmod);

	appendBinaryStringInfo(out, column->key, column->key_length);
	appendStringInfo(out, "%d %s ", column->number,
					 is_not_null(shape, column->number - 1) ? "notnull" : "null");
	append_text(out, type, strlen(type));
}

/* The columns of the schema line, those of the root; what their old rows hold is left out where known is NULL. */
static char *
shape_text(RowPlan *plan, Relation root, const Datum *missing, const bool *known)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int c = 0; c < plan->column_count; c++)
	{
		Column	   *column = &plan->columns[c];

		append_column(&text, RelationGetDescr(root), column);
		if (known == NULL || !known[column->number - 1])
			continue;
		append_literal(&text, "\t_missing\t");
		append_value(&text, column, missing[column->number - 1]);
	}
	return text.data;
}

/*
 * What the old rows of 10,000 partitions hold is not read again for each new
 * partition: as long as a root's columns stay, nobody has to fill one in.
 */
static void
refresh_shape(Relations *relations, RowPlan *plan, Relation root)
{
	Told	   *told = plan->told;
	char	   *bare = shape_text(plan, root, NULL, NULL);
	int			width = Max(RelationGetDescr(root)->natts, 1);
	Datum	   *missing = palloc0(sizeof(Datum) * width);
	bool	   *known = palloc0(sizeof(bool) * width);

	if (root->rd_rel->relkind == RELKIND_PARTITIONED_TABLE && told->bare != NULL && strcmp(told->bare, bare) == 0)
		return;
	find_missing(root, missing, known);
	relations_keep(relations, &told->shape, shape_text(plan, root, missing, known));
	relations_keep(relations, &told->bare, bare);
}

/* Reads the shape once for all partitions of a root. */
void
read_shape(Relations *relations, RowPlan *plan, Relation root)
{
	MemoryContext scratch;
	MemoryContext before;

	if (plan->told->shape_valid)
		return;
	/* Set first: an invalidation that comes while we read the catalog must stick, and one that came with the columns. */
	plan->told->shape_valid = plan->valid;
	scratch = AllocSetContextCreate(CurrentMemoryContext, "deltastream shape", ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(scratch);
	refresh_shape(relations, plan, root);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(scratch);
}

/*
 * The identity that a schema line names: of the relation that changed. Where
 * partitions differ it stays at the one that promises less, or the lines would
 * alternate: under a key at what is not FULL, without one at FULL, since then
 * only those partitions have old rows to tell. Once all of them are FULL, the
 * look at their root says so; its own identity names its key and is nothing to
 * them.
 */
char
identity_to_tell(const Relations *relations, const RowPlan *plan)
{
	char		told = plan->told->identity;

	if (plan->root == plan->relid && plan->kind[0] != '\0' && !relations->options->leaves)
	{
		if (leaves_are_full(relations, plan->root))
			return REPLICA_IDENTITY_FULL;
		if (told != 0 && (told == REPLICA_IDENTITY_FULL) == (plan->key_count == 0))
			return told;
		return plan->identity == REPLICA_IDENTITY_INDEX ? REPLICA_IDENTITY_INDEX : REPLICA_IDENTITY_DEFAULT;
	}
	if (plan->root == plan->relid || told == 0)
		return plan->identity;
	return (told == REPLICA_IDENTITY_FULL) == (plan->key_count == 0) ? told : plan->identity;
}

/* The schema line without its xid and action: shape and key are the root's. */
char *
schema_text(const RowPlan *plan, char identity)
{
	StringInfoData text;

	initStringInfo(&text);
	appendBinaryStringInfo(&text, plan->head, plan->head_length);
	appendStringInfo(&text, "\t_oid\t%u%s\t_identity\t%s\t_key\t", plan->root, plan->kind, identity_name(identity));
	for (int k = 0; k < plan->key_count; k++)
		appendStringInfo(&text, k == 0 ? "%d" : ",%d", plan->columns[plan->key[k]].number);
	appendStringInfoString(&text, plan->told->shape);
	return text.data;
}
