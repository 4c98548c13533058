/* SPDX-License-Identifier: MIT
 *
 * The kernels of softmax and normalisation (softmax_norm.h), after sequence_body.h in the same file
 * and with what that one needs. What is left of a row after whole registers is padded: with the
 * least of numbers for a largest element, with zeros for sums, in which it then counts for nothing.
 */
#include "kernels/softmax_norm.h"

#if defined(TP_WITH_MVEC)

#define ROWS_LINE(pointer) (rows->pointer + r * n * (int64_t)sizeof(type))
#define ROWS_EACH(Type) for (int64_t i = 0; i < n; i += SEQUENCE_LANES(Type))
#define ROWS_TAKE(Type, line) VECTOR(sequence_some_##Type)(line, i, n - i)
#define ROWS_PUT(Type, line, v) VECTOR(sequence_store_##Type)(line, i, n - i, v)

/* v where there are elements, otherwise what it is padded with. */
#define ROWS_KEEP(Type, v, padding) VECTOR(rows_keep_##Type)(n - i, v, padding)

#define ROWS_VECTORS(Type)                                                                         \
    TP_INLINE VECTOR_OF_##Type VECTOR(rows_keep_##Type)(int64_t left, VECTOR_OF_##Type v,          \
                                                        Type padding)                              \
    {                                                                                              \
        for (int64_t k = left; k < SEQUENCE_LANES(Type); k++)                                      \
            v[k] = padding;                                                                        \
        return v;                                                                                  \
    }                                                                                              \
                                                                                                   \
    static Type VECTOR(rows_shift_##Type)(const char *x, int64_t n)                                \
    {                                                                                              \
        VECTOR_OF_##Type most = SEQUENCE_ALL(Type, -(Type)INFINITY);                               \
        ROWS_EACH(Type)                                                                            \
        most = VECTOR(sequence_larger_##Type)(                                                     \
            ROWS_KEEP(Type, ROWS_TAKE(Type, x), -(Type)INFINITY), most);                           \
        Type largest = most[0];                                                                    \
        for (int64_t k = 1; k < SEQUENCE_LANES(Type); k++)                                         \
            largest = most[k] > largest ? most[k] : largest;                                       \
        return isfinite(largest) ? largest : 0;                                                    \
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
            VECTOR_OF_##Type sum = {0};                                                            \
            ROWS_EACH(Type)                                                                        \
            {                                                                                      \
                VECTOR_OF_##Type e = SEQUENCE_EXP_##Type(ROWS_TAKE(Type, x) - shift);              \
                ROWS_PUT(Type, to, e);                                                             \
                sum += ROWS_KEEP(Type, e, 0);                                                      \
            }                                                                                      \
            const Type total = VECTOR(sequence_sum_##Type)(sum);                                   \
            ROWS_EACH(Type)                                                                        \
            ROWS_PUT(Type, to, ROWS_TAKE(Type, to) / total);                                       \
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
            VECTOR_OF_##Type rest = {0}, ones = {0}, zero = {0};                                   \
            ROWS_EACH(Type)                                                                        \
            {                                                                                      \
                VECTOR_OF_##Type v = ROWS_TAKE(Type, x) - shift;                                   \
                VECTOR_OF_##Type one = -__builtin_convertvector(v == zero, VECTOR_OF_##Type);      \
                ones += ROWS_KEEP(Type, one, 0);                                                   \
                rest += ROWS_KEEP(Type, SEQUENCE_EXP_##Type(v) * (1 - one), 0);                    \
            }                                                                                      \
            const Type total = (Type)tp__log_of_powers((double)VECTOR(sequence_sum_##Type)(ones),  \
                                                       (double)VECTOR(sequence_sum_##Type)(rest)); \
            ROWS_EACH(Type)                                                                        \
            ROWS_PUT(Type, to, (ROWS_TAKE(Type, x) - shift) - total);                              \
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
            VECTOR_OF_##Type sum = {0};                                                            \
            ROWS_EACH(Type)                                                                        \
            sum += ROWS_TAKE(Type, gy) * ROWS_TAKE(Type, y);                                       \
            const Type dot = VECTOR(sequence_sum_##Type)(sum);                                     \
            const bool near = VECTOR(rows_shift_##Type)(y, n) > (Type)TP__ROWS_NEAR;               \
            const tp__row_end end =                                                                \
                near ? tp__softmax_end(sizeof(Type), n, y, gy) : tp__row_no_end;                   \
            ROWS_EACH(Type)                                                                        \
            ROWS_PUT(Type, to, ROWS_TAKE(Type, y) * (ROWS_TAKE(Type, gy) - dot));                  \
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
            VECTOR_OF_##Type sum = {0};                                                            \
            ROWS_EACH(Type)                                                                        \
            sum += ROWS_TAKE(Type, gy);                                                            \
            const Type total = VECTOR(sequence_sum_##Type)(sum);                                   \
            const bool near =                                                                      \
                total != 0 && VECTOR(rows_shift_##Type)(y, n) > (Type)TP__ROWS_LOG_NEAR;           \
            const tp__row_end end =                                                                \
                near ? tp__log_softmax_end(sizeof(Type), n, y, gy) : tp__row_no_end;               \
            ROWS_EACH(Type)                                                                        \
            ROWS_PUT(Type, to,                                                                     \
                     total == 0                                                                    \
                         ? ROWS_TAKE(Type, gy)                                                     \
                         : ROWS_TAKE(Type, gy) - SEQUENCE_EXP_##Type(ROWS_TAKE(Type, y)) * total); \
            if (near)                                                                              \
                ((Type *)(void *)to)[end.at] = (Type)end.gradient;                                 \
        }                                                                                          \
    }

/* centred: layer norm; otherwise RMS norm, whose mean is taken for 0. */
#define ROWS_NORM(name, Type, centred)                                                             \
    TP_INLINE Type VECTOR(rows_##name##_scale_##Type)(const char *x, int64_t n, double epsilon,    \
                                                      Type *mean)                                  \
    {                                                                                              \
        VECTOR_OF_##Type sum = {0}, square = {0};                                                  \
        if (centred)                                                                               \
            ROWS_EACH(Type)                                                                        \
        sum += ROWS_TAKE(Type, x);                                                                 \
        const Type middle = VECTOR(sequence_sum_##Type)(sum) / (Type)n;                            \
        ROWS_EACH(Type)                                                                            \
        {                                                                                          \
            VECTOR_OF_##Type away = ROWS_KEEP(Type, ROWS_TAKE(Type, x) - middle, 0);               \
            square += away * away;                                                                 \
        }                                                                                          \
        *mean = middle;                                                                            \
        double total = (double)VECTOR(sequence_sum_##Type)(square) / (double)n + epsilon;          \
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
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            const char *x = ROWS_LINE(x);                                                          \
            char *to = ROWS_LINE(to);                                                              \
            Type mean, scale = VECTOR(rows_##name##_scale_##Type)(x, n, rows->epsilon, &mean);     \
            ROWS_EACH(Type)                                                                        \
            {                                                                                      \
                VECTOR_OF_##Type y =                                                               \
                    (ROWS_TAKE(Type, x) - mean) * scale * ROWS_TAKE(Type, rows->weight);           \
                if (centred)                                                                       \
                    y += ROWS_TAKE(Type, rows->bias);                                              \
                ROWS_PUT(Type, to, y);                                                             \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    /* What row r adds to the sums for weight and bias, and to its own two. */                     \
    TP_INLINE void VECTOR(rows_##name##_sums_##Type)(const tp__rows *rows, int64_t r, Type mean,   \
                                                     Type scale, Type *sum, Type *dot)             \
    {                                                                                              \
        typedef Type type;                                                                         \
        const int64_t n = rows->n;                                                                 \
        const char *x = ROWS_LINE(x), *line = ROWS_LINE(gy);                                       \
        VECTOR_OF_##Type sums = {0}, dots = {0};                                                   \
        ROWS_EACH(Type)                                                                            \
        {                                                                                          \
            VECTOR_OF_##Type at = (ROWS_TAKE(Type, x) - mean) * scale;                             \
            VECTOR_OF_##Type gy = ROWS_TAKE(Type, line);                                           \
            VECTOR_OF_##Type g = gy * ROWS_TAKE(Type, rows->weight);                               \
            sums += g;                                                                             \
            dots += g * at;                                                                        \
            if (rows->g_weight)                                                                    \
                ROWS_PUT(Type, rows->g_weight, ROWS_TAKE(Type, rows->g_weight) + gy * at);         \
            if (rows->g_bias)                                                                      \
                ROWS_PUT(Type, rows->g_bias, ROWS_TAKE(Type, rows->g_bias) + gy);                  \
        }                                                                                          \
        *sum = (centred) ? VECTOR(sequence_sum_##Type)(sums) / (Type)n : 0;                        \
        *dot = VECTOR(sequence_sum_##Type)(dots) / (Type)n;                                        \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(rows_##name##_back_##Type)(const tp__rows *rows)                            \
    {                                                                                              \
        typedef Type type;                                                                         \
        const int64_t n = rows->n;                                                                 \
        for (int64_t r = 0; r < rows->rows; r++) {                                                 \
            const char *x = ROWS_LINE(x), *gy = ROWS_LINE(gy);                                     \
            Type mean, sum, dot;                                                                   \
            Type scale = VECTOR(rows_##name##_scale_##Type)(x, n, rows->epsilon, &mean);           \
            VECTOR(rows_##name##_sums_##Type)(rows, r, mean, scale, &sum, &dot);                   \
            if (!rows->to)                                                                         \
                continue;                                                                          \
            char *to = ROWS_LINE(to);                                                              \
            ROWS_EACH(Type)                                                                        \
            {                                                                                      \
                VECTOR_OF_##Type at = (ROWS_TAKE(Type, x) - mean) * scale;                         \
                VECTOR_OF_##Type g = ROWS_TAKE(Type, gy) * ROWS_TAKE(Type, rows->weight);          \
                ROWS_PUT(Type, to, scale *(g - (sum + at * dot)));                                 \
            }                                                                                      \
        }                                                                                          \
    }

/* Planes of a channel, one an image. */
#define ROWS_PLANES                                                                                \
    for (int64_t image = 0, at = c * n; image < s->images; image++, at += s->channels * n)

#define ROWS_PLANE(pointer) ((pointer) + at * (int64_t)sizeof(type))

#define ROWS_CHANNELS(Type)                                                                        \
    static Type VECTOR(rows_channel_scale_##Type)(const tp__channels *s, int64_t c, Type *mean)    \
    {                                                                                              \
        typedef Type type;                                                                         \
        const int64_t n = s->plane;                                                                \
        const double count = (double)(s->images * n);                                              \
        double total = 0, square = 0;                                                              \
        ROWS_PLANES                                                                                \
        {                                                                                          \
            VECTOR_OF_##Type sum = {0};                                                            \
            ROWS_EACH(Type)                                                                        \
            sum += ROWS_TAKE(Type, ROWS_PLANE(s->x));                                              \
            total += (double)VECTOR(sequence_sum_##Type)(sum);                                     \
        }                                                                                          \
        const Type middle = (Type)(total / count);                                                 \
        ROWS_PLANES                                                                                \
        {                                                                                          \
            VECTOR_OF_##Type sum = {0};                                                            \
            ROWS_EACH(Type)                                                                        \
            {                                                                                      \
                VECTOR_OF_##Type away =                                                            \
                    ROWS_KEEP(Type, ROWS_TAKE(Type, ROWS_PLANE(s->x)) - middle, 0);                \
                sum += away * away;                                                                \
            }                                                                                      \
            square += (double)VECTOR(sequence_sum_##Type)(sum);                                    \
        }                                                                                          \
        *mean = middle;                                                                            \
        double all = square / count + s->epsilon;                                                  \
        if (tp__square_holds(sizeof(Type), all))                                                   \
            return (Type)(1 / sqrt(all));                                                          \
        const tp__spread spread = tp__spread_of(s, sizeof(Type), c);                               \
        double middle_again, scale = tp__spread_scale(&spread, &middle_again);                     \
        *mean = (Type)middle_again;                                                                \
        return (Type)scale;                                                                        \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(rows_channels_##Type)(const tp__channels *s)                                \
    {                                                                                              \
        typedef Type type;                                                                         \
        const int64_t n = s->plane;                                                                \
        for (int64_t c = s->first; c < s->last; c++) {                                             \
            Type mean, scale = VECTOR(rows_channel_scale_##Type)(s, c, &mean);                     \
            const Type w = ((const Type *)(const void *)s->weight)[c];                             \
            const Type b = ((const Type *)(const void *)s->bias)[c];                               \
            ROWS_PLANES                                                                            \
            ROWS_EACH(Type)                                                                        \
            ROWS_PUT(Type, ROWS_PLANE(s->to),                                                      \
                     (ROWS_TAKE(Type, ROWS_PLANE(s->x)) - mean) * scale * w + b);                  \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(rows_channels_back_##Type)(const tp__channels *s)                           \
    {                                                                                              \
        typedef Type type;                                                                         \
        const int64_t n = s->plane;                                                                \
        const double count = (double)(s->images * n);                                              \
        for (int64_t c = s->first; c < s->last; c++) {                                             \
            Type mean, scale = VECTOR(rows_channel_scale_##Type)(s, c, &mean);                     \
            double all = 0, dots = 0;                                                              \
            ROWS_PLANES                                                                            \
            {                                                                                      \
                VECTOR_OF_##Type sum = {0}, dot = {0};                                             \
                ROWS_EACH(Type)                                                                    \
                {                                                                                  \
                    VECTOR_OF_##Type g = ROWS_TAKE(Type, ROWS_PLANE(s->gy));                       \
                    sum += g;                                                                      \
                    dot += g * ((ROWS_TAKE(Type, ROWS_PLANE(s->x)) - mean) * scale);               \
                }                                                                                  \
                all += (double)VECTOR(sequence_sum_##Type)(sum);                                   \
                dots += (double)VECTOR(sequence_sum_##Type)(dot);                                  \
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
            ROWS_EACH(Type)                                                                        \
            {                                                                                      \
                VECTOR_OF_##Type here = (ROWS_TAKE(Type, ROWS_PLANE(s->x)) - mean) * scale;        \
                VECTOR_OF_##Type g = ROWS_TAKE(Type, ROWS_PLANE(s->gy));                           \
                ROWS_PUT(Type, ROWS_PLANE(s->to), factor *(g - (sum + here * dot)));               \
            }                                                                                      \
        }                                                                                          \
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
};
tp__channel_table VECTOR(tp__channels) = ROWS_PAIR(channels, 20.0);

#endif
