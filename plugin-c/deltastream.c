/*
 * The output plugin: the callbacks of a decoding session in the order of their
 * life. What the lines look like is docs/format.md, section 3, all but the
 * position and the crc, which are given where the log is written.
 */
#include "postgres.h"

#include "deltastream.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "replication/snapbuild.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "compat.h"
#include "line.h"
#include "settings.h"

PG_MODULE_MAGIC;

/* What is not sent yet must fit into one message; the server keeps a little more in the same buffer. */
#define UNSENT_LIMIT_BYTES (MaxAllocSize - 64 * 1024)

/* Escaped, or as digits, a message's content can be twice as long. */
#define CONTENT_LIMIT_BYTES ((UNSENT_LIMIT_BYTES - 2 * BATCH_BYTES) / 2)

extern PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);

static void
on_startup(LogicalDecodingContext *ctx, OutputPluginOptions *output, bool is_init)
{
	MemoryContext context = AllocSetContextCreate(ctx->context, "deltastream", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	Plugin	   *plugin = palloc0(sizeof(Plugin));

	plugin->context = context;
	plugin->change_context = AllocSetContextCreate(context, "deltastream change", ALLOCSET_DEFAULT_SIZES);
	options_parse(&plugin->options, ctx->output_plugin_options);
	plugin->relations = relations_open(context, &plugin->options);
	initStringInfo(&plugin->lines);
	output->output_type = OUTPUT_PLUGIN_TEXTUAL_OUTPUT;
	output->receive_rewrites = true;
	if (!is_init)
		plugin->settings_level = settings_pin();
	ctx->output_plugin_private = plugin;
	MemoryContextSwitchTo(before);
}

static void
on_begin(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
	Plugin	   *plugin = ctx->output_plugin_private;

	resetStringInfo(&plugin->lines);
	memset(&plugin->transaction, 0, sizeof(Transaction));
	relations_begin(plugin->relations, txn, SnapBuildXactNeedsSkip(ctx->snapshot_builder, txn->first_lsn));
	look_before(plugin);
}

/* Reports progress inside a transaction where the server does not. */
static void
report_progress(LogicalDecodingContext *ctx, Plugin *plugin)
{
	if (PROGRESS_EVERY_CHANGES == 0 || ++plugin->unreported < PROGRESS_EVERY_CHANGES)
		return;
	plugin->unreported = 0;
	update_progress(ctx, false);
}

/* What writes the lines of one change of one relation; it gives the number of row lines. */
typedef int (*Writer) (Plugin *plugin, RowPlan *plan, Relation relation, ReorderBufferChange *change);

/* The lines of a change and what must stand before them. */
static void
write_lines(Plugin *plugin, RowPlan *plan, Relation relation, ReorderBufferChange *change, Writer write)
{
	int			rows;

	if (plan->rewrite)
	{
		/* Said once; the other rows, and what the transaction does to the table later, are left out. */
		plan->told->broken = plugin->relations->xid;
		tell_stale(plugin, plan, psprintf("ALTER TABLE rewrote the rows of %s", plan->name));
		return;
	}
	if (plan->told->broken == plugin->relations->xid)
		return;
	if (!plan->complete)
		plan_complete(plugin->relations, plan, relation);
	tell_schema(plugin, plan);
	plugin->change_start = plugin->lines.len;
	rows = write(plugin, plan, relation, change);
	if (plugin->lines.len > UNSENT_LIMIT_BYTES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("its line would be longer than 1 GB")));
	plugin->transaction.rows += rows;
}

static void
write_guarded(Plugin *plugin, Relation relation, ReorderBufferChange *change, Writer write)
{
	ResourceOwner owner = CurrentResourceOwner;
	RowPlan    *volatile plan = NULL;

	PG_TRY();
	{
		plan = relations_plan(plugin->relations, relation);
		if (!plan->rewrite)
			relations_note_rows(plugin->relations, plan);
		if (plan->followed)
		{
			open_transaction(plugin);
			plugin->change_start = plugin->lines.len;
			write_lines(plugin, plan, relation, change, write);
		}
	}
	PG_CATCH();
	{
		CurrentResourceOwner = owner;
		recover(plugin, plan);
	}
	PG_END_TRY();
}

/* One relation's change in the change context, sent when it fills a batch. */
static void
write_and_send(LogicalDecodingContext *ctx, Relation relation, ReorderBufferChange *change, Writer write)
{
	Plugin	   *plugin = ctx->output_plugin_private;
	MemoryContext before = MemoryContextSwitchTo(plugin->change_context);

	write_guarded(plugin, relation, change, write);
	MemoryContextSwitchTo(before);
	MemoryContextReset(plugin->change_context);
	if (plugin->lines.len >= BATCH_BYTES)
		send_lines(ctx, plugin, false);
	report_progress(ctx, plugin);
}

static void
on_change(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation relation, ReorderBufferChange *change)
{
	write_and_send(ctx, relation, change, write_change);
}

static void
on_truncate(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, int count, Relation relations[], ReorderBufferChange *change)
{
	for (int i = 0; i < count; i++)
		write_and_send(ctx, relations[i], change, write_truncate);
}

static void
on_message(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr lsn, bool transactional,
		   const char *prefix, Size size, const char *content)
{
	Plugin	   *plugin = ctx->output_plugin_private;

	if (transactional && strcmp(prefix, CONTROL_PREFIX) == 0)
		hear_command(plugin->relations, content, size);
	if (!options_follow_message(&plugin->options, prefix))
		return;
	if (size > CONTENT_LIMIT_BYTES)
	{
		ereport(WARNING, (errmsg("the message at %X/%X is left out: it has %zu bytes", LSN_FORMAT_ARGS(lsn), size)));
		return;
	}
	if (transactional)
		open_transaction(plugin);
	write_message(plugin, lsn, transactional, prefix, size, content);
	if (!transactional || plugin->lines.len >= BATCH_BYTES)
		send_lines(ctx, plugin, !transactional);
}

/* A transaction that wrote nothing is not mentioned; the slot passes it all the same. */
static void
on_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr lsn)
{
	Plugin	   *plugin = ctx->output_plugin_private;

	look_after(ctx, plugin);
	update_progress(ctx, !plugin->transaction.begun);
	if (plugin->transaction.begun)
		close_transaction(ctx, plugin, txn);
	relations_sweep(plugin->relations);
}

static void
on_shutdown(LogicalDecodingContext *ctx)
{
	Plugin	   *plugin = ctx->output_plugin_private;

	settings_restore(plugin->settings_level);
	MemoryContextDelete(plugin->context);
}

/*
 * No callbacks for streaming and none for two-phase commit: a transaction comes
 * when it is committed, whole, and a prepared one at COMMIT PREPARED.
 */
void
_PG_output_plugin_init(OutputPluginCallbacks *callbacks)
{
	callbacks->startup_cb = on_startup;
	callbacks->begin_cb = on_begin;
	callbacks->change_cb = on_change;
	callbacks->truncate_cb = on_truncate;
	callbacks->message_cb = on_message;
	callbacks->commit_cb = on_commit;
	callbacks->shutdown_cb = on_shutdown;
}
