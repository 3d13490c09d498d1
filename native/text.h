/* Text of a field: what it is made of, and without its escapes. */
#ifndef DELTAMIRROR_TEXT_H
#define DELTAMIRROR_TEXT_H

#include <stddef.h>
#include <string.h>

#include "value.h"

struct text
{
	const char *bytes;
	size_t		length;
};

/* Whether it is exactly this word: of a literal the compiler knows the length. */
static inline int
text_is(struct text text, const char *word)
{
	return text.length == strlen(word) && memcmp(text.bytes, word, text.length) == 0;
}

/* Whether the bytes are UTF-8 (RFC 3629, 4); `escaped` tells whether a backslash is among them. */
int			text_is_utf8(struct text text, int *escaped);

/* Takes the escapes away; 0 where one is none of these, or there is no memory. */
int			text_unescape(struct text *text, enum escapes escapes, struct scratch *scratch);

#endif
