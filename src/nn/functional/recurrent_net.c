/* SPDX-License-Identifier: MIT
 *
 * Recurrent nets over the layers of sequence.h. Rows are sorted by length, the longest first, and
 * the steps cut into segments in which the same rows take part: a segment is one call of a layer on
 * the first of the rows. Forwards rows leave, and their states are the last; backwards they join
 * those that are under way, with the states to begin with.
 */
#include "base/features.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/half.h"
#include "nn/functional/functional.h"
#include "tinypytorch.h"

static const char recurrent_call[] = "recurrent";

/* Steps from `from` to before `to`, of the first `rows` rows. */
typedef struct recurrent_segment {
    int64_t from, to, rows;
} recurrent_segment;

typedef struct recurrent_net {
    tp_recurrent_kind kind;
    int64_t layers, directions, gates;
    int64_t steps, rows, size, out; /* T, N, H, P */
    bool bias, projects;
    int per; /* weights of a layer's direction */
    tp_var *const *weights;
    recurrent_segment *segments;
    int64_t n_segments;
    tp_var *order, *back; /* which row comes where, and the opposite; NULL: as they are */
} recurrent_net;

/* A layer's direction: its weights and, after it ran, its last states. */
typedef struct recurrent_layer {
    tp_var *w_ih, *w_hh, *b_ih, *b_hh, *w_hr;
    tp_var *h, *c;
} recurrent_layer;

/* --- One layer in one direction --- */

/* An LSTM whose state is a projection of what the cells give. */
static tp_var *recurrent_projected(const recurrent_net *net, const recurrent_layer *l, tp_var *x,
                                   tp_var *h, tp_var **c, int64_t steps)
{
    tp_var **rows = tp__alloc((size_t)steps * sizeof(tp_var *));
    tp_var *from_x = tp_linear(x, l->w_ih, l->b_ih), *part[4];
    if (!rows)
        return tp__poison();
    for (int64_t t = 0; t < steps; t++) {
        tp_var *sum = tp_add(tp_select(from_x, 0, t), tp_linear(h, l->w_hh, l->b_hh));
        for (int k = 0; k < 4; k++)
            part[k] = tp_slice(sum, 1, k * net->size, (k + 1) * net->size, 1);
        *c = tp_add(tp_mul(tp_sigmoid(part[1]), *c), tp_mul(tp_sigmoid(part[0]), tp_tanh(part[2])));
        rows[t] = h = tp_linear(tp_mul(tp_sigmoid(part[3]), tp_tanh(*c)), l->w_hr, NULL);
    }
    tp_var *y = tp_stack(rows, (int)steps, 0);
    tp__free(rows);
    return y;
}

/* All steps of x from the states h and *c, which becomes the last one. */
static tp_var *recurrent_steps(const recurrent_net *net, const recurrent_layer *l, tp_var *x,
                               tp_var *h, tp_var **c)
{
    if (tp_is_poison(x) || tp_is_poison(h))
        return tp__poison();
    if (net->kind == TP_GRU)
        return tp_gru(x, h, l->w_ih, l->w_hh, l->b_ih, l->b_hh);
    if (net->kind != TP_LSTM)
        return (net->kind == TP_RNN_TANH ? tp_rnn_tanh : tp_rnn_relu)(x, h, l->w_ih, l->w_hh,
                                                                      l->b_ih, l->b_hh);
    if (net->projects)
        return recurrent_projected(net, l, x, h, c, tp__shape(x)[0]);
    return tp_lstm(x, h, *c, l->w_ih, l->w_hh, l->b_ih, l->b_hh, c);
}

/* Rows from `from` to before `to` of a state; NULL of one that there is not. */
static tp_var *recurrent_rows(tp_var *state, int64_t from, int64_t to)
{
    if (!state || tp_is_poison(state) || (from == 0 && to == tp__shape(state)[0]))
        return state;
    return tp_slice(state, 0, from, to, 1);
}

/* One state after the other; either may be NULL. */
static tp_var *recurrent_below(tp_var *first, tp_var *second)
{
    return !first ? second : !second ? first : tp_concatenate((tp_var *[]){first, second}, 2, 0);
}

