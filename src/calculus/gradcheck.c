/* SPDX-License-Identifier: MIT
 *
 * D(0) is sum(w · f(x)) for fixed random weights w; D(k) is the derivative of D(k − 1) along a
 * random direction. Sweeps give D(k) from the graph of D(k − 1), differences from its values. Where
 * they disagree, the same for every element alone tells which.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/numbers.h"
#include "base/random.h"

enum { GRADCHECK_ORDERS = 8, GRADCHECK_ELEMENTS = 4096 };

typedef struct gradcheck_job {
    tp_array_function *f;
    void *ctx;
    tp_var *const *start;
    int n;
    tp_gradcheck_options options;
    int direction;
    tp_var **x, **gradients; /* room for n each */
    int alone;               /* move only this array, … */
    int64_t element;         /* … in this element; below 0: all, along a direction */
} gradcheck_job;

/* Weights or a direction, the same whenever asked: standard normal, scaled. */
static tp_var *gradcheck_noise(const gradcheck_job *job, const tp_var *like, int which,
                               double scale)
{
    tp__thread *t = tp__here();
    uint64_t seed = t->seed, block = t->random_block;
    tp_manual_seed(job->options.seed + (uint64_t)(which + 1) * UINT64_C(0x9E3779B97F4A7C15));
    tp_var *noise = tp_randn(TP_F64, like->ndim, tp__shape(like));
    t->seed = seed;
    t->random_block = block;
    return tp_is_poison(noise) ? noise : tp_mul(noise, tp_num(scale));
}

static tp_var *gradcheck_dot(const gradcheck_job *job, tp_var *v, int which, double scale)
{
    return tp_is_poison(v) ? v : tp_sum(tp_mul(gradcheck_noise(job, v, which, scale), v), NULL);
}

/* Directions have length 1 on the whole. */
static double gradcheck_scale(const gradcheck_job *job)
{
    int64_t total = 0;
    for (int i = 0; i < job->n; i++)
        total += job->start[i]->size;
    return 1 / sqrt(total ? (double)total : 1);
}

static int gradcheck_which(const gradcheck_job *job, int order, int i)
{
    return 1 + i + job->n * (order + GRADCHECK_ORDERS * job->direction);
}

/* The derivative of d along the direction of this order, by a sweep. */
static tp_var *gradcheck_sweep(const gradcheck_job *job, tp_var *d, int order)
{
    const tp_gradient_options recorded = {.create_graph = true, .size = sizeof recorded};
    tp_gradients(d, job->x, job->n, job->gradients, &recorded);
    tp_var *sum = tp_num(0);
    for (int i = 0; i < job->n && !tp_is_poison(sum); i++) {
        tp_var *part = gradcheck_dot(job, job->gradients[i], gradcheck_which(job, order, i),
                                     gradcheck_scale(job));
        sum = tp_is_poison(part) ? part : tp_add(sum, part);
    }
    return sum;
}

/* What array i moves by, for a step along the direction of this order or along one element. */
static tp_var *gradcheck_move(const gradcheck_job *job, int i, int along, double step)
{
    const tp_var *like = job->start[i];
    if (job->element < 0)
        return gradcheck_noise(job, like, gradcheck_which(job, along, i),
                               step * gradcheck_scale(job));
    tp_var *move = tp_zeros(TP_F64, like->ndim, tp__shape(like));
    double *to = i == job->alone && !tp_is_poison(move) ? tp_data_(move) : NULL;
    if (to)
        to[job->element] = step;
    return move;
}

/* D(order), in the current scope, from x there: the start moved by step. */
static tp_var *gradcheck_at(const gradcheck_job *job, int order, int along, double step)
{
    for (int i = 0; i < job->n; i++) {
        tp_var *move = gradcheck_move(job, i, along, step);
        job->x[i] = tp_variable(tp_is_poison(move) ? move : tp_add(tp_detach(job->start[i]), move));
    }
    tp_var *y = tp__here()->code ? tp__poison() : job->f(job->ctx, job->x);
    tp_var *d = y && !tp_is_poison(y) ? gradcheck_dot(job, y, 0, 1) : tp__poison();
    for (int k = 1; k <= order && !tp_is_poison(d); k++)
        d = tp_requires_grad(d) ? gradcheck_sweep(job, d, k) : tp_num(0);
    return d;
}

static double gradcheck_value(const gradcheck_job *job, int order, int along, double step)
{
    size_t scope = tp_scope_begin();
    tp_var *d = gradcheck_at(job, order, along, step);
    double value = tp_is_poison(d) ? (double)NAN : tp_item(d);
    tp_scope_end(scope);
    return value;
}

static double gradcheck_central(const gradcheck_job *job, int order, double h)
{
    return (gradcheck_value(job, order - 1, order, h) -
            gradcheck_value(job, order - 1, order, -h)) /
           (2 * h);
}

/* Two extrapolations: an error of h⁶. */
static double gradcheck_difference(const gradcheck_job *job, int order)
{
    double h = job->options.step, wide = gradcheck_central(job, order, h);
    double half = gradcheck_central(job, order, h / 2),
           quarter = gradcheck_central(job, order, h / 4);
    double first = (4 * half - wide) / 3, second = (4 * quarter - half) / 3;
    return (16 * second - first) / 15;
}

