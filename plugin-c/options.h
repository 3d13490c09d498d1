/*
 * The options of a slot: which tables, under which names, which messages.
 */
#ifndef DELTASTREAM_OPTIONS_H
#define DELTASTREAM_OPTIONS_H

#include "nodes/pg_list.h"

typedef struct Options
{
	List	   *tables;			/* of TablePattern; NIL when every table is followed */
	List	   *messages;		/* of char *: the prefixes asked for */
	bool		leaves;			/* partitions go by their own names, not their root's */
} Options;

extern void options_parse(Options *options, List *given);
extern bool options_follow_table(const Options *options, const char *schema, const char *table);
extern bool options_follow_message(const Options *options, const char *prefix);

#endif
