/* SPDX-License-Identifier: MIT
 *
 * Matrix products through OpenBLAS, which is held to one thread: its own threads change bits, and
 * spin. The blocks are cut here (kernels/gemm.h).
 *
 * Usually OpenBLAS copies its operands into an order of its own first, which large blocks repay.
 * For processors with AVX-512 it also has kernels that do without, up to 10⁶ multiplications; in
 * small blocks, and with long sums in several calls, they serve any product whose second operand
 * fits the cache. On Zen 4 that is 10 to 20 % faster than one call for the whole, at all sizes from
 * 128³ on, and much faster for results of few rows or columns. They are less good at a transposed
 * second operand: only in blocks of at most 1,200 elements, and with long sums.
 */
#include "base/features.h"

#if defined(TP_WITH_BLAS)

#include <cblas.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/profile.h"
#include "kernels/blas.h"

enum {
    BLAS_TINY = 32, /* multiplications that are quicker done here than a call */
    BLAS_SMALL = 1000000,
    BLAS_SMALL_ROWS = 48,
    BLAS_SMALL_COLUMNS = 64,
    BLAS_SMALL_TRANSPOSED = 32,
    BLAS_VECTOR = 1 << 20, /* multiplications of a matrix and a vector that are worth a task */
    BLAS_ROUND = 32        /* slabs are multiples of this */
};

static bool blas_has_small;

static void blas_start(void)
{
    static const char *const cores[] = {"SkylakeX", "Cooperlake", "SapphireRapids"};
    int major = 0, minor = 0, patch = 0;
    if (sscanf(openblas_get_config(), "OpenBLAS %d.%d.%d", &major, &minor, &patch) != 3 ||
        major * 10000 + minor * 100 + patch < 317)
        return;
    for (size_t i = 0; i < sizeof cores / sizeof *cores; i++)
        blas_has_small |= !strcmp(openblas_get_corename(), cores[i]);
}

/* --- Blocks --- */

/* How an operand is handed over: as it lies, or as the transpose of what lies there. */
typedef struct blas_operand {
    CBLAS_TRANSPOSE transposed;
    blasint ld;
} blas_operand;

static blas_operand blas_operand_of(int64_t rows, int64_t columns, int64_t row, int64_t column)
{
    if ((column == 1 || columns == 1) && (rows == 1 || row >= columns))
        return (blas_operand){CblasNoTrans, (blasint)(rows == 1 ? columns : row)};
    return (blas_operand){CblasTrans, (blasint)(columns == 1 ? rows : column)};
}

static blas_operand blas_left(const tp__gemm *job)
{
    return blas_operand_of(job->m, job->k, job->a_row, job->a_column);
}

static blas_operand blas_right(const tp__gemm *job)
{
    return blas_operand_of(job->k, job->n, job->b_row, job->b_column);
}

static bool blas_is_awkward(const tp__gemm *job)
{
    return blas_left(job).transposed == CblasNoTrans && blas_right(job).transposed == CblasTrans;
}

static double blas_work(const tp__gemm *job)
{
    return (double)job->m * (double)job->n * (double)job->k;
}

/* Blocks for the kernels without copies; false if they would not pay. */
static bool blas_cut_small(const tp__gemm *whole, int64_t item, int64_t *rows, int64_t *columns)
{
    bool single = item == sizeof(float), awkward = blas_is_awkward(whole);
    if ((double)whole->k * (double)whole->n * (double)item > 4e6 ||
        (awkward && whole->k < (single ? 256 : 64)))
        return false;
    *rows = awkward ? BLAS_SMALL_TRANSPOSED : BLAS_SMALL_ROWS;
    *columns = awkward ? BLAS_SMALL_TRANSPOSED : BLAS_SMALL_COLUMNS;
    return true;
}

static int64_t blas_part(int64_t size, int64_t parts)
{
    return ((size - 1) / parts / BLAS_ROUND + 1) * BLAS_ROUND;
}

/* Sides are halved until there are enough slabs, or they would be too small: rows first, since each
 * slab copies its part of both operands, and the second one costs more. */
static void blas_cut_slabs(const tp__gemm *whole, int64_t *rows, int64_t *columns)
{
    for (int n = 1; n < 16; n *= 2) {
        bool across = *rows < 512 && *rows < *columns;
        int64_t *side = across ? columns : rows, least = n < 4 ? 256 : across ? 2048 : 512;
        if (*side < least || (double)*rows * (double)*columns * (double)whole->k < 5e6)
            return;
        *side = blas_part(*side, 2);
    }
}

/* A product with a vector is cut across the result, in at most eight. */
static int64_t blas_cut_vector(const tp__gemm *whole)
{
    int64_t length = whole->m == 1 ? whole->n : whole->m;
    int64_t worth = blas_part(BLAS_VECTOR, whole->k ? whole->k : 1), least = blas_part(length, 8);
    return worth > least ? worth : least;
}

static void blas_cut(const tp__gemm *whole, int64_t item, int64_t *rows, int64_t *columns)
{
    *rows = whole->m;
    *columns = whole->n;
    if (whole->m == 1 || whole->n == 1)
        *(whole->m == 1 ? columns : rows) = blas_cut_vector(whole);
    else if (blas_has_small && blas_work(whole) <= (double)BLAS_SMALL)
        return;
    else if (!blas_has_small || !blas_cut_small(whole, item, rows, columns))
        blas_cut_slabs(whole, rows, columns);
}

