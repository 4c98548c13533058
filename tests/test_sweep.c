/* SPDX-License-Identifier: MIT
 *
 * Sweeps: graph.h, sentence by sentence. What a user's own function may do is in test_function.c.
 */
#include "elements.h"

#include <stddef.h>

static const int64_t sizes[] = {1, 4, 5, 100};

/* A variable 1, 2, 3 …; of size 0, the number 1. */
static tp_var *variable(int64_t n)
{
    return tp_variable(n ? counting(TP_F64, TP_SHAPE(n)) : tp_scalar(1));
}

/* --- backward --- */

TEST(backward_adds)
{
    for (int64_t n = 0; n < 7; n++) {
        tp_var *x = variable(n), *y = tp_add(tp_mul(x, x), tp_mul(3, x));
        CHECK(tp_grad(x) == NULL);
        tp_backward(y);
        CHECK_BITS(at(tp_grad(x), 0), 5);
        tp_backward(y);
        CHECK_BITS(at(tp_grad(x), 0), 10);
        tp_backward(tp_mul(x, 2));
        CHECK_BITS(at(tp_grad(x), 0), 12);
        tp_cleargrad(x);
        CHECK(tp_grad(x) == NULL);
        tp_cleargrad(x);
        tp_backward(y);
        CHECK_BITS(at(tp_grad(x), 0), 5);
        CHECK_INT(tp_dtype_of(tp_grad(x)), TP_F64);
    }
}

TEST(a_value_used_often_gets_the_sum)
{
    tp_var *x = tp_variable(3.0), *a = tp_mul(x, x);
    tp_backward(tp_add(tp_mul(a, a), tp_add(a, tp_add(a, x))));
    CHECK_BITS(tp_item(tp_grad(x)), 4 * 27 + 2 * 6 + 1);
    tp_cleargrad(x);
    tp_var *s = x;
    for (int i = 0; i < 40; i++)
        s = tp_add(s, s);
    tp_backward(s);
    CHECK_BITS(tp_item(tp_grad(x)), 0x1p40);
}

TEST(a_leafs_own_gradient_is_one)
{
    for (int64_t n = 0; n < 7; n++) {
        tp_var *x = variable(n);
        tp_backward(x);
        tp_backward(x);
        CHECK_BITS(at(tp_grad(x), 0), 2);
        CHECK_INT(tp_size(tp_grad(x)), tp_size(x));
        tp_backward(x, .create_graph = true);
        CHECK_BITS(at(tp_grad(x), 0), 3);
        CHECK_BITS(at(tp_gradient(x, x), 0), 1);
    }
}

TEST(an_array_is_differentiated_as_its_sum)
{
    tp_var *x = tp_variable(counting(TP_F64, TP_SHAPE(2, 3)));
    tp_backward(tp_square(x));
    CHECK_ELEMENTS(tp_grad(x), 2, 4, 6, 8, 10, 12);
    CHECK_SHAPE(tp_grad(x), 2, 3);
    tp_var *single = tp_variable(counting(TP_F32, TP_SHAPE(2)));
    tp_backward(tp_square(single));
    CHECK_INT(tp_dtype_of(tp_grad(single)), TP_F32);
}

TEST(a_starting_gradient_weights_the_elements)
{
    for
        EACH(s, sizes)
        {
            tp_var *x = variable(sizes[s]), *y = tp_square(x), *w = tp_add(tp_detach(x), 1);
            tp_backward(y, .gradient = w);
            CHECK_BITS(at(tp_grad(x), sizes[s] - 1), (double)(2 * sizes[s] * (sizes[s] + 1)));
            tp_backward(x, .gradient = w);
            CHECK_BITS(at(w, 0), 2);
            tp_mul_(tp_grad(x), 0);
            CHECK_BITS(at(w, 0), 2);
            CHECK_BITS(at(tp_gradient(y, x, .gradient = w), 0), 4);
        }
    tp_var *x = tp_variable(3.0), *w = tp_variable(2.0);
    tp_var *g = tp_gradient(tp_mul(x, x), x, .gradient = w, .create_graph = true);
    CHECK_BITS(tp_item(g), 12);
    CHECK_BITS(tp_item(tp_gradient(g, w)), 6);
}

