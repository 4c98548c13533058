/* SPDX-License-Identifier: MIT
 *
 * What depends on what, from x upwards: each node above x gets a pattern from those of its operands
 * when they are all done, and drops theirs when nobody else needs them. Nodes are taken in order of
 * their generations. Where elements only move, the operation itself runs on their numbers.
 */
#include "base/features.h"

#include "calculus/sparse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/map.h"
#include "graph/apply.h"
#include "graph/structural.h"
#include "tinypytorch.h"

typedef struct sparse_node {
    tp_var *v;
    int64_t users;
    tp__pattern pattern; /* start is NULL: depends on nothing, or not yet known */
} sparse_node;

typedef struct sparse_walk {
    tp__map map; /* nodes that lead to x, by their place in nodes */
    sparse_node *nodes;
    size_t n;
    int64_t columns;
} sparse_walk;

void tp__pattern_free(tp__pattern *p)
{
    tp__free(p->start);
    tp__free(p->index);
    p->start = NULL;
    p->index = NULL;
}

static bool pattern_make(tp__pattern *p, int64_t rows, bool set)
{
    *p = (tp__pattern){.rows = rows, .set = set};
    p->start = tp__alloc_zero((size_t)(set ? 1 : rows) + 1, sizeof *p->start);
    return p->start;
}

/* Room for as many indices as start tells. */
static bool pattern_room(tp__pattern *p)
{
    p->index = tp__alloc((size_t)tp__pattern_count(p) * sizeof *p->index + 1);
    return p->index;
}

static void pattern_row(const tp__pattern *p, int64_t row, const uint32_t **from, int64_t *n)
{
    row = p->set ? 0 : row;
    *from = p->index + p->start[row];
    *n = p->start[row + 1] - p->start[row];
}

/* --- Finding the nodes --- */

static bool walk_push(tp_var ***stack, size_t *n, size_t *capacity, tp_var *v)
{
    if (*n == *capacity) {
        size_t larger = *capacity ? 2 * *capacity : 64;
        tp_var **more = tp__alloc(larger * sizeof *more);
        if (!more)
            return false;
        if (*n)
            memcpy(more, *stack, *n * sizeof *more);
        tp__free(*stack);
        *stack = more;
        *capacity = larger;
    }
    (*stack)[(*n)++] = v;
    return true;
}

/* Nodes that may lead to x: those below y of its generation and above, and x. */
static bool walk_find(sparse_walk *walk, tp_var *y, const tp_var *x)
{
    tp_var **stack = NULL;
    size_t n = 0, capacity = 0;
    bool added, good = tp__map_add(&walk->map, y, &added) && walk_push(&stack, &n, &capacity, y);
    while (good && n > 0) {
        tp_var *v = stack[--n];
        for (uint32_t i = 0; good && v != x && i < v->n_in; i++) {
            tp_var *in = tp__inputs(v)[i];
            if (!(in->flags & TP__NEEDS_GRAD) || (in != x && in->generation <= x->generation))
                continue;
            good = tp__map_add(&walk->map, in, &added) != NULL;
            if (good && added)
                good = walk_push(&stack, &n, &capacity, in);
        }
    }
    tp__free(stack);
    return good;
}

static int walk_compare(const void *a, const void *b)
{
    const tp_var *u = ((const sparse_node *)a)->v, *v = ((const sparse_node *)b)->v;
    return (u->generation > v->generation) - (u->generation < v->generation);
}

static sparse_node *walk_node(sparse_walk *walk, const tp_var *v)
{
    tp__map_entry *entry = tp__map_find(&walk->map, v);
    return entry ? &walk->nodes[entry->value.number] : NULL;
}

