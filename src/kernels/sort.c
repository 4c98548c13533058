/* SPDX-License-Identifier: MIT
 *
 * An element and its position make an entry: its key is an unsigned integer in the elements' order.
 * Keys of 32 bits stand above the position in one number. Short lines are sorted by insertion, and
 * a few first ones found by inserting into these only; else bytes of the keys are counted, from the
 * lowest on, and entries moved to their places by each. A byte that all have is passed over.
 */
#include "kernels/sort.h"

#include <math.h>
#include <string.h>

enum {
    SORT_SHORT = 48, /* elements that are sorted by insertion */
    SORT_FEW = 64,   /* first elements that are inserted, at most … */
    SORT_SHARE = 8   /* … and at most this part of all */
};

typedef struct sort_wide {
    uint64_t key;
    int64_t at;
} sort_wide;

typedef uint64_t sort_narrow;

/* Negative numbers are in reverse order, and come before the others. */
static uint32_t sort_key_32(const char *from, tp_dtype dtype)
{
    if (dtype == TP_U8)
        return *(const uint8_t *)from;
    float value = *(const float *)(const void *)from + 0.0f;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return isnan(value) ? UINT32_MAX : bits & 0x80000000 ? ~bits : bits | 0x80000000;
}

static uint64_t sort_key_64(const char *from, tp_dtype dtype)
{
    const uint64_t sign = UINT64_C(1) << 63;
    if (dtype == TP_I64)
        return *(const uint64_t *)(const void *)from ^ sign;
    double value = *(const double *)(const void *)from + 0.0;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return isnan(value) ? UINT64_MAX : bits & sign ? ~bits : bits | sign;
}

#define SORT_KEY_narrow(entry) (entry)
#define SORT_AT_narrow(entry) (int64_t)((entry)&UINT32_MAX)
#define SORT_KEY_wide(entry) (entry).key
#define SORT_AT_wide(entry) (entry).at

#define SORT(name, Entry, lowest)                                                                  \
    /* Puts an entry in its place among n that are in order. */                                    \
    static void sort_insert_##name(Entry *to, int64_t n, Entry entry)                              \
    {                                                                                              \
        for (; n > 0 && SORT_KEY_##name(entry) < SORT_KEY_##name(to[n - 1]); n--)                  \
            to[n] = to[n - 1];                                                                     \
        to[n] = entry;                                                                             \
    }                                                                                              \
                                                                                                   \
    static void sort_first_##name(Entry *entry, int64_t n, int64_t first)                          \
    {                                                                                              \
        for (int64_t i = 1; i < n; i++) {                                                          \
            int64_t known = i < first ? i : first - 1;                                             \
            if (i < first || SORT_KEY_##name(entry[i]) < SORT_KEY_##name(entry[known]))            \
                sort_insert_##name(entry, known, entry[i]);                                        \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    /* Sorts by way of `other`; returns which of both has the result. */                           \
    static Entry *sort_bytes_##name(Entry *entry, int64_t n, Entry *other)                         \
    {                                                                                              \
        enum { bytes = 8 - (lowest) };                                                             \
        int64_t count[bytes][256] = {{0}};                                                         \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int b = 0; b < bytes; b++)                                                        \
                count[b][SORT_KEY_##name(entry[i]) >> 8 * (b + (lowest)) & 255]++;                 \
        for (int b = 0; b < bytes; b++) {                                                          \
            const int shift = 8 * (b + (lowest));                                                  \
            if (count[b][SORT_KEY_##name(entry[0]) >> shift & 255] == n)                           \
                continue;                                                                          \
            int64_t place = 0;                                                                     \
            for (int v = 0; v < 256; v++) {                                                        \
                int64_t some = count[b][v];                                                        \
                count[b][v] = place;                                                               \
                place += some;                                                                     \
            }                                                                                      \
            for (int64_t i = 0; i < n; i++)                                                        \
                other[count[b][SORT_KEY_##name(entry[i]) >> shift & 255]++] = entry[i];            \
            Entry *sorted = other;                                                                 \
            other = entry;                                                                         \
            entry = sorted;                                                                        \
        }                                                                                          \
        return entry;                                                                              \
    }                                                                                              \
                                                                                                   \
    static void sort_entries_##name(const tp__sorting *sorting, Entry *entry, int64_t *to)         \
    {                                                                                              \
        const int64_t n = sorting->n, first = sorting->first;                                      \
        if (n <= SORT_SHORT || (first <= SORT_FEW && first <= n / SORT_SHARE))                     \
            sort_first_##name(entry, n, first);                                                    \
        else                                                                                       \
            entry = sort_bytes_##name(entry, n, entry + n);                                        \
        for (int64_t i = 0; i < first; i++)                                                        \
            to[i * sorting->to_step] = SORT_AT_##name(entry[i]);                                   \
    }

SORT(narrow, sort_narrow, 4)
SORT(wide, sort_wide, 0)

static bool sort_is_narrow(const tp__sorting *sorting)
{
    return (sorting->dtype == TP_F32 || sorting->dtype == TP_U8) && sorting->n <= UINT32_MAX;
}

size_t tp__sort_room(const tp__sorting *sorting)
{
    size_t entry = sort_is_narrow(sorting) ? sizeof(sort_narrow) : sizeof(sort_wide);
    return 2 * entry * (size_t)sorting->n;
}

void tp__sort_line(const tp__sorting *sorting, const char *from, int64_t *to, void *room)
{
    const int64_t n = sorting->n;
    const uint64_t turn = sorting->descending ? UINT64_MAX : 0;
    const tp_dtype dtype = sorting->dtype;
    if (sorting->first == 0)
        return;
    if (sort_is_narrow(sorting)) {
        sort_narrow *entry = room;
        for (int64_t i = 0; i < n; i++, from += sorting->step)
            entry[i] = (uint64_t)(sort_key_32(from, dtype) ^ (uint32_t)turn) << 32 | (uint64_t)i;
        sort_entries_narrow(sorting, entry, to);
    } else {
        bool wide = dtype == TP_F64 || dtype == TP_I64;
        sort_wide *entry = room;
        for (int64_t i = 0; i < n; i++, from += sorting->step) {
            uint64_t key = wide ? sort_key_64(from, dtype) : sort_key_32(from, dtype);
            entry[i] = (sort_wide){key ^ turn, i};
        }
        sort_entries_wide(sorting, entry, to);
    }
}
