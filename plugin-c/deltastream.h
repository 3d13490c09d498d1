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
	char		xid_text[INT64_TEXT_BYTES];
	int			xid_length;
	uint64		rows;			/* insert, update and delete lines */
	uint64		schemas;		/* schema, create, drop, indexes and comments lines */
	List	   *reload;			/* oids of tables of which a copy has to follow, */
	List	   *offer;			/* and of those of which one is offered */
	Oids		touched;		/* what its catalog changes touched */
	bool		touched_namespaces;
	Oids		tables;			/* that were touched, or whose partitions or indexes were */
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
extern void open_transaction(Plugin *plugin);
extern void ask_reload(Plugin *plugin, Told *told);
extern void ask_offer(Plugin *plugin, Told *told);
extern void send_lines(LogicalDecodingContext *ctx, Plugin *plugin, bool last);
extern void close_transaction(LogicalDecodingContext *ctx, Plugin *plugin, ReorderBufferTXN *txn);

/* tell.c */
extern void tell_schema(Plugin *plugin, RowPlan *plan);
extern void tell_table(Plugin *plugin, RowPlan *plan, Relation relation, const Concern *concern);
extern void tell_drop(Plugin *plugin, Told *told);

/* touched.c */
extern void read_touched(Plugin *plugin);

/* look.c */
extern void look_before(Plugin *plugin);
extern void look_after(LogicalDecodingContext *ctx, Plugin *plugin);

/* control.c */
#define CONTROL_PREFIX "deltastream"
extern void hear_command(Relations *relations, const char *text, Size size);

/* message.c */
extern void write_message(Plugin *plugin, XLogRecPtr lsn, bool transactional,
						  const char *prefix, Size size, const char *content);

/* change.c */
extern int write_change(Plugin *plugin, RowPlan *plan, Relation relation, ReorderBufferChange *change);
extern int write_truncate(Plugin *plugin, RowPlan *plan, Relation relation, ReorderBufferChange *change);

/* recover.c */
extern void overlook(Plugin *plugin, RowPlan *plan);
extern void recover(Plugin *plugin, RowPlan *plan);

/* quarantine.c */
extern void tell_stale(Plugin *plugin, RowPlan *plan, const char *reason);
extern void quarantine_no_key(Plugin *plugin, RowPlan *plan, const char *action);
extern void quarantine_unlogged(Plugin *plugin, RowPlan *plan, const char *partition);
extern void quarantine_error(Plugin *plugin, RowPlan *plan, const char *message);

#endif
