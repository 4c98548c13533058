/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "kernels/softmax_norm.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/node.h"
#include "base/parallel.h"

/* Elements in a task; parts in which the rows' sums for weights are made, and rows in one. */
enum { ROWS_TASK = 16384, ROWS_PARTS = 8, ROWS_LEAST = 32 };

/* Bytes of a result that nobody finds in a cache when it is done, and what its lines are multiples
 * of where kernels can write it past the caches. */
enum { ROWS_PAST = 8 << 20, ROWS_PAST_LINE = 32 };

static bool rows_past(const char *to, int64_t lines, int64_t bytes)
{
    return lines >= ROWS_PAST / bytes && ((uintptr_t)to | (uintptr_t)bytes) % ROWS_PAST_LINE == 0;
}

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
    part.past =
        part.to && rows_past(work->rows->to, work->rows->rows, part.n * (int64_t)work->item);
    part.each = part.each ? part.each + first * (int64_t)work->item : NULL;
    part.g_each = part.g_each ? part.g_each + first * (int64_t)work->item : NULL;
    part.at = part.at ? part.at + first : NULL;
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

void tp__rows_backward(const tp__row_kernels *kernels, const tp__rows *rows, tp_dtype dtype)
{
    if (rows->rows == 0 || rows->n == 0)
        return;
    bool sums = rows->g_weight || rows->g_bias;
    rows_work work = {.kernels = kernels, .rows = rows, .item = tp__dtype_size(dtype)};
    work.chunk = sums ? rows->rows / ROWS_PARTS : ROWS_TASK / (rows->n + 1);
    work.chunk = work.chunk < (sums ? ROWS_LEAST : 1) ? (sums ? ROWS_LEAST : 1) : work.chunk;
    size_t parts = (size_t)((rows->rows - 1) / work.chunk + 1);
    if (sums && !(work.sums = tp__alloc_zero(2 * parts * (size_t)rows->n, work.item)))
        return;
    rows_run(&work, rows_backward_task);
    if (sums)
        rows_collect(&work, (int64_t)parts, dtype);
    tp__free(work.sums);
}

/* --- Where plain sums lose digits --- */

const tp__row_end tp__row_no_end;

static double rows_at(size_t item, const char *line, int64_t i)
{
    return item == sizeof(float) ? (double)((const float *)(const void *)line)[i]
                                 : ((const double *)(const void *)line)[i];
}

static int64_t rows_most(size_t item, int64_t n, const char *y)
{
    int64_t most = 0;
    for (int64_t i = 1; i < n; i++)
        most = rows_at(item, y, i) > rows_at(item, y, most) ? i : most;
    return most;
}

tp__row_end tp__softmax_end(size_t item, int64_t n, const char *y, const char *gy)
{
    tp__row_end end = {rows_most(item, n, y), 0};
    double own = rows_at(item, gy, end.at);
    for (int64_t i = 0; i < n; i++)
        if (i != end.at)
            end.gradient += rows_at(item, y, i) * (own - rows_at(item, gy, i));
    end.gradient *= rows_at(item, y, end.at);
    return end;
}

tp__row_end tp__log_softmax_end(size_t item, int64_t n, const char *y, const char *gy)
{
    tp__row_end end = {rows_most(item, n, y), 0};
    double others = 0, log_own = rows_at(item, y, end.at);
    for (int64_t i = 0; i < n; i++)
        others += i != end.at ? rows_at(item, gy, i) : 0;
    end.gradient = -expm1(log_own) * rows_at(item, gy, end.at) - exp(log_own) * others;
    return end;
}

void tp__log_sum_end(size_t item, int64_t n, const char *x, double g, char *to)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++)
        count += rows_at(item, x, i) == (double)INFINITY;
    for (int64_t i = 0; i < n; i++) {
        double share = rows_at(item, x, i) == (double)INFINITY ? g / (double)count : 0;
        if (item == sizeof(float))
            ((float *)(void *)to)[i] = (float)share;
        else
            ((double *)(void *)to)[i] = share;
    }
}

double tp__log_of_powers(double ones, double rest)
{
    return ones == 1 ? log1p(rest) : log(ones + rest);
}

tp__spread tp__spread_of(const tp__channels *channels, size_t item, int64_t channel)
{
    return (tp__spread){.item = item,
                        .runs = channels->images,
                        .stride = channels->channels * channels->plane,
                        .plane = channels->plane,
                        .centred = true,
                        .x = channels->x + channel * channels->plane * (int64_t)item,
                        .epsilon = channels->epsilon};
}

