/* SPDX-License-Identifier: MIT
 *
 * What nobody can leave out of a row, as stages: what one computes has to be there before the next
 * begins. A convolution multiplies where its filter meets the image; what a layer's activation
 * reads and writes can hide behind products; a norm needs the whole line. Of a sweep back products
 * and norms count what it reads of the sweep forward.
 */
#include "tensors_layers.h"

typedef struct stages_list {
    tensors_stage *stage;
    int count;
} stages_list;

static tensors_stage *stages_add(stages_list *list, double times, double flops, int64_t read,
                                 int64_t written)
{
    tensors_stage *stage = &list->stage[list->count++];
    *stage =
        (tensors_stage){.times = (int64_t)times, .flops = flops, .read = read, .written = written};
    return stage;
}

static double stages_product(int64_t m, int64_t k, int64_t n)
{
    return 2.0 * (double)m * (double)k * (double)n;
}

/* Of a linear layer: forwards, the weights' gradient, and the input's unless this is the first. */
static void stages_linear(stages_list *list, int64_t lines, int64_t in, int64_t out, bool first)
{
    double flops = stages_product(lines, in, out);
    stages_add(list, 1, flops, lines * in + in * out, lines * out);
    stages_add(list, 1, flops, lines * in + lines * out, in * out);
    if (!first)
        stages_add(list, 1, flops, lines * out + in * out, lines * in);
}

/* Adam reads a gradient, a parameter and two moments and writes all but the gradient. */
static void stages_adam(stages_list *list, int64_t params)
{
    stages_add(list, 1, 0, 4 * params, 3 * params);
}

static int64_t stages_params(const tensors_row *row)
{
    tensors_input input[TENSORS_INPUTS];
    int count = tensors_describe(row, input);
    int64_t params = 0;
    for (int i = 2; i < count; i++)
        params += input[i].n;
    return params;
}

/* --- Networks --- */

static void stages_mlp(stages_list *list, const tensors_row *row)
{
    const int64_t *width = row->size + 1;
    for (int i = 0; i < TENSORS_LAYERS; i++)
        stages_linear(list, row->size[0], width[i], width[i + 1], i == 0);
    stages_adam(list, stages_params(row));
}

/* u, u' and u'' at each point go through the layers together, and back for weights and inputs. */
static void stages_physics(stages_list *list, const tensors_row *row)
{
    int64_t points = row->size[0], width = row->size[2];
    double flops =
        3 * (2 * stages_product(points, 1, width) + stages_product(points, width, width));
    tensors_stage *stage = stages_add(list, 1, 3 * flops, 0, 0);
    stage->calls[TENSORS_TANH] = 2 * points * width;
    stages_adam(list, stages_params(row));
}

static void stages_lstm(stages_list *list, const tensors_row *row)
{
    int64_t steps = row->size[0], batch = row->size[1], width = row->size[2];
    int64_t lines = steps * batch;
    double flops = stages_product(lines, width, 4 * width) +
                   stages_product(lines - batch, width, 4 * width) +
                   stages_product(lines, width, TENSORS_CHARACTERS);
    tensors_stage *stage = stages_add(list, 1, 3 * flops, 0, 0);
    stage->calls[TENSORS_EXP] = 3 * lines * width + lines * TENSORS_CHARACTERS;
    stage->calls[TENSORS_TANH] = 2 * lines * width;
    stages_adam(list, stages_params(row));
}

/* Scores that are not masked, of heads of this length. */
static int64_t stages_scores(int64_t heads, int64_t length)
{
    return heads * (length * (length + 1) / 2);
}

/* Scores and values, and back four products of what they are made of. */
static double stages_attention(int64_t scores, int64_t width)
{
    return 6 * stages_product(scores, width, 1);
}

static void stages_norm(stages_list *list, double times, int64_t n)
{
    stages_add(list, times, 0, n, n);
    stages_add(list, times, 0, 2 * n, n);
}

static void stages_gpt(stages_list *list, const tensors_row *row)
{
    int64_t layers = row->size[0], width = row->size[1], heads = row->size[2],
            length = row->size[3];
    int64_t batch = row->size[4], lines = length * batch;
    int64_t scores = stages_scores(heads * batch, length);
    double layer =
        3 * stages_product(lines, width, 12 * width) + stages_attention(scores, width / heads);
    double head = 3 * stages_product(lines, width, TENSORS_CHARACTERS);
    tensors_stage *stage = stages_add(list, 1, (double)layers * layer + head, 0, 0);
    stage->calls[TENSORS_EXP] = layers * (scores + 4 * lines * width) + lines * TENSORS_CHARACTERS;
    stage->calls[TENSORS_ERF] = layers * 4 * lines * width;
    stages_norm(list, (double)(2 * layers + 1), lines * width);
    stages_adam(list, stages_params(row));
}

