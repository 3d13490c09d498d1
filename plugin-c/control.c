/*
 * Commands to the plugin, as logical messages of one prefix. All they do is that
 * a table is looked at, or copied once more, so anybody may send them. See
 * docs/format.md, "What makes the source look".
 */
#include "postgres.h"

#include "deltastream.h"

/* The longest there is, in decimal. */
#define OID_DIGITS 10

typedef void (*Command) (Concern *concern);

static void
look(Concern *concern)
{
	concern->look = true;
}

static void
stale(Concern *concern)
{
	concern->stale = "a message says that its rows changed";
}

static void
reload(Concern *concern)
{
	concern->reload = true;
}

static void
offer(Concern *concern)
{
	concern->offer = true;
}

static const struct
{
	const char *word;
	Command		command;
}			commands[] = {
	{"look", look},
	{"stale", stale},
	{"reload", reload},
	{"offer", offer},
};

/* The oid behind a space; where it ends, or NULL when there is none. */
static const char *
read_oid(const char *at, const char *end, Oid *oid)
{
	uint64		number = 0;
	const char *first = at + 1;

	if (at == end || *at != ' ')
		return NULL;
	for (at = first; at < end && *at >= '0' && *at <= '9' && at - first < OID_DIGITS; at++)
		number = number * 10 + (*at - '0');
	*oid = (Oid) number;
	return at == first || number > OID_MAX ? NULL : at;
}

/* True when all of it is oids, each behind a space. */
static bool
are_oids(const char *at, const char *end)
{
	Oid			oid;

	while (at != NULL && at < end)
		at = read_oid(at, end, &oid);
	return at == end;
}

static void
obey(Relations *relations, Command command, const char *at, const char *end)
{
	while (at < end)
	{
		Oid			oid;
		Oid			table;

		at = read_oid(at, end, &oid);
		table = table_of(relations, oid);
		if (OidIsValid(table))
			command(relations_concern(relations, table));
	}
}

/* Notes what a message asks for, to be done when its transaction commits. What is no command is ignored. */
void
hear_command(Relations *relations, const char *text, Size size)
{
	const char *end = text + size;

	for (int i = 0; i < lengthof(commands); i++)
	{
		Size		length = strlen(commands[i].word);

		if (size > length && memcmp(text, commands[i].word, length) == 0 && are_oids(text + length, end))
			obey(relations, commands[i].command, text + length, end);
	}
}
