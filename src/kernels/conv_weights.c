/* SPDX-License-Identifier: MIT
 *
 * The gradient of a convolution for its weights: each is a dot product of one channel of y, in
 * lines that lie as those of the copy of x do (conv_strip.h), with one channel of x from its tap's
 * place on. Strips are cut into parts, each with a sum of its own; the sums are added in order.
 * Where weights are too many for that, tasks are parts of the channels of x too. What is cut
 * depends on the problem only.
 *
 * A copy of y costs as much as a few taps. Where there are few, strips of x are dense, and those of
 * y, if they are whole images, are read in place.
 */
#include "base/features.h"

#include "kernels/conv_weights.h"

#include <string.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "base/thread.h"

/* Bytes of the copies of x and y, so that they stay in the cache, and of a few rows of y, in the
 * nearest one; parts wanted; bytes of all their sums; nanoseconds that a part is worth having for.
 */
enum {
    WEIGHTS_ROOM = 640 << 10,
    WEIGHTS_NEAR = 36 << 10,
    WEIGHTS_PARTS = 8,
    WEIGHTS_SUMS = 4 << 20
};
static const double weights_part_cost = 60e3;
enum { WEIGHTS_TAPS = 32 }; /* of all channels, that are few */

typedef struct weights_work {
    tp__conv_pass pass;
    const tp__conv_kernels *kernels;
    const char *x, *y;
    char *sums;                  /* parts, groups, divisions, blocks of rows, depth, row */
    int64_t size;                /* of a part of it */
    int64_t taps, depth, blocks; /* depth: taps of a division's channels, and a few more */
    int64_t strips, parts;       /* of a group */
    int64_t channels, divisions; /* of x in a task */
    int64_t batch;               /* strips whose dot products are taken together */
    int64_t x_size, y_row, y_size, y_unit; /* y_size of a copy, y_unit from a strip to the next */
    bool in_place;                         /* no copies of y */
    int64_t *offset;
    tp__conv_room *room;
} weights_work;

/* A task: strips from first to end, a range of channels. */
typedef struct weights_task {
    int64_t group, part, channel, channels;
    char *x, *keep, *sums;
    const char *y;
    tp__conv_unit unit; /* of the copies */
} weights_task;

/* --- Copies --- */

/* Where the results of a strip begin in y. */
static const char *weights_of(const weights_work *work, const tp__conv_unit *unit)
{
    const tp__conv_pass *pass = &work->pass;
    const tp__conv_line *line = pass->line;
    int64_t plane = line[0].n * line[1].n * line[2].n;
    int64_t channel = (unit->image * pass->groups + unit->group) * pass->rows;
    int64_t first = (unit->z * line[1].n + unit->y) * line[2].n + unit->x;
    return work->y + (channel * plane + first) * (int64_t)pass->item;
}

/* Lines of the channels of y at the distance of those of x; zeros between and behind them, which
 * without `clear` are there already. */
static void weights_copy(const weights_work *work, const tp__conv_unit *unit, bool clear, char *to)
{
    const tp__conv_pass *pass = &work->pass;
    const tp__conv_line *line = pass->line;
    int64_t item = (int64_t)pass->item, plane = line[0].n * line[1].n * line[2].n;
    const char *from = weights_of(work, unit);
    if (clear)
        memset(to, 0, (size_t)(work->y_size * item));
    for (int64_t r = 0; r < pass->rows; r++)
        pass->copy(unit->lines, (size_t)(unit->width * item), from + r * plane * item,
                   line[2].n * item, to + r * work->y_row * item, pass->pitch * item);
}

/* All bits of what is a result of the strip. */
static void weights_keep(const weights_work *work, const tp__conv_unit *unit, char *keep)
{
    size_t item = work->pass.item;
    for (int64_t q = 0; q < work->y_row; q++) {
        bool kept = q % work->pass.pitch < unit->width && q / work->pass.pitch < unit->lines;
        memset(keep + (size_t)q * item, kept ? 0xff : 0, item);
    }
}

/* --- Products --- */

/* Adds what the copied strips give to the task's sums. */
static void weights_products(const weights_work *work, const weights_task *task, int64_t units)
{
    const tp__conv_pass *pass = &work->pass;
    int64_t item = (int64_t)pass->item, tile = work->kernels->rows;
    int64_t depth = task->channels * work->taps, block = tile * work->depth * item;
    char *to = task->sums;
    int64_t places = (task->unit.lines - 1) * pass->pitch + task->unit.width;
    tp__conv_dots dots = {.units = units,
                          .vectors = (places - 1) / work->kernels->lanes + 1,
                          .x = task->x,
                          .keep = task->keep,
                          .x_unit = work->x_size,
                          .y_unit = work->y_unit,
                          .y_row = work->y_row};
    for (int64_t r = 0; r < pass->rows; r += tile, to += block) {
        dots.y = task->y + r * work->y_row * item;
        for (int64_t k = 0; k < depth; k += TP__CONV_VECTORS) {
            int64_t n = depth - k < TP__CONV_VECTORS ? depth - k : TP__CONV_VECTORS;
            for (int64_t j = 0; j < TP__CONV_VECTORS; j++)
                dots.offset[j] = work->offset[k + (j < n ? j : 0)];
            dots.sum = to + k * tile * item;
            work->kernels->dots(&dots);
        }
    }
}

