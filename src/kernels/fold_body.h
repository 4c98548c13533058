/* SPDX-License-Identifier: MIT
 *
 * Kernels of reductions, included once for each floating type and set of instructions, with
 * FOLD_REAL the type, FOLD(name) the function's name and FOLD_TARGET the attribute for the
 * instructions. Compilers make vectors of loops whose length is a constant.
 */

/* --- Sums --- */

FOLD_TARGET static inline __attribute__((always_inline)) void
FOLD(sum_panel_of_row)(const FOLD_REAL *restrict x, double *restrict lane)
{
    FOLD_REAL four[TP__FOLD_LANES];
    for (int j = 0; j < TP__FOLD_LANES; j++)
        four[j] = (x[j] + x[j + 16]) + (x[j + 32] + x[j + 48]);
    for (int j = 0; j < TP__FOLD_LANES; j++)
        lane[j] += (double)four[j];
}

/* Up to TP__FOLD_LANES elements, one each in a lane. */
FOLD_TARGET static double FOLD(sum_few)(int64_t n, const FOLD_REAL *x)
{
    double lane[TP__FOLD_LANES];
    for (int64_t j = 0; j < n; j++)
        lane[j] = (double)x[j];
    for (int64_t half = TP__FOLD_LANES / 2; half > 0; half /= 2) {
        for (int64_t j = half; j < n; j++)
            lane[j - half] += lane[j];
        n = n < half ? n : half;
    }
    return lane[0];
}

