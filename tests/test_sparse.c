/* SPDX-License-Identifier: MIT
 *
 * Sparse derivatives against dense ones, on programs made of the table's operations and of all
 * kinds that a pattern follows; patterns and colors that are known; chained Rosenbrock, whose
 * second derivatives are known, up to 10⁵ variables; errors; each request for memory failing.
 */
#include "harness.h"

#include <math.h>

#include "base/alloc.h"
#include "ops/families.h"

/* Σ 100 (x[i + 1] − x[i]²)² + (x[i] − 1)² */
static tp_var *chained_rosenbrock(tp_var *x)
{
    int64_t n = tp_size(x);
    tp_var *a = tp_narrow(x, 0, 0, n - 1), *b = tp_narrow(x, 0, 1, n - 1);
    tp_var *steep = tp_mul(100, tp_pow(tp_sub(b, tp_pow(a, 2)), 2));
    return tp_sum(tp_add(steep, tp_pow(tp_sub(a, 1), 2)));
}

static double largest(tp_var *v)
{
    return tp_size(v) ? tp_item(tp_max(tp_abs(v))) : 0;
}

/* True if the sparse Jacobian is the dense one, and no entry is missing. */
static bool jacobian_agrees(tp_var *y, tp_var *x, int64_t entries, int64_t colors)
{
    TP_SCOPE();
    tp_sparsity *pattern = tp_jacobian_sparsity(y, x);
    if (!CHECK(pattern))
        return false;
    tp_var *values = tp_sparse_jacobian(y, x, pattern);
    tp_var *dense = tp_reshape(tp_jacobian(y, x), TP_SHAPE(tp_size(y), tp_size(x)));
    tp_var *difference = tp_sub(tp_sparse_to_dense(pattern, values), dense);
    bool good = CHECK(!tp_error()) && CHECK(largest(difference) <= 1e-13 * (1 + largest(dense)));
    good &= entries < 0 || CHECK(tp_sparsity_entries(pattern) == entries);
    good &= colors < 0 || CHECK(tp_sparsity_colors(pattern) == colors);
    tp_sparsity_free(pattern);
    return good;
}

static bool hessian_agrees(tp_var *y, tp_var *x, int64_t entries, int64_t colors)
{
    TP_SCOPE();
    tp_sparsity *pattern = tp_hessian_sparsity(y, x);
    if (!CHECK(pattern))
        return false;
    tp_var *values = tp_sparse_hessian(y, x, pattern);
    tp_var *dense = tp_reshape(tp_hessian(y, x), TP_SHAPE(tp_size(x), tp_size(x)));
    tp_var *difference = tp_sub(tp_sparse_to_dense(pattern, values), dense);
    bool good = CHECK(!tp_error()) && CHECK(largest(difference) <= 1e-13 * (1 + largest(dense)));
    good &= entries < 0 || CHECK(tp_sparsity_entries(pattern) == entries);
    good &= colors < 0 || CHECK(tp_sparsity_colors(pattern) == colors);
    tp_sparsity_free(pattern);
    return good;
}

static tp_var *variable(int ndim, const int64_t *shape)
{
    return tp_variable(tp_add(0.2, tp_rand(TP_F64, ndim, shape)));
}

/* --- Known patterns --- */

TEST(chained_rosenbrock_is_tridiagonal)
{
    const double at[] = {-1.2, 1, 0.5, -0.3, 2}, v[] = {1, 2, -1, 0.5, 3};
    const double expected[] = {2290, 3284, -1522, 315, 660};
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(5), at)), *y = chained_rosenbrock(x);
    CHECK(hessian_agrees(y, x, 13, 3));
    tp_sparsity *pattern = tp_hessian_sparsity(y, x);
    tp_var *values = tp_sparse_hessian(y, x, pattern);
    tp_var *product = tp_sparse_product(pattern, values, tp_array(TP_F64, TP_SHAPE(5), v));
    const double *found = tp_data(product);
    for (int i = 0; found && i < 5; i++)
        CHECK_CLOSE(found[i], expected[i], 1e-13);
    const int64_t starts[] = {0, 2, 5, 8, 11, 13},
                  columns[] = {0, 1, 0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4};
    CHECK(!memcmp(tp_data(tp_sparsity_starts(pattern)), starts, sizeof starts));
    CHECK(!memcmp(tp_data(tp_sparsity_column_of(pattern)), columns, sizeof columns));
    CHECK(((const int64_t *)tp_data(tp_sparsity_row_of(pattern)))[7] == 2);
    CHECK(tp_sparsity_rows(pattern) == 5 && tp_sparsity_columns(pattern) == 5);
    tp_sparsity_free(pattern);
}

