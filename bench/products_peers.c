/* SPDX-License-Identifier: MIT */
#include "products.h"

#include <stddef.h>

#ifdef BENCH_WITH_BLAS

#include <cblas.h>

void products_run_blas(products_job *job, int64_t times)
{
    CBLAS_TRANSPOSE ta = job->a_turned ? CblasTrans : CblasNoTrans;
    CBLAS_TRANSPOSE tb = job->b_turned ? CblasTrans : CblasNoTrans;
    blasint m = (blasint)job->m, n = (blasint)job->n, k = (blasint)job->k;
    blasint lda = job->a_turned ? m : k, ldb = job->b_turned ? k : n;
    for (int64_t i = 0; i < times; i++)
        if (m == 1)
            (job->single
                 ? (void)cblas_sgemv(CblasRowMajor, tb == CblasTrans ? CblasNoTrans : CblasTrans,
                                     tb == CblasTrans ? n : k, tb == CblasTrans ? k : n, 1, job->b,
                                     ldb, job->a, 1, 0, job->c, 1)
                 : cblas_dgemv(CblasRowMajor, tb == CblasTrans ? CblasNoTrans : CblasTrans,
                               tb == CblasTrans ? n : k, tb == CblasTrans ? k : n, 1, job->b, ldb,
                               job->a, 1, 0, job->c, 1));
        else if (n == 1)
            (job->single
                 ? (void)cblas_sgemv(CblasRowMajor, ta, ta == CblasTrans ? k : m,
                                     ta == CblasTrans ? m : k, 1, job->a, lda, job->b, 1, 0, job->c,
                                     1)
                 : cblas_dgemv(CblasRowMajor, ta, ta == CblasTrans ? k : m,
                               ta == CblasTrans ? m : k, 1, job->a, lda, job->b, 1, 0, job->c, 1));
        else if (job->single)
            cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, job->a, lda, job->b, ldb, 0, job->c, n);
        else
            cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, job->a, lda, job->b, ldb, 0, job->c, n);
}

#endif

#ifdef BENCH_WITH_ONEDNN

#include <dnnl.h>

void products_run_onednn(products_job *job, int64_t times)
{
    char ta = job->a_turned ? 'T' : 'N', tb = job->b_turned ? 'T' : 'N';
    int64_t lda = job->a_turned ? job->m : job->k, ldb = job->b_turned ? job->k : job->n;
    job->refused = !job->single;
    for (int64_t i = 0; i < times && job->single; i++)
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
    job->refused = job->a_turned || job->b_turned || (double)m * n * k > 256.0 * 256 * 256;
    if (job->refused)
        return;
    if (job->single) {
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
