/*
 * Values that are printed straight into the line.
 */
#ifndef DELTASTREAM_DIRECT_H
#define DELTASTREAM_DIRECT_H

#include "relation.h"

/* More than any of them takes; the longest is a timestamp with time zone. */
#define DIRECT_BYTES 64

extern ValueKind direct_kind(Oid type);
extern int direct_print(ValueKind kind, Datum value, char *to);

#endif
