/* SPDX-License-Identifier: MIT
 *
 * What nobody can leave out of convolutions and pooling: the products at the BLAS's rate, one
 * image's im2col product at a time, without making that; a pass over memory that reads and writes
 * each way of pooling, with what is elementwise before it; for training, one over parameters too.
 */
#include "tensors_cnn.h"

#include <stdlib.h>

enum { CNN_ARRAYS = 3 };

typedef struct cnn_limit {
    tensors_row row;
    int64_t params;
    void *array[CNN_ARRAYS];
} cnn_limit;

static void cnn_close(void *state)
{
    cnn_limit *limit = state;
    for (int i = 0; i < CNN_ARRAYS; i++)
        free(limit->array[i]);
    free(limit);
}

static void *cnn_open(const tensors_row *row)
{
    tensors_input input[TENSORS_INPUTS];
    int inputs = tensors_describe(row, input);
    cnn_limit *limit = calloc(1, sizeof *limit);
    if (!limit)
        return NULL;
    limit->row = *row;
    int64_t room = row->size[0] * row->size[1] * row->size[1] * row->size[2];
    for (int i = 0; i < inputs; i++) {
        limit->params += i >= 2 ? input[i].n : 0;
        room = input[i].n > room ? input[i].n : room;
    }
    if (row->kind == TENSORS_CONV && room < 9 * row->size[1] * row->size[2] * row->size[2])
        room = 9 * row->size[1] * row->size[2] * row->size[2];
    for (int i = 0; i < CNN_ARRAYS; i++)
        if (!(limit->array[i] = tensors_limit_array(room))) {
            cnn_close(limit);
            return NULL;
        }
    return limit;
}

/* A convolution of 3 × 3 with as many images; how: 'f', 'd', 'w'. */
static void cnn_conv(const cnn_limit *limit, char how, int64_t images, int64_t channels,
                     int64_t side, int64_t filters)
{
    int64_t depth = 9 * channels, places = side * side;
    const int64_t forward[] = {filters, depth, places}, data[] = {depth, filters, places};
    const int64_t weights[] = {filters, places, depth};
    const int64_t *size = how == 'f' ? forward : how == 'd' ? data : weights;
    const char *layout = how == 'f' ? "NN" : how == 'd' ? "TN" : "NT";
    for (int64_t i = 0; i < images; i++)
        tensors_limit_product(TENSORS_F32, layout, size, limit->array[0], limit->array[1],
                              limit->array[2]);
}

static void cnn_linear(const cnn_limit *limit, int64_t batch, int64_t in, int64_t out)
{
    void *const *array = limit->array;
    const int64_t forward[] = {batch, in, out}, data[] = {batch, out, in};
    const int64_t weights[] = {out, batch, in};
    tensors_limit_product(TENSORS_F32, "NT", forward, array[0], array[1], array[2]);
    tensors_limit_product(TENSORS_F32, "NN", data, array[0], array[1], array[2]);
    tensors_limit_product(TENSORS_F32, "TN", weights, array[0], array[1], array[2]);
}

/* Forward: n elements are read, a fourth written. Backward: a fourth read, n read and written. */
static void cnn_pool(const cnn_limit *limit, int64_t n)
{
    tensors_limit_read(limit->array[0], (size_t)n * sizeof(float));
    tensors_limit_copy(limit->array[2], limit->array[0], n / 4);
    tensors_limit_copy(limit->array[2], limit->array[0], n);
}

static void cnn_step(void *state, tensors_results *results)
{
    (void)results;
    const cnn_limit *limit = state;
    const int64_t *size = limit->row.size;
    if (limit->row.kind == TENSORS_CONV) {
        cnn_conv(limit, limit->row.how[0], size[0], size[1], size[2], size[3]);
    } else if (limit->row.kind == TENSORS_POOL) {
        cnn_pool(limit, size[0] * size[1] * size[2] * size[2]);
    } else {
        int64_t batch = size[0], side = size[1], half = side / 2, flat = size[3] * half * half / 4;
        cnn_conv(limit, 'f', batch, 1, side, size[2]);
        cnn_conv(limit, 'w', batch, 1, side, size[2]);
        cnn_pool(limit, batch * size[2] * side * side);
        cnn_conv(limit, 'f', batch, size[2], half, size[3]);
        cnn_conv(limit, 'd', batch, size[2], half, size[3]);
        cnn_conv(limit, 'w', batch, size[2], half, size[3]);
        cnn_pool(limit, batch * size[3] * half * half);
        cnn_linear(limit, batch, flat, size[4]);
        cnn_linear(limit, batch, size[4], TENSORS_CLASSES);
        tensors_limit_copy(limit->array[2], limit->array[0], limit->params);
    }
}

const tensors_side *tensors_cnn_limit(void)
{
    static const tensors_side side = {
        .name = "limit", .version = "", .open = cnn_open, .step = cnn_step, .close = cnn_close};
    return &side;
}
