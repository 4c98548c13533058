/* SPDX-License-Identifier: MIT
 *
 * A plain recurrent layer over a whole sequence as a record: y_t = f(s_t + h w_hhᵀ) of what x
 * gives, s (T, N, H), where h is y_{t−1} and f is tanh or relu. Its last operand is a constant that
 * forward fills with the slopes of f, which of tanh near ±1 do not follow from y.
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
#include "graph/half.h"
#include "kernels/gemm.h"
#include "nn/functional/functional.h"
#include "tinypytorch.h"

enum { RNN_S, RNN_H, RNN_W, RNN_SLOPES, RNN_OPERANDS };

static bool rnn_infer(tp__call *call)
{
    const tp_var *s = call->in[RNN_S];
    call->dtype = (tp_dtype)s->dtype;
    call->ndim = 3;
    memcpy(call->shape, tp__shape(s), 3 * sizeof *call->shape);
    return true;
}

typedef struct rnn_work {
    const tp__gemm_backend *gemm;
    tp_dtype dtype;
    bool relu;
    int64_t steps, rows, size;
    char *in[RNN_OPERANDS];
} rnn_work;

static bool rnn_describe(rnn_work *work, const tp__attr *attr, tp_var *const *x)
{
    const int64_t *shape = tp__shape(x[RNN_S]);
    tp_dtype dtype = (tp_dtype)x[RNN_S]->dtype;
    *work = (rnn_work){.gemm = tp__gemm_best(dtype),
                       .dtype = dtype,
                       .relu = attr->integer != 0,
                       .steps = shape[0],
                       .rows = shape[1],
                       .size = shape[2]};
    for (int i = 0; i < RNN_OPERANDS; i++) {
        tp_var *plain = tp__plain(x[i]);
        if (tp_is_poison(plain))
            return false;
        work->in[i] = plain->data;
    }
    return true;
}

/* Step t of an array (T, N, H). */
static char *rnn_step(const rnn_work *work, char *at, int64_t t)
{
    return at + t * work->rows * work->size * (int64_t)work->gemm->item;
}

/* c (m, n) = or += a (m, k) b (k, n), whose strides are given. */
static void rnn_product(const rnn_work *work, const tp__gemm *product)
{
    tp__gemm_batch batch = {.first = *product, .count = 1};
    batch.first.c_row = work->size;
    batch.first.n = work->size;
    tp__gemm_run(work->gemm, &batch);
}

/* to += from w_hhᵀ, or from w_hh, of N rows */
static void rnn_through(const rnn_work *work, const char *from, char *to, bool turned)
{
    rnn_product(work, &(tp__gemm){.m = work->rows,
                                  .k = work->size,
                                  .a = from,
                                  .a_row = work->size,
                                  .a_column = 1,
                                  .b = work->in[RNN_W],
                                  .b_row = turned ? 1 : work->size,
                                  .b_column = turned ? work->size : 1,
                                  .c = to,
                                  .add = true});
}

#define RNN_NEAR 0.9 /* |tanh| from here on loses digits of 1 − tanh² */

static double rnn_slope(double x, double y)
{
    if (!(fabs(y) > RNN_NEAR))
        return 1 - y * y;
    double e = exp(-2 * fabs(x));
    return 4 * e / ((1 + e) * (1 + e));
}

#define RNN_LOOPS(Type)                                                                            \
    static void rnn_bend_##Type(bool relu, int64_t n, Type *y, Type *slopes)                       \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            double x = (double)y[i], value = relu ? (x > 0 || x != x ? x : 0) : tanh(x);           \
            slopes[i] = (Type)(relu ? (x > 0 || x != x ? 1 : 0) : rnn_slope(x, value));            \
            y[i] = (Type)value;                                                                    \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void rnn_times_##Type(int64_t n, Type *d, const Type *slopes)                           \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                            \
            d[i] = slopes[i] == 0 ? 0 : d[i] * slopes[i];                                          \
    }

RNN_LOOPS(float)
RNN_LOOPS(double)

static bool rnn_forward(tp__call *call)
{
    rnn_work work;
    size_t scope = tp_scope_begin();
    bool good = rnn_describe(&work, &call->attr, call->in);
    int64_t n = good ? work.rows * work.size : 0;
    char *y = call->out->data;
    for (int64_t t = 0; n && t < work.steps; t++) {
        char *to = rnn_step(&work, y, t), *slopes = rnn_step(&work, work.in[RNN_SLOPES], t);
        memcpy(to, rnn_step(&work, work.in[RNN_S], t), (size_t)n * work.gemm->item);
        rnn_through(&work, t ? rnn_step(&work, y, t - 1) : work.in[RNN_H], to, true);
        if (work.dtype == TP_F32)
            rnn_bend_float(work.relu, n, (float *)(void *)to, (float *)(void *)slopes);
        else
            rnn_bend_double(work.relu, n, (double *)(void *)to, (double *)(void *)slopes);
    }
    tp_scope_end(scope);
    return good;
}

