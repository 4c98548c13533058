/* SPDX-License-Identifier: MIT
 *
 * Operands of which types matter, one row each: the function, its operand's name, the types that it
 * takes, and a call with v. A type that it refuses is an error of types that names the function,
 * the operand and the type; so are NULL, where it is not allowed, and poison. A test reads the
 * headers and asks for a row of every operand whose name tells that it is such a one, so new
 * functions take part.
 */
#include "harness.h"

#include "prototypes.h"

enum {
    FLOATS = 1 << TP_F32 | 1 << TP_F64 | 1 << TP_F16 | 1 << TP_BF16,
    INTEGERS = 1 << TP_I64 | 1 << TP_I32 | 1 << TP_U8 | 1 << TP_BOOL,
    DOUBLE = 1 << TP_F64,
    ALL = FLOATS | INTEGERS
};

typedef struct operand_case {
    const char *name, *operand;
    unsigned types;
    int64_t rows, columns; /* v is of shape (rows, columns), columns 0: (rows); rows 0: () */
    void (*call)(tp_var *v);
    struct operand_case *next;
} operand_case;

static operand_case *operands_first;

#define OPERAND_NAMED(id, function, operand_, types_, rows_, columns_, ...)                        \
    static void id(tp_var *v)                                                                      \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
    }                                                                                              \
    __attribute__((constructor)) static void TP__CAT(register_, id)(void)                          \
    {                                                                                              \
        static operand_case c = {#function, operand_, types_, rows_, columns_, id, NULL};          \
        c.next = operands_first;                                                                   \
        operands_first = &c;                                                                       \
    }
#define OPERAND(function, operand, types, rows, columns, ...)                                      \
    OPERAND_NAMED(TP__CAT(operand_, __LINE__), function, operand, types, rows, columns, __VA_ARGS__)

static tp_var *x2(void)
{
    return tp_full(TP_F64, TP_SHAPE(2), 0.5);
}

static tp_var *x22(void)
{
    return tp_full(TP_F64, TP_SHAPE(2, 2), 0.5);
}

static tp_var *recorded(tp_var **x)
{
    *x = tp_variable(x2());
    return tp_square(*x);
}

static tp_var *square_of(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_sum(tp_square(x));
}

static tp_var *identity(void *ctx, tp_var *x)
{
    (void)ctx;
    return x;
}

static tp_var *hooked;

static tp_var *hook(void *ctx, tp_var *gradient)
{
    (void)ctx, (void)gradient;
    return hooked;
}

#define DIFFERENTIATE(...)                                                                         \
    do {                                                                                           \
        tp_var *x, *y = recorded(&x), *out[2];                                                     \
        (void)out;                                                                                 \
        __VA_ARGS__;                                                                               \
    } while (0)
#define SEARCH(search, f, ...) search(f, NULL, x2(), &(tp_minimize_result){0}, __VA_ARGS__)

/* clang-format off */
OPERAND(tp_gather, "index", INTEGERS, 2, 0, tp_gather(x2(), 0, v))
OPERAND(tp_scatter, "index", INTEGERS, 2, 0, tp_scatter(x2(), 0, v, x2()))
OPERAND(tp_scatter_add, "index", INTEGERS, 2, 0, tp_scatter_add(x2(), 0, v, x2()))
OPERAND(tp_index_select, "index", INTEGERS, 2, 0, tp_index_select(x2(), 0, v))
OPERAND(tp_index_add, "index", INTEGERS, 2, 0, tp_index_add(x2(), 0, v, x2()))
OPERAND(tp_embedding, "index", INTEGERS, 2, 0, tp_embedding(v, x22()))
OPERAND(tp_embedding_padded, "index", INTEGERS, 2, 0, tp_embedding_padded(v, x22(), 0))
OPERAND(tp_embedding_bag, "index", INTEGERS, 2, 1, tp_embedding_bag(v, x22(), NULL))
OPERAND(tp_embedding_bag, "offsets", INTEGERS, 1, 0, tp_embedding_bag(tp_zeros(TP_I64, TP_SHAPE(2)), x22(), v && !tp_is_poison(v) ? tp_sub(v, v) : v))
OPERAND(tp_take, "index", INTEGERS, 2, 0, tp_take(x2(), v))
OPERAND(tp_one_hot, "index", INTEGERS, 2, 0, tp_one_hot(v, 2))
OPERAND(tp_nll_loss, "target", INTEGERS, 2, 0, tp_nll_loss(x22(), v))
OPERAND(tp_cross_entropy, "target", INTEGERS, 2, 0, tp_cross_entropy(x22(), v))
OPERAND(tp_ctc_loss, "targets", INTEGERS, 2, 1, tp_ctc_loss(tp_zeros(TP_F64, TP_SHAPE(3, 2, 2)), v, tp_full(TP_I64, TP_SHAPE(2), 3), tp_full(TP_I64, TP_SHAPE(2), 1)))
OPERAND(tp_ctc_loss, "input_lengths", INTEGERS, 2, 0, tp_ctc_loss(tp_zeros(TP_F64, TP_SHAPE(3, 2, 2)), tp_ones(TP_I64, TP_SHAPE(2, 1)), v, tp_full(TP_I64, TP_SHAPE(2), 1)))
OPERAND(tp_ctc_loss, "target_lengths", INTEGERS, 2, 0, tp_ctc_loss(tp_zeros(TP_F64, TP_SHAPE(3, 2, 2)), tp_ones(TP_I64, TP_SHAPE(2, 1)), tp_full(TP_I64, TP_SHAPE(2), 3), v))
OPERAND(tp_mse_loss, "target", ALL, 2, 0, tp_mse_loss(x2(), v))
OPERAND(tp_l1_loss, "target", ALL, 2, 0, tp_l1_loss(x2(), v))
OPERAND(tp_huber_loss, "target", ALL, 2, 0, tp_huber_loss(x2(), v, 1))
OPERAND(tp_smooth_l1_loss, "target", ALL, 2, 0, tp_smooth_l1_loss(x2(), v, 1))
OPERAND(tp_binary_cross_entropy, "target", ALL, 2, 0, tp_binary_cross_entropy(x2(), v))
OPERAND(tp_binary_cross_entropy_with_logits, "target", ALL, 2, 0, tp_binary_cross_entropy_with_logits(x2(), v))
OPERAND(tp_kl_div, "target", ALL, 2, 0, tp_kl_div(x2(), v))
OPERAND(tp_cosine_embedding_loss, "target", ALL, 2, 0, tp_cosine_embedding_loss(x22(), x22(), v, 0))
OPERAND(tp_hinge_embedding_loss, "target", ALL, 2, 0, tp_hinge_embedding_loss(x2(), v, 1))
OPERAND(tp_margin_ranking_loss, "target", ALL, 2, 0, tp_margin_ranking_loss(x2(), x2(), v, 0))
OPERAND(tp_soft_margin_loss, "target", ALL, 2, 0, tp_soft_margin_loss(x2(), v))
OPERAND(tp_poisson_nll_loss, "target", ALL, 2, 0, tp_poisson_nll_loss(x2(), v))
OPERAND(tp_gaussian_nll_loss, "target", ALL, 2, 0, tp_gaussian_nll_loss(x2(), v, x2()))
OPERAND(tp_multi_margin_loss, "target", INTEGERS, 2, 0, tp_multi_margin_loss(x22(), v))
OPERAND(tp_multilabel_soft_margin_loss, "target", ALL, 2, 0, tp_multilabel_soft_margin_loss(x2(), v, NULL))
OPERAND(tp_multilabel_margin_loss, "target", INTEGERS, 2, 2, tp_multilabel_margin_loss(x22(), v))
OPERAND(tp_where, "condition", ALL, 2, 0, tp_where(v, x2(), 1))
OPERAND(tp_masked_fill, "mask", ALL, 2, 0, tp_masked_fill(x2(), v, 1))
OPERAND(tp_masked_select, "mask", ALL, 2, 0, tp_masked_select(x2(), v))
OPERAND(tp_scaled_dot_product_attention, "mask", FLOATS | 1 << TP_BOOL | 1 << TP_U8, 2, 2, tp_scaled_dot_product_attention(x22(), x22(), x22(), .mask = v))
OPERAND(tp_multi_head_attention, "mask", FLOATS | 1 << TP_BOOL | 1 << TP_U8, 2, 2, tp_multi_head_attention(x22(), x22(), x22(), 1, .mask = v))
OPERAND(tp_add_, "value", INTEGERS, 2, 0, tp_add_(tp_zeros(TP_I64, TP_SHAPE(2)), v))
OPERAND(tp_sub_, "value", INTEGERS, 2, 0, tp_sub_(tp_zeros(TP_I64, TP_SHAPE(2)), v))
OPERAND(tp_mul_, "value", INTEGERS, 2, 0, tp_mul_(tp_zeros(TP_I64, TP_SHAPE(2)), v))
OPERAND(tp_div_, "target", FLOATS, 2, 0, tp_div_(v, 2))
OPERAND(tp_add_, "target", FLOATS, 2, 0, tp_add_(v, x2()))
OPERAND(tp_sub_, "target", FLOATS, 2, 0, tp_sub_(v, x2()))
OPERAND(tp_mul_, "target", FLOATS, 2, 0, tp_mul_(v, x2()))
OPERAND(tp_metric_update, "target", ALL, 2, 0, tp_metric *m = tp_mean_absolute_error_new(); tp_metric_update(m, x2(), v); tp_metric_free(m))
OPERAND(tp_copy_, "target", ALL, 2, 0, tp_copy_(v, x2()))
OPERAND(tp_variable, "value", FLOATS, 2, 0, tp_variable(v))
OPERAND(tp_vjp, "v", DOUBLE, 2, 0, DIFFERENTIATE(tp_vjp(y, x, v)))
OPERAND(tp_hvp, "v", DOUBLE, 2, 0, DIFFERENTIATE(tp_hvp(y, x, v)))
OPERAND(tp_jvp, "direction", DOUBLE, 2, 0, DIFFERENTIATE(tp_jvp(y, x, v)))
OPERAND(tp_taylor, "direction", DOUBLE, 2, 0, DIFFERENTIATE(tp_taylor(y, x, v, 1, out)))
OPERAND(tp_backward, "gradient", DOUBLE, 2, 0, DIFFERENTIATE(tp_backward(y, .gradient = v)))
OPERAND(tp_gradient, "gradient", DOUBLE, 2, 0, DIFFERENTIATE(tp_gradient(y, x, .gradient = v)))
OPERAND(tp_gradients, "gradient", DOUBLE, 2, 0, DIFFERENTIATE(tp_gradients(y, &x, 1, out, .gradient = v)))
OPERAND(tp_backward, "hook", DOUBLE, 2, 0, DIFFERENTIATE(hooked = v; tp_register_hook(x, hook, NULL); tp_backward(y)))
OPERAND(tp_linear_map_apply, "v", DOUBLE, 2, 0, DIFFERENTIATE(tp_linear_map *l = tp_linearize(y, x); tp_linear_map_apply(l, v); tp_linear_map_free(l)))
OPERAND(tp_linear_map_transpose, "v", DOUBLE, 2, 0, DIFFERENTIATE(tp_linear_map *l = tp_linearize(y, x); tp_linear_map_transpose(l, v); tp_linear_map_free(l)))
OPERAND(tp_minimize, "start", DOUBLE, 2, 0, tp_minimize(square_of, NULL, v, &(tp_minimize_result){0}))
OPERAND(tp_minimize, "lower", DOUBLE, 2, 0, SEARCH(tp_minimize, square_of, .lower = v))
OPERAND(tp_minimize, "upper", DOUBLE, 2, 0, SEARCH(tp_minimize, square_of, .upper = v))
OPERAND(tp_least_squares, "start", DOUBLE, 2, 0, tp_least_squares(identity, NULL, v, &(tp_minimize_result){0}))
OPERAND(tp_find_root, "start", DOUBLE, 2, 0, tp_find_root(identity, NULL, v, &(tp_minimize_result){0}))
/* clang-format on */

/* Ones of this type. */
static tp_var *operand_of(const operand_case *c, tp_dtype dtype)
{
    double numbers[] = {1, 1, 1, 1};
    const int64_t shape[] = {c->rows, c->columns};
    int ndim = c->columns ? 2 : c->rows ? 1 : 0;
    return tp_to(tp_array(TP_F64, ndim, shape, numbers), dtype);
}

TEST(types_that_an_operand_is_not_for_are_errors_of_types)
{
    for (const operand_case *c = operands_first; c; c = c->next)
        for (tp_dtype dtype = TP_F32; dtype < TP_DTYPES; dtype++) {
            TP_SCOPE();
            c->call(operand_of(c, dtype));
            const char *message = tp_error(), *name = c->name + 3;
            bool good = c->types >> dtype & 1;
            bool names = message && !strncmp(message, name, strlen(name)) &&
                         message[strlen(name)] == ':' && strstr(message, c->operand) &&
                         strstr(message, tp_dtype_name(dtype));
            test_check(good ? !message : tp_status() == TP_ERROR_DTYPE && names, __FILE__, __LINE__,
                       "%s, %s of %s: %s (%d); expected %s", c->name, c->operand,
                       tp_dtype_name(dtype), message ? message : "no error", (int)tp_status(),
                       good ? "none" : "an error of types that names call, operand and type");
            tp_clear_error();
        }
}

static void check_names(const operand_case *c, tp_var *v, const char *what, bool must)
{
    TP_SCOPE();
    c->call(v);
    const char *message = tp_error(), *name = c->name + 3;
    bool names = message && !strncmp(message, name, strlen(name)) && message[strlen(name)] == ':' &&
                 (strstr(message, c->operand) || strstr(message, ": operand "));
    test_check(names || (!message && !must), __FILE__, __LINE__, "%s, %s is %s: %s", c->name,
               c->operand, what, message ? message : "no error");
    tp_clear_error();
}

TEST(null_and_poison_are_told_by_the_name_of_the_operand)
{
    tp_var *poison = tp_fail(TP_ERROR_ARGUMENT, "on purpose");
    tp_clear_error();
    for (const operand_case *c = operands_first; c; c = c->next) {
        check_names(c, NULL, "NULL", false);
        check_names(c, poison, "poison", true);
    }
}

static bool is_covered(const char *name, const char *operand)
{
    for (const operand_case *c = operands_first; c; c = c->next)
        if (!strcmp(c->name, name) && !strcmp(c->operand, operand))
            return true;
    return false;
}

TEST(every_operand_of_which_types_matter_is_among_them)
{
    static const char *const words[] = {"index", "target",        "targets",
                                        "mask",  "input_lengths", "target_lengths",
                                        "start", "condition",     "direction"};
    char *headers = prototypes_read(TEST_HEADERS), *at = headers, name[64], parameters[600];
    int n = 0;
    while (headers && prototypes_next(&at, name, parameters))
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            char operand[40];
            snprintf(operand, sizeof operand, "tp_var *%s", words[i]);
            const char *found = strstr(parameters, operand);
            if (!found || isalpha((unsigned char)found[strlen(operand)]))
                continue;
            n++;
            test_check(is_covered(name, words[i]), __FILE__, __LINE__, "add OPERAND(%s, \"%s\", …)",
                       name, words[i]);
        }
    CHECK(n > 25);
    free(headers);
}
