/* SPDX-License-Identifier: MIT
 *
 * Threads share nothing but what tp_share names. Each test runs several threads at once and judges
 * in the main thread what they found; under the thread sanitizer every data race is a failure too.
 */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#if defined(__GLIBC__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 33)
#include <malloc.h>
#define HAS_MALLINFO2
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#undef HAS_MALLINFO2 /* whose result it takes for unwritten */
#endif
#endif
#endif
#endif

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4 };

typedef struct worker {
    int number;
    tp_var *shared, *other;
    double value[4];
    int wrong; /* checks that failed in the thread */
    size_t left;
    char message[200];
} worker;

typedef void work(worker *w);

static work *current_work;

static void *worker_run(void *arg)
{
    worker *w = arg;
    size_t mark = tp_scope_begin();
    current_work(w);
    tp_scope_end(mark);
    w->left = tp_live();
    snprintf(w->message, sizeof w->message, "%s", tp_error() ? tp_error() : "");
    tp_clear_error();
    return NULL;
}

/* Runs n workers at once; none may find fault, leave a node or an error. */
static void workers(work *run, worker *w, int n)
{
    pthread_t threads[THREADS];
    current_work = run;
    for (int i = 0; i < n; i++) {
        w[i].number = i;
        if (!CHECK(pthread_create(&threads[i], NULL, worker_run, &w[i]) == 0))
            abort();
    }
    for (int i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        CHECK_INT(w[i].wrong, 0);
        CHECK_INT(w[i].left, 0);
        CHECK_TEXT(w[i].message, "");
    }
}

static int thread_rounds(int n)
{
    return test_short() ? n / 20 : n;
}

/* --- Independent graphs --- */

static tp_var *thread_rosenbrock(tp_var *x0, tp_var *x1)
{
    return tp_add(tp_mul(100, tp_pow(tp_sub(x1, tp_pow(x0, 2)), 2)), tp_pow(tp_sub(x0, 1), 2));
}

static void work_descent(worker *w)
{
    tp_var *x0 = tp_variable(0.0), *x1 = tp_variable(2.0);
    for (int i = 0; i < 1000; i++) {
        TP_SCOPE();
        tp_cleargrad(x0);
        tp_cleargrad(x1);
        tp_backward(thread_rosenbrock(x0, x1));
        tp_sub_(x0, tp_mul(1e-3, tp_grad(x0)));
        tp_sub_(x1, tp_mul(1e-3, tp_grad(x1)));
    }
    w->value[0] = tp_item(x0);
    w->value[1] = tp_item(x1);
}

TEST(thread_descents_at_once)
{
    worker w[THREADS] = {0};
    workers(work_descent, w, THREADS);
    for (int i = 0; i < THREADS; i++) {
        CHECK_BITS(w[i].value[0], 0.6837118569138317);
        CHECK_BITS(w[i].value[1], 0.4659526837427042);
    }
}

static void work_any_order(worker *w)
{
    for (int round = 0; round < thread_rounds(60); round++) {
        TP_SCOPE();
        tp_var *x = tp_variable(1.0), *y = tp_tanh(x), *taylor[4], *g = y;
        tp_derivatives(y, x, 4, taylor);
        for (int k = 0; k < 4; k++)
            g = tp_gradient(g, x, .create_graph = true);
        w->value[0] = tp_item(g);
        w->value[1] = tp_item(taylor[3]);
        char *text = tp_get_dot_graph(g, true);
        w->wrong += !text;
        free(text);
        tp_var *m = tp_variable(tp_rand(TP_F32, TP_SHAPE(8, 8)));
        tp_backward(tp_sum(tp_tanh(tp_matmul(m, tp_transpose(m, 0, 1)))));
        w->wrong += tp_ndim(tp_grad(m)) != 2;
    }
}

TEST(thread_every_kind_of_derivative_at_once)
{
    worker w[THREADS] = {0};
    workers(work_any_order, w, THREADS);
    for (int i = 0; i < THREADS; i++) {
        CHECK_CLOSE(w[i].value[0], 0.6650910447505017, 1e-12);
        CHECK_CLOSE(w[i].value[1], 0.6650910447505017, 1e-12);
    }
}

/* Nodes freed by threads that ended serve those that come. */
TEST(thread_many_after_each_other)
{
    for (int i = 0; i < thread_rounds(100); i++) {
        worker w[THREADS] = {0};
        workers(i % 2 ? work_any_order : work_descent, w, 1 + i % THREADS);
    }
}

