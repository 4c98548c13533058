/* SPDX-License-Identifier: MIT
 *
 * Minimising: a job holds the point that was reached, with its value and gradient, as plain
 * numbers. A method is a record whose step moves the job to a lower point, or says why it cannot.
 * The function is recorded afresh wherever it is evaluated, in a scope that closes.
 */
#ifndef TP_MINIMIZE_H
#define TP_MINIMIZE_H

#include "base/node.h"
#include "tinypytorch/calculus.h"

typedef struct tp__minimize {
    tp_objective *f;
    void *ctx;
    tp_var *start;
    tp_minimize_options options;
    int64_t n;
    double value, *x, *g;    /* the point reached */
    double *next_x, *next_g; /* the point being tried */
    double *d;               /* a direction */
    double *work;            /* the method's own, zeros at first */
    int iteration, evaluations;
    tp_stop stop;
} tp__minimize;

typedef struct tp__method {
    const char *name;
    bool fixed_rate;                 /* does not search: goes on though values rise */
    int64_t (*room)(int64_t n);      /* numbers of work; NULL: none */
    bool (*step)(tp__minimize *job); /* false: job->stop says why */
} tp__method;

extern const tp__method tp__method_lbfgs, tp__method_bfgs, tp__method_newton, tp__method_newton_cg,
    tp__method_trust_region, tp__method_conjugate, tp__method_gradient_descent, tp__method_momentum,
    tp__method_adam;

/* The value at x, and its gradient (n) and Hessian (n n) if not NULL. NaN on an error. */
double tp__minimize_at(tp__minimize *job, const double *x, double *gradient, double *hessian);

/* x as a variable of the start's shape; y = f(x), a number. Poison on error. */
tp_var *tp__minimize_variable(const tp__minimize *job, const double *x);
tp_var *tp__minimize_value(const tp__minimize *job, tp_var *x);

double tp__dot(int64_t n, const double *a, const double *b);

/* Goes from x along d, with its slope and the steepness c2 that is left at most, to a point that
 * satisfies the strong Wolfe conditions, trying the step `first` first. False, and job->stop is
 * set, if there is none. */
bool tp__line_search(tp__minimize *job, double first, double c2);

/* Makes the tried point the point reached. */
void tp__minimize_accept(tp__minimize *job, double value);

/* The lower factor of a + shift I in l, both (n, n); false if that is not positive definite. */
bool tp__factor_shifted(int64_t n, const double *a, double shift, double *l);

/* x ← −(l lᵀ)⁻¹ g; forward only: x ← l⁻¹ g. */
void tp__solve_factored(int64_t n, const double *l, const double *g, double *x);
void tp__solve_lower(int64_t n, const double *l, const double *g, double *x);

#endif
