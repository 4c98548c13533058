/* SPDX-License-Identifier: MIT
 *
 * The kernels of products (kernels/gemm.h), below arrays, at every level of instructions that this
 * processor has: sizes about those of tiles, every way in which operands lie, in memory that ends
 * where they do. The judge is a loop in twice the precision or so; the bound is k roundings of the
 * sum of the terms' magnitudes.
 */
#include "harness.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/settings.h"
#include "kernels/gemm.h"

typedef enum gemm_layout { ROWS, COLUMNS, WIDE_ROWS, STEPS, BACKWARDS, LAYOUTS } gemm_layout;

/* A matrix in a block of memory that it fills, but for what lies between its elements. */
typedef struct gemm_matrix {
    bool single;
    int64_t rows, columns, row, column;
    char *memory, *at;
} gemm_matrix;

static size_t gemm_item(bool single)
{
    return single ? sizeof(float) : sizeof(double);
}

static double gemm_get(bool single, const char *at, int64_t i)
{
    return single ? (double)((const float *)(const void *)at)[i]
                  : ((const double *)(const void *)at)[i];
}

static void gemm_set(bool single, char *at, int64_t i, double x)
{
    if (single)
        ((float *)(void *)at)[i] = (float)x;
    else
        ((double *)(void *)at)[i] = x;
}

static double gemm_random(void)
{
    static uint64_t state = 1;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(state >> 33) / (double)(UINT64_C(1) << 30) - 1;
}

/* What lies between elements is NaN. */
static gemm_matrix gemm_make(bool single, int64_t rows, int64_t columns, gemm_layout layout)
{
    const int64_t strides[LAYOUTS][2] = {[ROWS] = {columns, 1},
                                         [COLUMNS] = {1, rows},
                                         [WIDE_ROWS] = {columns + 3, 1},
                                         [STEPS] = {2 * columns + 1, 2},
                                         [BACKWARDS] = {-columns, -1}};
    gemm_matrix matrix = {.single = single, .rows = rows, .columns = columns};
    matrix.row = strides[layout][0], matrix.column = strides[layout][1];
    int64_t size = rows * columns == 0
                       ? 0
                       : (rows - 1) * llabs(matrix.row) + (columns - 1) * llabs(matrix.column) + 1;
    matrix.memory = malloc((size_t)size * gemm_item(single) + (size == 0));
    for (int64_t i = 0; i < size; i++)
        gemm_set(single, matrix.memory, i, (double)NAN);
    matrix.at =
        matrix.memory + (layout == BACKWARDS ? (size_t)(size - (size > 0)) : 0) * gemm_item(single);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            gemm_set(single, matrix.at, i * matrix.row + j * matrix.column, gemm_random());
    return matrix;
}

static double gemm_at(const gemm_matrix *matrix, int64_t i, int64_t j)
{
    return gemm_get(matrix->single, matrix->at, i * matrix->row + j * matrix->column);
}

static void gemm_run(const gemm_matrix *a, const gemm_matrix *b, const gemm_matrix *c, bool add)
{
    tp__gemm_batch batch = {.count = 1};
    batch.first = (tp__gemm){.m = a->rows,
                             .n = b->columns,
                             .k = a->columns,
                             .a = a->at,
                             .b = b->at,
                             .c = c->at,
                             .a_row = a->row,
                             .a_column = a->column,
                             .b_row = b->row,
                             .b_column = b->column,
                             .c_row = c->row,
                             .add = add};
    tp__gemm_run(tp__gemm_best(a->single ? TP_F32 : TP_F64), &batch);
}

/* c is old + a b, or a b; of large ones, some elements. */
static bool gemm_is_right(const gemm_matrix *a, const gemm_matrix *b, const gemm_matrix *c,
                          const double *old)
{
    double ulp = a->single ? (double)FLT_EPSILON : DBL_EPSILON;
    int64_t step = 1 + a->rows * b->columns * a->columns / 400000;
    for (int64_t e = 0; e < a->rows * b->columns; e += step) {
        int64_t i = e / b->columns, j = e % b->columns;
        long double sum = old ? (long double)old[e] : 0, bound = fabsl(sum);
        for (int64_t k = 0; k < a->columns; k++) {
            long double term = (long double)gemm_at(a, i, k) * (long double)gemm_at(b, k, j);
            sum += term;
            bound += fabsl(term);
        }
        double is = gemm_at(c, i, j), far = (double)fabsl((long double)is - sum);
        if (!(far <= ulp * (double)(a->columns + 2) * (double)bound))
            return test_check(false, __FILE__, __LINE__, "element %d, %d is %.17g, expected %.17g",
                              (int)i, (int)j, is, (double)sum);
    }
    return true;
}

