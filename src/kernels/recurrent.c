/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "kernels/recurrent.h"

#include <string.h>

#include "base/parallel.h"

/* Rows of the batch that are a task, more where there are many. */
enum { RECUR_ROWS = 16, RECUR_MANY = 32 };

typedef struct recur_work {
    const tp__recur *recur;
    const char *turned; /* w_hhᵀ (size, parts · size) */
    int64_t rows;       /* of a task */
} recur_work;

static int64_t recur_parts(const tp__recur *recur)
{
    return recur->lstm ? TP__GATES : TP__GATES - 1;
}

/* Address of an element of an array. */
static char *recur_at(const tp__recur *recur, const char *array, int64_t place)
{
    return (char *)array + place * (int64_t)recur->gemm->item;
}

double tp__recur_flops(const tp__recur *recur)
{
    return 2 * (double)recur->steps * (double)recur->rows * (double)recur->size *
           (double)recur_parts(recur) * (double)(recur->size + recur->inputs);
}

/* --- Steps --- */

/* c (m, n) = a (m, k) b (k, n), or c += a b, of rows that are apart by a_row, b_row and c_row. */
static void recur_product(const tp__recur *recur, tp__gemm job)
{
    job.a_column = job.b_column = 1;
    recur->gemm->run(&job);
}

/* The rows of a task from row on at step t. */
static tp__gate_step recur_step(const recur_work *work, int64_t row, int64_t t)
{
    const tp__recur *recur = work->recur;
    int64_t size = recur->size, here = (t * recur->rows + row) * size;
    int64_t before = here - recur->rows * size;
    tp__gate_step step = {.size = size, .bias = recur->bias};
    const char *state = recur->lstm ? recur->cells : recur->y, *first = recur->h;
    first = recur->lstm ? recur->c : first;
    step.rows = recur->rows - row < work->rows ? recur->rows - row : work->rows;
    step.gates = recur_at(recur, recur->gates, TP__GATES * here);
    step.before = t ? recur_at(recur, state, before) : recur_at(recur, first, row * size);
    step.c = recur->lstm ? recur_at(recur, recur->cells, here) : NULL;
    step.h = recur_at(recur, recur->y, here);
    if (recur->gy) {
        step.gy = recur_at(recur, recur->gy, here);
        step.gh = recur_at(recur, recur->gh, row * size);
        step.gc = recur->lstm ? recur_at(recur, recur->gc, row * size) : NULL;
        step.change = recur_at(recur, recur->change, TP__GATES * here);
    }
    return step;
}

/* h of the step before, of rows from row on. */
static const char *recur_before(const tp__recur *recur, int64_t row, int64_t t)
{
    return t ? recur_at(recur, recur->y, ((t - 1) * recur->rows + row) * recur->size)
             : recur_at(recur, recur->h, row * recur->size);
}

static void recur_forward_task(void *ctx, int64_t number)
{
    const recur_work *work = ctx;
    const tp__recur *recur = work->recur;
    int64_t size = recur->size, row = number * work->rows, parts = recur_parts(recur);
    for (int64_t t = 0; t < recur->steps; t++) {
        tp__gate_step step = recur_step(work, row, t);
        tp__gemm job = {.m = step.rows,
                        .n = (recur->lstm ? 4 : 2) * size,
                        .k = size,
                        .a = recur_before(recur, row, t),
                        .b = work->turned,
                        .c = step.gates,
                        .a_row = size,
                        .b_row = parts * size,
                        .c_row = TP__GATES * size,
                        .add = true};
        recur_product(recur, job);
        if (!recur->lstm) {
            job.n = size;
            job.b = recur_at(recur, job.b, 2 * size);
            job.c = recur_at(recur, job.c, 3 * size);
            job.add = false;
            recur_product(recur, job);
        }
        recur->kernels->forward(&step);
    }
}

static void recur_backward_task(void *ctx, int64_t number)
{
    const recur_work *work = ctx;
    const tp__recur *recur = work->recur;
    int64_t size = recur->size, row = number * work->rows;
    for (int64_t t = recur->steps - 1; t >= 0; t--) {
        tp__gate_step step = recur_step(work, row, t);
        recur->kernels->backward(&step);
        tp__gemm job = {.m = step.rows,
                        .n = size,
                        .k = (recur->lstm ? 4 : 2) * size,
                        .a = step.change,
                        .b = recur->w_hh,
                        .c = step.gh,
                        .a_row = TP__GATES * size,
                        .b_row = size,
                        .c_row = size,
                        .add = !recur->lstm};
        recur_product(recur, job);
        if (!recur->lstm) {
            job.k = size;
            job.a = recur_at(recur, job.a, 3 * size);
            job.b = recur_at(recur, job.b, 2 * size * size);
            recur_product(recur, job);
        }
    }
}

