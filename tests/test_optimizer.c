/* SPDX-License-Identifier: MIT
 *
 * Optimisers, against torch.optim's (reference/optimizer_cases.h): 50 steps of three parameters,
 * one of which has no gradient at times; groups, options by name, half types with masters, and what
 * they do when something is missing or wrong.
 */
#include "elements.h"

#include <stdlib.h>

#include "base/alloc.h"

enum { CASE_PARAMS = 3, CASE_VALUES = 15, CASE_STEPS = 50 };

typedef struct optimizer_case {
    const char *name;
    tp_optimizer *(*make)(tp_var *const *params, int n);
    double values[CASE_VALUES];
} optimizer_case;

typedef struct lbfgs_case {
    tp_optimizer *(*make)(tp_var *const *params);
    double rows[4][5]; /* after each step: the loss before, p, q */
} lbfgs_case;

#include "reference/optimizer_cases.h"

static tp_var *filled(tp_dtype dtype, int ndim, const int64_t *shape,
                      double (*value)(int k, int64_t i, int step), int k, int step)
{
    tp_var *v = tp_zeros(TP_F64, ndim, shape);
    double *data = tp_data_(v);
    for (int64_t i = 0; data && i < tp_size(v); i++)
        data[i] = value(k, i, step);
    return tp_to(v, dtype);
}

static double parameter_value(int k, int64_t i, int step)
{
    (void)step;
    return (double)((7 * i + 3 * k) % 11 - 5) / 8;
}

static double gradient_value(int k, int64_t i, int step)
{
    return (double)((5 * i + 2 * k + 3 * step * step) % 13 - 5) / 16;
}

static void set_gradient(tp_var *p, tp_var *g)
{
    tp_cleargrad(p);
    tp_backward(p, .gradient = g);
}

static void set_gradients(tp_var *const *params, int n, int step)
{
    for (int k = 0; k < n; k++)
        if (k != 1 || (step > 3 && step != 9))
            set_gradient(params[k], filled(tp_dtype_of(params[k]), tp_ndim(params[k]),
                                           tp_shape(params[k]), gradient_value, k, step));
        else
            tp_cleargrad(params[k]);
}

static void make_params(tp_dtype dtype, tp_var **params)
{
    params[0] = tp_variable(filled(dtype, TP_SHAPE(3, 4), parameter_value, 0, 0));
    params[1] = tp_variable(filled(dtype, TP_SHAPE(2), parameter_value, 1, 0));
    params[2] = tp_variable(filled(dtype, TP_SHAPE(), parameter_value, 2, 0));
}

static void steps(tp_optimizer *o, tp_var *const *params, int n, int from, int to)
{
    for (int step = from; step <= to; step++) {
        TP_SCOPE();
        set_gradients(params, n, step);
        tp_optimizer_step(o);
    }
}

static void check_case(const optimizer_case *c, tp_var *const *params, double tolerance)
{
    int value = 0;
    for (int k = 0; k < CASE_PARAMS; k++)
        for (int64_t i = 0; i < tp_size(params[k]); i++, value++)
            test_check(test_close(at(params[k], i), c->values[value], tolerance), __FILE__,
                       __LINE__, "%s: element %d is %.17g, expected %.17g", c->name, value,
                       at(params[k], i), c->values[value]);
    CHECK_INT(value, CASE_VALUES);
}

TEST(fifty_steps_agree_with_torch)
{
    for
        EACH(c, optimizer_cases)
        {
            TP_SCOPE();
            tp_var *params[CASE_PARAMS];
            make_params(TP_F64, params);
            tp_optimizer *o = optimizer_cases[c].make(params, CASE_PARAMS);
            steps(o, params, CASE_PARAMS, 1, CASE_STEPS);
            check_case(&optimizer_cases[c], params, 1e-12);
            tp_optimizer_free(o);
        }
}

/* Lion's signs turn on the last bit, so a few of its elements may go another way. */
TEST(float32_agrees_too)
{
    for
        EACH(c, optimizer_cases)
        {
            TP_SCOPE();
            tp_var *params[CASE_PARAMS];
            make_params(TP_F32, params);
            tp_optimizer *o = optimizer_cases[c].make(params, CASE_PARAMS);
            steps(o, params, CASE_PARAMS, 1, CASE_STEPS);
            if (strncmp(optimizer_cases[c].name, "lion", 4) != 0)
                check_case(&optimizer_cases[c], params, 2e-5);
            tp_optimizer_free(o);
        }
}

