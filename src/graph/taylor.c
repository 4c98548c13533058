/* SPDX-License-Identifier: MIT
 *
 * Pushing a truncated Taylor series through a recorded graph. The nodes between x and y are
 * visited in order of generation; each gets the coefficients 0 … order of its value along the
 * path x + t · direction, by its operation's Taylor rule. NULL coefficients are zero; a node whose
 * coefficient 0 is unset does not depend on x.
 *
 * The rule of a node is, in this order (taylor_rule): a recurrence of the record's own; for what is
 * linear, the operation itself on each coefficient; for what is bilinear, a Cauchy product; the
 * series of what the record says it is composed of; of an elementwise one, the series of its
 * gradient, integrated; of one operand, the series of the change that the record tells. The last
 * three walk a graph of their own, recorded for this, with the node's operands as seeds.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <stdio.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/map.h"
#include "base/scope.h"
#include "graph/apply.h"
#include "graph/function.h"
#include "graph/op.h"
#include "graph/remake.h"
#include "graph/series.h"
#include "graph/tangent.h"

/* Coefficient k carries 1 / k!, which the type must hold. */
enum { TAYLOR_HIGHEST_F64 = 170, TAYLOR_HIGHEST_F32 = 33, TAYLOR_HIGHEST_F16 = 8 };

typedef struct taylor_walk {
    const char *call;
    int order;
    size_t n_seeds;
    const tp__series_seed *seeds;
    uint32_t lowest; /* generation of a seed */
    uint32_t remade; /* the thread's, at the start */
    tp__map nodes;   /* those that may lead from the seeds to y */
    tp__map known;   /* dropped ones (remake.h) */
    size_t *by_generation;
    size_t *row; /* of each node: its first in series; a call with several outputs has as many */
    size_t rows;
    tp_var **series; /* order + 1 coefficients for each row */
} taylor_walk;

static tp_var **taylor_series(const taylor_walk *w, size_t node)
{
    return w->series + w->row[node] * (size_t)(w->order + 1);
}

static const tp__series_seed *taylor_find_seed(const taylor_walk *w, const tp_var *v)
{
    for (size_t i = 0; i < w->n_seeds; i++)
        if (w->seeds[i].at == v)
            return &w->seeds[i];
    return NULL;
}

/* All nodes from y down that may depend on a seed: nothing below the lowest seed's generation, and
 * nothing below a seed, whose series is given. */
static bool taylor_collect(taylor_walk *w, tp_var *y)
{
    bool added;
    if (!tp__map_add(&w->nodes, y, &added))
        return false;
    for (size_t at = 0; at < w->nodes.n; at++) {
        tp_var *v = (tp_var *)tp__map_at(&w->nodes)[at].key;
        if (v->generation <= w->lowest || taylor_find_seed(w, v))
            continue;
        for (uint32_t i = 0; i < v->n_in; i++) {
            tp_var *in = tp__inputs(v)[i];
            if ((in->flags & TP__NEEDS_GRAD) && !tp__map_add(&w->nodes, in, &added))
                return false;
        }
    }
    return true;
}

/* A call of a user's function has a row for each output; an output takes its row over. */
static size_t taylor_rows(const tp_var *v)
{
    bool outputs = v->op && (v->op->flags & TP__OUTPUTS);
    return outputs ? ((const tp__output_table *)v->attr.block)->n : 1;
}

/* Numbers the nodes by generation, a counting sort, and gives them their rows. */
static bool taylor_sort(taylor_walk *w, const tp_var *y)
{
    size_t n = w->nodes.n, generations = (size_t)y->generation + 2;
    w->by_generation = tp__alloc_zero(2 * n + generations, sizeof *w->by_generation);
    if (!w->by_generation)
        return false;
    size_t *start = w->by_generation + 2 * n;
    w->row = w->by_generation + n;
    w->rows = 0;
    for (size_t i = 0; i < n; i++) {
        const tp_var *v = tp__map_at(&w->nodes)[i].key;
        start[v->generation + 1]++;
        w->row[i] = w->rows;
        w->rows += taylor_rows(v);
    }
    for (size_t g = 1; g < generations; g++)
        start[g] += start[g - 1];
    for (size_t i = 0; i < n; i++)
        w->by_generation[start[tp__map_at(&w->nodes)[i].key->generation]++] = i;
    return true;
}

