/* SPDX-License-Identifier: MIT
 *
 * Linear algebra: products, factorisations, equations.
 */
#ifndef TINYPYTORCH_LINALG_H
#define TINYPYTORCH_LINALG_H

#include "number.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Products --- */

/* Matrix product: (…, m, k) × (…, k, n) → (…, m, n). Leading axes broadcast. A 1-d operand counts
 * as a row on the left, a column on the right, and its axis goes. Integers multiply in int64. */
TP_API tp_var *tp_matmul(tp_var *a, tp_var *b);

#ifdef __cplusplus
}
#endif

#endif
