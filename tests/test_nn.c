/* SPDX-License-Identifier: MIT
 *
 * Modules: names, order and sharing of values, running, copying, states, and what happens when
 * something is missing or wrong. Expected values are those of the functions that layers call, of
 * PyTorch's documentation (names, shapes, bounds of initial values), and closed forms.
 */
#include "elements.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"

static void quiet(const char *line)
{
    (void)line;
}

static void check_same(tp_var *a, tp_var *b)
{
    CHECK(tp_dtype_of(a) == tp_dtype_of(b) && tp_size(a) == tp_size(b));
    for (int64_t i = 0; i < tp_size(a) && i < tp_size(b); i++)
        CHECK_BITS(at(a, i), at(b, i));
}

static tp_module *small_net(void)
{
    return tp_sequential_new(TP_MODULES(tp_linear_new(2, 3, .dtype = TP_F64), tp_tanh_new(),
                                        tp_linear_new(3, 1, .dtype = TP_F64)));
}

static tp_var *row_of_two(void)
{
    return tp_array(TP_F64, TP_SHAPE(1, 2), ((double[]){0.5, -1.5}));
}

TEST(a_network_is_its_functions_one_after_the_other)
{
    tp_module *net = small_net();
    tp_var *x = row_of_two();
    tp_var *h = tp_tanh(tp_linear(x, tp_module_get(net, "0.weight"), tp_module_get(net, "0.bias")));
    tp_var *y = tp_linear(h, tp_module_get(net, "2.weight"), tp_module_get(net, "2.bias"));
    CHECK_BITS(tp_item(tp_forward(net, x)), tp_item(y));
    CHECK_INT(tp_parameters(net, 0, NULL), 4);
    CHECK_INT(tp_parameter_count(net), 13);
    tp_var *some[6];
    CHECK_INT(tp_parameters(net, 3, some), 4);
    CHECK(some[0] == tp_module_get(net, "0.weight") && some[1] == tp_module_get(net, "0.bias") &&
          some[2] == tp_module_get(net, "2.weight"));
    CHECK(tp_module_child(net, "2") == tp_module_at(net, 2) && tp_module_child(net, "") == net);
    CHECK(!tp_module_child(net, "7") && !tp_module_child(net, "2.weight"));
    CHECK_INT(tp_module_children(net), 3);
    CHECK_TEXT(tp_module_name(tp_module_at(net, 1)), "Tanh");
    tp_module_free(net);
}

static void back(tp_module *net)
{
    TP_SCOPE();
    tp_backward(tp_sum(tp_forward(net, row_of_two())));
}

TEST(gradients_of_a_network_are_stored_in_its_parameters)
{
    tp_module *net = small_net();
    back(net);
    CHECK_BITS(tp_item(tp_grad(tp_module_get(net, "2.bias"))), 1);
    tp_module_zero_grad(net);
    CHECK(!tp_grad(tp_module_get(net, "2.bias")));
    tp_module_requires_grad(net, false);
    CHECK(!tp_requires_grad(tp_forward(net, row_of_two())));
    CHECK_INT(tp_parameters(net, 0, NULL), 4);
    tp_module_requires_grad(tp_module_at(net, 2), true);
    back(net);
    CHECK(!tp_grad(tp_module_get(net, "0.bias")) && tp_grad(tp_module_get(net, "2.bias")));
    tp_module_free(net);
}

/* --- A module of one's own --- */

typedef struct block {
    tp_module *first, *second;
    tp_var *scale;
} block;

static tp_var *block_forward(tp_module *m, tp_var *x)
{
    block *b = tp_module_self(m);
    tp_var *y = tp_forward(b->second, tp_relu(tp_forward(b->first, x)));
    return tp_add(x, tp_mul(b->scale, y));
}

static tp_module *block_new(int64_t width)
{
    tp_module *m = tp_module_new(.name = "Block", .self = sizeof(block), .forward = block_forward);
    block *b = tp_module_self(m);
    if (b) {
        b->first = tp_module_add(m, "first", tp_linear_new(width, width));
        b->second = tp_module_add(m, "second", tp_linear_new(width, width, .bias = false));
        b->scale = tp_module_add_parameter(m, "scale", tp_full(TP_F32, TP_SHAPE(1), 0.5));
    }
    return m;
}

