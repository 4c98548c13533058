/* SPDX-License-Identifier: MIT
 *
 * Attention as an operation. Its operands are q, k, v, the mask if there is one, and last a
 * constant of its own in which forward leaves what backward needs (kernels/attention.h). All have
 * the same leading axes. Positions are on the axis before the last or, with heads side by side, on
 * the one before the heads'.
 */
#include "base/features.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/apply.h"
#include "ops/families.h"
#include "ops/sequence/attention.h"
#include "tinypytorch.h"

static const char attention_name[] = "scaled_dot_product_attention";

static const tp__attention *attention_attr_of(const tp__attr *attr)
{
    return attr->block;
}

/* The axis of v along which positions are. */
static int attention_axis(const tp__attention *attr, int ndim)
{
    return ndim - (attr->beside ? 3 : 2);
}

static bool attention_infer(tp__call *call)
{
    const tp_var *q = call->in[0], *v = call->in[2];
    call->dtype = (tp_dtype)q->dtype;
    call->ndim = q->ndim;
    memcpy(call->shape, tp__shape(q), q->ndim * sizeof *call->shape);
    call->shape[q->ndim - 1] = tp__shape(v)[v->ndim - 1];
    return true;
}

/* --- Kernels --- */

/* v with its elements ready, in lines that lie as products take them; poison on error. */
static tp_var *attention_lines(const tp__attention *attr, tp_var *v)
{
    if (!tp__evaluate(v))
        return tp__poison();
    int axis = attention_axis(attr, v->ndim);
    const int64_t *shape = tp__shape(v), *strides = tp__strides(v);
    bool plain = shape[v->ndim - 1] <= 1 || strides[v->ndim - 1] == 1;
    if (shape[axis] > 1)
        plain &= strides[axis] >= shape[v->ndim - 1] && strides[axis] <= INT32_MAX;
    return plain ? v : tp__plain(v);
}

/* The array's place and distances; heads are numbered along the axes but positions and the last. */
static void attention_place(tp__attend_lines *lines, const tp__attention *attr, const tp_var *v)
{
    int axis = attention_axis(attr, v->ndim), n = 0;
    lines->at = v->data;
    lines->row = tp__shape(v)[axis] > 1 ? tp__strides(v)[axis] : tp__shape(v)[v->ndim - 1];
    lines->column = 1;
    for (int i = 0; i < v->ndim - 1; i++)
        if (i != axis)
            lines->step[n++] = tp__strides(v)[i];
}

/* A mask's axes are those of the heads, then L and S, whatever lies side by side. */
static void attention_place_mask(tp__attend_lines *lines, const tp_var *mask)
{
    const int64_t *strides = tp__strides(mask);
    memcpy(lines->step, strides, (size_t)(mask->ndim - 2) * sizeof *strides);
    lines->at = mask->data;
    lines->row = strides[mask->ndim - 2];
    lines->column = strides[mask->ndim - 1];
}

/* What is common to forward and backward; in: the record's operands, with elements ready. */
static void attention_describe(tp__attend *attend, const tp__attention *attr, tp_var *const *in,
                               int n)
{
    const tp_var *q = in[0], *k = in[1], *v = in[2];
    int axis = attention_axis(attr, q->ndim), last = q->ndim - 1;
    tp_dtype dtype = (tp_dtype)q->dtype;
    *attend = (tp__attend){.dtype = dtype,
                           .gemm = tp__gemm_best(dtype),
                           .kernels = tp__attend_kernels_of(dtype),
                           .heads = 1,
                           .queries = tp__shape(q)[axis],
                           .keys = tp__shape(k)[axis],
                           .width = tp__shape(q)[last],
                           .value_width = tp__shape(v)[last],
                           .scale = attr->scale,
                           .causal = attr->causal,
                           .offset = attr->offset,
                           .drop = attr->drop,
                           .log_sum = in[n - 1]->data};
    for (int i = 0; i < last; i++)
        if (i != axis)
            attend->heads *= attend->shape[attend->ndim++] = tp__shape(q)[i];
    for (int i = 0; i < 3; i++)
        attention_place(&attend->lines[i], attr, in[i]);
    if (n > 4)
        attention_place_mask(&attend->lines[TP__ATTEND_MASK], in[3]);
}

