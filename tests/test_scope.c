/* SPDX-License-Identifier: MIT
 *
 * Who owns a value: scopes through every way out of a block, marks closed in any order, values that
 * leave, values that are kept, gradients on lease to a scope, the warning of the root scope. What
 * should be gone is counted by tp_live.
 */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include "base/scope.h"

#include <pthread.h>
#include <stdio.h>

/* --- Scopes --- */

static int scope_return_early(int way)
{
    TP_SCOPE();
    tp_var *x = tp_variable(3);
    for (int i = 0; i < 4; i++) {
        TP_SCOPE();
        tp_var *y = tp_mul(x, i);
        if (way == 0)
            continue;
        if (way == 1)
            break;
        if (way == 2)
            return (int)tp_item(tp_add(y, 1));
        tp_exp(y);
    }
    return (int)tp_item(x);
}

TEST(scope_closes_through_continue_break_and_return)
{
    size_t live = tp_live();
    for (int way = 0; way < 4; way++) {
        CHECK_INT(scope_return_early(way), way == 2 ? 1 : 3);
        CHECK_INT(tp_live(), live);
    }
}

static void scope_goto_out(void)
{
    for (;;) {
        TP_SCOPE();
        tp_zeros(TP_F32, TP_SHAPE(100));
        for (;;) {
            TP_SCOPE();
            tp_exp(tp_variable(1.0));
            goto out;
        }
    }
out:
    tp_num(1);
}

TEST(scope_closes_through_goto)
{
    size_t live = tp_live();
    size_t mark = tp_scope_begin();
    scope_goto_out();
    CHECK_INT(tp_live(), live + 1);
    tp_scope_end(mark);
    CHECK_INT(tp_live(), live);
}

TEST(scope_twice_in_one_block)
{
    size_t live = tp_live();
    {
        TP_SCOPE();
        tp_num(1);
        TP_SCOPE();
        tp_num(2);
        CHECK_INT(tp_live(), live + 2);
    }
    CHECK_INT(tp_live(), live);
}

TEST(scope_mark_closed_twice_is_ignored)
{
    size_t live = tp_live(), first = tp_scope_begin();
    tp_num(1);
    tp_scope_end(first);
    size_t second = tp_scope_begin();
    tp_num(2);
    tp_scope_end(first);
    CHECK_INT(tp_live(), live + 1);
    tp_scope_end(second);
    tp_scope_end(second);
    CHECK_INT(tp_live(), live);
    CHECK(!tp_error());
}

TEST(scope_outer_mark_closes_inner_scopes)
{
    size_t live = tp_live(), outer = tp_scope_begin();
    tp_num(1);
    size_t middle = tp_scope_begin();
    tp_num(2);
    size_t inner = tp_scope_begin();
    tp_num(3);
    tp_scope_end(outer);
    CHECK_INT(tp_live(), live);
    tp_num(4);
    tp_scope_end(inner);
    tp_scope_end(middle);
    CHECK_INT(tp_live(), live + 1);
}

TEST(scope_marks_out_of_order_close_no_younger_scope)
{
    size_t live = tp_live(), a = tp_scope_begin(), b = tp_scope_begin();
    tp_num(1);
    tp_scope_end(a);
    size_t c = tp_scope_begin();
    tp_num(2);
    size_t d = tp_scope_begin();
    tp_num(3);
    tp_scope_end(b);
    tp_scope_end(a);
    CHECK_INT(tp_live(), live + 2);
    tp_scope_end(c);
    tp_scope_end(d);
    CHECK_INT(tp_live(), live);
}

TEST(scope_marks_never_given_are_ignored)
{
    size_t live = tp_live(), mark = tp_scope_begin();
    tp_num(1);
    tp_scope_end(0);
    tp_scope_end(mark + 1000);
    tp_scope_end((size_t)-1);
    CHECK_INT(tp_live(), live + 1);
    tp_scope_end(mark);
    CHECK_INT(tp_live(), live);
}

TEST(scope_hundred_thousand_open_close_at_once)
{
    size_t live = tp_live(), outermost = tp_scope_begin();
    for (int i = 0; i < 100000; i++) {
        tp_scope_begin();
        tp_num(i);
    }
    CHECK_INT(tp_live(), live + 100000);
    tp_scope_end(outermost);
    CHECK_INT(tp_live(), live);
}

