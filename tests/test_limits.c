/* SPDX-License-Identifier: MIT
 *
 * Long, deep and wide: memory stays flat over many iterations, no walk over the graph recurses, and
 * no cost grows faster than the graph. Deep graphs run on a thread whose stack holds a few hundred
 * frames at most.
 */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LIMITS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define LIMITS_SANITIZED 1
#endif
#endif
#ifndef LIMITS_SANITIZED
#define LIMITS_SANITIZED 0
#endif

static bool limits_small(void)
{
    return LIMITS_SANITIZED || test_short();
}

/* --- Many iterations --- */

/* Bytes of memory in use; where the system does not say, the most there ever were. */
static double limits_memory(void)
{
    long total, resident;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        int n = fscanf(file, "%ld %ld", &total, &resident);
        fclose(file);
        if (n == 2)
            return (double)resident * (double)sysconf(_SC_PAGESIZE);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss * 1024;
}

typedef bool limits_step(tp_var *x);

/* Runs step n times: all of them succeed, and after a tenth nothing grows. */
static void limits_repeat(limits_step *step, tp_var *x, int n)
{
    double warm = 0;
    size_t live = tp_live();
    int wrong = 0;
    for (int i = 0; i < n; i++) {
        if (i == n / 10)
            warm = limits_memory();
        wrong += !step(x);
    }
    double grown = limits_memory() - warm;
    CHECK_INT(wrong, 0);
    CHECK_INT(tp_live(), live);
    if (!limits_small())
        test_check(grown < 1e6, __FILE__, __LINE__, "%g bytes more after %d iterations", grown, n);
}

/* What malloc is given back below what it still lends stays with it; large arrays do not. */
TEST(large_arrays_go_back_to_the_system)
{
#if defined(__linux__)
    void *volatile large = malloc((size_t)24 << 20);
    free(large); /* from here on malloc takes blocks of this size from its heap */
    double before = limits_memory();
    size_t scope = tp_scope_begin();
    CHECK(tp_data(tp_full(TP_F32, TP_SHAPE(4 << 20), 1)) != NULL);
    void *volatile above = malloc(200000);
    memset(above, 1, 200000);
    tp_scope_end(scope);
    tp_trim_memory();
    if (!LIMITS_SANITIZED)
        CHECK(limits_memory() - before < 2e6);
    free(above);
#endif
}

static tp_var *limits_well(tp_var *x)
{
    return tp_sub(tp_pow(x, 4), tp_mul(2, tp_pow(x, 2)));
}

static bool limits_second_order(tp_var *x)
{
    TP_SCOPE();
    tp_cleargrad(x);
    tp_backward(limits_well(x), .create_graph = true);
    tp_var *first = tp_grad(x);
    tp_cleargrad(x);
    tp_backward(first);
    bool good = tp_item(first) == 24 && tp_item(tp_grad(x)) == 44;
    tp_cleargrad(x);
    return good;
}

/* The gradient is never cleared: x would hold its graph for ever if x owned it. */
static bool limits_never_cleared(tp_var *x)
{
    TP_SCOPE();
    tp_backward(limits_well(x), .create_graph = true, .retain_grad = true);
    tp_backward(tp_square(tp_grad(x)), .create_graph = true);
    return tp_item(tp_grad(x)) == 24 + 2 * 24 * 44;
}

static bool limits_array_penalty(tp_var *x)
{
    TP_SCOPE();
    tp_var *y = tp_sum(tp_tanh(tp_mul(x, x)));
    tp_var *g = tp_gradient(y, x, .create_graph = true);
    tp_backward(tp_sum(tp_square(g)), .create_graph = true);
    bool good = tp_size(tp_grad(x)) == 100 && isfinite(*(const double *)tp_data(tp_grad(x)));
    return good && !tp_error();
}

static bool limits_failing(tp_var *x)
{
    TP_SCOPE();
    tp_backward(
        tp_matmul(tp_mul(x, tp_ones(TP_F64, TP_SHAPE(2, 3))), tp_ones(TP_F64, TP_SHAPE(2))));
    bool good = tp_status() == TP_ERROR_SHAPE && !tp_grad(x);
    tp_clear_error();
    return good;
}

