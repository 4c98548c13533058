/* SPDX-License-Identifier: MIT
 *
 * The kernels of attention (kernels/attention.h) and of recurrent layers (gates.h), after
 * vector_body.h in the same file and with what that one needs.
 */
#include <float.h>

#include "kernels/attention.h"
#include "kernels/gates.h"

#if defined(TP_WITH_MVEC)

/* --- Vectors --- */

typedef int32_t VECTOR(masks_float) __attribute__((vector_size(VECTOR_BYTES)));
typedef int64_t VECTOR(masks_double) __attribute__((vector_size(VECTOR_BYTES)));

#define SEQUENCE_MASKS(Type) VECTOR(masks_##Type)
#define SEQUENCE_INT(Type) SEQUENCE_INT_##Type
#define SEQUENCE_INT_float int32_t
#define SEQUENCE_INT_double int64_t
#define SEQUENCE_LANES(Type) ((int64_t)(VECTOR_BYTES / sizeof(Type)))
#define SEQUENCE_ALL(Type, value) ((value) - (VECTOR_OF_##Type){0})
#define SEQUENCE_EXP_float VECTOR_EXP_float
#define SEQUENCE_EXP_double VECTOR_DOUBLE1(exp)
/* The least normal number; a size whose e^2x is a number. */
#define SEQUENCE_LEAST_float FLT_MIN
#define SEQUENCE_LEAST_double DBL_MIN
#define SEQUENCE_FAR_float 43
#define SEQUENCE_FAR_double 350
#if defined(VECTOR_SCALE_float)
#define SEQUENCE_EXPM1_float VECTOR(expm1_of_float)
#else
#define SEQUENCE_EXPM1_float VECTOR_FLOAT1(expm1)
#endif
#define SEQUENCE_EXPM1_double VECTOR_DOUBLE1(expm1)

static const int32_t VECTOR(sequence_places_float)[] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                        8, 9, 10, 11, 12, 13, 14, 15};
static const int64_t VECTOR(sequence_places_double)[] = {0, 1, 2, 3, 4, 5, 6, 7};

/* Below this, e^x is taken for 0: far from denormal numbers, which take time. */
#define SEQUENCE_LOWEST_float -80.0F
#define SEQUENCE_LOWEST_double -700.0

/* A part of a register. */
#if defined(VECTOR_SOME_float)
#define SEQUENCE_SOME(Type, at, n) VECTOR_SOME_##Type(at, n)
#define SEQUENCE_STORE(Type, to, n, v) VECTOR_STORE_##Type(to, n, v)
#else
#define SEQUENCE_SOME(Type, at, n) VECTOR(sequence_part_##Type)(at, n)
#define SEQUENCE_STORE(Type, to, n, v) memcpy(to, &(v), (size_t)(n) * sizeof(Type))
#endif

/* The larger one; b if one is NaN. */
#if defined(VECTOR_MOST_float)
#define SEQUENCE_LARGER(Type, a, b) VECTOR_MOST_##Type(a, b)
#else
#define SEQUENCE_LARGER(Type, a, b) VECTOR(sequence_choose_##Type)((a) > (b), a, b)
#endif

