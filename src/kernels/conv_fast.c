/* SPDX-License-Identifier: MIT
 *
 * Convolutions in tiles (conv_strip.h): a few channels of the result at some twelve to fifty places
 * at a time, in registers from the first tap of the first channel to the last. Weights are put in
 * the order of use first. Threads take strips.
 */
#include "base/features.h"

#include <string.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "base/thread.h"
#include "kernels/conv_strip.h"
#include "kernels/conv_weights.h"

/* Bytes of a copy, so that it stays in the cache; strips wanted at least; nanoseconds that a strip
 * is worth having for. */
enum { FAST_ROOM = 256 << 10, FAST_STRIPS = 8 };
static const double fast_strip_cost = 30e3;

typedef struct fast_work {
    tp__conv_pass pass;
    const tp__conv_kernels *kernels;
    const char *input, *bias; /* NULL: none */
    char *result, *weights;   /* the weights packed: groups, blocks of rows, depth, row */
    char *first;              /* what sums begin with: groups, blocks of rows, row */
    int64_t depth, blocks;
    int64_t *offset, *weight; /* of each tap of each channel: in the copy, among the weights */
    tp__conv_room *room;
    size_t copy_bytes;
    bool direct; /* places follow each other as results do */
} fast_work;

/* --- Weights --- */

/* How weights lie: the first one and distances in elements. */
typedef struct fast_order {
    const char *w;
    int64_t group, row, channel;
} fast_order;

/* Rows of a block's tiles: the fewest that suffice. */
static int64_t fast_tile_rows(const fast_work *work, int64_t block)
{
    int64_t rows = work->kernels->rows, left = work->pass.rows - block * rows;
    return left <= TP__CONV_LEAST_ROWS ? TP__CONV_LEAST_ROWS : left <= rows / 2 ? rows / 2 : rows;
}

#define FAST_PACK(name, Type)                                                                      \
    static void name(const fast_work *work, const fast_order *order)                               \
    {                                                                                              \
        int64_t tile = work->kernels->rows, rows = work->pass.rows;                                \
        Type *block = (Type *)(void *)work->weights;                                               \
        for (int64_t g = 0; g < work->pass.groups; g++)                                            \
            for (int64_t first = 0; first < rows; first += tile, block += work->depth * tile) {    \
                const Type *w = (const Type *)(const void *)order->w + g * order->group;           \
                int64_t end = first + fast_tile_rows(work, first / tile);                          \
                Type *to = block;                                                                  \
                for (int64_t k = 0; k < work->depth; k++)                                          \
                    for (int64_t r = first; r < end; r++)                                          \
                        *to++ = r < rows ? w[r * order->row + work->weight[k]] : 0;                \
            }                                                                                      \
    }

FAST_PACK(fast_pack_4, float)
FAST_PACK(fast_pack_8, double)

/* --- Strips --- */

/* A tile's rows, which hold all places, into the places of results. */
static void fast_scatter(const fast_work *work, const tp__conv_unit *unit, int64_t place,
                         const tp__conv_tile *tile, char *result)
{
    const tp__conv_pass *pass = &work->pass;
    const tp__conv_line *line = pass->line;
    int64_t item = (int64_t)pass->item, end = place + tile->vectors * work->kernels->lanes;
    int64_t row = line[0].size * line[1].size * line[2].size;
    for (int64_t q = place; q < end;) {
        int64_t y = q / pass->pitch, x = q % pass->pitch, next = (y + 1) * pass->pitch;
        if (y >= unit->lines)
            return;
        int64_t n = unit->width - x < end - q ? unit->width - x : end - q;
        int64_t at = (line[1].start + (unit->y + y) * line[1].step) * line[2].size + line[2].start +
                     (unit->x + x) * line[2].step;
        for (int64_t r = 0; n > 0 && r < tile->n_rows; r++) {
            const char *from = tile->y + (r * tile->y_row + q - place) * item;
            char *to = result + (r * row + at) * item;
            if (line[2].step == 1)
                memcpy(to, from, (size_t)(n * item));
            else
                for (int64_t i = 0; i < n; i++)
                    memcpy(to + i * line[2].step * item, from + i * item, (size_t)item);
        }
        q = next;
    }
}

/* All rows at a few places of a strip, whose image and group have their results at `result`. */
static void fast_panel(const fast_work *work, const tp__conv_unit *unit, int64_t place,
                       tp__conv_tile *tile, char *result)
{
    const tp__conv_pass *pass = &work->pass;
    const tp__conv_line *line = pass->line;
    int64_t item = (int64_t)pass->item, rows = work->kernels->rows;
    int64_t block_bytes = rows * line[0].size * line[1].size * line[2].size * item;
    int64_t at = unit->y * line[2].n + unit->x + place;
    for (int64_t block = 0; block < work->blocks; block++, result += block_bytes) {
        int64_t left = pass->rows - block * rows, number = unit->group * work->blocks + block;
        tile->rows = (int)fast_tile_rows(work, block);
        tile->n_rows = (int)(left < rows ? left : rows);
        tile->bias = work->first + number * rows * item;
        tile->w = work->weights + number * work->depth * rows * item;
        if (work->direct)
            tile->y = result + at * item;
        work->kernels->tile(tile);
        if (!work->direct)
            fast_scatter(work, unit, place, tile, result);
    }
}

