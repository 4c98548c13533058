/* SPDX-License-Identifier: MIT
 *
 * Classical functions with their published least values, and a judge of claims: a point is a
 * minimum where the Hessian, scaled to a diagonal of 1, has positive eigenvalues and Newton's step
 * is small.
 */
#ifndef TP_CLAIMS_H
#define TP_CLAIMS_H

#include <math.h>
#include <stdlib.h>

#include "mgh.h"

/* Newton's step from at promises almost nothing beside f, or is short beside x or `size`. */
static inline bool claims_is_minimum(tp_objective *f, void *ctx, tp_var *at, double size)
{
    TP_SCOPE();
    tp_var *x = tp_variable(at), *y = f(ctx, x), *g = tp_gradient(y, x), *h = tp_hessian(y, x);
    int64_t n = tp_size(x);
    tp_var *scale = tp_rsqrt(tp_abs(tp_diagonal(h, 0))), *w, *v;
    tp_eigh(tp_mul(tp_mul(h, scale), tp_unsqueeze(scale, 1)), &w, &v);
    tp_var *parts = tp_div(tp_matmul(tp_mul(g, scale), v), w);
    tp_var *step = tp_mul(scale, tp_matmul(v, parts));
    bool small = true, positive = true;
    for (int64_t i = 0; i < n; i++) {
        double most = 1e-5 * fmax(fabs(tp_item(tp_select(x, 0, i))), size);
        small = small && fabs(tp_item(tp_select(step, 0, i))) <= most;
        positive = positive && tp_item(tp_select(w, 0, i)) > 0;
    }
    double promise = tp_item(tp_sum(tp_mul(g, step))) / 2;
    return positive && (small || fabs(promise) <= 1e-10 * fabs(tp_item(y)));
}

/* --- Classical functions --- */

#define CLAIMS_XY                                                                                  \
    tp_var *x = tp_select(v, 0, 0), *y = tp_select(v, 0, 1);                                       \
    (void)ctx

static tp_var *claims_rosenbrock(void *ctx, tp_var *v)
{
    CLAIMS_XY;
    return tp_add(tp_mul(100, tp_square(tp_sub(y, tp_square(x)))), tp_square(tp_sub(1, x)));
}

static tp_var *claims_himmelblau(void *ctx, tp_var *v)
{
    CLAIMS_XY;
    return tp_add(tp_square(tp_sub(tp_add(tp_square(x), y), 11)),
                  tp_square(tp_sub(tp_add(x, tp_square(y)), 7)));
}

static tp_var *claims_beale(void *ctx, tp_var *v)
{
    CLAIMS_XY;
    static const double to[] = {1.5, 2.25, 2.625};
    tp_var *sum = tp_num(0);
    for (int k = 0; k < 3; k++)
        sum = tp_add(sum, tp_square(tp_add(tp_sub(to[k], x), tp_mul(x, tp_pow(y, k + 1)))));
    return sum;
}

static tp_var *claims_booth(void *ctx, tp_var *v)
{
    CLAIMS_XY;
    return tp_add(tp_square(tp_sub(tp_add(x, tp_mul(2, y)), 7)),
                  tp_square(tp_sub(tp_add(tp_mul(2, x), y), 5)));
}

static tp_var *claims_goldstein_price(void *ctx, tp_var *v)
{
    CLAIMS_XY;
    tp_var *xx = tp_square(x), *yy = tp_square(y), *xy = tp_mul(x, y);
    tp_var *a = tp_add(tp_sub(tp_add(tp_sub(19, tp_mul(14, x)), tp_mul(3, xx)), tp_mul(14, y)),
                       tp_add(tp_mul(6, xy), tp_mul(3, yy)));
    tp_var *b = tp_add(tp_add(tp_add(tp_sub(18, tp_mul(32, x)), tp_mul(12, xx)), tp_mul(48, y)),
                       tp_sub(tp_mul(27, yy), tp_mul(36, xy)));
    tp_var *left = tp_square(tp_add(tp_add(x, y), 1));
    tp_var *right = tp_square(tp_sub(tp_mul(2, x), tp_mul(3, y)));
    return tp_mul(tp_add(1, tp_mul(left, a)), tp_add(30, tp_mul(right, b)));
}

