/* SPDX-License-Identifier: MIT
 *
 * Convolutions, pooling and their network derived by hand, in double precision. Of a large result
 * only some images or filters are computed, the others are NaN.
 */
#include "tensors_cnn.h"

#include <math.h>
#include <stdlib.h>

/* y (images, filters, side, side) from x (images, channels, side, side) and 3 × 3 weights. */
typedef struct cnn_shape {
    int64_t images, channels, side, filters;
} cnn_shape;

static double *cnn_allocate(int64_t n)
{
    double *p = calloc((size_t)n + 1, sizeof *p);
    if (!p) {
        fputs("error: no memory for the reference\n", stderr);
        exit(1);
    }
    return p;
}

/* to ← to + weight · from, moved by (dy, dx) in the plane. */
static void cnn_shift_add(int64_t side, int64_t dy, int64_t dx, double weight, const double *from,
                          double *to)
{
    for (int64_t y = 0; y < side; y++)
        for (int64_t x = dx < 0 ? -dx : 0;
             y + dy >= 0 && y + dy < side && x < side && x + dx < side; x++)
            to[y * side + x] += weight * from[(y + dy) * side + x + dx];
}

static double cnn_shift_dot(int64_t side, int64_t dy, int64_t dx, const double *a, const double *b)
{
    double sum = 0;
    for (int64_t y = 0; y < side; y++)
        for (int64_t x = dx < 0 ? -dx : 0;
             y + dy >= 0 && y + dy < side && x < side && x + dx < side; x++)
            sum += a[y * side + x] * b[(y + dy) * side + x + dx];
    return sum;
}

/* One of 'f': y from x and w; 'd': x from y and w; 'w': w from x and y. Every `every`-th image, or
 * filter for w. */
static void cnn_conv(const cnn_shape *s, char how, int64_t every, double *x, double *w, double *y)
{
    int64_t plane = s->side * s->side;
    for (int64_t n = 0; n < s->images; n++)
        for (int64_t o = 0; o < s->filters; o++)
            for (int64_t c = 0; c < s->channels; c++)
                for (int64_t k = 0; k < 9; k++) {
                    double *at_x = x + (n * s->channels + c) * plane;
                    double *at_y = y + (n * s->filters + o) * plane;
                    double *at_w = w + (o * s->channels + c) * 9 + k;
                    int64_t dy = k / 3 - 1, dx = k % 3 - 1;
                    if ((how == 'w' ? o : n) % every)
                        continue;
                    if (how == 'f')
                        cnn_shift_add(s->side, dy, dx, *at_w, at_x, at_y);
                    else if (how == 'd')
                        cnn_shift_add(s->side, -dy, -dx, *at_w, at_y, at_x);
                    else
                        *at_w += cnn_shift_dot(s->side, dy, dx, at_y, at_x);
                }
}

/* The place of the largest of each 2 × 2. */
static int64_t cnn_largest(const double *x, int64_t side, int64_t i)
{
    int64_t half = side / 2, first = i / half * 2 * side + i % half * 2, best = first;
    for (int64_t k = 1; k < 4; k++) {
        int64_t at = first + k / 2 * side + k % 2;
        best = x[at] > x[best] ? at : best;
    }
    return best;
}

static void cnn_pool(int64_t planes, int64_t side, const double *x, double *y)
{
    int64_t out = side / 2 * (side / 2);
    for (int64_t p = 0; p < planes; p++)
        for (int64_t i = 0; i < out; i++)
            y[p * out + i] = x[p * side * side + cnn_largest(x + p * side * side, side, i)];
}

static void cnn_pool_back(int64_t planes, int64_t side, const double *x, const double *gy,
                          double *gx)
{
    int64_t out = side / 2 * (side / 2);
    for (int64_t p = 0; p < planes; p++)
        for (int64_t i = 0; i < out; i++)
            gx[p * side * side + cnn_largest(x + p * side * side, side, i)] += gy[p * out + i];
}

static void cnn_record(tensors_results *results, const char *name, int64_t n, const double *data)
{
    int i = results->count;
    tensors_record(results, name, TENSORS_F64, n, data);
    results->array[i].tolerance = 1e-4;
}

/* --- Single operations --- */