static bool walk_begin(sparse_walk *walk, tp_var *y, const tp_var *x)
{
    if (!walk_find(walk, y, x))
        return false;
    walk->n = walk->map.n;
    sparse_node *nodes = walk->nodes = tp__alloc_zero(walk->n, sizeof *walk->nodes);
    if (!nodes)
        return false;
    for (size_t i = 0; i < walk->n; i++)
        nodes[i].v = (tp_var *)tp__map_at(&walk->map)[i].key;
    qsort(nodes, walk->n, sizeof *nodes, walk_compare);
    for (size_t i = 0; i < walk->n; i++) {
        tp__map_entry *entry = tp__map_find(&walk->map, nodes[i].v);
        if (entry)
            entry->value.number = i;
    }
    for (size_t i = 0; i < walk->n; i++) {
        tp_var *v = nodes[i].v;
        for (uint32_t k = 0; v != x && k < v->n_in; k++) {
            sparse_node *in = walk_node(walk, tp__inputs(v)[k]);
            if (in)
                in->users++;
        }
    }
    return true;
}

/* --- Uniting sets --- */

/* Sorted indices, each once. */
static int64_t unite(const uint32_t *a, int64_t n, const uint32_t *b, int64_t m, uint32_t *to)
{
    int64_t i = 0, j = 0, k = 0;
    while (i < n || j < m) {
        bool first = i < n && (j >= m || a[i] <= b[j]);
        uint32_t next = first ? a[i] : b[j];
        j += j < m && b[j] == next;
        i += first;
        if (to)
            to[k] = next;
        k++;
    }
    return k;
}

bool tp__pattern_unite(const tp__pattern *a, const tp__pattern *b, int64_t rows, tp__pattern *to)
{
    const uint32_t *p, *q;
    int64_t n, m;
    bool set = a->set && b->set;
    if (!pattern_make(to, rows, set))
        return false;
    for (int64_t i = 0; i < (set ? 1 : rows); i++) {
        pattern_row(a, i, &p, &n);
        pattern_row(b, i, &q, &m);
        to->start[i + 1] = to->start[i] + unite(p, n, q, m, NULL);
    }
    if (!pattern_room(to))
        return false;
    for (int64_t i = 0; i < (set ? 1 : rows); i++) {
        pattern_row(a, i, &p, &n);
        pattern_row(b, i, &q, &m);
        unite(p, n, q, m, to->index + to->start[i]);
    }
    return true;
}

static bool copy_rows(const tp__pattern *from, tp__pattern *to)
{
    if (!pattern_make(to, from->rows, from->set))
        return false;
    memcpy(to->start, from->start, (size_t)((from->set ? 1 : from->rows) + 1) * sizeof *to->start);
    if (!pattern_room(to))
        return false;
    memcpy(to->index, from->index, (size_t)tp__pattern_count(from) * sizeof *to->index);
    return true;
}

static int mark_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The most indices that the groups can have. */
static int64_t groups_most(const tp__pattern *from, int64_t columns, int64_t groups,
                           const int64_t *at, const int64_t *member)
{
    int64_t most = 0;
    for (int64_t g = 0; g < groups; g++) {
        const uint32_t *p;
        int64_t n, all = 0;
        for (int64_t i = at[g]; i < at[g + 1] && all < columns; i++) {
            pattern_row(from, member[i], &p, &n);
            all += n;
        }
        most += all < columns ? all : columns;
    }
    return most;
}

/* Unites rows of groups: member[at[g] … at[g + 1]) are the rows that become row g of `to`. */
static bool unite_groups(const tp__pattern *from, int64_t columns, int64_t groups,
                         const int64_t *at, const int64_t *member, tp__pattern *to)
{
    if (!pattern_make(to, groups, false))
        return false;
    int64_t most = groups_most(from, columns, groups, at, member);
    uint32_t *seen = tp__alloc_zero((size_t)columns, sizeof *seen);
    to->index = tp__alloc((size_t)most * sizeof *to->index + 1);
    for (int64_t g = 0, k = 0; seen && to->index && g < groups; g++) {
        for (int64_t i = at[g]; i < at[g + 1]; i++) {
            const uint32_t *p;
            int64_t n;
            pattern_row(from, member[i], &p, &n);
            for (int64_t j = 0; j < n; j++)
                if (seen[p[j]] != (uint32_t)(g + 1)) {
                    seen[p[j]] = (uint32_t)(g + 1);
                    to->index[k++] = p[j];
                }
        }
        to->start[g + 1] = k;
        qsort(to->index + to->start[g], (size_t)(k - to->start[g]), sizeof *to->index,
              mark_compare);
    }
    bool good = seen && to->index;
    tp__free(seen);
    return good;
}

