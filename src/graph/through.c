/* SPDX-License-Identifier: MIT
 *
 * Where a part lies in its root is told by a view over a stand-in for the root's elements, which
 * nobody reads: the record of each view between makes the next one, as it did of the elements. They
 * are kept for the sweep, so a chain of parts takes a step for each.
 */
#include "base/features.h"

#include "graph/through.h"

#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/map.h"
#include "graph/aim.h"
#include "graph/half.h"
#include "graph/watch.h"
#include "tinypytorch.h"

enum { THROUGH_NEAR = 8, THROUGH_SMALL = 4, THROUGH_MANY = 4 };

typedef struct through_place {
    tp_var *root, *view; /* view: one reference */
} through_place;

typedef struct through_piece {
    tp_var *part, *gradient; /* of this part, one reference */
    tp_var *index; /* of what was picked: its numbers in the root, one reference; or NULL */
    size_t before; /* 1 + the number of the root's piece before it; 0: none */
} through_piece;

struct tp__through {
    tp__map met; /* nodes on the way, in the order of places */
    through_place *places;
    size_t room;
    tp__map roots; /* root → 1 + the number of its last piece */
    through_piece *pieces;
    size_t n_pieces;
};

/* Makes room for element n of a list that has a power of two of them, or none. */
static void *through_grow(void *list, size_t n, size_t bytes)
{
    return n & (n - 1) ? list : tp__realloc(list, (n ? 2 * n : 1) * bytes);
}

/* --- Places --- */

static bool through_passes(tp__sweep *s, tp_var *v)
{
    return tp__through_shows(v) && !(v->flags & TP__SHARED) && !(v->extra && v->extra->hooks) &&
           !(v->reads & TP__CONSUMED) &&
           (v->generation > s->kept_top || !tp__map_find(&s->kept, v));
}

/* A view of v's elements in `of`, a view of its operand's; NULL if they are others. */
static tp_var *through_view(tp_var *v, tp_var *of)
{
    tp__call call = {
        .op = v->op, .in = &of, .n_in = 1, .attr = v->attr, .ndim = v->ndim, .base = of};
    memcpy(call.shape, tp__shape(v), v->ndim * sizeof *call.shape);
    if (!v->op->infer(&call) || !call.view || call.base != of || call.ndim != v->ndim)
        return NULL;
    for (int i = 0; i < call.ndim; i++)
        if (call.shape[i] > 1 && call.strides[i] == 0)
            return NULL;
    return tp__node_view(tp__here(), of, call.ndim, call.shape, call.strides, call.offset);
}

/* What stands for a root's elements: these, if they are there and lie in row-major order. */
static tp_var *through_top(tp__thread *t, tp_var *root)
{
    if (root->data && (root->flags & TP__CONTIGUOUS))
        return tp__node_view(t, root, root->ndim, tp__shape(root), tp__strides(root), 0);
    return tp__node_array(t, (tp_dtype)root->dtype, root->ndim, tp__shape(root));
}

/* Node number i of those met: its operand has been met after it, or before all of these. */
static bool through_make(tp__sweep *s, struct tp__through *through, size_t i)
{
    tp_var *v = (tp_var *)tp__map_at(&through->met)[i].key;
    through_place *place = &through->places[i];
    tp__map_entry *up = through_passes(s, v) ? tp__map_find(&through->met, v->in.few[0]) : NULL;
    if (up) {
        const through_place *of = &through->places[up - tp__map_at(&through->met)];
        *place = (through_place){of->root, through_view(v, of->view)};
    }
    if (!place->view && !s->t->code)
        *place = (through_place){v, through_top(s->t, v)};
    return place->view != NULL;
}

/* A node on the way up from a part; *added is false if it was met before. */
static bool through_meet(struct tp__through *through, tp_var *v, bool *added)
{
    size_t i = through->met.n;
    through_place *places = through_grow(through->places, i, sizeof *places);
    if (!places)
        return false;
    through->places = places;
    places[i] = (through_place){NULL, NULL};
    return tp__map_add(&through->met, v, added);
}

