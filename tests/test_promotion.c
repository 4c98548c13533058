/* SPDX-License-Identifier: MIT
 *
 * Mixing element types: what PyTorch gives for plain numbers, 0-d and dimensioned tensors of each
 * type. A recorded result has the same type, and gradients have the type of their variable.
 */
#include "elements.h"
#include "promotion_cases.h"

typedef tp_var *operation(tp_var *a, tp_var *b);

static tp_var *choose_left(tp_var *a, tp_var *b)
{
    return tp_where(tp_num_int(1), a, b);
}

static operation *operation_named(const char *name)
{
    static const struct {
        const char *name;
        operation *call;
    } table[] = {{"add", (tp_add)}, {"sub", (tp_sub)},         {"mul", (tp_mul)},
                 {"div", (tp_div)}, {"pow", (tp_pow)},         {"eq", (tp_eq)},
                 {"lt", (tp_lt)},   {"maximum", (tp_maximum)}, {"where", choose_left}};
    for
        EACH(i, table)
    if (!strcmp(table[i].name, name))
        return table[i].call;
    return NULL;
}

static tp_var *operand(enum promotion_operand kind, int value)
{
    if (kind == weak_int)
        return tp_num_int(value);
    if (kind == weak_float)
        return tp_num(value + 0.5);
    if (kind < array_f32)
        return tp_full((tp_dtype)(kind - number_f32), TP_SHAPE(), value);
    return tp_full((tp_dtype)(kind - array_f32), TP_SHAPE(1), value);
}

static bool is_float(tp_var *v)
{
    return tp_dtype_of(v) == TP_F32 || tp_dtype_of(v) == TP_F64;
}

static void check_case(const promotion_case *c, int number, operation *call, tp_var *a, tp_var *b)
{
    tp_var *y = call(a, b);
    test_check(tp_dtype_of(y) == c->dtype, __FILE__, __LINE__, "case %d, %s: %s, expected %s",
               number, c->operation, tp_dtype_name(tp_dtype_of(y)), tp_dtype_name(c->dtype));
    /* PyTorch's float32 quotients are an ulp off: it multiplies by the reciprocal. */
    double tolerance = c->dtype == TP_F32 ? 0x1p-23 : 0x1p-52;
    test_check(test_close(tp_item(y), c->value, tolerance), __FILE__, __LINE__,
               "case %d, %s: %.17g, expected %.17g", number, c->operation, tp_item(y), c->value);
}

TEST(types_and_values_are_pytorchs)
{
    for
        EACH(i, promotion_cases)
        {
            TP_SCOPE();
            const promotion_case *c = &promotion_cases[i];
            operation *call = operation_named(c->operation);
            tp_var *a = operand(c->left, 200),
                   *b = operand(c->right, strcmp(c->operation, "pow") ? 100 : 3);
            check_case(c, (int)i, call, a, b);
            bool floats[] = {c->left > weak_float && is_float(a),
                             c->right > weak_float && is_float(b)};
            tp_var *x[] = {floats[0] ? tp_variable(a) : a, floats[1] ? tp_variable(b) : b};
            if (!floats[0] && !floats[1])
                continue;
            check_case(c, (int)i, call, x[0], x[1]);
            tp_var *y = call(x[0], x[1]);
            for (int k = 0; k < 2 && tp_requires_grad(y); k++) {
                tp_var *g = floats[k] ? tp_gradient(y, x[k]) : NULL;
                CHECK(!g || (tp_dtype_of(g) == tp_dtype_of(x[k]) && tp_ndim(g) == tp_ndim(x[k])));
            }
            if (tp_error()) {
                CHECK_TEXT(tp_error(), "no error");
                tp_clear_error();
            }
        }
}

