/* SPDX-License-Identifier: MIT
 *
 * The kernels of softmax and normalisation (softmax_norm.h), after sequence_body.h in the same file
 * and with what that one needs. What is left of a row after whole registers is padded: with the
 * least of numbers for a largest element, with zeros for sums, in which it then counts for nothing.
 */
#include "kernels/softmax_norm.h"

#if defined(TP_WITH_MVEC)

#define ROWS_LINE(pointer) (rows->pointer + r * n * (int64_t)sizeof(type))
#define ROWS_TAKE(Type, line) VECTOR(sequence_some_##Type)(line, i, left)
#define ROWS_PUT(Type, line, v) VECTOR(sequence_store_##Type)(line, i, left, v)

/* Where `past` is set, a result that is too large for the caches goes past them: it is not read
 * first, and what is in them stays. Of the next row, which is too short for the processor to see it
 * coming, is asked for what will be read then; beside results in the caches this takes time. */
#if defined(VECTOR_PAST)
#define ROWS_RESULT(Type, line, v)                                                                 \
    do {                                                                                           \
        if (past && left >= SEQUENCE_LANES(Type))                                                  \
            VECTOR_PAST((line) + i * (int64_t)sizeof(Type), v);                                    \
        else                                                                                       \
            ROWS_PUT(Type, line, v);                                                               \
    } while (0)
#define ROWS_RESULTS_END                                                                           \
    do {                                                                                           \
        if (past)                                                                                  \
            VECTOR_PAST_END;                                                                       \
    } while (0)
#else
#define ROWS_RESULT(Type, line, v) ROWS_PUT(Type, line, v)
#define ROWS_RESULTS_END ((void)past)
#endif
#define ROWS_AHEAD(Type, line, step)                                                               \
    do {                                                                                           \
        if (past)                                                                                  \
            __builtin_prefetch((line) + (i + (step)) * (int64_t)sizeof(Type));                     \
    } while (0)

/* v where there are elements, otherwise what it is padded with. */
#define ROWS_KEEP(Type, v, padding) VECTOR(rows_keep_##Type)(left, v, padding)

#if defined(__clang__)
#define ROWS_UNROLL _Pragma("clang loop unroll(full)")
#else
#define ROWS_UNROLL _Pragma("GCC unroll 4")
#endif

/* Registers of n elements, `left` of them in one: four at a time, each with its own sum k, for one
 * sum would wait for itself. */