static tp_var *recurrent_part(const recurrent_segment *s, tp_var *x)
{
    return tp_slice(tp_slice(x, 0, s->from, s->to, 1), 1, 0, s->rows, 1);
}

static tp_var *recurrent_forward(const recurrent_net *net, recurrent_layer *l, tp_var *x,
                                 tp_var **parts)
{
    tp_var *h = l->h, *c = l->c, *last_h = NULL, *last_c = NULL;
    for (int64_t i = 0; i < net->n_segments; i++) {
        const recurrent_segment *s = &net->segments[i];
        int64_t stay = i + 1 < net->n_segments ? s[1].rows : 0;
        h = recurrent_rows(h, 0, s->rows);
        c = recurrent_rows(c, 0, s->rows);
        tp_var *y = recurrent_steps(net, l, recurrent_part(s, x), h, &c);
        if (tp_is_poison(y))
            return y;
        h = tp_select(y, 0, -1);
        last_h = recurrent_below(recurrent_rows(h, stay, s->rows), last_h);
        last_c = c ? recurrent_below(recurrent_rows(c, stay, s->rows), last_c) : NULL;
        parts[i] = tp_pad(y, 1, 0, net->rows - s->rows, 0);
    }
    l->h = last_h;
    l->c = last_c;
    return parts[0];
}

static tp_var *recurrent_backward(const recurrent_net *net, recurrent_layer *l, tp_var *x,
                                  tp_var **parts)
{
    tp_var *h = NULL, *c = NULL;
    int64_t under_way = 0;
    const int64_t time = 0;
    for (int64_t i = net->n_segments - 1; i >= 0; i--) {
        const recurrent_segment *s = &net->segments[i];
        h = recurrent_below(h, recurrent_rows(l->h, under_way, s->rows));
        c = l->c ? recurrent_below(c, recurrent_rows(l->c, under_way, s->rows)) : NULL;
        tp_var *y = recurrent_steps(net, l, tp_flip(recurrent_part(s, x), 1, &time), h, &c);
        if (tp_is_poison(y))
            return y;
        h = tp_select(y, 0, -1);
        under_way = s->rows;
        parts[i] = tp_pad(tp_flip(y, 1, &time), 1, 0, net->rows - s->rows, 0);
    }
    l->h = h;
    l->c = c;
    return parts[0];
}

/* (T, N, …) → (T, N, P) and the last states, in the order of lengths. */
static tp_var *recurrent_direction(const recurrent_net *net, recurrent_layer *l, tp_var *x,
                                   bool backward)
{
    int64_t n = net->n_segments, end = net->segments[n - 1].to;
    tp_var **parts = tp__alloc((size_t)n * sizeof(tp_var *));
    if (!parts)
        return tp__poison();
    tp_var *y = (backward ? recurrent_backward : recurrent_forward)(net, l, x, parts);
    if (!tp_is_poison(y) && n > 1)
        y = tp_concatenate(parts, (int)n, 0);
    tp__free(parts);
    return end < net->steps ? tp_pad(y, 0, 0, net->steps - end, 0) : y;
}

/* --- All layers --- */

static recurrent_layer recurrent_layer_of(const recurrent_net *net, int64_t number, tp_var *h,
                                          tp_var *c)
{
    tp_var *const *w = net->weights + number * net->per;
    return (recurrent_layer){.w_ih = w[0],
                             .w_hh = w[1],
                             .b_ih = net->bias ? w[2] : NULL,
                             .b_hh = net->bias ? w[3] : NULL,
                             .w_hr = net->projects ? w[net->per - 1] : NULL,
                             .h = tp_select(h, 0, number),
                             .c = c ? tp_select(c, 0, number) : NULL};
}

/* The last states of layers and directions, rows in the caller's order. */
static void recurrent_give(const recurrent_net *net, tp_var **states, tp_var **to)
{
    if (!to)
        return;
    tp_var *all = tp_stack(states, (int)(net->layers * net->directions), 0);
    *to = net->back ? tp_index_select(all, 1, net->back) : all;
}

