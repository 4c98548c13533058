/* SPDX-License-Identifier: MIT
 *
 * The headers from C++11: shapes, axes, scopes, options by pointer, a Newton step, a function of
 * one's own. Without the harness, which is C; the last line is its.
 */
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <tinypytorch.h>

static int failed;

static void check(bool good, const char *what)
{
    if (!good)
        std::printf("test_cplusplus.cpp: %s\n", what);
    failed += !good;
}

#define CHECK(condition) check(condition, #condition)

static tp_var *well(tp_var *x)
{
    return tp_sub(tp_pow(x, tp_num(4)), tp_mul(tp_num(2), tp_pow(x, tp_num(2))));
}

/* x⁴ − 2x² from 2, by second derivatives: the walkthrough's figures. */
static void newton()
{
    static const double expected[] = {1.4545454545454546,
                                      1.1510467893775467,
                                      1.0253259289766978,
                                      1.0009084519430513,
                                      1.0000012353089454,
                                      1.000000000002289,
                                      1.0};
    tp_var *x = tp_variable(tp_num(2));
    for (double next : expected) {
        TP_SCOPE();
        tp_backward_options options;
        options.create_graph = true;
        tp_cleargrad(x);
        tp_backward(well(x), &options);
        tp_var *slope = tp_grad(x);
        tp_cleargrad(x);
        tp_backward(slope, nullptr);
        tp_sub_(x, tp_div(slope, tp_grad(x)));
        CHECK(tp_item(x) == next);
    }
}

static void arrays()
{
    TP_SCOPE();
    TP_NO_GRAD();
    const double values[] = {1, 2, 3, 4, 5, 6};
    const int64_t rows = 2;
    tp_var *v = tp_array(TP_F64, TP_SHAPE(rows, 3), values);
    tp_reduce_options options;
    options.axes = TP_AXES(0, -1);
    options.keepdims = true;
    tp_var *sum = tp_sum(v, &options);
    CHECK(tp_item(sum) == 21 && tp_ndim(sum) == 2);
    tp_reduce_options one;
    one.axes.one = 1;
    CHECK(tp_ndim(tp_sum(v, &one)) == 1 && tp_size(tp_sum(v, &one)) == 2);
    one.axes.one = TP_ALL_AXES;
    CHECK(tp_item(tp_sum(v, &one)) == 21);
    tp_conv_options conv;
    conv.padding.one = 1;
    tp_var *image = tp_ones(TP_F64, TP_SHAPE(1, 1, 3, 3)),
           *filter = tp_ones(TP_F64, TP_SHAPE(1, 1, 3, 3));
    CHECK(tp_size(tp_conv2d(image, filter, nullptr, &conv)) == 9);
    conv.padding = TP_SIZES(0, 1);
    CHECK(tp_size(tp_conv2d(image, filter, nullptr, &conv)) == 3);
    CHECK(tp_item(tp_sum(v, nullptr)) == 21);
    CHECK(tp_ndim(tp_zeros(TP_U8, TP_SHAPE())) == 0);
    CHECK(tp_shape(tp_permute(v, TP_SHAPE(1, 0)))[0] == 3);
    int64_t times = 2;
    CHECK(tp_ndim(tp_zeros(TP_U8, TP_SHAPE(times++, 3))) == 2 && times == 3);
    CHECK(TP_AXES(times++).at[0] == 3 && times == 4);
    char *text = tp_repr(v);
    CHECK(!std::strcmp(text, "variable([[1. 2. 3.]\n          [4. 5. 6.]])"));
    std::free(text);
}

static void cube_forward(void *, tp_var *const *in, tp_var **out)
{
    out[0] = tp_pow(in[0], tp_num(3));
}

static void cube_backward(void *, tp_var *const *in, tp_var *const *, tp_var *const *gout,
                          tp_var **gin)
{
    gin[0] = tp_mul(gout[0], tp_mul(tp_num(3), tp_pow(in[0], tp_num(2))));
}

static void function()
{
    TP_SCOPE();
    tp_function cube = tp_function();
    cube.size = sizeof cube;
    cube.name = "Cube";
    cube.n_in = cube.n_out = 1;
    cube.forward = cube_forward;
    cube.backward = cube_backward;
    cube.reads = TP_READS_INPUTS;
    tp_var *x = tp_variable(tp_num(2)), *y;
    tp_apply(&cube, nullptr, &x, &y);
    tp_gradient_options options;
    options.create_graph = true;
    tp_var *g = tp_gradient(y, x, &options);
    CHECK(tp_item(g) == 12 && tp_item(tp_gradient(g, x, nullptr)) == 12);
}

static void errors()
{
    TP_SCOPE();
    CHECK(
        tp_is_poison(tp_matmul(tp_ones(TP_F32, TP_SHAPE(2, 3)), tp_ones(TP_F32, TP_SHAPE(2, 3)))));
    CHECK(tp_status() == TP_ERROR_SHAPE && std::strstr(tp_error(), "(2, 3)"));
    tp_clear_error();
}

int main()
{
    void (*const tests[])() = {newton, arrays, function, errors};
    int passed = 0, before = 0, broken = 0;
    for (auto test : tests) {
        before = failed;
        test();
        broken += failed != before;
        passed += failed == before;
    }
    if (tp_check())
        broken++;
    std::printf("%d passed, %d failed\n", passed, broken);
    return broken != 0;
}
