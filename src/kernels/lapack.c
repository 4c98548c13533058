/* SPDX-License-Identifier: MIT
 *
 * LAPACK by LAPACKE. LAPACK's matrices are column-major: a row-major matrix
 * is the transpose of what it sees. Where that suffices (inverses, determinants, symmetric
 * matrices, singular values) nothing is copied more often than the result.
 */
#include "base/features.h"

#include "kernels/lapack.h"

#if defined(TP_WITH_LAPACK)

#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "kernels/blas.h"

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

#define LAPACK_PAIR(kernel)                                                                        \
    {                                                                                              \
        lapack_##kernel##_f32, lapack_##kernel##_f64                                               \
    }

tp__lapack_kernel *tp__lapack_kernel_of(tp__lapack_kind kind, tp_dtype dtype)
{
    static tp__lapack_kernel *const kernels[TP__LAPACK_KINDS][2] = {
        [TP__LAPACK_INVERSE] = LAPACK_PAIR(inverse),
        [TP__LAPACK_SOLVE] = LAPACK_PAIR(solve),
        [TP__LAPACK_SOLVE_TRIANGULAR] = LAPACK_PAIR(triangular),
        [TP__LAPACK_DET] = LAPACK_PAIR(det),
        [TP__LAPACK_SLOGDET] = LAPACK_PAIR(slogdet),
        [TP__LAPACK_CHOLESKY] = LAPACK_PAIR(cholesky),
        [TP__LAPACK_QR] = LAPACK_PAIR(qr),
        [TP__LAPACK_EIGH] = LAPACK_PAIR(eigh),
        [TP__LAPACK_EIGVALSH] = LAPACK_PAIR(eigvalsh),
        [TP__LAPACK_SVD] = LAPACK_PAIR(svd),
        [TP__LAPACK_SVDVALS] = LAPACK_PAIR(svdvals),
    };
    return kernels[kind][dtype];
}

#else

bool tp__lapack_is_there(void)
{
    return false;
}

tp__lapack_kernel *tp__lapack_kernel_of(tp__lapack_kind kind, tp_dtype dtype)
{
    (void)kind, (void)dtype;
    return NULL;
}

#endif