static double attention_flops(const tp__attend *attend)
{
    return 2 * (double)attend->heads * (double)attend->queries * (double)attend->keys *
           (double)(attend->width + attend->value_width);
}

/* Operands as kernels take them. */
static bool attention_operands(const tp__attention *attr, tp_var *const *x, int n, tp_var **in)
{
    for (int i = 0; i < n; i++) {
        in[i] = i < 3 ? attention_lines(attr, x[i]) : x[i];
        if (tp_is_poison(in[i]) || !tp__evaluate(in[i]))
            return false;
    }
    return n > 3;
}

static bool attention_forward(tp__call *call)
{
    const tp__attention *attr = attention_attr_of(&call->attr);
    tp_var *in[TP__ATTENTION_OPERANDS], *y = call->out;
    tp__attend attend;
    size_t scope = tp_scope_begin();
    bool good = attention_operands(attr, call->in, call->n_in, in);
    if (good) {
        attention_describe(&attend, attr, in, call->n_in);
        attention_place(&attend.lines[TP__ATTEND_Y], attr, y);
        call->flops = attention_flops(&attend);
        if (attend.keys == 0)
            memset(y->data, 0, (size_t)y->size * tp__dtype_size(y->dtype));
        else
            good = tp__attend_forward(&attend);
    }
    tp_scope_end(scope);
    return good;
}

static void attention_gradient(const tp__pull *pull)
{
    const tp__attention *attr = attention_attr_of(&pull->y->attr);
    int n = (int)pull->y->n_in;
    tp_var *in[TP__ATTENTION_OPERANDS], *gy = attention_lines(attr, pull->gy);
    tp__attend attend;
    if (tp_is_poison(gy) || !attention_operands(attr, pull->x, n, in))
        return;
    attention_describe(&attend, attr, in, n);
    attention_place(&attend.lines[TP__ATTEND_Y], attr, pull->y);
    attention_place(&attend.lines[TP__ATTEND_GY], attr, gy);
    for (int i = 0; i < n - 1; i++) {
        if (!pull->wanted[i])
            continue;
        const tp_var *x = pull->x[i];
        pull->gx[i] = tp_zeros((tp_dtype)x->dtype, x->ndim, tp__shape(x));
        if (tp_is_poison(pull->gx[i]) || !tp__evaluate(pull->gx[i]))
            return;
        if (i < 3)
            attention_place(&attend.lines[TP__ATTEND_GQ + i], attr, pull->gx[i]);
        else
            attention_place_mask(&attend.lines[TP__ATTEND_GMASK], pull->gx[i]);
    }
    tp__attend_backward(&attend);
}

/* --- In other operations --- */

/* 1 where query i sees key j, (L, S). */
static tp_var *attention_causal(const tp__attention *attr, int64_t queries, int64_t keys)
{
    tp_var *i = tp_add(tp_arange(TP_I64, 0, (double)queries, 1), attr->offset),
           *j = tp_arange(TP_I64, 0, (double)keys, 1);
    return tp_ge(tp_unsqueeze(i, 1), j);
}

/* Scores, −∞ for keys that come later than their query. */
static tp_var *attention_hide(const tp__attention *attr, tp_var *scores)
{
    if (!attr->causal || tp_is_poison(scores))
        return scores;
    const int64_t *shape = tp__shape(scores);
    return tp_where(attention_causal(attr, shape[scores->ndim - 2], shape[scores->ndim - 1]),
                    scores, -(double)INFINITY);
}

/* e^scores, less the largest of each row, and their sums, or 1 where nothing is seen. Derivatives
 * of the largest cancel but for rounding, and with them those of a weight near 1 are the others'
 * sum. */
static tp_var *attention_powers(tp_var *scores, tp_var **sum)
{
    const tp_reduce_options rows = {.size = sizeof rows, .axes.one = -1, .keepdims = true};
    if (scores->size > 0) {
        tp_var *shift = (tp_max)(scores, &rows);
        shift = tp_where(tp_eq(shift, -(double)INFINITY), 0, shift);
        scores = tp_exp(tp_sub(scores, shift));
    }
    *sum = (tp_sum)(scores, &rows);
    *sum = tp_add(*sum, tp_eq(*sum, 0));
    return scores;
}

