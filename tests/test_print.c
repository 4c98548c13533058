/* SPDX-License-Identifier: MIT
 *
 * tp_repr and tp_print: NumPy's text inside "variable(…)".
 */
#define _POSIX_C_SOURCE 200809L
#include "elements.h"
#include "format_cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/numbers.h"

static void check_repr(tp_var *v, const char *expected)
{
    char *text = tp_repr(v);
    CHECK_TEXT(text, expected);
    free(text);
}

static size_t item_size(tp_dtype dtype)
{
    return dtype == TP_U8 ? 1 : dtype == TP_F32 ? 4 : 8;
}

/* The case's values, repeated until its shape is full. */
static tp_var *case_array(const format_case *c)
{
    tp_var *v = tp_zeros(c->dtype, c->ndim, c->shape);
    size_t item = item_size(c->dtype);
    char *to = tp_data_(v);
    for (int64_t i = 0; i < tp_size(v); i++)
        memcpy(to + (size_t)i * item, (const char *)c->values + (size_t)(i % c->n_values) * item,
               item);
    return v;
}

/* The same elements behind other strides. */
static tp_var *turned(tp_var *v)
{
    int n = tp_ndim(v);
    if (n < 2)
        return tp_select(
            tp_concatenate((tp_var *[]){tp_unsqueeze(v, -1), tp_unsqueeze(v, -1)}, 2, -1), -1, 0);
    tp_var *there = tp_transpose(v, 0, n - 1), *copy = tp_zeros(tp_dtype_of(v), n, tp_shape(there));
    tp_copy_(copy, there);
    return tp_transpose(copy, 0, n - 1);
}

TEST(text_is_numpys)
{
    for
        EACH(i, format_cases)
        {
            TP_SCOPE();
            char expected[20000];
            snprintf(expected, sizeof expected, "variable(%s)", format_cases[i].text);
            tp_var *v = case_array(&format_cases[i]);
            check_repr(v, expected);
            check_repr(turned(v), expected);
            if (format_cases[i].dtype == TP_F32 || format_cases[i].dtype == TP_F64)
                check_repr(tp_mul(tp_variable(v), 1), expected);
        }
}

TEST(text_of_the_walkthrough)
{
    const double values[] = {1, 2, 3, 4, 5, 6};
    check_repr(tp_variable(2.0), "variable(2.0)");
    check_repr(tp_variable(tp_array(TP_F64, TP_SHAPE(2, 3), values)),
               "variable([[1. 2. 3.]\n          [4. 5. 6.]])");
    check_repr(tp_num(1), "variable(1.0)");
    check_repr(tp_eq(tp_array(TP_F64, TP_SHAPE(2), values), 2), "variable([0 1])");
}

TEST(text_of_broadcast_views)
{
    tp_var *row =
        tp_broadcast_to(tp_array(TP_F64, TP_SHAPE(2), (const double[]){0.5, 1}), TP_SHAPE(2, 2));
    check_repr(row, "variable([[0.5 1. ]\n          [0.5 1. ]])");
    check_repr(tp_broadcast_to(tp_scalar(3), TP_SHAPE(30, 50)),
               "variable([[3. 3. 3. ... 3. 3. 3.]\n          [3. 3. 3. ... 3. 3. 3.]\n"
               "          [3. 3. 3. ... 3. 3. 3.]\n          ...\n"
               "          [3. 3. 3. ... 3. 3. 3.]\n          [3. 3. 3. ... 3. 3. 3.]\n"
               "          [3. 3. 3. ... 3. 3. 3.]])");
}

/* The digits of a number that count: no leading or trailing zeros. */
static int significant(const char *text)
{
    int n = 0, zeros = 0;
    for (; *text && !strchr("e)", *text); text++) {
        if (*text < '0' || *text > '9' || (*text == '0' && n == 0))
            continue;
        zeros = *text == '0' ? zeros + 1 : 0;
        n++;
    }
    return n - zeros;
}

TEST(numbers_have_the_fewest_digits_that_read_back)
{
    tp_var *x = tp_randn(TP_F64, TP_SHAPE(400)), *exponent = tp_randn(TP_F64, TP_SHAPE(400));
    for (int i = 0; i < 400; i++) {
        TP_SCOPE();
        double value = tp_item(tp_select(x, 0, i)) * exp(60 * tp_item(tp_select(exponent, 0, i)));
        if (i % 2)
            value = round(value * 8) / 8;
        char *text = tp_repr(tp_num(value)), other[40];
        const char *number = text + strlen("variable(");
        CHECK_BITS(tp__read_number(number, NULL), value);
        int digits = 1;
        while (tp__format(other, sizeof other, "%.*e", digits - 1, value),
               tp__read_number(other, NULL) != value)
            digits++;
        CHECK(significant(number) <= digits);
        free(text);
    }
}

/* What print writes to stdout. */
static void printed(tp_var *v, char *text, size_t size)
{
    FILE *file = tmpfile();
    fflush(stdout);
    int standard = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    tp_print(v);
    fflush(stdout);
    dup2(standard, STDOUT_FILENO);
    close(standard);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = 0;
    fclose(file);
}

TEST(print_writes_the_text_and_a_newline)
{
    char text[100];
    printed(tp_variable(2.0), text, sizeof text);
    CHECK_TEXT(text, "variable(2.0)\n");
    printed(tp_ones(TP_I64, TP_SHAPE(2, 1)), text, sizeof text);
    CHECK_TEXT(text, "variable([[1]\n          [1]])\n");
}

TEST(text_of_nothing)
{
    CHECK(tp_repr(NULL) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "repr: the value is NULL");
    tp_var *poison = tp_fail(TP_ERROR_ARGUMENT, "made to fail");
    CHECK(tp_repr(poison) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "made to fail");
}
