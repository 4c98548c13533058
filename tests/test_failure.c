/* SPDX-License-Identifier: MIT
 *
 * Each request for memory fails in turn (failure.h): in the core, in edits, in sweeps and series.
 */
#define _POSIX_C_SOURCE 200809L
#include "failure.h"

/* --- Making, reading, editing --- */

static int released;

static void failure_release(void *arg)
{
    (void)arg;
    released++;
}

static void job_making(findings *found)
{
    static const double numbers[] = {1, 2, 3, 4, 5, 6};
    static double memory[12];
    TP_SCOPE();
    find(found, tp_zeros(TP_F32, TP_SHAPE(3)));
    find(found, tp_full(TP_F64, TP_SHAPE(2, 1, 2, 1), 7));
    find(found, tp_eye(TP_I64, 3));
    find(found, tp_arange(TP_F64, 0, 9, 1));
    find(found, tp_linspace(TP_F32, 0, 1, 3));
    tp_manual_seed(3);
    find(found, tp_rand(TP_F64, TP_SHAPE(5)));
    find(found, tp_randn(TP_F32, TP_SHAPE(3)));
    find(found, tp_array(TP_F64, TP_SHAPE(2, 3), numbers));
    find(found, tp_variable(tp_array(TP_F64, TP_SHAPE(6), numbers)));
    int before = released;
    {
        TP_SCOPE();
        const int64_t strides[] = {4, 2};
        find(found, tp_from_memory(TP_F64, TP_SHAPE(3, 2), strides, memory, failure_release, NULL));
    }
    find_number(found, released - before);
    find_number(found, tp_item(tp_num_int(INT64_MAX - 1)));
    find(found, tp_to(tp_ones(TP_U8, TP_SHAPE(2)), TP_F32));
}

static void job_text(findings *found)
{
    TP_SCOPE();
    tp_var *x = tp_variable(tp_linspace(TP_F64, -1, 1, 12)), *y;
    find_text(found, tp_repr(tp_transpose(tp_reshape(x, TP_SHAPE(3, 4)), 0, 1)));
    tp_set_name(x, "a name that is long enough not to fit into any small place");
    tp_set_name(x, "x");
    y = tp_sum(tp_mul(tp_exp(x), tp_reshape(x, TP_SHAPE(12, 1))));
    find_text(found, tp_get_dot_graph(y, true));
    find_text(found, tp_get_dot_graph(tp_gradient(y, x, .create_graph = true), false));
}

static void job_drawing(findings *found)
{
    TP_SCOPE();
    tp_var *x = tp_variable(2.0), *y = tp_tanh(tp_mul(x, tp_square(x)));
    if (!tp_plot_dot_graph(y, true, "failure.dot"))
        return;
    FILE *file = fopen("failure.dot", "rb");
    if (!file)
        return;
    size_t n = fread(found->text, 1, sizeof found->text - 1, file);
    found->text[n] = 0;
    fclose(file);
    remove("failure.dot");
}

static void job_in_place(findings *found)
{
    TP_SCOPE();
    tp_var *x = tp_zeros(TP_F64, TP_SHAPE(4, 3)), *small = tp_variable(1.0);
    tp_add_(x, tp_arange(TP_F64, 0, 3, 1));
    tp_mul_(x, 2);
    tp_sub_(tp_transpose(x, 0, 1), tp_ones(TP_F32, TP_SHAPE(4)));
    tp_copy_(tp_slice(x, 0, 1, 3, 1), tp_slice(x, 0, 0, 2, 1));
    double *at = tp_data_(small);
    if (at)
        at[0] = 5;
    tp_div_(small, 2);
    find(found, x);
    find(found, small);
}

static void job_sharing(findings *found)
{
    TP_SCOPE();
    tp_var *x = tp_share(tp_variable(2.0)),
           *y = tp_share(tp_variable(tp_ones(TP_F64, TP_SHAPE(9))));
    find(found, tp_detach(x));
    find(found, tp_gradient(tp_sum(tp_mul(x, tp_exp(y))), x, .create_graph = true));
    find(found, tp_gradient(tp_sum(tp_mul(x, tp_slice(y, 0, 2, 7, 2))), y));
}

/* --- Derivatives --- */

