/* SPDX-License-Identifier: MIT
 *
 * Steps of optimisers, against torch.optim's (reference/optim_cases.h), against the formulas
 * written once more in long double, and what they do when something is missing or wrong.
 */
#include "elements.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "optim/step.h"

enum { CASE_PARAMS = 3, CASE_VALUES = 21, CASE_STEPS = 5 };

typedef struct sgd_case {
    tp_dtype dtype;
    tp_sgd_options options;
    double values[CASE_VALUES];
} sgd_case;

typedef struct adam_case {
    tp_dtype dtype;
    tp_adam_options options;
    double values[CASE_VALUES];
} adam_case;

#include "reference/optim_cases.h"

static tp_var *filled(tp_dtype dtype, int ndim, const int64_t *shape,
                      double (*value)(int k, int64_t i, int step), int k, int step)
{
    tp_var *v = tp_zeros(dtype, ndim, shape);
    void *data = tp_data_(v);
    for (int64_t i = 0; data && i < tp_size(v); i++)
        if (dtype == TP_F32)
            ((float *)data)[i] = (float)value(k, i, step);
        else
            ((double *)data)[i] = value(k, i, step);
    return v;
}

static double parameter_value(int k, int64_t i, int step)
{
    (void)step;
    return (double)((7 * i + 3 * k) % 11 - 5) / 8;
}

static double gradient_value(int k, int64_t i, int step)
{
    return (double)((5 * i + 2 * k + 3 * step) % 13 - 6) / 16;
}

static void set_gradient(tp_var *p, tp_var *g)
{
    tp_cleargrad(p);
    tp_backward(p, .gradient = g);
}

static void set_gradients(tp_var *const *params, int n, int step)
{
    for (int k = 0; k < n; k++)
        set_gradient(params[k], filled(tp_dtype_of(params[k]), tp_ndim(params[k]),
                                       tp_shape(params[k]), gradient_value, k, step));
}

static void make_params(tp_dtype dtype, tp_var **params)
{
    params[0] = tp_variable(filled(dtype, TP_SHAPE(3, 6), parameter_value, 0, 0));
    params[1] = tp_variable(filled(dtype, TP_SHAPE(2), parameter_value, 1, 0));
    params[2] = tp_variable(filled(dtype, TP_SHAPE(), parameter_value, 2, 0));
}

static void make_states(tp_var *const *params, tp_var **states, int n)
{
    for (int k = 0; k < n; k++)
        states[k] = tp_zeros(tp_dtype_of(params[k]), tp_ndim(params[k]), tp_shape(params[k]));
}

static void check_params(tp_var *const *params, const double *expected, tp_dtype dtype)
{
    int value = 0;
    for (int k = 0; k < CASE_PARAMS; k++)
        for (int64_t i = 0; i < tp_size(params[k]); i++)
            CHECK_CLOSE(at(params[k], i), expected[value++], dtype == TP_F32 ? 1e-6 : 1e-14);
    CHECK_INT(value, CASE_VALUES);
}

TEST(sgd_agrees_with_torch)
{
    for
        EACH(c, sgd_cases)
        {
            tp_var *params[CASE_PARAMS], *velocity[CASE_PARAMS];
            tp_sgd_options options = sgd_cases[c].options;
            options.size = sizeof options;
            make_params(sgd_cases[c].dtype, params);
            make_states(params, velocity, CASE_PARAMS);
            options.first = true;
            for (int step = 1; step <= CASE_STEPS; step++) {
                set_gradients(params, CASE_PARAMS, step);
                (tp_sgd_step)(params, options.momentum != 0 ? velocity : NULL, CASE_PARAMS,
                              &options);
                options.first = false;
            }
            check_params(params, sgd_cases[c].values, sgd_cases[c].dtype);
        }
}

TEST(adam_agrees_with_torch)
{
    for
        EACH(c, adam_cases)
        {
            tp_var *params[CASE_PARAMS], *m[CASE_PARAMS], *v[CASE_PARAMS];
            tp_adam_options options = adam_cases[c].options;
            options.size = sizeof options;
            make_params(adam_cases[c].dtype, params);
            make_states(params, m, CASE_PARAMS);
            make_states(params, v, CASE_PARAMS);
            for (int step = 1; step <= CASE_STEPS; step++) {
                set_gradients(params, CASE_PARAMS, step);
                (tp_adam_step)(params, m, v, CASE_PARAMS, step, &options);
            }
            check_params(params, adam_cases[c].values, adam_cases[c].dtype);
        }
}

