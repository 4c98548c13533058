/* SPDX-License-Identifier: MIT
 *
 * Sticky errors and poison: error.h, sentence by sentence, through every public call.
 */
#define _POSIX_C_SOURCE 200809L
#include "elements.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"

static tp_var *poison(void)
{
    tp_clear_error();
    tp_var *v = tp_fail(TP_ERROR_ARGUMENT, "made");
    tp_clear_error();
    return v;
}

/* --- The pending error --- */

TEST(the_first_error_stays)
{
    CHECK(tp_error() == NULL);
    CHECK_INT(tp_status(), TP_OK);
    CHECK_INT(TP_OK, 0);
    CHECK(tp_is_poison(
        tp_matmul(tp_zeros(TP_F64, TP_SHAPE(2, 3)), tp_zeros(TP_F64, TP_SHAPE(2, 3)))));
    CHECK_TEXT(tp_error(), "matmul: shapes (2, 3) and (2, 3) do not fit: 3 != 2");
    CHECK_INT(tp_status(), TP_ERROR_SHAPE);
    tp_zeros((tp_dtype)9, TP_SHAPE());
    tp_fail(TP_ERROR_FILE, "later");
    CHECK_TEXT(tp_error(), "matmul: shapes (2, 3) and (2, 3) do not fit: 3 != 2");
    CHECK_INT(tp_status(), TP_ERROR_SHAPE);
    tp_clear_error();
    CHECK(tp_error() == NULL);
    CHECK_INT(tp_status(), TP_OK);
    tp_clear_error();
}

TEST(fail_formats_and_returns_poison)
{
    CHECK(tp_is_poison(tp_fail(TP_ERROR_FILE, "%s at %d", "line", 7)));
    CHECK_ERROR(TP_ERROR_FILE, "line at 7");
    tp_fail(TP_OK, "an error all the same");
    CHECK(tp_status() != TP_OK);
    CHECK_TEXT(tp_error(), "an error all the same");
    tp_clear_error();
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    tp_fail(TP_ERROR_GRAPH, "%s", text);
    CHECK(tp_error() && strlen(tp_error()) > 100 && !strncmp(tp_error(), text, 100));
    tp_clear_error();
}

/* The exit status of tp_check and what it writes to stderr. */
static int checked(char *text, size_t size)
{
    FILE *file = tmpfile();
    int standard = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    int status = tp_check();
    fflush(stderr);
    dup2(standard, STDERR_FILENO);
    close(standard);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = 0;
    fclose(file);
    return status;
}

TEST(check_prints_the_error)
{
    char text[300];
    CHECK_INT(checked(text, sizeof text), 0);
    CHECK_TEXT(text, "");
    tp_fail(TP_ERROR_SHAPE, "a message");
    CHECK_INT(checked(text, sizeof text), 1);
    CHECK(strstr(text, "a message") != NULL && text[strlen(text) - 1] == '\n');
    CHECK_INT(checked(text, sizeof text), 1);
    tp_clear_error();
    CHECK_INT(checked(text, sizeof text), 0);
}

