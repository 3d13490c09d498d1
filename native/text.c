/*
 * The checks run over each byte of every row, so they take eight at once where they can.
 */
#include "text.h"

#include <stdint.h>
#include <string.h>

/* Eight bytes at once: whether one of them is a backslash or begins what is not ASCII. */
static int
has_special(const char *at)
{
	uint64_t	word,
				zeroes;

	memcpy(&word, at, sizeof(word));
	zeroes = word ^ UINT64_C(0x5c5c5c5c5c5c5c5c);
	zeroes = (zeroes - UINT64_C(0x0101010101010101)) & ~zeroes;
	return ((zeroes | word) & UINT64_C(0x8080808080808080)) != 0;
}

/* The length of the character of several bytes at `at`; 0 where it is none of UTF-8 (RFC 3629, 4). */
static size_t
utf8_length(const unsigned char *at, size_t left)
{
	size_t		length = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;

	if (at[0] < 0xc2 || at[0] > 0xf4 || length > left)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f)	/* too long; a surrogate */
		|| (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return length;
}

int
text_is_utf8(struct text text, int *escaped)
{
	const char *bytes = text.bytes;
	size_t		length = text.length,
				at = 0;

	*escaped = 0;
	while (at < length)
	{
		unsigned char byte;

		if (length - at >= sizeof(uint64_t) && !has_special(bytes + at))
		{
			at += sizeof(uint64_t);
			continue;
		}
		byte = (unsigned char) bytes[at];
		if (byte < 0x80)
		{
			*escaped |= byte == '\\';
			at++;
		}
		else
		{
			size_t		character = utf8_length((const unsigned char *) bytes + at, length - at);

			if (character == 0)
				return 0;
			at += character;
		}
	}
	return 1;
}

/* The byte that an escaped one stands for; 0 where it stands for none. */
static char
unescaped(char byte, enum escapes escapes)
{
	switch (byte)
	{
		case 't':
			return '\t';
		case 'n':
			return '\n';
		case 'r':
			return '\r';
		case '\\':
			return '\\';
	}
	if (escapes == ESCAPES_LOG)
		return 0;
	switch (byte)
	{
		case 'b':
			return '\b';
		case 'f':
			return '\f';
		case 'v':
			return '\v';
	}
	return byte;
}

int
text_unescape(struct text *text, enum escapes escapes, struct scratch *scratch)
{
	const char *from = text->bytes,
			   *end = text->bytes + text->length;
	char	   *plain = scratch_take(scratch, text->length),
			   *to = plain;

	if (plain == NULL)
		return 0;
	while (from < end)
	{
		const char *backslash = memchr(from, '\\', (size_t) (end - from));
		size_t		length = (size_t) ((backslash == NULL ? end : backslash) - from);

		memcpy(to, from, length);
		to += length;
		if (backslash == NULL)
			break;
		if (end - backslash < 2 || (*to = unescaped(backslash[1], escapes)) == 0)
			return 0;
		to++;
		from = backslash + 2;
	}
	text->bytes = plain;
	text->length = (size_t) (to - plain);
	return 1;
}
