/*
 * The lines around one transaction: begin, commit, and their way out in batches.
 */
#include "postgres.h"

#include "deltastream.h"

#include "datatype/timestamp.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "line.h"

/* A buffer that one huge line has made larger than this is given back. */
#define BUFFER_KEPT_BYTES (1024 * 1024)

static void
give_back(StringInfo buffer)
{
	if (buffer->maxlen <= BUFFER_KEPT_BYTES)
		return;
	resetStringInfo(buffer);
	buffer->data = repalloc(buffer->data, BATCH_BYTES);
	buffer->maxlen = BATCH_BYTES;
}

/* Sends all unsent lines as one message, without the last LF: the receiver adds one. */
void
send_lines(LogicalDecodingContext *ctx, Plugin *plugin, bool last)
{
	OutputPluginPrepareWrite(ctx, last);
	appendBinaryStringInfo(ctx->out, plugin->lines.data, plugin->lines.len - 1);
	OutputPluginWrite(ctx, last);
	resetStringInfo(&plugin->lines);
	give_back(&plugin->lines);
	give_back(ctx->out);
}

void
begin_line(Plugin *plugin, const RowPlan *plan, const char *action)
{
	appendBinaryStringInfo(&plugin->lines, plan->head, plan->head_length);
	appendBinaryStringInfo(&plugin->lines, plugin->transaction.xid_text, plugin->transaction.xid_length);
	appendStringInfoString(&plugin->lines, action);
}

void
end_line(Plugin *plugin)
{
	appendStringInfoCharMacro(&plugin->lines, '\n');
}

/* Writes the begin line before the first line of a transaction; one that has none stays unsaid. */
void
open_transaction(Plugin *plugin)
{
	Transaction *transaction = &plugin->transaction;
	const ReorderBufferTXN *txn = plugin->relations->txn;
	int64		time;

	if (transaction->begun)
		return;
	transaction->begun = true;
	time = commit_time_of(txn) + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	transaction->xid_length = pg_ulltoa_n(plugin->relations->xid, transaction->xid_text);
	transaction->xid_text[transaction->xid_length] = '\0';
	appendStringInfo(&plugin->lines, "_action\tbegin\t_xid\t%s\t_lsn\t%X/%X\t_ts\t" INT64_FORMAT "\n",
					 transaction->xid_text, LSN_FORMAT_ARGS(txn->final_lsn), time);
}

static void
ask(Plugin *plugin, List **list, const Told *told, uint64 *asked_in)
{
	MemoryContext before;

	if (*asked_in == plugin->relations->xid)
		return;
	*asked_in = plugin->relations->xid;
	open_transaction(plugin);
	before = MemoryContextSwitchTo(plugin->relations->transaction_context);
	*list = lappend_oid(*list, told->root);
	MemoryContextSwitchTo(before);
}

/* The commit line says that a copy of the table has to follow. */
void
ask_reload(Plugin *plugin, Told *told)
{
	ask(plugin, &plugin->transaction.reload, told, &told->reload);
}

/* The commit line says that a copy of the table is to be offered to those that lack it. */
void
ask_offer(Plugin *plugin, Told *told)
{
	ask(plugin, &plugin->transaction.offer, told, &told->offer);
}

/*
 * The pair that names the tables, less those that the transaction has dropped
 * after all, or that are named by a pair that counts for more.
 */
static void
append_asked(Plugin *plugin, const char *key, const List *asked, const List *above)
{
	const char *between = key;
	ListCell   *cell;

	foreach(cell, asked)
	{
		Told	   *told = hash_search(plugin->relations->told, &lfirst_oid(cell), HASH_FIND, NULL);

		if (told == NULL || !told->known || (above != NIL && told->reload == plugin->relations->xid))
			continue;
		appendStringInfo(&plugin->lines, "%s%u", between, told->root);
		between = ",";
	}
}

/* The commit line and all that is not sent yet. */
void
close_transaction(LogicalDecodingContext *ctx, Plugin *plugin, ReorderBufferTXN *txn)
{
	appendStringInfo(&plugin->lines, "_action\tcommit\t_xid\t%s\t_lsn\t%X/%X\t_rows\t" UINT64_FORMAT,
					 plugin->transaction.xid_text, LSN_FORMAT_ARGS(txn->end_lsn), plugin->transaction.rows);
	if (plugin->transaction.schemas > 0)
		appendStringInfo(&plugin->lines, "\t_schemas\t" UINT64_FORMAT, plugin->transaction.schemas);
	append_asked(plugin, "\t_reload\t", plugin->transaction.reload, NIL);
	append_asked(plugin, "\t_offer\t", plugin->transaction.offer, plugin->transaction.reload);
	end_line(plugin);
	send_lines(ctx, plugin, true);
}
