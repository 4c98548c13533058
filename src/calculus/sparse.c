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
#include "base/call.h"
#include "calculus/sparse.h"
#include "graph/function.h"

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
    if (!tp__check_derivative(call, y, x))
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

/* count[c] ← how often row i has color c, itself included; or back to 0. */
static void sparse_count(const tp_sparsity *s, int64_t i, uint32_t *count, bool back)
{
    uint32_t own = s->color[i];
    count[own] = back ? 0 : count[own] + 1;
    for (int64_t k = s->entries.start[i]; k < s->entries.start[i + 1]; k++) {
        uint32_t j = s->entries.index[k], c = s->color[j];
        if (j != i)
            count[c] = back ? 0 : count[c] + 1;
    }
}

/* In a symmetric matrix an entry stands alone in its row or, by the coloring, in its column. */
static bool sparse_places(tp_sparsity *s)
{
    s->from = tp__alloc((size_t)tp__pattern_count(&s->entries) * sizeof *s->from + 1);
    uint32_t *count = tp__alloc_zero((size_t)s->n_colors + 1, sizeof *count);
    bool good = s->from && count;
    for (int64_t i = 0; good && i < s->entries.rows; i++) {
        if (s->symmetric)
            sparse_count(s, i, count, false);
        for (int64_t k = s->entries.start[i]; k < s->entries.start[i + 1]; k++) {
            int64_t j = s->entries.index[k];
            bool alone = !s->symmetric || count[s->color[j]] == 1;
            sparse_place(s, k, alone ? i : j, alone ? j : i);
        }
        if (s->symmetric)
            sparse_count(s, i, count, true);
    }
    tp__free(count);
    return good;
}

/* Colors of columns, or of rows where these are fewer; first of the side that may have fewer. Of
 * rows if sweeps can only go backwards. */
static bool sparse_color_sides(tp_sparsity *s, const tp__pattern *turned, bool backwards)
{
    const tp__pattern *rows = &s->entries;
    int64_t least_columns = tp__pattern_longest(rows), least_rows = tp__pattern_longest(turned), n;
    s->by_rows = backwards || least_rows < least_columns;
    const tp__pattern *across = s->by_rows ? turned : rows, *along = s->by_rows ? rows : turned;
    s->color = tp__alloc((size_t)along->rows * sizeof *s->color + 1);
    if (!s->color || !tp__color_columns(across, along, s->color, &s->n_colors))
        return false;
    if (backwards || (s->by_rows ? least_columns : least_rows) >= s->n_colors)
        return true;
    uint32_t *other = tp__alloc((size_t)across->rows * sizeof *other + 1);
    bool good = other && tp__color_columns(along, across, other, &n);
    if (good && n < s->n_colors) {
        uint32_t *first = s->color;
        s->color = other;
        other = first;
        s->n_colors = n;
        s->by_rows = !s->by_rows;
    }
    tp__free(other);
    return good;
}

static bool sparse_color(tp_sparsity *s, bool backwards)
{
    tp__pattern turned;
    if (s->symmetric) {
        s->color = tp__alloc((size_t)s->columns * sizeof *s->color + 1);
        return s->color && tp__color_star(&s->entries, s->color, &s->n_colors);
    }
    if (!tp__pattern_turn(&s->entries, s->columns, &turned))
        return false;
    bool good = sparse_color_sides(s, &turned, backwards);
    tp__pattern_free(&turned);
    return good;
}

/* What may be there on one side of the diagonal may be there on the other: a rule that takes more
 * than there is need not take it on both. */
static bool sparse_mirror(tp_sparsity *s)
{
    tp__pattern turned, both;
    if (!tp__pattern_turn(&s->entries, s->columns, &turned))
        return false;
    bool good = tp__pattern_unite(&s->entries, &turned, s->columns, &both);
    tp__pattern_free(&turned);
    tp__pattern_free(&s->entries);
    s->entries = both;
    return good;
}

