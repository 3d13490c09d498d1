/*
 * The plans and what was told, by oid, and their invalidation.
 *
 * An invalidation can arrive in the middle of a row, whenever the catalog is
 * read. So it only marks: a plan is rebuilt when the next change asks for it,
 * and what belongs to dropped relations is freed at the end of a transaction,
 * when no plan is in use.
 */
#include "postgres.h"

#include "relation.h"

#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/*
 * Invalidation callbacks can't be taken back, so they are registered once per
 * process and look here. A backend decodes one slot at a time.
 */
static Relations *current = NULL;
static bool registered = false;

/* True for the root of a partition and what is between. */
static bool
is_above(const RowPlan *plan, Oid relid)
{
	for (int i = 0; i < plan->ancestor_count; i++)
		if (plan->ancestors[i] == relid)
			return true;
	return false;
}

/*
 * A relation changed (InvalidOid: any): its plan, and those of its partitions. A
 * partition's own change leaves the shape alone, which is the root's.
 */
static void
on_relation_change(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS scan;
	RowPlan    *plan;

	if (current == NULL)
		return;
	hash_seq_init(&scan, current->plans);
	while ((plan = hash_seq_search(&scan)) != NULL)
	{
		bool		shared = !OidIsValid(relid) || plan->root == relid || is_above(plan, relid);

		if (!shared && plan->relid != relid)
			continue;
		if (shared && plan->told != NULL)
			plan->told->shape_valid = false;
		plan->valid = false;
		current->stale = true;
	}
}

/* A type or a schema changed: which plans say its name is not worth knowing. */
static void
on_catalog_change(Datum arg, int cache, uint32 hash)
{
	on_relation_change(arg, InvalidOid);
}

static void
forget_current(void *arg)
{
	if (current == arg)
		current = NULL;
}

/* An empty set in a memory context of its own; it is let go with the context. */
Relations *
relations_open(MemoryContext parent, const Options *options)
{
	MemoryContext context = AllocSetContextCreate(parent, "deltastream relations", ALLOCSET_DEFAULT_SIZES);
	Relations  *relations = MemoryContextAllocZero(context, sizeof(Relations));
	MemoryContextCallback *callback = MemoryContextAllocZero(context, sizeof(MemoryContextCallback));
	HASHCTL		control = {0};

	relations->context = context;
	relations->options = options;
	control.hcxt = context;
	control.keysize = sizeof(Oid);
	control.entrysize = sizeof(RowPlan);
	relations->plans = hash_create("deltastream plans", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	control.entrysize = sizeof(Told);
	relations->told = hash_create("deltastream told", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	callback->func = forget_current;
	callback->arg = relations;
	MemoryContextRegisterResetCallback(context, callback);
	current = relations;
	if (!registered)
	{
		CacheRegisterRelcacheCallback(on_relation_change, (Datum) 0);
		CacheRegisterSyscacheCallback(TYPEOID, on_catalog_change, (Datum) 0);
		CacheRegisterSyscacheCallback(NAMESPACEOID, on_catalog_change, (Datum) 0);
		registered = true;
	}
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

/* Empties an entry; everything it had goes with its context. */
static void
plan_reset(RowPlan *plan)
{
	Oid			relid = plan->relid;

	if (plan->told != NULL)
		plan->told->plans--;
	if (plan->context != NULL)
		MemoryContextDelete(plan->context);
	memset(plan, 0, sizeof(RowPlan));
	plan->relid = relid;
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
		plan->told = NULL;
		plan->context = NULL;
	}
	plan_reset(plan);

	plan->context = AllocSetContextCreate(relations->context, "deltastream plan", ALLOCSET_SMALL_SIZES);
	plan->number = ++relations->built;
	/* Set first: an invalidation that comes while we read the catalog must stick. */
	plan->valid = true;
	plan_names(plan, relation, relations->options);
	if (plan->followed)
	{
		plan->told = told_of(relations, plan->root);
		plan->told->plans++;
	}
	return plan;
}

/*
 * Frees the plans that an invalidation marked, and what was told of tables that
 * are no more. To be called at the end of a transaction, while its catalog
 * snapshot is still there.
 */
void
relations_sweep(Relations *relations)
{
	HASH_SEQ_STATUS scan;
	RowPlan    *plan;
	Told	   *told;

	if (!relations->stale)
		return;
	relations->stale = false;
	hash_seq_init(&scan, relations->plans);
	while ((plan = hash_seq_search(&scan)) != NULL)
	{
		if (plan->valid)
			continue;
		/* Once the last plan is gone, nobody hears of what changes between root and leaf. */
		if (plan->told != NULL)
			plan->told->shape_valid = false;
		plan_reset(plan);
		hash_search(relations->plans, &plan->relid, HASH_REMOVE, NULL);
	}
	hash_seq_init(&scan, relations->told);
	while ((told = hash_seq_search(&scan)) != NULL)
	{
		if (told->plans > 0 || SearchSysCacheExists1(RELOID, ObjectIdGetDatum(told->root)))
			continue;
		if (told->schema != NULL)
			pfree(told->schema);
		if (told->shape != NULL)
			pfree(told->shape);
		hash_search(relations->told, &told->root, HASH_REMOVE, NULL);
	}
}
