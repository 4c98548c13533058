/* SPDX-License-Identifier: MIT
 *
 * Where extremes stand (kernels/fold.h), for every type: bodies of kernels define FOLD(name).
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
        for (int any = 0; n - i >= 64; i += 64) {                                                  \
            for (int j = 0; j < 64; j++)                                                           \
                any |= (x[i + j] == wanted) | (x[i + j] != x[i + j]);                              \
            if (any)                                                                               \
                break;                                                                             \
        }                                                                                          \
        while (x[i] != wanted && x[i] == x[i])                                                     \
            i++;                                                                                   \
        return i;                                                                                  \
    }

#if defined(__clang__)
#define FOLD_EACH _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define FOLD_EACH _Pragma("GCC ivdep")
#else
#define FOLD_EACH
#endif

#endif
