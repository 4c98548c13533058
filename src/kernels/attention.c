/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "kernels/attention.h"

#include <math.h>
#include <string.h>

#include "base/parallel.h"
#include "base/random.h"
#include "kernels/conv_strip.h"
#include "kernels/softmax_norm.h"

/* Of a tile, and the queries of a causal one where they are few: less of it goes unseen. */
enum { ATTEND_QUERIES = 64, ATTEND_KEYS = 256, ATTEND_FEW = 32 };

/* --- Reference --- */

#define ATTEND_REFERENCE(Type)                                                                     \
    static double attend_score_##Type(const tp__attend_tile *t, int64_t r, int64_t i)              \
    {                                                                                              \
        const Type *scores = (const Type *)(const void *)t->scores + r * t->pitch;                 \
        const Type *mask = (const Type *)(const void *)t->mask;                                    \
        double score = (double)scores[i] * t->scale;                                               \
        if (i >= t->columns || i >= t->seen + r)                                                   \
            return -(double)INFINITY;                                                              \
        return mask ? score + (double)mask[r * t->mask_row + i * t->mask_column] : score;          \
    }                                                                                              \
                                                                                                   \
    static void attend_weigh_##Type(const tp__attend_tile *t)                                      \
    {                                                                                              \
        Type *largest = (Type *)(void *)t->largest, *sum = (Type *)(void *)t->sum;                 \
        for (int64_t r = 0; r < t->rows; r++) {                                                    \
            Type *scores = (Type *)(void *)t->scores + r * t->pitch;                               \
            double most = (double)largest[r], total = 0;                                           \
            for (int64_t i = 0; i < t->columns; i++)                                               \
                most = attend_score_##Type(t, r, i) > most ? attend_score_##Type(t, r, i) : most;  \
            double shift = most == -(double)INFINITY ? 0 : (double)(Type)most;                     \
            double keep = exp((double)largest[r] - shift);                                         \
            for (int64_t i = 0; i < t->pitch; i++) {                                               \
                double weight = exp(attend_score_##Type(t, r, i) - shift);                         \
                scores[i] = (Type)weight;                                                          \
                total += weight;                                                                   \
            }                                                                                      \
            ((Type *)(void *)t->keep)[r] = (Type)keep;                                             \
            sum[r] = (Type)((double)sum[r] * keep + total);                                        \
            largest[r] = (Type)most;                                                               \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void attend_pull_##Type(const tp__attend_tile *t)                                       \
    {                                                                                              \
        const Type *log_sum = (const Type *)(const void *)t->log_sum;                              \
        const Type *dot = (const Type *)(const void *)t->dot;                                      \
        for (int64_t r = 0; r < t->rows; r++) {                                                    \
            Type *scores = (Type *)(void *)t->scores + r * t->pitch;                               \
            Type *change = (Type *)(void *)t->change + r * t->pitch;                               \
            double most = 0, sum = 0;                                                              \
            for (int64_t i = 0; i < t->columns; i++) {                                             \
                double weight = exp(attend_score_##Type(t, r, i) - (double)log_sum[r]);            \
                scores[i] = (Type)weight;                                                          \
                change[i] =                                                                        \
                    (Type)(((double)change[i] - (double)dot[r]) * weight * t->change_scale);       \
                most = weight > most ? weight : most;                                              \
                sum += weight > 0 ? (double)change[i] : 0;                                         \
            }                                                                                      \
            ((Type *)(void *)t->largest)[r] = (Type)most;                                          \
            ((Type *)(void *)t->sum)[r] = (Type)sum;                                               \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void attend_multiply_##Type(int64_t rows, int64_t n, char *a, int64_t a_row,            \
                                       const char *factor)                                         \
    {                                                                                              \
        Type *at = (Type *)(void *)a;                                                              \
        for (int64_t r = 0; r < rows; r++)                                                         \
            for (int64_t i = 0; i < n; i++)                                                        \
                at[r * a_row + i] *= ((const Type *)(const void *)factor)[r];                      \
    }                                                                                              \
                                                                                                   \
    static void attend_dots_##Type(int64_t rows, int64_t n, const char *a, int64_t a_row,          \
                                   const char *b, int64_t b_row, char *dot)                        \
    {                                                                                              \
        const Type *left = (const Type *)(const void *)a, *right = (const Type *)(const void *)b;  \
        for (int64_t r = 0; r < rows; r++) {                                                       \
            double sum = 0;                                                                        \
            for (int64_t i = 0; i < n; i++)                                                        \
                sum += (double)left[r * a_row + i] * (double)right[r * b_row + i];                 \
            ((Type *)(void *)dot)[r] = (Type)sum;                                                  \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void attend_begin_##Type(int64_t rows, char *largest, char *sum)                        \
    {                                                                                              \
        for (int64_t r = 0; r < rows; r++) {                                                       \
            ((Type *)(void *)largest)[r] = -(Type)INFINITY;                                        \
            ((Type *)(void *)sum)[r] = 0;                                                          \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    /* log_sum, and what y is to be multiplied by in place of sum */                               \
    static void attend_end_##Type(int64_t rows, const char *largest, char *sum, char *log_sum)     \
    {                                                                                              \
        const Type *most = (const Type *)(const void *)largest;                                    \
        Type *total = (Type *)(void *)sum, *logs = (Type *)(void *)log_sum;                        \
        for (int64_t r = 0; r < rows; r++) {                                                       \
            bool none = total[r] == 0;                                                             \
            logs[r] = none ? (Type)INFINITY : (Type)((double)most[r] + log((double)total[r]));     \
            total[r] = none ? 0 : 1 / total[r];                                                    \
        }                                                                                          \
    }

ATTEND_REFERENCE(float)
ATTEND_REFERENCE(double)

#define ATTEND_KERNELS(Type)                                                                       \
    {                                                                                              \
        .cost = 20, .weigh = attend_weigh_##Type, .pull = attend_pull_##Type,                      \
        .multiply = attend_multiply_##Type, .dots = attend_dots_##Type                             \
    }

static tp__attend_table attend_reference = {ATTEND_KERNELS(float), ATTEND_KERNELS(double)};

const tp__attend_kernels *tp__attend_kernels_of(tp_dtype dtype)
{
    static tp__attend_table *const levels[TP__LEVELS] = {
        TP__BY_MATH_LEVEL(&attend_reference, tp__attend)};
    return &(*levels[tp__level])[dtype];
}

/* --- Tiles --- */

/* A head: where its matrices begin. */
typedef struct attend_head {
    const tp__attend *attend;
    int64_t number;
    char *at[TP__ATTEND_ARRAYS], *log_sum;
} attend_head;

typedef struct attend_work {
    const tp__attend *attend;
    int64_t queries, keys, pitch; /* of a tile */
    int64_t blocks;               /* of queries, in a head */
    tp__conv_room *room;
} attend_work;

static int64_t attend_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static attend_head attend_head_of(const tp__attend *attend, int64_t number)
{
    attend_head head = {.attend = attend, .number = number};
    int64_t item = (int64_t)attend->gemm->item, offset[TP__ATTEND_ARRAYS] = {0}, rest = number;
    for (int i = attend->ndim - 1; i >= 0; i--) {
        for (int a = 0; a < TP__ATTEND_ARRAYS; a++)
            offset[a] += rest % attend->shape[i] * attend->lines[a].step[i];
        rest /= attend->shape[i];
    }
    for (int a = 0; a < TP__ATTEND_ARRAYS; a++)
        head.at[a] = attend->lines[a].at ? attend->lines[a].at + offset[a] * item : NULL;
    head.log_sum = attend->log_sum + number * attend->queries * item;
    return head;
}

/* Line i of one of the head's matrices. */
static char *attend_line(const attend_head *head, tp__attend_array a, int64_t i)
{
    return head->at[a] + i * head->attend->lines[a].row * (int64_t)head->attend->gemm->item;
}

/* One of a head's matrices from a line on as an operand, and its transpose. */
typedef struct attend_operand {
    char *at;
    int64_t row, column;
} attend_operand;

static attend_operand attend_lines_of(const attend_head *head, tp__attend_array a, int64_t i)
{
    return (attend_operand){attend_line(head, a, i), head->attend->lines[a].row, 1};
}

static attend_operand attend_turned(attend_operand a)
{
    return (attend_operand){a.at, a.column, a.row};
}

/* c (m, n) = a (m, k) b (k, n), or c += a b */
static void attend_product(const attend_head *head, int64_t m, int64_t k, int64_t n,
                           attend_operand a, attend_operand b, attend_operand c, bool add)
{
    head->attend->gemm->run(&(tp__gemm){.m = m,
                                        .n = n,
                                        .k = k,
                                        .a = a.at,
                                        .b = b.at,
                                        .c = c.at,
                                        .a_row = a.row,
                                        .a_column = a.column,
                                        .b_row = b.row,
                                        .b_column = b.column,
                                        .c_row = c.row,
                                        .add = add});
}

/* The tile's memory; where it lies otherwise is set for each block. */
static tp__attend_tile attend_tile(const attend_work *work, char *room)
{
    size_t item = work->attend->gemm->item, line = (size_t)work->queries * item;
    size_t square = line * (size_t)work->pitch;
    const tp__attend *attend = work->attend;
    tp__attend_tile tile = {.scale = attend->scale,
                            .change_scale = attend->lines[TP__ATTEND_GMASK].at ? 1 : attend->scale,
                            .scores = room,
                            .change = room + square,
                            .largest = room + 2 * square};
    tile.sum = tile.largest + line;
    tile.keep = tile.sum + line;
    tile.dot = tile.keep + line;
    return tile;
}

static size_t attend_room_bytes(const attend_work *work)
{
    size_t line = (size_t)work->queries * work->attend->gemm->item;
    return line * (2 * (size_t)work->pitch + 4);
}

/* Scores of the tile's queries from query on, for keys from key on. False if none is seen. */
static bool attend_scores(const attend_work *work, const attend_head *head, int64_t query,
                          int64_t key, tp__attend_tile *tile)
{
    const tp__attend *attend = head->attend;
    const tp__attend_lines *mask = &attend->lines[TP__ATTEND_MASK];
    int64_t item = (int64_t)attend->gemm->item;
    tile->rows = attend_least(work->queries, attend->queries - query);
    tile->columns = attend_least(work->keys, attend->keys - key);
    tile->seen = tile->columns;
    if (attend->causal) {
        int64_t offset = attend_least(attend->offset, attend->keys);
        tile->seen = query + offset + 1 - key;
        tile->columns = attend_least(tile->columns, query + offset + tile->rows - key);
    }
    if (tile->columns <= 0)
        return false;
    tile->pitch = (tile->columns + TP__ATTEND_LANES - 1) / TP__ATTEND_LANES * TP__ATTEND_LANES;
    tile->mask_row = mask->row;
    tile->mask_column = mask->column;
    if (mask->at)
        tile->mask = head->at[TP__ATTEND_MASK] + (query * mask->row + key * mask->column) * item;
    attend_product(head, tile->rows, attend->width, tile->columns,
                   attend_lines_of(head, TP__ATTEND_Q, query),
                   attend_turned(attend_lines_of(head, TP__ATTEND_K, key)),
                   (attend_operand){tile->scores, tile->pitch, 1}, false);
    return true;
}

/* --- Dropout --- */

#define ATTEND_FACTORS(name, Type)                                                                 \
    static void name(const tp__attend_drop *drop, int64_t from, int64_t n, Type *to)               \
    {                                                                                              \
        const Type kept = drop->p < 1 ? (Type)(1 / (1 - drop->p)) : 0;                             \
        uint32_t words[4];                                                                         \
        for (int64_t i = 0; i < n; i++) {                                                          \
            uint64_t place = (uint64_t)(from + i);                                                 \
            if (i == 0 || place % 4 == 0)                                                          \
                tp__philox(drop->block + place / 4, drop->seed, words);                            \
            to[i] = (words[place % 4] >> 8) * 0x1p-24 < drop->p ? 0 : kept;                        \
        }                                                                                          \
    }

ATTEND_FACTORS(attend_factors_f32, float)
ATTEND_FACTORS(attend_factors_f64, double)

void tp__attend_factors(const tp__attend_drop *drop, int64_t from, int64_t n, tp_dtype dtype,
                        char *to)
{
    if (dtype == TP_F32)
        attend_factors_f32(drop, from, n, (float *)(void *)to);
    else
        attend_factors_f64(drop, from, n, (double *)(void *)to);
}

/* Multiplies the tile's weights, or what has their places, by their factors. */
static void attend_drop(const attend_head *head, int64_t query, int64_t key,
                        const tp__attend_tile *tile, char *weights)
{
    const tp__attend *attend = head->attend;
    double line[ATTEND_KEYS]; /* of the type's elements */
    for (int64_t r = 0; attend->drop.p > 0 && r < tile->rows; r++) {
        int64_t from = (head->number * attend->queries + query + r) * attend->keys + key;
        tp__attend_factors(&attend->drop, from, tile->columns, attend->dtype, (char *)line);
        if (attend->dtype == TP_F32)
            for (int64_t i = 0; i < tile->columns; i++)
                ((float *)(void *)weights)[r * tile->pitch + i] *= ((float *)(void *)line)[i];
        else
            for (int64_t i = 0; i < tile->columns; i++)
                ((double *)(void *)weights)[r * tile->pitch + i] *= line[i];
    }
}

static void attend_begin(const attend_work *work, const tp__attend_tile *tile)
{
    (work->attend->dtype == TP_F32 ? attend_begin_float
                                   : attend_begin_double)(work->queries, tile->largest, tile->sum);
}

static void attend_end(const attend_work *work, const tp__attend_tile *tile, int64_t rows,
                       char *log_sum)
{
    (work->attend->dtype == TP_F32 ? attend_end_float : attend_end_double)(rows, tile->largest,
                                                                           tile->sum, log_sum);
}

/* --- Forward: a task is a block of queries --- */

static void attend_queries(const attend_work *work, const attend_head *head, int64_t query,
                           tp__attend_tile *tile)
{
    const tp__attend *attend = head->attend;
    const tp__attend_kernels *kernels = attend->kernels;
    attend_operand y = attend_lines_of(head, TP__ATTEND_Y, query);
    attend_begin(work, tile);
    for (int64_t key = 0; key < attend->keys; key += work->keys) {
        if (!attend_scores(work, head, query, key, tile))
            break;
        kernels->weigh(tile);
        attend_drop(head, query, key, tile, tile->scores);
        if (key > 0)
            kernels->multiply(tile->rows, attend->value_width, y.at, y.row, tile->keep);
        attend_product(head, tile->rows, tile->columns, attend->value_width,
                       (attend_operand){tile->scores, tile->pitch, 1},
                       attend_lines_of(head, TP__ATTEND_V, key), y, key > 0);
    }
    int64_t rows = attend_least(work->queries, attend->queries - query);
    attend_end(work, tile, rows, head->log_sum + query * (int64_t)attend->gemm->item);
    kernels->multiply(rows, attend->value_width, y.at, y.row, tile->sum);
}

static void attend_forward_task(void *ctx, int64_t number)
{
    const attend_work *work = ctx;
    attend_head head = attend_head_of(work->attend, number / work->blocks);
    char *room = tp__conv_room_take(work->room);
    tp__attend_tile tile = attend_tile(work, room);
    attend_queries(work, &head, number % work->blocks * work->queries, &tile);
    tp__conv_room_put(work->room, room);
}

/* --- Backward: a task is a head --- */

#define ATTEND_PUT(name, Type)                                                                     \
    static void name(const tp__attend_tile *t, const tp__attend_lines *lines, char *to)            \
    {                                                                                              \
        for (int64_t r = 0; r < t->rows; r++)                                                      \
            for (int64_t i = 0; i < t->columns; i++) {                                             \
                Type *change = (Type *)(void *)t->change + r * t->pitch + i;                       \
                ((Type *)(void *)to)[r * lines->row + i] = *change;                                \
                *change *= (Type)t->scale;                                                         \
            }                                                                                      \
    }

ATTEND_PUT(attend_put_f32, float)
ATTEND_PUT(attend_put_f64, double)

/* The mask's gradient, which is that of scaled scores; the change becomes that of scores. */
static void attend_put(const attend_head *head, int64_t query, int64_t key,
                       const tp__attend_tile *tile)
{
    const tp__attend *attend = head->attend;
    char *to = attend_line(head, TP__ATTEND_GMASK, query) + key * (int64_t)attend->gemm->item;
    (attend->dtype == TP_F32 ? attend_put_f32
                             : attend_put_f64)(tile, &attend->lines[TP__ATTEND_GMASK], to);
}

/* A weight near 1 in a block of queries: its change is that of the others, for all of a row add up
 * to 0. Until all keys are through it is left out. */
typedef struct attend_near {
    int64_t key[ATTEND_QUERIES]; /* −1: there is none */
    double others[ATTEND_QUERIES];
} attend_near;

static void attend_near_begin(attend_near *near)
{
    for (int r = 0; r < ATTEND_QUERIES; r++)
        near->key[r] = -1, near->others[r] = 0;
}

#define ATTEND_FIND(name, Type)                                                                    \
    static void name(const tp__attend_tile *t, int64_t key, attend_near *near)                     \
    {                                                                                              \
        const Type *largest = (const Type *)(const void *)t->largest;                              \
        for (int64_t r = 0; r < t->rows; r++) {                                                    \
            const Type *weights = (const Type *)(const void *)t->scores + r * t->pitch;            \
            Type *change = (Type *)(void *)t->change + r * t->pitch;                               \
            double sum = (double)((const Type *)(const void *)t->sum)[r];                          \
            if ((double)largest[r] > TP__ROWS_NEAR) {                                              \
                sum = 0;                                                                           \
                for (int64_t i = 0; i < t->columns; i++)                                           \
                    if (weights[i] == largest[r])                                                  \
                        change[i] = 0, near->key[r] = key + i;                                     \
                    else if (weights[i] > 0)                                                       \
                        sum += (double)change[i];                                                  \
            }                                                                                      \
            near->others[r] += sum;                                                                \
        }                                                                                          \
    }

ATTEND_FIND(attend_find_f32, float)
ATTEND_FIND(attend_find_f64, double)

#define ATTEND_ADD(name, Type)                                                                     \
    static void name(int64_t n, double factor, const char *from, char *to)                         \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                            \
            ((Type *)(void *)to)[i] +=                                                             \
                (Type)(factor * (double)((const Type *)(const void *)from)[i]);                    \
    }

ATTEND_ADD(attend_add_f32, float)
ATTEND_ADD(attend_add_f64, double)

/* The part of the weights near 1 of the block. */
static void attend_near_end(const attend_head *head, int64_t query, const tp__attend_tile *tile,
                            const attend_near *near)
{
    const tp__attend *attend = head->attend;
    bool single = attend->dtype == TP_F32;
    void (*add)(int64_t, double, const char *, char *) = single ? attend_add_f32 : attend_add_f64;
    const float one_f32 = 1;
    const double one_f64 = 1;
    const char *one = single ? (const char *)&one_f32 : (const char *)&one_f64;
    for (int64_t r = 0; r < tile->rows; r++) {
        int64_t key = near->key[r], item = (int64_t)attend->gemm->item;
        double change = -near->others[r];
        double scaled = head->at[TP__ATTEND_GMASK] ? change * attend->scale : change;
        if (key < 0)
            continue;
        if (head->at[TP__ATTEND_GQ])
            add(attend->width, scaled, attend_line(head, TP__ATTEND_K, key),
                attend_line(head, TP__ATTEND_GQ, query + r));
        if (head->at[TP__ATTEND_GK])
            add(attend->width, scaled, attend_line(head, TP__ATTEND_Q, query + r),
                attend_line(head, TP__ATTEND_GK, key));
        if (head->at[TP__ATTEND_GMASK])
            add(1, change, one, attend_line(head, TP__ATTEND_GMASK, query + r) + key * item);
    }
}

static void attend_pull_tile(const attend_head *head, int64_t query, int64_t key,
                             tp__attend_tile *tile, attend_near *near)
{
    const tp__attend *attend = head->attend;
    int64_t rows = tile->rows, columns = tile->columns;
    attend_operand gy = attend_lines_of(head, TP__ATTEND_GY, query);
    attend_operand weights = {tile->scores, tile->pitch, 1},
                   change = {tile->change, tile->pitch, 1};
    attend_product(head, rows, attend->value_width, columns, gy,
                   attend_turned(attend_lines_of(head, TP__ATTEND_V, key)), change, false);
    attend_drop(head, query, key, tile, tile->change);
    attend->kernels->pull(tile);
    (attend->dtype == TP_F32 ? attend_find_f32 : attend_find_f64)(tile, key, near);
    if (head->at[TP__ATTEND_GMASK])
        attend_put(head, query, key, tile);
    if (head->at[TP__ATTEND_GV])
        attend_drop(head, query, key, tile, tile->scores);
    if (head->at[TP__ATTEND_GV])
        attend_product(head, columns, rows, attend->value_width, attend_turned(weights), gy,
                       attend_lines_of(head, TP__ATTEND_GV, key), true);
    if (head->at[TP__ATTEND_GQ])
        attend_product(head, rows, columns, attend->width, change,
                       attend_lines_of(head, TP__ATTEND_K, key),
                       attend_lines_of(head, TP__ATTEND_GQ, query), true);
    if (head->at[TP__ATTEND_GK])
        attend_product(head, columns, rows, attend->width, attend_turned(change),
                       attend_lines_of(head, TP__ATTEND_Q, query),
                       attend_lines_of(head, TP__ATTEND_GK, key), true);
}

static void attend_backward_task(void *ctx, int64_t number)
{
    const attend_work *work = ctx;
    const tp__attend *attend = work->attend;
    const tp__attend_lines *y = &attend->lines[TP__ATTEND_Y], *gy = &attend->lines[TP__ATTEND_GY];
    attend_head head = attend_head_of(attend, number);
    char *room = tp__conv_room_take(work->room);
    tp__attend_tile tile = attend_tile(work, room);
    attend_near near;
    for (int64_t query = 0; query < attend->queries; query += work->queries) {
        attend->kernels->dots(attend_least(work->queries, attend->queries - query),
                              attend->value_width, attend_line(&head, TP__ATTEND_Y, query), y->row,
                              attend_line(&head, TP__ATTEND_GY, query), gy->row, tile.dot);
        tile.log_sum = head.log_sum + query * (int64_t)attend->gemm->item;
        attend_near_begin(&near);
        for (int64_t key = 0; key < attend->keys; key += work->keys)
            if (attend_scores(work, &head, query, key, &tile))
                attend_pull_tile(&head, query, key, &tile, &near);
        attend_near_end(&head, query, &tile, &near);
    }
    tp__conv_room_put(work->room, room);
}

/* --- All heads --- */

static bool attend_run(const tp__attend *attend, bool backward)
{
    attend_work work = {.attend = attend, .queries = ATTEND_QUERIES};
    if (attend->causal && attend->keys <= 2 * ATTEND_FEW)
        work.queries = ATTEND_FEW;
    work.keys = attend_least(attend->keys, ATTEND_KEYS);
    work.pitch = (work.keys + TP__ATTEND_LANES - 1) / TP__ATTEND_LANES * TP__ATTEND_LANES;
    work.blocks = (attend->queries + work.queries - 1) / work.queries;
    int64_t tasks = backward ? attend->heads : attend->heads * work.blocks;
    if (attend->heads == 0 || attend->queries == 0)
        return true;
    work.room = tp__conv_room_new(attend_room_bytes(&work), tasks);
    if (!work.room)
        return false;
    double weights = (double)attend->heads * (double)attend->queries * (double)attend->keys;
    double products = (double)(attend->width + attend->value_width) * (backward ? 2.5 : 1);
    double cost = weights * (products * attend->gemm->cost + attend->kernels->cost);
    tp__parallel(tasks, cost, backward ? attend_backward_task : attend_forward_task, &work);
    tp__conv_room_free(work.room);
    return true;
}

bool tp__attend_forward(const tp__attend *attend)
{
    return attend_run(attend, false);
}

bool tp__attend_backward(const tp__attend *attend)
{
    return attend_run(attend, true);
}
