/* The tables in a hash table, each with its plans; all of them are forgotten at once. */
#include "plans.h"

#include <stdlib.h>
#include <string.h>

SQLITE_EXTENSION_INIT3

#define TABLES_LIMIT 20000
#define STATEMENTS_LIMIT 2000
/* Each of them is compared with a line that has none. */
#define PLANS_LIMIT 16

/* FNV-1a. */
static unsigned
bucket_of(const char *name, size_t length)
{
	uint32_t	hash = 2166136261u;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char) name[i]) * 16777619u;
	return (hash ^ hash >> 16) % BUCKETS;
}

struct table *
plans_find(const struct plans *plans, const char *name, size_t length)
{
	struct table *table = plans->buckets[bucket_of(name, length)];

	while (table != NULL && (table->length != length || memcmp(table->name, name, length) != 0))
		table = table->next;
	return table;
}

int
plans_are_full(const struct plans *plans)
{
	return plans->tables >= TABLES_LIMIT || plans->statements >= STATEMENTS_LIMIT;
}

struct table *
plans_table(struct plans *plans, const char *name, size_t length)
{
	struct table *table = plans_find(plans, name, length);
	struct table **bucket = &plans->buckets[bucket_of(name, length)];

	if (table != NULL)
		return table;
	table = calloc(1, sizeof(*table) + length);
	if (table == NULL)
		return NULL;
	table->length = length;
	memcpy(table->name, name, length);
	table->next = *bucket;
	*bucket = table;
	plans->tables++;
	return table;
}

void
plans_add(struct plans *plans, struct table *table, enum action action, struct plan *plan)
{
	struct plan **last = &table->plans[action];
	int			count = 0;

	for (; *last != NULL && (*last)->next != NULL; last = &(*last)->next)
		count++;
	if (count >= PLANS_LIMIT)
	{
		plan_free(*last);
		*last = NULL;
		plans->statements--;
	}
	plan->next = table->plans[action];
	table->plans[action] = plan;
	plans->statements++;
}

void
plans_prefer(struct table *table, enum action action, struct plan **link)
{
	struct plan *plan = *link;

	*link = plan->next;
	plan->next = table->plans[action];
	table->plans[action] = plan;
}

struct plan *
plan_new(int columns, const char *keys, size_t length)
{
	struct plan *plan = calloc(1, sizeof(*plan) + (size_t) columns * sizeof(plan->column[0]));

	if (plan == NULL)
		return NULL;
	plan->columns = columns;
	plan->keys = malloc(length + 1);
	if (plan->keys == NULL)
	{
		free(plan);
		return NULL;
	}
	memcpy(plan->keys, keys, length);
	return plan;
}

void
plan_free(struct plan *plan)
{
	sqlite3_finalize(plan->statement);
	sqlite3_finalize(plan->guarded);
	free(plan->keys);
	free(plan);
}

static void
table_free(struct table *table)
{
	for (int action = 0; action < PLANNED_ACTIONS; action++)
	{
		while (table->plans[action] != NULL)
		{
			struct plan *plan = table->plans[action];

			table->plans[action] = plan->next;
			plan_free(plan);
		}
	}
	free(table);
}

void
plans_forget(struct plans *plans)
{
	for (int i = 0; i < BUCKETS; i++)
	{
		while (plans->buckets[i] != NULL)
		{
			struct table *table = plans->buckets[i];

			plans->buckets[i] = table->next;
			table_free(table);
		}
	}
	plans->tables = plans->statements = 0;
}