TEST(a_module_of_ones_own_is_a_struct_and_a_function)
{
    tp_module *m = block_new(4);
    tp_var *x = tp_randn(TP_F32, TP_SHAPE(3, 4));
    tp_var *h =
        tp_relu(tp_linear(x, tp_module_get(m, "first.weight"), tp_module_get(m, "first.bias")));
    tp_var *y = tp_add(x, tp_mul(0.5, tp_linear(h, tp_module_get(m, "second.weight"), NULL)));
    check_same(tp_forward(m, x), y);
    tp_state_dict *d = tp_module_state_dict(m);
    const char *const names[] = {"scale", "first.weight", "first.bias", "second.weight"};
    CHECK_INT(tp_state_dict_len(d), 4);
    for (int i = 0; i < 4; i++)
        CHECK_TEXT(tp_state_dict_name(d, i), names[i]);
    tp_state_dict_free(d);
    tp_module_free(m);
}

TEST(a_copy_is_of_its_own_and_what_is_shared_stays_shared)
{
    tp_module *m = block_new(4);
    tp_module_set(m, "second.weight", tp_module_get(m, "first.weight"));
    tp_var *x = tp_randn(TP_F32, TP_SHAPE(3, 4)), *y = tp_forward(m, x);
    CHECK_INT(tp_parameters(m, 0, NULL), 3);
    tp_module *copy = tp_module_copy(m);
    block *b = tp_module_self(copy);
    CHECK(b->first == tp_module_child(copy, "first") && b->first != tp_module_child(m, "first"));
    CHECK(b->scale == tp_module_get(copy, "scale") && b->scale != tp_module_get(m, "scale"));
    CHECK(tp_module_get(copy, "second.weight") == tp_module_get(copy, "first.weight"));
    tp_fill_(tp_module_get(m, "first.weight"), 0);
    check_same(tp_forward(copy, x), y);
    tp_module_to(copy, TP_F64);
    CHECK_INT(tp_dtype_of(tp_module_get(copy, "scale")), TP_F64);
    CHECK(b->scale == tp_module_get(copy, "scale"));
    CHECK(tp_module_get(copy, "second.weight") == tp_module_get(copy, "first.weight"));
    CHECK(tp_requires_grad(tp_module_get(copy, "second.weight")));
    CHECK_INT(tp_dtype_of(tp_forward(copy, tp_to(x, TP_F64))), TP_F64);
    tp_module_free(m);
    tp_module_free(copy);
}

TEST(one_module_in_two_places_is_shared)
{
    tp_module *one = tp_linear_new(3, 3);
    tp_module *net = tp_sequential_new(TP_MODULES(tp_module_keep(one), one));
    CHECK_INT(tp_parameters(net, 0, NULL), 2);
    tp_state_dict *d = tp_module_state_dict(net);
    CHECK_INT(tp_state_dict_len(d), 4);
    tp_state_dict_free(d);
    tp_module *copy = tp_module_copy(net);
    CHECK(tp_module_at(copy, 0) == tp_module_at(copy, 1));
    tp_module_free(copy);
    tp_module_free(net);
}

/* --- Running --- */

static void count_call(void *arg, tp_module *m, int n_in, tp_var *const *in, int n_out,
                       tp_var *const *out)
{
    CHECK(n_in == 1 && n_out == 1 && in[0] && out[0] && tp_module_children(m) == 0);
    ++*(int *)arg;
}

TEST(hooks_see_values_and_modes_reach_all_below)
{
    int calls = 0;
    tp_module *net = tp_sequential_new(TP_MODULES(tp_dropout_new(0.5), tp_identity_new()));
    tp_var *x = tp_ones(TP_F32, TP_SHAPE(64));
    tp_module_on_forward(tp_module_at(net, 0), count_call, &calls);
    tp_manual_seed(1);
    CHECK(tp_item(tp_sum(tp_eq(tp_forward(net, x), 0))) > 0);
    tp_module_train(net, false);
    CHECK(!tp_module_training(tp_module_at(net, 0)));
    check_same(tp_forward(net, x), x);
    CHECK_INT(calls, 2);
    tp_module_free(net);
}

