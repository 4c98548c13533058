/* SPDX-License-Identifier: MIT
 *
 * The rows derived by hand, in double precision: the reference for results. Of a large product only
 * some lines are computed. The network's gradients come from the chain rule; the physics-informed
 * one's, which need third derivatives, from central differences in some of its parameters, with u'
 * and u'' carried along with u.
 */
#include "tensors_layers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct tensors_plain_state {
    tensors_row row;
    tensors_input input[TENSORS_INPUTS];
    double *in[TENSORS_INPUTS];
} tensors_plain_state;

static double *plain_allocate(int64_t n)
{
    double *p = calloc((size_t)n + 1, sizeof *p);
    if (!p) {
        fputs("error: no memory for the reference\n", stderr);
        exit(1);
    }
    return p;
}

static double *plain_input(const tensors_input *input, int i, tensors_type type)
{
    double *p = plain_allocate(input->n);
    if (type == TENSORS_F64) {
        tensors_fill(input, i, type, p);
        return p;
    }
    float *narrow = (float *)(void *)plain_allocate(input->n);
    tensors_fill(input, i, type, narrow);
    for (int64_t j = 0; j < input->n; j++)
        p[j] = (double)narrow[j];
    free(narrow);
    return p;
}

static void *plain_open(const tensors_row *row)
{
    tensors_plain_state *plain = calloc(1, sizeof *plain);
    if (!plain)
        return NULL;
    plain->row = *row;
    int inputs = tensors_describe(row, plain->input);
    for (int i = 0; i < inputs; i++)
        plain->in[i] = plain_input(&plain->input[i], i, row->type);
    return plain;
}

static void plain_close(void *state)
{
    tensors_plain_state *plain = state;
    for (int i = 0; i < TENSORS_INPUTS; i++)
        free(plain->in[i]);
    free(plain);
}

static void plain_record(const tensors_plain_state *plain, tensors_results *results,
                         const char *name, int64_t n, const double *data)
{
    int i = results->count;
    tensors_record(results, name, TENSORS_F64, n, data);
    if (plain->row.type == TENSORS_F32)
        results->array[i].tolerance = 1e-4;
}

/* --- Elementwise, products, reductions --- */

static void plain_chain(const tensors_plain_state *plain, tensors_results *results)
{
    int64_t n = plain->row.size[0];
    const double *x = plain->in[0];
    double sum = 0, *gradient = plain_allocate(n);
    for (int64_t i = 0; i < n; i++) {
        double bell = exp(-x[i] * x[i]), t = tanh(sin(x[i]) * bell);
        sum += t + x[i] * x[i] / 2;
        gradient[i] = (1 - t * t) * (cos(x[i]) - 2 * x[i] * sin(x[i])) * bell + x[i];
    }
    plain_record(plain, results, "value", 1, &sum);
    plain_record(plain, results, "gradient", n, gradient);
    free(gradient);
}

/* c (m, n) = a (m, k) × b (k, n). Distances between neighbours in a line and in a column say how a
 * and b lie. Only every `every`-th line, the others are NaN. */
static void plain_product(const int64_t *size, const double *a, const int64_t a_step[2],
                          const double *b, const int64_t b_step[2], int every, double *c)
{
    int64_t m = size[0], k = size[1], n = size[2];
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            c[i * n + j] = i % every ? (double)NAN : 0;
    for (int64_t i = 0; i < m; i += every)
        for (int64_t l = 0; l < k; l++)
            for (int64_t j = 0; j < n; j++)
                c[i * n + j] += a[i * a_step[0] + l * a_step[1]] * b[l * b_step[0] + j * b_step[1]];
}

static void plain_gemm(const tensors_plain_state *plain, tensors_results *results)
{
    const int64_t *size = plain->row.size, n = size[0] * size[2];
    int64_t a_step[2] = {size[1], 1}, b_step[2] = {size[2], 1};
    if (plain->row.how[0] == 'T')
        a_step[0] = 1, a_step[1] = size[0];
    if (plain->row.how[1] == 'T')
        b_step[0] = 1, b_step[1] = size[1];
    double *c = plain_allocate(n);
    int every = size[0] > 64 ? 37 : 1;
    plain_product(size, plain->in[0], a_step, plain->in[1], b_step, every, c);
    plain_record(plain, results, "product", n, c);
    free(c);
}

/* Where the reduction puts the element at `place`. */
static int64_t plain_kept_place(const tensors_row *row, int64_t place)
{
    int64_t kept = 0, stride = 1;
    for (int axis = tensors_ndim(row) - 1; axis >= 0; axis--) {
        if (!tensors_reduces(row, axis)) {
            kept += place % row->size[axis] * stride;
            stride *= row->size[axis];
        }
        place /= row->size[axis];
    }
    return kept;
}