/* --- Leaving --- */

static tp_var *leave_power(int n)
{
    TP_SCOPE();
    if (n == 0)
        return tp_leave(tp_scalar(1));
    tp_var *rest = leave_power(n - 1);
    return tp_leave(tp_mul(rest, 2));
}

TEST(leave_through_recursion)
{
    size_t live = tp_live();
    tp_var *y = leave_power(40);
    CHECK_BITS(tp_item(y), 0x1p40);
    CHECK_INT(tp_live(), live + 1);
}

static void leave_three(tp_var *x, tp_var **out)
{
    TP_SCOPE();
    tp_var *twice = tp_mul(x, 2), *square = tp_mul(twice, twice);
    for (int i = 0; i < 50; i++)
        tp_exp(square);
    out[0] = tp_leave(square);
    out[1] = tp_leave(x);
    out[2] = tp_leave(square);
}

TEST(leave_several_and_values_not_owned)
{
    size_t live = tp_live();
    tp_var *x = tp_keep(tp_variable(3)), *out[3];
    {
        TP_SCOPE();
        leave_three(x, out);
        CHECK_BITS(tp_item(out[0]), 36);
        CHECK(out[1] == x && out[2] == out[0]);
        tp_free(x);
        CHECK_BITS(tp_item(out[1]), 3);
        tp_backward(out[0]);
        CHECK_BITS(tp_item(tp_grad(out[1])), 24);
        CHECK_INT(tp_live(), live + 6);
    }
    CHECK_INT(tp_live(), live + 3);
}

TEST(leave_reaches_one_scope_out_each_time)
{
    size_t live = tp_live(), outer = tp_scope_begin(), middle = tp_scope_begin();
    size_t inner = tp_scope_begin();
    tp_num(0);
    tp_var *x = tp_leave(tp_scalar(5));
    tp_num(0);
    tp_scope_end(inner);
    CHECK_INT(tp_live(), live + 1);
    CHECK_BITS(tp_item(x), 5);
    tp_leave(x);
    tp_scope_end(middle);
    CHECK_INT(tp_live(), live + 1);
    CHECK_BITS(tp_item(x), 5);
    tp_scope_end(outer);
    CHECK_INT(tp_live(), live);
}

TEST(leave_from_an_empty_scope_and_many_from_a_full_one)
{
    size_t live = tp_live(), outer = tp_scope_begin();
    tp_var *owned = tp_scalar(7), *many[1000];
    size_t empty = tp_scope_begin();
    tp_leave(owned);
    tp_scope_end(empty);
    size_t full = tp_scope_begin();
    for (int i = 0; i < 1000; i++)
        many[i] = tp_scalar(i);
    for (int i = 0; i < 1000; i += 2)
        tp_leave(many[i]);
    tp_scope_end(full);
    CHECK_INT(tp_live(), live + 501);
    for (int i = 0; i < 1000; i += 2)
        CHECK_BITS(tp_item(many[i]), i);
    tp_scope_end(outer);
    CHECK_INT(tp_live(), live);
}