TEST(a_starting_gradient_is_of_ys_shape_and_type)
{
    tp_var *x = tp_variable(tp_ones(TP_F32, TP_SHAPE(2))), *y = tp_mul(x, 2);
    tp_backward(y, .gradient = tp_ones(TP_F32, TP_SHAPE(3)));
    CHECK_ERROR(TP_ERROR_SHAPE, "backward: gradient is float32 (3,), expected float32 (2,)");
    tp_backward(y, .gradient = tp_ones(TP_F64, TP_SHAPE(2)));
    CHECK(tp_status() == TP_ERROR_DTYPE || tp_status() == TP_ERROR_SHAPE);
    CHECK(strstr(tp_error(), "float64 (2,), expected float32"));
    tp_clear_error();
    tp_gradient(y, x, .gradient = tp_ones(TP_F32, TP_SHAPE(2, 1)));
    CHECK_ERROR(TP_ERROR_SHAPE, "gradient");
    CHECK(tp_grad(x) == NULL);
}

TEST(retain_grad_keeps_the_gradients_of_intermediate_values)
{
    for (int64_t n = 0; n < 7; n++) {
        tp_var *x = variable(n), *a = tp_mul(x, 2), *b = tp_square(a), *y = tp_add(b, a);
        tp_backward(y);
        CHECK(!tp_grad(a) && !tp_grad(b) && !tp_grad(y) && tp_grad(x));
        tp_backward(y, .retain_grad = true);
        CHECK_BITS(at(tp_grad(b), 0), 1);
        CHECK_BITS(at(tp_grad(a), 0), 5);
        CHECK_BITS(at(tp_grad(y), 0), 1);
        CHECK_BITS(at(tp_grad(x), 0), 20);
        tp_backward(y, .retain_grad = true, .create_graph = true);
        CHECK_BITS(at(tp_grad(a), 0), 10);
        CHECK(tp_requires_grad(tp_grad(a)));
    }
}

TEST(a_constant_has_nothing_to_sweep)
{
    tp_var *c = tp_scalar(1), *y;
    tp_backward(c);
    CHECK_ERROR(TP_ERROR_GRAPH, "backward");
    tp_backward(tp_mul(c, 2));
    CHECK_ERROR(TP_ERROR_GRAPH, "backward");
    {
        TP_NO_GRAD();
        y = tp_mul(tp_variable(1.0), 2);
    }
    tp_backward(y);
    CHECK_ERROR(TP_ERROR_GRAPH, "backward");
}

/* Gradients that are equal are not the same elements, nor those of another value. */
TEST(each_variable_owns_its_gradient)
{
    for (int64_t n = 0; n < 7; n++) {
        tp_var *x = variable(n), *w = variable(n), *y = tp_add(x, w);
        double size = (double)tp_size(x);
        tp_backward(y, .retain_grad = true);
        tp_mul_(tp_grad(x), 0);
        CHECK_BITS(tp_item(tp_sum(tp_grad(w))), size);
        CHECK_BITS(tp_item(tp_sum(tp_grad(y))), size);
        tp_cleargrad(x);
        tp_backward(tp_sum(x));
        CHECK(tp_data_(tp_grad(x)) != NULL);
        tp_backward(tp_mul(x, 2), .gradient = tp_grad(x));
        CHECK_BITS(tp_item(tp_sum(tp_grad(x))), 3 * size);
        tp_backward(x, .gradient = tp_grad(x));
        CHECK_BITS(tp_item(tp_sum(tp_grad(x))), 6 * size);
        tp_backward(x, .gradient = tp_grad(x), .create_graph = true);
        CHECK_BITS(tp_item(tp_sum(tp_grad(x))), 12 * size);
    }
}

TEST(a_failed_sweep_leaves_every_gradient)
{
    for (int64_t n = 0; n < 7; n += 6) {
        tp_var *a = variable(n), *b = variable(n), *c = variable(n);
        tp_var *y = tp_add(tp_mul(a, 2), tp_add(tp_square(b), tp_mul(c, 3)));
        tp_backward(y);
        tp_add_(b, 1);
        for (int graph = 0; graph < 2; graph++) {
            tp_backward(y, .create_graph = graph, .retain_grad = true);
            CHECK_ERROR(TP_ERROR_GRAPH, "edited in place");
            CHECK(!tp_grad(y));
            CHECK_BITS(at(tp_grad(a), 0), 2);
            CHECK_BITS(at(tp_grad(b), 0), 2);
            CHECK_BITS(at(tp_grad(c), 0), 3);
        }
        tp_backward(tp_add(a, b));
        CHECK_BITS(at(tp_grad(a), 0), 3);
    }
}

/* --- create_graph and who owns gradients --- */

