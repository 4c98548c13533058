/* SPDX-License-Identifier: MIT
 *
 * What nobody can leave out of a row, as quick as this machine does it:
 *
 *     chain         one pass that reads x, calls the vector functions and writes the gradient
 *     gemm          the BLAS, called directly
 *     reductions    one pass that reads
 *     broadcasting  one pass that reads and writes, and one that reads where there is a gradient
 *     mlp           the BLAS for the products of both sweeps, and one pass over parameters,
 * gradients and both moments that writes all but the gradients
 *
 * Small chains are limited by overhead alone, and so have no limit here; neither has the
 * physics-informed network. Compile with -O3: the passes must be vectorised.
 */
#include "tensors_layers.h"
#include "tensors_vector.h"

#include <stdlib.h>
#include <string.h>

#ifdef BENCH_WITH_BLAS
#include <cblas.h>
#endif

enum { LIMIT_SMALL = 10000, LIMIT_ARRAYS = 6 };

typedef struct tensors_limit_state {
    tensors_row row;
    int64_t n;                 /* elements of the first input */
    int64_t params;            /* of the network */
    void *array[LIMIT_ARRAYS]; /* the first two inputs, then results; or parameters, moments … */
} tensors_limit_state;

/* --- Passes over memory --- */

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__)
#define LIMIT_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define LIMIT_CLONES
#endif

static volatile uint64_t limit_sink;

/* Four streams keep more of the memory's units busy than one. */
LIMIT_CLONES static void limit_read(const void *data, size_t bytes)
{
    const uint64_t *x = data;
    uint64_t sum[4] = {0};
    size_t quarter = bytes / sizeof *x / 4;
    for (size_t i = 0; i < quarter; i++) {
        sum[0] += x[i];
        sum[1] += x[quarter + i];
        sum[2] += x[2 * quarter + i];
        sum[3] += x[3 * quarter + i];
    }
    limit_sink = sum[0] + sum[1] + sum[2] + sum[3];
}

LIMIT_CLONES static void limit_copy(float *restrict y, const float *restrict x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + 1;
}

LIMIT_CLONES static void limit_triad_pass(float *restrict y, const float *restrict x,
                                          const float *restrict z, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + 3 * z[i];
}

LIMIT_CLONES static void limit_update(float *restrict p, float *restrict m, float *restrict v,
                                      const float *restrict g, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        m[i] = 0.9F * m[i] + 0.1F * g[i];
        v[i] = 0.999F * v[i] + 0.001F * g[i];
        p[i] -= 1e-9F * (m[i] + v[i]);
    }
}

void tensors_limit_read(const void *data, size_t bytes)
{
    limit_read(data, bytes);
}

void tensors_limit_copy(float *y, const float *x, int64_t n)
{
    limit_copy(y, x, n);
}

/* --- The BLAS --- */

#ifdef BENCH_WITH_BLAS

static const bool limit_has_blas = true;

/* c (m, n) = a (m, k) × b (k, n); 'T' for what is stored transposed. */
void tensors_limit_product(tensors_type type, const char *how, const int64_t *size, const void *a,
                           const void *b, void *c)
{
    int m = (int)size[0], k = (int)size[1], n = (int)size[2];
    CBLAS_TRANSPOSE ta = how[0] == 'T' ? CblasTrans : CblasNoTrans;
    CBLAS_TRANSPOSE tb = how[1] == 'T' ? CblasTrans : CblasNoTrans;
    int lda = how[0] == 'T' ? m : k, ldb = how[1] == 'T' ? k : n;
    if (type == TENSORS_F32)
        cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, a, lda, b, ldb, 0, c, n);
    else
        cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, a, lda, b, ldb, 0, c, n);
}

/* One layer of both sweeps: y = x w, gw = xᵀ gy, gx = gy wᵀ. A line is a vector. */
static void limit_layer(int64_t batch, int64_t in, int64_t out, bool first, const float *x,
                        const float *w, float *gw, float *y)
{
    int rows = (int)in, columns = (int)out;
    if (batch == 1) {
        cblas_sgemv(CblasRowMajor, CblasTrans, rows, columns, 1, w, columns, x, 1, 0, y, 1);
        cblas_sger(CblasRowMajor, rows, columns, 1, x, 1, y, 1, gw, columns);
        if (!first)
            cblas_sgemv(CblasRowMajor, CblasNoTrans, rows, columns, 1, w, columns, x, 1, 0, y, 1);
        return;
    }
    const int64_t forward[] = {batch, in, out}, weights[] = {in, batch, out};
    const int64_t inputs[] = {batch, out, in};
    tensors_limit_product(TENSORS_F32, "NN", forward, x, w, y);
    tensors_limit_product(TENSORS_F32, "TN", weights, x, y, gw);
    if (!first)
        tensors_limit_product(TENSORS_F32, "NT", inputs, x, w, y);
}

#else

static const bool limit_has_blas = false;

void tensors_limit_product(tensors_type type, const char *how, const int64_t *size, const void *a,
                           const void *b, void *c)
{
    (void)type, (void)how, (void)size, (void)a, (void)b, (void)c;
}

static void limit_layer(int64_t batch, int64_t in, int64_t out, bool first, const float *x,
                        const float *w, float *gw, float *y)
{
    (void)batch, (void)in, (void)out, (void)first, (void)x, (void)w, (void)gw, (void)y;
}

#endif

/* --- The side --- */

static bool limit_is_known(const tensors_row *row, int64_t n)
{
    double number[1] = {0}, result[1];
    switch (row->kind) {
    case TENSORS_CHAIN:
        return n >= LIMIT_SMALL && tensors_vector_functions(row->type, number, result, 0);
    case TENSORS_GEMM:
    case TENSORS_MLP:
        return limit_has_blas;
    default:
        return row->kind != TENSORS_PHYSICS;
    }
}

