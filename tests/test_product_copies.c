/* SPDX-License-Identifier: MIT
 *
 * Products, their first and their second gradients take operands as they lie: what they hold beside
 * their operands at their most are their results.
 */
#include "harness.h"

#include "base/dtype.h"
#include "kernels/gemm.h"
#include "tinypytorch.h"

/* copied: results of the sweep that are put in order; wide: what half types are wide in
 * meanwhile. */
typedef struct copies_case {
    const char *name;
    tp_var *(*call)(tp_var *a, tp_var *b);
    int ndim[2];
    int64_t shape[2][TP_MAX_NDIM];
    int copied, wide;
} copies_case;

#define COPIES(name, call)                                                                         \
    static tp_var *copies_##name(tp_var *a, tp_var *b)                                             \
    {                                                                                              \
        return call;                                                                               \
    }

static tp_var *copies_turn(tp_var *v)
{
    return tp_transpose(v, -1, -2);
}

static tp_var *copies_einsum(const char *text, tp_var *a, tp_var *b)
{
    return tp_einsum(text, (tp_var *[]){a, b}, 2);
}

COPIES(nn, tp_matmul(a, b))
COPIES(nt, tp_matmul(a, copies_turn(b)))
COPIES(tn, tp_matmul(copies_turn(a), b))
COPIES(tt, tp_matmul(copies_turn(a), copies_turn(b)))
COPIES(linear, tp_linear(a, b, NULL))
COPIES(bmm_nt, tp_bmm(a, copies_turn(b)))
COPIES(bmm_tn, tp_bmm(copies_turn(a), b))
COPIES(turned, copies_einsum("kj,ki->ij", a, b))
COPIES(batch, copies_einsum("bij,bkj->bik", a, b))
COPIES(heads, copies_einsum("bqhd,bkhd->bhqk", a, b))
COPIES(inner, tp_inner(a, b))
COPIES(linear_bias, tp_linear(a, b, tp_zeros(tp_dtype_of(a), TP_SHAPE(256))))
COPIES(conv, tp_conv2d(a, b, NULL, .padding = TP_SIZES(1)))
COPIES(addmm, tp_addmm(tp_scalar(0), a, copies_turn(b), 1, 1))

/* Matrices of about 64 Ki elements, so that a copy is not lost in anything else. */
static const copies_case copies_cases[] = {
    {.name = "matmul NN", .call = copies_nn, .ndim = {2, 2}, .shape = {{256, 256}, {256, 256}}},
    {.name = "matmul NT", .call = copies_nt, .ndim = {2, 2}, .shape = {{256, 256}, {256, 256}}},
    {.name = "matmul TN", .call = copies_tn, .ndim = {2, 2}, .shape = {{256, 256}, {256, 256}}},
    {.name = "matmul TT", .call = copies_tt, .ndim = {2, 2}, .shape = {{256, 256}, {256, 256}}},
    {.name = "matmul of leading axes",
     .call = copies_nn,
     .ndim = {3, 2},
     .shape = {{4, 64, 256}, {256, 256}}},
    {.name = "linear", .call = copies_linear, .ndim = {2, 2}, .shape = {{256, 256}, {256, 256}}},
    {.name = "linear of leading axes",
     .call = copies_linear,
     .ndim = {3, 2},
     .shape = {{4, 64, 256}, {256, 256}}},
    {.name = "bmm NT",
     .call = copies_bmm_nt,
     .ndim = {3, 3},
     .shape = {{4, 128, 128}, {4, 128, 128}}},
    {.name = "bmm TN",
     .call = copies_bmm_tn,
     .ndim = {3, 3},
     .shape = {{4, 128, 128}, {4, 128, 128}}},
    {.name = "einsum kj,ki->ij",
     .call = copies_turned,
     .ndim = {2, 2},
     .shape = {{256, 256}, {256, 256}}},
    {.name = "einsum bij,bkj->bik",
     .call = copies_batch,
     .ndim = {3, 3},
     .shape = {{4, 128, 128}, {4, 128, 128}}},
    {.name = "einsum of heads",
     .call = copies_heads,
     .ndim = {4, 4},
     .shape = {{2, 128, 2, 128}, {2, 128, 2, 128}},
     .copied = 2},
    {.name = "inner", .call = copies_inner, .ndim = {2, 2}, .shape = {{256, 256}, {256, 256}}},
    {.name = "linear with a bias",
     .call = copies_linear_bias,
     .ndim = {2, 2},
     .shape = {{256, 256}, {256, 256}},
     .wide = 4},
    {.name = "addmm",
     .call = copies_addmm,
     .ndim = {2, 2},
     .shape = {{256, 256}, {256, 256}},
     .wide = 4},
};

