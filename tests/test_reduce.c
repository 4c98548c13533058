/* SPDX-License-Identifier: MIT
 *
 * Fast reductions against the reference kernel, exact sums and compensated sums, and what they
 * promise: the same bits in every layout, on every processor, for any number of threads.
 */
#include "elements.h"

#include <stdlib.h>

#include "array/array.h"
#include "array/fold.h"
#include "base/alloc.h"
#include "kernels/fold.h"
#include "plain_reduce.h"

static const tp__reduction kinds[] = {TP__SUM, TP__MAX, TP__MIN};

static uint64_t draw_state = 1;

static int64_t draw(int64_t n)
{
    draw_state = draw_state * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((draw_state >> 33) % (uint64_t)n);
}

static void set_element(tp_dtype dtype, void *data, int64_t i, double value)
{
    if (dtype == TP_F32)
        ((float *)data)[i] = (float)value;
    else if (dtype == TP_F64)
        ((double *)data)[i] = value;
    else if (dtype == TP_I64)
        ((int64_t *)data)[i] = (int64_t)value;
    else
        ((uint8_t *)data)[i] = (uint8_t)(int64_t)fabs(value);
}

/* Elements between −1000 and 1000, of floating types with many digits. */
static tp_var *random_array(tp_dtype dtype, int ndim, const int64_t *shape)
{
    tp_var *v = tp_zeros(dtype, ndim, shape);
    void *data = tp_data_(v);
    for (int64_t i = 0; i < tp_size(v); i++)
        set_element(dtype, data, i, (double)(draw(2000000001) - 1000000000) / 1e6);
    return v;
}

/* An array of a random shape whose axes lie in memory in a random order, some with gaps. */
static tp_var *random_layout(tp_dtype dtype, int ndim, int64_t most)
{
    int64_t shape[TP_MAX_NDIM] = {0}, order[TP_MAX_NDIM] = {0};
    bool gaps[TP_MAX_NDIM] = {0};
    for (int i = 0; i < ndim; i++) {
        int64_t j = draw(i + 1);
        order[i] = order[j];
        order[j] = i;
        gaps[i] = draw(4) == 0;
        shape[i] = draw(6) == 0 ? 1 : 1 + draw(most);
        shape[i] *= gaps[i] ? 2 : 1;
    }
    tp_var *v = random_array(dtype, ndim, shape);
    for (int i = 0; i < ndim; i++)
        if (gaps[i])
            v = tp_slice(v, i, draw(2), INT64_MAX, 2);
    if (draw(8) == 0 && ndim < 4) {
        order[ndim] = ndim;
        ndim++;
        v = tp_expand(tp_unsqueeze(v, ndim - 1), ndim,
                      (const int64_t[]){-1, ndim > 2 ? -1 : 3, ndim > 3 ? -1 : 3, 3});
    }
    return tp_permute(v, ndim, order);
}

static tp_var *make_result(tp__reduction kind, const tp_var *x, unsigned mask)
{
    int64_t shape[TP_MAX_NDIM] = {0};
    int ndim = 0;
    for (int i = 0; i < tp_ndim(x); i++)
        if (!(mask >> i & 1))
            shape[ndim++] = tp_shape(x)[i];
    tp_dtype dtype = tp_dtype_of(x);
    bool counts = kind == TP__SUM && (dtype == TP_I64 || dtype == TP_U8);
    return tp_zeros(counts ? TP_I64 : dtype, ndim, shape);
}

static tp_var *fold(tp__reduction kind, tp_var *x, unsigned mask)
{
    tp_var *y = make_result(kind, x, mask);
    CHECK(tp__evaluate(x));
    CHECK(tp__fold(kind, y, x, mask, 1));
    return y;
}

static tp_var *reference(tp__reduction kind, tp_var *x, unsigned mask)
{
    tp_var *y = make_result(kind, x, mask);
    CHECK(tp__evaluate(x));
    plain_reduce(kind, y, x, mask);
    return y;
}

static size_t bytes_of(const tp_var *v)
{
    static const size_t items[] = {[TP_F32] = 4, [TP_F64] = 8, [TP_I64] = 8, [TP_U8] = 1};
    return (size_t)tp_size(v) * items[tp_dtype_of(v)];
}