/* Strip number i of a group. */
static tp__conv_unit weights_unit(const tp__conv_pass *pass, int64_t i, int64_t group)
{
    int64_t image = pass->line[0].n * pass->down * pass->across;
    return tp__conv_unit_at(pass, (i / image * pass->groups + group) * image + i % image);
}

static bool weights_alike(const tp__conv_unit *a, const tp__conv_unit *b)
{
    return a->lines == b->lines && a->width == b->width;
}

static void weights_part(void *ctx, int64_t number)
{
    const weights_work *work = ctx;
    const tp__conv_pass *pass = &work->pass;
    int64_t item = (int64_t)pass->item;
    int64_t division = number % work->divisions;
    number /= work->divisions;
    weights_task task = {.channel = division * work->channels,
                         .group = number % pass->groups,
                         .part = number / pass->groups};
    int64_t left = pass->channels - task.channel;
    task.channels = left < work->channels ? left : work->channels;
    task.x = tp__conv_room_take(work->room);
    task.keep = task.x + work->batch * work->x_size * item;
    char *copy = task.keep + work->y_row * item;
    task.y = copy;
    int64_t block = work->blocks * work->depth * work->kernels->rows * item;
    task.sums = work->sums + (number * work->divisions + division) * block;
    memset(task.sums, 0, (size_t)block);
    int64_t first = task.part * work->strips / work->parts, units = 0;
    int64_t end = (task.part + 1) * work->strips / work->parts;
    for (int64_t i = first; i < end; i++) {
        tp__conv_unit unit = weights_unit(pass, i, task.group);
        if (units == work->batch || (units && !weights_alike(&unit, &task.unit))) {
            weights_products(work, &task, units);
            units = 0;
        }
        if (i == first || !weights_alike(&unit, &task.unit))
            weights_keep(work, &unit, task.keep);
        if (work->in_place && units == 0)
            task.y = weights_of(work, &unit);
        task.unit = unit;
        bool clear = i < first + work->batch || !tp__conv_are_alike(pass);
        tp__conv_copy(pass, &unit, task.channel, task.channels, work->x, clear,
                      task.x + units * work->x_size * item);
        if (!work->in_place)
            weights_copy(work, &unit, clear, copy + units * work->y_size * item);
        units++;
    }
    weights_products(work, &task, units);
    tp__conv_room_put(work->room, task.x);
}

/* --- Cutting --- */