/* Σ over steps of d_tᵀ h. */
static void rnn_weights(const rnn_work *work, const char *d, char *y, char *to)
{
    tp__gemm product = {.m = work->size,
                        .k = work->rows,
                        .a = d,
                        .a_row = 1,
                        .a_column = work->size,
                        .b = work->in[RNN_H],
                        .b_row = work->size,
                        .b_column = 1,
                        .c = to,
                        .add = true};
    rnn_product(work, &product);
    product.k = (work->steps - 1) * work->rows;
    product.a = rnn_step(work, (char *)d, 1);
    product.b = y;
    if (product.k > 0)
        rnn_product(work, &product);
}

/* Zeros for the gradient of an operand. */
static char *rnn_room(const tp__pull *pull, int i)
{
    tp_var *g = tp_zeros((tp_dtype)pull->x[i]->dtype, pull->x[i]->ndim, tp__shape(pull->x[i]));
    if (tp_is_poison(g) || !tp__evaluate(g))
        return NULL;
    if (pull->wanted[i])
        pull->gx[i] = g;
    return g->data;
}

static void rnn_gradient(const tp__pull *pull)
{
    rnn_work work;
    const tp_var *gy = tp__plain(pull->gy), *y = tp__plain(pull->y);
    if (tp_is_poison(gy) || tp_is_poison(y) || !rnn_describe(&work, &pull->y->attr, pull->x))
        return;
    char *d = rnn_room(pull, RNN_S), *gh = rnn_room(pull, RNN_H);
    char *gw = pull->wanted[RNN_W] ? rnn_room(pull, RNN_W) : NULL;
    int64_t n = work.rows * work.size;
    if (!d || !gh || tp__here()->code || n == 0)
        return;
    memcpy(d, gy->data, (size_t)(work.steps * n) * work.gemm->item);
    for (int64_t t = work.steps - 1; t >= 0; t--) {
        char *at = rnn_step(&work, d, t), *slopes = rnn_step(&work, work.in[RNN_SLOPES], t);
        if (work.dtype == TP_F32)
            rnn_times_float(n, (float *)(void *)at, (const float *)(const void *)slopes);
        else
            rnn_times_double(n, (double *)(void *)at, (const double *)(const void *)slopes);
        if (t > 0 || pull->wanted[RNN_H])
            rnn_through(&work, at, t ? rnn_step(&work, d, t - 1) : gh, false);
    }
    if (gw)
        rnn_weights(&work, d, (char *)y->data, gw);
}

static tp_var *rnn_compose(const tp_var *y, tp_var *const *x)
{
    int64_t steps = tp__shape(x[RNN_S])[0];
    tp_var **rows = tp__alloc((size_t)steps * sizeof(tp_var *)), *h = x[RNN_H];
    if (!rows)
        return tp__poison();
    for (int64_t t = 0; t < steps; t++) {
        h = tp_add(tp_select(x[RNN_S], 0, t), tp_linear(h, x[RNN_W], NULL));
        rows[t] = h = y->attr.integer ? tp_relu(h) : tp_tanh(h);
    }
    tp_var *all = tp_stack(rows, (int)steps, 0);
    tp__free(rows);
    return all;
}

/* --- Calls --- */

static const tp__op rnn_op;

static bool rnn_check(const char *call, const char *name, const tp_var *v, int ndim,
                      const int64_t *shape)
{
    char got[TP__SHAPE_TEXT], wanted[TP__SHAPE_TEXT];
    if (!v || tp__same_shape(v, ndim, shape))
        return true;
    tp_fail(TP_ERROR_SHAPE, "%s: %s has shape %s, expected %s", call, name,
            tp__shape_text(got, v->ndim, tp__shape(v)), tp__shape_text(wanted, ndim, shape));
    return false;
}