/* "[1, 2]" */
static void gradcheck_index(char text[TP__SHAPE_TEXT], const tp_var *v, int64_t element)
{
    int64_t at[TP_MAX_NDIM] = {0};
    for (int i = v->ndim - 1; i >= 0; i--) {
        at[i] = element % tp__shape(v)[i];
        element /= tp__shape(v)[i];
    }
    int length = snprintf(text, TP__SHAPE_TEXT, "[");
    for (int i = 0; i < v->ndim; i++)
        length += snprintf(text + length, TP__SHAPE_TEXT - (size_t)length, "%s%lld", i ? ", " : "",
                           (long long)at[i]);
    snprintf(text + length, TP__SHAPE_TEXT - (size_t)length, "]");
}

/* Compares array i's gradient g of D(order − 1) element by element; keeps the worst. */
static void gradcheck_elements(gradcheck_job *job, int order, int i, const double *g,
                               double worst[2], int *array, int64_t *element)
{
    job->alone = i;
    for (int64_t k = 0; k < job->start[i]->size && k < GRADCHECK_ELEMENTS; k++) {
        job->element = k;
        double sweep = g ? g[k] : 0, difference = gradcheck_difference(job, order);
        if (fabs(sweep - difference) <= fabs(worst[0] - worst[1]))
            continue;
        worst[0] = sweep;
        worst[1] = difference;
        *array = i;
        *element = k;
    }
    job->element = -1;
}

/* Reports the element whose derivative is off most. */
static void gradcheck_locate(gradcheck_job *job, int order)
{
    const tp_gradient_options plain = {.size = sizeof plain};
    double worst[2] = {0, 0};
    int array = -1;
    int64_t element = 0;
    size_t scope = tp_scope_begin();
    tp_var **gradients = tp__alloc((size_t)job->n * sizeof *gradients);
    tp_var *d = gradients ? gradcheck_at(job, order - 1, order, 0) : tp__poison();
    bool depends = gradients && !tp_is_poison(d) && tp_requires_grad(d);
    if (depends)
        tp_gradients(d, job->x, job->n, gradients, &plain);
    for (int i = 0; i < job->n && !tp__here()->code; i++)
        gradcheck_elements(job, order, i, depends ? tp__elements(gradients[i]) : NULL, worst,
                           &array, &element);
    tp__free(gradients);
    tp_scope_end(scope);
    if (array < 0 || tp__here()->code)
        return;
    char index[TP__SHAPE_TEXT];
    gradcheck_index(index, job->start[array], element);
    tp__print(stderr,
              "gradcheck:     most at element %s of array %d: %.17g by backward, %.17g by "
              "differences\n",
              index, array, worst[0], worst[1]);
}

static bool gradcheck_agrees(gradcheck_job *job, int order)
{
    double sweep = gradcheck_value(job, order, 0, 0), difference = gradcheck_difference(job, order);
    if (tp__here()->code)
        return false;
    if (fabs(sweep - difference) <= job->options.tolerance * fmax(1, fabs(difference)))
        return true;
    tp__print(stderr,
              "gradcheck: derivative of order %d along direction %d is %.17g by backward, %.17g by "
              "differences (off by %.2g, tolerance %.2g)\n",
              order, job->direction, sweep, difference, fabs(sweep - difference),
              job->options.tolerance);
    gradcheck_locate(job, order);
    return false;
}

static bool gradcheck_prepare(gradcheck_job *job, const tp_gradcheck_options *given)
{
    job->options = (tp_gradcheck_options)TP_OPTIONS(tp_gradcheck_options);
    if (!tp__take_options("gradcheck", &job->options, sizeof job->options, given))
        return false;
    tp_gradcheck_options *o = &job->options;
    if (!job->f || !job->start || job->n < 1 || o->orders < 1 || o->orders >= GRADCHECK_ORDERS ||
        o->directions < 1 || !(o->step > 0 && o->step <= DBL_MAX) ||
        !(o->tolerance >= 0 && o->tolerance <= DBL_MAX)) {
        tp_fail(TP_ERROR_ARGUMENT,
                "gradcheck: expected a function, n ≥ 1 arrays, 1 to %d orders, directions, a step "
                "above 0 and a tolerance from 0, both finite",
                GRADCHECK_ORDERS - 1);
        return false;
    }
    for (int i = 0; i < job->n; i++)
        if (!tp__check_operand("gradcheck", job->start[i]))
            return false;
        else if (job->start[i]->dtype != TP_F64) {
            tp_fail(TP_ERROR_DTYPE, "gradcheck: array %d is %s, expected float64", i,
                    tp_dtype_name((tp_dtype)job->start[i]->dtype));
            return false;
        }
    return true;
}

bool(tp_gradcheck)(tp_array_function *f, void *ctx, tp_var *const *x, int n,
                   const tp_gradcheck_options *given)
{
    gradcheck_job job = {.f = f, .ctx = ctx, .start = x, .n = n, .element = -1};
    if (tp__here()->code || !gradcheck_prepare(&job, given))
        return false;
    job.x = tp__alloc(2 * (size_t)n * sizeof *job.x);
    if (!job.x)
        return false;
    job.gradients = job.x + n;
    bool mode = tp_set_grad_enabled(true), good = true;
    for (int k = 1; k <= job.options.orders && !tp__here()->code; k++)
        for (job.direction = 0; job.direction < job.options.directions; job.direction++)
            good = gradcheck_agrees(&job, k) && good;
    tp_set_grad_enabled(mode);
    tp__free(job.x);
    return good && !tp__here()->code;
}