TEST(two_plain_numbers_give_float64)
{
    CHECK_INT(tp_dtype_of(tp_add(1, 2)), TP_F64);
    CHECK_INT(tp_dtype_of(tp_mul(1, 2.5)), TP_F64);
    CHECK_BITS(tp_item(tp_div(1, 2)), 0.5);
    CHECK_BITS(tp_item(tp_sub(1, 2)), -1);
}

TEST(functions_of_integers_compute_in_float64)
{
    tp_var *(*const functions[])(tp_var *) = {tp_sqrt, tp_exp, tp_log,  tp_sin,
                                              tp_cos,  tp_tan, tp_tanh, tp_sigmoid};
    for
        EACH(i, functions)
        {
            CHECK_INT(tp_dtype_of(functions[i](tp_full(TP_I64, TP_SHAPE(2), 4))), TP_F64);
            CHECK_INT(tp_dtype_of(functions[i](tp_full(TP_U8, TP_SHAPE(), 4))), TP_F64);
            CHECK_INT(tp_dtype_of(functions[i](tp_full(TP_F32, TP_SHAPE(), 4))), TP_F32);
        }
    CHECK_BITS(tp_item(tp_sqrt(tp_full(TP_U8, TP_SHAPE(), 144))), 12);
}

TEST(integers_wrap)
{
    tp_var *largest = tp_to(tp_num_int(INT64_MAX), TP_I64), *smallest = tp_add(largest, 1);
    CHECK(*(const int64_t *)tp_data(smallest) == INT64_MIN);
    CHECK(*(const int64_t *)tp_data(tp_neg(smallest)) == INT64_MIN);
    CHECK(*(const int64_t *)tp_data(tp_mul(largest, 2)) == -2);
    CHECK_ELEMENTS(tp_mul(tp_full(TP_U8, TP_SHAPE(1), 200), 3), 600 % 256);
    CHECK_ELEMENTS(tp_sub(tp_full(TP_U8, TP_SHAPE(1), 3), 5), 254);
    CHECK_ELEMENTS(tp_pow(tp_full(TP_I64, TP_SHAPE(1), -3), 3), -27);
    CHECK(*(const int64_t *)tp_data(tp_pow(tp_full(TP_I64, TP_SHAPE(1), 3), 41)) ==
          (int64_t)UINT64_C(18026252303461234787));
}

TEST(integers_to_a_negative_power_are_an_error)
{
    const tp_dtype integers[] = {TP_I64, TP_U8};
    for
        EACH(d, integers)
        {
            CHECK(tp_is_poison(tp_pow(tp_full(integers[d], TP_SHAPE(2), 3), -1)));
            CHECK_ERROR(TP_ERROR_ARGUMENT, "pow: an integer to");
            CHECK(tp_is_poison(tp_pow(tp_full(integers[d], TP_SHAPE(), 3), -2)));
            CHECK_ERROR(TP_ERROR_ARGUMENT, "pow: an integer to");
        }
    CHECK(tp_is_poison(tp_pow(2, tp_full(TP_I64, TP_SHAPE(2), -1))));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "pow: an integer to");
    CHECK_BITS(tp_item(tp_pow(tp_full(TP_I64, TP_SHAPE(), 4), -0.5)), 0.5);
}

TEST(sums_of_integers_are_int64_and_means_float64)
{
    tp_var *bytes = tp_full(TP_U8, TP_SHAPE(300), 200);
    CHECK_INT(tp_dtype_of(tp_sum(bytes)), TP_I64);
    CHECK_BITS(tp_item(tp_sum(bytes)), 60000);
    CHECK_INT(tp_dtype_of(tp_mean(bytes)), TP_F64);
    CHECK_INT(tp_dtype_of(tp_max(bytes)), TP_U8);
    tp_var *m = tp_matmul(tp_full(TP_U8, TP_SHAPE(1, 2), 200), tp_full(TP_U8, TP_SHAPE(2, 1), 200));
    CHECK_INT(tp_dtype_of(m), TP_I64);
    CHECK_BITS(tp_item(m), 80000);
}