/* The same, of rows that each say their group, in group, from `first` on; overwritten. */
static bool unite_grouped(const tp__pattern *from, int64_t columns, int64_t groups,
                          const int64_t *group, int64_t first, tp__pattern *to)
{
    int64_t *at = tp__alloc_zero((size_t)groups + 2, sizeof *at);
    int64_t *member = tp__alloc(((size_t)from->rows + 1) * sizeof *member);
    bool good = at && member;
    for (int64_t i = 0; good && i < from->rows; i++)
        at[group[i] - first + 2]++;
    for (int64_t g = 0; good && g < groups; g++)
        at[g + 2] += at[g + 1];
    for (int64_t i = 0; good && i < from->rows; i++)
        member[at[group[i] - first + 1]++] = i;
    good = good && unite_groups(from, columns, groups, at, member, to);
    tp__free(at);
    tp__free(member);
    return good;
}

/* --- A node's pattern --- */

/* Unites what is there with another operand's pattern. */
static bool node_join(tp__pattern *all, const tp__pattern *more, int64_t rows)
{
    tp__pattern both;
    if (!all->start)
        return copy_rows(more, all);
    bool good = tp__pattern_unite(all, more, rows, &both);
    tp__pattern_free(all);
    *all = both;
    return good;
}

/* One set: everything that an operand depends on. */
static bool node_whole(const sparse_walk *walk, const tp__pattern *from, tp__pattern *set)
{
    if (from->set)
        return copy_rows(from, set);
    int64_t *member = tp__alloc(((size_t)from->rows + 1) * sizeof *member);
    bool good = member != NULL;
    for (int64_t i = 0; good && i < from->rows; i++)
        member[i] = i;
    good =
        good && unite_groups(from, walk->columns, 1, (const int64_t[]){0, from->rows}, member, set);
    set->set = true;
    tp__free(member);
    return good;
}

static bool node_elements(const sparse_walk *walk, const tp_var *v, const tp__pattern *from,
                          tp__pattern *to)
{
    if (from->set || from->rows == v->size)
        return node_join(to, from, v->size);
    tp__pattern set = {0};
    bool good = node_whole(walk, from, &set) && node_join(to, &set, v->size);
    tp__pattern_free(&set);
    return good;
}

/* Every element depends on all that the operands depend on. */
static bool node_dense(const sparse_walk *walk, const tp_var *v, const tp__pattern *from,
                       tp__pattern *to)
{
    tp__pattern set = {0};
    bool good = node_whole(walk, from, &set) && node_join(to, &set, v->size);
    tp__pattern_free(&set);
    return good;
}

static bool node_reduced(const sparse_walk *walk, const tp_var *v, const tp__pattern *from,
                         tp__pattern *to)
{
    const tp_var *x = tp__inputs((tp_var *)v)[0];
    unsigned folds = v->op->folds(v);
    if (from->set)
        return node_join(to, from, v->size);
    int64_t *group = tp__alloc(((size_t)x->size + 1) * sizeof *group);
    for (int64_t i = 0; group && i < x->size; i++) {
        int64_t rest = i, stride = 1, g = 0;
        for (int d = x->ndim - 1; d >= 0; d--) {
            int64_t size = tp__shape(x)[d];
            if (!(folds >> d & 1)) {
                g += rest % size * stride;
                stride *= size;
            }
            rest /= size;
        }
        group[i] = g;
    }
    bool good = group && unite_grouped(from, walk->columns, v->size, group, 0, to);
    tp__free(group);
    return good;
}

/* Numbers of elements, from 1 on beyond those of earlier operands; zeros where nothing depends. */
static tp_var *node_numbers(const tp_var *in, bool depends, int64_t before)
{
    if (!depends)
        return tp_zeros(TP_I64, in->ndim, tp__shape(in));
    tp_var *row = tp_arange(TP_I64, (double)before + 1, (double)(before + in->size + 1), 1);
    return tp_reshape(row, in->ndim, tp__shape(in));
}