TEST(poison_reads_as_nothing)
{
    tp_var *p = poison();
    CHECK(tp_is_poison(p) && !tp_is_poison(NULL) && !tp_is_poison(tp_scalar((double)NAN)));
    CHECK(tp_data(p) == NULL);
    CHECK_ERROR(TP_ERROR_GRAPH, "data: the value is poison");
    CHECK(tp_data_(p) == NULL);
    CHECK_ERROR(TP_ERROR_GRAPH, "data_: the target is poison");
    CHECK(isnan(tp_item(p)));
    CHECK_ERROR(TP_ERROR_GRAPH, "item: the value is poison");
    CHECK(tp_len(p) == 0);
    CHECK_ERROR(TP_ERROR_GRAPH, "len: the value is poison");
    CHECK(tp_repr(p) == NULL);
    CHECK_ERROR(TP_ERROR_GRAPH, "repr: the value is poison");
    CHECK(tp_get_dot_graph(p, false) == NULL);
    CHECK_ERROR(TP_ERROR_GRAPH, "get_dot_graph: ");
    CHECK(tp_get_graph_tree(p) == NULL);
    CHECK_ERROR(TP_ERROR_GRAPH, "get_graph_tree: ");
    CHECK(tp_draw_graph_to_memory(p, "json", NULL) == NULL);
    CHECK_ERROR(TP_ERROR_GRAPH, "draw_graph_to_memory: ");
    CHECK(tp_sparkline(p, 8) == NULL);
    CHECK_ERROR(TP_ERROR_GRAPH, "sparkline: ");
    CHECK(tp_is_poison(tp_grad(p)));
    CHECK_ERROR(TP_ERROR_GRAPH, "grad: the value is poison");
    size_t live = tp_live();
    CHECK(tp_keep(p) == p && tp_leave(p) == p && tp_share(p) == p);
    tp_free(p), tp_free(p), tp_free(p);
    tp_set_name(p, "name");
    CHECK(tp_name(p) == NULL && tp_is_poison(p));
    CHECK(!tp_requires_grad(p));
    CHECK_INT(tp_live(), live);
    CHECK(tp_error() == NULL);
}

/* --- Poison and NULL through every operation --- */

#define UNARY(name)                                                                                \
    static tp_var *call_##name(tp_var *v)                                                          \
    {                                                                                              \
        return tp_##name(v);                                                                       \
    }
#define LEFT_AND_RIGHT(name)                                                                       \
    static tp_var *call_##name##_left(tp_var *v)                                                   \
    {                                                                                              \
        return tp_##name(v, tp_ones(TP_F64, TP_SHAPE(2, 2)));                                      \
    }                                                                                              \
    static tp_var *call_##name##_right(tp_var *v)                                                  \
    {                                                                                              \
        return tp_##name(tp_ones(TP_F64, TP_SHAPE(2, 2)), v);                                      \
    }                                                                                              \
    static tp_var *call_##name##_both(tp_var *v)                                                   \
    {                                                                                              \
        return tp_##name(v, v);                                                                    \
    }
#define CALL(name, expression)                                                                     \
    static tp_var *call_##name(tp_var *v)                                                          \
    {                                                                                              \
        return expression;                                                                         \
    }

/* clang-format off */
#define UNARIES(X)                                                                                 \
    X(neg) X(square) X(sqrt) X(exp) X(log) X(sin) X(cos) X(tan) X(tanh) X(sigmoid) X(relu) X(abs)  \
    X(sign) X(sum) X(mean) X(max) X(min) X(variable) X(detach)
/* clang-format on */
#define BINARIES(X)                                                                                \
    X(add)                                                                                         \
    X(sub) X(mul) X(div) X(pow) X(maximum) X(minimum) X(eq) X(ne) X(lt) X(le) X(gt) X(ge) X(matmul)