/* --- A shared leaf --- */

static void work_with_leaf(worker *w)
{
    tp_var *x = w->shared;
    int64_t n = tp_size(x);
    for (int round = 0; round < thread_rounds(200); round++) {
        TP_SCOPE();
        const double *at = tp_data(x);
        tp_var *own = tp_variable(2.0), *y = tp_mul(own, tp_sum(tp_square(x)));
        tp_var *xs[] = {x, own}, *g[2];
        tp_gradients(y, xs, 2, g, .create_graph = round % 2);
        w->wrong += tp_size(g[0]) != n || ((const double *)tp_data(g[0]))[n - 1] != 4 * at[n - 1];
        if (round % 2) {
            tp_var *mixed = tp_gradient(tp_sum(g[0]), own);
            double sum = 0;
            for (int64_t i = 0; i < n; i++)
                sum += 2 * at[i];
            w->wrong += !test_close(tp_item(mixed), sum, 1e-13);
        }
        w->wrong += tp_grad(x) != NULL || tp_leaves(y, 0, NULL) != 2;
    }
}

static void work_with_views(worker *w)
{
    tp_var *x = w->shared;
    int64_t n = tp_size(x);
    for (int round = 0; round < thread_rounds(200); round++) {
        TP_SCOPE();
        tp_var *row = tp_reshape(x, TP_SHAPE(1, -1)), *last = tp_slice(row, 1, -1, INT64_MAX, 1);
        tp_var *column = tp_transpose(row, 0, 1), *detached = tp_detach(x);
        tp_var *wide = tp_broadcast_to(row, TP_SHAPE(3, n));
        w->wrong += tp_item(tp_gradient(tp_sum(tp_mul(last, last)), last)) != 2 * tp_item(last);
        w->wrong += tp_requires_grad(detached) || !tp_requires_grad(column);
        w->wrong += tp_size(wide) != 3 * n || !tp_data(wide);
        tp_var *g = tp_gradient(tp_sum(tp_matmul(row, column)), x);
        w->wrong += ((const double *)tp_data(g))[0] != 2 * ((const double *)tp_data(x))[0];
    }
}

static void work_with_text(worker *w)
{
    tp_var *x = w->shared;
    for (int round = 0; round < thread_rounds(100); round++) {
        TP_SCOPE();
        tp_var *y = tp_sum(tp_exp(tp_mul(x, x)));
        char *text = tp_get_dot_graph(y, true), *leaf = tp_get_dot_graph(x, true);
        char *repr = tp_repr(x);
        w->wrong += !text || !strstr(text, "shared x: ") || !leaf || !repr;
        w->wrong +=
            strncmp(repr ? repr : "", "variable(", 9) != 0 || strcmp(tp_name(x), "shared x");
        free(text);
        free(leaf);
        free(repr);
    }
}

static void work_with_taylor(worker *w)
{
    tp_var *x = w->shared;
    for (int round = 0; round < thread_rounds(50); round++) {
        TP_SCOPE();
        tp_var *out[3], *ones = tp_ones(TP_F64, tp_ndim(x), tp_shape(x));
        tp_var *y = tp_mul(x, tp_mul(x, x));
        tp_derivatives(y, x, 3, out);
        const double *at = tp_data(out[2]);
        w->wrong += !at || at[0] != 6;
        w->wrong += !tp_data(tp_jvp(y, x, ones));
    }
}

static void work_with_handles(worker *w)
{
    for (int round = 0; round < thread_rounds(20000); round++) {
        tp_keep(w->shared);
        if (round % 3 == 0) {
            TP_SCOPE();
            tp_leave(w->shared);
        }
        tp_free(w->shared);
        w->wrong += tp_size(w->shared) < 1;
    }
}

static void work_mixed(worker *w)
{
    static work *const all[] = {work_with_leaf, work_with_views, work_with_text, work_with_handles};
    all[w->number % 4](w);
    work_with_taylor(w);
}

/* Numbers and small arrays live in the node, larger ones in a storage: no thread can tell. */
static tp_var *thread_leaf(int64_t n)
{
    tp_var *x = tp_variable(n ? tp_linspace(TP_F64, 1, 2, n) : tp_num(1.5));
    tp_set_name(x, "shared x");
    return tp_share(x);
}