/* --- Groups --- */

/* Each parameter in a group of its own moves as alone. */
TEST(groups_have_their_own_rates_and_options)
{
    tp_var *one[CASE_PARAMS], *many[CASE_PARAMS];
    make_params(TP_F64, one), make_params(TP_F64, many);
    tp_optimizer *first = tp_adam_new(&one[0], 1, 0.01, .weight_decay = 0.25);
    tp_optimizer *third = tp_adam_new(&one[2], 1, 0.5, .beta1 = 0.5, .weight_decay = 0.25);
    tp_optimizer *o = tp_adam_new(&many[0], 1, 0.01, .weight_decay = 0.25);
    tp_optimizer_add_group(o, &many[2], 1, 0.5, .beta1 = 0.5);
    tp_optimizer_add_group(o, NULL, 0, 1);
    CHECK_INT(tp_optimizer_groups(o), 3);
    CHECK_BITS(tp_optimizer_lr(o, 1), 0.5);
    CHECK_BITS(tp_optimizer_option(o, 1, "beta1"), 0.5);
    CHECK_BITS(tp_optimizer_option(o, 1, "weight_decay"), 0.25);
    CHECK_BITS(tp_optimizer_option(o, 0, "beta1"), 0.9);
    CHECK_BITS(tp_optimizer_option(o, 0, "amsgrad"), 0);
    for (int step = 1; step <= 20; step++) {
        set_gradients(one, CASE_PARAMS, step);
        set_gradients(many, CASE_PARAMS, step);
        if (step == 10) {
            tp_optimizer_set_lr(third, 0, 0.25), tp_optimizer_set_lr(o, 1, 0.25);
            tp_optimizer_set_option(third, 0, "beta2", 0.5);
            tp_optimizer_set_option(o, 1, "beta2", 0.5);
        }
        tp_optimizer_step(first), tp_optimizer_step(third), tp_optimizer_step(o);
    }
    for (int64_t i = 0; i < tp_size(one[0]); i++)
        CHECK_BITS(at(many[0], i), at(one[0], i));
    CHECK_BITS(at(many[2], 0), at(one[2], 0));
    tp_optimizer_free(first), tp_optimizer_free(third), tp_optimizer_free(o);
}

TEST(an_option_that_changes_what_is_remembered)
{
    tp_var *p = tp_variable(1.0), *q = tp_variable(1.0);
    tp_optimizer *o = tp_sgd_new(&p, 1, 0.5), *fresh = tp_sgd_new(&q, 1, 0.5, .momentum = 0.5);
    set_gradient(p, tp_scalar(1));
    tp_optimizer_step(o);
    tp_optimizer_set_option(o, 0, "momentum", 0.5);
    tp_optimizer_set_option(o, 0, "dampening", 0.25);
    tp_optimizer_set_option(fresh, 0, "dampening", 0.25);
    tp_copy_(q, p);
    for (int step = 0; step < 3; step++) {
        set_gradient(p, tp_scalar(1 + step)), set_gradient(q, tp_scalar(1 + step));
        tp_optimizer_step(o), tp_optimizer_step(fresh);
        CHECK_BITS(tp_item(p), tp_item(q));
    }
    tp_optimizer_free(o), tp_optimizer_free(fresh);
}

/* --- Gradients --- */

TEST(gradients_add_up_until_they_are_forgotten)
{
    tp_var *p = tp_variable(tp_ones(TP_F64, TP_SHAPE(2)));
    tp_optimizer *o = tp_sgd_new(&p, 1, 0.25);
    tp_backward(tp_sum(p)), tp_backward(tp_mul(2, tp_sum(p)));
    tp_optimizer_step(o);
    CHECK_ELEMENTS(p, 0.25, 0.25);
    tp_optimizer_zero_grad(o);
    CHECK(tp_grad(p) == NULL);
    tp_optimizer_step(o);
    CHECK_ELEMENTS(p, 0.25, 0.25);
    tp_optimizer_free(o);
}

typedef struct quadratic {
    tp_var *p;
    int calls;
} quadratic;