/* Of a 3 × 3 filter that is moved over a padded plane; what is multiplied with padding does not
 * count. */
static double stages_conv(int64_t images, int64_t channels, int64_t side, int64_t filters)
{
    return stages_product(images * filters, channels, (3 * side - 2) * (3 * side - 2));
}

static void stages_cnn(stages_list *list, const tensors_row *row)
{
    const int64_t *size = row->size;
    int64_t batch = size[0], side = size[1], half = side / 2,
            flat = size[3] * (half / 2) * (half / 2);
    stages_add(list, 1,
               2 * stages_conv(batch, 1, side, size[2]) +
                   3 * stages_conv(batch, size[2], half, size[3]),
               0, 0);
    stages_linear(list, batch, flat, size[4], false);
    stages_linear(list, batch, size[4], TENSORS_CLASSES, false);
    stages_add(list, 1, 0, 2 * stages_params(row), stages_params(row));
}

/* --- Single operations --- */

static void stages_single_conv(stages_list *list, const tensors_row *row)
{
    const int64_t *size = row->size;
    int64_t plane = size[2] * size[2], x = size[0] * size[1] * plane, y = size[0] * size[3] * plane;
    int64_t w = size[1] * size[3] * 9, all = x + y + w;
    int64_t written = row->how[0] == 'f' ? y : row->how[0] == 'd' ? x : w;
    stages_add(list, 1, stages_conv(size[0], size[1], size[2], size[3]), all - written, written);
}

static void stages_part(stages_list *list, const tensors_row *row)
{
    const int64_t *size = row->size;
    int64_t n = size[0] * size[1] * (size[2] ? size[2] * size[2] : 1);
    if (tensors_layer_is(row, "attention")) {
        int64_t scores = stages_scores(size[0], size[1]);
        stages_add(list, 1, stages_attention(scores, size[2]), 0, 0)->calls[TENSORS_EXP] = scores;
    } else if (tensors_layer_is(row, "embedding")) {
        stages_add(list, 1, 0, size[0] * size[1], size[0] * size[1]);
        stages_add(list, 1, 0, size[0] * size[1], size[2] * size[1]);
    } else if (tensors_layer_is(row, "softmax")) {
        stages_norm(list, 1, n);
        list->stage[0].calls[TENSORS_EXP] = n;
    } else if (tensors_layer_is(row, "cross_entropy")) {
        stages_add(list, 1, 0, n, 0)->calls[TENSORS_EXP] = n;
        stages_add(list, 1, 0, n, n);
    } else {
        stages_norm(list, 1, n);
    }
}

static void stages_chain(stages_list *list, const tensors_row *row)
{
    int64_t n = row->size[0];
    tensors_stage *stage = stages_add(list, 1, 0, n, n);
    for (int f = 0; f < TENSORS_FUNCTIONS; f++)
        stage->calls[f] = f == TENSORS_ERF ? 0 : n;
}

int tensors_stages(const tensors_row *row, tensors_stage stage[TENSORS_STAGES])
{
    const int64_t *size = row->size;
    stages_list list = {.stage = stage};
    tensors_input input[TENSORS_INPUTS];
    tensors_describe(row, input);
    int64_t n = input[0].n;
    switch (row->kind) {
    case TENSORS_CHAIN:
        stages_chain(&list, row);
        break;
    case TENSORS_GEMM:
        stages_add(&list, 1, stages_product(size[0], size[1], size[2]), n + size[1] * size[2],
                   size[0] * size[2]);
        break;
    case TENSORS_SUM:
    case TENSORS_MAX:
        stages_add(&list, 1, 0, n, 0);
        break;
    case TENSORS_ROW_GRADIENT:
        stages_add(&list, 1, 0, n, n);
        stages_add(&list, 1, 0, n, 0);
        break;
    case TENSORS_ADD_ROW:
    case TENSORS_MUL_COLUMN:
        stages_add(&list, 1, 0, n, n);
        break;
    case TENSORS_MLP:
        stages_mlp(&list, row);
        break;
    case TENSORS_PHYSICS:
        stages_physics(&list, row);
        break;
    case TENSORS_CONV:
        stages_single_conv(&list, row);
        break;
    case TENSORS_POOL:
        n = size[0] * size[1] * size[2] * size[2];
        stages_add(&list, 1, 0, n, n / 4);
        stages_add(&list, 1, 0, n / 4, n);
        break;
    case TENSORS_CNN:
        stages_cnn(&list, row);
        break;
    case TENSORS_LSTM:
        stages_lstm(&list, row);
        break;
    case TENSORS_GPT:
        stages_gpt(&list, row);
        break;
    case TENSORS_PART:
        stages_part(&list, row);
        break;
    }
    return list.count;
}
