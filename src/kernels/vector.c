/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "kernels/vector.h"

#include <string.h>

static tp__vector_table vector_none;

tp__vector_table *const tp__vector_levels[TP__LEVELS] = {TP__BY_LEVEL(&vector_none, tp__vector)};

static void vector_copy(char *to, const char *from, size_t bytes)
{
    memcpy(to, from, bytes);
}

void tp__copy_past(char *to, const char *from, size_t bytes)
{
    static const tp__copy plain = {vector_copy};
    static const tp__copy *const levels[TP__LEVELS] = {TP__BY_LEVEL(&plain, tp__copy_past)};
    levels[tp__level]->run(to, from, bytes);
}

tp__lines *tp__half_lines(tp_dtype from, tp_dtype to)
{
    static tp__half_table half_none;
    static tp__half_table *const levels[TP__LEVELS] = {TP__BY_LEVEL(&half_none, tp__half)};
    tp_dtype half = from == TP_F32 ? to : from;
    if ((from != TP_F32 && to != TP_F32) || (half != TP_F16 && half != TP_BF16))
        return NULL;
    return (*levels[tp__level])[2 * (from == TP_F32) + (half == TP_BF16)];
}
