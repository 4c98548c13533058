/* SPDX-License-Identifier: MIT
 *
 * The rows, and the inputs that follow from a row's kind and sizes. An element is a function of
 * its input's number and its place, so that every side has the same without sharing memory.
 */
#include "tensors_layers.h"

#include <math.h>
#include <string.h>

/* faster, faster_two and share: what is wanted. */
#define ROW(name, kind, type, how, faster, faster_two, share, ...)                                 \
    {                                                                                              \
        name, kind, type, how, {__VA_ARGS__}, faster, faster_two, share                            \
    }
#define CHAIN(name, type, n, faster) ROW(name, TENSORS_CHAIN, type, "", faster, 1, 0, n)
#define GEMM(name, type, how, m, k, n, share)                                                      \
    ROW(name, TENSORS_GEMM, type, how, 0, 1, share, m, k, n)
#define PASS(name, kind, how, ...) ROW(name, kind, TENSORS_F32, how, 1, 1, 0.8, __VA_ARGS__)
#define LAYER(name, kind, how, faster, ...)                                                        \
    ROW(name, kind, TENSORS_F32, how, faster, 1, 0, __VA_ARGS__)
#define MLP(name, batch, faster)                                                                   \
    ROW(name, TENSORS_MLP, TENSORS_F32, "", faster, 1.4, 0, batch, 784, 256, 128, 10)
#define PHYSICS(name, points, faster)                                                              \
    ROW(name, TENSORS_PHYSICS, TENSORS_F64, "", faster, 1.4, 0, points, 1, 32, 32, 1)
#define TRAIN(name, kind, faster, share, ...)                                                      \
    ROW(name, kind, TENSORS_F32, "", faster, 1.4, share, __VA_ARGS__)

