/* SPDX-License-Identifier: MIT
 *
 * Classical functions, each as a formula for minimisers and, written again, as plain C for a judge
 * of claims that uses nothing of the library: a point is a minimum where the value is the published
 * least one, or where differences of the plain function show a gradient of 0 and no negative
 * curvature. And a judge of any other function, by its derivatives: the Hessian, scaled to a
 * diagonal of 1, has positive eigenvalues and Newton's step is small.
 */
#ifndef TP_CLAIMS_H
#define TP_CLAIMS_H

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include <tinypytorch.h>

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
        positive = positive && tp_item(tp_select(w, 0, i)) > 1e-13;
    }
    double promise = tp_item(tp_sum(tp_mul(g, step))) / 2;
    return positive && (small || fabs(promise) <= 1e-10 * fabs(tp_item(y)));
}

/* --- Classical functions --- */

enum { CLAIMS_MOST = 6 };

#define CLAIMS_PI 3.14159265358979323846L
#define CLAIMS_PLAIN(name) static long double plain_##name(const long double *x, int n)
#define SQ(a) ((a) * (a))

CLAIMS_PLAIN(rosenbrock)
{
    long double sum = 0;
    for (int i = 0; i + 1 < n; i++)
        sum += 100 * SQ(x[i + 1] - x[i] * x[i]) + SQ(1 - x[i]);
    return sum;
}

CLAIMS_PLAIN(himmelblau)
{
    (void)n;
    return SQ(x[0] * x[0] + x[1] - 11) + SQ(x[0] + x[1] * x[1] - 7);
}

CLAIMS_PLAIN(beale)
{
    (void)n;
    return SQ(1.5L - x[0] + x[0] * x[1]) + SQ(2.25L - x[0] + x[0] * SQ(x[1])) +
           SQ(2.625L - x[0] + x[0] * x[1] * SQ(x[1]));
}

CLAIMS_PLAIN(booth)
{
    (void)n;
    return SQ(x[0] + 2 * x[1] - 7) + SQ(2 * x[0] + x[1] - 5);
}

CLAIMS_PLAIN(matyas)
{
    (void)n;
    return 0.26L * (SQ(x[0]) + SQ(x[1])) - 0.48L * x[0] * x[1];
}

CLAIMS_PLAIN(goldstein_price)
{
    (void)n;
    long double a = x[0], b = x[1];
    long double left = 19 - 14 * a + 3 * a * a - 14 * b + 6 * a * b + 3 * b * b;
    long double right = 18 - 32 * a + 12 * a * a + 48 * b - 36 * a * b + 27 * b * b;
    return (1 + SQ(a + b + 1) * left) * (30 + SQ(2 * a - 3 * b) * right);
}

CLAIMS_PLAIN(rastrigin)
{
    long double sum = 0;
    for (int i = 0; i < n; i++)
        sum += SQ(x[i]) - 10 * cosl(2 * CLAIMS_PI * x[i]) + 10;
    return sum;
}

CLAIMS_PLAIN(ackley)
{
    long double squares = 0, waves = 0;
    for (int i = 0; i < n; i++) {
        squares += SQ(x[i]) / n;
        waves += cosl(2 * CLAIMS_PI * x[i]) / n;
    }
    return -20 * expl(-0.2L * sqrtl(squares)) - expl(waves) + 20 + expl(1);
}

CLAIMS_PLAIN(griewank)
{
    long double sum = 0, product = 1;
    for (int i = 0; i < n; i++) {
        sum += SQ(x[i]) / 4000;
        product *= cosl(x[i] / sqrtl(i + 1));
    }
    return sum - product + 1;
}

CLAIMS_PLAIN(three_hump_camel)
{
    (void)n;
    long double s = SQ(x[0]);
    return 2 * s - 1.05L * s * s + s * s * s / 6 + x[0] * x[1] + SQ(x[1]);
}

CLAIMS_PLAIN(six_hump_camel)
{
    (void)n;
    long double s = SQ(x[0]), t = SQ(x[1]);
    return (4 - 2.1L * s + s * s / 3) * s + x[0] * x[1] + (4 * t - 4) * t;
}

