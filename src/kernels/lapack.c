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

/* clang-format off */
#define LAPACK_CALL(p, name, ...) LAPACKE_##p##name##_work(LAPACK_COL_MAJOR, __VA_ARGS__)
/* clang-format on */

#define LAPACK_HELPERS(Type, suffix)                                                               \
    static const Type *lapack_in_##suffix(const char *at)                                          \
    {                                                                                              \
        return (const Type *)(const void *)at;                                                     \
    }                                                                                              \
    static Type *lapack_out_##suffix(char *at)                                                     \
    {                                                                                              \
        return (Type *)(void *)at;                                                                 \
    }                                                                                              \
    /* to (columns, rows) ← the transpose of from (rows, columns) */                             \
    static void lapack_turn_##suffix(int64_t rows, int64_t columns, const Type *from, Type *to)    \
    {                                                                                              \
        for (int64_t j = 0; j < columns; j++)                                                      \
            for (int64_t i = 0; i < rows; i++)                                                     \
                to[j * rows + i] = from[i * columns + j];                                          \
    }                                                                                              \
    static bool lapack_finite_##suffix(int64_t n, const Type *at)                                  \
    {                                                                                              \
        bool finite = true;                                                                        \
        for (int64_t i = 0; i < n; i++)                                                            \
            finite = finite && isfinite(at[i]);                                                    \
        return finite;                                                                             \
    }

#define LAPACK_LU(Type, p, suffix)                                                                 \
    /* work: the factors, then pivots. Returns LAPACK's number. */                                 \
    static int64_t lapack_lu_##suffix(const tp__lapack *job, Type *lu, lapack_int *pivots)         \
    {                                                                                              \
        lapack_int n = (lapack_int)job->n;                                                         \
        memcpy(lu, job->a, (size_t)(job->n * job->n) * sizeof *lu);                                \
        return LAPACK_CALL(p, getrf, n, n, lu, lapack_ld(n), pivots);                              \
    }                                                                                              \
    static int64_t lapack_inverse_##suffix(const tp__lapack *job)                                  \
    {                                                                                              \
        int64_t n = job->n, room = LAPACK_BLOCK * n;                                               \
        if (!job->work)                                                                            \
            return lapack_bytes(room, sizeof(Type), n);                                            \
        Type *work = lapack_out_##suffix(job->work), *out = lapack_out_##suffix(job->out);         \
        lapack_int *pivots = (lapack_int *)(void *)(work + room);                                  \
        int64_t info = lapack_lu_##suffix(job, out, pivots);                                       \
        return info ? info                                                                         \
                    : LAPACK_CALL(p, getri, (lapack_int)n, out, lapack_ld(n), pivots, work,        \
                                  (lapack_int)room);                                               \
    }                                                                                              \
    static int64_t lapack_solve_##suffix(const tp__lapack *job)                                    \
    {                                                                                              \
        int64_t n = job->n, r = job->r;                                                            \
        if (!job->work)                                                                            \
            return lapack_bytes(n * (n + r), sizeof(Type), n);                                     \
        Type *lu = lapack_out_##suffix(job->work), *x = lu + n * n;                                \
        lapack_int *pivots = (lapack_int *)(void *)(x + n * r);                                    \
        int64_t info = lapack_lu_##suffix(job, lu, pivots);                                        \
        if (info)                                                                                  \
            return info;                                                                           \
        lapack_turn_##suffix(n, r, lapack_in_##suffix(job->b), x);                                 \
        info = LAPACK_CALL(p, getrs, 'T', (lapack_int)n, (lapack_int)r, lu, lapack_ld(n), pivots,  \
                           x, lapack_ld(n));                                                       \
        lapack_turn_##suffix(r, n, x, lapack_out_##suffix(job->out));                              \
        return info;                                                                               \
    }                                                                                              \
    /* The sign of the determinant and the factors' diagonal, every n + 1 elements of lu. */       \
    static double lapack_sign_##suffix(const tp__lapack *job, Type *lu)                            \
    {                                                                                              \
        lapack_int *pivots = (lapack_int *)(void *)(lu + job->n * job->n);                         \
        double sign = 1;                                                                           \
        lapack_lu_##suffix(job, lu, pivots);                                                       \
        for (int64_t i = 0; i < job->n; i++)                                                       \
            sign = pivots[i] == i + 1 ? sign : -sign;                                              \
        return sign;                                                                               \
    }                                                                                              \
    static int64_t lapack_det_##suffix(const tp__lapack *job)                                      \
    {                                                                                              \
        int64_t n = job->n;                                                                        \
        if (!job->work)                                                                            \
            return lapack_bytes(n * n, sizeof(Type), n);                                           \
        Type *lu = lapack_out_##suffix(job->work);                                                 \
        double product = lapack_sign_##suffix(job, lu);                                            \
        for (int64_t i = 0; i < n; i++)                                                            \
            product *= (double)lu[i * (n + 1)];                                                    \
        *lapack_out_##suffix(job->out) = (Type)product;                                            \
        return 0;                                                                                  \
    }                                                                                              \
    static int64_t lapack_slogdet_##suffix(const tp__lapack *job)                                  \
    {                                                                                              \
        int64_t n = job->n;                                                                        \
        if (!job->work)                                                                            \
            return lapack_bytes(n * n, sizeof(Type), n);                                           \
        Type *lu = lapack_out_##suffix(job->work), *out = lapack_out_##suffix(job->out);           \
        double sign = lapack_sign_##suffix(job, lu), sum = 0;                                      \
        for (int64_t i = 0; i < n; i++) {                                                          \
            double pivot = (double)lu[i * (n + 1)];                                                \
            sign *= pivot > 0 ? 1 : pivot < 0 ? -1 : pivot;                                        \
            sum += log(fabs(pivot));                                                               \
        }                                                                                          \
        out[0] = (Type)sign;                                                                       \
        out[1] = (Type)sum;                                                                        \
        return 0;                                                                                  \
    }