/* --- Closed forms, states, every size --- */

TEST(a_constant_gradient_has_closed_forms)
{
    tp_var *p = tp_variable(1.0), *m = tp_scalar(0), *v = tp_scalar(0);
    const int steps = 20;
    for (int step = 1; step <= steps; step++) {
        set_gradient(p, tp_scalar(3));
        tp_adam_step(&p, &m, &v, 1, step, .lr = 0.125);
    }
    CHECK_CLOSE(tp_item(p), 1 - steps * 0.125 * 3 / (3 + 1e-8), 1e-14);
    CHECK_CLOSE(tp_item(m), 3 * (1 - pow(0.9, steps)), 1e-14);
    CHECK_CLOSE(tp_item(v), 9 * (1 - pow(0.999, steps)), 1e-14);

    tp_var *q = tp_variable(1.0), *w = tp_scalar(0);
    double sum = 0;
    for (int step = 1; step <= steps; step++) {
        set_gradient(q, tp_scalar(2));
        tp_sgd_step(&q, &w, 1, .lr = 0.25, .momentum = 0.5);
        sum += 2 * (1 - pow(0.5, step)) / (1 - 0.5);
    }
    CHECK_CLOSE(tp_item(w), 4 * (1 - pow(0.5, steps)), 1e-14);
    CHECK_CLOSE(tp_item(q), 1 - 0.25 * sum, 1e-14);
}

typedef struct plain_adam {
    long double p, m, v;
} plain_adam;

static void plain_adam_step(plain_adam *a, long double g, int step, const tp_adam_options *o)
{
    const long double lr = (long double)o->lr, decay = (long double)o->weight_decay;
    const long double beta1 = (long double)o->beta1, beta2 = (long double)o->beta2;
    if (o->decoupled)
        a->p -= lr * decay * a->p;
    else
        g += decay * a->p;
    a->m = beta1 * a->m + (1 - beta1) * g;
    a->v = beta2 * a->v + (1 - beta2) * g * g;
    a->p -= lr * (a->m / (1 - powl(beta1, step))) /
            (sqrtl(a->v / (1 - powl(beta2, step))) + (long double)o->eps);
}

/* Around the length of a vector and of a block of elements. */
TEST(adam_of_every_size_is_the_formula)
{
    static const int64_t sizes[] = {0, 1, 2, 15, 16, 17, 40, 32768, 32769, 100000};
    tp_adam_options o = {.lr = 0.01, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-6, .size = sizeof o};
    for (int kind = 0; kind < 4; kind++)
        for
            EACH(s, sizes)
            {
                TP_SCOPE();
                tp_dtype dtype = kind % 2 ? TP_F32 : TP_F64;
                o.weight_decay = kind / 2 ? 0.5 : 0;
                o.decoupled = s % 2;
                tp_var *p = tp_variable(filled(dtype, TP_SHAPE(sizes[s]), parameter_value, 3, 0));
                tp_var *m = tp_zeros(dtype, TP_SHAPE(sizes[s]));
                tp_var *v = tp_zeros(dtype, TP_SHAPE(sizes[s]));
                for (int step = 1; step <= 3; step++) {
                    set_gradients(&p, 1, step);
                    (tp_adam_step)(&p, &m, &v, 1, step, &o);
                }
                double worst = 0;
                for (int64_t i = 0; i < sizes[s]; i++) {
                    plain_adam a = {(long double)parameter_value(3, i, 0), 0, 0};
                    for (int step = 1; step <= 3; step++)
                        plain_adam_step(&a, (long double)gradient_value(0, i, step), step, &o);
                    worst = fmax(worst, fabs(at(p, i) - (double)a.p));
                    worst = fmax(worst, fabs(at(m, i) - (double)a.m));
                    worst = fmax(worst, fabs(at(v, i) - (double)a.v));
                }
                CHECK(worst <= (dtype == TP_F32 ? 1e-6 : 1e-14));
            }
}

