/* What is done for each field of each line: short, so that a call into libc would cost more than the work. */
#ifndef DELTAMIRROR_BYTES_H
#define DELTAMIRROR_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <immintrin.h>

#define BYTES_AT_ONCE ((size_t) 16)
#endif

static inline int
bytes_same(const char *one, const char *other, size_t length)
{
	uint64_t	a,
				b;

	if (length < sizeof(a))
	{
		for (size_t i = 0; i < length; i++)
			if (one[i] != other[i])
				return 0;
		return 1;
	}
	for (size_t i = 0; i < length; i += sizeof(a))
	{
		size_t		at = i + sizeof(a) <= length ? i : length - sizeof(a);	/* the last ones overlap */

		memcpy(&a, one + at, sizeof(a));
		memcpy(&b, other + at, sizeof(b));
		if (a != b)
			return 0;
	}
	return 1;
}

/* The next TAB in [at, end); NULL where there is none. */
static inline const char *
bytes_tab(const char *at, const char *end)
{
#ifdef __SSE2__
	for (; (size_t) (end - at) >= BYTES_AT_ONCE; at += BYTES_AT_ONCE)
	{
		int			tabs = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *) at), _mm_set1_epi8('\t')));

		if (tabs != 0)
			return at + __builtin_ctz((unsigned) tabs);
	}
#endif
	return memchr(at, '\t', (size_t) (end - at));
}

/* Whether all bytes of [at, end) are ASCII and none of them is a backslash. */
static inline int
bytes_are_plain(const char *at, const char *end)
{
#ifdef __SSE2__
	for (; (size_t) (end - at) >= BYTES_AT_ONCE; at += BYTES_AT_ONCE)
	{
		__m128i		bytes = _mm_loadu_si128((const __m128i *) at);

		if (_mm_movemask_epi8(_mm_or_si128(bytes, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')))) != 0)
			return 0;
	}
#endif
	for (; at < end; at++)
		if ((unsigned char) *at >= 0x80 || *at == '\\')
			return 0;
	return 1;
}

#endif
