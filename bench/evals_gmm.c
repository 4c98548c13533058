/* SPDX-License-Identifier: MIT
 *
 * gmm: the logarithm of the posterior probability of a Gaussian mixture with a Wishart prior. Of n
 * = size[2] points in d = size[0] dimensions and k = size[1] components, with Qₖ lower triangular,
 * its diagonal exp(qₖ), below it lₖ column by column:
 *
 *     Σᵢ lseₖ(αₖ + Σ qₖ − ½ |Qₖ (xᵢ − μₖ)|²) − n lse(α) − Σₖ (½ γ² (|exp qₖ|² + |lₖ|²) − m Σ qₖ)
 *
 * but for a constant. x is α, μ, q, l in this order, γ = 1, m = 0 as in ADBench.
 */
#include "evals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tinypytorch.h>

enum { GMM_M = 0, GMM_BLOCK = 50 };

static void gmm_make(evals_problem *p)
{
    int d = p->size[0], k = p->size[1], n = p->size[2], below = d * (d - 1) / 2;
    size_t variables = (size_t)k * (size_t)(1 + 2 * d + below);
    evals_input(p, variables, (size_t)n * (size_t)d, variables);
    for (size_t i = 0; i < p->n; i++)
        p->x[i] = p->x[i] - 0.5;
    for (size_t i = 0; i < p->n_data; i++)
        p->data[i] = 2 * p->data[i] - 1;
    const double *x = p->x;
    p->v[0] = evals_variable(TP_SHAPE(k), x), x += k;
    p->v[1] = evals_variable(TP_SHAPE(k, d), x), x += k * d;
    p->v[2] = evals_variable(TP_SHAPE(k, d), x), x += k * d;
    p->v[3] = evals_variable(TP_SHAPE(k, below), x);
    p->v[4] = evals_constant(TP_SHAPE(n, d), p->data);
}

/* Qᵀ: (k, d), (k, d (d − 1) / 2) → (k, d, d). A lower triangle by columns, backwards, is one by
 * rows, turned around. */
static tp_var *gmm_triangles(tp_var *diagonal, tp_var *below)
{
    tp_var *rows = tp_vec_to_tril_matrix(tp_flip(below, TP_SHAPE(1)), -1);
    return tp_add(tp_diag_embed(diagonal, 0), tp_flip(rows, TP_SHAPE(1, 2)));
}

/* What the likelihood of a point is made of. */
typedef struct gmm_parts {
    tp_var *mu, *factors, *weights; /* (k, d), (k, d, d), (k, 1) */
} gmm_parts;

/* Σ lse of some points. */
static tp_var *gmm_likelihood(void *ctx, tp_var *const *x)
{
    const gmm_parts *parts = ctx;
    tp_var *centered = tp_sub(x[0], tp_unsqueeze(parts->mu, 1)); /* (k, n, d) */
    tp_var *scaled = tp_matmul(centered, parts->factors);        /* (k, n, d) */
    tp_var *squares = tp_sum(tp_square(scaled), .axes = 2);      /* (k, n) */
    return tp_sum(tp_logsumexp(tp_sub(parts->weights, tp_mul(0.5, squares)), .axes = 0));
}

static tp_var *gmm_value(const evals_problem *p, int block)
{
    tp_var *alpha = p->v[0], *q = p->v[2], *l = p->v[3], *x = p->v[4];
    tp_var *diagonal = tp_exp(q), *sum_q = tp_sum(q, .axes = 1);
    gmm_parts parts = {p->v[1], gmm_triangles(diagonal, l), tp_unsqueeze(tp_add(alpha, sum_q), 1)};
    tp_var *points =
        block ? tp_sum_blocks(gmm_likelihood, &parts, &x, 1, block) : gmm_likelihood(&parts, &x);
    tp_var *likelihood = tp_sub(points, tp_mul(p->size[2], tp_logsumexp(alpha)));
    tp_var *frobenius = tp_add(tp_sum(tp_square(diagonal)), tp_sum(tp_square(l)));
    tp_var *prior = tp_sub(tp_mul(0.5, frobenius), tp_mul(GMM_M, tp_sum(sum_q)));
    return tp_sub(likelihood, prior);
}

static void gmm_put(const evals_problem *p, double *out, int block)
{
    TP_SCOPE();
    tp_var *g[4];
    tp_gradients(gmm_value(p, block), p->v, 4, g);
    for (int i = 0; i < 4; i++)
        out = evals_put(out, g[i]);
}

static void gmm_ours(const evals_problem *p, double *out)
{
    gmm_put(p, out, 0);
}

static void gmm_blocks(const evals_problem *p, double *out)
{
    gmm_put(p, out, GMM_BLOCK);
}

/* What the derivative by hand works on. */
typedef struct gmm_hand_state {
    int d, k;
    const double *mu, *l, *alpha;
    double *diagonal, *sum_q, *scaled, *term, *back;
    double *g_alpha, *g_mu, *g_q, *g_l;
} gmm_hand_state;

