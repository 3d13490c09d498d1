/* Numbers as Postgres prints them. What else JavaScript's Number() would take is TypeScript's. */
#ifndef DELTAMIRROR_NUMBER_H
#define DELTAMIRROR_NUMBER_H

#include <stdint.h>

#include "text.h"

/* Gives 0 where the text is none, or none of 64 bits. */
int			read_integer(struct text text, int64_t *integer);

/* The nearest double, and the two infinities. Gives 0 where the text is no number, or none that a double holds. */
int			read_real(struct text text, double *number);

/* Of money's text, `-$1,234.56`. */
int			read_money(struct text text, double *number);

#endif