static void compare_kernels(tp__step_kind kind, tp_dtype dtype, int64_t n, size_t item)
{
    static const tp__step_numbers numbers = {.rate = 0.1,
                                             .times = 1,
                                             .decay = 0.25,
                                             .keep = 0.99,
                                             .momentum = 0.9,
                                             .fresh = 0.7,
                                             .look = 0.9,
                                             .beta1 = 0.9,
                                             .fresh1 = 0.1,
                                             .beta2 = 0.99,
                                             .fresh2 = 0.01,
                                             .scale = 1.5,
                                             .eps = 1e-8,
                                             .direct = 0.3,
                                             .adapts = true};
    char *a[TP__STEP_ARRAYS], *b[TP__STEP_ARRAYS];
    for (int k = 0; k < TP__STEP_ARRAYS; k++) {
        a[k] = malloc((size_t)n * item);
        b[k] = malloc((size_t)n * item);
        for (int64_t i = 0; i < n; i++) {
            double value = fabs(sin((double)(i + 7 * k + 1)));
            if (dtype == TP_F32)
                ((float *)(void *)a[k])[i] = (float)value;
            else
                ((double *)(void *)a[k])[i] = value;
        }
        memcpy(b[k], a[k], (size_t)n * item);
    }
    tp__step_baseline[kind][dtype](n, (void *const *)a, &numbers);
    tp__step_choose(kind, dtype)(n, (void *const *)b, &numbers);
    for (int k = 0; k < TP__STEP_ARRAYS; k++) {
        CHECK(!memcmp(a[k], b[k], (size_t)n * item));
        free(a[k]);
        free(b[k]);
    }
}

TEST(every_processor_gives_the_same_bits)
{
    for (int kind = 0; kind < TP__STEP_KINDS; kind++)
        for (int64_t n = 1; n < 70; n++) {
            compare_kernels((tp__step_kind)kind, TP_F32, n, sizeof(float));
            compare_kernels((tp__step_kind)kind, TP_F64, n, sizeof(double));
        }
}

TEST(the_number_of_threads_changes_no_bit)
{
    enum { SIZE = 300000 };
    int before = tp_num_threads();
    float *first = NULL;
    for (int threads = 1; threads <= 4; threads *= 2) {
        tp_set_num_threads(threads);
        tp_var *p[2], *m[2], *v[2];
        for (int k = 0; k < 2; k++)
            p[k] = tp_variable(filled(TP_F32, TP_SHAPE(k ? 1000 : SIZE), parameter_value, k, 0));
        make_states(p, m, 2), make_states(p, v, 2);
        for (int step = 1; step <= 3; step++) {
            set_gradients(p, 2, step);
            tp_adam_step(p, m, v, 2, step, .weight_decay = 0.1);
        }
        if (!first) {
            first = malloc(SIZE * sizeof *first);
            memcpy(first, tp_data(p[0]), SIZE * sizeof *first);
        }
        CHECK(!memcmp(first, tp_data(p[0]), SIZE * sizeof *first));
    }
    free(first);
    tp_set_num_threads(before);
}

/* --- What is missing, what is odd --- */

TEST(a_parameter_without_a_gradient_stays)
{
    tp_var *p[2] = {tp_variable(1.0), tp_variable(2.0)}, *m[2], *v[2];
    make_states(p, m, 2), make_states(p, v, 2);
    tp_add_(m[1], 7);
    set_gradient(p[0], tp_scalar(1));
    tp_adam_step(p, m, v, 2, 1, .lr = 0.5, .weight_decay = 0.5);
    CHECK(tp_item(p[0]) < 1);
    CHECK_BITS(tp_item(p[1]), 2);
    CHECK_BITS(tp_item(m[1]), 7);
    tp_sgd_step(p, m, 2, .lr = 0.5, .momentum = 0.5, .weight_decay = 0.5);
    CHECK_BITS(tp_item(p[1]), 2);
    CHECK_BITS(tp_item(m[1]), 7);
    tp_sgd_step(NULL, NULL, 0);
    tp_adam_step(NULL, NULL, NULL, 0, 1);
    tp_var *constant = tp_scalar(5);
    tp_sgd_step(&constant, NULL, 1);
    CHECK_ERROR(TP_ERROR_GRAPH, "parameter 0 is a constant");
}

/* torch.optim.SGD sets the velocity, whatever a parameter's elements are. */
TEST(terms_that_are_off_let_no_infinity_in)
{
    tp_var *p = tp_variable(tp_array(TP_F64, TP_SHAPE(2), (double[]){-(double)INFINITY, 1}));
    tp_var *v = tp_array(TP_F64, TP_SHAPE(2), (double[]){(double)NAN, (double)NAN});
    tp_var *m = tp_zeros(TP_F64, TP_SHAPE(2)), *s = tp_zeros(TP_F64, TP_SHAPE(2));
    set_gradient(p, tp_ones(TP_F64, TP_SHAPE(2)));
    tp_sgd_step(&p, NULL, 1, .lr = 0.5);
    CHECK_ELEMENTS(p, -(double)INFINITY, 0.5);
    tp_sgd_step(&p, &v, 1, .lr = 0.25, .momentum = 0.5, .first = true);
    CHECK_ELEMENTS(p, -(double)INFINITY, 0.25);
    CHECK_ELEMENTS(v, 1, 1);
    tp_adam_step(&p, &m, &s, 1, 1);
    CHECK_BITS(at(p, 0), -(double)INFINITY);
    CHECK_CLOSE(at(m, 0), 0.1, 1e-15);
}