static void plain_reduce(const tensors_plain_state *plain, tensors_results *results)
{
    const tensors_row *row = &plain->row;
    int64_t n = plain->input[0].n, kept = plain_kept_place(row, n - 1) + 1;
    double *y = plain_allocate(kept);
    for (int64_t i = 0; i < n; i++) {
        double x = plain->in[0][i], *to = &y[plain_kept_place(row, i)];
        *to = row->kind == TENSORS_MAX ? fmax(*to, x) : *to + x; /* inputs are not negative */
    }
    plain_record(plain, results, "reduced", kept, y);
    free(y);
}

static void plain_broadcast(const tensors_plain_state *plain, tensors_results *results)
{
    int64_t rows = plain->row.size[0], columns = plain->row.size[1];
    double *y = plain_allocate(rows * columns), *gradient = plain_allocate(columns);
    bool scales = plain->row.kind == TENSORS_MUL_COLUMN;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            int64_t place = i * columns + j;
            double x = plain->in[0][place];
            y[place] = scales ? x * plain->in[1][i] : x + plain->in[1][j];
            if (plain->in[2])
                gradient[j] += plain->in[2][place];
        }
    plain_record(plain, results, "value", rows * columns, y);
    if (plain->in[2])
        plain_record(plain, results, "gradient", columns, gradient);
    free(y), free(gradient);
}

/* --- The network with cross-entropy --- */

/* h (batch, out) = x (batch, in) × w + b, then relu. */
static void plain_layer(const double *x, int64_t batch, int64_t in, int64_t out, const double *w,
                        const double *b, bool relu, double *h)
{
    for (int64_t i = 0; i < batch; i++) {
        memcpy(h + i * out, b, (size_t)out * sizeof *h);
        for (int64_t l = 0; l < in; l++)
            for (int64_t j = 0; j < out; j++)
                h[i * out + j] += x[i * in + l] * w[l * out + j];
        for (int64_t j = 0; relu && j < out; j++)
            h[i * out + j] = fmax(h[i * out + j], 0);
    }
}

/* From gy, the gradient of the layer's result before relu: those of w and b, and into gx that of x,
 * cut where x, which came out of relu, is 0. gx may be NULL. */
static void plain_layer_back(const double *x, int64_t batch, int64_t in, int64_t out,
                             const double *w, const double *gy, double *gw, double *gb, double *gx)
{
    for (int64_t i = 0; i < batch; i++)
        for (int64_t l = 0; l < in; l++) {
            double sum = 0;
            for (int64_t j = 0; j < out; j++) {
                gw[l * out + j] += x[i * in + l] * gy[i * out + j];
                sum += w[l * out + j] * gy[i * out + j];
            }
            if (gx)
                gx[i * in + l] = x[i * in + l] > 0 ? sum : 0;
        }
    for (int64_t i = 0; i < batch; i++)
        for (int64_t j = 0; j < out; j++)
            gb[j] += gy[i * out + j];
}

/* The mean of −log softmax at the label; its gradient takes the place of h. */
static double plain_cross_entropy(double *h, const double *one_hot, int64_t batch, int64_t classes)
{
    double loss = 0;
    for (int64_t i = 0; i < batch; i++) {
        double sum = 0, *z = h + i * classes;
        for (int64_t j = 0; j < classes; j++)
            sum += exp(z[j]);
        for (int64_t j = 0; j < classes; j++) {
            bool label = one_hot[i * classes + j] > 0;
            loss -= label ? z[j] - log(sum) : 0;
            z[j] = (exp(z[j]) / sum - label) / (double)batch;
        }
    }
    return loss / (double)batch;
}

static void plain_network(const tensors_plain_state *plain, tensors_results *results)
{
    enum { LAST = TENSORS_LAYERS };
    int64_t batch = plain->row.size[0];
    const int64_t *width = plain->row.size + 1;
    double *const *param = plain->in + 2, *g[TENSORS_PARAMS];
    double *h[LAST + 1] = {plain->in[0]}, *gh[LAST + 1] = {NULL};
    for (int i = 0; i < LAST; i++) {
        h[i + 1] = plain_allocate(batch * width[i + 1]);
        gh[i + 1] = i + 1 < LAST ? plain_allocate(batch * width[i + 1]) : h[LAST];
        plain_layer(h[i], batch, width[i], width[i + 1], param[2 * i], param[2 * i + 1],
                    i + 1 < LAST, h[i + 1]);
    }
    double loss = plain_cross_entropy(h[LAST], plain->in[1], batch, width[LAST]);
    plain_record(plain, results, "loss", 1, &loss);

    for (int i = LAST - 1; i >= 0; i--) {
        g[2 * i] = plain_allocate(width[i] * width[i + 1]);
        g[2 * i + 1] = plain_allocate(width[i + 1]);
        plain_layer_back(h[i], batch, width[i], width[i + 1], param[2 * i], gh[i + 1], g[2 * i],
                         g[2 * i + 1], gh[i]);
    }
    for (int i = 0; i < TENSORS_PARAMS; i++) {
        plain_record(plain, results, "gradient", plain->input[2 + i].n, g[i]);
        free(g[i]);
    }
    for (int i = 1; i <= LAST; i++) {
        free(h[i]);
        if (i < LAST)
            free(gh[i]);
    }
}