/* Weights, of which some are dropped: times 0 or 1 / (1 − p), constants that follow from the place.
 */
static tp_var *attention_dropped(const tp__attention *attr, tp_var *powers)
{
    if (attr->drop.p == 0 || tp_is_poison(powers))
        return powers;
    tp_var *factors = tp__empty((tp_dtype)powers->dtype, powers->ndim, tp__shape(powers));
    if (tp_is_poison(factors))
        return factors;
    int64_t keys = tp__shape(powers)[powers->ndim - 1];
    for (int64_t line = 0; line * keys < factors->size; line++)
        tp__attend_factors(&attr->drop, line * keys, keys, (tp_dtype)factors->dtype,
                           (char *)factors->data +
                               (size_t)(line * keys) * tp__dtype_size(factors->dtype));
    return tp_mul(powers, factors);
}

static tp_var *attention_compose(const tp_var *y, tp_var *const *x)
{
    const tp__attention *attr = attention_attr_of(&y->attr);
    tp_var *q = x[0], *k = x[1], *v = x[2], *sum;
    if (attr->beside) {
        q = tp_transpose(q, -2, -3);
        k = tp_transpose(k, -2, -3);
        v = tp_transpose(v, -2, -3);
    }
    tp_var *scores = tp_mul(attr->scale, tp_matmul(q, tp_transpose(k, -1, -2)));
    scores = attention_hide(attr, y->n_in > 4 ? tp_add(scores, x[3]) : scores);
    if (tp_is_poison(scores))
        return scores;
    tp_var *powers = attention_dropped(attr, attention_powers(scores, &sum));
    v = tp_div(tp_matmul(powers, v), sum);
    return attr->beside ? tp_transpose(v, -2, -3) : v;
}

/* --- Around keys and values that are infinite or NaN ---
 *
 * A product with the weight 0 of what is not seen would be NaN. So products are taken with zeros in
 * their place, and the queries that do see one are told apart. */

/* A finite sum has finite terms; one of large terms need not be finite. */
static bool attention_is_finite(tp_var *x)
{
    tp_var *plain = tp_detach(x), *sum = tp_sum(plain);
    tp_var *finite = isfinite(tp_item(sum)) ? NULL : tp_all(tp_isfinite(plain));
    return !finite || tp_is_poison(finite) || tp_item(finite) != 0;
}

/* Scores, −∞ where a key is not seen. */
static tp_var *attention_seen(const tp__attention *attr, tp_var *q, tp_var *k, tp_var *mask)
{
    tp_var *scores = tp_mul(attr->scale, tp_matmul(q, tp_transpose(k, -1, -2)));
    if (!mask)
        return attention_hide(attr, scores);
    tp_var *seen = tp_ne(tp_detach(mask), -(double)INFINITY);
    return attention_hide(attr, tp_where(seen, tp_add(scores, mask), -(double)INFINITY));
}

/* A query that sees a key that is not finite gets NaN, one that sees such a value their product. */
static tp_var *attention_guarded(const tp__attention *attr, tp_var *const *in, tp_var *mask)
{
    tp_var *q = in[0], *k = in[1], *v = in[2], *sum;
    if (attr->beside) {
        q = tp_transpose(q, -2, -3);
        k = tp_transpose(k, -2, -3);
        v = tp_transpose(v, -2, -3);
    }
    tp_dtype dtype = (tp_dtype)v->dtype;
    tp_var *key_good = tp_isfinite(tp_detach(k)), *good = tp_isfinite(tp_detach(v));
    tp_var *key_bad = tp_logical_not(tp_all(key_good, .axes = -1, .keepdims = true));
    tp_var *scores = attention_seen(attr, q, tp_where(key_good, k, 0), mask);
    if (tp_is_poison(scores) || tp_is_poison(key_bad))
        return tp__poison();
    tp_var *seen = tp_to(tp_ne(tp_detach(scores), -(double)INFINITY), dtype);
    tp_var *powers = attention_dropped(attr, attention_powers(scores, &sum));
    tp_var *key_met = tp_gt(tp_matmul(seen, tp_to(key_bad, dtype)), 0);
    tp_var *met = tp_gt(tp_matmul(seen, tp_to(tp_logical_not(good), dtype)), 0);
    met = tp_where(met, tp_matmul(tp_detach(powers), tp_detach(v)), 0);
    tp_var *y = tp_div(tp_add(tp_matmul(powers, tp_where(good, v, 0)), met), sum);
    tp_var *nan = tp_logical_or(key_met, tp_isnan(met));
    y = tp_where(nan, tp_mul(y, (double)NAN), y);
    return attr->beside && !tp_is_poison(y) ? tp_transpose(y, -2, -3) : y;
}

