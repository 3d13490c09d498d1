/*
 * One change as lines. The decision which old values a reader gets is made in
 * one place per action.
 */
#include "postgres.h"

#include "deltastream.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"

#include "compat.h"
#include "line.h"
#include "value.h"

/* What a reader can find the old row by. */
typedef enum OldRow
{
	OLD_NONE,					/* nothing: the row cannot be found */
	OLD_UNCHANGED,				/* the key, which the new row has too */
	OLD_KEY,					/* the key's columns of the old row */
	OLD_WHOLE					/* the whole old row */
} OldRow;

/*
 * For an update:
 *
 *   key    identity   old row in the WAL   key differs
 *   yes    any        no                   no            OLD_UNCHANGED
 *   yes    any        yes                  no            OLD_UNCHANGED
 *   yes    any        yes                  yes           OLD_KEY
 *   no     full       yes                  -             OLD_WHOLE
 *   no     full       no                   -             OLD_NONE
 *   no     other      -                    -             OLD_NONE
 *
 * A key that old rows do not hold, as a partition's may not, counts as none.
 *
 * Without an old row the server says that no key column changed. It logs the old
 * key also when a key value is stored out of line, and the whole old row under
 * FULL, so an old row does not mean that the key changed. A key is never guessed
 * from the new row.
 */
static OldRow
old_row_of_update(RowPlan *plan, HeapTuple old)
{
	if (plan->key_in_old)
		return old != NULL && key_changed(plan) ? OLD_KEY : OLD_UNCHANGED;
	return plan->identity == REPLICA_IDENTITY_FULL && old != NULL ? OLD_WHOLE : OLD_NONE;
}

/* For a delete the same, but that it is nothing without an old row. */
static OldRow
old_row_of_delete(RowPlan *plan, HeapTuple old)
{
	if (old == NULL)
		return OLD_NONE;
	if (plan->key_in_old)
		return OLD_KEY;
	return plan->identity == REPLICA_IDENTITY_FULL ? OLD_WHOLE : OLD_NONE;
}

static void
write_old(Plugin *plugin, RowPlan *plan, const char *action, OldRow old)
{
	begin_line(plugin, plan, action);
	if (old == OLD_KEY)
		append_old(&plugin->lines, plan, plan->key, plan->key_count);
	else
		append_old(&plugin->lines, plan, plan->whole, plan->column_count);
	end_line(plugin);
}

static int
write_insert(Plugin *plugin, RowPlan *plan)
{
	begin_line(plugin, plan, "\t_action\tinsert");
	append_inserted(&plugin->lines, plan);
	end_line(plugin);
	return 1;
}

static int
write_update(Plugin *plugin, RowPlan *plan, HeapTuple old)
{
	OldRow		row = old_row_of_update(plan, old);

	if (row == OLD_NONE)
	{
		quarantine_no_key(plugin, plan, "update");
		return 0;
	}
	if (row != OLD_UNCHANGED)
		write_old(plugin, plan, "\t_action\treplace", row);
	begin_line(plugin, plan, "\t_action\tupdate");
	append_updated(&plugin->lines, plan, old != NULL);
	end_line(plugin);
	return 1;
}

static int
write_delete(Plugin *plugin, RowPlan *plan, HeapTuple old)
{
	OldRow		row = old_row_of_delete(plan, old);

	if (row == OLD_NONE)
	{
		quarantine_no_key(plugin, plan, "delete");
		return 0;
	}
	write_old(plugin, plan, "\t_action\tdelete", row);
	return 1;
}

/* Writes the lines of a change; gives the number of insert, update and delete lines. */
int
write_change(Plugin *plugin, RowPlan *plan, Relation relation, ReorderBufferChange *change)
{
	TupleDesc	shape = RelationGetDescr(relation);
	HeapTuple	old = change_tuple(change->data.tp.oldtuple);
	HeapTuple	new = change_tuple(change->data.tp.newtuple);

	if (shape->natts != plan->width)
		elog(ERROR, "a relation changed its shape behind an unchanged plan");
	if (old != NULL)
		heap_deform_tuple(old, shape, plan->old_values, plan->old_nulls);
	if (new != NULL)
		heap_deform_tuple(new, shape, plan->new_values, plan->new_nulls);
	else if (change->action != REORDER_BUFFER_CHANGE_DELETE)
		elog(ERROR, "a change came without its new row");
	switch (change->action)
	{
		case REORDER_BUFFER_CHANGE_INSERT:
			return write_insert(plugin, plan);
		case REORDER_BUFFER_CHANGE_UPDATE:
			return write_update(plugin, plan, old);
		case REORDER_BUFFER_CHANGE_DELETE:
			return write_delete(plugin, plan, old);
		default:
			elog(ERROR, "unexpected change %d", (int) change->action);
	}
	return 0;
}

/*
 * A truncate of a partitioned table names the table and all its partitions: the
 * root's line says it all. Partitions without their root leave rows that go by
 * the root's name, and which ones those are the log does not tell.
 */
int
write_truncate(Plugin *plugin, RowPlan *plan, Relation relation, ReorderBufferChange *change)
{
	bool		cascade = change->data.truncate.cascade;
	bool		restart = change->data.truncate.restart_seqs;

	if (plan->root != plan->relid)
	{
		for (Size i = 0; i < change->data.truncate.nrelids; i++)
			if (change->data.truncate.relids[i] == plan->root)
				return 0;
		tell_stale(plugin, plan, psprintf("truncate of one partition: %s", plan->name));
		return 0;
	}
	begin_line(plugin, plan, "\t_action\ttruncate");
	if (cascade || restart)
		appendStringInfo(&plugin->lines, "\t_options\t%s", !restart ? "cascade" : cascade ? "cascade,restart" : "restart");
	end_line(plugin);
	return 0;
}
