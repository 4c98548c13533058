/* SPDX-License-Identifier: MIT
 *
 * The table of operations: one family a file, each ending with the array of its records.
 */
#ifndef TP_FAMILIES_H
#define TP_FAMILIES_H

#include "graph/op.h"

extern const tp__family tp__family_arithmetic, tp__family_pow, tp__family_unary, tp__family_choose,
    tp__family_reduce, tp__family_shape, tp__family_parts, tp__family_linalg, tp__family_conv,
    tp__family_pool, tp__family_resize;

/* All families; ends with NULL. */
extern const tp__family *const tp__families[];

#endif
