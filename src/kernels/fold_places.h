/* SPDX-License-Identifier: MIT
 *
 * Where extremes stand, and what sums are up to each element (kernels/fold.h), for every type:
 * bodies of kernels define FOLD(name).
 */
#ifndef TP_FOLD_PLACES_H
#define TP_FOLD_PLACES_H

/* The smallest are the largest of what TURN makes of the elements with `turn`. */
#define FOLD_PLACES(Type, At)                                                                      \
    static void FOLD(fold_places)(int64_t n, const void *const *row, int64_t width, int64_t first, \
                                  bool least, void *to_best, void *to_at)                          \
    {                                                                                              \
        Type *const best = to_best;                                                                \
        At *const at = to_at;                                                                      \
        const Type turn = TURNING(least);                                                          \
        for (int64_t j = 0; j < width && first == 0; j++) {                                        \
            best[j] = TURN(((const Type *)row[0])[j]);                                             \
            at[j] = 0;                                                                             \
        }                                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const Type *const x = row[i];                                                          \
            const At here = (At)(first + i);                                                       \
            FOLD_EACH                                                                              \
            for (int64_t j = 0; j < width; j++) {                                                  \
                const Type a = best[j], b = TURN(x[j]);                                            \
                at[j] = b <= a ? at[j] : a != a ? at[j] : here;                                    \
                best[j] = b <= a ? a : a != a ? a : b;                                             \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static int64_t FOLD(fold_find)(int64_t n, const void *from, tp__partial best)                  \
    {                                                                                              \
        const Type *x = from, wanted = (Type)FOLD_FIELD(best);                                     \
        int64_t i = 0;                                                                             \
        for (int any = 0; n - i >= FOLD_BYTES; i += FOLD_BYTES) {                                  \
            for (int j = 0; j < FOLD_BYTES; j++)                                                   \
                any |= (x[i + j] == wanted) | (x[i + j] != x[i + j]);                              \
            if (any)                                                                               \
                break;                                                                             \
        }                                                                                          \
        while (x[i] != wanted && x[i] == x[i])                                                     \
            i++;                                                                                   \
        return i;                                                                                  \
    }

#define FOLD_SCAN(name, Type, Wide, operator)                                                      \
    TP_INLINE void FOLD(fold_scan_lines_##name)(int64_t n, const int lines, const char *from,      \
                                                int64_t step, int64_t line, Wide sum, char *to)    \
    {                                                                                              \
        Wide sums[TP__SCAN_LINES];                                                                 \
        for (int j = 0; j < lines; j++)                                                            \
            sums[j] = sum;                                                                         \
        for (int64_t i = 0; i < n; i++, from += step, to += step)                                  \
            for (int j = 0; j < lines; j++) {                                                      \
                sums[j] = sums[j] operator(Wide) * (const Type *)(const void *)(from + j * line);  \
                *(Type *)(void *)(to + j * line) = (Type)sums[j];                                  \
            }                                                                                      \
    }                                                                                              \
                                                                                                   \
    static void FOLD(fold_scan_##name)(int64_t n, int64_t width, const char *from, int64_t step,   \
                                       int64_t line, tp__partial *so_far, char *to)                \
    {                                                                                              \
        Wide *const sums = (Wide *)(void *)so_far;                                                 \
        if (line && width == TP__SCAN_LINES) {                                                     \
            FOLD(fold_scan_lines_##name)(n, TP__SCAN_LINES, from, step, line, *sums, to);          \
            return;                                                                                \
        }                                                                                          \
        for (int64_t j = 0; j < width && line; j++)                                                \
            FOLD(fold_scan_lines_##name)(n, 1, from + j * line, step, line, *sums, to + j * line); \
        for (int64_t i = 0; i < n && !line; i++, from += step, to += step) {                       \
            const Type *const x = (const Type *)(const void *)from;                                \
            Type *const y = (Type *)(void *)to;                                                    \
            FOLD_EACH                                                                              \
            for (int64_t j = 0; j < width; j++) {                                                  \
                const Wide sum = sums[j] operator(Wide) x[j];                                      \
                sums[j] = sum;                                                                     \
                y[j] = (Type)sum;                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

#if defined(__clang__)
#define FOLD_EACH _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define FOLD_EACH _Pragma("GCC ivdep")
#else
#define FOLD_EACH
#endif

#endif
