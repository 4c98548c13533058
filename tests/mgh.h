/* SPDX-License-Identifier: MIT
 *
 * Problems of Moré, Garbow & Hillstrom (1981), "Testing unconstrained optimization software", each
 * with its number there: residuals as one array, the standard start, the published least values of
 * their sum of squares.
 */
#ifndef TP_MGH_H
#define TP_MGH_H

#include <math.h>

#include <tinypytorch.h>

static tp_var *mgh_part(tp_var *x, int64_t i)
{
    return tp_select(x, 0, i);
}

#define MGH_STACK(...)                                                                             \
    tp_stack(((tp_var *[]){__VA_ARGS__}), sizeof((tp_var *[]){__VA_ARGS__}) / sizeof(tp_var *), 0)

#define MGH_DATA(values) tp_array(TP_F64, 1, (int64_t[]){sizeof(values) / sizeof(double)}, values)

static tp_var *mgh_count(int64_t n)
{
    return tp_arange(TP_F64, 1, (double)n + 1, 1);
}

static tp_var *mgh_rosenbrock(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *a = mgh_part(x, 0), *b = mgh_part(x, 1);
    return MGH_STACK(tp_mul(10, tp_sub(b, tp_square(a))), tp_sub(1, a));
}

static tp_var *mgh_freudenstein_roth(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *a = mgh_part(x, 0), *b = mgh_part(x, 1);
    tp_var *first = tp_mul(tp_sub(tp_mul(tp_sub(5, b), b), 2), b);
    tp_var *second = tp_mul(tp_sub(tp_mul(tp_add(b, 1), b), 14), b);
    return MGH_STACK(tp_add(tp_sub(a, 13), first), tp_add(tp_sub(a, 29), second));
}

static tp_var *mgh_powell_badly_scaled(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *a = mgh_part(x, 0), *b = mgh_part(x, 1);
    return MGH_STACK(tp_sub(tp_mul(1e4, tp_mul(a, b)), 1),
                     tp_sub(tp_add(tp_exp(tp_neg(a)), tp_exp(tp_neg(b))), 1.0001));
}

static tp_var *mgh_brown_badly_scaled(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *a = mgh_part(x, 0), *b = mgh_part(x, 1);
    return MGH_STACK(tp_sub(a, 1e6), tp_sub(b, 2e-6), tp_sub(tp_mul(a, b), 2));
}

static tp_var *mgh_beale(void *ctx, tp_var *x)
{
    static const double y[] = {1.5, 2.25, 2.625};
    (void)ctx;
    tp_var *power = tp_pow(mgh_part(x, 1), mgh_count(3));
    return tp_sub(MGH_DATA(y), tp_mul(mgh_part(x, 0), tp_sub(1, power)));
}

static tp_var *mgh_jennrich_sampson(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *i = mgh_count(10);
    tp_var *model = tp_add(tp_exp(tp_mul(i, mgh_part(x, 0))), tp_exp(tp_mul(i, mgh_part(x, 1))));
    return tp_sub(tp_add(2, tp_mul(2, i)), model);
}

static tp_var *mgh_helical_valley(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *a = mgh_part(x, 0), *b = mgh_part(x, 1), *c = mgh_part(x, 2);
    tp_var *angle = tp_div(tp_atan2(b, a), 6.283185307179586);
    tp_var *radius = tp_sqrt(tp_add(tp_square(a), tp_square(b)));
    return MGH_STACK(tp_mul(10, tp_sub(c, tp_mul(10, angle))), tp_mul(10, tp_sub(radius, 1)), c);
}

static tp_var *mgh_bard(void *ctx, tp_var *x)
{
    static const double y[] = {0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39,
                               0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39};
    (void)ctx;
    tp_var *u = mgh_count(15), *v = tp_sub(16, u), *w = tp_minimum(u, v);
    tp_var *below = tp_add(tp_mul(v, mgh_part(x, 1)), tp_mul(w, mgh_part(x, 2)));
    return tp_sub(MGH_DATA(y), tp_add(mgh_part(x, 0), tp_div(u, below)));
}

static tp_var *mgh_gaussian(void *ctx, tp_var *x)
{
    static const double y[] = {0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989,
                               0.3521, 0.2420, 0.1295, 0.0540, 0.0175, 0.0044, 0.0009};
    (void)ctx;
    tp_var *t = tp_div(tp_sub(8, mgh_count(15)), 2);
    tp_var *bell = tp_mul(tp_mul(-0.5, mgh_part(x, 1)), tp_square(tp_sub(t, mgh_part(x, 2))));
    return tp_sub(tp_mul(mgh_part(x, 0), tp_exp(bell)), MGH_DATA(y));
}

static tp_var *mgh_meyer(void *ctx, tp_var *x)
{
    static const double y[] = {34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744,
                               8261,  7030,  6005,  5147,  4427,  3820,  3307,  2872};
    (void)ctx;
    tp_var *t = tp_add(45, tp_mul(5, mgh_count(16)));
    tp_var *model = tp_exp(tp_div(mgh_part(x, 1), tp_add(t, mgh_part(x, 2))));
    return tp_sub(tp_mul(mgh_part(x, 0), model), MGH_DATA(y));
}