static tp_var *copies_operand(const copies_case *of, int i, tp_dtype dtype)
{
    tp_var *v = tp_to(tp_ones(TP_F32, of->ndim[i], of->shape[i]), dtype);
    tp_data(v);
    return tp_variable(v);
}

/* What was held at the most since `before` in arrays of this size. */
static double copies_since(size_t before, size_t array)
{
    return (double)(tp_memory_stats().peak - before) / (double)array;
}

static size_t copies_begin(void)
{
    tp_reset_peak();
    return tp_memory_stats().in_use;
}

static void copies_most(const copies_case *of, tp_dtype dtype, const char *what, double held,
                        double most)
{
    if (held > most)
        test_check(false, __FILE__, __LINE__, "%s of %s, %s: %.2f arrays are held, expected %.2f",
                   of->name, tp_dtype_name(dtype), what, held, most);
}

static void copies_check(const copies_case *of, tp_dtype dtype)
{
    TP_SCOPE();
    tp_var *a = copies_operand(of, 0, dtype), *b = copies_operand(of, 1, dtype), *g[2], *h[3];
    size_t array = (size_t)tp_size(a) * tp__dtype_size(dtype), before = copies_begin();
    double spare = 0.6; /* blocks are up to a quarter larger */
    spare += tp__dtype_size(dtype) == 2 ? of->wide : 0;
    tp_var *y = of->call(a, b);
    tp_data(y);
    double result = (double)((size_t)tp_size(y) * tp__dtype_size(tp_dtype_of(y))) / (double)array;
    copies_most(of, dtype, "forward", copies_since(before, array), result + spare);
    tp_var *seed = tp_to(tp_ones(TP_F32, tp_ndim(y), tp_shape(y)), tp_dtype_of(y));
    tp_data(seed);
    before = copies_begin();
    tp_gradients(y, ((tp_var *[]){a, b}), 2, g, .gradient = seed);
    tp_data(g[0]);
    tp_data(g[1]);
    copies_most(of, dtype, "gradient", copies_since(before, array), 2 + of->copied + spare);
    seed = tp_variable(seed);
    tp_gradients(of->call(a, b), ((tp_var *[]){a, b}), 2, g, .gradient = seed,
                 .create_graph = true);
    tp_var *one = tp_to(tp_ones(TP_F32, tp_ndim(a), tp_shape(a)), tp_dtype_of(a));
    tp_data(one);
    tp_data(g[0]);
    before = copies_begin();
    tp_gradients(g[0], ((tp_var *[]){b, seed}), 2, h, .gradient = one);
    tp_data(h[0]);
    tp_data(h[1]);
    copies_most(of, dtype, "second gradient", copies_since(before, array),
                1 + result + of->copied + spare);
    CHECK_INT(tp_check(), 0);
}

TEST(products_and_their_gradients_copy_no_operand)
{
    static const tp_dtype dtypes[] = {TP_F32, TP_F64, TP_BF16, TP_F16};
    const int n = tp__gemm_best(TP_F32)->halves ? 4 : 2; /* plain loops take wide copies */
    for (size_t i = 0; i < sizeof copies_cases / sizeof *copies_cases; i++)
        for (int d = 0; d < n; d++)
            copies_check(&copies_cases[i], dtypes[d]);
}

/* What a graph keeps is its result. */
static void copies_kept(const copies_case *of, tp_dtype dtype)
{
    TP_SCOPE();
    tp_var *a = copies_operand(of, 0, dtype), *b = copies_operand(of, 1, dtype);
    double array = (double)tp_size(a) * 2, before = (double)tp_memory_stats().in_use;
    size_t scope = tp_scope_begin();
    tp_var *y = of->call(a, b);
    tp_data(y);
    y = tp_leave(y);
    tp_scope_end(scope);
    double held = ((double)tp_memory_stats().in_use - before) / array;
    copies_most(of, dtype, "graph", held, (double)tp_size(y) * 2 / array + 0.6);
    CHECK_INT(tp_check(), 0);
}

TEST(graphs_of_half_types_hold_no_wide_copies)
{
    static const copies_case conv = {.name = "conv2d",
                                     .call = copies_conv,
                                     .ndim = {4, 4},
                                     .shape = {{4, 16, 32, 32}, {16, 16, 3, 3}}};
    size_t n = sizeof copies_cases / sizeof *copies_cases;
    for (int d = 0; d < 2; d++) {
        copies_kept(&conv, d ? TP_F16 : TP_BF16);
        for (size_t i = 0; i < n && tp__gemm_best(TP_F32)->halves; i++)
            copies_kept(&copies_cases[i], d ? TP_F16 : TP_BF16);
    }
}