FOLD_TARGET static double FOLD(sum)(int64_t n, const void *from)
{
    const FOLD_REAL *x = from;
    if (n <= TP__FOLD_LANES)
        return FOLD(sum_few)(n, x);
    double lane[TP__FOLD_LANES];
    for (int j = 0; j < TP__FOLD_LANES; j++)
        lane[j] = -0.0;
    for (; n >= TP__FOLD_PANEL; n -= TP__FOLD_PANEL, x += TP__FOLD_PANEL)
        FOLD(sum_panel_of_row)(x, lane);
    if (n > 0) {
        FOLD_REAL rest[TP__FOLD_PANEL];
        for (int j = 0; j < TP__FOLD_PANEL; j++)
            rest[j] = (FOLD_REAL)-0.0;
        memcpy(rest, x, (size_t)n * sizeof *rest);
        FOLD(sum_panel_of_row)(rest, lane);
    }
    for (int j = 0; j < 8; j++)
        lane[j] += lane[j + 8];
    for (int j = 0; j < 4; j++)
        lane[j] += lane[j + 4];
    return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

/* Adds `rows` of four rows, 1 to 4. */
FOLD_TARGET static inline __attribute__((always_inline)) void
FOLD(sum_four)(int rows, int64_t n, const FOLD_REAL *restrict a, const FOLD_REAL *restrict b,
               const FOLD_REAL *restrict c, const FOLD_REAL *restrict d, double *restrict to)
{
    for (int64_t j = 0; j < n; j++)
        to[j] += (double)(rows == 1   ? a[j]
                          : rows == 2 ? a[j] + b[j]
                          : rows == 3 ? (a[j] + b[j]) + c[j]
                                      : (a[j] + b[j]) + (c[j] + d[j]));
}

FOLD_TARGET static inline __attribute__((always_inline)) void
FOLD(sum_four_rows)(int rows, int64_t width, const void *const *row, double *to)
{
    const FOLD_REAL *a = row[0], *b = row[rows > 1 ? 16 : 0];
    const FOLD_REAL *c = row[rows > 2 ? 32 : 0], *d = row[rows > 3 ? 48 : 0];
    int64_t j = 0;
    for (; j + FOLD_STEP <= width; j += FOLD_STEP)
        FOLD(sum_four)(rows, FOLD_STEP, a + j, b + j, c + j, d + j, to + j);
    FOLD(sum_four)(rows, width - j, a + j, b + j, c + j, d + j, to + j);
}

FOLD_TARGET static void FOLD(sum_panel)(bool first, int64_t n, const void *const *row,
                                        int64_t width, tp__partial *to)
{
    int64_t lanes = n < TP__FOLD_LANES ? n : TP__FOLD_LANES;
    double *lane = &to->real;
    int64_t unset = first ? lanes * width : 0;
    for (; unset % FOLD_STEP; unset--)
        lane[unset - 1] = -0.0;
    for (int64_t i = 0; i < unset; i += FOLD_STEP)
        for (int64_t j = i; j < i + FOLD_STEP; j++)
            lane[j] = -0.0;
    for (int64_t i = 0; i < lanes; i++, lane += width, row++) {
        int64_t rows = 1 + (n - 1 - i) / TP__FOLD_LANES;
        if (rows == 4)
            FOLD(sum_four_rows)(4, width, row, lane);
        else if (rows == 3)
            FOLD(sum_four_rows)(3, width, row, lane);
        else if (rows == 2)
            FOLD(sum_four_rows)(2, width, row, lane);
        else
            FOLD(sum_four_rows)(1, width, row, lane);
    }
}

FOLD_TARGET static inline __attribute__((always_inline)) void
FOLD(sum_add)(int64_t n, double *restrict to, const double *restrict from)
{
    for (int64_t j = 0; j < n; j++)
        to[j] += from[j];
}

FOLD_TARGET static void FOLD(sum_finish)(int64_t n, int64_t width, tp__partial *to)
{
    double *lane = &to->real;
    for (int64_t half = TP__FOLD_LANES / 2; half > 0; half /= 2)
        for (int64_t i = 0; i < half && i + half < n; i++) {
            double *a = lane + i * width, *b = a + half * width;
            int64_t j = 0;
            for (; j + FOLD_STEP <= width; j += FOLD_STEP)
                FOLD(sum_add)(FOLD_STEP, a + j, b + j);
            FOLD(sum_add)(width - j, a + j, b + j);
        }
}

/* --- Max and min --- */

/* Two ways to say which of x and best goes on, for which compilers find different code. */
#define FOLD_WINS(wins, x, best) (((x)wins(best)) | ((x) != (x)))
#define FOLD_PICK(wins, x, best) ((x)wins(best) ? (x) : (x) != (x) ? (x) : (best))

#define FOLD_EXTREME(name, wins)                                                                   \
    FOLD_TARGET static double FOLD(name)(int64_t n, const void *from)                              \
    {                                                                                              \
        const FOLD_REAL *x = from;                                                                 \
        FOLD_REAL best[FOLD_BEST], result = x[0];                                                  \
        if (n >= FOLD_BEST) {                                                                      \
            memcpy(best, x, sizeof best);                                                          \
            for (; n >= FOLD_BEST; n -= FOLD_BEST, x += FOLD_BEST)                                 \
                for (int j = 0; j < FOLD_BEST; j++)                                                \
                    best[j] = FOLD_WINS(wins, x[j], best[j]) ? x[j] : best[j];                     \
            for (int j = 0; j < FOLD_BEST; j++)                                                    \
                result = FOLD_WINS(wins, best[j], result) ? best[j] : result;                      \
        }                                                                                          \
        for (int64_t j = 0; j < n; j++)                                                            \
            result = FOLD_WINS(wins, x[j], result) ? x[j] : result;                                \
        return (double)result;                                                                     \
    }                                                                                              \
                                                                                                   \
    FOLD_TARGET static inline __attribute__((always_inline)) void FOLD(name##_four)(               \
        int64_t n, const FOLD_REAL *restrict a, const FOLD_REAL *restrict b,                       \
        const FOLD_REAL *restrict c, const FOLD_REAL *restrict d, double *restrict to)             \
    {                                                                                              \
        FOLD_REAL four[FOLD_STEP];                                                                 \
        for (int64_t j = 0; j < n; j++) {                                                          \
            const FOLD_REAL e = a[j], f = b[j], g = c[j], h = d[j];                                \
            const FOLD_REAL low = FOLD_PICK(wins, e, f), high = FOLD_PICK(wins, g, h);             \
            four[j] = FOLD_PICK(wins, low, high);                                                  \
        }                                                                                          \
        for (int64_t j = 0; j < n; j++) {                                                          \
            const double x = (double)four[j], best = to[j];                                        \
            to[j] = FOLD_PICK(wins, x, best);                                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    FOLD_TARGET static void FOLD(name##_panel)(bool first, int64_t n, const void *const *row,      \
                                               int64_t width, tp__partial *to)                     \
    {                                                                                              \
        double *best = &to->real;                                                                  \
        for (int64_t j = 0; first && j < width; j++)                                               \
            best[j] = (double)((const FOLD_REAL *)row[0])[j];                                      \
        for (int64_t i = 0; i < n; i += 4) {                                                       \
            const FOLD_REAL *a = row[i], *b = row[i + 1 < n ? i + 1 : i];                          \
            const FOLD_REAL *c = row[i + 2 < n ? i + 2 : i], *d = row[i + 3 < n ? i + 3 : i];      \
            int64_t j = 0;                                                                         \
            for (; j + FOLD_STEP <= width; j += FOLD_STEP)                                         \
                FOLD(name##_four)(FOLD_STEP, a + j, b + j, c + j, d + j, best + j);                \
            FOLD(name##_four)(width - j, a + j, b + j, c + j, d + j, best + j);                    \
        }                                                                                          \
    }

FOLD_EXTREME(max, >)
FOLD_EXTREME(min, <)

#undef FOLD_EXTREME
#undef FOLD_PICK
#undef FOLD_WINS
#undef FOLD_REAL
#undef FOLD
