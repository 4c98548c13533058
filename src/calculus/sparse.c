/* SPDX-License-Identifier: MIT
 *
 * Sparse matrices of derivatives. A sweep along the columns of one color gives a column of rows
 * numbers, in which each entry of these columns stands alone; sweeps follow each other in one
 * array, and `from` tells where in it an entry is.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "calculus/sparse.h"

static const tp_gradient_options sparse_recorded = {.create_graph = true,
                                                    .size = sizeof sparse_recorded};

void tp_sparsity_free(tp_sparsity *pattern)
{
    if (!pattern)
        return;
    tp__pattern_free(&pattern->entries);
    tp__free(pattern->color);
    tp__free(pattern->from);
    tp__free(pattern);
}

/* --- Making --- */

static bool sparse_check(const char *call, tp_var *y, tp_var *x)
{
    if (tp__here()->code || !tp__check_operand(call, y) || !tp__check_operand(call, x))
        return false;
    if ((uint64_t)x->size >= UINT32_MAX || (uint64_t)y->size >= UINT32_MAX) {
        tp_fail(TP_ERROR_SHAPE, "%s: %lld and %lld elements, expected fewer than 2^32", call,
                (long long)y->size, (long long)x->size);
        return false;
    }
    return true;
}

/* Entry k of row i, column j. */
static void sparse_place(tp_sparsity *s, int64_t k, int64_t i, int64_t j)
{
    int64_t rows = s->entries.rows;
    s->from[k] = s->by_rows ? s->color[i] * s->columns + j : s->color[j] * rows + i;
}

/* How often row i has a color, 2 standing for more. */
static int sparse_count(const tp_sparsity *s, int64_t i, uint32_t color)
{
    int n = s->color[i] == color ? 1 : 0;
    for (int64_t k = s->entries.start[i]; n < 2 && k < s->entries.start[i + 1]; k++)
        n += s->entries.index[k] != (uint64_t)i && s->color[s->entries.index[k]] == color;
    return n;
}

static bool sparse_places(tp_sparsity *s)
{
    s->from = tp__alloc((size_t)tp__pattern_count(&s->entries) * sizeof *s->from + 1);
    for (int64_t i = 0; s->from && i < s->entries.rows; i++)
        for (int64_t k = s->entries.start[i]; k < s->entries.start[i + 1]; k++) {
            int64_t j = s->entries.index[k];
            bool alone = !s->symmetric || sparse_count(s, i, s->color[j]) == 1;
            sparse_place(s, k, alone ? i : j, alone ? j : i);
        }
    return s->from;
}

/* Colors of rows where these are fewer. */
static bool sparse_color(tp_sparsity *s)
{
    tp__pattern turned;
    int64_t rows = s->entries.rows, n_rows = 0;
    if (s->symmetric) {
        s->color = tp__alloc((size_t)rows * sizeof *s->color + 1);
        return s->color && tp__color_star(&s->entries, s->color, &s->n_colors);
    }
    if (!tp__pattern_turn(&s->entries, s->columns, &turned))
        return false;
    uint32_t *of_rows = tp__alloc((size_t)rows * sizeof *of_rows + 1);
    s->color = tp__alloc((size_t)s->columns * sizeof *s->color + 1);
    bool good = of_rows && s->color &&
                tp__color_columns(&s->entries, &turned, s->color, &s->n_colors) &&
                tp__color_columns(&turned, &s->entries, of_rows, &n_rows);
    if (good && n_rows < s->n_colors) {
        uint32_t *of_columns = s->color;
        s->by_rows = true;
        s->color = of_rows;
        s->n_colors = n_rows;
        of_rows = of_columns;
    }
    tp__free(of_rows);
    tp__pattern_free(&turned);
    return good;
}

static tp_sparsity *sparse_make(tp_var *y, tp_var *x, bool symmetric)
{
    tp_sparsity *s = tp__alloc_zero(1, sizeof *s);
    if (!s)
        return NULL;
    s->columns = x->size;
    s->symmetric = symmetric;
    if (tp__pattern_find(y, x, &s->entries) && sparse_color(s) && sparse_places(s))
        return s;
    tp_sparsity_free(s);
    return NULL;
}

tp_sparsity *tp_jacobian_sparsity(tp_var *y, tp_var *x)
{
    return sparse_check("jacobian_sparsity", y, x) ? sparse_make(y, x, false) : NULL;
}

