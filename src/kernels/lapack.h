/* SPDX-License-Identifier: MIT
 *
 * Factorisations of one matrix, which only LAPACK brings. Matrices lie row-major.
 */
#ifndef TP_LAPACK_H
#define TP_LAPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "tinypytorch/base.h"

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

/* What a record's `fast` names. */
typedef enum tp__lapack_kind {
    TP__LAPACK_INVERSE = 1,
    TP__LAPACK_SOLVE,
    TP__LAPACK_SOLVE_TRIANGULAR,
    TP__LAPACK_DET,
    TP__LAPACK_SLOGDET,
    TP__LAPACK_CHOLESKY,
    TP__LAPACK_QR,
    TP__LAPACK_EIGH,
    TP__LAPACK_EIGVALSH,
    TP__LAPACK_SVD,
    TP__LAPACK_SVDVALS,
    TP__LAPACK_KINDS
} tp__lapack_kind;

/* Of float32 or float64; NULL where there is no LAPACK. */
tp__lapack_kernel *tp__lapack_kernel_of(tp__lapack_kind kind, tp_dtype dtype);

/* True if the library was built with LAPACK. */
bool tp__lapack_is_there(void);

#endif