static void fast_strip(void *ctx, int64_t number)
{
    const fast_work *work = ctx;
    const tp__conv_pass *pass = &work->pass;
    const tp__conv_line *line = pass->line;
    tp__conv_unit unit = tp__conv_unit_at(pass, number);
    int64_t item = (int64_t)pass->item, lanes = work->kernels->lanes;
    char *copy = tp__conv_room_take(work->room);
    bool clear = !tp__conv_room_again(work->room, copy) || !tp__conv_are_alike(pass);
    tp__conv_copy(pass, &unit, 0, pass->channels, work->input, clear, copy);
    int64_t plane = (unit.image * pass->groups + unit.group) * pass->rows * line[0].size +
                    line[0].start + unit.z * line[0].step;
    char *result = work->result + plane * line[1].size * line[2].size * item;
    tp__conv_tile tile = {.depth = work->depth, .offset = work->offset};
    tile.y = copy + work->copy_bytes;
    tile.y_row =
        work->direct ? line[0].size * line[1].size * line[2].size : TP__CONV_VECTORS * lanes;
    int64_t places = (unit.lines - 1) * pass->pitch + unit.width;
    for (int64_t at = 0; at < places; at += TP__CONV_VECTORS * lanes) {
        tile.left = places - at;
        int64_t vectors = (tile.left - 1) / lanes + 1;
        tile.vectors = (int)(vectors < TP__CONV_VECTORS ? vectors : TP__CONV_VECTORS);
        tile.x = copy + at * item;
        fast_panel(work, &unit, at, &tile, result);
    }
    tp__conv_room_put(work->room, copy);
}

/* --- A pass --- */

static double fast_cost(const fast_work *work)
{
    const tp__conv_line *line = work->pass.line;
    double results = (double)(work->pass.images * work->pass.groups * work->pass.rows);
    for (int i = 0; i < TP__CONV_AXES; i++)
        results *= (double)line[i].n;
    return results * ((double)work->depth * work->kernels->cost + 1);
}

static void fast_begin_sums(const fast_work *work)
{
    const tp__conv_pass *pass = &work->pass;
    size_t rows = (size_t)pass->rows * pass->item;
    size_t whole = (size_t)(work->blocks * work->kernels->rows) * pass->item;
    memset(work->first, 0, (size_t)pass->groups * whole);
    for (size_t g = 0; work->bias && g < (size_t)pass->groups; g++)
        memcpy(work->first + g * whole, work->bias + g * rows, rows);
}

