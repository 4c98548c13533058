/* SPDX-License-Identifier: MIT
 *
 * evals: gradients as GradBench asks for them (github.com/gradbench/gradbench), written as one
 * writes with this library, beside the derivative by hand in plain C, and beside peers where they
 * are built in.
 *
 * A *problem* is one of these functions at one size, with its input: n numbers x to differentiate
 * for, and constants. A *way* computes the derivative, `results` numbers in one order. All ways of
 * a problem must agree before anything is timed.
 */
#ifndef BENCH_EVALS_H
#define BENCH_EVALS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tp_var;

enum { EVALS_SIZES = 4, EVALS_WAYS = 4, EVALS_VARIABLES = 96 };

typedef struct evals_problem evals_problem;

/* The derivative of p. A way of ours may get NULL for out: then it makes its results, and copies
 * nothing. */
typedef void evals_work(const evals_problem *p, double *out);

typedef struct evals_way {
    const char *name;
    evals_work *work;
} evals_way;

struct evals_problem {
    const char *name, *title;
    int size[EVALS_SIZES];
    void (*make)(evals_problem *p); /* the input and v, by evals_input and evals_variable */
    evals_work *hand;
    evals_way ours[EVALS_WAYS];
    double tolerance; /* of the difference to hand, in units of the largest result */
    size_t n, n_data, results;
    double *x, *data;
    struct tp_var *v[EVALS_VARIABLES]; /* kept; what ours reads */
};

/* x and data of so many numbers, pseudo-random from 0 to 1. */
void evals_input(evals_problem *p, size_t n, size_t n_data, size_t results);

/* A variable of these numbers, kept for the problem; a constant. */
struct tp_var *evals_variable(int ndim, const int64_t *shape, const double *from);
struct tp_var *evals_constant(int ndim, const int64_t *shape, const double *from);

/* Computes v and, where out is not NULL, copies its elements there; what comes after them. */
double *evals_put(double *out, struct tp_var *v);

/* The problems, with their ways but not yet made; ends with one without a name. */
extern const evals_problem evals_lse[], evals_llsq[], evals_kmeans[], evals_gmm[], evals_lstm[],
    evals_ode[], evals_ba[], evals_det[];

/* The way of a peer, or NULL where it takes no part. */
evals_work *evals_adolc(const evals_problem *p); /* if BENCH_WITH_ADOLC */
evals_work *evals_codi(const evals_problem *p);  /* if BENCH_WITH_CODI */

#ifdef __cplusplus
}
#endif

#endif
