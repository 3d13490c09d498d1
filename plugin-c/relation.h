/*
 * What we know of each relation: how its rows are written (the plan), and what
 * was last said of it in the log. Plans are built once and dropped when a
 * catalog change may have made them wrong.
 */
#ifndef DELTASTREAM_RELATION_H
#define DELTASTREAM_RELATION_H

#include "catalog/pg_class.h"
#include "fmgr.h"
#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "replication/reorderbuffer.h"
#include "utils/hsearch.h"
#include "utils/rel.h"

#include "options.h"

/* How a column's value becomes text. */
typedef enum ValueKind
{
	VALUE_BY_FUNCTION,			/* by the output function of its type */
	VALUE_TEXT,					/* the bytes of the value are its text */
	VALUE_INT2,					/* from here on as direct.c prints it */
	VALUE_INT4,
	VALUE_INT8,
	VALUE_BOOL,
	VALUE_FLOAT4,
	VALUE_FLOAT8,
	VALUE_DATE,
	VALUE_TIME,
	VALUE_TIMESTAMP,
	VALUE_TIMESTAMPTZ,
	VALUE_UUID
} ValueKind;

typedef struct Column
{
	int			attribute;		/* its index in the tuples of the relation that changed */
	AttrNumber	number;			/* its attribute number in the root */
	Oid			type;
	bool		in_key;
	bool		in_old;			/* old rows in the WAL hold it */
	bool		by_value;
	int16		length;			/* as in pg_type.typlen */
	ValueKind	kind;
	FmgrInfo	output;
	char	   *key;			/* TAB name TAB, as the line has it */
	int			key_length;
} Column;

/*
 * A table that the log may have spoken of, and what it was last told of it; a
 * partition's under its root. Transactions are named by their xid.
 */
typedef struct Told
{
	Oid			root;			/* hash key */
	int			plans;			/* that point here */
	bool		known;			/* it is to be told when the table goes */
	bool		unlogged;		/* when last looked at */
	bool		mute;			/* it was unlogged ever since it is known: nothing was said */
	bool		undescribed;	/* at the last look it could not be described, which was said */
	bool		noted;			/* of schema, indexes and comments some were not said in this session */
	char	   *head;			/* the name that it was last called by, as its lines begin; NULL before the first */
	char	   *schema;			/* the text of the last schema line, or of the one that would have said nothing new */
	uint32		name;			/* the hash of the name in the last schema line */
	uint64		schemas;		/* schema lines so far */
	char		identity;		/* that the last of them names; 0 before the first */
	char	   *indexes;		/* the pairs of the last line, or of the one that would have said nothing new */
	char	   *comments;
	char	   *types;			/* of its columns, when last looked at; NULL before the first look */
	uint64		quarantined;	/* the last transaction with a quarantine line */
	uint64		stale;			/* the last transaction with a stale line */
	uint64		reload;			/* the last transaction whose commit line asks for a copy */
	uint64		offer;			/* the last transaction whose commit line offers a copy */
	uint64		broken;			/* the last transaction whose rows could not be written */
	bool		shape_valid;
	char	   *shape;			/* the columns of the schema line, which all partitions share */
	char	   *bare;			/* the same without what old rows hold */
	bool		gone;			/* in the list of those to be freed */
	slist_node	sweep;
} Told;

/* Why a table is looked at when the transaction commits, beside what touched it in the catalog. */
typedef struct Concern
{
	Oid			oid;			/* hash key */
	bool		look;			/* asked for, also where the log was told nothing */
	bool		reload;			/* asked for */
	bool		offer;			/* asked for */
	const char *stale;			/* why the log does not tell its rows; NULL when it does */
	bool		unlogged;		/* a partition is not in the WAL any more */
} Concern;

/* A partition that goes by its root's name. */
typedef struct Leaf
{
	Oid			oid;			/* hash key */
	Oid			root;
	bool		is_full;		/* its replica identity; that of a foreign table is nothing to us */
	bool		is_unlogged;
} Leaf;

typedef struct Root
{
	Oid			oid;			/* hash key */
	int			leaves;
	int			full;			/* of them, by replica identity */
	int			unlogged;		/* of them */
} Root;

