/* SPDX-License-Identifier: MIT
 *
 * Recurrent layers over whole sequences (kernels/recurrent.h) as records. What a sweep back needs
 * beside the result, gates and cells, lies in constant operands that forward fills. An LSTM's
 * result has one row more than there are steps: the last cell.
 */
#include "base/features.h"

#include <string.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/apply.h"
#include "graph/compose.h"
#include "graph/half.h"
#include "kernels/recurrent.h"
#include "ops/families.h"
#include "tinypytorch.h"

enum { LAYER_OPERANDS = 8 };

static const tp__op lstm_op, gru_op;

/* Places of operands. A GRU has neither c nor cells. */
typedef struct layer_places {
    int x, h, c, w_ih, w_hh, bias, gates, cells, n;
} layer_places;

static const layer_places *layer_places_of(bool lstm)
{
    static const layer_places places[] = {{0, 1, -1, 2, 3, 4, 5, -1, 6},
                                          {0, 1, 2, 3, 4, 5, 6, 7, 8}};
    return &places[lstm];
}

static bool layer_infer(tp__call *call)
{
    const tp_var *x = call->in[0], *h = call->in[1];
    bool lstm = call->op == &lstm_op;
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = 3;
    call->shape[0] = tp__shape(x)[0] + (lstm ? 1 : 0);
    call->shape[1] = tp__shape(h)[0];
    call->shape[2] = tp__shape(h)[1];
    return true;
}

/* What forward and backward have in common; in: operands whose elements are ready, row by row. */
static void layer_describe(tp__recur *recur, bool lstm, tp_var *const *in, char *y)
{
    const layer_places *at = layer_places_of(lstm);
    const tp_var *x = in[at->x], *h = in[at->h];
    tp_dtype dtype = (tp_dtype)x->dtype;
    *recur = (tp__recur){.gemm = tp__gemm_best(dtype),
                         .lstm = lstm,
                         .steps = tp__shape(x)[0],
                         .rows = tp__shape(x)[1],
                         .inputs = tp__shape(x)[2],
                         .size = tp__shape(h)[1],
                         .x = x->data,
                         .h = h->data,
                         .w_ih = in[at->w_ih]->data,
                         .w_hh = in[at->w_hh]->data,
                         .bias = in[at->bias]->data,
                         .y = y,
                         .gates = in[at->gates]->data};
    recur->kernels = lstm ? tp__lstm_kernels_of(dtype) : tp__gru_kernels_of(dtype);
    if (lstm) {
        recur->c = in[at->c]->data;
        recur->cells = in[at->cells]->data;
    }
}

static bool layer_operands(tp_var *const *x, int n, tp_var **in)
{
    bool good = true;
    for (int i = 0; i < n; i++) {
        in[i] = tp__plain(x[i]);
        good = good && !tp_is_poison(in[i]);
    }
    return good;
}

static size_t layer_bytes(const tp__recur *recur, int64_t n)
{
    return (size_t)n * recur->gemm->item;
}

static bool layer_forward(tp__call *call)
{
    bool lstm = call->op == &lstm_op;
    tp_var *in[LAYER_OPERANDS];
    size_t scope = tp_scope_begin();
    bool good = layer_operands(call->in, call->n_in, in);
    tp_var *turned =
        good ? tp__empty((tp_dtype)in[0]->dtype, 1, &in[layer_places_of(lstm)->w_hh]->size)
             : tp__poison();
    if (!tp_is_poison(turned)) {
        tp__recur recur;
        layer_describe(&recur, lstm, in, call->out->data);
        int64_t state = recur.rows * recur.size;
        if (state)
            tp__recur_forward(&recur, turned->data);
        if (lstm && state)
            memcpy(recur.y + layer_bytes(&recur, recur.steps * state),
                   recur.cells + layer_bytes(&recur, (recur.steps - 1) * state),
                   layer_bytes(&recur, state));
        call->flops = tp__recur_flops(&recur);
    }
    good = !tp_is_poison(turned);
    tp_scope_end(scope);
    return good;
}

