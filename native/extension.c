/*
 * The extension's entry point: the functions of all parts, on the connection that loads
 * it. They are called by statements of deltamirror alone, never from a schema.
 */
#include "extension.h"

#include <stddef.h>

#include "copy.h"
#include "rows.h"

SQLITE_EXTENSION_INIT1

#ifdef _WIN32
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

int
extension_function(sqlite3 *db, const char *name, int arguments, void *state,
				   void (*function) (sqlite3_context *, int, sqlite3_value **))
{
	return sqlite3_create_function_v2(db, name, arguments, SQLITE_UTF8 | SQLITE_DIRECTONLY, state, function, NULL, NULL, NULL);
}

struct extension
{
	struct copies *copies;
	struct rows *rows;
};

/* deltamirror_close(): finalizes every statement, without which SQLite does not close the connection. */
static void
close_all(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct extension *extension = sqlite3_user_data(context);

	(void) count;
	(void) values;
	if (extension->copies != NULL)
		copies_close(extension->copies);
	if (extension->rows != NULL)
		rows_forget(extension->rows);
}

static void
destroy(void *state)
{
	struct extension *extension = state;

	if (extension->copies != NULL)
		copies_free(extension->copies);
	if (extension->rows != NULL)
		rows_free(extension->rows);
	sqlite3_free(extension);
}

EXPORTED int
sqlite3_deltamirror_init(sqlite3 *db, char **error, const sqlite3_api_routines *api)
{
	struct extension *extension;
	int			code;

	(void) error;
	SQLITE_EXTENSION_INIT2(api);
	extension = sqlite3_malloc64(sizeof(*extension));
	if (extension == NULL)
		return SQLITE_NOMEM;
	extension->copies = copies_new();
	extension->rows = rows_new(db);
	/* It goes with the connection, or at once where the function cannot be made. */
	code = sqlite3_create_function_v2(db, "deltamirror_close", 0, SQLITE_UTF8 | SQLITE_DIRECTONLY, extension, close_all, NULL, NULL, destroy);
	if (code != SQLITE_OK)
		return code;
	if (extension->rows == NULL || extension->copies == NULL)
		return SQLITE_NOMEM;
	code = rows_register(extension->rows);
	return code == SQLITE_OK ? copies_register(db, extension->copies) : code;
}
