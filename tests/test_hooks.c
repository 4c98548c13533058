/* SPDX-License-Identifier: MIT
 *
 * Hooks on a variable's gradient: when they run, in which order, what they may do.
 */
#include "elements.h"

/* What the hooks of a test did: the first element of each gradient they saw. */
static double seen[32];
static int n_seen;

static tp_var *look(void *ctx, tp_var *gradient)
{
    (void)ctx;
    if (n_seen < 32)
        seen[n_seen++] = at(gradient, 0);
    return NULL;
}

static tp_var *scale(void *ctx, tp_var *gradient)
{
    look(NULL, gradient);
    return tp_mul(gradient, *(const double *)ctx);
}

static tp_var *variable(int64_t n)
{
    n_seen = 0;
    return tp_variable(n ? counting(TP_F64, TP_SHAPE(n)) : tp_scalar(1));
}

TEST(a_hook_sees_the_finished_gradient_once)
{
    for (int64_t n = 0; n < 7; n += 3)
        for (int graph = 0; graph < 2; graph++) {
            tp_var *x = variable(n), *a = tp_mul(x, 2), *y = tp_add(tp_square(a), tp_mul(a, 3));
            CHECK(tp_register_hook(x, look, NULL) != 0);
            CHECK(tp_register_hook(a, look, NULL) != 0);
            CHECK(tp_register_hook(y, look, NULL) != 0);
            tp_backward(y, .create_graph = graph);
            CHECK_INT(n_seen, 3);
            CHECK(seen[0] == 1 && seen[1] == 7 && seen[2] == 14);
            tp_gradient(y, x, .create_graph = graph);
            CHECK_INT(n_seen, 6);
            CHECK(seen[3] == 1 && seen[4] == 7 && seen[5] == 14);
            CHECK_BITS(at(tp_grad(x), 0), 14);
            n_seen = 0;
            tp_backward(tp_mul(variable(n), 2));
            CHECK_INT(n_seen, 0);
        }
}

TEST(replacements_chain_in_the_order_of_registration)
{
    static const double two = 2, ten = 10;
    for (int64_t n = 0; n < 7; n += 3)
        for (int graph = 0; graph < 2; graph++) {
            tp_var *x = variable(n), *a = tp_mul(x, 3), *y = tp_mul(a, 1);
            tp_register_hook(a, scale, (void *)&two);
            tp_register_hook(a, look, NULL);
            tp_register_hook(a, scale, (void *)&ten);
            tp_register_hook(x, scale, (void *)&ten);
            tp_backward(y, .create_graph = graph, .retain_grad = true);
            CHECK_INT(n_seen, 4);
            CHECK(seen[0] == 1 && seen[1] == 2 && seen[2] == 2 && seen[3] == 60);
            CHECK_BITS(at(tp_grad(a), 0), 20);
            CHECK_BITS(at(tp_grad(x), 0), 600);
            CHECK_BITS(at(tp_gradient(y, x), 0), 600);
        }
}

TEST(a_recorded_replacement_can_be_differentiated)
{
    static const double two = 2;
    for (int64_t n = 0; n < 7; n += 6) {
        tp_var *x = variable(n), *y = tp_pow(x, 3);
        tp_register_hook(x, scale, (void *)&two);
        tp_var *g = tp_gradient(y, x, .create_graph = true);
        CHECK_BITS(at(g, 0), 6);
        CHECK_BITS(at(tp_gradient(g, x), 0), 24);
    }
}

TEST(a_removed_hook_is_not_called)
{
    tp_var *x = variable(0), *y = tp_mul(x, 2);
    uint32_t a = tp_register_hook(x, look, NULL), b = tp_register_hook(x, look, NULL);
    CHECK(a && b && a != b);
    tp_remove_hook(x, a);
    tp_backward(y);
    CHECK_INT(n_seen, 1);
    tp_remove_hook(x, a);
    tp_remove_hook(x, 999);
    tp_remove_hook(x, b);
    tp_remove_hook(tp_scalar(1), b);
    tp_backward(y);
    CHECK_INT(n_seen, 1);
    CHECK(tp_register_hook(x, look, NULL) > b);
}

