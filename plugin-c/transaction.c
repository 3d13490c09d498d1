/*
 * The lines of one transaction: begin, schema, commit, and their way out in
 * batches.
 */
#include "postgres.h"

#include "deltastream.h"

#include "access/transam.h"
#include "common/hashfn.h"
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

/* The xid with its epoch: the newest one that fits before the next xid. */
static uint64
full_xid(TransactionId xid)
{
	FullTransactionId next = ReadNextFullTransactionId();
	uint32		epoch = EpochFromFullTransactionId(next);

	if (xid > XidFromFullTransactionId(next))
		epoch--;
	return ((uint64) epoch << 32) | xid;
}

/* Writes the begin line before the first line of a transaction; one that has none stays unsaid. */
void
open_transaction(Plugin *plugin, ReorderBufferTXN *txn)
{
	Transaction *transaction = &plugin->transaction;
	int64		time = commit_time_of(txn) + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;

	if (transaction->begun)
		return;
	transaction->begun = true;
	transaction->xid = full_xid(txn->xid);
	transaction->xid_length = pg_ulltoa_n(transaction->xid, transaction->xid_text);
	transaction->xid_text[transaction->xid_length] = '\0';
	appendStringInfo(&plugin->lines, "_action\tbegin\t_xid\t%s\t_lsn\t%X/%X\t_ts\t" INT64_FORMAT "\n",
					 transaction->xid_text, LSN_FORMAT_ARGS(txn->final_lsn), time);
}

/* The commit line and all that is not sent yet. */
void
close_transaction(LogicalDecodingContext *ctx, Plugin *plugin, ReorderBufferTXN *txn)
{
	appendStringInfo(&plugin->lines, "_action\tcommit\t_xid\t%s\t_lsn\t%X/%X\t_rows\t" UINT64_FORMAT "\n",
					 plugin->transaction.xid_text, LSN_FORMAT_ARGS(txn->end_lsn), plugin->transaction.rows);
	send_lines(ctx, plugin, true);
}

/* The schema line: before a relation's first change and whenever its text differs from the last of its name. */
void
tell_schema(Plugin *plugin, RowPlan *plan)
{
	Told	   *told = plan->told;
	char		identity = identity_to_tell(plan);
	StringInfoData text;

	if (plan->said != 0 && plan->said == told->schemas)
		return;
	initStringInfo(&text);
	appendBinaryStringInfo(&text, plan->head, plan->head_length);
	append_schema(&text, plan, identity);
	if (told->schema == NULL || strcmp(told->schema, text.data) != 0 || !relations_bears_name(plugin->relations, told))
	{
		begin_line(plugin, plan, "\t_action\tschema");
		appendBinaryStringInfo(&plugin->lines, text.data + plan->head_length, text.len - plan->head_length);
		end_line(plugin);
		if (told->schema != NULL)
			pfree(told->schema);
		told->schema = MemoryContextStrdup(plugin->relations->context, text.data);
		told->identity = identity;
		relations_give_name(plugin->relations, told, hash_bytes((unsigned char *) plan->head, plan->head_length));
		told->schemas++;
	}
	plan->said = told->schemas;
}
