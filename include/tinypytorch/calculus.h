/* SPDX-License-Identifier: MIT
 *
 * Derivatives in one call each, over backward (graph.h) and Taylor series (taylor.h).
 *
 *     tp_jacobian(y, x)       every derivative of every element of y
 *     tp_hessian(y, x)        second derivatives of a number
 *     tp_hvp(y, x, v)         the Hessian times v, without the Hessian
 *     tp_gradcheck(f, …)      a function's derivatives against differences
 *     tp_minimize(f, …)       where a function is least
 *
 * x is a variable or a recorded value that y is computed from. Where y does not depend on x, its
 * derivatives are zeros. Errors of all of them: x is a constant; y was computed without recording
 * (see tp_gradient in graph.h).
 *
 * Results are recorded, so that any of these calls can be applied to them again. Within
 * TP_NO_GRAD(); results are constants, and cheaper. Nothing else is left in the caller's scope.
 *
 * Calls that go forwards (tp_jvp, series, tall Jacobians) read more values than a sweep back. What
 * of these was dropped, because its scope has closed, is computed again (graph.h).
 */
#ifndef TINYPYTORCH_CALCULUS_H
#define TINYPYTORCH_CALCULUS_H

#include "graph.h"
#include "taylor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* v times the Jacobian of y: the derivative of sum(v · y) for x, of x's shape. v has y's shape and
 * type. (The Jacobian times a direction is tp_jvp in taylor.h.) */
TP_API tp_var *tp_vjp(tp_var *y, tp_var *x, tp_var *v);

/* dy / dx: an array whose shape is y's followed by x's. It takes one sweep back for each element of
 * y, or one series forwards for each element of x, whichever are fewer; only sweeps back where a
 * function of one's own has no jvp (tp_function). Error: more than TP_MAX_NDIM axes together. */
TP_API tp_var *tp_jacobian(tp_var *y, tp_var *x);

/* The second derivatives of y, which has one element: an array whose shape is x's twice, the
 * Jacobian of the gradient. One sweep for each element of x. */
TP_API tp_var *tp_hessian(tp_var *y, tp_var *x);

/* The Hessian of sum(y) times v, of x's shape. v has x's shape and type. A recorded sweep gives the
 * gradient, a sweep over that the product (Pearlmutter 1994). Within TP_NO_GRAD(); this takes 2 to
 * 4 times as long as tp_gradient(y, x); where the product is recorded, up to 8 times.
 *
 * For many products with the same Hessian record the gradient g once, with create_graph, and take
 * tp_vjp(g, x, v): 1 to 3 times. */
TP_API tp_var *tp_hvp(tp_var *y, tp_var *x, tp_var *v);

/* Δ of sum(y): Σ over i of ∂² / ∂x[i]², the trace of the Hessian. One Taylor series of order 2 for
 * each element of x. */
TP_API tp_var *tp_laplacian(tp_var *y, tp_var *x);

/* Δ² of sum(y), the Laplacian of the Laplacian: Σ over i and j of ∂⁴ / ∂x[i]² ∂x[j]². For n
 * elements of x it takes n² Taylor series of order 4. */
TP_API tp_var *tp_biharmonic(tp_var *y, tp_var *x);

/* The mixed derivative of y by x[index[0]], x[index[1]] … x[index[order − 1]], of y's shape. order
 * is 1 to 20. Elements of x are counted in row-major order, and an index may occur several times.
 *
 * It is a weighted sum of derivatives of that order along lines (Griewank, Utke & Walther 2000):
 * half of Π (aᵢ + 1) Taylor series, where aᵢ is how often index i occurs. Error: an index out of
 * range. */
TP_API tp_var *tp_mixed(tp_var *y, tp_var *x, int order, const int64_t *index);

/* y's derivative for x as a linear map, to be applied many times: J v, of y's shape, and vᵀ J, of
 * x's. It holds y and x, and with them y's graph, until tp_linear_map_free, which ignores NULL.
 * NULL, with an error, if x is a constant, or if y was computed without recording. */
typedef struct tp_linear_map tp_linear_map;
TP_API tp_linear_map *tp_linearize(tp_var *y, tp_var *x);
TP_API tp_var *tp_linear_map_apply(const tp_linear_map *linear, tp_var *v);
TP_API tp_var *tp_linear_map_transpose(const tp_linear_map *linear, tp_var *v);
TP_API void tp_linear_map_free(tp_linear_map *linear);

/* --- Checking --- */

#define TP__DEFAULTS_tp_gradcheck_options(_)                                                       \
    _ orders = 1, _ directions = 3, _ step = 5e-2, _ tolerance = TP_AUTO,
typedef struct tp_gradcheck_options {
    TP__OPTIONS(tp_gradcheck_options)
    int orders;       /* of derivatives to check: 1 */
    int directions;   /* random ones for each order: 3 */
    double step;      /* of the first differences, relative to an element's size: 0.05 */
    double tolerance; /* of the derivative, relative: 1e-6, with a float32 array 1e-3 */
    uint64_t seed;
    bool *undecided; /* gets true where false means that the differences cannot tell, if not NULL */
} TP__BY_NAME tp_gradcheck_options;