static int64_t weights_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t weights_round(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

static int64_t weights_most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static double weights_cost(const weights_work *work)
{
    const tp__conv_pass *pass = &work->pass;
    double products = (double)pass->images * (double)pass->groups * (double)pass->rows;
    products *= (double)pass->channels * (double)work->taps;
    for (int i = 0; i < TP__CONV_AXES; i++)
        products *= (double)pass->line[i].n;
    return products * work->kernels->cost;
}

/* Parts of strips, divisions of channels. */
static void weights_cut(weights_work *work)
{
    tp__conv_pass *pass = &work->pass;
    const tp__conv_kernels *kernels = work->kernels;
    int64_t item = (int64_t)kernels->item, tile = kernels->rows;
    int64_t worth = (int64_t)(weights_cost(work) / weights_part_cost) / pass->groups;
    int64_t most = weights_least(WEIGHTS_PARTS, weights_most(1, worth));
    int64_t weights = pass->groups * pass->rows * pass->channels * work->taps;
    pass->dense = pass->channels * work->taps <= WEIGHTS_TAPS;
    tp__conv_plan(pass, kernels, pass->channels, WEIGHTS_ROOM / 2, 1);
    work->strips = tp__conv_units(pass) / pass->groups;
    work->parts = weights_least(most, WEIGHTS_SUMS / item / weights);
    work->parts = weights_most(1, weights_least(work->parts, work->strips));
    work->divisions = weights_most(1, weights_least(most / work->parts, pass->channels / tile));
    work->channels = (pass->channels - 1) / work->divisions + 1;
    work->divisions = (pass->channels - 1) / work->channels + 1;
    work->blocks = (pass->rows - 1) / tile + 1;
    work->depth = weights_round(work->channels * work->taps, TP__CONV_VECTORS);
    work->size = pass->groups * work->divisions * work->blocks * work->depth * tile;
}

/* The copies: strips are taken together while they fit the caches. */
static void weights_batch(weights_work *work)
{
    const tp__conv_pass *pass = &work->pass;
    int64_t item = (int64_t)pass->item, lanes = pass->lanes, tile = work->kernels->rows;
    int64_t copy = tp__conv_copy_size(pass, work->channels) + tp__conv_slack(pass);
    work->x_size = weights_round(copy, lanes);
    work->y_row = pass->vectors * lanes;
    work->y_size = work->blocks * tile * work->y_row;
    int64_t near = WEIGHTS_NEAR / item / (tile * work->y_row);
    int64_t fits = WEIGHTS_ROOM / item / (work->x_size + work->y_size);
    work->batch = weights_least(weights_least(near, fits), work->strips / work->parts);
    work->batch = weights_most(1, work->batch);
    int64_t plane = pass->line[0].n * pass->line[1].n * pass->line[2].n;
    work->in_place = pass->dense && pass->lines * pass->width == plane && work->y_row == plane &&
                     pass->rows == work->blocks * tile;
    work->y_unit = work->in_place ? pass->groups * pass->rows * plane : work->y_size;
    if (work->in_place)
        work->y_size = 0;
}

/* --- All --- */

#define WEIGHTS_UNPACK(name, Type)                                                                 \
    static void name(const weights_work *work, const char *from, char *to)                         \
    {                                                                                              \
        const Type *sum = (const Type *)(const void *)from;                                        \
        Type *w = (Type *)(void *)to;                                                              \
        int64_t tile = work->kernels->rows, step = work->channels * work->taps;                    \
        int64_t depth = work->pass.channels * work->taps, rows = work->pass.rows;                  \
        int64_t division = work->blocks * work->depth * tile;                                      \
        for (int64_t g = 0; g < work->pass.groups; g++, sum += work->divisions * division)         \
            for (int64_t r = 0; r < rows; r++)                                                     \
                for (int64_t k = 0; k < depth; k++)                                                \
                    *w++ = sum[k / step * division + (r / tile * work->depth + k % step) * tile +  \
                               r % tile];                                                          \
    }

WEIGHTS_UNPACK(weights_unpack_4, float)
WEIGHTS_UNPACK(weights_unpack_8, double)

/* Brings all parts' sums, in order, into the first one's place. */
#define WEIGHTS_TOTAL(name, Type)                                                                  \
    static void name(const weights_work *work)                                                     \
    {                                                                                              \
        Type *sums = (Type *)(void *)work->sums;                                                   \
        for (int64_t i = 0; i < work->size; i++) {                                                 \
            double total = 0;                                                                      \
            for (int64_t part = 0; part < work->parts; part++)                                     \
                total += (double)sums[part * work->size + i];                                      \
            sums[i] = (Type)total;                                                                 \
        }                                                                                          \
    }

WEIGHTS_TOTAL(weights_total_4, float)
WEIGHTS_TOTAL(weights_total_8, double)

static bool weights_run(weights_work *work, char *result)
{
    int64_t depth = work->channels * work->taps, item = (int64_t)work->kernels->item;
    int64_t tasks = work->parts * work->pass.groups * work->divisions;
    size_t bytes = (size_t)(work->batch * (work->x_size + work->y_size) + work->y_row);
    work->offset = tp__alloc((size_t)(2 * depth) * sizeof *work->offset);
    work->room = work->offset ? tp__conv_room_new(bytes * (size_t)item, tasks) : NULL;
    bool good = work->room != NULL;
    if (good) {
        tp__conv_offsets(&work->pass, work->channels, work->taps, work->offset,
                         work->offset + depth);
        tp__parallel(tasks, weights_cost(work), weights_part, work);
        if (work->parts > 1)
            (item == 4 ? weights_total_4 : weights_total_8)(work);
        (item == 4 ? weights_unpack_4 : weights_unpack_8)(work, work->sums, result);
    }
    tp__conv_room_free(work->room);
    tp__free(work->offset);
    return good;
}

bool tp__conv_fast_weights(const tp__conv *conv, const tp__conv_kernels *kernels)
{
    weights_work work = {.kernels = kernels, .x = conv->x, .y = conv->y};
    tp__conv_forward_pass(conv, &work.pass);
    work.taps = conv->axis[0].kernel * conv->axis[1].kernel * conv->axis[2].kernel;
    weights_cut(&work);
    weights_batch(&work);
    size_t bytes = (size_t)(work.parts * work.size) * kernels->item;
    work.sums = tp__block_take(tp__here(), bytes);
    bool good = work.sums && weights_run(&work, conv->w);
    if (work.sums)
        tp__block_put(tp__here(), work.sums, bytes);
    return good;
}