#define SEQUENCE_VECTORS(Type)                                                                     \
    TP_INLINE VECTOR_OF_##Type VECTOR(sequence_load_##Type)(const char *at, int64_t i)             \
    {                                                                                              \
        VECTOR_OF_##Type v;                                                                        \
        memcpy(&v, at + i * (int64_t)sizeof(Type), sizeof v);                                      \
        return v;                                                                                  \
    }                                                                                              \
                                                                                                   \
    TP_INLINE VECTOR_OF_##Type VECTOR(sequence_part_##Type)(const char *at, int64_t n)             \
    {                                                                                              \
        VECTOR_OF_##Type v = {0};                                                                  \
        memcpy(&v, at, (size_t)n * sizeof(Type));                                                  \
        return v;                                                                                  \
    }                                                                                              \
                                                                                                   \
    /* n of the elements, or all lanes */                                                          \
    TP_INLINE VECTOR_OF_##Type VECTOR(sequence_some_##Type)(const char *at, int64_t i, int64_t n)  \
    {                                                                                              \
        if (n >= SEQUENCE_LANES(Type))                                                             \
            return VECTOR(sequence_load_##Type)(at, i);                                            \
        return SEQUENCE_SOME(Type, at + i * (int64_t)sizeof(Type), n);                             \
    }                                                                                              \
                                                                                                   \
    TP_INLINE void VECTOR(sequence_store_##Type)(char *at, int64_t i, int64_t n,                   \
                                                 VECTOR_OF_##Type v)                               \
    {                                                                                              \
        char *to = at + i * (int64_t)sizeof(Type);                                                 \
        if (n >= SEQUENCE_LANES(Type))                                                             \
            memcpy(to, &v, sizeof v);                                                              \
        else                                                                                       \
            SEQUENCE_STORE(Type, to, n, v);                                                        \
    }                                                                                              \
                                                                                                   \
    /* a where mask is set, else b */                                                              \
    TP_INLINE VECTOR_OF_##Type VECTOR(sequence_choose_##Type)(                                     \
        SEQUENCE_MASKS(Type) mask, VECTOR_OF_##Type a, VECTOR_OF_##Type b)                         \
    {                                                                                              \
        return (VECTOR_OF_##Type)((mask & (SEQUENCE_MASKS(Type))a) |                               \
                                  (~mask & (SEQUENCE_MASKS(Type))b));                              \
    }                                                                                              \
                                                                                                   \
    TP_INLINE VECTOR_OF_##Type VECTOR(sequence_larger_##Type)(VECTOR_OF_##Type a,                  \
                                                              VECTOR_OF_##Type b)                  \
    {                                                                                              \
        return SEQUENCE_LARGER(Type, a, b);                                                        \
    }                                                                                              \
                                                                                                   \
    /* e^x for x of at most about 0 */                                                             \
    TP_INLINE VECTOR_OF_##Type VECTOR(sequence_fall_##Type)(VECTOR_OF_##Type x)                    \
    {                                                                                              \
        SEQUENCE_MASKS(Type) low = x < SEQUENCE_ALL(Type, SEQUENCE_LOWEST_##Type);                 \
        x = VECTOR(sequence_choose_##Type)(low, SEQUENCE_ALL(Type, SEQUENCE_LOWEST_##Type), x);    \
        return VECTOR(sequence_choose_##Type)(low, SEQUENCE_ALL(Type, 0), SEQUENCE_EXP_##Type(x)); \
    }                                                                                              \
                                                                                                   \
    /* Of the lanes, halves by halves. */                                                          \
    TP_INLINE Type VECTOR(sequence_sum_##Type)(VECTOR_OF_##Type v)                                 \
    {                                                                                              \
        Type lane[SEQUENCE_LANES(Type)];                                                           \
        memcpy(lane, &v, sizeof v);                                                                \
        for (int64_t n = SEQUENCE_LANES(Type) / 2; n > 0; n /= 2)                                  \
            for (int64_t i = 0; i < n; i++)                                                        \
                lane[i] += lane[i + n];                                                            \
        return lane[0];                                                                            \
    }                                                                                              \
                                                                                                   \
    TP_INLINE Type VECTOR(sequence_most_##Type)(VECTOR_OF_##Type v)                                \
    {                                                                                              \
        Type lane[SEQUENCE_LANES(Type)];                                                           \
        memcpy(lane, &v, sizeof v);                                                                \
        for (int64_t n = SEQUENCE_LANES(Type) / 2; n > 0; n /= 2)                                  \
            for (int64_t i = 0; i < n; i++)                                                        \
                lane[i] = lane[i + n] > lane[i] ? lane[i + n] : lane[i];                           \
        return lane[0];                                                                            \
    }                                                                                              \
                                                                                                   \
    /* a in the first n lanes, else b */                                                           \
    TP_INLINE VECTOR_OF_##Type VECTOR(sequence_first_##Type)(int64_t n, VECTOR_OF_##Type a,        \
                                                             VECTOR_OF_##Type b)                   \
    {                                                                                              \
        SEQUENCE_MASKS(Type) mask;                                                                 \
        memcpy(&mask, VECTOR(sequence_places_##Type), sizeof mask);                                \
        n = n < 0 ? 0 : n < SEQUENCE_LANES(Type) ? n : SEQUENCE_LANES(Type);                       \
        mask = mask < (SEQUENCE_INT(Type))n;                                                       \
        return VECTOR(sequence_choose_##Type)(mask, a, b);                                         \
    }

SEQUENCE_VECTORS(float)
SEQUENCE_VECTORS(double)

/* --- Attention --- */

#define SEQUENCE_ATTEND(Type)                                                                      \
    /* How many keys row r sees. With a mask, its scores ← scaled and masked ones. */            \
    static int64_t VECTOR(attend_seen_##Type)(const tp__attend_tile *t, int64_t r)                 \
    {                                                                                              \
        Type *at = (Type *)(void *)t->scores + r * t->pitch;                                       \
        const Type *mask = (const Type *)(const void *)t->mask;                                    \
        int64_t seen = t->seen + r < t->columns ? t->seen + r : t->columns;                        \
        for (int64_t k = 0; mask && k < seen; k++)                                                 \
            at[k] = at[k] * (Type)t->scale + mask[r * t->mask_row + k * t->mask_column];           \
        return seen;                                                                               \
    }                                                                                              \
                                                                                                   \
    /* Scaled and masked scores, −∞ where nothing is seen. */                                  \
    TP_INLINE VECTOR_OF_##Type VECTOR(attend_scores_##Type)(                                       \
        const tp__attend_tile *t, const char *scores, int64_t i, int64_t seen)                     \
    {                                                                                              \
        const Type scale = t->mask ? 1 : (Type)t->scale;                                           \
        VECTOR_OF_##Type x = VECTOR(sequence_load_##Type)(scores, i);                              \
        return VECTOR(sequence_first_##Type)(seen - i, x * SEQUENCE_ALL(Type, scale),              \
                                             SEQUENCE_ALL(Type, -(Type)INFINITY));                 \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(attend_weigh_##Type)(const tp__attend_tile *t)                              \
    {                                                                                              \
        Type *largest = (Type *)(void *)t->largest, *sums = (Type *)(void *)t->sum;                \
        for (int64_t r = 0; r < t->rows; r++) {                                                    \
            char *scores = t->scores + r * t->pitch * (int64_t)sizeof(Type);                       \
            const int64_t seen = VECTOR(attend_seen_##Type)(t, r);                                 \
            VECTOR_OF_##Type sum = {0}, all = SEQUENCE_ALL(Type, -(Type)INFINITY), x;              \
            for (int64_t i = 0; i < seen; i += SEQUENCE_LANES(Type)) {                             \
                x = VECTOR(attend_scores_##Type)(t, scores, i, seen);                              \
                all = VECTOR(sequence_larger_##Type)(x, all);                                      \
            }                                                                                      \
            Type most = VECTOR(sequence_most_##Type)(all), before = largest[r], keep = 0;          \
            most = before > most ? before : most;                                                  \
            Type shift = most == -(Type)INFINITY ? 0 : most;                                       \
            for (int64_t i = 0; i < t->pitch; i += SEQUENCE_LANES(Type)) {                         \
                x = VECTOR(attend_scores_##Type)(t, scores, i, seen);                              \
                x = VECTOR(sequence_fall_##Type)(x - SEQUENCE_ALL(Type, shift));                   \
                VECTOR(sequence_store_##Type)(scores, i, SEQUENCE_LANES(Type), x);                 \
                sum += x;                                                                          \
            }                                                                                      \
            if (before > -(Type)INFINITY)                                                          \
                keep = before == shift ? 1 : (Type)exp((double)before - (double)shift);            \
            ((Type *)(void *)t->keep)[r] = keep;                                                   \
            sums[r] = sums[r] * keep + VECTOR(sequence_sum_##Type)(sum);                           \
            largest[r] = most;                                                                     \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(attend_pull_##Type)(const tp__attend_tile *t)                               \
    {                                                                                              \
        for (int64_t r = 0; r < t->rows; r++) {                                                    \
            char *scores = t->scores + r * t->pitch * (int64_t)sizeof(Type);                       \
            char *change = t->change + r * t->pitch * (int64_t)sizeof(Type);                       \
            const Type log_sum = ((const Type *)(const void *)t->log_sum)[r];                      \
            const VECTOR_OF_##Type dot =                                                           \
                SEQUENCE_ALL(Type, ((const Type *)(const void *)t->dot)[r]);                       \
            const int64_t seen = VECTOR(attend_seen_##Type)(t, r);                                 \
            VECTOR_OF_##Type most = {0}, sum = {0};                                                \
            for (int64_t i = 0; i < t->columns; i += SEQUENCE_LANES(Type)) {                       \
                VECTOR_OF_##Type x = VECTOR(attend_scores_##Type)(t, scores, i, seen);             \
                VECTOR_OF_##Type g = VECTOR(sequence_load_##Type)(change, i);                      \
                x = VECTOR(sequence_fall_##Type)(x - SEQUENCE_ALL(Type, log_sum));                 \
                g = (g - dot) * x * SEQUENCE_ALL(Type, (Type)t->change_scale);                     \
                VECTOR(sequence_store_##Type)(scores, i, SEQUENCE_LANES(Type), x);                 \
                VECTOR(sequence_store_##Type)(change, i, SEQUENCE_LANES(Type), g);                 \
                most = VECTOR(sequence_larger_##Type)(x, most);                                    \
                sum += VECTOR(sequence_choose_##Type)(x > 0, g, SEQUENCE_ALL(Type, 0));            \
            }                                                                                      \
            ((Type *)(void *)t->largest)[r] = VECTOR(sequence_most_##Type)(most);                  \
            ((Type *)(void *)t->sum)[r] = VECTOR(sequence_sum_##Type)(sum);                        \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(attend_multiply_##Type)(int64_t rows, int64_t n, char *a, int64_t a_row,    \
                                               const char *factor)                                 \
    {                                                                                              \
        for (int64_t r = 0; r < rows; r++) {                                                       \
            Type *at = (Type *)(void *)a + r * a_row;                                              \
            const Type by = ((const Type *)(const void *)factor)[r];                               \
            VECTOR_LOOP                                                                            \
            for (int64_t i = 0; i < n; i++)                                                        \
                at[i] *= by;                                                                       \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(attend_dots_##Type)(int64_t rows, int64_t n, const char *a, int64_t a_row,  \
                                           const char *b, int64_t b_row, char *dot)                \
    {                                                                                              \
        const int64_t item = sizeof(Type);                                                         \
        for (int64_t r = 0; r < rows; r++) {                                                       \
            const char *left = a + r * a_row * item, *right = b + r * b_row * item;                \
            VECTOR_OF_##Type sum = {0};                                                            \
            for (int64_t i = 0; i < n; i += SEQUENCE_LANES(Type))                                  \
                sum += VECTOR(sequence_some_##Type)(left, i, n - i) *                              \
                       VECTOR(sequence_some_##Type)(right, i, n - i);                              \
            ((Type *)(void *)dot)[r] = VECTOR(sequence_sum_##Type)(sum);                           \
        }                                                                                          \
    }

SEQUENCE_ATTEND(float)
SEQUENCE_ATTEND(double)

/* --- Gates --- */

#define SEQUENCE_GATES(Type)                                                                       \
    /* How gates are kept (gates.h), and what they are. */                                         \
    TP_INLINE VECTOR_OF_##Type VECTOR(gate_keep_sigmoid_##Type)(VECTOR_OF_##Type x)                \
    {                                                                                              \
        const VECTOR_OF_##Type least = SEQUENCE_ALL(Type, SEQUENCE_LEAST_##Type);                  \
        VECTOR_OF_##Type size = VECTOR(sequence_choose_##Type)(x < 0, x, -x);                      \
        VECTOR_OF_##Type e = VECTOR(sequence_fall_##Type)(size), part = e / (1 + e);               \
        VECTOR_OF_##Type rest = VECTOR(sequence_choose_##Type)(part < least, least, part);         \
        return VECTOR(sequence_choose_##Type)(x < 0, part, -rest);                                 \
    }                                                                                              \
                                                                                                   \
    TP_INLINE VECTOR_OF_##Type VECTOR(gate_sigmoid_##Type)(VECTOR_OF_##Type v)                     \
    {                                                                                              \
        return VECTOR(sequence_choose_##Type)(v < 0, 1 + v, v);                                    \
    }                                                                                              \
                                                                                                   \
    TP_INLINE VECTOR_OF_##Type VECTOR(gate_rest_##Type)(VECTOR_OF_##Type v)                        \
    {                                                                                              \
        return VECTOR(sequence_choose_##Type)(v < 0, -v, 1 - v);                                   \
    }                                                                                              \
                                                                                                   \
    TP_INLINE VECTOR_OF_##Type VECTOR(gate_sigmoid_slope_##Type)(VECTOR_OF_##Type v)               \
    {                                                                                              \
        v = VECTOR(sequence_choose_##Type)(v < 0, -v, v);                                          \
        return v * (1 - v);                                                                        \
    }                                                                                              \
                                                                                                   \
    /* e / (e + 2) with e = e^2|x| − 1, held where it does not overflow. */                      \
    TP_INLINE VECTOR_OF_##Type VECTOR(gate_keep_tanh_##Type)(VECTOR_OF_##Type x)                   \
    {                                                                                              \
        const VECTOR_OF_##Type far = SEQUENCE_ALL(Type, SEQUENCE_FAR_##Type);                      \
        VECTOR_OF_##Type size = VECTOR(sequence_choose_##Type)(x < 0, -x, x);                      \
        size = VECTOR(sequence_choose_##Type)(size > far, far, size);                              \
        VECTOR_OF_##Type e = SEQUENCE_EXPM1_##Type(2 * size);                                      \
        size = VECTOR(sequence_choose_##Type)(e < 2, e / (e + 2), (e + 2) / 2);                    \
        return VECTOR(sequence_choose_##Type)(x < 0, -size, size);                                 \
    }                                                                                              \
                                                                                                   \
    TP_INLINE VECTOR_OF_##Type VECTOR(gate_tanh_##Type)(VECTOR_OF_##Type v)                        \
    {                                                                                              \
        VECTOR_OF_##Type size = VECTOR(sequence_choose_##Type)(v < 0, -v, v);                      \
        size = VECTOR(sequence_choose_##Type)(size >= 1, 1 - 1 / size, size);                      \
        return VECTOR(sequence_choose_##Type)(v < 0, -size, size);                                 \
    }                                                                                              \
                                                                                                   \
    TP_INLINE VECTOR_OF_##Type VECTOR(gate_tanh_slope_##Type)(VECTOR_OF_##Type v)                  \
    {                                                                                              \
        VECTOR_OF_##Type size = VECTOR(sequence_choose_##Type)(v < 0, -v, v), rest = 1 / size;     \
        return VECTOR(sequence_choose_##Type)(size >= 1, rest * (2 - rest), 1 - v * v);            \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(lstm_forward_##Type)(const tp__gate_step *s)                                \
    {                                                                                              \
        const int64_t n = s->size, line = n * (int64_t)sizeof(Type);                               \
        for (int64_t r = 0; r < s->rows; r++) {                                                    \
            char *gate[TP__GATES];                                                                 \
            for (int k = 0; k < TP__GATES; k++)                                                    \
                gate[k] = s->gates + (r * TP__GATES + k) * line;                                   \
            for (int64_t a = 0; a < n; a += SEQUENCE_LANES(Type)) {                                \
                VECTOR_OF_##Type x[TP__GATES];                                                     \
                for (int k = 0; k < TP__GATES; k++) {                                              \
                    x[k] = VECTOR(sequence_some_##Type)(gate[k], a, n - a) +                       \
                           VECTOR(sequence_some_##Type)(s->bias + k * line, a, n - a);             \
                    x[k] = k == 2 ? VECTOR(gate_keep_tanh_##Type)(x[k])                            \
                                  : VECTOR(gate_keep_sigmoid_##Type)(x[k]);                        \
                    VECTOR(sequence_store_##Type)(gate[k], a, n - a, x[k]);                        \
                    x[k] = k == 2 ? VECTOR(gate_tanh_##Type)(x[k])                                 \
                                  : VECTOR(gate_sigmoid_##Type)(x[k]);                             \
                }                                                                                  \
                VECTOR_OF_##Type c = VECTOR(sequence_some_##Type)(s->before + r * line, a, n - a); \
                c = x[1] * c + x[0] * x[2];                                                        \
                VECTOR(sequence_store_##Type)(s->c + r * line, a, n - a, c);                       \
                c = VECTOR(gate_tanh_##Type)(VECTOR(gate_keep_tanh_##Type)(c));                    \
                VECTOR(sequence_store_##Type)(s->h + r * line, a, n - a, x[3] * c);                \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(lstm_backward_##Type)(const tp__gate_step *s)                               \
    {                                                                                              \
        const int64_t n = s->size, line = n * (int64_t)sizeof(Type);                               \
        for (int64_t r = 0; r < s->rows; r++)                                                      \
            for (int64_t a = 0; a < n; a += SEQUENCE_LANES(Type)) {                                \
                VECTOR_OF_##Type x[TP__GATES], g[TP__GATES];                                       \
                const int64_t at = r * line, gates = TP__GATES * at, left = n - a;                 \
                for (int k = 0; k < TP__GATES; k++)                                                \
                    x[k] = VECTOR(sequence_some_##Type)(s->gates + gates + k * line, a, left);     \
                VECTOR_OF_##Type gh = VECTOR(sequence_some_##Type)(s->gy + at, a, left) +          \
                                      VECTOR(sequence_some_##Type)(s->gh + at, a, left);           \
                VECTOR_OF_##Type gc = VECTOR(sequence_some_##Type)(s->gc + at, a, left);           \
                VECTOR_OF_##Type before = VECTOR(sequence_some_##Type)(s->before + at, a, left);   \
                VECTOR_OF_##Type h = VECTOR(gate_keep_tanh_##Type)(                                \
                    VECTOR(sequence_some_##Type)(s->c + at, a, left));                             \
                gc += gh * VECTOR(gate_sigmoid_##Type)(x[3]) * VECTOR(gate_tanh_slope_##Type)(h);  \
                g[0] =                                                                             \
                    gc * VECTOR(gate_tanh_##Type)(x[2]) * VECTOR(gate_sigmoid_slope_##Type)(x[0]); \
                g[1] = gc * before * VECTOR(gate_sigmoid_slope_##Type)(x[1]);                      \
                g[2] =                                                                             \
                    gc * VECTOR(gate_sigmoid_##Type)(x[0]) * VECTOR(gate_tanh_slope_##Type)(x[2]); \
                g[3] = gh * VECTOR(gate_tanh_##Type)(h) * VECTOR(gate_sigmoid_slope_##Type)(x[3]); \
                for (int k = 0; k < TP__GATES; k++)                                                \
                    VECTOR(sequence_store_##Type)(s->change + gates + k * line, a, left, g[k]);    \
                VECTOR(sequence_store_##Type)                                                      \
                (s->gc + at, a, left, gc * VECTOR(gate_sigmoid_##Type)(x[1]));                     \
            }                                                                                      \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(gru_forward_##Type)(const tp__gate_step *s)                                 \
    {                                                                                              \
        const int64_t n = s->size, line = n * (int64_t)sizeof(Type);                               \
        for (int64_t r = 0; r < s->rows; r++)                                                      \
            for (int64_t a = 0; a < n; a += SEQUENCE_LANES(Type)) {                                \
                VECTOR_OF_##Type x[TP__GATES];                                                     \
                const int64_t at = r * line, gates = TP__GATES * at, left = n - a;                 \
                for (int k = 0; k < TP__GATES; k++)                                                \
                    x[k] = VECTOR(sequence_some_##Type)(s->gates + gates + k * line, a, left) +    \
                           VECTOR(sequence_some_##Type)(s->bias + k * line, a, left);              \
                x[0] = VECTOR(gate_keep_sigmoid_##Type)(x[0]);                                     \
                x[1] = VECTOR(gate_keep_sigmoid_##Type)(x[1]);                                     \
                x[2] = VECTOR(gate_keep_tanh_##Type)(x[2] +                                        \
                                                     VECTOR(gate_sigmoid_##Type)(x[0]) * x[3]);    \
                for (int k = 0; k < TP__GATES; k++)                                                \
                    VECTOR(sequence_store_##Type)(s->gates + gates + k * line, a, left, x[k]);     \
                VECTOR_OF_##Type before = VECTOR(sequence_some_##Type)(s->before + at, a, left);   \
                VECTOR_OF_##Type h =                                                               \
                    VECTOR(gate_rest_##Type)(x[1]) * VECTOR(gate_tanh_##Type)(x[2]);               \
                h += VECTOR(gate_sigmoid_##Type)(x[1]) * before;                                   \
                VECTOR(sequence_store_##Type)(s->h + at, a, left, h);                              \
            }                                                                                      \
    }                                                                                              \
                                                                                                   \
    static void VECTOR(gru_backward_##Type)(const tp__gate_step *s)                                \
    {                                                                                              \
        const int64_t n = s->size, line = n * (int64_t)sizeof(Type);                               \
        for (int64_t r = 0; r < s->rows; r++)                                                      \
            for (int64_t a = 0; a < n; a += SEQUENCE_LANES(Type)) {                                \
                VECTOR_OF_##Type x[TP__GATES], g[TP__GATES];                                       \
                const int64_t at = r * line, gates = TP__GATES * at, left = n - a;                 \
                for (int k = 0; k < TP__GATES; k++)                                                \
                    x[k] = VECTOR(sequence_some_##Type)(s->gates + gates + k * line, a, left);     \
                VECTOR_OF_##Type gh = VECTOR(sequence_some_##Type)(s->gy + at, a, left) +          \
                                      VECTOR(sequence_some_##Type)(s->gh + at, a, left);           \
                VECTOR_OF_##Type before = VECTOR(sequence_some_##Type)(s->before + at, a, left);   \
                g[2] = gh * VECTOR(gate_rest_##Type)(x[1]) * VECTOR(gate_tanh_slope_##Type)(x[2]); \
                g[0] = g[2] * x[3] * VECTOR(gate_sigmoid_slope_##Type)(x[0]);                      \
                g[1] = gh * (before - VECTOR(gate_tanh_##Type)(x[2])) *                            \
                       VECTOR(gate_sigmoid_slope_##Type)(x[1]);                                    \
                g[3] = g[2] * VECTOR(gate_sigmoid_##Type)(x[0]);                                   \
                for (int k = 0; k < TP__GATES; k++)                                                \
                    VECTOR(sequence_store_##Type)(s->change + gates + k * line, a, left, g[k]);    \
                VECTOR(sequence_store_##Type)                                                      \
                (s->gh + at, a, left, gh * VECTOR(gate_sigmoid_##Type)(x[1]));                     \
            }                                                                                      \
    }

SEQUENCE_GATES(float)
SEQUENCE_GATES(double)

#define SEQUENCE_ATTEND_KERNELS(Type)                                                              \
    {                                                                                              \
        .cost = 32.0 * sizeof(Type) / 4 / VECTOR_BYTES, .weigh = VECTOR(attend_weigh_##Type),      \
        .pull = VECTOR(attend_pull_##Type), .multiply = VECTOR(attend_multiply_##Type),            \
        .dots = VECTOR(attend_dots_##Type)                                                         \
    }
#define SEQUENCE_GATE_KERNELS(name, Type)                                                          \
    {                                                                                              \
        .cost = 160.0 * sizeof(Type) / 4 / VECTOR_BYTES, .forward = VECTOR(name##_forward_##Type), \
        .backward = VECTOR(name##_backward_##Type)                                                 \
    }

tp__attend_table VECTOR(tp__attend) = {SEQUENCE_ATTEND_KERNELS(float),
                                       SEQUENCE_ATTEND_KERNELS(double)};
tp__gate_table VECTOR(tp__lstm) = {SEQUENCE_GATE_KERNELS(lstm, float),
                                   SEQUENCE_GATE_KERNELS(lstm, double)};
tp__gate_table VECTOR(tp__gru) = {SEQUENCE_GATE_KERNELS(gru, float),
                                  SEQUENCE_GATE_KERNELS(gru, double)};

#endif