bool tp__square_holds(size_t item, double square)
{
    double most = item == sizeof(float) ? (double)FLT_MAX : DBL_MAX;
    double least = item == sizeof(float) ? (double)(FLT_MIN / FLT_EPSILON) : DBL_MIN / DBL_EPSILON;
    return isnan(square) || (square >= least && square <= most);
}

/* Σ (x / power − mean)ⁿ, n = 1 or 2; the largest size, n = 0. */
static double spread_sum(const tp__spread *spread, double power, double mean, int n)
{
    double sum = 0;
    for (int64_t run = 0; run < spread->runs; run++)
        for (int64_t k = 0; k < spread->plane; k++) {
            double x = rows_at(spread->item, spread->x, run * spread->stride + k) / power - mean;
            sum = n == 0 ? fmax(sum, fabs(x)) : sum + (n == 1 ? x : x * x);
        }
    return sum;
}

double tp__spread_scale(const tp__spread *spread, double *mean)
{
    double n = (double)(spread->runs * spread->plane), largest = spread_sum(spread, 1, 0, 0);
    double size = fmax(largest, sqrt(spread->epsilon)); /* so that ε / power² is in range */
    double power = size > 0 && isfinite(largest) ? ldexp(1, ilogb(size)) : 1;
    double middle = spread->centred ? spread_sum(spread, power, 0, 1) / n : 0;
    double square = spread_sum(spread, power, middle, 2) / n;
    *mean = middle * power;
    return 1 / (sqrt(square + spread->epsilon / power / power) * power);
}

/* --- Channels --- */

typedef struct rows_channels {
    const tp__channels *channels;
    bool past;
    void (*kernel)(const tp__channels *channels);
} rows_channels;

static void rows_channel_task(void *ctx, int64_t number)
{
    const rows_channels *work = ctx;
    tp__channels one = *work->channels;
    one.first = number;
    one.last = number + 1;
    one.past = work->past;
    work->kernel(&one);
}