TEST(a_forward_leaves_its_result_alone)
{
    tp_module *net = small_net();
    tp_var *x = row_of_two();
    TP_NO_GRAD();
    size_t live = tp_live();
    tp_forward(net, x);
    CHECK_INT(tp_live(), live + 1);
    tp_module_free(net);
}

TEST(losses_are_modules_of_two_values)
{
    tp_module *loss = tp_cross_entropy_loss_new(.label_smoothing = 0.1);
    tp_var *x = tp_array(TP_F64, TP_SHAPE(1, 3), ((double[]){1, 2, 3}));
    tp_var *target = tp_array(TP_I64, TP_SHAPE(1), ((int64_t[]){2}));
    CHECK_BITS(tp_item(tp_loss(loss, x, target)),
               tp_item(tp_cross_entropy(x, target, .label_smoothing = 0.1)));
    CHECK(tp_is_poison(tp_forward(loss, x)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "1 result of 2 values");
    tp_module_free(loss);
    double half[] = {0.5, 0.25, 0.25};
    tp_var *weight = tp_array(TP_F64, TP_SHAPE(3), half);
    loss = tp_nll_loss_new(.weight = weight);
    tp_module *copy = tp_module_copy(loss);
    tp_module_free(loss);
    CHECK_BITS(tp_item(tp_loss(copy, tp_log_softmax(x, 1), target)),
               tp_item(tp_nll_loss(tp_log_softmax(x, 1), target, .weight = weight)));
    tp_module_free(copy);
}

/* --- States --- */

TEST(a_state_is_loaded_whole_or_not_at_all)
{
    tp_module *a = small_net(), *b = small_net();
    tp_var *x = row_of_two();
    tp_state_dict *d = tp_module_state_dict(a);
    CHECK(!tp_module_differences(b, d));
    CHECK(tp_module_load_state_dict(b, d));
    CHECK_BITS(tp_item(tp_forward(a, x)), tp_item(tp_forward(b, x)));
    tp_var *before = tp_clone(tp_detach(tp_module_get(b, "0.weight")));
    tp_state_dict_set(d, "0.weight", tp_zeros(TP_F64, TP_SHAPE(3, 2)));
    tp_state_dict_set(d, "2.bias", tp_zeros(TP_F32, TP_SHAPE(1)));
    tp_state_dict_set(d, "extra", tp_zeros(TP_F32, TP_SHAPE(1)));
    char *table = tp_module_differences(b, d);
    CHECK(table && strstr(table, "2.bias") && strstr(table, "(1,) float64") &&
          strstr(table, "(1,) float32") && strstr(table, "extra") && !strstr(table, "0.weight"));
    free(table);
    tp_set_log(quiet);
    CHECK(!tp_module_load_state_dict(b, d));
    tp_set_log(NULL);
    CHECK_ERROR(TP_ERROR_SHAPE,
                "2 values do not fit: 2.bias is (1,) float64 here and (1,) float32");
    check_same(tp_detach(tp_module_get(b, "0.weight")), before);
    CHECK(tp_module_load_state_dict(b, d, .partial = true, .convert = true));
    CHECK_BITS(tp_item(tp_sum(tp_module_get(b, "0.weight"))), 0);
    tp_state_dict_free(d);
    tp_module_free(a);
    tp_module_free(b);
}

/* --- What is said about it --- */

TEST(a_summary_counts_products)
{
    tp_module *net = tp_sequential_new(TP_MODULES(tp_conv2d_new(1, 4, 3, .padding = 1),
                                                  tp_relu_new(), tp_max_pool2d_new(2),
                                                  tp_flatten_new(), tp_linear_new(64, 10)));
    char *tree = tp_module_repr(net);
    CHECK(tree && strstr(tree, "Sequential()\n  0: Conv2d(1 → 4, kernel 3 × 3)\n") &&
          strstr(tree, "  4: Linear(64 → 10)\n"));
    free(tree);
    tp_module_train(tp_module_at(net, 1), false);
    tp_var *x = tp_zeros(TP_F32, TP_SHAPE(2, 1, 8, 8));
    char *text = tp_module_summary(net, 1, &x);
    CHECK(text && strstr(text, "(2, 4, 8, 8)") && strstr(text, "(2, 10)"));
    CHECK(text && strstr(text, "690")); /* 4 · 9 + 4 + 640 + 10 */
    const char *linear = text ? strstr(text, "4: Linear") : NULL;
    CHECK(linear && strstr(linear, " 2560")); /* 2 · 2 · 64 · 10 */
    free(text);
    CHECK(tp_module_training(net) && !tp_module_training(tp_module_at(net, 1)));
    tp_module_free(net);
}

TEST(an_error_says_in_which_layer)
{
    tp_module *net = small_net();
    CHECK(tp_is_poison(tp_forward(net, tp_zeros(TP_F64, TP_SHAPE(1, 5)))));
    CHECK_ERROR(TP_ERROR_SHAPE, ", in Linear (0), in Sequential");
    tp_module_free(net);
}

TEST(name_scopes_are_opened_when_asked_for)
{
    tp_module *net = small_net();
    tp_module_name_scopes(net, true);
    char *dot = tp_draw_graph_to_memory(tp_forward(net, row_of_two()), "dot", NULL, .scopes = true);
    CHECK(dot && strstr(dot, "Sequential") && strstr(dot, "\"2\""));
    free(dot);
    tp_module_free(net);
}

TEST(what_is_missing_or_wrong_is_an_error)
{
    CHECK(tp_is_poison(tp_forward(NULL, tp_scalar(1))));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "forward: the module is NULL");
    CHECK(!tp_linear_new(0, 3));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "linear_new: in is 0");
    CHECK(!tp_linear_new(3, 3, .dtype = TP_I64));
    CHECK_ERROR(TP_ERROR_DTYPE, "linear_new: .dtype is int64");
    CHECK(!tp_sequential_new(TP_MODULES(tp_linear_new(2, 2), tp_linear_new(2, -1))));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "linear_new: out is -1");
    CHECK(!tp_conv2d_new(3, 4, 3, .groups = 2));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "3 and 4 channels do not fall in 2 groups");
    CHECK(!tp_conv2d_new(2, 4, 3, .kernel = TP_SIZES(3, 3)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "given twice");
    CHECK(!tp_module_new(.name = "Empty"));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "one of .forward and .forward_n");
    tp_module *m = small_net();
    CHECK(!tp_module_add(m, "a.b", tp_identity_new()));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "\"a.b\" is no name");
    CHECK(!tp_module_add(m, "0", tp_identity_new()));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "Sequential has a \"0\" already");
    CHECK(!tp_module_add(tp_module_at(m, 0), "up", tp_module_keep(m)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "has Linear itself below it");
    CHECK(tp_is_poison(tp_module_get(m, "0.none")));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "has no parameter and no buffer \"0.none\"");
    tp_module_set(m, "0.bias", tp_variable(tp_zeros(TP_F64, TP_SHAPE(4))));
    CHECK_ERROR(TP_ERROR_SHAPE, "0.bias");
    tp_module_free(m);
}