/* d²/dx[i]² = 1200 x[i]² − 400 x[i + 1] + 202 but at the ends, d²/dx[i]dx[i + 1] = −400 x[i] */
TEST(large_hessians)
{
    int64_t n = test_short() ? 2000 : 100000;
    tp_var *x = variable(TP_SHAPE(n)), *y = chained_rosenbrock(x);
    tp_sparsity *pattern = tp_hessian_sparsity(y, x);
    TP_NO_GRAD();
    tp_var *values = tp_sparse_hessian(y, x, pattern);
    const double *at = tp_data(values), *point = tp_data(x);
    CHECK(tp_sparsity_entries(pattern) == 3 * n - 2 && tp_sparsity_colors(pattern) == 3);
    bool good = at != NULL;
    for (int64_t i = 1; good && i < n - 1; i++) {
        double diagonal = 1200 * point[i] * point[i] - 400 * point[i + 1] + 202;
        good = test_close(at[3 * i], diagonal, 1e-12) &&
               test_close(at[3 * i + 1], -400 * point[i], 1e-12) &&
               test_close(at[3 * i - 1], -400 * point[i - 1], 1e-12);
        CHECK(good);
    }
    tp_sparsity_free(pattern);
}

TEST(an_arrow_has_two_colors)
{
    tp_var *x = variable(TP_SHAPE(9)), *first = tp_narrow(x, 0, 0, 1);
    CHECK(hessian_agrees(tp_sum(tp_exp(tp_mul(first, x))), x, 25, 2));
}

TEST(few_rows_are_swept_backwards)
{
    tp_var *x = variable(TP_SHAPE(8)), *y = tp_reshape(tp_sum(tp_square(x)), TP_SHAPE(1));
    CHECK(jacobian_agrees(y, x, 8, 1));
    CHECK(jacobian_agrees(tp_exp(x), x, 8, 1));
}

TEST(what_does_not_depend_has_no_entries)
{
    tp_var *x = variable(TP_SHAPE(4)), *other = variable(TP_SHAPE(3));
    tp_var *y = tp_concatenate((tp_var *[]){tp_square(x), tp_sin(other)}, 2, 0);
    CHECK(jacobian_agrees(y, x, 4, 1));
    CHECK(jacobian_agrees(tp_exp(other), x, 0, -1));
    CHECK(hessian_agrees(tp_sum(x), x, 0, -1));
    CHECK(hessian_agrees(tp_sum(tp_square(x)), x, 4, 1));
    CHECK(jacobian_agrees(x, x, 4, 1));
}

TEST(kinds_of_operations)
{
    tp_var *x = variable(TP_SHAPE(2, 3, 4));
    CHECK(jacobian_agrees(tp_sum(tp_exp(x), .axes = TP_AXES(1)), x, 24, 1));
    CHECK(jacobian_agrees(tp_mean(tp_sin(x), .axes = TP_AXES(0, 2), .keepdims = true), x, 24, 1));
    CHECK(jacobian_agrees(tp_max(x, .axes = TP_AXES(-1)), x, 24, 1));
    CHECK(jacobian_agrees(tp_sum_to(tp_square(x), TP_SHAPE(3, 1)), x, 24, 1));
    CHECK(jacobian_agrees(tp_transpose(tp_log(x), 0, 2), x, 24, 1));
    CHECK(jacobian_agrees(tp_flip(tp_square(x), TP_SHAPE(1)), x, 24, 1));
    CHECK(jacobian_agrees(tp_slice(tp_square(x), 2, 0, 4, 2), x, 12, 1));
    CHECK(jacobian_agrees(tp_repeat(tp_square(x), TP_SHAPE(2, 1, 1)), x, 48, 1));
    CHECK(jacobian_agrees(tp_where(tp_gt(x, 0.7), tp_exp(x), tp_sin(x)), x, 24, 1));
    CHECK(jacobian_agrees(tp_to(tp_to(x, TP_F64), TP_F64), x, 24, 1));
    tp_var *row = variable(TP_SHAPE(4));
    CHECK(jacobian_agrees(tp_mul(tp_detach(x), row), row, 24, 1));
    CHECK(jacobian_agrees(tp_matmul(tp_detach(tp_select(x, 0, 0)), row), row, 12, -1));
    CHECK(jacobian_agrees(tp_softmax(x, 2), x, -1, -1));
    CHECK(jacobian_agrees(tp_cumsum(row, 0), row, -1, -1));
    tp_var *index = tp_array(TP_I64, TP_SHAPE(5), ((int64_t[]){3, 0, 0, 1, 3}));
    CHECK(jacobian_agrees(tp_gather(tp_square(row), 0, index), row, 5, 1));
}