static tp_var *failure_goldstein(tp_var *x, tp_var *y)
{
    tp_var *sum = tp_add(tp_add(x, y), 1), *difference = tp_sub(tp_mul(2, x), tp_mul(3, y));
    tp_var *a = tp_add(
        tp_sub(tp_sub(19, tp_mul(14, x)), tp_mul(14, y)),
        tp_add(tp_add(tp_mul(3, tp_pow(x, 2)), tp_mul(tp_mul(6, x), y)), tp_mul(3, tp_pow(y, 2))));
    tp_var *b = tp_add(tp_add(tp_sub(18, tp_mul(32, x)), tp_mul(48, y)),
                       tp_add(tp_sub(tp_mul(12, tp_pow(x, 2)), tp_mul(tp_mul(36, x), y)),
                              tp_mul(27, tp_pow(y, 2))));
    return tp_mul(tp_add(1, tp_mul(tp_pow(sum, 2), a)),
                  tp_add(30, tp_mul(tp_pow(difference, 2), b)));
}

static void find_gradient(findings *found, tp_var *x)
{
    tp_var *g = tp_grad(x);
    find(found, g ? g : tp_scalar(-1));
}

static void job_goldstein(findings *found)
{
    TP_SCOPE();
    tp_var *x = tp_variable(1.0), *y = tp_variable(1.0), *z = failure_goldstein(x, y);
    tp_backward(z, .create_graph = true);
    find(found, z);
    tp_var *gx = tp_grad(x), *gy = tp_grad(y);
    if (!gx || !gy)
        return;
    find(found, gx);
    find(found, gy);
    tp_cleargrad(x);
    tp_cleargrad(y);
    tp_backward(gx, .create_graph = true);
    find_gradient(found, x);
    find_gradient(found, y);
    tp_backward(gy);
    find_gradient(found, y);
}

static void job_newton(findings *found)
{
    TP_SCOPE();
    tp_var *x = tp_variable(2.0);
    for (int i = 0; i < 3; i++) {
        TP_SCOPE();
        tp_cleargrad(x);
        tp_backward(tp_sub(tp_pow(x, 4), tp_mul(2, tp_pow(x, 2))), .create_graph = true);
        tp_var *gx = tp_grad(x);
        tp_cleargrad(x);
        if (gx)
            tp_backward(gx);
        if (gx && tp_grad(x))
            tp_sub_(x, tp_div(gx, tp_grad(x)));
        find(found, x);
    }
}

static void job_derivatives(findings *found)
{
    TP_SCOPE();
    tp_var *x = tp_variable(0.7), *out[4];
    tp_var *parts[] = {tp_reshape(tp_tanh(x), TP_SHAPE(1)), tp_reshape(tp_log(x), TP_SHAPE(1)),
                       tp_reshape(tp_div(tp_sin(x), tp_sqrt(x)), TP_SHAPE(1)),
                       tp_reshape(tp_pow(x, 5), TP_SHAPE(1)),
                       tp_reshape(tp_pow(x, x), TP_SHAPE(1))};
    tp_var *y = tp_concatenate(parts, 5, 0);
    tp_derivatives(y, x, 4, out);
    for (int k = 0; k < 4; k++)
        find(found, out[k]);
    find(found, tp_gradient(tp_sum(out[2]), x));
    find(found, tp_jvp(y, x, tp_full(TP_F64, TP_SHAPE(), 2)));
    find_number(found, (double)tp_leaves(y, 0, NULL));
}

static void job_penalty(findings *found)
{
    static const double input[] = {0.1, -0.2, 0.3}, weights[] = {0.5, -1, 2};
    TP_SCOPE();
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(1, 3), input));
    tp_var *w = tp_variable(tp_array(TP_F64, TP_SHAPE(3, 1), weights));
    tp_var *g = tp_gradient(tp_sum(tp_tanh(tp_matmul(x, w))), x, .create_graph = true);
    tp_var *penalty = tp_square(tp_sub(tp_sqrt(tp_sum(tp_square(g))), 1));
    tp_backward(penalty, .retain_grad = true);
    find(found, penalty);
    find_gradient(found, w);
    find_gradient(found, g);
}

static void job_gradients(findings *found)
{
    TP_SCOPE();
    tp_var *x[12], *g[12], *y = tp_num(0);
    for (int i = 0; i < 12; i++) {
        x[i] = tp_variable(tp_full(TP_F64, TP_SHAPE(1 + i % 2), i));
        y = tp_add(y, tp_sum(tp_square(x[i])));
    }
    tp_gradients(y, x, 12, g, .create_graph = true);
    for (int i = 0; i < 12; i++)
        find(found, g[i]);
    tp_gradients(tp_sum(g[3]), x, 12, g);
    find(found, g[3]);
    find(found, g[11]);
}

