/*
 * What plans rest on, and what an invalidation of that makes wrong. One can
 * arrive in the middle of a row, whenever the catalog is read, so it only marks,
 * and it allocates nothing: a plan is rebuilt when the next change asks for it.
 *
 * An invalidation costs what it hits. Plans are found by the relation and by
 * what is above it; types and schemas by the hash values that invalidations name
 * them by, since every CREATE TEMP TABLE makes a type that no plan knows.
 */
#include "postgres.h"

#include "relation.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/inval.h"
#include "utils/syscache.h"

/*
 * Invalidation callbacks can't be taken back, so they are registered once per
 * process and look here. A backend decodes one slot at a time.
 */
static Relations *current = NULL;
static bool registered = false;

/* Marks a plan: it is rebuilt before its next use, and swept if there is none. */
void
invalidate_plan(Relations *relations, RowPlan *plan)
{
	plan->valid = false;
	if (plan->stale)
		return;
	plan->stale = true;
	slist_push_head(&relations->stale, &plan->sweep);
}

/* From here on the plan hears when one of the other relations changes. */
void
relations_link(Relations *relations, RowPlan *plan, const Oid *others, int count)
{
	plan->links = MemoryContextAlloc(plan->context, sizeof(Link) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		bool		found;
		Dependents *dependents = hash_search(relations->dependents, &others[i], HASH_ENTER, &found);

		if (!found)
			dlist_init(&dependents->links);
		plan->links[i].of = dependents;
		plan->links[i].plan = plan;
		dlist_push_tail(&dependents->links, &plan->links[i].node);
		plan->link_count++;
	}
}

/* The plan hears no more. */
void
relations_unlink(Relations *relations, RowPlan *plan)
{
	for (int i = 0; i < plan->link_count; i++)
	{
		Dependents *of = plan->links[i].of;

		dlist_delete(&plan->links[i].node);
		if (dlist_is_empty(&of->links))
			hash_search(relations->dependents, &of->relid, HASH_REMOVE, NULL);
	}
	plan->link_count = 0;
}

/* From here on the plans hear when this type changes, or one that it is made of. */
void
relations_note_type(Relations *relations, Oid type)
{
	while (OidIsValid(type))
	{
		uint32		hash = GetSysCacheHashValue1(TYPEOID, ObjectIdGetDatum(type));
		HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
		Form_pg_type form;

		hash_search(relations->types, &hash, HASH_ENTER, NULL);
		if (!HeapTupleIsValid(tuple))
			return;
		form = (Form_pg_type) GETSTRUCT(tuple);
		relations_note_namespace(relations, form->typnamespace);
		type = OidIsValid(form->typbasetype) ? form->typbasetype : form->typelem;
		ReleaseSysCache(tuple);
	}
}

/* From here on the plans hear when this schema is renamed. */
void
relations_note_namespace(Relations *relations, Oid oid)
{
	uint32		hash = GetSysCacheHashValue1(NAMESPACEOID, ObjectIdGetDatum(oid));

	hash_search(relations->namespaces, &hash, HASH_ENTER, NULL);
}

static void
forget_all(HTAB *hashes)
{
	HASH_SEQ_STATUS scan;
	uint32	   *hash;

	hash_seq_init(&scan, hashes);
	while ((hash = hash_seq_search(&scan)) != NULL)
		hash_search(hashes, hash, HASH_REMOVE, NULL);
}

/* Anything may have changed. What is rebuilt notes its types and schemas again. */
static void
invalidate_all(Relations *relations)
{
	HASH_SEQ_STATUS scan;
	RowPlan    *plan;
	Told	   *told;

	hash_seq_init(&scan, relations->plans);
	while ((plan = hash_seq_search(&scan)) != NULL)
		invalidate_plan(relations, plan);
	hash_seq_init(&scan, relations->told);
	while ((told = hash_seq_search(&scan)) != NULL)
		told->shape_valid = false;
	forget_all(relations->types);
	forget_all(relations->namespaces);
}

/*
 * A relation changed (InvalidOid: any): its plan, and those of its partitions. A
 * partition's own change leaves the shape alone, which is the root's.
 */
static void
on_relation_change(Datum arg, Oid relid)
{
	RowPlan    *plan;
	Told	   *told;
	Dependents *dependents;
	dlist_iter	iter;

	if (current == NULL)
		return;
	if (!OidIsValid(relid))
	{
		invalidate_all(current);
		return;
	}
	if ((plan = hash_search(current->plans, &relid, HASH_FIND, NULL)) != NULL)
		invalidate_plan(current, plan);
	if ((told = hash_search(current->told, &relid, HASH_FIND, NULL)) != NULL)
		told->shape_valid = false;
	if ((dependents = hash_search(current->dependents, &relid, HASH_FIND, NULL)) == NULL)
		return;
	dlist_foreach(iter, &dependents->links)
	{
		Link	   *link = dlist_container(Link, node, iter.cur);

		invalidate_plan(current, link->plan);
		if (link->plan->told != NULL)
			link->plan->told->shape_valid = false;
	}
}

/* A type or a schema changed (0: any): which plans say its name is not worth knowing, if one does. */
static void
on_catalog_change(Datum arg, int cache, uint32 hash)
{
	HTAB	   *named;

	if (current == NULL)
		return;
	named = cache == TYPEOID ? current->types : current->namespaces;
	if (hash == 0 || hash_search(named, &hash, HASH_FIND, NULL) != NULL)
		invalidate_all(current);
}

static void
forget_current(void *arg)
{
	if (current == arg)
		current = NULL;
}

/* From here on, and until their memory context goes, the relations hear of changes. */
void
invalidation_listen(Relations *relations)
{
	MemoryContextCallback *callback = MemoryContextAllocZero(relations->context, sizeof(MemoryContextCallback));

	callback->func = forget_current;
	callback->arg = relations;
	MemoryContextRegisterResetCallback(relations->context, callback);
	current = relations;
	if (registered)
		return;
	CacheRegisterRelcacheCallback(on_relation_change, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, on_catalog_change, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, on_catalog_change, (Datum) 0);
	registered = true;
}
