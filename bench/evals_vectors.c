/* SPDX-License-Identifier: MIT
 *
 * lse: ln Σ eˣ. llsq: least squares of a polynomial, ½ Σᵢ (s(tᵢ) − Σⱼ xⱼ tᵢʲ)², s the sign, t from
 * −1 to 1. kmeans: Newton's direction of Σᵢ minⱼ |cⱼ − pᵢ|², gradient by diagonal of the Hessian.
 */
#include "evals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tinypytorch.h>

/* --- lse: x of size[0] --- */

static void lse_make(evals_problem *p)
{
    size_t n = (size_t)p->size[0];
    evals_input(p, n, 0, n);
    for (size_t i = 0; i < n; i++)
        p->x[i] = 200 * p->x[i] - 100;
    p->v[0] = evals_variable(TP_SHAPE(p->size[0]), p->x);
}

static void lse_ours(const evals_problem *p, double *out)
{
    TP_SCOPE();
    evals_put(out, tp_gradient(tp_logsumexp(p->v[0]), p->v[0]));
}

static void lse_hand(const evals_problem *p, double *out)
{
    double top = p->x[0], sum = 0;
    for (size_t i = 1; i < p->n; i++)
        top = p->x[i] > top ? p->x[i] : top;
    for (size_t i = 0; i < p->n; i++)
        sum += out[i] = exp(p->x[i] - top);
    for (size_t i = 0; i < p->n; i++)
        out[i] /= sum;
}

const evals_problem evals_lse[] = {{.name = "lse",
                                    .title = "lse: 1,280,000 numbers",
                                    .size = {1280000},
                                    .make = lse_make,
                                    .hand = lse_hand,
                                    .ours = {{"TinyPytorch", lse_ours}},
                                    .tolerance = 1e-12},
                                   {0}};

/* --- llsq: size[0] points, size[1] coefficients --- */

static void llsq_make(evals_problem *p)
{
    evals_input(p, (size_t)p->size[1], 0, (size_t)p->size[1]);
    p->v[0] = evals_variable(TP_SHAPE(p->size[1]), p->x);
}

static void llsq_ours(const evals_problem *p, double *out)
{
    TP_SCOPE();
    tp_var *t = tp_linspace(TP_F64, -1, 1, p->size[0]);
    tp_var *fit = tp_matmul(tp_vander(t, p->size[1]), p->v[0]);
    tp_var *loss = tp_mul(0.5, tp_sum(tp_square(tp_sub(tp_sign(t), fit))));
    evals_put(out, tp_gradient(loss, p->v[0]));
}

static void llsq_hand(const evals_problem *p, double *out)
{
    int n = p->size[0], m = p->size[1];
    memset(out, 0, (size_t)m * sizeof *out);
    for (int i = 0; i < n; i++) {
        double t = -1 + 2 * (double)i / (n - 1), power = 1, rest = (t > 0) - (t < 0);
        for (int j = 0; j < m; j++, power *= t)
            rest -= p->x[j] * power;
        power = 1;
        for (int j = 0; j < m; j++, power *= t)
            out[j] -= rest * power;
    }
}

const evals_problem evals_llsq[] = {{.name = "llsq",
                                     .title = "llsq: 16,392 points, 128 coefficients",
                                     .size = {16392, 128},
                                     .make = llsq_make,
                                     .hand = llsq_hand,
                                     .ours = {{"TinyPytorch", llsq_ours}},
                                     .tolerance = 1e-13},
                                    {0}};

/* --- kmeans: size[0] points of size[2] numbers, the last size[1] are the centroids --- */

enum { KMEANS_BLOCK = 64 };

static void kmeans_make(evals_problem *p)
{
    size_t n = (size_t)p->size[0], k = (size_t)p->size[1], d = (size_t)p->size[2];
    evals_input(p, k * d, n * d, k * d);
    memcpy(p->x, p->data + (n - k) * d, k * d * sizeof *p->x);
    p->v[0] = evals_variable(TP_SHAPE(p->size[1], p->size[2]), p->x);
    p->v[1] = evals_constant(TP_SHAPE(p->size[0], p->size[2]), p->data);
}

