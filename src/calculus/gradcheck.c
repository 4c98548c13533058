/* SPDX-License-Identifier: MIT
 *
 * D(0) is sum(w · f(x)) for fixed random weights w; D(k) is the derivative of D(k − 1) along a
 * random direction. A sweep gives the gradient of D(k − 1), and differences of D(k − 1) are held
 * against it: along random directions, and for every element alone where there are few, or where a
 * direction told that something is wrong. Elements move in proportion to their *size*.
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
#include "calculus/differences.h"

enum {
    GRADCHECK_ORDERS = 8,
    GRADCHECK_FEW = 64,       /* elements in all: each is checked by itself */
    GRADCHECK_ELEMENTS = 4096 /* of each array among which what is wrong is looked for */
};

typedef struct gradcheck_job {
    tp_array_function *f;
    void *ctx;
    tp_var *const *start;
    int n;
    tp_gradcheck_options options;
    int order, direction;
    int64_t total;                    /* elements */
    tp_var **x, **gradients, **sizes; /* room for n each */
    double *slopes;                   /* `total`: the sweep's gradient times the sizes */
    double epsilon;
    int alone;       /* move only this array, … */
    int64_t element; /* … in this element; below 0: all, along a direction */
} gradcheck_job;

/* What a comparison found, of one direction or element. */
typedef struct gradcheck_finding {
    tp__verdict verdict;
    tp__slope found;
    double expected;
    int array;
    int64_t element;
} gradcheck_finding;

/* Weights or a direction, the same whenever asked: standard normal, scaled. */
static tp_var *gradcheck_noise(const gradcheck_job *job, const tp_var *like, int which,
                               double scale)
{
    tp__thread *t = tp__here();
    uint64_t seed = t->random.seed, block = t->random.block;
    tp_manual_seed(job->options.seed + (uint64_t)(which + 1) * UINT64_C(0x9E3779B97F4A7C15));
    tp_var *noise = tp_randn(TP_F64, like->ndim, tp__shape(like));
    t->random.seed = seed;
    t->random.block = block;
    return tp_is_poison(noise) ? noise : tp_mul(noise, tp_num(scale));
}

/* What array i moves by for a unit along the direction of an order. */
static tp_var *gradcheck_along(const gradcheck_job *job, int i, int order)
{
    int which = 1 + i + job->n * (order + GRADCHECK_ORDERS * job->direction);
    tp_var *noise =
        gradcheck_noise(job, job->start[i], which, 1 / sqrt(job->total ? (double)job->total : 1));
    return tp_is_poison(noise) ? noise : tp_mul(noise, job->sizes[i]);
}

/* What array i moves by, for a step along the direction of this order or along one element. */
static tp_var *gradcheck_move(const gradcheck_job *job, int i, double step)
{
    const tp_var *like = job->start[i];
    if (job->element < 0) {
        tp_var *along = gradcheck_along(job, i, job->order);
        return tp_is_poison(along) ? along : tp_mul(along, tp_num(step));
    }
    tp_var *move = tp_zeros(TP_F64, like->ndim, tp__shape(like));
    double *to = i == job->alone && !tp_is_poison(move) ? tp_data_(move) : NULL;
    if (to)
        to[job->element] = step * ((const double *)tp__elements(job->sizes[i]))[job->element];
    return move;
}

/* x[i], a variable: the start moved by step. */
static tp_var *gradcheck_point(const gradcheck_job *job, int i, double step)
{
    tp_var *move = gradcheck_move(job, i, step);
    if (tp_is_poison(move))
        return move;
    return tp_variable(
        tp_to(tp_add(tp_detach(job->start[i]), move), (tp_dtype)job->start[i]->dtype));
}