TEST(create_graph_to_order_four)
{
    for (int64_t n = 0; n < 7; n += 6) {
        const double expected[] = {5, 20, 60, 120};
        tp_var *x = variable(n), *y = tp_pow(x, 5);
        for (int order = 0; order < 4; order++) {
            tp_cleargrad(x);
            tp_backward(y, .create_graph = true);
            y = tp_grad(x);
            CHECK_BITS(at(y, 0), expected[order]);
            CHECK(tp_requires_grad(y));
        }
    }
}

TEST(a_graph_gradient_lives_as_long_as_its_scope)
{
    tp_var *x = tp_variable(3.0), *g;
    size_t live = tp_live();
    {
        TP_SCOPE();
        tp_backward(tp_pow(x, 3), .create_graph = true);
        CHECK_BITS(tp_item(tp_grad(x)), 27);
        g = tp_leave(tp_grad(x));
    }
    CHECK(tp_grad(x) == NULL);
    CHECK_BITS(tp_item(tp_gradient(g, x)), 18);
    {
        TP_SCOPE();
        tp_backward(tp_pow(x, 3), .create_graph = true);
        tp_backward(tp_pow(x, 2));
    }
    CHECK_BITS(tp_item(tp_grad(x)), 33);
    tp_cleargrad(x);
    CHECK(tp_live() > live);
}

TEST(plain_and_graph_gradients_add)
{
    tp_var *x = tp_variable(2.0);
    tp_backward(tp_square(x));
    tp_backward(tp_pow(x, 3), .create_graph = true);
    CHECK_BITS(tp_item(tp_grad(x)), 16);
    CHECK_BITS(tp_item(tp_gradient(tp_grad(x), x)), 12);
    tp_backward(tp_pow(x, 3), .create_graph = true);
    CHECK_BITS(tp_item(tp_gradient(tp_grad(x), x)), 24);
    tp_backward(tp_mul(x, 1));
    CHECK_BITS(tp_item(tp_grad(x)), 29);
    CHECK(!tp_requires_grad(tp_grad(x)));
}

TEST(a_gradients_handle_outlives_cleargrad)
{
    for (int64_t n = 0; n < 7; n += 6)
        for (int graph = 0; graph < 2; graph++) {
            tp_var *x = variable(n);
            tp_backward(tp_mul(x, x), .create_graph = graph);
            tp_var *g = tp_grad(x);
            tp_cleargrad(x);
            tp_backward(tp_mul(x, 9));
            CHECK_BITS(at(g, 0), 2);
            CHECK_BITS(at(tp_grad(x), 0), 9);
        }
}

TEST(gradients_do_not_leak)
{
    size_t live = tp_live();
    for (int i = 0; i < 100; i++) {
        TP_SCOPE();
        tp_var *x = tp_variable(2.0);
        tp_backward(tp_exp(tp_mul(x, x)), .create_graph = true, .retain_grad = i % 2);
        tp_var *g = tp_grad(x);
        if (i % 3)
            tp_cleargrad(x);
        tp_backward(g, .create_graph = i % 5);
    }
    CHECK_INT(tp_live(), live);
}

/* --- gradient and gradients --- */

TEST(gradient_touches_nothing)
{
    for (int64_t n = 0; n < 7; n += 6) {
        tp_var *x = variable(n), *w = variable(n), *y = tp_mul(tp_square(x), w);
        CHECK_BITS(at(tp_gradient(y, x), 0), 2);
        CHECK(!tp_grad(x) && !tp_grad(w) && !tp_grad(y));
        CHECK(!tp_requires_grad(tp_gradient(y, x)));
        tp_var *g = tp_gradient(y, x, .create_graph = true);
        CHECK_BITS(at(tp_gradient(g, x), 0), 2);
        CHECK_BITS(at(tp_gradient(g, w), 0), 2);
    }
}

TEST(gradient_is_zeros_where_y_does_not_depend_on_x)
{
    tp_var *x = tp_variable(tp_ones(TP_F32, TP_SHAPE(2, 3))), *other = tp_variable(2.0);
    tp_var *g = tp_gradient(tp_square(other), x, .create_graph = true);
    CHECK_SHAPE(g, 2, 3);
    CHECK_INT(tp_dtype_of(g), TP_F32);
    CHECK_BITS(tp_item(tp_sum(g)), 0);
    CHECK_BITS(tp_item(tp_sum(tp_gradient(g, x))), 0);
    CHECK_BITS(tp_item(tp_sum(tp_gradient(tp_scalar(3), x))), 0);
    tp_var *line = tp_mul(other, 3);
    for (int order = 1; order <= 4; order++) {
        line = tp_gradient(line, other, .create_graph = true);
        CHECK_BITS(tp_item(line), order == 1 ? 3 : 0);
    }
}