/* --- The physics-informed network --- */

/* A value and its first two derivatives for x. */
typedef struct plain_jet {
    double at, first, second;
} plain_jet;

enum { PLAIN_WIDTH = 64 };

static plain_jet plain_tanh(plain_jet z)
{
    double t = tanh(z.at), slope = 1 - t * t;
    return (plain_jet){t, slope * z.first, slope * z.second - 2 * t * slope * z.first * z.first};
}

static plain_jet plain_solution(const tensors_plain_state *plain, double x)
{
    const int64_t *width = plain->row.size + 1;
    double *const *param = plain->in + 2;
    plain_jet h[PLAIN_WIDTH] = {{x, 1, 0}}, z[PLAIN_WIDTH];
    for (int i = 0; i < TENSORS_LAYERS; i++) {
        for (int64_t j = 0; j < width[i + 1]; j++) {
            z[j] = (plain_jet){param[2 * i + 1][j], 0, 0};
            for (int64_t l = 0; l < width[i]; l++) {
                double w = param[2 * i][l * width[i + 1] + j];
                z[j].at += w * h[l].at;
                z[j].first += w * h[l].first;
                z[j].second += w * h[l].second;
            }
        }
        for (int64_t j = 0; j < width[i + 1]; j++)
            h[j] = i + 1 < TENSORS_LAYERS ? plain_tanh(z[j]) : z[j];
    }
    return h[0];
}

static double plain_physics_loss(const tensors_plain_state *plain)
{
    int64_t points = plain->row.size[0];
    double loss = 0;
    for (int64_t i = 0; i < points; i++) {
        double x = plain->in[0][i], residual = plain_solution(plain, x).second + sin(x);
        loss += residual * residual / (double)points;
    }
    for (int i = 0; i < 2; i++) {
        double u = plain_solution(plain, plain->in[1][i]).at;
        loss += u * u;
    }
    return loss;
}

static void plain_physics(const tensors_plain_state *plain, tensors_results *results)
{
    double loss = plain_physics_loss(plain), h = 1e-5;
    plain_record(plain, results, "loss", 1, &loss);
    int64_t every = plain->row.size[0] > 64 ? 101 : 23;
    for (int i = 2; i < 2 + TENSORS_PARAMS; i++) {
        int64_t n = plain->input[i].n;
        double *gradient = plain_allocate(n), *param = plain->in[i];
        for (int64_t j = 0; j < n; j++) {
            gradient[j] = (double)NAN;
            if (j % every)
                continue;
            double kept = param[j];
            param[j] = kept + h, gradient[j] = plain_physics_loss(plain);
            param[j] = kept - h, gradient[j] -= plain_physics_loss(plain);
            param[j] = kept, gradient[j] /= 2 * h;
        }
        plain_record(plain, results, "gradient", n, gradient);
        results->array[results->count - 1].tolerance = 1e-6;
        free(gradient);
    }
}

/* Optimisers are not derived: of networks only the first step has a reference. */
static void plain_step(void *state, tensors_results *results)
{
    const tensors_plain_state *plain = state;
    if (!results || results->count > 0)
        return;
    switch (plain->row.kind) {
    case TENSORS_CHAIN:
        plain_chain(plain, results);
        break;
    case TENSORS_GEMM:
        plain_gemm(plain, results);
        break;
    case TENSORS_SUM:
    case TENSORS_MAX:
        plain_reduce(plain, results);
        break;
    case TENSORS_ADD_ROW:
    case TENSORS_MUL_COLUMN:
    case TENSORS_ROW_GRADIENT:
        plain_broadcast(plain, results);
        break;
    case TENSORS_MLP:
        plain_network(plain, results);
        break;
    case TENSORS_PHYSICS:
        plain_physics(plain, results);
        break;
    case TENSORS_PART:
        tensors_layer_reference(&plain->row, plain->in, results);
        break;
    case TENSORS_LSTM:
    case TENSORS_GPT:
        tensors_text_reference(&plain->row, plain->in, results);
        break;
    default:
        tensors_cnn_reference(&plain->row, plain->in, results);
        break;
    }
}

const tensors_side *tensors_plain(const tensors_row *row)
{
    (void)row;
    static const tensors_side side = {.name = "plain C",
                                      .version = "",
                                      .open = plain_open,
                                      .step = plain_step,
                                      .close = plain_close};
    return &side;
}
