/*
 * Partitions that go by their root's name: which root each has, so that one that
 * comes or goes with rows is seen. Every command that moves a partition touches
 * it in the catalog, so only what is touched is looked at, however many there are.
 */
#include "postgres.h"

#include "relation.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

static void
count_leaf(Relations *relations, const Leaf *leaf, int by)
{
	bool		found;
	Root	   *root = hash_search(relations->roots, &leaf->root, HASH_ENTER, &found);

	if (!found)
		root->leaves = root->full = root->unlogged = 0;
	root->leaves += by;
	root->full += leaf->is_full ? by : 0;
	root->unlogged += leaf->is_unlogged ? by : 0;
	if (root->leaves == 0)
		hash_search(relations->roots, &leaf->root, HASH_REMOVE, NULL);
}

/* Notes where a partition is; InvalidOid for a root: nowhere. */
void
leaf_place(Relations *relations, Oid oid, Oid root, bool is_full, bool is_unlogged)
{
	bool		found;
	Leaf	   *leaf = hash_search(relations->leaves, &oid, OidIsValid(root) ? HASH_ENTER : HASH_FIND, &found);

	if (found)
		count_leaf(relations, leaf, -1);
	if (!OidIsValid(root))
	{
		hash_search(relations->leaves, &oid, HASH_REMOVE, NULL);
		return;
	}
	leaf->root = root;
	leaf->is_full = is_full;
	leaf->is_unlogged = is_unlogged;
	count_leaf(relations, leaf, 1);
}

/* True when the root has partitions and each has the replica identity FULL. */
bool
leaves_are_full(const Relations *relations, Oid oid)
{
	Root	   *root = hash_search(relations->roots, &oid, HASH_FIND, NULL);

	return root != NULL && root->leaves == root->full;
}

/* The name of a relation, as one types it; NULL when there is none. */
static char *
full_name(Oid oid)
{
	char	   *name = get_rel_name(oid);

	return name == NULL ? NULL : quote_qualified_identifier(get_namespace_name(get_rel_namespace(oid)), name);
}

/* The name of a partition that is not in the WAL, as long as the root has one, or NULL. */
char *
unlogged_leaf(const Relations *relations, Oid oid)
{
	Root	   *root = hash_search(relations->roots, &oid, HASH_FIND, NULL);
	HASH_SEQ_STATUS scan;
	Leaf	   *leaf;
	Oid			found = InvalidOid;

	if (root == NULL || root->unlogged == 0)
		return NULL;
	hash_seq_init(&scan, relations->leaves);
	while ((leaf = hash_seq_search(&scan)) != NULL)
		if (leaf->root == oid && leaf->is_unlogged && leaf->oid > found)
			found = leaf->oid;
	return full_name(found);
}

/* The log does not tell the root's rows. That a partition is no more needs no name: its oid is all that is left. */
static void
suspect(Relations *relations, Oid root, Oid leaf, const char *what)
{
	MemoryContext before = MemoryContextSwitchTo(relations->transaction_context);
	const char *name = full_name(leaf);

	relations_concern(relations, root)->stale = name == NULL ? "a partition was dropped" : psprintf("partition %s was %s", name, what);
	MemoryContextSwitchTo(before);
}

/* A partition with a new root, or a root without the partition: rows came or went, unless it is newly made and empty. */
static void
compare_roots(Relations *relations, Oid oid, Oid before, Oid after)
{
	if (before == after)
		return;
	if (OidIsValid(before))
		suspect(relations, before, oid, "detached");
	if (OidIsValid(after) && (!is_made_here(relations, oid) || rows_came_otherwise(relations, oid, after)))
		suspect(relations, after, oid, "attached");
}

/* What is not in the WAL is not in the log, nor what happened before it was. */
static void
compare_persistence(Relations *relations, Oid oid, Oid root, bool before, bool after)
{
	if (before && !after)
		suspect(relations, root, oid, "unlogged for a while");
	if (!before && after)
		relations_concern(relations, root)->unlogged = true;
}

/* Compares what the catalog says of a relation that was touched with what was known of it as a partition. */
void
leaf_look(Relations *relations, Oid oid)
{
	Leaf	   *known = hash_search(relations->leaves, &oid, HASH_FIND, NULL);
	Leaf		before = {.root = InvalidOid};
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(oid));
	Leaf		after = {.root = InvalidOid};

	if (known != NULL)
		before = *known;
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class class = (Form_pg_class) GETSTRUCT(tuple);

		if (class->relispartition && (class->relkind == RELKIND_RELATION || class->relkind == RELKIND_FOREIGN_TABLE))
			after.root = table_of(relations, oid);
		after.is_full = class->relreplident == REPLICA_IDENTITY_FULL || class->relkind == RELKIND_FOREIGN_TABLE;
		after.is_unlogged = class->relpersistence == RELPERSISTENCE_UNLOGGED;
		ReleaseSysCache(tuple);
	}
	if (after.root == oid)
		after.root = InvalidOid;
	compare_roots(relations, oid, before.root, after.root);
	if (OidIsValid(after.root))
		compare_persistence(relations, oid, after.root, before.is_unlogged, after.is_unlogged);
	if (known != NULL || OidIsValid(after.root))
		leaf_place(relations, oid, after.root, after.is_full, after.is_unlogged);
}
