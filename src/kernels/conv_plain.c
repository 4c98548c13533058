/* SPDX-License-Identifier: MIT
 *
 * Convolutions by the loops of their definition, in double.
 */
#include "base/features.h"

#include "kernels/conv.h"

#include "base/alloc.h"
#include "base/dtype.h"

typedef struct plain_sum {
    const tp__conv *conv;
    double *x, *w, *y;
} plain_sum;

static int64_t plain_size(const tp__conv *conv, tp__conv_factor factor)
{
    int64_t size = conv->groups;
    size *= factor == TP__CONV_Y
                ? conv->images * conv->rows
                : conv->channels * (factor == TP__CONV_X ? conv->images : conv->rows);
    for (int i = 0; i < TP__CONV_AXES; i++)
        size *= factor == TP__CONV_Y   ? conv->axis[i].out
                : factor == TP__CONV_X ? conv->axis[i].in
                                       : conv->axis[i].kernel;
    return size;
}

/* How many taps of an axis meet an input for this output: from *first on. */
static int64_t plain_taps(const tp__conv_axis *axis, int64_t out, int64_t *first)
{
    int64_t start = out * axis->stride - axis->padding, last = axis->in - 1 - start;
    *first = start < 0 ? (-start + axis->dilation - 1) / axis->dilation : 0;
    int64_t end = last < 0 ? 0 : last / axis->dilation + 1;
    end = end < axis->kernel ? end : axis->kernel;
    return end > *first ? end - *first : 0;
}

/* All products of one output's element: axis by axis, from the first elements of the image's
 * channel and of the weights. */
static void plain_output(const plain_sum *sum, const int64_t *out, double *x, double *w, double *y)
{
    const tp__conv_axis *axis = sum->conv->axis;
    int64_t first[TP__CONV_AXES], count[TP__CONV_AXES], from[TP__CONV_AXES];
    for (int i = 0; i < TP__CONV_AXES; i++) {
        count[i] = plain_taps(&axis[i], out[i], &first[i]);
        from[i] = out[i] * axis[i].stride - axis[i].padding;
    }
    for (int64_t a = first[0]; a < first[0] + count[0]; a++)
        for (int64_t b = first[1]; b < first[1] + count[1]; b++)
            for (int64_t c = first[2]; c < first[2] + count[2]; c++) {
                int64_t plane = (from[0] + a * axis[0].dilation) * axis[1].in + from[1];
                int64_t row = (plane + b * axis[1].dilation) * axis[2].in + from[2];
                double *at_x = &x[row + c * axis[2].dilation];
                double *at_w = &w[(a * axis[1].kernel + b) * axis[2].kernel + c];
                if (sum->conv->result == TP__CONV_Y)
                    *y += *at_x * *at_w;
                else if (sum->conv->result == TP__CONV_X)
                    *at_x += *y * *at_w;
                else
                    *at_w += *at_x * *y;
            }
}

/* All outputs of one channel from one channel of the same group. */
static void plain_channel(const plain_sum *sum, int64_t image, int64_t group, int64_t row,
                          int64_t channel)
{
    const tp__conv *conv = sum->conv;
    const tp__conv_axis *axis = conv->axis;
    int64_t in = axis[0].in * axis[1].in * axis[2].in, kernel = 1, out[TP__CONV_AXES];
    for (int i = 0; i < TP__CONV_AXES; i++)
        kernel *= axis[i].kernel;
    int64_t outs = axis[0].out * axis[1].out * axis[2].out;
    double *x = sum->x + ((image * conv->groups + group) * conv->channels + channel) * in;
    double *w = sum->w + ((group * conv->rows + row) * conv->channels + channel) * kernel;
    double *y = sum->y + ((image * conv->groups + group) * conv->rows + row) * outs;
    for (out[0] = 0; out[0] < axis[0].out; out[0]++)
        for (out[1] = 0; out[1] < axis[1].out; out[1]++)
            for (out[2] = 0; out[2] < axis[2].out; out[2]++)
                plain_output(sum, out, x, w, y++);
}

/* A factor's elements as double, or zeros for the result. NULL when out of memory. */
static double *plain_factor(const tp__conv *conv, tp__conv_factor factor, const char *from,
                            tp_dtype dtype)
{
    int64_t size = plain_size(conv, factor);
    double *to = tp__alloc_zero((size_t)size, sizeof *to);
    for (int64_t i = 0; to && factor != conv->result && i < size; i++)
        to[i] = tp__read_element(dtype, from + (size_t)i * tp__dtype_size(dtype));
    return to;
}

static void plain_bias(const plain_sum *sum, tp_dtype dtype)
{
    const tp__conv *conv = sum->conv;
    int64_t rows = conv->groups * conv->rows, size = plain_size(conv, TP__CONV_Y);
    int64_t plane = size / (conv->images * rows);
    for (int64_t i = 0; i < size; i++)
        sum->y[i] = tp__read_element(dtype, conv->bias +
                                                (size_t)(i / plane % rows) * tp__dtype_size(dtype));
}

static void plain_all(const plain_sum *sum)
{
    const tp__conv *conv = sum->conv;
    for (int64_t image = 0; image < conv->images; image++)
        for (int64_t group = 0; group < conv->groups; group++)
            for (int64_t row = 0; row < conv->rows; row++)
                for (int64_t channel = 0; channel < conv->channels; channel++)
                    plain_channel(sum, image, group, row, channel);
}

bool tp__conv_plain(const tp__conv *conv, tp_dtype dtype)
{
    char *const at[] = {[TP__CONV_Y] = conv->y, [TP__CONV_X] = conv->x, [TP__CONV_W] = conv->w};
    double *factor[] = {NULL, NULL, NULL};
    bool good = true;
    for (int i = 0; i < 3 && good; i++) {
        factor[i] = plain_factor(conv, (tp__conv_factor)i, at[i], dtype);
        good = factor[i] != NULL;
    }
    if (good) {
        plain_sum sum = {conv, factor[TP__CONV_X], factor[TP__CONV_W], factor[TP__CONV_Y]};
        if (conv->bias)
            plain_bias(&sum, dtype);
        plain_all(&sum);
        int64_t size = plain_size(conv, conv->result);
        for (int64_t i = 0; i < size; i++)
            tp__write_element(dtype, at[conv->result] + (size_t)i * tp__dtype_size(dtype),
                              factor[conv->result][i]);
    }
    for (int i = 0; i < 3; i++)
        tp__free(factor[i]);
    return good;
}
