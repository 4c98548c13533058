/* SPDX-License-Identifier: MIT
 *
 * Numbers mixed with variables and options by name: sugar.h as a user meets it.
 */
#include <tinypytorch.h>

#include "elements.h"

#include <limits.h>
#include <math.h>

#define CHECK_NUMBER(type, value)                                                                  \
    do {                                                                                           \
        type number_ = (type)(value);                                                              \
        const type constant_ = (type)(value);                                                      \
        volatile type changing_ = (type)(value);                                                   \
        CHECK_BITS(tp_item(tp_variable(number_)), (double)number_);                                \
        CHECK_BITS(tp_item(tp_add(x, number_)), (double)number_);                                  \
        CHECK_BITS(tp_item(tp_add(constant_, x)), (double)number_);                                \
        CHECK_BITS(tp_item(tp_add(x, changing_)), (double)number_);                                \
        CHECK_BITS(tp_item(tp_maximum((type)(value), (type)(value))), (double)number_);            \
    } while (0)

enum color { RED = 3, GREEN };

TEST(numbers_of_every_arithmetic_type)
{
    tp_var *x = tp_variable(0.0);
    CHECK_NUMBER(bool, true);
    CHECK_NUMBER(char, 'a');
    CHECK_NUMBER(signed char, -7);
    CHECK_NUMBER(unsigned char, 200);
    CHECK_NUMBER(short, SHRT_MIN);
    CHECK_NUMBER(unsigned short, USHRT_MAX);
    CHECK_NUMBER(int, INT_MIN);
    CHECK_NUMBER(unsigned, UINT_MAX);
    CHECK_NUMBER(long, -5000000000);
    CHECK_NUMBER(unsigned long, 5000000000);
    CHECK_NUMBER(long long, -9007199254740991);
    CHECK_NUMBER(unsigned long long, 9007199254740991);
    CHECK_NUMBER(float, 0.1f);
    CHECK_NUMBER(double, 0.1);
    CHECK_NUMBER(long double, 0.5L);
    CHECK_NUMBER(enum color, GREEN);
    CHECK_NUMBER(size_t, 12);
    CHECK_NUMBER(int64_t, -12);
    CHECK_NUMBER(uint8_t, 255);
    CHECK_BITS(tp_item(tp_mul(tp_variable('a'), 1.0f)), 'a');
    CHECK_BITS(tp_item(tp_add(x, (const long double)0.1L)), (double)0.1L);
    CHECK_BITS(tp_item(tp_add(x, GREEN)), 4);
    CHECK_BITS(tp_item(tp_add(x, sizeof(double))), 8);
}

TEST(numbers_of_every_width)
{
    const struct {
        unsigned three : 3;
        int five : 5;
        long long many : 40;
        bool yes : 1;
    } bits = {5, -6, -(INT64_C(1) << 38), true};
    tp_var *x = tp_variable(2.0);
    CHECK_BITS(tp_item(tp_add(x, bits.three)), 7);
    CHECK_BITS(tp_item(tp_add(bits.five, x)), -4);
    CHECK_BITS(tp_item(tp_mul(x, bits.many)), -0x1p39);
    CHECK_BITS(tp_item(tp_add(x, bits.yes)), 3);
    CHECK_BITS(tp_item(tp_pow(x, bits.three)), 32);
#if defined(__SIZEOF_INT128__)
    CHECK_BITS(tp_item(tp_mul(x, (tp__int128)1 << 100)), 0x1p101);
    CHECK_BITS(tp_item(tp_pow(x, (tp__int128)-3)), 0.125);
#endif
#if defined(__FLT16_MANT_DIG__) && (!defined(__clang__) || __clang_major__ >= 15)
    CHECK_BITS(tp_item(tp_add(x, (__extension__(_Float16) 0.5))), 2.5);
    CHECK_BITS(tp_item(tp_pow(4, (__extension__(_Float16) 0.5))), 2);
#endif
}