#define CALLS(X)                                                                                   \
    X(pow_number, tp_pow_number(v, 2))                                                             \
    X(where_condition, tp_where(v, 1, 2))                                                          \
    X(where_first, tp_where(1, v, 2))                                                              \
    X(where_second, tp_where(1, 2, v))                                                             \
    X(sum_axes, tp_sum(v, .axes = TP_AXES(0), .keepdims = true))                                   \
    X(reshape, tp_reshape(v, TP_SHAPE(1)))                                                         \
    X(transpose, tp_transpose(v, 0, 1))                                                            \
    X(permute, tp_permute(v, TP_SHAPE(1, 0)))                                                      \
    X(broadcast_to, tp_broadcast_to(v, TP_SHAPE(2, 2)))                                            \
    X(expand, tp_expand(v, TP_SHAPE(2, -1)))                                                       \
    X(sum_to, tp_sum_to(v, TP_SHAPE(1)))                                                           \
    X(squeeze, tp_squeeze(v, 0))                                                                   \
    X(unsqueeze, tp_unsqueeze(v, 0))                                                               \
    X(slice, tp_slice(v, 0, 0, 1, 1))                                                              \
    X(select, tp_select(v, 0, 0))                                                                  \
    X(scatter_whole, tp_slice_scatter(v, tp_ones(TP_F64, TP_SHAPE(1)), 0, 0, 1, 1))                \
    X(scatter_part, tp_slice_scatter(tp_ones(TP_F64, TP_SHAPE(1)), v, 0, 0, 1, 1))                 \
    X(concatenate_first, tp_concatenate((tp_var *[]){v, tp_ones(TP_F64, TP_SHAPE(1))}, 2, 0))      \
    X(concatenate_second, tp_concatenate((tp_var *[]){tp_ones(TP_F64, TP_SHAPE(1)), v}, 2, 0))     \
    X(to, tp_to(v, TP_F32))                                                                        \
    X(to_same, tp_to(v, TP_F64))                                                                   \
    X(gradient_of, tp_gradient(v, tp_variable(1.0)))                                               \
    X(gradient_for, tp_gradient(tp_variable(1.0), v))                                              \
    X(jvp_of, tp_jvp(v, tp_variable(1.0), tp_scalar(1)))                                           \
    X(jvp_for, tp_jvp(tp_variable(1.0), v, tp_scalar(1)))

UNARIES(UNARY)
BINARIES(LEFT_AND_RIGHT)
CALLS(CALL)

