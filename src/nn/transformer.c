/* SPDX-License-Identifier: MIT
 *
 * Attention with its projections, and the encoder layer that is made of it.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/layers.h"

#include <stdio.h>

#include "nn/layer.h"
#include "tinypytorch/elementwise.h"
#include "tinypytorch/random.h"
#include "tinypytorch/shape.h"

/* --- Attention --- */

enum { IN_WEIGHT, IN_BIAS };

typedef struct attention {
    int64_t width, heads;
    bool batch_first, causal;
    double dropout;
    tp_module *out;
} attention;

/* Rows `part` of three of the projection's weight and bias. */
static tp_var *project(const tp_module *m, tp_var *x, int64_t part)
{
    const attention *self = tp_module_self(m);
    tp_var *weight = tp_narrow(tp__module_held(m, IN_WEIGHT), 0, part * self->width, self->width);
    tp_var *bias = tp__module_held(m, IN_BIAS);
    return tp_linear(x, weight, bias ? tp_narrow(bias, 0, part * self->width, self->width) : NULL);
}

/* The projections of q, k and v; in one product if they are the same value. */
static void project_all(const tp_module *m, tp_var *const *in, tp_var **to)
{
    const attention *self = tp_module_self(m);
    if (in[0] != in[1] || in[0] != in[2]) {
        for (int i = 0; i < 3; i++)
            to[i] = project(m, in[i], i);
        return;
    }
    tp_var *all = tp_linear(in[0], tp__module_held(m, IN_WEIGHT), tp__module_held(m, IN_BIAS));
    for (int i = 0; i < 3; i++)
        to[i] = tp_narrow(all, -1, i * self->width, self->width);
}

static void attention_forward(tp_module *m, int n_in, tp_var *const *in, int n_out, tp_var **out)
{
    const attention *self = tp_module_self(m);
    tp_var *three[3] = {in[0], in[0], in[0]}, *projected[3];
    tp_attention_options o = TP_OPTIONS(tp_attention_options);
    if (n_in == 2 || n_in > 4 || n_out != 1) {
        tp_fail(TP_ERROR_ARGUMENT,
                "forward: attention makes 1 result of x, or of q, k, v and a mask, not %d of %d",
                n_out, n_in);
        return;
    }
    for (int i = 0; i < 3 && n_in > 1; i++)
        three[i] = in[i];
    project_all(m, three, projected);
    bool turn = !self->batch_first && tp__has_axes(three[0], 3);
    for (int i = 0; i < 3 && turn; i++)
        projected[i] = tp_transpose(projected[i], 0, 1);
    o.mask = n_in == 4 ? in[3] : NULL;
    o.causal = self->causal;
    o.dropout = m->eval ? 0 : self->dropout;
    tp_var *y = tp_multi_head_attention(projected[0], projected[1], projected[2], self->heads, &o);
    out[0] = tp_forward(self->out, turn ? tp_transpose(y, 0, 1) : y);
}

static void attention_describe(const tp_module *m, char *text, size_t size)
{
    const attention *self = tp_module_self(m);
    snprintf(text, size, "%lld, %lld heads%s", (long long)self->width, (long long)self->heads,
             self->causal ? ", causal" : "");
}

static bool add_projections(tp_module *m, const tp_attention_layer_options *o, int64_t width)
{
    attention *self = tp_module_self(m);
    int64_t rows = 3 * width;
    tp_layer_options linear = TP_OPTIONS(tp_layer_options);
    linear.dtype = o->dtype;
    linear.bias = o->bias;
    if (!tp__layer_filled(m, "in_proj_weight", o->dtype, 2, (int64_t[]){rows, width}, 0) ||
        tp_is_poison(tp_xavier_uniform_(tp__module_held(m, IN_WEIGHT), 1)) ||
        !(o->bias ? tp__layer_filled(m, "in_proj_bias", o->dtype, 1, &rows, 0)
                  : tp__layer_without(m, "in_proj_bias")))
        return false;
    self->out = tp_module_add(m, "out_proj", tp_linear_new(width, width, &linear));
    return self->out && (!o->bias || !tp_is_poison(tp_fill_(tp_module_get(self->out, "bias"), 0)));
}

tp_module *(tp_multihead_attention_new)(int64_t width, int64_t heads,
                                        const tp_attention_layer_options *options)
{
    static const tp_module_class is = {.size = sizeof is,
                                       .name = "MultiheadAttention",
                                       .self = sizeof(attention),
                                       .forward_n = attention_forward,
                                       .describe = attention_describe};
    const char *call = "multihead_attention_new";
    tp_attention_layer_options o = TP_OPTIONS(tp_attention_layer_options);
    if (!tp__take_options(call, &o, sizeof o, options) || !tp__layer_count(call, "width", width) ||
        !tp__layer_count(call, "heads", heads) || !tp__layer_dtype(call, o.dtype) ||
        !tp__check_within(call, ".dropout", o.dropout, 0, 1))
        return NULL;
    if (width % heads) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: a width of %lld is not divided by %lld heads", call,
                (long long)width, (long long)heads);
        return NULL;
    }
    tp_module *m = tp_module_new(&is);
    if (!m)
        return NULL;
    *(attention *)tp_module_self(m) =
        (attention){width, heads, o.batch_first, o.causal, o.dropout, NULL};
    return tp__layer_done(m, add_projections(m, &o, width));
}