static tp_var *recurrent_layers(const recurrent_net *net, const tp_recurrent_options *o, tp_var *x,
                                tp_var *h, tp_var *c, tp_var **states)
{
    int64_t all = net->layers * net->directions;
    for (int64_t number = 0; number < all;) {
        tp_var *side[2] = {NULL, NULL};
        if (number > 0)
            x = tp_dropout(x, o->dropout, o->training);
        for (int d = 0; d < (int)net->directions; d++, number++) {
            recurrent_layer l = recurrent_layer_of(net, number, h, c);
            side[d] = recurrent_direction(net, &l, x, d == 1);
            if (tp_is_poison(side[d]))
                return side[d];
            states[number] = l.h;
            states[all + number] = l.c;
        }
        x = side[1] ? tp_concatenate(side, 2, 2) : side[0];
    }
    recurrent_give(net, states, o->h_n);
    recurrent_give(net, states + all, net->kind == TP_LSTM ? o->c_n : NULL);
    return net->back ? tp_index_select(x, 1, net->back) : x;
}

/* --- Lengths --- */

typedef struct recurrent_row {
    int64_t length, number;
} recurrent_row;

/* The longest first, and otherwise as they are. */
static int recurrent_longer(const void *a, const void *b)
{
    const recurrent_row *left = a, *right = b;
    if (left->length != right->length)
        return left->length < right->length ? 1 : -1;
    return left->number < right->number ? -1 : 1;
}

static bool recurrent_cut(recurrent_net *net, const recurrent_row *rows)
{
    net->order = tp_zeros(TP_I64, 1, &net->rows);
    net->back = tp_zeros(TP_I64, 1, &net->rows);
    int64_t *order = tp_is_poison(net->order) ? NULL : tp_data_(net->order);
    int64_t *back = tp_is_poison(net->back) ? NULL : tp_data_(net->back);
    if (!order || !back)
        return false;
    int64_t from = 0, n = 0;
    for (int64_t i = net->rows - 1; i >= 0; i--) {
        order[i] = rows[i].number;
        back[rows[i].number] = i;
        if (rows[i].length > from) {
            net->segments[n++] = (recurrent_segment){from, rows[i].length, i + 1};
            from = rows[i].length;
        }
    }
    net->n_segments = n;
    return true;
}

static bool recurrent_sort(recurrent_net *net, const int64_t *lengths)
{
    recurrent_row *rows = tp__alloc((size_t)net->rows * sizeof *rows);
    bool good = rows != NULL;
    for (int64_t i = 0; good && i < net->rows; i++) {
        rows[i] = (recurrent_row){lengths[i], i};
        good = lengths[i] >= 1 && lengths[i] <= net->steps;
        if (!good)
            tp_fail(TP_ERROR_ARGUMENT, "%s: the length %lld of row %lld, expected 1 to %lld steps",
                    recurrent_call, (long long)lengths[i], (long long)i, (long long)net->steps);
    }
    if (good) {
        qsort(rows, (size_t)net->rows, sizeof *rows, recurrent_longer);
        good = recurrent_cut(net, rows);
    }
    tp__free(rows);
    return good;
}

/* The segments; one of all steps and rows without lengths. The caller frees them. */
static bool recurrent_segments(recurrent_net *net, tp_var *lengths)
{
    int64_t room = lengths && net->rows > 0 ? net->rows : 1;
    net->segments = tp__alloc((size_t)room * sizeof *net->segments);
    if (!net->segments)
        return false;
    net->segments[0] = (recurrent_segment){0, net->steps, net->rows};
    net->n_segments = 1;
    if (!lengths)
        return true;
    if (!tp__check_named(recurrent_call, "lengths", lengths))
        return false;
    if (tp__is_float((tp_dtype)lengths->dtype)) {
        tp_fail(TP_ERROR_DTYPE, "%s: lengths are %s, expected integers", recurrent_call,
                tp_dtype_name((tp_dtype)lengths->dtype));
        return false;
    }
    if (!tp__same_shape(lengths, 1, &net->rows)) {
        tp__refuse_shape(recurrent_call, "lengths", lengths, "(%lld,): one for each row",
                         (long long)net->rows);
        return false;
    }
    const tp_var *plain = tp__plain(tp_to(lengths, TP_I64));
    return !tp_is_poison(plain) && (net->rows == 0 || recurrent_sort(net, plain->data));
}

