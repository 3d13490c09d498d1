/*
 * What cannot be mirrored: one line per table and transaction that says why and
 * what to type. See docs/format.md, "What cannot be mirrored".
 */
#include "postgres.h"

#include "deltastream.h"

#include "mb/pg_wchar.h"

#include "line.h"

#define REASON_LIMIT_BYTES 1000

static void
append_safely(StringInfo out, const char *text)
{
	Size		length = pg_mbcliplen(text, strlen(text), REASON_LIMIT_BYTES);
	const char *utf8 = to_utf8_or_ascii(text, &length);

	append_escaped(out, utf8, length);
}

static void
quarantine(Plugin *plugin, RowPlan *plan, const char *reason, const char *cure)
{
	if (plan->told->quarantined == plugin->transaction.xid)
		return;
	plan->told->quarantined = plugin->transaction.xid;
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

/* A truncate of some partitions: the log knows their rows under the root's name only. */
void
quarantine_partial_truncate(Plugin *plugin, RowPlan *plan)
{
	quarantine(plugin, plan,
			   psprintf("truncate of one partition: %s", plan->name),
			   "next time DELETE the rows of the partition, or TRUNCATE the whole table");
}

/* ALTER TABLE changed rows without a word in the WAL of which was which. Nothing is to be mended in Postgres. */
void
quarantine_rewrite(Plugin *plugin, RowPlan *plan)
{
	quarantine(plugin, plan, psprintf("ALTER TABLE rewrote the rows of %s", plan->name), "");
}

/* A row that Postgres cannot print, or a table that cannot be described. */
void
quarantine_error(Plugin *plugin, RowPlan *plan, const char *message)
{
	quarantine(plugin, plan,
			   psprintf("a row of %s cannot be written: %s", plan->name, message),
			   psprintf("mend the row in %s", plan->name));
}

/*
 * True for errors that come from what is decoded, which would come again at
 * every try. Not so: a lack of resources (53), somebody's intervention (57), the
 * operating system (58), a rollback (40): those are reported and tried again.
 */
bool
is_data_error(int code)
{
	switch (ERRCODE_TO_CATEGORY(code))
	{
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_TRANSACTION_ROLLBACK:
			return false;
		default:
			return true;
	}
}