static bool taylor_edited(const taylor_walk *w, const tp_var *v, const char *what)
{
    tp_fail(TP_ERROR_GRAPH, "%s: %s of %s was edited in place since it was recorded", w->call, what,
            v->op->name);
    return false;
}

/* True, else with an error, if what `reads` names is as it was when v was recorded. */
static bool taylor_fresh(const taylor_walk *w, tp_var *v)
{
    unsigned reads = tp__reads(v);
    if ((reads & TP__READS_OUT) && tp__version(v) != 0)
        return taylor_edited(w, v, "the result");
    for (uint32_t i = 0; i < v->n_in; i++)
        if (tp__reads_input(reads, i) &&
            tp__version(tp__inputs(v)[i]) != tp__input_versions(v)[i]) {
            char name[64], what[96];
            snprintf(what, sizeof what, "operand %u%s", i, tp__name_text(name, tp__inputs(v)[i]));
            return taylor_edited(w, v, what);
        }
    return true;
}

/* --- Rules that follow from linearity --- */

/* Coefficient k of a linear operation's result is the operation on coefficients k of its operands,
 * where those that are zero stand in as zeros unless all are. */
static void taylor_linear(const tp__jet *jet, tp_var **operands)
{
    tp_var *v = jet->node;
    for (int k = 1; k <= jet->order; k++) {
        bool zero = true;
        for (uint32_t i = 0; i < v->n_in; i++)
            zero = zero && !jet->x[i][k];
        if (zero)
            continue;
        for (uint32_t i = 0; i < v->n_in; i++) {
            const tp_var *in = jet->x[i][0];
            operands[i] = jet->x[i][k] ? jet->x[i][k]
                                       : tp_zeros((tp_dtype)in->dtype, in->ndim, tp__shape(in));
        }
        jet->y[k] = tp__apply_again(v, operands);
    }
}

static void taylor_bilinear(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++)
        for (int i = 0; i <= k; i++) {
            tp_var *operands[] = {jet->x[0][i], jet->x[1][k - i]};
            if (operands[0] && operands[1])
                jet->y[k] = tp__series_add(jet->y[k], tp__apply_again(jet->node, operands));
        }
}

static void taylor_compose(const taylor_walk *w, const tp__jet *jet);
static void taylor_by_gradient(const taylor_walk *w, const tp__jet *jet);
static void taylor_tangent(const taylor_walk *w, const tp__jet *jet);

/* True if the record's own rule has what it may read, as it was: values of operands and of the
 * result. An elementwise record without goes by its gradient, which reads what `reads` names. */
static bool taylor_can_read(taylor_walk *w, const tp__jet *jet)
{
    tp_var *v = jet->node;
    if ((v->op->flags & TP__LINEAR) || !(v->op->flags & TP__ELEMENTWISE))
        return true;
    bool good = tp__can_read(v, &w->known) && tp__version(v) == 0;
    for (uint32_t i = 0; i < v->n_in && good; i++)
        good = tp__can_read(jet->x[i][0], &w->known) &&
               tp__version(tp__inputs(v)[i]) == tp__input_versions(v)[i];
    return good;
}

static void taylor_rule(taylor_walk *w, const tp__jet *jet, tp_var **operands)
{
    const tp__op *op = jet->node->op;
    if (jet->order == 0)
        return;
    if (op->taylor && taylor_can_read(w, jet))
        op->taylor(jet);
    else if (op->flags & TP__LINEAR)
        taylor_linear(jet, operands);
    else if (op->flags & TP__BILINEAR)
        taylor_bilinear(jet);
    else if (op->compose)
        taylor_compose(w, jet);
    else if (op->flags & TP__ELEMENTWISE)
        taylor_by_gradient(w, jet);
    else if (op->tangent)
        taylor_tangent(w, jet);
    else
        tp_fail(TP_ERROR_GRAPH, "%s: %s has no Taylor rule; differentiate by tp_gradient", w->call,
                op->name);
}

/* --- The walk --- */

