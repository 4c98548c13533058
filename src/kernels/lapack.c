/* SPDX-License-Identifier: MIT
 *
 * Kernels of ops/lapack.h through LAPACKE. LAPACK's matrices are column-major: a row-major matrix
 * is the transpose of what it sees. Where that suffices (inverses, determinants, symmetric
 * matrices, singular values) nothing is copied more often than the result.
 */
#include "base/features.h"

#include "kernels/kernels.h"
#include "ops/lapack.h"

#if defined(TP_WITH_LAPACK)

#include <lapacke.h>
#include <math.h>
#include <string.h>

enum { LAPACK_BLOCK = 64 }; /* columns that LAPACK's blocked algorithms take at a time, at most */

bool tp__lapack_is_there(void)
{
    return true;
}

/* Before the first job of a batch: the rest of the program may have given OpenBLAS threads. */
static int64_t lapack_bytes(int64_t elements, size_t item, int64_t integers)
{
#if defined(TP_WITH_BLAS)
    tp__blas_one_thread();
#endif
    return elements * (int64_t)item + integers * (int64_t)sizeof(lapack_int) + 64;
}

static int64_t lapack_least(const tp__lapack *job)
{
    return job->m < job->n ? job->m : job->n;
}

static lapack_int lapack_ld(int64_t rows)
{
    return (lapack_int)(rows > 1 ? rows : 1);
}

/* Work space of eigenvalues and singular values, in elements. */
static int64_t lapack_eigh_work(int64_t n, bool vectors)
{
    return (vectors ? 1 + 6 * n + 2 * n * n : 2 * n + 1) + LAPACK_BLOCK * n;
}

static int64_t lapack_svd_work(const tp__lapack *job)
{
    int64_t k = lapack_least(job), most = job->m + job->n - k, inner = 4 * k * k + 4 * k;
    int64_t values = most > 7 * k ? most : 7 * k;
    return 3 * k + (inner > values ? inner : values) + LAPACK_BLOCK * (job->m + job->n);
}

#define LAPACK_REAL float
#define LAPACK(name) lapack_##name##_f32
#define LAPACK_ROUTINE(name) LAPACKE_s##name##_work
#include "kernels/lapack_body.h"

#define LAPACK_REAL double
#define LAPACK(name) lapack_##name##_f64
#define LAPACK_ROUTINE(name) LAPACKE_d##name##_work
#include "kernels/lapack_body.h"

#define LAPACK_PAIR(name, n_in, kernel)                                                            \
    {name, n_in, TP_F32, (tp__kernel *)lapack_##kernel##_f32},                                     \
    {                                                                                              \
        name, n_in, TP_F64, (tp__kernel *)lapack_##kernel##_f64                                    \
    }

const tp__override tp__kernels_lapack[] = {
    LAPACK_PAIR("inverse", 1, inverse),
    LAPACK_PAIR("solve", 2, solve),
    LAPACK_PAIR("solve_triangular", 2, triangular),
    LAPACK_PAIR("det", 1, det),
    LAPACK_PAIR("slogdet", 1, slogdet),
    LAPACK_PAIR("cholesky", 1, cholesky),
    LAPACK_PAIR("qr", 1, qr),
    LAPACK_PAIR("eigh", 1, eigh),
    LAPACK_PAIR("eigvalsh", 1, eigvalsh),
    LAPACK_PAIR("svd", 1, svd),
    LAPACK_PAIR("svdvals", 1, svdvals),
    {NULL, 0, TP_F32, NULL},
};

#else

bool tp__lapack_is_there(void)
{
    return false;
}

const tp__override tp__kernels_lapack[] = {{NULL, 0, TP_F32, NULL}};

#endif