static void job_shapes(findings *found)
{
    TP_SCOPE();
    tp_var *x = tp_variable(tp_reshape(tp_arange(TP_F32, 0, 12, 1), TP_SHAPE(2, 3, 2)));
    tp_var *y = tp_permute(x, TP_SHAPE(2, 0, 1));
    y = tp_add(y, tp_ones(TP_F64, TP_SHAPE(3)));
    y = tp_where(tp_gt(y, 3), y, tp_maximum(y, tp_mean(y, .axes = TP_AXES(1), .keepdims = true)));
    y = tp_matmul(y, tp_select(x, 0, 0));
    find(found, y);
    find(found, tp_gradient(tp_sum(tp_mul(y, y)), x, .create_graph = true));
    y = tp_slice_scatter(
        tp_expand(tp_unsqueeze(tp_sum(x, .axes = TP_AXES(0, 2)), 0), TP_SHAPE(2, -1)),
        tp_slice(tp_max(x, .axes = TP_AXES(2)), 1, 0, 2, 1), 1, 1, 3, 1);
    find(found, y);
    find(found, tp_gradient(tp_sum(tp_square(y)), x, .create_graph = true));
}

/* --- Hooks and users' functions --- */

static tp_var *failure_double(void *ctx, tp_var *gradient)
{
    ++*(int *)ctx;
    return tp_mul(gradient, 2);
}

static void job_hooks(findings *found)
{
    TP_SCOPE();
    int calls = 0;
    tp_var *x = tp_variable(3.0), *m = tp_mul(x, x), *y = tp_mul(m, m);
    uint32_t on_x = tp_register_hook(x, failure_double, &calls);
    uint32_t first = tp_register_hook(m, failure_double, &calls);
    uint32_t second = tp_register_hook(m, failure_double, &calls);
    tp_backward(y, .create_graph = true);
    find_gradient(found, x);
    tp_remove_hook(m, first);
    tp_remove_hook(m, second);
    tp_backward(y);
    find_gradient(found, x);
    tp_remove_hook(x, on_x);
    find_number(found, calls);
}

static void polar_forward(void *ctx, tp_var *const *in, tp_var **out)
{
    (void)ctx;
    out[0] = tp_mul(in[0], tp_cos(in[1]));
    out[1] = tp_mul(in[0], tp_sin(in[1]));
    out[2] = tp_eq(in[0], in[1]);
}

static void polar_backward(void *ctx, tp_var *const *in, tp_var *const *out, tp_var *const *gout,
                           tp_var **gin)
{
    (void)ctx;
    tp_var *gx = gout[0] ? gout[0] : tp_num(0), *gy = gout[1] ? gout[1] : tp_num(0);
    gin[0] = tp_div(tp_add(tp_mul(gx, out[0]), tp_mul(gy, out[1])), in[0]);
    gin[1] = tp_sub(tp_mul(gy, out[0]), tp_mul(gx, out[1]));
}

static void polar_jvp(void *ctx, tp_var *const *in, tp_var *const *out, tp_var *const *din,
                      tp_var **dout)
{
    (void)ctx;
    tp_var *dr = din[0] ? din[0] : tp_num(0), *turn = din[1] ? din[1] : tp_num(0);
    tp_var *grow = tp_div(dr, in[0]);
    dout[0] = tp_sub(tp_mul(out[0], grow), tp_mul(out[1], turn));
    dout[1] = tp_add(tp_mul(out[1], grow), tp_mul(out[0], turn));
}

static const tp_function polar = {
    .size = sizeof(tp_function),
    .name = "Polar",
    .n_in = 2,
    .n_out = 3,
    .forward = polar_forward,
    .backward = polar_backward,
    .reads = TP_READS_INPUTS | TP_READS_OUTPUTS,
    .jvp = polar_jvp,
};

static void job_users_function(findings *found)
{
    TP_SCOPE();
    tp_var *in[] = {tp_variable(2.0), tp_variable(0.5)}, *out[3], *g[2];
    tp_apply(&polar, NULL, in, out);
    find(found, out[2]);
    tp_var *y = tp_mul(out[0], tp_square(out[1]));
    tp_gradients(y, in, 2, g, .create_graph = true);
    find(found, g[0]);
    find(found, g[1]);
    tp_backward(g[1]);
    find_gradient(found, in[0]);
    find_text(found, tp_get_dot_graph(y, false));
}