/* --- Hooks that change the hooks --- */

typedef struct change {
    tp_var *v;
    uint32_t remove;
    tp_hook add;
} change;

static tp_var *apply_change(void *ctx, tp_var *gradient)
{
    change *c = ctx;
    look(NULL, gradient);
    if (c->remove)
        tp_remove_hook(c->v, c->remove);
    if (c->add)
        tp_register_hook(c->v, c->add, NULL);
    c->add = NULL;
    return NULL;
}

TEST(a_hook_may_remove_itself)
{
    for (int64_t n = 0; n < 7; n += 3)
        for (int leaf = 0; leaf < 2; leaf++) {
            tp_var *x = variable(n), *a = tp_mul(x, 2), *y = tp_mul(a, 3);
            change c = {.v = leaf ? x : a};
            c.remove = tp_register_hook(c.v, apply_change, &c);
            tp_register_hook(c.v, look, NULL);
            tp_backward(y);
            CHECK_INT(n_seen, 2);
            tp_backward(y);
            CHECK_INT(n_seen, 3);
        }
}

TEST(a_hook_may_add_another)
{
    tp_var *x = variable(0), *y = tp_mul(x, 3);
    change c = {.v = x, .add = look};
    tp_register_hook(x, apply_change, &c);
    tp_backward(y);
    CHECK(n_seen == 1 || n_seen == 2);
    n_seen = 0;
    tp_backward(y);
    CHECK_INT(n_seen, 2);
}

/* --- Hooks that fail --- */

static tp_var *wrong_shape(void *ctx, tp_var *gradient)
{
    (void)ctx, (void)gradient;
    return tp_ones(TP_F64, TP_SHAPE(7, 7));
}

static tp_var *wrong_type(void *ctx, tp_var *gradient)
{
    (void)ctx;
    return tp_to(gradient, TP_F32);
}

static tp_var *failing(void *ctx, tp_var *gradient)
{
    (void)ctx, (void)gradient;
    return tp_fail(TP_ERROR_FILE, "the hook failed");
}

static tp_var *old_poison;

static tp_var *poisoned(void *ctx, tp_var *gradient)
{
    (void)ctx, (void)gradient;
    return old_poison;
}

TEST(a_wrong_replacement_is_an_error_and_changes_nothing)
{
    static const struct {
        tp_hook hook;
        tp_code code;
    } cases[] = {{wrong_shape, TP_ERROR_SHAPE},
                 {wrong_type, TP_ERROR_DTYPE},
                 {failing, TP_ERROR_FILE},
                 {poisoned, TP_ERROR_GRAPH}};
    old_poison = tp_fail(TP_ERROR_FILE, "old");
    tp_clear_error();
    for
        EACH(c, cases)
    for (int64_t n = 0; n < 7; n += 3)
        for (int way = 0; way < 4; way++) {
            tp_var *x = variable(n), *other = variable(n), *a = tp_mul(x, 2);
            tp_var *y = tp_add(tp_mul(a, 3), tp_mul(other, 2));
            tp_backward(y);
            tp_register_hook(way & 1 ? x : a, cases[c].hook, NULL);
            tp_backward(y, .create_graph = way & 2);
            test_check(tp_status() == cases[c].code, __FILE__, __LINE__,
                       "hook %d, size %d, way %d: %s", (int)c, (int)n, way,
                       tp_error() ? tp_error() : "no error");
            tp_clear_error();
            CHECK_BITS(at(tp_grad(x), 0), 6);
            CHECK_BITS(at(tp_grad(other), 0), 2);
            CHECK(tp_is_poison(tp_gradient(y, x, .create_graph = way & 2)));
            tp_clear_error();
        }
}

TEST(what_cannot_have_a_hook)
{
    tp_var *c = tp_scalar(1), *x = variable(0);
    CHECK_INT(tp_register_hook(c, look, NULL), 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "register_hook: a constant");
    CHECK_INT(tp_register_hook(NULL, look, NULL), 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "register_hook");
    CHECK_INT(tp_register_hook(x, NULL, NULL), 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "register_hook: the hook is NULL");
    tp_remove_hook(NULL, 1);
}

