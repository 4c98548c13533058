/* SPDX-License-Identifier: MIT
 *
 * Backends: tables of kernels that take the place of the records' own, chosen once, before the
 * first operation, by what was compiled in and what the processor can do. Each file of a backend
 * ends with its table. The environment's TP_CPU=baseline, avx2 or avx512 holds the choice of
 * instructions to that level; TP_CPU=reference leaves the records' own kernels in place, where they
 * have any (ops/lapack.h).
 */
#ifndef TP_KERNELS_H
#define TP_KERNELS_H

#include "graph/op.h"

/* "cast" converts elements wherever that is needed: from the type n_in to dtype. Kernels of add,
 * sub, mul and div also edit in place. "outer product" is matmul's for sums of one term. */
typedef struct tp__override {
    const char *op; /* name of the record; NULL ends the table */
    int n_in;       /* of operands, which tells records of one name apart */
    tp_dtype dtype;
    tp__kernel *kernel;
} tp__override;

extern const tp__override tp__kernels_baseline[], tp__kernels_avx2[], tp__kernels_avx512[],
    tp__kernels_blas[], tp__kernels_lapack[], tp__conv_kernels_baseline[], tp__conv_kernels_avx2[],
    tp__conv_kernels_avx512[], tp__sequence_kernels_baseline[], tp__sequence_kernels_avx2[],
    tp__sequence_kernels_avx512[], tp__row_kernels_baseline[], tp__row_kernels_avx2[],
    tp__row_kernels_avx512[];

/* GFLOP/s of a float32 product on one thread, for profiles; with TP_WITH_BLAS only. */
double tp__blas_peak(void);

/* Holds OpenBLAS to one thread; with TP_WITH_BLAS only. */
void tp__blas_one_thread(void);

#endif