static const struct {
    const char *name;
    tp_var *(*call)(tp_var *v);
} calls[] = {
#define ENTRY(name) {#name, call_##name},
#define ENTRIES(name)                                                                              \
    {#name " left", call_##name##_left}, {#name " right", call_##name##_right},                    \
        {#name " both", call_##name##_both},
#define ENTRY_OF_CALL(name, expression) {#name, call_##name},
    UNARIES(ENTRY) BINARIES(ENTRIES) CALLS(ENTRY_OF_CALL)};

TEST(null_operands_are_errors_that_name_the_call)
{
    for
        EACH(i, calls)
        {
            TP_SCOPE();
            tp_var *y = calls[i].call(NULL);
            char call[64];
            snprintf(call, sizeof call, "%.*s", (int)strcspn(calls[i].name, " _"), calls[i].name);
            test_check(tp_is_poison(y), __FILE__, __LINE__, "%s of NULL is not poison",
                       calls[i].name);
            const char *message = tp_error() ? tp_error() : "none";
            test_check(tp_status() == TP_ERROR_ARGUMENT && strstr(message, "NULL"), __FILE__,
                       __LINE__, "%s of NULL: %s", calls[i].name, message);
            bool named =
                !strncmp(message, call, strlen(call)) || !strncmp(message, "slice_scatter", 13);
            test_check(named, __FILE__, __LINE__, "%s of NULL: %s", calls[i].name, message);
            tp_clear_error();
        }
}

TEST(poison_passes_through_and_keeps_the_first_error)
{
    for
        EACH(i, calls)
        {
            TP_SCOPE();
            tp_var *y = calls[i].call(tp_fail(TP_ERROR_FILE, "the first"));
            test_check(tp_is_poison(y), __FILE__, __LINE__, "%s lost the poison", calls[i].name);
            CHECK_ERROR(TP_ERROR_FILE, "the first");
        }
}

TEST(poison_without_a_pending_error_records_one)
{
    for
        EACH(i, calls)
        {
            TP_SCOPE();
            tp_var *y = calls[i].call(poison());
            test_check(tp_is_poison(y) && tp_status() == TP_ERROR_GRAPH, __FILE__, __LINE__,
                       "%s of poison: %s", calls[i].name, tp_error() ? tp_error() : "no error");
            test_check(tp_error() && strstr(tp_error(), "poison"), __FILE__, __LINE__,
                       "%s of poison: %s", calls[i].name, tp_error() ? tp_error() : "no error");
            tp_clear_error();
        }
}

/* What reads, draws, edits or walks back. */
TEST(null_elsewhere_is_an_error)
{
    tp_var *x = tp_variable(1.0), *out[2] = {NULL, NULL};
    CHECK(isnan(tp_item(NULL)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "item");
    CHECK(tp_data(NULL) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "data");
    CHECK(tp_data_(NULL) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "data_");
    CHECK(tp_shape(NULL) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "shape");
    tp_ndim(NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "ndim");
    tp_size(NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "size");
    tp_dtype_of(NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "dtype_of");
    tp_len(NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "len");
    CHECK(tp_name(NULL) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "name");
    tp_set_name(NULL, "x");
    CHECK_ERROR(TP_ERROR_ARGUMENT, "set_name");
    tp_add_(x, NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "add_");
    tp_copy_(NULL, x);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "copy_");
    tp_backward(NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "backward");
    CHECK(tp_is_poison(tp_grad(NULL)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "grad");
    tp_cleargrad(NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "cleargrad");
    CHECK_INT(tp_leaves(NULL, 2, out), 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "leaves");
    CHECK_INT(tp_register_hook(x, NULL, NULL), 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "register_hook");
    tp_apply(NULL, NULL, &x, out);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "apply");
    CHECK(tp_is_poison(tp_leave(NULL)) && tp_is_poison(tp_keep(NULL)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "leave");
    CHECK(tp_is_poison(tp_share(NULL)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "share");
    CHECK(!tp_write_dot_graph(x, false, NULL));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "write_dot_graph");
    CHECK(!tp_plot_dot_graph(x, false, NULL));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "plot_dot_graph");
    tp_free(NULL);
    CHECK(tp_error() == NULL);
}

TEST(output_arrays_are_filled_with_poison)
{
    tp_var *x = tp_variable(1.0), *c = tp_scalar(1), *xs[] = {x, c, x}, *out[3];
    memset(out, 0, sizeof out);
    tp_gradients(tp_mul(x, x), xs, 3, out);
    CHECK_ERROR(TP_ERROR_GRAPH, "constant");
    CHECK(tp_is_poison(out[0]) && tp_is_poison(out[1]) && tp_is_poison(out[2]));
    memset(out, 0, sizeof out);
    tp_gradients(x, NULL, 3, out);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "gradients: xs is NULL");
    CHECK(tp_is_poison(out[0]) && tp_is_poison(out[2]));
    memset(out, 0, sizeof out);
    tp_derivatives(x, c, 3, out);
    CHECK_ERROR(TP_ERROR_GRAPH, "constant");
    CHECK(tp_is_poison(out[0]) && tp_is_poison(out[1]) && tp_is_poison(out[2]));
    memset(out, 0, sizeof out);
    tp_derivatives(NULL, x, 3, out);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "derivatives");
    CHECK(tp_is_poison(out[0]) && tp_is_poison(out[1]) && tp_is_poison(out[2]));
    memset(out, 0, sizeof out);
    tp_fail(TP_ERROR_FILE, "pending");
    tp_gradients(tp_mul(x, x), &x, 1, out);
    tp_derivatives(tp_mul(x, x), x, 2, out + 1);
    CHECK(tp_is_poison(out[0]) && tp_is_poison(out[1]) && tp_is_poison(out[2]));
    CHECK_ERROR(TP_ERROR_FILE, "pending");
}

/* --- While an error is pending --- */

TEST(nothing_is_spoilt_while_an_error_is_pending)
{
    tp_var *x = tp_variable(2.0), *y = tp_mul(x, 3), *m = tp_ones(TP_F64, TP_SHAPE(10));
    tp_backward(y);
    tp_fail(TP_ERROR_FILE, "pending");
    tp_backward(y);
    tp_backward(y, .create_graph = true);
    CHECK(tp_is_poison(tp_gradient(y, x)));
    tp_add_(x, 1), tp_sub_(x, 1), tp_mul_(x, 9), tp_div_(x, 7), tp_copy_(x, 5);
    tp_add_(m, 1), tp_copy_(m, 5);
    CHECK(tp_data_(m) == NULL);
    CHECK_ERROR(TP_ERROR_FILE, "pending");
    CHECK_BITS(tp_item(x), 2);
    CHECK_BITS(tp_item(tp_grad(x)), 3);
    CHECK_BITS(tp_item(tp_sum(m)), 10);
    tp_backward(tp_mul(y, 2));
    CHECK_BITS(tp_item(tp_grad(x)), 9);
}