/* --- What the caller passed --- */

static bool recurrent_weight(int64_t number, const char *name, const tp_var *v, int ndim,
                             int64_t first, int64_t second)
{
    char got[TP__SHAPE_TEXT], wanted[TP__SHAPE_TEXT];
    const int64_t shape[] = {first, second};
    if (tp__same_shape(v, ndim, shape))
        return true;
    tp_fail(TP_ERROR_SHAPE, "%s: %s of layer and direction %lld has shape %s, expected %s",
            recurrent_call, name, (long long)number, tp__shape_text(got, v->ndim, tp__shape(v)),
            tp__shape_text(wanted, ndim, shape));
    return false;
}

/* The number of weights tells whether there are biases and projections. */
static bool recurrent_count(recurrent_net *net, int n)
{
    int64_t all = net->layers * net->directions, per = all > 0 && n > 0 ? n / all : 0;
    net->per = (int)per;
    net->bias = per >= 4;
    net->projects = per == 3 || per == 5;
    if (all > 0 && n > 0 && n % all == 0 && per >= 2 && per <= 5 &&
        (!net->projects || net->kind == TP_LSTM))
        return true;
    tp_fail(
        TP_ERROR_ARGUMENT,
        "%s: %d weights, expected 2 or, with biases, 4 for each of %lld layers and directions%s",
        recurrent_call, n, (long long)all,
        net->kind == TP_LSTM ? "; one more each with projections" : "");
    return false;
}

static bool recurrent_weights_fit(recurrent_net *net, int64_t inputs)
{
    for (int64_t i = 0; i < net->layers * net->directions; i++) {
        tp_var *const *w = net->weights + i * net->per;
        if (i == 0) {
            if (w[1]->ndim != 2) {
                tp__refuse_shape(recurrent_call, "w_hh", w[1], "(G H, P)");
                return false;
            }
            net->size = tp__shape(w[1])[0] / net->gates;
            net->out = tp__shape(w[1])[1];
        }
        int64_t width = net->gates * net->size;
        int64_t from = i < net->directions ? inputs : net->directions * net->out;
        if (!recurrent_weight(i, "w_ih", w[0], 2, width, from) ||
            !recurrent_weight(i, "w_hh", w[1], 2, width, net->out) ||
            (net->bias && !(recurrent_weight(i, "b_ih", w[2], 1, width, 0) &&
                            recurrent_weight(i, "b_hh", w[3], 1, width, 0))) ||
            (net->projects ? !recurrent_weight(i, "w_hr", w[net->per - 1], 2, net->out, net->size)
                           : !recurrent_weight(i, "w_hh", w[1], 2, width, net->size)))
            return false;
    }
    return true;
}

/* A state (layers directions, N, size), zeros for NULL, rows in order of lengths. */
static tp_var *recurrent_state(const recurrent_net *net, const char *name, tp_var *state,
                               const tp_var *x, int64_t size)
{
    const int64_t shape[] = {net->layers * net->directions, net->rows, size};
    if (!state) {
        tp_dtype dtype = (tp_dtype)x->dtype;
        return tp_zeros(tp__is_float(dtype) ? dtype : TP_F64, 3, shape);
    }
    if (!tp__check_named(recurrent_call, name, state))
        return tp__poison();
    if (!tp__same_shape(state, 3, shape))
        return tp__refuse_shape(recurrent_call, name, state, "(%lld, %lld, %lld)",
                                (long long)shape[0], (long long)shape[1], (long long)shape[2]);
    return net->order ? tp_index_select(state, 1, net->order) : state;
}