TEST(values_have_derivatives)
{
    tp_var *x = variable(TP_SHAPE(6)), *y = tp_sum(tp_mul(tp_exp(x), tp_roll(x, 1, 0)));
    tp_sparsity *pattern = tp_hessian_sparsity(y, x);
    tp_var *sum = tp_sum(tp_sparse_hessian(y, x, pattern)), *dense = tp_sum(tp_hessian(y, x));
    CHECK(largest(tp_sub(tp_gradient(sum, x), tp_gradient(dense, x))) < 1e-12);
    tp_sparsity_free(pattern);
}

/* Edges (i, 7 i mod n) and (i, i + 1): a graph's energy. */
static tp_var *edges(tp_var *x)
{
    int64_t n = tp_size(x);
    tp_var *from = tp_arange(TP_I64, 0, (double)n, 1);
    tp_var *to = tp_remainder(tp_mul(from, 7), n), *next = tp_remainder(tp_add(from, 1), n);
    tp_var *a = tp_gather(x, 0, from), *b = tp_gather(x, 0, to), *c = tp_gather(x, 0, next);
    return tp_sum(tp_add(tp_exp(tp_sub(a, b)), tp_square(tp_mul(a, c))));
}

TEST(picked_elements_keep_hessians_sparse)
{
    tp_var *x = variable(TP_SHAPE(30));
    CHECK(hessian_agrees(edges(x), x, -1, -1));
    tp_sparsity *pattern = tp_hessian_sparsity(edges(x), x);
    CHECK(tp_sparsity_entries(pattern) <= 5 * 30);
    tp_sparsity_free(pattern);
}

/* Σ over i of exp(x[i] x[i + 1] … x[i + width − 1]) */
static tp_var *band(tp_var *x, int64_t width)
{
    int64_t n = tp_size(x) - width + 1;
    tp_var *product = tp_narrow(x, 0, 0, n);
    for (int64_t k = 1; k < width; k++)
        product = tp_mul(product, tp_narrow(x, 0, k, n));
    return tp_sum(tp_exp(product));
}

TEST(bands_and_blocks)
{
    tp_var *x = variable(TP_SHAPE(24));
    CHECK(hessian_agrees(band(x, 3), x, 24 + 2 * 23 + 2 * 22, -1));
    CHECK(hessian_agrees(band(x, 5), x, -1, -1));
    tp_var *blocks = tp_sum(tp_reshape(x, TP_SHAPE(6, 4)), .axes = TP_AXES(1));
    CHECK(hessian_agrees(tp_sum(tp_exp(blocks)), x, 6 * 16, 4));
    CHECK(hessian_agrees(tp_exp(tp_sum(x)), x, 24 * 24, 24));
}

/* Time grows with entries: hubs and full rows do not make it quadratic. */
TEST(hubs_and_full_rows)
{
    int64_t n = test_short() ? 1000 : 100000;
    tp_var *x = variable(TP_SHAPE(n)), *first = tp_narrow(x, 0, 0, 1);
    tp_sparsity *pattern = tp_hessian_sparsity(tp_sum(tp_exp(tp_mul(first, x))), x);
    CHECK(tp_sparsity_entries(pattern) == 3 * n - 2 && tp_sparsity_colors(pattern) == 2);
    tp_sparsity_free(pattern);
    pattern = tp_jacobian_sparsity(tp_sum(tp_square(x)), x);
    CHECK(tp_sparsity_entries(pattern) == n && tp_sparsity_colors(pattern) == 1);
    tp_sparsity_free(pattern);
    pattern = tp_jacobian_sparsity(tp_sum(tp_square(tp_softmax(x, 0))), x);
    CHECK(tp_sparsity_entries(pattern) == n);
    tp_sparsity_free(pattern);
}