/* Fills the coefficients of a node from those of its inputs. */
static bool taylor_visit(taylor_walk *w, size_t index)
{
    tp_var *v = (tp_var *)tp__map_at(&w->nodes)[index].key;
    size_t width = (size_t)w->order + 1, n = v->n_in;
    tp_var **y = taylor_series(w, index);
    bool depends = false;
    tp_var ***x = tp__alloc_zero(n, sizeof *x + (width + 1) * sizeof **x);
    if (!x)
        return false;
    tp_var **constants = (tp_var **)(x + n), **operands = constants + n * width;
    for (size_t i = 0; i < n; i++) {
        tp_var *in = tp__inputs(v)[i];
        const tp__map_entry *entry = tp__map_find(&w->nodes, in);
        x[i] = entry ? taylor_series(w, (size_t)(entry - tp__map_at(&w->nodes))) : NULL;
        depends = depends || (x[i] && x[i][0]);
        if (!x[i] || !x[i][0]) {
            x[i] = constants + i * width;
            x[i][0] = in;
        }
    }
    if (depends && tp__is_output(v)) {
        y[0] = v;
        memcpy(y + 1, x[0] + (size_t)v->attr.integer * width + 1, (width - 1) * sizeof *y);
    } else if (depends && taylor_fresh(w, v)) {
        tp__thread *t = tp__here();
        uint16_t marks = tp__mark(t, v->marks & TP__IMPLICIT);
        y[0] = v;
        taylor_rule(w, &(tp__jet){.node = v, .order = w->order, .x = x, .y = y}, operands);
        t->recording.marks = marks;
    }
    tp__free(x);
    return !tp__here()->code;
}

static bool taylor_push(taylor_walk *w, tp_var *y)
{
    w->remade = tp__here()->waiting.remade;
    w->lowest = UINT32_MAX;
    for (size_t i = 0; i < w->n_seeds; i++)
        if (w->seeds[i].at->generation < w->lowest)
            w->lowest = w->seeds[i].at->generation;
    if (!taylor_collect(w, y) || !taylor_sort(w, y))
        return false;
    size_t n = w->nodes.n;
    w->series = tp__alloc_zero(w->rows, (size_t)(w->order + 1) * sizeof *w->series);
    if (!w->series)
        return false;
    for (size_t i = 0; i < n; i++) {
        size_t index = w->by_generation[i];
        tp_var *v = (tp_var *)tp__map_at(&w->nodes)[index].key;
        const tp__series_seed *seed = taylor_find_seed(w, v);
        if (seed) {
            memcpy(taylor_series(w, index), seed->series,
                   (size_t)(w->order + 1) * sizeof *seed->series);
        } else if (v->op && !taylor_visit(w, index)) {
            return false;
        }
    }
    return true;
}

/* What was dropped before the walk, and made again for it, goes again. */
static void taylor_end(taylor_walk *w)
{
    for (size_t i = 0; i < w->nodes.n && w->remade != tp__here()->waiting.remade; i++) {
        tp_var *v = (tp_var *)tp__map_at(&w->nodes)[i].key;
        if ((v->flags & (TP__UNREAD | TP__SHARED)) == TP__UNREAD)
            tp__reads_settle(v);
    }
    tp__map_drop(&w->nodes);
    tp__map_drop(&w->known);
    tp__free(w->by_generation);
    tp__free(w->series);
}

bool tp__series_walk(const char *call, tp_var *y, int order, const tp__series_seed *seeds, size_t n,
                     tp_var **series)
{
    taylor_walk w = {.call = call, .order = order, .n_seeds = n, .seeds = seeds};
    bool good = taylor_push(&w, y);
    if (good)
        memcpy(series, taylor_series(&w, 0), (size_t)(order + 1) * sizeof *series);
    taylor_end(&w);
    return good;
}

/* The series of what the node is composed of. */
static void taylor_compose(const taylor_walk *outer, const tp__jet *jet)
{
    tp_var *v = jet->node;
    size_t n = v->n_in;
    taylor_walk w = {.call = outer->call, .order = jet->order};
    tp__series_seed *seeds = tp__alloc(n * (sizeof *seeds + sizeof(tp_var *)));
    if (!seeds)
        return;
    tp_var **x = (tp_var **)(seeds + n);
    for (size_t i = 0; i < n; i++) {
        x[i] = jet->x[i][0];
        for (int k = 1; k <= jet->order; k++)
            if (jet->x[i][k]) {
                seeds[w.n_seeds++] = (tp__series_seed){x[i], jet->x[i]};
                break;
            }
    }
    w.seeds = seeds;
    bool mode = tp_set_grad_enabled(true);
    tp_var *y = w.n_seeds ? v->op->compose(v, x) : NULL;
    tp_set_grad_enabled(mode);
    if (y && !tp_is_poison(y) && taylor_push(&w, y))
        memcpy(jet->y + 1, taylor_series(&w, 0) + 1, (size_t)jet->order * sizeof *jet->y);
    taylor_end(&w);
    tp__free(seeds);
}