/* --- Record --- */

static tp_var *attention_sample(tp_var *const *x)
{
    return (tp_scaled_dot_product_attention)(x[0], x[1], x[2], NULL);
}

static tp_var *attention_sample_causal(tp_var *const *x)
{
    return tp_scaled_dot_product_attention(x[0], x[1], x[2], .causal = true, .scale = 0.5);
}

static tp_var *attention_sample_offset(tp_var *const *x)
{
    return tp_scaled_dot_product_attention(x[0], x[1], x[2], .causal = true, .offset = 2);
}

static tp_var *attention_sample_mask(tp_var *const *x)
{
    if (!tp__check_operand(attention_name, x[3]))
        return tp__poison();
    tp_var *mask = tp__is_float(x[3]->dtype) ? x[3] : tp_to(x[3], TP_F64);
    return tp_scaled_dot_product_attention(x[0], x[1], x[2], .mask = mask);
}

#define ATTENTION_TORCH(scores, mask) "torch.softmax(" scores " " mask ", -1) @ x2"
#define ATTENTION_SCORES "x0 @ x1.transpose(-1, -2)"

static const tp__op attention_op = {
    .label = "Attention",
    .name = attention_name,
    .flags = TP__COSTLY,
    .reads = {TP__READS_ALL | TP__READS_OUT, TP__READS_ALL | TP__READS_OUT,
              TP__READS_ALL | TP__READS_OUT},
    TP__OWNS_BLOCK(tp__attention),
    .infer = attention_infer,
    .forward = attention_forward,
    .gradient = attention_gradient,
    .compose = attention_compose,
    .formula = "softmax(q kᵀ scale + mask) v",
    .rule = "with p = softmax(…), d = p (gy vᵀ − Σ y gy) scale: q: d k; k: dᵀ q; v: pᵀ gy",
    .samples =
        (const tp__sample[]){
            {"2,3; 4,3; 4,2", attention_sample,
             ATTENTION_TORCH(ATTENTION_SCORES " / x0.size(-1)**0.5", "")},
            {"2,3,2; 1,3,2; 2,3,4", attention_sample_causal,
             ATTENTION_TORCH(ATTENTION_SCORES " / 2", "+ torch.full((x0.size(-2), x1.size(-2)), "
                                                      "-math.inf).triu(1).to(x0)")},
            {"2,3; 4,3; 4,2", attention_sample_offset,
             ATTENTION_TORCH(ATTENTION_SCORES " / x0.size(-1)**0.5",
                             "+ torch.full((x0.size(-2), x1.size(-2)), -math.inf).triu(3).to(x0)")},
            {"2,3; 4,3; 4,2; 2,4", attention_sample_mask,
             ATTENTION_TORCH(ATTENTION_SCORES " / x0.size(-1)**0.5", "+ x3")},
            {0}},
};

/* --- Calls --- */

bool tp__attention_fails(const char *call, const tp_var *a, const char *a_name, const tp_var *b,
                         const char *b_name, const char *why)
{
    char a_shape[TP__SHAPE_TEXT], b_shape[TP__SHAPE_TEXT];
    tp_fail(TP_ERROR_SHAPE, "%s: %s of shape %s and %s of shape %s do not fit: %s", call, a_name,
            tp__shape_text(a_shape, a->ndim, tp__shape(a)), b_name,
            tp__shape_text(b_shape, b->ndim, tp__shape(b)), why);
    return false;
}

