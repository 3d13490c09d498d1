/*
 * CRC-32 by eight bytes at once; where the processor multiplies without carry, by folding
 * sixty-four (Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
 * Instruction", Intel 2009).
 */
#include "crc.h"

#include <string.h>

#define POLYNOMIAL 0xedb88320u	/* its bits reversed */

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define LANES 4
#define LANE_BYTES 16
#define FOLDING __attribute__((target("pclmul,sse4.1")))

static FOLDING __m128i
fold(__m128i value, __m128i factors, __m128i next)
{
	__m128i		low = _mm_clmulepi64_si128(value, factors, 0x00);
	__m128i		high = _mm_clmulepi64_si128(value, factors, 0x11);

	return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* Of at least 64 bytes, their number a multiple of 16; without the inversions before and behind. */
static FOLDING uint32_t
folded(uint32_t seed, const char *bytes, size_t length)
{
	/* Powers of x modulo the polynomial, from the paper: by 64 bytes, by 16, by 8; and its inverse. */
	const __m128i by_lanes = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4),
				by_lane = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0),
				by_half = _mm_set_epi64x(0, 0x0163cd6124),
				polynomial = _mm_set_epi64x(0x01f7011641, 0x01db710641),
				low_words = _mm_setr_epi32(~0, 0, ~0, 0);
	__m128i		lanes[LANES],
				value,
				quotient;
	const char *end = bytes + length;

	for (int i = 0; i < LANES; i++, bytes += LANE_BYTES)
		lanes[i] = _mm_loadu_si128((const __m128i *) bytes);
	lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128((int) seed));
	for (; end - bytes >= LANES * LANE_BYTES; bytes += LANES * LANE_BYTES)
		for (int i = 0; i < LANES; i++)
			lanes[i] = fold(lanes[i], by_lanes, _mm_loadu_si128((const __m128i *) (bytes + i * LANE_BYTES)));
	value = lanes[0];
	for (int i = 1; i < LANES; i++)
		value = fold(value, by_lane, lanes[i]);
	for (; bytes < end; bytes += LANE_BYTES)
		value = fold(value, by_lane, _mm_loadu_si128((const __m128i *) bytes));
	/* 128 bits to 64, to 32, and the rest of the division (Barrett). */
	value = _mm_xor_si128(_mm_srli_si128(value, 8), _mm_clmulepi64_si128(value, by_lane, 0x10));
	value = _mm_xor_si128(_mm_srli_si128(value, 4), _mm_clmulepi64_si128(_mm_and_si128(value, low_words), by_half, 0x00));
	quotient = _mm_and_si128(_mm_clmulepi64_si128(_mm_and_si128(value, low_words), polynomial, 0x10), low_words);
	return (uint32_t) _mm_extract_epi32(_mm_xor_si128(value, _mm_clmulepi64_si128(quotient, polynomial, 0x00)), 1);
}

static int
can_fold(void)
{
	return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
}

#else
#define LANES 1
#define LANE_BYTES 1

static uint32_t
folded(uint32_t seed, const char *bytes, size_t length)
{
	(void) bytes;
	(void) length;
	return seed;
}

static int
can_fold(void)
{
	return 0;
}
#endif

void
crc_init(struct crc *crc)
{
	for (uint32_t byte = 0; byte < 256; byte++)
	{
		uint32_t	value = byte;

		for (int bit = 0; bit < 8; bit++)
			value = value >> 1 ^ (value & 1 ? POLYNOMIAL : 0);
		crc->table[0][byte] = value;
	}
	for (int place = 1; place < CRC_BYTES_AT_ONCE; place++)
		for (int byte = 0; byte < 256; byte++)
			crc->table[place][byte] = crc->table[place - 1][byte] >> 8 ^ crc->table[0][crc->table[place - 1][byte] & 0xff];
	crc->folds = can_fold();
}

uint32_t
crc_chain(const struct crc *crc, uint32_t seed, const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *) bytes;
	uint32_t	value = ~seed;

	if (crc->folds && length >= LANES * LANE_BYTES)
	{
		size_t		whole = length / LANE_BYTES * LANE_BYTES;

		value = folded(value, bytes, whole);
		at += whole;
		length -= whole;
	}
	for (; length >= CRC_BYTES_AT_ONCE; at += CRC_BYTES_AT_ONCE, length -= CRC_BYTES_AT_ONCE)
	{
		/* Byte by byte, so that the order of bytes in a word does not matter. */
		uint32_t	low = value ^ ((uint32_t) at[0] | (uint32_t) at[1] << 8 | (uint32_t) at[2] << 16 | (uint32_t) at[3] << 24);

		value = crc->table[7][low & 0xff] ^ crc->table[6][low >> 8 & 0xff] ^ crc->table[5][low >> 16 & 0xff] ^ crc->table[4][low >> 24]
			^ crc->table[3][at[4]] ^ crc->table[2][at[5]] ^ crc->table[1][at[6]] ^ crc->table[0][at[7]];
	}
	for (; length > 0; at++, length--)
		value = value >> 8 ^ crc->table[0][(value ^ *at) & 0xff];
	return ~value;
}