/* A set of oids, in order once it is whole. */
typedef struct Oids
{
	Oid		   *at;
	int			count;
	int			room;
} Oids;

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
	uint64		rows_in;		/* the last transaction that brought rows of it, */
	Oid			rows_root;		/* under which root, the last where there were several, */
	bool		astray;			/* and some under another one or under none */
	MemoryContext context;		/* holds all that follows */

	Oid			root;
	Link	   *links;
	int			link_count;
	Told	   *told;			/* NULL when not followed */
	char	   *name;			/* schema.table, quoted, of the relation that changed or is rewritten */
	char	   *head;			/* [_schema TAB s TAB] _table TAB t TAB _xid TAB */
	int			head_length;

	const char *kind;			/* the pair _kind of the schema line, with its tab, or nothing */
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
	slist_head	gone;			/* of Told: tables that are no more, or no longer followed */

	int			surveys;		/* of the catalog, in this session; see survey.c */
	HTAB	   *schemas;		/* the names of schemas, by oid */
	MemoryContext schemas_context;
	HTAB	   *leaves;
	HTAB	   *roots;

	ReorderBufferTXN *txn;		/* the transaction at hand */
	uint64		xid;			/* with its epoch */
	bool		overlaps;		/* it began before the session did: its catalog may be older than the log */
	MemoryContext transaction_context;	/* reset when one begins */
	HTAB	   *concerns;		/* NULL when there are none */
} Relations;

extern Relations *relations_open(MemoryContext context, const Options *options);
extern HTAB *relations_table(MemoryContext context, const char *name, Size key_size, Size entry_size);
extern void relations_begin(Relations *relations, ReorderBufferTXN *txn, bool overlaps);
extern Told *relations_told(Relations *relations, Oid root);
extern RowPlan *relations_plan(Relations *relations, Relation relation);
extern void relations_note_rows(Relations *relations, RowPlan *plan);
extern Concern *relations_concern(Relations *relations, Oid oid);
extern bool relations_bears_name(Relations *relations, const Told *told);
extern void relations_give_name(Relations *relations, Told *told, uint32 name);
extern void relations_keep(Relations *relations, char **place, const char *text);
extern void relations_forget(Relations *relations, Told *told);
extern void relations_sweep(Relations *relations);

/* survey.c */
extern void relations_survey(Relations *relations, const Oids *touched, bool keep);
extern bool namespaces_read(Relations *relations, bool keep, Oids *renamed);
extern bool survey_is_table(Form_pg_class class);
extern bool survey_adopt(Relations *relations, Form_pg_class class);
extern void tables_in_namespaces(const Oids *namespaces, Oids *tables);

/* origin.c */
extern bool is_own(ReorderBufferTXN *txn, TransactionId xid);
extern bool is_made_here(Relations *relations, Oid relid);
extern Oid table_of(Relations *relations, Oid oid);
extern bool rows_came_otherwise(Relations *relations, Oid relid, Oid root);
extern void find_rows_astray(Relations *relations);
extern void oids_add(Oids *oids, Oid oid);
extern void oids_order(Oids *oids);
extern bool oids_have(const Oids *oids, Oid oid);

/* leaves.c */
extern void leaf_place(Relations *relations, Oid leaf, Oid root, bool is_full, bool is_unlogged);
extern void leaf_look(Relations *relations, Oid oid);
extern bool leaves_are_full(const Relations *relations, Oid root);
extern char *unlogged_leaf(const Relations *relations, Oid root);

/* versions.c */
extern void versions_read(Relations *relations, const Oids *touched);

/* invalidation.c */
extern void relations_link(Relations *relations, RowPlan *plan, const Oid *others, int count);
extern void relations_unlink(Relations *relations, RowPlan *plan);
extern void relations_note_type(Relations *relations, Oid type);
extern void relations_note_namespace(Relations *relations, Oid oid);
extern void invalidation_listen(Relations *relations);
extern void invalidate_plan(Relations *relations, RowPlan *plan);

/* plan.c */
extern void plan_names(Relations *relations, RowPlan *plan, Relation relation);
extern void plan_complete(Relations *relations, RowPlan *plan, Relation relation);
extern char *table_head(const char *schema, const char *table);

/* key.c */
extern void plan_key(RowPlan *plan, Relation relation, Relation root);

/* schema.c */
extern void read_shape(Relations *relations, RowPlan *plan, Relation root);
extern char identity_to_tell(const Relations *relations, const RowPlan *plan);
extern char *schema_text(const RowPlan *plan, char identity);

/* retype.c */
extern char *types_text(const RowPlan *plan);
extern char *retyped_column(const RowPlan *plan, const char *types);

/* indexes.c */
extern char *indexes_text(const RowPlan *plan, Relation relation);

/* comments.c */
extern char *comments_text(const RowPlan *plan, Relation relation);

#endif