TEST(limits_create_graph_300000_times)
{
    limits_repeat(limits_second_order, tp_variable(2.0), limits_small() ? 5000 : 300000);
}

TEST(limits_create_graph_never_cleared)
{
    limits_repeat(limits_never_cleared, tp_variable(2.0), limits_small() ? 3000 : 100000);
}

TEST(limits_create_graph_of_arrays)
{
    tp_var *x = tp_variable(tp_linspace(TP_F64, -2, 2, 100));
    limits_repeat(limits_array_penalty, x, limits_small() ? 500 : 20000);
}

TEST(limits_errors_in_a_loop)
{
    limits_repeat(limits_failing, tp_variable(2.0), limits_small() ? 2000 : 50000);
}

TEST(limits_million_handles)
{
    int n = limits_small() ? 100000 : 1000000;
    size_t live = tp_live(), mark = tp_scope_begin();
    tp_var *x = tp_keep(tp_scalar(1));
    for (int i = 0; i < n; i++)
        tp_leave(tp_num(i));
    CHECK_INT(tp_live(), live + (size_t)n + 1);
    tp_free(x);
    tp_scope_end(mark);
    CHECK(tp_live() >= live);
}

/* --- Deep --- */

enum { LIMITS_STACK = 64 * 1024 };

static void limits_on_small_stack(void *(*run)(void *), void *arg)
{
    pthread_attr_t attributes;
    pthread_t thread;
    size_t size = LIMITS_SANITIZED ? 4 * LIMITS_STACK : LIMITS_STACK;
    if (size < (size_t)PTHREAD_STACK_MIN)
        size = (size_t)PTHREAD_STACK_MIN;
    pthread_attr_init(&attributes);
    CHECK(pthread_attr_setstacksize(&attributes, size) == 0);
    int refused = pthread_create(&thread, &attributes, run, arg);
    if (refused && size < 2 * LIMITS_STACK) { /* OpenBLAS's thread-local data takes 60 KB of it */
        pthread_attr_setstacksize(&attributes, 2 * LIMITS_STACK);
        refused = pthread_create(&thread, &attributes, run, arg);
    }
    if (CHECK(refused == 0))
        pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
}

/* Only the last result of a chain has a handle: the others live through it alone. */
static tp_var *limits_chain(tp_var *x, int n, tp_var *(*op)(tp_var *, tp_var *))
{
    tp_var *y = tp_keep(op(x, x));
    for (int i = 1; i < n; i++) {
        TP_SCOPE();
        tp_var *next = tp_keep(op(y, x));
        tp_free(y);
        y = next;
    }
    TP_SCOPE();
    tp_leave(y);
    tp_free(y);
    return y;
}

static void *limits_deep_number(void *arg)
{
    int n = *(int *)arg;
    size_t live = tp_live(), mark = tp_scope_begin();
    tp_var *x = tp_variable(1.0), *y = limits_chain(x, n, (tp_mul));
    CHECK_INT(tp_live(), live + (size_t)n + 2);
    CHECK_INT(tp_generation(y), n);
    tp_backward(y);
    CHECK_BITS(tp_item(tp_grad(x)), n + 1);
    tp_backward(y);
    CHECK_BITS(tp_item(tp_grad(x)), 2 * (n + 1));
    FILE *file = fopen("/dev/null", "w");
    CHECK(file && tp_write_dot_graph(y, false, file));
    if (file)
        fclose(file);
    tp_scope_end(mark);
    CHECK_INT(tp_live(), live);
    CHECK(!tp_error());
    return NULL;
}

TEST(limits_ten_million_deep)
{
    int n = limits_small() ? 100000 : 10000000;
    limits_on_small_stack(limits_deep_number, &n);
}

/* Graphviz goes over a graph by recursion. */
static void *limits_layout(void *arg)
{
    size_t mark = tp_scope_begin();
    tp_var *x = tp_variable(1.0), *y = limits_chain(x, *(int *)arg, (tp_mul));
    bool drawn = tp_draw_graph(y, "limits.svg", .layout = "dot");
    CHECK(drawn || tp_status() == TP_ERROR_MISSING);
    tp_clear_error();
    tp_scope_end(mark);
    return NULL;
}

TEST(limits_layout_of_a_chain)
{
    int n = 60;
    limits_on_small_stack(limits_layout, &n);
}

