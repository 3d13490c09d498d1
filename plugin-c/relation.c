/*
 * The plans and what was told, by oid. A plan that was marked (invalidation.c) is
 * rebuilt when the next change asks for it; what belongs to dropped relations is
 * freed at the end of a transaction, when no plan is in use.
 */
#include "postgres.h"

#include "relation.h"

#include "utils/memutils.h"
#include "utils/syscache.h"

/* Whose schema line was the last of a name. */
typedef struct Bearer
{
	uint32		name;			/* hash key */
	Oid			root;
} Bearer;

static HTAB *
open_table(MemoryContext context, const char *name, Size key_size, Size entry_size)
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
	relations->plans = open_table(context, "deltastream plans", sizeof(Oid), sizeof(RowPlan));
	relations->told = open_table(context, "deltastream told", sizeof(Oid), sizeof(Told));
	relations->dependents = open_table(context, "deltastream dependents", sizeof(Oid), sizeof(Dependents));
	relations->types = open_table(context, "deltastream types", sizeof(uint32), sizeof(uint32));
	relations->namespaces = open_table(context, "deltastream schemas", sizeof(uint32), sizeof(uint32));
	relations->bearers = open_table(context, "deltastream names", sizeof(uint32), sizeof(Bearer));
	invalidation_listen(relations);
	return relations;
}

static Told *
told_of(Relations *relations, Oid root)
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
	RowPlan		empty = {.relid = plan->relid, .stale = plan->stale, .sweep = plan->sweep};

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
		plan->told = told_of(relations, plan->root);
		plan->told->plans++;
	}
	return plan;
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
		invalidate_told(relations, plan->told);
	plan_reset(relations, plan);
	hash_search(relations->plans, &plan->relid, HASH_REMOVE, NULL);
}

/* Frees what was told of a table that is no more. */
static void
sweep_told(Relations *relations, Told *told)
{
	told->doubtful = false;
	if (told->plans > 0 || SearchSysCacheExists1(RELOID, ObjectIdGetDatum(told->root)))
		return;
	/* Marked again while the catalog was read: it is in the list again. */
	if (told->doubtful)
		return;
	if (told->schema != NULL)
		pfree(told->schema);
	if (told->shape != NULL)
		pfree(told->shape);
	if (told->bare != NULL)
		pfree(told->bare);
	if (relations_bears_name(relations, told))
		hash_search(relations->bearers, &told->name, HASH_REMOVE, NULL);
	hash_search(relations->told, &told->root, HASH_REMOVE, NULL);
}

/*
 * Frees what invalidations have marked. To be called at the end of a transaction,
 * while its catalog snapshot is still there.
 */
void
relations_sweep(Relations *relations)
{
	while (!slist_is_empty(&relations->stale))
		sweep_plan(relations, slist_container(RowPlan, sweep, slist_pop_head_node(&relations->stale)));
	while (!slist_is_empty(&relations->doubtful))
		sweep_told(relations, slist_container(Told, doubt, slist_pop_head_node(&relations->doubtful)));
}
