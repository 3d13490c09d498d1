/* Transactions one behind the other, as units.h says. */
#include "units.h"

#include <string.h>

#define LENGTH_OF(literal) (sizeof(literal) - 1)
#define TRAILER "\t_crc\t"
#define CRC_DIGITS 8
#define TRAILER_BYTES (LENGTH_OF(TRAILER) + CRC_DIGITS + 1)
#define LSN_HALF_DIGITS 8
/* Of a number, exact as a double in TypeScript; and what it takes for a clock. */
#define NUMBER_DIGITS 16
#define CLOCK_LIMIT INT64_C(1000000000000000)

/* What the first and the last line say. */
struct unit
{
	const char *trailer;		/* the TAB before _crc */
	const char *end;			/* behind its last line */
	const char *last;			/* its last line */
	struct field prefix;		/* of its first line, up to the sequence */
	const char *body;
	int64_t		clock;
	int64_t		first;
	int64_t		sequence;		/* of the last line */
	int64_t		xid;
	int64_t		commit_us;
	int64_t		rows;
	uint64_t	commit_lsn;
	uint64_t	end_lsn;
	uint32_t	crc;
};

/* The readers below move `*at` behind what they read, and give 0 where it reads otherwise. */
static int
read_word(const char **at, const char *end, const char *word)
{
	size_t		length = strlen(word);

	if ((size_t) (end - *at) < length || memcmp(*at, word, length) != 0)
		return 0;
	*at += length;
	return 1;
}

static int
read_number(const char **at, const char *end, int64_t *number)
{
	const char *from = *at;

	*number = 0;
	for (; *at < end && **at >= '0' && **at <= '9'; (*at)++)
	{
		if (*at - from == NUMBER_DIGITS)
			return 0;
		*number = *number * 10 + (**at - '0');
	}
	return *at > from;
}

static int
hex_value(char digit, int is_lower)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (is_lower)
		return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
	return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

static int
read_hex(const char **at, const char *end, int is_lower, uint64_t *number)
{
	const char *from = *at;

	*number = 0;
	for (; *at < end && hex_value(**at, is_lower) >= 0; (*at)++)
	{
		if (*at - from == LSN_HALF_DIGITS)
			return 0;
		*number = *number << 4 | (uint64_t) hex_value(**at, is_lower);
	}
	return *at > from;
}

static int
read_lsn(const char **at, const char *end, uint64_t *lsn)
{
	uint64_t	high,
				low;

	if (!read_hex(at, end, 0, &high) || !read_word(at, end, "/") || !read_hex(at, end, 0, &low))
		return 0;
	*lsn = high << 32 | low;
	return 1;
}

/* Whether a line ends with a trailer, and where. Such bytes stand nowhere else (docs/format.md §2). */
static int
is_last(const char *line, const char *feed, struct unit *unit)
{
	const char *at;
	uint64_t	crc;

	if ((size_t) (feed - line) < TRAILER_BYTES)
		return 0;
	at = feed - (TRAILER_BYTES - 1);
	if (memcmp(at, TRAILER, LENGTH_OF(TRAILER)) != 0)
		return 0;
	unit->trailer = at;
	at += LENGTH_OF(TRAILER);
	if (!read_hex(&at, feed, 1, &crc) || at != feed)
		return 0;
	unit->crc = (uint32_t) crc;
	unit->last = line;
	unit->end = feed + 1;
	return 1;
}

/* Finds the end of the unit; 0 where it is not whole. */
static int
find_end(const char *start, const char *end, struct unit *unit)
{
	for (const char *line = start; line < end;)
	{
		const char *feed = memchr(line, '\n', (size_t) (end - line));

		if (feed == NULL)
			return 0;
		if (is_last(line, feed, unit))
			return 1;
		line = feed + 1;
	}
	return 0;
}

static int
read_begin(const char *start, struct unit *unit)
{
	const char *at = start,
			   *end = unit->trailer;

	if (!read_word(&at, end, "_c\t") || !read_number(&at, end, &unit->clock) || !read_word(&at, end, "\t_s\t"))
		return 0;
	unit->prefix = (struct field) {start, (size_t) (at - start)};
	if (!read_number(&at, end, &unit->first)
		|| !read_word(&at, end, "\t_action\tbegin\t_xid\t") || !read_number(&at, end, &unit->xid)
		|| !read_word(&at, end, "\t_lsn\t") || !read_lsn(&at, end, &unit->commit_lsn)
		|| !read_word(&at, end, "\t_ts\t") || !read_number(&at, end, &unit->commit_us)
		|| !read_word(&at, end, "\n"))
		return 0;
	unit->body = at;
	return 1;
}

static int
read_commit(struct unit *unit)
{
	const char *at = unit->last,
			   *end = unit->trailer;
	int64_t		clock,
				xid;

	return read_word(&at, end, "_c\t") && read_number(&at, end, &clock) && clock == unit->clock
		&& read_word(&at, end, "\t_s\t") && read_number(&at, end, &unit->sequence)
		&& read_word(&at, end, "\t_action\tcommit\t_xid\t") && read_number(&at, end, &xid) && xid == unit->xid
		&& read_word(&at, end, "\t_lsn\t") && read_lsn(&at, end, &unit->end_lsn)
		&& read_word(&at, end, "\t_rows\t") && read_number(&at, end, &unit->rows) && at == end;
}

/* Whether the unit is the next one, and one that the cache does not have. */
static int
is_next(const struct unit *unit, const struct place *place)
{
	int			follows = unit->clock == place->clock ? unit->first == place->sequence + 1 : unit->clock > place->clock && unit->first == 0;

	return follows && unit->clock < CLOCK_LIMIT && unit->commit_lsn >= place->lsn && unit->end_lsn >= unit->commit_lsn && unit->xid >= place->xid;
}

static void
move_behind(struct place *place, const struct unit *unit, const char *start)
{
	place->bytes += unit->end - start;
	place->clock = unit->clock;
	place->sequence = unit->sequence;
	place->crc = unit->crc;
	place->lsn = unit->end_lsn;
	place->commit_us = unit->commit_us;
	if (unit->commit_us > place->newest_us)
		place->newest_us = unit->commit_us;
	place->units++;
	place->rows += unit->rows;
	place->line_bytes = place->lines = 0;
}

/* The lines between the first and the last; how far they were done stands in `place`. */
static enum outcome
apply_body(struct lines *lines, const struct unit *unit, struct place *place)
{
	const char *at = unit->body;
	uint64_t	count = 0;
	enum outcome outcome = lines_apply_all(lines, &at, unit->last, unit->prefix, &count);

	place->line_bytes = at - unit->body;
	place->lines = (int64_t) count;
	/* TypeScript finds what is wrong with the number of lines. */
	if (outcome == LINE_DONE && unit->sequence - unit->first - 1 != (int64_t) count)
		return LINE_LEFT;
	return outcome;
}

enum outcome
units_apply(struct lines *lines, const char *block, const char *end, struct place *place)
{
	const char *start = block;
	struct unit unit;

	while (find_end(start, end, &unit))
	{
		enum outcome outcome;

		/* P6: no unit is applied unless the chain fits. */
		if (!read_begin(start, &unit) || !read_commit(&unit) || !is_next(&unit, place)
			|| crc_chain(&lines->crc, (uint32_t) place->crc, start, (size_t) (unit.trailer - start)) != unit.crc)
			return LINE_LEFT;
		outcome = apply_body(lines, &unit, place);
		if (outcome != LINE_DONE)
			return outcome;
		move_behind(place, &unit, start);
		start = unit.end;
	}
	return LINE_DONE;
}