/* --- Encoder layer --- */

typedef struct encoder {
    tp_module *self_attention, *linear1, *linear2, *norm1, *norm2;
    bool norm_first, gelu;
    double dropout;
} encoder;

static tp_var *drop(const tp_module *m, tp_var *x)
{
    const encoder *self = tp_module_self(m);
    return m->eval ? x : tp_dropout(x, self->dropout, true);
}

static tp_var *attend(const tp_module *m, tp_var *x, tp_var *mask)
{
    const encoder *self = tp_module_self(m);
    tp_var *y;
    tp_forward_n(self->self_attention, mask ? 4 : 1, (tp_var *[]){x, x, x, mask}, 1, &y);
    return drop(m, y);
}

static tp_var *feed(const tp_module *m, tp_var *x)
{
    const encoder *self = tp_module_self(m);
    tp_var *h = tp_forward(self->linear1, x);
    h = drop(m, self->gelu ? tp_gelu(h) : tp_relu(h));
    return drop(m, tp_forward(self->linear2, h));
}

static void encoder_forward(tp_module *m, int n_in, tp_var *const *in, int n_out, tp_var **out)
{
    const encoder *self = tp_module_self(m);
    tp_var *x = in[0], *mask = n_in > 1 ? in[1] : NULL;
    if (n_in > 2 || n_out != 1) {
        tp_fail(TP_ERROR_ARGUMENT, "forward: an encoder layer makes 1 result of x and a mask");
        return;
    }
    if (self->norm_first) {
        x = tp_add(x, attend(m, tp_forward(self->norm1, x), mask));
        out[0] = tp_add(x, feed(m, tp_forward(self->norm2, x)));
    } else {
        x = tp_forward(self->norm1, tp_add(x, attend(m, x, mask)));
        out[0] = tp_forward(self->norm2, tp_add(x, feed(m, x)));
    }
}

static bool add_parts(tp_module *m, int64_t width, int64_t heads, int64_t hidden,
                      const tp_transformer_options *o)
{
    encoder *self = tp_module_self(m);
    tp_attention_layer_options inner = TP_OPTIONS(tp_attention_layer_options);
    inner.batch_first = o->batch_first;
    inner.causal = o->causal;
    inner.dropout = o->dropout;
    inner.dtype = o->dtype;
    tp_layer_options linear = TP_OPTIONS(tp_layer_options);
    linear.dtype = o->dtype;
    tp_norm_layer_options norm = TP_OPTIONS(tp_norm_layer_options);
    norm.dtype = o->dtype;
    norm.eps = o->eps;
    self->self_attention =
        tp_module_add(m, "self_attn", tp_multihead_attention_new(width, heads, &inner));
    self->linear1 = tp_module_add(m, "linear1", tp_linear_new(width, hidden, &linear));
    self->linear2 = tp_module_add(m, "linear2", tp_linear_new(hidden, width, &linear));
    self->norm1 = tp_module_add(m, "norm1", tp_layer_norm_new(1, &width, &norm));
    self->norm2 = tp_module_add(m, "norm2", tp_layer_norm_new(1, &width, &norm));
    return self->self_attention && self->linear1 && self->linear2 && self->norm1 && self->norm2;
}

tp_module *(tp_transformer_encoder_layer_new)(int64_t width, int64_t heads, int64_t hidden,
                                              const tp_transformer_options *options)
{
    static const tp_module_class is = {.size = sizeof is,
                                       .name = "TransformerEncoderLayer",
                                       .self = sizeof(encoder),
                                       .forward_n = encoder_forward};
    const char *call = "transformer_encoder_layer_new";
    tp_transformer_options o = TP_OPTIONS(tp_transformer_options);
    if (!tp__take_options(call, &o, sizeof o, options) ||
        !tp__check_within(call, ".dropout", o.dropout, 0, 1) ||
        !tp__check_within(call, ".eps", o.eps, 0, 1e300))
        return NULL;
    tp_module *m = tp_module_new(&is);
    if (!m)
        return NULL;
    encoder *self = tp_module_self(m);
    self->norm_first = o.norm_first;
    self->gelu = o.gelu;
    self->dropout = o.dropout;
    return tp__layer_done(m, add_parts(m, width, heads, hidden, &o));
}