TEST(every_operation_takes_numbers)
{
    tp_var *x = tp_array(TP_F64, TP_SHAPE(2), (double[]){1, 3});
    CHECK_BITS(tp_item(tp_exp(0)), 1);
    CHECK_BITS(tp_item(tp_mse_loss(x, 0)), 5);
    CHECK_CLOSE(tp_item(tp_softplus(1)), log1p(exp(1)), 1e-15);
    CHECK_ELEMENTS(tp_masked_fill(x, 1, 2), 2, 2);
    CHECK_ELEMENTS(tp_matmul(tp_ones(TP_F64, TP_SHAPE(2, 2)), x), 4, 4);
    CHECK_SHAPE(tp_reshape(3, TP_SHAPE(1, 1)), 1, 1);
    CHECK_BITS(tp_item(tp_sum(3)), 3);
    CHECK_BITS(tp_item(tp_norm(-4.0, 2)), 4);
}

TEST(large_integers_stay_exact_beside_integers)
{
    tp_var *zero = tp_zeros(TP_I64, TP_SHAPE());
    CHECK(*(const int64_t *)tp_data(tp_add(zero, INT64_MAX)) == INT64_MAX);
    CHECK(*(const int64_t *)tp_data(tp_add(zero, INT64_MIN)) == INT64_MIN);
    CHECK(*(const int64_t *)tp_data(tp_add((uint64_t)INT64_MAX, zero)) == INT64_MAX);
    CHECK(*(const int64_t *)tp_data(tp_sub(zero, 9007199254740993)) == -9007199254740993);
    tp_var *beyond = tp_add(zero, (unsigned long long)INT64_MAX + 1);
    CHECK_INT(tp_dtype_of(beyond), TP_F64);
    CHECK_BITS(tp_item(beyond), 0x1p63);
    CHECK_BITS(tp_item(tp_variable(ULLONG_MAX)), 0x1p64);
    CHECK_BITS(tp_item(tp_variable(INT64_MAX)), 0x1p63);
    tp_var *copied = tp_zeros(TP_I64, TP_SHAPE(2));
    tp_copy_(copied, INT64_MAX);
    CHECK(((const int64_t *)tp_data(copied))[1] == INT64_MAX);
}

TEST(numbers_are_weak)
{
    tp_var *single = tp_ones(TP_F32, TP_SHAPE(2)), *bytes = tp_ones(TP_U8, TP_SHAPE(2));
    CHECK_INT(tp_dtype_of(tp_mul(single, 2)), TP_F32);
    CHECK_INT(tp_dtype_of(tp_mul(2.5L, single)), TP_F32);
    CHECK_INT(tp_dtype_of(tp_mul(bytes, true)), TP_U8);
    CHECK_INT(tp_dtype_of(tp_mul(bytes, 255LL)), TP_U8);
    CHECK_INT(tp_dtype_of(tp_mul(bytes, 2.0f)), TP_F64);
    CHECK_INT(tp_dtype_of(tp_where(true, single, 0)), TP_F32);
    CHECK_INT(tp_dtype_of(tp_eq(single, 1)), TP_U8);
}

TEST(every_sugared_operation_takes_numbers_on_either_side)
{
    tp_var *x = tp_variable(4.0), *y = tp_variable(4.0);
    CHECK_BITS(tp_item(tp_sub(1, x)), -3);
    CHECK_BITS(tp_item(tp_div(x, 8)), 0.5);
    CHECK_BITS(tp_item(tp_div(8, x)), 2);
    CHECK_BITS(tp_item(tp_pow(x, 3)), 64);
    CHECK_BITS(tp_item(tp_pow(2, x)), 16);
    CHECK_BITS(tp_item(tp_maximum(x, 5)) + tp_item(tp_minimum(3, x)), 8);
    CHECK_BITS(tp_item(tp_where(0, x, 7)) + tp_item(tp_where(x, 1, 2)), 8);
    CHECK(tp_item(tp_eq(x, 4)) == 1 && tp_item(tp_ne(4, x)) == 0 && tp_item(tp_lt(x, 5)) == 1);
    CHECK(tp_item(tp_le(5, x)) == 0 && tp_item(tp_gt(x, 3)) == 1 && tp_item(tp_ge(4, x)) == 1);
    tp_add_(y, 1), tp_sub_(y, 2.0f), tp_mul_(y, (char)4), tp_div_(y, 3L), tp_add_(y, x);
    CHECK_BITS(tp_item(y), 8);
    tp_copy_(y, true);
    CHECK_BITS(tp_item(y), 1);
}

/* --- Arguments --- */

static int calls;

static tp_var *counted(tp_var *v)
{
    calls++;
    return v;
}

