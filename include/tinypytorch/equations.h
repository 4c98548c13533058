/* SPDX-License-Identifier: MIT
 *
 * Functions with several values: where the sum of their squares is least, and where all are zero.
 * Their Jacobians come from the graph.
 *
 *     tp_least_squares(residuals, ctx, start, &fit)     fits a model to data
 *     tp_find_root(f, ctx, start, &root)                solves f(x) = 0
 *
 * Both are searches like tp_minimize (calculus.h) and fill in its result: `value` is the sum of
 * squares Σ r², `gradient` its largest |derivative|, `evaluations` the number of calls of r. One
 * call in each iteration also computes the Jacobian J of r. Everything is float64, and equations
 * are solved in plain numbers by QR factors, for systems of up to a few hundred unknowns. Nothing
 * depends on the units of r and of x.
 */
#ifndef TINYPYTORCH_EQUATIONS_H
#define TINYPYTORCH_EQUATIONS_H

#include "calculus.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TP__DEFAULTS_tp_least_squares_options(_)                                                   \
    _ iterations = 1000, _ tolerance = 1e-8, _ step_tolerance = 1e-8,
typedef struct tp_least_squares_options {
    TP__OPTIONS(tp_least_squares_options)
    bool gauss_newton; /* undamped steps along which a shorter one is searched, instead of
                        * Levenberg–Marquardt: for residuals that are small or nearly linear */
    int iterations;    /* at most: 1000 */
    double tolerance;  /* of the cosine between r and the columns of J: 1e-8 */
    double residual;   /* of the largest |r|, which ends the search too: 0 */
    bool (*callback)(void *ctx, const tp_iteration *iteration); /* false: stop */
    void *callback_ctx;
    tp_var **path;          /* gets the points visited, (iterations + 1, n), if not NULL */
    double step_tolerance;  /* of what a Gauss–Newton step changes, |step[i]| / |x[i]|: 1e-8 */
    double value_tolerance; /* of what it gains, relative to Σ r²: 0 */
    bool implicit; /* the result is a function of what r reads besides x, as in tp_minimize: by
                    * ∇ Σ r² = 0, second derivatives of r included */
} TP__BY_NAME tp_least_squares_options;

/* The least Σ r(x)² from a float64 start, r being what f gives: an array of any shape, always the
 * same. Levenberg–Marquardt chooses its damping so that steps stay within a region, scaled by the
 * columns of the Jacobian, which grows and shrinks with the gain: what a step won over what the
 * linear model promised (Moré 1978). Fewer residuals than unknowns are no error: one of the many
 * minima is found.
 *
 * It has converged where the cosine of the angle between r and the space that J's columns span is
 * at most `tolerance` (TP_STOP_GRADIENT): then the undamped step changes each parameter by no more
 * than about that part of its standard error. Or where that step is within step_tolerance of x
 * (TP_STOP_STEP), what it gains within value_tolerance of Σ r² (TP_STOP_VALUE), every |r| within
 * `residual` (TP_STOP_RESIDUAL), or where rounding hides any gain (TP_STOP_ROUNDING). But for
 * TP_STOP_RESIDUAL a claim is looked at as tp_minimize does it, with the Hessian of Σ r², or beyond
 * 32 unknowns with products, and a few values: JᵀJ does not tell a saddle from a minimum (r = x² −
 * 1 at 0). The one difference: along directions in which Σ r² does not change at all one of many
 * minima is enough, whatever its value.
 *
 * Errors: r does not depend on x, or was computed without recording; no elements in x or r; a
 * tolerance that is negative, infinite or NaN. */
TP_API bool tp_least_squares(tp_objective *f, void *ctx, tp_var *start, tp_minimize_result *fit,
                             const tp_least_squares_options *options);

#define TP__DEFAULTS_tp_root_options(_) _ iterations = 200, _ tolerance = 1e-10,
typedef struct tp_root_options {
    TP__OPTIONS(tp_root_options)
    int iterations;   /* at most: 200 */
    double tolerance; /* of what Newton's step changes, |step[i]| / |x[i]|: 1e-10 */
    double residual;  /* of the largest |f|, which ends the search too: 0 */
    bool (*callback)(void *ctx, const tp_iteration *iteration); /* false: stop */
    void *callback_ctx;
    tp_var **path; /* gets the points visited, (iterations + 1, n), if not NULL */
    bool implicit; /* the result is a function of what f reads besides x, as in tp_minimize: by
                    * f(x, p) = 0, from the Jacobian of f */
} TP__BY_NAME tp_root_options;

/* x where f(x) = 0, as many equations as unknowns, one or more: by Newton's method, damped as in
 * Levenberg–Marquardt where its step would leave the region in which the linear model holds, or
 * where the Jacobian is singular. True if a further step of Newton's method would change every x[i]
 * by at most `tolerance` · |x[i]| (TP_STOP_STEP), if every |f| is within `residual` or as good as 0
 * beside those at the start (TP_STOP_RESIDUAL), or, where rounding hides any progress, as at a
 * double root, if half of the digits of x are certain (TP_STOP_ROUNDING). TP_STOP_NO_ROOT: Σ f² has
 * a least value that is not zero, so another start is needed. Errors: those of tp_least_squares; f
 * gives another number of values than x has. */
TP_API bool tp_find_root(tp_objective *f, void *ctx, tp_var *start, tp_minimize_result *root,
                         const tp_root_options *options);

#ifdef __cplusplus
}
#endif

#endif
