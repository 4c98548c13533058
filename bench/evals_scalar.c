/* SPDX-License-Identifier: MIT
 *
 * ode: s = size[1] steps of Runge and Kutta's method, to time 2, of y₀' = x₀, yᵢ' = xᵢ yᵢ₋₁ from y
 * = 0, n = size[0]. The derivative is that of the sum of all y: GradBench's last one underflows to
 * 0. det: the determinant of a matrix of size[0] rows by expanding minors, a graph of numbers.
 */
#include "evals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tinypytorch.h>

/* --- ode --- */

static void ode_make(evals_problem *p)
{
    size_t n = (size_t)p->size[0];
    evals_input(p, n, 0, n);
    p->v[0] = evals_variable(TP_SHAPE(p->size[0]), p->x);
}

static tp_var *ode_slope(tp_var *x, tp_var *y)
{
    tp_var *parts[] = {tp_ones(TP_F64, TP_SHAPE(1)), tp_narrow(y, 0, 0, tp_size(y) - 1)};
    return tp_mul(x, tp_concatenate(parts, 2, 0));
}

static tp_var *ode_step(tp_var *x, tp_var *y, double h)
{
    TP_SCOPE();
    tp_var *k1 = ode_slope(x, y);
    tp_var *k2 = ode_slope(x, tp_add(y, tp_mul(h / 2, k1)));
    tp_var *k3 = ode_slope(x, tp_add(y, tp_mul(h / 2, k2)));
    tp_var *k4 = ode_slope(x, tp_add(y, tp_mul(h, k3)));
    tp_var *sum = tp_add(tp_add(k1, k4), tp_mul(2, tp_add(k2, k3)));
    return tp_leave(tp_add(y, tp_mul(h / 6, sum)));
}

static void ode_ours(const evals_problem *p, double *out)
{
    TP_SCOPE();
    tp_var *y = tp_zeros(TP_F64, TP_SHAPE(p->size[0]));
    for (int i = 0; i < p->size[1]; i++)
        y = ode_step(p->v[0], y, 2.0 / p->size[1]);
    evals_put(out, tp_gradient(tp_sum(y), p->v[0]));
}

static tp_var *ode_stage(void *context, int i, tp_var *y)
{
    const evals_problem *p = context;
    (void)i;
    return ode_step(p->v[0], y, 2.0 / p->size[1]);
}

static void ode_checkpoints(const evals_problem *p, double *out)
{
    TP_SCOPE();
    tp_var *y = tp_checkpoint_sequence(ode_stage, (void *)p, p->size[1],
                                       tp_zeros(TP_F64, TP_SHAPE(p->size[0])), .budget = 100 << 20);
    evals_put(out, tp_gradient(tp_sum(y), p->v[0]));
}

/* to = y + h f(x, z); NULL for z: y. */
static void ode_hand_stage(size_t n, double h, const double *x, const double *y, const double *z,
                           double *to)
{
    to[0] = y[0] + h * x[0];
    for (size_t i = 1; i < n; i++)
        to[i] = y[i] + h * (x[i] * z[i - 1]);
}

/* gk is the gradient of k = f(x, z): adds to gx, and to gz. */
static void ode_hand_slope_back(size_t n, const double *x, const double *z, const double *gk,
                                double *gx, double *gz)
{
    gx[0] += gk[0];
    for (size_t i = 1; i < n; i++) {
        gx[i] += gk[i] * z[i - 1];
        gz[i - 1] += gk[i] * x[i];
    }
}

/* One step back: gy is the gradient of y after it, and then of y before it. w is room for 5 n. */
static void ode_hand_back(size_t n, double h, const double *x, const double *y, double *gx,
                          double *gy, double *w)
{
    double *z2 = w, *z3 = w + n, *z4 = w + 2 * n, *gk = w + 3 * n, *gz = w + 4 * n;
    const double *from[] = {y, z2, z3, z4};
    const double weight[] = {h / 6, h / 3, h / 3, h / 6}, reach[] = {0, h / 2, h / 2, h};
    for (int stage = 1; stage < 4; stage++)
        ode_hand_stage(n, reach[stage], x, y, from[stage - 1], w + (size_t)(stage - 1) * n);
    double *total = malloc(n * sizeof *total);
    if (!total)
        abort();
    memcpy(total, gy, n * sizeof *total);
    memset(gz, 0, n * sizeof *gz);
    for (int stage = 3; stage >= 0; stage--) {
        double next = stage < 3 ? reach[stage + 1] : 0;
        for (size_t i = 0; i < n; i++)
            gk[i] = weight[stage] * gy[i] + next * gz[i];
        memset(gz, 0, n * sizeof *gz);
        ode_hand_slope_back(n, x, from[stage], gk, gx, gz);
        for (size_t i = 0; i < n; i++)
            total[i] += gz[i];
    }
    memcpy(gy, total, n * sizeof *total);
    free(total);
}