/* Elements between c's rows are not touched. */
static bool gemm_is_clean(const gemm_matrix *c)
{
    for (int64_t i = 0; i + 1 < c->rows; i++)
        for (int64_t j = c->columns; j < c->row; j++)
            if (!isnan(gemm_get(c->single, c->at, i * c->row + j)))
                return test_check(false, __FILE__, __LINE__,
                                  "an element beside the result was written");
    return true;
}

static void gemm_check(bool single, const int64_t *size, gemm_layout left, gemm_layout right,
                       gemm_layout result, bool add)
{
    gemm_matrix a = gemm_make(single, size[0], size[2], left);
    gemm_matrix b = gemm_make(single, size[2], size[1], right);
    gemm_matrix c = gemm_make(single, size[0], size[1], result);
    double *old = malloc((size_t)(size[0] * size[1] + 1) * sizeof *old);
    for (int64_t i = 0; i < size[0] * size[1]; i++) {
        old[i] = gemm_at(&c, i / size[1], i % size[1]);
        if (!add)
            gemm_set(single, c.at, i / size[1] * c.row + i % size[1], (double)NAN);
    }
    gemm_run(&a, &b, &c, add);
    if (!gemm_is_right(&a, &b, &c, add ? old : NULL) || !gemm_is_clean(&c))
        fprintf(stderr, "    level %d, %s, m, n, k %d, %d, %d, layouts %d, %d, %d, add %d\n",
                tp__level, single ? "float32" : "float64", (int)size[0], (int)size[1], (int)size[2],
                left, right, result, add);
    free(old);
    free(a.memory);
    free(b.memory);
    free(c.memory);
}

/* Every combination of layouts in its turn. */
static void gemm_check_next(const int64_t *size)
{
    static unsigned turn;
    turn += 7;
    for (int single = 0; single < 2; single++)
        gemm_check(single, size, (gemm_layout)(turn % LAYOUTS),
                   (gemm_layout)(turn / LAYOUTS % LAYOUTS),
                   turn / LAYOUTS / LAYOUTS % 2 ? WIDE_ROWS : ROWS, turn / LAYOUTS / 10 % 3 == 1);
}

/* Runs check at every level that there is. */
static void gemm_levels(void (*check)(void))
{
    tp__instructions best = tp__level;
    for (tp__instructions level = TP__REFERENCE; level <= best; level++) {
        tp__level = level;
        check();
    }
    tp__level = best;
}

/* --- Sizes --- */

static void gemm_edges(void)
{
    static const int64_t sides[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  11, 12, 13, 15, 16,
                                    17, 18, 19, 23, 24, 25, 31, 32, 33, 47, 48, 49, 50, 65};
    enum { SIDES = sizeof sides / sizeof *sides };
    for (size_t i = 0; i < SIDES; i++)
        for (size_t j = 0; j < SIDES; j++)
            for (int64_t k = 1; k < 40; k += test_short() ? 20 : 6)
                gemm_check_next((int64_t[]){sides[i], sides[j], k});
}

TEST(sizes_about_those_of_tiles)
{
    gemm_levels(gemm_edges);
}

static void gemm_depths(void)
{
    static const int64_t depths[] = {0,  1,   2,   3,   4,   5,   7,   8,   9,   63, 64,
                                     65, 127, 128, 129, 255, 256, 257, 383, 511, 513};
    static const int64_t sides[] = {1, 2, 5, 8, 16, 21, 48, 51, 70};
    for (size_t d = 0; d < sizeof depths / sizeof *depths; d++)
        for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
            for (size_t j = 0; j < sizeof sides / sizeof *sides; j += test_short() ? 3 : 1)
                gemm_check_next((int64_t[]){sides[i], sides[j], depths[d]});
}

TEST(sums_about_as_long_as_a_block)
{
    gemm_levels(gemm_depths);
}