static bool same_bits(tp_var *a, tp_var *b)
{
    return tp_size(a) == tp_size(b) && !memcmp(tp_data(a), tp_data(b), bytes_of(a));
}

/* Each sum is off by at most 2⁻²³ (float32) or 40 · 2⁻⁵³ of the sum of magnitudes, and an ulp. */
static void check_sums(tp_var *x, tp_var *y, tp_var *expected, unsigned mask)
{
    tp_dtype dtype = tp_dtype_of(y);
    if (dtype != TP_F32 && dtype != TP_F64) {
        CHECK(same_bits(y, expected));
        return;
    }
    tp_var *magnitudes = reference(TP__SUM, tp_abs(x), mask);
    double bound = dtype == TP_F32 ? 0x1p-23 : 40 * 0x1p-53;
    double ulp = dtype == TP_F32 ? 0x1p-23 : 0x1p-52;
    int64_t wrong = 0;
    for (int64_t i = 0; i < tp_size(y); i++) {
        double error = fabs(at(y, i) - at(expected, i));
        wrong += !(error <= bound * at(magnitudes, i) + ulp * fabs(at(expected, i)));
    }
    CHECK_INT(wrong, 0);
}

static void check_everywhere(tp_var *x)
{
    tp_var *plain = tp_variable(x); /* a contiguous copy */
    for (unsigned mask = 0; mask < 1u << tp_ndim(x); mask++)
        for
            EACH(k, kinds)
            {
                TP_SCOPE();
                tp_var *y = fold(kinds[k], x, mask), *expected = reference(kinds[k], x, mask);
                if (kinds[k] == TP__SUM)
                    check_sums(x, y, expected, mask);
                else
                    CHECK(same_bits(y, expected));
                CHECK(same_bits(y, fold(kinds[k], plain, mask)));
            }
}

TEST(any_axes_of_any_layout)
{
    int rounds = test_short() ? 5 : 40;
    for (int round = 0; round < rounds; round++)
        for (int ndim = 1; ndim <= 4; ndim++)
            for
                EACH(d, element_types)
                {
                    TP_SCOPE();
                    tp_dtype dtype = element_types[d];
                    tp_var *x = random_layout(dtype, ndim, ndim < 3 ? 90 : 12);
                    if (dtype == TP_F32 || dtype == TP_F64) {
                        check_everywhere(x);
                        continue;
                    }
                    for (unsigned mask = 0; mask < 1u << tp_ndim(x); mask++)
                        for
                            EACH(k, kinds)
                    CHECK(same_bits(fold(kinds[k], x, mask), reference(kinds[k], x, mask)));
                }
}

/* Several blocks a result, several runs a row, several tasks. */
TEST(large_arrays_of_any_layout)
{
    static const int64_t shapes[][3] = {{1, 5000, 40}, {3, 1100, 700}, {2500, 1, 9}, {40, 3, 1500},
                                        {70, 50, 60},  {7, 5000, 3},   {9, 400, 8},  {9, 401, 17},
                                        {33, 3, 31},   {20, 5, 384},   {6, 3, 640}};
    static const int64_t orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {0, 2, 1}};
    for
        EACH(s, shapes)
        {
            if (test_short() && s > 1)
                return;
            TP_SCOPE();
            tp_dtype dtype = s % 2 ? TP_F64 : TP_F32;
            tp_var *x = random_array(dtype, 3, shapes[s]);
            for
                EACH(o, orders)
                {
                    if (o < 2 || s == 4)
                        check_everywhere(tp_permute(x, 3, orders[o]));
                }
            if (s % 2 || s == 10) /* the copy lies in pieces, which this does not */
                check_everywhere(tp_slice(x, 2, 1, INT64_MAX, 2));
        }
}

/* Many short lines, which become columns first; and those of a wider array. */
TEST(short_lines_of_any_length)
{
    for (int64_t n = 2; n <= 33; n++)
        for (tp_dtype dtype = TP_F32; dtype <= TP_F64; dtype++) {
            TP_SCOPE();
            tp_var *x = random_array(dtype, 2, (const int64_t[]){75 + n, n + 3});
            check_everywhere(tp_clone(tp_slice(x, 1, 0, n, 1)));
            check_everywhere(tp_slice(x, 1, 2, n + 2, 1));
        }
}