#define LAPACK_TRIANGLES(Type, p, suffix)                                                          \
    static int64_t lapack_triangular_##suffix(const tp__lapack *job)                               \
    {                                                                                              \
        int64_t n = job->n, r = job->r;                                                            \
        if (!job->work)                                                                            \
            return lapack_bytes(n * r, sizeof(Type), 0);                                           \
        Type *x = lapack_out_##suffix(job->work);                                                  \
        lapack_turn_##suffix(n, r, lapack_in_##suffix(job->b), x);                                 \
        int64_t info =                                                                             \
            LAPACK_CALL(p, trtrs, job->mode & TP__LAPACK_UPPER ? 'L' : 'U', 'T',                   \
                        job->mode & TP__LAPACK_UNIT ? 'U' : 'N', (lapack_int)n, (lapack_int)r,     \
                        lapack_in_##suffix(job->a), lapack_ld(n), x, lapack_ld(n));                \
        lapack_turn_##suffix(r, n, x, lapack_out_##suffix(job->out));                              \
        return info;                                                                               \
    }                                                                                              \
    static int64_t lapack_cholesky_##suffix(const tp__lapack *job)                                 \
    {                                                                                              \
        int64_t n = job->n;                                                                        \
        if (!job->work)                                                                            \
            return lapack_bytes(0, sizeof(Type), 0);                                               \
        Type *out = lapack_out_##suffix(job->out);                                                 \
        memcpy(out, job->a, (size_t)(n * n) * sizeof *out);                                        \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int64_t j = i + 1; j < n; j++)                                                    \
                out[i * n + j] = 0;                                                                \
        return LAPACK_CALL(p, potrf, 'U', (lapack_int)n, out, lapack_ld(n));                       \
    }                                                                                              \
    /* out: Q (m, k), then R (k, n) */                                                             \
    static int64_t lapack_qr_##suffix(const tp__lapack *job)                                       \
    {                                                                                              \
        int64_t m = job->m, n = job->n, k = lapack_least(job), room = LAPACK_BLOCK * n;            \
        if (!job->work)                                                                            \
            return lapack_bytes(m * n + k + room, sizeof(Type), 0);                                \
        Type *a = lapack_out_##suffix(job->work), *tau = a + m * n, *work = tau + k;               \
        Type *q = lapack_out_##suffix(job->out), *r = q + m * k;                                   \
        lapack_turn_##suffix(m, n, lapack_in_##suffix(job->a), a);                                 \
        int64_t info = LAPACK_CALL(p, geqrf, (lapack_int)m, (lapack_int)n, a, lapack_ld(m), tau,   \
                                   work, (lapack_int)room);                                        \
        for (int64_t i = 0; i < k; i++)                                                            \
            for (int64_t j = 0; j < n; j++)                                                        \
                r[i * n + j] = j < i ? 0 : a[j * m + i];                                           \
        if (!info)                                                                                 \
            info = LAPACK_CALL(p, orgqr, (lapack_int)m, (lapack_int)k, (lapack_int)k, a,           \
                               lapack_ld(m), tau, work, (lapack_int)room);                         \
        lapack_turn_##suffix(k, m, a, q);                                                          \
        return info;                                                                               \
    }