static tp_var *quadratic_loss(void *ctx, tp_var **outputs)
{
    quadratic *q = ctx;
    (void)outputs;
    q->calls++;
    return tp_sum(tp_square(q->p));
}

TEST(a_step_with_a_closure)
{
    quadratic q = {tp_variable(tp_array(TP_F64, TP_SHAPE(2), ((double[]){1, 2}))), 0};
    tp_optimizer *o = tp_sgd_new(&q.p, 1, 0.25);
    size_t live = tp_live();
    {
        TP_NO_GRAD();
        CHECK_BITS(tp_optimizer_step_with(o, quadratic_loss, &q), 5);
        CHECK(!tp_is_grad_enabled());
    }
    CHECK_ELEMENTS(q.p, 0.5, 1);
    CHECK_BITS(tp_optimizer_step_with(o, quadratic_loss, &q), 1.25);
    CHECK_INT(q.calls, 2);
    CHECK(tp_live() <= live + 1);
    tp_optimizer_free(o);
}

/* --- Half types --- */

/* A master in float32 takes steps that the half type would round away. */
TEST(half_types_move_by_a_master)
{
    const tp_dtype halves[] = {TP_BF16, TP_F16};
    for
        EACH(h, halves)
        for
            EACH(c, optimizer_cases)
            {
                TP_SCOPE();
                tp_var *half[CASE_PARAMS], *single[CASE_PARAMS];
                make_params(halves[h], half), make_params(TP_F32, single);
                tp_optimizer *o = optimizer_cases[c].make(half, CASE_PARAMS);
                tp_optimizer *s = optimizer_cases[c].make(single, CASE_PARAMS);
                steps(o, half, CASE_PARAMS, 1, CASE_STEPS);
                steps(s, single, CASE_PARAMS, 1, CASE_STEPS);
                for (int k = 0; k < CASE_PARAMS; k++)
                    for (int64_t i = 0; i < tp_size(half[k]); i++)
                        CHECK_BITS(at(half[k], i), at(tp_to(single[k], halves[h]), i));
                tp_optimizer_free(o), tp_optimizer_free(s);
            }
}

TEST(a_master_follows_what_others_write)
{
    tp_var *p = tp_variable(tp_to(tp_ones(TP_F32, TP_SHAPE(3000)), TP_BF16));
    tp_optimizer *o = tp_sgd_new(&p, 1, 0x1p-10);
    tp_var *ones = tp_to(tp_ones(TP_F32, TP_SHAPE(3000)), TP_BF16);
    for (int step = 0; step < 2; step++)
        set_gradient(p, ones), tp_optimizer_step(o);
    CHECK_BITS(at(p, 2999), 1); /* 1 − 2⁻⁹ is half-way to the next, and rounds to even */
    tp_var *first = tp_narrow(tp_detach(p), 0, 0, 1);
    tp_copy_(first, 2);
    for (int step = 0; step < 2; step++)
        set_gradient(p, ones), tp_optimizer_step(o);
    CHECK_BITS(at(p, 0), 2);             /* 2 − 2⁻⁹ */
    CHECK_BITS(at(p, 2999), 1 - 0x1p-8); /* 1 − 2⁻⁸ */
    tp_optimizer_free(o);
}

/* --- Threads --- */

TEST(the_number_of_threads_changes_no_bit)
{
    enum { SIZE = 100001 };
    int before = tp_num_threads();
    for
        EACH(c, optimizer_cases)
        {
            float *first = NULL;
            for (int threads = 1; threads <= 4; threads *= 4) {
                TP_SCOPE();
                tp_set_num_threads(threads);
                tp_var *p[2] = {
                    tp_variable(filled(TP_F32, TP_SHAPE(SIZE), parameter_value, 0, 0)),
                    tp_variable(filled(TP_BF16, TP_SHAPE(SIZE), parameter_value, 0, 0))};
                tp_optimizer *o = optimizer_cases[c].make(p, 2);
                steps(o, p, 2, 1, 5);
                float *bits = malloc(2 * SIZE * sizeof *bits);
                memcpy(bits, tp_data(p[0]), SIZE * sizeof *bits);
                memcpy(bits + SIZE, tp_data(tp_to(p[1], TP_F32)), SIZE * sizeof *bits);
                CHECK(!first || !memcmp(first, bits, 2 * SIZE * sizeof *bits));
                free(first);
                first = bits;
                tp_optimizer_free(o);
            }
            free(first);
        }
    tp_set_num_threads(before);
}

