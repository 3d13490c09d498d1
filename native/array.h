/* Arrays as JSON, as src/sqlite/arrays.ts makes it. */
#ifndef DELTAMIRROR_ARRAY_H
#define DELTAMIRROR_ARRAY_H

#include "text.h"

/*
 * Puts JSON in the place of an array's text, whose elements a comma parts; what begins
 * with no brace has no JSON form and stays as it is. `kind` is one of the arrays'. Gives 0
 * where the text does not read as Postgres writes it, or there is no memory.
 */
int			array_to_json(struct text *text, enum kind kind, struct scratch *scratch);

#endif
