/* SPDX-License-Identifier: MIT */
#include "products.h"

#include <stddef.h>

#ifdef BENCH_WITH_BLAS

#include <cblas.h>

void products_run_blas(products_job *job, int64_t times)
{
    const bool single = job->type == PRODUCTS_F32;
    job->refused = job->type > PRODUCTS_F64;
    if (job->refused)
        return;
    CBLAS_TRANSPOSE ta = job->a_turned ? CblasTrans : CblasNoTrans;
    CBLAS_TRANSPOSE tb = job->b_turned ? CblasTrans : CblasNoTrans;
    blasint m = (blasint)job->m, n = (blasint)job->n, k = (blasint)job->k;
    blasint lda = job->a_turned ? m : k, ldb = job->b_turned ? k : n;
    for (int64_t i = 0; i < times; i++)
        if (m == 1)
            (single ? (void)cblas_sgemv(CblasRowMajor, tb == CblasTrans ? CblasNoTrans : CblasTrans,
                                        tb == CblasTrans ? n : k, tb == CblasTrans ? k : n, 1,
                                        job->b, ldb, job->a, 1, 0, job->c, 1)
                    : cblas_dgemv(CblasRowMajor, tb == CblasTrans ? CblasNoTrans : CblasTrans,
                                  tb == CblasTrans ? n : k, tb == CblasTrans ? k : n, 1, job->b,
                                  ldb, job->a, 1, 0, job->c, 1));
        else if (n == 1)
            (single
                 ? (void)cblas_sgemv(CblasRowMajor, ta, ta == CblasTrans ? k : m,
                                     ta == CblasTrans ? m : k, 1, job->a, lda, job->b, 1, 0, job->c,
                                     1)
                 : cblas_dgemv(CblasRowMajor, ta, ta == CblasTrans ? k : m,
                               ta == CblasTrans ? m : k, 1, job->a, lda, job->b, 1, 0, job->c, 1));
        else if (single)
            cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, job->a, lda, job->b, ldb, 0, job->c, n);
        else
            cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, job->a, lda, job->b, ldb, 0, job->c, n);
}

#endif

#ifdef BENCH_WITH_ONEDNN

#include <dnnl.h>

/* Of bfloat16 there is a primitive, which is made once for each job. */
typedef struct products_primitive {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t run;
    dnnl_memory_t memory[3];
} products_primitive;

#if DNNL_VERSION_MAJOR >= 3

static bool products_memory(products_primitive *p, int i, dnnl_memory_desc_t *desc, void *data,
                            const dnnl_dims_t sizes, const dnnl_dims_t strides)
{
    return !dnnl_memory_desc_create_with_strides(desc, 2, sizes, dnnl_bf16, strides) &&
           !dnnl_memory_create(&p->memory[i], *desc, p->engine, data);
}

static bool products_describe(products_primitive *p, const dnnl_memory_desc_t desc[3],
                              dnnl_primitive_desc_t *made)
{
    return !dnnl_matmul_primitive_desc_create(made, p->engine, desc[0], desc[1], NULL, desc[2],
                                              NULL);
}

static void products_forget(dnnl_memory_desc_t *desc)
{
    if (*desc)
        dnnl_memory_desc_destroy(*desc);
}

#else

static bool products_memory(products_primitive *p, int i, dnnl_memory_desc_t *desc, void *data,
                            const dnnl_dims_t sizes, const dnnl_dims_t strides)
{
    return !dnnl_memory_desc_init_by_strides(desc, 2, sizes, dnnl_bf16, strides) &&
           !dnnl_memory_create(&p->memory[i], desc, p->engine, data);
}

static bool products_describe(products_primitive *p, const dnnl_memory_desc_t desc[3],
                              dnnl_primitive_desc_t *made)
{
    dnnl_matmul_desc_t product;
    return !dnnl_matmul_desc_init(&product, &desc[0], &desc[1], NULL, &desc[2]) &&
           !dnnl_primitive_desc_create(made, &product, NULL, p->engine, NULL);
}

static void products_forget(dnnl_memory_desc_t *desc)
{
    (void)desc;
}

#endif

