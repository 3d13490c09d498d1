/*
 * What we know of each relation: how its rows are written (the plan), and what
 * was last said of it in the log. Plans are built once and dropped when a
 * catalog change may have made them wrong.
 */
#ifndef DELTASTREAM_RELATION_H
#define DELTASTREAM_RELATION_H

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/hsearch.h"
#include "utils/rel.h"

#include "options.h"

/* How a column's value becomes text. */
typedef enum ValueKind
{
	VALUE_BY_FUNCTION,			/* by the output function of its type */
	VALUE_INT2,
	VALUE_INT4,
	VALUE_INT8,
	VALUE_BOOL,
	VALUE_TEXT					/* the bytes of the value are its text */
} ValueKind;

typedef struct Column
{
	int			attribute;		/* its index in the tuples of the relation that changed */
	AttrNumber	number;			/* its attribute number in the root */
	bool		in_key;
	bool		by_value;
	int16		length;			/* as in pg_type.typlen */
	ValueKind	kind;
	FmgrInfo	output;
	char	   *key;			/* TAB name TAB, as the line has it */
	int			key_length;
} Column;

/* What the log was last told of a table; a partition's under its root. */
typedef struct Told
{
	Oid			root;			/* hash key */
	int			plans;			/* that point here */
	char	   *schema;			/* the text of the last schema line; NULL before the first */
	uint64		plan;			/* number of the plan whose schema line that is */
	uint64		quarantined;	/* the last transaction with a quarantine line */
	uint64		broken;			/* the last transaction whose rows could not be written */
	bool		shape_valid;
	char	   *shape;			/* the columns of the schema line, which all partitions share */
} Told;

/* How the changes of one relation are written. */
typedef struct RowPlan
{
	Oid			relid;			/* hash key */
	bool		valid;			/* cleared by an invalidation, read before each use */
	bool		complete;		/* the columns are there, not only the names */
	bool		followed;
	bool		rewrite;		/* a transient relation, which a table's new rows are put into */
	uint64		number;
	MemoryContext context;		/* holds all that follows */

	Oid			root;
	Oid		   *ancestors;		/* of a partition, its root last */
	int			ancestor_count;
	Told	   *told;			/* NULL when not followed */
	char	   *name;			/* schema.table, quoted, of the relation that changed or is rewritten */
	char	   *head;			/* [_schema TAB s TAB] _table TAB t TAB _xid TAB */
	int			head_length;

	char		identity;		/* pg_class.relreplident of the relation that changed */
	Column	   *columns;		/* in the order of the root */
	int			column_count;
	int		   *key;			/* indexes of columns, in key order */
	int			key_count;
	int		   *whole;			/* indexes of all columns */
	const char *no_key_reason;
	char	   *schema;			/* the schema line behind _action TAB schema */

	int			width;			/* number of attributes of a tuple */
	Datum	   *old_values;
	bool	   *old_nulls;
	Datum	   *new_values;
	bool	   *new_nulls;
} RowPlan;

typedef struct Relations
{
	MemoryContext context;
	const Options *options;
	HTAB	   *plans;
	HTAB	   *told;
	bool		stale;			/* some plan is not valid */
	uint64		built;			/* plans built so far */
} Relations;

extern Relations *relations_open(MemoryContext context, const Options *options);
extern RowPlan *relations_plan(Relations *relations, Relation relation);
extern void relations_sweep(Relations *relations);

/* plan.c */
extern void plan_names(RowPlan *plan, Relation relation, const Options *options);
extern void plan_complete(RowPlan *plan, Relation relation, MemoryContext shared);

/* schema.c */
extern char *schema_text(RowPlan *plan, Relation root, MemoryContext shared);

#endif