/* The derivative of d along the direction of this order, by a recorded sweep. */
static tp_var *gradcheck_sweep(const gradcheck_job *job, tp_var *d, int order)
{
    const tp_gradient_options recorded = {.create_graph = true, .size = sizeof recorded};
    tp_gradients(d, job->x, job->n, job->gradients, &recorded);
    tp_var *sum = tp_num(0);
    for (int i = 0; i < job->n && !tp_is_poison(sum); i++) {
        tp_var *along = gradcheck_along(job, i, order);
        sum = tp_is_poison(along) || tp_is_poison(job->gradients[i])
                  ? tp__poison()
                  : tp_add(sum, tp_sum(tp_mul(job->gradients[i], along), NULL));
    }
    return sum;
}

/* D(order − 1), in the current scope, from x there. */
static tp_var *gradcheck_at(const gradcheck_job *job, double step)
{
    for (int i = 0; i < job->n; i++)
        job->x[i] = gradcheck_point(job, i, step);
    tp_var *y = tp__here()->code ? tp__poison() : job->f(job->ctx, job->x);
    if (!y || tp_is_poison(y))
        return tp__poison();
    tp_var *weights = gradcheck_noise(job, y, 0, 1);
    tp_var *d = tp_is_poison(weights) ? weights : tp_sum(tp_mul(weights, y), NULL);
    for (int k = 1; k < job->order && !tp_is_poison(d); k++)
        d = tp_requires_grad(d) ? gradcheck_sweep(job, d, k) : tp_num(0);
    return d;
}

static double gradcheck_value(void *ctx, double step)
{
    const gradcheck_job *job = ctx;
    if (tp__here()->code)
        return (double)NAN;
    size_t scope = tp_scope_begin();
    tp_var *d = gradcheck_at(job, step);
    double value = tp_is_poison(d) ? (double)NAN : tp_item(d);
    tp_scope_end(scope);
    return value;
}

/* slopes ← the gradient of D(order − 1) at the start; *value ← D there. What the last order's sweep
 * records nobody needs, so that is the plain sweep that programs run. */
static void gradcheck_gradient(const gradcheck_job *job, double *value)
{
    const tp_gradient_options options = {.create_graph = job->order < job->options.orders,
                                         .size = sizeof options};
    size_t scope = tp_scope_begin();
    tp_var *d = gradcheck_at(job, 0);
    bool depends = !tp_is_poison(d) && tp_requires_grad(d);
    *value = tp_is_poison(d) ? (double)NAN : tp_item(d);
    if (depends)
        tp_gradients(d, job->x, job->n, job->gradients, &options);
    double *slope = job->slopes;
    for (int i = 0; i < job->n && !tp__here()->code; i++) {
        tp_var *gradient = depends ? tp_mul(job->gradients[i], job->sizes[i]) : NULL;
        const double *from = gradient ? tp__elements(gradient) : NULL;
        for (int64_t k = 0; k < job->start[i]->size && !tp__here()->code; k++)
            *slope++ = from ? from[k] : 0;
    }
    tp_scope_end(scope);
}

/* The sum of slopes along the direction of the order, and in *size that of their |terms|. */
static double gradcheck_slope(const gradcheck_job *job, double *size)
{
    double sum = 0;
    const double *slope = job->slopes;
    *size = 0;
    for (int i = 0; i < job->n; i++) {
        size_t scope = tp_scope_begin();
        tp_var *along = gradcheck_along(job, i, job->order);
        tp_var *relative = tp_is_poison(along) ? along : tp_div(along, job->sizes[i]);
        const double *unit = tp_is_poison(relative) ? NULL : tp__elements(relative);
        for (int64_t k = 0; k < job->start[i]->size && unit; k++, slope++) {
            sum += unit[k] * *slope;
            *size += fabs(unit[k] * *slope);
        }
        tp_scope_end(scope);
    }
    return sum;
}