/* The first output is dropped before the sweep: its shadow must serve. */
static void job_dropped_output(findings *found)
{
    TP_SCOPE();
    tp_var *in[] = {tp_variable(2.0), tp_variable(0.5)}, *y, *g[2];
    {
        TP_SCOPE();
        tp_var *out[3];
        tp_apply(&polar, NULL, in, out);
        y = tp_leave(out[1]);
    }
    tp_gradients(y, in, 2, g, .create_graph = true);
    find(found, g[0]);
    find(found, tp_gradient(g[1], in[0]));
}

static void job_function_forwards(findings *found)
{
    TP_SCOPE();
    tp_var *x = tp_variable(2.0), *in[] = {x, tp_mul(x, 0.25)}, *out[3], *d[3];
    tp_apply(&polar, NULL, in, out);
    tp_derivatives(tp_mul(out[0], tp_square(out[1])), x, 3, d);
    for (int k = 0; k < 3; k++)
        find(found, d[k]);
    find(found, tp_gradient(d[2], x));
}

/* What a layer dropped is made again, or done without. */
static void job_closed_scope(findings *found)
{
    TP_SCOPE();
    tp_var *x = tp_variable(tp_linspace(TP_F64, 0, 1, 6)), *y, *d[2];
    {
        TP_SCOPE();
        tp_var *sum = tp_add(tp_sin(tp_mul(x, 2)), tp_linspace(TP_F64, 1, 2, 6));
        y = tp_leave(tp_mul(tp_tanh(sum), tp_cos(tp_sin(x))));
    }
    tp_taylor(y, x, tp_ones(TP_F64, TP_SHAPE(6)), 2, d);
    find(found, d[0]);
    find(found, d[1]);
    find(found, tp_hvp(tp_sum(y), x, d[0]));
}

static void job_branch(findings *found)
{
    TP_SCOPE();
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(2), ((double[]){1, HUGE_VAL})));
    tp_var *y = tp_sum(tp_where(tp_isfinite(x), tp_atan(x), 0));
    tp_var *g = tp_gradient(y, x, .create_graph = true);
    find(found, tp_jvp(g, x, tp_ones(TP_F64, TP_SHAPE(2))));
    find(found, tp_gradient(tp_sum(g), x));
}

FAILURE_TEST(making)
FAILURE_TEST(text)
FAILURE_TEST(drawing)
FAILURE_TEST(in_place)
FAILURE_TEST(sharing)
FAILURE_TEST(goldstein)
FAILURE_TEST(newton)
FAILURE_TEST(derivatives)
FAILURE_TEST(penalty)
FAILURE_TEST(gradients)
FAILURE_TEST(shapes)
FAILURE_TEST(hooks)
FAILURE_TEST(users_function)
FAILURE_TEST(dropped_output)
FAILURE_TEST(function_forwards)
FAILURE_TEST(closed_scope)
FAILURE_TEST(branch)

/* --- A sweep that fails leaves every gradient as it was --- */

typedef struct gradient_state {
    const tp_var *gradient;
    double value[8];
    bool graph;
} gradient_state;

static gradient_state state_of(tp_var *x)
{
    tp_var *g = tp_grad(x);
    gradient_state state = {.gradient = g};
    if (g) {
        memcpy(state.value, tp_data(g), (size_t)tp_size(g) * sizeof(double));
        state.graph = tp_requires_grad(g);
    }
    return state;
}

static bool state_same(const gradient_state *a, const gradient_state *b)
{
    return a->gradient == b->gradient && a->graph == b->graph &&
           !memcmp(a->value, b->value, sizeof a->value);
}

enum { FAILURE_LEAVES = 6 };

static void leaves_new(tp_var **x)
{
    for (int i = 0; i < FAILURE_LEAVES; i++) {
        x[i] = tp_variable(i % 2 ? tp_num(0.3 + i) : tp_linspace(TP_F64, 0.1, 1, 3 + i));
        if (i < 4)
            tp_backward(tp_sum(tp_exp(x[i])), .create_graph = i >= 2);
    }
}

