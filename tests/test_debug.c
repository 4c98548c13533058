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

/* A scope whose value lives on leaves room for a handle; what takes it is watched all the same. */
TEST(a_value_after_one_that_was_kept_is_watched)
{
    bool old = tp_set_debug(true);
    size_t scope = tp_scope_begin();
    tp_var *kept = tp_keep(tp_scalar(1));
    tp_scope_end(scope);
    scope = tp_scope_begin();
    tp_var *gone = tp_scalar(2);
    tp_scope_end(scope);
    tp_exp(gone);
    CHECK(tp_error() && !strstr(tp_error(), "TP_DEBUG=1"));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "is used after it went");
    tp_free(kept);
    tp_set_debug(old);
}

static void *use_elsewhere(void *v)
{
    tp_set_debug(true);
    tp_exp(v);
    return tp_error() && strstr(tp_error(), "exp: the operand belongs to another thread") ? v
                                                                                          : NULL;
}

/* What another thread does to a value: each is refused before anything is changed. */
static void elsewhere_backward(tp_var *x, tp_var *y)
{
    (void)x;
    tp_backward(y);
}

static void elsewhere_gradient(tp_var *x, tp_var *y)
{
    tp_gradient(y, x);
}

static void elsewhere_jvp(tp_var *x, tp_var *y)
{
    tp_jvp(y, x, tp_ones(TP_F64, TP_SHAPE(2)));
}

static void elsewhere_add(tp_var *x, tp_var *y)
{
    (void)y;
    tp_add_(x, 1);
}

static void elsewhere_copy(tp_var *x, tp_var *y)
{
    (void)y;
    tp_copy_(x, 1);
}

static void elsewhere_data(tp_var *x, tp_var *y)
{
    (void)y;
    tp_data_(x);
}

static void elsewhere_source(tp_var *x, tp_var *y)
{
    (void)y;
    tp_add_(tp_zeros(TP_F64, TP_SHAPE(2)), x);
}

static void elsewhere_grad(tp_var *x, tp_var *y)
{
    (void)y;
    tp_grad(x);
}

static void elsewhere_clear(tp_var *x, tp_var *y)
{
    (void)y;
    tp_cleargrad(x);
}

static void elsewhere_step(tp_var *x, tp_var *y)
{
    (void)y;
    tp_sgd_step(&x, NULL, 1);
}

static void elsewhere_hook(tp_var *x, tp_var *y)
{
    (void)y;
    tp_register_hook(x, NULL, NULL);
}

static void elsewhere_composite(tp_var *x, tp_var *y)
{
    tp_mse_loss(y, x);
}

static void elsewhere_free(tp_var *x, tp_var *y)
{
    (void)y;
    tp_free(x);
}

static void elsewhere_product(tp_var *x, tp_var *y)
{
    (void)y;
    tp_dot(tp_ones(TP_F64, TP_SHAPE(2)), x);
}

static const struct {
    void (*run)(tp_var *x, tp_var *y);
    const char *message;
} elsewhere[] = {
    {elsewhere_backward, "backward: y belongs to another thread"},
    {elsewhere_gradient, "gradient: y belongs to another thread"},
    {elsewhere_jvp, "jvp: y belongs to another thread"},
    {elsewhere_add, "add_: the target belongs to another thread"},
    {elsewhere_copy, "copy_: the target belongs to another thread"},
    {elsewhere_data, "data_: the target belongs to another thread"},
    {elsewhere_source, "add_: the value belongs to another thread"},
    {elsewhere_grad, "grad: the value belongs to another thread"},
    {elsewhere_clear, "cleargrad: the value belongs to another thread"},
    {elsewhere_step, "sgd_step: parameter 0 belongs to another thread"},
    {elsewhere_hook, "register_hook: the value belongs to another thread"},
    {elsewhere_free, "free: the value belongs to another thread"},
    {elsewhere_product, "dot: b belongs to another thread"},
    {elsewhere_composite, "mse_loss: x belongs to another thread"},
};

typedef struct elsewhere_job {
    tp_var *x, *y;
    size_t i;
    char said[200];
} elsewhere_job;

static void *run_elsewhere(void *arg)
{
    elsewhere_job *job = arg;
    tp_set_debug(true);
    elsewhere[job->i].run(job->x, job->y);
    snprintf(job->said, sizeof job->said, "%s", tp_error() ? tp_error() : "no error");
    return NULL;
}

TEST(what_another_thread_does_to_a_value_is_refused)
{
    bool old = tp_set_debug(true);
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(2))), *y = tp_sum(tp_square(x));
    tp_backward(y);
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        elsewhere_job job = {x, y, i, ""};
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, run_elsewhere, &job) == 0);
        pthread_join(thread, NULL);
        test_check(strstr(job.said, elsewhere[i].message) == job.said, __FILE__, __LINE__,
                   "expected \"%s\", got %s", elsewhere[i].message, job.said);
        CHECK_CLOSE(tp_item(tp_sum(x)), 2, 0);
        CHECK_CLOSE(tp_item(tp_sum(tp_grad(x))), 4, 0);
    }
    tp_set_debug(old);
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
