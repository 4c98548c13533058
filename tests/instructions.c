/* SPDX-License-Identifier: MIT
 *
 * Small graphs whose instructions tests/instructions.sh counts. Each is done once to warm up (free
 * lists, symbols, tables) and once inside instructions_counted, where callgrind collects. Names are
 * printed in the order of counting. Arguments are names of workloads; none means all.
 */
#include <stdio.h>
#include <string.h>
#include <tinypytorch.h>

static void rosenbrock(void)
{
    TP_SCOPE();
    tp_var *x0 = tp_variable(0.0), *x1 = tp_variable(2.0);
    for (int i = 0; i < 1000; i++) {
        TP_SCOPE();
        tp_cleargrad(x0);
        tp_cleargrad(x1);
        tp_var *y =
            tp_add(tp_mul(100, tp_pow(tp_sub(x1, tp_pow(x0, 2)), 2)), tp_pow(tp_sub(x0, 1), 2));
        tp_backward(y);
        tp_sub_(x0, tp_mul(1e-3, tp_grad(x0)));
        tp_sub_(x1, tp_mul(1e-3, tp_grad(x1)));
    }
}

static void newton(void)
{
    TP_SCOPE();
    tp_var *x = tp_variable(2.0);
    for (int i = 0; i < 100; i++) {
        TP_SCOPE();
        tp_cleargrad(x);
        tp_var *y = tp_sub(tp_pow(x, 4), tp_mul(2, tp_pow(x, 2)));
        tp_backward(y, .create_graph = true);
        tp_var *gx = tp_grad(x);
        tp_cleargrad(x);
        tp_backward(gx);
        tp_sub_(x, tp_div(gx, tp_grad(x)));
    }
}

static void chain(void)
{
    TP_SCOPE();
    tp_var *x = tp_variable(1.00001), *y = x;
    for (int i = 0; i < 10000; i++)
        y = tp_mul(y, x);
    tp_backward(y);
}

static void tanh_nested(void)
{
    TP_SCOPE();
    tp_var *x = tp_variable(1.0), *y = tp_tanh(x);
    for (int i = 0; i < 5; i++)
        y = tp_gradient(y, x, .create_graph = true);
}

static void tanh_taylor(void)
{
    TP_SCOPE();
    tp_var *x = tp_variable(1.0), *order[9];
    tp_derivatives(tp_tanh(x), x, 9, order);
}

static void small_array(void)
{
    float data[10];
    for (int i = 0; i < 10; i++)
        data[i] = 0.25f * (float)i - 1;
    TP_SCOPE();
    tp_var *x = tp_variable(tp_array(TP_F32, TP_SHAPE(10), data));
    for (int i = 0; i < 100; i++) {
        TP_SCOPE();
        tp_cleargrad(x);
        tp_var *bell = tp_exp(tp_neg(tp_mul(x, x)));
        tp_backward(tp_sum(tp_add(tp_tanh(tp_mul(tp_sin(x), bell)), tp_div(tp_mul(x, x), 2))));
        tp_item(tp_sum(tp_grad(x)));
    }
}

static tp_var *stage(void *ctx, int i, tp_var *x)
{
    (void)ctx, (void)i;
    return tp_sin(x);
}

/* Long enough that anything that grows with the square of their number shows. */
static void stages(void)
{
    TP_SCOPE();
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(5)));
    tp_gradient(tp_checkpoint_sequence(stage, NULL, 2000, x, .budget = 20000), x);
}

static tp_var *nothing(void *ctx, tp_var *gradient)
{
    (void)ctx, (void)gradient;
    return NULL;
}

static void hooks(void)
{
    TP_SCOPE();
    tp_var *x = tp_variable(2.0);
    for (int i = 0; i < 2000; i++)
        tp_register_hook(x, nothing, NULL);
    tp_backward(tp_mul(x, x));
    for (uint32_t id = 2000; id > 0; id--)
        tp_remove_hook(x, id);
}

static void product(void)
{
    TP_SCOPE();
    tp_var *x = tp_variable(0.3), *y = x;
    for (int i = 0; i < 20; i++)
        y = tp_sin(tp_add(tp_mul(y, x), 1));
    TP_NO_GRAD();
    tp_hvp(y, x, tp_num(1));
}

/* Products of matrices and vectors so small that the way to the kernel is what counts. */
static void matrices(void)
{
    TP_SCOPE();
    TP_NO_GRAD();
    tp_var *a = tp_ones(TP_F64, TP_SHAPE(4, 4)), *v = tp_ones(TP_F64, TP_SHAPE(4));
    for (int i = 0; i < 50; i++) {
        TP_SCOPE();
        tp_matmul(a, a);
        tp_matmul(a, v);
    }
}

static const struct workload {
    const char *name;
    void (*run)(void);
} workloads[] = {
    {"rosenbrock", rosenbrock},
    {"newton", newton},
    {"chain", chain},
    {"tanh-nested", tanh_nested},
    {"tanh-taylor", tanh_taylor},
    {"small-array", small_array},
    {"stages", stages},
    {"hooks", hooks},
    {"product", product},
    {"matrices", matrices},
};

__attribute__((noinline)) static void instructions_counted(void (*run)(void))
{
    run();
    __asm__ volatile(""); /* after the call, which would else be a jump out of here */
}

static int is_chosen(const char *name, int n, char **names)
{
    for (int i = 1; i < n; i++)
        if (!strcmp(name, names[i]))
            return 1;
    return n < 2;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
        if (!is_chosen(workloads[i].name, argc, argv))
            continue;
        workloads[i].run();
        instructions_counted(workloads[i].run);
        puts(workloads[i].name);
    }
    return tp_check();
}