/* Copies the rows that the numbers name. */
static bool node_copy_moved(const int64_t *number, int64_t rows, const tp__pattern *const *operand,
                            const int64_t *before, int n, tp__pattern *to)
{
    const uint32_t *p;
    int64_t length;
    if (!pattern_make(to, rows, false))
        return false;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = 0; i < rows; i++) {
            int k = n - 1;
            while (k > 0 && number[i] <= before[k])
                k--;
            length = 0;
            if (number[i] > 0 && operand[k])
                pattern_row(operand[k], number[i] - 1 - before[k], &p, &length);
            if (pass == 0)
                to->start[i + 1] = to->start[i] + length;
            else if (length)
                memcpy(to->index + to->start[i], p, (size_t)length * sizeof *p);
        }
        if (pass == 0 && !pattern_room(to))
            return false;
    }
    return true;
}

enum { NODE_OPERANDS = 64 };

/* The operation on its operands' numbers; false if it cannot be told so. */
static bool node_moved(sparse_walk *walk, tp_var *v, tp__pattern *to, bool *good)
{
    tp_var *in[NODE_OPERANDS];
    const tp__pattern *operand[NODE_OPERANDS] = {NULL};
    int64_t before[NODE_OPERANDS] = {0}, all = 0;
    int n = 0;
    if (v->n_in > NODE_OPERANDS)
        return false;
    size_t scope = tp_scope_begin();
    bool mode = tp_set_grad_enabled(false);
    for (uint32_t i = 0; i < v->n_in; i++) {
        tp_var *x = tp__inputs(v)[i];
        sparse_node *node = walk_node(walk, x);
        bool depends = node && node->pattern.start;
        in[i] = tp__is_float((tp_dtype)x->dtype) ? node_numbers(x, depends, all) : x;
        if (!depends)
            continue;
        operand[n] = &node->pattern;
        before[n++] = all;
        all += x->size;
    }
    tp_var *moved = tp__apply_again(v, in);
    const int64_t *number = !tp_is_poison(moved) && moved->dtype == TP_I64 ? tp_data(moved) : NULL;
    bool told = number || (!tp_is_poison(moved) && v->size == 0);
    if (told && v->size)
        *good = node_copy_moved(number, v->size, operand, before, n, to);
    else if (told)
        *good = pattern_make(to, 0, false) && pattern_room(to);
    tp_set_grad_enabled(mode);
    tp_scope_end(scope);
    return told;
}

/* A row of its own for each row, also of a set or of nothing. */
static bool walk_spread_rows(const tp__pattern *from, int64_t rows, tp__pattern *to)
{
    if (from->start && !from->set)
        return copy_rows(from, to);
    if (!pattern_make(to, rows, false))
        return false;
    int64_t each = from->start ? tp__pattern_count(from) : 0;
    for (int64_t i = 0; i < rows; i++)
        to->start[i + 1] = to->start[i] + each;
    if (!pattern_room(to))
        return false;
    for (int64_t i = 0; each && i < rows; i++)
        memcpy(to->index + i * each, from->index, (size_t)each * sizeof *to->index);
    return true;
}

/* Where the elements of operand i go: numbers of y's, moved by the gradient. */
static tp_var *node_targets(tp_var *v, uint32_t i)
{
    tp_var *gx[NODE_OPERANDS] = {NULL};
    bool wanted[NODE_OPERANDS] = {false};
    tp__pull pull = {.y = v, .x = tp__inputs(v), .gx = gx, .wanted = wanted};
    wanted[i] = true;
    pull.gy = node_numbers(v, true, 0);
    v->op->gradient(&pull);
    return gx[i] ? gx[i] : tp__poison();
}