/* d²/dx² of xⁿ⁺¹ at 1, by a sweep over a recorded sweep and by Taylor. */
static void *limits_deep_orders(void *arg)
{
    double n = *(int *)arg;
    size_t live = tp_live(), mark = tp_scope_begin();
    tp_var *x = tp_variable(1.0), *y = limits_chain(x, *(int *)arg, (tp_mul)), *taylor[2];
    tp_var *first = tp_gradient(y, x, .create_graph = true), *leaves[2];
    CHECK_BITS(tp_item(first), n + 1);
    CHECK_CLOSE(tp_item(tp_gradient(first, x)), (n + 1) * n, 1e-12);
    tp_backward(y, .create_graph = true, .retain_grad = true);
    CHECK_BITS(tp_item(tp_grad(x)), n + 1);
    tp_derivatives(y, x, 2, taylor);
    CHECK_BITS(tp_item(taylor[0]), n + 1);
    CHECK_CLOSE(tp_item(taylor[1]), (n + 1) * n, 1e-12);
    CHECK_INT(tp_leaves(first, 2, leaves), 1);
    CHECK(leaves[0] == x);
    char *text = tp_get_dot_graph(y, false);
    CHECK(text && strlen(text) > (size_t) * (int *)arg * 80);
    free(text);
    tp_scope_end(mark);
    CHECK_INT(tp_live(), live);
    CHECK(!tp_error());
    return NULL;
}

TEST(limits_deep_orders_of_derivative)
{
    int n = limits_small() ? 20000 : 200000;
    limits_on_small_stack(limits_deep_orders, &n);
}

static tp_var *limits_join(tp_var *y, tp_var *x)
{
    tp_var *parts[] = {tp_slice(y, 0, 0, 1, 1), x, x};
    return tp_slice(tp_concatenate(parts, 3, 0), 0, 1, INT64_MAX, 1);
}

static tp_var *limits_where(tp_var *y, tp_var *x)
{
    return tp_where(tp_gt(x, 0), tp_add(y, tp_num(1)), x);
}

static void *limits_deep_arrays(void *arg)
{
    static tp_var *(*const links[])(tp_var *, tp_var *) = {(tp_add), limits_where, limits_join};
    for (int i = 0; i < 3; i++) {
        size_t live = tp_live(), mark = tp_scope_begin();
        tp_var *x = tp_variable(tp_ones(TP_F32, TP_SHAPE(20)));
        if (i == 2)
            x = tp_variable(tp_ones(TP_F32, TP_SHAPE(1)));
        tp_var *y = limits_chain(x, *(int *)arg, links[i]);
        tp_backward(y);
        CHECK(tp_grad(x) != NULL);
        FILE *file = fopen("/dev/null", "w");
        CHECK(file && tp_write_dot_graph(y, false, file));
        if (file)
            fclose(file);
        tp_scope_end(mark);
        CHECK_INT(tp_live(), live);
        CHECK(!tp_error());
        tp_clear_error();
    }
    return NULL;
}

TEST(limits_deep_arrays_and_views)
{
    int n = limits_small() ? 5000 : 50000;
    limits_on_small_stack(limits_deep_arrays, &n);
}

static void pair_forward(void *ctx, tp_var *const *in, tp_var **out)
{
    (void)ctx;
    out[0] = tp_add(in[0], in[1]);
    out[1] = tp_sub(in[0], in[1]);
}

static void pair_backward(void *ctx, tp_var *const *in, tp_var *const *out, tp_var *const *gout,
                          tp_var **gin)
{
    (void)ctx, (void)in, (void)out;
    tp_var *a = gout[0] ? gout[0] : tp_num(0), *b = gout[1] ? gout[1] : tp_num(0);
    gin[0] = tp_add(a, b);
    gin[1] = tp_sub(a, b);
}

static const tp_function pair = {sizeof(tp_function), "Pair",        2, 2,
                                 pair_forward,        pair_backward, 0, NULL};