/* --- Initial values --- */

static void moments(tp_var *v, double *mean, double *std, double *most)
{
    *mean = tp_item(tp_mean(v));
    *std = sqrt(tp_item(tp_mean(tp_square(v))) - *mean * *mean);
    *most = tp_item(tp_max(tp_abs(v)));
}

TEST(initial_values_have_the_spread_of_their_formula)
{
    double mean, std, most;
    tp_manual_seed(3);
    tp_var *v = tp_zeros(TP_F64, TP_SHAPE(200, 50, 2, 2)); /* fan in 200, fan out 800 */
    struct {
        tp_var *v;
        double std, bound;
    } is[] = {
        {tp_clone(tp_uniform_(v, -3, 3)), 3 / sqrt(3), 3},
        {tp_clone(tp_normal_(v, 0, 2)), 2, (double)INFINITY},
        {tp_clone(tp_xavier_uniform_(v, 2)), 2 * sqrt(2. / 1000), 2 * sqrt(6. / 1000)},
        {tp_clone(tp_xavier_normal_(v, 2)), 2 * sqrt(2. / 1000), (double)INFINITY},
        {tp_clone(tp_kaiming_uniform_(v, sqrt(2), false)), sqrt(2. / 200), sqrt(6. / 200)},
        {tp_clone(tp_kaiming_normal_(v, sqrt(2), true)), sqrt(2. / 800), (double)INFINITY},
        /* of a normal cut off at ± 1: √(1 − 2 φ(1) / (2 Φ(1) − 1)) = 0.53956 */
        {tp_clone(tp_trunc_normal_(v, 0, 1, -1, 1)), 0.5395600, 1},
    };
    for (size_t i = 0; i < sizeof is / sizeof *is; i++) {
        moments(is[i].v, &mean, &std, &most);
        CHECK(fabs(mean) < 0.02 * is[i].std && fabs(std / is[i].std - 1) < 0.01);
        CHECK(most <= is[i].bound && (isinf(is[i].bound) || most > 0.999 * is[i].bound));
    }
}