/* False if it cannot be told so. */
static bool node_added(sparse_walk *walk, tp_var *v, tp__pattern *to, bool *good)
{
    bool told = v->n_in <= NODE_OPERANDS;
    for (uint32_t i = 0; told && *good && i < v->n_in; i++) {
        const sparse_node *in = walk_node(walk, tp__inputs(v)[i]);
        if (!in || !in->pattern.start)
            continue;
        size_t scope = tp_scope_begin();
        bool mode = tp_set_grad_enabled(false);
        tp_var *targets = node_targets(v, i);
        const int64_t *target =
            !tp_is_poison(targets) && targets->dtype == TP_I64 ? tp_data(targets) : NULL;
        tp__pattern sums = {0}, rows = {0};
        told = target && targets->size == tp__inputs(v)[i]->size;
        if (told) {
            *good = walk_spread_rows(&in->pattern, targets->size, &rows) &&
                    unite_grouped(&rows, walk->columns, v->size, target, 1, &sums) &&
                    node_join(to, &sums, v->size);
        }
        tp__pattern_free(&sums);
        tp__pattern_free(&rows);
        tp_set_grad_enabled(mode);
        tp_scope_end(scope);
    }
    return told;
}

static bool node_find(sparse_walk *walk, sparse_node *node)
{
    tp_var *v = node->v;
    const tp__op *op = v->op;
    bool good = true, same = (op->flags & TP__ELEMENTWISE) || op == &tp__op_to;
    bool depends = false;
    for (uint32_t i = 0; i < v->n_in; i++) {
        sparse_node *in = walk_node(walk, tp__inputs(v)[i]);
        depends = depends || (in && in->pattern.start);
    }
    if (!depends)
        return true;
    if (!same && (op->flags & TP__MOVES) && node_moved(walk, v, &node->pattern, &good))
        return good;
    if ((op->flags & TP__ADDS) && node_added(walk, v, &node->pattern, &good))
        return good;
    if (tp__here()->code)
        return false;
    for (uint32_t i = 0; good && i < v->n_in; i++) {
        const sparse_node *in = walk_node(walk, tp__inputs(v)[i]);
        if (in && in->pattern.start)
            good = (same        ? node_elements
                    : op->folds ? node_reduced
                                : node_dense)(walk, v, &in->pattern, &node->pattern);
    }
    return good;
}

/* Patterns of operands that nobody else waits for go. */
static void walk_release(sparse_walk *walk, const tp_var *v)
{
    for (uint32_t i = 0; i < v->n_in; i++) {
        sparse_node *in = walk_node(walk, tp__inputs((tp_var *)v)[i]);
        if (in && --in->users == 0)
            tp__pattern_free(&in->pattern);
    }
}

static bool walk_identity(tp__pattern *p, int64_t n)
{
    if (!pattern_make(p, n, false))
        return false;
    for (int64_t i = 0; i < n; i++)
        p->start[i + 1] = i + 1;
    if (!pattern_room(p))
        return false;
    for (int64_t i = 0; i < n; i++)
        p->index[i] = (uint32_t)i;
    return true;
}

/* What rounding to a type leaves, relative, after some operations. */
static double walk_rounding(tp_dtype dtype)
{
    return dtype == TP_BF16 ? 0.1 : dtype == TP_F16 ? 2e-2 : dtype == TP_F32 ? 1e-3 : 1e-8;
}

bool tp__pattern_find(tp_var *y, tp_var *x, tp__pattern *found, double *rounding)
{
    sparse_walk walk = {.columns = x->size};
    bool good = walk_begin(&walk, y, x);
    *found = (tp__pattern){0};
    *rounding = walk_rounding((tp_dtype)x->dtype);
    for (size_t i = 0; good && i < walk.n; i++) {
        sparse_node *node = &walk.nodes[i];
        *rounding = fmax(*rounding, walk_rounding((tp_dtype)node->v->dtype));
        if (node->v == x)
            good = walk_identity(&node->pattern, x->size);
        else if (node->v->op)
            good = node_find(&walk, node);
        if (node->v != x)
            walk_release(&walk, node->v);
    }
    sparse_node *top = good ? walk_node(&walk, y) : NULL;
    good = good && top && walk_spread_rows(&top->pattern, y->size, found);
    for (size_t i = 0; walk.nodes && i < walk.n; i++)
        tp__pattern_free(&walk.nodes[i].pattern);
    tp__free(walk.nodes);
    tp__map_drop(&walk.map);
    if (!good)
        tp__pattern_free(found);
    return good;
}
