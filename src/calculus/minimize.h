/* SPDX-License-Identifier: MIT
 *
 * Minimising: a job holds the point that was reached, with its value and gradient, as plain
 * numbers. A method is a record whose step moves the job to a lower point, or says why it cannot.
 * The function is recorded afresh wherever it is evaluated, in a scope that closes.
 *
 * Units: a job's x[i] times unit[i], a power of 2, is the caller's, so that the Hessian at the
 * start has rows of about the same size, near 1. Methods know numbers in these units only.
 *
 * A claim of convergence is tested before it is made: by what a Newton step from the point reached
 * still promises, with second derivatives (model.c).
 *
 * Bounds (Bertsekas 1982): a variable is held where it is at a bound, or within a hair of it, and
 * its derivative pushes outwards. Methods see the reduced gradient, which is 0 there, and the
 * Hessian of the others; every point that is tried is projected onto the bounds.
 */
#ifndef TP_MINIMIZE_H
#define TP_MINIMIZE_H

/* The most variables whose whole Hessian is computed to test a claim. */
enum { TP__MODEL_WHOLE = 32 };

#include "base/node.h"
#include "tinypytorch/calculus.h"

/* Σ g d + d H d / 2 at the point reached, as far as it is known. */
typedef struct tp__model {
    double *hessian;      /* (n, n), NULL where n is too large: products then */
    double *factor;       /* (n, n) */
    double *step;         /* (n) Newton's step, where the Hessian is made positive definite */
    double *curvature;    /* (n) the largest |diagonal element| that was met */
    double *spare;        /* (3 n) */
    double *scale;        /* (n) by which the factor's matrix is scaled to a diagonal of 1 */
    double *beside;       /* (4 n) for probes */
    int known;            /* the iteration whose Hessian this is; below 0: none */
    double decrease, far; /* what the step promises; its largest |step[i] / x[i]| */
    bool convex;          /* no negative curvature was met */
    bool fades;           /* a variable has no influence any more that had some */
    bool differences;     /* the function has no second derivatives */
} tp__model;

typedef struct tp__minimize tp__minimize;

/* A few steps down from x, a point beside the one reached, for probes: of f, or, if across is not
 * NULL, of f + stiff (across·(y − x))², whose y does not slide back where f is flat. Its least
 * value is no more than f's least where across·(y − x) = 0. */
typedef struct tp__descent {
    const double *x, *across;
    double stiff;
    int steps;
    double value, left; /* the value there, NaN on an error; how far it may still fall, about */
} tp__descent;

struct tp__minimize {
    const char *call; /* for messages */
    const struct tp__method *method;
    tp_objective *f;
    void *ctx;
    tp_var *start;
    tp_minimize_options options;
    int64_t n;
    double value, *x, *g;    /* the point reached */
    double first, before;    /* the values at the start and before the last step */
    double *unit;            /* NULL: all 1 */
    double *shown;           /* x in the caller's units */
    bool curved;             /* units come from curvature: a step −g is about Newton's */
    double residual;         /* of least squares: the largest |residual| there … */
    double enough;           /* … and what ends the search; below 0: nothing does */
    double *next_x, *next_g; /* the point being tried */
    double *d;               /* a direction */
    double *work;            /* the method's own, zeros at first */
    double *lower, *upper;   /* NULL: no bounds */
    double *held;            /* −1 or 1 for a variable at its lower or upper bound, else 0 */
    double *reduced;         /* g, 0 for what is held; g itself without bounds */
    double *origin;          /* the start */
    double hair;             /* how near a bound a variable may be held, at most */
    tp__model model;
    int next_look; /* the iteration from which on a model is made to see if it is the last */
    void *block;   /* the method's own, freed at the end */
    int iteration, evaluations;
    bool beside; /* a few steps from beside another search's point, to see if they end lower */
    bool others; /* f reads variables besides x: the result's derivatives are not zero, but lost */
    tp_stop stop;
    void (*descend)(tp__minimize *job, tp__descent *descent);
};

typedef struct tp__method {
    const char *name;
    bool fixed_rate;                  /* does not search: goes on though values rise */
    bool whole;                       /* needs the Hessian, however large */
    int64_t (*room)(int64_t n);       /* numbers of work; NULL: none */
    bool (*step)(tp__minimize *job);  /* false: job->stop says why */
    bool (*begin)(tp__minimize *job); /* value and gradient at the start, if f is not the
                                       * objective itself; false on an error */
    bool (*arrived)(tp__minimize *job, bool stuck); /* then: job->stop says why to stop */
} tp__method;

extern const tp__method tp__method_lbfgs, tp__method_bfgs, tp__method_newton, tp__method_newton_cg,
    tp__method_trust_region, tp__method_conjugate, tp__method_gradient_descent, tp__method_momentum,
    tp__method_adam;

/* The value at x, and its gradient (n) and Hessian (n n) if not NULL. NaN on an error. */
double tp__minimize_at(tp__minimize *job, const double *x, double *gradient, double *hessian);

/* v as a variable of the start's shape, in the caller's units; y = f(x), a number. Poison on
 * error. */
tp_var *tp__minimize_variable(const tp__minimize *job, const double *v);
tp_var *tp__minimize_value(tp__minimize *job, tp_var *x);

/* False, with an error, if y does not depend on x: asked when all its derivatives are 0. */
bool tp__minimize_depends(const tp__minimize *job, tp_var *y, tp_var *x);

/* to[i] ← v[i] in the caller's units, or a derivative by the caller's x as one by ours. */
void tp__minimize_to_units(const tp__minimize *job, const double *v, double *to);

/* Chooses units at the start. False on an error. */
bool tp__units_choose(tp__minimize *job);

/* Makes the model of the point reached. False on an error. */
bool tp__model_make(tp__minimize *job);