/* Of as many elements max and min take larger blocks. */
TEST(extremes_of_all_of_many)
{
    for (tp_dtype dtype = TP_F32; dtype <= TP_F64; dtype++)
        for (int64_t n = 65536; n < 65536 + 3 * 4096; n += 4095) {
            TP_SCOPE();
            check_everywhere(random_array(dtype, 1, &n));
            check_everywhere(random_array(dtype, 2, (const int64_t[]){3, n}));
        }
}

/* Of a constant and of a variable, which goes by other operations. */
TEST(products_of_constants_have_the_bits_of_products_with_a_gradient)
{
    static const int64_t sizes[] = {1, 2, 31, 32, 33, 63, 100, 1000, 1023, 4096, 4097};
    static const tp_dtype types[] = {TP_F32, TP_F64};
    for
        EACH(d, types)
        {
            for
                EACH(s, sizes)
                {
                    TP_SCOPE();
                    tp_var *x = random_array(types[d], 3, (const int64_t[]){3, sizes[s], 2});
                    tp_var *v = tp_variable(x);
                    CHECK(same_bits(tp_prod(x), tp_prod(v)));
                    CHECK(
                        same_bits(tp_prod(x, .axes = TP_AXES(1)), tp_prod(v, .axes = TP_AXES(1))));
                    CHECK(same_bits(tp_prod(x, .axes = TP_AXES(2, 1), .keepdims = true),
                                    tp_prod(v, .axes = TP_AXES(2, 1), .keepdims = true)));
                }
        }
    tp_var *odd = tp_add(tp_mul(tp_arange(TP_I64, 0, 200, 1), 2), 1); /* wraps at 64 bits */
    uint64_t expected = 1;
    for (uint64_t i = 1; i < 400; i += 2)
        expected *= i;
    CHECK(*(const uint64_t *)tp_data(tp_prod(odd)) == expected);
    CHECK_INT(tp_size(tp_prod(tp_zeros(TP_F32, TP_SHAPE(0, 40)), .axes = TP_AXES(1))), 0);
}

/* Long lines and short ones: of a value whose derivative was lost, and where NaN is looked for. */
TEST(products_of_constants_are_results_like_others)
{
    for (int64_t n = 8; n <= 64; n += 56) {
        TP_SCOPE();
        tp_var *x = tp_variable(tp_full(TP_F64, TP_SHAPE(2, n), 1.5));
        bool recording = tp_set_grad_enabled(false);
        tp_var *lost[] = {tp_prod(x), tp_prod(tp_mul(x, 2)), tp_prod(x, .axes = TP_AXES(0))};
        tp_set_grad_enabled(recording);
        for
            EACH(i, lost)
            {
                tp_gradient(lost[i], x);
                CHECK_ERROR(TP_ERROR_GRAPH, "without recording");
            }
        bool looking = tp_set_anomaly(true);
        tp_prod(tp_full(TP_F64, TP_SHAPE(2, n), 1e200), .axes = TP_AXES(1));
        CHECK_ERROR(TP_ERROR_ANOMALY, "prod");
        tp_set_anomaly(looking);
    }
}

/* --- Values known otherwise --- */

TEST(sums_of_integers_in_floating_types_are_exact)
{
    static const int64_t sizes[] = {1,  2,  3,   15,  16,   17,   31,   32,   33,   63,
                                    64, 65, 127, 129, 1023, 1024, 1025, 2047, 2049, 5000};
    for
        EACH(s, sizes)
        {
            int64_t n = sizes[s];
            double expected = (double)n * (double)(n + 1) / 2;
            for
                EACH(d, element_types)
                {
                    if (element_types[d] == TP_U8)
                        continue;
                    tp_var *x = counting(element_types[d], TP_SHAPE(n));
                    CHECK_BITS(tp_item(tp_sum(x)), expected);
                    tp_var *rows = tp_expand(tp_unsqueeze(x, 1), TP_SHAPE(-1, 20));
                    CHECK_BITS(at(tp_sum(tp_mul(rows, 1), .axes = TP_AXES(0)), 19), expected);
                    CHECK_BITS(at(tp_sum(tp_transpose(rows, 0, 1), .axes = TP_AXES(1)), 7),
                               expected);
                    CHECK_BITS(tp_item(tp_max(x)), (double)n);
                    CHECK_BITS(tp_item(tp_min(x)), 1);
                    CHECK_BITS(tp_item(tp_mean(x)), ((double)n + 1) / 2);
                }
        }
}