CLAIMS_PLAIN(styblinski_tang)
{
    long double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (SQ(SQ(x[i])) - 16 * SQ(x[i]) + 5 * x[i]) / 2;
    return sum;
}

CLAIMS_PLAIN(powell)
{
    (void)n;
    return SQ(x[0] + 10 * x[1]) + 5 * SQ(x[2] - x[3]) + SQ(SQ(x[1] - 2 * x[2])) +
           10 * SQ(SQ(x[0] - x[3]));
}

CLAIMS_PLAIN(wood)
{
    (void)n;
    return 100 * SQ(x[1] - SQ(x[0])) + SQ(1 - x[0]) + 90 * SQ(x[3] - SQ(x[2])) + SQ(1 - x[2]) +
           10 * SQ(x[1] + x[3] - 2) + SQ(x[1] - x[3]) / 10;
}

/* A plateau but for a pit around (π, π) and ripples. */
CLAIMS_PLAIN(easom)
{
    (void)n;
    return -cosl(x[0]) * cosl(x[1]) * expl(-SQ(x[0] - CLAIMS_PI) - SQ(x[1] - CLAIMS_PI));
}

CLAIMS_PLAIN(mccormick)
{
    (void)n;
    return sinl(x[0] + x[1]) + SQ(x[0] - x[1]) - 1.5L * x[0] + 2.5L * x[1] + 1;
}

CLAIMS_PLAIN(powers)
{
    long double sum = 0;
    for (int i = 0; i < n; i++)
        sum += powl(fabsl(x[i]), i + 2);
    return sum;
}

CLAIMS_PLAIN(zakharov)
{
    long double squares = 0, sum = 0;
    for (int i = 0; i < n; i++) {
        squares += SQ(x[i]);
        sum += (i + 1) * x[i] / 2;
    }
    return squares + SQ(sum) + SQ(SQ(sum));
}

CLAIMS_PLAIN(dixon_price)
{
    long double sum = SQ(x[0] - 1);
    for (int i = 1; i < n; i++)
        sum += (i + 1) * SQ(2 * SQ(x[i]) - x[i - 1]);
    return sum;
}

CLAIMS_PLAIN(levy)
{
    (void)n;
    long double a = 1 + (x[0] - 1) / 4, b = 1 + (x[1] - 1) / 4;
    return SQ(sinl(CLAIMS_PI * a)) + SQ(a - 1) * (1 + 10 * SQ(sinl(CLAIMS_PI * a + 1))) +
           SQ(b - 1) * (1 + SQ(sinl(2 * CLAIMS_PI * b)));
}

CLAIMS_PLAIN(branin)
{
    (void)n;
    long double line = x[1] - 5.1L / (4 * SQ(CLAIMS_PI)) * SQ(x[0]) + 5 / CLAIMS_PI * x[0] - 6;
    return SQ(line) + 10 * (1 - 1 / (8 * CLAIMS_PI)) * cosl(x[0]) + 10;
}

CLAIMS_PLAIN(trid)
{
    long double sum = SQ(x[0] - 1);
    for (int i = 1; i < n; i++)
        sum += SQ(x[i] - 1) - x[i] * x[i - 1];
    return sum;
}

CLAIMS_PLAIN(bohachevsky)
{
    (void)n;
    return SQ(x[0]) + 2 * SQ(x[1]) - 0.3L * cosl(3 * CLAIMS_PI * x[0]) -
           0.4L * cosl(4 * CLAIMS_PI * x[1]) + 0.7L;
}

CLAIMS_PLAIN(schaffer)
{
    (void)n;
    long double s = SQ(x[0]), t = SQ(x[1]);
    return 0.5L + (SQ(sinl(s - t)) - 0.5L) / SQ(1 + 0.001L * (s + t));
}

CLAIMS_PLAIN(helical_valley)
{
    (void)n;
    return 100 *
               (SQ(x[2] - 10 * atan2l(x[1], x[0]) / (2 * CLAIMS_PI)) + SQ(hypotl(x[0], x[1]) - 1)) +
           SQ(x[2]);
}

