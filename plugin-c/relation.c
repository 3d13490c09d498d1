/*
 * The plans and what was told, by oid, and what the transaction at hand adds. A
 * plan that was marked (invalidation.c) is rebuilt when the next change asks for
 * it; what belongs to dropped relations is freed at the end of a transaction,
 * when no plan is in use.
 */
#include "postgres.h"

#include "relation.h"

#include "access/transam.h"
#include "utils/memutils.h"

/* Whose schema line was the last of a name. */
typedef struct Bearer
{
	uint32		name;			/* hash key */
	Oid			root;
} Bearer;

/* A hash table in a memory context of its own, by a key of plain bytes. */
HTAB *
relations_table(MemoryContext context, const char *name, Size key_size, Size entry_size)
{
	HASHCTL		control = {.keysize = key_size, .entrysize = entry_size, .hcxt = context};

	return hash_create(name, 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* An empty set in a memory context of its own; it is let go with the context. */
Relations *
relations_open(MemoryContext parent, const Options *options)
{
	MemoryContext context = AllocSetContextCreate(parent, "deltastream relations", ALLOCSET_DEFAULT_SIZES);
	Relations  *relations = MemoryContextAllocZero(context, sizeof(Relations));

	relations->context = context;
	relations->options = options;
	relations->plans = relations_table(context, "deltastream plans", sizeof(Oid), sizeof(RowPlan));
	relations->told = relations_table(context, "deltastream told", sizeof(Oid), sizeof(Told));
	relations->dependents = relations_table(context, "deltastream dependents", sizeof(Oid), sizeof(Dependents));
	relations->types = relations_table(context, "deltastream types", sizeof(uint32), sizeof(uint32));
	relations->namespaces = relations_table(context, "deltastream schemas", sizeof(uint32), sizeof(uint32));
	relations->bearers = relations_table(context, "deltastream names", sizeof(uint32), sizeof(Bearer));
	relations->leaves = relations_table(context, "deltastream leaves", sizeof(Oid), sizeof(Leaf));
	relations->roots = relations_table(context, "deltastream roots", sizeof(Oid), sizeof(Root));
	relations->transaction_context = AllocSetContextCreate(context, "deltastream transaction", ALLOCSET_DEFAULT_SIZES);
	invalidation_listen(relations);
	return relations;
}

/* The xid with its epoch: the newest one that fits before the next xid. */
static uint64
full_xid(TransactionId xid)
{
	FullTransactionId next = ReadNextFullTransactionId();
	uint32		epoch = EpochFromFullTransactionId(next);

	if (xid > XidFromFullTransactionId(next))
		epoch--;
	return ((uint64) epoch << 32) | xid;
}

/* From here on this is the transaction at hand. */
void
relations_begin(Relations *relations, ReorderBufferTXN *txn, bool overlaps)
{
	relations->txn = txn;
	relations->overlaps = overlaps;
	relations->xid = full_xid(txn->xid);
	relations->concerns = NULL;
	MemoryContextReset(relations->transaction_context);
}

/* What is known of a table; an empty entry for one that is not. */
Told *
relations_told(Relations *relations, Oid root)
{
	bool		found;
	Told	   *told = hash_search(relations->told, &root, HASH_ENTER, &found);

	if (!found)
	{
		memset(told, 0, sizeof(Told));
		told->root = root;
	}
	return told;
}

/* Empties an entry; everything it had goes with its context. A list that it is in keeps it. */
static void
plan_reset(Relations *relations, RowPlan *plan)
{
	RowPlan		empty = {
		.relid = plan->relid, .stale = plan->stale, .sweep = plan->sweep,
		.rows_in = plan->rows_in, .rows_root = plan->rows_root, .astray = plan->astray
	};

	relations_unlink(relations, plan);
	if (plan->told != NULL)
		plan->told->plans--;
	if (plan->context != NULL)
		MemoryContextDelete(plan->context);
	*plan = empty;
}

/*
 * The plan of a relation: whether it is followed and under which name. Its
 * columns are left to plan_complete(), which can fail on names and types.
 */
RowPlan *
relations_plan(Relations *relations, Relation relation)
{
	Oid			relid = RelationGetRelid(relation);
	bool		found;
	RowPlan    *plan = hash_search(relations->plans, &relid, HASH_ENTER, &found);

	if (found && plan->valid)
		return plan;
	if (!found)
	{
		memset(plan, 0, sizeof(RowPlan));
		plan->relid = relid;
	}
	plan_reset(relations, plan);

	plan->context = AllocSetContextCreate(relations->context, "deltastream plan", ALLOCSET_SMALL_SIZES);
	/* Set first: an invalidation that comes while we read the catalog must stick. */
	plan->valid = true;
	plan_names(relations, plan, relation);
	if (plan->followed)
	{
		plan->told = relations_told(relations, plan->root);
		plan->told->plans++;
	}
	return plan;
}

/* The reasons to look at a table at the end of the transaction. */
Concern *
relations_concern(Relations *relations, Oid oid)
{
	bool		found;
	Concern    *concern;

	if (relations->concerns == NULL)
		relations->concerns = relations_table(relations->transaction_context, "deltastream concerns", sizeof(Oid), sizeof(Concern));
	concern = hash_search(relations->concerns, &oid, HASH_ENTER, &found);
	if (!found)
	{
		memset(concern, 0, sizeof(Concern));
		concern->oid = oid;
	}
	return concern;
}

/*
 * Notes that the transaction brought rows of a relation, and under which root,
 * since that may change within it: rows that came while the name was not
 * followed, or was another table's, are not in the log under the name that counts.
 */
void
relations_note_rows(Relations *relations, RowPlan *plan)
{
	Oid			root = plan->followed ? plan->root : InvalidOid;

	if (plan->rows_in != relations->xid)
	{
		plan->rows_in = relations->xid;
		plan->rows_root = root;
		plan->astray = !OidIsValid(root);
		return;
	}
	if (root == plan->rows_root)
		return;
	plan->astray = true;
	if (OidIsValid(plan->rows_root) && plan->rows_root != plan->relid)
		relations_concern(relations, plan->rows_root)->stale = "a partition with rows was detached";
	if (OidIsValid(root))
		plan->rows_root = root;
}

/* Replaces a text of the session. */
void
relations_keep(Relations *relations, char **place, const char *text)
{
	char	   *copy = text == NULL ? NULL : MemoryContextStrdup(relations->context, text);

	if (*place != NULL)
		pfree(*place);
	*place = copy;
}

/*
 * True while the last schema line of its name was its own. Tables swap names, and
 * swap back: what was said of a table does not hold once the name was another's.
 * Names whose hashes collide repeat their lines, which does no harm.
 */
bool
relations_bears_name(Relations *relations, const Told *told)
{
	Bearer	   *bearer = hash_search(relations->bearers, &told->name, HASH_FIND, NULL);

	return bearer != NULL && bearer->root == told->root;
}

/* From here on the name is that of this table, and the one it had before is nobody's. */
void
relations_give_name(Relations *relations, Told *told, uint32 name)
{
	Bearer	   *bearer;

	if (relations_bears_name(relations, told))
		hash_search(relations->bearers, &told->name, HASH_REMOVE, NULL);
	bearer = hash_search(relations->bearers, &name, HASH_ENTER, NULL);
	bearer->root = told->root;
	told->name = name;
}

/* Frees a plan that was marked and not rebuilt since. */
static void
sweep_plan(Relations *relations, RowPlan *plan)
{
	plan->stale = false;
	if (plan->valid)
		return;
	/* Once the last plan is gone, nobody hears of what changes between root and leaf. */
	if (plan->told != NULL)
		plan->told->shape_valid = false;
	plan_reset(relations, plan);
	hash_search(relations->plans, &plan->relid, HASH_REMOVE, NULL);
}

/* The log has nothing more of the table. Under its oid it begins anew. */
void
relations_forget(Relations *relations, Told *told)
{
	if (relations_bears_name(relations, told))
		hash_search(relations->bearers, &told->name, HASH_REMOVE, NULL);
	relations_keep(relations, &told->head, NULL);
	relations_keep(relations, &told->schema, NULL);
	relations_keep(relations, &told->indexes, NULL);
	relations_keep(relations, &told->comments, NULL);
	relations_keep(relations, &told->types, NULL);
	told->known = told->unlogged = told->mute = told->noted = false;
	told->identity = 0;
	told->schemas++;
	if (told->gone)
		return;
	told->gone = true;
	slist_push_head(&relations->gone, &told->sweep);
}

static void
sweep_told(Relations *relations, Told *told)
{
	told->gone = false;
	if (told->plans > 0 || told->known)
		return;
	relations_keep(relations, &told->shape, NULL);
	relations_keep(relations, &told->bare, NULL);
	hash_search(relations->told, &told->root, HASH_REMOVE, NULL);
}

/* Frees what invalidations have marked and what is forgotten. To be called at the end of a transaction, when no plan is in use. */
void
relations_sweep(Relations *relations)
{
	while (!slist_is_empty(&relations->stale))
		sweep_plan(relations, slist_container(RowPlan, sweep, slist_pop_head_node(&relations->stale)));
	while (!slist_is_empty(&relations->gone))
		sweep_told(relations, slist_container(Told, sweep, slist_pop_head_node(&relations->gone)));
}