const tensors_row tensors_rows[] = {
    CHAIN("chain float32 10", TENSORS_F32, 10, 30),
    CHAIN("chain float32 1e3", TENSORS_F32, 1000, 0),
    CHAIN("chain float32 1e5", TENSORS_F32, 100000, 5),
    CHAIN("chain float32 4e6", TENSORS_F32, 4000000, 10),
    CHAIN("chain float64 10", TENSORS_F64, 10, 30),
    CHAIN("chain float64 1e3", TENSORS_F64, 1000, 0),
    CHAIN("chain float64 1e5", TENSORS_F64, 100000, 4),
    CHAIN("chain float64 4e6", TENSORS_F64, 4000000, 4),
    GEMM("gemm float32 16", TENSORS_F32, "NN", 16, 16, 16, 0),
    GEMM("gemm float32 64", TENSORS_F32, "NN", 64, 64, 64, 0),
    GEMM("gemm float32 256", TENSORS_F32, "NN", 256, 256, 256, 0.85),
    GEMM("gemm float32 1024", TENSORS_F32, "NN", 1024, 1024, 1024, 0.85),
    GEMM("gemm float64 16", TENSORS_F64, "NN", 16, 16, 16, 0),
    GEMM("gemm float64 64", TENSORS_F64, "NN", 64, 64, 64, 0),
    GEMM("gemm float64 256", TENSORS_F64, "NN", 256, 256, 256, 0.85),
    GEMM("gemm float64 1024", TENSORS_F64, "NN", 1024, 1024, 1024, 0.85),
    GEMM("gemm float32 128x784x256 NN", TENSORS_F32, "NN", 128, 784, 256, 0.85),
    GEMM("gemm float32 128x784x256 NT", TENSORS_F32, "NT", 128, 784, 256, 0.85),
    GEMM("gemm float32 128x784x256 TN", TENSORS_F32, "TN", 128, 784, 256, 0.85),
    PASS("sum 2048x2048", TENSORS_SUM, "", 2048, 2048),
    PASS("sum 2048x2048 axis 0", TENSORS_SUM, "0", 2048, 2048),
    PASS("sum 2048x2048 axis 1", TENSORS_SUM, "1", 2048, 2048),
    PASS("sum 64x256x256 axes 0, 2", TENSORS_SUM, "02", 64, 256, 256),
    PASS("max 2048x2048 axis 1", TENSORS_MAX, "1", 2048, 2048),
    PASS("4096x1024 plus row", TENSORS_ADD_ROW, "", 4096, 1024),
    PASS("4096x1024 times column", TENSORS_MUL_COLUMN, "", 4096, 1024),
    PASS("4096x1024 plus row, gradient", TENSORS_ROW_GRADIENT, "", 4096, 1024),
    MLP("mlp batch 1", 1, 3.5),
    MLP("mlp batch 32", 32, 0),
    MLP("mlp batch 128", 128, 1.6),
    PHYSICS("physics 64 points", 64, 6),
    PHYSICS("physics 1024 points", 1024, 2.8),
    LAYER("conv2d 32x64x32x32", TENSORS_CONV, "forward", 0, 32, 64, 32, 64),
    LAYER("conv2d 32x64x32x32, data", TENSORS_CONV, "data", 0, 32, 64, 32, 64),
    LAYER("conv2d 32x64x32x32, weights", TENSORS_CONV, "weights", 0, 32, 64, 32, 64),
    LAYER("conv2d 64x1x28x28", TENSORS_CONV, "forward", 0, 64, 1, 28, 32),
    LAYER("conv2d 64x1x28x28, data", TENSORS_CONV, "data", 0, 64, 1, 28, 32),
    LAYER("conv2d 64x1x28x28, weights", TENSORS_CONV, "weights", 0, 64, 1, 28, 32),
    LAYER("max_pool2d 64x32x28x28", TENSORS_POOL, "", 1.25, 64, 32, 28),
    LAYER("softmax 4096x1000", TENSORS_PART, "softmax", 1.25, 4096, 1000),
    LAYER("cross-entropy 4096x1000", TENSORS_PART, "cross_entropy", 1.25, 4096, 1000),
    LAYER("layer norm 4096x1024", TENSORS_PART, "layer_norm", 1.25, 4096, 1024),
    LAYER("RMS norm 4096x1024", TENSORS_PART, "rms_norm", 1.25, 4096, 1024),
    LAYER("batch norm 64x64x28x28", TENSORS_PART, "batch_norm", 1.25, 64, 64, 28),
    LAYER("embedding 8192 of 1000x256", TENSORS_PART, "embedding", 1.25, 8192, 256, 1000),
    LAYER("attention 64x256x64", TENSORS_PART, "attention", 0, 64, 256, 64),
    TRAIN("cnn batch 64", TENSORS_CNN, 1.8, 0, 64, 28, 32, 64, 128),
    TRAIN("lstm 64 x 32, width 128", TENSORS_LSTM, 1.1, 0.9, 64, 32, 128),
    TRAIN("gpt 4 x 128, 64 x 8", TENSORS_GPT, 1.4, 0.8, 4, 128, 4, 64, 8),
};
const int tensors_row_count = sizeof tensors_rows / sizeof *tensors_rows;

tensors_row tensors_tiny(const tensors_row *row)
{
    tensors_row tiny = *row;
    for (int i = 0; i < TENSORS_SIZES; i++)
        if (tiny.size[i] > 8)
            tiny.size[i] = 8;
    return tiny;
}

int tensors_ndim(const tensors_row *row)
{
    int n = 0;
    while (n < TENSORS_SIZES && row->size[n] > 0)
        n++;
    return n;
}

bool tensors_reduces(const tensors_row *row, int axis)
{
    return !row->how[0] || strchr(row->how, '0' + axis);
}

double tensors_rate(int64_t step)
{
    return step <= TENSORS_STEPS ? 1e-3 : 1e-7;
}

/* --- Inputs --- */

/* A uniform one of shape (a, b), or (a) if b is 0. */
static tensors_input rows_uniform(int64_t a, int64_t b, double low, double high,
                                  bool differentiable)
{
    return (tensors_input){.content = TENSORS_UNIFORM,
                           .low = low,
                           .high = high,
                           .differentiable = differentiable,
                           .ndim = b ? 2 : 1,
                           .shape = {a, b}};
}

/* Weights and biases of a network with these widths, as PyTorch's linear layers start. */
static int rows_network(const int64_t *width, tensors_input *param)
{
    for (int i = 0; i < TENSORS_LAYERS; i++) {
        double bound = 1 / sqrt((double)width[i]);
        param[2 * i] = rows_uniform(width[i], width[i + 1], -bound, bound, true);
        param[2 * i + 1] = rows_uniform(width[i + 1], 0, -bound, bound, true);
    }
    return TENSORS_PARAMS;
}

