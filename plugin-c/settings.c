/*
 * Settings that would change how values are printed, pinned while we decode, so
 * that a value has one text whatever the session, the role or the database says.
 * The import pins the same ones.
 */
#include "postgres.h"

#include "settings.h"

#include "access/xact.h"
#include "utils/guc.h"

static const struct
{
	const char *name;
	const char *value;
}			pinned[] = {
	{"DateStyle", "ISO, MDY"},
	{"IntervalStyle", "postgres"},
	{"TimeZone", "UTC"},
	{"extra_float_digits", "1"},
	{"bytea_output", "hex"},
	{"lc_monetary", "C"},
	{"xmlbinary", "base64"},
	{"quote_all_identifiers", "off"},
	{"search_path", "pg_catalog"},
};

/*
 * Pins the settings and gives what settings_restore() needs.
 *
 * A walsender streams outside of transactions and nobody else uses its session,
 * so there they are set for good. The SQL functions run in a transaction of
 * somebody's session, so there they are saved the way a function's SET clause
 * does it; an error on the way restores them with the transaction.
 */
int
settings_pin(void)
{
	bool		in_transaction = IsTransactionOrTransactionBlock();
	int			level = in_transaction ? NewGUCNestLevel() : 0;

	for (int i = 0; i < lengthof(pinned); i++)
		(void) set_config_option(pinned[i].name, pinned[i].value,
								 PGC_USERSET, PGC_S_SESSION,
								 in_transaction ? GUC_ACTION_SAVE : GUC_ACTION_SET,
								 true, ERROR, false);
	return level;
}

void
settings_restore(int level)
{
	if (level > 0)
		AtEOXact_GUC(true, level);
}