static bool recurrent_options(recurrent_net *net, const tp_recurrent_options *given,
                              tp_recurrent_options *o)
{
    if (!tp__take_options(recurrent_call, o, sizeof *o, given) ||
        !tp__check_within(recurrent_call, "dropout", o->dropout, 0, 1))
        return false;
    if (o->layers < 1 || o->layers > INT32_MAX / 16 || (unsigned)net->kind > TP_GRU) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: %lld layers of kind %d", recurrent_call,
                (long long)o->layers, (int)net->kind);
        return false;
    }
    net->layers = o->layers;
    net->directions = o->bidirectional ? 2 : 1;
    net->gates = net->kind == TP_LSTM ? 4 : net->kind == TP_GRU ? 3 : 1;
    return true;
}

/* Of x (T, N, I). */
static tp_var *recurrent_run(recurrent_net *net, const tp_recurrent_options *o, tp_var *x,
                             tp_var *h, tp_var *c)
{
    net->steps = tp__shape(x)[0];
    net->rows = tp__shape(x)[1];
    if (net->steps == 0)
        return tp__refuse_shape(recurrent_call, "x", x, "one step or more");
    if (!recurrent_weights_fit(net, tp__shape(x)[2]) || !recurrent_segments(net, o->lengths))
        return tp__poison();
    x = net->order ? tp_index_select(x, 1, net->order) : x;
    h = recurrent_state(net, "h", h, x, net->out);
    c = net->kind == TP_LSTM ? recurrent_state(net, "c", c, x, net->size) : NULL;
    if (tp_is_poison(x) || tp_is_poison(h) || (c && tp_is_poison(c)))
        return tp__poison();
    size_t states = (size_t)(2 * net->layers * net->directions);
    tp_var **room = tp__alloc(states * sizeof(tp_var *));
    tp_var *y = room ? recurrent_layers(net, o, x, h, c, room) : tp__poison();
    tp__free(room);
    return y;
}

/* x as (T, N, I), states as (…, N, …), and results back. */
static tp_var *recurrent_arranged(recurrent_net *net, const tp_recurrent_options *o, tp_var *x,
                                  tp_var *h, tp_var *c)
{
    bool single = x->ndim == 2, turned = o->batch_first && !single;
    if (single) {
        x = tp_unsqueeze(x, 1);
        h = h ? tp_unsqueeze(h, 1) : NULL;
        c = c ? tp_unsqueeze(c, 1) : NULL;
    }
    x = turned ? tp_transpose(x, 0, 1) : x;
    if (tp_is_poison(x) || (h && tp_is_poison(h)) || (c && tp_is_poison(c)))
        return tp__poison();
    tp_var *y = recurrent_run(net, o, x, h, c);
    tp__free(net->segments);
    if (tp_is_poison(y) || !single)
        return turned && !tp_is_poison(y) ? tp_transpose(y, 0, 1) : y;
    if (o->h_n)
        *o->h_n = tp_squeeze(*o->h_n, 1);
    if (o->c_n && net->kind == TP_LSTM)
        *o->c_n = tp_squeeze(*o->c_n, 1);
    return tp_squeeze(y, 1);
}

/* Operands of half types as float32; *narrow is then what results become. x stands for the states
 * that there are not. */
static bool recurrent_widen(tp_var **x, tp_var **h, tp_var **c, tp_var **weights, int n,
                            tp_dtype *narrow)
{
    tp_var **all = tp__alloc((size_t)(n + 3) * sizeof *all);
    bool half = false;
    if (!all)
        return false;
    memcpy(all, weights, (size_t)n * sizeof *all);
    all[n] = *x;
    all[n + 1] = *h ? *h : *x;
    all[n + 2] = *c ? *c : *x;
    for (int i = 0; i < n + 3; i++)
        half = half || tp__is_half((tp_dtype)all[i]->dtype);
    *narrow = half ? tp__promote(all, n + 3) : TP_F32;
    tp__free(all);
    for (int i = 0; half && i < n; i++)
        weights[i] = tp__addend(weights[i]);
    *x = half ? tp__addend(*x) : *x;
    *h = half && *h ? tp__addend(*h) : *h;
    *c = half && *c ? tp__addend(*c) : *c;
    return half;
}