/* A sum with its rounding errors beside it (Neumaier 1974). */
typedef struct exact_sum {
    double sum, rest;
} exact_sum;

static void exact_add(exact_sum *a, double x)
{
    double sum = a->sum + x;
    a->rest += fabs(a->sum) >= fabs(x) ? (a->sum - sum) + x : (x - sum) + a->sum;
    a->sum = sum;
}

TEST(a_sum_is_as_accurate_as_it_says)
{
    const int64_t n = test_short() ? 20000 : 1000000;
    for (int single = 0; single < 2; single++) {
        TP_SCOPE();
        tp_dtype dtype = single ? TP_F32 : TP_F64;
        tp_var *x = tp_zeros(dtype, TP_SHAPE(n)), *waves = tp_zeros(dtype, TP_SHAPE(n));
        void *a = tp_data_(x), *b = tp_data_(waves);
        exact_sum sum = {0, 0}, wave_sum = {0, 0}, magnitude = {0, 0};
        for (int64_t i = 0; i < n; i++) {
            set_element(dtype, a, i, 1 / (double)(i + 1));
            set_element(dtype, b, i, sin((double)i));
            exact_add(&sum, element(dtype, a, i));
            exact_add(&wave_sum, element(dtype, b, i));
            exact_add(&magnitude, fabs(element(dtype, b, i)));
        }
        double ulp = single ? 0x1p-24 : 0x1p-53, ulps = single ? 1.01 : 4;
        CHECK_CLOSE(tp_item(tp_sum(x)), sum.sum + sum.rest, ulps * ulp);
        CHECK_CLOSE(tp_item(tp_mean(x)), (sum.sum + sum.rest) / (double)n, ulps * ulp);
        double error = tp_item(tp_sum(waves)) - wave_sum.sum - wave_sum.rest;
        CHECK(fabs(error) <= ulp * magnitude.sum / 10);
    }
}

/* One after the other in float32 they would all be lost beside the 1. */
TEST(small_terms_are_not_lost)
{
    const int64_t n = 1 << 20;
    tp_var *x = tp_full(TP_F32, TP_SHAPE(n), 0x1p-24);
    ((float *)tp_data_(x))[0] = 1;
    CHECK_CLOSE(tp_item(tp_sum(x)), 1.0625, 0x1p-23);
}

TEST(a_mean_is_rounded_once)
{
    tp_var *x = tp_full(TP_F32, TP_SHAPE(3), 0x1p127);
    CHECK_BITS(tp_item(tp_mean(x)), 0x1p127);
    tp_var *y = tp_array(TP_F32, TP_SHAPE(3), (float[]){16777216, 1, 0});
    CHECK_BITS(tp_item(tp_mean(y)), (double)(float)(16777217.0 / 3));
    CHECK_BITS(tp_item(tp_mean(tp_array(TP_U8, TP_SHAPE(2), (uint8_t[]){255, 254}))), 254.5);
}

/* --- Signs of zero, NaN, infinities --- */

static tp_var *repeated(tp_dtype dtype, int64_t n, double value)
{
    tp_var *x = tp_zeros(dtype, TP_SHAPE(n));
    void *data = tp_data_(x);
    for (int64_t i = 0; i < n; i++)
        set_element(dtype, data, i, value);
    return x;
}