TEST(a_graph_gradient_serves_too)
{
    tp_var *a = tp_variable(tp_array(TP_F64, TP_SHAPE(2), (double[]){1, 2}));
    tp_var *b = tp_variable(tp_array(TP_F64, TP_SHAPE(2), (double[]){3, 5}));
    tp_backward(tp_sum(tp_mul(a, b)), .create_graph = true);
    tp_sgd_step(((tp_var *[]){a, b}), NULL, 2, .lr = 1);
    CHECK_ELEMENTS(a, -2, -3);
    CHECK_ELEMENTS(b, 2, 3);

    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(2), (double[]){1, 2}));
    tp_backward(tp_sum(x), .create_graph = true); /* the gradient is a number that is repeated */
    tp_sgd_step(&x, NULL, 1, .lr = 0.5);
    CHECK_ELEMENTS(x, 0.5, 1.5);

    tp_var *c = tp_variable(tp_array(TP_F64, TP_SHAPE(2), (double[]){1, 2}));
    tp_var *d = tp_variable(tp_array(TP_F64, TP_SHAPE(2), (double[]){3, 5}));
    tp_backward(c, .gradient = d, .create_graph = true); /* c's gradient is d */
    tp_backward(d, .gradient = c, .create_graph = true);
    tp_sgd_step(((tp_var *[]){c, d}), NULL, 2, .lr = 1);
    CHECK_ELEMENTS(c, -2, -3);
    CHECK_ELEMENTS(d, 2, 3);
}

TEST(a_step_is_an_edit_in_place)
{
    tp_var *p = tp_variable(tp_ones(TP_F32, TP_SHAPE(3, 3)));
    tp_var *state = tp_zeros(TP_F32, TP_SHAPE(3, 3));
    tp_var *y = tp_sum(tp_mul(p, p)), *z = tp_sum(tp_mul(p, tp_add(state, p)));
    tp_backward(y);
    tp_sgd_step(&p, &state, 1, .momentum = 0.9);
    tp_backward(y);
    CHECK_ERROR(TP_ERROR_GRAPH, "mul");
    tp_backward(z);
    CHECK_ERROR(TP_ERROR_GRAPH, "mul");
}

TEST(a_result_made_before_the_step_keeps_its_value)
{
    tp_var *p = tp_variable(tp_ones(TP_F32, TP_SHAPE(100, 100)));
    tp_var *twice = tp_mul(2, tp_detach(p)), *view = tp_transpose(p, 0, 1);
    set_gradient(p, tp_ones(TP_F32, TP_SHAPE(100, 100)));
    tp_sgd_step(&p, NULL, 1, .lr = 0.5);
    CHECK_BITS(at(twice, 77), 2);
    CHECK_BITS(at(view, 77), 0.5);
    CHECK_BITS(at(p, 9999), 0.5);
}

/* --- Errors --- */

static tp_var *poison(void)
{
    tp_var *v = tp_reshape(tp_scalar(1), TP_SHAPE(2));
    tp_clear_error();
    return v;
}