/* The caller's weights, floating. False, with an error, if one cannot be used. */
static bool recurrent_weights(tp_var *const *weights, int n, tp_var **own)
{
    bool good = true;
    for (int i = 0; good && i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "weights[%d]", i);
        good = tp__check_named(recurrent_call, name, weights[i]);
        own[i] = good ? tp__floating(weights[i]) : NULL;
    }
    return good;
}

tp_var *(tp_recurrent)(tp_recurrent_kind kind, tp_var *x, tp_var *h, tp_var *c,
                       tp_var *const *weights, int n, const tp_recurrent_options *options)
{
    TP__CALL("recurrent");
    TP__OPERANDS(x);
    TP__OPTIONAL(h, c);
    tp_recurrent_options o = TP_OPTIONS(tp_recurrent_options);
    recurrent_net net = {.kind = kind};
    if (!tp__check_operand(recurrent_call, x) || !recurrent_options(&net, options, &o) ||
        !recurrent_count(&net, weights ? n : 0))
        return tp__poison();
    if (o.h_n)
        *o.h_n = tp__poison();
    if (o.c_n)
        *o.c_n = tp__poison();
    if (x->ndim != 3 && (x->ndim != 2 || o.lengths))
        return tp__refuse_shape(recurrent_call, "x", x, "(T, N, I), or (T, I) without lengths");
    tp_var **own = tp__alloc((size_t)n * sizeof(tp_var *));
    if (!own)
        return tp__poison();
    tp_dtype narrow;
    bool good = recurrent_weights(weights, n, own), half = false;
    good = good && (!h || tp__check_named(recurrent_call, "h", h)) &&
           (!c || tp__check_named(recurrent_call, "c", c));
    if (good)
        half = recurrent_widen(&x, &h, &c, own, n, &narrow);
    net.weights = own;
    tp_var *y = good ? recurrent_arranged(&net, &o, tp__floating(x), h, c) : tp__poison();
    tp__free(own);
    if (!half || tp_is_poison(y))
        return y;
    if (o.h_n)
        *o.h_n = tp__narrow(*o.h_n, narrow);
    if (o.c_n && kind == TP_LSTM)
        *o.c_n = tp__narrow(*o.c_n, narrow);
    return tp__narrow(y, narrow);
}

/* --- Record, for tests and the list of operations --- */

/* Operands with an operation each, so that one that is missing is no option left out. */
static tp_var *recurrent_sample(tp_var *const *x)
{
    return tp_recurrent(TP_LSTM, x[0], tp_add(x[1], 0), tp_add(x[2], 0), x + 3, 2);
}

static tp_var *recurrent_sample_gru(tp_var *const *x)
{
    return tp_recurrent(TP_GRU, x[0], NULL, NULL, x + 1, 4, .batch_first = true);
}

static const tp__op recurrent_net_op = {
    .label = "Recurrent",
    .name = "recurrent",
    .n_in = 0,
    .flags = TP__COMPOSITE,
    .formula = "layers of lstm, gru or rnn cells",
    .rule = "that of the layers",
    .domain = TP__DISTINCT,
    .samples =
        (const tp__sample[]){
            {"3,2,4; 1,2,2; 1,2,2; 8,4; 8,2", recurrent_sample,
             "torch._VF.lstm(x0, (x1, x2), [x3, x4], False, 1, 0.0, False, False, False)[0]"},
            {"2,3,4; 6,4; 6,2; 6; 6", recurrent_sample_gru,
             "torch._VF.gru(x0, x0.new_zeros(1, x0.size(0), x2.size(1)), [x1, x2, x3, x4], True, "
             "1, 0.0, False, False, True)[0]"},
            {0}},
};

static const tp__op *const recurrent_net_ops[] = {&recurrent_net_op, NULL};

const tp__family tp__family_recurrent_net = {"recurrent_net", "recurrent nets", recurrent_net_ops};