/* Room for the gradient of operand i, if that is wanted, zeros where there are no rows to make it
 * of; NULL if it is not. */
static char *layer_room(const tp__recur *recur, const tp__pull *pull, int i)
{
    if (i < 0 || !pull->wanted[i])
        return NULL;
    const tp_var *x = pull->x[i];
    pull->gx[i] = recur->rows > 0 && recur->size > 0
                      ? tp__empty((tp_dtype)x->dtype, x->ndim, tp__shape(x))
                      : tp_zeros((tp_dtype)x->dtype, x->ndim, tp__shape(x));
    return tp__evaluate(pull->gx[i]) ? pull->gx[i]->data : NULL;
}

/* A state's gradient, which begins as that of what follows the last step. */
static char *layer_state(const tp__recur *recur, const tp__pull *pull, int i, const tp_var *like,
                         const char *first)
{
    tp_var *g = tp_zeros((tp_dtype)like->dtype, like->ndim, tp__shape(like));
    if (!tp__evaluate(g) || tp_is_poison(g))
        return NULL;
    if (first)
        memcpy(g->data, first, layer_bytes(recur, recur->rows * recur->size));
    if (pull->wanted[i])
        pull->gx[i] = g;
    return g->data;
}

static void layer_gradient(const tp__pull *pull)
{
    bool lstm = pull->y->op == &lstm_op;
    const layer_places *at = layer_places_of(lstm);
    tp_var *in[LAYER_OPERANDS] = {NULL}, *gy = tp__plain(pull->gy), *y = tp__plain(pull->y);
    if (tp_is_poison(gy) || tp_is_poison(y) || !layer_operands(pull->x, at->n, in))
        return;
    tp__recur recur;
    layer_describe(&recur, lstm, in, y->data);
    const int64_t places = recur.steps * recur.rows;
    const char *last = (char *)gy->data + layer_bytes(&recur, places * recur.size);
    tp_dtype dtype = (tp_dtype)y->dtype;
    tp_var *change = tp__empty(dtype, 1, &pull->x[at->gates]->size);
    tp_var *ones = tp_ones(dtype, 1, &places);
    if (tp_is_poison(change) || tp_is_poison(ones) || !tp__evaluate(ones))
        return;
    recur.gy = gy->data;
    recur.change = change->data;
    recur.ones = ones->data;
    recur.gx = layer_room(&recur, pull, at->x);
    recur.gw_ih = layer_room(&recur, pull, at->w_ih);
    recur.gw_hh = layer_room(&recur, pull, at->w_hh);
    recur.g_bias = layer_room(&recur, pull, at->bias);
    recur.gh = layer_state(&recur, pull, at->h, in[at->h], NULL);
    recur.gc = lstm ? layer_state(&recur, pull, at->c, in[at->c], last) : NULL;
    if (!tp__here()->code && recur.rows > 0 && recur.size > 0)
        tp__recur_backward(&recur);
}

/* --- In other operations --- */

static tp_var *layer_step(tp_var *x, int64_t t)
{
    return tp_select(x, 0, t);
}

static tp_var *lstm_compose(const tp_var *y, tp_var *const *x)
{
    int64_t steps = tp__shape(x[0])[0];
    tp_var **rows = tp__alloc((size_t)(steps + 1) * sizeof(tp_var *)), *h = x[1], *c = x[2];
    (void)y;
    if (!rows)
        return tp__poison();
    for (int64_t t = 0; t < steps; t++)
        rows[t] = h = tp_lstm_cell(layer_step(x[0], t), h, c, x[3], x[4], x[5], NULL, &c);
    rows[steps] = c;
    tp_var *all = tp_stack(rows, (int)steps + 1, 0);
    tp__free(rows);
    return all;
}