static tp_sparsity *sparse_make(tp_var *y, tp_var *x, bool symmetric)
{
    tp_sparsity *s = tp__alloc_zero(1, sizeof *s);
    if (!s)
        return NULL;
    s->columns = x->size;
    s->symmetric = symmetric;
    if (tp__pattern_find(y, x, &s->entries, &s->rounding) && (!symmetric || sparse_mirror(s)) &&
        sparse_color(s, !tp__has_series(y, x)) && sparse_places(s))
        return s;
    tp_sparsity_free(s);
    return NULL;
}

tp_sparsity *tp_jacobian_sparsity(tp_var *y, tp_var *x)
{
    TP__CALL("jacobian_sparsity");
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
    TP__CALL("hessian_sparsity");
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
    TP__CALL("sparsity_starts");
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
    TP__CALL("sparsity_row_of");
    return sparse_is_pattern("sparsity_row_of", pattern) ? sparse_indices(pattern, true)
                                                         : tp__poison();
}

tp_var *tp_sparsity_column_of(const tp_sparsity *pattern)
{
    TP__CALL("sparsity_column_of");
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
    tp_var *line = s->by_rows || s->symmetric ? tp_vjp(y, x, seed) : tp_jvp(y, x, seed);
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

/* Numbers between 1/2 and 1, all different, of v's shape. */
static tp_var *sparse_probe(const tp_var *v)
{
    tp_var *probe = tp__empty(TP_F64, 1, &v->size);
    double *at = tp_is_poison(probe) ? NULL : probe->data;
    for (int64_t i = 0; at && i < v->size; i++) {
        double turn = (double)i * 0.6180339887498949;
        at[i] = 0.5 + 0.5 * (turn - (double)(int64_t)turn);
    }
    return tp_reshape(tp_to(probe, (tp_dtype)v->dtype), v->ndim, tp__shape(v));
}

/* Σ of values · v over rows, or of their magnitudes; over columns if by_rows. */
static tp_var *sparse_along(const tp_sparsity *s, tp_var *values, tp_var *v)
{
    int64_t n = s->by_rows ? s->columns : s->entries.rows;
    tp_var *flat = tp_reshape(v, 1, &v->size), *rows = tp_sparsity_row_of(s);
    tp_var *columns = tp_sparsity_column_of(s), *from = s->by_rows ? rows : columns;
    tp_var *terms = tp_mul(values, tp_gather(flat, 0, from));
    return tp_is_poison(terms) ? terms
                               : tp_scatter_add(tp_zeros((tp_dtype)terms->dtype, 1, &n), 0,
                                                s->by_rows ? columns : rows, terms);
}

static double sparse_largest(tp_var *v)
{
    return v->size ? tp_item(tp_max(tp_abs(tp_detach(v)), NULL)) : 0;
}

/* False, with an error, if a sweep along a line shows an entry that the pattern does not have: this
 * is another program, with other indices, than the one that the pattern is of. What is less than
 * rounding leaves of the largest numbers around is not seen. */
static bool sparse_fits(const char *call, const tp_sparsity *s, tp_var *y, tp_var *x,
                        tp_var *values)
{
    size_t scope = tp_scope_begin();
    bool mode = tp_set_grad_enabled(false);
    tp_var *probe = sparse_probe(s->by_rows ? y : x);
    tp_var *right = s->by_rows || s->symmetric ? tp_vjp(y, x, probe) : tp_jvp(y, x, probe);
    values = tp_detach(values);
    tp_var *ours = sparse_along(s, values, probe);
    tp_var *size = sparse_along(s, tp_abs(values), probe);
    if (!tp_is_poison(right) && !tp_is_poison(ours)) {
        tp_var *off = tp_abs(tp_sub(tp_reshape(right, 1, &ours->size), ours));
        double around = sparse_largest(size) + sparse_largest(y) + 1e-300;
        tp_var *room = tp_mul(tp_add(size, tp_num(around)), tp_num(s->rounding));
        if (tp_item(tp_any(tp_gt(off, room), NULL)) > 0)
            tp_fail(TP_ERROR_GRAPH,
                    "%s: there are entries that the pattern does not have: it is of another "
                    "program, or of one with other indices",
                    call);
    }
    tp_set_grad_enabled(mode);
    tp_scope_end(scope);
    return !tp__here()->code;
}

/* Closes scope; its value, if it is one, belongs to the scope outside. */
static tp_var *sparse_leave(size_t scope, tp_var *value)
{
    value = tp_is_poison(value) ? value : tp_leave(value);
    tp_scope_end(scope);
    return value;
}

static tp_var *sparse_derive(const char *call, const tp_sparsity *s, tp_var *y, tp_var *x)
{
    if (y->size != s->entries.rows || x->size != s->columns)
        return tp_fail(TP_ERROR_SHAPE, "%s: a matrix of %lld x %lld, the pattern is of %lld x %lld",
                       call, (long long)y->size, (long long)x->size, (long long)s->entries.rows,
                       (long long)s->columns);
    size_t scope = tp_scope_begin();
    tp_var *values = sparse_values(s, y, x);
    if (!tp_is_poison(values) && tp_requires_grad(y) && !sparse_fits(call, s, y, x, values))
        values = tp__poison();
    return sparse_leave(scope, values);
}

tp_var *tp_sparse_jacobian(tp_var *y, tp_var *x, const tp_sparsity *pattern)
{
    TP__CALL("sparse_jacobian");
    const char *call = "sparse_jacobian";
    if (!sparse_check(call, y, x) || !sparse_is_pattern(call, pattern))
        return tp__poison();
    if (pattern->symmetric)
        return tp_fail(TP_ERROR_ARGUMENT, "%s: the pattern is a Hessian's", call);
    return sparse_derive(call, pattern, y, x);
}

tp_var *tp_sparse_hessian(tp_var *y, tp_var *x, const tp_sparsity *pattern)
{
    TP__CALL("sparse_hessian");
    const char *call = "sparse_hessian";
    if (!sparse_check(call, y, x) || !sparse_is_pattern(call, pattern) ||
        !sparse_is_number(call, y))
        return tp__poison();
    if (!pattern->symmetric)
        return tp_fail(TP_ERROR_ARGUMENT, "%s: the pattern is a Jacobian's", call);
    size_t scope = tp_scope_begin();
    tp_var *g = sparse_gradient(y, x);
    return sparse_leave(scope, tp_is_poison(g) ? g : sparse_derive(call, pattern, g, x));
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
    TP__CALL("sparse_to_dense");
    if (!sparse_check_values("sparse_to_dense", pattern, values))
        return tp__poison();
    int64_t shape[] = {pattern->entries.rows, pattern->columns}, size = shape[0] * shape[1];
    size_t scope = tp_scope_begin();
    tp_var *place = tp_add(tp_mul(tp_sparsity_row_of(pattern), tp_num((double)shape[1])),
                           tp_to(tp_sparsity_column_of(pattern), TP_F64));
    tp_var *flat = tp_scatter_add(tp_zeros((tp_dtype)values->dtype, 1, &size), 0,
                                  tp_to(place, TP_I64), values);
    return sparse_leave(scope, tp_is_poison(flat) ? flat : tp_reshape(flat, 2, shape));
}

tp_var *tp_sparse_product(const tp_sparsity *pattern, tp_var *values, tp_var *v)
{
    TP__CALL("sparse_product");
    if (!sparse_check_values("sparse_product", pattern, values) ||
        !tp__check_named("sparse_product", "v", v))
        return tp__poison();
    if (v->ndim != 1 || v->size != pattern->columns) {
        char text[TP__SHAPE_TEXT];
        return tp_fail(TP_ERROR_SHAPE, "sparse_product: v has shape %s, expected (%lld,)",
                       tp__shape_text(text, v->ndim, tp__shape(v)), (long long)pattern->columns);
    }
    size_t scope = tp_scope_begin();
    tp_var *terms = tp_mul(values, tp_gather(v, 0, tp_sparsity_column_of(pattern)));
    if (!tp_is_poison(terms)) {
        tp_var *sums = tp_zeros((tp_dtype)terms->dtype, 1, &pattern->entries.rows);
        terms = tp_scatter_add(sums, 0, tp_sparsity_row_of(pattern), terms);
    }
    return sparse_leave(scope, terms);
}
