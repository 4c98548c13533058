/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "kernels/conv_strip.h"

#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/thread.h"
#include "kernels/loop.h"
#include "tinypytorch/engine.h"

static int64_t strip_floor(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((b - 1 - a) / b);
}

static int64_t strip_up(int64_t a, int64_t b)
{
    return -strip_floor(-a, b);
}

static int64_t strip_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t strip_most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* --- Planning --- */

enum { STRIP_PRODUCTS = 20 }; /* for which an element is worth a copy of its own */

static void strip_extent(tp__conv_line *line)
{
    int64_t last = line->offset + (line->taps - 1) * line->offset_step;
    int64_t low = strip_least(line->offset, last), high = strip_most(line->offset, last);
    line->low = line->taps ? strip_floor(low, line->in_step) : 0;
    line->high = line->taps ? strip_floor(high, line->in_step) : 0;
}

static int64_t strip_span(const tp__conv_line *line)
{
    return line->high - line->low;
}

/* How many columns of zeros a line's end shares with the next line's beginning. */
static int64_t strip_shared(const tp__conv_line *line)
{
    int64_t before = strip_up(-(line->in_step - 1), line->in_step) - line->low;
    int64_t after = line->n + line->high - strip_up(line->in, line->in_step);
    int64_t shared = strip_least(strip_least(before, after), strip_span(line));
    return shared > 0 ? shared : 0;
}

static void strip_shape(tp__conv_pass *pass, int64_t lines, int64_t width)
{
    const tp__conv_line *line = pass->line;
    pass->lines = lines;
    pass->width = width;
    pass->down = lines ? strip_up(line[1].n, lines) : 0;
    pass->across = width ? strip_up(line[2].n, width) : 0;
    pass->columns = pass->dense ? line[2].taps : line[2].in_step;
    pass->beyond = pass->dense ? 0 : strip_span(&line[2]);
    pass->pitch = width + pass->beyond;
    if (!pass->dense && width == line[2].n)
        pass->pitch -= strip_shared(&line[2]);
    pass->plane = (lines + strip_span(&line[1])) * pass->pitch;
    pass->lattice = (1 + strip_span(&line[0])) * pass->plane;
    pass->channel = line[0].in_step * line[1].in_step * pass->columns * pass->lattice;
    pass->vectors = strip_up((lines - 1) * pass->pitch + width, pass->lanes);
}

static void strip_cut(tp__conv_pass *pass, int64_t channels, int64_t room, int64_t least)
{
    const tp__conv_line *line = pass->line;
    int64_t panel = (int64_t)pass->lanes * TP__CONV_VECTORS;
    strip_shape(pass, 1, line[2].n);
    int64_t planes = strip_most(1, pass->images * pass->groups * line[0].n), width = line[2].n;
    int64_t one = pass->channel * channels;
    if (one > room && width > 4 * panel) {
        int64_t pieces = strip_most(1, strip_up(one, room));
        width = strip_most(4 * panel, (width / pieces / panel + 1) * panel);
    }
    strip_shape(pass, 1, strip_least(width, line[2].n));
    if (pass->across > 1)
        return;
    int64_t each = strip_most(1, pass->channel / (1 + strip_span(&line[1])) * channels);
    int64_t lines = strip_most(1, room / each - strip_span(&line[1]));
    int64_t down = strip_most(strip_up(line[1].n, lines), strip_up(least, planes));
    down = strip_least(strip_most(1, down), strip_most(1, line[1].n));
    strip_shape(pass, strip_up(line[1].n, down), width);
}

/* True if the copies of a dense strip, lines for its neighbours included, cost little beside the
 * products that are made of them. */
static bool strip_pays(const tp__conv_pass *pass)
{
    const tp__conv_line *line = pass->line;
    int64_t products = pass->rows * line[0].taps * line[1].taps;
    return line[2].taps > 0 && pass->across <= 1 &&
           products * pass->lines >= STRIP_PRODUCTS * (pass->lines + strip_span(&line[1]));
}

void tp__conv_plan(tp__conv_pass *pass, const tp__conv_kernels *kernels, int64_t channels,
                   int64_t room, int64_t least)
{
    for (int i = 0; i < TP__CONV_AXES; i++)
        strip_extent(&pass->line[i]);
    pass->item = kernels->item;
    pass->lanes = kernels->lanes;
    pass->copy = kernels->lines;
    room /= (int64_t)kernels->item;
    strip_cut(pass, channels, room, least);
    if (!pass->dense || strip_pays(pass))
        return;
    pass->dense = false;
    strip_cut(pass, channels, room, least);
}

