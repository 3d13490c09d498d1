/*
 * What the log is told of a table besides its rows: its shape before its first
 * row and whenever that differs from what was said last, and, when a transaction
 * commits, what its schema changes made of it.
 */
#include "postgres.h"

#include "deltastream.h"

#include "catalog/pg_class.h"
#include "common/hashfn.h"
#include "utils/memutils.h"

#include "line.h"

/* A schema or create line. A table that goes by another name than before is offered to those who follow that one. */
static void
say_schema(Plugin *plugin, RowPlan *plan, const char *action, const char *text, char identity)
{
	Told	   *told = plan->told;

	begin_line(plugin, plan, action);
	appendStringInfoString(&plugin->lines, text + plan->head_length);
	end_line(plugin);
	plugin->transaction.schemas++;
	if (told->head != NULL && strcmp(told->head, plan->head) != 0)
		ask_offer(plugin, told);
	relations_keep(plugin->relations, &told->head, plan->head);
	relations_keep(plugin->relations, &told->schema, text);
	told->known = true;
	told->identity = identity;
	relations_give_name(plugin->relations, told, hash_bytes((const unsigned char *) plan->head, plan->head_length));
	told->schemas++;
}

/*
 * A table that the log has not spoken of. As long as no transaction of the session
 * changed the catalog, that is since nobody had to; after that, the table is new
 * here, made by this transaction or come under a followed name with its rows.
 */
static void
say_new(Plugin *plugin, RowPlan *plan, const char *text, char identity)
{
	Relations  *relations = plugin->relations;
	bool		is_new = relations->surveys > 0;
	Concern    *concern = relations_concern(relations, plan->root);
	bool		is_whole = is_new && plan->told->stale != relations->xid && concern->stale == NULL &&
		is_made_here(relations, plan->root) && !rows_came_otherwise(relations, plan->relid, plan->root);

	say_schema(plugin, plan, is_whole ? "\t_action\tcreate" : "\t_action\tschema", text, identity);
	if (is_new && !is_whole)
		tell_stale(plugin, plan, "it is newly followed, with the rows that it has");
}

/* The schema line: before a relation's first change and whenever its text differs from the last of its name. */
void
tell_schema(Plugin *plugin, RowPlan *plan)
{
	Told	   *told = plan->told;
	char		identity;
	char	   *text;

	if (plan->said != 0 && plan->said == told->schemas)
		return;
	identity = identity_to_tell(plugin->relations, plan);
	text = schema_text(plan, identity);
	if (!told->known)
		say_new(plugin, plan, text, identity);
	else if (told->schemas == 0 || told->schema == NULL || strcmp(told->schema, text) != 0 ||
			 !relations_bears_name(plugin->relations, told))
		say_schema(plugin, plan, "\t_action\tschema", text, identity);
	plan->said = told->schemas;
}

/* A line of a state, where it differs from the last; where nothing was said, one that is not empty. */
static void
tell_state(Plugin *plugin, RowPlan *plan, const char *action, char **said, const char *now, bool anew)
{
	if (anew || strcmp(*said == NULL ? "" : *said, now) != 0)
	{
		open_transaction(plugin);
		begin_line(plugin, plan, action);
		appendStringInfo(&plugin->lines, "\t_oid\t%u%s", plan->root, now);
		end_line(plugin);
		plugin->transaction.schemas++;
	}
	relations_keep(plugin->relations, said, now);
}

/* Nothing is said of what an unlogged table becomes, but that it is one. */
static void
tell_unlogged(Plugin *plugin, RowPlan *plan)
{
	Told	   *told = plan->told;

	if (!told->known)
	{
		told->mute = true;
		relations_keep(plugin->relations, &told->head, plan->head);
	}
	else if (!told->unlogged)
	{
		open_transaction(plugin);
		quarantine_unlogged(plugin, plan, NULL);
	}
	told->known = told->unlogged = true;
}

/* Rows that print otherwise now, though nothing wrote them. */
static void
tell_types(Plugin *plugin, RowPlan *plan, bool was_known)
{
	Told	   *told = plan->told;
	char	   *column = was_known && told->types != NULL ? retyped_column(plan, told->types) : NULL;

	if (column != NULL)
	{
		open_transaction(plugin);
		tell_stale(plugin, plan, psprintf("column %s got another type, which may print its rows otherwise", column));
	}
	relations_keep(plugin->relations, &told->types, types_text(plan));
}

/* What the log lacks of the table's rows, and what somebody asked for. */
static void
tell_concern(Plugin *plugin, RowPlan *plan, const Concern *concern, bool was_unlogged)
{
	const char *hole = unlogged_leaf(plugin->relations, plan->root);

	if (hole != NULL && (concern->unlogged || concern->stale != NULL || concern->reload || concern->offer))
	{
		open_transaction(plugin);
		quarantine_unlogged(plugin, plan, hole);
	}
	else if (concern->stale != NULL || was_unlogged)
	{
		open_transaction(plugin);
		tell_stale(plugin, plan, concern->stale != NULL ? concern->stale : "it was unlogged for a while");
	}
	else if (concern->reload)
		ask_reload(plugin, plan->told);
	else if (concern->offer)
		ask_offer(plugin, plan->told);
}

/*
 * What differs in the catalog from what the log was last told of a table, which is
 * followed. Who asks for a look has seen what touches nothing, such as a comment,
 * and maybe long ago: what this session has only noted is then said.
 */
void
tell_table(Plugin *plugin, RowPlan *plan, Relation relation, const Concern *concern)
{
	Told	   *told = plan->told;
	bool		was_known = told->known && !told->mute;
	bool		was_unlogged = was_known && told->unlogged;
	bool		asked = was_known && concern->look && (told->noted || told->indexes == NULL);
	bool		anew = asked || (was_known && plugin->relations->overlaps && told->indexes == NULL);
	char		identity;
	char	   *text;
	char	   *indexes;
	char	   *comments;

	if (relation->rd_rel->relkind == RELKIND_RELATION && relation->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED)
	{
		tell_unlogged(plugin, plan);
		return;
	}
	if (!plan->complete)
		plan_complete(plugin->relations, plan, relation);
	told->known = was_known;
	told->unlogged = told->mute = false;
	told->noted = told->noted && !asked;
	identity = identity_to_tell(plugin->relations, plan);
	/* All of it first: nothing may fail between the lines. */
	text = schema_text(plan, identity);
	indexes = indexes_text(plan, relation);
	comments = comments_text(plan, relation);
	told->undescribed = false;
	if (asked || !told->known || told->schema == NULL || strcmp(told->schema, text) != 0)
	{
		open_transaction(plugin);
		if (told->known)
			say_schema(plugin, plan, "\t_action\tschema", text, identity);
		else
			say_new(plugin, plan, text, identity);
	}
	tell_state(plugin, plan, "\t_action\tindexes", &told->indexes, indexes, anew);
	tell_state(plugin, plan, "\t_action\tcomments", &told->comments, comments, anew);
	tell_types(plugin, plan, was_known);
	tell_concern(plugin, plan, concern, was_unlogged);
}

/* The log has nothing more of the table. */
void
tell_drop(Plugin *plugin, Told *told)
{
	if (told->known && !told->mute)
	{
		open_transaction(plugin);
		appendStringInfo(&plugin->lines, "%s%s\t_action\tdrop\t_oid\t%u\n", told->head, plugin->transaction.xid_text, told->root);
		plugin->transaction.schemas++;
	}
	relations_forget(plugin->relations, told);
}