typedef struct claims_function {
    const char *name, *text; /* x, y, z and w are the first elements of v */
    long double (*plain)(const long double *x, int n);
    int n;
    double box;   /* starts are within ± this */
    double least; /* as published: NAN where only its place is simple */
    tp_expression *read;
} claims_function;

static claims_function claims_functions[] = {
    {"Rosenbrock", "100*(y - x^2)^2 + (1 - x)^2", plain_rosenbrock, 2, 5, 0, NULL},
    {"Rosenbrock of 4",
     "100*((y - x^2)^2 + (z - y^2)^2 + (w - z^2)^2) + (1 - x)^2 + (1 - y)^2 + (1 - z)^2",
     plain_rosenbrock, 4, 3, 0, NULL},
    {"Himmelblau", "(x^2 + y - 11)^2 + (x + y^2 - 7)^2", plain_himmelblau, 2, 6, 0, NULL},
    {"Beale", "(1.5 - x + x*y)^2 + (2.25 - x + x*y^2)^2 + (2.625 - x + x*y^3)^2", plain_beale, 2,
     4.5, 0, NULL},
    {"Booth", "(x + 2*y - 7)^2 + (2*x + y - 5)^2", plain_booth, 2, 10, 0, NULL},
    {"Matyas", "0.26*(x^2 + y^2) - 0.48*x*y", plain_matyas, 2, 10, 0, NULL},
    {"Goldstein-Price",
     "(1 + (x + y + 1)^2*(19 - 14*x + 3*x^2 - 14*y + 6*x*y + 3*y^2))"
     "*(30 + (2*x - 3*y)^2*(18 - 32*x + 12*x^2 + 48*y - 36*x*y + 27*y^2))",
     plain_goldstein_price, 2, 2, 3, NULL},
    {"Rastrigin", "sum(v^2 - 10*cos(2*pi*v) + 10)", plain_rastrigin, 2, 5.12, 0, NULL},
    {"Ackley", "20 + e - 20*exp(-0.2*sqrt(mean(v^2))) - exp(mean(cos(2*pi*v)))", plain_ackley, 2, 5,
     0, NULL},
    {"Griewank", "sum(v^2)/4000 - cos(x)*cos(y/sqrt(2))*cos(z/sqrt(3)) + 1", plain_griewank, 3, 20,
     0, NULL},
    {"three-hump camel", "2*x^2 - 1.05*x^4 + x^6/6 + x*y + y^2", plain_three_hump_camel, 2, 5, 0,
     NULL},
    {"six-hump camel", "(4 - 2.1*x^2 + x^4/3)*x^2 + x*y + (4*y^2 - 4)*y^2", plain_six_hump_camel, 2,
     3, -1.0316284534898774, NULL},
    {"Styblinski-Tang", "sum(v^4 - 16*v^2 + 5*v)/2", plain_styblinski_tang, 5, 5,
     5 * -39.16616570377142, NULL},
    {"Powell singular", "(x + 10*y)^2 + 5*(z - w)^2 + (y - 2*z)^4 + 10*(x - w)^4", plain_powell, 4,
     5, 0, NULL},
    {"Wood",
     "100*(y - x^2)^2 + (1 - x)^2 + 90*(w - z^2)^2 + (1 - z)^2 + 10*(y + w - 2)^2 + (y - w)^2/10",
     plain_wood, 4, 10, 0, NULL},
    {"Easom", "-cos(x)*cos(y)*exp(-(x - pi)^2 - (y - pi)^2)", plain_easom, 2, 10, -1, NULL},
    {"McCormick", "sin(x + y) + (x - y)^2 - 1.5*x + 2.5*y + 1", plain_mccormick, 2, 4, (double)NAN,
     NULL},
    {"powers", "x^2 + abs(y)^3 + z^4 + abs(w)^5", plain_powers, 4, 1, 0, NULL},
    {"Zakharov", "sum(v^2) + (x/2 + y + 1.5*z + 2*w)^2 + (x/2 + y + 1.5*z + 2*w)^4", plain_zakharov,
     4, 10, 0, NULL},
    {"Dixon-Price", "(x - 1)^2 + 2*(2*y^2 - x)^2 + 3*(2*z^2 - y)^2 + 4*(2*w^2 - z)^2",
     plain_dixon_price, 4, 10, 0, NULL},
    {"Levy",
     "sin(pi*(x + 3)/4)^2 + ((x - 1)/4)^2*(1 + 10*sin(pi*(x + 3)/4 + 1)^2)"
     " + ((y - 1)/4)^2*(1 + sin(pi*(y + 3)/2)^2)",
     plain_levy, 2, 10, 0, NULL},
    {"Branin", "(y - 5.1/(4*pi^2)*x^2 + 5/pi*x - 6)^2 + 10*(1 - 1/(8*pi))*cos(x) + 10",
     plain_branin, 2, 10, 0.39788735772973816, NULL},
    {"Trid", "sum((v - 1)^2) - x*y - y*z - z*w", plain_trid, 4, 16, -16, NULL},
    {"Bohachevsky", "x^2 + 2*y^2 - 0.3*cos(3*pi*x) - 0.4*cos(4*pi*y) + 0.7", plain_bohachevsky, 2,
     10, 0, NULL},
    {"Schaffer 2", "0.5 + (sin(x^2 - y^2)^2 - 0.5)/(1 + 0.001*(x^2 + y^2))^2", plain_schaffer, 2,
     10, 0, NULL},
    {"helical valley", "100*((z - 10*atan2(y, x)/(2*pi))^2 + (sqrt(x^2 + y^2) - 1)^2) + z^2",
     plain_helical_valley, 3, 2, 0, NULL},
};

