/*
 * Postgres's text of an array, `{1,NULL,"a b"}`, is walked once. An element goes over as
 * a number's digits, as true or false, or as a string; a bare NULL is null.
 */
#include "array.h"

#include <stdint.h>
#include <string.h>

/* Of a byte of text: a control character becomes six. What an element gets around it, the comma behind it has room for. */
#define GROWTH 6

struct walk
{
	const char *at;
	const char *end;
	char	   *to;
	enum kind	kind;
};

static void
put(struct walk *walk, const char *bytes, size_t length)
{
	memcpy(walk->to, bytes, length);
	walk->to += length;
}

/* One byte of a string, as JSON.stringify writes it. */
static void
put_character(struct walk *walk, char byte)
{
	static const char HEX[] = "0123456789abcdef";
	static const char NAMED[] = "\b\f\n\r\t\"\\";
	static const char NAMES[] = "bfnrt\"\\";
	const char *named = byte == '\0' ? NULL : strchr(NAMED, byte);

	if (named != NULL)
	{
		*walk->to++ = '\\';
		*walk->to++ = NAMES[named - NAMED];
	}
	else if ((unsigned char) byte < 0x20)
	{
		put(walk, "\\u00", 4);
		*walk->to++ = HEX[byte >> 4];
		*walk->to++ = HEX[byte & 0xf];
	}
	else
		*walk->to++ = byte;
}

/* A string of [from, end), where with `quoted` a backslash escapes what follows it. */
static void
put_string(struct walk *walk, const char *from, const char *end, int quoted)
{
	char	   *start = walk->to + 1;

	*walk->to++ = '"';
	while (from < end)
	{
		if (quoted && *from == '\\')
			from++;
		put_character(walk, *from++);
	}
	/* As a timestamp's own (value.c). */
	if (walk->kind == KIND_TIMESTAMPTZS && walk->to - start >= 3 && memcmp(walk->to - 3, "+00", 3) == 0)
		put(walk, ":00", 3);
	*walk->to++ = '"';
}

static int
put_bare(struct walk *walk, const char *from, const char *end)
{
	struct text text = {from, (size_t) (end - from)};
	const char *digit = *from == '-' ? from + 1 : from;

	if (text_is(text, "NULL"))
		put(walk, "null", 4);
	else if (walk->kind == KIND_NUMBERS && digit < end && *digit >= '0' && *digit <= '9')
		put(walk, text.bytes, text.length);
	else if (walk->kind != KIND_BOOLEANS)
		put_string(walk, from, end, 0);
	else if (text_is(text, "t"))
		put(walk, "true", 4);
	else if (text_is(text, "f"))
		put(walk, "false", 5);
	else
		return 0;
	return 1;
}

/* An element up to the comma or brace behind it; 0 where it is not one that Postgres writes. */
static int
put_element(struct walk *walk)
{
	const char *from = walk->at,
			   *end = from;

	if (*from == '"')
	{
		for (end = ++from; end < walk->end && *end != '"'; end++)
			if (*end == '\\')
				end++;
		if (end >= walk->end || walk->kind == KIND_NUMBERS || walk->kind == KIND_BOOLEANS)
			return 0;
		put_string(walk, from, end, 1);
		walk->at = end + 1;
	}
	else
	{
		while (end < walk->end && strchr(",}{\"\\", *end) == NULL)
			end++;
		if (end == from || !put_bare(walk, from, end))
			return 0;
		walk->at = end;
	}
	return walk->at < walk->end && (*walk->at == ',' || *walk->at == '}');
}

/* The whole array. What may come next: after a brace that opens, or a comma, an element or an array; after these a comma or a brace that closes. */
static int
put_array(struct walk *walk)
{
	size_t		depth = 0;
	enum {OPENED, WANTED, DONE} state = WANTED;

	do
	{
		char		byte = *walk->at;

		if (byte == '{' && state != DONE)
		{
			*walk->to++ = '[';
			depth++;
			state = OPENED;
			walk->at++;
		}
		else if (byte == '}' && state != WANTED)
		{
			*walk->to++ = ']';
			depth--;
			state = DONE;
			walk->at++;
		}
		else if (byte == ',' && state == DONE)
		{
			*walk->to++ = ',';
			state = WANTED;
			walk->at++;
		}
		else if (state != DONE && put_element(walk))
			state = DONE;
		else
			return 0;
	} while (depth > 0 && walk->at < walk->end);
	return depth == 0 && walk->at == walk->end;
}

int
array_to_json(struct text *text, enum kind kind, struct scratch *scratch)
{
	struct walk walk = {text->bytes, text->bytes + text->length, NULL, kind};
	char	   *json;

	if (text->length == 0 || text->bytes[0] != '{')
		return 1;
	json = text->length > SIZE_MAX / GROWTH ? NULL : scratch_take(scratch, text->length * GROWTH);
	if (json == NULL)
		return 0;
	walk.to = json;
	if (!put_array(&walk))
		return 0;
	text->bytes = json;
	text->length = (size_t) (walk.to - json);
	return 1;
}