#define ROWS_EACH(Type, n, ...)                                                                    \
    do {                                                                                           \
        int64_t i = 0;                                                                             \
        while (i + 4 * SEQUENCE_LANES(Type) <= (n)) {                                              \
            ROWS_UNROLL                                                                            \
            for (int k = 0; k < 4; k++, i += SEQUENCE_LANES(Type)) {                               \
                const int64_t left = SEQUENCE_LANES(Type);                                         \
                __VA_ARGS__                                                                        \
            }                                                                                      \
        }                                                                                          \
        for (; i + SEQUENCE_LANES(Type) <= (n); i += SEQUENCE_LANES(Type)) {                       \
            const int64_t left = SEQUENCE_LANES(Type), k = 0;                                      \
            (void)k;                                                                               \
            __VA_ARGS__                                                                            \
        }                                                                                          \
        if (i < (n)) {                                                                             \
            const int64_t left = (n)-i, k = 0;                                                     \
            (void)k;                                                                               \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    } while (0)

#define ROWS_TOTAL(Type, sum)                                                                      \
    VECTOR(sequence_sum_##Type)(((sum)[0] + (sum)[1]) + ((sum)[2] + (sum)[3]))

#define ROWS_VECTORS(Type)                                                                         \
    TP_INLINE VECTOR_OF_##Type VECTOR(rows_keep_##Type)(int64_t left, VECTOR_OF_##Type v,          \
                                                        Type padding)                              \
    {                                                                                              \
        if (left >= SEQUENCE_LANES(Type))                                                          \
            return v;                                                                              \
        for (int64_t k = left; k < SEQUENCE_LANES(Type); k++)                                      \
            v[k] = padding;                                                                        \
        return v;                                                                                  \
    }                                                                                              \
                                                                                                   \
    TP_INLINE Type VECTOR(rows_most_##Type)(const VECTOR_OF_##Type *most)                          \
    {                                                                                              \
        return VECTOR(sequence_most_##Type)(                                                       \
            VECTOR(sequence_larger_##Type)(VECTOR(sequence_larger_##Type)(most[0], most[1]),       \
                                           VECTOR(sequence_larger_##Type)(most[2], most[3])));     \
    }                                                                                              \
                                                                                                   \
    TP_INLINE Type VECTOR(rows_shift_##Type)(const char *x, int64_t n)                             \
    {                                                                                              \
        const VECTOR_OF_##Type least = SEQUENCE_ALL(Type, -(Type)INFINITY);                        \
        VECTOR_OF_##Type most[] = {least, least, least, least};                                    \
        ROWS_EACH(Type, n, {                                                                       \
            most[k] = VECTOR(sequence_larger_##Type)(                                              \
                ROWS_KEEP(Type, ROWS_TAKE(Type, x), -(Type)INFINITY), most[k]);                    \
        });                                                                                        \
        const Type largest = VECTOR(rows_most_##Type)(most);                                       \
        return isfinite(largest) ? largest : 0;                                                    \
    }                                                                                              \
                                                                                                   \
    /* to ← e^(x − shift); the sum. */                                                         \
    TP_INLINE Type VECTOR(rows_powers_##Type)(const char *x, int64_t n, Type shift, char *to)      \
    {                                                                                              \
        VECTOR_OF_##Type sum[4] = {{0}};                                                           \
        ROWS_EACH(Type, n, {                                                                       \
            VECTOR_OF_##Type e = SEQUENCE_EXP_##Type(ROWS_TAKE(Type, x) - shift);                  \
            ROWS_PUT(Type, to, e);                                                                 \
            sum[k] += ROWS_KEEP(Type, e, 0);                                                       \
        });                                                                                        \
        return ROWS_TOTAL(Type, sum);                                                              \
    }                                                                                              \
                                                                                                   \
    /* ln Σ e^(x − shift) */                                                                    \
    TP_INLINE double VECTOR(rows_log_##Type)(const char *x, int64_t n, Type shift)                 \
    {                                                                                              \
        VECTOR_OF_##Type rest[4] = {{0}}, zero = {0};                                              \
        SEQUENCE_MASKS(Type) ones[4] = {{0}};                                                      \
        ROWS_EACH(Type, n, {                                                                       \
            VECTOR_OF_##Type v = ROWS_KEEP(Type, ROWS_TAKE(Type, x), -(Type)INFINITY) - shift;     \
            SEQUENCE_MASKS(Type) one = v == zero;                                                  \
            ones[k] -= one;                                                                        \
            rest[k] += VECTOR(sequence_choose_##Type)(one, zero, SEQUENCE_EXP_##Type(v));          \
        });                                                                                        \
        SEQUENCE_MASKS(Type) lane = (ones[0] + ones[1]) + (ones[2] + ones[3]);                     \
        int64_t count = 0;                                                                         \
        for (int64_t k = 0; k < SEQUENCE_LANES(Type); k++)                                         \
            count += lane[k];                                                                      \
        return tp__log_of_powers((double)count, (double)ROWS_TOTAL(Type, rest));                   \
    }

#define ROWS_SOFTMAX(Type)                                                                         \
    static void VECTOR(rows_softmax_##Type)(const tp__rows *rows)                                  \
    {                                                                                              \
        typedef Type type;                                                                         \
        const int64_t n = rows->n;                                                                 \
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            const char *x = ROWS_LINE(x);                                                          \
            char *to = ROWS_LINE(to);                                                              \
            const Type shift = VECTOR(rows_shift_##Type)(x, n);                                    \
            const Type part = 1 / VECTOR(rows_powers_##Type)(x, n, shift, to);                     \
            ROWS_EACH(Type, n, { ROWS_PUT(Type, to, ROWS_TAKE(Type, to) * part); });               \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(rows_log_softmax_##Type)(const tp__rows *rows)                              \
    {                                                                                              \
        typedef Type type;                                                                         \
        const int64_t n = rows->n;                                                                 \
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            const char *x = ROWS_LINE(x);                                                          \
            char *to = ROWS_LINE(to);                                                              \
            const Type shift = VECTOR(rows_shift_##Type)(x, n);                                    \
            const Type total = (Type)VECTOR(rows_log_##Type)(x, n, shift);                         \
            ROWS_EACH(Type, n, { ROWS_PUT(Type, to, (ROWS_TAKE(Type, x) - shift) - total); });     \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(rows_log_sum_##Type)(const tp__rows *rows)                                  \
    {                                                                                              \
        typedef Type type;                                                                         \
        const int64_t n = rows->n, *at = rows->at;                                                 \
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            const char *x = ROWS_LINE(x);                                                          \
            double sum = 0;                                                                        \
            if (!at || at[r] != rows->none) {                                                      \
                const Type shift = VECTOR(rows_shift_##Type)(x, n);                                \
                const Type own = at ? ((const Type *)(const void *)x)[at[r]] - shift : -shift;     \
                sum = VECTOR(rows_log_##Type)(x, n, shift) - (double)own;                          \
            }                                                                                      \
            ((Type *)(void *)rows->each)[r] = (Type)sum;                                           \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(rows_log_sum_back_##Type)(const tp__rows *rows)                             \
    {                                                                                              \
        typedef Type type;                                                                         \
        const int64_t n = rows->n, *at = rows->at;                                                 \
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            const char *x = ROWS_LINE(x);                                                          \
            char *to = ROWS_LINE(to);                                                              \
            const Type g = ((const Type *)(const void *)rows->g_each)[r];                          \
            const Type y = ((const Type *)(const void *)rows->each)[r];                            \
            if (at && (at[r] == rows->none || g == 0)) {                                           \
                memset(to, 0, (size_t)n * sizeof(Type));                                           \
                continue;                                                                          \
            }                                                                                      \
            const Type shift = VECTOR(rows_shift_##Type)(x, n);                                    \
            const Type sum = VECTOR(rows_powers_##Type)(x, n, shift, to), factor = g / sum;        \
            if (!at && (sum == 0 || isinf(sum))) {                                                 \
                tp__log_sum_end(sizeof(Type), n, x, (double)g, to);                                \
                continue;                                                                          \
            }                                                                                      \
            ROWS_EACH(Type, n, ROWS_PUT(Type, to, ROWS_TAKE(Type, to) * factor););                 \
            if (at)                                                                                \
                ((Type *)(void *)to)[at[r]] = (Type)(expm1(-(double)y) * (double)g);               \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(rows_softmax_back_##Type)(const tp__rows *rows)                             \
    {                                                                                              \
        typedef Type type;                                                                         \
        const int64_t n = rows->n;                                                                 \
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            const char *y = ROWS_LINE(y), *gy = ROWS_LINE(gy);                                     \
            char *to = ROWS_LINE(to);                                                              \
            VECTOR_OF_##Type sum[4] = {{0}}, most[4] = {{0}};                                      \
            ROWS_EACH(Type, n, {                                                                   \
                VECTOR_OF_##Type v = ROWS_TAKE(Type, y);                                           \
                sum[k] += ROWS_TAKE(Type, gy) * v;                                                 \
                most[k] = VECTOR(sequence_larger_##Type)(v, most[k]);                              \
            });                                                                                    \
            const Type dot = ROWS_TOTAL(Type, sum);                                                \
            const bool near = VECTOR(rows_most_##Type)(most) > (Type)TP__ROWS_NEAR;                \
            const tp__row_end end =                                                                \
                near ? tp__softmax_end(sizeof(Type), n, y, gy) : tp__row_no_end;                   \
            ROWS_EACH(Type, n,                                                                     \
                      { ROWS_PUT(Type, to, ROWS_TAKE(Type, y) * (ROWS_TAKE(Type, gy) - dot)); });  \
            if (near)                                                                              \
                ((Type *)(void *)to)[end.at] = (Type)end.gradient;                                 \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(rows_log_softmax_back_##Type)(const tp__rows *rows)                         \
    {                                                                                              \
        typedef Type type;                                                                         \
        const int64_t n = rows->n;                                                                 \
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            const char *y = ROWS_LINE(y), *gy = ROWS_LINE(gy);                                     \
            char *to = ROWS_LINE(to);                                                              \
            VECTOR_OF_##Type sum[4] = {{0}};                                                       \
            ROWS_EACH(Type, n, sum[k] += ROWS_TAKE(Type, gy););                                    \
            const Type total = ROWS_TOTAL(Type, sum);                                              \
            if (total == 0) {                                                                      \
                memcpy(to, gy, (size_t)n * sizeof(Type));                                          \
                continue;                                                                          \
            }                                                                                      \
            const bool near = VECTOR(rows_shift_##Type)(y, n) > (Type)TP__ROWS_LOG_NEAR;           \
            const tp__row_end end =                                                                \
                near ? tp__log_softmax_end(sizeof(Type), n, y, gy) : tp__row_no_end;               \
            ROWS_EACH(Type, n, {                                                                   \
                ROWS_PUT(Type, to,                                                                 \
                         ROWS_TAKE(Type, gy) - SEQUENCE_EXP_##Type(ROWS_TAKE(Type, y)) * total);   \
            });                                                                                    \
            if (near)                                                                              \
                ((Type *)(void *)to)[end.at] = (Type)end.gradient;                                 \
        }                                                                                          \
    }

/* centred: layer norm; otherwise RMS norm, whose mean is taken for 0. */
#define ROWS_NORM(name, Type, centred)                                                             \
    TP_INLINE Type VECTOR(rows_##name##_scale_##Type)(const char *x, int64_t n, double epsilon,    \
                                                      Type *mean)                                  \
    {                                                                                              \
        VECTOR_OF_##Type sum[4] = {{0}}, square[4] = {{0}};                                        \
        if (centred)                                                                               \
            ROWS_EACH(Type, n, sum[k] += ROWS_TAKE(Type, x););                                     \
        const Type middle = (centred) ? ROWS_TOTAL(Type, sum) / (Type)n : 0;                       \
        ROWS_EACH(Type, n, {                                                                       \
            VECTOR_OF_##Type away = ROWS_KEEP(Type, ROWS_TAKE(Type, x) - middle, 0);               \
            square[k] += away * away;                                                              \
        });                                                                                        \
        *mean = middle;                                                                            \
        double total = (double)ROWS_TOTAL(Type, square) / (double)n + epsilon;                     \
        if (tp__square_holds(sizeof(Type), total))                                                 \
            return (Type)(1 / sqrt(total));                                                        \
        const tp__spread spread = {sizeof(Type), 1, 0, n, centred, x, epsilon};                    \
        double middle_again, scale = tp__spread_scale(&spread, &middle_again);                     \
        *mean = (Type)middle_again;                                                                \
        return (Type)scale;                                                                        \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(rows_##name##_##Type)(const tp__rows *rows)                                 \
    {                                                                                              \
        typedef Type type;                                                                         \
        const int64_t n = rows->n;                                                                 \
        const char *const weight = rows->weight, *const bias = rows->bias;                         \
        const bool past = rows->past;                                                              \
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            const char *x = ROWS_LINE(x);                                                          \
            char *to = ROWS_LINE(to);                                                              \
            Type mean, scale = VECTOR(rows_##name##_scale_##Type)(x, n, rows->epsilon, &mean);     \
            ROWS_EACH(Type, n, {                                                                   \
                VECTOR_OF_##Type y =                                                               \
                    (ROWS_TAKE(Type, x) - mean) * scale * ROWS_TAKE(Type, weight);                 \
                if (centred)                                                                       \
                    y += ROWS_TAKE(Type, bias);                                                    \
                ROWS_RESULT(Type, to, y);                                                          \
            });                                                                                    \
        }                                                                                          \
        ROWS_RESULTS_END;                                                                          \
    }                                                                                              \
                                                                                                   \
    /* What row r adds to the sums for weight and bias, and to its own two. */                     \
    TP_INLINE void VECTOR(rows_##name##_sums_##Type)(const tp__rows *rows, int64_t r, Type mean,   \
                                                     Type scale, Type *sum, Type *dot)             \
    {                                                                                              \
        typedef Type type;                                                                         \
        const int64_t n = rows->n;                                                                 \
        const char *x = ROWS_LINE(x), *line = ROWS_LINE(gy), *const weight = rows->weight;         \
        const bool past = rows->past;                                                              \
        char *const g_weight = rows->g_weight, *const g_bias = rows->g_bias;                       \
        VECTOR_OF_##Type sums[4] = {{0}}, dots[4] = {{0}};                                         \
        ROWS_EACH(Type, n, {                                                                       \
            VECTOR_OF_##Type at = (ROWS_TAKE(Type, x) - mean) * scale;                             \
            ROWS_AHEAD(Type, x, n);                                                                \
            VECTOR_OF_##Type gy = ROWS_TAKE(Type, line);                                           \
            VECTOR_OF_##Type g = gy * ROWS_TAKE(Type, weight);                                     \
            sums[k] += g;                                                                          \
            dots[k] += g * at;                                                                     \
            if (g_weight)                                                                          \
                ROWS_PUT(Type, g_weight, ROWS_TAKE(Type, g_weight) + gy * at);                     \
            if (g_bias)                                                                            \
                ROWS_PUT(Type, g_bias, ROWS_TAKE(Type, g_bias) + gy);                              \
        });                                                                                        \
        *sum = (centred) ? ROWS_TOTAL(Type, sums) / (Type)n : 0;                                   \
        *dot = ROWS_TOTAL(Type, dots) / (Type)n;                                                   \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(rows_##name##_back_##Type)(const tp__rows *rows)                            \
    {                                                                                              \
        typedef Type type;                                                                         \
        const int64_t n = rows->n;                                                                 \
        const char *const weight = rows->weight;                                                   \
        const bool past = rows->past;                                                              \
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            const char *x = ROWS_LINE(x), *gy = ROWS_LINE(gy);                                     \
            Type mean, sum, dot;                                                                   \
            Type scale = VECTOR(rows_##name##_scale_##Type)(x, n, rows->epsilon, &mean);           \
            VECTOR(rows_##name##_sums_##Type)(rows, r, mean, scale, &sum, &dot);                   \
            if (!rows->to)                                                                         \
                continue;                                                                          \
            char *to = ROWS_LINE(to);                                                              \
            ROWS_EACH(Type, n, {                                                                   \
                VECTOR_OF_##Type at = (ROWS_TAKE(Type, x) - mean) * scale;                         \
                VECTOR_OF_##Type g = ROWS_TAKE(Type, gy) * ROWS_TAKE(Type, weight);                \
                ROWS_AHEAD(Type, gy, n);                                                           \
                ROWS_RESULT(Type, to, scale *(g - (sum + at * dot)));                              \
            });                                                                                    \
        }                                                                                          \
        ROWS_RESULTS_END;                                                                          \
    }

/* Planes of a channel, one an image. */
#define ROWS_PLANES                                                                                \
    for (int64_t image = 0, at = c * n; image < s->images; image++, at += s->channels * n)

#define ROWS_PLANE(pointer) ((pointer) + at * (int64_t)sizeof(type))

/* Plane by plane, while it is in the first cache: its mean, and what its elements are away from
 * that, in squares. Planes are joined as Chan, Golub & LeVeque do (1979). */
#define ROWS_CHANNELS(Type)                                                                        \
    static double VECTOR(rows_channel_scale_##Type)(const tp__channels *s, int64_t c,              \
                                                    double *mean)                                  \
    {                                                                                              \
        typedef Type type;                                                                         \
        const int64_t n = s->plane, next = s->channels * n;                                        \
        const bool past = s->past;                                                                 \
        double middle = 0, square = 0, before = 0;                                                 \
        ROWS_PLANES                                                                                \
        {                                                                                          \
            const char *x = ROWS_PLANE(s->x);                                                      \
            VECTOR_OF_##Type sum[4] = {{0}}, rest[4] = {{0}}, squares[4] = {{0}};                  \
            ROWS_EACH(Type, n, {                                                                   \
                ROWS_AHEAD(Type, x, next);                                                         \
                sum[k] += ROWS_TAKE(Type, x);                                                      \
            });                                                                                    \
            const Type near = ROWS_TOTAL(Type, sum) / (Type)n;                                     \
            ROWS_EACH(Type, n, {                                                                   \
                VECTOR_OF_##Type away = ROWS_KEEP(Type, ROWS_TAKE(Type, x) - near, 0);             \
                rest[k] += away;                                                                   \
                squares[k] += away * away;                                                         \
            });                                                                                    \
            const double off = (double)ROWS_TOTAL(Type, rest) / (double)n;                         \
            const double step = (double)near + off - middle, all = before + (double)n;             \
            square += (double)ROWS_TOTAL(Type, squares) - off * off * (double)n;                   \
            square += step * step * before * ((double)n / all);                                    \
            middle += step * ((double)n / all);                                                    \
            before = all;                                                                          \
        }                                                                                          \
        *mean = middle;                                                                            \
        square = square / before + s->epsilon;                                                     \
        if (!isnan(square) && tp__square_holds(sizeof(Type), square))                              \
            return 1 / sqrt(square);                                                               \
        const tp__spread spread = tp__spread_of(s, sizeof(Type), c);                               \
        return tp__spread_scale(&spread, mean);                                                    \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(rows_channels_##Type)(const tp__channels *s)                                \
    {                                                                                              \
        typedef Type type;                                                                         \
        const int64_t n = s->plane;                                                                \
        const bool past = s->past;                                                                 \
        for (int64_t c = s->first; c < s->last; c++) {                                             \
            double middle, spread = VECTOR(rows_channel_scale_##Type)(s, c, &middle);              \
            s->kept[c] = middle;                                                                   \
            s->kept[s->channels + c] = spread;                                                     \
            const Type mean = (Type)middle, scale = (Type)spread;                                  \
            const Type w = ((const Type *)(const void *)s->weight)[c];                             \
            const Type b = ((const Type *)(const void *)s->bias)[c];                               \
            ROWS_PLANES                                                                            \
            {                                                                                      \
                const char *x = ROWS_PLANE(s->x);                                                  \
                char *to = ROWS_PLANE(s->to);                                                      \
                ROWS_EACH(Type, n, {                                                               \
                    ROWS_RESULT(Type, to, (ROWS_TAKE(Type, x) - mean) * scale * w + b);            \
                });                                                                                \
            }                                                                                      \
        }                                                                                          \
        ROWS_RESULTS_END;                                                                          \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(rows_channels_back_##Type)(const tp__channels *s)                           \
    {                                                                                              \
        typedef Type type;                                                                         \
        const int64_t n = s->plane, next = s->channels * n;                                        \
        const bool past = s->past;                                                                 \
        const double count = (double)(s->images * n);                                              \
        for (int64_t c = s->first; c < s->last; c++) {                                             \
            const Type mean = (Type)s->kept[c], scale = (Type)s->kept[s->channels + c];            \
            double all = 0, dots = 0;                                                              \
            ROWS_PLANES                                                                            \
            {                                                                                      \
                const char *x = ROWS_PLANE(s->x), *gy = ROWS_PLANE(s->gy);                         \
                VECTOR_OF_##Type sum[4] = {{0}}, dot[4] = {{0}};                                   \
                ROWS_EACH(Type, n, {                                                               \
                    ROWS_AHEAD(Type, x, next);                                                     \
                    ROWS_AHEAD(Type, gy, next);                                                    \
                    VECTOR_OF_##Type g = ROWS_TAKE(Type, gy);                                      \
                    sum[k] += g;                                                                   \
                    dot[k] += g * ((ROWS_TAKE(Type, x) - mean) * scale);                           \
                });                                                                                \
                all += (double)ROWS_TOTAL(Type, sum);                                              \
                dots += (double)ROWS_TOTAL(Type, dot);                                             \
            }                                                                                      \
            if (s->g_weight)                                                                       \
                ((Type *)(void *)s->g_weight)[c] = (Type)dots;                                     \
            if (s->g_bias)                                                                         \
                ((Type *)(void *)s->g_bias)[c] = (Type)all;                                        \
            if (!s->to)                                                                            \
                continue;                                                                          \
            const Type sum = (Type)(all / count), dot = (Type)(dots / count);                      \
            const Type factor = ((const Type *)(const void *)s->weight)[c] * scale;                \
            ROWS_PLANES                                                                            \
            {                                                                                      \
                const char *x = ROWS_PLANE(s->x), *gy = ROWS_PLANE(s->gy);                         \
                char *to = ROWS_PLANE(s->to);                                                      \
                ROWS_EACH(Type, n, {                                                               \
                    VECTOR_OF_##Type here = (ROWS_TAKE(Type, x) - mean) * scale;                   \
                    ROWS_RESULT(Type, to, factor *(ROWS_TAKE(Type, gy) - (sum + here * dot)));     \
                });                                                                                \
            }                                                                                      \
        }                                                                                          \
        ROWS_RESULTS_END;                                                                          \
    }

#define ROWS_ALL(Type)                                                                             \
    ROWS_VECTORS(Type)                                                                             \
    ROWS_SOFTMAX(Type)                                                                             \
    ROWS_NORM(layer_norm, Type, true)                                                              \
    ROWS_NORM(rms_norm, Type, false)                                                               \
    ROWS_CHANNELS(Type)

ROWS_ALL(float)
ROWS_ALL(double)

#define ROWS_KERNELS(name, Type, each)                                                             \
    {                                                                                              \
        .cost = (each) * sizeof(Type) / 4 / VECTOR_BYTES, .forward = VECTOR(rows_##name##_##Type), \
        .backward = VECTOR(rows_##name##_back_##Type)                                              \
    }
#define ROWS_PAIR(name, each)                                                                      \
    {                                                                                              \
        ROWS_KERNELS(name, float, each), ROWS_KERNELS(name, double, each)                          \
    }

tp__row_table VECTOR(tp__rows) = {
    [TP__SOFTMAX] = ROWS_PAIR(softmax, 40.0),
    [TP__LOG_SOFTMAX] = ROWS_PAIR(log_softmax, 40.0),
    [TP__LAYER_NORM] = ROWS_PAIR(layer_norm, 20.0),
    [TP__RMS_NORM] = ROWS_PAIR(rms_norm, 20.0),
    [TP__LOG_SUM] = ROWS_PAIR(log_sum, 30.0),
};
tp__channel_table VECTOR(tp__channels) = ROWS_PAIR(channels, 20.0);

#endif