enum { CLAIMS_FUNCTIONS = sizeof claims_functions / sizeof *claims_functions };

/* Of a claims_function: the formula at v. */
static tp_var *claims_value(void *ctx, tp_var *v)
{
    static const char *const names[] = {"v", "x", "y", "z", "w"};
    claims_function *f = ctx;
    tp_var *values[5] = {v};
    int n = f->n > 4 ? 4 : f->n;
    for (int i = 0; i < n; i++)
        values[i + 1] = tp_select(v, 0, i);
    if (!f->read)
        f->read = tp_expression_new(f->text, names, n + 1);
    return tp_expression_apply(f->read, values);
}

static inline void claims_free(void)
{
    for (int i = 0; i < CLAIMS_FUNCTIONS; i++) {
        tp_expression_free(claims_functions[i].read);
        claims_functions[i].read = NULL;
    }
}

/* Start number i of a function: always the same. */
static inline tp_var *claims_start(const claims_function *f, int i)
{
    tp_manual_seed((uint64_t)i + 1);
    return tp_mul(f->box, tp_sub(tp_mul(2, tp_rand(TP_F64, 1, (int64_t[]){f->n})), 1));
}

/* --- The judge of classical functions --- */

/* The plain function at x + s a e[i] + t b e[k]. */
static inline long double claims_at(const claims_function *f, const long double *x, int i,
                                    long double s, int k, long double t)
{
    long double at[CLAIMS_MOST];
    for (int j = 0; j < f->n; j++)
        at[j] = x[j] + (j == i ? s : 0) + (j == k ? t : 0);
    return f->plain(at, f->n);
}

/* Gradient and Hessian by central differences: of 64-bit mantissas, so errors near 1e-10; where the
 * value is large its last digits ask for wider ones. */
static inline void claims_differences(const claims_function *f, const long double *x,
                                      long double *g, long double *h)
{
    int n = f->n;
    long double t = fmaxl(1e-4L, sqrtl(1e-15L * fabsl(f->plain(x, n)))), s = t / 10;
    for (int i = 0; i < n; i++) {
        g[i] = (8 * (claims_at(f, x, i, s, i, 0) - claims_at(f, x, i, -s, i, 0)) -
                (claims_at(f, x, i, 2 * s, i, 0) - claims_at(f, x, i, -2 * s, i, 0))) /
               (12 * s);
        for (int k = 0; k <= i; k++)
            h[i * n + k] = h[k * n + i] =
                (claims_at(f, x, i, t, k, t) - claims_at(f, x, i, t, k, -t) -
                 claims_at(f, x, i, -t, k, t) + claims_at(f, x, i, -t, k, -t)) /
                (4 * t * t);
    }
}