static void limit_close(void *state)
{
    tensors_limit_state *limit = state;
    for (int i = 0; i < LIMIT_ARRAYS; i++)
        free(limit->array[i]);
    free(limit);
}

/* Ordinary numbers: overflows and denormal ones would take other times. */
void *tensors_limit_array(int64_t n)
{
    float *p = aligned_alloc(64, ((size_t)n * sizeof(double) + 127) / 64 * 64);
    for (int64_t i = 0; p && i < n; i++)
        p[i] = 1e-3F;
    return p;
}

static bool limit_fill(tensors_limit_state *limit, const tensors_input *input, int inputs)
{
    int64_t room = limit->row.kind == TENSORS_GEMM ? limit->row.size[0] * limit->row.size[2] : 0;
    for (int i = 0; i < inputs; i++) {
        limit->params += i >= 2 ? input[i].n : 0;
        room = input[i].n > room ? input[i].n : room;
    }
    room = limit->params > room ? limit->params : room;
    int arrays = limit->row.kind == TENSORS_MLP ? LIMIT_ARRAYS : 3;
    for (int i = 0; i < arrays; i++) {
        if (!(limit->array[i] = tensors_limit_array(room)))
            return false;
        if (i < inputs && i < 2)
            tensors_fill(&input[i], i, limit->row.type, limit->array[i]);
    }
    return true;
}

static void *limit_open(const tensors_row *row)
{
    tensors_input input[TENSORS_INPUTS];
    int inputs = tensors_describe(row, input);
    tensors_limit_state *limit = limit_is_known(row, input[0].n) ? calloc(1, sizeof *limit) : NULL;
    if (!limit)
        return NULL;
    limit->row = *row;
    limit->n = input[0].n;
    if (limit_fill(limit, input, inputs))
        return limit;
    limit_close(limit);
    return NULL;
}

static void limit_network(const tensors_limit_state *limit)
{
    const float *x = limit->array[0];
    float *y = limit->array[1], *param = limit->array[2], *gradient = limit->array[3];
    const int64_t *width = limit->row.size + 1;
    int64_t at = 0;
    for (int i = 0; i < TENSORS_LAYERS; i++) {
        limit_layer(limit->row.size[0], width[i], width[i + 1], i == 0, x, param + at,
                    gradient + at, y);
        at += width[i] * width[i + 1] + width[i + 1];
    }
    limit_update(param, limit->array[4], limit->array[5], gradient, limit->params);
}

static void limit_step(void *state, tensors_results *results)
{
    (void)results;
    const tensors_limit_state *limit = state;
    const tensors_row *row = &limit->row;
    void *const *array = limit->array;
    size_t bytes = (size_t)limit->n * (row->type == TENSORS_F32 ? sizeof(float) : sizeof(double));
    switch (row->kind) {
    case TENSORS_CHAIN:
        tensors_vector_functions(row->type, array[0], array[2], limit->n);
        break;
    case TENSORS_GEMM:
        tensors_limit_product(row->type, row->how, row->size, array[0], array[1], array[2]);
        break;
    case TENSORS_SUM:
    case TENSORS_MAX:
        limit_read(array[0], bytes);
        break;
    case TENSORS_ROW_GRADIENT:
        limit_read(array[1], bytes);
        limit_copy(array[2], array[0], limit->n);
        break;
    case TENSORS_ADD_ROW:
    case TENSORS_MUL_COLUMN:
        limit_copy(array[2], array[0], limit->n);
        break;
    case TENSORS_MLP:
        limit_network(limit);
        break;
    default:
        break;
    }
}

const tensors_side *tensors_limit(const tensors_row *row)
{
    static const tensors_side side = {.name = "limit",
                                      .version = "",
                                      .open = limit_open,
                                      .step = limit_step,
                                      .close = limit_close};
    return tensors_is_cnn(row)     ? tensors_cnn_limit()
           : tensors_is_text(row)  ? tensors_text_limit()
           : tensors_is_layer(row) ? tensors_layer_limit()
                                   : &side;
}

/* --- The machine --- */

/* GB/s of y = x + a z over arrays far larger than any cache, three times 32 MiB a pass. */
static double limit_triad(void)
{
    enum { N = 8 << 20 };
    float *x = tensors_limit_array(N), *y = tensors_limit_array(N), *z = tensors_limit_array(N);
    double best = 0;
    for (int pass = 0; x && y && z && pass < 7; pass++) {
        double start = bench_now();
        limit_triad_pass(y, x, z, N);
        double rate = 3.0 * (double)(N * sizeof *x) / (bench_now() - start);
        best = rate > best ? rate : best;
    }
    free(x), free(y), free(z);
    return best;
}

/* GFLOP/s of a direct BLAS call. */
static double limit_peak(tensors_type type)
{
    const int64_t n = 1024, size[] = {n, n, n};
    void *a = tensors_limit_array(n * n), *b = tensors_limit_array(n * n),
         *c = tensors_limit_array(n * n);
    double best = 0;
    for (int pass = 0; a && b && c && limit_has_blas && pass < 5; pass++) {
        double start = bench_now();
        tensors_limit_product(type, "NN", size, a, b, c);
        double rate = 2.0 * (double)(n * n * n) / (bench_now() - start);
        best = rate > best ? rate : best;
    }
    free(a), free(b), free(c);
    return best;
}

void tensors_measure_machine(tensors_machine *machine)
{
    machine->triad = limit_triad();
    machine->peak[TENSORS_F32] = limit_peak(TENSORS_F32);
    machine->peak[TENSORS_F64] = limit_peak(TENSORS_F64);
}