static void gemm_layouts(void)
{
    static const int64_t sizes[][3] = {{4, 4, 4},   {16, 16, 16}, {9, 20, 33}, {1, 37, 29},
                                       {37, 1, 29}, {50, 49, 48}, {3, 2, 50},  {64, 5, 70}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int i = 0; i < LAYOUTS * LAYOUTS * 4; i++)
            for (int single = 0; single < 2; single++)
                gemm_check(single, sizes[s], (gemm_layout)(i % LAYOUTS),
                           (gemm_layout)(i / LAYOUTS % LAYOUTS),
                           i / LAYOUTS / LAYOUTS % 2 ? WIDE_ROWS : ROWS, i / LAYOUTS / LAYOUTS / 2);
}

TEST(operands_and_results_in_every_layout)
{
    gemm_levels(gemm_layouts);
}

/* What is cut into blocks, copied, and too large for a cache. */
static void gemm_large(void)
{
    static const int64_t sizes[][3] = {{300, 40, 130}, {70, 500, 150},  {1000, 3, 50},
                                       {3, 1000, 50},  {1, 2000, 300},  {2000, 1, 300},
                                       {1, 300, 9000}, {300, 1, 9000},  {130, 256, 300},
                                       {5, 6, 9000},   {400, 520, 300}, {257, 290, 700}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int i = test_short() ? (int)s % 4 : 0; i < 4; i += test_short() ? 4 : 1)
            for (int single = 0; single < 2; single++)
                gemm_check(single, sizes[s], i % 2 ? COLUMNS : ROWS, i / 2 ? COLUMNS : ROWS,
                           s % 2 ? WIDE_ROWS : ROWS, s % 3 == 1);
    gemm_check(true, (const int64_t[]){400, 520, 300}, STEPS, BACKWARDS, ROWS, true);
}

TEST(large_products)
{
    if (test_short()) { /* the reference and the baseline take long */
        gemm_large();
        return;
    }
    gemm_levels(gemm_large);
}

/* Widths that leave the last block of columns with fewer than a vector holds, for vectors of 16 and
 * 8 float, 8 and 4 double. */
static void gemm_leftover(void)
{
    for (int i = 0; i < 2; i++) {
        gemm_layout layout = i ? COLUMNS : ROWS;
        gemm_check(true, (const int64_t[]){257, 8434, 2}, layout, layout, ROWS, i);
        gemm_check(false, (const int64_t[]){257, 8570, 2}, layout, layout, ROWS, i);
        gemm_check(true, (const int64_t[]){257, 16635, 2}, layout, layout, ROWS, i);
        gemm_check(false, (const int64_t[]){257, 8318, 2}, layout, layout, ROWS, i);
    }
}

TEST(large_products_whose_last_columns_are_few)
{
    gemm_levels(gemm_leftover);
}

/* --- Half types --- */

/* matrix with its elements times scale rounded to dtype, of which type and value are then the
 * judge's. */
static void gemm_round(gemm_matrix *matrix, tp_dtype dtype, double scale, char **half)
{
    int64_t size =
        (matrix->rows - 1) * llabs(matrix->row) + (matrix->columns - 1) * llabs(matrix->column) + 1;
    *half = malloc((size_t)size * sizeof(uint16_t));
    for (int64_t i = 0; i < size; i++) {
        char *to = *half + (size_t)i * sizeof(uint16_t);
        tp__write_element(dtype, to, scale * gemm_get(true, matrix->memory, i));
        gemm_set(true, matrix->memory, i, tp__read_element(dtype, to));
    }
}