static bool sparse_is_number(const char *call, const tp_var *y)
{
    char text[TP__SHAPE_TEXT];
    if (y->size == 1)
        return true;
    tp_fail(TP_ERROR_SHAPE, "%s: y has shape %s, expected one element", call,
            tp__shape_text(text, y->ndim, tp__shape(y)));
    return false;
}

/* dy / dx with a graph, whatever the mode. */
static tp_var *sparse_gradient(tp_var *y, tp_var *x)
{
    bool mode = tp_set_grad_enabled(true);
    tp_var *g = tp_gradient(y, x, &sparse_recorded);
    tp_set_grad_enabled(mode);
    return g;
}

tp_sparsity *tp_hessian_sparsity(tp_var *y, tp_var *x)
{
    if (!sparse_check("hessian_sparsity", y, x) || !sparse_is_number("hessian_sparsity", y))
        return NULL;
    size_t scope = tp_scope_begin();
    tp_var *g = sparse_gradient(y, x);
    tp_sparsity *s = tp_is_poison(g) ? NULL : sparse_make(g, x, true);
    tp_scope_end(scope);
    return s;
}

/* --- Reading --- */

int64_t tp_sparsity_rows(const tp_sparsity *pattern)
{
    return pattern ? pattern->entries.rows : 0;
}

int64_t tp_sparsity_columns(const tp_sparsity *pattern)
{
    return pattern ? pattern->columns : 0;
}

int64_t tp_sparsity_entries(const tp_sparsity *pattern)
{
    return pattern ? tp__pattern_count(&pattern->entries) : 0;
}

int64_t tp_sparsity_colors(const tp_sparsity *pattern)
{
    return pattern ? pattern->n_colors : 0;
}

static bool sparse_is_pattern(const char *call, const tp_sparsity *pattern)
{
    if (!pattern)
        tp_fail(TP_ERROR_ARGUMENT, "%s: the pattern is NULL", call);
    return pattern;
}

tp_var *tp_sparsity_starts(const tp_sparsity *pattern)
{
    if (!sparse_is_pattern("sparsity_starts", pattern))
        return tp__poison();
    int64_t n = pattern->entries.rows + 1;
    return tp_array(TP_I64, 1, &n, pattern->entries.start);
}

static tp_var *sparse_indices(const tp_sparsity *pattern, bool rows)
{
    int64_t n = tp_sparsity_entries(pattern);
    tp_var *v = tp__empty(TP_I64, 1, &n);
    int64_t *to = tp_is_poison(v) ? NULL : v->data;
    const tp__pattern *p = &pattern->entries;
    for (int64_t i = 0; to && i < p->rows; i++)
        for (int64_t k = p->start[i]; k < p->start[i + 1]; k++)
            to[k] = rows ? i : p->index[k];
    return v;
}

tp_var *tp_sparsity_row_of(const tp_sparsity *pattern)
{
    return sparse_is_pattern("sparsity_row_of", pattern) ? sparse_indices(pattern, true)
                                                         : tp__poison();
}

tp_var *tp_sparsity_column_of(const tp_sparsity *pattern)
{
    return sparse_is_pattern("sparsity_column_of", pattern) ? sparse_indices(pattern, false)
                                                            : tp__poison();
}

/* --- Values --- */

/* Ones in the places of a color, of v's shape. */
static tp_var *sparse_seed(const tp_sparsity *s, const tp_var *v, uint32_t color)
{
    tp_var *seed = tp__empty(TP_F64, 1, &v->size);
    double *at = tp_is_poison(seed) ? NULL : seed->data;
    for (int64_t i = 0; at && i < v->size; i++)
        at[i] = s->color[i] == color;
    return tp_reshape(tp_to(seed, (tp_dtype)v->dtype), v->ndim, tp__shape(v));
}

static tp_var *sparse_sweep(const tp_sparsity *s, tp_var *y, tp_var *x, uint32_t color)
{
    tp_var *seed = sparse_seed(s, s->by_rows ? y : x, color);
    tp_var *line = s->by_rows ? tp_vjp(y, x, seed) : tp_jvp(y, x, seed);
    int64_t n = s->by_rows ? s->columns : s->entries.rows;
    return tp_is_poison(line) ? line : tp_reshape(line, 1, &n);
}

