/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "ops/rows.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/node.h"
#include "base/parallel.h"

/* Elements in a task; parts in which the rows' sums for weights are made, and rows in one. */
enum { ROWS_TASK = 16384, ROWS_PARTS = 16, ROWS_LEAST = 32 };

typedef struct rows_work {
    const tp__row_kernels *kernels;
    const tp__rows *rows;
    size_t item;
    int64_t chunk;
    char *sums; /* of each part: n for the weight, n for the bias */
} rows_work;

static tp__rows rows_part(const rows_work *work, int64_t number)
{
    tp__rows part = *work->rows;
    int64_t first = number * work->chunk, left = part.rows - first;
    int64_t bytes = first * part.n * (int64_t)work->item;
    part.rows = left < work->chunk ? left : work->chunk;
    part.x = part.x ? part.x + bytes : NULL;
    part.y = part.y ? part.y + bytes : NULL;
    part.gy = part.gy ? part.gy + bytes : NULL;
    part.to = part.to ? part.to + bytes : NULL;
    return part;
}

static void rows_forward_task(void *ctx, int64_t number)
{
    const rows_work *work = ctx;
    tp__rows part = rows_part(work, number);
    work->kernels->forward(&part);
}

static void rows_backward_task(void *ctx, int64_t number)
{
    const rows_work *work = ctx;
    tp__rows part = rows_part(work, number);
    char *sums = work->sums + 2 * number * part.n * (int64_t)work->item;
    part.g_weight = part.g_weight ? sums : NULL;
    part.g_bias = part.g_bias ? sums + part.n * (int64_t)work->item : NULL;
    work->kernels->backward(&part);
}

static int64_t rows_run(rows_work *work, void (*task)(void *ctx, int64_t number))
{
    const tp__rows *rows = work->rows;
    int64_t tasks = (rows->rows - 1) / work->chunk + 1;
    tp__parallel(tasks, work->kernels->cost * (double)rows->rows * (double)rows->n, task, work);
    return tasks;
}

void tp__rows_forward(const tp__row_kernels *kernels, const tp__rows *rows, size_t item)
{
    int64_t chunk = rows->n < ROWS_TASK ? ROWS_TASK / (rows->n + 1) + 1 : 1;
    rows_work work = {.kernels = kernels, .rows = rows, .item = item, .chunk = chunk};
    if (rows->rows > 0)
        rows_run(&work, rows_forward_task);
}

#define ROWS_ADD(Type)                                                                             \
    static void rows_add_##Type(int64_t n, const void *from, void *to)                             \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                            \
            ((Type *)to)[i] += ((const Type *)from)[i];                                            \
    }

ROWS_ADD(float)
ROWS_ADD(double)

/* The parts' sums, one after the other. */
static void rows_collect(const rows_work *work, int64_t parts, tp_dtype dtype)
{
    const tp__rows *rows = work->rows;
    for (int64_t i = 0; i < 2 * parts; i++) {
        char *to = i % 2 ? rows->g_bias : rows->g_weight;
        const char *from = work->sums + i * rows->n * (int64_t)work->item;
        if (to)
            (dtype == TP_F32 ? rows_add_float : rows_add_double)(rows->n, from, to);
    }
}

bool tp__rows_backward(const tp__row_kernels *kernels, const tp__rows *rows, tp_dtype dtype)
{
    if (rows->rows == 0 || rows->n == 0)
        return true;
    bool sums = rows->g_weight || rows->g_bias;
    rows_work work = {.kernels = kernels, .rows = rows, .item = tp__dtype_size(dtype)};
    work.chunk = sums ? rows->rows / ROWS_PARTS : ROWS_TASK / (rows->n + 1);
    work.chunk = work.chunk < (sums ? ROWS_LEAST : 1) ? (sums ? ROWS_LEAST : 1) : work.chunk;
    size_t parts = (size_t)((rows->rows - 1) / work.chunk + 1);
    if (sums && !(work.sums = tp__alloc_zero(2 * parts * (size_t)rows->n, work.item)))
        return false;
    rows_run(&work, rows_backward_task);
    if (sums)
        rows_collect(&work, (int64_t)parts, dtype);
    tp__free(work.sums);
    return true;
}

