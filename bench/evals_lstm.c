/* SPDX-License-Identifier: MIT
 *
 * lstm: l = size[0] layers of cells whose weights are diagonal, b = 14 numbers wide, over c =
 * size[1] steps of a sequence of bits. x is the parameters: for each layer weights and biases of
 * the gates forget, in, out, change (4 b each), then what the input and the output are multiplied
 * by and what is added to the output (3 b). Constants: the states h and c of each layer, the
 * sequence.
 *
 *     f = σ(x w + b)   i = σ(h w + b)   o = σ(x w + b)   g = tanh(h w + b)
 *     c' = f c + i g   h' = o tanh c'
 *
 * The loss is the mean of −gold (p − ln(2 + Σ eᵖ)) of predictions p of the next step.
 */
#include "evals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tinypytorch.h>

enum { LSTM_BITS = 14, LSTM_LAYERS = 8 };

static void lstm_make(evals_problem *p)
{
    int l = p->size[0], c = p->size[1], b = LSTM_BITS;
    evals_input(p, (size_t)(8 * l * b + 3 * b), (size_t)(2 * l * b + c * b),
                (size_t)(8 * l * b + 3 * b));
    for (int i = 2 * l * b; i < 2 * l * b + c * b; i++)
        p->data[i] = p->data[i] < 0.5;
    p->v[0] = evals_variable(TP_SHAPE(2 * l, 4 * b), p->x);
    p->v[1] = evals_variable(TP_SHAPE(3, b), p->x + 8 * l * b);
    p->v[2] = evals_constant(TP_SHAPE(2 * l, b), p->data);
    p->v[3] = evals_constant(TP_SHAPE(c, b), p->data + 2 * l * b);
}

/* predictions, gold (c − 1, b) */
static tp_var *lstm_loss(tp_var *predictions, tp_var *gold)
{
    tp_var *sums = tp_sum(tp_exp(predictions), .axes = 1, .keepdims = true);
    tp_var *norms = tp_sub(predictions, tp_log(tp_add(2, sums)));
    return tp_neg(tp_mean(tp_mul(gold, norms)));
}

static void lstm_finish(const evals_problem *p, tp_var *outputs, double *out)
{
    tp_var *extra = p->v[1], *gold = tp_narrow(p->v[3], 0, 1, p->size[1] - 1), *g[2];
    tp_var *predictions = tp_add(tp_mul(outputs, tp_select(extra, 0, 1)), tp_select(extra, 0, 2));
    tp_gradients(lstm_loss(predictions, gold), p->v, 2, g);
    out = evals_put(out, g[0]);
    evals_put(out, g[1]);
}

/* Part number gate of row: forget, in, out, change. */
static tp_var *lstm_part(const evals_problem *p, int row, int gate)
{
    return tp_narrow(tp_select(p->v[0], 0, row), 0, gate * LSTM_BITS, LSTM_BITS);
}

/* The layers as tp_lstm: its gates are i, f, g, o, and its weights full matrices. */
static void lstm_layers(const evals_problem *p, double *out)
{
    TP_SCOPE();
    int c = p->size[1], b = LSTM_BITS;
    tp_var *none = tp_zeros(TP_F64, TP_SHAPE(b, b));
    tp_var *x = tp_mul(tp_narrow(p->v[3], 0, 0, c - 1), tp_select(p->v[1], 0, 0));
    x = tp_reshape(x, TP_SHAPE(c - 1, 1, b));
    for (int i = 0; i < p->size[0]; i++) {
        tp_var *w[4], *bias[4] = {lstm_part(p, 2 * i + 1, 1), lstm_part(p, 2 * i + 1, 0),
                                  lstm_part(p, 2 * i + 1, 3), lstm_part(p, 2 * i + 1, 2)};
        for (int gate = 0; gate < 4; gate++)
            w[gate] = tp_diag_embed(lstm_part(p, 2 * i, gate), 0);
        tp_var *from_x[] = {none, w[0], none, w[2]}, *from_h[] = {w[1], none, w[3], none};
        tp_var *h = tp_narrow(p->v[2], 0, 2 * i, 1), *cell = tp_narrow(p->v[2], 0, 2 * i + 1, 1);
        x = tp_lstm(x, h, cell, tp_concatenate(from_x, 4, 0), tp_concatenate(from_h, 4, 0),
                    tp_concatenate(bias, 4, 0), NULL, NULL);
    }
    lstm_finish(p, tp_reshape(x, TP_SHAPE(c - 1, b)), out);
}

