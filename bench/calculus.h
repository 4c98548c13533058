/* SPDX-License-Identifier: MIT
 *
 * calculus: derivatives beyond the gradient. Works of harness.h: n is the size or the order, out
 * gets what is compared. A task that a library has no means for is NULL.
 */
#ifndef BENCH_CALCULUS_H
#define BENCH_CALCULUS_H

#include "harness.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum calculus_task {
    CALCULUS_TAYLOR, /* derivatives 1 to n of tanh at `at`. out: the last */

    /* Σ 100 (x[i + 1] − x[i]²)² + (x[i] − 1)² of n variables x[i] = calculus_at(i). The Hessian,
     * all n² numbers. out: its sum, an element beside the diagonal */
    CALCULUS_HESSIAN,
    CALCULUS_PRODUCT, /* that Hessian times ones. out: its sum, an element */

    /* y = tanh(W x), (8), W[i][j] = calculus_at(7 i + j), x (n). The Jacobian. out: its sum, an
     * element */
    CALCULUS_JACOBIAN,
    CALCULUS_LAPLACIAN, /* the sum of second derivatives of Σ y by each x. out: it */
    CALCULUS_TASKS
} calculus_task;

enum { CALCULUS_ROWS = 8 };

double calculus_at(int i);

typedef struct calculus_side {
    const char *name;
    bench_work *work[CALCULUS_TASKS];
} calculus_side;

const calculus_side *calculus_ours(void);
const calculus_side *calculus_torch(void); /* if BENCH_WITH_TORCH */
const calculus_side *calculus_adolc(void); /* if BENCH_WITH_ADOLC */

/* The Hessian by its pattern and colors, the pattern known; the pattern; of n variables. */
void calculus_sparse(int n, double at, double *out);
void calculus_pattern(int n, double at, double *out);

#ifdef __cplusplus
}
#endif

#endif