/* kinds: bits of which of a, b, c are halves. A c that is none is added to. */
static void gemm_check_scaled(const int64_t *size, gemm_layout left, gemm_layout right,
                              tp_dtype dtype, unsigned kinds, double scale)
{
    gemm_matrix a = gemm_make(true, size[0], size[2], left);
    gemm_matrix b = gemm_make(true, size[2], size[1], right);
    gemm_matrix c = gemm_make(true, size[0], size[1], ROWS);
    char *half_a = NULL, *half_b = NULL, *half_c = malloc((size_t)(size[0] * size[1]) * 4 + 4);
    if (kinds & 1)
        gemm_round(&a, dtype, scale, &half_a);
    if (kinds & 2)
        gemm_round(&b, dtype, scale, &half_b);
    gemm_run(&a, &b, &c, false);
    if (!(kinds & 4))
        gemm_run(&a, &b, &c, true);
    tp__gemm_batch batch = {.count = 1};
    batch.first = (tp__gemm){.m = size[0],
                             .n = size[1],
                             .k = size[2],
                             .a = half_a ? half_a + (a.at - a.memory) / 2 : a.at,
                             .b = half_b ? half_b + (b.at - b.memory) / 2 : b.at,
                             .c = half_c,
                             .a_row = a.row,
                             .a_column = a.column,
                             .b_row = b.row,
                             .b_column = b.column,
                             .c_row = size[1],
                             .a_type = kinds & 1 ? (uint8_t)dtype : 0,
                             .b_type = kinds & 2 ? (uint8_t)dtype : 0,
                             .c_type = kinds & 4 ? (uint8_t)dtype : 0};
    tp__gemm_run(tp__gemm_best(TP_F32), &batch);
    batch.first.add = true;
    if (!(kinds & 4))
        tp__gemm_run(tp__gemm_best(TP_F32), &batch);
    for (int64_t i = 0; i < size[0] * size[1]; i++) {
        double expected = gemm_at(&c, i / size[1], i % size[1]), is;
        expected = kinds & 4 ? tp__rounded_to(dtype, expected) : expected;
        is = kinds & 4 ? tp__read_element(dtype, half_c + i * 2) : gemm_get(true, half_c, i);
        if (memcmp(&is, &expected, sizeof is) != 0) {
            test_check(false, __FILE__, __LINE__, "element %d is %.9g, expected %.9g", (int)i, is,
                       expected);
            fprintf(stderr, "    level %d, %s, m, n, k %d, %d, %d, layouts %d, %d, kinds %u\n",
                    tp__level, tp_dtype_name(dtype), (int)size[0], (int)size[1], (int)size[2], left,
                    right, kinds);
            break;
        }
    }
    free(half_a);
    free(half_b);
    free(half_c);
    free(a.memory);
    free(b.memory);
    free(c.memory);
}

static void gemm_check_half(const int64_t *size, gemm_layout left, gemm_layout right,
                            tp_dtype dtype, unsigned kinds)
{
    gemm_check_scaled(size, left, right, dtype, kinds, 1);
}

/* Small, thin, wide, vectors, outer, with columns left over, more than one piece, large. */
static void gemm_halves(void)
{
    static const int64_t sizes[][3] = {
        {1, 1, 1},     {2, 3, 4},     {5, 7, 9},     {16, 16, 16},  {17, 33, 40},   {50, 50, 50},
        {64, 3, 100},  {300, 10, 70}, {3, 300, 130}, {1, 40, 300},  {1, 700, 45},   {700, 1, 45},
        {40, 1, 1500}, {1, 5, 3000},  {30, 40, 1},   {300, 270, 9}, {270, 520, 300}};
    if (!tp__gemm_best(TP_F32)->halves)
        return;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (unsigned i = 0; i < LAYOUTS * LAYOUTS; i += s + 1 < 12 ? 1 : 4)
            gemm_check_half(sizes[s], (gemm_layout)(i % LAYOUTS), (gemm_layout)(i / LAYOUTS),
                            (i + s) % 2 ? TP_F16 : TP_BF16, i % 3 ? 7 : 1 + (unsigned)(i + s) % 7);
}

TEST(half_types_are_float32_rounded_once)
{
    gemm_levels(gemm_halves);
}

/* Numbers whose products, sums of products, or which themselves are subnormal. */
static void gemm_subnormal(void)
{
    static const double scales[] = {0x1p-50, 0x1p-58, 0x1p-62, 0x1p-66, 0x1p-127};
    if (!tp__gemm_best(TP_F32)->halves)
        return;
    for (unsigned i = 0; i < 5; i++)
        for (unsigned kinds = 3; kinds < 8; kinds += 4) {
            gemm_check_scaled((const int64_t[]){17, 35, 40}, ROWS, ROWS, TP_BF16, kinds, scales[i]);
            gemm_check_scaled((const int64_t[]){270, 260, 150}, COLUMNS, ROWS, TP_BF16, kinds,
                              scales[i]);
        }
}

TEST(half_types_keep_subnormal_numbers)
{
    gemm_levels(gemm_subnormal);
}

TEST(half_types_without_memory_have_the_same_bits)
{
    if (!tp__gemm_best(TP_F32)->halves)
        return;
    tp__alloc_fail_above(1000);
    gemm_check_half((const int64_t[]){390, 410, 300}, ROWS, COLUMNS, TP_BF16, 7);
    gemm_check_half((const int64_t[]){90, 41, 300}, COLUMNS, ROWS, TP_F16, 7);
    gemm_check_half((const int64_t[]){90, 41, 300}, COLUMNS, ROWS, TP_F16, 2);
    tp__alloc_fail_above(0);
}