/* Qₖ (x − μₖ) → scaled */
static void gmm_hand_scale(const gmm_hand_state *s, int k, const double *x, double *scaled)
{
    const double *mu = s->mu + k * s->d, *l = s->l + k * (s->d * (s->d - 1) / 2);
    for (int i = 0; i < s->d; i++)
        scaled[i] = s->diagonal[k * s->d + i] * (x[i] - mu[i]);
    for (int j = 0; j < s->d; j++) {
        double centered = x[j] - mu[j];
        for (int i = j + 1; i < s->d; i++)
            scaled[i] += *l++ * centered;
    }
}

/* The same backwards: −weight · scaled is the gradient of what is scaled. */
static void gmm_hand_back(const gmm_hand_state *s, int k, const double *x, double weight,
                          const double *scaled)
{
    int below = s->d * (s->d - 1) / 2;
    const double *mu = s->mu + k * s->d, *l = s->l + k * below;
    double *g_l = s->g_l + k * below, *g_mu = s->g_mu + k * s->d, *g_q = s->g_q + k * s->d;
    for (int i = 0; i < s->d; i++)
        s->back[i] = -weight * scaled[i];
    for (int j = 0; j < s->d; j++) {
        double centered = x[j] - mu[j], sum = s->diagonal[k * s->d + j] * s->back[j];
        g_q[j] += s->diagonal[k * s->d + j] * centered * s->back[j];
        for (int i = j + 1; i < s->d; i++) {
            *g_l++ += s->back[i] * centered;
            sum += *l++ * s->back[i];
        }
        g_mu[j] -= sum;
    }
    s->g_alpha[k] += weight;
    for (int j = 0; j < s->d; j++)
        g_q[j] += weight;
}

static double gmm_hand_softmax(int n, const double *x, double *to)
{
    double top = x[0], sum = 0;
    for (int i = 1; i < n; i++)
        top = x[i] > top ? x[i] : top;
    for (int i = 0; i < n; i++)
        sum += to[i] = exp(x[i] - top);
    for (int i = 0; i < n; i++)
        to[i] /= sum;
    return sum;
}

static void gmm_hand_point(const gmm_hand_state *s, const double *x)
{
    for (int k = 0; k < s->k; k++) {
        double *scaled = s->scaled + k * s->d, sum = 0;
        gmm_hand_scale(s, k, x, scaled);
        for (int i = 0; i < s->d; i++)
            sum += scaled[i] * scaled[i];
        s->term[k] = s->alpha[k] + s->sum_q[k] - 0.5 * sum;
    }
    gmm_hand_softmax(s->k, s->term, s->term);
    for (int k = 0; k < s->k; k++)
        gmm_hand_back(s, k, x, s->term[k], s->scaled + k * s->d);
}

static void gmm_hand_prior(const gmm_hand_state *s, int n)
{
    int below = s->d * (s->d - 1) / 2;
    gmm_hand_softmax(s->k, s->alpha, s->term);
    for (int k = 0; k < s->k; k++)
        s->g_alpha[k] -= n * s->term[k];
    for (int i = 0; i < s->k * s->d; i++)
        s->g_q[i] -= s->diagonal[i] * s->diagonal[i] - (double)GMM_M;
    for (int i = 0; i < s->k * below; i++)
        s->g_l[i] -= s->l[i];
}

static void gmm_hand(const evals_problem *p, double *out)
{
    int d = p->size[0], k = p->size[1], n = p->size[2];
    double *room = malloc((size_t)(2 * k * d + 2 * k + d) * sizeof *room);
    if (!room)
        abort();
    const double *q = p->x + k + k * d;
    gmm_hand_state s = {.d = d,
                        .k = k,
                        .alpha = p->x,
                        .mu = p->x + k,
                        .l = q + k * d,
                        .diagonal = room,
                        .scaled = room + k * d,
                        .sum_q = room + 2 * k * d,
                        .term = room + 2 * k * d + k,
                        .back = room + 2 * k * d + 2 * k,
                        .g_alpha = out,
                        .g_mu = out + k,
                        .g_q = out + k + k * d,
                        .g_l = out + k + 2 * k * d};
    memset(out, 0, p->results * sizeof *out);
    for (int i = 0; i < k; i++) {
        s.sum_q[i] = 0;
        for (int j = 0; j < d; j++) {
            s.diagonal[i * d + j] = exp(q[i * d + j]);
            s.sum_q[i] += q[i * d + j];
        }
    }
    for (int i = 0; i < n; i++)
        gmm_hand_point(&s, p->data + (size_t)i * (size_t)d);
    gmm_hand_prior(&s, n);
    free(room);
}

#define GMM(title_, ...)                                                                           \
    {                                                                                              \
        .name = "gmm", .title = title_, .size = {__VA_ARGS__, 1000}, .make = gmm_make,             \
        .hand = gmm_hand,                                                                          \
        .ours = {{"TinyPytorch", gmm_ours}, {"TinyPytorch, blocks of 50", gmm_blocks}},            \
        .tolerance = 1e-13                                                                         \
    }

const evals_problem evals_gmm[] = {
    GMM("gmm: 1,000 points in 10 dimensions, 25 components", 10, 25),
    GMM("gmm: 1,000 points in 64 dimensions, 100 components", 64, 100),
    {0}};