TEST(wrong_lists_are_errors)
{
    tp_var *good = tp_variable(tp_ones(TP_F64, TP_SHAPE(2))), *m, *v;
    make_states(&good, &m, 1), make_states(&good, &v, 1);
    set_gradient(good, tp_ones(TP_F64, TP_SHAPE(2)));
    tp_adam_step(&good, &m, &v, -1, 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "adam_step: -1 parameters");
    tp_sgd_step(NULL, NULL, 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "sgd_step: the list of parameters is NULL");
    tp_sgd_step(&good, NULL, 1, .momentum = 0.5);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "sgd_step: velocity is NULL");
    tp_adam_step(&good, &m, NULL, 1, 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "adam_step: v is NULL");
    tp_adam_step(&good, NULL, &v, 1, 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "adam_step: m is NULL");

    tp_var *recorded = tp_mul(good, 2), *integer = tp_ones(TP_I64, TP_SHAPE(2));
    tp_var *strided = tp_transpose(tp_ones(TP_F64, TP_SHAPE(2, 2)), 0, 1);
    tp_set_name(recorded, "w");
    const struct {
        tp_var *v;
        tp_code code;
        const char *text;
    } wrong[] = {
        {NULL, TP_ERROR_ARGUMENT, "parameter 1 of 2 is NULL"},
        {poison(), TP_ERROR_GRAPH, "parameter 1 of 2 is poison"},
        {recorded, TP_ERROR_GRAPH, "sgd_step: parameter 1 (w) is a recorded result"},
        {integer, TP_ERROR_DTYPE, "parameter 1 is int64, expected float32 or float64"},
        {strided, TP_ERROR_ARGUMENT, "parameter 1 is not contiguous"},
        {tp_share(tp_scalar(1)), TP_ERROR_GRAPH, "parameter 1 is shared between threads"},
    };
    for
        EACH(i, wrong)
        {
            tp_sgd_step(((tp_var *[]){good, wrong[i].v}), NULL, 2);
            CHECK_ERROR(wrong[i].code, wrong[i].text);
            CHECK_ELEMENTS(good, 1, 1);
        }
}

TEST(wrong_states_are_errors)
{
    tp_var *p = tp_variable(tp_ones(TP_F64, TP_SHAPE(2, 3))), *m, *v;
    make_states(&p, &m, 1), make_states(&p, &v, 1);
    set_gradient(p, tp_ones(TP_F64, TP_SHAPE(2, 3)));
    const struct {
        tp_var *v;
        tp_code code;
        const char *text;
    } wrong[] = {
        {NULL, TP_ERROR_ARGUMENT, "adam_step: v 0 of 1 is NULL"},
        {poison(), TP_ERROR_GRAPH, "v 0 of 1 is poison"},
        {tp_mul(p, 2), TP_ERROR_GRAPH, "v 0 is a recorded result"},
        {tp_zeros(TP_F32, TP_SHAPE(2, 3)), TP_ERROR_DTYPE, "v 0 is float32, its parameter float64"},
        {tp_zeros(TP_F64, TP_SHAPE(3, 2)), TP_ERROR_SHAPE,
         "v 0 has shape (3, 2), its parameter (2, 3)"},
        {tp_transpose(tp_zeros(TP_F64, TP_SHAPE(3, 2)), 0, 1), TP_ERROR_ARGUMENT,
         "v 0 is not contiguous"},
        {tp_share(tp_zeros(TP_F64, TP_SHAPE(2, 3))), TP_ERROR_GRAPH, "v 0 is shared"},
        {m, TP_ERROR_ARGUMENT, "adam_step: m 0 and v 0 share elements"},
        {tp_detach(p), TP_ERROR_ARGUMENT, "share elements"},
    };
    for
        EACH(i, wrong)
        {
            tp_var *states[1] = {wrong[i].v};
            tp_adam_step(&p, &m, states, 1, 1);
            CHECK_ERROR(wrong[i].code, wrong[i].text);
            CHECK_ELEMENTS(p, 1, 1, 1, 1, 1, 1);
            CHECK_ELEMENTS(m, 0, 0, 0, 0, 0, 0);
        }
    tp_sgd_step(((tp_var *[]){p, p}), NULL, 2);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "sgd_step: parameter 0 and parameter 1 share elements");
    CHECK_ELEMENTS(p, 1, 1, 1, 1, 1, 1);
}

TEST(states_may_be_parts_of_one_array)
{
    enum { N = 40 };
    tp_var *all = tp_zeros(TP_F32, TP_SHAPE(N, 3)), *params[N], *velocity[N];
    for (int k = 0; k < N; k++) {
        params[k] = tp_variable(tp_ones(TP_F32, TP_SHAPE(3)));
        velocity[k] = tp_select(all, 0, (k * 7) % N);
        set_gradient(params[k], tp_ones(TP_F32, TP_SHAPE(3)));
    }
    tp_sgd_step(params, velocity, N, .momentum = 0.5, .lr = 1);
    for (int k = 0; k < N; k++)
        CHECK_BITS(at(params[k], 2), 0);
    CHECK_BITS(at(all, 3 * N - 1), 1);
    velocity[N - 1] = velocity[3];
    tp_sgd_step(params, velocity, N, .momentum = 0.5, .lr = 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "sgd_step: velocity");
    CHECK_BITS(at(params[0], 0), 0);
}

