/* SPDX-License-Identifier: MIT
 *
 * Distributions over the uniform and normal numbers of the thread's stream. Those that are a smooth
 * function of their parameters are reparameterised: noise is a constant, and the parameters have
 * derivatives (Kingma & Welling 2014).
 */
#include "base/features.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/call.h"
#include "base/dtype.h"
#include "base/random.h"
#include "graph/half.h"
#include "ops/families.h"
#include "tinypytorch.h"

/* Noise of the shape and floating type that a and b have together. */
static tp_var *sampling_noise(const char *call, tp_var *a, tp_var *b,
                              tp_var *(*noise)(tp_dtype, int, const int64_t *))
{
    if (!tp__check_operand(call, a) || !tp__check_operand(call, b))
        return tp__poison();
    size_t scope = tp_scope_begin();
    tp_var *sum = tp_add(tp_detach(a), tp_detach(b));
    tp_dtype dtype = tp__promote((tp_var *[]){a, b}, 2);
    dtype = tp__is_float(dtype) ? dtype : TP_F64;
    tp_var *y = tp_is_poison(sum) ? sum : tp_leave(noise(dtype, sum->ndim, tp__shape(sum)));
    tp_scope_end(scope);
    return y;
}

tp_var *(tp_normal)(tp_var *mean, tp_var *std)
{
    TP__CALL("normal");
    TP__OPERANDS(mean, std);
    TP__IN_FLOAT32((tp_normal)(mean, std), &mean, &std);
    tp_var *noise = sampling_noise("normal", mean, std, tp_randn);
    if (!tp__check_elements("normal", "std", std, 0, HUGE_VAL))
        return tp__poison();
    return tp_is_poison(noise) ? noise : tp_add(mean, tp_mul(std, noise));
}

tp_var *(tp_uniform)(tp_var *low, tp_var *high)
{
    TP__CALL("uniform");
    TP__OPERANDS(low, high);
    TP__IN_FLOAT32((tp_uniform)(low, high), &low, &high);
    tp_var *noise = sampling_noise("uniform", low, high, tp_rand);
    if (!tp__check_elements("uniform", "low", low, -DBL_MAX, DBL_MAX) ||
        !tp__check_elements("uniform", "high", high, -DBL_MAX, DBL_MAX))
        return tp__poison();
    return tp_is_poison(noise) ? noise : tp_add(low, tp_mul(tp_sub(high, low), noise));
}

tp_var *tp_exponential(tp_var *rate)
{
    TP__CALL("exponential");
    TP__OPERANDS(rate);
    TP__IN_FLOAT32(tp_exponential(rate), &rate);
    tp_var *noise = sampling_noise("exponential", rate, rate, tp_rand);
    if (!tp__check_elements("exponential", "rate", rate, DBL_TRUE_MIN, HUGE_VAL))
        return tp__poison();
    return tp_is_poison(noise) ? noise : tp_div(tp_neg(tp_log1p(tp_neg(noise))), rate);
}

tp_var *tp_bernoulli(tp_var *p)
{
    TP__CALL("bernoulli");
    TP__OPERANDS(p);
    TP__IN_FLOAT32(tp_bernoulli(p), &p);
    tp_var *noise = sampling_noise("bernoulli", p, p, tp_rand);
    if (!tp__check_elements("bernoulli", "p", p, 0, 1))
        return tp__poison();
    return tp_is_poison(noise) ? noise : tp_to(tp_lt(noise, tp_detach(p)), tp_dtype_of(noise));
}

tp_var *tp_dropout(tp_var *x, double p, bool training)
{
    TP__CALL("dropout");
    TP__OPERANDS(x);
    TP__IN_FLOAT32(tp_dropout(x, p, training), &x);
    if (!tp__check_operand("dropout", x))
        return tp__poison();
    if (!tp__check_within("dropout", "p", p, 0, 1))
        return tp__poison();
    if (!training)
        return x;
    if (p == 0 || p == 1)
        return tp_where(p == 1, 0, x);
    tp_var *noise = sampling_noise("dropout", x, x, tp_rand);
    return tp_is_poison(noise) ? noise : tp_where(tp_lt(noise, p), 0, tp_mul(x, 1 / (1 - p)));
}

tp_var *tp_randint(int64_t low, int64_t high, int ndim, const int64_t *shape)
{
    TP__CALL("randint");
    if (low >= high || high > INT64_C(1) << 52 || low < -(INT64_C(1) << 52))
        return tp_fail(TP_ERROR_ARGUMENT,
                       "randint: from %lld to less than %lld, expected a range within ±2⁵²",
                       (long long)low, (long long)high);
    tp_var *u = tp_rand(TP_F64, ndim, shape);
    tp_var *y = tp_floor(tp_mul((double)(high - low), u));
    return tp_add(tp_to(y, TP_I64), low);
}

tp_var *tp_randperm(int64_t n)
{
    TP__CALL("randperm");
    if (n < 0)
        return tp_fail(TP_ERROR_ARGUMENT, "randperm: %lld elements", (long long)n);
    return tp_argsort(tp_rand(TP_F64, TP_SHAPE(n)), 0, false);
}

/* --- multinomial --- */

