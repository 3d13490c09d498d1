/*
 * What a transaction touched in the catalog, as its own invalidations name it.
 * They come with the transaction from its beginning, whole; those that other
 * transactions, or the caches of this process, add to are not among them.
 */
#include "postgres.h"

#include "deltastream.h"

#include "miscadmin.h"
#include "storage/sinval.h"
#include "utils/syscache.h"

/* Reads the oids of the relations, and whether there was a schema among what was touched. */
void
read_touched(Plugin *plugin)
{
	const ReorderBufferTXN *txn = plugin->relations->txn;
	Transaction *transaction = &plugin->transaction;

	for (uint32 i = 0; i < txn->ninvalidations; i++)
	{
		const SharedInvalidationMessage *message = &txn->invalidations[i];

		if (message->id == SHAREDINVALRELCACHE_ID)
		{
			if (message->rc.dbId == MyDatabaseId && OidIsValid(message->rc.relId))
				oids_add(&transaction->touched, message->rc.relId);
		}
		else if (message->id == NAMESPACEOID && message->cc.dbId == MyDatabaseId)
			transaction->touched_namespaces = true;
	}
	oids_order(&transaction->touched);
}