/* v's place; NULL with an error pending. */
static const through_place *through_find(tp__sweep *s, tp_var *v)
{
    struct tp__through *through = s->through;
    size_t first = through->met.n;
    bool added = true, passes = true;
    for (tp_var *w = v; added && passes; w = w->in.few[0]) {
        if (!through_meet(through, w, &added))
            return NULL;
        passes = through_passes(s, w);
    }
    for (size_t i = through->met.n; i-- > first;)
        if (!through_make(s, through, i))
            return NULL;
    return &through->places[tp__map_find(&through->met, v) - tp__map_at(&through->met)];
}

/* True if v, within a few steps up, is a part of a part; if gradients are recorded, also if it is a
 * small part. Others the rules add to the root in time that is in proportion. */
static bool through_part(tp__sweep *s, tp_var *v)
{
    int parts = 0;
    tp_var *w = v;
    for (int step = 0; step < THROUGH_NEAR && parts < 2 && through_passes(s, w); step++) {
        const tp_var *of = w->in.few[0];
        if (s->record && of->size / THROUGH_SMALL >= v->size)
            return true;
        parts += of->size > w->size;
        w = w->in.few[0];
    }
    return parts == 2;
}

/* --- Adding --- */

static bool through_keep(tp__sweep *s, tp_var *root, tp_var *part, tp_var *gradient, tp_var *index)
{
    struct tp__through *through = s->through;
    size_t n = through->n_pieces;
    bool added;
    through_piece *pieces = through_grow(through->pieces, n, sizeof *pieces);
    if (!pieces)
        return false;
    through->pieces = pieces;
    tp__map_entry *entry = tp__map_add(&through->roots, root, &added);
    if (!entry)
        return false;
    if (!tp__sweep_met(s, root)) {
        if (!tp__sweep_enter(s, root))
            return false;
        root->adjoint.var = NULL;
    }
    pieces[n] = (through_piece){part, gradient, index, entry->value.number};
    tp__ref(gradient);
    if (index)
        tp__ref(index);
    entry->value.number = ++through->n_pieces;
    return true;
}

static bool through_write(tp__sweep *s, const through_place *place, tp_var *gradient)
{
    tp_var *sum = tp__sweep_sum_of(s, place->root), *view = place->view;
    gradient = tp__addend(gradient);
    if (!sum || !tp__evaluate(gradient))
        return false;
    const through_place *top =
        &s->through
             ->places[tp__map_find(&s->through->met, place->root) - tp__map_at(&s->through->met)];
    int64_t offset = ((char *)view->data - (char *)top->view->data) /
                     (int64_t)tp__dtype_size((tp_dtype)view->dtype);
    tp_var *to = tp__node_view(s->t, sum, view->ndim, tp__shape(view), tp__strides(view), offset);
    if (!to)
        return false;
    tp__accumulate(to, gradient);
    tp__drop(to);
    return true;
}

static bool through_is_seen(const tp__sweep *s)
{
    return s->n_watchers > 1 || (s->n_watchers == 1 && s->watchers[0] != &tp__watch_kept);
}

static bool through_begin(tp__sweep *s)
{
    return s->through || (s->through = tp__alloc_zero(1, sizeof *s->through));
}

bool tp__through_add(tp__sweep *s, tp_var *v, tp_var *gradient)
{
    if (through_is_seen(s) || !v->size || (s->record && !s->join) || !through_part(s, v))
        return false;
    if (!through_begin(s))
        return false;
    const through_place *place = through_find(s, v);
    if (!place || place->root == v || (place->root->flags & (TP__SHARED | TP__NUMBER)))
        return false;
    if (!tp__sweep_wanted(s, place->root))
        return true;
    return s->record ? through_keep(s, place->root, v, gradient, NULL)
                     : through_write(s, place, gradient);
}

bool tp__through_pick(const tp__pull *pull, tp_var *index)
{
    tp__sweep *s = pull->sweep;
    tp_var *y = pull->y, *x = pull->x[0];
    if (!s || !s->record || through_is_seen(s) || !pull->wanted[0] || !y->size || y->sweep_below ||
        y->size > x->size / THROUGH_SMALL || (x->flags & (TP__SHARED | TP__NUMBER)))
        return false;
    return !index || (through_begin(s) && through_keep(s, x, y, pull->gy, index));
}

/* --- What was kept --- */

