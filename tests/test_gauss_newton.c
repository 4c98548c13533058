/* SPDX-License-Identifier: MIT
 *
 * Gauss–Newton steps, against the equation they solve, made of Jacobians and Hessians as matrices.
 */
#include "elements.h"
#include "matrices.h"

enum { ROWS = 8, INPUTS = 2, HIDDEN = 3, CLASSES = 3 };

/* A network of one layer with tanh and one without; classes or numbers. */
typedef struct net {
    tp_var *x, *first, *second, *targets;
    bool classes, silent;
    int calls;
} net;

static tp_var *net_outputs(const net *m)
{
    return tp_matmul(tp_tanh(tp_matmul(m->x, m->first)), m->second);
}

static tp_var *net_loss_of(const net *m, tp_var *y)
{
    return m->classes ? tp_cross_entropy(y, m->targets) : tp_mean(tp_square(tp_sub(y, m->targets)));
}

static tp_var *net_loss(void *ctx, tp_var **outputs)
{
    net *m = ctx;
    tp_var *y = net_outputs(m);
    m->calls++;
    if (outputs && !m->silent)
        *outputs = y;
    return net_loss_of(m, y);
}

static void net_make(net *m, tp_dtype dtype, bool classes)
{
    tp_manual_seed(7);
    *m = (net){.classes = classes};
    m->x = tp_randn(dtype, TP_SHAPE(ROWS, INPUTS));
    m->first = tp_variable(tp_randn(dtype, TP_SHAPE(INPUTS, HIDDEN)));
    m->second = tp_variable(tp_randn(dtype, TP_SHAPE(HIDDEN, CLASSES)));
    m->targets = classes ? tp_array(TP_I64, TP_SHAPE(ROWS), ((int64_t[]){0, 1, 2, 0, 1, 2, 0, 2}))
                         : tp_randn(dtype, TP_SHAPE(ROWS, CLASSES));
}

/* A Jacobian of y for both parameters, (outputs, parameters). */
static tp_var *net_jacobian(const net *m, tp_var *y)
{
    return tp_concatenate(
        ((tp_var *[]){
            tp_reshape(tp_jacobian(y, m->first), TP_SHAPE(ROWS * CLASSES, INPUTS * HIDDEN)),
            tp_reshape(tp_jacobian(y, m->second), TP_SHAPE(ROWS * CLASSES, HIDDEN * CLASSES))}),
        2, 1);
}

LAPACK_TEST(a_step_solves_its_equation)
{
    for (int classes = 0; classes < 2; classes++) {
        const int n = INPUTS * HIDDEN + HIDDEN * CLASSES, rows = ROWS * CLASSES;
        net m;
        net_make(&m, TP_F64, classes);
        tp_var *y = net_outputs(&m), *loss = net_loss_of(&m, y);
        tp_var *jacobian = net_jacobian(&m, y);
        tp_var *hessian = tp_reshape(tp_hessian(loss, y), TP_SHAPE(rows, rows));
        tp_var *g = tp_matmul(tp_reshape(tp_gradient(loss, y), TP_SHAPE(1, rows)), jacobian);
        tp_var *matrix =
            tp_add(tp_matmul(tp_transpose(jacobian, 0, 1), tp_matmul(hessian, jacobian)),
                   tp_mul(0.25, tp_eye(TP_F64, n)));
        tp_var *d = tp_solve(matrix, tp_reshape(g, TP_SHAPE(n, 1)));
        tp_var *before[] = {tp_clone(tp_detach(m.first)), tp_clone(tp_detach(m.second))};
        tp_var *params[] = {m.first, m.second};
        tp_optimizer *o =
            tp_gauss_newton_new(params, 2, 0.5, .damping = 0.25, .cg_tolerance = 1e-13,
                                .cg_iterations = 200, .fixed_damping = true);
        CHECK_CLOSE(tp_optimizer_step_with(o, net_loss, &m), tp_item(loss), 1e-15);
        CHECK_INT(m.calls, 1);
        for (int64_t i = 0, k = 0; k < 2; k++)
            for (int64_t j = 0; j < tp_size(params[k]); j++, i++)
                CHECK_CLOSE(at(params[k], j), at(before[k], j) - 0.5 * at(d, i), 1e-11);
        tp_optimizer_free(o);
    }
}

/* Targets that the network can give are met, and classes that it can tell apart are told apart. */
TEST(it_gets_where_gradients_need_many_steps)
{
    const tp_dtype types[] = {TP_F64, TP_F32};
    for
        EACH(t, types)
    for (int classes = 0; classes < 2; classes++) {
        TP_SCOPE();
        net m;
        net_make(&m, types[t], classes);
        tp_var *params[] = {m.first, m.second};
        if (!classes) {
            m.targets = tp_clone(tp_detach(net_outputs(&m)));
            tp_mul_(m.first, 1.5), tp_mul_(m.second, 0.5);
        }
        tp_optimizer *o = tp_gauss_newton_new(params, 2, 1);
        double first = 0, last = (double)INFINITY;
        for (int i = 0; i < 40; i++) {
            double loss = tp_optimizer_step_with(o, net_loss, &m);
            first = i ? first : loss;
            CHECK(loss <= last);
            last = loss;
        }
        CHECK(last < (classes ? 1e-4 : 1e-6) * first);
        tp_optimizer_free(o);
    }
}

TEST(damping_is_an_option_and_part_of_the_state)
{
    net m;
    net_make(&m, TP_F64, false);
    tp_var *params[] = {m.first, m.second};
    tp_optimizer *o = tp_gauss_newton_new(params, 2, 1), *next = tp_gauss_newton_new(params, 2, 1);
    tp_optimizer_step_with(o, net_loss, &m);
    const double damping = tp_optimizer_option(o, 0, "damping");
    CHECK(damping != 1e-2);
    tp_state_dict *d = tp_optimizer_state(o);
    tp_optimizer_load_state(next, d);
    CHECK_BITS(tp_optimizer_option(next, 0, "damping"), damping);
    tp_state_dict_free(d);

    /* A step that is too long is taken back. */
    tp_var *before = tp_clone(tp_detach(m.first));
    tp_optimizer_set_lr(o, 0, 1e6);
    tp_optimizer_step_with(o, net_loss, &m);
    CHECK_BITS(at(m.first, 0), at(before, 0));
    CHECK_BITS(tp_optimizer_option(o, 0, "damping"), 4 * damping);
    m.silent = true;
    tp_optimizer_step_with(o, net_loss, &m);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "gauss_newton needs what the loss was computed from");
    CHECK_BITS(at(m.first, 0), at(before, 0));
    tp_optimizer_free(o), tp_optimizer_free(next);
}