/* A function of n arrays, for tp_gradcheck: any operations on x[0 … n). */
typedef tp_var *tp_array_function(void *ctx, tp_var *const *x);

/* True if the derivatives of f at the float64 or float32 arrays x agree with differences: the
 * derivative of order k by a backward sweep with differences of order k − 1, along random
 * directions, and for each element alone where there are no more than 64 in all.
 *
 * Differences know how far they may be off, from how they disagree among themselves: by rounding,
 * by noise in f, or because f bends more than their width shows. They choose their width by that. A
 * derivative is wrong if it is off by more than the tolerance and by more than they may be; then
 * the result is false. It is right if they tell it to the tolerance: of the derivative, or, where
 * rounding hides that, as at a minimum, of how fast f changes nearby or of the largest derivative
 * times size of an element. Where they cannot tell even that, or meet a kink, where any number
 * between the slopes on both sides may be meant, the result is false too, and `undecided` true.
 * Nothing depends on the units of f and x: an element moves in proportion to its size, |x[i]|, or
 * where that is 0 the largest of its array, or 1.
 *
 * A direction or an element takes 16 evaluations of f, or of its sweeps of order k − 1, where the
 * first width serves, which is usual; otherwise another 16 for each other width, of 14.
 *
 * What does not agree is reported on stderr: order, direction, both numbers, and the element whose
 * derivative is off most (of the first 4096 of each array, if there are more than 64 in all):
 *
 *     gradcheck: derivative of order 1 along direction 0 is 1.6 by backward, 3.2 ± 2e-12 by …
 *     gradcheck: derivative of order 1 at element [0, 2] of array 0, which is off most, is 0.44 …
 *     gradcheck: derivative of order 1 … (cannot tell: 0 to the left, 1 to the right)
 *
 * Errors of f stay pending and give false. */
TP_API bool tp_gradcheck(tp_array_function *f, void *ctx, tp_var *const *x, int n,
                         const tp_gradcheck_options *options);

/* --- Finding minima --- */

typedef enum tp_method {
    TP_LBFGS,            /* limited-memory BFGS (Liu & Nocedal 1989), 20 pairs */
    TP_BFGS,             /* Broyden, Fletcher, Goldfarb & Shanno, n² numbers */
    TP_NEWTON,           /* exact Hessians, shifted until they are positive definite */
    TP_NEWTON_CG,        /* Hessian-vector products only (Steihaug 1983) */
    TP_TRUST_REGION,     /* exact Hessians within a radius (Moré & Sorensen 1983) */
    TP_CONJUGATE,        /* nonlinear conjugate gradients (Polak & Ribière, restarted) */
    TP_GRADIENT_DESCENT, /* a fixed rate */
    TP_MOMENTUM,         /* a fixed rate and momentum 0.9 */
    TP_ADAM              /* a fixed rate (Kingma & Ba 2015) */
} tp_method;

typedef enum tp_stop {
    TP_STOP_GRADIENT,   /* converged: the relative gradient is within `tolerance` */
    TP_STOP_STEP,       /* converged: a Newton step changes no x[i] beyond `step_tolerance` */
    TP_STOP_ITERATIONS, /* not converged: the iterations allowed were made */
    TP_STOP_CALLBACK,   /* the callback said so */
    TP_STOP_NOT_FINITE, /* the function is not finite at the start */
    TP_STOP_SEARCH,     /* not converged: no lower point was found, but the gradient is not zero */
    TP_STOP_ERROR,      /* an error is pending */
    TP_STOP_RESIDUAL,   /* converged: the largest |residual| is within tolerance (equations.h) */
    TP_STOP_NO_ROOT,    /* the residuals have a least value here that is not zero */
    TP_STOP_VALUE,      /* converged: a Newton step gains no more than `value_tolerance` */
    TP_STOP_ROUNDING,   /* converged: rounding hides any lower value */
    TP_STOP_FLAT,       /* not converged: the gradient is within tolerance, but the function does
                         * not bend along some direction, as far out on a plateau or in a valley */
    TP_STOP_SADDLE,     /* the gradient is within tolerance, at a maximum or a saddle */
    TP_STOP_UNBOUNDED   /* the function falls to −∞ */
} tp_stop;

typedef struct tp_iteration {
    int number; /* 0: the start */
    double value, gradient;
    const double *x; /* n numbers, valid during the call */
    int64_t n;
} tp_iteration;

#define TP__DEFAULTS_tp_minimize_options(_)                                                        \
    _ iterations = -1, _ tolerance = 1e-8, _ step_tolerance = 1e-10, _ rate = 1e-3,
