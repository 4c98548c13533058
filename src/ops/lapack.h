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

/* The same, or an error in call's name that says how to get it. */
bool tp__lapack_needed(const char *call);

#endif