static tp_var *mgh_box(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *t = tp_div(mgh_count(10), 10);
    tp_var *rest = tp_sub(tp_exp(tp_neg(tp_mul(t, mgh_part(x, 0)))),
                          tp_exp(tp_neg(tp_mul(t, mgh_part(x, 1)))));
    tp_var *known = tp_sub(tp_exp(tp_neg(t)), tp_exp(tp_mul(-10, t)));
    return tp_sub(rest, tp_mul(mgh_part(x, 2), known));
}

static tp_var *mgh_powell_singular(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *a = mgh_part(x, 0), *b = mgh_part(x, 1), *c = mgh_part(x, 2), *d = mgh_part(x, 3);
    return MGH_STACK(tp_add(a, tp_mul(10, b)), tp_mul(sqrt(5), tp_sub(c, d)),
                     tp_square(tp_sub(b, tp_mul(2, c))), tp_mul(sqrt(10), tp_square(tp_sub(a, d))));
}

static tp_var *mgh_wood(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *a = mgh_part(x, 0), *b = mgh_part(x, 1), *c = mgh_part(x, 2), *d = mgh_part(x, 3);
    return MGH_STACK(tp_mul(10, tp_sub(b, tp_square(a))), tp_sub(1, a),
                     tp_mul(sqrt(90), tp_sub(d, tp_square(c))), tp_sub(1, c),
                     tp_mul(sqrt(10), tp_sub(tp_add(b, d), 2)), tp_div(tp_sub(b, d), sqrt(10)));
}

static tp_var *mgh_kowalik_osborne(void *ctx, tp_var *x)
{
    static const double y[] = {0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627,
                               0.0456, 0.0342, 0.0323, 0.0235, 0.0246};
    static const double u[] = {4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625};
    (void)ctx;
    tp_var *t = MGH_DATA(u), *t2 = tp_square(t);
    tp_var *above = tp_mul(mgh_part(x, 0), tp_add(t2, tp_mul(t, mgh_part(x, 1))));
    tp_var *below = tp_add(tp_add(t2, tp_mul(t, mgh_part(x, 2))), mgh_part(x, 3));
    return tp_sub(MGH_DATA(y), tp_div(above, below));
}

static tp_var *mgh_brown_dennis(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *t = tp_div(mgh_count(20), 5);
    tp_var *first = tp_sub(tp_add(mgh_part(x, 0), tp_mul(t, mgh_part(x, 1))), tp_exp(t));
    tp_var *second = tp_add(mgh_part(x, 2), tp_mul(mgh_part(x, 3), tp_sin(t)));
    return tp_add(tp_square(first), tp_square(tp_sub(second, tp_cos(t))));
}

static tp_var *mgh_osborne_1(void *ctx, tp_var *x)
{
    static const double y[] = {0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818,
                               0.784, 0.751, 0.718, 0.685, 0.658, 0.628, 0.603, 0.580, 0.558,
                               0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448, 0.438,
                               0.431, 0.424, 0.420, 0.414, 0.411, 0.406};
    (void)ctx;
    tp_var *t = tp_mul(10, tp_sub(mgh_count(33), 1));
    tp_var *first = tp_mul(mgh_part(x, 1), tp_exp(tp_neg(tp_mul(t, mgh_part(x, 3)))));
    tp_var *second = tp_mul(mgh_part(x, 2), tp_exp(tp_neg(tp_mul(t, mgh_part(x, 4)))));
    return tp_sub(MGH_DATA(y), tp_add(mgh_part(x, 0), tp_add(first, second)));
}

/* Σ (j − 1) x[j] t^(j − 2) − (Σ x[j] t^(j − 1))² − 1 at t = i / 29, then x[1] and x[2] − x[1]² − 1.
 */
static tp_var *mgh_watson(void *ctx, tp_var *x)
{
    int64_t n = tp_size(x);
    (void)ctx;
    tp_var *t = tp_unsqueeze(tp_div(mgh_count(29), 29), 1), *j = tp_sub(mgh_count(n), 1);
    tp_var *powers = tp_pow(t, j);
    tp_var *slope = tp_matmul(tp_div(tp_mul(j, powers), t), x);
    tp_var *most = tp_sub(tp_sub(slope, tp_square(tp_matmul(powers, x))), 1);
    tp_var *a = mgh_part(x, 0), *b = mgh_part(x, 1);
    tp_var *last = MGH_STACK(a, tp_sub(tp_sub(b, tp_square(a)), 1));
    return tp_concatenate(((tp_var *[]){most, last}), 2, 0);
}

static tp_var *mgh_variably_dimensioned(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *rest = tp_sub(x, 1), *sum = tp_sum(tp_mul(mgh_count(tp_size(x)), rest));
    return tp_concatenate(((tp_var *[]){rest, MGH_STACK(sum, tp_square(sum))}), 2, 0);
}