TEST(an_argument_is_evaluated_once)
{
    tp_var *x = tp_variable(2.0), *many[] = {x, x, x}, **at_many = many;
    int i = 3;
    calls = 0;
    tp_add(counted(x), counted(x));
    CHECK_INT(calls, 2);
    tp_var *six = tp_mul(i++, counted(x));
    CHECK_BITS(tp_item(six), 6);
    tp_add_(counted(x), ++i);
    CHECK_INT(i, 5);
    tp_where(i++, 1, 2);
    tp_where(1, i++, 2);
    tp_where(1, 2, i++);
    CHECK_INT(i, 8);
    tp_add(*at_many++, 1);
    CHECK(at_many == many + 1);
    tp_variable(i++);
    tp_copy_(x, i--);
    tp_sum(counted(x));
    tp_backward(counted(tp_mul(x, 2)));
    CHECK_INT(i, 8);
    CHECK_INT(calls, 6);
}

TEST(an_argument_may_use_any_name)
{
    tp_var *v = tp_variable(2.0), *a = v, *b = v, *name = v, *value = v, *x = v, *number_ = v;
    tp_var *sum = tp_add(tp_mul(a, b), tp_mul(name, tp_mul(value, tp_mul(x, number_))));
    CHECK_BITS(tp_item(sum), 20);
    CHECK_BITS(tp_item(tp_add(v, tp_add(v, tp_add(v, v)))), 8);
}

TEST(null_of_any_pointer_type_is_an_error)
{
    tp_var *x = tp_variable(1.0), *none = NULL;
    tp_add(x, NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "add: operand 2 of 2 is NULL");
    tp_add(none, x);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "add: operand 1 of 2 is NULL");
    tp_mul((void *)0, 2);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "mul: operand 1 of 2 is NULL");
    tp_variable(NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "variable");
    CHECK_BITS(tp_item(tp_add(x, 0)), 1);
    void *untyped = x;
    CHECK_BITS(tp_item(tp_add(untyped, 1)), 2);
}

TEST(twenty_deep)
{
    tp_var *x = tp_variable(1.0);
    tp_var *y = tp_add(
        1,
        tp_add(
            1,
            tp_add(
                1,
                tp_add(
                    1,
                    tp_add(
                        1,
                        tp_add(
                            1,
                            tp_add(
                                1,
                                tp_add(
                                    1,
                                    tp_add(
                                        1,
                                        tp_add(
                                            1,
                                            tp_add(
                                                1,
                                                tp_add(
                                                    1,
                                                    tp_add(
                                                        1,
                                                        tp_add(
                                                            1,
                                                            tp_add(
                                                                1,
                                                                tp_add(
                                                                    1,
                                                                    tp_add(
                                                                        1,
                                                                        tp_add(
                                                                            1,
                                                                            tp_add(
                                                                                1,
                                                                                tp_mul(
                                                                                    2,
                                                                                    x))))))))))))))))))));
    CHECK_BITS(tp_item(y), 21);
    CHECK_BITS(tp_item(tp_gradient(y, x)), 2);
    CHECK_INT(tp_generation(y), 20);
}

/* --- Functions --- */

TEST(a_name_in_parentheses_is_the_function)
{
    tp_var *x = tp_variable(3.0);
    CHECK_BITS(tp_item((tp_add)(x, tp_num(1))), 4);
    CHECK_BITS(tp_item((tp_sum)(x, NULL)), 3);
    tp_var *y = (tp_mul)(x, x);
    (tp_backward)(y, NULL);
    CHECK_BITS(tp_item(tp_grad(x)), 6);
    CHECK_BITS(tp_item((tp_gradient)(y, x, NULL)), 6);
    (tp_sub_)(x, tp_num_int(1));
    CHECK_BITS(tp_item(x), 2);
    CHECK_BITS(tp_item((tp_variable)(x)), 2);
}

static tp_var *fold(tp_var *(*f)(tp_var *, tp_var *), tp_var *a, tp_var *b)
{
    return f(a, b);
}

TEST(functions_have_addresses)
{
    tp_var *(*table[])(tp_var *, tp_var *) = {tp_add, tp_sub, tp_mul, tp_div, tp_pow, tp_maximum};
    const double expected[] = {8, 4, 12, 3, 36, 6};
    tp_var *a = tp_variable(6.0), *b = tp_variable(2.0);
    for
        EACH(i, table)
        {
            CHECK_BITS(tp_item(table[i](a, b)), expected[i]);
            CHECK_BITS(tp_item(fold(table[i], a, b)), expected[i]);
        }
    tp_var *(*reduce)(tp_var *, const tp_reduce_options *) = tp_mean;
    CHECK_BITS(tp_item(reduce(a, NULL)), 6);
    void (*sweep)(tp_var *, const tp_backward_options *) = tp_backward;
    sweep(tp_mul(a, b), NULL);
    CHECK_BITS(tp_item(tp_grad(a)), 2);
}

