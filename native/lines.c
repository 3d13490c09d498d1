/* The hot loop of a replay: the counterpart of src/deltamirror/lines.ts, slots.ts and table.ts. */
#include "lines.h"

#include <string.h>

#include "bytes.h"

SQLITE_EXTENSION_INIT3

#define LENGTH_OF(literal) (sizeof(literal) - 1)

/* A guarded statement that was in vain so often is not tried for so many lines. */
#define MISSES 8
#define PAUSE_LINES 1000

static int
begins_with(const char *at, const char *end, const char *text, size_t length)
{
	return (size_t) (end - at) >= length && bytes_same(at, text, length);
}

/* Behind the TAB that ends the field at `at`; NULL where the line ends before. */
static const char *
behind_tab(const char *at, const char *end)
{
	const char *tab = bytes_tab(at, end);

	return tab == NULL ? NULL : tab + 1;
}

static enum action
action_of(const char *at, size_t length)
{
	switch (length)
	{
		case 6:
			if (memcmp(at, "insert", 6) == 0)
				return ACTION_INSERT;
			if (memcmp(at, "update", 6) == 0)
				return ACTION_UPDATE;
			return memcmp(at, "delete", 6) == 0 ? ACTION_DELETE : ACTION_OTHER;
		case 7:
			return memcmp(at, "replace", 7) == 0 ? ACTION_REPLACE : ACTION_OTHER;
		default:
			return ACTION_OTHER;
	}
}

/* Reads `[_schema s] _table t [_xid n] _action a TAB`; 0 where the line begins otherwise, or nothing is known of its table. */
static int
read_head(struct lines *lines, const char *start, const char *end)
{
	const char *at = start,
			   *name_end,
			   *value;

	if (begins_with(at, end, "_schema\t", LENGTH_OF("_schema\t")) && (at = behind_tab(at + LENGTH_OF("_schema\t"), end)) == NULL)
		return 0;
	if (!begins_with(at, end, "_table\t", LENGTH_OF("_table\t")) || (at = behind_tab(at + LENGTH_OF("_table\t"), end)) == NULL)
		return 0;
	name_end = at;
	if (begins_with(at, end, "_xid\t", LENGTH_OF("_xid\t")) && (at = behind_tab(at + LENGTH_OF("_xid\t"), end)) == NULL)
		return 0;
	if (!begins_with(at, end, "_action\t", LENGTH_OF("_action\t")))
		return 0;
	value = at + LENGTH_OF("_action\t");
	at = behind_tab(value, end);
	if (at == NULL)
		return 0;
	if (lines->table == NULL || lines->table->length != (size_t) (name_end - start) || memcmp(lines->table->name, start, lines->table->length) != 0)
		lines->table = plans_find(&lines->plans, start, (size_t) (name_end - start));
	if (lines->table == NULL)
		return 0;
	lines->action = action_of(value, (size_t) (at - 1 - value));
	lines->head = (struct field) {start, (size_t) (at - start)};
	return 1;
}

/* Takes the values out of the columns; 0 where the columns are not the plan's. */
static int
take_values(struct field *values, const struct plan *plan, const char *at, const char *end)
{
	for (int i = 0; i < plan->columns; i++)
	{
		const struct column *column = &plan->column[i];
		const char *tab;

		if (at > end || !begins_with(at, end, column->key, column->length))
			return 0;
		at += column->length;
		tab = bytes_tab(at, end);
		if (tab == NULL)
			tab = end;
		values[i] = (struct field) {at, (size_t) (tab - at)};
		at = tab + 1;
	}
	return at == end + 1;
}

static int
bind_values(struct lines *lines, const struct plan *plan, sqlite3_stmt *statement)
{
	for (int i = 0; i < plan->columns; i++)
	{
		const struct column *column = &plan->column[i];
		const struct field *value = &lines->values[i];

		if (column->parameter != 0
			&& !value_bind(statement, column->parameter, column->kind, lines->escapes, value->text, value->length, &lines->scratch))
			return 0;
	}
	return 1;
}