/* --- Elementwise rules that follow from the gradient ---
 *
 * y' = Σ s x', with a slope s for each operand x: the gradient rule for gy = 1, recorded on the
 * operands and on y. Its series to order k − 1 needs theirs to k − 1 and gives y[k]. */

static tp_var *taylor_slope(const tp__jet *jet, tp_var **x, int i)
{
    tp_var *v = jet->node, *gx[TP__READING] = {NULL};
    bool wanted[TP__READING] = {false};
    wanted[i] = true;
    tp__pull pull = {.y = v, .x = x, .gx = gx, .wanted = wanted, .record = true};
    pull.gy = tp_ones((tp_dtype)v->dtype, 0, NULL);
    v->op->gradient(&pull);
    return gx[i];
}

/* slope[0 … order] ← the series of s, given those of seeds. */
static bool taylor_series_of(const taylor_walk *outer, tp_var *s, int order,
                             const tp__series_seed *seeds, size_t n_seeds, tp_var **slope)
{
    bool good = !tp_is_poison(s);
    if (good && (s->flags & TP__NEEDS_GRAD))
        good = tp__series_walk(outer->call, s, order, seeds, n_seeds, slope);
    slope[0] = s;
    return good;
}

/* Adds operand i's part, s x', to y[from … to]. */
static bool taylor_add_part(const taylor_walk *outer, const tp__jet *jet, int i, tp_var *s,
                            int from, int to)
{
    tp__series_seed seeds[TP__READING + 1];
    size_t n = 0;
    for (uint32_t k = 0; k < jet->node->n_in; k++)
        if (jet->x[k][0]->flags & TP__NEEDS_GRAD)
            seeds[n++] = (tp__series_seed){jet->x[k][0], jet->x[k]};
    seeds[n++] = (tp__series_seed){jet->node, jet->y};
    tp_var **slope = tp__series_new(2 * to + 1);
    bool good = slope && taylor_series_of(outer, s, to - 1, seeds, n, slope);
    tp_var **rise = good ? slope + to : NULL;
    if (good)
        tp__series_slope(jet->x[i], to, rise);
    for (int k = from; good && k <= to; k++)
        jet->y[k] = tp__series_add(jet->y[k], tp__series_integral(slope, rise, k));
    tp__free(slope);
    return good && !tp__here()->code;
}

static bool taylor_changes(const tp__jet *jet, int i)
{
    for (int k = 1; k <= jet->order; k++)
        if (jet->x[i][k])
            return true;
    return false;
}

/* Where the slope reads y itself, its series is known only as far as y's: then one coefficient
 * after the other, each by a walk of its own. Else all come from one walk. */
static void taylor_by_gradient(const taylor_walk *outer, const tp__jet *jet)
{
    tp_var *x[TP__READING], *s[TP__READING] = {NULL};
    int n = (int)jet->node->n_in;
    unsigned reads = 0;
    bool mode = tp_set_grad_enabled(true);
    for (int i = 0; i < n; i++)
        x[i] = jet->x[i][0];
    for (int i = 0; i < n; i++)
        if (taylor_changes(jet, i)) {
            s[i] = taylor_slope(jet, x, i);
            reads |= jet->node->op->reads[i];
        }
    tp_set_grad_enabled(mode);
    int step = reads & TP__READS_OUT ? 1 : jet->order;
    for (int to = step; to <= jet->order; to += step)
        for (int i = 0; i < n; i++)
            if (s[i] && !taylor_add_part(outer, jet, i, s[i], to - step + 1, to))
                return;
}

/* Coefficient k of y is coefficient k − 1 of its derivative, which depends on those of y
 * before. slope has room for jet->order coefficients. */
static void taylor_integrate(const taylor_walk *outer, const tp__jet *jet, tp_var *dx,
                             tp_var **slope, tp_var *dy)
{
    const tp__series_seed seeds[] = {{jet->x[0][0], jet->x[0]}, {jet->node, jet->y}, {dx, slope}};
    for (int k = 1; k <= jet->order; k++) {
        taylor_walk w = {.call = outer->call, .order = k - 1, .n_seeds = 3, .seeds = seeds};
        tp_var *c = taylor_push(&w, dy) ? taylor_series(&w, 0)[k - 1] : NULL;
        taylor_end(&w);
        jet->y[k] = tp__series_scale(c, 1.0 / k);
    }
}

