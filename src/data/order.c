/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "data/order.h"

#include "base/random.h"

/* The numbers of a key one after the other. */
typedef struct order_numbers {
    uint64_t key, next;
    uint32_t word[4];
} order_numbers;

static uint64_t order_number(order_numbers *numbers)
{
    uint64_t i = numbers->next++;
    if (i % 2 == 0)
        tp__philox(i / 2, numbers->key, numbers->word);
    const uint32_t *w = numbers->word + i % 2 * 2;
    return w[0] | (uint64_t)w[1] << 32;
}

/* ⌊u n / 2⁶⁴⌋ */
static uint64_t order_below(uint64_t u, uint64_t n)
{
    uint64_t low = (u & UINT32_MAX) * (n & UINT32_MAX), a = (u >> 32) * (n & UINT32_MAX);
    uint64_t b = (u & UINT32_MAX) * (n >> 32);
    uint64_t middle = (low >> 32) + (a & UINT32_MAX) + (b & UINT32_MAX);
    return (u >> 32) * (n >> 32) + (a >> 32) + (b >> 32) + (middle >> 32);
}

void tp__order_shuffle(int64_t *order, int64_t n, uint64_t key)
{
    order_numbers numbers = {.key = key};
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (int64_t j = n - 1; j > 0; j--) {
        int64_t other = (int64_t)order_below(order_number(&numbers), (uint64_t)j + 1);
        int64_t value = order[j];
        order[j] = order[other];
        order[other] = value;
    }
}

static int64_t order_find(const double *cumulative, int64_t n, double at)
{
    int64_t low = 0, high = n - 1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (cumulative[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void tp__order_draw(int64_t *order, int64_t samples, const double *cumulative, int64_t n,
                    uint64_t key)
{
    order_numbers numbers = {.key = key};
    for (int64_t j = 0; j < samples; j++) {
        double u = (double)(order_number(&numbers) >> 11) * 0x1p-53;
        order[j] = order_find(cumulative, n, cumulative[n - 1] * u);
    }
}