static tp_var *claims_rastrigin(void *ctx, tp_var *v)
{
    (void)ctx;
    tp_var *waves = tp_mul(10, tp_cos(tp_mul(2 * 3.14159265358979323846, v)));
    return tp_sum(tp_add(tp_sub(tp_square(v), waves), 10));
}

static tp_var *claims_ackley(void *ctx, tp_var *v)
{
    (void)ctx;
    tp_var *cone = tp_exp(tp_mul(-0.2, tp_sqrt(tp_mean(tp_square(v)))));
    tp_var *waves = tp_exp(tp_mean(tp_cos(tp_mul(2 * 3.14159265358979323846, v))));
    return tp_add(tp_sub(tp_mul(-20, cone), waves), 20 + 2.71828182845904523536);
}

static tp_var *claims_camel(void *ctx, tp_var *v)
{
    CLAIMS_XY;
    tp_var *xx = tp_square(x);
    tp_var *even =
        tp_add(tp_sub(tp_mul(2, xx), tp_mul(1.05, tp_square(xx))), tp_div(tp_pow(x, 6), 6));
    return tp_add(tp_add(even, tp_mul(x, y)), tp_square(y));
}

static tp_var *claims_styblinski_tang(void *ctx, tp_var *v)
{
    (void)ctx;
    tp_var *vv = tp_square(v);
    return tp_div(tp_sum(tp_add(tp_sub(tp_square(vv), tp_mul(16, vv)), tp_mul(5, v))), 2);
}

static tp_var *claims_powell(void *ctx, tp_var *v)
{
    return tp_sum(tp_square(mgh_powell_singular(ctx, v)));
}

static tp_var *claims_wood(void *ctx, tp_var *v)
{
    return tp_sum(tp_square(mgh_wood(ctx, v)));
}

/* A plateau but for a pit around (π, π). */
static tp_var *claims_easom(void *ctx, tp_var *v)
{
    (void)ctx;
    tp_var *pit = tp_exp(tp_neg(tp_sum(tp_square(tp_sub(v, 3.14159265358979323846)))));
    return tp_neg(tp_mul(tp_prod(tp_cos(v)), pit));
}

static tp_var *claims_mccormick(void *ctx, tp_var *v)
{
    CLAIMS_XY;
    tp_var *line = tp_add(tp_sub(tp_mul(2.5, y), tp_mul(1.5, x)), 1);
    return tp_add(tp_add(tp_sin(tp_add(x, y)), tp_square(tp_sub(x, y))), line);
}

typedef struct claims_function {
    const char *name;
    tp_objective *f;
    int n;
    double box;   /* starts are within ± this */
    double least; /* −∞: none */
} claims_function;

static const claims_function claims_functions[] = {
    {"Rosenbrock", claims_rosenbrock, 2, 5, 0},
    {"Himmelblau", claims_himmelblau, 2, 6, 0},
    {"Beale", claims_beale, 2, 4.5, 0},
    {"Booth", claims_booth, 2, 10, 0},
    {"Goldstein-Price", claims_goldstein_price, 2, 2, 3},
    {"Rastrigin", claims_rastrigin, 2, 5.12, 0},
    {"Ackley", claims_ackley, 2, 5, 0},
    {"three-hump camel", claims_camel, 2, 5, 0},
    {"Styblinski-Tang", claims_styblinski_tang, 5, 5, 5 * -39.16616570377142},
    {"Powell", claims_powell, 4, 5, 0},
    {"Wood", claims_wood, 4, 10, 0},
    {"Easom", claims_easom, 2, 10, -1},
    {"McCormick", claims_mccormick, 2, 4, -HUGE_VAL},
};

enum { CLAIMS_FUNCTIONS = sizeof claims_functions / sizeof *claims_functions };

/* Start number i of a function: always the same. */
static inline tp_var *claims_start(const claims_function *f, int i)
{
    tp_manual_seed((uint64_t)i + 1);
    return tp_mul(f->box, tp_sub(tp_mul(2, tp_rand(TP_F64, 1, (int64_t[]){f->n})), 1));
}

/* A claim is true at a minimum; at a degenerate one, whose Hessian tells nothing, if the value is
 * the least there is. */
static inline bool claims_is_true(const claims_function *f, const tp_minimize_result *m)
{
    return m->value - f->least <= 1e-12 || claims_is_minimum(f->f, NULL, m->x, 1);
}

#endif