/* As it is written. */
static tp_var *kmeans_by_min(tp_var *points, tp_var *centroids)
{
    return tp_sum(tp_min(tp_cdist_squared(points, centroids), .axes = 1));
}

/* The distances from the nearest centroids, which are found without recording. */
static tp_var *kmeans_by_rows(tp_var *points, tp_var *centroids)
{
    bool mode = tp_set_grad_enabled(false);
    tp_var *squares = tp_mul(0.5, tp_sum(tp_square(centroids), .axes = 1));
    tp_var *cross = tp_matmul(points, tp_transpose(centroids, 0, 1));
    tp_var *nearest = tp_argmin(tp_sub(squares, cross), 1);
    tp_set_grad_enabled(mode);
    return tp_sum(tp_square(tp_sub(tp_index_select(centroids, 0, nearest), points)));
}

typedef struct kmeans_part {
    tp_var *centroids, *ones;
    tp_var *(*cost)(tp_var *, tp_var *);
} kmeans_part;

/* The gradient and the diagonal of the Hessian, of some points. */
static tp_var *kmeans_block(void *ctx, tp_var *const *x)
{
    const kmeans_part *part = ctx;
    tp_var *c = part->centroids;
    tp_var *gradient = tp_gradient(part->cost(x[0], c), c, .create_graph = true);
    tp_var *both[] = {tp_detach(gradient), tp_gradient(gradient, c, .gradient = part->ones)};
    return tp_stack(both, 2, 0);
}

/* In blocks of points, so that distances stay in the cache. */
static void kmeans_blocks(const evals_problem *p, double *out, tp_var *(*cost)(tp_var *, tp_var *),
                          int block)
{
    TP_SCOPE();
    kmeans_part part = {p->v[0], tp_ones(TP_F64, TP_SHAPE(p->size[1], p->size[2])), cost};
    tp_var *both = tp_sum_blocks(kmeans_block, &part, &p->v[1], 1, block);
    evals_put(out, tp_div(tp_select(both, 0, 0), tp_select(both, 0, 1)));
}

static void kmeans_rows(const evals_problem *p, double *out)
{
    kmeans_blocks(p, out, kmeans_by_rows, KMEANS_BLOCK);
}

static void kmeans_min(const evals_problem *p, double *out)
{
    kmeans_blocks(p, out, kmeans_by_min, KMEANS_BLOCK);
}

static void kmeans_whole(const evals_problem *p, double *out)
{
    kmeans_blocks(p, out, kmeans_by_min, p->size[0]);
}

static void kmeans_hand(const evals_problem *p, double *out)
{
    int n = p->size[0], k = p->size[1], d = p->size[2];
    int *count = calloc((size_t)k, sizeof *count);
    if (!count)
        abort();
    memset(out, 0, p->results * sizeof *out);
    for (int i = 0; i < n; i++) {
        const double *point = p->data + (size_t)i * (size_t)d;
        double closest = HUGE_VAL;
        int at = 0;
        for (int j = 0; j < k; j++) {
            const double *c = p->x + (size_t)j * (size_t)d;
            double distance = 0;
            for (int l = 0; l < d; l++)
                distance += (point[l] - c[l]) * (point[l] - c[l]);
            if (distance < closest) {
                closest = distance;
                at = j;
            }
        }
        count[at]++;
        for (int l = 0; l < d; l++)
            out[at * d + l] += point[l];
    }
    for (int j = 0; j < k; j++)
        for (int l = 0; l < d; l++)
            out[j * d + l] = p->x[j * d + l] - out[j * d + l] / count[j];
    free(count);
}

const evals_problem evals_kmeans[] = {
    {.name = "kmeans",
     .title = "kmeans: 10,000 points in 8 dimensions, 1,000 centroids",
     .size = {10000, 1000, 8},
     .make = kmeans_make,
     .hand = kmeans_hand,
     .ours = {{"TinyPytorch", kmeans_rows},
              {"TinyPytorch, by min", kmeans_min},
              {"TinyPytorch, by min at once", kmeans_whole}},
     .tolerance = 1e-12},
    {0}};
