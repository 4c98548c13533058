/* SPDX-License-Identifier: MIT
 *
 * Recurrent layers: their weights lie in the order in which tp_recurrent takes them.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/layers.h"

#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "nn/layer.h"

typedef struct recurrent {
    tp_recurrent_kind kind;
    tp_recurrent_options options;
    int64_t in, hidden;
} recurrent;

/* In order: x, h, c of an LSTM, lengths; the result, h_n, c_n. */
static void recurrent_forward(tp_module *m, int n_in, tp_var *const *in, int n_out, tp_var **out)
{
    const recurrent *self = tp_module_self(m);
    bool two = self->kind == TP_LSTM;
    tp_var *given[4] = {NULL};
    tp_recurrent_options o = self->options;
    if (n_in > 3 + two || n_out > 2 + two) {
        tp_fail(TP_ERROR_ARGUMENT, "forward: %s makes up to %d results of %d values, not %d of %d",
                m->is.name, 2 + two, 3 + two, n_out, n_in);
        return;
    }
    for (int i = 0; i < n_in; i++)
        given[i] = in[i];
    o.training = !m->eval;
    o.lengths = given[2 + two];
    o.h_n = n_out > 1 ? out + 1 : NULL;
    o.c_n = n_out > 2 ? out + 2 : NULL;
    tp_var **weights = tp__alloc((size_t)m->n_held * sizeof *weights);
    if (!weights)
        return;
    for (int i = 0; i < m->n_held; i++)
        weights[i] = tp__module_held(m, i);
    out[0] =
        tp_recurrent(self->kind, given[0], given[1], two ? given[2] : NULL, weights, m->n_held, &o);
    tp__free(weights);
}

static void recurrent_describe(const tp_module *m, char *text, size_t size)
{
    const recurrent *self = tp_module_self(m);
    snprintf(text, size, "%lld → %lld, %d layer%s%s", (long long)self->in, (long long)self->hidden,
             (int)self->options.layers, self->options.layers == 1 ? "" : "s",
             self->options.bidirectional ? ", both directions" : "");
}

/* The parameters of one layer in one direction. */
static bool add_layer(tp_module *m, const tp_recurrent_layer_options *o, int layer, bool reverse)
{
    static const char *const names[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    const recurrent *self = tp_module_self(m);
    int64_t gates = self->kind == TP_LSTM ? 4 : self->kind == TP_GRU ? 3 : 1;
    int64_t in = layer ? self->hidden * (o->bidirectional ? 2 : 1) : self->in;
    double bound = 1 / sqrt((double)self->hidden);
    bool good = true;
    for (int i = 0; i < (o->bias ? 4 : 2) && good; i++) {
        char name[48];
        snprintf(name, sizeof name, "%s_l%d%s", names[i], layer, reverse ? "_reverse" : "");
        int64_t shape[] = {gates * self->hidden, i == 0 ? in : self->hidden};
        good = tp__layer_uniform(m, name, o->dtype, i < 2 ? 2 : 1, shape, bound);
    }
    return good;
}

static tp_module *recurrent_new(const char *call, const char *name, tp_recurrent_kind kind,
                                int64_t in, int64_t hidden,
                                const tp_recurrent_layer_options *options)
{
    const tp_module_class is = {.size = sizeof is,
                                .name = name,
                                .self = sizeof(recurrent),
                                .forward_n = recurrent_forward,
                                .describe = recurrent_describe};
    tp_recurrent_layer_options o = TP_OPTIONS(tp_recurrent_layer_options);
    if (!tp__take_options(call, &o, sizeof o, options) || !tp__layer_count(call, "in", in) ||
        !tp__layer_count(call, "hidden", hidden) || !tp__layer_count(call, ".layers", o.layers) ||
        !tp__layer_dtype(call, o.dtype) || !tp__check_within(call, ".dropout", o.dropout, 0, 1))
        return NULL;
    if (o.relu && kind != TP_RNN_TANH) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: .relu is for tp_rnn_new alone", call);
        return NULL;
    }
    tp_module *m = tp_module_new(&is);
    if (!m)
        return NULL;
    recurrent *self = tp_module_self(m);
    const tp_recurrent_options defaults = TP_OPTIONS(tp_recurrent_options);
    *self = (recurrent){o.relu ? TP_RNN_RELU : kind, defaults, in, hidden};
    self->options.layers = o.layers;
    self->options.bidirectional = o.bidirectional;
    self->options.batch_first = o.batch_first;
    self->options.dropout = o.dropout;
    bool good = true;
    for (int layer = 0; layer < o.layers && good; layer++)
        good =
            add_layer(m, &o, layer, false) && (!o.bidirectional || add_layer(m, &o, layer, true));
    return tp__layer_done(m, good);
}

tp_module *(tp_rnn_new)(int64_t in, int64_t hidden, const tp_recurrent_layer_options *options)
{
    return recurrent_new("rnn_new", "RNN", TP_RNN_TANH, in, hidden, options);
}

tp_module *(tp_lstm_new)(int64_t in, int64_t hidden, const tp_recurrent_layer_options *options)
{
    return recurrent_new("lstm_new", "LSTM", TP_LSTM, in, hidden, options);
}

tp_module *(tp_gru_new)(int64_t in, int64_t hidden, const tp_recurrent_layer_options *options)
{
    return recurrent_new("gru_new", "GRU", TP_GRU, in, hidden, options);
}