/* (a, b) ← (a + b, a − b) / 2, of which two steps halve both. */
static void *limits_deep_calls(void *arg)
{
    int n = *(int *)arg;
    size_t live = tp_live(), mark = tp_scope_begin();
    tp_var *x = tp_variable(3.0), *y = tp_variable(1.0), *at[] = {x, y};
    for (int i = 0; i < n; i++) {
        tp_var *out[2];
        tp_apply(&pair, NULL, at, out);
        at[0] = out[0];
        at[1] = out[1];
        if (i % 2) {
            at[0] = tp_mul(0.5, at[0]);
            at[1] = tp_mul(0.5, at[1]);
        }
    }
    CHECK_BITS(tp_item(at[0]), 3);
    tp_backward(at[0]);
    CHECK_BITS(tp_item(tp_grad(x)), 1);
    CHECK_BITS(tp_item(tp_grad(y)), 0);
    tp_scope_end(mark);
    CHECK_INT(tp_live(), live);
    CHECK(!tp_error());
    return NULL;
}

TEST(limits_deep_calls_of_users_functions)
{
    int n = limits_small() ? 10000 : 100000;
    limits_on_small_stack(limits_deep_calls, &n);
}

static tp_var *limits_layer(tp_var *y, tp_var *x)
{
    (void)x;
    return tp_add(tp_mul(tp_add(y, 0.5), 0.5), 0.25);
}

/* y ← y/2 + 1/2, whose elements are gone when the series asks whether they can be made again. */
static void *limits_deep_series(void *arg)
{
    size_t live = tp_live(), mark = tp_scope_begin();
    tp_var *x = tp_variable(tp_zeros(TP_F64, TP_SHAPE(20)));
    tp_var *y = tp_sin(limits_chain(x, *(int *)arg, limits_layer));
    CHECK_BITS(tp_item(tp_max(tp_jvp(y, x, tp_ones(TP_F64, TP_SHAPE(20))))), 0);
    CHECK_CLOSE(tp_item(tp_max(y)), sin(1), 1e-15);
    tp_scope_end(mark);
    CHECK_INT(tp_live(), live);
    CHECK(!tp_error());
    return NULL;
}

TEST(limits_series_of_what_is_gone)
{
    int n = limits_small() ? 5000 : 50000;
    limits_on_small_stack(limits_deep_series, &n);
}

/* --- Wide --- */

static tp_var *limits_sum_of_squares(tp_var **x, int n)
{
    TP_SCOPE();
    tp_var *y = tp_square(x[0]);
    for (int i = 1; i < n; i++)
        y = tp_add(y, tp_square(x[i]));
    return tp_leave(y);
}

/* A ready list that is sorted again at each step would take hours here, not a moment. */
TEST(limits_half_a_million_leaves)
{
    int n = limits_small() ? 50000 : 500000;
    tp_var **x = malloc((size_t)n * sizeof *x);
    for (int i = 0; i < n; i++)
        x[i] = tp_variable(i);
    tp_var *y = limits_sum_of_squares(x, n);
    tp_backward(y);
    tp_backward(y);
    CHECK_BITS(tp_item(tp_grad(x[0])), 0);
    CHECK_BITS(tp_item(tp_grad(x[n - 1])), 4.0 * (n - 1));
    free(x);
}

TEST(limits_hundred_thousand_consumers)
{
    int n = limits_small() ? 20000 : 100000;
    tp_var *x = tp_variable(2.0), *y = tp_num(0);
    tp_var **parts = malloc((size_t)n * sizeof *parts);
    for (int i = 0; i < n; i++)
        parts[i] = tp_mul(x, i);
    for (int width = n; width > 1; width = (width + 1) / 2)
        for (int i = 0; i < width / 2; i++)
            parts[i] = tp_add(parts[i], parts[width - 1 - i]);
    y = tp_square(parts[0]);
    double sum = 0.5 * (double)n * (double)(n - 1);
    tp_backward(y);
    CHECK_CLOSE(tp_item(tp_grad(x)), 4 * sum * sum, 1e-12);
    tp_var *first = tp_gradient(y, x, .create_graph = true);
    CHECK_CLOSE(tp_item(tp_gradient(first, x)), 2 * sum * sum, 1e-12);
    CHECK_INT(tp_leaves(y, 0, NULL), 1);
    free(parts);
}