/* Makes each request of a sweep fail in turn until one sweep gets through. */
static void disturb_sweep(tp_var *y, tp_var **x, bool create, bool retain)
{
    gradient_state before[FAILURE_LEAVES], after[FAILURE_LEAVES];
    for (int i = 0; i < FAILURE_LEAVES; i++)
        before[i] = state_of(x[i]);
    for (size_t n = 1;; n++) {
        tp__alloc_fail_at(n);
        tp_backward(y, .create_graph = create, .retain_grad = retain);
        size_t requests = tp__alloc_fail_at(0);
        if (!tp_error()) {
            CHECK(requests < n);
            break;
        }
        CHECK_ERROR(TP_ERROR_MEMORY, "out of memory");
        CHECK(!tp_grad(y));
        for (int i = 0; i < FAILURE_LEAVES; i++) {
            after[i] = state_of(x[i]);
            test_check(state_same(&before[i], &after[i]), __FILE__, __LINE__,
                       "request %zu: the gradient of leaf %d changed", n, i);
        }
    }
}

TEST(failure_leaves_gradients_as_they_were)
{
    for (int mode = 0; mode < 4; mode++) {
        TP_SCOPE();
        tp_var *x[FAILURE_LEAVES], *y = tp_num(0);
        leaves_new(x);
        for (int i = 0; i < FAILURE_LEAVES; i++)
            y = tp_add(y, tp_sum(tp_tanh(tp_mul(x[i], x[(i + 1) % 2]))));
        y = tp_mul(y, tp_sum(tp_matmul(x[2], tp_reshape(x[2], TP_SHAPE(5, 1)))));
        tp_var *g[FAILURE_LEAVES];
        gradient_state before[FAILURE_LEAVES];
        tp_gradients(y, x, FAILURE_LEAVES, g);
        for (int i = 0; i < FAILURE_LEAVES; i++)
            before[i] = state_of(x[i]);
        disturb_sweep(y, x, mode & 1, mode & 2);
        for (int i = 0; i < FAILURE_LEAVES; i++)
            CHECK_CLOSE(((const double *)tp_data(tp_grad(x[i])))[0],
                        before[i].value[0] + ((const double *)tp_data(g[i]))[0], 1e-12);
    }
}

static tp_var *failure_refuse(void *ctx, tp_var *gradient)
{
    (void)gradient;
    return *(bool *)ctx ? tp_fail(TP_ERROR_ARGUMENT, "the hook refuses") : NULL;
}

/* Errors other than memory: a hook's, and an edit found late in the sweep. */
TEST(failure_by_hook_or_edit_leaves_gradients)
{
    for (int mode = 0; mode < 8; mode++) {
        TP_SCOPE();
        bool refuse = true;
        tp_var *x[FAILURE_LEAVES], *y = tp_num(0), *c = tp_scalar(2);
        leaves_new(x);
        for (int i = 0; i < FAILURE_LEAVES; i++)
            y = tp_add(y, tp_sum(tp_sin(x[i])));
        y = tp_add(y, tp_mul(tp_square(tp_mul(tp_sum(x[0]), c)), 3));
        if (mode & 4)
            tp_register_hook(x[5], failure_refuse, &refuse);
        else
            tp_mul_(c, 2);
        gradient_state before[FAILURE_LEAVES];
        for (int i = 0; i < FAILURE_LEAVES; i++)
            before[i] = state_of(x[i]);
        tp_backward(y, .create_graph = mode & 1, .retain_grad = mode & 2);
        CHECK_ERROR(mode & 4 ? TP_ERROR_ARGUMENT : TP_ERROR_GRAPH, mode & 4 ? "refuses" : "mul");
        for (int i = 0; i < FAILURE_LEAVES; i++) {
            gradient_state after = state_of(x[i]);
            CHECK(state_same(&before[i], &after));
        }
        CHECK(!tp_grad(y));
        refuse = false;
        if (mode & 4) {
            tp_backward(y);
            CHECK_BITS(tp_item(tp_grad(x[5])), tp_item(tp_cos(x[5])));
        }
    }
}

TEST(failure_while_an_error_is_pending_nothing_changes)
{
    tp_var *x = tp_variable(2.0), *y = tp_mul(x, x), *g;
    tp_backward(y);
    tp_fail(TP_ERROR_ARGUMENT, "first");
    tp_fail(TP_ERROR_SHAPE, "second");
    tp_backward(y);
    tp_backward(y, .create_graph = true);
    tp_add_(x, 1);
    CHECK(tp_data_(x) == NULL);
    g = tp_gradient(y, x);
    CHECK(tp_is_poison(g));
    CHECK_BITS(tp_item(x), 2);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "first");
    CHECK_BITS(tp_item(tp_grad(x)), 4);
    tp_add(g, 1);
    CHECK_ERROR(TP_ERROR_GRAPH, "");
}
