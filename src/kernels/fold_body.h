/* SPDX-License-Identifier: MIT
 *
 * The kernels of reductions of floating types (fold.h), written once and compiled for float and
 * double and for each instruction set (fold_baseline.c, fold_avx2.c, fold_avx512.c), which define
 *     FOLD_BYTES       of a register
 *     FOLD_REAL        the type
 *     FOLD_PLACE       the type of a place in an array, as wide
 *     FOLD(name)       name with the type's and the instruction set's suffix
 *     FOLD_DOUBLES(v)  doubles of a vector of so many elements
 *     FOLD_MAX(a, b), FOLD_MIN(a, b)    a > b ? a : b and a < b ? a : b in registers
 *     FOLD_NAN(a, b)   a mask of where a or b is NaN
 * the last three where an instruction does better than what stands here.
 *
 * Sums take FOLD_WIDTH elements at a time, as many as a register holds doubles. A row of columns is
 * cut in strips of so many, the last of which ends with the row and may begin in the one before;
 * what belongs to strip k lies at k · FOLD_WIDTH of a lane, so that strips do not overlap there.
 * Max and min do the same with whole registers: they do not mind an element that is met twice.
 */
#include <math.h>
#include <string.h>

#include "kernels/fold.h"
#include "kernels/fold_places.h"

#if defined(__clang__)
#define FOLD_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define FOLD_UNROLL _Pragma("GCC unroll 16")
#else
#define FOLD_UNROLL
#endif

/* Small registers make this eight times as long. */
#if FOLD_BYTES < 32
#define FOLD_UNROLL_REST
#else
#define FOLD_UNROLL_REST FOLD_UNROLL
#endif

#define FOLD_WIDTH (FOLD_BYTES / 8)
#define FOLD_VECTORS (TP__FOLD_LANES / FOLD_WIDTH)
#define FOLD_STRIPS(width) (((width) + FOLD_WIDTH - 1) / FOLD_WIDTH)
#define FOLD_PITCH(width) (FOLD_STRIPS(width) * FOLD_WIDTH)
#define FOLD_WIDE ((int)(FOLD_BYTES / sizeof(FOLD_REAL)))
#define FOLD_LINE ((int)(64 / FOLD_WIDTH / sizeof(FOLD_REAL))) /* strips in a line of the cache */
/* Panels whose rows of a lane are added at once, so that it is read half as often. */
#define FOLD_PANELS (FOLD_BYTES < 32 ? 1 : 2)
#define FOLD_ROWS 8 /* compared at once */

typedef FOLD_REAL FOLD(few) __attribute__((vector_size(FOLD_WIDTH * sizeof(FOLD_REAL))));
typedef FOLD_REAL FOLD(wide) __attribute__((vector_size(FOLD_BYTES)));
typedef double FOLD(doubles) __attribute__((vector_size(FOLD_BYTES)));
typedef __typeof__((FOLD(wide)){0} > (FOLD(wide)){0}) FOLD(masks);

#if !defined(FOLD_DOUBLES)
#define FOLD_DOUBLES(v) __builtin_convertvector(v, FOLD(doubles))
#endif

#if !defined(FOLD_MAX)
#define FOLD_CHOOSE(mask, a, b)                                                                    \
    (FOLD(wide))(((mask) & (FOLD(masks))(a)) | (~(mask) & (FOLD(masks))(b)))
#define FOLD_MAX(a, b) FOLD_CHOOSE((a) > (b), a, b)
#define FOLD_MIN(a, b) FOLD_CHOOSE((a) < (b), a, b)
#define FOLD_NAN(a, b) (((a) != (a)) | ((b) != (b)))
#endif

TP_INLINE FOLD(few) FOLD(fold_take)(const FOLD_REAL *x)
{
    FOLD(few) v;
    memcpy(&v, x, sizeof v);
    return v;
}

TP_INLINE FOLD(wide) FOLD(fold_take_wide)(const FOLD_REAL *x)
{
    FOLD(wide) v;
    memcpy(&v, x, sizeof v);
    return v;
}