TEST(thread_shared_leaf)
{
    static work *const all[] = {work_with_leaf,   work_with_views,   work_with_text,
                                work_with_taylor, work_with_handles, work_mixed};
    static const int64_t sizes[] = {0, 1, 4, 5, 300};
    size_t before = tp_live_shared();
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        TP_SCOPE();
        tp_var *x = thread_leaf(sizes[s]);
        CHECK_INT(tp_live_shared(), before + 1);
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
            worker w[THREADS] = {{.shared = x}, {.shared = x}, {.shared = x}, {.shared = x}};
            workers(all[i], w, THREADS);
        }
        CHECK(!tp_error() && !tp_grad(x));
    }
    CHECK_INT(tp_live_shared(), before);
}

static void work_with_constant(worker *w)
{
    for (int round = 0; round < thread_rounds(200); round++) {
        TP_SCOPE();
        tp_var *own = tp_variable(tp_ones(TP_F64, TP_SHAPE(3, 1)));
        tp_backward(tp_sum(tp_square(tp_matmul(w->shared, own))));
        w->wrong += !tp_grad(own);
        tp_sub_(own, tp_grad(own));
        tp_add_(own, tp_slice(tp_transpose(w->shared, 0, 1), 1, 0, 1, 1));
        tp_copy_(own, tp_num(round));
    }
}

TEST(thread_shared_data)
{
    tp_var *data = tp_share(tp_ones(TP_F64, TP_SHAPE(50, 3)));
    worker w[THREADS] = {{.shared = data}, {.shared = data}, {.shared = data}, {.shared = data}};
    workers(work_with_constant, w, THREADS);
}

static void work_last_drop(worker *w)
{
    tp_var *view = tp_keep(tp_detach(w->shared)), *y = tp_keep(tp_exp(w->shared));
    double first = *(const double *)tp_data(w->shared);
    tp_free(w->shared);
    w->wrong += *(const double *)tp_data(view) != first;
    w->wrong += *(const double *)tp_data(tp_gradient(y, y)) != 1;
    tp_free(view);
    tp_free(y);
}

TEST(thread_last_drop_in_another_thread)
{
    size_t live = tp_live(), before = tp_live_shared();
    for (int round = 0; round < thread_rounds(100); round++)
        for (int64_t n = 0; n < 10; n += 3) {
            worker w[THREADS] = {0};
            size_t mark = tp_scope_begin();
            tp_var *x = thread_leaf(n);
            for (int i = 0; i < THREADS; i++)
                w[i].shared = tp_keep(x);
            tp_scope_end(mark);
            CHECK_INT(tp_live(), live);
            workers(work_last_drop, w, THREADS);
            CHECK_INT(tp_live_shared(), before);
        }
}

/* A result that crosses threads is shared by the one that made it. */
static void work_give_result(worker *w)
{
    tp_var *x = tp_variable(tp_full(TP_F64, TP_SHAPE(100), w->number));
    w->other = tp_share(tp_keep(tp_detach(tp_exp(x))));
    w->shared = tp_share(tp_keep(tp_variable(w->number)));
}

TEST(thread_result_outlives_its_thread)
{
    worker w[THREADS] = {0};
    size_t before = tp_live_shared();
    workers(work_give_result, w, THREADS);
    CHECK_INT(tp_live_shared(), before + 2 * THREADS);
    for (int i = 0; i < THREADS; i++) {
        CHECK_BITS(tp_item(tp_gradient(tp_square(w[i].shared), w[i].shared)), 2 * i);
        CHECK_CLOSE(tp_item(tp_log(tp_max(w[i].other))), i, 1e-15);
        tp_free(w[i].shared);
        tp_free(w[i].other);
    }
}

/* --- What a shared value refuses --- */

static tp_var *thread_no_hook(void *ctx, tp_var *gradient)
{
    (void)ctx;
    return gradient;
}

TEST(thread_shared_is_read_only)
{
    tp_var *values[] = {thread_leaf(0), thread_leaf(3), thread_leaf(100),
                        tp_share(tp_ones(TP_F64, TP_SHAPE(2, 2)))};
    for (int i = 0; i < 4; i++) {
        tp_var *x = values[i];
        double first = *(const double *)tp_data(x);
        tp_add_(x, 1);
        CHECK_ERROR(TP_ERROR_GRAPH, "shared");
        tp_copy_(x, 0);
        CHECK_ERROR(TP_ERROR_GRAPH, "shared");
        CHECK(tp_data_(x) == NULL);
        CHECK_ERROR(TP_ERROR_GRAPH, "shared");
        tp_set_name(x, "other");
        CHECK_ERROR(TP_ERROR_GRAPH, "shared");
        CHECK(tp_register_hook(x, thread_no_hook, NULL) == 0);
        CHECK(tp_error() != NULL);
        tp_clear_error();
        tp_remove_hook(x, 1);
        tp_cleargrad(x);
        CHECK(!tp_error());
        CHECK_BITS(*(const double *)tp_data(x), first);
        CHECK(tp_share(x) == x);
    }
}