/* --- Channels --- */

typedef struct rows_channels {
    const tp__channels *channels;
    void (*kernel)(const tp__channels *channels);
} rows_channels;

static void rows_channel_task(void *ctx, int64_t number)
{
    const rows_channels *work = ctx;
    tp__channels one = *work->channels;
    one.first = number;
    one.last = number + 1;
    work->kernel(&one);
}

void tp__channels_run(const tp__channel_kernels *kernels, const tp__channels *channels,
                      bool backward)
{
    rows_channels work = {channels, backward ? kernels->backward : kernels->forward};
    double elements = (double)channels->images * (double)channels->channels;
    tp__parallel(channels->channels, kernels->cost * elements * (double)channels->plane,
                 rows_channel_task, &work);
}

/* --- Reference --- */

#define ROWS_AT(Type, pointer) ((const Type *)(const void *)(rows->pointer) + r * n)
#define ROWS_TO(Type) ((Type *)(void *)rows->to + r * n)

#define ROWS_SOFTMAX(Type)                                                                         \
    /* What drops out of row r: its largest element, 0 if that is infinite or there is a NaN. */   \
    static double rows_largest_##Type(const tp__rows *rows, int64_t r, double *sum)                \
    {                                                                                              \
        const int64_t n = rows->n;                                                                 \
        const Type *x = ROWS_AT(Type, x);                                                          \
        double largest = -(double)INFINITY;                                                        \
        for (int64_t i = 0; i < n; i++)                                                            \
            largest = (double)x[i] > largest ? (double)x[i] : largest;                             \
        largest = isfinite(largest) ? largest : 0;                                                 \
        *sum = 0;                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                            \
            *sum += exp((double)x[i] - largest);                                                   \
        return largest;                                                                            \
    }                                                                                              \
                                                                                                   \
    static void rows_softmax_##Type(const tp__rows *rows)                                          \
    {                                                                                              \
        const int64_t n = rows->n;                                                                 \
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            double sum, largest = rows_largest_##Type(rows, r, &sum);                              \
            for (int64_t i = 0; i < n; i++)                                                        \
                ROWS_TO(Type)[i] = (Type)(exp((double)ROWS_AT(Type, x)[i] - largest) / sum);       \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void rows_log_softmax_##Type(const tp__rows *rows)                                      \
    {                                                                                              \
        const int64_t n = rows->n;                                                                 \
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            double sum, largest = rows_largest_##Type(rows, r, &sum);                              \
            for (int64_t i = 0; i < n; i++)                                                        \
                ROWS_TO(Type)[i] = (Type)((double)ROWS_AT(Type, x)[i] - largest - log(sum));       \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void rows_softmax_back_##Type(const tp__rows *rows)                                     \
    {                                                                                              \
        const int64_t n = rows->n;                                                                 \
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            const Type *y = ROWS_AT(Type, y), *gy = ROWS_AT(Type, gy);                             \
            double dot = 0;                                                                        \
            for (int64_t i = 0; i < n; i++)                                                        \
                dot += (double)gy[i] * (double)y[i];                                               \
            for (int64_t i = 0; i < n; i++)                                                        \
                ROWS_TO(Type)[i] = (Type)((double)y[i] * ((double)gy[i] - dot));                   \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void rows_log_softmax_back_##Type(const tp__rows *rows)                                 \
    {                                                                                              \
        const int64_t n = rows->n;                                                                 \
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            const Type *y = ROWS_AT(Type, y), *gy = ROWS_AT(Type, gy);                             \
            double sum = 0;                                                                        \
            for (int64_t i = 0; i < n; i++)                                                        \
                sum += (double)gy[i];                                                              \
            for (int64_t i = 0; i < n; i++)                                                        \
                ROWS_TO(Type)[i] = (Type)((double)gy[i] - exp((double)y[i]) * sum);                \
        }                                                                                          \
    }

/* centred: layer norm; otherwise RMS norm, whose mean is taken for 0. */
#define ROWS_NORM(name, Type, centred)                                                             \
    static double rows_##name##_scale_##Type(const tp__rows *rows, int64_t r, double *mean)        \
    {                                                                                              \
        const int64_t n = rows->n;                                                                 \
        const Type *x = ROWS_AT(Type, x);                                                          \
        double square = 0;                                                                         \
        *mean = 0;                                                                                 \
        for (int64_t i = 0; (centred) && i < n; i++)                                               \
            *mean += (double)x[i];                                                                 \
        *mean /= (double)n;                                                                        \
        for (int64_t i = 0; i < n; i++)                                                            \
            square += ((double)x[i] - *mean) * ((double)x[i] - *mean);                             \
        return 1 / sqrt(square / (double)n + rows->epsilon);                                       \
    }                                                                                              \
                                                                                                   \
    static void rows_##name##_##Type(const tp__rows *rows)                                         \
    {                                                                                              \
        const int64_t n = rows->n;                                                                 \
        const Type *w = (const Type *)(const void *)rows->weight;                                  \
        const Type *b = (const Type *)(const void *)rows->bias;                                    \
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            double mean, scale = rows_##name##_scale_##Type(rows, r, &mean);                       \
            for (int64_t i = 0; i < n; i++)                                                        \
                ROWS_TO(Type)                                                                      \
            [i] = (Type)(((double)ROWS_AT(Type, x)[i] - mean) * scale * (double)w[i] +             \
                         (b ? (double)b[i] : 0));                                                  \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void rows_##name##_back_##Type(const tp__rows *rows)                                    \
    {                                                                                              \
        const int64_t n = rows->n;                                                                 \
        const Type *w = (const Type *)(const void *)rows->weight;                                  \
        Type *gw = (Type *)(void *)rows->g_weight, *gb = (Type *)(void *)rows->g_bias;             \
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            const Type *x = ROWS_AT(Type, x), *gy = ROWS_AT(Type, gy);                             \
            double mean, scale = rows_##name##_scale_##Type(rows, r, &mean), sum = 0, dot = 0;     \
            for (int64_t i = 0; i < n; i++) {                                                      \
                double at = ((double)x[i] - mean) * scale, g = (double)gy[i] * (double)w[i];       \
                sum += (centred) ? g : 0;                                                          \
                dot += g * at;                                                                     \
                if (gw)                                                                            \
                    gw[i] += (Type)((double)gy[i] * at);                                           \
                if (gb)                                                                            \
                    gb[i] += gy[i];                                                                \
            }                                                                                      \
            for (int64_t i = 0; i < n && rows->to; i++) {                                          \
                double at = ((double)x[i] - mean) * scale, g = (double)gy[i] * (double)w[i];       \
                ROWS_TO(Type)[i] = (Type)(scale * (g - (sum + at * dot) / (double)n));             \
            }                                                                                      \
        }                                                                                          \
    }

#define ROWS_EACH_OF_CHANNEL                                                                       \
    for (int64_t i = 0, at = c * s->plane; i < s->images; i++, at += s->channels * s->plane)       \
        for (int64_t k = at; k < at + s->plane; k++)

#define ROWS_CHANNELS(Type)                                                                        \
    static double rows_channel_scale_##Type(const tp__channels *s, int64_t c, double *mean)        \
    {                                                                                              \
        const Type *x = (const Type *)(const void *)s->x;                                          \
        double square = 0, n = (double)(s->images * s->plane);                                     \
        *mean = 0;                                                                                 \
        ROWS_EACH_OF_CHANNEL                                                                       \
        *mean += (double)x[k];                                                                     \
        *mean /= n;                                                                                \
        ROWS_EACH_OF_CHANNEL                                                                       \
        square += ((double)x[k] - *mean) * ((double)x[k] - *mean);                                 \
        return 1 / sqrt(square / n + s->epsilon);                                                  \
    }                                                                                              \
                                                                                                   \
    static void rows_channels_##Type(const tp__channels *s)                                        \
    {                                                                                              \
        const Type *x = (const Type *)(const void *)s->x;                                          \
        for (int64_t c = s->first; c < s->last; c++) {                                             \
            double mean, scale = rows_channel_scale_##Type(s, c, &mean);                           \
            double w = (double)((const Type *)(const void *)s->weight)[c];                         \
            double b = (double)((const Type *)(const void *)s->bias)[c];                           \
            ROWS_EACH_OF_CHANNEL((Type *)(void *)s->to)                                            \
            [k] = (Type)(((double)x[k] - mean) * scale * w + b);                                   \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void rows_channels_back_##Type(const tp__channels *s)                                   \
    {                                                                                              \
        const Type *x = (const Type *)(const void *)s->x;                                          \
        const Type *gy = (const Type *)(const void *)s->gy;                                        \
        double n = (double)(s->images * s->plane);                                                 \
        for (int64_t c = s->first; c < s->last; c++) {                                             \
            double mean, scale = rows_channel_scale_##Type(s, c, &mean), sum = 0, dot = 0;         \
            double w = (double)((const Type *)(const void *)s->weight)[c];                         \
            ROWS_EACH_OF_CHANNEL                                                                   \
            {                                                                                      \
                sum += (double)gy[k];                                                              \
                dot += (double)gy[k] * ((double)x[k] - mean) * scale;                              \
            }                                                                                      \
            if (s->g_weight)                                                                       \
                ((Type *)(void *)s->g_weight)[c] = (Type)dot;                                      \
            if (s->g_bias)                                                                         \
                ((Type *)(void *)s->g_bias)[c] = (Type)sum;                                        \
            if (!s->to)                                                                            \
                continue;                                                                          \
            ROWS_EACH_OF_CHANNEL((Type *)(void *)s->to)                                            \
            [k] = (Type)(w * scale *                                                               \
                         ((double)gy[k] - (sum + ((double)x[k] - mean) * scale * dot) / n));       \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static const tp__channel_kernels rows_channel_kernels_##Type = {3, rows_channels_##Type,       \
                                                                    rows_channels_back_##Type};

ROWS_CHANNELS(float)
ROWS_CHANNELS(double)

const tp__channel_kernels *tp__channel_reference(tp_dtype dtype)
{
    return dtype == TP_F32 ? &rows_channel_kernels_float : &rows_channel_kernels_double;
}

#define ROWS_REFERENCE(Type)                                                                       \
    ROWS_SOFTMAX(Type)                                                                             \
    ROWS_NORM(layer_norm, Type, true)                                                              \
    ROWS_NORM(rms_norm, Type, false)                                                               \
                                                                                                   \
    static const tp__row_kernels rows_reference_##Type[] = {                                       \
        [TP__SOFTMAX] = {12, rows_softmax_##Type, rows_softmax_back_##Type},                       \
        [TP__LOG_SOFTMAX] = {12, rows_log_softmax_##Type, rows_log_softmax_back_##Type},           \
        [TP__LAYER_NORM] = {3, rows_layer_norm_##Type, rows_layer_norm_back_##Type},               \
        [TP__RMS_NORM] = {3, rows_rms_norm_##Type, rows_rms_norm_back_##Type},                     \
    };

ROWS_REFERENCE(float)
ROWS_REFERENCE(double)

const tp__row_kernels *tp__row_reference(tp__row_kind kind, tp_dtype dtype)
{
    return dtype == TP_F32 ? &rows_reference_float[kind] : &rows_reference_double[kind];
}
