/* SPDX-License-Identifier: MIT
 *
 * The loss of networks over characters in loops of doubles. Gradients are compared between the
 * sides that have them.
 */
#include "tensors_text.h"

#include <math.h>
#include <stdlib.h>

static double *text_room(int64_t n)
{
    double *p = calloc((size_t)n + 1, sizeof *p);
    if (!p) {
        fputs("error: no memory for the reference\n", stderr);
        exit(1);
    }
    return p;
}

/* y (lines, out) ← x wᵀ + bias, added to what is there. */
static void text_linear(const double *x, int64_t lines, int64_t in, int64_t out,
                        double *const *param, double *y)
{
    for (int64_t i = 0; i < lines * out; i++) {
        double sum = param[1][i % out];
        for (int64_t k = 0; k < in; k++)
            sum += x[i / out * in + k] * param[0][i % out * in + k];
        y[i] += sum;
    }
}

static int64_t text_one(const double *one_hot, int64_t line)
{
    int64_t c = 0;
    while (c + 1 < TENSORS_CHARACTERS && one_hot[line * TENSORS_CHARACTERS + c] == 0)
        c++;
    return c;
}

static void text_embed(double *const *in, int64_t lines, int64_t width, double *x)
{
    for (int64_t i = 0; i < lines * width; i++)
        x[i] = in[2][text_one(in[0], i / width) * width + i % width];
}

static double text_loss(const double *x, const double *next, int64_t lines, int64_t width,
                        double *const *head)
{
    double loss = 0, *z = text_room(lines * TENSORS_CHARACTERS);
    text_linear(x, lines, width, TENSORS_CHARACTERS, head, z);
    for (int64_t i = 0; i < lines; i++) {
        double sum = 0, *line = z + i * TENSORS_CHARACTERS;
        for (int c = 0; c < TENSORS_CHARACTERS; c++)
            sum += exp(line[c]);
        loss += log(sum) - line[text_one(next, i)];
    }
    free(z);
    return loss / (double)lines;
}

static double text_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double text_lstm(const int64_t *size, double *const *in)
{
    int64_t batch = size[1], width = size[2], lines = size[0] * batch, states = batch * width;
    double *const *param = in + 2, *x = text_room(lines * width), *h = text_room(lines * width);
    double *zero = text_room(states), *c = text_room(states), *s = text_room(4 * lines * width);
    text_embed(in, lines, width, x);
    text_linear(x, lines, width, 4 * width, (double *[]){param[1], param[3]}, s);
    for (int64_t t = 0; t < size[0]; t++) {
        double *now = s + 4 * t * states;
        text_linear(t ? h + (t - 1) * states : zero, batch, width, 4 * width,
                    (double *[]){param[2], param[4]}, now);
        for (int64_t i = 0; i < states; i++) {
            const double *gate = now + i / width * 4 * width + i % width;
            c[i] = text_sigmoid(gate[width]) * c[i] + text_sigmoid(gate[0]) * tanh(gate[2 * width]);
            h[t * states + i] = text_sigmoid(gate[3 * width]) * tanh(c[i]);
        }
    }
    double loss = text_loss(h, in[1], lines, width, param + 5);
    free(x), free(h), free(zero), free(c), free(s);
    return loss;
}

/* --- GPT --- */

static void text_norm(const double *x, int64_t lines, int64_t width, double *const *param,
                      double *y)
{
    for (int64_t i = 0; i < lines; i++) {
        double mean = 0, square = 0;
        for (int64_t k = 0; k < width; k++)
            mean += x[i * width + k] / (double)width;
        for (int64_t k = 0; k < width; k++)
            square += pow(x[i * width + k] - mean, 2) / (double)width;
        for (int64_t k = 0; k < width; k++)
            y[i * width + k] =
                (x[i * width + k] - mean) / sqrt(square + 1e-5) * param[0][k] + param[1][k];
    }
}

/* One query's line of one head. q, k and v lie side by side in lines of 3 width. */
static void text_attend(const double *qkv, int64_t width, int64_t part, int64_t query,
                        double *weight, double *y)
{
    double sum = 0;
    for (int64_t key = 0; key <= query; key++) {
        double dot = 0;
        for (int64_t e = 0; e < part; e++)
            dot += qkv[query * 3 * width + e] * qkv[key * 3 * width + width + e];
        sum += weight[key] = exp(dot / sqrt((double)part));
    }
    for (int64_t key = 0; key <= query; key++)
        for (int64_t e = 0; e < part; e++)
            y[e] += weight[key] / sum * qkv[key * 3 * width + 2 * width + e];
}

static void text_layer(const int64_t *size, double *const *param, double *x)
{
    int64_t width = size[1], part = width / size[2], length = size[3], lines = length * size[4];
    double *n = text_room(lines * width), *h = text_room(4 * lines * width);
    double *y = text_room(lines * width), *weight = text_room(length);
    text_norm(x, lines, width, param, n);
    text_linear(n, lines, width, 3 * width, param + 2, h);
    for (int64_t i = 0; i < lines * size[2]; i++) {
        int64_t line = i / size[2], at = i % size[2] * part, first = line / length * length;
        text_attend(h + first * 3 * width + at, width, part, line - first, weight,
                    y + line * width + at);
    }
    text_linear(y, lines, width, width, param + 4, x);
    text_norm(x, lines, width, param + 6, n);
    for (int64_t i = 0; i < 4 * lines * width; i++)
        h[i] = 0;
    text_linear(n, lines, width, 4 * width, param + 8, h);
    for (int64_t i = 0; i < 4 * lines * width; i++)
        h[i] *= 0.5 * (1 + erf(h[i] / sqrt(2)));
    text_linear(h, lines, 4 * width, width, param + 10, x);
    free(n), free(h), free(y), free(weight);
}

static double text_gpt(const int64_t *size, double *const *in)
{
    int64_t width = size[1], lines = size[3] * size[4];
    double *x = text_room(lines * width), *n = text_room(lines * width), *const *layer = in + 4;
    text_embed(in, lines, width, x);
    for (int64_t i = 0; i < lines * width; i++)
        x[i] += in[3][i % (size[3] * width)];
    for (int64_t i = 0; i < size[0]; i++, layer += TENSORS_LAYER)
        text_layer(size, layer, x);
    text_norm(x, lines, width, layer, n);
    double loss = text_loss(n, in[1], lines, width, layer + 2);
    free(x), free(n);
    return loss;
}

void tensors_text_reference(const tensors_row *row, double *const *in, tensors_results *results)
{
    if (results->count)
        return;
    double loss = row->kind == TENSORS_LSTM ? text_lstm(row->size, in) : text_gpt(row->size, in);
    tensors_record(results, "loss", TENSORS_F64, 1, &loss);
    results->array[0].tolerance = 1e-5;
}
