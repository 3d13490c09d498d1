/*
 * What a transaction made of tables on the way: the versions of their rows in
 * pg_class that it wrote and replaced. The server names them to whoever decodes
 * the transaction, and keeps them until it is decoded. Two things show nowhere
 * else, since the catalog is looked at before the transaction and behind it.
 *
 * - A table that was made unlogged and logged again: what happened to its rows in
 *   between is in no WAL, and where none is left, not even the rewrite shows.
 * - In a transaction that began before the session, and so maybe before others that
 *   an earlier session has written: what those made of a table, or of a partition,
 *   before it changed that itself, and maybe back.
 */
#include "postgres.h"

#include "relation.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"

/* What the transaction itself wrote. */
static void
note_written(Relations *relations, Form_pg_class class)
{
	Oid			table;

	if (class->relkind != RELKIND_RELATION || class->relpersistence != RELPERSISTENCE_UNLOGGED)
		return;
	table = table_of(relations, class->oid);
	if (OidIsValid(table))
		relations_concern(relations, table)->stale = "it was unlogged for a while";
}

/* What it found and replaced; says whether that is a partition that nobody has heard of. */
static bool
note_found(Relations *relations, Form_pg_class class)
{
	if (class->relispartition && !relations->options->leaves)
		return class->relkind != RELKIND_PARTITIONED_TABLE && hash_search(relations->leaves, &class->oid, HASH_FIND, NULL) == NULL;
	/* Under a name that is not followed the log has dropped it, if it ever had it. */
	if (!survey_adopt(relations, class))
		relations_concern(relations, class->oid)->stale = "it went by another name for a while";
	return false;
}

static bool
note_version(Relations *relations, Relation catalog, const ItemPointerData *place)
{
	HeapTupleData tuple = {.t_self = *place};
	Buffer		buffer;
	FormData_pg_class class;
	bool		is_ours;

	if (!fetch_version(catalog, &tuple, &buffer))
		return false;
	memcpy(&class, GETSTRUCT(&tuple), CLASS_TUPLE_SIZE);
	is_ours = is_own(relations->txn, HeapTupleHeaderGetRawXmin(tuple.t_data));
	ReleaseBuffer(buffer);
	if (is_ours)
		note_written(relations, &class);
	else if (relations->overlaps && survey_is_table(&class))
		return note_found(relations, &class);
	return false;
}

/* Which root an unknown partition was taken from is not known either: one of those that were touched. */
static void
suspect_roots(Relations *relations, const Oids *touched)
{
	for (int i = 0; i < touched->count; i++)
	{
		Oid			table = table_of(relations, touched->at[i]);

		if (OidIsValid(table) && get_rel_relkind(table) == RELKIND_PARTITIONED_TABLE)
			relations_concern(relations, table)->stale = "a partition was detached or dropped";
	}
}

/* Reads all versions; to be called before the survey at a commit, as long as schemas have the names of before. */
void
versions_read(Relations *relations, const Oids *touched)
{
	Relation	catalog = table_open(RelationRelationId, AccessShareLock);
	bool		is_moved = false;
	dlist_iter	iter;

	dlist_foreach(iter, &relations->txn->tuplecids)
	{
		ReorderBufferChange *change = dlist_container(ReorderBufferChange, node, iter.cur);

		if (is_version_of(catalog, change))
			is_moved |= note_version(relations, catalog, &change->data.tuplecid.tid);
	}
	table_close(catalog, AccessShareLock);
	if (is_moved)
		suspect_roots(relations, touched);
}
