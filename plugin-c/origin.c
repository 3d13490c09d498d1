/*
 * Where a relation comes from and whom its rows belong to, as the catalog and the
 * transaction at hand tell.
 */
#include "postgres.h"

#include "relation.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/index.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "lib/qunique.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

/* True for the transaction at hand and its subtransactions. */
bool
is_own(ReorderBufferTXN *txn, TransactionId xid)
{
	dlist_iter	iter;

	if (xid == txn->xid)
		return true;
	dlist_foreach(iter, &txn->subtxns)
	{
		if (dlist_container(ReorderBufferTXN, node, iter.cur)->xid == xid)
			return true;
	}
	return false;
}

/*
 * True when the relation came into being in the transaction at hand. What says so
 * is the catalog's row of a system column, which nothing writes ever again;
 * pg_class is written by half of all commands.
 */
bool
is_made_here(Relations *relations, Oid relid)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(TableOidAttributeNumber));
	TransactionId maker;

	if (!HeapTupleIsValid(tuple))
		return false;
	maker = HeapTupleHeaderGetRawXmin(tuple->t_data);
	ReleaseSysCache(tuple);
	return is_own(relations->txn, maker);
}

/* The root of a partition, or itself. */
static Oid
root_of(Oid relid)
{
	List	   *ancestors = get_partition_ancestors(relid);
	Oid			root = ancestors == NIL ? relid : llast_oid(ancestors);

	list_free(ancestors);
	return root;
}

/*
 * The table that speaks for a relation: itself, a partition's root, the table of an
 * index; InvalidOid when there is none, or when the log can have nothing of it.
 */
Oid
table_of(Relations *relations, Oid oid)
{
	HeapTuple	tuple = oid < FirstNormalObjectId ? NULL : SearchSysCache1(RELOID, ObjectIdGetDatum(oid));
	FormData_pg_class class;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	memcpy(&class, GETSTRUCT(tuple), CLASS_TUPLE_SIZE);
	ReleaseSysCache(tuple);
	if (class.relpersistence == RELPERSISTENCE_TEMP || OidIsValid(class.relrewrite))
		return InvalidOid;
	switch (class.relkind)
	{
		case RELKIND_INDEX:
		case RELKIND_PARTITIONED_INDEX:
			return table_of(relations, IndexGetRelation(oid, true));
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_FOREIGN_TABLE:
			return class.relispartition && !relations->options->leaves ? root_of(oid) : oid;
		default:
			return InvalidOid;
	}
}

/* True when the transaction brought rows of the relation that the log does not have under this root. */
bool
rows_came_otherwise(Relations *relations, Oid relid, Oid root)
{
	RowPlan    *plan = hash_search(relations->plans, &relid, HASH_FIND, NULL);

	return plan != NULL && plan->rows_in == relations->xid && (plan->astray || plan->rows_root != root);
}

/*
 * Finds rows of the transaction that do not belong to whom they went: a name that
 * was followed only later, a partition that moved. Whatever moved is among the
 * plans that an invalidation has marked; that one moved back is for the look to
 * see, since the log may have been told of the way.
 */
void
find_rows_astray(Relations *relations)
{
	slist_iter	iter;

	slist_foreach(iter, &relations->stale)
	{
		RowPlan    *plan = slist_container(RowPlan, sweep, iter.cur);
		Oid			root;

		if (plan->rows_in != relations->xid)
			continue;
		root = table_of(relations, plan->relid);
		if (OidIsValid(root))
		{
			Concern    *concern = relations_concern(relations, root);

			if (plan->astray || plan->rows_root != root)
				concern->stale = "its rows went by another name for a while";
		}
		if (OidIsValid(plan->rows_root) && plan->rows_root != root && plan->rows_root != plan->relid)
			relations_concern(relations, plan->rows_root)->stale = "a partition with rows was detached or dropped";
	}
}

void
oids_add(Oids *oids, Oid oid)
{
	if (oids->count == oids->room)
	{
		oids->room = Max(oids->room * 2, 64);
		oids->at = oids->at == NULL ? palloc(sizeof(Oid) * oids->room) : repalloc(oids->at, sizeof(Oid) * oids->room);
	}
	oids->at[oids->count++] = oid;
}

/* Each once, ascending. */
void
oids_order(Oids *oids)
{
	if (oids->count == 0)
		return;
	qsort(oids->at, oids->count, sizeof(Oid), oid_cmp);
	oids->count = qunique(oids->at, oids->count, sizeof(Oid), oid_cmp);
}

bool
oids_have(const Oids *oids, Oid oid)
{
	return oids->count > 0 && bsearch(&oid, oids->at, oids->count, sizeof(Oid), oid_cmp) != NULL;
}