TEST(thread_shared_through_views_is_read_only)
{
    for (int64_t n = 0; n < 10; n += 3) {
        tp_var *x = tp_variable(n ? tp_ones(TP_F64, TP_SHAPE(n)) : tp_num(1));
        tp_var *view = tp_detach(x);
        tp_share(x);
        tp_mul_(view, 2);
        CHECK_ERROR(TP_ERROR_GRAPH, "shared");
        tp_mul_(tp_detach(x), 2);
        CHECK_ERROR(TP_ERROR_GRAPH, "shared");
        CHECK_BITS(*(const double *)tp_data(x), 1);
    }
    tp_var *base = tp_variable(tp_ones(TP_F64, TP_SHAPE(3)));
    tp_share(tp_detach(base));
    tp_mul_(base, 2);
    CHECK_ERROR(TP_ERROR_GRAPH, "shared");
}

TEST(thread_shared_takes_no_gradient)
{
    tp_var *x = thread_leaf(4), *own = tp_variable(3.0), *late = tp_variable(1.0);
    tp_backward(tp_mul(own, own));
    tp_var *y = tp_mul(late, tp_mul(own, tp_sum(tp_mul(x, x))));
    for (int create = 0; create < 2; create++)
        for (int retain = 0; retain < 2; retain++) {
            tp_backward(y, .create_graph = create, .retain_grad = retain);
            CHECK_ERROR(TP_ERROR_GRAPH, "shared x");
            CHECK(!tp_grad(x) && !tp_grad(late) && !tp_grad(y));
            CHECK_BITS(tp_item(tp_grad(own)), 6);
        }
    tp_backward(x);
    CHECK_ERROR(TP_ERROR_GRAPH, "tp_gradients");
    CHECK_BITS(((const double *)tp_data(tp_gradient(y, x)))[0], 6);
}