static tp_var *mgh_trigonometric(void *ctx, tp_var *x)
{
    int64_t n = tp_size(x);
    (void)ctx;
    tp_var *rest = tp_sub((double)n, tp_sum(tp_cos(x)));
    return tp_add(rest, tp_sub(tp_mul(mgh_count(n), tp_sub(1, tp_cos(x))), tp_sin(x)));
}

/* Every link of the chain, not every second one as in number 21. */
static tp_var *mgh_chained_rosenbrock(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *a = tp_slice(x, 0, 0, -1, 1), *b = tp_slice(x, 0, 1, INT64_MAX, 1);
    tp_var *parts[] = {tp_mul(10, tp_sub(b, tp_square(a))), tp_sub(1, a)};
    return tp_concatenate(parts, 2, 0);
}

typedef struct mgh_problem {
    const char *name;
    tp_objective *residuals;
    int n;
    double start[10], least[2]; /* the least values published; one may be a local one */
    int evaluations, jacobians; /* of LMDER from this start; 0: not known */
} mgh_problem;

/* LMDER's counts are those that MINPACK's own test program prints (Garbow, Hillstrom & Moré 1980;
 * cminpack's examples/ref/lmddrv.fortran.ref, tolerances of 1.5e-8). */
static const mgh_problem mgh_problems[] = {
    {"1 Rosenbrock", mgh_rosenbrock, 2, {-1.2, 1}, {0, 0}, 21, 16},
    {"2 Freudenstein and Roth", mgh_freudenstein_roth, 2, {0.5, -2}, {0, 48.98425367924}, 14, 8},
    {"3 Powell badly scaled", mgh_powell_badly_scaled, 2, {0, 1}, {0, 0}, 0, 0},
    {"4 Brown badly scaled", mgh_brown_badly_scaled, 2, {1, 1}, {0, 0}, 0, 0},
    {"5 Beale", mgh_beale, 2, {1, 1}, {0, 0}, 0, 0},
    {"6 Jennrich and Sampson",
     mgh_jennrich_sampson,
     2,
     {0.3, 0.4},
     {124.36218235561, 124.36218235561},
     21,
     12},
    {"7 helical valley", mgh_helical_valley, 3, {-1, 0, 0}, {0, 0}, 11, 8},
    {"8 Bard", mgh_bard, 3, {1, 1, 1}, {8.2148773065789e-3, 17.42869333}, 6, 5},
    {"9 Gaussian", mgh_gaussian, 3, {0.4, 1, 0}, {1.1279327696188e-8, 1.1279327696188e-8}, 0, 0},
    {"12 Box", mgh_box, 3, {0, 10, 20}, {0, 0}, 7, 6},
    {"13 Powell singular", mgh_powell_singular, 4, {3, -1, 0, 1}, {0, 0}, 0, 0},
    {"14 Wood", mgh_wood, 4, {-3, -1, -3, -1}, {0, 0}, 0, 0},
    {"15 Kowalik and Osborne",
     mgh_kowalik_osborne,
     4,
     {0.25, 0.39, 0.415, 0.39},
     {3.0750560385e-4, 1.0273e-3},
     18,
     16},
    {"16 Brown and Dennis",
     mgh_brown_dennis,
     4,
     {25, 5, -5, -1},
     {85822.201626356, 85822.201626356},
     254,
     236},
    {"20 Watson", mgh_watson, 6, {0}, {2.2876700535524e-3, 2.2876700535524e-3}, 8, 7},
    {"25 variably dimensioned", mgh_variably_dimensioned, 5, {0.8, 0.6, 0.4, 0.2, 0}, {0, 0}, 0, 0},
    {"26 trigonometric", mgh_trigonometric, 4, {0.25, 0.25, 0.25, 0.25}, {0, 3.0282e-4}, 0, 0},
    {"chained Rosenbrock",
     mgh_chained_rosenbrock,
     10,
     {-1.2, 1, -1.2, 1, -1.2, 1, -1.2, 1, -1.2, 1},
     {0, 3.9867},
     0,
     0},
};

/* ctx is the problem. */
static inline tp_var *mgh_squares(void *ctx, tp_var *x)
{
    const mgh_problem *p = ctx;
    return tp_sum(tp_square(p->residuals(NULL, x)));
}

/* For least squares only: too badly scaled for gradients of the sum. */
__attribute__((unused)) static const mgh_problem mgh_fits[] = {
    {"10 Meyer", mgh_meyer, 3, {0.02, 4000, 250}, {87.945855170740, 87.945855170740}, 126, 116},
    {"17 Osborne 1",
     mgh_osborne_1,
     5,
     {0.5, 1.5, -1, 0.01, 0.02},
     {5.4648946975e-5, 5.4648946975e-5},
     18,
     15},
};

/* To the digits that were published, or 1e-9 where that is 0. */
static inline bool mgh_is_least(const mgh_problem *p, double value)
{
    for (int i = 0; i < 2; i++)
        if (fabs(value - p->least[i]) <= 1e-4 * fabs(p->least[i]) + 1e-9)
            return true;
    return false;
}

static inline tp_var *mgh_start(const mgh_problem *p)
{
    return tp_array(TP_F64, 1, (int64_t[]){p->n}, p->start);
}

#endif