int64_t tp__conv_units(const tp__conv_pass *pass)
{
    return pass->images * pass->groups * pass->line[0].n * pass->down * pass->across;
}

bool tp__conv_are_alike(const tp__conv_pass *pass)
{
    return pass->down == 1 && pass->across == 1 && pass->line[0].n == 1;
}

tp__conv_unit tp__conv_unit_at(const tp__conv_pass *pass, int64_t number)
{
    tp__conv_unit unit;
    unit.x = number % pass->across * pass->width;
    number /= pass->across;
    unit.y = number % pass->down * pass->lines;
    number /= pass->down;
    unit.z = number % pass->line[0].n;
    number /= pass->line[0].n;
    unit.group = number % pass->groups;
    unit.image = number / pass->groups;
    unit.lines = strip_least(pass->lines, pass->line[1].n - unit.y);
    unit.width = strip_least(pass->width, pass->line[2].n - unit.x);
    return unit;
}

/* --- The copy --- */

int64_t tp__conv_copy_size(const tp__conv_pass *pass, int64_t channels)
{
    return channels * pass->channel;
}

int64_t tp__conv_slack(const tp__conv_pass *pass)
{
    return pass->beyond + (int64_t)TP__CONV_VECTORS * pass->lanes;
}

/* Places of an axis whose input, place · in_step + base, exists: from *first to *end. */
static void strip_range(const tp__conv_line *line, int64_t base, int64_t places, int64_t *first,
                        int64_t *end)
{
    *first = base < 0 ? strip_up(-base, line->in_step) : 0;
    *end = strip_least(places, strip_up(line->in - base, line->in_step));
}

/* True if some tap's input has this remainder. */
static bool strip_uses(const tp__conv_line *line, int64_t remainder)
{
    for (int64_t j = 0; j < line->taps && j < line->in_step; j++)
        if (strip_floor(line->offset + j * line->offset_step - remainder, line->in_step) *
                line->in_step ==
            line->offset + j * line->offset_step - remainder)
            return true;
    return false;
}

/* One plane of inputs of one remainder in y and x. */
static void strip_copy_plane(const tp__conv_pass *pass, const tp__conv_unit *unit, int64_t base_y,
                             int64_t base_x, const char *from, char *to)
{
    const tp__conv_line *line = pass->line;
    int64_t first[2], end[2], item = (int64_t)pass->item;
    strip_range(&line[1], base_y, unit->lines + strip_span(&line[1]), &first[0], &end[0]);
    strip_range(&line[2], base_x, unit->width + pass->beyond, &first[1], &end[1]);
    if (first[0] >= end[0] || first[1] >= end[1])
        return;
    int64_t step = line[1].in_step * line[2].in * item, pitch = pass->pitch * item;
    from +=
        ((base_y + first[0] * line[1].in_step) * line[2].in + base_x + first[1] * line[2].in_step) *
        item;
    to += first[0] * pitch + first[1] * item;
    if (line[2].in_step == 1)
        pass->copy(end[0] - first[0], (size_t)((end[1] - first[1]) * item), from, step, to, pitch);
    else
        for (int64_t y = first[0]; y < end[0]; y++, from += step, to += pitch)
            tp__copy_run(pass->item, end[1] - first[1], line[2].in_step * item, from, to);
}

/* The input that the first place of a line of this copy takes. */
static int64_t strip_column(const tp__conv_pass *pass, const tp__conv_unit *unit, int64_t column)
{
    const tp__conv_line *line = &pass->line[2];
    return pass->dense ? unit->x * line->in_step + line->offset + column * line->offset_step
                       : (unit->x + line->low) * line->in_step + column;
}

/* One channel of one remainder in z. */
static void strip_copy_channel(const tp__conv_pass *pass, const tp__conv_unit *unit, int64_t rest_z,
                               const char *from, char *to)
{
    const tp__conv_line *line = pass->line;
    int64_t first, end, base = (unit->z + line[0].low) * line[0].in_step + rest_z;
    strip_range(&line[0], base, 1 + strip_span(&line[0]), &first, &end);
    for (int64_t rest_y = 0; rest_y < line[1].in_step; rest_y++)
        for (int64_t column = 0; column < pass->columns; column++) {
            char *at = to + (rest_y * pass->columns + column) * pass->lattice * (int64_t)pass->item;
            if (!strip_uses(&line[1], rest_y) || (!pass->dense && !strip_uses(&line[2], column)))
                continue;
            for (int64_t z = first; z < end; z++)
                strip_copy_plane(pass, unit, (unit->y + line[1].low) * line[1].in_step + rest_y,
                                 strip_column(pass, unit, column),
                                 from + (base + z * line[0].in_step) * line[1].in * line[2].in *
                                            (int64_t)pass->item,
                                 at + z * pass->plane * (int64_t)pass->item);
        }
}