/* How much of a sum goes into one call. */
static int64_t blas_depth(const tp__gemm *job)
{
    int64_t size = job->m * job->n, most = BLAS_SMALL / size;
    bool awkward = blas_is_awkward(job);
    int64_t block = awkward ? BLAS_SMALL_TRANSPOSED * BLAS_SMALL_TRANSPOSED
                            : BLAS_SMALL_ROWS * BLAS_SMALL_COLUMNS;
    if (!blas_has_small || size > block || job->k <= most)
        return job->k;
    int64_t parts = (job->k - 1) / most + 1;
    return ((job->k - 1) / parts / 4 + 1) * 4;
}

/* --- Kernels --- */

/* beta is 1 for a vector, on zeros: versions differ in what 0 times an old NaN is. */
#define BLAS_KERNELS(Type, vector, matrix, gemv, gemm)                                             \
    /* (n, k) × (k) → (n) */                                                                    \
    static void vector(blas_operand A, int64_t n, int64_t k, const char *a, const char *x,         \
                       int64_t x_step, char *y, int64_t y_step, bool add)                          \
    {                                                                                              \
        bool rows = A.transposed == CblasNoTrans;                                                  \
        Type *to = (Type *)(void *)y;                                                              \
        for (int64_t i = 0; i < n && !add; i++)                                                    \
            to[i * y_step] = 0;                                                                    \
        gemv(CblasRowMajor, A.transposed, (blasint)(rows ? n : k), (blasint)(rows ? k : n), 1,     \
             (const Type *)(const void *)a, A.ld, (const Type *)(const void *)x,                   \
             (blasint)(k == 1 ? 1 : x_step), 1, to, (blasint)y_step);                              \
    }                                                                                              \
                                                                                                   \
    static void matrix(const tp__gemm *job)                                                        \
    {                                                                                              \
        blas_operand a = blas_left(job), b = blas_right(job);                                      \
        int64_t depth = blas_depth(job);                                                           \
        for (int64_t k = 0; k < job->k; k += depth)                                                \
            gemm(CblasRowMajor, a.transposed, b.transposed, (blasint)job->m, (blasint)job->n,      \
                 (blasint)(job->k - k < depth ? job->k - k : depth), 1,                            \
                 (const Type *)(const void *)job->a + k * job->a_column, a.ld,                     \
                 (const Type *)(const void *)job->b + k * job->b_row, b.ld, job->add || k > 0,     \
                 (Type *)(void *)job->c, (blasint)job->c_row);                                     \
    }

BLAS_KERNELS(float, blas_vector_f32, blas_matrix_f32, cblas_sgemv, cblas_sgemm)
BLAS_KERNELS(double, blas_vector_f64, blas_matrix_f64, cblas_dgemv, cblas_dgemm)

typedef void blas_vector(blas_operand A, int64_t n, int64_t k, const char *a, const char *x,
                         int64_t x_step, char *y, int64_t y_step, bool add);
typedef void blas_matrix(const tp__gemm *job);

static void blas_run(const tp__gemm *job, tp_dtype dtype, blas_vector *vector, blas_matrix *matrix)
{
    bool small = blas_has_small && job->k >= 32 && blas_work(job) <= (double)BLAS_SMALL;
    if (blas_work(job) <= (double)BLAS_TINY)
        tp__gemm_reference(dtype)->run(job);
    else if (small || (job->m > 1 && job->n > 1))
        matrix(job);
    else if (job->n == 1)
        vector(blas_left(job), job->m, job->k, job->a, job->b, job->b_row, job->c, job->c_row,
               job->add);
    else
        vector(blas_operand_of(job->n, job->k, job->b_column, job->b_row), job->n, job->k, job->b,
               job->a, job->a_column, job->c, 1, job->add);
}

static void blas_run_f32(const tp__gemm *job)
{
    blas_run(job, TP_F32, blas_vector_f32, blas_matrix_f32);
}

static void blas_run_f64(const tp__gemm *job)
{
    blas_run(job, TP_F64, blas_vector_f64, blas_matrix_f64);
}

static void blas_cut_f32(const tp__gemm *whole, int64_t *rows, int64_t *columns)
{
    blas_cut(whole, sizeof(float), rows, columns);
}

static void blas_cut_f64(const tp__gemm *whole, int64_t *rows, int64_t *columns)
{
    blas_cut(whole, sizeof(double), rows, columns);
}

void tp__blas_one_thread(void)
{
    if (openblas_get_num_threads() != 1)
        openblas_set_num_threads(1);
}

/* --- What the processor can do --- */

static double blas_peak(void)
{
    const int n = 256, times = 8;
    float *memory = tp__alloc_zero(3 * (size_t)n * (size_t)n, sizeof *memory);
    if (!memory)
        return 0;
    float *a = memory, *b = a + n * n, *c = b + n * n;
    tp__blas_one_thread();
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < times; i++) {
        uint64_t start = tp__profile_clock();
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a, n, b, n, 0, c, n);
        uint64_t took = tp__profile_clock() - start;
        best = took < best ? took : best;
    }
    tp__free(memory);
    return 2.0 * n * n * n / (double)best;
}

/* --- Backends --- */

static void blas_begin(void)
{
    blas_start();
    tp__profile_peak = blas_peak;
}

const tp__gemm_backend *tp__blas_backend(tp_dtype dtype)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static const tp__gemm_backend backends[] = {
        [TP_F32] = {sizeof(float), 0.02, true, blas_cut_f32, blas_run_f32},
        [TP_F64] = {sizeof(double), 0.04, true, blas_cut_f64, blas_run_f64},
    };
    pthread_once(&once, blas_begin);
    tp__blas_one_thread();
    return &backends[dtype];
}

#else

extern int tp__blas_is_not_there;

#endif
