/*
 * The options of a slot: which tables, under which names, which messages. They come from whoever
 * may replicate, so every byte of them is hostile until read; whatever does not
 * fit is an error that names the option, before any change is decoded.
 */
#include "postgres.h"

#include "options.h"

#include "common/string.h"
#include "mb/pg_wchar.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "parser/scansup.h"

#define OPTION_LIMIT_BYTES (64 * 1024)
#define LIST_LIMIT 1000

/* NULL stands for a star. */
typedef struct TablePattern
{
	char	   *schema;
	char	   *table;
} TablePattern;

/* Where the reading of an option is. */
typedef struct Cursor
{
	const char *option;
	const char *value;
	const char *at;
} Cursor;

static void
fail_at(const Cursor *cursor, const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\": %s, at byte %d", cursor->option, reason,
					(int) (cursor->at - cursor->value) + 1),
			 strcmp(cursor->option, "tables") == 0 ?
			 errhint("Write t, schema.t, schema.*, * or *.*, separated by commas; quote names as in SQL.") :
			 errhint("Write message prefixes separated by commas.")));
}

static void
skip_space(Cursor *cursor)
{
	while (scanner_isspace(*cursor->at))
		cursor->at++;
}

/* "Any ""name"" at all", kept as it is written. */
static char *
quoted_name(Cursor *cursor)
{
	char	   *name = palloc(strlen(cursor->at));
	char	   *to = name;

	cursor->at++;
	for (;;)
	{
		if (*cursor->at == '\0')
			fail_at(cursor, "a quoted name is not closed");
		if (*cursor->at == '"' && *++cursor->at != '"')
			break;
		*to++ = *cursor->at++;
	}
	*to = '\0';
	return name;
}

/* A name without quotes, folded to lower case as SQL does. */
static char *
plain_name(Cursor *cursor)
{
	const char *start = cursor->at;
	unsigned char first = *start;

	if (!isalpha(first) && first != '_' && !IS_HIGHBIT_SET(first))
		fail_at(cursor, first == '\0' || first == ',' ? "a name is missing" : "this cannot begin a name without quotes");
	while (isalnum((unsigned char) *cursor->at) || *cursor->at == '_' || *cursor->at == '$' || IS_HIGHBIT_SET(*cursor->at))
		cursor->at++;
	return downcase_identifier(start, cursor->at - start, false, false);
}

/* One half of a pattern; NULL for a star. */
static char *
pattern_part(Cursor *cursor)
{
	Cursor		start = *cursor;
	char	   *name;

	if (*cursor->at == '*')
	{
		cursor->at++;
		return NULL;
	}
	name = *cursor->at == '"' ? quoted_name(cursor) : plain_name(cursor);
	if (name[0] == '\0')
		fail_at(&start, "a quoted name is empty");
	if (strlen(name) >= NAMEDATALEN)
		fail_at(&start, "a name is longer than PostgreSQL allows");
	return name;
}

static TablePattern *
table_pattern(Cursor *cursor)
{
	TablePattern *pattern = palloc(sizeof(TablePattern));

	pattern->schema = pstrdup("public");
	pattern->table = pattern_part(cursor);
	if (*cursor->at == '.')
	{
		Cursor		dot = *cursor;

		cursor->at++;
		pattern->schema = pattern->table;
		pattern->table = pattern_part(cursor);
		if (pattern->schema == NULL && pattern->table != NULL)
			fail_at(&dot, "a star for the schema needs one for the table");
	}
	return pattern;
}

static List *
parse_tables(Cursor *cursor)
{
	List	   *patterns = NIL;

	for (;;)
	{
		skip_space(cursor);
		if (list_length(patterns) == LIST_LIMIT)
			fail_at(cursor, "more than 1000 patterns");
		patterns = lappend(patterns, table_pattern(cursor));
		skip_space(cursor);
		if (*cursor->at == '\0')
			return patterns;
		if (*cursor->at != ',')
			fail_at(cursor, "a comma or the end is expected");
		cursor->at++;
	}
}

/* Prefixes are taken byte for byte, blanks too. */
static List *
parse_messages(Cursor *cursor)
{
	List	   *prefixes = NIL;

	for (;;)
	{
		Size		length = strcspn(cursor->at, ",");
		char	   *prefix = pnstrdup(cursor->at, length);

		if (length == 0)
			fail_at(cursor, "a prefix is empty");
		if (list_length(prefixes) == LIST_LIMIT)
			fail_at(cursor, "more than 1000 prefixes");
		if (GetDatabaseEncoding() != PG_UTF8 && !pg_is_ascii(prefix))
			fail_at(cursor, "in a database that is not UTF8 a prefix must be ASCII");
		prefixes = lappend(prefixes, prefix);
		cursor->at += length;
		if (*cursor->at == '\0')
			return prefixes;
		cursor->at++;
	}
}

/* The names that partitions go by. */
static bool
parse_partitions(const Cursor *cursor)
{
	bool		leaves = strcmp(cursor->value, "leaf") == 0;

	if (!leaves && strcmp(cursor->value, "root") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"partitions\": neither root nor leaf"),
						errhint("Write root, for the name of a partition's root, or leaf, for its own.")));
	return leaves;
}

/* The value of an option that is there once, neither NULL nor over-long. */
static Cursor
open_option(DefElem *element, bool given_before)
{
	Cursor		cursor = {element->defname, NULL, NULL};

	if (given_before)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" is given twice", element->defname)));
	if (element->arg == NULL || !IsA(element->arg, String))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" needs a value", element->defname)));
	cursor.value = cursor.at = strVal(element->arg);
	if (strlen(cursor.value) > OPTION_LIMIT_BYTES)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" is longer than %d bytes", element->defname, OPTION_LIMIT_BYTES)));
	return cursor;
}

/* Reads the options into the current memory context; whatever is not right is an ERROR. */
void
options_parse(Options *options, List *given)
{
	ListCell   *cell;
	bool		partitions_given = false;

	foreach(cell, given)
	{
		DefElem    *element = lfirst(cell);
		Cursor		cursor;

		if (strcmp(element->defname, "tables") == 0)
		{
			cursor = open_option(element, options->tables != NIL);
			options->tables = parse_tables(&cursor);
		}
		else if (strcmp(element->defname, "messages") == 0)
		{
			cursor = open_option(element, options->messages != NIL);
			options->messages = parse_messages(&cursor);
		}
		else if (strcmp(element->defname, "partitions") == 0)
		{
			cursor = open_option(element, partitions_given);
			partitions_given = true;
			options->leaves = parse_partitions(&cursor);
		}
		else
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" is unknown", element->defname),
					 errhint("The options are \"tables\", \"partitions\" and \"messages\".")));
	}
}

/* True when the patterns name this table; names are in the database's encoding. */
bool
options_follow_table(const Options *options, const char *schema, const char *table)
{
	ListCell   *cell;

	if (options->tables == NIL)
		return true;
	foreach(cell, options->tables)
	{
		TablePattern *pattern = lfirst(cell);

		if ((pattern->schema == NULL || strcmp(pattern->schema, schema) == 0) &&
			(pattern->table == NULL || strcmp(pattern->table, table) == 0))
			return true;
	}
	return false;
}

/* True when messages with this prefix were asked for. */
bool
options_follow_message(const Options *options, const char *prefix)
{
	ListCell   *cell;

	foreach(cell, options->messages)
	{
		if (strcmp(lfirst(cell), prefix) == 0)
			return true;
	}
	return false;
}