void tp__channels_run(const tp__channel_kernels *kernels, const tp__channels *channels, size_t item,
                      bool backward)
{
    rows_channels work = {channels, false, backward ? kernels->backward : kernels->forward};
    int64_t planes = channels->images * channels->channels;
    work.past = channels->to && rows_past(channels->to, planes, channels->plane * (int64_t)item);
    double elements = (double)planes;
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
    /* ln Σ e^(x − largest) of row r. */                                                        \
    static double rows_log_##Type(const tp__rows *rows, int64_t r, double *largest)                \
    {                                                                                              \
        double sum, ones = 0, rest = 0;                                                            \
        const int64_t n = rows->n;                                                                 \
        *largest = rows_largest_##Type(rows, r, &sum);                                             \
        for (int64_t i = 0; i < n; i++) {                                                          \
            double v = (double)ROWS_AT(Type, x)[i] - *largest;                                     \
            ones += v == 0;                                                                        \
            rest += v == 0 ? 0 : exp(v);                                                           \
        }                                                                                          \
        return tp__log_of_powers(ones, rest);                                                      \
    }                                                                                              \
                                                                                                   \
    static void rows_log_softmax_##Type(const tp__rows *rows)                                      \
    {                                                                                              \
        const int64_t n = rows->n;                                                                 \
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            double largest, sum = rows_log_##Type(rows, r, &largest);                              \
            for (int64_t i = 0; i < n; i++)                                                        \
                ROWS_TO(Type)[i] = (Type)((double)ROWS_AT(Type, x)[i] - largest - sum);            \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void rows_log_sum_##Type(const tp__rows *rows)                                          \
    {                                                                                              \
        const int64_t n = rows->n, *at = rows->at;                                                 \
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            bool none = at && at[r] == rows->none;                                                 \
            double largest, sum = none ? 0 : rows_log_##Type(rows, r, &largest);                   \
            if (!none)                                                                             \
                sum -= at ? (double)ROWS_AT(Type, x)[at[r]] - largest : -largest;                  \
            ((Type *)(void *)rows->each)[r] = (Type)sum;                                           \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void rows_log_sum_back_##Type(const tp__rows *rows)                                     \
    {                                                                                              \
        const int64_t n = rows->n, *at = rows->at;                                                 \
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            const Type *x = ROWS_AT(Type, x);                                                      \
            const double g = (double)((const Type *)(const void *)rows->g_each)[r];                \
            const double y = (double)((const Type *)(const void *)rows->each)[r];                  \
            bool none = at && (at[r] == rows->none || g == 0);                                     \
            double sum, largest = rows_largest_##Type(rows, r, &sum);                              \
            for (int64_t i = 0; i < n; i++)                                                        \
                ROWS_TO(Type)                                                                      \
            [i] = none ? 0 : (Type)(exp((double)x[i] - largest) * (g / sum));                      \
            if (at && !none)                                                                       \
                ROWS_TO(Type)[at[r]] = (Type)(expm1(-y) * g);                                      \
            if (!at && (sum == 0 || isinf(sum)))                                                   \
                tp__log_sum_end(sizeof(Type), n, (const char *)x, g, (char *)ROWS_TO(Type));       \
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
            const tp__row_end end =                                                                \
                tp__softmax_end(sizeof(Type), n, (const char *)y, (const char *)gy);               \
            const bool near = n && (double)y[end.at] > TP__ROWS_NEAR;                              \
            for (int64_t i = 0; i < n; i++)                                                        \
                ROWS_TO(Type)[i] = (Type)((double)y[i] * ((double)gy[i] - dot));                   \
            if (near)                                                                              \
                ROWS_TO(Type)[end.at] = (Type)end.gradient;                                        \
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
            const tp__row_end end =                                                                \
                tp__log_softmax_end(sizeof(Type), n, (const char *)y, (const char *)gy);           \
            const bool near = sum != 0 && n && (double)y[end.at] > TP__ROWS_LOG_NEAR;              \
            for (int64_t i = 0; i < n; i++)                                                        \
                ROWS_TO(Type)                                                                      \
            [i] = (Type)(sum == 0 ? (double)gy[i] : (double)gy[i] - exp((double)y[i]) * sum);      \
            if (near)                                                                              \
                ROWS_TO(Type)[end.at] = (Type)end.gradient;                                        \
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
        square = square / (double)n + rows->epsilon;                                               \
        const tp__spread spread = {                                                                \
            sizeof(Type), 1, 0, n, centred, (const char *)x, rows->epsilon};                       \
        bool holds = tp__square_holds(sizeof(double), square);                                     \
        return holds ? 1 / sqrt(square) : tp__spread_scale(&spread, mean);                         \
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
        square = square / n + s->epsilon;                                                          \
        const tp__spread spread = tp__spread_of(s, sizeof(Type), c);                               \
        bool holds = tp__square_holds(sizeof(double), square);                                     \
        return holds ? 1 / sqrt(square) : tp__spread_scale(&spread, mean);                         \
    }                                                                                              \
                                                                                                   \
    static void rows_channels_##Type(const tp__channels *s)                                        \
    {                                                                                              \
        const Type *x = (const Type *)(const void *)s->x;                                          \
        for (int64_t c = s->first; c < s->last; c++) {                                             \
            double mean, scale = rows_channel_scale_##Type(s, c, &mean);                           \
            s->kept[c] = mean;                                                                     \
            s->kept[s->channels + c] = scale;                                                      \
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
            double mean = s->kept[c], scale = s->kept[s->channels + c], sum = 0, dot = 0;          \
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
    }

ROWS_CHANNELS(float)
ROWS_CHANNELS(double)

#define ROWS_REFERENCE(Type)                                                                       \
    ROWS_SOFTMAX(Type)                                                                             \
    ROWS_NORM(layer_norm, Type, true)                                                              \
    ROWS_NORM(rms_norm, Type, false)

ROWS_REFERENCE(float)
ROWS_REFERENCE(double)

#define ROWS_PAIR(name, cost)                                                                      \
    {                                                                                              \
        {cost, rows_##name##_float, rows_##name##_back_float},                                     \
        {                                                                                          \
            cost, rows_##name##_double, rows_##name##_back_double                                  \
        }                                                                                          \
    }

static tp__row_table rows_reference = {
    [TP__SOFTMAX] = ROWS_PAIR(softmax, 12),      [TP__LOG_SOFTMAX] = ROWS_PAIR(log_softmax, 12),
    [TP__LAYER_NORM] = ROWS_PAIR(layer_norm, 3), [TP__RMS_NORM] = ROWS_PAIR(rms_norm, 3),
    [TP__LOG_SUM] = ROWS_PAIR(log_sum, 12),
};
static tp__channel_table rows_channels_reference = ROWS_PAIR(channels, 3);

const tp__row_kernels *tp__row_kernels_of(tp__row_kind kind, tp_dtype dtype)
{
    static tp__row_table *const levels[TP__LEVELS] = {TP__BY_MATH_LEVEL(&rows_reference, tp__rows)};
    return &(*levels[tp__level])[kind][dtype];
}

const tp__channel_kernels *tp__channel_kernels_of(tp_dtype dtype)
{
    static tp__channel_table *const levels[TP__LEVELS] = {
        TP__BY_MATH_LEVEL(&rows_channels_reference, tp__channels)};
    return &(*levels[tp__level])[dtype];
}
