/* SPDX-License-Identifier: MIT
 *
 * What PyTorch says: tests/reference/table/FAMILY.txt, written by scripts/reference. Blocks begin
 * with a line "case NAME NUMBER: SHAPES: EXPRESSION" and hold lines "WORD NUMBERS".
 */
#ifndef TP_TABLE_REFERENCE_H
#define TP_TABLE_REFERENCE_H

#include "table.h"

/* What follows a word in the case's block; NULL if it is not there. */
const char *table_reference(const table_case *c, const char *word);

/* True if there is a block for this very case, shapes and expression. */
bool table_has_reference(const table_case *c);

/* What follows a line's beginning in types.txt, the types of sums of two types; NULL if there is
 * none. */
const char *table_reference_line(const char *start);

#endif