TP_INLINE FOLD(doubles) FOLD(fold_lanes)(const double *x)
{
    FOLD(doubles) v;
    memcpy(&v, x, sizeof v);
    return v;
}

TP_INLINE int64_t FOLD(fold_column)(int64_t strip, int64_t width)
{
    int64_t j = strip * FOLD_WIDTH;
    return j < width - FOLD_WIDTH ? j : width - FOLD_WIDTH;
}

/* --- Sums --- */

/* What lies at x of n elements, −0 after them. */
TP_INLINE FOLD(few) FOLD(fold_rest)(const FOLD_REAL *x, int64_t n)
{
    if (n >= FOLD_WIDTH)
        return FOLD(fold_take)(x);
    FOLD(few) v = -(FOLD(few)){0};
    if (n > 0)
        memcpy(&v, x, (size_t)n * sizeof *x);
    return v;
}

/* Up to TP__FOLD_LANES elements, one each in a lane. */
static double FOLD(fold_sum_few)(int64_t n, const FOLD_REAL *x)
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

TP_INLINE double FOLD(fold_sum_lanes)(const FOLD(doubles) * sum)
{
    double lane[TP__FOLD_LANES];
    memcpy(lane, sum, sizeof lane);
    for (int j = 0; j < 8; j++)
        lane[j] += lane[j + 8];
    for (int j = 0; j < 4; j++)
        lane[j] += lane[j + 4];
    return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

/* Adds what is left of a panel. */
TP_INLINE void FOLD(fold_sum_rest)(int64_t n, const FOLD_REAL *x, FOLD(doubles) * sum)
{
    FOLD_UNROLL_REST
    for (int v = 0; v < FOLD_VECTORS; v++) {
        const FOLD_REAL *at = x + v * FOLD_WIDTH;
        int64_t left = n - v * FOLD_WIDTH;
        const FOLD(few) four =
            (FOLD(fold_rest)(at, left) + FOLD(fold_rest)(at + 16, left - 16)) +
            (FOLD(fold_rest)(at + 32, left - 32) + FOLD(fold_rest)(at + 48, left - 48));
        sum[v] += FOLD_DOUBLES(four);
    }
}

TP_INLINE void FOLD(fold_sum_begin)(FOLD(doubles) * sum)
{
    FOLD_UNROLL
    for (int v = 0; v < FOLD_VECTORS; v++)
        sum[v] = -(FOLD(doubles)){0};
}

/* Adds whole panels. */
TP_INLINE void FOLD(fold_sum_panels)(int64_t panels, const FOLD_REAL *x, FOLD(doubles) * sum)
{
    for (; panels > 0; panels--, x += TP__FOLD_PANEL) {
        FOLD_UNROLL
        for (int v = 0; v < FOLD_VECTORS; v++) {
            const FOLD_REAL *at = x + v * FOLD_WIDTH;
            const FOLD(few) four = (FOLD(fold_take)(at) + FOLD(fold_take)(at + 16)) +
                                   (FOLD(fold_take)(at + 32) + FOLD(fold_take)(at + 48));
            sum[v] += FOLD_DOUBLES(four);
        }
    }
}

static double FOLD(fold_sum)(int64_t n, const void *from)
{
    const FOLD_REAL *x = from;
    if (n <= TP__FOLD_LANES)
        return FOLD(fold_sum_few)(n, x);
    FOLD(doubles) sum[FOLD_VECTORS];
    FOLD(fold_sum_begin)(sum);
    FOLD(fold_sum_panels)(n / TP__FOLD_PANEL, x, sum);
    const int64_t rest = n % TP__FOLD_PANEL;
    if (rest) {
        FOLD(fold_sum_rest)(rest, x + n - rest, sum);
    }
    return FOLD(fold_sum_lanes)(sum);
}

static double FOLD(fold_sum_pieces)(int64_t pieces, const int64_t *n, const void *const *x)
{
    FOLD(doubles) sum[FOLD_VECTORS];
    FOLD(fold_sum_begin)(sum);
    for (int64_t i = 0; i < pieces; i++)
        FOLD(fold_sum_panels)(n[i] / TP__FOLD_PANEL, x[i], sum);
    return FOLD(fold_sum_lanes)(sum);
}

/* Element j on of up to four rows that lie 16 apart. */
TP_INLINE FOLD(few) FOLD(fold_four)(int64_t rows, const void *const *row, int64_t j)
{
    const FOLD_REAL *const a = row[0];
    if (rows == 1)
        return FOLD(fold_take)(a + j);
    const FOLD_REAL *const b = row[16];
    if (rows == 2)
        return FOLD(fold_take)(a + j) + FOLD(fold_take)(b + j);
    const FOLD_REAL *const c = row[32];
    if (rows == 3)
        return FOLD(fold_take)(a + j) + FOLD(fold_take)(b + j) + FOLD(fold_take)(c + j);
    const FOLD_REAL *const d = row[48];
    return (FOLD(fold_take)(a + j) + FOLD(fold_take)(b + j)) +
           (FOLD(fold_take)(c + j) + FOLD(fold_take)(d + j));
}

/* Adds to strips of a lane, or begins them with, so many fours of rows, each of so many rows. */
TP_INLINE void FOLD(fold_add_strips)(bool first, const int strips, const int fours, int64_t rows,
                                     const void *const *row, int64_t j, double *lane)
{
    FOLD(doubles) sum[FOLD_LINE];
    const FOLD(doubles) zero = {0};
    FOLD_UNROLL
    for (int k = 0; k < strips; k++)
        sum[k] = first ? -zero : FOLD(fold_lanes)(lane + k * FOLD_WIDTH);
    FOLD_UNROLL
    for (int i = 0; i < fours; i++, row += TP__FOLD_PANEL) {
        FOLD_UNROLL
        for (int k = 0; k < strips; k++)
            sum[k] += FOLD_DOUBLES(FOLD(fold_four)(rows, row, j + k * FOLD_WIDTH));
    }
    FOLD_UNROLL
    for (int k = 0; k < strips; k++)
        memcpy(lane + k * FOLD_WIDTH, &sum[k], sizeof sum[k]);
}

TP_INLINE void FOLD(fold_add_fours)(bool first, const int fours, int64_t rows,
                                    const void *const *row, int64_t width, double *lane)
{
    int64_t k = 0;
    for (; (k + FOLD_LINE) * FOLD_WIDTH <= width; k += FOLD_LINE)
        FOLD(fold_add_strips)
    (first, FOLD_LINE, fours, rows, row, k * FOLD_WIDTH, lane + k * FOLD_WIDTH);
    for (; k < FOLD_STRIPS(width); k++)
        FOLD(fold_add_strips)
    (first, 1, fours, rows, row, FOLD(fold_column)(k, width), lane + k * FOLD_WIDTH);
}

/* The rows of one lane, of up to FOLD_PANELS panels that have n rows from this one on. */
static void FOLD(fold_add_rows)(bool first, int64_t n, const void *const *row, int64_t width,
                                double *lane)
{
    if (FOLD_PANELS > 1 && n > (FOLD_PANELS - 1) * TP__FOLD_PANEL + 3 * TP__FOLD_LANES) {
        FOLD(fold_add_fours)(first, FOLD_PANELS, 4, row, width, lane);
        return;
    }
    for (int panel = 0; panel < FOLD_PANELS && n > 0; panel++) {
        if (n > 3 * TP__FOLD_LANES)
            FOLD(fold_add_fours)(first, 1, 4, row, width, lane);
        else if (n > 2 * TP__FOLD_LANES)
            FOLD(fold_add_fours)(first, 1, 3, row, width, lane);
        else if (n > TP__FOLD_LANES)
            FOLD(fold_add_fours)(first, 1, 2, row, width, lane);
        else
            FOLD(fold_add_fours)(first, 1, 1, row, width, lane);
        first = false;
        n -= TP__FOLD_PANEL;
        row += TP__FOLD_PANEL;
    }
}

/* The last strip's results begin before its place. */
TP_INLINE void FOLD(fold_close_up)(int64_t width, double *to)
{
    memmove(to + width - FOLD_WIDTH, to + FOLD_PITCH(width) - FOLD_WIDTH, FOLD_WIDTH * sizeof *to);
}

/* The sum that lane i of n has when so many lanes are left, of rows that have a lane each. */
#define FOLD_LANES_LEFT(left, twice)                                                               \
    TP_INLINE FOLD(doubles)                                                                        \
        FOLD(fold_lanes_##left)(int64_t n, const void *const *row, int64_t j, int64_t i)           \
    {                                                                                              \
        FOLD(doubles) sum = FOLD(fold_lanes_##twice)(n, row, j, i);                                \
        if (i + left < n)                                                                          \
            sum += FOLD(fold_lanes_##twice)(n, row, j, i + left);                                  \
        return sum;                                                                                \
    }

TP_INLINE FOLD(doubles) FOLD(fold_lanes_16)(int64_t n, const void *const *row, int64_t j, int64_t i)
{
    (void)n;
    const FOLD(few) v = FOLD(fold_take)((const FOLD_REAL *)row[i] + j);
    return FOLD_DOUBLES(v);
}

FOLD_LANES_LEFT(8, 16)
FOLD_LANES_LEFT(4, 8)
FOLD_LANES_LEFT(2, 4)
FOLD_LANES_LEFT(1, 2)
#undef FOLD_LANES_LEFT

static void FOLD(fold_sum_short)(int64_t n, const void *const *row, int64_t width, double *to)
{
    for (int64_t k = 0; k < FOLD_STRIPS(width); k++) {
        const FOLD(doubles) sum = FOLD(fold_lanes_1)(n, row, FOLD(fold_column)(k, width), 0);
        memcpy(to + k * FOLD_WIDTH, &sum, sizeof sum);
    }
    FOLD(fold_close_up)(width, to);
}

static void FOLD(fold_sum_columns)(int64_t n, const void *const *row, int64_t width,
                                   tp__partial *to)
{
    double *const lane = &to->real;
    if (FOLD_BYTES >= 32 && n <= TP__FOLD_LANES) {
        FOLD(fold_sum_short)(n, row, width, lane);
        return;
    }
    const int64_t pitch = FOLD_PITCH(width), lanes = n < TP__FOLD_LANES ? n : TP__FOLD_LANES;
    for (int64_t done = 0; done < n; done += FOLD_PANELS * TP__FOLD_PANEL)
        for (int64_t i = 0; i < lanes && done + i < n; i++)
            FOLD(fold_add_rows)(done == 0, n - done - i, row + done + i, width, lane + i * pitch);
    for (int64_t half = TP__FOLD_LANES / 2; half > 0; half /= 2)
        for (int64_t i = 0; i < half && i + half < lanes; i++)
            for (int64_t j = 0; j < pitch; j += FOLD_WIDTH) {
                double *const a = lane + i * pitch + j;
                const FOLD(doubles) sum = FOLD(fold_lanes)(a) + FOLD(fold_lanes)(a + half * pitch);
                memcpy(a, &sum, sizeof sum);
            }
    FOLD(fold_close_up)(width, lane);
}

/* --- Max and min --- */

/* Whether x takes best's place: NaN wins. FOLD_MAX and FOLD_MIN leave a NaN in their second operand
 * alone and pass over one in their first, so NaN is noted beside. */
#define FOLD_WINS(wins, x, best) (((x)wins(best)) | ((x) != (x)))

#define FOLD_EXTREME(name, wins, better)                                                           \
    /* Columns, fewer than a register holds. */                                                    \
    static void FOLD(fold_##name##_few)(int64_t n, const void *const *row, int64_t width,          \
                                        tp__partial *to)                                           \
    {                                                                                              \
        for (int64_t j = 0; j < width; j++) {                                                      \
            FOLD_REAL best = ((const FOLD_REAL *)row[0])[j];                                       \
            for (int64_t i = 1; i < n; i++) {                                                      \
                const FOLD_REAL x = ((const FOLD_REAL *)row[i])[j];                                \
                best = FOLD_WINS(wins, x, best) ? x : best;                                        \
            }                                                                                      \
            to[j].real = (double)best;                                                             \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    TP_INLINE double FOLD(fold_##name##_across)(FOLD(wide) v)                                      \
    {                                                                                              \
        FOLD_REAL lane[FOLD_WIDE];                                                                 \
        memcpy(lane, &v, sizeof lane);                                                             \
        FOLD_UNROLL                                                                                \
        for (int half = FOLD_WIDE / 2; half > 0; half /= 2) {                                      \
            FOLD_UNROLL                                                                            \
            for (int j = 0; j < half; j++)                                                         \
                lane[j] = lane[j + half] wins lane[j] ? lane[j + half] : lane[j];                  \
        }                                                                                          \
        return (double)lane[0];                                                                    \
    }                                                                                              \
                                                                                                   \
    static double FOLD(fold_##name)(int64_t n, const void *from)                                   \
    {                                                                                              \
        const FOLD_REAL *x = from, *const end = x + n;                                             \
        FOLD_REAL best = x[0];                                                                     \
        for (; n < FOLD_WIDE && x < end; x++)                                                      \
            best = FOLD_WINS(wins, *x, best) ? *x : best;                                          \
        if (x == end)                                                                              \
            return (double)best;                                                                   \
        const FOLD(wide) last = FOLD(fold_take_wide)(end - FOLD_WIDE);                             \
        FOLD(wide) v[4] = {last, last, last, last};                                                \
        FOLD(masks) nan[2] = {last != last, last != last};                                         \
        for (; end - x >= 4 * FOLD_WIDE; x += 4 * FOLD_WIDE) {                                     \
            FOLD_UNROLL                                                                            \
            for (int i = 0; i < 4; i += 2) {                                                       \
                const FOLD(wide) a = FOLD(fold_take_wide)(x + i * FOLD_WIDE);                      \
                const FOLD(wide) b = FOLD(fold_take_wide)(x + (i + 1) * FOLD_WIDE);                \
                v[i] = better(a, v[i]);                                                            \
                v[i + 1] = better(b, v[i + 1]);                                                    \
                nan[i / 2] |= FOLD_NAN(a, b);                                                      \
            }                                                                                      \
        }                                                                                          \
        for (; end - x >= FOLD_WIDE; x += FOLD_WIDE) {                                             \
            const FOLD(wide) a = FOLD(fold_take_wide)(x);                                          \
            v[0] = better(a, v[0]);                                                                \
            nan[0] |= a != a;                                                                      \
        }                                                                                          \
        nan[0] |= nan[1];                                                                          \
        int any = 0;                                                                               \
        for (int i = 0; i < FOLD_WIDE; i++)                                                        \
            any |= nan[0][i] != 0;                                                                 \
        v[0] = better(v[1], v[0]);                                                                 \
        v[2] = better(v[3], v[2]);                                                                 \
        return any ? (double)NAN : FOLD(fold_##name##_across)(better(v[2], v[0]));                 \
    }                                                                                              \
                                                                                                   \
    static void FOLD(fold_##name##_columns)(int64_t n, const void *const *row, int64_t width,      \
                                            tp__partial *to)                                       \
    {                                                                                              \
        if (width < FOLD_WIDE) {                                                                   \
            FOLD(fold_##name##_few)(n, row, width, to);                                            \
            return;                                                                                \
        }                                                                                          \
        FOLD_REAL *const best = (FOLD_REAL *)(void *)(to + width);                                 \
        for (int64_t i = 0; i < n; i += FOLD_ROWS) {                                               \
            const FOLD_REAL *at[FOLD_ROWS];                                                        \
            for (int64_t l = 0; l < FOLD_ROWS; l++)                                                \
                at[l] = row[i + l < n ? i + l : n - 1];                                            \
            for (int64_t k = 0; k < width; k += FOLD_WIDE) {                                       \
                const int64_t j = k < width - FOLD_WIDE ? k : width - FOLD_WIDE;                   \
                FOLD(wide) v = FOLD(fold_take_wide)(i ? best + k : at[0] + j);                     \
                FOLD(masks) nan = v != v;                                                          \
                FOLD_UNROLL                                                                        \
                for (int l = 0; l < FOLD_ROWS; l += 2) {                                           \
                    const FOLD(wide) a = FOLD(fold_take_wide)(at[l] + j);                          \
                    const FOLD(wide) b = FOLD(fold_take_wide)(at[l + 1] + j);                      \
                    v = better(b, better(a, v));                                                   \
                    nan |= FOLD_NAN(a, b);                                                         \
                }                                                                                  \
                v = (FOLD(wide))((FOLD(masks))v | nan);                                            \
                memcpy(best + k, &v, sizeof v);                                                    \
            }                                                                                      \
        }                                                                                          \
        for (int64_t k = 0; k < width; k += FOLD_WIDE) {                                           \
            const int64_t j = k < width - FOLD_WIDE ? k : width - FOLD_WIDE;                       \
            for (int64_t l = 0; l < FOLD_WIDE; l++)                                                \
                to[j + l].real = (double)best[k + l];                                              \
        }                                                                                          \
    }

FOLD_EXTREME(max, >, FOLD_MAX)
FOLD_EXTREME(min, <, FOLD_MIN)

/* --- Partial results --- */

#define FOLD_JOIN(name, expression)                                                                \
    static void FOLD(fold_##name##_partials)(int64_t n, const tp__partial *from_a,                 \
                                             const tp__partial *from_b, tp__partial *to)           \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const double a = from_a[i].real, b = from_b[i].real;                                   \
            to[i].real = expression;                                                               \
        }                                                                                          \
    }

FOLD_JOIN(sum, a + b)
FOLD_JOIN(max, FOLD_WINS(>, b, a) ? b : a)
FOLD_JOIN(min, FOLD_WINS(<, b, a) ? b : a)

/* --- Places --- */

#define TURN(x) ((x)*turn)
#define TURNING(least) ((least) ? -1 : 1)
#define FOLD_FIELD(partial) ((partial).real)

FOLD_PLACES(FOLD_REAL, FOLD_PLACE)
FOLD_SCAN(sum, FOLD_REAL, double, +)
FOLD_SCAN(product, FOLD_REAL, double, *)

#undef TURN
#undef TURNING
#undef FOLD_FIELD

static void FOLD(fold_share)(int64_t n, const void *from, double best, double gradient, void *to)
{
    const FOLD_REAL *x = from, y = (FOLD_REAL)best, g = (FOLD_REAL)gradient;
    FOLD_REAL *gx = to;
    FOLD_PLACE count = 0;
    const bool nan = y != y;
    for (int64_t i = 0; i < n; i++)
        count += nan ? x[i] != x[i] : x[i] == y;
    const FOLD_REAL part = g / (FOLD_REAL)count;
    for (int64_t i = 0; i < n; i++)
        gx[i] = (nan ? x[i] != x[i] : x[i] == y) ? part : 0;
}

#define FOLD_KERNELS(name, pieces_)                                                                \
    {                                                                                              \
        .block = FOLD(fold_##name), .pieces = pieces_, .columns = FOLD(fold_##name##_columns),     \
        .join = FOLD(fold_##name##_partials), .places = FOLD(fold_places),                         \
        .find = FOLD(fold_find), .share = FOLD(fold_share), .scan_sum = FOLD(fold_scan_sum),       \
        .scan_product = FOLD(fold_scan_product)                                                    \
    }

tp__fold_table FOLD(tp__fold) = {[TP__SUM] = FOLD_KERNELS(sum, FOLD(fold_sum_pieces)),
                                 [TP__MAX] = FOLD_KERNELS(max, NULL),
                                 [TP__MIN] = FOLD_KERNELS(min, NULL)};

#undef FOLD_CHOOSE
#undef FOLD_DOUBLES
#undef FOLD_EXTREME
#undef FOLD_JOIN
#undef FOLD_KERNELS
#undef FOLD_LINE
#undef FOLD_MAX
#undef FOLD_MIN
#undef FOLD_NAN
#undef FOLD_PITCH
#undef FOLD_PLACE
#undef FOLD_REAL
#undef FOLD_PANELS
#undef FOLD_ROWS
#undef FOLD_STRIPS
#undef FOLD_UNROLL
#undef FOLD_UNROLL_REST
#undef FOLD_VECTORS
#undef FOLD_WIDE
#undef FOLD_WIDTH
#undef FOLD_WINS
#undef FOLD