/* A pattern serves every point of its program, and says so where it does not. */
TEST(patterns_at_other_points)
{
    tp_var *x = variable(TP_SHAPE(12)), *other = variable(TP_SHAPE(12));
    tp_sparsity *pattern = tp_hessian_sparsity(band(x, 3), x);
    tp_var *values = tp_sparse_hessian(band(other, 3), other, pattern);
    tp_var *dense = tp_hessian(band(other, 3), other);
    CHECK(largest(tp_sub(tp_sparse_to_dense(pattern, values), dense)) < 1e-12);
    tp_sparse_hessian(band(other, 4), other, pattern);
    CHECK_ERROR(TP_ERROR_GRAPH, "sparse_hessian: there are entries that the pattern does not have");
    tp_sparsity_free(pattern);
    pattern = tp_jacobian_sparsity(tp_sort(tp_square(x), 0, false, NULL), x);
    tp_sparse_jacobian(tp_sort(tp_square(other), 0, false, NULL), other, pattern);
    CHECK_ERROR(TP_ERROR_GRAPH, "sparse_jacobian: there are entries");
    tp_sparsity_free(pattern);
}

/* --- Random programs of the table's operations --- */

static uint64_t fuzz_state = 1;

static int fuzz_below(int n)
{
    fuzz_state = fuzz_state * 6364136223846793005u + 1442695040888963407u;
    return (int)((fuzz_state >> 33) % (uint64_t)n);
}

static const tp__op *fuzz_operation(void)
{
    for (;;) {
        int n = 0;
        while (tp__families[n])
            n++;
        const tp__family *family = tp__families[fuzz_below(n)];
        int m = 0;
        while (family->ops[m])
            m++;
        const tp__op *op = family->ops[fuzz_below(m)];
        if ((op->flags & TP__ELEMENTWISE) && op->gradient && (op->call_1 || op->call_2))
            return op;
    }
}

static tp_var *fuzz_mix(tp_var *a, tp_var *b)
{
    const tp__op *op = fuzz_operation();
    tp_var *tame = tp_add(0.3, tp_mul(0.4, tp_sigmoid(a)));
    return op->call_1 ? op->call_1(tame) : op->call_2(tame, tp_add(1.1, tp_sigmoid(b)));
}

static tp_var *fuzz_program(tp_var *x, int length)
{
    tp_var *pool[12] = {x};
    for (int i = 1; i <= length; i++) {
        tp_var *a = pool[fuzz_below(i)], *b = pool[fuzz_below(i)];
        switch (fuzz_below(5)) {
        case 0:
            pool[i] = tp_roll(a, 1 + fuzz_below(3), 0);
            break;
        case 1:
            pool[i] = tp_flip(tp_mul(a, b), TP_SHAPE(0));
            break;
        case 2:
            pool[i] = tp_mul(a, tp_mean(tp_narrow(b, 0, 1, 2)));
            break;
        default:
            pool[i] = fuzz_mix(a, b);
        }
    }
    return pool[length];
}

/* Rows of backward sweeps against columns of series. */
static bool hessian_is_symmetric(tp_var *y, tp_var *x)
{
    TP_SCOPE();
    TP_NO_GRAD();
    tp_var *hessian = tp_hessian(y, x);
    double size = largest(hessian);
    return !(size < 1e6) ||
           CHECK(largest(tp_sub(hessian, tp_transpose(hessian, 0, 1))) <= 1e-10 * (1 + size));
}

/* Jacobians forwards and backwards agree, and Hessians are symmetric. */
TEST(random_programs)
{
    int rounds = test_short() ? 20 : 200;
    for (int i = 0; i < rounds; i++) {
        TP_SCOPE();
        fuzz_state = (uint64_t)i * 77 + 5;
        tp_var *x = variable(TP_SHAPE(6)), *y = fuzz_program(x, 1 + fuzz_below(9));
        double size = largest(tp_detach(y));
        if (!(size < 1e3)) {
            tp_clear_error();
            continue;
        }
        bool good = jacobian_agrees(y, x, -1, -1) && hessian_is_symmetric(tp_sum(y), x) &&
                    hessian_agrees(tp_sum(y), x, -1, -1);
        if (!CHECK(good))
            fprintf(stderr, "    program %d: %s\n", i, tp_error() ? tp_error() : "");
    }
}

/* --- Errors, memory --- */