static tp_var *gru_compose(const tp_var *y, tp_var *const *x)
{
    int64_t steps = tp__shape(x[0])[0], size = tp__shape(x[1])[1], twice = 2 * size;
    tp_var **rows = tp__alloc((size_t)steps * sizeof(tp_var *)), *h = x[1];
    (void)y;
    if (!rows)
        return tp__poison();
    tp_var *none = tp_zeros((tp_dtype)x[4]->dtype, 1, &twice);
    tp_var *b_ih = tp_slice(x[4], 0, 0, 3 * size, 1);
    tp_var *b_hh =
        tp_concatenate((tp_var *[]){none, tp_slice(x[4], 0, 3 * size, 4 * size, 1)}, 2, 0);
    for (int64_t t = 0; t < steps; t++)
        rows[t] = h = tp_gru_cell(layer_step(x[0], t), h, x[2], x[3], b_ih, b_hh);
    tp_var *all = tp_stack(rows, (int)steps, 0);
    tp__free(rows);
    return all;
}

/* --- Calls --- */

/* NULL-safe: a state of zeros, (rows, size). */
static tp_var *layer_start(tp_var *state, const tp_var *x, const tp_var *w_hh)
{
    int64_t shape[] = {tp__shape(x)[1], tp__shape(w_hh)[1]};
    return state ? state : tp_zeros((tp_dtype)x->dtype, 2, shape);
}

/* True if v has this shape. */
static bool layer_check(const char *call, const char *name, const tp_var *v, int ndim,
                        const int64_t *shape, const char *expected)
{
    if (!tp__check_operand(call, v))
        return false;
    if (tp__same_shape(v, ndim, shape))
        return true;
    char got[TP__SHAPE_TEXT], wanted[TP__SHAPE_TEXT];
    tp_fail(TP_ERROR_SHAPE, "%s: %s has shape %s, expected %s, %s", call, name,
            tp__shape_text(got, v->ndim, tp__shape(v)), expected,
            tp__shape_text(wanted, ndim, shape));
    return false;
}

/* True if the operands can be used, NULL where optional, and x has steps. */
static bool layer_begins(const char *call, tp_var *const *needed, int n, tp_var *const *optional,
                         int m)
{
    for (int i = 0; i < n; i++)
        if (!tp__check_operand(call, needed[i]))
            return false;
    for (int i = 0; i < m; i++)
        if (optional[i] && !tp__check_operand(call, optional[i]))
            return false;
    const tp_var *x = needed[0], *w_hh = needed[2];
    if (x->ndim == 3 && w_hh->ndim == 2 && tp__shape(x)[0] > 0)
        return true;
    char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT];
    tp_fail(TP_ERROR_SHAPE, "%s: x %s and w_hh %s, expected (T, N, I), T ≥ 1, and (G H, H)", call,
            tp__shape_text(a, x->ndim, tp__shape(x)),
            tp__shape_text(b, w_hh->ndim, tp__shape(w_hh)));
    return false;
}

static bool layer_fits(const char *call, int64_t parts, tp_var *x, tp_var *h, tp_var *w_ih,
                       tp_var *w_hh, tp_var *const *biases)
{
    int64_t size = tp__shape(w_hh)[1], width = parts * size;
    const int64_t state[] = {tp__shape(x)[1], size}, from_x[] = {width, tp__shape(x)[2]};
    const int64_t from_h[] = {width, size};
    return layer_check(call, "w_hh", w_hh, 2, from_h, "(G H, H)") &&
           layer_check(call, "w_ih", w_ih, 2, from_x, "(G H, I)") &&
           layer_check(call, "h", h, 2, state, "(N, H)") &&
           (!biases[0] || layer_check(call, "b_ih", biases[0], 1, &width, "(G H)")) &&
           (!biases[1] || layer_check(call, "b_hh", biases[1], 1, &width, "(G H)"));
}