TEST(frozen_parameters_stay)
{
    tp_var *p[4] = {tp_variable(1.0), tp_scalar(2), tp_variable(3.0), tp_variable(4.0)};
    tp_optimizer *o = tp_adam_new(p, 4, 0.5);
    set_gradient(p[0], tp_scalar(1)), set_gradient(p[3], tp_scalar(1));
    tp_requires_grad_(p[2], false);
    tp_share(p[2]);
    tp_optimizer_step(o);
    CHECK_CLOSE(tp_item(p[0]), 0.5, 1e-7);
    CHECK_BITS(tp_item(p[1]), 2);
    CHECK_BITS(tp_item(p[2]), 3);
    CHECK_CLOSE(tp_item(p[3]), 3.5, 1e-7);
    tp_optimizer_free(o);
}

/* --- Memory --- */

TEST(only_the_first_step_takes_memory)
{
    for
        EACH(c, optimizer_cases)
        {
            TP_SCOPE();
            tp_var *params[CASE_PARAMS];
            make_params(c % 2 ? TP_F64 : TP_BF16, params);
            tp_optimizer *o = optimizer_cases[c].make(params, CASE_PARAMS);
            for (int step = 4; step <= 6; step++) {
                set_gradients(params, CASE_PARAMS, step);
                tp__alloc_fail_at((size_t)-1);
                tp_optimizer_step(o);
                size_t requests = tp__alloc_fail_at(0);
                CHECK(step == 4 || requests == 0);
            }
            tp_optimizer_free(o);
        }
}

/* --- Errors --- */

TEST(what_is_wrong_is_told_and_changes_nothing)
{
    tp_var *p = tp_variable(1.0), *q = tp_variable(2.0), *recorded = tp_mul(p, 2);
    tp_var *twice[] = {p, q, p}, *list[] = {p, recorded};
    CHECK(!tp_adam_new(twice, 3, 0.1));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "adam_new: parameter 2 is among the parameters already");
    CHECK(!tp_adam_new(list, 2, 0.1));
    CHECK_ERROR(TP_ERROR_GRAPH, "adam_new: parameter 1 is a recorded result");
    CHECK(!tp_adam_new(NULL, 1, 0.1));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "adam_new: the list of 1 parameters is NULL");
    CHECK(!tp_adam_new(&p, 0, 0.1));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "adam_new: no parameters");
    CHECK(!tp_sgd_new(&p, 1, 0.1, .nesterov = true));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "sgd_new: nesterov needs momentum");
    tp_optimizer_step(NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "optimizer_step: the optimizer is NULL");

    tp_optimizer *o = tp_adam_new(&p, 1, 0.5);
    tp_optimizer_add_group(o, &p, 1, 0.5);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "parameter 0 is among the parameters already");
    tp_optimizer_add_group(o, &q, 1, 0.5, .momentum = 0.5);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "optimizer_add_group: adam has no option momentum");
    tp_optimizer_set_option(o, 0, "rho", 0.5);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "optimizer_set_option: adam has no option rho");
    tp_optimizer_set_option(o, 0, NULL, 0.5);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "adam has no option NULL");
    tp_optimizer_set_option(o, 0, "beta1", 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "beta1 is 1, expected at least 0 and less than 1");
    CHECK_BITS(tp_optimizer_option(o, 0, "beta1"), 0.9);
    CHECK(isnan(tp_optimizer_lr(o, 1)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "optimizer_lr: group 1 of 1");
    CHECK(isnan(tp_optimizer_step_with(o, NULL, NULL)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "the closure is NULL");
    CHECK_INT(tp_optimizer_groups(o), 1);

    tp_var *all = tp_ones(TP_F64, TP_SHAPE(3));
    tp_var *parts[] = {tp_requires_grad_(tp_narrow(all, 0, 0, 2), true),
                       tp_requires_grad_(tp_narrow(all, 0, 1, 2), true)};
    tp_optimizer_add_group(o, parts, 2, 0.5);
    set_gradient(p, tp_scalar(1));
    set_gradient(parts[0], tp_ones(TP_F64, TP_SHAPE(2)));
    set_gradient(parts[1], tp_ones(TP_F64, TP_SHAPE(2)));
    tp_optimizer_step(o);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "optimizer_step: parameter 1 and parameter 2 share elements");
    CHECK_ELEMENTS(all, 1, 1, 1);
    CHECK_BITS(tp_item(p), 1);
    tp_optimizer_free(o);
    tp_optimizer_free(NULL);
}

