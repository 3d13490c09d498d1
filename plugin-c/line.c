/*
 * Lines of the daystream: pairs, escaping, UTF-8. See docs/format.md, section 1.
 */
#include "postgres.h"

#include "line.h"

#include "mb/pg_wchar.h"
#include "utils/memutils.h"

/* Room is made for the worst case of a piece, so that the inner loop needs no check. */
#define PIECE_BYTES 16384

#define EVERY_BYTE(b) (UINT64CONST(0x0101010101010101) * (b))
#define HIGH_BITS EVERY_BYTE(0x80)

/*
 * True when one of eight bytes may need an escape: it is below 0x10, where tab,
 * LF and CR are, or a backslash. A borrow can make a harmless byte look like
 * one; it never hides one.
 */
static inline bool
may_need_escape(uint64 bytes)
{
	uint64		backslash = bytes ^ EVERY_BYTE('\\');
	uint64		below = (bytes - EVERY_BYTE(0x10)) & ~bytes;
	uint64		equal = (backslash - EVERY_BYTE(1)) & ~backslash;

	return ((below | equal) & HIGH_BITS) != 0;
}

static inline char *
put_escaped(char *to, char byte)
{
	char		letter;

	switch (byte)
	{
		case '\\': letter = '\\'; break;
		case '\t': letter = 't'; break;
		case '\n': letter = 'n'; break;
		case '\r': letter = 'r'; break;
		default:
			*to = byte;
			return to + 1;
	}
	to[0] = '\\';
	to[1] = letter;
	return to + 2;
}

/*
 * The last bytes, fewer than a word. Where four are there, two reads that overlap
 * cover them.
 */
static inline char *
put_rest(char *to, const char *text, int count)
{
	if (count >= sizeof(uint32))
	{
		uint32		first;
		uint32		last;

		memcpy(&first, text, sizeof(first));
		memcpy(&last, text + count - sizeof(last), sizeof(last));
		if (!may_need_escape((uint64) first << 32 | last))
		{
			memcpy(to, &first, sizeof(first));
			memcpy(to + count - sizeof(last), &last, sizeof(last));
			return to + count;
		}
	}
	for (int i = 0; i < count; i++)
		to = put_escaped(to, text[i]);
	return to;
}

/* Appends text with backslash, tab, LF and CR escaped. The text is UTF-8 already. */
void
append_escaped(StringInfo out, const char *text, Size length)
{
	while (length > 0)
	{
		Size		piece = Min(length, PIECE_BYTES);
		const char *end = text + piece;
		char	   *to;

		make_room(out, 2 * piece);
		to = out->data + out->len;
		while (text + sizeof(uint64) <= end)
		{
			uint64		bytes;

			memcpy(&bytes, text, sizeof(bytes));
			if (!may_need_escape(bytes))
			{
				memcpy(to, &bytes, sizeof(bytes));
				to += sizeof(bytes);
				text += sizeof(bytes);
			}
			else
			{
				for (int i = 0; i < sizeof(bytes); i++)
					to = put_escaped(to, *text++);
			}
		}
		to = put_rest(to, text, end - text);
		text = end;
		out->len = to - out->data;
		out->data[out->len] = '\0';
		length -= piece;
	}
}

/* Appends text of the database's encoding, as UTF-8 and escaped. */
void
append_text(StringInfo out, const char *text, Size length)
{
	const char *utf8 = to_utf8(text, &length);

	append_escaped(out, utf8, length);
}

/* The same for what must always be writable: '?' for what has no UTF-8. */
void
append_readable(StringInfo out, const char *text, Size length)
{
	const char *utf8 = to_utf8_or_ascii(text, &length);

	append_escaped(out, utf8, length);
}

/* Keys that begin with an underscore are the format's own, so a column's gets a backslash. */
void
append_column_name(StringInfo out, const char *name)
{
	if (name[0] == '_')
		append_literal(out, "\\");
	append_text(out, name, strlen(name));
}

/* Appends bytes the way bytea is printed and escaped: \\x and two digits a byte. */
void
append_hex(StringInfo out, const char *bytes, Size length)
{
	static const char digits[] = "0123456789abcdef";

	append_literal(out, "\\\\x");
	for (Size i = 0; i < length; i++)
	{
		unsigned char byte = bytes[i];

		appendStringInfoCharMacro(out, digits[byte >> 4]);
		appendStringInfoCharMacro(out, digits[byte & 15]);
	}
}

/*
 * Text of the database's encoding as UTF-8. Raises a data error where there is
 * no such text: bytes of SQL_ASCII that are not UTF-8, characters without a
 * counterpart.
 */
const char *
to_utf8(const char *text, Size *length)
{
	const char *converted;

	if (GetDatabaseEncoding() == PG_UTF8)
		return text;
	converted = pg_server_to_any(text, *length, PG_UTF8);
	if (converted != text)
		*length = strlen(converted);
	return converted;
}

/* The same for a quarantine line, which must always be writable: then '?' for what has no UTF-8. */
const char *
to_utf8_or_ascii(const char *text, Size *length)
{
	MemoryContext context = CurrentMemoryContext;
	const char *volatile result = NULL;
	volatile Size result_length = *length;

	PG_TRY();
	{
		Size		converted = *length;

		result = to_utf8(text, &converted);
		result_length = converted;
	}
	PG_CATCH();
	{
		char	   *ascii;

		MemoryContextSwitchTo(context);
		if (geterrcode() != ERRCODE_CHARACTER_NOT_IN_REPERTOIRE &&
			geterrcode() != ERRCODE_UNTRANSLATABLE_CHARACTER)
			PG_RE_THROW();
		FlushErrorState();
		ascii = pnstrdup(text, *length);
		for (char *at = ascii; *at != '\0'; at++)
			if (IS_HIGHBIT_SET(*at))
				*at = '?';
		result = ascii;
	}
	PG_END_TRY();
	*length = result_length;
	return result;
}

/* The text in no more memory than it needs: a StringInfo begins with 1 KB, and plans hold many. */
char *
fitted(StringInfo text)
{
	char	   *copy = pnstrdup(text->data, text->len);

	pfree(text->data);
	return copy;
}