static tp_var *rnn_layer(const char *call, bool relu, tp_var *x, tp_var *h, tp_var *const *weights)
{
    tp_var *w_ih = weights[0], *w_hh = weights[1], *b_ih = weights[2], *b_hh = weights[3];
    if (!tp__check_operand(call, x) || !tp__check_operand(call, w_ih) ||
        !tp__check_operand(call, w_hh) || (h && !tp__check_operand(call, h)) ||
        (b_ih && !tp__check_operand(call, b_ih)) || (b_hh && !tp__check_operand(call, b_hh)))
        return tp__poison();
    if (x->ndim != 3 || tp__shape(x)[0] == 0)
        return tp__refuse_shape(call, "x", x, "(T, N, I), T ≥ 1");
    if (w_hh->ndim != 2)
        return tp__refuse_shape(call, "w_hh", w_hh, "(H, H)");
    int64_t size = tp__shape(w_hh)[1];
    const int64_t square[] = {size, size}, from_x[] = {size, tp__shape(x)[2]};
    const int64_t state[] = {tp__shape(x)[1], size};
    if (!rnn_check(call, "w_hh", w_hh, 2, square) || !rnn_check(call, "w_ih", w_ih, 2, from_x) ||
        !rnn_check(call, "h", h, 2, state) || !rnn_check(call, "b_ih", b_ih, 1, &size) ||
        !rnn_check(call, "b_hh", b_hh, 1, &size))
        return tp__poison();
    tp_var *bias = b_ih && b_hh ? tp_add(tp__floating(b_ih), b_hh) : b_ih ? b_ih : b_hh;
    tp_var *s = tp__floating(tp_linear(x, w_ih, bias));
    h = h ? h : tp_zeros((tp_dtype)s->dtype, 2, state);
    if (tp_is_poison(s) || tp_is_poison(h))
        return tp__poison();
    tp_dtype dtype = tp__promote((tp_var *[]){s, h, w_hh}, 3);
    tp_var *in[RNN_OPERANDS] = {tp_to(s, dtype), tp_to(h, dtype), tp_to(w_hh, dtype)};
    in[RNN_SLOPES] = tp__empty(dtype, 3, tp__shape(s));
    for (int i = 0; i < RNN_OPERANDS; i++)
        if (tp_is_poison(in[i]))
            return in[i];
    return tp__apply(&rnn_op, in, RNN_OPERANDS, (tp__attr){.integer = relu}, -1, NULL);
}

tp_var *tp_rnn_tanh(tp_var *x, tp_var *h, tp_var *w_ih, tp_var *w_hh, tp_var *b_ih, tp_var *b_hh)
{
    TP__CALL("rnn_tanh");
    TP__OPERANDS(x, w_ih, w_hh);
    TP__OPTIONAL(h, b_ih, b_hh);
    TP__IN_FLOAT32(tp_rnn_tanh(x, h, w_ih, w_hh, b_ih, b_hh), &x, &h, &w_ih, &w_hh, &b_ih, &b_hh);
    return rnn_layer("rnn_tanh", false, x, h, (tp_var *[]){w_ih, w_hh, b_ih, b_hh});
}

tp_var *tp_rnn_relu(tp_var *x, tp_var *h, tp_var *w_ih, tp_var *w_hh, tp_var *b_ih, tp_var *b_hh)
{
    TP__CALL("rnn_relu");
    TP__OPERANDS(x, w_ih, w_hh);
    TP__OPTIONAL(h, b_ih, b_hh);
    TP__IN_FLOAT32(tp_rnn_relu(x, h, w_ih, w_hh, b_ih, b_hh), &x, &h, &w_ih, &w_hh, &b_ih, &b_hh);
    return rnn_layer("rnn_relu", true, x, h, (tp_var *[]){w_ih, w_hh, b_ih, b_hh});
}

/* --- Records --- */

static tp_var *rnn_tanh_sample(tp_var *const *x)
{
    return tp_rnn_tanh(x[0], tp_add(x[1], 0), x[2], x[3], tp_add(x[4], 0), tp_add(x[5], 0));
}

static tp_var *rnn_relu_sample(tp_var *const *x)
{
    return tp_rnn_relu(x[0], tp_add(x[1], 0), x[2], x[3], tp_add(x[4], 0), NULL);
}

static const tp__op rnn_op = {
    .label = "Rnn",
    .name = "rnn_tanh",
    .flags = TP__COSTLY,
    .reads = {TP__READS_ALL | TP__READS_OUT, TP__READS_ALL | TP__READS_OUT,
              TP__READS_ALL | TP__READS_OUT},
    .infer = rnn_infer,
    .forward = rnn_forward,
    .gradient = rnn_gradient,
    .compose = rnn_compose,
    .formula = "tanh(x w_ihᵀ + h w_hhᵀ + biases) for each step",
    .rule = "that of rnn_tanh_cell, from the last step to the first",
    .domain = TP__DISTINCT,
    .samples = (const tp__sample[]){{"3,5,4; 5,2; 2,4; 2,2; 2; 2", rnn_tanh_sample,
                                     "torch._VF.rnn_tanh(x0, x1[None], [x2, x3, x4, x5], True, 1, "
                                     "0.0, False, False, False)[0]"},
                                    {0}},
};

static const tp__op rnn_relu_op = {
    .label = "RnnRelu",
    .name = "rnn_relu",
    .n_in = 5,
    .flags = TP__COMPOSITE,
    .formula = "max(x w_ihᵀ + h w_hhᵀ + biases, 0) for each step",
    .rule = "as rnn_tanh",
    .domain = TP__DISTINCT,
    .samples =
        (const tp__sample[]){{"3,5,4; 5,2; 2,4; 2,2; 2", rnn_relu_sample,
                              "torch._VF.rnn_relu(x0, x1[None], [x2, x3, x4, "
                              "torch.zeros_like(x4)], True, 1, 0.0, False, False, False)[0]"},
                             {0}},
};

static const tp__op *const rnn_ops[] = {&rnn_op, &rnn_relu_op, NULL};

const tp__family tp__family_rnn = {"rnn", "plain recurrent layers over sequences", rnn_ops};