#define CHECK_REFUSED(call, text)                                                                  \
    do {                                                                                           \
        call;                                                                                      \
        CHECK_ERROR(TP_ERROR_ARGUMENT, text);                                                      \
        CHECK_BITS(tp_item(p), 1);                                                                 \
    } while (0)

TEST(options_that_torch_refuses_are_errors)
{
    tp_var *p = tp_variable(1.0), *m = tp_scalar(0), *v = tp_scalar(0);
    set_gradient(p, tp_scalar(1));
    CHECK_REFUSED(tp_sgd_step(&p, &v, 1, .lr = -1), "sgd_step: lr is -1, expected 0 or more");
    CHECK_REFUSED(tp_sgd_step(&p, &v, 1, .lr = (double)NAN), "lr is nan");
    CHECK_REFUSED(tp_sgd_step(&p, &v, 1, .momentum = -0.5), "momentum is -0.5");
    CHECK_REFUSED(tp_sgd_step(&p, &v, 1, .weight_decay = -0.5), "weight_decay is -0.5");
    CHECK_REFUSED(tp_sgd_step(&p, &v, 1, .nesterov = true), "nesterov needs momentum");
    CHECK_REFUSED(tp_sgd_step(&p, &v, 1, .nesterov = true, .momentum = 0.5, .dampening = 0.5),
                  "nesterov");
    CHECK_REFUSED(tp_sgd_step(&p, &v, 1, .momentum = 0.5, .dampening = (double)NAN),
                  "dampening is nan");
    CHECK_REFUSED((tp_sgd_step)(&p, &v, 1, &(tp_sgd_options){.lr = 1}), "size is 0");
    CHECK_REFUSED(tp_adam_step(&p, &m, &v, 1, 1, .lr = -1), "adam_step: lr is -1");
    CHECK_REFUSED(tp_adam_step(&p, &m, &v, 1, 1, .beta1 = 1),
                  "beta1 is 1, expected at least 0 and less than 1");
    CHECK_REFUSED(tp_adam_step(&p, &m, &v, 1, 1, .beta2 = -0.1), "beta2 is -0.1");
    CHECK_REFUSED(tp_adam_step(&p, &m, &v, 1, 1, .eps = -1), "eps is -1");
    CHECK_REFUSED(tp_adam_step(&p, &m, &v, 1, 1, .weight_decay = -1), "weight_decay is -1");
    CHECK_REFUSED(tp_adam_step(&p, &m, &v, 1, 0), "step is 0, expected at least 1");
    CHECK_REFUSED((tp_adam_step)(&p, &m, &v, 1, 1, &(tp_adam_options){.lr = 1}), "size is 0");
    (tp_sgd_step)(&p, NULL, 1, NULL);
    CHECK_BITS(tp_item(p), 1 - 1e-3);
}

TEST(nothing_happens_while_an_error_is_pending)
{
    tp_var *p = tp_variable(1.0), *m = tp_scalar(0), *v = tp_scalar(0);
    set_gradient(p, tp_scalar(1));
    tp_fail(TP_ERROR_ARGUMENT, "mine");
    tp_sgd_step(&p, &v, 1, .lr = -1);
    tp_sgd_step(&p, NULL, 1, .lr = 1);
    tp_adam_step(&p, &m, &v, 1, 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "mine");
    CHECK_BITS(tp_item(p), 1);
    CHECK_BITS(tp_item(m), 0);
}

TEST(each_allocation_may_fail)
{
    enum { N = 40 };
    for (size_t n = 1;; n++) {
        TP_SCOPE();
        tp_var *p[N], *m[N], *v[N];
        for (int k = 0; k < N; k++)
            p[k] = tp_variable(tp_ones(TP_F32, TP_SHAPE(50)));
        make_states(p, m, N), make_states(p, v, N);
        for (int k = 0; k < N; k++)
            tp_backward(tp_sum(p[k]), .create_graph = true);
        tp_trim_memory();
        tp__alloc_fail_at(n);
        tp_adam_step(p, m, v, N, 1);
        bool done = !tp_error();
        tp__alloc_fail_at(0);
        if (!done)
            CHECK_ERROR(TP_ERROR_MEMORY, "out of memory");
        for (int k = 0; k < N; k++) {
            CHECK(done == (at(p[k], 0) != 1));
            CHECK(done == (at(m[k], 49) != 0));
        }
        if (done)
            break;
        CHECK(n < 1000);
    }
}
