/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "kernels/loop.h"

#include <string.h>

void tp__copy_run(size_t item, int64_t n, int64_t step, const char *from, char *to)
{
    if (step == (int64_t)item || n == 1)
        memcpy(to, from, (size_t)n * item);
    else if (item == 4)
        for (int64_t i = 0; i < n; i++)
            memcpy(to + 4 * i, from + i * step, 4);
    else if (item == 8)
        for (int64_t i = 0; i < n; i++)
            memcpy(to + 8 * i, from + i * step, 8);
    else if (item == 2)
        for (int64_t i = 0; i < n; i++)
            memcpy(to + 2 * i, from + i * step, 2);
    else
        for (int64_t i = 0; i < n; i++)
            to[i] = from[i * step];
}