TEST(orthogonal_ones_are)
{
    for (int tall = 0; tall < 2; tall++) {
        tp_var *v = tp_orthogonal_(
            tall ? tp_zeros(TP_F64, TP_SHAPE(40, 3, 3)) : tp_zeros(TP_F64, TP_SHAPE(5, 3, 3)), 2);
        tp_var *a = tp_reshape(v, TP_SHAPE(tall ? 40 : 5, 9));
        tp_var *square =
            tall ? tp_matmul(tp_transpose(a, 0, 1), a) : tp_matmul(a, tp_transpose(a, 0, 1));
        tp_var *off = tp_sub(square, tp_mul(4, tp_eye(TP_F64, tall ? 9 : 5)));
        CHECK(tp_item(tp_max(tp_abs(off))) < 1e-14);
    }
    tp_var *dirac = tp_dirac_(tp_zeros(TP_F32, TP_SHAPE(3, 2, 3)));
    CHECK_BITS(tp_item(tp_sum(dirac)), 2);
    CHECK_BITS(at(dirac, 1), 1);
    tp_var *sparse = tp_sparse_(tp_zeros(TP_F32, TP_SHAPE(10, 6)), 0.25, 1);
    CHECK_BITS(tp_item(tp_sum(tp_eq(sparse, 0))), 18);
}

TEST(layers_begin_with_pytorchs_bounds)
{
    tp_module *conv = tp_conv2d_new(8, 16, 5, .groups = 2);
    CHECK_INT(tp_shape(tp_module_get(conv, "weight"))[1], 4);
    CHECK(tp_item(tp_max(tp_abs(tp_module_get(conv, "weight")))) <= (double)0.1f);
    CHECK(tp_item(tp_max(tp_abs(tp_module_get(conv, "weight")))) > 0.099);
    CHECK(tp_item(tp_max(tp_abs(tp_module_get(conv, "bias")))) <= (double)0.1f);
    tp_module_free(conv);
    conv = tp_conv_transpose1d_new(4, 6, 0, .kernel = TP_SIZES(5), .bias = false);
    CHECK_INT(tp_shape(tp_module_get(conv, "weight"))[0], 4);
    CHECK_INT(tp_shape(tp_module_get(conv, "weight"))[2], 5);
    CHECK_INT(tp_parameters(conv, 0, NULL), 1);
    CHECK_INT(tp_shape(tp_forward(conv, tp_ones(TP_F32, TP_SHAPE(2, 4, 7))))[2], 11);
    tp_module_free(conv);
}

/* --- Memory --- */

static void make_and_use(void)
{
    TP_SCOPE();
    tp_module *m = block_new(2), *copy = tp_module_copy(m);
    tp_module *net = tp_sequential_new(TP_MODULES(
        m, copy, tp_residual_new(tp_linear_new(2, 2), tp_linear_new(2, 2)), tp_dropout_new(0.1)));
    tp_module *loss = tp_mse_loss_new();
    tp_var *x = tp_ones(TP_F32, TP_SHAPE(3, 2));
    tp_backward(tp_loss(loss, tp_forward(net, x), x));
    tp_module_to(net, TP_F64);
    tp_state_dict *d = tp_module_state_dict(net);
    tp_module_load_state_dict(net, d);
    free(tp_module_summary(net, 1, &x));
    free(tp_module_repr(net));
    tp_state_dict_free(d);
    tp_module_free(loss);
    tp_module_free(net);
}