TEST(errors)
{
    tp_var *x = variable(TP_SHAPE(4)), *y = tp_square(x);
    CHECK(!tp_hessian_sparsity(y, x));
    CHECK_ERROR(TP_ERROR_SHAPE, "hessian_sparsity: y has shape (4,), expected one element");
    CHECK(!tp_jacobian_sparsity(NULL, x));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "jacobian_sparsity");
    tp_sparsity *pattern = tp_jacobian_sparsity(y, x);
    tp_sparse_hessian(tp_sum(y), x, pattern);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "sparse_hessian: the pattern is a Jacobian's");
    tp_sparse_jacobian(tp_narrow(y, 0, 0, 2), x, pattern);
    CHECK_ERROR(TP_ERROR_SHAPE, "sparse_jacobian: a matrix of 2 x 4, the pattern is of 4 x 4");
    tp_sparse_to_dense(pattern, x);
    CHECK(!tp_error());
    tp_sparse_to_dense(pattern, tp_ones(TP_F64, TP_SHAPE(3)));
    CHECK_ERROR(TP_ERROR_SHAPE, "sparse_to_dense: values have shape (3,), expected (4,)");
    tp_sparse_product(pattern, x, tp_ones(TP_F64, TP_SHAPE(3)));
    CHECK_ERROR(TP_ERROR_SHAPE, "sparse_product: v has shape (3,), expected (4,)");
    tp_sparse_jacobian(y, x, NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "sparse_jacobian: the pattern is NULL");
    tp_sparsity_starts(NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "sparsity_starts: the pattern is NULL");
    CHECK(tp_sparsity_rows(NULL) == 0 && tp_sparsity_colors(NULL) == 0);
    tp_sparsity_free(pattern);
    tp_sparsity_free(NULL);
}

TEST(out_of_memory)
{
    tp_var *x = variable(TP_SHAPE(6));
    bool good = false;
    for (size_t n = 1; n < 3000 && !good; n++) {
        TP_SCOPE();
        tp_trim_memory();
        tp__alloc_fail_at(n);
        tp_var *y = tp_sum(tp_mul(tp_sum(x, .keepdims = true), tp_flip(tp_exp(x), TP_SHAPE(0))));
        tp_sparsity *pattern = tp_hessian_sparsity(y, x);
        tp_var *values = pattern ? tp_sparse_hessian(y, x, pattern) : NULL;
        good = values && !tp_is_poison(values) && !tp_error();
        tp__alloc_fail_at(0);
        tp_sparsity_free(pattern);
        if (!good)
            CHECK_ERROR(TP_ERROR_MEMORY, "");
    }
    CHECK(good);
}

/* What a branch holds at zero moves elements: the Hessian of n terms has n entries. */
TEST(branches_keep_patterns_sparse)
{
    tp_var *x = tp_variable(tp_linspace(TP_F64, -1, 1.03, 50));
    tp_var *y = tp_sum(tp_where(tp_gt(x, 0), tp_square(tp_sin(x)), tp_exp(x)));
    tp_sparsity *pattern = tp_hessian_sparsity(y, x);
    CHECK(tp_sparsity_entries(pattern) == 50);
    CHECK(tp_sparsity_colors(pattern) == 1);
    const double *at = tp_data(tp_sparse_hessian(y, x, pattern)), *points = tp_data(x);
    for (int i = 0; at && i < 50; i++)
        CHECK_CLOSE(at[i], points[i] > 0 ? 2 * cos(2 * points[i]) : exp(points[i]), 1e-14);
    tp_sparsity_free(pattern);
}

/* Values that were rounded to a narrower type on the way are no sign of another program. */
TEST(narrower_types_on_the_way)
{
    static const tp_dtype narrow[] = {TP_F32, TP_F16, TP_BF16};
    tp_var *x = tp_variable(tp_linspace(TP_F64, 0.1, 1.3, 30));
    static const double rounding[] = {1e-6, 1e-2, 1e-1};
    for (size_t k = 0; k < sizeof narrow / sizeof *narrow; k++) {
        tp_var *y = tp_to(tp_exp(tp_to(tp_mul(x, x), narrow[k])), TP_F64);
        tp_sparsity *pattern = tp_jacobian_sparsity(y, x);
        const double *at = tp_data(tp_sparse_jacobian(y, x, pattern)), *points = tp_data(x);
        CHECK(at && tp_sparsity_entries(pattern) == 30);
        for (int i = 0; at && i < 30; i++)
            CHECK_CLOSE(at[i], 2 * points[i] * exp(points[i] * points[i]), rounding[k]);
        tp_sparsity_free(pattern);
    }
}