typedef struct tp_minimize_options {
    TP__OPTIONS(tp_minimize_options)
    tp_method method;
    int iterations;   /* at most; −1: 1000, for methods with a fixed rate 10,000 */
    double tolerance; /* of the relative gradient: 1e-8 */
    double rate;      /* of methods with a fixed one: 1e-3 */
    bool (*callback)(void *ctx, const tp_iteration *iteration); /* false: stop */
    void *callback_ctx;
    tp_var **path; /* gets the points visited, (iterations + 1, n), if not NULL */
    tp_var *lower; /* bounds, float64 of the start's shape or one number for all; infinite or */
    tp_var *upper; /* NULL where there is none */
    double step_tolerance;  /* of what a Newton step changes, |step[i]| / |x[i]|: 1e-10 */
    double value_tolerance; /* of what it gains, relative to |f|: 0 */
    bool implicit;          /* the result is a function of what f reads besides x; see below */
} TP__BY_NAME tp_minimize_options;

typedef struct tp_minimize_result {
    tp_var *x;       /* where, of the start's shape: a constant in the current scope */
    double value;    /* of the function there */
    double gradient; /* the largest |derivative| there, in the function's units */
    int iterations;
    int evaluations; /* calls of the function, those for second derivatives included */
    tp_stop stop;
    const char *message; /* why it stopped, in words */
} tp_minimize_result;

/* A function of one array, for tp_minimize: any operations on x that end in one number. */
typedef tp_var *tp_objective(void *ctx, tp_var *x);

/* The least value of f from a float64 start, by derivatives: a local minimum. Step lengths satisfy
 * the strong Wolfe conditions (Nocedal & Wright 2006, ch. 3) where the method searches along lines.
 * Nothing is left in the caller's scope but x and the path. True if it converged; on an error x and
 * the path are poison.
 *
 * Nothing depends on the units of f and of x: methods that search work in units in which second
 * derivatives at the start are of about the same size (of more than 32 variables: unless they are
 * within some 2^16 of each other, where all variables have one unit), and the tests for convergence
 * are relative.
 * Each is made where a search seems to have arrived, with second derivatives: let d be the step
 * that Newton's method would take next. It promises a decrease of δ = −g·d / 2. The search has
 * converged if √(δ / |f|), the relative gradient, is at most `tolerance`, or every |d[i]| at most
 * step_tolerance · |x[i]|, or δ at most value_tolerance · |f|; and if the function curves upwards
 * along every direction. Otherwise d is taken, and the search goes on. (Up to 32 variables the
 * whole Hessian is computed for this, beyond that up to 100 products with it. Where f has no second
 * derivatives, differences of gradients take their place. Methods with a fixed rate are tested more
 * and more rarely and do not take d.) A minimum that is 0 at x = 0 has no scale but the start's.
 *
 * Before it claims convergence the search looks at f itself around the point, at a few values: f
 * must rise with the square of the distance, as the second derivatives say. Where it does not, as
 * at a kink, and along directions in which it hardly curves (second derivatives within some 10⁻⁸ of
 * others, scaled, or small ones that are still smaller at x + d), it must rise on both sides by
 * more than rounding (x⁴ at 0 is a minimum), and so must the floor of the valley there, which may
 * be bent: the least value across the direction. Where it falls, the result is TP_STOP_SADDLE (x³,
 * −x⁴ and −|x| at 0); where it is not seen to change, TP_STOP_FLAT (1 + (y − x²)² has a whole curve
 * of least values), as it is where d does not lead to where f rises again (1 + exp(−x) at 40). Only
 * where f has fallen to 0, as a sum of squares with more unknowns than equations, is one of many
 * minima enough. Beyond 32 variables the directions that curve least are searched for with up to
 * 100 further products: a saddle can be missed there if the second derivatives that are negative
 * are few and small.
 *
 * The result is a constant. If f reads other variables p, say the weights of a penalty, asking for
 * the result's derivative is an error, like that of any value computed without recording. With
 * `.implicit = true` a result that has converged is recorded as a function x(p): its gradient is
 * −(∂F/∂p)ᵀ λ with (∂F/∂x)ᵀ λ = gx, F = ∇f being zero there, to any order under create_graph, and
 * as accurate as x is. Then f and ctx are called again wherever x is differentiated, and must last
 * as long as x. Each time that takes a call of f, the Hessian (n sweeps) and the solution of n
 * linear equations, O(n³), which needs LAPACK; it is for backward sweeps only. Not with bounds.
 *
 * An f that does not depend on its x, or was computed without recording, is an error.
 *
 * With bounds, which every method takes, f is evaluated within them only: the start and every step
 * are projected, variables at a bound are held there as long as the gradient pushes outwards
 * (projected Newton methods, Bertsekas 1982), and `gradient` is the largest |x − P(x − g)|, P being
 * the projection: 0 at a minimum. Errors: a lower bound above the upper one; other shapes; a start
 * without elements; tolerances and rates that are negative, infinite or NaN. */
TP_API bool tp_minimize(tp_objective *f, void *ctx, tp_var *start, tp_minimize_result *minimum,
                        const tp_minimize_options *options);

/* What a reason is called. */
TP_API const char *tp_stop_text(tp_stop stop);

/* What a method is called: "L-BFGS", "gradient descent"; NULL beyond the last one. */
TP_API const char *tp_method_name(tp_method method);

#ifdef __cplusplus
}
#endif

#endif
