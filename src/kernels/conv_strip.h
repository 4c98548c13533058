/* SPDX-License-Identifier: MIT
 *
 * How fast convolutions see their input. A *pass* computes results whose taps all lie in the same
 * way: a convolution is one pass, a transposed one with a stride is one for each remainder of the
 * place by the stride. A *strip*, a few lines of the results of one image, group and plane, is
 * computed from a copy of the input that it needs: lines lie `pitch` apart, with their zeros, and
 * elements that a stride keeps apart are sorted by remainder. In it, each tap is a fixed distance
 * from a result's place y · pitch + x, so neighbours in memory are computed together.
 *
 * A *dense* strip has a copy for each column of the kernel, of what that column meets: pitch is the
 * results' width, and places follow each other without a gap. Where kernels are so wide that this
 * would be too much, there is one copy, whose lines are longer than the results': the places
 * between two lines are computed and thrown away; where zeros end one line and begin the next they
 * are shared.
 *
 * How large strips are depends on the problem only.
 */
#ifndef TP_CONV_STRIP_H
#define TP_CONV_STRIP_H

#include "kernels/conv.h"

/* Result i of n goes to start + i · step of size; with tap j it takes input
 * i · in_step + offset + j · offset_step and weight tap + j · tap_step. low and high are the least
 * and the greatest of (offset + j · offset_step) / in_step, rounded down. */
typedef struct tp__conv_line {
    int64_t n, start, step, size;
    int64_t in, in_step, offset, offset_step;
    int64_t taps, tap, tap_step, kernel;
    int64_t low, high;
} tp__conv_line;

typedef struct tp__conv_pass {
    tp__conv_line line[TP__CONV_AXES];
    int64_t images, groups, rows, channels;
    bool dense;           /* wanted, until tp__conv_plan has seen whether it pays */
    int64_t lines, width; /* of a strip; only strips of one line are narrower than the result */
    int64_t down, across; /* how many strips make a plane */
    int64_t pitch, plane, channel, lattice; /* of the copy: elements from a line, a plane, a channel
                                             * to the next, of one remainder or column */
    int64_t columns, beyond; /* remainders or columns of the kernel along the last axis; elements
                              * that a line of the copy has more than one of the results */
    int64_t vectors;         /* that hold the places of a strip */
    size_t item;
    int lanes;
    tp__conv_lines *copy;
} tp__conv_pass;

typedef struct tp__conv_unit {
    int64_t image, group, z, y, x, lines, width;
} tp__conv_unit;

/* Fills in what follows from line, images, groups, rows, channels, dense: strips of which copies of
 * `channels` of the channels take at most about `room` bytes, and of which there are `least` if
 * that many are worth it. */
void tp__conv_plan(tp__conv_pass *pass, const tp__conv_kernels *kernels, int64_t channels,
                   int64_t room, int64_t least);

int64_t tp__conv_units(const tp__conv_pass *pass);

tp__conv_unit tp__conv_unit_at(const tp__conv_pass *pass, int64_t number);

/* Elements of a copy, and how many more must be readable behind the last one, as zeros. */
int64_t tp__conv_copy_size(const tp__conv_pass *pass, int64_t channels);
int64_t tp__conv_slack(const tp__conv_pass *pass);

/* Copies `channels` channels of the input from number `first` of the unit's group. Without `clear`
 * zeros are there already. */
void tp__conv_copy(const tp__conv_pass *pass, const tp__conv_unit *unit, int64_t first,
                   int64_t channels, const char *input, bool clear, char *to);

/* True if the copies of all units have their zeros in the same places. */
bool tp__conv_are_alike(const tp__conv_pass *pass);

/* For each channel and tap: where it lies in the copy, and where its weight lies if channels are
 * w_channel apart. */
void tp__conv_offsets(const tp__conv_pass *pass, int64_t channels, int64_t w_channel,
                      int64_t *offset, int64_t *weight);

/* --- Memory for tasks: one piece for each thread, taken before they start --- */

typedef struct tp__conv_room tp__conv_room;

/* NULL, with an error, when out of memory. */
tp__conv_room *tp__conv_room_new(size_t bytes, int64_t tasks);
char *tp__conv_room_take(tp__conv_room *room);

/* True from the second time on that this is asked of a piece, by who has taken it. */
bool tp__conv_room_again(tp__conv_room *room, const char *piece);
void tp__conv_room_put(tp__conv_room *room, const char *piece);
void tp__conv_room_free(tp__conv_room *room);

#endif
