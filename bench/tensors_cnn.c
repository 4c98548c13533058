/* SPDX-License-Identifier: MIT
 *
 * Data and filters of the network are coarse, so that its convolutions are exact in float32: where
 * rounding decides which element is the largest, or whether one is positive, gradients differ by
 * more than rounding.
 */
#include "tensors_cnn.h"

#include <math.h>

bool tensors_is_cnn(const tensors_row *row)
{
    return row &&
           (row->kind == TENSORS_CONV || row->kind == TENSORS_POOL || row->kind == TENSORS_CNN);
}

static tensors_input cnn_input(int ndim, const int64_t *shape, double bound, bool differentiable)
{
    tensors_input input = {.content = TENSORS_UNIFORM,
                           .low = -bound,
                           .high = bound,
                           .differentiable = differentiable,
                           .ndim = ndim};
    for (int i = 0; i < ndim; i++)
        input.shape[i] = shape[i];
    return input;
}

/* Weights and bias of a layer, as PyTorch's layers start. */
static void cnn_layer(int ndim, const int64_t *shape, tensors_input *param)
{
    double in = 1;
    for (int i = 1; i < ndim; i++)
        in *= (double)shape[i];
    param[0] = cnn_input(ndim, shape, 1 / sqrt(in), true);
    param[1] = cnn_input(1, shape, 1 / sqrt(in), true);
}

static int cnn_network(const int64_t *size, tensors_input *input)
{
    int64_t batch = size[0], side = size[1], flat = size[3] * (side / 4) * (side / 4);
    input[0] = cnn_input(4, (int64_t[]){batch, 1, side, side}, 1, false);
    input[1] = cnn_input(2, (int64_t[]){batch, TENSORS_CLASSES}, 1, false);
    input[1].content = TENSORS_ONE_HOT;
    cnn_layer(4, (int64_t[]){size[2], 1, 3, 3}, input + 2);
    cnn_layer(4, (int64_t[]){size[3], size[2], 3, 3}, input + 4);
    input[0].grain = 0x1p-4;
    input[2].grain = input[3].grain = 0x1p-6;
    input[4].grain = input[5].grain = 0x1p-8;
    cnn_layer(2, (int64_t[]){size[4], flat}, input + 6);
    cnn_layer(2, (int64_t[]){TENSORS_CLASSES, size[4]}, input + 8);
    return 2 + TENSORS_CNN_PARAMS;
}

int tensors_cnn_list(const tensors_row *row, tensors_input *input)
{
    const int64_t *size = row->size;
    if (row->kind == TENSORS_CNN)
        return cnn_network(size, input);
    bool pool = row->kind == TENSORS_POOL, data = row->how[0] == 'd';
    int64_t side = size[2];
    input[0] = cnn_input(4, (int64_t[]){size[0], size[1], side, side}, 1, pool || data);
    input[1] = pool ? cnn_input(4, (int64_t[]){size[0], size[1], side / 2, side / 2}, 1, false)
                    : cnn_input(4, (int64_t[]){size[3], size[1], 3, 3}, 1, row->how[0] == 'w');
    input[2] = cnn_input(4, (int64_t[]){size[0], size[3], side, side}, 1, false);
    return pool ? 2 : 3;
}
