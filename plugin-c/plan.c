/*
 * Building a plan: names, columns and key of a relation, read from the catalog
 * as it was when the change was made.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "compat.h"
#include "line.h"
#include "relation.h"

static void
find_root(RowPlan *plan, Oid leaf)
{
	List	   *ancestors = get_partition_ancestors(leaf);
	ListCell   *cell;

	plan->ancestors = palloc(sizeof(Oid) * list_length(ancestors));
	foreach(cell, ancestors)
	{
		plan->ancestors[plan->ancestor_count++] = lfirst_oid(cell);
		plan->root = lfirst_oid(cell);
	}
}

/* A name that is always writable, so that a quarantine line can be. */
static void
append_name(StringInfo out, const char *name)
{
	Size		length = strlen(name);
	const char *utf8 = to_utf8_or_ascii(name, &length);

	append_escaped(out, utf8, length);
}

static void
plan_head(RowPlan *plan, const char *schema, const char *table)
{
	StringInfoData head;

	initStringInfo(&head);
	if (strcmp(schema, "public") != 0)
	{
		append_literal(&head, "_schema\t");
		append_name(&head, schema);
		append_literal(&head, "\t");
	}
	append_literal(&head, "_table\t");
	append_name(&head, table);
	append_literal(&head, "\t_xid\t");
	plan->head = head.data;
	plan->head_length = head.len;
}

/*
 * Whether the relation is followed, and the head of its lines. Partitions go by
 * the name of their root, in the log as in the option `tables`.
 *
 * A command that rewrites a table puts its rows into a transient relation, an
 * ordinary table whatever is rewritten. That one goes by what it is made for.
 *
 * Not followed are the tables that initdb makes, such as those of
 * information_schema, and materialized views: a refresh writes their rows anew,
 * and whoever has the tables can ask the view's query.
 */
void
plan_names(RowPlan *plan, Relation relation, const Options *options)
{
	Oid			rewritten = relation->rd_rel->relrewrite;
	Oid			subject = OidIsValid(rewritten) ? rewritten : plan->relid;
	char		kind = get_rel_relkind(subject);
	MemoryContext before;
	char	   *schema;
	char	   *table;

	if (subject < FirstNormalObjectId ||
		(kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE))
		return;
	before = MemoryContextSwitchTo(plan->context);
	plan->rewrite = OidIsValid(rewritten);
	plan->root = subject;
	if (get_rel_relispartition(subject))
		find_root(plan, subject);
	schema = get_namespace_name(get_rel_namespace(plan->root));
	table = get_rel_name(plan->root);
	if (schema == NULL || table == NULL)
		elog(ERROR, "cache lookup failed for relation %u", plan->root);
	plan->followed = options_follow_table(options, schema, table);
	if (plan->followed)
	{
		plan_head(plan, schema, table);
		plan->name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(subject)), get_rel_name(subject));
	}
	MemoryContextSwitchTo(before);
}

/* Types whose output needs no function call; every other one has its own. */
static ValueKind
kind_of(Oid type)
{
	switch (getBaseType(type))
	{
		case INT2OID:
			return VALUE_INT2;
		case INT4OID:
			return VALUE_INT4;
		case INT8OID:
			return VALUE_INT8;
		case BOOLOID:
			return VALUE_BOOL;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case JSONOID:
			return VALUE_TEXT;
		default:
			return VALUE_BY_FUNCTION;
	}
}

static void
plan_column(RowPlan *plan, Column *column, Form_pg_attribute attribute, AttrNumber number)
{
	StringInfoData key;
	Oid			function;
	bool		is_varlena;

	column->attribute = attribute->attnum - 1;
	column->number = number;
	column->by_value = attribute->attbyval;
	column->length = attribute->attlen;
	column->kind = kind_of(attribute->atttypid);
	getTypeOutputInfo(attribute->atttypid, &function, &is_varlena);
	fmgr_info_cxt(function, &column->output, plan->context);
	initStringInfo(&key);
	append_literal(&key, "\t");
	append_column_name(&key, NameStr(attribute->attname));
	append_literal(&key, "\t");
	column->key = key.data;
	column->key_length = key.len;
}