TEST(a_sum_of_negative_zeros_is_one)
{
    static const int64_t sizes[] = {1, 5, 16, 17, 64, 65, 1024, 1025, 5000};
    for
        EACH(s, sizes)
    for (int single = 0; single < 2; single++) {
        tp_dtype dtype = single ? TP_F32 : TP_F64;
        tp_var *x = repeated(dtype, sizes[s], -0.0);
        CHECK(signbit(tp_item(tp_sum(x))));
        tp_var *wide = tp_mul(tp_expand(tp_unsqueeze(x, 1), TP_SHAPE(-1, 11)), 1);
        CHECK(signbit(at(tp_sum(wide, .axes = TP_AXES(0)), 10)));
        CHECK(!signbit(tp_item(tp_max(x))) && !signbit(tp_item(tp_min(x))));
        set_element(dtype, tp_data_(x), sizes[s] / 2, 0);
        CHECK(sizes[s] == 1 || !signbit(tp_item(tp_sum(x))));
    }
}

TEST(nan_wins_wherever_it_is)
{
    const double nan = (double)NAN;
    for (int64_t n = 1; n < 80; n += 3)
        for (int64_t place = 0; place < n; place++)
            for (int single = 0; single < 2; single++) {
                TP_SCOPE();
                tp_dtype dtype = single ? TP_F32 : TP_F64;
                tp_var *x = counting(dtype, TP_SHAPE(n));
                set_element(dtype, tp_data_(x), place, nan);
                tp_var *wide = tp_mul(tp_expand(tp_unsqueeze(x, 1), TP_SHAPE(-1, 9)), 1);
                CHECK(isnan(tp_item(tp_max(x))) && isnan(tp_item(tp_min(x))));
                CHECK(isnan(tp_item(tp_sum(x))));
                CHECK(isnan(at(tp_max(wide, .axes = TP_AXES(0)), 8)));
                CHECK(isnan(at(tp_min(wide, .axes = TP_AXES(0)), 0)));
            }
}

TEST(infinities)
{
    const double infinity = (double)INFINITY;
    tp_var *x = counting(TP_F32, TP_SHAPE(70));
    set_element(TP_F32, tp_data_(x), 3, infinity);
    CHECK_BITS(tp_item(tp_sum(x)), infinity);
    CHECK_BITS(tp_item(tp_max(x)), infinity);
    CHECK_BITS(tp_item(tp_min(x)), 1);
    set_element(TP_F32, tp_data_(x), 60, -infinity);
    CHECK(isnan(tp_item(tp_sum(x))));
    CHECK_BITS(tp_item(tp_min(x)), -infinity);
    CHECK_BITS(tp_item(tp_max(repeated(TP_F64, 40, -infinity))), -infinity);
}

TEST(nothing_to_reduce)
{
    tp_var *x = tp_zeros(TP_F32, TP_SHAPE(0, 3));
    CHECK_ELEMENTS(tp_sum(x, .axes = TP_AXES(0)), 0, 0, 0);
    CHECK(!signbit(at(tp_sum(x, .axes = TP_AXES(0)), 1)));
    CHECK_BITS(tp_item(tp_sum(x)), 0);
    CHECK_INT(tp_size(tp_sum(x, .axes = TP_AXES(1))), 0);
    CHECK_INT(tp_size(tp_max(x, .axes = TP_AXES(1))), 0);
    CHECK(isnan(tp_item(tp_mean(x))));
    CHECK_INT(tp_item(tp_sum(tp_zeros(TP_I64, TP_SHAPE(0)))), 0);
    tp_max(x);
    CHECK_ERROR(TP_ERROR_SHAPE, "max: nothing to choose from");
    CHECK_ELEMENTS(tp_sum(counting(TP_F64, TP_SHAPE(3, 1)), .axes = TP_AXES(1)), 1, 2, 3);
    CHECK_BITS(tp_item(tp_sum(tp_scalar(7))), 7);
}

TEST(integers_wrap_at_64_bits)
{
    tp_var *x = tp_array(TP_I64, TP_SHAPE(3), (int64_t[]){INT64_MAX, 1, 5});
    CHECK(*(const int64_t *)tp_data(tp_sum(x)) == INT64_MIN + 5);
    CHECK(*(const int64_t *)tp_data(tp_max(x)) == INT64_MAX);
    tp_var *bytes = repeated(TP_U8, 100000, 255);
    CHECK_INT(tp_item(tp_sum(bytes)), 25500000);
    CHECK_INT(tp_item(tp_max(bytes)), 255);
    CHECK_INT(tp_dtype_of(tp_min(bytes)), TP_U8);
    tp_var *table = tp_reshape(bytes, TP_SHAPE(5000, 20));
    CHECK_INT(at(tp_sum(table, .axes = TP_AXES(0)), 19), 255 * 5000);
    CHECK_INT(at(tp_sum(table, .axes = TP_AXES(1)), 4999), 255 * 20);
}