TEST(nothing_happens_while_an_error_is_pending)
{
    tp_var *p = tp_variable(1.0), *q = tp_variable(2.0);
    tp_optimizer *o = tp_adam_new(&p, 1, 0.5);
    set_gradient(p, tp_scalar(1));
    tp_fail(TP_ERROR_ARGUMENT, "on purpose");
    CHECK(!tp_adam_new(&q, 1, 0.5));
    tp_optimizer_step(o), tp_optimizer_step(NULL);
    tp_optimizer_zero_grad(o), tp_optimizer_set_lr(o, 0, 1);
    tp_optimizer_add_group(o, &q, 1, 0.5);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "on purpose");
    CHECK_BITS(tp_item(p), 1);
    CHECK_BITS(tp_optimizer_lr(o, 0), 0.5);
    CHECK_INT(tp_optimizer_groups(o), 1);
    CHECK(tp_grad(p) != NULL);
    tp_optimizer_free(o);
}

/* --- State --- */

/* An optimiser is replaced, twice, by a new one that takes up its state. */
TEST(a_loaded_state_goes_on_with_the_same_bits)
{
    const tp_dtype types[] = {TP_F64, TP_BF16};
    for
        EACH(d, types)
        for
            EACH(c, optimizer_cases)
            {
                TP_SCOPE();
                tp_var *whole[CASE_PARAMS], *parted[CASE_PARAMS];
                make_params(types[d], whole), make_params(types[d], parted);
                tp_optimizer *a = optimizer_cases[c].make(whole, CASE_PARAMS);
                tp_optimizer *b = optimizer_cases[c].make(parted, CASE_PARAMS);
                steps(a, whole, CASE_PARAMS, 1, 15);
                for (int part = 0; part < 3; part++) {
                    steps(b, parted, CASE_PARAMS, 5 * part + 1, 5 * part + 5);
                    tp_state_dict *state = tp_optimizer_state(b);
                    tp_optimizer_free(b);
                    b = optimizer_cases[c].make(parted, CASE_PARAMS);
                    tp_optimizer_load_state(b, state);
                    tp_state_dict_free(state);
                }
                for (int k = 0; k < CASE_PARAMS; k++)
                    for (int64_t i = 0; i < tp_size(whole[k]); i++)
                        CHECK_BITS(at(parted[k], i), at(whole[k], i));
                tp_optimizer_free(a), tp_optimizer_free(b);
            }
}

TEST(a_state_has_torchs_names)
{
    tp_var *p = tp_variable(tp_ones(TP_F64, TP_SHAPE(2)));
    tp_optimizer *o = tp_adam_new(&p, 1, 0.5, .weight_decay = 0.25);
    set_gradient(p, tp_ones(TP_F64, TP_SHAPE(2)));
    tp_optimizer_step(o);
    tp_state_dict *d = tp_optimizer_state(o);
    CHECK_TEXT(tp_state_dict_text(d, "optimizer"), "adam");
    CHECK_BITS(tp_item(tp_state_dict_get(d, "state.0.step")), 1);
    CHECK_CLOSE(at(tp_state_dict_get(d, "state.0.exp_avg"), 1), 0.125, 1e-15);
    CHECK(tp_state_dict_get(d, "state.0.exp_avg_sq") != NULL);
    CHECK(tp_state_dict_get(d, "state.0.max_exp_avg_sq") == NULL);
    CHECK_BITS(tp_item(tp_state_dict_get(d, "param_groups.0.lr")), 0.5);
    CHECK_BITS(tp_item(tp_state_dict_get(d, "param_groups.0.weight_decay")), 0.25);
    tp_state_dict_free(d), tp_optimizer_free(o);
}