/* --- Options by name --- */

TEST(options_by_name)
{
    tp_var *m = tp_variable(counting(TP_F64, TP_SHAPE(2, 3)));
    CHECK_BITS(tp_item(tp_sum(m)), 21);
    CHECK_ELEMENTS(tp_sum(m, .axes = TP_AXES(0)), 5, 7, 9);
    CHECK_SHAPE(tp_mean(m, .axes = TP_AXES(0, -1), .keepdims = true), 1, 1);
    CHECK_SHAPE(tp_max(m, .keepdims = true), 1, 1);
    CHECK_ELEMENTS(tp_min(m, .axes = TP_AXES(-1)), 1, 4);
    tp_backward(tp_square(m), .gradient = tp_full(TP_F64, TP_SHAPE(2, 3), 0.5));
    CHECK_ELEMENTS(tp_grad(m), 1, 2, 3, 4, 5, 6);
    tp_cleargrad(m);
    tp_backward(tp_sum(tp_square(m)), .retain_grad = false, .create_graph = true);
    CHECK(tp_requires_grad(tp_grad(m)));
    tp_var *out[1];
    tp_gradients(tp_sum(m), &m, 1, out, .create_graph = true);
    CHECK_ELEMENTS(out[0], 1, 1, 1, 1, 1, 1);
    CHECK_BITS(tp_item(tp_sum(tp_gradient(m, m, .gradient = tp_detach(m)))), 21);
}

TEST(one_axis_and_one_size_are_numbers)
{
    tp_var *m = tp_variable(counting(TP_F64, TP_SHAPE(2, 3)));
    CHECK_ELEMENTS(tp_sum(m, .axes = 0), 5, 7, 9);
    CHECK_ELEMENTS(tp_sum(m, .axes = 1), 6, 15);
    CHECK_ELEMENTS(tp_max(m, .axes = -1), 3, 6);
    CHECK_ELEMENTS(tp_norm(tp_mul(2, m), 1, .axes = 0), 10, 14, 18);
    CHECK_ELEMENTS(tp_variance(m, .axes = 1), 1, 1);
    CHECK_BITS(tp_item(tp_sum(m, .axes = TP_ALL_AXES)), 21);
    CHECK_BITS(tp_item(tp_sum(m, .axes = TP_AXES())), 21);
    CHECK_SHAPE(tp_prod(m, .axes = 1, .keepdims = true), 2, 1);
    tp_var *x = tp_ones(TP_F64, TP_SHAPE(1, 1, 5, 7)), *w = tp_ones(TP_F64, TP_SHAPE(1, 1, 3, 3));
    CHECK_SHAPE(tp_conv2d(x, w, NULL, .padding = 1), 1, 1, 5, 7);
    CHECK_SHAPE(tp_conv2d(x, w, NULL, .padding = 1, .stride = 2), 1, 1, 3, 4);
    CHECK_SHAPE(tp_conv2d(x, w, NULL, .padding = TP_SIZES(1, 0), .stride = TP_SIZES(2, 1)), 1, 1, 3,
                5);
    CHECK_SHAPE(tp_max_pool2d(x, TP_SHAPE(3), .padding = 1, .stride = 1), 1, 1, 5, 7);
    CHECK_SHAPE(tp_max_pool2d(x, TP_SHAPE(3)), 1, 1, 1, 2);
    CHECK_SHAPE(tp_interpolate(x, .to = 4), 1, 1, 4, 4);
    tp_sum(m, .axes = 2);
    CHECK_ERROR(TP_ERROR_SHAPE, "sum: ");
    tp_conv2d(x, w, NULL, .stride = 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "conv2d: stride is 0 along axis -2, expected 1 or more");
    tp_conv2d(x, w, NULL, .groups = 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "conv2d: groups is 0, expected 1 or more");
    tp_max_pool2d(x, TP_SHAPE(3), .stride = 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "max_pool2d: stride is 0 along axis -2, expected 1 or more");
}

