/*
 * All tables that are followed, so that one that goes can be told, and one that is
 * new. The catalog is read when the first transaction that changed it begins, and
 * at its commit once more where it began before the session did: then its catalog
 * at the beginning may be older than the log, since others were committed in
 * between, and written by an earlier session. Whatever it did not touch itself is
 * then taken as it stands.
 */
#include "postgres.h"

#include "relation.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "utils/memutils.h"
#include "utils/rel.h"

typedef struct Namespace
{
	Oid			oid;			/* hash key */
	NameData	name;
} Namespace;

typedef struct Parent
{
	Oid			child;			/* hash key */
	Oid			oid;
} Parent;

/*
 * Reads the names of all schemas; notes those that were known by another one, and
 * says whether there are any. With `keep` they go on by that one.
 */
bool
namespaces_read(Relations *relations, bool keep, Oids *renamed)
{
	MemoryContext context = AllocSetContextCreate(relations->context, "deltastream namespaces", ALLOCSET_DEFAULT_SIZES);
	HTAB	   *names = relations_table(context, "deltastream namespaces", sizeof(Oid), sizeof(Namespace));
	Relation	catalog = table_open(NamespaceRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Form_pg_namespace form = (Form_pg_namespace) GETSTRUCT(tuple);
		Namespace  *now = hash_search(names, &form->oid, HASH_ENTER, NULL);
		Namespace  *before = relations->schemas == NULL ? NULL : hash_search(relations->schemas, &form->oid, HASH_FIND, NULL);

		now->name = form->nspname;
		if (before == NULL || strcmp(NameStr(before->name), NameStr(now->name)) == 0)
			continue;
		oids_add(renamed, form->oid);
		if (keep)
			now->name = before->name;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	if (relations->schemas_context != NULL)
		MemoryContextDelete(relations->schemas_context);
	relations->schemas_context = context;
	relations->schemas = names;
	oids_order(renamed);
	return renamed->count > 0;
}

/* The parent of each partition, less those that are being detached. */
static HTAB *
read_parents(Relations *relations)
{
	HTAB	   *parents = relations_table(relations->transaction_context, "deltastream parents", sizeof(Oid), sizeof(Parent));
	Relation	catalog = table_open(InheritsRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Form_pg_inherits form = (Form_pg_inherits) GETSTRUCT(tuple);
		Parent	   *parent;

		if (form->inhdetachpending)
			continue;
		parent = hash_search(parents, &form->inhrelid, HASH_ENTER, NULL);
		parent->oid = form->inhparent;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return parents;
}

static Oid
top_of(HTAB *parents, Oid oid)
{
	Parent	   *parent;

	while ((parent = hash_search(parents, &oid, HASH_FIND, NULL)) != NULL)
		oid = parent->oid;
	return oid;
}

/* Takes a table as it stands, where its name is followed: what the log has of it is right. Says whether it is. */
bool
survey_adopt(Relations *relations, Form_pg_class class)
{
	Namespace  *namespace = hash_search(relations->schemas, &class->relnamespace, HASH_FIND, NULL);
	bool		has_rows = class->relkind == RELKIND_RELATION ||
		(class->relkind == RELKIND_PARTITIONED_TABLE && !relations->options->leaves);
	char	   *head;
	Told	   *told;

	if (!has_rows || namespace == NULL || !options_follow_table(relations->options, NameStr(namespace->name), NameStr(class->relname)))
		return false;
	told = relations_told(relations, class->oid);
	told->known = true;
	told->unlogged = class->relkind == RELKIND_RELATION && class->relpersistence == RELPERSISTENCE_UNLOGGED;
	head = table_head(NameStr(namespace->name), NameStr(class->relname));
	relations_keep(relations, &told->head, head);
	pfree(head);
	return true;
}

/* True for what may have rows that go by a name. */
bool
survey_is_table(Form_pg_class class)
{
	return class->oid >= FirstNormalObjectId && class->relpersistence != RELPERSISTENCE_TEMP && !OidIsValid(class->relrewrite) &&
		(class->relkind == RELKIND_RELATION || class->relkind == RELKIND_PARTITIONED_TABLE || class->relkind == RELKIND_FOREIGN_TABLE);
}

static void
survey_table(Relations *relations, HTAB *parents, Form_pg_class class)
{
	bool		by_root = class->relispartition && !relations->options->leaves;
	Oid			root = by_root ? top_of(parents, class->oid) : class->oid;

	if (root == class->oid)
		(void) survey_adopt(relations, class);
	else if (class->relkind != RELKIND_PARTITIONED_TABLE)
		leaf_place(relations, class->oid, root,
				   class->relreplident == REPLICA_IDENTITY_FULL || class->relkind == RELKIND_FOREIGN_TABLE,
				   class->relpersistence == RELPERSISTENCE_UNLOGGED);
}

/* Reads which tables there are, but for those that are touched; with `keep` by the names that their schemas had. */
void
relations_survey(Relations *relations, const Oids *touched, bool keep)
{
	Oids		renamed = {0};
	HTAB	   *parents = read_parents(relations);
	Relation	catalog = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan;
	HeapTuple	tuple;

	(void) namespaces_read(relations, keep, &renamed);
	scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Form_pg_class class = (Form_pg_class) GETSTRUCT(tuple);

		if (survey_is_table(class) && !oids_have(touched, class->oid))
			survey_table(relations, parents, class);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	hash_destroy(parents);
	relations->surveys++;
}

/* Adds the tables of some schemas. */
void
tables_in_namespaces(const Oids *namespaces, Oids *tables)
{
	Relation	catalog = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	while ((tuple = systable_getnext(scan)) != NULL)
	{
		Form_pg_class class = (Form_pg_class) GETSTRUCT(tuple);

		if (survey_is_table(class) && oids_have(namespaces, class->relnamespace))
			oids_add(tables, class->oid);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}
