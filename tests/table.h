/* SPDX-License-Identifier: MIT
 *
 * The table of operations as test cases. A case is one operation with operands of certain shapes:
 * each sample of a record, and a fixed list of shapes for elementwise records, which carry no
 * samples. A test runs for each of them, so a new record is tested by being in the table.
 *
 * Besides these there are *variants*, where only PyTorch says what happens: an axis of size 0,
 * shapes that do not fit, one axis more, *edges* (operands of zeros and ones: ties, the ends of
 * domains). So a sample's PyTorch expression has to mean what its call means for other shapes too.
 *
 * Operands, weights and directions are fixed numbers, multiples of 1/64 or 1/1024: exact in
 * float32. An operation's value y is made a number by sum(w · y).
 */
#ifndef TP_TABLE_H
#define TP_TABLE_H

#include "families.h"
#include "tinypytorch.h"

enum { TABLE_OPERANDS = 6, TABLE_WEIGHTS = 64 };

typedef struct table_case {
    const tp__op *op;
    const char *family;
    tp_var *(*call)(tp_var *const *x); /* NULL: the record's call_1 or call_2 */
    int number;                        /* among the cases of operations with this name */
    bool variant, edge;
    int n; /* operands */
    int ndim[TABLE_OPERANDS];
    int64_t shape[TABLE_OPERANDS][TP_MAX_NDIM];
    char shapes[64];
    char torch[240]; /* the same in PyTorch, of operands x0, x1 … */
} table_case;

/* All cases and variants, in the table's order. Ends with one whose op is NULL. */
const table_case *table_cases(void);

/* Applies the operation to n operands. */
tp_var *table_call(const table_case *c, tp_var *const *x);

/* Element k of operand i: inside the operation's domain, and a whole number if whole is set. */
double table_number(const table_case *c, int i, int64_t k, bool whole);

/* Operand i as a constant; whole numbers for integer types, without a sign for uint8. */
tp_var *table_constant(const table_case *c, int i, tp_dtype dtype);

/* All operands as variables. */
void table_variables(const table_case *c, tp_dtype dtype, tp_var **x);

/* Weight k of set `which`: in [−1, 1], not 0. */
double table_weight(int which, int64_t k);

/* A constant of v's shape with the weights of a set; of v's type if that is floating. */
tp_var *table_weights(const tp_var *v, int which);

/* Σ sum(w · v[i]), with weights of sets first, first + 1 … */
tp_var *table_weighted(tp_var *const *v, int n, int first);

int64_t table_size(const table_case *c, int i);

#endif