static void ode_hand(const evals_problem *p, double *out)
{
    size_t n = p->n, steps = (size_t)p->size[1];
    double h = 2.0 / p->size[1], *y = calloc((steps + 1) * n, sizeof *y);
    double *w = malloc(6 * n * sizeof *w), *gy = w + 5 * n;
    if (!y || !w)
        abort();
    for (size_t s = 0; s < steps; s++) {
        const double *from = y + s * n;
        double *to = y + (s + 1) * n;
        ode_hand_stage(n, h / 2, p->x, from, from, w);
        ode_hand_stage(n, h / 2, p->x, from, w, w + n);
        ode_hand_stage(n, h, p->x, from, w + n, w + 2 * n);
        to[0] = from[0] + h * p->x[0];
        for (size_t i = 1; i < n; i++)
            to[i] = from[i] + h / 6 * p->x[i] *
                                  (from[i - 1] + 2 * (w[i - 1] + w[n + i - 1]) + w[2 * n + i - 1]);
    }
    for (size_t i = 0; i < n; i++)
        gy[i] = 1;
    memset(out, 0, n * sizeof *out);
    for (size_t s = steps; s-- > 0;)
        ode_hand_back(n, h, p->x, y + s * n, out, gy, w);
    free(y);
    free(w);
}

const evals_problem evals_ode[] = {
    {.name = "ode",
     .title = "ode: 100,000 numbers, 100 steps",
     .size = {100000, 100},
     .make = ode_make,
     .hand = ode_hand,
     .ours = {{"TinyPytorch", ode_ours}, {"TinyPytorch, checkpoints", ode_checkpoints}},
     .tolerance = 1e-13},
    {0}};

/* --- det --- */

static void det_make(evals_problem *p)
{
    size_t n = (size_t)(p->size[0] * p->size[0]);
    evals_input(p, n, 0, n);
    for (size_t i = 0; i < n; i++)
        p->v[i] = evals_variable(0, NULL, &p->x[i]);
}

/* The determinant of the last m rows and the columns of a set. */
static tp_var *det_minor(const evals_problem *p, int m, unsigned columns)
{
    int n = p->size[0];
    tp_var *const *row = p->v + (n - m) * n, *sum = NULL;
    bool minus = false;
    for (int j = 0; j < n; j++) {
        if (!(columns >> j & 1))
            continue;
        if (m == 1)
            return row[j];
        tp_var *term = tp_mul(row[j], det_minor(p, m - 1, columns & ~(1u << j)));
        sum = !sum ? term : minus ? tp_sub(sum, term) : tp_add(sum, term);
        minus = !minus;
    }
    return sum;
}

static void det_ours(const evals_problem *p, double *out)
{
    TP_SCOPE();
    tp_var *g[EVALS_VARIABLES];
    tp_gradients(det_minor(p, p->size[0], (1u << p->size[0]) - 1), p->v, (int)p->n, g);
    for (size_t i = 0; i < p->n; i++)
        out = evals_put(out, g[i]);
}

static double det_hand_minor(const double *const *rows, int m, int n, unsigned columns)
{
    double sum = 0, sign = 1;
    for (int j = 0; j < n; j++) {
        if (!(columns >> j & 1))
            continue;
        if (m == 1)
            return rows[0][j];
        sum += sign * rows[0][j] * det_hand_minor(rows + 1, m - 1, n, columns & ~(1u << j));
        sign = -sign;
    }
    return sum;
}

static void det_hand(const evals_problem *p, double *out)
{
    int n = p->size[0];
    const double *rows[EVALS_VARIABLES];
    for (int i = 0; i < n; i++) {
        for (int k = 0, m = 0; k < n; k++)
            if (k != i)
                rows[m++] = p->x + k * n;
        for (int j = 0; j < n; j++)
            out[i * n + j] = ((i + j) % 2 ? -1 : 1) *
                             det_hand_minor(rows, n - 1, n, ((1u << n) - 1) & ~(1u << j));
    }
}

const evals_problem evals_det[] = {{.name = "det",
                                    .title = "det: a 9 x 9 matrix, 1,000,000 operations",
                                    .size = {9},
                                    .make = det_make,
                                    .hand = det_hand,
                                    .ours = {{"TinyPytorch", det_ours}},
                                    .tolerance = 1e-12},
                                   {0}};