static void cnn_single_conv(const tensors_row *row, double *const *in, tensors_results *results)
{
    const int64_t *size = row->size;
    cnn_shape s = {size[0], size[1], size[2], size[3]};
    int64_t plane = s.side * s.side, every = s.channels > 8 ? 13 : 1;
    int64_t n = row->how[0] == 'w'
                    ? s.filters * s.channels * 9
                    : s.images * plane * (row->how[0] == 'd' ? s.channels : s.filters);
    int64_t count = row->how[0] == 'w' ? s.filters : s.images;
    double *to = cnn_allocate(n), *x = in[0], *w = in[1], *y = in[2];
    cnn_conv(&s, row->how[0], every, row->how[0] == 'd' ? to : x, row->how[0] == 'w' ? to : w,
             row->how[0] == 'f' ? to : y);
    for (int64_t i = 0; i < n; i++)
        if (i / (n / count) % every)
            to[i] = (double)NAN;
    cnn_record(results, "result", n, to);
    free(to);
}

static void cnn_single_pool(const tensors_row *row, double *const *in, tensors_results *results)
{
    int64_t planes = row->size[0] * row->size[1], side = row->size[2];
    double *y = cnn_allocate(planes * side * side / 4), *gx = cnn_allocate(planes * side * side);
    cnn_pool(planes, side, in[0], y);
    cnn_pool_back(planes, side, in[0], in[1], gx);
    cnn_record(results, "value", planes * (side / 2) * (side / 2), y);
    cnn_record(results, "gradient", planes * side * side, gx);
    free(y), free(gx);
}

/* --- The network --- */

/* h ← max(h + bias, 0), bias for each run of n elements; cut: relu. */
static void cnn_bias(double *h, int64_t runs, int64_t filters, int64_t n, const double *bias,
                     bool cut)
{
    for (int64_t i = 0; i < runs * n; i++) {
        h[i] += bias[i / n % filters];
        h[i] = cut && h[i] < 0 ? 0 : h[i];
    }
}

/* g ← 0 where h is 0; gb ← sums of g. */
static void cnn_bias_back(const double *h, double *g, int64_t runs, int64_t filters, int64_t n,
                          double *gb, bool cut)
{
    for (int64_t i = 0; i < runs * n; i++) {
        g[i] = cut && h[i] <= 0 ? 0 : g[i];
        gb[i / n % filters] += g[i];
    }
}

static void cnn_linear(const double *x, const double *w, int64_t batch, int64_t in, int64_t out,
                       double *y)
{
    for (int64_t i = 0; i < batch; i++)
        for (int64_t j = 0; j < out; j++)
            for (int64_t k = 0; k < in; k++)
                y[i * out + j] += x[i * in + k] * w[j * in + k];
}

static void cnn_linear_back(const double *x, const double *w, const double *gy, int64_t batch,
                            int64_t in, int64_t out, double *gx, double *gw)
{
    for (int64_t i = 0; i < batch; i++)
        for (int64_t j = 0; j < out; j++)
            for (int64_t k = 0; k < in; k++) {
                gx[i * in + k] += gy[i * out + j] * w[j * in + k];
                gw[j * in + k] += gy[i * out + j] * x[i * in + k];
            }
}

/* The mean of −log softmax at the label; its gradient takes the place of z. */
static double cnn_cross_entropy(double *z, const double *one_hot, int64_t batch)
{
    double loss = 0;
    for (int64_t i = 0; i < batch; i++) {
        double sum = 0, *at = z + i * TENSORS_CLASSES;
        for (int j = 0; j < TENSORS_CLASSES; j++)
            sum += exp(at[j]);
        for (int j = 0; j < TENSORS_CLASSES; j++) {
            bool label = one_hot[i * TENSORS_CLASSES + j] > 0;
            loss -= label ? at[j] - log(sum) : 0;
            at[j] = (exp(at[j]) / sum - label) / (double)batch;
        }
    }
    return loss / (double)batch;
}

/* Results of layers, and gradients for them: convolutions, pools, linear layers. */
typedef struct cnn_state {
    cnn_shape conv[2];
    int64_t batch, flat, width, size[6];
    double *h[6], *g[6], *gw[TENSORS_CNN_PARAMS];
} cnn_state;