TEST(leave_of_poison_and_null)
{
    TP_SCOPE();
    tp_var *poison = tp_add(tp_ones(TP_F64, TP_SHAPE(2)), tp_ones(TP_F64, TP_SHAPE(3)));
    CHECK(tp_is_poison(poison) && tp_leave(poison) == poison && tp_keep(poison) == poison);
    tp_free(poison);
    CHECK_ERROR(TP_ERROR_SHAPE, "add");
    CHECK(tp_is_poison(tp_leave(NULL)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "leave");
    CHECK(tp_is_poison(tp_keep(NULL)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "keep");
    tp_free(NULL);
    CHECK(!tp_error());
}

/* --- Keeping --- */

TEST(keep_outlives_the_scope_until_each_free)
{
    size_t live = tp_live(), mark = tp_scope_begin();
    tp_var *x = tp_variable(2), *y = tp_keep(tp_keep(tp_exp(tp_mul(x, 0))));
    tp_scope_end(mark);
    CHECK_INT(tp_live(), live + 4);
    CHECK_BITS(tp_item(y), 1);
    tp_free(y);
    CHECK_INT(tp_live(), live + 4);
    tp_free(y);
    CHECK_INT(tp_live(), live);
}

TEST(keep_one_part_of_a_graph)
{
    size_t live = tp_live(), mark = tp_scope_begin();
    tp_var *x = tp_keep(tp_variable(2)), *view;
    tp_var *table = tp_zeros(TP_F64, TP_SHAPE(50, 2));
    view = tp_keep(tp_select(table, 0, 3));
    tp_backward(tp_mul(x, x));
    tp_scope_end(mark);
    CHECK_INT(tp_live(), live + 3);
    CHECK_BITS(((const double *)tp_data(view))[1], 0);
    CHECK_BITS(tp_item(tp_grad(x)), 4);
    tp_free(view);
    tp_free(x);
    CHECK_BITS(tp_is_grad_enabled(), 1);
}

/* --- Gradients on lease --- */

static tp_var *lease_cube(tp_var *x)
{
    return tp_mul(x, tp_mul(x, x));
}

TEST(lease_ends_with_its_scope)
{
    tp_var *x = tp_variable(2);
    size_t live = tp_live(), mark = tp_scope_begin();
    tp_backward(lease_cube(x), .create_graph = true);
    CHECK_BITS(tp_item(tp_grad(x)), 12);
    CHECK(tp_requires_grad(tp_grad(x)));
    tp_scope_end(mark);
    CHECK(tp_grad(x) == NULL);
    CHECK_INT(tp_live(), live);
}

TEST(lease_leaves_a_later_gradient_alone)
{
    tp_var *x = tp_variable(2);
    size_t mark = tp_scope_begin();
    tp_backward(lease_cube(x), .create_graph = true);
    tp_cleargrad(x);
    tp_backward(tp_mul(x, 5));
    tp_scope_end(mark);
    CHECK_BITS(tp_item(tp_grad(x)), 5);

    tp_cleargrad(x);
    size_t inner = tp_scope_begin();
    tp_backward(lease_cube(x), .create_graph = true);
    tp_var *first = tp_keep(tp_grad(x));
    tp_cleargrad(x);
    tp_scope_end(inner);
    CHECK_BITS(tp_item(first), 12);
    tp_backward(first, .create_graph = true);
    CHECK_BITS(tp_item(tp_grad(x)), 12);
    tp_free(first);
    CHECK_BITS(tp_item(tp_grad(x)), 12);
}

TEST(lease_in_nested_scopes)
{
    tp_var *x = tp_variable(2);
    size_t outer = tp_scope_begin();
    tp_backward(lease_cube(x), .create_graph = true);
    tp_var *first = tp_grad(x);
    size_t inner = tp_scope_begin();
    tp_backward(lease_cube(x), .create_graph = true);
    CHECK_BITS(tp_item(tp_grad(x)), 24);
    tp_scope_end(inner);
    CHECK(tp_grad(x) == NULL);
    CHECK_BITS(tp_item(first), 12);
    tp_scope_end(outer);
    CHECK(tp_grad(x) == NULL);
}

TEST(lease_of_a_variable_freed_before_it)
{
    size_t live = tp_live(), mark = tp_scope_begin();
    tp_var *x = tp_keep(tp_variable(2));
    tp_backward(lease_cube(x), .create_graph = true, .retain_grad = true);
    tp_free(x);
    CHECK(tp_live() > live);
    tp_scope_end(mark);
    CHECK_INT(tp_live(), live);
}

TEST(lease_of_intermediate_gradients)
{
    tp_var *x = tp_variable(2);
    size_t live = tp_live(), outer = tp_scope_begin();
    tp_var *square = tp_mul(x, x), *y = tp_mul(square, square);
    size_t inner = tp_scope_begin();
    tp_backward(y, .create_graph = true, .retain_grad = true);
    CHECK_BITS(tp_item(tp_grad(square)), 8);
    CHECK_BITS(tp_item(tp_gradient(tp_grad(square), x)), 8);
    tp_scope_end(inner);
    CHECK(!tp_grad(square) && !tp_grad(y) && !tp_grad(x));
    tp_backward(y, .retain_grad = true);
    CHECK_BITS(tp_item(tp_grad(square)), 8);
    tp_scope_end(outer);
    tp_cleargrad(x);
    CHECK_INT(tp_live(), live);
}

TEST(lease_that_left_its_scope_as_a_value)
{
    tp_var *x = tp_variable(2), *gradient;
    size_t mark = tp_scope_begin();
    tp_backward(lease_cube(x), .create_graph = true);
    gradient = tp_leave(tp_grad(x));
    tp_scope_end(mark);
    CHECK(tp_grad(x) == NULL);
    CHECK_BITS(tp_item(gradient), 12);
    CHECK_BITS(tp_item(tp_gradient(gradient, x)), 12);
}

TEST(gradient_plain_onto_graph_is_plain)
{
    for (int array = 0; array < 2; array++) {
        tp_var *x = tp_variable(array ? tp_full(TP_F64, TP_SHAPE(9), 2) : tp_num(2));
        size_t mark = tp_scope_begin();
        tp_backward(lease_cube(x), .create_graph = true);
        tp_var *graph = tp_grad(x);
        tp_backward(tp_mul(x, 5));
        CHECK(!tp_requires_grad(tp_grad(x)));
        CHECK_BITS(*(const double *)tp_data(graph), 12);
        CHECK(tp_requires_grad(graph));
        tp_scope_end(mark);
        CHECK_BITS(*(const double *)tp_data(tp_grad(x)), 17);
    }
}

TEST(gradient_graph_onto_plain_is_a_graph)
{
    for (int array = 0; array < 2; array++) {
        tp_var *x = tp_variable(array ? tp_full(TP_F64, TP_SHAPE(9), 2) : tp_num(2));
        tp_backward(tp_mul(x, 5));
        tp_var *plain = tp_grad(x);
        size_t mark = tp_scope_begin();
        tp_backward(lease_cube(x), .create_graph = true);
        tp_var *sum = tp_grad(x);
        CHECK_BITS(*(const double *)tp_data(sum), 17);
        CHECK_BITS(*(const double *)tp_data(plain), 5);
        CHECK_BITS(*(const double *)tp_data(tp_gradient(sum, x)), 12);
        tp_scope_end(mark);
        CHECK(tp_grad(x) == NULL);
    }
}

TEST(gradient_handle_is_valid_after_cleargrad)
{
    size_t live = tp_live();
    tp_var *x = tp_keep(tp_variable(2));
    tp_backward(lease_cube(x));
    size_t mark = tp_scope_begin();
    tp_var *g = tp_grad(x);
    tp_cleargrad(x);
    CHECK(tp_grad(x) == NULL);
    tp_backward(tp_mul(x, 5));
    CHECK_BITS(tp_item(g), 12);
    CHECK_BITS(tp_item(tp_grad(x)), 5);
    tp_free(x);
    CHECK_BITS(tp_item(g), 12);
    tp_scope_end(mark);
    CHECK(tp_live() > live);
}

TEST(gradient_handle_belongs_to_the_callers_scope)
{
    tp_var *x = tp_variable(2);
    tp_backward(lease_cube(x));
    for (int i = 0; i < 3; i++) {
        TP_SCOPE();
        CHECK_BITS(tp_item(tp_grad(x)), 12);
    }
    size_t live = tp_live();
    tp_cleargrad(x);
    CHECK_INT(tp_live(), live - 1);
}

/* The stored gradient is x's own: neither the caller's starting gradient nor another's. */
TEST(gradient_is_no_alias)
{
    tp_var *a = tp_variable(tp_ones(TP_F64, TP_SHAPE(9)));
    tp_var *b = tp_variable(tp_ones(TP_F64, TP_SHAPE(9)));
    tp_var *start = tp_full(TP_F64, TP_SHAPE(9), 3);
    tp_backward(tp_add(a, b), .gradient = start);
    tp_mul_(tp_grad(a), 10);
    CHECK_BITS(*(const double *)tp_data(tp_grad(b)), 3);
    CHECK_BITS(*(const double *)tp_data(start), 3);
    tp_backward(a, .gradient = start);
    CHECK_BITS(*(const double *)tp_data(tp_grad(a)), 33);
    CHECK_BITS(*(const double *)tp_data(start), 3);
}

/* --- The root scope --- */

static int log_lines;
static char log_line[200];

static void log_count(const char *line)
{
    log_lines++;
    snprintf(log_line, sizeof log_line, "%s", line);
}

static int root_counts[4];

static void *root_directly(void *arg)
{
    (void)arg;
    log_lines = 0;
    for (int i = 0; i < 100000; i++)
        tp_num(i);
    root_counts[0] = log_lines;
    tp_num(0);
    root_counts[1] = log_lines;
    for (int i = 0; i < 200000; i++)
        tp_num(i);
    root_counts[2] = log_lines;
    return NULL;
}

static void *root_by_leaving(void *arg)
{
    (void)arg;
    log_lines = 0;
    for (int i = 0; i < 150000; i++) {
        TP_SCOPE();
        tp_leave(tp_num(i));
        tp_num(i);
    }
    root_counts[3] = log_lines;
    return NULL;
}

/* Values in a scope are no reason to warn, however many. */
static void *root_scoped(void *arg)
{
    (void)arg;
    log_lines = 0;
    TP_SCOPE();
    for (int i = 0; i < 250000; i++)
        tp_num(i);
    root_counts[0] = log_lines;
    return NULL;
}

static void root_in_thread(void *(*run)(void *))
{
    pthread_t thread;
    tp_set_log(log_count);
    CHECK(pthread_create(&thread, NULL, run, NULL) == 0);
    pthread_join(thread, NULL);
    tp_set_log(NULL);
}

/* 40 results of 80 kB, where 1 MB is too much; and a few, variables, and results in a scope. */
static void *root_bytes(void *arg)
{
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(10000)));
    log_lines = 0;
    for (int i = 0; i < 40; i++) {
        TP_SCOPE();
        for (int k = 0; k < 40; k++)
            tp_item(tp_sum(tp_cumsum(x, 0)));
    }
    tp_ones(TP_F64, TP_SHAPE(1000000));
    for (int i = 0; i < 40; i++)
        tp_variable(x);
    root_counts[0] = log_lines;
    for (int i = 0; i < 400; i++)
        tp_cumsum(x, 0);
    root_counts[1] = log_lines;
    return arg;
}