void tp__conv_copy(const tp__conv_pass *pass, const tp__conv_unit *unit, int64_t first,
                   int64_t channels, const char *input, bool clear, char *to)
{
    const tp__conv_line *line = pass->line;
    int64_t item = (int64_t)pass->item, in = line[0].in * line[1].in * line[2].in;
    int64_t number = (unit->image * pass->groups + unit->group) * pass->channels + first;
    if (clear)
        memset(to, 0, (size_t)((channels * pass->channel + tp__conv_slack(pass)) * item));
    for (int64_t c = 0; c < channels; c++)
        for (int64_t rest = 0; rest < line[0].in_step; rest++)
            if (strip_uses(&line[0], rest))
                strip_copy_channel(pass, unit, rest, input + (number + c) * in * item,
                                   to + (c * pass->channel +
                                         rest * line[1].in_step * pass->columns * pass->lattice) *
                                            item);
}

/* --- Taps --- */

/* The place of tap j among the places of an axis, and its remainder. */
static int64_t strip_tap(const tp__conv_line *line, int64_t j, int64_t *remainder)
{
    int64_t at = line->offset + j * line->offset_step, place = strip_floor(at, line->in_step);
    *remainder = at - place * line->in_step;
    return place - line->low;
}

void tp__conv_offsets(const tp__conv_pass *pass, int64_t channels, int64_t w_channel,
                      int64_t *offset, int64_t *weight)
{
    const tp__conv_line *line = pass->line;
    int64_t at[3], rest[3], k = 0;
    for (int64_t c = 0; c < channels; c++)
        for (int64_t a = 0; a < line[0].taps; a++)
            for (int64_t b = 0; b < line[1].taps; b++)
                for (int64_t d = 0; d < line[2].taps; d++, k++) {
                    at[0] = strip_tap(&line[0], a, &rest[0]);
                    at[1] = strip_tap(&line[1], b, &rest[1]);
                    at[2] = strip_tap(&line[2], d, &rest[2]);
                    if (pass->dense)
                        at[2] = 0, rest[2] = d;
                    int64_t lattice =
                        (rest[0] * line[1].in_step + rest[1]) * pass->columns + rest[2];
                    offset[k] = c * pass->channel + lattice * pass->lattice + at[0] * pass->plane +
                                at[1] * pass->pitch + at[2];
                    int64_t tap = line[0].tap + a * line[0].tap_step;
                    tap = tap * line[1].kernel + line[1].tap + b * line[1].tap_step;
                    tap = tap * line[2].kernel + line[2].tap + d * line[2].tap_step;
                    weight[k] = c * w_channel + tap;
                }
}

/* --- Memory for tasks --- */

enum { ROOM_PIECES = 64 };

struct tp__conv_room {
    char *memory;
    size_t each, bytes;
    int n;
    atomic_bool busy[ROOM_PIECES];
    bool asked[ROOM_PIECES];
};

tp__conv_room *tp__conv_room_new(size_t bytes, int64_t tasks)
{
    tp__conv_room *room = tp__alloc_zero(1, sizeof *room);
    if (!room)
        return NULL;
    int64_t threads = strip_least(tp_num_threads(), ROOM_PIECES);
    room->n = (int)strip_most(1, strip_least(threads, tasks));
    room->each = (bytes + 4095) / 4096 * 4096 + 256;
    room->bytes = room->each * (size_t)room->n;
    room->memory = tp__block_take(tp__here(), room->bytes);
    if (room->memory)
        return room;
    tp__free(room);
    return NULL;
}

char *tp__conv_room_take(tp__conv_room *room)
{
    for (int i = 0;; i = (i + 1) % room->n)
        if (!atomic_exchange_explicit(&room->busy[i], true, memory_order_acquire))
            return room->memory + (size_t)i * room->each;
}

bool tp__conv_room_again(tp__conv_room *room, const char *piece)
{
    size_t i = (size_t)(piece - room->memory) / room->each;
    bool again = room->asked[i];
    room->asked[i] = true;
    return again;
}

void tp__conv_room_put(tp__conv_room *room, const char *piece)
{
    size_t i = (size_t)(piece - room->memory) / room->each;
    atomic_store_explicit(&room->busy[i], false, memory_order_release);
}

void tp__conv_room_free(tp__conv_room *room)
{
    if (!room)
        return;
    tp__block_put(tp__here(), room->memory, room->bytes);
    tp__free(room);
}
