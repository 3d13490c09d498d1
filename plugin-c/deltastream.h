/*
 * The state of one decoding session.
 */
#ifndef DELTASTREAM_H
#define DELTASTREAM_H

#include "lib/stringinfo.h"
#include "replication/logical.h"

#include "line.h"
#include "options.h"
#include "relation.h"

typedef struct Transaction
{
	bool		begun;			/* its begin line is written */
	uint64		xid;
	char		xid_text[INT64_TEXT_BYTES];
	int			xid_length;
	uint64		rows;			/* insert, update and delete lines */
} Transaction;

typedef struct Plugin
{
	MemoryContext context;		/* lives as long as the session */
	MemoryContext change_context;	/* reset before each change */
	Options		options;
	Relations  *relations;
	StringInfoData lines;		/* whole lines that are not sent yet, each with its LF */
	int			change_start;	/* where in lines those of the current change begin */
	Transaction transaction;
	int			settings_level;
	int			unreported;		/* changes since progress was reported */
} Plugin;

/* Lines go out in messages of about this size. */
#define BATCH_BYTES (32 * 1024)

/* transaction.c */
extern void begin_line(Plugin *plugin, const RowPlan *plan, const char *action);
extern void end_line(Plugin *plugin);
extern void open_transaction(Plugin *plugin, ReorderBufferTXN *txn);
extern void tell_schema(Plugin *plugin, RowPlan *plan);
extern void send_lines(LogicalDecodingContext *ctx, Plugin *plugin, bool last);
extern void close_transaction(LogicalDecodingContext *ctx, Plugin *plugin, ReorderBufferTXN *txn);

/* message.c */
extern void write_message(Plugin *plugin, XLogRecPtr lsn, bool transactional,
						  const char *prefix, Size size, const char *content);

/* change.c */
extern int write_change(Plugin *plugin, RowPlan *plan, Relation relation, ReorderBufferChange *change);

/* quarantine.c */
extern void quarantine_no_key(Plugin *plugin, RowPlan *plan, const char *action);
extern void quarantine_partial_truncate(Plugin *plugin, RowPlan *plan);
extern void quarantine_rewrite(Plugin *plugin, RowPlan *plan);
extern void quarantine_error(Plugin *plugin, RowPlan *plan, const char *message);
extern bool is_data_error(int code);

#endif