TEST(a_state_that_does_not_fit_changes_nothing)
{
    tp_var *p = tp_variable(tp_ones(TP_F64, TP_SHAPE(2))),
           *q = tp_variable(tp_ones(TP_F64, TP_SHAPE(2)));
    tp_optimizer *o = tp_adam_new(&p, 1, 0.5), *kept = tp_adam_new(&q, 1, 0.5);
    tp_optimizer *other = tp_sgd_new(&q, 1, 0.5);
    set_gradient(p, tp_ones(TP_F64, TP_SHAPE(2))), set_gradient(q, tp_ones(TP_F64, TP_SHAPE(2)));
    tp_optimizer_step(o), tp_optimizer_step(kept);
    const struct {
        const char *name;
        tp_var *v;
        const char *text;
    } wrong[] = {
        {"state.0.exp_avg", tp_zeros(TP_F64, TP_SHAPE(3)),
         "state.0.exp_avg has shape (3,), its parameter (2,)"},
        {"state.0.exp_avg_sq", tp_zeros(TP_F32, TP_SHAPE(2)),
         "state.0.exp_avg_sq is float32, expected float64"},
        {"state.0.step", tp_scalar(-1), "state.0.step is -1"},
        {"state.0.step", tp_zeros(TP_F64, TP_SHAPE(2)), "state.0.step is not one number"},
        {"param_groups.0.beta1", tp_scalar(2), "beta1 is 2"},
        {"param_groups.0.lr", tp_scalar((double)NAN), "lr is nan"},
        {"param_groups.0.params", tp_scalar(2), "group 0 has 2 parameters in the state, 1 here"},
        {"param_groups.1.lr", tp_scalar(2), "the state has more than 1 groups"},
    };
    for
        EACH(i, wrong)
        {
            tp_state_dict *d = tp_optimizer_state(o);
            tp_state_dict_set(d, "param_groups.0.eps", tp_scalar(0.5));
            tp_state_dict_set(d, wrong[i].name, wrong[i].v);
            tp_optimizer_load_state(o, d);
            CHECK(tp_error() && strstr(tp_error(), "optimizer_load_state: ") == tp_error());
            CHECK_ERROR(tp_status(), wrong[i].text);
            CHECK_BITS(tp_optimizer_option(o, 0, "eps"), 1e-8);
            tp_state_dict_free(d);
        }
    tp_state_dict *d = tp_optimizer_state(other), *empty = tp_state_dict_new();
    tp_optimizer_load_state(o, d);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "optimizer_load_state: the state is of sgd, expected adam");
    tp_optimizer_load_state(o, empty);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "the state is of something else, expected adam");
    set_gradient(p, tp_ones(TP_F64, TP_SHAPE(2))), set_gradient(q, tp_ones(TP_F64, TP_SHAPE(2)));
    tp_optimizer_step(o), tp_optimizer_step(kept);
    CHECK_BITS(at(p, 0), at(q, 0));
    tp_state_dict_free(d), tp_state_dict_free(empty);
    tp_optimizer_free(o), tp_optimizer_free(kept), tp_optimizer_free(other);
}

/* --- Clipping --- */

TEST(clipping_is_torchs)
{
    tp_var *p[3] = {tp_variable(tp_zeros(TP_F64, TP_SHAPE(2))), tp_variable(0.0),
                    tp_variable(tp_zeros(TP_F32, TP_SHAPE(1)))};
    set_gradient(p[0], tp_array(TP_F64, TP_SHAPE(2), ((double[]){2, -4})));
    set_gradient(p[2], tp_full(TP_F32, TP_SHAPE(1), 4));
    CHECK_CLOSE(tp_clip_grad_norm_(p, 3, 10), 6, 1e-15);
    CHECK_ELEMENTS(tp_grad(p[0]), 2, -4);
    CHECK_CLOSE(tp_clip_grad_norm_(p, 3, 3), 6, 1e-15);
    CHECK_CLOSE(at(tp_grad(p[0]), 1), -4 * (3 / (6 + 1e-6)), 1e-15);
    CHECK_CLOSE(at(tp_grad(p[2]), 0), 4 * (3 / (6 + 1e-6)), 1e-7);
    CHECK(tp_grad(p[1]) == NULL);
    tp_clip_grad_value_(p, 3, 1.5);
    CHECK_BITS(at(tp_grad(p[0]), 1), -1.5);
    CHECK_BITS(at(tp_grad(p[2]), 0), 1.5);
    set_gradient(p[0], tp_array(TP_F64, TP_SHAPE(2), ((double[]){3e200, 4e200})));
    tp_cleargrad(p[2]);
    CHECK_CLOSE(tp_clip_grad_norm_(p, 3, 5) / 5e200, 1, 1e-15);
    CHECK_CLOSE(at(tp_grad(p[0]), 0), 3, 1e-15);
    tp_clip_grad_norm_(p, 3, -1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "clip_grad_norm_: max_norm is -1");
    tp_clip_grad_value_(NULL, 1, 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "clip_grad_value_: the list of 1 parameters is NULL");
}