/* --- Threads --- */

/* count products of one shape, c += a b or c = a b, in dtype; outer: by the kernel for those. */
typedef struct gemm_class {
    int64_t size[3];
    gemm_layout left, right;
    int64_t count;
    bool add, outer;
} gemm_class;

static tp_dtype gemm_working(tp_dtype dtype)
{
    return dtype == TP_F64 ? TP_F64 : TP_F32;
}

/* Elements of one operand of all products, random. */
static char *gemm_elements(tp_dtype dtype, int64_t size, int64_t *matrix, gemm_matrix like)
{
    int64_t item = (int64_t)tp__dtype_size(dtype);
    *matrix = (like.rows - 1) * like.row + (like.columns - 1) * like.column + 1;
    char *memory = malloc((size_t)(*matrix * size * item));
    for (int64_t i = 0; i < *matrix * size; i++)
        tp__write_element(dtype, memory + i * item, gemm_random());
    return memory;
}

static void gemm_same_with_threads(const gemm_class *class, tp_dtype dtype)
{
    const int64_t m = class->size[0], n = class->size[1], k = class->size[2];
    bool half = gemm_working(dtype) != dtype, add = class->add && !half;
    tp__gemm_batch batch = {.count = class->count, .ndim = 1, .shape = {class->count}};
    gemm_matrix a = {.rows = m, .columns = k}, b = {.rows = k, .columns = n};
    const int64_t strides[LAYOUTS] = {1, 0, 1, 2, 1};
    a.column = strides[class->left], a.row = k * a.column + 1;
    b.column = strides[class->right], b.row = n * b.column + 3;
    if (class->left == COLUMNS)
        a.row = 1, a.column = m;
    if (class->right == COLUMNS)
        b.row = 1, b.column = k + 1;
    char *left = gemm_elements(dtype, class->count, &batch.a_step[0], a);
    char *right = gemm_elements(dtype, class->count, &batch.b_step[0], b);
    const tp__gemm_backend *backend =
        class->outer && !half ? tp__gemm_outer(dtype) : tp__gemm_best(gemm_working(dtype));
    size_t bytes = (size_t)(class->count * m * n) * tp__dtype_size(dtype);
    char *c[3];
    for (int i = 0; i < 3; i++) {
        c[i] = calloc(bytes, 1);
        batch.first = (tp__gemm){.m = m,
                                 .n = n,
                                 .k = k,
                                 .a = left,
                                 .b = right,
                                 .c = c[i],
                                 .a_row = a.row,
                                 .a_column = a.column,
                                 .b_row = b.row,
                                 .b_column = b.column,
                                 .c_row = n,
                                 .add = add,
                                 .a_type = half ? (uint8_t)dtype : 0,
                                 .b_type = half ? (uint8_t)dtype : 0,
                                 .c_type = half ? (uint8_t)dtype : 0};
        tp_set_num_threads(1 << i);
        for (int times = 0; times < 1 + add; times++)
            tp__gemm_run(backend, &batch);
    }
    if (memcmp(c[0], c[1], bytes) != 0 || memcmp(c[0], c[2], bytes) != 0)
        test_check(false, __FILE__, __LINE__, "level %d, %s, m, n, k %d, %d, %d: other bits",
                   tp__level, tp_dtype_name(dtype), (int)m, (int)n, (int)k);
    for (int i = 0; i < 3; i++)
        free(c[i]);
    free(left);
    free(right);
    tp_set_num_threads(2);
}