/* Operands in one type that kernels know; room for gates and cells at the end. */
static tp_var *layer_apply(bool lstm, tp_var **in)
{
    const layer_places *at = layer_places_of(lstm);
    tp_dtype dtype = tp__promote(in, at->bias + 1);
    dtype = tp__is_float(dtype) ? dtype : TP_F64;
    for (int i = 0; i <= at->bias; i++) {
        in[i] = tp_to(in[i], tp__working_type(dtype));
        if (tp_is_poison(in[i]))
            return in[i];
    }
    const int64_t *x = tp__shape(in[0]), size = tp__shape(in[at->h])[1];
    tp_dtype work = (tp_dtype)in[0]->dtype;
    in[at->gates] = tp__empty(work, 3, (int64_t[]){x[0], x[1], TP__GATES * size});
    if (lstm)
        in[at->cells] = tp__empty(work, 3, (int64_t[]){x[0], x[1], size});
    tp_var *y = tp__apply(lstm ? &lstm_op : &gru_op, in, at->n, (tp__attr){0}, -1, NULL);
    return tp_is_poison(y) ? y : tp_to(y, dtype);
}

/* A bias as a floating array, so that sums of two do not wrap around; NULL-safe. */
static tp_var *layer_bias(tp_var *bias)
{
    return !bias || tp__is_float((tp_dtype)bias->dtype) ? bias : tp_to(bias, TP_F64);
}

static tp_var *layer_zeros(tp_var *like, int64_t n)
{
    return tp_zeros((tp_dtype)like->dtype, 1, &n);
}

tp_var *tp_lstm(tp_var *x, tp_var *h, tp_var *c, tp_var *w_ih, tp_var *w_hh, tp_var *b_ih,
                tp_var *b_hh, tp_var **c_n)
{
    TP__CALL("lstm");
    TP__OPERANDS(x, w_ih, w_hh);
    TP__OPTIONAL(h, c, b_ih, b_hh);
    tp_dtype narrow;
    if (tp__widen((tp_var **[]){&x, &h, &c, &w_ih, &w_hh, &b_ih, &b_hh}, 7, &narrow)) {
        tp_var *y = tp_lstm(x, h, c, w_ih, w_hh, b_ih, b_hh, c_n);
        if (c_n)
            *c_n = tp__narrow(*c_n, narrow);
        return tp__narrow(y, narrow);
    }
    if (c_n)
        *c_n = tp__poison();
    tp_var *biases[] = {b_ih, b_hh, h, c};
    if (!layer_begins("lstm", (tp_var *[]){x, w_ih, w_hh}, 3, biases, 4))
        return tp__poison();
    h = layer_start(h, x, w_hh);
    c = layer_start(c, x, w_hh);
    if (!layer_fits("lstm", 4, x, h, w_ih, w_hh, biases) ||
        !layer_check("lstm", "c", c, 2, tp__shape(h), "(N, H)"))
        return tp__poison();
    b_ih = layer_bias(b_ih);
    b_hh = layer_bias(b_hh);
    tp_var *bias = b_ih && b_hh ? tp_add(b_ih, b_hh)
                   : b_ih       ? b_ih
                   : b_hh       ? b_hh
                                : layer_zeros(x, tp__shape(w_hh)[0]);
    int64_t steps = tp__shape(x)[0];
    tp_var *all = layer_apply(true, (tp_var *[LAYER_OPERANDS]){x, h, c, w_ih, w_hh, bias});
    if (c_n)
        *c_n = tp_select(all, 0, steps);
    return tp_slice(all, 0, 0, steps, 1);
}

/* Biases in the order of the gates: r and z share theirs, n and q have one each. */
static tp_var *gru_bias(tp_var *x, int64_t size, tp_var *b_ih, tp_var *b_hh)
{
    b_ih = b_ih ? layer_bias(b_ih) : layer_zeros(x, 3 * size);
    b_hh = b_hh ? layer_bias(b_hh) : layer_zeros(x, 3 * size);
    tp_var *both = tp_add(tp_slice(b_ih, 0, 0, 2 * size, 1), tp_slice(b_hh, 0, 0, 2 * size, 1));
    return tp_concatenate((tp_var *[]){both, tp_slice(b_ih, 0, 2 * size, 3 * size, 1),
                                       tp_slice(b_hh, 0, 2 * size, 3 * size, 1)},
                          3, 0);
}