TEST(gradients_for_any_list)
{
    tp_var *x = tp_variable(2.0), *unused = tp_variable(tp_ones(TP_F64, TP_SHAPE(3)));
    tp_var *a = tp_square(x), *y = tp_mul(a, x), *late = tp_exp(y);
    tp_var *xs[] = {x, unused, a, x, y, late}, *later[] = {y, a, x}, *out[6];
    tp_gradients(y, xs, 6, out);
    CHECK_BITS(tp_item(out[0]), 12);
    CHECK_ELEMENTS(out[1], 0, 0, 0);
    CHECK_BITS(tp_item(out[2]), 2);
    CHECK_BITS(tp_item(out[3]), 12);
    CHECK_BITS(tp_item(out[4]), 1);
    CHECK_BITS(tp_item(out[5]), 0);
    tp_gradients(y, later, 3, out, .create_graph = true);
    CHECK_BITS(tp_item(tp_gradient(out[2], x)), 12);
    CHECK_BITS(tp_item(tp_gradient(out[1], x)), 1);
    tp_gradients(y, NULL, 0, NULL);
    tp_gradients(tp_variable(1.0), NULL, 0, NULL);
    CHECK(tp_error() == NULL);
}

TEST(gradient_of_an_interior_value_alone)
{
    for (int64_t n = 0; n < 7; n += 6) {
        tp_var *x = variable(n), *w = variable(n), *a = tp_add(x, w);
        tp_var *y = tp_mul(tp_square(a), x);
        CHECK_BITS(at(tp_gradient(y, a), 0), 4);
        CHECK_BITS(at(tp_gradient(tp_gradient(y, a, .create_graph = true), a), 0), 2);
        CHECK_BITS(at(tp_gradient(y, x), 0), 8);
    }
}

TEST(a_constants_gradient_is_an_error)
{
    tp_var *x = tp_variable(2.0), *c = tp_scalar(3);
    CHECK(tp_is_poison(tp_gradient(tp_mul(x, c), c)));
    CHECK_ERROR(TP_ERROR_GRAPH, "constant");
    CHECK(tp_is_poison(tp_gradient(tp_mul(x, c), tp_detach(x))));
    CHECK_ERROR(TP_ERROR_GRAPH, "constant");
}

/* --- Leaves, detach, generations --- */

static bool contains(tp_var **list, size_t n, const tp_var *v)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == v)
            return true;
    return false;
}

TEST(leaves_are_the_variables_y_depends_on)
{
    tp_var *a = tp_variable(1.0), *b = tp_variable(2.0), *unused = tp_variable(3.0), *out[5];
    tp_var *y = tp_add(tp_mul(tp_mul(a, b), tp_scalar(4)), tp_mul(a, tp_detach(unused)));
    size_t live = tp_live();
    CHECK_INT(tp_leaves(y, 0, NULL), 2);
    CHECK_INT(tp_leaves(y, 5, out), 2);
    CHECK(contains(out, 2, a) && contains(out, 2, b));
    out[1] = NULL;
    CHECK_INT(tp_leaves(y, 1, out), 2);
    CHECK(contains(out, 1, a) || contains(out, 1, b));
    CHECK(out[1] == NULL);
    CHECK_INT(tp_leaves(a, 5, out), 1);
    CHECK(out[0] == a);
    CHECK_INT(tp_leaves(tp_scalar(1), 5, out), 0);
    CHECK_INT(tp_live(), live + 1);
    tp_var *many[200], *sum = tp_variable(0.0);
    for (int i = 0; i < 200; i++)
        sum = tp_add(sum, many[i] = tp_variable((double)i));
    CHECK_INT(tp_leaves(sum, 0, NULL), 201);
}

TEST(detach_shares_elements_as_a_constant)
{
    for
        EACH(s, sizes)
        {
            tp_var *x = variable(sizes[s]), *y = tp_mul(x, 2), *d = tp_detach(y);
            CHECK(!tp_requires_grad(d) && tp_generation(d) == 0 && tp_requires_grad(y));
            CHECK(tp_data(d) == tp_data(y));
            tp_backward(tp_add(tp_mul(d, x), 0));
            CHECK_BITS(at(tp_grad(x), 0), 2);
            tp_mul_(tp_detach(x), 10);
            CHECK_BITS(at(x, 0), 10);
        }
    tp_var *turned = tp_detach(tp_transpose(tp_variable(counting(TP_F64, TP_SHAPE(2, 3))), 0, 1));
    CHECK_ELEMENTS(turned, 1, 4, 2, 5, 3, 6);
}

