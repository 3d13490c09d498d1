/*
 * Lines of the daystream: pairs, escaping, UTF-8. See docs/format.md, section 1.
 */
#ifndef DELTASTREAM_LINE_H
#define DELTASTREAM_LINE_H

#include "lib/stringinfo.h"

/* A 64-bit integer in decimal with its sign and a NUL. */
#define INT64_TEXT_BYTES 21

/* Appends a string literal, without its closing NUL. */
#define append_literal(out, literal) appendBinaryStringInfo((out), (literal), sizeof(literal) - 1)

/* Room for so many bytes and a NUL; what is there is mostly enough. */
static inline void
make_room(StringInfo out, int bytes)
{
	if (out->maxlen - out->len <= bytes)
		enlargeStringInfo(out, bytes);
}

extern void append_escaped(StringInfo out, const char *text, Size length);
extern void append_text(StringInfo out, const char *text, Size length);
extern void append_readable(StringInfo out, const char *text, Size length);
extern void append_column_name(StringInfo out, const char *name);
extern char *fitted(StringInfo text);
extern void append_hex(StringInfo out, const char *bytes, Size length);
extern const char *to_utf8(const char *text, Size *length);
extern const char *to_utf8_or_ascii(const char *text, Size *length);

#endif