/* --- L-BFGS --- */

typedef struct valley {
    tp_var *p, *q;
    int calls, fails_at;
} valley;

static tp_var *valley_loss(void *ctx, tp_var **outputs)
{
    valley *v = ctx;
    tp_var *b = tp_array(TP_F64, TP_SHAPE(3), ((double[]){1, 2, 3}));
    (void)outputs;
    if (++v->calls == v->fails_at)
        return tp_fail(TP_ERROR_ARGUMENT, "on purpose");
    return tp_add(tp_add(tp_sum(tp_square(tp_sub(tp_add(tp_square(v->p), v->q), b))),
                         tp_div(tp_sum(tp_pow(tp_sub(v->p, v->q), 4)), 4)),
                  tp_square(v->q));
}

static void valley_make(valley *v, tp_var **params)
{
    params[0] = v->p = tp_variable(tp_add(filled(TP_F64, TP_SHAPE(3), parameter_value, 0, 0), 1));
    params[1] = v->q = tp_variable(0.5);
    v->calls = v->fails_at = 0;
}

/* With a new optimiser for each step, too, which loads the state of the one before. */
TEST(lbfgs_agrees_with_torch)
{
    for (int resumed = 0; resumed < 2; resumed++)
        for
            EACH(c, lbfgs_cases)
            {
                TP_SCOPE();
                valley v;
                tp_var *params[2];
                valley_make(&v, params);
                tp_optimizer *o = lbfgs_cases[c].make(params);
                for (int step = 0; step < 4; step++) {
                    const double *row = lbfgs_cases[c].rows[step];
                    CHECK_CLOSE(tp_optimizer_step_with(o, valley_loss, &v), row[0], 1e-12);
                    for (int i = 0; i < 3; i++)
                        CHECK_CLOSE(at(v.p, i), row[1 + i], 1e-12);
                    CHECK_CLOSE(tp_item(v.q), row[4], 1e-12);
                    if (resumed) {
                        tp_state_dict *d = tp_optimizer_state(o);
                        tp_optimizer_free(o);
                        o = lbfgs_cases[c].make(params);
                        tp_optimizer_load_state(o, d);
                        tp_state_dict_free(d);
                    }
                }
                tp_optimizer_free(o);
            }
}

TEST(lbfgs_finds_the_minimum_and_fails_whole)
{
    valley v;
    tp_var *params[2], *other = tp_variable(1.0);
    valley_make(&v, params);
    tp_optimizer *o = tp_lbfgs_new(params, 2, 1, .strong_wolfe = true, .max_iter = 100);
    for (int i = 0; i < 5; i++)
        tp_optimizer_step_with(o, valley_loss, &v);
    tp_backward(valley_loss(&v, NULL));
    for (int i = 0; i < 3; i++)
        CHECK(fabs(at(tp_grad(v.p), i)) < 1e-4);
    tp_optimizer_step(o);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "optimizer_step: lbfgs evaluates the loss itself");
    tp_optimizer_add_group(o, &other, 1, 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "optimizer_add_group: lbfgs has one group of parameters");
    tp_optimizer_free(o);

    valley_make(&v, params);
    o = tp_lbfgs_new(params, 2, 1, .strong_wolfe = true);
    tp_var *start = tp_clone(v.p);
    v.fails_at = 2;
    CHECK(isnan(tp_optimizer_step_with(o, valley_loss, &v)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "on purpose");
    for (int i = 0; i < 3; i++)
        CHECK_BITS(at(v.p, i), at(start, i));
    tp_optimizer_free(o);
}