static enum outcome
run(struct lines *lines, const struct plan *plan, sqlite3_stmt *statement)
{
	int			code;

	if (!bind_values(lines, plan, statement))
		return LINE_LEFT;
	sqlite3_step(statement);
	code = sqlite3_reset(statement);
	/* P5: an update or delete that finds no row is never passed over. */
	if (code == SQLITE_OK)
		return plan->one_row && sqlite3_changes(lines->db) != 1 ? LINE_LEFT : LINE_DONE;
	/* Some failures end the transaction, and a line done behind them would stand alone. */
	if (sqlite3_get_autocommit(lines->db))
		return LINE_FAILED;
	return (code & 0xff) == SQLITE_CONSTRAINT || (code & 0xff) == SQLITE_TOOBIG ? LINE_LEFT : LINE_FAILED;
}

static enum outcome
run_guarded(struct lines *lines, struct plan *plan)
{
	enum outcome outcome;

	if (plan->guarded == NULL)
		return LINE_LEFT;
	if (plan->pause > 0)
	{
		plan->pause--;
		return LINE_LEFT;
	}
	outcome = run(lines, plan, plan->guarded);
	scratch_clear(&lines->scratch);
	plan->misses = outcome == LINE_LEFT ? plan->misses + 1 : 0;
	if (plan->misses == MISSES)
	{
		plan->misses = 0;
		plan->pause = PAUSE_LINES;
	}
	return outcome;
}

enum outcome
lines_apply(struct lines *lines, const char *start, const char *end)
{
	const char *columns;

	if (lines->head.length == 0 || !begins_with(start, end, lines->head.text, lines->head.length))
	{
		lines->head.length = 0;
		if (!read_head(lines, start, end))
			return LINE_LEFT;
	}
	if (lines->action == ACTION_OTHER)
		return LINE_LEFT;
	if (lines->table->skipped)
		return LINE_DONE;
	if (lines->action >= PLANNED_ACTIONS)
		return LINE_LEFT;
	columns = start + lines->head.length;
	for (struct plan **link = &lines->table->plans[lines->action]; *link != NULL; link = &(*link)->next)
	{
		struct plan *plan = *link;
		enum outcome outcome;

		if (!take_values(lines->values, plan, columns, end))
			continue;
		plans_prefer(lines->table, lines->action, link);
		if (lines->bound != plan)
			lines_release(lines);
		lines->bound = plan;
		lines->escapes = bytes_are_plain(columns, end) ? ESCAPES_NONE : ESCAPES_LOG;
		outcome = run_guarded(lines, plan);
		if (outcome == LINE_LEFT)
			outcome = run(lines, plan, plan->statement);
		scratch_clear(&lines->scratch);
		return outcome;
	}
	return LINE_LEFT;
}

enum outcome
lines_apply_all(struct lines *lines, const char **from, const char *end, struct field prefix, uint64_t *count)
{
	while (*from < end)
	{
		const char *at = *from;
		const char *line_end = memchr(at, '\n', (size_t) (end - at));
		enum outcome outcome;

		if (line_end == NULL || !begins_with(at, line_end, prefix.text, prefix.length))
			return LINE_LEFT;
		for (at += prefix.length; *at >= '0' && *at <= '9'; at++)
			;
		if (*at != '\t')
			return LINE_LEFT;
		outcome = lines_apply(lines, at + 1, line_end);
		if (outcome != LINE_DONE)
			return outcome;
		*from = line_end + 1;
		(*count)++;
	}
	return LINE_DONE;
}

void
lines_release(struct lines *lines)
{
	if (lines->bound != NULL)
	{
		sqlite3_clear_bindings(lines->bound->statement);
		if (lines->bound->guarded != NULL)
			sqlite3_clear_bindings(lines->bound->guarded);
	}
	lines->bound = NULL;
}

void
lines_forget(struct lines *lines)
{
	lines_release(lines);
	lines->table = NULL;
	lines->head.length = 0;
	plans_forget(&lines->plans);
}
