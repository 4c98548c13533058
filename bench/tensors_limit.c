/* SPDX-License-Identifier: MIT
 *
 * The limit as a side of its own, so that it takes turns with the others: multiplications and
 * additions in registers, the vector functions over numbers in the first cache, passes over
 * memory. Of each stage it does what takes longer, the arithmetic or the passes: the other may
 * hide behind it.
 */
#include "machine.h"
#include "tensors_vector.h"

#include <stdlib.h>

enum { LIMIT_SMALL = 10000 }; /* elements of a chain, below which it is overhead that limits */

typedef struct limit_stage {
    tensors_stage work;
    bool passes; /* take longer than the arithmetic */
} limit_stage;

typedef struct limit_state {
    tensors_type type;
    int count;
    limit_stage stage[TENSORS_STAGES];
    void *from, *to;
} limit_state;

static void limit_compute(const limit_state *limit, const tensors_stage *work)
{
    if (work->flops > 0)
        bench_multiply(limit->type == TENSORS_F32, work->flops);
    tensors_call(limit->type, work->calls);
}

static size_t limit_bytes(const limit_state *limit, int64_t n)
{
    return (size_t)n * (limit->type == TENSORS_F32 ? sizeof(float) : sizeof(double)) / 256 * 256;
}

static void limit_move(const limit_state *limit, const tensors_stage *work)
{
    size_t read = limit_bytes(limit, work->read), written = limit_bytes(limit, work->written);
    size_t both = read < written ? read : written;
    char *from = limit->from, *to = limit->to;
    if (both)
        bench_pass(BENCH_COPY, to, from, both);
    if (read > both)
        bench_pass(BENCH_READ, NULL, from + both, read - both);
    if (written > both)
        bench_pass(BENCH_FILL, to + both, NULL, written - both);
}

static double limit_time(const limit_state *limit, const tensors_stage *work,
                         void (*part)(const limit_state *, const tensors_stage *))
{
    double best = 0;
    for (int i = 0; i < 5; i++) {
        double start = bench_now();
        part(limit, work);
        double ns = bench_now() - start;
        best = i < 2 || ns < best ? ns : best;
    }
    return best;
}

static void limit_close(void *state)
{
    limit_state *limit = state;
    free(limit->from), free(limit->to);
    free(limit);
}

static void *limit_open(const tensors_row *row)
{
    tensors_stage stage[TENSORS_STAGES];
    int count = tensors_stages(row, stage);
    limit_state *limit = calloc(1, sizeof *limit);
    if (!limit)
        return NULL;
    *limit = (limit_state){.type = row->type, .count = count};
    int64_t read = 0, written = 0;
    bool known = row->kind != TENSORS_CHAIN || row->size[0] >= LIMIT_SMALL;
    for (int i = 0; i < count; i++) {
        read = stage[i].read > read ? stage[i].read : read;
        written = stage[i].written > written ? stage[i].written : written;
        known &= tensors_call(row->type, stage[i].calls) || row->kind != TENSORS_CHAIN;
    }
    limit->from = bench_memory((size_t)read * sizeof(double));
    limit->to = bench_memory((size_t)written * sizeof(double));
    if (!known || !limit->from || !limit->to) {
        limit_close(limit);
        return NULL;
    }
    for (int i = 0; i < count; i++)
        limit->stage[i] = (limit_stage){stage[i], limit_time(limit, &stage[i], limit_move) >
                                                      limit_time(limit, &stage[i], limit_compute)};
    return limit;
}

static void limit_step(void *state, tensors_results *results)
{
    (void)results;
    const limit_state *limit = state;
    for (int i = 0; i < limit->count; i++) {
        const limit_stage *stage = &limit->stage[i];
        for (int64_t t = 0; t < stage->work.times; t++)
            if (stage->passes)
                limit_move(limit, &stage->work);
            else
                limit_compute(limit, &stage->work);
    }
}

const tensors_side *tensors_limit(void)
{
    static const tensors_side side = {.name = "limit",
                                      .version = "",
                                      .open = limit_open,
                                      .step = limit_step,
                                      .close = limit_close};
    return &side;
}