/* --- Bits --- */

TEST(the_number_of_threads_changes_no_bit)
{
    int before = tp_num_threads();
    tp_var *x = random_array(TP_F32, TP_SHAPE(1500, 700)), *first[4];
    for (int threads = 1; threads <= 4; threads *= 2) {
        tp_set_num_threads(threads);
        for (unsigned mask = 0; mask < 4; mask++) {
            tp_var *y = fold(TP__SUM, x, mask);
            if (threads == 1)
                first[mask] = y;
            CHECK(same_bits(y, first[mask]));
        }
    }
    tp_set_num_threads(before);
}

TEST(a_sum_is_its_blocks_in_pairs)
{
    for (int64_t n = 1; n < 40000; n = n * 3 / 2 + 1) {
        TP_SCOPE();
        tp_var *x = random_array(TP_F64, TP_SHAPE(n));
        double sums[64];
        int64_t blocks = 0;
        for (int64_t i = 0; i < n; i += TP__FOLD_BLOCK) {
            int64_t size = n - i < TP__FOLD_BLOCK ? n - i : TP__FOLD_BLOCK;
            sums[blocks++] = tp__fold_sum_kernel(TP_F64)(size, (const double *)tp_data(x) + i);
        }
        CHECK_BITS(tp_item(tp_sum(x)), tp__fold_pairwise(sums, blocks));
    }
}

/* The rule of fold.h, in plain words. */
static double plain_block(int64_t n, const double *x)
{
    double lane[16];
    for (int j = 0; j < 16; j++)
        lane[j] = -0.0;
    for (int64_t i = 0; i < n; i += 64)
        for (int64_t j = i; j < i + 16; j++) {
            double four[4];
            for (int k = 0; k < 4; k++)
                four[k] = j + 16 * k < n ? x[j + 16 * k] : -0.0;
            lane[j % 16] += (four[0] + four[1]) + (four[2] + four[3]);
        }
    for (int half = 8; half > 0; half /= 2)
        for (int j = 0; j < half; j++)
            lane[j] += lane[j + half];
    return lane[0];
}

TEST(a_block_is_summed_by_the_rule)
{
    tp_var *x = random_array(TP_F64, TP_SHAPE(TP__FOLD_BLOCK));
    for (int64_t n = 1; n <= TP__FOLD_BLOCK; n += n < 200 ? 1 : 41)
        CHECK_BITS(tp__fold_sum_kernel(TP_F64)(n, tp_data(x)), plain_block(n, tp_data(x)));
}

/* All levels up to this processor's, against the first. */
static void check_levels(tp__reduction kind, tp_dtype dtype, int64_t width)
{
    enum { MOST = TP__FOLD_BLOCK };
    const tp__fold_kernels *everywhere =
        dtype == TP_F32 ? &tp__fold_f32_baseline[kind] : &tp__fold_f64_baseline[kind];
    const tp__instructions best = tp__level;
    tp_var *x = random_array(dtype, TP_SHAPE(MOST, width));
    tp_var *a = tp_zeros(TP_F64, TP_SHAPE(tp__fold_room(MOST, width))), *b = tp_clone(a);
    const char *data = tp_data(x);
    const size_t item = dtype == TP_F32 ? 4 : 8;
    const void *row[MOST];
    for (int64_t i = 0; i < MOST; i++)
        row[i] = data + (size_t)(i * width) * item;
    for (tp__level = TP__BASELINE; tp__level <= best; tp__level++) {
        const tp__fold_kernels *here = tp__fold_choose(kind, dtype);
        for (int64_t n = 1; n <= MOST; n += n < 150 ? 1 : 37) {
            CHECK_BITS(here->block(n, data), everywhere->block(n, data));
            here->columns(n, row, width, tp_data_(a));
            everywhere->columns(n, row, width, tp_data_(b));
            CHECK(!memcmp(tp_data(a), tp_data(b), (size_t)width * sizeof(double)));
        }
    }
    tp__level = best;
}