/* Rotates h and v until h is diagonal (Jacobi 1846). */
static inline void claims_rotate(int n, long double *h, long double *v)
{
    for (int i = 0; i < n * n; i++)
        v[i] = i % (n + 1) == 0;
    for (int sweep = 0; sweep < 30; sweep++)
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++) {
                long double angle = atan2l(2 * h[p * n + q], h[q * n + q] - h[p * n + p]) / 2;
                long double c = cosl(angle), s = sinl(angle);
                for (int k = 0; k < n; k++) {
                    long double a = h[k * n + p], b = h[k * n + q];
                    h[k * n + p] = c * a - s * b;
                    h[k * n + q] = s * a + c * b;
                    a = v[k * n + p];
                    b = v[k * n + q];
                    v[k * n + p] = c * a - s * b;
                    v[k * n + q] = s * a + c * b;
                }
                for (int k = 0; k < n; k++) {
                    long double a = h[p * n + k], b = h[q * n + k];
                    h[p * n + k] = c * a - s * b;
                    h[q * n + k] = s * a + c * b;
                }
            }
}

/* Along a step that promises nothing beside the value, as at a minimum of a high order, the
 * function rises in the end. */
static inline bool claims_rises(const claims_function *f, const long double *x,
                                const long double *step, long double promise)
{
    long double value = f->plain(x, f->n), at[CLAIMS_MOST];
    if (!(fabsl(promise) <= 1e-13L * fabsl(value)))
        return false;
    for (int k = 2; k <= 128; k *= 4) {
        for (int i = 0; i < f->n; i++)
            at[i] = x[i] + k * step[i];
        if (f->plain(at, f->n) > value)
            return true;
    }
    return false;
}

/* The gradient is 0, in so far as Newton's step is short, and no curvature is negative. */
static inline bool claims_is_stationary(const claims_function *f, const double *where)
{
    int n = f->n;
    long double x[CLAIMS_MOST] = {0}, g[CLAIMS_MOST], h[CLAIMS_MOST * CLAIMS_MOST],
                v[CLAIMS_MOST * CLAIMS_MOST], scale[CLAIMS_MOST], step[CLAIMS_MOST] = {0},
                promise = 0;
    bool small = true;
    for (int i = 0; i < n; i++)
        x[i] = (long double)where[i];
    claims_differences(f, x, g, h);
    for (int i = 0; i < n; i++)
        scale[i] = h[i * n + i] > 0 ? 1 / sqrtl(h[i * n + i]) : 0;
    for (int i = 0; i < n * n; i++)
        h[i] *= scale[i / n] * scale[i % n];
    claims_rotate(n, h, v);
    for (int k = 0; k < n; k++) {
        long double curvature = h[k * n + k], part = 0;
        for (int i = 0; i < n; i++)
            part -= v[i * n + k] * scale[i] * g[i];
        if (!(curvature > 1e-7L))
            return false;
        for (int i = 0; i < n; i++)
            step[i] += scale[i] * v[i * n + k] * part / curvature;
        promise += part * part / curvature / 2;
    }
    for (int i = 0; i < n; i++)
        small = small && fabsl(step[i]) <= 1e-5L * fmaxl(1, fabsl(x[i]));
    return small || claims_rises(f, x, step, promise);
}

/* At a degenerate minimum the Hessian tells nothing: there the value must be the least there is. */
static inline bool claims_is_true(const claims_function *f, const tp_minimize_result *m)
{
    long double x[CLAIMS_MOST];
    const double *at = tp_data(m->x);
    for (int i = 0; i < f->n; i++)
        x[i] = (long double)at[i];
    long double value = f->plain(x, f->n);
    bool same = fabsl(value - (long double)m->value) <= 1e-9L * fmaxl(1, fabsl(value));
    return same && (value - (long double)f->least <= 1e-12L || claims_is_stationary(f, at));
}

#endif
