/*
 * A table that one transaction made unlogged and logged again: what it did to the
 * rows in between is in no WAL, and where none is left at the end, not even the
 * rewrite shows. What was there in between are the versions of the table's row in
 * pg_class: the server names them to whoever decodes the transaction, and keeps
 * them until it is decoded.
 */
#include "postgres.h"

#include "relation.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"

/* The oid in a version of a row of pg_class, where it says that the table is unlogged, and was written here. */
static Oid
unlogged_in(Relations *relations, Relation catalog, const ItemPointerData *place)
{
	HeapTupleData tuple = {.t_self = *place};
	Buffer		buffer;
	Form_pg_class class;
	Oid			oid = InvalidOid;

	if (!fetch_version(catalog, &tuple, &buffer))
		return InvalidOid;
	class = (Form_pg_class) GETSTRUCT(&tuple);
	if (class->relkind == RELKIND_RELATION && class->relpersistence == RELPERSISTENCE_UNLOGGED &&
		is_own(relations->txn, HeapTupleHeaderGetRawXmin(tuple.t_data)))
		oid = class->oid;
	ReleaseBuffer(buffer);
	return oid;
}

/* Finds the tables of the transaction that were unlogged in between. */
void
find_unlogged(Relations *relations)
{
	Relation	catalog = table_open(RelationRelationId, AccessShareLock);
	dlist_iter	iter;

	dlist_foreach(iter, &relations->txn->tuplecids)
	{
		ReorderBufferChange *change = dlist_container(ReorderBufferChange, node, iter.cur);
		Oid			oid;
		Oid			table;

		if (!is_version_of(catalog, change))
			continue;
		oid = unlogged_in(relations, catalog, &change->data.tuplecid.tid);
		table = OidIsValid(oid) ? table_of(relations, oid) : InvalidOid;
		if (OidIsValid(table))
			relations_concern(relations, table)->stale = "it was unlogged for a while";
	}
	table_close(catalog, AccessShareLock);
}