/* The series of what the node says its derivative is. */
static void taylor_tangent(const taylor_walk *outer, const tp__jet *jet)
{
    tp_var **slope = tp__series_new(jet->order), *x = jet->x[0][0];
    if (!slope)
        return;
    bool mode = tp_set_grad_enabled(true);
    tp__series_slope(jet->x[0], jet->order, slope);
    if (!slope[0])
        slope[0] = tp_zeros((tp_dtype)x->dtype, x->ndim, tp__shape(x));
    tp_var *dx = slope[0] = tp__tangent_seed(jet->node, slope[0]);
    tp_var *dy = tp_is_poison(dx) ? dx : jet->node->op->tangent(jet->node, x, dx);
    tp_set_grad_enabled(mode);
    if (!tp_is_poison(dy))
        taylor_integrate(outer, jet, dx, slope, dy);
    tp__free(slope);
}

/* out[k − 1] ← factor k! or 1 times coefficient k, handles in the scope outside the innermost.
 */
static bool taylor_results(const taylor_walk *w, const tp_var *y, tp_var **out)
{
    double factorial = 1;
    for (int k = 1; k <= w->order; k++) {
        factorial *= k;
        tp_var *c = taylor_series(w, 0)[k];
        tp_var *result = c ? tp__series_scale(c, factorial)
                           : tp_zeros((tp_dtype)y->dtype, y->ndim, tp__shape(y));
        out[k - 1] = tp_leave(result);
        if (tp_is_poison(out[k - 1]))
            return false;
    }
    return true;
}

static int taylor_highest(const tp_var *y, const tp_var *x)
{
    if (y->dtype == TP_F16 || x->dtype == TP_F16)
        return TAYLOR_HIGHEST_F16;
    return y->dtype == TP_F64 && x->dtype == TP_F64 ? TAYLOR_HIGHEST_F64 : TAYLOR_HIGHEST_F32;
}

static bool taylor_check(const char *call, tp_var *y, tp_var *x, int n, tp_var *const *out)
{
    if (!tp__check_derivative(call, y, x))
        return false;
    if (n < 1 || n > taylor_highest(y, x)) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: order %d, expected 1 to %d", call, n, taylor_highest(y, x));
    } else if (!out) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: out is NULL", call);
    } else {
        return true;
    }
    return false;
}

static void taylor_derivatives(const char *call, tp_var *y, tp_var *x, tp_var *direction, int n,
                               tp_var **out)
{
    tp_var **line = tp__series_new(n + 1);
    tp__series_seed seed = {x, line};
    taylor_walk w = {.call = call, .order = n, .n_seeds = 1, .seeds = &seed};
    size_t scope = tp_scope_begin();
    if (line && !direction)
        direction = tp_ones((tp_dtype)x->dtype, x->ndim, tp__shape(x));
    bool good = line && !tp_is_poison(direction);
    if (good) {
        line[0] = x;
        line[1] = direction;
        good = taylor_push(&w, y) && taylor_results(&w, y, out);
    }
    tp_scope_end(scope);
    taylor_end(&w);
    tp__free(line);
    for (int k = 0; k < n && !good; k++)
        out[k] = tp__poison();
}

void tp_derivatives(tp_var *y, tp_var *x, int n, tp_var **out)
{
    TP__CALL("derivatives");
    if (taylor_check("derivatives", y, x, n, out))
        taylor_derivatives("derivatives", y, x, NULL, n, out);
    else
        for (int k = 0; out && k < n; k++)
            out[k] = tp__poison();
}

void tp_taylor(tp_var *y, tp_var *x, tp_var *direction, int n, tp_var **out)
{
    TP__CALL("taylor");
    if (taylor_check("taylor", y, x, n, out) &&
        tp__check_like("taylor", "direction", direction, "x", x))
        taylor_derivatives("taylor", y, x, direction, n, out);
    else
        for (int k = 0; out && k < n; k++)
            out[k] = tp__poison();
}

tp_var *tp_jvp(tp_var *y, tp_var *x, tp_var *direction)
{
    TP__CALL("jvp");
    tp_var *out = tp__poison();
    if (taylor_check("jvp", y, x, 1, &out) && tp__check_like("jvp", "direction", direction, "x", x))
        taylor_derivatives("jvp", y, x, direction, 1, &out);
    return out;
}