#define LAPACK_SPECTRA(Type, p, suffix)                                                            \
    static int64_t lapack_symmetric_##suffix(const tp__lapack *job, bool vectors)                  \
    {                                                                                              \
        int64_t n = job->n, room = lapack_eigh_work(n, vectors), integers = 3 + 5 * n;             \
        if (!job->work)                                                                            \
            return lapack_bytes(n * n + room, sizeof(Type), integers);                             \
        Type *z = lapack_out_##suffix(job->work), *work = z + n * n;                               \
        Type *w = lapack_out_##suffix(job->out);                                                   \
        memcpy(z, job->a, (size_t)(n * n) * sizeof *z);                                            \
        if (!lapack_finite_##suffix(n * n, z))                                                     \
            return TP__LAPACK_NOT_FINITE;                                                          \
        int64_t info = LAPACK_CALL(p, syevd, vectors ? 'V' : 'N', 'U', (lapack_int)n, z,           \
                                   lapack_ld(n), w, work, (lapack_int)room,                        \
                                   (lapack_int *)(void *)(work + room), (lapack_int)integers);     \
        if (vectors)                                                                               \
            lapack_turn_##suffix(n, n, z, w + n);                                                  \
        return info;                                                                               \
    }                                                                                              \
    /* out: w (n), then V (n, n) */                                                                \
    static int64_t lapack_eigh_##suffix(const tp__lapack *job)                                     \
    {                                                                                              \
        return lapack_symmetric_##suffix(job, true);                                               \
    }                                                                                              \
    static int64_t lapack_eigvalsh_##suffix(const tp__lapack *job)                                 \
    {                                                                                              \
        return lapack_symmetric_##suffix(job, false);                                              \
    }                                                                                              \
    /* The transpose's left vectors are the right ones. out: U (m, k), S (k), Vᵀ (k, n), or S */ \
    static int64_t lapack_singular_##suffix(const tp__lapack *job, bool vectors)                   \
    {                                                                                              \
        int64_t m = job->m, n = job->n, k = lapack_least(job), room = lapack_svd_work(job);        \
        if (!job->work)                                                                            \
            return lapack_bytes(m * n + room, sizeof(Type), 8 * k);                                \
        Type *a = lapack_out_##suffix(job->work), *work = a + m * n;                               \
        Type *u = lapack_out_##suffix(job->out), *s = vectors ? u + m * k : u, *v = s + k;         \
        memcpy(a, job->a, (size_t)(m * n) * sizeof *a);                                            \
        if (!lapack_finite_##suffix(m * n, a))                                                     \
            return TP__LAPACK_NOT_FINITE;                                                          \
        return LAPACK_CALL(p, gesdd, vectors ? 'S' : 'N', (lapack_int)n, (lapack_int)m, a,         \
                           lapack_ld(n), s, v, lapack_ld(n), u, lapack_ld(k), work,                \
                           (lapack_int)room, (lapack_int *)(void *)(work + room));                 \
    }                                                                                              \
    static int64_t lapack_svd_##suffix(const tp__lapack *job)                                      \
    {                                                                                              \
        return lapack_singular_##suffix(job, true);                                                \
    }                                                                                              \
    static int64_t lapack_svdvals_##suffix(const tp__lapack *job)                                  \
    {                                                                                              \
        return lapack_singular_##suffix(job, false);                                               \
    }

#define LAPACK_KERNELS(Type, p, suffix)                                                            \
    LAPACK_HELPERS(Type, suffix)                                                                   \
    LAPACK_LU(Type, p, suffix)                                                                     \
    LAPACK_TRIANGLES(Type, p, suffix)                                                              \
    LAPACK_SPECTRA(Type, p, suffix)

LAPACK_KERNELS(float, s, f32)
LAPACK_KERNELS(double, d, f64)

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