bool tp__attention_check(const char *call, tp_var *const *in, int least)
{
    static const char *const names[] = {"q", "k", "v"};
    for (int i = 0; i < 3; i++) {
        const tp_var *x = in[i];
        if (!tp__check_named(call, names[i], x))
            return false;
        if (x->ndim < least) {
            char shape[TP__SHAPE_TEXT];
            tp_fail(TP_ERROR_SHAPE, "%s: %s has shape %s, expected %d dimensions or more", call,
                    names[i], tp__shape_text(shape, x->ndim, tp__shape(x)), least);
            return false;
        }
    }
    return true;
}

/* Operands with the same leading axes, and the axes of positions and heads where they belong. */
static bool attention_fit(const char *call, const tp__attention *attr, tp_var **in)
{
    const tp_var *q = in[0], *k = in[1], *v = in[2];
    int tail = attr->beside ? 3 : 2, ndim = q->ndim - tail;
    int64_t lead[TP_MAX_NDIM], shape[TP_MAX_NDIM];
    if (tp__shape(q)[q->ndim - 1] != tp__shape(k)[k->ndim - 1])
        return tp__attention_fails(call, q, "q", k, "k", "their last axes differ");
    if (tp__shape(k)[k->ndim - tail] != tp__shape(v)[v->ndim - tail])
        return tp__attention_fails(call, k, "k", v, "v", "they are of different length");
    memcpy(lead, tp__shape(q), (size_t)ndim * sizeof *lead);
    if (!tp__broadcast_shape(&ndim, lead, k->ndim - tail, tp__shape(k)))
        return tp__attention_fails(call, q, "q", k, "k", "leading axes do not broadcast");
    if (!tp__broadcast_shape(&ndim, lead, v->ndim - tail, tp__shape(v)))
        return tp__attention_fails(call, q, "q", v, "v", "leading axes do not broadcast");
    for (int i = 0; i < 3; i++) {
        memcpy(shape, lead, (size_t)ndim * sizeof *shape);
        memcpy(shape + ndim, tp__shape(in[i]) + in[i]->ndim - tail, (size_t)tail * sizeof *shape);
        if (!tp__same_shape(in[i], ndim + tail, shape))
            in[i] = tp_broadcast_to(in[i], ndim + tail, shape);
    }
    return !tp_is_poison(in[0]) && !tp_is_poison(in[1]) && !tp_is_poison(in[2]);
}

/* The mask as floating numbers to add, of the scores' shape; NULL, with an error, if it is none. */
static tp_var *attention_mask(const char *call, const tp__attention *attr, tp_var *mask,
                              tp_var *const *in)
{
    int64_t shape[TP_MAX_NDIM];
    int ndim = in[0]->ndim, fits = ndim;
    if (!tp__check_named(call, "the mask", mask))
        return NULL;
    if (!tp__is_float(mask->dtype) && mask->dtype != TP_BOOL && mask->dtype != TP_U8) {
        tp_fail(TP_ERROR_DTYPE, "%s: the mask is %s, expected bool or a floating type", call,
                tp_dtype_name((tp_dtype)mask->dtype));
        return NULL;
    }
    memcpy(shape, tp__shape(in[0]), (size_t)ndim * sizeof *shape);
    if (attr->beside)
        shape[ndim - 3] = shape[ndim - 2];
    shape[ndim - 2] = tp__shape(in[0])[attention_axis(attr, ndim)];
    shape[ndim - 1] = tp__shape(in[1])[attention_axis(attr, ndim)];
    int64_t same[TP_MAX_NDIM];
    memcpy(same, shape, sizeof same);
    if (!tp__broadcast_shape(&fits, same, mask->ndim, tp__shape(mask)) || fits != ndim ||
        memcmp(same, shape, (size_t)ndim * sizeof *shape) != 0) {
        char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT];
        tp_fail(TP_ERROR_SHAPE, "%s: the mask of shape %s does not broadcast to scores of shape %s",
                call, tp__shape_text(a, mask->ndim, tp__shape(mask)),
                tp__shape_text(b, ndim, shape));
        return NULL;
    }
    if (!tp__is_float(mask->dtype))
        mask = tp_where(mask, 0, -(double)INFINITY);
    mask = tp_broadcast_to(tp_to(mask, (tp_dtype)in[0]->dtype), ndim, shape);
    return tp_is_poison(mask) ? NULL : mask;
}