static void cnn_begin(cnn_state *s, const tensors_row *row)
{
    const int64_t *size = row->size;
    int64_t side = size[1], half = side / 2;
    s->batch = size[0];
    s->width = size[4];
    s->flat = size[3] * (half / 2) * (half / 2);
    s->conv[0] = (cnn_shape){s->batch, 1, side, size[2]};
    s->conv[1] = (cnn_shape){s->batch, size[2], half, size[3]};
    for (int i = 0; i < 2; i++) {
        int64_t planes = s->batch * s->conv[i].filters, n = s->conv[i].side;
        s->size[2 * i] = planes * n * n;
        s->size[2 * i + 1] = planes * (n / 2) * (n / 2);
    }
    s->size[4] = s->batch * s->width;
    s->size[5] = s->batch * TENSORS_CLASSES;
    for (int i = 0; i < 6; i++) {
        s->h[i] = cnn_allocate(s->size[i]);
        s->g[i] = cnn_allocate(s->size[i]);
    }
    tensors_input input[TENSORS_INPUTS];
    tensors_describe(row, input);
    for (int i = 0; i < TENSORS_CNN_PARAMS; i++)
        s->gw[i] = cnn_allocate(input[2 + i].n);
}

static void cnn_forward(cnn_state *s, double *const *in)
{
    double *const *param = in + 2, *x = in[0];
    for (int i = 0; i < 2; i++) {
        const cnn_shape *shape = &s->conv[i];
        int64_t planes = s->batch * shape->filters, plane = shape->side * shape->side;
        cnn_conv(shape, 'f', 1, x, param[2 * i], s->h[2 * i]);
        cnn_bias(s->h[2 * i], planes, shape->filters, plane, param[2 * i + 1], true);
        cnn_pool(planes, shape->side, s->h[2 * i], s->h[2 * i + 1]);
        x = s->h[2 * i + 1];
    }
    cnn_linear(x, param[4], s->batch, s->flat, s->width, s->h[4]);
    cnn_bias(s->h[4], s->size[4], s->width, 1, param[5], true);
    cnn_linear(s->h[4], param[6], s->batch, s->width, TENSORS_CLASSES, s->h[5]);
    cnn_bias(s->h[5], s->size[5], TENSORS_CLASSES, 1, param[7], false);
}

/* From h[5], the gradient of the last layer. */
static void cnn_backward(cnn_state *s, double *const *in)
{
    double *const *param = in + 2;
    cnn_bias_back(s->h[5], s->h[5], s->size[5], TENSORS_CLASSES, 1, s->gw[7], false);
    cnn_linear_back(s->h[4], param[6], s->h[5], s->batch, s->width, TENSORS_CLASSES, s->g[4],
                    s->gw[6]);
    cnn_bias_back(s->h[4], s->g[4], s->size[4], s->width, 1, s->gw[5], true);
    cnn_linear_back(s->h[3], param[4], s->g[4], s->batch, s->flat, s->width, s->g[3], s->gw[4]);
    for (int i = 1; i >= 0; i--) {
        const cnn_shape *shape = &s->conv[i];
        int64_t planes = s->batch * shape->filters, plane = shape->side * shape->side;
        double *x = i ? s->h[1] : in[0];
        cnn_pool_back(planes, shape->side, s->h[2 * i], s->g[2 * i + 1], s->g[2 * i]);
        cnn_bias_back(s->h[2 * i], s->g[2 * i], planes, shape->filters, plane, s->gw[2 * i + 1],
                      true);
        cnn_conv(shape, 'w', 1, x, s->gw[2 * i], s->g[2 * i]);
        if (i)
            cnn_conv(shape, 'd', 1, s->g[1], param[2], s->g[2]);
    }
}

static void cnn_network(const tensors_row *row, double *const *in, tensors_results *results)
{
    cnn_state s;
    cnn_begin(&s, row);
    cnn_forward(&s, in);
    double loss = cnn_cross_entropy(s.h[5], in[1], s.batch);
    cnn_record(results, "loss", 1, &loss);
    cnn_backward(&s, in);
    tensors_input input[TENSORS_INPUTS];
    tensors_describe(row, input);
    for (int i = 0; i < TENSORS_CNN_PARAMS; i++) {
        cnn_record(results, "gradient", input[2 + i].n, s.gw[i]);
        free(s.gw[i]);
    }
    for (int i = 0; i < 6; i++)
        free(s.h[i]), free(s.g[i]);
}

void tensors_cnn_reference(const tensors_row *row, double *const *in, tensors_results *results)
{
    if (row->kind == TENSORS_CNN)
        cnn_network(row, in, results);
    else if (row->kind == TENSORS_POOL)
        cnn_single_pool(row, in, results);
    else
        cnn_single_conv(row, in, results);
}