/* The gates of a layer: views of the one array of parameters. */
typedef struct lstm_layer {
    tp_var *w[4], *b[4], *h, *c;
} lstm_layer;

static tp_var *lstm_gate(const lstm_layer *layer, int gate, tp_var *x)
{
    return tp_add(tp_mul(x, layer->w[gate]), layer->b[gate]);
}

static tp_var *lstm_cell(lstm_layer *layer, tp_var *x)
{
    tp_var *forget = tp_sigmoid(lstm_gate(layer, 0, x)),
           *in = tp_sigmoid(lstm_gate(layer, 1, layer->h));
    tp_var *open = tp_sigmoid(lstm_gate(layer, 2, x)),
           *change = tp_tanh(lstm_gate(layer, 3, layer->h));
    layer->c = tp_add(tp_mul(layer->c, forget), tp_mul(in, change));
    return layer->h = tp_mul(open, tp_tanh(layer->c));
}

static void lstm_cells(const evals_problem *p, double *out)
{
    TP_SCOPE();
    int c = p->size[1];
    lstm_layer layers[LSTM_LAYERS];
    for (int i = 0; i < p->size[0]; i++) {
        layers[i].h = tp_select(p->v[2], 0, 2 * i);
        layers[i].c = tp_select(p->v[2], 0, 2 * i + 1);
        for (int gate = 0; gate < 4; gate++) {
            layers[i].w[gate] = lstm_part(p, 2 * i, gate);
            layers[i].b[gate] = lstm_part(p, 2 * i + 1, gate);
        }
    }
    tp_var *inputs = tp_mul(p->v[3], tp_select(p->v[1], 0, 0));
    tp_var **outputs = calloc((size_t)c, sizeof *outputs);
    if (!outputs)
        abort();
    for (int t = 0; t < c - 1; t++) {
        tp_var *x = tp_select(inputs, 0, t);
        for (int i = 0; i < p->size[0]; i++)
            x = lstm_cell(&layers[i], x);
        outputs[t] = x;
    }
    lstm_finish(p, tp_stack(outputs, c - 1, 0), out);
    free(outputs);
}

/* --- By hand --- */

/* What a cell of one number leaves for the way back. */
typedef struct lstm_trace {
    double x, h, c, forget, in, open, change, tanh_c;
} lstm_trace;

static double lstm_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* One number of one layer; w and b of gate g are at w[g · LSTM_BITS]. */
static double lstm_hand_cell(const double *w, const double *b, double x, double *h, double *c,
                             lstm_trace *t)
{
    enum { B = LSTM_BITS };
    t->x = x, t->h = *h, t->c = *c;
    t->forget = lstm_sigmoid(x * w[0] + b[0]);
    t->in = lstm_sigmoid(*h * w[B] + b[B]);
    t->open = lstm_sigmoid(x * w[2 * B] + b[2 * B]);
    t->change = tanh(*h * w[3 * B] + b[3 * B]);
    *c = *c * t->forget + t->in * t->change;
    t->tanh_c = tanh(*c);
    return *h = t->open * t->tanh_c;
}

/* Back through it: gh and gc are the gradients of the states after it, and of those before it when
 * it is done. Returns that of x. */