static bool products_prepare(products_primitive *p, const products_job *job)
{
    void *const data[3] = {job->a, job->b, job->c};
    const dnnl_dims_t sizes[3] = {{job->m, job->k}, {job->k, job->n}, {job->m, job->n}};
    const bool turned[3] = {job->a_turned, job->b_turned, false};
    dnnl_memory_desc_t desc[3] = {0};
    dnnl_primitive_desc_t made = NULL;
    bool good = !dnnl_engine_create(&p->engine, dnnl_cpu, 0) &&
                !dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags);
    for (int i = 0; i < 3 && good; i++) {
        const dnnl_dims_t strides = {turned[i] ? 1 : sizes[i][1], turned[i] ? sizes[i][0] : 1};
        good = products_memory(p, i, &desc[i], data[i], sizes[i], strides);
    }
    good = good && products_describe(p, desc, &made) && !dnnl_primitive_create(&p->run, made);
    if (made)
        dnnl_primitive_desc_destroy(made);
    for (int i = 0; i < 3; i++)
        products_forget(&desc[i]);
    return good;
}

static void products_onednn_bf16(products_job *job, int64_t times)
{
    products_primitive p = {0};
    job->refused = !products_prepare(&p, job);
    dnnl_exec_arg_t args[] = {
        {DNNL_ARG_SRC, p.memory[0]}, {DNNL_ARG_WEIGHTS, p.memory[1]}, {DNNL_ARG_DST, p.memory[2]}};
    for (int64_t i = 0; i < times && !job->refused; i++)
        dnnl_primitive_execute(p.run, p.stream, 3, args);
    for (int i = 0; i < 3; i++)
        if (p.memory[i])
            dnnl_memory_destroy(p.memory[i]);
    if (p.run)
        dnnl_primitive_destroy(p.run);
    if (p.stream)
        dnnl_stream_destroy(p.stream);
    if (p.engine)
        dnnl_engine_destroy(p.engine);
}

void products_run_onednn(products_job *job, int64_t times)
{
    char ta = job->a_turned ? 'T' : 'N', tb = job->b_turned ? 'T' : 'N';
    int64_t lda = job->a_turned ? job->m : job->k, ldb = job->b_turned ? job->k : job->n;
    if (job->type == PRODUCTS_BF16) {
        products_onednn_bf16(job, times);
        return;
    }
    job->refused = job->type != PRODUCTS_F32;
    for (int64_t i = 0; i < times && !job->refused; i++)
        dnnl_sgemm(ta, tb, job->m, job->n, job->k, 1, job->a, lda, job->b, ldb, 0, job->c, job->n);
}

#endif

#ifdef BENCH_WITH_XSMM

#include <libxsmm.h>

/* It leaves the upper halves of registers in use, with which instructions of SSE are ten times as
 * slow. */
static void products_clean_registers(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx"))
        __asm__ volatile("vzeroupper" ::: "memory");
#endif
}

/* Its matrices lie by columns: it computes cᵀ = bᵀ aᵀ. */
void products_run_xsmm(products_job *job, int64_t times)
{
    libxsmm_blasint m = (libxsmm_blasint)job->n, n = (libxsmm_blasint)job->m;
    libxsmm_blasint k = (libxsmm_blasint)job->k;
    const int flags = LIBXSMM_GEMM_FLAG_NONE | LIBXSMM_GEMM_FLAG_BETA_0;
    job->refused = job->a_turned || job->b_turned || job->type > PRODUCTS_F64 ||
                   (double)m * n * k > 256.0 * 256 * 256;
    if (job->refused)
        return;
    if (job->type == PRODUCTS_F32) {
        libxsmm_smmfunction run =
            libxsmm_smmdispatch(m, n, k, &m, &k, &m, NULL, NULL, &flags, NULL);
        job->refused = !run;
        for (int64_t i = 0; i < times && run; i++)
            run(job->b, job->a, job->c);
    } else {
        libxsmm_dmmfunction run =
            libxsmm_dmmdispatch(m, n, k, &m, &k, &m, NULL, NULL, &flags, NULL);
        job->refused = !run;
        for (int64_t i = 0; i < times && run; i++)
            run(job->b, job->a, job->c);
    }
    products_clean_registers();
}

#endif