static int rows_list(const tensors_row *row, tensors_input *input)
{
    const int64_t *size = row->size;
    input[1] = (tensors_input){0};
    switch (row->kind) {
    case TENSORS_CHAIN:
        input[0] = rows_uniform(size[0], 0, -2, 2, true);
        return 1;
    case TENSORS_GEMM:
        input[0] = rows_uniform(size[0], size[1], -1, 1, false);
        input[1] = rows_uniform(size[1], size[2], -1, 1, false);
        if (row->how[0] == 'T')
            input[0] = rows_uniform(size[1], size[0], -1, 1, false);
        if (row->how[1] == 'T')
            input[1] = rows_uniform(size[2], size[1], -1, 1, false);
        return 2;
    case TENSORS_SUM:
    case TENSORS_MAX:
        input[0] = rows_uniform(size[0], size[1], 0, 1, false);
        input[0].ndim = tensors_ndim(row);
        input[0].shape[2] = size[2];
        return 1;
    case TENSORS_ADD_ROW:
    case TENSORS_ROW_GRADIENT:
        input[0] = rows_uniform(size[0], size[1], -1, 1, false);
        input[1] = rows_uniform(size[1], 0, -1, 1, row->kind == TENSORS_ROW_GRADIENT);
        input[2] = rows_uniform(size[0], size[1], 0, 1, false);
        return row->kind == TENSORS_ROW_GRADIENT ? 3 : 2;
    case TENSORS_MUL_COLUMN:
        input[0] = rows_uniform(size[0], size[1], -1, 1, false);
        input[1] = rows_uniform(size[0], 1, -1, 1, false);
        return 2;
    case TENSORS_MLP:
        input[0] = rows_uniform(size[0], size[1], 0, 1, false);
        input[1] = rows_uniform(size[0], size[4], 0, 1, false);
        input[1].content = TENSORS_ONE_HOT;
        return 2 + rows_network(size + 1, input + 2);
    case TENSORS_PHYSICS:
        input[0] = rows_uniform(size[0], 1, 0, acos(-1), true);
        input[1] = rows_uniform(2, 1, 0, acos(-1), false);
        input[0].content = input[1].content = TENSORS_SPACED;
        return 2 + rows_network(size + 1, input + 2);
    default:
        if (tensors_is_layer(row))
            return tensors_layer_list(row, input);
        return tensors_is_text(row) ? tensors_text_list(row, input) : tensors_cnn_list(row, input);
    }
}

int tensors_describe(const tensors_row *row, tensors_input input[TENSORS_INPUTS])
{
    int count = rows_list(row, input);
    for (int i = 0; i < count; i++) {
        input[i].n = 1;
        for (int axis = 0; axis < input[i].ndim; axis++)
            input[i].n *= input[i].shape[axis];
    }
    return count;
}

/* A hash of two numbers (Steele, Lea & Flood 2014) as a number in [0, 1). */
static double rows_random(int stream, int64_t place)
{
    uint64_t z = ((uint64_t)place + ((uint64_t)stream << 40) + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static double rows_element(const tensors_input *input, int i, int64_t place)
{
    double at = 0;
    switch (input->content) {
    case TENSORS_UNIFORM:
        at = rows_random(i, place);
        break;
    case TENSORS_SPACED:
        at = (double)place / (double)(input->n - 1);
        break;
    case TENSORS_ONE_HOT: {
        int64_t classes = input->shape[1], row = place / classes;
        return place % classes == (int64_t)(rows_random(i, row) * (double)classes);
    }
    }
    double element = input->low + at * (input->high - input->low);
    return input->grain > 0 ? round(element / input->grain) * input->grain : element;
}

void tensors_fill(const tensors_input *input, int i, tensors_type type, void *data)
{
    for (int64_t place = 0; place < input->n; place++) {
        double element = rows_element(input, i, place);
        if (type == TENSORS_F32)
            ((float *)data)[place] = (float)element;
        else
            ((double *)data)[place] = element;
    }
}
