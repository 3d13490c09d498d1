/*
 * Values and columns of a row line.
 */
#ifndef DELTASTREAM_VALUE_H
#define DELTASTREAM_VALUE_H

#include "lib/stringinfo.h"

#include "relation.h"

extern void append_value(StringInfo out, Column *column, Datum value);
extern void append_old(StringInfo out, RowPlan *plan, const int *which, int count);
extern void append_inserted(StringInfo out, RowPlan *plan);
extern void append_updated(StringInfo out, RowPlan *plan, bool has_old);
extern bool key_changed(RowPlan *plan);

#endif