static void gradcheck_compare(gradcheck_job *job, double at_0, double expected, double size,
                              gradcheck_finding *finding)
{
    const tp__differences differences = {.f = gradcheck_value,
                                         .ctx = job,
                                         .at_0 = at_0,
                                         .expected = expected,
                                         .tolerance = job->options.tolerance,
                                         .size = size,
                                         .width = job->options.step,
                                         .epsilon = job->epsilon};
    finding->expected = expected;
    finding->array = job->alone;
    finding->element = job->element;
    finding->verdict = tp__differences_compare(&differences, &finding->found);
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

static void gradcheck_report(const gradcheck_job *job, const gradcheck_finding *finding)
{
    char index[TP__SHAPE_TEXT], where[TP__SHAPE_TEXT + 64], why[160];
    const tp__slope *s = &finding->found;
    double size = 1;
    bool differs = finding->verdict == TP__DIFFERS;
    snprintf(where, sizeof where, "along direction %d", job->direction);
    if (finding->element >= 0) {
        const tp_var *sizes = job->sizes[finding->array];
        size = ((const double *)tp__elements((tp_var *)sizes))[finding->element];
        gradcheck_index(index, sizes, finding->element);
        snprintf(where, sizeof where, "at element %s of array %d%s", index, finding->array,
                 differs ? ", which is off most," : "");
    }
    if (differs)
        tp__format(why, sizeof why, "off by %.2g, tolerance %.2g",
                   fabs(finding->expected - s->value) / size, job->options.tolerance);
    else if (s->kink != 0)
        tp__format(why, sizeof why, "cannot tell: %.5g to the left, %.5g to the right",
                   (s->value - s->kink) / size, (s->value + s->kink) / size);
    else
        snprintf(why, sizeof why, "cannot tell: %s",
                 isfinite(s->error) ? "these disagree" : "not finite nearby");
    tp__print(stderr,
              "gradcheck: derivative of order %d %s is %.17g by backward, %.17g ± %.2g by "
              "differences (%s)\n",
              job->order, where, finding->expected / size, s->value / size, s->error / size, why);
}

/* True if b is worse than a. */
static bool gradcheck_worse(const gradcheck_finding *a, const gradcheck_finding *b)
{
    if (a->verdict == TP__AGREES || b->verdict == TP__AGREES)
        return b->verdict != TP__AGREES;
    if (a->verdict != b->verdict)
        return b->verdict == TP__DIFFERS;
    return b->verdict == TP__DIFFERS
               ? fabs(b->expected - b->found.value) > fabs(a->expected - a->found.value)
               : b->found.error > a->found.error;
}

/* Elements one by one: the worst of them. */
static void gradcheck_elements(gradcheck_job *job, double at_0, gradcheck_finding *worst)
{
    double largest = 0;
    for (int64_t k = 0; k < job->total; k++)
        largest = fmax(largest, fabs(job->slopes[k]));
    const double *slope = job->slopes;
    for (job->alone = 0; job->alone < job->n; job->alone++) {
        int64_t size = job->start[job->alone]->size;
        for (job->element = 0;
             job->element < size && job->element < GRADCHECK_ELEMENTS && !tp__here()->code;
             job->element++) {
            gradcheck_finding finding;
            gradcheck_compare(job, at_0, slope[job->element], largest, &finding);
            if (gradcheck_worse(worst, &finding))
                *worst = finding;
        }
        slope += size;
    }
    job->element = -1;
}

/* Adds what was found to the verdict on the whole. */
static void gradcheck_add(const gradcheck_job *job, const gradcheck_finding *finding,
                          tp__verdict *verdict)
{
    if (tp__here()->code || finding->verdict == TP__AGREES)
        return;
    gradcheck_report(job, finding);
    if (*verdict != TP__DIFFERS)
        *verdict = finding->verdict;
}

/* Derivatives of this order along this direction, and with the first one those of elements. */
static void gradcheck_direction(gradcheck_job *job, tp__verdict *verdict)
{
    double at_0, size;
    gradcheck_finding along, worst = {.verdict = TP__AGREES};
    job->element = -1;
    gradcheck_gradient(job, &at_0);
    double expected = gradcheck_slope(job, &size);
    if (tp__here()->code)
        return;
    gradcheck_compare(job, at_0, expected, size, &along);
    gradcheck_add(job, &along, verdict);
    bool few = job->direction == 0 && job->total <= GRADCHECK_FEW;
    if (few || (along.verdict == TP__DIFFERS && job->total > GRADCHECK_FEW))
        gradcheck_elements(job, at_0, &worst);
    gradcheck_add(job, &worst, verdict);
}

static bool gradcheck_options(gradcheck_job *job, const tp_gradcheck_options *given)
{
    job->options = (tp_gradcheck_options)TP_OPTIONS(tp_gradcheck_options);
    if (!tp__take_options("gradcheck", &job->options, sizeof job->options, given))
        return false;
    tp_gradcheck_options *o = &job->options;
    bool chosen = o->tolerance == TP_AUTO;
    if (!job->f || !job->start || job->n < 1 || o->orders < 1 || o->orders >= GRADCHECK_ORDERS ||
        o->directions < 1 || !(o->step > 0 && o->step <= DBL_MAX) ||
        !(chosen || (o->tolerance >= 0 && o->tolerance <= DBL_MAX))) {
        tp_fail(TP_ERROR_ARGUMENT,
                "gradcheck: expected a function, n ≥ 1 arrays, 1 to %d orders, directions, a step "
                "above 0 and a tolerance from 0, both finite",
                GRADCHECK_ORDERS - 1);
        return false;
    }
    job->epsilon = DBL_EPSILON;
    for (int i = 0; i < job->n; i++) {
        const tp_var *x = job->start[i];
        if (!tp__check_operand("gradcheck", x))
            return false;
        if (x->dtype != TP_F64 && x->dtype != TP_F32) {
            tp_fail(TP_ERROR_DTYPE, "gradcheck: array %d is %s, expected float64 or float32", i,
                    tp_dtype_name((tp_dtype)x->dtype));
            return false;
        }
        if (x->dtype == TP_F32)
            job->epsilon = (double)FLT_EPSILON;
        job->total += x->size;
    }
    if (chosen)
        o->tolerance = job->epsilon == DBL_EPSILON ? 1e-6 : 1e-3;
    return true;
}

/* |x|, but no less than 1e-12 of the largest; where x is 0 the largest, where all are 0 1. */
static tp_var *gradcheck_size(const tp_var *x)
{
    tp_var *size = tp_abs(tp_to(tp_detach((tp_var *)x), TP_F64));
    double *to = tp_is_poison(size) ? NULL : tp_data_(size), largest = 0;
    for (int64_t k = 0; k < x->size && to; k++)
        largest = fmax(largest, to[k]);
    for (int64_t k = 0; k < x->size && to; k++)
        to[k] = to[k] > 0 ? fmax(to[k], 1e-12 * largest) : largest > 0 ? largest : 1;
    return size;
}

static void gradcheck_run(gradcheck_job *job, tp__verdict *verdict)
{
    size_t scope = tp_scope_begin();
    bool mode = tp_set_grad_enabled(true);
    for (int i = 0; i < job->n; i++)
        job->sizes[i] = gradcheck_size(job->start[i]);
    for (job->order = 1; job->order <= job->options.orders; job->order++)
        for (job->direction = 0; job->direction < job->options.directions; job->direction++)
            if (!tp__here()->code)
                gradcheck_direction(job, verdict);
    tp_set_grad_enabled(mode);
    tp_scope_end(scope);
}

bool(tp_gradcheck)(tp_array_function *f, void *ctx, tp_var *const *x, int n,
                   const tp_gradcheck_options *given)
{
    gradcheck_job job = {.f = f, .ctx = ctx, .start = x, .n = n, .element = -1};
    tp__verdict verdict = TP__AGREES;
    if (tp__here()->code || !gradcheck_options(&job, given))
        return false;
    job.x = tp__alloc(3 * (size_t)n * sizeof *job.x);
    job.slopes = job.x ? tp__alloc(((size_t)job.total + 1) * sizeof *job.slopes) : NULL;
    if (job.slopes) {
        job.gradients = job.x + n;
        job.sizes = job.x + 2 * n;
        gradcheck_run(&job, &verdict);
    }
    tp__free(job.slopes);
    tp__free(job.x);
    bool told = !tp__here()->code;
    if (job.options.undecided)
        *job.options.undecided = told && verdict == TP__UNDECIDED;
    return told && verdict == TP__AGREES;
}
