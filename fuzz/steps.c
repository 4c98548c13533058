/* SPDX-License-Identifier: MIT
 *
 * What instructions do. The weights make long chains of elementwise operations, with views,
 * reductions, edits and sweeps between them.
 */
#include <stdlib.h>

#include "machine.h"

enum { STEP_ELEMENTS = 1 << 17 }; /* of a result of operands with different shapes */

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))

/* The last ones soon give NaN and infinity, which hide what is wrong, and are drawn less. */
static const struct {
    const char *name;
    tp_var *(*apply)(tp_var *x);
} step_functions[] = {{"neg", tp_neg},   {"sin", tp_sin},         {"cos", tp_cos},
                      {"tanh", tp_tanh}, {"sigmoid", tp_sigmoid}, {"relu", tp_relu},
                      {"abs", tp_abs},   {"sign", tp_sign},       {"square", tp_square},
                      {"exp", tp_exp},   {"tan", tp_tan},         {"sqrt", tp_sqrt},
                      {"log", tp_log}};

static const struct {
    const char *name;
    tp_var *(*apply)(tp_var *a, tp_var *b);
} step_pairs[] = {{"add", tp_add},         {"sub", tp_sub},         {"mul", tp_mul},
                  {"maximum", tp_maximum}, {"minimum", tp_minimum}, {"gt", tp_gt},
                  {"le", tp_le},           {"eq", tp_eq},           {"div", tp_div},
                  {"pow", tp_pow}};

static const struct {
    const char *name;
    tp_var *(*apply)(tp_var *x, const tp_reduce_options *options);
} step_reductions[] = {{"sum", tp_sum}, {"mean", tp_mean}, {"max", tp_max}, {"min", tp_min}};

static const struct {
    const char *name;
    void (*apply)(tp_var *target, tp_var *value);
} step_edits[] = {{"add_", tp_add_},
                  {"sub_", tp_sub_},
                  {"mul_", tp_mul_},
                  {"copy_", tp_copy_},
                  {"div_", tp_div_}};

static tp_var *step_any(fuzz_machine *m, int k)
{
    return fuzz_operand(m, k, fuzz_any, NULL);
}

/* Of x's shape; now and then of another one, unless the two could broadcast to something huge. */
static tp_var *step_partner(fuzz_machine *m, int k, tp_var *x)
{
    if (!fuzz_chance(m, 15))
        return fuzz_operand(m, k, fuzz_alike, x);
    tp_var *y = step_any(m, k);
    return tp_size(x) * tp_size(y) <= STEP_ELEMENTS ? y : x;
}

/* --- Arrays --- */

static tp_var *step_array(fuzz_machine *m)
{
    static const int64_t small[][4] = {{0},       {1, 1},    {1, 3},      {2, 2, 3},
                                       {2, 3, 1}, {2, 5, 7}, {2, 1, 3},   {1, 40},
                                       {2, 3, 3}, {1, 0},    {3, 2, 1, 3}};
    static const int64_t large[][4] = {{1, 5000}, {2, 3, 1700}, {2, 70, 71}, {2, 70, 70},
                                       {1, 9001}, {2, 1, 5000}, {1, 1025},   {3, 2, 50, 50}};
    bool is_large = m->program->large && fuzz_chance(m, 75);
    int usual = (int)(m->program->seed / 32 % 8);
    int k = fuzz_chance(m, 60) ? usual : fuzz_choose(m, is_large ? COUNT(large) : COUNT(small));
    const int64_t *s = is_large ? large[k] : small[k];
    int64_t n = 1;
    for (int i = 1; i <= s[0]; i++)
        n *= s[i];
    double *numbers = malloc(((size_t)n + 1) * sizeof *numbers);
    if (!numbers)
        return tp_fail(TP_ERROR_MEMORY, "array: no memory");
    for (int64_t i = 0; i < n; i++)
        numbers[i] =
            fuzz_chance(m, 3) ? fuzz_choose(m, 3) - 1 : fuzz_choose(m, 1 << 30) * 0x1p-28 - 2;
    tp_var *v = tp_array(TP_F64, (int)s[0], s + 1, numbers);
    free(numbers);
    return fuzz_chance(m, 25) ? tp_to(v, TP_F32) : v;
}

static tp_var *step_variable(fuzz_machine *m)
{
    return tp_variable(step_any(m, 0));
}

static tp_var *step_convert(fuzz_machine *m)
{
    return tp_to(step_any(m, 0), fuzz_chance(m, 50) ? TP_F32 : TP_F64);
}

/* --- Elements --- */

static tp_var *step_function(fuzz_machine *m)
{
    int k = fuzz_choose(m, fuzz_chance(m, 25) ? COUNT(step_functions) : 8);
    fuzz_say(m, " %s", step_functions[k].name);
    return step_functions[k].apply(step_any(m, 0));
}