TEST(every_processor_gives_the_same_bits)
{
    static const int64_t widths[] = {8, 9, 15, 16, 17, 31, 32, 37, 64, 100};
    for
        EACH(w, widths)
    for
        EACH(k, kinds)
    for (int single = 0; single < 2; single++) {
        TP_SCOPE();
        check_levels(kinds[k], single ? TP_F32 : TP_F64, widths[w]);
    }
}

/* One NaN anywhere is the result, whatever lies around it; infinities and zeros are not. */
TEST(nan_wins_wherever_it_stands)
{
    const tp__instructions best = tp__level;
    for (tp__level = TP__BASELINE; tp__level <= best; tp__level++)
        for (int single = 0; single < 2; single++)
            for (int64_t n = 8; n <= 140; n++)
                for (int64_t i = 0; i < n; i += n < 40 ? 1 : 5) {
                    TP_SCOPE();
                    tp_dtype dtype = single ? TP_F32 : TP_F64;
                    tp_var *x = repeated(dtype, n, HUGE_VAL);
                    set_element(dtype, tp_data_(x), (i + 3) % n, -HUGE_VAL);
                    CHECK_BITS(tp_item(tp_max(x)), HUGE_VAL);
                    CHECK_BITS(tp_item(tp_min(x)), -HUGE_VAL);
                    set_element(dtype, tp_data_(x), i, (double)NAN);
                    CHECK(isnan(tp_item(tp_max(x))) && isnan(tp_item(tp_min(x))));
                    tp_var *wide = tp_repeat(tp_reshape(x, TP_SHAPE(1, n)), TP_SHAPE(11, 1));
                    tp_var *most = tp_max(wide, .axes = TP_AXES(0));
                    tp_var *least = tp_min(wide, .axes = TP_AXES(0));
                    for (int64_t j = 0; j < n; j++) {
                        CHECK(!!isnan(at(most, j)) == (j == i));
                        CHECK(!!isnan(at(least, j)) == (j == i));
                    }
                }
    tp__level = best;
}

/* A result's bits are those of its elements alone, in a row: long rows, which are units of work of
 * their own or cut, and axes whose results lie between the elements of each other. */
TEST(a_result_is_that_of_its_elements_alone)
{
    static const int64_t shapes[][3] = {{1, 5, 513},  {1, 3, 1024}, {1, 3, 8192}, {1, 3, 8193},
                                        {4, 3, 1024}, {6, 5, 256},  {3, 2, 1500}, {40, 7, 512}};
    for
        EACH(s, shapes)
    for
        EACH(k, kinds)
    for
        EACH(d, element_types)
        {
            TP_SCOPE();
            tp_var *x = random_array(element_types[d], 3, shapes[s]);
            tp_var *y = fold(kinds[k], x, 5);
            size_t item = bytes_of(y) / (size_t)tp_size(y);
            for (int64_t i = 0; i < shapes[s][1]; i++) {
                tp_var *alone = fold(kinds[k], tp_clone(tp_select(x, 1, i)), 3);
                CHECK(!memcmp((const char *)tp_data(y) + (size_t)i * item, tp_data(alone), item));
            }
        }
}

/* --- Errors --- */

TEST(each_allocation_may_fail)
{
    static const int64_t shapes[][2] = {{10, 10}, {5000, 900}, {3, 300000}, {300000, 3}};
    for
        EACH(s, shapes)
    for (unsigned mask = 1; mask < 4; mask++) {
        TP_SCOPE();
        tp_var *x = tp_ones(TP_F32, 2, shapes[s]);
        tp_var *y = make_result(TP__SUM, x, mask);
        double expected =
            (mask & 1 ? (double)shapes[s][0] : 1) * (mask & 2 ? (double)shapes[s][1] : 1);
        for (size_t n = 1;; n++) {
            tp_trim_memory();
            tp__alloc_fail_at(n);
            bool good = tp__fold(TP__SUM, y, x, mask, 1);
            tp__alloc_fail_at(0);
            if (good)
                break;
            CHECK_ERROR(TP_ERROR_MEMORY, "out of memory");
        }
        CHECK_BITS(at(y, tp_size(y) - 1), expected);
    }
}