/* Closed forms of what follows when a zero is written where the default is another number. */
TEST(a_written_zero_is_zero)
{
    tp_var *logits = tp_array(TP_F64, TP_SHAPE(2, 2), (double[]){1, 2, 3, 1});
    tp_var *classes = tp_array(TP_I64, TP_SHAPE(2), (int64_t[]){0, 1});
    CHECK_CLOSE(tp_item(tp_cross_entropy(logits, classes, .ignore_index = 0)), log1p(exp(2)),
                1e-15);
    CHECK_CLOSE(tp_item(tp_cross_entropy(logits, classes)), (log1p(exp(1)) + log1p(exp(2))) / 2,
                1e-15);
    tp_var *row = tp_array(TP_F64, TP_SHAPE(1, 2), (double[]){1, 3});
    CHECK_ELEMENTS(tp_layer_norm(row, 1, NULL, NULL, .eps = 0), -1, 1);
    CHECK_CLOSE(at(tp_layer_norm(row, 1, NULL, NULL), 1), 1 / sqrt(1 + 1e-5), 1e-15);
    tp_var *q = tp_array(TP_F64, TP_SHAPE(1, 1), (double[]){5});
    tp_var *k = tp_array(TP_F64, TP_SHAPE(2, 1), (double[]){1, -1});
    tp_var *v = tp_array(TP_F64, TP_SHAPE(2, 1), (double[]){1, 3});
    CHECK_CLOSE(tp_item(tp_scaled_dot_product_attention(q, k, v, .scale = 0)), 2, 1e-15);
    tp_var *p = tp_variable(1.0), *m = tp_zeros(TP_F64, TP_SHAPE()),
           *s = tp_zeros(TP_F64, TP_SHAPE());
    tp_backward(tp_mul(3, p));
    tp_adam_step(&p, &m, &s, 1, 1, .lr = 0);
    CHECK_BITS(tp_item(p), 1);
    tp_adam_step(&p, &m, &s, 1, 1, .lr = 0.5, .beta1 = 0, .eps = 0, .beta2 = 0);
    CHECK_BITS(tp_item(m), 3);
    CHECK_BITS(tp_item(p), 0.5);
    tp_sgd_step(&p, NULL, 1, .lr = 0);
    CHECK_BITS(tp_item(p), 0.5);
}

TEST(shapes_and_axes_as_lists)
{
    CHECK_INT(tp_ndim(tp_zeros(TP_F64, TP_SHAPE())), 0);
    CHECK_SHAPE(tp_zeros(TP_F64, TP_SHAPE(1, 2, 3, 4, 1, 1, 1, 2)), 1, 2, 3, 4, 1, 1, 1, 2);
    int rows = 2;
    int64_t columns = 3;
    CHECK_SHAPE(tp_zeros(TP_F64, TP_SHAPE(rows + 1, columns)), 3, 3);
    tp_axes axes = TP_AXES(0, -1);
    CHECK(axes.n == 2 && axes.at[0] == 0 && axes.at[1] == -1);
}

TEST(two_scopes_on_one_line)
{
    size_t live = tp_live();
    {
        TP_SCOPE();
        TP_SCOPE();
        TP_NO_GRAD();
        TP_NO_GRAD();
        tp_scalar(1);
    }
    CHECK_INT(tp_live(), live);
}

/* Structs from headers that are older or newer, and one that nobody filled in. */
TEST(the_size_of_options)
{
    tp_var *m = counting(TP_F64, TP_SHAPE(2, 3));
    struct {
        tp_reduce_options known;
        char later[24];
    } newer = {.known = TP_OPTIONS(tp_reduce_options)};
    newer.known.size = sizeof newer;
    newer.known.axes.one = 0;
    CHECK_ELEMENTS((tp_sum)(m, &newer.known), 5, 7, 9);
    newer.known.size = offsetof(tp_reduce_options, keepdims);
    newer.known.keepdims = true;
    CHECK_SHAPE((tp_sum)(m, &newer.known), 3);
    const size_t wrong[] = {0, sizeof(size_t) / 2, (size_t)0x7fff5c3a1000, SIZE_MAX};
    for
        EACH(i, wrong)
        {
            newer.known.size = wrong[i];
            (tp_sum)(m, &newer.known);
            CHECK_ERROR(TP_ERROR_ARGUMENT, "sum: the options' size is ");
        }
}
