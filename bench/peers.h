/* SPDX-License-Identifier: MIT
 *
 * The contestants. Each solves the same tasks with the means of its library, written as its own
 * users would, and builds its graph or tape anew on every call. A task that a library has no
 * means for is NULL. Tapes are not replayed.
 */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include "harness.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a bench_work(n, at, out) does for each task. */
typedef enum bench_task {
    /* n updates of gradient descent, rate 0.001, on y = 100 (x1 − x0²)² + (x0 − 1)² from
     * x0 = at, x1 = 2, each with value and gradient. out: x0, x1 */
    BENCH_ROSENBROCK,

    /* n Newton steps on x⁴ − 2x² from x = at. out: x */
    BENCH_NEWTON,

    /* The first n derivatives of tanh at `at`, each the derivative of the one before with a graph
     * of its own, the last one too. out: n derivatives */
    BENCH_NESTED,

    /* The n-th derivative alone, from the graph of the one before, which is built by the first call
     * and kept. BENCH_LAST records no further graph. out: that derivative */
    BENCH_LAST,
    BENCH_LAST_RECORDED,

    /* The first n derivatives of tanh at `at` by Taylor series, as plain numbers and, where the
     * library has that, as values that can be differentiated again. out: n derivatives */
    BENCH_TAYLOR,
    BENCH_TAYLOR_RECORDED,

    /* y = x, then n times y = y x, recorded, swept and freed; x = at. out: dy/dx */
    BENCH_CHAIN,

    /* n times the value and gradient of Σ tanh(sin x · e^(−x²)) + x² / 2 over ten float64 elements
     * x = at, at − 1/4, at − 2/4 … out: the value, the sum of the gradient's elements */
    BENCH_ELEMENTS,

    /* n steps of gradient descent, rate 0.01, of a network in float32 on one input of 4 numbers,
     * cos 0 … cos 3: two layers of `at` units with tanh, one of 2, and the mean square of what is
     * missing to 1/2 and −1/2. Weights (out, in) begin as bench_network_weight says, biases as 0.
     * out: the loss before the last step, the sums of the first and of the last weight */
    BENCH_NETWORK,

    BENCH_TASKS
} bench_task;

/* Element number k, in row-major order, of a layer's weight. */
float bench_network_weight(int inputs, int k);

typedef struct bench_contestant {
    const char *name, *version;
    int chain;           /* the length of chain to measure with */
    void (*start)(void); /* once, before any work; may be NULL */
    bench_work *work[BENCH_TASKS];
} bench_contestant;

const bench_contestant *bench_ours(void);  /* this library */
const bench_contestant *bench_plain(void); /* derived by hand, in C: the limit and the reference */
const bench_contestant *bench_torch(void); /* libtorch, if BENCH_WITH_TORCH */
const bench_contestant *bench_adolc(void); /* ADOL-C, if BENCH_WITH_ADOLC */

#ifdef __cplusplus
}
#endif

#endif
