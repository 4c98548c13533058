/* SPDX-License-Identifier: MIT
 *
 * Small dense linear algebra of searches: Householder's QR, by columns (column k is a + k rows).
 */
#ifndef TP_TRIANGLE_H
#define TP_TRIANGLE_H

#include <stdbool.h>
#include <stdint.h>

/* a (rows, n), rows ≥ n, becomes R in its upper triangle; b (rows) becomes Qᵀ b. */
void tp__triangle_factor(int64_t rows, int64_t n, double *a, double *b);

/* x ← R⁻¹ b and x ← R⁻ᵀ b of a factored a; x may be b. Diagonal elements are not zero. */
void tp__triangle_solve(int64_t rows, int64_t n, const double *a, const double *b, double *x);
void tp__triangle_solve_transposed(int64_t rows, int64_t n, const double *a, const double *b,
                                   double *x);

/* True if no diagonal element is tiny beside its column. */
bool tp__triangle_is_regular(int64_t rows, int64_t n, const double *a);

#endif
