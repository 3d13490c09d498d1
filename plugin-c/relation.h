/*
 * What we know of each relation: how its rows are written (the plan), and what
 * was last said of it in the log. Plans are built once and dropped when a
 * catalog change may have made them wrong.
 */
#ifndef DELTASTREAM_RELATION_H
#define DELTASTREAM_RELATION_H

#include "fmgr.h"
#include "lib/ilist.h"
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
	bool		in_old;			/* old rows in the WAL hold it */
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
	uint32		name;			/* the hash of the name in it */
	uint64		schemas;		/* schema lines so far */
	char		identity;		/* that the last of them names; 0 before the first */
	uint64		quarantined;	/* the last transaction with a quarantine line */
	uint64		broken;			/* the last transaction whose rows could not be written */
	bool		shape_valid;
	char	   *shape;			/* the columns of the schema line, which all partitions share */
	char	   *bare;			/* the same without what old rows hold */
	bool		doubtful;		/* in the list of those that may be of a dropped table */
	slist_node	doubt;
} Told;

/* That a plan says something of another relation too: a partition's of its ancestors. */
typedef struct Link
{
	dlist_node	node;			/* in the list of the other relation */
	struct Dependents *of;
	struct RowPlan *plan;
} Link;

typedef struct Dependents
{
	Oid			relid;			/* hash key */
	dlist_head	links;
} Dependents;

/* How the changes of one relation are written. */
typedef struct RowPlan
{
	Oid			relid;			/* hash key */
	bool		valid;			/* cleared by an invalidation, read before each use */
	bool		stale;			/* in the list of those to be swept */
	slist_node	sweep;
	bool		complete;		/* the columns are there, not only the names */
	bool		followed;
	bool		rewrite;		/* a transient relation, which a table's new rows are put into */
	uint64		said;			/* which of the schema lines is its own; 0: none */
	MemoryContext context;		/* holds all that follows */

	Oid			root;
	Link	   *links;
	int			link_count;
	Told	   *told;			/* NULL when not followed */
	char	   *name;			/* schema.table, quoted, of the relation that changed or is rewritten */
	char	   *head;			/* [_schema TAB s TAB] _table TAB t TAB _xid TAB */
	int			head_length;

	char		identity;		/* pg_class.relreplident of the relation that changed */
	Column	   *columns;		/* in the order of the root */
	int			column_count;
	int		   *key;			/* indexes of columns, in key order */
	int			key_count;
	bool		key_in_old;		/* old rows in the WAL hold the key */
	int		   *whole;			/* indexes of all columns */
	const char *no_key_reason;

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
	HTAB	   *dependents;
	HTAB	   *types;			/* what invalidations call the types that plans have named, */
	HTAB	   *namespaces;		/* and the schemas */
	HTAB	   *bearers;		/* of each name, by its hash, whose schema line was the last */
	slist_head	stale;			/* plans to be swept */
	slist_head	doubtful;		/* of Told */
} Relations;

extern Relations *relations_open(MemoryContext context, const Options *options);
extern RowPlan *relations_plan(Relations *relations, Relation relation);
extern bool relations_bears_name(Relations *relations, const Told *told);
extern void relations_give_name(Relations *relations, Told *told, uint32 name);
extern void relations_sweep(Relations *relations);

/* invalidation.c */
extern void relations_link(Relations *relations, RowPlan *plan, const Oid *others, int count);
extern void relations_unlink(Relations *relations, RowPlan *plan);
extern void relations_note_type(Relations *relations, Oid type);
extern void relations_note_namespace(Relations *relations, Oid oid);
extern void invalidation_listen(Relations *relations);
extern void invalidate_plan(Relations *relations, RowPlan *plan);
extern void invalidate_told(Relations *relations, Told *told);

/* plan.c */
extern void plan_names(Relations *relations, RowPlan *plan, Relation relation);
extern void plan_complete(Relations *relations, RowPlan *plan, Relation relation);

/* key.c */
extern void plan_key(RowPlan *plan, Relation relation, Relation root);

/* schema.c */
extern void read_shape(RowPlan *plan, Relation root, MemoryContext shared);
extern char identity_to_tell(const RowPlan *plan);
extern void append_schema(StringInfo out, const RowPlan *plan, char identity);

#endif
