/*
 * Schema changes, seen as they are made: what a transaction touched in the catalog
 * is looked at when it commits, and what differs from what the log was last told
 * is said before the commit line.
 *
 * Only then, since only then is the catalog as of the transaction: one that began
 * before a schema change of another one was committed is decoded under the older
 * catalog up to there, and would take the other's new table for dropped.
 *
 * Of a table that the session has not spoken of, the state before the transaction
 * is read when it begins, so that a VACUUM says nothing. Where the catalog is then
 * older than the log, the table is told anew.
 */
#include "postgres.h"

#include "deltastream.h"

#include "utils/memutils.h"
#include "utils/resowner.h"

/* Above this, tables that are touched for the first time in a session are told anew, changed or not. */
#define BASELINE_LIMIT 1000

/* Notes the state of a table as what the log has been told, as it was by an earlier session. */
static void
note_state(Plugin *plugin, RowPlan *plan, Relation relation)
{
	Relations  *relations = plugin->relations;
	Told	   *told = plan->told;

	if (!plan->complete)
		plan_complete(relations, plan, relation);
	told->noted = true;
	if (told->schema == NULL)
		relations_keep(relations, &told->schema, schema_text(plan, identity_to_tell(relations, plan)));
	relations_keep(relations, &told->indexes, indexes_text(plan, relation));
	relations_keep(relations, &told->comments, comments_text(plan, relation));
	relations_keep(relations, &told->types, types_text(plan));
}

typedef void (*Describe) (Plugin *plugin, RowPlan *plan, Relation relation);

/* What nothing has touched is as it was: of a table that only a message named there is nothing more to say. */
static void
tell_changes(Plugin *plugin, RowPlan *plan, Relation relation)
{
	Oid			oid = plan->root;
	Concern		none = {.oid = oid};
	HTAB	   *concerns = plugin->relations->concerns;
	Concern    *concern = concerns == NULL ? NULL : hash_search(concerns, &oid, HASH_FIND, NULL);

	if (concern == NULL)
		concern = &none;
	if (!concern->look && plan->told->known && plan->told->indexes == NULL && !oids_have(&plugin->transaction.tables, oid))
		note_state(plugin, plan, relation);
	tell_table(plugin, plan, relation, concern);
}

