/*
 * Building a plan: names and columns of a relation, read from the catalog as it
 * was when the change was made.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "compat.h"
#include "direct.h"
#include "line.h"
#include "relation.h"

/* The root of a partition; the plan hears of changes to it and to what is between. */
static void
find_root(Relations *relations, RowPlan *plan, Oid leaf)
{
	List	   *ancestors = get_partition_ancestors(leaf);
	int			count = list_length(ancestors);
	Oid		   *others = palloc(sizeof(Oid) * count);

	for (int i = 0; i < count; i++)
		others[i] = plan->root = list_nth_oid(ancestors, i);
	relations_link(relations, plan, others, count);
}

/* The name of a table as its lines begin, up to the xid; always writable, so that a quarantine line is. */
char *
table_head(const char *schema, const char *table)
{
	StringInfoData head;

	initStringInfo(&head);
	if (strcmp(schema, "public") != 0)
	{
		append_literal(&head, "_schema\t");
		append_readable(&head, schema, strlen(schema));
		append_literal(&head, "\t");
	}
	append_literal(&head, "_table\t");
	append_readable(&head, table, strlen(table));
	append_literal(&head, "\t_xid\t");
	return fitted(&head);
}

/*
 * Whether the relation is followed, and the head of its lines. Partitions go by
 * the name of their root, in the log as in the option `tables`, unless the option
 * `partitions` says that each goes by its own: then it is a table like any other,
 * and what it is a partition of, which has no rows, is none.
 *
 * A command that rewrites a table puts its rows into a transient relation, an
 * ordinary table whatever is rewritten. That one goes by what it is made for.
 *
 * Not followed are the tables that initdb makes, such as those of
 * information_schema, and materialized views: a refresh writes their rows anew,
 * and whoever has the tables can ask the view's query.
 */
void
plan_names(Relations *relations, RowPlan *plan, Relation relation)
{
	Oid			rewritten = relation->rd_rel->relrewrite;
	Oid			subject = OidIsValid(rewritten) ? rewritten : plan->relid;
	char		kind = get_rel_relkind(subject);
	const Options *options = relations->options;
	MemoryContext before;
	char	   *schema;
	char	   *table;

	if (subject < FirstNormalObjectId ||
		(kind != RELKIND_RELATION && (kind != RELKIND_PARTITIONED_TABLE || options->leaves)))
		return;
	before = MemoryContextSwitchTo(plan->context);
	plan->rewrite = OidIsValid(rewritten);
	plan->root = subject;
	if (get_rel_relispartition(subject) && !options->leaves)
		find_root(relations, plan, subject);
	else if (plan->rewrite)
		relations_link(relations, plan, &subject, 1);
	relations_note_namespace(relations, get_rel_namespace(plan->root));
	relations_note_namespace(relations, get_rel_namespace(subject));
	schema = get_namespace_name(get_rel_namespace(plan->root));
	table = get_rel_name(plan->root);
	if (schema == NULL || table == NULL)
		elog(ERROR, "cache lookup failed for relation %u", plan->root);
	plan->followed = options_follow_table(options, schema, table);
	if (plan->followed)
	{
		plan->head = table_head(schema, table);
		plan->head_length = strlen(plan->head);
		plan->name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(subject)), get_rel_name(subject));
	}
	MemoryContextSwitchTo(before);
}

/* Types whose output needs no function call; every other one has its own. */
static ValueKind
kind_of(Oid type)
{
	Oid			base = getBaseType(type);

	switch (base)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case JSONOID:
			return VALUE_TEXT;
		default:
			return direct_kind(base);
	}
}

static void
plan_column(RowPlan *plan, Column *column, Form_pg_attribute attribute, AttrNumber number)
{
	StringInfoData key;
	Oid			function;
	bool		is_varlena;

	column->attribute = attribute->attnum - 1;
	column->number = number;
	column->type = attribute->atttypid;
	column->by_value = attribute->attbyval;
	column->length = attribute->attlen;
	column->kind = kind_of(attribute->atttypid);
	getTypeOutputInfo(attribute->atttypid, &function, &is_varlena);
	fmgr_info_cxt(function, &column->output, plan->context);
	initStringInfo(&key);
	append_literal(&key, "\t");
	append_column_name(&key, NameStr(attribute->attname));
	append_literal(&key, "\t");
	column->key_length = key.len;
	column->key = fitted(&key);
}

/* The columns that lines have, in the root's order, found in the leaf by name. */
static void
plan_columns(Relations *relations, RowPlan *plan, Relation relation, TupleDesc root)
{
	TupleDesc	leaf = RelationGetDescr(relation);

	plan->columns = palloc0(sizeof(Column) * Max(root->natts, 1));
	plan->whole = palloc(sizeof(int) * Max(root->natts, 1));
	for (int i = 0; i < root->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(root, i);
		AttrNumber	number = attribute->attnum;

		if (attribute->attisdropped || is_virtual(attribute))
			continue;
		if (plan->root != plan->relid)
			number = get_attnum(plan->relid, NameStr(attribute->attname));
		if (number == InvalidAttrNumber)
			elog(ERROR, "a partition has no column \"%s\"", NameStr(attribute->attname));
		plan->whole[plan->column_count] = plan->column_count;
		relations_note_type(relations, attribute->atttypid);
		plan_column(plan, &plan->columns[plan->column_count++], TupleDescAttr(leaf, number - 1), attribute->attnum);
	}
}

/* Fails where the head of the lines has but a stand-in for the name, which other tables may share or even bear. */
static void
check_name(const char *name)
{
	Size		length = strlen(name);

	(void) to_utf8(name, &length);
}

/* What tells a partitioned table from an ordinary one, and a partition that goes by its own name. */
static const char *
kind_pair(const Options *options, Relation root)
{
	if (root->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		return "\t_kind\tpartitioned";
	return options->leaves && root->rd_rel->relispartition ? "\t_kind\tleaf" : "";
}

/*
 * Columns, key and shape; the shape, which partitions share, goes to a context of the session.
 * When this fails, the plan and its shape must be marked invalid: they are
 * rebuilt from the beginning.
 */
void
plan_complete(Relations *relations, RowPlan *plan, Relation relation)
{
	MemoryContext before = MemoryContextSwitchTo(plan->context);
	bool		is_partition = plan->root != plan->relid;
	Relation	root = is_partition ? RelationIdGetRelation(plan->root) : relation;

	if (!RelationIsValid(root))
		elog(ERROR, "could not open relation with OID %u", plan->root);
	check_name(get_namespace_name(RelationGetNamespace(root)));
	check_name(RelationGetRelationName(root));
	plan->identity = relation->rd_rel->relreplident;
	plan->kind = kind_pair(relations->options, root);
	plan_columns(relations, plan, relation, RelationGetDescr(root));
	plan_key(plan, relation, root);
	read_shape(relations, plan, root);
	if (is_partition)
		RelationClose(root);

	plan->width = RelationGetDescr(relation)->natts;
	plan->old_values = palloc(sizeof(Datum) * Max(plan->width, 1));
	plan->new_values = palloc(sizeof(Datum) * Max(plan->width, 1));
	plan->old_nulls = palloc(sizeof(bool) * Max(plan->width, 1));
	plan->new_nulls = palloc(sizeof(bool) * Max(plan->width, 1));
	plan->complete = true;
	MemoryContextSwitchTo(before);
}