static int64_t fast_round(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* Takes the memory of a pass, in one block; *bytes is its size. */
static char *fast_take(fast_work *work, size_t *bytes)
{
    const tp__conv_pass *pass = &work->pass;
    int64_t rows = work->blocks * work->kernels->rows;
    size_t weights = (size_t)(pass->groups * rows * (work->depth + 1)) * pass->item;
    weights = (weights + 63) / 64 * 64;
    *bytes = weights + (size_t)(2 * work->depth) * sizeof *work->offset;
    char *block = tp__block_take(tp__here(), *bytes);
    if (!block)
        return NULL;
    work->weights = block;
    work->first = block + (size_t)(pass->groups * rows * work->depth) * pass->item;
    work->offset = (int64_t *)(void *)(block + weights);
    work->weight = work->offset + work->depth;
    return block;
}

/* True if the results of a strip lie one after the other, as its places do. */
static bool fast_is_direct(const tp__conv_pass *pass)
{
    bool direct = pass->dense || pass->lines == 1;
    for (int i = 1; i < TP__CONV_AXES; i++)
        direct = direct && pass->line[i].step == 1 && pass->line[i].n == pass->line[i].size;
    return direct;
}

static bool fast_run(fast_work *work, const fast_order *order)
{
    tp__conv_pass *pass = &work->pass;
    const tp__conv_kernels *kernels = work->kernels;
    double cost = fast_cost(work);
    int64_t least = (int64_t)(cost / fast_strip_cost);
    tp__conv_plan(pass, kernels, pass->channels, FAST_ROOM,
                  least < FAST_STRIPS ? least : FAST_STRIPS);
    size_t bytes;
    char *block = fast_take(work, &bytes);
    if (!block)
        return false;
    tp__conv_offsets(pass, pass->channels, order->channel, work->offset, work->weight);
    fast_begin_sums(work);
    (pass->item == sizeof(float) ? fast_pack_4 : fast_pack_8)(work, order);
    work->direct = fast_is_direct(pass);
    int64_t copy = tp__conv_copy_size(pass, pass->channels) + tp__conv_slack(pass);
    int64_t raw = work->direct ? 0 : kernels->rows * TP__CONV_VECTORS * kernels->lanes;
    work->copy_bytes = (size_t)fast_round(copy, kernels->lanes) * pass->item;
    int64_t units = tp__conv_units(pass);
    work->room = tp__conv_room_new(work->copy_bytes + (size_t)raw * pass->item, units);
    if (work->room)
        tp__parallel(units, cost, fast_strip, work);
    bool good = work->room != NULL;
    tp__conv_room_free(work->room);
    tp__block_put(tp__here(), block, bytes);
    return good;
}

/* --- Convolution: one pass --- */

static tp__conv_line fast_line(const tp__conv_axis *axis)
{
    return (tp__conv_line){.n = axis->out,
                           .step = 1,
                           .size = axis->out,
                           .in = axis->in,
                           .in_step = axis->stride,
                           .offset = -axis->padding,
                           .offset_step = axis->dilation,
                           .taps = axis->kernel,
                           .tap_step = 1,
                           .kernel = axis->kernel};
}

void tp__conv_forward_pass(const tp__conv *conv, tp__conv_pass *pass)
{
    *pass = (tp__conv_pass){.images = conv->images,
                            .groups = conv->groups,
                            .rows = conv->rows,
                            .channels = conv->channels,
                            .dense = true};
    for (int i = 0; i < TP__CONV_AXES; i++)
        pass->line[i] = fast_line(&conv->axis[i]);
}

static void fast_sizes(fast_work *work)
{
    const tp__conv_line *line = work->pass.line;
    work->depth = work->pass.channels * line[0].taps * line[1].taps * line[2].taps;
    work->blocks = (work->pass.rows - 1) / work->kernels->rows + 1;
}

static int64_t fast_kernel_size(const tp__conv *conv)
{
    return conv->axis[0].kernel * conv->axis[1].kernel * conv->axis[2].kernel;
}

static bool fast_forward(const tp__conv *conv, const tp__conv_kernels *kernels)
{
    fast_work work = {.kernels = kernels, .input = conv->x, .bias = conv->bias, .result = conv->y};
    int64_t kernel = fast_kernel_size(conv), row = conv->channels * kernel;
    tp__conv_forward_pass(conv, &work.pass);
    fast_sizes(&work);
    return fast_run(&work, &(fast_order){conv->w, conv->rows * row, row, kernel});
}

/* --- Transposed convolution: a pass for each remainder --- */

/* Results rest, rest + stride, … of an axis. Their taps are every so many. */
static tp__conv_line fast_back_line(const tp__conv_axis *axis, int64_t rest)
{
    int64_t stride = axis->stride, first = 0, step = 1;
    while (first < stride && (rest + axis->padding - first * axis->dilation) % stride != 0)
        first++;
    while (step * axis->dilation % stride != 0)
        step++;
    bool some = first < stride && first < axis->kernel;
    return (tp__conv_line){.n = rest < axis->in ? (axis->in - rest - 1) / stride + 1 : 0,
                           .start = rest,
                           .step = stride,
                           .size = axis->in,
                           .in = axis->out,
                           .in_step = 1,
                           .offset = (rest + axis->padding - first * axis->dilation) / stride,
                           .offset_step = -(step * axis->dilation / stride),
                           .taps = some ? (axis->kernel - first - 1) / step + 1 : 0,
                           .tap = first,
                           .tap_step = step,
                           .kernel = axis->kernel};
}

static bool fast_back(const tp__conv *conv, const tp__conv_kernels *kernels)
{
    const tp__conv_axis *axis = conv->axis;
    int64_t passes = axis[0].stride * axis[1].stride * axis[2].stride;
    int64_t kernel = fast_kernel_size(conv), row = conv->channels * kernel;
    for (int64_t i = 0; i < passes; i++) {
        fast_work work = {.kernels = kernels, .input = conv->y, .result = conv->x};
        work.pass = (tp__conv_pass){.images = conv->images,
                                    .groups = conv->groups,
                                    .rows = conv->channels,
                                    .channels = conv->rows,
                                    .dense = true};
        int64_t rest[] = {i / axis[2].stride / axis[1].stride, i / axis[2].stride % axis[1].stride,
                          i % axis[2].stride};
        bool some = true;
        for (int j = 0; j < TP__CONV_AXES; j++) {
            work.pass.line[j] = fast_back_line(&axis[j], rest[j]);
            some = some && work.pass.line[j].n > 0;
        }
        fast_sizes(&work);
        if (some && !fast_run(&work, &(fast_order){conv->w, conv->rows * row, kernel, row}))
            return false;
    }
    return true;
}

const tp__conv_kernels *tp__conv_kernels_of(tp_dtype dtype)
{
    static tp__conv_table *const levels[TP__LEVELS] = {TP__BY_LEVEL(NULL, tp__conv)};
    return levels[tp__level] ? &(*levels[tp__level])[dtype] : NULL;
}

bool tp__conv_fast(const tp__conv *conv, const tp__conv_kernels *kernels)
{
    return conv->result == TP__CONV_Y   ? fast_forward(conv, kernels)
           : conv->result == TP__CONV_X ? fast_back(conv, kernels)
                                        : tp__conv_fast_weights(conv, kernels);
}
