/* SPDX-License-Identifier: MIT
 *
 * Minimising: a job holds the point that was reached, with its value and gradient, as plain
 * numbers. A method is a record whose step moves the job to a lower point, or says why it cannot.
 * The function is recorded afresh wherever it is evaluated, in a scope that closes.
 *
 * Bounds (Bertsekas 1982): a variable is held where it is at a bound, or within a hair of it, and
 * its derivative pushes outwards. Methods see the reduced gradient, which is 0 there, and the
 * Hessian of the others; every point that is tried is projected onto the bounds.
 */
#ifndef TP_MINIMIZE_H
#define TP_MINIMIZE_H

#include "base/node.h"
#include "tinypytorch/calculus.h"

typedef struct tp__minimize {
    const char *call; /* for messages */
    const struct tp__method *method;
    tp_objective *f;
    void *ctx;
    tp_var *start;
    tp_minimize_options options;
    int64_t n;
    double value, *x, *g;    /* the point reached */
    double residual;         /* of least squares: the largest |residual| there … */
    double enough;           /* … and what ends the search; below 0: nothing does */
    double *next_x, *next_g; /* the point being tried */
    double *d;               /* a direction */
    double *work;            /* the method's own, zeros at first */
    double *lower, *upper;   /* NULL: no bounds */
    double *held;            /* 1 for a variable at its bound, else 0 */
    double *reduced;         /* g, 0 for what is held; g itself without bounds */
    void *block;             /* the method's own, freed at the end */
    int iteration, evaluations;
    tp_stop stop;
} tp__minimize;

typedef struct tp__method {
    const char *name;
    bool fixed_rate;                  /* does not search: goes on though values rise */
    int64_t (*room)(int64_t n);       /* numbers of work; NULL: none */
    bool (*step)(tp__minimize *job);  /* false: job->stop says why */
    bool (*begin)(tp__minimize *job); /* value and gradient at the start, if f is not the
                                       * objective itself; false on an error */
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

/* Runs job.method from job.start, with a job whose function, options and `enough` are set. */
bool tp__minimize_run(tp__minimize *job, tp_minimize_result *minimum);

/* Makes the result one of an error, until it is another; false if an error is pending. */
bool tp__minimize_start(const char *call, tp_minimize_result *minimum);

/* Fills in the common defaults and checks what every search is given. */
bool tp__minimize_check(tp__minimize *job);

/* Reads the bounds that options give into lower and upper, n numbers each. */
bool tp__bounds_take(tp__minimize *job);

/* Each does nothing without bounds. Brings x to the nearest point within; finds what is held at the
 * point reached; makes d lead held variables to their bounds; clears their rows and columns in a
 * Hessian, but for the diagonal. */
void tp__bounds_project(const tp__minimize *job, double *x);
void tp__bounds_hold(tp__minimize *job);
void tp__bounds_lead(tp__minimize *job);
void tp__bounds_reduce(const tp__minimize *job, double *hessian);

/* The largest step |x[i] − P(x − g)[i]|: the largest |gradient| without bounds. */
double tp__bounds_measure(const tp__minimize *job);

/* Makes the tried point the point reached. */
void tp__minimize_accept(tp__minimize *job, double value);

/* The lower factor of a + shift I in l, both (n, n); false if that is not positive definite. */
bool tp__factor_shifted(int64_t n, const double *a, double shift, double *l);

/* x ← −(l lᵀ)⁻¹ g; forward only: x ← l⁻¹ g. */
void tp__solve_factored(int64_t n, const double *l, const double *g, double *x);
void tp__solve_lower(int64_t n, const double *l, const double *g, double *x);

#endif