/* q, k and v in one type that kernels know. */
static tp_dtype attention_convert(tp_var **in)
{
    tp_dtype dtype = tp__promote(in, 3);
    dtype = tp__is_float(dtype) ? dtype : TP_F64;
    for (int i = 0; i < 3; i++)
        in[i] = tp_to(in[i], tp__working_type(dtype));
    return dtype;
}

/* Room for what backward needs: a number for each query of each head. */
static tp_var *attention_room(const tp_var *q)
{
    return tp__empty((tp_dtype)q->dtype, q->ndim - 1, tp__shape(q));
}

/* Takes the random numbers of as many scores. */
static void attention_draw(tp__attention *attr, const tp_var *q, const tp_var *k)
{
    if (attr->drop.p == 0)
        return;
    tp__thread *t = tp__here();
    int axis = attention_axis(attr, q->ndim);
    uint64_t scores = (uint64_t)tp__shape(k)[axis];
    for (int i = 0; i < q->ndim - 1; i++)
        scores *= (uint64_t)tp__shape(q)[i];
    attr->drop.seed = t->random.seed;
    attr->drop.block = t->random.block;
    t->random.block += (scores + 3) / 4;
}

tp_var *tp__attention_apply(const char *call, const tp__attention *given, tp_var **in, tp_var *mask)
{
    tp_dtype dtype = attention_convert(in);
    if (!attention_fit(call, given, in))
        return tp__poison();
    int n = 3;
    if (mask && !(in[n++] = attention_mask(call, given, mask, in)))
        return tp__poison();
    tp__attention *attr = tp__alloc(sizeof *attr);
    if (!attr)
        return tp__poison();
    *attr = *given;
    attention_draw(attr, in[0], in[1]);
    if (attr->scale == TP_AUTO)
        attr->scale = 1 / sqrt((double)tp__shape(in[0])[in[0]->ndim - 1]);
    if ((mask || attr->causal) && !(attention_is_finite(in[1]) && attention_is_finite(in[2]))) {
        tp_var *guarded = attention_guarded(attr, in, mask ? in[3] : NULL);
        tp__free(attr);
        return tp_is_poison(guarded) ? guarded : tp_to(guarded, dtype);
    }
    in[n++] = attention_room(in[0]);
    tp_var *y = tp__apply(&attention_op, in, n, (tp__attr){.block = attr}, -1, NULL);
    return tp_is_poison(y) ? y : tp_to(y, dtype);
}

bool tp__attention_options(const char *call, tp_attention_options *options,
                           const tp_attention_options *given)
{
    if (!tp__take_options(call, options, sizeof *options, given))
        return false;
    if (!isfinite(options->scale)) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: scale is %g, expected a finite number", call,
                options->scale);
        return false;
    }
    if (options->offset < 0 || (options->offset && !options->causal)) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: offset is %lld, expected 0 or more, and causal", call,
                (long long)options->offset);
        return false;
    }
    return tp__check_within(call, "dropout", options->dropout, 0, 1);
}

tp__attention tp__attention_of(const tp_attention_options *o)
{
    return (tp__attention){
        .scale = o->scale, .causal = o->causal, .offset = o->offset, .drop = {.p = o->dropout}};
}

tp_var *(tp_scaled_dot_product_attention)(tp_var *q, tp_var *k, tp_var *v,
                                          const tp_attention_options *options)
{
    TP__CALL("scaled_dot_product_attention");
    TP__OPERANDS(q, k, v);
    tp_attention_options o = TP_OPTIONS(tp_attention_options);
    tp_var *in[TP__ATTENTION_OPERANDS] = {q, k, v};
    if (!tp__attention_options(attention_name, &o, options) ||
        !tp__attention_check(attention_name, in, 2))
        return tp__poison();
    const tp__attention attr = tp__attention_of(&o);
    return o.enable_gqa ? tp__attention_grouped(attention_name, &attr, in, o.mask)
                        : tp__attention_apply(attention_name, &attr, in, o.mask);
}

static const tp__op *const attention_ops[] = {&attention_op, &tp__multi_head_op, NULL};

const tp__family tp__family_attention = {"attention", "attention", attention_ops};