tp_var *tp_gru(tp_var *x, tp_var *h, tp_var *w_ih, tp_var *w_hh, tp_var *b_ih, tp_var *b_hh)
{
    TP__CALL("gru");
    TP__OPERANDS(x, w_ih, w_hh);
    TP__OPTIONAL(h, b_ih, b_hh);
    TP__IN_FLOAT32(tp_gru(x, h, w_ih, w_hh, b_ih, b_hh), &x, &h, &w_ih, &w_hh, &b_ih, &b_hh);
    if (!layer_begins("gru", (tp_var *[]){x, w_ih, w_hh}, 3, (tp_var *[]){b_ih, b_hh, h}, 3))
        return tp__poison();
    h = layer_start(h, x, w_hh);
    if (!layer_fits("gru", 3, x, h, w_ih, w_hh, (tp_var *[]){b_ih, b_hh}))
        return tp__poison();
    tp_var *bias = gru_bias(x, tp__shape(w_hh)[1], b_ih, b_hh);
    return layer_apply(false, (tp_var *[LAYER_OPERANDS]){x, h, w_ih, w_hh, bias});
}

/* --- Records --- */

static tp_var *lstm_sample(tp_var *const *x)
{
    tp_var *c,
        *y = tp_lstm(x[0], tp_add(x[1], 0), tp_add(x[2], 0), x[3], x[4], tp_add(x[5], 0), NULL, &c);
    return tp_is_poison(y) ? y : tp_concatenate((tp_var *[]){y, tp_unsqueeze(c, 0)}, 2, 0);
}

static tp_var *gru_sample(tp_var *const *x)
{
    return tp_gru(x[0], tp_add(x[1], 0), x[2], x[3], tp_add(x[4], 0), tp_add(x[5], 0));
}

static const tp__op lstm_op = {
    .label = "Lstm",
    .name = "lstm",
    .flags = TP__COSTLY,
    .reads = {TP__READS_ALL | TP__READS_OUT, TP__READS_ALL | TP__READS_OUT,
              TP__READS_ALL | TP__READS_OUT},
    .infer = layer_infer,
    .forward = layer_forward,
    .gradient = layer_gradient,
    .compose = lstm_compose,
    .formula = "h of lstm_cell for each step",
    .rule = "that of lstm_cell, from the last step to the first",
    .samples = (const tp__sample[]){{"3,5,4; 5,2; 5,2; 8,4; 8,2; 8", lstm_sample,
                                     "(lambda r: torch.cat((r[0], r[2])))(torch._VF.lstm(x0, "
                                     "(x1[None], x2[None]), [x3, x4, x5, "
                                     "torch.zeros_like(x5)], True, 1, 0.0, False, False, False))"},
                                    {0}},
};

static const tp__op gru_op = {
    .label = "Gru",
    .name = "gru",
    .flags = TP__COSTLY,
    .reads = {TP__READS_ALL | TP__READS_OUT, TP__READS_ALL | TP__READS_OUT,
              TP__READS_ALL | TP__READS_OUT},
    .infer = layer_infer,
    .forward = layer_forward,
    .gradient = layer_gradient,
    .compose = gru_compose,
    .formula = "h of gru_cell for each step",
    .rule = "that of gru_cell, from the last step to the first",
    .samples = (const tp__sample[]){{"3,5,4; 5,2; 6,4; 6,2; 6; 6", gru_sample,
                                     "torch._VF.gru(x0, x1[None], [x2, x3, x4, x5], True, 1, 0.0, "
                                     "False, False, False)[0]"},
                                    {0}},
};

static const tp__op *const recurrent_layers_ops[] = {&lstm_op, &gru_op, NULL};

const tp__family tp__family_recurrent = {"recurrent", "recurrent layers over sequences",
                                         recurrent_layers_ops};