TEST(values_are_computed_while_an_error_is_pending)
{
    tp_var *x = tp_variable(2.0);
    tp_fail(TP_ERROR_FILE, "pending");
    CHECK_BITS(tp_item(tp_mul(x, 3)), 6);
    CHECK_BITS(tp_item(tp_sum(tp_ones(TP_F64, TP_SHAPE(4)))), 4);
    CHECK_ERROR(TP_ERROR_FILE, "pending");
}

TEST(a_poisoned_loss_changes_nothing)
{
    tp_var *x = tp_variable(2.0);
    tp_backward(tp_mul(x, x));
    tp_backward(tp_mul(x, poison()));
    tp_sub_(x, tp_mul(0.1, tp_grad(x)));
    CHECK_ERROR(TP_ERROR_GRAPH, "mul");
    CHECK_BITS(tp_item(x), 2);
    CHECK_BITS(tp_item(tp_grad(x)), 4);
}

/* --- Messages --- */

TEST(messages_name_call_argument_shapes_and_variables)
{
    tp_var *w = tp_variable(tp_zeros(TP_F64, TP_SHAPE(2, 3))), *b = tp_zeros(TP_F32, TP_SHAPE(4));
    tp_set_name(w, "weight"), tp_set_name(b, "bias");
    tp_add(w, b);
    CHECK_ERROR(TP_ERROR_SHAPE, "add: shapes (2, 3) (weight) and (4,) (bias) do not broadcast");
    tp_matmul(w, w);
    CHECK_ERROR(TP_ERROR_SHAPE, "matmul: shapes (2, 3) (weight) and (2, 3) (weight) do not fit: 3");
    tp_where(1, w, b);
    CHECK_ERROR(TP_ERROR_SHAPE, "where: shapes (2, 3) (weight) and (4,) (bias)");
    tp_reshape(w, TP_SHAPE(5));
    CHECK_ERROR(TP_ERROR_SHAPE, "reshape: shape (5,) does not fit (2, 3)");
    tp_transpose(w, 0, 2);
    CHECK_ERROR(TP_ERROR_SHAPE, "transpose: axis 2");
    tp_sum(w, .axes = TP_AXES(0, -2));
    CHECK_ERROR(TP_ERROR_SHAPE, "sum: axis");
    tp_select(w, 0, 2);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "select");
    tp_backward(b);
    CHECK_ERROR(TP_ERROR_GRAPH, "backward: the value (bias)");
    tp_gradient(w, b);
    CHECK_ERROR(TP_ERROR_GRAPH, "gradient: x (bias) is a constant");
    tp_backward(w, .gradient = b);
    CHECK(strstr(tp_error(), "(4,)") && strstr(tp_error(), "(2, 3)"));
    CHECK_ERROR(TP_ERROR_DTYPE, "backward: gradient");
    tp_max(tp_zeros(TP_F64, TP_SHAPE(0)));
    CHECK_ERROR(TP_ERROR_SHAPE, "max");
    tp_concatenate((tp_var *[]){w, tp_zeros(TP_F64, TP_SHAPE(3, 2))}, 2, 0);
    CHECK_ERROR(TP_ERROR_SHAPE, "concatenate");
}