TEST(without_memory_there_is_an_error_and_no_leak)
{
    tp_set_log(quiet);
    make_and_use();
    tp_clear_error();
    size_t live = tp_live();
    tp__alloc_fail_at(0);
    make_and_use();
    tp_clear_error();
    size_t n = tp__alloc_fail_at(0);
    CHECK(n > 100);
    for (size_t i = 1; i <= n; i += test_short() ? 7 : 1) {
        tp__alloc_fail_at(i);
        make_and_use();
        tp__alloc_fail_at(0);
        tp_clear_error();
        CHECK_INT(tp_live(), live);
    }
    tp_set_log(NULL);
}

/* --- Normalization, files --- */

TEST(batch_norm_keeps_what_it_sees_and_uses_it_in_evaluation)
{
    tp_module *m = tp_batch_norm_new(1, .dtype = TP_F64);
    double numbers[] = {1, 2, 3, 6};
    tp_var *x = tp_array(TP_F64, TP_SHAPE(4, 1), numbers);
    tp_var *y = tp_forward(m, x); /* mean 3, variance 3.5, unbiased 14 / 3 */
    CHECK_CLOSE(at(y, 3), 3 / sqrt(3.5 + 1e-5), 1e-15);
    CHECK_CLOSE(tp_item(tp_module_get(m, "running_mean")), 0.3, 1e-15);
    CHECK_CLOSE(tp_item(tp_module_get(m, "running_var")), 0.9 + 1.4 / 3, 1e-15);
    CHECK_BITS(tp_item(tp_module_get(m, "num_batches_tracked")), 1);
    tp_module_train(m, false);
    CHECK_CLOSE(at(tp_forward(m, x), 0), 0.7 / sqrt(0.9 + 1.4 / 3 + 1e-5), 1e-15);
    CHECK_BITS(tp_item(tp_module_get(m, "num_batches_tracked")), 1);
    tp_module_free(m);
    m = tp_batch_norm_new(1, .momentum = TP_AUTO, .affine = false);
    CHECK_INT(tp_parameters(m, 0, NULL), 0);
    tp_forward(m, tp_to(x, TP_F32)), tp_forward(m, tp_to(tp_add(x, 2), TP_F32));
    CHECK_CLOSE(tp_item(tp_module_get(m, "running_mean")), 4, 1e-6);
    tp_module_free(m);
}

TEST(norms_are_their_functions)
{
    tp_var *x = tp_randn(TP_F64, TP_SHAPE(2, 4, 3));
    tp_module *m = tp_layer_norm_new(TP_SHAPE(4, 3), .dtype = TP_F64, .eps = 0.1);
    check_same(tp_forward(m, x), tp_layer_norm(x, 2, tp_module_get(m, "weight"),
                                               tp_module_get(m, "bias"), .eps = 0.1));
    tp_module_free(m);
    m = tp_group_norm_new(2, 4, .dtype = TP_F64);
    check_same(tp_forward(m, x),
               tp_group_norm(x, 2, tp_module_get(m, "weight"), tp_module_get(m, "bias")));
    tp_module_free(m);
    m = tp_rms_norm_new(TP_SHAPE(3), .affine = false, .dtype = TP_F64);
    check_same(tp_forward(m, x), tp_rms_norm(x, 1, NULL));
    tp_module_free(m);
    CHECK(!tp_group_norm_new(3, 4));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "4 channels do not fall in 3 groups");
}

TEST(a_network_goes_into_a_file_and_comes_back)
{
    tp_module *a = small_net(), *b = small_net();
    CHECK(tp_module_save(a, "net.safetensors"));
    CHECK(tp_module_load(b, "net.safetensors"));
    CHECK_BITS(tp_item(tp_forward(a, row_of_two())), tp_item(tp_forward(b, row_of_two())));
    CHECK(!tp_module_load(b, "none.safetensors"));
    CHECK_ERROR(TP_ERROR_FILE, "none.safetensors");
    tp_module_free(a);
    tp_module_free(b);
}