/* The Hessian there, into model.hessian; if the function has no second derivatives, from
 * differences of gradients. False on an error, or if it is not finite. */
bool tp__model_hessian(tp__minimize *job);

/* The error that is pending is that of a function whose second derivatives nobody gave: no error of
 * the search, which takes differences of gradients from then on. */
bool tp__model_lacks_second(tp__minimize *job);

/* The Hessian's products with any v at the point reached, in a scope of the caller's. */
typedef struct tp__products {
    tp_var *x, *g;
} tp__products;
bool tp__products_begin(tp__minimize *job, tp__products *products);
bool tp__products_times(tp__minimize *job, const tp__products *products, const double *v,
                        double *to);

/* Solves h d = −g by conjugate gradients, until the rest is `rest` of g, the promise exceeds
 * `enough`, `most` products were taken or a direction has no positive curvature (false then); r, p
 * and hp are room for n numbers each. */
bool tp__products_solve(tp__minimize *job, const tp__products *products, double rest, double enough,
                        int64_t most, double *d, double *work);

/* Conjugate gradients for a random right-hand side, up to `most` products: true if they meet a
 * direction d whose curvature is negative, or nothing but rounding beside others. */
bool tp__products_least(tp__minimize *job, const tp__products *products, int64_t most, double *d,
                        double *work);

/* A look at the model is due: the search seems to have arrived, and the last look was a while ago.
 * Of a model that was made: the reason to stop, if there is one; a step along Newton's, false if it
 * finds no lower point or the method is one that does not search. */
bool tp__model_is_due(const tp__minimize *job);
bool tp__model_claims(tp__minimize *job, bool stuck);
bool tp__model_step(tp__minimize *job);

/* The value has fallen so far that it is as good as 0, from above. */
bool tp__model_is_zero(const tp__minimize *job);

/* A decrease so small that variables near 0 may be measured by the whole of x. */
bool tp__model_is_little(const tp__minimize *job, double decrease);

/* What is left of a claim, job->stop, when the function beside the point was looked at. */
tp_stop tp__model_verdict(tp__minimize *job);

/* The values beside the point reached: all higher, by more than rounding, or as the model says, if
 * it has curvature everywhere; some not seen to differ; some lower. flat: along directions with
 * hardly any curvature; bent: along those with the least; else along any; and along `along` if that
 * is not NULL. */
typedef enum tp__beside { TP__BESIDE_HIGHER, TP__BESIDE_SAME, TP__BESIDE_LOWER } tp__beside;
tp__beside tp__probe(tp__minimize *job, bool flat, bool bent, const double *along);

/* The trace of the inverse of the model's scaled Hessian: at least 1 / (the least curvature), at
 * most n times that; infinite where a variable has no second derivatives. */
double tp__probe_weakness(const tp__minimize *job);

/* Of others: a curvature so small is not believed without values of the function. */
#define TP__MODEL_WEAK 1e-8

/* Some direction has no curvature but for rounding: so it is wherever the Hessian was shifted. */
bool tp__probe_is_flat(const tp__minimize *job);

/* No variable is without any second derivative. */
bool tp__probe_all_matter(const tp__minimize *job);

/* Newton's step leads to where the function rises again, as far as it is not small beside x. */
bool tp__probe_turns(tp__minimize *job);

/* True, and job->stop says why, if a step that promises such a decrease and changes x[i] by `far`
 * |x[i]| at most is within the tolerances; or, at a point where the search is stuck, within
 * rounding. */
bool tp__minimize_claim(tp__minimize *job, double decrease, double far, bool stuck);

/* True for the reasons that say "converged". */
bool tp__stop_is_convergence(tp_stop stop);

/* Uniform within ±1, by a generator whose start is always the same. */
double tp__random(uint64_t *state);

/* The n elements of v as numbers; nothing while an error is pending. */
void tp__objective_copy(tp_var *v, int64_t n, double *to);

double tp__dot(int64_t n, const double *a, const double *b);

/* Goes from x along d, with its slope and the steepness c2 that is left at most, to a point that
 * satisfies the strong Wolfe conditions, trying the step `first` first. False, and job->stop is
 * set, if there is none. */
bool tp__line_search(tp__minimize *job, double first, double c2);

/* d ← −g. A first step along it: in units from curvature −g is about Newton's; where nothing is
 * known of curvature, one as long as x at most. */
void tp__descent_steepest(tp__minimize *job);
double tp__descent_first(const tp__minimize *job);

/* Searches along d, and if that fails along the gradient: restarted then. */
bool tp__descent_search(tp__minimize *job, double first, double c2, bool *restarted);

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
void tp__bounds_lead(const tp__minimize *job, double *d);
void tp__bounds_reduce(const tp__minimize *job, double *hessian);
bool tp__bounds_is_held(const tp__minimize *job, int64_t i);

/* Holds the free variables that this part of d takes beyond a bound there; false if there are none.
 */
bool tp__bounds_meet(tp__minimize *job, const double *d, double part);

/* g + h d for the free variables, with d leading the held ones; 0 for these. */
void tp__bounds_slope(const tp__minimize *job, const double *hessian, double *d, double *slope);

/* What noise is in the elements of a scaled Hessian. */
#define TP__QUADRATIC_NOISE 1e-13

/* d ← the least g·d + d·h d / 2 within the bounds, nearly, with a shift of h that makes it positive
 * definite; false if noise does not explain that. What d takes to a bound is held. factor is room
 * for (n, n), room for 2 n numbers. */
bool tp__quadratic_step(tp__minimize *job, const double *h, double *factor, double *room,
                        double *d);

/* d·h d */
double tp__quadratic_bend(int64_t n, const double *h, const double *d);

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