/* The columns that lines have, in the root's order, found in the leaf by name. */
static void
plan_columns(RowPlan *plan, Relation relation, TupleDesc root)
{
	TupleDesc	leaf = RelationGetDescr(relation);

	plan->columns = palloc0(sizeof(Column) * Max(root->natts, 1));
	plan->whole = palloc(sizeof(int) * Max(root->natts, 1));
	for (int i = 0; i < root->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(root, i);
		AttrNumber	number = attribute->attnum;

		if (attribute->attisdropped || is_virtual(attribute))
			continue;
		if (plan->root != plan->relid)
			number = get_attnum(plan->relid, NameStr(attribute->attname));
		if (number == InvalidAttrNumber)
			elog(ERROR, "a partition has no column \"%s\"", NameStr(attribute->attname));
		plan->whole[plan->column_count] = plan->column_count;
		plan_column(plan, &plan->columns[plan->column_count++], TupleDescAttr(leaf, number - 1), attribute->attnum);
	}
}

/* The primary key's index, or InvalidOid; a deferrable one may be broken in between, so it is not usable. */
static Oid
primary_key(Relation relation, bool *usable)
{
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(relation))
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
		Form_pg_index index;
		bool		primary;

		if (!HeapTupleIsValid(tuple))
			continue;
		index = (Form_pg_index) GETSTRUCT(tuple);
		primary = index->indisprimary;
		*usable = index->indisvalid && index->indimmediate;
		ReleaseSysCache(tuple);
		if (primary)
			return lfirst_oid(cell);
	}
	return InvalidOid;
}

/* The index that the server takes old keys from or, where it logs whole old rows, the primary key. */
static Oid
key_index(Relation relation)
{
	bool		usable;
	Oid			index;

	if (relation->rd_rel->relreplident != REPLICA_IDENTITY_FULL)
		return RelationGetReplicaIndex(relation);
	index = primary_key(relation, &usable);
	return OidIsValid(index) && usable ? index : InvalidOid;
}

static const char *
no_key_reason(Relation relation)
{
	bool		usable;

	switch (relation->rd_rel->relreplident)
	{
		case REPLICA_IDENTITY_NOTHING:
			return "replica identity nothing";
		case REPLICA_IDENTITY_INDEX:
			return "the index of its replica identity is gone";
		default:
			return OidIsValid(primary_key(relation, &usable)) ? "its primary key is deferrable" : "no primary key";
	}
}

/* Finds the key's columns, in key order. */
static void
plan_key(RowPlan *plan, Relation relation)
{
	Oid			oid = key_index(relation);
	HeapTuple	tuple;
	Form_pg_index index;

	plan->key = palloc(sizeof(int) * INDEX_MAX_KEYS);
	if (!OidIsValid(oid))
	{
		plan->no_key_reason = no_key_reason(relation);
		return;
	}
	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(oid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for index %u", oid);
	index = (Form_pg_index) GETSTRUCT(tuple);
	for (int k = 0; k < index->indnkeyatts; k++)
	{
		int			c = 0;

		while (c < plan->column_count && plan->columns[c].attribute != index->indkey.values[k] - 1)
			c++;
		if (c == plan->column_count)
			elog(ERROR, "column %d of index %u is not one of the table", index->indkey.values[k], oid);
		plan->columns[c].in_key = true;
		plan->key[plan->key_count++] = c;
	}
	ReleaseSysCache(tuple);
}

/*
 * Columns, key and schema line; what partitions share goes to the shared context.
 * When this fails, the plan and its shape must be marked invalid: they are
 * rebuilt from the beginning.
 */
void
plan_complete(RowPlan *plan, Relation relation, MemoryContext shared)
{
	MemoryContext before = MemoryContextSwitchTo(plan->context);
	bool		is_partition = plan->root != plan->relid;
	Relation	root = is_partition ? RelationIdGetRelation(plan->root) : relation;

	if (!RelationIsValid(root))
		elog(ERROR, "could not open relation with OID %u", plan->root);
	plan->identity = relation->rd_rel->relreplident;
	plan_columns(plan, relation, RelationGetDescr(root));
	plan_key(plan, relation);
	plan->schema = schema_text(plan, root, shared);
	if (is_partition)
		RelationClose(root);

	plan->width = RelationGetDescr(relation)->natts;
	plan->old_values = palloc(sizeof(Datum) * Max(plan->width, 1));
	plan->new_values = palloc(sizeof(Datum) * Max(plan->width, 1));
	plan->old_nulls = palloc(sizeof(bool) * Max(plan->width, 1));
	plan->new_nulls = palloc(sizeof(bool) * Max(plan->width, 1));
	plan->complete = true;
	MemoryContextSwitchTo(before);
}