static double lstm_hand_back(const double *w, double *gw, double *gb, double *gh, double *gc,
                             const lstm_trace *t)
{
    enum { B = LSTM_BITS };
    double c = *gc + *gh * t->open * (1 - t->tanh_c * t->tanh_c);
    double forget = c * t->c * t->forget * (1 - t->forget);
    double in = c * t->change * t->in * (1 - t->in);
    double open = *gh * t->tanh_c * t->open * (1 - t->open);
    double change = c * t->in * (1 - t->change * t->change);
    gw[0] += forget * t->x, gb[0] += forget;
    gw[B] += in * t->h, gb[B] += in;
    gw[2 * B] += open * t->x, gb[2 * B] += open;
    gw[3 * B] += change * t->h, gb[3 * B] += change;
    *gc = c * t->forget;
    *gh = in * w[B] + change * w[3 * B];
    return forget * w[0] + open * w[2 * B];
}

/* Forwards through step t: predictions, and traces of l layers. */
static void lstm_hand_step(const evals_problem *p, int t, double *state, lstm_trace *trace,
                           double *last, double *prediction)
{
    enum { B = LSTM_BITS };
    int l = p->size[0];
    const double *extra = p->x + 8 * l * B, *sequence = p->data + 2 * l * B;
    for (int i = 0; i < B; i++) {
        double x = sequence[t * B + i] * extra[i];
        for (int k = 0; k < l; k++)
            x = lstm_hand_cell(p->x + 8 * k * B + i, p->x + 8 * k * B + 4 * B + i, x,
                               &state[2 * k * B + i], &state[(2 * k + 1) * B + i],
                               &trace[k * B + i]);
        last[i] = x;
        prediction[i] = x * extra[B + i] + extra[2 * B + i];
    }
}

static void lstm_hand_step_back(const evals_problem *p, int t, double *state,
                                const lstm_trace *trace, const double *last,
                                const double *prediction, double *out)
{
    enum { B = LSTM_BITS };
    int l = p->size[0], count = B * (p->size[1] - 1);
    const double *extra = p->x + 8 * l * B, *sequence = p->data + 2 * l * B;
    const double *gold = sequence + (t + 1) * B;
    double *g_extra = out + 8 * l * B, sum = 2, golds = 0;
    for (int i = 0; i < B; i++)
        sum += exp(prediction[i]), golds += gold[i];
    for (int i = 0; i < B; i++) {
        double g = (golds * exp(prediction[i]) / sum - gold[i]) / count;
        g_extra[B + i] += g * last[i];
        g_extra[2 * B + i] += g;
        double gx = g * extra[B + i];
        for (int k = l - 1; k >= 0; k--) {
            state[2 * k * B + i] += gx;
            gx = lstm_hand_back(p->x + 8 * k * B + i, out + 8 * k * B + i,
                                out + 8 * k * B + 4 * B + i, &state[2 * k * B + i],
                                &state[(2 * k + 1) * B + i], &trace[k * B + i]);
        }
        g_extra[i] += gx * sequence[t * B + i];
    }
}

static void lstm_hand(const evals_problem *p, double *out)
{
    enum { B = LSTM_BITS };
    int l = p->size[0], steps = p->size[1] - 1;
    size_t cells = (size_t)steps * (size_t)l * B;
    lstm_trace *trace = malloc(cells * sizeof *trace);
    double *last = malloc(2 * (size_t)steps * B * sizeof *last), *prediction = last + steps * B;
    double state[2 * LSTM_LAYERS * B];
    if (!trace || !last)
        abort();
    memcpy(state, p->data, (size_t)(2 * l * B) * sizeof *state);
    for (int t = 0; t < steps; t++)
        lstm_hand_step(p, t, state, trace + t * l * B, last + t * B, prediction + t * B);
    memset(state, 0, sizeof state);
    memset(out, 0, p->results * sizeof *out);
    for (int t = steps - 1; t >= 0; t--)
        lstm_hand_step_back(p, t, state, trace + t * l * B, last + t * B, prediction + t * B, out);
    free(trace);
    free(last);
}

const evals_problem evals_lstm[] = {
    {.name = "lstm",
     .title = "lstm: 2 layers, 1,024 steps",
     .size = {2, 1024},
     .make = lstm_make,
     .hand = lstm_hand,
     .ours = {{"TinyPytorch, tp_lstm", lstm_layers}, {"TinyPytorch, by cells", lstm_cells}},
     .tolerance = 1e-13},
    {0}};