static void recur_run(const tp__recur *recur, const char *turned,
                      void (*task)(void *ctx, int64_t number))
{
    recur_work work = {.recur = recur, .turned = turned, .rows = RECUR_ROWS};
    if (recur->rows >= 2 * RECUR_MANY)
        work.rows = RECUR_MANY;
    double elements = (double)recur->steps * (double)recur->rows * (double)recur->size;
    double products = (double)(recur_parts(recur) * recur->size) * recur->gemm->cost;
    tp__parallel((recur->rows + work.rows - 1) / work.rows,
                 elements * (products + recur->kernels->cost), task, &work);
}

/* --- All steps at once --- */

/* A matrix whose rows are apart by row, or its transpose, whose columns are. */
typedef struct recur_matrix {
    const char *at;
    int64_t row, column;
} recur_matrix;

static void recur_whole(const tp__recur *recur, int64_t m, int64_t k, int64_t n, recur_matrix a,
                        recur_matrix b, char *c, int64_t c_row, bool add)
{
    tp__gemm_run(recur->gemm, &(tp__gemm_batch){.first = {.m = m,
                                                          .n = n,
                                                          .k = k,
                                                          .a = a.at,
                                                          .b = b.at,
                                                          .c = c,
                                                          .a_row = a.row,
                                                          .a_column = a.column,
                                                          .b_row = b.row,
                                                          .b_column = b.column,
                                                          .c_row = c_row,
                                                          .add = add},
                                                .count = 1});
}

#define RECUR_TURN(name, Type)                                                                     \
    static void name(int64_t rows, int64_t columns, const void *from, void *to)                    \
    {                                                                                              \
        const int64_t some = 16;                                                                   \
        for (int64_t i = 0; i < rows; i += some)                                                   \
            for (int64_t j = 0; j < columns; j++)                                                  \
                for (int64_t k = i; k < i + some && k < rows; k++)                                 \
                    ((Type *)to)[j * rows + k] = ((const Type *)from)[k * columns + j];            \
    }

RECUR_TURN(recur_turn_4, float)
RECUR_TURN(recur_turn_8, double)

void tp__recur_forward(const tp__recur *recur, char *turned)
{
    int64_t size = recur->size, columns = recur_parts(recur) * size,
            all = recur->steps * recur->rows;
    recur_whole(recur, all, recur->inputs, columns, (recur_matrix){recur->x, recur->inputs, 1},
                (recur_matrix){recur->w_ih, 1, recur->inputs}, recur->gates, TP__GATES * size,
                false);
    (recur->gemm->item == sizeof(float) ? recur_turn_4 : recur_turn_8)(columns, size, recur->w_hh,
                                                                       turned);
    recur_run(recur, turned, recur_forward_task);
}

/* Gradient of rows of w_hh, from `columns` columns of the changes. */
static void recur_weights(const tp__recur *recur, int64_t column, int64_t columns, int64_t row)
{
    int64_t size = recur->size, rows = recur->rows, line = TP__GATES * size;
    char *to = recur_at(recur, recur->gw_hh, row * size);
    const char *change = recur_at(recur, recur->change, column);
    recur_whole(recur, columns, rows, size, (recur_matrix){change, 1, line},
                (recur_matrix){recur->h, size, 1}, to, size, false);
    if (recur->steps > 1)
        recur_whole(recur, columns, (recur->steps - 1) * rows, size,
                    (recur_matrix){recur_at(recur, change, rows * line), 1, line},
                    (recur_matrix){recur->y, size, 1}, to, size, true);
}

void tp__recur_backward(const tp__recur *recur)
{
    int64_t size = recur->size, line = TP__GATES * size, columns = recur_parts(recur) * size;
    int64_t inputs = recur->inputs, all = recur->steps * recur->rows;
    recur_run(recur, NULL, recur_backward_task);
    if (recur->gx)
        recur_whole(recur, all, columns, inputs, (recur_matrix){recur->change, line, 1},
                    (recur_matrix){recur->w_ih, inputs, 1}, recur->gx, inputs, false);
    if (recur->gw_ih)
        recur_whole(recur, columns, all, inputs, (recur_matrix){recur->change, 1, line},
                    (recur_matrix){recur->x, inputs, 1}, recur->gw_ih, inputs, false);
    if (recur->g_bias)
        recur_whole(recur, 1, all, line, (recur_matrix){recur->ones, all, 1},
                    (recur_matrix){recur->change, line, 1}, recur->g_bias, line, false);
    if (recur->gw_hh && recur->lstm) {
        recur_weights(recur, 0, columns, 0);
    } else if (recur->gw_hh) {
        recur_weights(recur, 0, 2 * size, 0);
        recur_weights(recur, 3 * size, size, 2 * size);
    }
}
