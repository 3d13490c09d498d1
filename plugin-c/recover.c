/*
 * Errors in the data must not end the session: they would come again at every
 * try, and the slot would stand still.
 */
#include "postgres.h"

#include "deltastream.h"

#include "storage/lwlock.h"

/*
 * True for errors that come from what is decoded, which would come again at
 * every try. Not so: a lack of resources (53), somebody's intervention (57), the
 * operating system (58), a rollback (40): those are reported and tried again.
 */
static bool
is_data_error(int code)
{
	switch (ERRCODE_TO_CATEGORY(code))
	{
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_TRANSACTION_ROLLBACK:
			return false;
		default:
			return true;
	}
}

/*
 * Leaves out what an error has half written, and gives the error; one that is not
 * of the data is raised again.
 *
 * An error is caught here without a subtransaction of our own. That is safe
 * because whatever decodes always aborts: ReorderBufferProcessTXN runs us in a
 * transaction, or an internal subtransaction, that it rolls back at its end,
 * which lets go of pins, locks, snapshots and relations that were left behind,
 * and nothing we call writes. What must not wait until then is restored here:
 * LWLocks, which we hold none of otherwise, the resource owner, the memory
 * context.
 */
static ErrorData *
catch_error(Plugin *plugin, RowPlan *plan)
{
	ErrorData  *error;

	MemoryContextSwitchTo(plugin->change_context);
	error = CopyErrorData();
	if (plan == NULL || plan->told == NULL || !is_data_error(error->sqlerrcode))
		PG_RE_THROW();
	FlushErrorState();
	LWLockReleaseAll();

	plugin->lines.len = plugin->change_start;
	if (!plan->complete)
	{
		invalidate_plan(plugin->relations, plan);
		plan->told->shape_valid = false;
	}
	return error;
}

/* Goes on without a word. */
void
overlook(Plugin *plugin, RowPlan *plan)
{
	(void) catch_error(plugin, plan);
}

/*
 * Says what it was in a quarantine line; the rest of the table's rows in this
 * transaction are left out too, which keeps the number of caught errors, and what
 * each of them leaks, small.
 */
void
recover(Plugin *plugin, RowPlan *plan)
{
	ErrorData  *error = catch_error(plugin, plan);

	plan->told->broken = plugin->relations->xid;
	open_transaction(plugin);
	quarantine_error(plugin, plan, error->message);
}
