/*
 * Rows that the log does not tell: what a copy mends (stale), and what cannot be
 * mirrored without something typed (quarantine), each one line per table and
 * transaction. See docs/format.md, "Rows that changed without a record" and
 * "What cannot be mirrored".
 */
#include "postgres.h"

#include "deltastream.h"

#include "mb/pg_wchar.h"

#include "line.h"

#define REASON_LIMIT_BYTES 1000

static void
append_safely(StringInfo out, const char *text)
{
	append_readable(out, text, pg_mbcliplen(text, strlen(text), REASON_LIMIT_BYTES));
}

static void
quarantine(Plugin *plugin, RowPlan *plan, const char *reason, const char *cure)
{
	if (plan->told->quarantined == plugin->relations->xid)
		return;
	plan->told->quarantined = plugin->relations->xid;
	begin_line(plugin, plan, "\t_action\tquarantine\t_reason\t");
	append_safely(&plugin->lines, reason);
	append_literal(&plugin->lines, "\t_cure\t");
	append_safely(&plugin->lines, cure);
	end_line(plugin);
}

/* An update or delete whose old row a reader could not find. */
void
quarantine_no_key(Plugin *plugin, RowPlan *plan, const char *action)
{
	const char *why = plan->no_key_reason != NULL ? plan->no_key_reason : "the server logged no old row";

	quarantine(plugin, plan,
			   psprintf("%s without an old key: %s has no usable replica identity (%s)", action, plan->name, why),
			   psprintf("ALTER TABLE %s REPLICA IDENTITY FULL", plan->name));
}

/* SET UNLOGGED, of the table or of a partition that goes by its name. */
void
quarantine_unlogged(Plugin *plugin, RowPlan *plan, const char *partition)
{
	quarantine(plugin, plan,
			   partition == NULL ? "it is unlogged: its changes are not in the WAL" :
			   psprintf("its partition %s is unlogged: its changes are not in the WAL", partition),
			   psprintf("ALTER TABLE %s SET LOGGED", partition == NULL ? plan->name : partition));
}

/*
 * From here on the log does not tell the table's rows, until a copy does. Of a
 * partition that is unlogged not even a copy would tell them for long; whether
 * it still is when the transaction commits is then looked at once more.
 */
void
tell_stale(Plugin *plugin, RowPlan *plan, const char *reason)
{
	Told	   *told = plan->told;
	const char *hole;

	if (told->stale == plugin->relations->xid)
		return;
	if ((hole = unlogged_leaf(plugin->relations, plan->root)) != NULL)
	{
		quarantine_unlogged(plugin, plan, hole);
		return;
	}
	told->stale = plugin->relations->xid;
	ask_reload(plugin, told);
	begin_line(plugin, plan, "\t_action\tstale");
	appendStringInfo(&plugin->lines, "\t_oid\t%u\t_reason\t", plan->root);
	append_safely(&plugin->lines, reason);
	end_line(plugin);
}

/* A row that Postgres cannot print, or a table that cannot be described. */
void
quarantine_error(Plugin *plugin, RowPlan *plan, const char *message)
{
	quarantine(plugin, plan,
			   psprintf("a row of %s cannot be written: %s", plan->name, message),
			   psprintf("mend the row in %s", plan->name));
}