static tp_var *step_pair(fuzz_machine *m)
{
    int k = fuzz_choose(m, fuzz_chance(m, 25) ? COUNT(step_pairs) : 3);
    fuzz_say(m, " %s", step_pairs[k].name);
    tp_var *x = step_any(m, 0);
    return step_pairs[k].apply(x, step_partner(m, 1, x));
}

static tp_var *step_number(fuzz_machine *m)
{
    int k = fuzz_choose(m, 3);
    double number = fuzz_choose(m, 9) - 3.5;
    bool first = fuzz_chance(m, 50);
    fuzz_say(m, " %s %g%s", step_pairs[k].name, number, first ? " first," : " second,");
    tp_var *x = step_any(m, 0), *y = tp_num(number);
    return first ? step_pairs[k].apply(y, x) : step_pairs[k].apply(x, y);
}

static tp_var *step_power(fuzz_machine *m)
{
    int exponent = fuzz_choose(m, 5) - 1;
    fuzz_say(m, " %d", exponent);
    return tp_pow_integer(step_any(m, 0), exponent);
}

static tp_var *step_where(fuzz_machine *m)
{
    tp_var *x = step_any(m, 0), *a = step_partner(m, 1, x);
    return tp_where(tp_gt(x, 0), a, fuzz_operand(m, 2, fuzz_alike, x));
}

static tp_var *step_chain(fuzz_machine *m)
{
    int length = 20 + fuzz_choose(m, 60);
    fuzz_say(m, " %d", length);
    tp_var *x = step_any(m, 0), *y = x;
    for (int i = 0; i < length; i++)
        y = i % 3 == 0 ? tp_sin(y) : i % 3 == 1 ? tp_add(y, x) : tp_mul(y, 0.5);
    return y;
}

/* --- Reductions, products, views --- */

static tp_var *step_reduce(fuzz_machine *m)
{
    int k = fuzz_chance(m, 50) ? 0 : fuzz_choose(m, COUNT(step_reductions));
    fuzz_say(m, " %s", step_reductions[k].name);
    tp_var *x = step_any(m, 0);
    tp_reduce_options options = TP_OPTIONS(tp_reduce_options);
    options.keepdims = fuzz_chance(m, 30);
    if (tp_ndim(x) && fuzz_chance(m, 30))
        options.axes = TP_AXES(fuzz_choose(m, tp_ndim(x)));
    fuzz_say(m, " axis %d keep %d", options.axes.n ? (int)options.axes.at[0] : -1,
             options.keepdims);
    return step_reductions[k].apply(x, &options);
}

static tp_var *step_matmul(fuzz_machine *m)
{
    tp_var *a = step_any(m, 0), *b = step_partner(m, 1, a);
    int64_t rows = tp_ndim(a) == 2 ? tp_shape(a)[0] : 1;
    if (tp_ndim(b) == 2 && tp_shape(b)[0] * rows <= STEP_ELEMENTS && fuzz_chance(m, 80)) {
        fuzz_say(m, " transposed");
        b = tp_transpose(b, 0, 1);
    }
    int64_t columns = tp_ndim(b) == 2 ? tp_shape(b)[1] : 1;
    return rows * columns <= STEP_ELEMENTS ? tp_matmul(a, b) : NULL;
}

static tp_var *step_slice(fuzz_machine *m, tp_var *x, int axis)
{
    int length = (int)tp_shape(x)[axis], start = fuzz_choose(m, length + 1);
    int stop = start + fuzz_choose(m, length + 1 - start), step = 1 + fuzz_choose(m, 2);
    fuzz_say(m, " slice axis %d, %d to %d by %d", axis, start, stop, step);
    return tp_slice(x, axis, start, stop, step);
}

static tp_var *step_view(fuzz_machine *m)
{
    tp_var *x = step_any(m, 0), *y;
    int ndim = tp_ndim(x), kind = fuzz_choose(m, 6), axis = ndim ? fuzz_choose(m, ndim) : 0;
    if (kind < 3 && ndim == 0)
        kind = 3;
    switch (kind) {
    case 0:
        fuzz_say(m, " transpose %d 0", axis);
        return tp_transpose(x, axis, 0);
    case 1:
        return step_slice(m, x, axis);
    case 2: {
        int64_t index = fuzz_choose(m, (int)tp_shape(x)[axis] + 1);
        fuzz_say(m, " select axis %d, %d", axis, (int)index);
        return tp_select(x, axis, index);
    }
    case 3:
        fuzz_say(m, " reshape");
        return tp_reshape(x, TP_SHAPE(-1));
    case 4:
        fuzz_say(m, " broadcast_to");
        y = step_any(m, 1);
        return tp_broadcast_to(x, tp_ndim(y), tp_shape(y));
    default:
        fuzz_say(m, " detach");
        return tp_detach(x);
    }
}

/* --- Edits, reading --- */