TEST(thread_share_refuses)
{
    tp_var *x = tp_variable(2.0), *y = tp_mul(x, x);
    CHECK(tp_is_poison(tp_share(y)));
    CHECK_ERROR(TP_ERROR_GRAPH, "share");
    CHECK(tp_is_poison(tp_share(NULL)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "share");
    tp_backward(y);
    CHECK(tp_is_poison(tp_share(x)));
    CHECK_ERROR(TP_ERROR_GRAPH, "gradient");
    tp_cleargrad(x);
    CHECK(tp_share(x) == x && !tp_error());
    CHECK_BITS(tp_item(tp_gradient(y, x)), 4);
    tp_var *detached = tp_share(tp_detach(y));
    CHECK_BITS(tp_item(detached), 4);
    CHECK_BITS(tp_item(tp_gradient(tp_mul(y, detached), x)), 16);
}

/* --- What belongs to a thread --- */

static pthread_mutex_t meeting = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t meeting_moved = PTHREAD_COND_INITIALIZER;
static int meeting_arrived;

/* Returns when all threads have come n times. */
static void thread_meet(int n)
{
    pthread_mutex_lock(&meeting);
    meeting_arrived++;
    pthread_cond_broadcast(&meeting_moved);
    while (meeting_arrived < n * THREADS)
        pthread_cond_wait(&meeting_moved, &meeting);
    pthread_mutex_unlock(&meeting);
}

static void work_own_state(worker *w)
{
    tp_manual_seed((uint64_t)w->number);
    if (w->number % 2)
        tp_set_grad_enabled(false);
    if (w->number == 1)
        tp_matmul(tp_ones(TP_F64, TP_SHAPE(2, 3)), tp_ones(TP_F64, TP_SHAPE(2, 3)));
    size_t mark = tp_scope_begin();
    tp_num(1);
    size_t live = tp_live();
    thread_meet(1);
    w->wrong += tp_is_grad_enabled() != (w->number % 2 == 0);
    w->wrong += (tp_error() != NULL) != (w->number == 1);
    w->wrong += tp_live() != live;
    for (size_t other = mark + 1; other < mark + 20; other++)
        tp_scope_end(other);
    w->wrong += tp_live() != live;
    thread_meet(2);
    tp_clear_error();
    w->value[0] = *(const double *)tp_data(tp_rand(TP_F64, TP_SHAPE(3)));
    thread_meet(3);
}

TEST(thread_errors_scopes_modes_and_seeds_are_its_own)
{
    worker w[THREADS] = {0};
    TP_NO_GRAD();
    tp_fail(TP_ERROR_FILE, "an error of the main thread");
    meeting_arrived = 0;
    workers(work_own_state, w, THREADS);
    CHECK_ERROR(TP_ERROR_FILE, "main thread");
    for (int i = 0; i < THREADS; i++) {
        tp_manual_seed((uint64_t)i);
        CHECK_BITS(w[i].value[0], *(const double *)tp_data(tp_rand(TP_F64, TP_SHAPE(3))));
    }
    CHECK(w[0].value[0] != w[1].value[0]);
    CHECK(!tp_is_grad_enabled());
    tp_set_grad_enabled(true);
}

static atomic_int log_lines;
static char log_line[300];

static void log_keep(const char *line)
{
    atomic_fetch_add(&log_lines, 1);
    snprintf(log_line, sizeof log_line, "%s", line);
}

static tp_var *kept_alone, *kept_shared;

static void *thread_ends_untidily(void *arg)
{
    (void)arg;
    tp_scope_begin();
    tp_var *x = tp_variable(2.0);
    tp_scope_begin();
    tp_backward(tp_mul(x, x), .create_graph = true);
    tp_backward(tp_tanh(tp_mul(x, tp_ones(TP_F64, TP_SHAPE(20)))));
    kept_alone = tp_keep(tp_full(TP_F64, TP_SHAPE(20), 7));
    kept_shared = tp_share(tp_keep(tp_variable(8)));
    tp_exp(kept_shared);
    tp_set_grad_enabled(false);
    tp_log(tp_add(tp_ones(TP_F64, TP_SHAPE(2)), tp_ones(TP_F64, TP_SHAPE(3))));
    return NULL;
}

TEST(thread_ends_with_scopes_error_and_kept_values)
{
    pthread_t thread;
    size_t live = tp_live(), shared = tp_live_shared();
    atomic_store(&log_lines, 0);
    tp_set_log(log_keep);
    CHECK(pthread_create(&thread, NULL, thread_ends_untidily, NULL) == 0);
    pthread_join(thread, NULL);
    tp_set_log(NULL);
    CHECK_INT(atomic_load(&log_lines), 1);
    CHECK(strstr(log_line, "shapes (2,) and (3,)") != NULL);
    CHECK_INT(tp_live_shared(), shared + 1);
    CHECK_INT(tp_live(), live);
    CHECK(!tp_error());
    CHECK_BITS(((const double *)tp_data(kept_alone))[19], 7);
    CHECK_BITS(tp_item(kept_shared), 8);
    tp_free(kept_shared);
    CHECK_INT(tp_live_shared(), shared);
}

/* 0 where the C library does not tell, or a sanitizer has taken its place. */
static size_t bytes_of_process(void)
{
#ifdef HAS_MALLINFO2
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

static void *thread_of_many_values(void *arg)
{
    tp_scope_begin();
    for (int i = 0; i < 20; i++)
        tp_scope_begin();
    tp_name_scope("layer");
    for (int i = 0; i < 2000; i++)
        tp_exp(0.5);
    tp_sum(tp_mul(tp_ones(TP_F64, TP_SHAPE(300)), 2));
    tp_var *parts[20];
    for (int i = 0; i < 20; i++) {
        parts[i] = tp_variable(tp_ones(TP_F64, TP_SHAPE(2)));
        tp_set_name(parts[i], "part");
    }
    for (int i = 0; i < 5; i++)
        tp_gradient(tp_sum(tp_concatenate(parts, 20, 0)), parts[i]);
    tp_set_debug(true);
    tp_exp(0.5);
    return arg;
}

TEST(thread_ends_give_all_memory_back)
{
    size_t before = 0;
    for (int i = 0; i < 120; i++) {
        if (i == 20)
            before = bytes_of_process();
        pthread_t thread;
        if (!CHECK(pthread_create(&thread, NULL, thread_of_many_values, NULL) == 0))
            return;
        pthread_join(thread, NULL);
    }
    size_t after = bytes_of_process();
    CHECK(after <= before + 20000);
}
