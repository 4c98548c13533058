/* SPDX-License-Identifier: MIT
 *
 * Factorisations of many matrices, apart from nodes. A record's `fast` slot holds a kernel for one
 * matrix of its type, which a library brings (kernels/lapack.c); there is no other. Matrices lie
 * row-major, one after the other, and threads take groups of them. What the groups are depends on
 * the shapes only, and a kernel uses one thread, so the bits are the same for any number of
 * threads.
 */
#ifndef TP_LAPACK_H
#define TP_LAPACK_H

#include "graph/op.h"

enum { TP__LAPACK_UPPER = 1, TP__LAPACK_UNIT = 2 };

/* What a kernel returns besides 0 and LAPACK's positive numbers, which mean a singular matrix or no
 * convergence. */
enum { TP__LAPACK_NOT_FINITE = -1000 };

/* One matrix a (m, n), with right sides b (m, r) for some, and the result. */
typedef struct tp__lapack {
    int64_t m, n, r;
    int64_t mode;
    const char *a, *b;
    char *out, *work;
} tp__lapack;

/* Without work it only returns how many bytes of it the job takes. */
typedef int64_t tp__lapack_kernel(const tp__lapack *job);

/* Fills call->out by the record's kernel from in[0] and, if there is one, in[1]. `why` says what a
 * positive number means: "is singular". cost is one matrix's time in nanoseconds. */
bool tp__lapack_run(tp__call *call, int64_t mode, double cost, const char *why);

/* True if the library was built with LAPACK. */
bool tp__lapack_is_there(void);

/* An operand that holds square matrices; poison, with an error, if it does not. */
tp_var *tp__square(const char *call, tp_var *x);

/* An operand that holds matrices, integers as float64. square: they have to be. */
tp_var *tp__matrices(const char *call, tp_var *x, bool square);

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
 * The parts' shapes, one after the other, are what a packed result consists of. */
tp_var *tp__unpack(tp_var *packed, int64_t from, int64_t rows, int64_t columns);

/* The opposite: n parts, vectors or matrices as is_matrix says. */
tp_var *tp__pack(tp_var *const *parts, const bool *is_matrix, int n);

#endif
