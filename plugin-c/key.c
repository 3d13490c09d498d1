/*
 * The key: what a reader finds a row by, and whether the server logs it.
 *
 *   relation    its key                              old rows in the WAL hold it
 *   ordinary    the replica identity index;          always: the server takes them
 *               under FULL the primary key           from that index, or logs all
 *   partition   its root's: the index of the         where the partition's identity
 *               replica identity that the root       index has all its columns, and
 *               names, else the primary key          under FULL
 *
 * A reader knows the root only, so a partition whose own identity is another one
 * still goes by the root's key, or its changes cannot be told. A deferrable key
 * is none, since it may be broken in between, and so is an index that is not
 * valid.
 */
#include "postgres.h"

#include "relation.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* What is asked of the indexes of a relation. */
typedef enum IndexRole
{
	INDEX_OF_PRIMARY_KEY,
	INDEX_OF_IDENTITY
} IndexRole;

/* The index in a role, or InvalidOid; usable where it can be a key. */
static Oid
find_index(Relation relation, IndexRole role, bool *usable)
{
	ListCell   *cell;

	*usable = false;
	foreach(cell, RelationGetIndexList(relation))
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
		Form_pg_index index;
		bool		wanted;

		if (!HeapTupleIsValid(tuple))
			continue;
		index = (Form_pg_index) GETSTRUCT(tuple);
		wanted = role == INDEX_OF_PRIMARY_KEY ? index->indisprimary : index->indisreplident;
		*usable = wanted && index->indisvalid && index->indimmediate;
		ReleaseSysCache(tuple);
		if (wanted)
			return lfirst_oid(cell);
	}
	return InvalidOid;
}

static Oid
usable_index(Relation relation, IndexRole role)
{
	bool		usable;
	Oid			index = find_index(relation, role, &usable);

	return usable ? index : InvalidOid;
}

/* The index of the key. An identity of a root other than an index means nothing to its partitions. */
static Oid
key_index(Relation relation, bool is_root)
{
	char		identity = relation->rd_rel->relreplident;

	if (is_root)
		return usable_index(relation, identity == REPLICA_IDENTITY_INDEX ? INDEX_OF_IDENTITY : INDEX_OF_PRIMARY_KEY);
	if (identity == REPLICA_IDENTITY_FULL)
		return usable_index(relation, INDEX_OF_PRIMARY_KEY);
	return RelationGetReplicaIndex(relation);
}

/* The attribute numbers of an index's key columns, in key order; gives how many. */
static int
index_attributes(Oid oid, AttrNumber *attributes)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(oid));
	Form_pg_index index;
	int			count;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for index %u", oid);
	index = (Form_pg_index) GETSTRUCT(tuple);
	count = index->indnkeyatts;
	for (int k = 0; k < count; k++)
		attributes[k] = index->indkey.values[k];
	ReleaseSysCache(tuple);
	return count;
}

/* Marks the columns that old rows in the WAL hold, by the numbers that the relation that changed gives them. */
static void
mark_old(RowPlan *plan, Relation relation)
{
	bool		whole = plan->identity == REPLICA_IDENTITY_FULL;
	AttrNumber	attributes[INDEX_MAX_KEYS];
	Oid			index = whole ? InvalidOid : RelationGetReplicaIndex(relation);
	int			count = OidIsValid(index) ? index_attributes(index, attributes) : 0;

	for (int c = 0; c < plan->column_count; c++)
	{
		plan->columns[c].in_old = whole;
		for (int k = 0; k < count; k++)
			if (attributes[k] == plan->columns[c].attribute + 1)
				plan->columns[c].in_old = true;
	}
}

/* Finds the key's columns, in key order, by the numbers that the root gives them. */
static void
mark_key(RowPlan *plan, Oid index)
{
	AttrNumber	attributes[INDEX_MAX_KEYS];

	plan->key = palloc(sizeof(int) * INDEX_MAX_KEYS);
	if (!OidIsValid(index))
		return;
	plan->key_count = index_attributes(index, attributes);
	plan->key_in_old = true;
	for (int k = 0; k < plan->key_count; k++)
	{
		int			c = 0;

		while (c < plan->column_count && plan->columns[c].number != attributes[k])
			c++;
		if (c == plan->column_count)
			elog(ERROR, "column %d of index %u is not one of the table", attributes[k], index);
		plan->key[k] = c;
		plan->columns[c].in_key = true;
		plan->key_in_old &= plan->columns[c].in_old;
	}
}

/* Why old rows do not tell which row it was. */
static const char *
no_key_reason(const RowPlan *plan, Relation relation, Relation root)
{
	bool		usable;
	bool		has_key = OidIsValid(RelationGetReplicaIndex(relation));

	if (plan->identity == REPLICA_IDENTITY_NOTHING)
		return "replica identity nothing";
	if (plan->identity == REPLICA_IDENTITY_INDEX && !has_key)
		return "the index of its replica identity is gone";
	if (has_key)
		return psprintf("its root %s has %s",
						quote_qualified_identifier(get_namespace_name(RelationGetNamespace(root)), RelationGetRelationName(root)),
						plan->key_count == 0 ? "no key" : "a key of other columns");
	return OidIsValid(find_index(relation, INDEX_OF_PRIMARY_KEY, &usable)) ? "its primary key is deferrable" : "no primary key";
}

/* The key of a plan whose columns are there, in the plan's memory context. */
void
plan_key(RowPlan *plan, Relation relation, Relation root)
{
	mark_old(plan, relation);
	mark_key(plan, key_index(root, root->rd_rel->relkind == RELKIND_PARTITIONED_TABLE));
	if (!plan->key_in_old && plan->identity != REPLICA_IDENTITY_FULL)
		plan->no_key_reason = no_key_reason(plan, relation, root);
}