/* The gradient of root that comes from one of v, by the rules between. */
static tp_var *through_rules(tp_var *root, tp_var *v, tp_var *gradient)
{
    const bool wanted[TP__INLINE_INPUTS] = {true};
    for (; v != root && gradient && !tp_is_poison(gradient); v = v->in.few[0]) {
        tp_var *gx[TP__INLINE_INPUTS] = {NULL};
        tp__pull pull = {
            .y = v, .gy = gradient, .x = v->in.few, .gx = gx, .wanted = wanted, .record = true};
        v->op->gradient(&pull);
        gradient = gx[0];
    }
    return gradient;
}

/* The numbers of the elements that a view shows, counted from its root's first. */
static int64_t *through_numbers(const tp_var *view, const tp_var *top, int64_t *to)
{
    int64_t at[TP_MAX_NDIM] = {0}, item = (int64_t)tp__dtype_size((tp_dtype)view->dtype);
    int64_t number = ((char *)view->data - (char *)top->data) / item;
    for (int64_t i = 0; i < view->size; i++) {
        *to++ = number;
        for (int d = view->ndim - 1; d >= 0; d--) {
            number += tp__strides(view)[d];
            if (++at[d] < tp__shape(view)[d])
                break;
            number -= tp__strides(view)[d] * tp__shape(view)[d];
            at[d] = 0;
        }
    }
    return to;
}

/* The same of a piece; NULL with an error pending. */
static int64_t *through_numbers_of(tp__sweep *s, const through_piece *piece, const tp_var *top,
                                   int64_t *to)
{
    if (piece->index) {
        memcpy(to, piece->index->data, (size_t)piece->index->size * sizeof *to);
        return to + piece->index->size;
    }
    const through_place *place = through_find(s, piece->part);
    return place ? through_numbers(place->view, top, to) : NULL;
}

/* n pieces, from number `last` on back, as one sum. */
static tp_var *through_together(tp__sweep *s, tp_var *root, size_t last, int n, int64_t total)
{
    tp_var **parts = tp__alloc((size_t)n * sizeof *parts), *sum = tp__poison();
    tp_var *index = tp__node_array(s->t, TP_I64, 1, &total);
    int64_t *to = index ? index->data : NULL;
    const through_place *top = through_find(s, root);
    const tp_var *whole = top ? top->view : NULL;
    for (int i = 0; parts && whole && to && i < n; i++) {
        const through_piece *piece = &s->through->pieces[last - 1];
        parts[i] = piece->gradient;
        to = through_numbers_of(s, piece, whole, to);
        last = piece->before;
    }
    if (index)
        index = tp__own(s->t, index);
    if (parts && whole && to && !tp_is_poison(index))
        sum = s->join(root, parts, n, index);
    tp__free(parts);
    return sum;
}

bool tp__through_settle(tp__sweep *s, tp_var *root)
{
    tp__map_entry *entry = tp__map_find(&s->through->roots, root);
    if (!entry || !entry->value.number)
        return true;
    size_t last = entry->value.number, n = 0;
    int64_t total = 0;
    const through_piece *pieces = s->through->pieces;
    for (size_t i = last; i; i = pieces[i - 1].before, n++)
        total += pieces[i - 1].gradient->size;
    entry->value.number = 0;
    size_t scope = tp_scope_begin();
    bool good = true;
    if (n >= THROUGH_MANY && n <= INT32_MAX && total / (int64_t)n <= root->size / THROUGH_SMALL) {
        tp_var *sum = through_together(s, root, last, (int)n, total);
        good = tp__sweep_add_into(s, &root->adjoint.var, sum);
    } else {
        for (size_t i = last; i && good; i = pieces[i - 1].before) {
            tp_var *sum = through_rules(root, pieces[i - 1].part, pieces[i - 1].gradient);
            good = sum && tp__sweep_add_into(s, &root->adjoint.var, sum);
        }
    }
    tp_scope_end(scope);
    return good && !s->t->code;
}

void tp__through_end(tp__sweep *s)
{
    struct tp__through *through = s->through;
    for (size_t i = through->met.n; i-- > 0 && through->places;)
        if (through->places[i].view)
            tp__drop(through->places[i].view);
    for (size_t i = 0; i < through->n_pieces; i++) {
        tp__drop(through->pieces[i].gradient);
        if (through->pieces[i].index)
            tp__drop(through->pieces[i].index);
    }
    tp__map_drop(&through->met);
    tp__map_drop(&through->roots);
    tp__free(through->places);
    tp__free(through->pieces);
    tp__free(through);
}
