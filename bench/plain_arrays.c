/* SPDX-License-Identifier: MIT */
#include "plain_arrays.h"

#include "peers.h"

#include <math.h>
#include <stdlib.h>

enum { PLAIN_ELEMENTS = 10, PLAIN_LAYERS = 3, PLAIN_UNITS = 64 };

void bench_plain_elements(int n, double at, double *out)
{
    double x[PLAIN_ELEMENTS], g[PLAIN_ELEMENTS] = {0}, y = 0, sum = 0;
    for (int i = 0; i < PLAIN_ELEMENTS; i++)
        x[i] = at - 0.25 * i;
    for (int step = 0; step < n; step++) {
        y = 0;
        for (int i = 0; i < PLAIN_ELEMENTS; i++) {
            double bell = exp(-x[i] * x[i]), sine = sin(x[i]), bump = tanh(sine * bell);
            y += bump + x[i] * x[i] / 2;
            g[i] = (1 - bump * bump) * bell * (cos(x[i]) - 2 * x[i] * sine) + x[i];
        }
        out[2] = y; /* every step's value is needed */
    }
    for (int i = 0; i < PLAIN_ELEMENTS; i++)
        sum += g[i];
    out[0] = y, out[1] = sum;
}

/* One layer: weight (out, in), bias, what went in and came out, and the gradient of the latter. */
typedef struct plain_layer {
    int in, out;
    float weight[PLAIN_UNITS * PLAIN_UNITS], bias[PLAIN_UNITS];
    float y[PLAIN_UNITS], gy[PLAIN_UNITS];
} plain_layer;

float bench_network_weight(int inputs, int k)
{
    return (float)(sin(1.0 + k) / sqrt(inputs));
}

static void plain_forward(plain_layer *l, const float *x, int activated)
{
    for (int o = 0; o < l->out; o++) {
        float sum = l->bias[o];
        for (int i = 0; i < l->in; i++)
            sum += l->weight[o * l->in + i] * x[i];
        l->y[o] = activated ? tanhf(sum) : sum;
    }
}

/* The gradient of x into gx, which is NULL for the input, and the step. */
static void plain_backward(plain_layer *l, const float *x, float *gx, int activated)
{
    for (int i = 0; gx && i < l->in; i++)
        gx[i] = 0;
    for (int o = 0; o < l->out; o++) {
        float g = activated ? l->gy[o] * (1 - l->y[o] * l->y[o]) : l->gy[o];
        float *w = l->weight + o * l->in, step = 0.01f * g;
        for (int i = 0; gx && i < l->in; i++)
            gx[i] += g * w[i];
        for (int i = 0; i < l->in; i++)
            w[i] -= step * x[i];
        l->bias[o] -= step;
    }
}

static double plain_sum(const plain_layer *l)
{
    double sum = 0;
    for (int k = 0; k < l->in * l->out; k++)
        sum += (double)l->weight[k];
    return sum;
}

void bench_plain_network(int n, double at, double *out)
{
    const int units = (int)at, sizes[] = {4, units, units, 2};
    const float target[] = {0.5f, -0.5f};
    static plain_layer l[PLAIN_LAYERS];
    float input[4];
    for (int i = 0; i < 4; i++)
        input[i] = cosf((float)i);
    for (int i = 0; i < PLAIN_LAYERS; i++) {
        l[i].in = sizes[i], l[i].out = sizes[i + 1];
        for (int k = 0; k < l[i].in * l[i].out; k++)
            l[i].weight[k] = bench_network_weight(l[i].in, k);
        for (int k = 0; k < l[i].out; k++)
            l[i].bias[k] = 0;
    }
    for (int step = 0; step < n; step++) {
        plain_forward(&l[0], input, 1);
        plain_forward(&l[1], l[0].y, 1);
        plain_forward(&l[2], l[1].y, 0);
        out[0] = 0;
        for (int i = 0; i < 2; i++) {
            l[2].gy[i] = l[2].y[i] - target[i];
            out[0] += (double)(l[2].gy[i] * l[2].gy[i]) / 2;
        }
        plain_backward(&l[2], l[1].y, l[1].gy, 0);
        plain_backward(&l[1], l[0].y, l[0].gy, 1);
        plain_backward(&l[0], input, NULL, 1);
    }
    out[1] = plain_sum(&l[0]), out[2] = plain_sum(&l[2]);
}
