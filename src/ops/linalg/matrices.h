/* SPDX-License-Identifier: MIT
 *
 * What the files of linear algebra share: operands that hold matrices, and parts of rules.
 */
#ifndef TP_MATRICES_H
#define TP_MATRICES_H

#include "graph/op.h"

/* Records that shapes of two operands do not fit each other; returns poison. */
tp_var *tp__misfit(const char *call, const tp_var *a, const tp_var *b, const char *why);

/* The same with "size != size" as the reason, unless the sizes are equal; then true. */
bool tp__same_size(const char *call, const tp_var *a, int64_t size, const tp_var *b, int64_t other);

/* True if neither operand is NULL or poison; otherwise an error in call's name. */
bool tp__check_two(const char *call, const tp_var *a, const tp_var *b);

/* Likewise if they are points, (…, m, d) and (…, n, d); integers become float64. */
bool tp__check_points(const char *call, tp_var **a, tp_var **b);

/* The result has the operand's type and shape. */
bool tp__infer_alike(tp__call *call);

/* An operand that holds matrices, square ones; poison, with an error, if it does not. */
tp_var *tp__check_matrices(const char *call, tp_var *x);
tp_var *tp__square(const char *call, tp_var *x);

/* The same for operations that need LAPACK, which may be missing: integers as float64. square: they
 * have to be. */
tp_var *tp__matrices(const char *call, tp_var *x, bool square);

/* tp_matmul with a result of that type, for operands that fit and are good: float32 of half types
 * is the product before it is rounded. No operand of a half type is widened as a whole. */
tp_var *tp__matmul_as(tp_var *a, tp_var *b, tp_dtype dtype);

/* A matrix, its transpose, or a vector as a row or, turned, a column. */
typedef struct tp__side {
    tp_var *v;
    bool turned;
} tp__side;

/* y's elements ← a b, with the bits that tp_matmul gives: contiguous y, and one type of float32 and
 * float64 for all, whose elements are there. Nothing is recorded. */
void tp__multiply(tp_var *y, tp__side a, tp__side b);

/* True if b holds vectors beside matrices a: one, or one for each matrix. */
bool tp__is_vectors(const tp_var *a, const tp_var *b);

/* Leading axes of both operands, broadcast to common ones. False, with an error, if they do not
 * fit. */
bool tp__common_batch(const char *call, tp_var **a, tp_var **b);

/* The solution x of a x = b for a triangle a, as the mode says. */
tp_var *tp__solve_triangle(tp_var *a, tp_var *b, int64_t mode);

/* The sum over one axis. */
tp_var *tp__sum_over(tp_var *x, int64_t axis, bool keepdims);

/* Matrices transposed. */
tp_var *tp__transposed(tp_var *x);

/* A constant (n, n) matrix with these numbers below, on and above its diagonal. */
tp_var *tp__triangle(tp_dtype dtype, int64_t n, double below, double on, double above);

/* x plus `shift` times the identity, of x's type if that is floating: for samples of records. x
 * itself if it holds no matrices. */
tp_var *tp__shifted(tp_var *x, double shift);

/* rows × columns elements from place `from` of the last axis, as matrices; columns −1: as vectors.
 * Drawings pass over this.
 * The parts' shapes, one after the other, are what a packed result consists of. */
tp_var *tp__unpack(tp_var *packed, int64_t from, int64_t rows, int64_t columns);

/* The opposite: n parts, vectors or matrices as is_matrix says. */
tp_var *tp__pack(tp_var *const *parts, const bool *is_matrix, int n);

#endif