/* --- Sweeps inside hooks --- */

static tp_var *sweep_again(void *ctx, tp_var *gradient)
{
    tp_var **v = ctx;
    look(NULL, gradient);
    tp_set_grad_enabled(true);
    tp_var *inner = tp_gradient(v[1], v[0]);
    look(NULL, inner);
    return tp_add(gradient, inner);
}

/* When a's hook runs, x has a part of its gradient already. */
TEST(a_sweep_in_a_hook_keeps_gradients_that_are_under_way)
{
    for (int64_t n = 0; n < 7; n += 3)
        for (int graph = 0; graph < 2; graph++) {
            tp_var *x = variable(n), *a = tp_square(x), *y = tp_mul(a, x);
            tp_var *v[] = {x, tp_mul(x, 5)};
            CHECK_BITS(at(tp_gradient(y, x), 0), 3);
            tp_register_hook(a, sweep_again, v);
            CHECK_BITS(at(tp_gradient(y, x, .create_graph = graph), 0), 1 + 2 * (1 + 5));
            tp_backward(y, .create_graph = graph);
            CHECK_BITS(at(tp_grad(x), 0), 13);
        }
}

TEST(a_hook_may_sweep_the_same_graph)
{
    for (int64_t n = 0; n < 7; n += 3)
        for (int graph = 0; graph < 2; graph++) {
            tp_var *x = variable(n), *other = variable(n), *a = tp_mul(x, other);
            tp_var *b = tp_square(a), *y = tp_add(b, tp_mul(a, 5));
            tp_var *v[] = {other, b};
            tp_register_hook(a, look, NULL);
            uint32_t id = tp_register_hook(x, sweep_again, v);
            tp_backward(y, .create_graph = graph);
            CHECK_BITS(at(tp_grad(other), 0), 7);
            CHECK_BITS(at(tp_grad(x), 0), 9);
            CHECK_INT(n_seen, 4);
            tp_remove_hook(x, id);
            tp_backward(y);
            CHECK_BITS(at(tp_grad(x), 0), 16);
            CHECK(tp_is_grad_enabled());
        }
}

TEST(a_hook_may_remove_another)
{
    for (int64_t n = 0; n < 7; n += 3) {
        tp_var *x = variable(n), *y = tp_mul(x, 3);
        change c = {.v = x};
        tp_register_hook(x, apply_change, &c);
        c.remove = tp_register_hook(x, look, NULL);
        tp_register_hook(x, look, NULL);
        tp_backward(y);
        CHECK(n_seen == 2 || n_seen == 3);
        n_seen = 0;
        tp_backward(y);
        CHECK_INT(n_seen, 2);
    }
}

/* --- Many --- */

static tp_var *count(void *ctx, tp_var *gradient)
{
    (void)gradient;
    ++*(int *)ctx;
    return NULL;
}

/* A request for memory now and then, not one for each; removed in any order. */
TEST(many_hooks_on_one_variable)
{
    enum { MANY_HOOKS = 100000 };
    tp_var *x = tp_variable(2);
    int calls = 0;
    size_t before = tp_memory_stats().requests;
    for (int i = 0; i < MANY_HOOKS; i++)
        tp_register_hook(x, count, &calls);
    CHECK(tp_memory_stats().requests - before < 30);
    tp_backward(tp_square(x));
    CHECK_INT(calls, MANY_HOOKS);
    for (uint32_t id = MANY_HOOKS; id > MANY_HOOKS / 2; id--)
        tp_remove_hook(x, id);
    for (uint32_t id = 1; id < MANY_HOOKS / 2; id++)
        tp_remove_hook(x, id);
    tp_backward(tp_square(x));
    CHECK_INT(calls, MANY_HOOKS + 1);
    tp_remove_hook(x, MANY_HOOKS / 2);
    tp_remove_hook(x, MANY_HOOKS / 2);
    tp_backward(tp_square(x));
    CHECK_INT(calls, MANY_HOOKS + 1);
    CHECK(tp_register_hook(x, count, &calls) == MANY_HOOKS + 1);
    CHECK(!tp_is_poison(tp_share(tp_detach(x))));
}