static tp_var *step_edit(fuzz_machine *m)
{
    int k = fuzz_choose(m, COUNT(step_edits));
    fuzz_say(m, " %s", step_edits[k].name);
    tp_var *target = fuzz_operand(m, 0, fuzz_is_leaf, NULL);
    if (fuzz_chance(m, 60))
        step_edits[k].apply(target, tp_num(1.25));
    else
        step_edits[k].apply(target, step_partner(m, 1, target));
    return NULL;
}

static tp_var *step_read(fuzz_machine *m)
{
    fuzz_log_value(m, step_any(m, 0));
    return NULL;
}

/* --- Gradients --- */

/* A sweep that consumes cannot be tried again. */
static tp_var *step_backward(fuzz_machine *m)
{
    tp_var *y = fuzz_operand(m, 0, fuzz_is_recorded, NULL);
    tp_backward_options options = {.create_graph = fuzz_chance(m, 25), .size = sizeof options};
    options.consume = fuzz_chance(m, 20) && !m->program->failing;
    if (fuzz_chance(m, 20))
        options.gradient = fuzz_operand(m, 1, fuzz_alike, y);
    fuzz_say(m, "%s%s", options.create_graph ? " create_graph" : "",
             options.consume ? " consume" : "");
    (tp_backward)(y, &options);
    return NULL;
}

static tp_var *step_gradient(fuzz_machine *m)
{
    tp_var *y = fuzz_operand(m, 0, fuzz_is_recorded, NULL);
    tp_var *x = fuzz_operand(m, 1, fuzz_chance(m, 60) ? fuzz_is_variable : fuzz_is_recorded, NULL);
    bool create_graph = fuzz_chance(m, 50);
    fuzz_say(m, "%s", create_graph ? " create_graph" : "");
    return tp_gradient(y, x, .create_graph = create_graph);
}

static tp_var *step_use_grad(fuzz_machine *m)
{
    return tp_grad(fuzz_operand(m, 0, fuzz_is_variable, NULL));
}

static tp_var *step_read_grad(fuzz_machine *m)
{
    fuzz_log_value(m, tp_grad(fuzz_operand(m, 0, fuzz_is_variable, NULL)));
    return NULL;
}

static tp_var *step_clear_grad(fuzz_machine *m)
{
    tp_cleargrad(fuzz_operand(m, 0, fuzz_is_variable, NULL));
    return NULL;
}

/* --- Scopes --- */

static tp_var *step_begin(fuzz_machine *m)
{
    if (m->depth == FUZZ_DEPTH)
        return NULL;
    size_t mark = tp_scope_begin();
    if (!tp_error())
        m->marks[m->depth++] = mark;
    return NULL;
}

static void step_leave(tp_var *v)
{
    tp_leave(v);
    if (tp_status() == TP_ERROR_MEMORY) {
        tp_clear_error();
        tp_leave(v);
    }
}

/* Of the scope's values some move outside, a few are kept, the others go. */
static tp_var *step_end(fuzz_machine *m)
{
    if (m->depth == 1)
        return NULL;
    for (int i = 0; i < m->at; i++) {
        fuzz_value *value = &m->values[i];
        if (!value->v || value->depth != m->depth)
            continue;
        int fate = fuzz_choose(m, 100);
        fuzz_say(m, " v%d %s", i, fate < 30 ? "leaves" : fate < 35 ? "is kept" : "goes");
        if (fate < 30) {
            step_leave(value->v);
            value->depth--;
        } else if (fate < 35) {
            tp_keep(value->v);
            value->depth = 0;
        } else {
            value->v = NULL;
        }
    }
    tp_scope_end(m->marks[--m->depth]);
    return NULL;
}

static tp_var *step_free(fuzz_machine *m)
{
    for (int i = 0; i < m->at; i++) {
        fuzz_value *value = &m->values[i];
        if (!value->v || value->depth)
            continue;
        fuzz_say(m, " v%d", i);
        tp_free(value->v);
        value->v = NULL;
        break;
    }
    return NULL;
}

const fuzz_step fuzz_steps[] = {[FUZZ_ARRAY] = {"array", 5, step_array},
                                [FUZZ_VARIABLE] = {"variable", 2, step_variable},
                                {"function", 22, step_function},
                                {"pair", 22, step_pair},
                                {"number", 6, step_number},
                                {"power", 2, step_power},
                                {"where", 3, step_where},
                                {"chain", 1, step_chain},
                                {"convert", 1, step_convert},
                                {"reduce", 12, step_reduce},
                                {"matmul", 2, step_matmul},
                                {"view", 9, step_view},
                                {"edit", 8, step_edit},
                                {"read", 4, step_read},
                                {"backward", 3, step_backward},
                                {"gradient", 3, step_gradient},
                                {"grad", 1, step_use_grad},
                                {"read grad", 2, step_read_grad},
                                {"cleargrad", 1, step_clear_grad},
                                {"scope begins", 7, step_begin},
                                {"scope ends:", 7, step_end},
                                {"free", 1, step_free}};
const int fuzz_n_steps = COUNT(fuzz_steps);
