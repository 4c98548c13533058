/* SPDX-License-Identifier: MIT
 *
 * The kernels of reductions of integers (fold.h), written once and compiled for each instruction
 * set and, by way of FOLD_INTEGER and FOLD(name), for int64 and bytes, where FOLD_BYTE is defined.
 */
#include <string.h>

#include "kernels/fold.h"
#include "kernels/fold_places.h"

#define FOLD_WRAPPED (int64_t)((uint64_t)a + (uint64_t)b)
#define FOLD_LARGER (a > b ? a : b)
#define FOLD_SMALLER (a < b ? a : b)

#define FOLD_ROW(name, Wide, expression)                                                           \
    static int64_t FOLD(fold_##name)(int64_t n, const void *from)                                  \
    {                                                                                              \
        const FOLD_INTEGER *x = from;                                                              \
        Wide a = x[0];                                                                             \
        for (int64_t i = 1; i < n; i++) {                                                          \
            const Wide b = x[i];                                                                   \
            a = expression;                                                                        \
        }                                                                                          \
        return a;                                                                                  \
    }

/* The results have their own type, behind the partials that are made of them at the end. */
#define FOLD_EXTREME_COLUMNS(name, expression)                                                     \
    static void FOLD(fold_##name##_columns)(int64_t n, const void *const *row, int64_t width,      \
                                            tp__partial *to)                                       \
    {                                                                                              \
        FOLD_INTEGER *const best = (FOLD_INTEGER *)(void *)(to + width);                           \
        memcpy(best, row[0], (size_t)width * sizeof *best);                                        \
        for (int64_t i = 1; i < n; i++) {                                                          \
            const FOLD_INTEGER *const x = row[i];                                                  \
            FOLD_EACH                                                                              \
            for (int64_t j = 0; j < width; j++) {                                                  \
                const FOLD_INTEGER a = best[j], b = x[j];                                          \
                best[j] = expression;                                                              \
            }                                                                                      \
        }                                                                                          \
        for (int64_t j = 0; j < width; j++) {                                                      \
            to[j].integer = best[j];                                                               \
            __asm__ volatile(""); /* not worth a vector */                                         \
        }                                                                                          \
    }

FOLD_ROW(sum, int64_t, FOLD_WRAPPED)
FOLD_ROW(max, FOLD_INTEGER, FOLD_LARGER)
FOLD_ROW(min, FOLD_INTEGER, FOLD_SMALLER)
FOLD_EXTREME_COLUMNS(max, FOLD_LARGER)
FOLD_EXTREME_COLUMNS(min, FOLD_SMALLER)

static void FOLD(fold_sum_columns)(int64_t n, const void *const *row, int64_t width,
                                   tp__partial *to)
{
    for (int64_t j = 0; j < width; j++)
        to[j].integer = ((const FOLD_INTEGER *)row[0])[j];
    for (int64_t i = 1; i < n; i++) {
        const FOLD_INTEGER *const x = row[i];
        FOLD_EACH
        for (int64_t j = 0; j < width; j++)
            to[j].integer = (int64_t)((uint64_t)to[j].integer + (uint64_t)x[j]);
    }
}

/* Larger bits are smaller ones turned round. */
#define TURN(x) ((FOLD_INTEGER)((x) ^ turn))
#define TURNING(least) ((FOLD_INTEGER)((least) ? ~(FOLD_INTEGER)0 : 0))
#define FOLD_FIELD(partial) ((partial).integer)

FOLD_PLACES(FOLD_INTEGER, int64_t)
#if !defined(FOLD_BYTE)
FOLD_SCAN(sum, FOLD_INTEGER, uint64_t, +)
FOLD_SCAN(product, FOLD_INTEGER, uint64_t, *)
#define FOLD_SCANS .scan_sum = FOLD(fold_scan_sum), .scan_product = FOLD(fold_scan_product)
#else
#define FOLD_SCANS .scan_sum = NULL, .scan_product = NULL
#endif

#undef TURN
#undef TURNING
#undef FOLD_FIELD

#if defined(FOLD_BYTE)

typedef uint64_t FOLD(words) __attribute__((vector_size(FOLD_BYTES)));

/* Bytes are added in pairs to 16 bits each, which FOLD_PAIRS of them do not fill. */
static int64_t FOLD(fold_sum_bytes)(int64_t n, const void *from)
{
    enum { FOLD_PAIRS = 128, bytes = sizeof(FOLD(words)) };
    const FOLD(words) zero = {0}, low = zero + 0x00ff00ff00ff00ffu;
    const FOLD(words) lower = zero + 0x0000ffff0000ffffu;
    const uint8_t *x = from;
    int64_t total = 0;
    while (n >= bytes) {
        FOLD(words) sum = zero;
        for (int k = 0; k < FOLD_PAIRS && n >= bytes; k++, x += bytes, n -= bytes) {
            FOLD(words) v;
            memcpy(&v, x, sizeof v);
            sum += (v & low) + (v >> 8 & low);
        }
        sum = (sum & lower) + (sum >> 16 & lower);
        for (int k = 0; k < bytes / 8; k++)
            total += (int64_t)((sum[k] & UINT32_MAX) + (sum[k] >> 32));
    }
    return n ? total + FOLD(fold_sum)(n, x) : total;
}

#define FOLD_SUM FOLD(fold_sum_bytes)
#else
#define FOLD_SUM FOLD(fold_sum)
#endif

#define FOLD_KERNELS(name, row)                                                                    \
    {                                                                                              \
        .integers = row, .columns = FOLD(fold_##name##_columns),                                   \
        .join = tp__fold_##name##_integers, .places = FOLD(fold_places), .find = FOLD(fold_find),  \
        FOLD_SCANS                                                                                 \
    }

tp__fold_table FOLD(tp__fold) = {[TP__SUM] = FOLD_KERNELS(sum, FOLD_SUM),
                                 [TP__MAX] = FOLD_KERNELS(max, FOLD(fold_max)),
                                 [TP__MIN] = FOLD_KERNELS(min, FOLD(fold_min))};

#undef FOLD
#undef FOLD_BYTE
#undef FOLD_EXTREME_COLUMNS
#undef FOLD_INTEGER
#undef FOLD_KERNELS
#undef FOLD_LARGER
#undef FOLD_ROW
#undef FOLD_SCANS
#undef FOLD_SMALLER
#undef FOLD_SUM
#undef FOLD_WRAPPED
