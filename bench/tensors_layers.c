/* SPDX-License-Identifier: MIT
 *
 * The inputs of parts of networks, and their values in loops of doubles.
 */
#include "tensors_layers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool tensors_is_layer(const tensors_row *row)
{
    return row && row->kind == TENSORS_PART;
}

bool tensors_layer_is(const tensors_row *row, const char *how)
{
    return !strcmp(row->how, how);
}

static bool layer_is_norm(const tensors_row *row)
{
    return strstr(row->how, "norm") != NULL;
}

static tensors_input layer_input(int ndim, const int64_t *shape, bool differentiable)
{
    tensors_input input = {.low = -1, .high = 1, .differentiable = differentiable, .ndim = ndim};
    for (int i = 0; i < ndim; i++)
        input.shape[i] = shape[i];
    return input;
}

int tensors_layer_list(const tensors_row *row, tensors_input *input)
{
    const int64_t *n = row->size, wide[] = {n[0], n[1], n[2], n[2]};
    int ndim = tensors_layer_is(row, "batch_norm") ? 4 : tensors_layer_is(row, "attention") ? 3 : 2;
    input[0] = layer_input(ndim, wide, true);
    if (tensors_layer_is(row, "attention")) {
        for (int i = 1; i < 4; i++)
            input[i] = layer_input(3, wide, i < 3);
        return 4;
    }
    if (tensors_layer_is(row, "embedding")) {
        input[0] = layer_input(2, (int64_t[]){n[2], n[1]}, true);
        input[1] = layer_input(2, (int64_t[]){n[0], n[2]}, false);
        input[1].content = TENSORS_ONE_HOT;
        input[2] = layer_input(2, wide, false);
        return 3;
    }
    if (layer_is_norm(row)) {
        input[1] = layer_input(1, n + 1, true);
        input[2] = layer_input(1, n + 1, true);
        input[3] = layer_input(ndim, wide, false);
        return 4;
    }
    input[1] = layer_input(2, wide, false);
    if (tensors_layer_is(row, "cross_entropy"))
        input[1].content = TENSORS_ONE_HOT;
    return 2;
}

/* --- By hand --- */

static void layer_softmax(const double *x, int64_t rows, int64_t n, double *y)
{
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++)
            sum += y[r * n + i] = exp(x[r * n + i]);
        for (int64_t i = 0; i < n; i++)
            y[r * n + i] /= sum;
    }
}

static double layer_cross_entropy(const double *x, const double *one_hot, int64_t rows, int64_t n)
{
    double loss = 0;
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++) {
            sum += exp(x[r * n + i]);
            loss -= one_hot[r * n + i] * x[r * n + i];
        }
        loss += log(sum);
    }
    return loss / (double)rows;
}

/* Of groups g: element e of group g is x[place(g, e)]; weight and bias by element or by group. */
static void layer_norm(const tensors_row *row, double *const *in, double *y)
{
    bool batch = tensors_layer_is(row, "batch_norm"), rms = tensors_layer_is(row, "rms_norm");
    int64_t n = row->size[0], c = row->size[1], plane = batch ? row->size[2] * row->size[2] : 1;
    int64_t groups = batch ? c : n, each = batch ? n * plane : c;
    for (int64_t g = 0; g < groups; g++) {
        double mean = 0, square = 0;
        for (int pass = 0; pass < 3; pass++)
            for (int64_t e = 0; e < each; e++) {
                int64_t at = batch ? (e / plane * c + g) * plane + e % plane : g * c + e;
                int64_t k = batch ? g : e;
                double away = in[0][at] - mean;
                mean += pass == 0 && !rms ? in[0][at] / (double)each : 0;
                square += pass == 1 ? away * away / (double)each : 0;
                if (pass == 2)
                    y[at] = away / sqrt(square + 1e-5) * in[1][k] + (rms ? 0 : in[2][k]);
            }
    }
}

static void layer_attention(const int64_t *size, double *const *in, double *y)
{
    int64_t length = size[1], width = size[2];
    double *weight = malloc((size_t)length * sizeof *weight);
    for (int64_t i = 0; weight && i < size[0] * length; i++) {
        int64_t head = i / length * length;
        double sum = 0;
        for (int64_t j = head; j <= i; j++) {
            double dot = 0;
            for (int64_t e = 0; e < width; e++)
                dot += in[0][i * width + e] * in[1][j * width + e];
            sum += weight[j - head] = exp(dot / sqrt((double)width));
        }
        for (int64_t j = head; j <= i; j++)
            for (int64_t e = 0; e < width; e++)
                y[i * width + e] += weight[j - head] / sum * in[2][j * width + e];
    }
    free(weight);
}

static void layer_embedding(const int64_t *size, double *const *in, double *y)
{
    for (int64_t i = 0; i < size[0]; i++) {
        int64_t word = 0;
        while (word + 1 < size[2] && in[1][i * size[2] + word] == 0)
            word++;
        memcpy(y + i * size[1], in[0] + word * size[1], (size_t)size[1] * sizeof *y);
    }
}

void tensors_layer_reference(const tensors_row *row, double *const *in, tensors_results *results)
{
    tensors_input input[TENSORS_INPUTS];
    int count = tensors_describe(row, input);
    int64_t n = input[count - 1].n;
    double *y = calloc((size_t)n, sizeof *y);
    if (!y)
        return;
    if (tensors_layer_is(row, "softmax"))
        layer_softmax(in[0], row->size[0], row->size[1], y);
    else if (tensors_layer_is(row, "cross_entropy"))
        y[0] = layer_cross_entropy(in[0], in[1], row->size[0], row->size[1]);
    else if (tensors_layer_is(row, "attention"))
        layer_attention(row->size, in, y);
    else if (tensors_layer_is(row, "embedding"))
        layer_embedding(row->size, in, y);
    else
        layer_norm(row, in, y);
    tensors_record(results, "value", TENSORS_F64, tensors_layer_is(row, "cross_entropy") ? 1 : n,
                   y);
    results->array[0].tolerance = 1e-5;
    free(y);
}