/* Describes a table that is there and followed; one that cannot be described is quarantined, once. */
static void
describe(Plugin *plugin, Oid oid, Describe how)
{
	MemoryContext before = MemoryContextSwitchTo(plugin->change_context);
	ResourceOwner owner = CurrentResourceOwner;
	RowPlan    *volatile plan = NULL;

	plugin->change_start = plugin->lines.len;
	PG_TRY();
	{
		Relation	relation = RelationIdGetRelation(oid);

		if (RelationIsValid(relation))
		{
			plan = relations_plan(plugin->relations, relation);
			if (plan->followed && plan->root == oid)
				how(plugin, plan, relation);
			RelationClose(relation);
		}
	}
	PG_CATCH();
	{
		CurrentResourceOwner = owner;
		/* Before the transaction, there is nothing to be said yet; behind it, nothing that was said. */
		if (how == note_state || (plan != NULL && plan->told != NULL && plan->told->undescribed))
			overlook(plugin, plan);
		else
			recover(plugin, plan);
		if (how == tell_changes)
			plan->told->undescribed = true;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(before);
	MemoryContextReset(plugin->change_context);
}

/* Reads what there is before the transaction, of which it will have to be told whether it is still so. */
void
look_before(Plugin *plugin)
{
	Relations  *relations = plugin->relations;
	MemoryContext before;
	Oids		none = {0};
	int			noted = 0;

	if (relations->txn->ninvalidations == 0)
		return;
	before = MemoryContextSwitchTo(relations->transaction_context);
	read_touched(plugin);
	if (relations->surveys == 0)
		relations_survey(relations, &none, false);
	for (int i = 0; i < plugin->transaction.touched.count && noted < BASELINE_LIMIT && !relations->overlaps; i++)
	{
		Oid			table = table_of(relations, plugin->transaction.touched.at[i]);
		Told	   *told = hash_search(relations->told, &table, HASH_FIND, NULL);

		if (told == NULL || told->indexes != NULL || told->unlogged)
			continue;
		describe(plugin, table, note_state);
		noted++;
	}
	MemoryContextSwitchTo(before);
}

/* The tables that were touched, themselves or in their partitions and indexes. */
static void
find_tables(Plugin *plugin)
{
	Relations  *relations = plugin->relations;
	Transaction *transaction = &plugin->transaction;

	for (int i = 0; i < transaction->touched.count; i++)
	{
		Oid			oid = transaction->touched.at[i];
		Oid			table = table_of(relations, oid);

		if (OidIsValid(table))
			oids_add(&transaction->tables, table);
		if (oid != table && hash_search(relations->told, &oid, HASH_FIND, NULL) != NULL)
			oids_add(&transaction->tables, oid);
	}
	oids_order(&transaction->tables);
}

/* The tables to look at: those that were touched and those of concern. */
static Oids
find_subjects(Plugin *plugin)
{
	HTAB	   *concerns = plugin->relations->concerns;
	Oids		subjects = {0};

	for (int i = 0; i < plugin->transaction.tables.count; i++)
		oids_add(&subjects, plugin->transaction.tables.at[i]);
	if (concerns != NULL)
	{
		HASH_SEQ_STATUS scan;
		Concern    *concern;

		hash_seq_init(&scan, concerns);
		while ((concern = hash_seq_search(&scan)) != NULL)
			oids_add(&subjects, concern->oid);
	}
	oids_order(&subjects);
	return subjects;
}

/* True when the table is there, and its rows go by its own name. */
static bool
is_followed(Plugin *plugin, Oid oid)
{
	Relation	relation = RelationIdGetRelation(oid);
	RowPlan    *plan;
	bool		followed;

	if (!RelationIsValid(relation))
		return false;
	plan = relations_plan(plugin->relations, relation);
	followed = plan->followed && plan->root == oid;
	RelationClose(relation);
	return followed;
}

/* Finds what the transaction changed beside what it touched by oid. */
static void
find_changes(Plugin *plugin)
{
	Relations  *relations = plugin->relations;
	Transaction *transaction = &plugin->transaction;
	Oids		renamed = {0};

	versions_read(relations, &transaction->touched);
	/* By the names of before, since the schemas that it renamed are then read again. */
	if (relations->surveys == 0 || (relations->surveys == 1 && relations->overlaps))
		relations_survey(relations, &transaction->touched, transaction->touched_namespaces);
	relations->surveys = 2;
	if (transaction->touched_namespaces && namespaces_read(relations, false, &renamed))
	{
		tables_in_namespaces(&renamed, &transaction->touched);
		oids_order(&transaction->touched);
	}
	find_rows_astray(relations);
	if (!relations->options->leaves)
		for (int i = 0; i < transaction->touched.count; i++)
			leaf_look(relations, transaction->touched.at[i]);
}

/* Says what the transaction changed: what is gone first, then the rest, by oid. */
void
look_after(LogicalDecodingContext *ctx, Plugin *plugin)
{
	Relations  *relations = plugin->relations;
	MemoryContext before;
	Oids		subjects;

	if (relations->txn->ninvalidations == 0 && relations->concerns == NULL)
		return;
	before = MemoryContextSwitchTo(relations->transaction_context);
	find_changes(plugin);
	find_tables(plugin);
	subjects = find_subjects(plugin);
	for (int i = 0; i < subjects.count; i++)
	{
		Told	   *told = hash_search(relations->told, &subjects.at[i], HASH_FIND, NULL);

		if (told != NULL && !is_followed(plugin, told->root))
			tell_drop(plugin, told);
	}
	for (int i = 0; i < subjects.count; i++)
	{
		describe(plugin, subjects.at[i], tell_changes);
		if (plugin->lines.len >= BATCH_BYTES)
			send_lines(ctx, plugin, false);
	}
	MemoryContextSwitchTo(before);
}