static tp_var *sparse_values(const tp_sparsity *s, tp_var *y, tp_var *x)
{
    int64_t n = tp_sparsity_entries(s), n_colors = s->n_colors;
    if (n == 0 || !tp_requires_grad(y))
        return tp_zeros((tp_dtype)x->dtype, 1, &n);
    tp_var **lines = tp__alloc((size_t)n_colors * sizeof *lines);
    bool good = lines != NULL;
    for (int64_t c = 0; good && c < n_colors; c++)
        good = !tp_is_poison(lines[c] = sparse_sweep(s, y, x, (uint32_t)c));
    tp_var *values = good ? tp_concatenate(lines, (int)n_colors, 0) : tp__poison();
    tp__free(lines);
    return good ? tp_gather(values, 0, tp_array(TP_I64, 1, &n, s->from)) : values;
}

static tp_var *sparse_derive(const char *call, const tp_sparsity *s, tp_var *y, tp_var *x)
{
    if (y->size != s->entries.rows || x->size != s->columns)
        return tp_fail(TP_ERROR_SHAPE, "%s: a matrix of %lld x %lld, the pattern is of %lld x %lld",
                       call, (long long)y->size, (long long)x->size, (long long)s->entries.rows,
                       (long long)s->columns);
    size_t scope = tp_scope_begin();
    tp_var *values = sparse_values(s, y, x);
    values = tp_is_poison(values) ? values : tp_leave(values);
    tp_scope_end(scope);
    return values;
}

tp_var *tp_sparse_jacobian(tp_var *y, tp_var *x, const tp_sparsity *pattern)
{
    const char *call = "sparse_jacobian";
    if (!sparse_check(call, y, x) || !sparse_is_pattern(call, pattern))
        return tp__poison();
    if (pattern->symmetric)
        return tp_fail(TP_ERROR_ARGUMENT, "%s: the pattern is a Hessian's", call);
    return sparse_derive(call, pattern, y, x);
}

tp_var *tp_sparse_hessian(tp_var *y, tp_var *x, const tp_sparsity *pattern)
{
    const char *call = "sparse_hessian";
    if (!sparse_check(call, y, x) || !sparse_is_pattern(call, pattern) ||
        !sparse_is_number(call, y))
        return tp__poison();
    if (!pattern->symmetric)
        return tp_fail(TP_ERROR_ARGUMENT, "%s: the pattern is a Jacobian's", call);
    tp_var *g = sparse_gradient(y, x);
    return tp_is_poison(g) ? g : sparse_derive(call, pattern, g, x);
}

/* --- Using --- */

static bool sparse_check_values(const char *call, const tp_sparsity *pattern, const tp_var *values)
{
    if (!sparse_is_pattern(call, pattern) || !tp__check_operand(call, values))
        return false;
    if (values->ndim == 1 && values->size == tp_sparsity_entries(pattern))
        return true;
    char text[TP__SHAPE_TEXT];
    tp_fail(TP_ERROR_SHAPE, "%s: values have shape %s, expected (%lld,)", call,
            tp__shape_text(text, values->ndim, tp__shape(values)),
            (long long)tp_sparsity_entries(pattern));
    return false;
}

tp_var *tp_sparse_to_dense(const tp_sparsity *pattern, tp_var *values)
{
    if (!sparse_check_values("sparse_to_dense", pattern, values))
        return tp__poison();
    int64_t shape[] = {pattern->entries.rows, pattern->columns}, size = shape[0] * shape[1];
    tp_var *place = tp_add(tp_mul(tp_sparsity_row_of(pattern), tp_num((double)shape[1])),
                           tp_to(tp_sparsity_column_of(pattern), TP_F64));
    tp_var *flat = tp_scatter_add(tp_zeros((tp_dtype)values->dtype, 1, &size), 0,
                                  tp_to(place, TP_I64), values);
    return tp_is_poison(flat) ? flat : tp_reshape(flat, 2, shape);
}

tp_var *tp_sparse_product(const tp_sparsity *pattern, tp_var *values, tp_var *v)
{
    if (!sparse_check_values("sparse_product", pattern, values) ||
        !tp__check_operand("sparse_product", v))
        return tp__poison();
    if (v->ndim != 1 || v->size != pattern->columns) {
        char text[TP__SHAPE_TEXT];
        return tp_fail(TP_ERROR_SHAPE, "sparse_product: v has shape %s, expected (%lld,)",
                       tp__shape_text(text, v->ndim, tp__shape(v)), (long long)pattern->columns);
    }
    tp_var *terms = tp_mul(values, tp_gather(v, 0, tp_sparsity_column_of(pattern)));
    if (tp_is_poison(terms))
        return terms;
    tp_var *sums = tp_zeros((tp_dtype)terms->dtype, 1, &pattern->entries.rows);
    return tp_scatter_add(sums, 0, tp_sparsity_row_of(pattern), terms);
}