/* The first of a row's cumulated weights that is larger than u. */
static int64_t multinomial_class(const double *sums, int64_t classes, double u)
{
    int64_t low = 0, high = classes - 1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (sums[middle] > u)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static tp_var *multinomial_again(tp_var *weights, int64_t n)
{
    int64_t shape[TP_MAX_NDIM], classes = tp__shape(weights)[weights->ndim - 1];
    memcpy(shape, tp__shape(weights), weights->ndim * sizeof *shape);
    shape[weights->ndim - 1] = n;
    tp_var *u = tp_rand(TP_F64, weights->ndim, shape), *sums = tp__plain(tp_cumsum(weights, -1));
    tp_var *picked = tp__empty(TP_I64, weights->ndim, shape);
    if (tp_is_poison(u) || tp_is_poison(sums) || tp_is_poison(picked))
        return tp__poison();
    for (int64_t i = 0; i < picked->size; i++) {
        const double *row = (const double *)sums->data + i / n * classes;
        double at = ((const double *)u->data)[i] * row[classes - 1];
        ((int64_t *)picked->data)[i] = multinomial_class(row, classes, at);
    }
    return picked;
}

/* The largest of weight / exponential noise come first (Efraimidis & Spirakis 2006). */
static tp_var *multinomial_once(tp_var *weights, int64_t n)
{
    tp_var *noise = tp_exponential(tp_ones(TP_F64, weights->ndim, tp__shape(weights)));
    tp_var *positions;
    tp_topk(tp_div(weights, noise), n, -1, true, &positions);
    return positions;
}

tp_var *tp_multinomial(tp_var *weights, int64_t n, bool replacement)
{
    TP__CALL("multinomial");
    TP__OPERANDS(weights);
    if (!tp__check_operand("multinomial", weights))
        return tp__poison();
    int last = weights->ndim - 1;
    if (last < 0 || tp__shape(weights)[last] == 0)
        return tp_fail(TP_ERROR_SHAPE, "multinomial: expected weights (…, classes)");
    if (n < 0 || (!replacement && n > tp__shape(weights)[last]))
        return tp_fail(TP_ERROR_ARGUMENT, "multinomial: %lld of %lld classes", (long long)n,
                       (long long)tp__shape(weights)[last]);
    weights = tp_to(tp_detach(weights), TP_F64);
    const tp_reduce_options rows = {.size = sizeof rows, .axes.one = -1, .keepdims = true};
    tp_var *most = (tp_max)(weights, &rows);
    if (!tp__check_elements("multinomial", "a weight", weights, 0, DBL_MAX) ||
        !tp__check_elements("multinomial", "the largest weight of a row", most, DBL_TRUE_MIN,
                            DBL_MAX))
        return tp__poison();
    weights = tp_div(weights, most); /* sums do not overflow */
    if (tp_is_poison(weights))
        return weights;
    return replacement ? multinomial_again(weights, n) : multinomial_once(weights, n);
}

/* --- gamma: Marsaglia & Tsang 2000; below 1 by a power of a uniform number --- */

typedef struct gamma_stream {
    tp__thread *t;
    uint32_t words[4];
    int at;
} gamma_stream;

static double gamma_uniform(gamma_stream *s)
{
    if (s->at == 4) {
        tp__philox(s->t->random.block++, s->t->random.seed, s->words);
        s->at = 0;
    }
    uint64_t bits = (uint64_t)s->words[s->at] << 32 | s->words[s->at + 1];
    s->at += 2;
    return ((double)(bits >> 11) + 0.5) * 0x1p-53;
}

static double gamma_draw(gamma_stream *s, double shape)
{
    double boost = shape < 1 ? pow(gamma_uniform(s), 1 / shape) : 1;
    double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double radius = sqrt(-2 * log(gamma_uniform(s)));
        double x = radius * cos(6.283185307179586 * gamma_uniform(s)), v = 1 + c * x;
        double u = gamma_uniform(s);
        v = v * v * v;
        if (v > 0 && log(u) < x * x / 2 + d - d * v + d * log(v))
            return d * v * boost;
    }
}

tp_var *tp_gamma(tp_var *shape)
{
    TP__CALL("gamma");
    TP__OPERANDS(shape);
    if (!tp__check_operand("gamma", shape))
        return tp__poison();
    if (tp_requires_grad(shape))
        return tp_fail(TP_ERROR_GRAPH, "gamma: the draw has no derivative for its shape parameter; "
                                       "use tp_detach");
    tp_var *given = tp_to(shape, TP_F64);
    if (tp_is_poison(given = tp__plain(given)))
        return given;
    tp_var *y = tp_zeros(TP_F64, given->ndim, tp__shape(given));
    double *to = tp_data_(y);
    gamma_stream stream = {.t = tp__here(), .at = 4};
    for (int64_t i = 0; to && i < given->size; i++) {
        double a = ((const double *)given->data)[i];
        if (!(a > 0 && a < HUGE_VAL))
            return tp_fail(TP_ERROR_ARGUMENT, "gamma: shape parameter %g, expected more than 0", a);
        to[i] = gamma_draw(&stream, a);
    }
    return tp__is_float((tp_dtype)shape->dtype) ? tp_to(y, (tp_dtype)shape->dtype) : y;
}