TEST(composites_speak_in_their_own_name)
{
    tp_var *x = tp_variable(tp_zeros(TP_F64, TP_SHAPE(2, 3))), *y = tp_ones(TP_F64, TP_SHAPE(4));
    tp_var *classes = tp_array(TP_I64, TP_SHAPE(2), (int64_t[]){0, 7});
    tp_mse_loss(x, y);
    CHECK_ERROR(TP_ERROR_SHAPE, "mse_loss: shapes (2, 3) and (4,) do not broadcast");
    tp_cross_entropy(x, classes);
    CHECK(tp_error() && !strncmp(tp_error(), "cross_entropy: ", 15) && strstr(tp_error(), "7"));
    tp_clear_error();
    tp_norm(x, 2, .axes = TP_AXES(2));
    CHECK_ERROR(TP_ERROR_SHAPE, "norm: axis 2 is out of range for shape (2, 3), expected -2 to 1");
    tp_clamp(x, y, NULL);
    CHECK_ERROR(TP_ERROR_SHAPE, "clamp: shapes (2, 3) and (4,)");
    tp_linear(x, x, y);
    CHECK(tp_error() && !strncmp(tp_error(), "linear: ", 8));
    tp_clear_error();
    tp_lstm_cell(x, x, x, y, y, NULL, NULL, &x);
    CHECK(tp_error() && !strncmp(tp_error(), "lstm_cell: ", 11));
    tp_clear_error();
    tp_sub(y, tp_zeros(TP_F64, TP_SHAPE(3)));
    CHECK_ERROR(TP_ERROR_SHAPE, "sub: shapes");
}

TEST(messages_are_whole_characters)
{
    tp_var *x = tp_ones(TP_F64, TP_SHAPE(2, 2));
    tp_einsum("i\u00e9,j->i", (tp_var *[]){x, x}, 2);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "at character 2, '\u00e9': expected a letter");
    tp_einsum("\u00e9", &x, 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "at character 1, '\u00e9'");
    tp_fail(TP_ERROR_FILE, "%.3s|%.1s", "ab\u00e9", "\u00e9");
    CHECK_ERROR(TP_ERROR_FILE, "ab?|?");
    tp_fail(TP_ERROR_FILE, "%.5s", "a\u00e9\u00e9");
    CHECK_ERROR(TP_ERROR_FILE, "a\u00e9\u00e9");
}

TEST(long_names_are_cut_not_spilled)
{
    char name[5000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    tp_var *a = tp_zeros(TP_F64, TP_SHAPE(2, 3)), *b = tp_zeros(TP_F64, TP_SHAPE(7));
    tp_set_name(a, name), tp_set_name(b, "%s%n");
    tp_add(a, b);
    CHECK_ERROR(TP_ERROR_SHAPE, "add: shapes (2, 3)");
    tp_mul(b, tp_zeros(TP_F64, TP_SHAPE(3)));
    CHECK_ERROR(TP_ERROR_SHAPE, "(%s%n)");
}

/* "program(+0x1a2b)", where nothing is known of lines. */
TEST(a_place_without_a_line_is_one_word)
{
    tp_reshape(tp_ones(TP_F64, TP_SHAPE(2)), TP_SHAPE(3));
    const char *place = tp_error_place();
    for (const char *at = place && !strstr(place, ".c:") ? place : ""; *at; at++)
        CHECK(*at > ' ' && *at < 127);
    tp_clear_error();
}

/* --- Memory --- */

TEST(out_of_memory_is_an_error_like_the_others)
{
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(50)));
    for (size_t n = 1; n < 200; n++) {
        TP_SCOPE();
        tp__alloc_fail_at(n);
        tp_var *y = tp_exp(tp_mul(x, 2)), *g = tp_gradient(tp_sum(y), x);
        tp__alloc_fail_at(0);
        bool failed = tp_status() != TP_OK;
        CHECK(tp_is_poison(g) == failed);
        if (failed)
            CHECK_ERROR(TP_ERROR_MEMORY, "out of memory");
        else
            CHECK_CLOSE(at(g, 0), 2 * exp(2), 1e-15);
        if (!failed)
            return;
    }
    test_check(false, __FILE__, __LINE__, "every request failed");
}