/* Small ones, batches, thin, wide, in steps, vectors, outer, turned, accumulated, over a cache. */
static void gemm_threads(void)
{
    static const gemm_class classes[] = {
        {{8, 8, 8}, ROWS, ROWS, 900, false, false},
        {{16, 17, 33}, COLUMNS, ROWS, 60, true, false},
        {{50, 70, 64}, ROWS, COLUMNS, 11, false, false},
        {{4000, 3, 40}, ROWS, ROWS, 1, false, false},
        {{4000, 3, 40}, COLUMNS, ROWS, 1, true, false},
        {{1500, 21, 70}, ROWS, COLUMNS, 1, false, false},
        {{5, 4000, 60}, ROWS, ROWS, 1, false, false},
        {{5, 4000, 60}, COLUMNS, COLUMNS, 1, true, false},
        {{200, 170, 90}, STEPS, STEPS, 1, false, false},
        {{1, 3000, 700}, ROWS, ROWS, 1, false, false},
        {{1, 3000, 700}, ROWS, COLUMNS, 1, true, false},
        {{3000, 1, 700}, COLUMNS, ROWS, 1, false, false},
        {{3000, 1, 700}, ROWS, ROWS, 1, false, false},
        {{900, 700, 1}, ROWS, ROWS, 1, true, true},
        {{900, 700, 1}, ROWS, ROWS, 1, false, false},
        {{200, 190, 180}, COLUMNS, COLUMNS, 1, false, false},
        {{260, 300, 250}, COLUMNS, ROWS, 2, true, false},
        {{600, 523, 300}, ROWS, COLUMNS, 1, false, false},
    };
    static const tp_dtype dtypes[] = {TP_F32, TP_F64, TP_F16, TP_BF16};
    if (tp__level == TP__REFERENCE)
        return;
    size_t n = sizeof classes / sizeof *classes;
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < 4; d++)
            if (!test_short() || (i + d) % 3 == 0)
                gemm_same_with_threads(&classes[i], dtypes[d]);
}

TEST(one_two_and_four_threads_give_the_same_bits)
{
    gemm_levels(gemm_threads);
}

/* --- What does not fit --- */

static void gemm_without_memory(bool single, gemm_layout left, gemm_layout right)
{
    gemm_matrix a = gemm_make(single, 390, 600, left), b = gemm_make(single, 600, 410, right);
    gemm_matrix c = gemm_make(single, 390, 410, ROWS), d = gemm_make(single, 390, 410, ROWS);
    gemm_run(&a, &b, &c, false);
    tp_set_num_threads(1);
    tp__alloc_fail_above(1000);
    gemm_run(&a, &b, &d, false);
    tp__alloc_fail_above(0);
    tp_set_num_threads(2);
    CHECK(!memcmp(c.at, d.at, 390 * 410 * gemm_item(single)));
    free(a.memory);
    free(b.memory);
    free(c.memory);
    free(d.memory);
}

TEST(a_large_product_without_memory_has_the_same_bits)
{
    gemm_without_memory(true, ROWS, ROWS);
    gemm_without_memory(false, COLUMNS, COLUMNS);
}

/* --- Special numbers --- */

/* A NaN in a column of b and an infinity in a row of a go where they belong and nowhere else, even
 * where vectors overlap or are filled up. */
static void gemm_special_at(bool single, int64_t m, int64_t n, int64_t k, gemm_layout layout)
{
    gemm_matrix a = gemm_make(single, m, k, layout), b = gemm_make(single, k, n, layout);
    gemm_matrix c = gemm_make(single, m, n, ROWS);
    int64_t row = m / 2, column = n - 1 - n / 3;
    gemm_set(single, a.at, row * a.row + (k - 1) * a.column, (double)INFINITY);
    gemm_set(single, b.at, column * b.column, (double)NAN);
    for (int64_t j = 0; j < n; j += 2)
        if (j != column)
            gemm_set(single, b.at, (k - 1) * b.row + j * b.column, 0);
    gemm_run(&a, &b, &c, false);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double x = gemm_at(&c, i, j);
            bool nan = j == column || (i == row && gemm_at(&b, k - 1, j) == 0);
            if (nan ? !isnan(x) : i == row ? !isinf(x) : !isfinite(x)) {
                test_check(false, __FILE__, __LINE__, "NaN or infinity where it does not belong");
                fprintf(stderr, "    level %d, m, n, k %d, %d, %d at %d, %d: %g\n", tp__level,
                        (int)m, (int)n, (int)k, (int)i, (int)j, x);
                i = m - 1;
                break;
            }
        }
    free(a.memory);
    free(b.memory);
    free(c.memory);
}

static void gemm_special(void)
{
    static const int64_t sides[] = {1, 2, 3, 5, 8, 9, 15, 17, 31, 33, 49, 50, 70};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
        for (size_t j = 0; j < sizeof sides / sizeof *sides; j++)
            for (int layout = 0; layout < 2; layout++) {
                gemm_special_at(true, sides[i], sides[j], 2 + sides[(i + j) % 13],
                                (gemm_layout)layout);
                gemm_special_at(false, sides[i], sides[j], 2 + sides[(i + j) % 13],
                                (gemm_layout)layout);
            }
}

TEST(special_numbers_stay_where_they_belong)
{
    gemm_levels(gemm_special);
}
