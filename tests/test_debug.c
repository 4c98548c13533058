/* SPDX-License-Identifier: MIT
 *
 * The debug mode: values used after they went, released twice, or used by another thread.
 */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <math.h>
#include <pthread.h>

#include "base/node.h"

static int line_made;

static tp_var *gone_made_here(const char *name)
{
    TP_SCOPE();
    line_made = __LINE__ + 1;
    tp_var *y = tp_exp(tp_scalar(1));
    if (name)
        tp_set_name(y, name);
    return y;
}

TEST(a_value_whose_scope_closed_is_refused)
{
    bool old = tp_set_debug(true);
    tp_var *y = gone_made_here("rate");
    tp_var *a = tp_scalar(10), *b = tp_scalar(20);
    CHECK(a != y && b != y);
    CHECK(tp_is_poison(tp_add(y, a)));
    CHECK(tp_error() && strstr(tp_error(), "used after it went") && strstr(tp_error(), "(rate)"));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "add: operand 1 of 2 is used");
    CHECK(tp_is_poison(tp_mul(a, y)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "mul: operand 2 of 2 is used");
    tp_item(y);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "item: the value is used after it went");
    CHECK(tp_data(y) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "data: the value is used after it went");
    tp_backward(y);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "is used after it went");
    tp_free(y);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "free: the value is used after it went");
    tp_keep(y);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "keep: the value is used after it went");
    tp_set_debug(old);
}

#if !defined(TP_PLAIN_NODES)
/* Without the debug mode too, until another value takes the node; the message names no lines. */
TEST(a_value_whose_node_waits_is_refused)
{
    bool old = tp_set_debug(false);
    tp_var *y = gone_made_here(NULL);
    CHECK(tp_is_poison(tp_add(y, y)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "add: operand 1 of 2 is used after it went: its scope closed");
    CHECK(isnan(tp_item(y)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "item: the value is used after it went: its scope closed");
    CHECK(tp_data(y) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "TP_DEBUG=1 tells where");
    tp_backward(y);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "is used after it went");
    tp_free(y);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "free: the value is used after it went");
    tp_keep(y);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "keep: the value is used after it went");
    tp_set_debug(old);
}
#endif

TEST(places_are_lines)
{
    bool old = tp_set_debug(true);
    char made[40];
    tp_neg(gone_made_here(NULL));
    snprintf(made, sizeof made, "test_debug.c:%d", line_made);
    if (!tp_error() || !strstr(tp_error(), ".c:"))
        test_skip("no backtrace or no addr2line here");
    else
        CHECK(strstr(tp_error(), made) != NULL && !strstr(tp_error(), "scope.h"));
    tp_clear_error();
    tp_set_debug(old);
}

TEST(right_programs_stay_right)
{
    bool old = tp_set_debug(true);
    tp_var *x = tp_keep(tp_variable(2.0));
    for (int i = 0; i < 200; i++) {
        TP_SCOPE();
        tp_cleargrad(x);
        tp_backward(tp_sub(tp_pow(x, 4), tp_mul(8, x)), .create_graph = true);
        tp_var *g = tp_grad(x);
        tp_sub_(x, tp_mul(0.01, tp_detach(g)));
    }
    CHECK_CLOSE(tp_item(x), cbrt(2), 1e-9);
    tp_var *m = tp_variable(tp_ones(TP_F64, TP_SHAPE(3, 2, 2))), *d[3];
    CHECK_CLOSE(tp_item(tp_sum(tp_gradient(tp_sum(tp_tanh(m)), m))), 12 * (1 - tanh(1) * tanh(1)),
                1e-14);
    tp_derivatives(tp_tanh(x), x, 3, d);
    tp_free(x);
    CHECK(tp_error() == NULL);
    tp_set_debug(old);
}

static void *use_elsewhere(void *v)
{
    tp_set_debug(true);
    tp_exp(v);
    return tp_error() && strstr(tp_error(), "exp: the operand belongs to another thread") ? v
                                                                                          : NULL;
}

static void *keep_one(void *arg)
{
    (void)arg;
    tp_set_debug(true);
    return tp_keep(tp_scalar(3));
}

static void *free_one(void *v)
{
    tp_free(v);
    return NULL;
}

TEST(an_unshared_value_belongs_to_one_thread)
{
    bool old = tp_set_debug(true);
    pthread_t thread;
    tp_var *x = tp_scalar(1);
    void *found;
    CHECK(pthread_create(&thread, NULL, use_elsewhere, x) == 0);
    pthread_join(thread, &found);
    CHECK(found == x);
    tp_share(tp_keep(x));
    CHECK(pthread_create(&thread, NULL, use_elsewhere, x) == 0);
    pthread_join(thread, &found);
    CHECK(found == NULL);
    tp_free(x);
    CHECK(pthread_create(&thread, NULL, keep_one, NULL) == 0);
    pthread_join(thread, &found);
    CHECK_CLOSE(tp_item(tp_exp(found)), exp(3), 1e-15);         /* its thread has ended */
    CHECK(pthread_create(&thread, NULL, free_one, found) == 0); /* which counts its own nodes */
    pthread_join(thread, NULL);
    tp_set_debug(old);
}