TEST(root_scope_warns_of_bytes_once)
{
    size_t most = tp__scope_most_bytes;
    tp__scope_most_bytes = 1 << 20;
    root_in_thread(root_bytes);
    tp__scope_most_bytes = most;
    CHECK_INT(root_counts[0], 0);
    CHECK_INT(root_counts[1], 1);
    CHECK(strstr(log_line, "arrays of") && strstr(log_line, "TP_SCOPE"));
}

TEST(small_arrays_are_counted_once_others_see_them)
{
    size_t before = tp_memory_stats().in_use;
    tp_var *x = tp_zeros(TP_F64, TP_SHAPE(4)), *y = tp_zeros(TP_F64, TP_SHAPE(4));
    CHECK_INT(tp_memory_stats().in_use, before);
    tp_data(x);
    CHECK(tp_memory_stats().in_use > before);
    before = tp_memory_stats().in_use;
    tp_slice(y, 0, 0, 2, 1);
    CHECK(tp_memory_stats().in_use > before);
}

TEST(root_scope_warns_once)
{
    root_in_thread(root_directly);
    CHECK_INT(root_counts[0], 0);
    CHECK_INT(root_counts[1], 1);
    CHECK_INT(root_counts[2], 1);
    CHECK(strstr(log_line, "100000") && strstr(log_line, "TP_SCOPE"));
    CHECK(!strchr(log_line, '\n'));
}

TEST(root_scope_warns_of_values_that_left)
{
    root_in_thread(root_by_leaving);
    CHECK_INT(root_counts[3], 1);
}

TEST(root_scope_does_not_warn_of_scoped_values)
{
    root_in_thread(root_scoped);
    CHECK_INT(root_counts[0], 0);
}