TEST(generations_grow)
{
    tp_var *x = tp_variable(1.0), *w = tp_variable(1.0);
    CHECK_INT(tp_generation(x), 0);
    CHECK_INT(tp_generation(tp_scalar(1)), 0);
    CHECK_INT(tp_generation(tp_mul(tp_scalar(1), 2)), 0);
    tp_var *a = tp_mul(x, 2), *b = tp_exp(tp_exp(a)), *c = tp_mul(w, b);
    CHECK_INT(tp_generation(a), 1);
    CHECK_INT(tp_generation(b), 3);
    CHECK_INT(tp_generation(c), 4);
    tp_var *wide = tp_add(tp_variable(tp_ones(TP_F32, TP_SHAPE(3))), tp_to(x, TP_F32));
    CHECK(tp_generation(wide) > 0);
    CHECK(tp_requires_grad(c) && !tp_requires_grad(tp_scalar(1)) && !tp_requires_grad(NULL));
    CHECK_INT(tp_generation(NULL), 0);
}

/* --- Recording --- */

TEST(no_grad_nests_and_restores)
{
    tp_var *x = tp_variable(1.0);
    CHECK(tp_is_grad_enabled());
    for (int i = 0; i < 3; i++) {
        TP_NO_GRAD();
        CHECK(!tp_is_grad_enabled() && !tp_requires_grad(tp_mul(x, 2)));
        {
            TP_NO_GRAD();
            CHECK(!tp_set_grad_enabled(true));
            CHECK(tp_requires_grad(tp_mul(x, 2)));
        }
        CHECK(!tp_is_grad_enabled());
        if (i == 0)
            continue;
        if (i == 1)
            break;
    }
    CHECK(tp_is_grad_enabled());
    CHECK(tp_set_grad_enabled(false));
    CHECK(!tp_set_grad_enabled(false));
    CHECK(!tp_set_grad_enabled(true));
}

TEST(sweeps_restore_the_mode)
{
    tp_var *x = tp_variable(2.0), *y = tp_pow(x, 3);
    TP_NO_GRAD();
    tp_backward(y, .create_graph = true);
    CHECK(!tp_is_grad_enabled());
    CHECK(tp_requires_grad(tp_grad(x)));
    tp_set_grad_enabled(true);
    tp_gradient(y, x);
    CHECK(tp_is_grad_enabled());
    tp_add_(x, 1);
    tp_backward(y);
    CHECK_ERROR(TP_ERROR_GRAPH, "");
    CHECK(tp_is_grad_enabled());
}

/* --- Options --- */

TEST(an_older_smaller_option_struct_works)
{
    tp_var *x = tp_variable(2.0), *y = tp_square(x), *w = tp_scalar(5);
    tp_backward_options options = {.create_graph = true, .gradient = w, .size = sizeof options};
    (tp_backward)(y, &options);
    CHECK(tp_requires_grad(tp_grad(x)));
    CHECK_BITS(tp_item(tp_grad(x)), 20);
    tp_cleargrad(x);
    options.size = offsetof(tp_backward_options, gradient);
    (tp_backward)(y, &options);
    CHECK(tp_requires_grad(tp_grad(x)));
    CHECK_BITS(tp_item(tp_grad(x)), 4);
    tp_cleargrad(x);
    (tp_backward)(y, NULL);
    CHECK_BITS(tp_item(tp_grad(x)), 4);
    CHECK(!tp_requires_grad(tp_grad(x)));
    struct {
        tp_gradient_options known;
        char later[64];
    } newer = {.known = {.gradient = w, .size = sizeof newer}};
    CHECK_BITS(tp_item((tp_gradient)(y, x, &newer.known)), 20);
    newer.known.size = offsetof(tp_gradient_options, gradient);
    CHECK_BITS(tp_item((tp_gradient)(y, x, &newer.known)), 4);
    tp_reduce_options over = {.axes = TP_AXES(0), .keepdims = true, .size = sizeof over};
    tp_var *m = tp_ones(TP_F64, TP_SHAPE(2, 3));
    CHECK_SHAPE((tp_sum)(m, &over), 1, 3);
    over.size = offsetof(tp_reduce_options, keepdims);
    CHECK_SHAPE((tp_sum)(m, &over), 3);
    CHECK_INT(tp_ndim((tp_sum)(m, NULL)), 0);
}
