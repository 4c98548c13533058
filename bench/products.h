/* SPDX-License-Identifier: MIT
 *
 * What the contestants of products.c share.
 */
#ifndef BENCH_PRODUCTS_H
#define BENCH_PRODUCTS_H

#include <stdbool.h>
#include <stdint.h>

/* c (m, n) = a (m, k) b (k, n); a turned operand lies by columns. */
typedef enum products_type {
    PRODUCTS_F32,
    PRODUCTS_F64,
    PRODUCTS_BF16,
    PRODUCTS_F16
} products_type;

typedef struct products_job {
    products_type type;
    bool a_turned, b_turned;
    bool refused; /* a contestant sets it who does not do this */
    int64_t m, n, k;
    void *a, *b, *c;
} products_job;

void products_run_blas(products_job *job, int64_t times);
void products_run_onednn(products_job *job, int64_t times);
void products_run_xsmm(products_job *job, int64_t times);

/* This thread's time in nanoseconds: what others do meanwhile does not count. */
double products_now(void);

#endif