/* Every leaf at once: as many gradients as there are leaves, in one sweep. */
TEST(limits_gradients_of_many)
{
    int n = limits_small() ? 2000 : 50000;
    tp_var **x = malloc((size_t)n * sizeof *x), **g = malloc((size_t)n * sizeof *g);
    for (int i = 0; i < n; i++)
        x[i] = tp_variable(i);
    tp_var *y = limits_sum_of_squares(x, n);
    tp_gradients(y, x, n, g, .create_graph = true);
    int wrong = 0;
    for (int i = 0; i < n; i++)
        wrong += tp_item(g[i]) != 2 * i;
    CHECK_INT(wrong, 0);
    CHECK_INT(tp_leaves(y, (size_t)n, g), n);
    CHECK_BITS(tp_item(tp_gradient(tp_gradient(y, x[7], .create_graph = true), x[7])), 2);
    free(x);
    free(g);
}

static int limits_count(const char *text, const char *what)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

TEST(limits_concatenate_5000)
{
    enum { N = 5000 };
    static tp_var *x[N];
    for (int i = 0; i < N; i++)
        x[i] = tp_variable(tp_full(TP_F64, TP_SHAPE(1 + i % 3), i));
    tp_var *joined = tp_concatenate(x, N, 0), *y = tp_sum(tp_square(joined));
    CHECK_INT(tp_size(joined), 1 + 2 + N / 3 * 6);
    tp_backward(y);
    int wrong = 0;
    for (int i = 0; i < N; i++) {
        tp_var *g = tp_grad(x[i]);
        wrong += tp_size(g) != 1 + i % 3 || ((const double *)tp_data(g))[i % 3] != 2 * i;
    }
    CHECK_INT(wrong, 0);
    tp_var *first = tp_gradient(y, x[N - 1], .create_graph = true);
    CHECK_BITS(*(const double *)tp_data(tp_gradient(first, x[N - 1])), 2);
    char *text = tp_get_dot_graph(y, false);
    CHECK_INT(limits_count(text, "color=orange"), N + 3);
    CHECK_INT(limits_count(text, "color=lightblue"), 3);
    CHECK_INT(limits_count(text, " -> "), N + 5);
    free(text);
}

static void many_forward(void *ctx, tp_var *const *in, tp_var **out)
{
    for (int i = 0; i < *(int *)ctx; i++)
        out[i] = tp_mul(in[i], i);
}

static void many_backward(void *ctx, tp_var *const *in, tp_var *const *out, tp_var *const *gout,
                          tp_var **gin)
{
    (void)in, (void)out;
    for (int i = 0; i < *(int *)ctx; i++)
        gin[i] = gout[i] ? tp_mul(gout[i], i) : NULL;
}

TEST(limits_function_of_many_inputs_and_outputs)
{
    enum { N = 2000 };
    static tp_var *x[N], *y[N];
    int n = N;
    tp_function many = {sizeof many, "Many", N, N, many_forward, many_backward, 0, NULL};
    for (int i = 0; i < N; i++)
        x[i] = tp_variable(i);
    tp_apply(&many, &n, x, y);
    tp_backward(limits_sum_of_squares(y, N));
    CHECK_BITS(tp_item(tp_grad(x[N - 1])), 2.0 * (N - 1) * (N - 1) * (N - 1));
    CHECK_BITS(tp_item(tp_grad(x[1])), 2);
}

/* --- Sweeps inside sweeps --- */

typedef struct nest {
    tp_var *x, *y;
    int left, reached;
} nest;

static tp_var *nest_hook(void *ctx, tp_var *gradient)
{
    nest *state = ctx;
    state->reached++;
    if (state->left-- > 0)
        tp_gradient(state->y, state->x);
    return gradient;
}

TEST(limits_sweeps_inside_sweeps)
{
    tp_var *x = tp_variable(3.0), *middle = tp_mul(x, x), *y = tp_mul(middle, 2);
    nest state = {x, y, 200, 0};
    uint32_t id = tp_register_hook(middle, nest_hook, &state);
    tp_backward(y);
    CHECK_INT(state.reached, 201);
    CHECK_BITS(tp_item(tp_grad(x)), 12);
    state = (nest){x, y, INT_MAX, 0};
    tp_backward(y);
    CHECK_ERROR(TP_ERROR_GRAPH, "deep");
    CHECK_BITS(tp_item(tp_grad(x)), 12);
    tp_remove_hook(middle, id);
    tp_backward(y);
    CHECK_BITS(tp_item(tp_grad(x)), 24);
}
